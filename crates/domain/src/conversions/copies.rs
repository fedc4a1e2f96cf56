//! What becomes of one user: they go to another pool, or come to be a second time in it.

use super::{
    Conversion, Copied,
    plan::rows,
    run::{Left, MANY},
    store,
    tables::user_columns,
};
use crate::{
    audit::{self, Actor},
    counters::{self, Counter},
    events::{self, Event},
    images,
    organizations::memberships,
    sessions::{self, Keep},
    users,
};
use ::store::{Scoped, Tx, sql};
use foundation::{IdentifierId, ImageId, OrganizationId, PoolId, Result, UserId};
use serde_json::json;

/// The user's identifiers, the oldest first.
pub(super) async fn identifiers_of(tx: &mut Tx<'_>, user: UserId) -> Result<Vec<IdentifierId>> {
    let found: Vec<(IdentifierId,)> =
        tx.list(sql!("select id from identifiers where instance_id = $1 and user_id = $2 order by created_at, id"), &[&user]).await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// Ends the user's sessions: their door, and with it the names of their cookies and the issuer of their tokens, are others from now on.
pub(super) async fn end_sessions(tx: &mut Tx<'_>, conversion: &mut Conversion, user: UserId) -> Result<()> {
    let live = sessions::live_of_user(tx, user).await?.len();
    sessions::revoke_of_user(tx, Actor::Server, user, Keep::None).await?;
    conversion.done.end("sessions", live);
    Ok(())
}

/// Moves a user with everything that proves who they are into another pool.
pub(super) async fn move_to(tx: &mut Tx<'_>, conversion: &mut Conversion, user: UserId, pool: PoolId) -> Result<()> {
    tx.change(sql!("update users set pool_id = $3 where instance_id = $1 and id = $2"), &[&user, &pool]).await?;
    let identifiers = tx.change(sql!("update identifiers set pool_id = $3 where instance_id = $1 and user_id = $2"), &[&user, &pool]).await?;
    conversion.done.add("identifiers", identifiers);
    let tokens = tx.count(sql!("select count(*) from tickets where instance_id = $1 and user_id = $2 and status = 'pending'"), &[&user]).await?;
    tx.change(sql!("update tickets set pool_id = $3 where instance_id = $1 and user_id = $2"), &[&user, &pool]).await?;
    conversion.done.add("sign_in_tokens", tokens);
    Ok(())
}

/// Takes the user's name off all that is of other organizations than the one whose pool they are in.
pub(super) async fn belong_to(tx: &mut Tx<'_>, user: UserId, home: OrganizationId) -> Result<()> {
    for statement in [
        sql!("update tickets set organization_id = null where instance_id = $1 and user_id = $2 and organization_id <> $3"),
        sql!("update organizations set created_by = null where instance_id = $1 and created_by = $2 and id <> $3"),
        sql!("update organization_invitations set inviter_user_id = null where instance_id = $1 and inviter_user_id = $2 and organization_id <> $3"),
        sql!("update organization_invitations set user_id = null where instance_id = $1 and user_id = $2 and organization_id <> $3"),
    ] {
        tx.change(statement, &[&user, &home]).await?;
    }
    recount(tx, user).await
}

/// Counts what the user's row says of them anew.
pub(super) async fn recount(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    tx.change(
        sql!(
            "update users set memberships = (select count(*) from memberships m where m.instance_id = $1 and m.user_id = $2),
                organizations_created = (select count(*) from organizations o where o.instance_id = $1 and o.created_by = $2)
              where instance_id = $1 and id = $2"
        ),
        &[&user],
    )
    .await
    .map(drop)
}

/// Makes a copy of a user, who is the member of the organization from then on: with the same password, identifiers, metadata, picture and
/// standing, and with an id of its own. The application's own id for them cannot be two users' and stays with the first.
pub(super) async fn make(tx: &mut Tx<'_>, conversion: &mut Conversion, (user, organization): (UserId, OrganizationId), pool: PoolId) -> Result<UserId> {
    let copy: UserId = tx.new_id();
    tx.change(
        sql!(concat!(
            "insert into users (instance_id, id, pool_id, memberships, organizations_created, ",
            user_columns!(),
            ") select instance_id, cast($3 as text), cast($4 as text), 0, 0, ",
            user_columns!(),
            " from users where instance_id = $1 and id = $2"
        )),
        &[&user, &copy, &pool],
    )
    .await?;
    copy_identifiers(tx, conversion, (user, copy), pool).await?;
    let image: Option<ImageId> = images::copy(tx, &user.to_string(), &copy.to_string()).await?;
    tx.change(sql!("update users set image_id = $3 where instance_id = $1 and id = $2"), &[&copy, &image]).await?;
    hand_over(tx, (user, copy), organization).await?;
    recount(tx, copy).await?;
    counters::add(tx, Counter::Users, 1).await?;
    store::note_copy(tx, conversion.id, Copied { user, organization, copy }).await?;
    conversion.done.add("copies", 1);
    let detail = json!({ "copy_of": user, "organization_id": organization, "conversion_id": conversion.id });
    audit::record(tx, Actor::Server, "user.create", &copy.to_string(), &detail).await?;
    let told = users::get(tx, copy).await?;
    events::emit(tx, Event::UserCreated(&told)).await?;
    memberships::tell_handed_over(tx, organization, copy).await?;
    Ok(copy)
}

async fn copy_identifiers(tx: &mut Tx<'_>, conversion: &mut Conversion, (user, copy): (UserId, UserId), pool: PoolId) -> Result<()> {
    let primary: Option<(Option<IdentifierId>,)> =
        tx.find(sql!("select primary_email_address_id from users where instance_id = $1 and id = $2"), &[&user]).await?;
    let primary = primary.and_then(|(primary,)| primary);
    let identifiers = identifiers_of(tx, user).await?;
    for identifier in &identifiers {
        let id: IdentifierId = tx.new_id();
        tx.change(
            sql!(
                "insert into identifiers (instance_id, id, pool_id, user_id, kind, given, norm, claimed, verified_by, created_at, updated_at)
                  select instance_id, cast($3 as text), cast($4 as text), cast($5 as text), kind, given, norm, claimed, verified_by, created_at, updated_at
                    from identifiers where instance_id = $1 and id = $2"
            ),
            &[identifier, &id, &pool, &copy],
        )
        .await?;
        if primary == Some(*identifier) {
            tx.change(sql!("update users set primary_email_address_id = $3 where instance_id = $1 and id = $2"), &[&copy, &id]).await?;
        }
    }
    conversion.done.add("identifiers_copied", identifiers.len());
    Ok(())
}

/// Puts the copy in the user's place in all that is of the organization.
async fn hand_over(tx: &mut Tx<'_>, (user, copy): (UserId, UserId), organization: OrganizationId) -> Result<()> {
    for statement in in_the_users_place() {
        tx.change(statement, &[&user, &copy, &organization]).await?;
    }
    Ok(())
}

fn in_the_users_place() -> [Scoped; 6] {
    [
        sql!("update memberships set user_id = $3 where instance_id = $1 and user_id = $2 and organization_id = $4"),
        sql!("update organizations set created_by = $3 where instance_id = $1 and created_by = $2 and id = $4"),
        sql!("update organization_invitations set inviter_user_id = $3 where instance_id = $1 and inviter_user_id = $2 and organization_id = $4"),
        sql!("update organization_invitations set user_id = $3 where instance_id = $1 and user_id = $2 and organization_id = $4"),
        sql!("update organization_suggestions set user_id = $3 where instance_id = $1 and user_id = $2 and organization_id = $4"),
        sql!("update organization_membership_requests set user_id = $3 where instance_id = $1 and user_id = $2 and organization_id = $4"),
    ]
}

/// Whose devices are forgotten.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// This pool's.
    ThisPools,
    /// All others'.
    AllOthers,
}

