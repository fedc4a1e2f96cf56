//! How many organizations a user belongs to and has created: numbers on the user's row, so that a limit holds whoever comes at once.

use super::User;
use ::store::{Query, Tx, part, sql};
use foundation::{Problem, Result, UserId};

use crate::{organizations::memberships::MOST_OF_USER, settings};

/// Notes a membership that begins, whose end is [`discount_membership`]. Whoever else changes the user comes after.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::LimitReached`].
pub(crate) async fn count_membership(tx: &mut Tx<'_>, id: UserId) -> Result<()> {
    let changed = tx
        .change(sql!("update users set memberships = memberships + 1 where instance_id = $1 and id = $2 and memberships < $3"), &[&id, &MOST_OF_USER])
        .await?;
    if changed == 1 {
        return Ok(());
    }
    super::get(tx, id).await?;
    Err(Problem::LimitReached("organizations that a user belongs to", MOST_OF_USER).into())
}

/// Notes a membership that ends.
pub(crate) async fn discount_membership(tx: &mut Tx<'_>, id: UserId) -> Result<()> {
    tx.change(sql!("update users set memberships = memberships - 1 where instance_id = $1 and id = $2"), &[&id]).await.map(drop)
}

/// Notes that these users' memberships in one organization have ended.
pub(crate) async fn discount_members(tx: &mut Tx<'_>, users: &[UserId]) -> Result<()> {
    if users.is_empty() {
        return Ok(());
    }
    let query = Query::new(sql!("update users set memberships = memberships - 1 where instance_id = $1"), &[]).within(part!("and id"), users);
    tx.select::<UserId>(query.and(part!("returning id"), &[])).await.map(drop)
}

/// Whether the number of organizations that a user may create counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CreationLimit {
    /// The backend's word goes.
    #[default]
    None,
    /// The user's own number, or the instance's where they have none, within what the settings allow.
    Own,
}

/// Notes an organization that the user has created.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::OrganizationsFull`].
pub(crate) async fn count_creation(tx: &mut Tx<'_>, id: UserId, limit: CreationLimit) -> Result<()> {
    let changed = match limit {
        CreationLimit::None => {
            tx.change(sql!("update users set organizations_created = organizations_created + 1 where instance_id = $1 and id = $2"), &[&id]).await?
        }
        CreationLimit::Own => {
            let most = settings::allowances(tx).await?.organizations.parts();
            tx.change(
                sql!(
                    "update users set organizations_created = organizations_created + 1 where instance_id = $1 and id = $2 and organizations_created < $4
                      and (coalesce(create_organizations_limit, $3) = 0 or organizations_created < coalesce(create_organizations_limit, $3)
                        or organizations_created < $5)"
                ),
                &[&id, &most.usual, &most.ceiling, &most.floor],
            )
            .await?
        }
    };
    if changed == 1 {
        return Ok(());
    }
    let user = super::get(tx, id).await?;
    let most = settings::allowances(tx).await?.organizations.number(user.create_organizations_limit);
    Err(Problem::OrganizationsFull(most).into())
}

/// Brings the own numbers of users to what the settings allow now.
pub(super) async fn hold_limits(tx: &mut Tx<'_>, users: &mut [User]) -> Result<()> {
    if users.iter().any(|user| user.create_organizations_limit.is_some()) {
        let allowed = settings::allowances(tx).await?.organizations;
        for own in users.iter_mut().filter_map(|user| user.create_organizations_limit.as_mut()) {
            *own = allowed.number(Some(*own));
        }
    }
    Ok(())
}

/// Notes that an organization that the user has created is gone.
pub(crate) async fn discount_creation(tx: &mut Tx<'_>, id: UserId) -> Result<()> {
    tx.change(sql!("update users set organizations_created = organizations_created - 1 where instance_id = $1 and id = $2"), &[&id]).await.map(drop)
}
