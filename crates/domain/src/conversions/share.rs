//! The pools of organizations become one for all.

use super::{
    Conversion,
    copies::{self, Whose},
    plan::rows,
    run::{Left, MANY, STEP},
};
use crate::{
    audit::{self, Actor},
    events::{self, Event},
    identifiers::{self, Kind},
    instances::Instance,
    users,
};
use ::store::{Tx, sql};
use foundation::{IdentifierId, Result, UserId};
use serde_json::json;

/// Goes one step: first everybody moves, then the devices that knew the old doors are forgotten, then the pools are gone.
pub(super) async fn step(tx: &mut Tx<'_>, home: &Instance, conversion: &mut Conversion) -> Result<Left> {
    let more = match conversion.stage {
        0 => {
            let users: Vec<(UserId,)> =
                tx.list(sql!("select id from users where instance_id = $1 and pool_id <> $2 order by id limit $3"), &[&home.pool, &STEP]).await?;
            for (user,) in &users {
                go_over(tx, home, conversion, *user).await?;
            }
            !users.is_empty()
        }
        1 => copies::forget_clients(tx, conversion, home.pool, Whose::AllOthers).await? == Left::More,
        2 => {
            let removed = tx
                .change(
                    sql!(
                        "delete from pools where instance_id = $1 and id in
                          (select p.id from pools p where p.instance_id = $1 and p.organization_id is not null order by p.id limit $2)"
                    ),
                    &[&MANY],
                )
                .await?;
            conversion.done.add("pools_removed", removed);
            rows(removed) == MANY
        }
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

async fn go_over(tx: &mut Tx<'_>, home: &Instance, conversion: &mut Conversion, user: UserId) -> Result<()> {
    copies::end_sessions(tx, conversion, user).await?;
    unclaim(tx, conversion, user).await?;
    copies::move_to(tx, conversion, user, home.pool).await?;
    let memberships = tx.count(sql!("select count(*) from memberships where instance_id = $1 and user_id = $2"), &[&user]).await?;
    conversion.done.add("memberships", memberships);
    conversion.done.add("users_moved", 1);
    Ok(())
}

/// Takes from the user what somebody in another pool has had before them. That is everything that would make two people one.
async fn unclaim(tx: &mut Tx<'_>, conversion: &mut Conversion, user: UserId) -> Result<()> {
    let late: Vec<(IdentifierId, Kind)> = tx
        .list(
            sql!(
                "select i.id, i.kind from identifiers i where i.instance_id = $1 and i.user_id = $2 and i.claimed and exists
                  (select 1 from identifiers e where e.instance_id = $1 and e.norm = i.norm and e.kind = i.kind and e.claimed and e.pool_id <> i.pool_id
                    and (e.created_at < i.created_at or (e.created_at = i.created_at and e.id < i.id)))"
            ),
            &[&user],
        )
        .await?;
    for (id, kind) in &late {
        let id = *id;
        match kind {
            Kind::EmailAddress => {
                identifiers::doubt(tx, id).await?;
                conversion.done.add("email_addresses_unclaimed", 1);
            }
            Kind::Username => {
                identifiers::remove(tx, id).await?;
                conversion.done.add("usernames_removed", 1);
            }
        }
    }
    if late.is_empty() {
        return Ok(());
    }
    let left = tx.count(sql!("select count(*) from identifiers where instance_id = $1 and user_id = $2 and claimed"), &[&user]).await?;
    conversion.done.add("users_without_identifier", i64::from(left == 0));
    let lost: Vec<IdentifierId> = late.iter().map(|(id, _)| *id).collect();
    audit::record(tx, Actor::Server, "user.unclaim", &user.to_string(), &json!({ "identifier_ids": lost, "conversion_id": conversion.id })).await?;
    let told = users::get(tx, user).await?;
    events::emit(tx, Event::UserUpdated(&told)).await
}