/// Forgets devices that know a door that is gone, and what was begun on them: some of them, and what is left then.
pub(super) async fn forget_clients(tx: &mut Tx<'_>, conversion: &mut Conversion, pool: PoolId, whose: Whose) -> Result<Left> {
    let these = whose == Whose::ThisPools;
    for (name, statement) in [
        (
            "sign_ins",
            sql!(
                "delete from sign_ins where instance_id = $1 and client_id in
                  (select c.id from clients c where c.instance_id = $1 and (c.pool_id = $2) = $3 order by c.id limit $4)"
            ),
        ),
        (
            "sign_ups",
            sql!(
                "delete from sign_ups where instance_id = $1 and client_id in
                  (select c.id from clients c where c.instance_id = $1 and (c.pool_id = $2) = $3 order by c.id limit $4)"
            ),
        ),
    ] {
        let ended = tx.change(statement, &[&pool, &these, &MANY]).await?;
        conversion.done.end(name, ended);
    }
    let browsers = sql!(
        "delete from dev_browsers where instance_id = $1 and client_id in
          (select c.id from clients c where c.instance_id = $1 and (c.pool_id = $2) = $3 order by c.id limit $4)"
    );
    tx.change(browsers, &[&pool, &these, &MANY]).await?;
    let clients = sql!(
        "delete from clients where instance_id = $1 and id in
          (select c.id from clients c where c.instance_id = $1 and (c.pool_id = $2) = $3 order by c.id limit $4)"
    );
    let forgotten = rows(tx.change(clients, &[&pool, &these, &MANY]).await?);
    conversion.done.end("clients", forgotten);
    Ok(if forgotten == MANY { Left::More } else { Left::Nothing })
}

/// Counts what has stayed as it was.
pub(super) async fn count_what_stayed(tx: &mut Tx<'_>, conversion: &mut Conversion) -> Result<()> {
    let organizations = tx.count(sql!("select count(*) from organizations where instance_id = $1"), &[]).await?;
    let invitations = tx.count(sql!("select count(*) from organization_invitations where instance_id = $1 and status = 'pending'"), &[]).await?;
    conversion.done.add("organizations", organizations);
    conversion.done.add("invitations", invitations);
    Ok(())
}
