//! The members of an organization that becomes an application.

use super::{Move, role_over_there};
use crate::{
    audit::Actor,
    conversions::{
        Conversion, Copied,
        copies::{self, identifiers_of},
        store,
        tables::{identifier_columns, image_columns, membership_columns, once_columns, ticket_columns, user_columns},
    },
    counters::{self, Counter},
    events::{self, Event},
    instances,
    organizations::memberships,
    users,
};
use ::store::{PlatformTx, Tx, inside, platform_sql, sql};
use foundation::{Error, IdentifierId, PoolId, Result, RoleId, UserId};

/// Takes some members over; how many that were.
pub(super) async fn go(tx: &mut PlatformTx<'_>, conversion: &mut Conversion, going: Move, most: i64) -> Result<usize> {
    let instance = instances::store::find(tx, going.to).await?;
    let pool = instance.ok_or_else(|| Error::Broken(format!("{} is gone", going.to)))?.pool;
    let members: Vec<(UserId, RoleId)> = inside!(tx, going.from, inside => async {
        let statement = sql!("select user_id, role_id from memberships where instance_id = $1 and organization_id = $2 order by user_id limit $3");
        inside.list(statement, &[&going.organization, &most]).await
    })?;
    for (user, role) in &members {
        let role = role_over_there(tx, going, *role).await?;
        let belongs_to = inside!(tx, going.from, inside => async {
            inside.count(sql!("select count(*) from memberships where instance_id = $1 and user_id = $2"), &[user]).await
        })?;
        if belongs_to == 1 {
            moves(tx, conversion, going, (*user, pool, role)).await?;
        } else {
            comes_to_be(tx, conversion, going, (*user, pool, role)).await?;
        }
        conversion.done.add("memberships", 1);
    }
    Ok(members.len())
}

/// Somebody who belongs to no other organization goes along, and keeps their id.
async fn moves(tx: &mut PlatformTx<'_>, conversion: &mut Conversion, going: Move, (user, pool, role): (UserId, PoolId, RoleId)) -> Result<()> {
    inside!(tx, going.from, inside => copies::end_sessions(inside, conversion, user))?;
    carry_user(tx, going, (user, user), pool).await?;
    let identifiers = inside!(tx, going.from, inside => identifiers_of(inside, user))?;
    for id in &identifiers {
        carry_identifier(tx, going, (*id, *id), (user, pool)).await?;
    }
    conversion.done.add("identifiers", identifiers.len());
    carry_images(tx, going, &user.to_string(), &user.to_string()).await?;
    carry_tickets(tx, going, user, pool).await?;
    carry_membership(tx, going, (user, user), role).await?;
    inside!(tx, going.from, inside => leave(inside, conversion, user))?;
    conversion.done.add("users_moved", 1);
    arrived(tx, going, user).await
}

/// Somebody who belongs to another organization too stays, and comes to be a second time over there.
async fn comes_to_be(tx: &mut PlatformTx<'_>, conversion: &mut Conversion, going: Move, (user, pool, role): (UserId, PoolId, RoleId)) -> Result<()> {
    let copy: UserId = tx.new_id();
    carry_user(tx, going, (user, copy), pool).await?;
    let identifiers = inside!(tx, going.from, inside => identifiers_of(inside, user))?;
    for id in &identifiers {
        let new: IdentifierId = tx.new_id();
        carry_identifier(tx, going, (*id, new), (copy, pool)).await?;
        tx.change(
            platform_sql!("update users set primary_email_address_id = $3 where instance_id = $1 and id = $2 and primary_email_address_id = $4"),
            &[&going.to, &copy, &new, id],
        )
        .await?;
    }
    conversion.done.add("identifiers_copied", identifiers.len());
    carry_images(tx, going, &user.to_string(), &copy.to_string()).await?;
    carry_membership(tx, going, (user, copy), role).await?;
    inside!(tx, going.from, inside => async {
        memberships::release(inside, Actor::Server, going.organization, user).await?;
        store::note_copy(inside, conversion.id, Copied { user, organization: going.organization, copy }).await
    })?;
    conversion.done.add("users_copied", 1);
    arrived(tx, going, copy).await
}

async fn carry_user(tx: &mut PlatformTx<'_>, going: Move, (user, named): (UserId, UserId), pool: PoolId) -> Result<()> {
    tx.change(
        platform_sql!(concat!(
            "insert into users (instance_id, id, pool_id, external_id, primary_email_address_id, image_id, memberships, organizations_created, ",
            user_columns!(),
            ") select cast($2 as text), cast($4 as text), cast($5 as text), external_id, primary_email_address_id, image_id, 1, 0, ",
            user_columns!(),
            " from users where instance_id = $1 and id = $3"
        )),
        &[&going.from, &going.to, &user, &named, &pool],
    )
    .await
    .map(drop)
}

