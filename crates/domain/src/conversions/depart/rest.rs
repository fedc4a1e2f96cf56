//! What else is an organization's: its domains, whom it has invited, and what it leaves behind.

use super::{Move, role_over_there};
use crate::{
    audit::Actor,
    conversions::{
        Conversion,
        copies::recount,
        plan::rows,
        run::Left,
        store,
        tables::{domain_columns, invitation_columns, once_columns},
    },
    organizations,
};
use ::store::{PlatformTx, Tx, inside, platform_sql, sql};
use foundation::{OrganizationInvitationId, Result, RoleId, UserId};

/// Takes the domains along, proven as they are; how many.
pub(super) async fn domains(tx: &mut PlatformTx<'_>, going: Move) -> Result<i64> {
    let taken = tx
        .change(
            platform_sql!(concat!(
                "insert into organization_domains (instance_id, ",
                domain_columns!(),
                ") select cast($2 as text), ",
                domain_columns!(),
                " from organization_domains where instance_id = $1 and organization_id = $3"
            )),
            &[&going.from, &going.to, &going.organization],
        )
        .await?;
    Ok(rows(taken))
}

/// Who a user is over there, if they are anybody.
async fn over_there(tx: &mut PlatformTx<'_>, conversion: &Conversion, going: Move, user: Option<UserId>) -> Result<Option<UserId>> {
    let Some(user) = user else { return Ok(None) };
    let there: Option<(UserId,)> = inside!(tx, going.to, inside => async {
        inside.find(sql!("select id from users where instance_id = $1 and id = $2"), &[&user]).await
    })?;
    match there {
        Some((user,)) => Ok(Some(user)),
        None => inside!(tx, going.from, inside => store::copy_of(inside, conversion.id, user, going.organization)),
    }
}

type Row = (OrganizationInvitationId, Option<RoleId>, Option<UserId>, Option<UserId>, String);

/// Takes some invitations along, with what their tickets hash to; how many.
pub(super) async fn invitations(tx: &mut PlatformTx<'_>, conversion: &mut Conversion, going: Move, most: i64) -> Result<usize> {
    let found: Vec<Row> = inside!(tx, going.from, inside => async {
        let statement = sql!(
            "select id, role_id, inviter_user_id, user_id, status from organization_invitations where instance_id = $1 and organization_id = $2
              order by id limit $3"
        );
        inside.list(statement, &[&going.organization, &most]).await
    })?;
    for (id, role, inviter, user, status) in &found {
        let role = match role {
            Some(role) => Some(role_over_there(tx, going, *role).await?),
            None => None,
        };
        let inviter = over_there(tx, conversion, going, *inviter).await?;
        let user = over_there(tx, conversion, going, *user).await?;
        tx.change(
            platform_sql!(concat!(
                "insert into organization_invitations (instance_id, role_id, inviter_user_id, user_id, ",
                invitation_columns!(),
                ") select cast($2 as text), cast($4 as text), cast($5 as text), cast($6 as text), ",
                invitation_columns!(),
                " from organization_invitations where instance_id = $1 and id = $3"
            )),
            &[&going.from, &going.to, id, &role, &inviter, &user],
        )
        .await?;
        tx.change(
            platform_sql!(concat!(
                "insert into once (instance_id, ",
                once_columns!(),
                ") select cast($2 as text), ",
                once_columns!(),
                " from once where instance_id = $1 and purpose = 'ticket' and owner = $3"
            )),
            &[&going.from, &going.to, id],
        )
        .await?;
        inside!(tx, going.from, inside => async {
            inside.change(sql!("delete from once where instance_id = $1 and purpose = 'ticket' and owner = $2"), &[id]).await?;
            inside.change(sql!("delete from organization_invitations where instance_id = $1 and id = $2"), &[id]).await
        })?;
        conversion.done.add("invitations", i64::from(status == "pending"));
    }
    Ok(found.len())
}

/// Ends what is left of the organization where it was, and counts anew what it has over there.
pub(super) async fn forget(tx: &mut PlatformTx<'_>, conversion: &mut Conversion, going: Move) -> Result<Left> {
    let creator: Option<(Option<UserId>,)> = inside!(tx, going.from, inside => async {
        inside.find(sql!("select created_by from organizations where instance_id = $1 and id = $2"), &[&going.organization]).await
    })?;
    let creator = over_there(tx, conversion, going, creator.and_then(|(creator,)| creator)).await?;
    inside!(tx, going.to, inside => async {
        let statement = sql!(
            "update organizations set created_by = $3, pending_invitations =
                (select count(*) from organization_invitations i where i.instance_id = $1 and i.organization_id = $2 and i.status = 'pending')
              where instance_id = $1 and id = $2"
        );
        inside.change(statement, &[&going.organization, &creator]).await?;
        match creator {
            Some(creator) => recount(inside, creator).await,
            None => Ok(()),
        }
    })?;
    inside!(tx, going.from, inside => remove(inside, conversion, going))?;
    Ok(Left::Nothing)
}

async fn remove(tx: &mut Tx<'_>, conversion: &mut Conversion, going: Move) -> Result<()> {
    let now = tx.now();
    for (name, statement) in [
        ("suggestions_dropped", sql!("delete from organization_suggestions where instance_id = $1 and organization_id = $2")),
        ("requests_dropped", sql!("delete from organization_membership_requests where instance_id = $1 and organization_id = $2")),
    ] {
        let dropped = tx.change(statement, &[&going.organization]).await?;
        conversion.done.add(name, dropped);
    }
    let codes = tx
        .change(
            sql!(
                "delete from once where instance_id = $1 and purpose = 'domain_affiliation' and consumed_at is null and expires_at > $3
                  and owner in (select d.organization_id || '|' || d.name from organization_domains d where d.instance_id = $1 and d.organization_id = $2)"
            ),
            &[&going.organization, &now],
        )
        .await?;
    conversion.done.end("codes", codes);
    tx.change(sql!("update organizations set pending_invitations = 0 where instance_id = $1 and id = $2"), &[&going.organization]).await?;
    organizations::delete(tx, Actor::Server, going.organization).await.map(drop)
}
