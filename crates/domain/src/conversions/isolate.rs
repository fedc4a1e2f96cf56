//! One pool for all becomes a pool for each organization.

use super::{
    Conversion, copies, plan,
    run::{Left, MANY, STEP},
};
use crate::{audit::Actor, instances::Instance, organizations, pools, users};
use ::store::{Tx, sql};
use foundation::{Error, OrganizationId, PoolId, Result, UserId};

/// Goes one step: first the pools are made, then everybody moves into theirs, then the devices that knew the old door are forgotten.
pub(super) async fn step(tx: &mut Tx<'_>, home: &Instance, conversion: &mut Conversion) -> Result<Left> {
    let more = match conversion.stage {
        0 => make_pools(tx, conversion).await? == MANY,
        1 => {
            let users: Vec<(UserId,)> =
                tx.list(sql!("select id from users where instance_id = $1 and pool_id = $2 order by id limit $3"), &[&home.pool, &STEP]).await?;
            let made = |conversion: &Conversion| conversion.done.numbers.get("copies").copied().unwrap_or(0);
            let before = made(conversion);
            for (user,) in &users {
                go_over(tx, conversion, *user).await?;
                if made(conversion) - before >= MANY {
                    break;
                }
            }
            !users.is_empty()
        }
        2 => copies::forget_clients(tx, conversion, home.pool, copies::Whose::ThisPools).await? == Left::More,
        _ => {
            copies::count_what_stayed(tx, conversion).await?;
            return Ok(Left::Nothing);
        }
    };
    if !more {
        conversion.stage += 1;
    }
    Ok(Left::More)
}

/// Gives organizations pools that have none; how many that were.
async fn make_pools(tx: &mut Tx<'_>, conversion: &mut Conversion) -> Result<i64> {
    let found: Vec<(OrganizationId,)> = tx
        .list(
            sql!(
                "select o.id from organizations o where o.instance_id = $1
                  and not exists (select 1 from pools p where p.instance_id = $1 and p.organization_id = o.id) order by o.id limit $2"
            ),
            &[&MANY],
        )
        .await?;
    for (id,) in &found {
        let organization = organizations::get(tx, *id).await?;
        pools::create(tx, &organization).await?;
    }
    let made = plan::rows(found.len());
    conversion.done.add("pools_made", made);
    Ok(made)
}

async fn pool_of(tx: &mut Tx<'_>, organization: OrganizationId) -> Result<PoolId> {
    let pool = pools::of_organization(tx, organization).await?;
    pool.map(|pool| pool.id).ok_or_else(|| Error::Broken(format!("{organization} has no pool yet")))
}

/// Moves a user into the pool of the organization that they have belonged to for the longest time, and makes a copy of them for each further one.
async fn go_over(tx: &mut Tx<'_>, conversion: &mut Conversion, user: UserId) -> Result<()> {
    drop_outside(tx, conversion, user).await?;
    copies::end_sessions(tx, conversion, user).await?;
    let organizations = plan::organizations_of(tx, user).await?;
    let Some((home, further)) = organizations.split_first() else {
        users::delete(tx, Actor::Server, user).await?;
        conversion.done.add("users_deleted", 1);
        return Ok(());
    };
    for organization in further {
        let pool = pool_of(tx, *organization).await?;
        copies::make(tx, conversion, (user, *organization), pool).await?;
    }
    conversion.done.add("users_copied", i64::from(!further.is_empty()));
    let pool = pool_of(tx, *home).await?;
    copies::move_to(tx, conversion, user, pool).await?;
    copies::belong_to(tx, user, *home).await?;
    conversion.done.add("users_moved", 1);
    conversion.done.add("memberships", organizations.len());
    Ok(())
}

/// Forgets what the user was told or has asked for by organizations that they do not belong to: they cannot join them any more.
async fn drop_outside(tx: &mut Tx<'_>, conversion: &mut Conversion, user: UserId) -> Result<()> {
    for (name, statement) in [
        (
            "suggestions_dropped",
            sql!(
                "delete from organization_suggestions where instance_id = $1 and user_id = $2 and organization_id not in
                  (select m.organization_id from memberships m where m.instance_id = $1 and m.user_id = $2)"
            ),
        ),
        (
            "requests_dropped",
            sql!(
                "delete from organization_membership_requests where instance_id = $1 and user_id = $2 and organization_id not in
                  (select m.organization_id from memberships m where m.instance_id = $1 and m.user_id = $2)"
            ),
        ),
    ] {
        let dropped = tx.change(statement, &[&user]).await?;
        conversion.done.add(name, dropped);
    }
    Ok(())
}