async fn carry_identifier(tx: &mut PlatformTx<'_>, going: Move, (id, named): (IdentifierId, IdentifierId), (user, pool): (UserId, PoolId)) -> Result<()> {
    tx.change(
        platform_sql!(concat!(
            "insert into identifiers (instance_id, id, pool_id, user_id, ",
            identifier_columns!(),
            ") select cast($2 as text), cast($4 as text), cast($5 as text), cast($6 as text), ",
            identifier_columns!(),
            " from identifiers where instance_id = $1 and id = $3"
        )),
        &[&going.from, &going.to, &id, &named, &pool, &user],
    )
    .await
    .map(drop)
}

/// Pictures keep their names: they say what is shown.
pub(super) async fn carry_images(tx: &mut PlatformTx<'_>, going: Move, owner: &str, named: &str) -> Result<()> {
    tx.change(
        platform_sql!(concat!(
            "insert into images (instance_id, owner, ",
            image_columns!(),
            ") select cast($2 as text), cast($4 as text), ",
            image_columns!(),
            " from images where instance_id = $1 and owner = $3"
        )),
        &[&going.from, &going.to, &owner, &named],
    )
    .await
    .map(drop)
}

/// A backend's word that the user may come in is as good over there: what its bearer shows is hashed without any key.
async fn carry_tickets(tx: &mut PlatformTx<'_>, going: Move, user: UserId, pool: PoolId) -> Result<()> {
    tx.change(
        platform_sql!(concat!(
            "insert into tickets (instance_id, pool_id, organization_id, ",
            ticket_columns!(),
            ") select cast($2 as text), cast($4 as text), case when organization_id = $5 then organization_id end, ",
            ticket_columns!(),
            " from tickets where instance_id = $1 and user_id = $3"
        )),
        &[&going.from, &going.to, &user, &pool, &going.organization],
    )
    .await?;
    tx.change(
        platform_sql!(concat!(
            "insert into once (instance_id, ",
            once_columns!(),
            ") select cast($2 as text), ",
            once_columns!(),
            " from once where instance_id = $1 and purpose = 'ticket' and owner in (select t.id from tickets t where t.instance_id = $1 and t.user_id = $3)"
        )),
        &[&going.from, &going.to, &user],
    )
    .await
    .map(drop)
}

async fn carry_membership(tx: &mut PlatformTx<'_>, going: Move, (user, named): (UserId, UserId), role: RoleId) -> Result<()> {
    tx.change(
        platform_sql!(concat!(
            "insert into memberships (instance_id, organization_id, user_id, role_id, ",
            membership_columns!(),
            ") select cast($2 as text), organization_id, cast($4 as text), cast($5 as text), ",
            membership_columns!(),
            " from memberships where instance_id = $1 and user_id = $3 and organization_id = $6"
        )),
        &[&going.from, &going.to, &user, &named, &role, &going.organization],
    )
    .await
    .map(drop)
}

/// Takes the user out of the instance that they leave, with all that is about them there.
async fn leave(tx: &mut Tx<'_>, conversion: &mut Conversion, user: UserId) -> Result<()> {
    let now = tx.now();
    let tokens = tx.count(sql!("select count(*) from tickets where instance_id = $1 and user_id = $2 and status = 'pending'"), &[&user]).await?;
    conversion.done.add("sign_in_tokens", tokens);
    tx.change(
        sql!(
            "delete from once where instance_id = $1 and purpose = 'ticket'
              and owner in (select t.id from tickets t where t.instance_id = $1 and t.user_id = $2)"
        ),
        &[&user],
    )
    .await?;
    let codes = tx
        .change(
            sql!(
                "delete from once where instance_id = $1 and consumed_at is null and expires_at > $3 and
                  ((purpose = 'profile_email' and owner in (select i.user_id || '|' || i.norm from identifiers i where i.instance_id = $1 and i.user_id = $2))
                    or (purpose = 'backend_email' and owner in (select i.id from identifiers i where i.instance_id = $1 and i.user_id = $2)))"
            ),
            &[&user, &now],
        )
        .await?;
    conversion.done.end("codes", codes);
    for (name, statement) in [
        ("suggestions_dropped", sql!("delete from organization_suggestions where instance_id = $1 and user_id = $2")),
        ("requests_dropped", sql!("delete from organization_membership_requests where instance_id = $1 and user_id = $2")),
    ] {
        let dropped = tx.change(statement, &[&user]).await?;
        conversion.done.add(name, dropped);
    }
    users::delete(tx, Actor::Server, user).await.map(drop)
}

/// Tells over there that somebody has come.
async fn arrived(tx: &mut PlatformTx<'_>, going: Move, user: UserId) -> Result<()> {
    inside!(tx, going.to, inside => async {
        counters::add(inside, Counter::Users, 1).await?;
        let statement = sql!("update organizations set members = members + 1 where instance_id = $1 and id = $2");
        inside.change(statement, &[&going.organization]).await?;
        let told = users::get(inside, user).await?;
        events::emit(inside, Event::UserCreated(&told)).await?;
        let member = memberships::get(inside, going.organization, user).await?;
        events::emit(inside, Event::MembershipCreated(&member)).await
    })
}
