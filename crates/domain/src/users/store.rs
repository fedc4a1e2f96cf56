//! The rows of users.

use super::{User, guard::Locking};
use ::store::{FromRow, Row, Tx, sql};
use foundation::{IdentifierId, ImageId, Result, Secret, Timestamp, UserId};
use std::time::Duration;

/// The columns of a user, in the order in which they are read.
macro_rules! columns {
    () => {
        "u.id, u.pool_id, u.external_id, u.first_name, u.last_name, u.locale, u.primary_email_address_id, u.password_digest is not null, u.password_updated_at, \
         u.public_metadata, u.private_metadata, u.unsafe_metadata, u.banned, u.failed_attempts, \
         case when coalesce(u.locked_by_backend_until, 0) > coalesce(u.locked_until, 0) then u.locked_by_backend_until else u.locked_until end, u.delete_self_enabled, \
         u.create_organization_enabled, u.create_organizations_limit, u.legal_accepted_at, u.last_sign_in_at, u.last_active_at, u.created_at, u.updated_at, \
         u.password_compromised_at is not null, u.image_id, u.memberships"
    };
}
pub(super) use columns;

impl FromRow for User {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(User {
            id: row.take()?,
            pool: row.take()?,
            external_id: row.take()?,
            first_name: row.take()?,
            last_name: row.take()?,
            locale: row.take()?,
            primary_email_address: row.take()?,
            has_password: row.take()?,
            password_updated_at: row.take()?,
            public_metadata: row.take()?,
            private_metadata: row.take()?,
            unsafe_metadata: row.take()?,
            banned: row.take()?,
            failed_attempts: row.take()?,
            locked_until: row.take()?,
            attempts_left: 0,
            delete_self_enabled: row.take()?,
            create_organization_enabled: row.take()?,
            create_organizations_limit: row.take()?,
            legal_accepted_at: row.take()?,
            last_sign_in_at: row.take()?,
            last_active_at: row.take()?,
            created_at: row.take()?,
            updated_at: row.take()?,
            password_compromised: row.take()?,
            image: row.take()?,
            organizations: row.take()?,
            memberships: Vec::new(),
            image_url: String::new(),
            identifiers: Vec::new(),
        })
    }
}

pub(super) async fn find(tx: &mut Tx<'_>, id: UserId) -> Result<Option<User>> {
    tx.find(sql!(concat!("select ", columns!(), " from users u where u.instance_id = $1 and u.id = $2")), &[&id]).await
}

/// Holds the user's row until the transaction ends, so that whoever else changes the user comes after; whether there is one.
pub(super) async fn hold(tx: &mut Tx<'_>, id: UserId) -> Result<bool> {
    Ok(tx.change(sql!("update users set updated_at = updated_at where instance_id = $1 and id = $2"), &[&id]).await? == 1)
}

pub(super) async fn insert(tx: &mut Tx<'_>, u: &User, digest: Option<&Secret>) -> Result<()> {
    tx.change(
        sql!(
            "insert into users (instance_id, id, pool_id, external_id, first_name, last_name, locale, password_digest, password_updated_at, public_metadata,
                private_metadata, unsafe_metadata, banned, failed_attempts, delete_self_enabled, create_organization_enabled, create_organizations_limit,
                legal_accepted_at, created_at, updated_at)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, $14, $15, $16, $17, $18, $19)"
        ),
        &[
            &u.id,
            &u.pool,
            &u.external_id,
            &u.first_name,
            &u.last_name,
            &u.locale,
            &digest,
            &u.password_updated_at,
            &u.public_metadata,
            &u.private_metadata,
            &u.unsafe_metadata,
            &u.banned,
            &u.delete_self_enabled,
            &u.create_organization_enabled,
            &u.create_organizations_limit,
            &u.legal_accepted_at,
            &u.created_at,
            &u.updated_at,
        ],
    )
    .await
    .map(drop)
}

pub(super) async fn update(tx: &mut Tx<'_>, u: &User) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!(
            "update users set external_id = $3, first_name = $4, last_name = $5, locale = $6, primary_email_address_id = $7, public_metadata = $8,
                private_metadata = $9, unsafe_metadata = $10, delete_self_enabled = $11, create_organization_enabled = $12, legal_accepted_at = $13, created_at = $14,
                updated_at = $15
              where instance_id = $1 and id = $2"
        ),
        &[
            &u.id,
            &u.external_id,
            &u.first_name,
            &u.last_name,
            &u.locale,
            &u.primary_email_address,
            &u.public_metadata,
            &u.private_metadata,
            &u.unsafe_metadata,
            &u.delete_self_enabled,
            &u.create_organization_enabled,
            &u.legal_accepted_at,
            &u.created_at,
            &now,
        ],
    )
    .await
    .map(drop)
}

/// Gives the user a number of organizations of their own; absent for the instance's.
pub(super) async fn set_most_organizations(tx: &mut Tx<'_>, id: UserId, most: Option<i64>) -> Result<()> {
    tx.change(sql!("update users set create_organizations_limit = $3 where instance_id = $1 and id = $2"), &[&id, &most]).await.map(drop)
}

pub(super) async fn set_primary_email(tx: &mut Tx<'_>, id: UserId, email: Option<IdentifierId>) -> Result<()> {
    let now = tx.now();
    tx.change(sql!("update users set primary_email_address_id = $3, updated_at = $4 where instance_id = $1 and id = $2"), &[&id, &email, &now]).await.map(drop)
}

pub(super) async fn set_image(tx: &mut Tx<'_>, id: UserId, image: Option<ImageId>) -> Result<()> {
    let now = tx.now();
    tx.change(sql!("update users set image_id = $3, updated_at = $4 where instance_id = $1 and id = $2"), &[&id, &image, &now]).await.map(drop)
}

pub(super) async fn digest(tx: &mut Tx<'_>, id: UserId) -> Result<Option<Secret>> {
    struct Digest(Option<Secret>);
    impl FromRow for Digest {
        fn from_row(row: &mut Row<'_>) -> Result<Self> {
            row.take().map(Digest)
        }
    }
    Ok(tx.find::<Digest>(sql!("select password_digest from users where instance_id = $1 and id = $2"), &[&id]).await?.and_then(|d| d.0))
}

/// Replaces the digest.
pub(super) async fn set_digest(tx: &mut Tx<'_>, id: UserId, digest: Option<&Secret>) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!("update users set password_digest = $3, password_updated_at = $4, password_compromised_at = null, updated_at = $4 where instance_id = $1 and id = $2"),
        &[&id, &digest, &now],
    )
    .await
    .map(drop)
}

/// What a failed try does to a counter and its lock. `$2` is now, `$3` the most tries, `$4` the time before which a lock is forgotten, and `$5` to
/// `$10` the ends of the first lock and of the further ones.
macro_rules! locking {
    () => {
        "failed_attempts = case when locked_until is null then failed_attempts + 1 else 1 end,
         lockouts = (case when locked_until <= $4 then 0 else lockouts end)
           + (case when (case when locked_until is null then failed_attempts + 1 else 1 end) >= $3 then 1 else 0 end),
         locked_until = case when (case when locked_until is null then failed_attempts + 1 else 1 end) < $3 then null else
           (case (case when locked_until <= $4 then 0 else lockouts end)
             when 0 then cast($5 as bigint) when 1 then cast($6 as bigint) when 2 then cast($7 as bigint) when 3 then cast($8 as bigint)
             when 4 then cast($9 as bigint) else cast($10 as bigint) end) end"
    };
}
pub(super) use locking;

/// Clears the strangers' counter of a user who is not locked; whether there was one to clear it for.
pub(super) async fn pass(tx: &mut Tx<'_>, id: UserId, digest: Option<&Secret>) -> Result<bool> {
    let now = tx.now();
    let changed = tx
        .change(
            sql!(
                "update users set failed_attempts = 0, lockouts = 0, locked_until = null
                  where instance_id = $1 and id = $2 and (cast($4 as text) is null or password_digest = $4)
                    and (locked_until is null or locked_until <= $3) and (locked_by_backend_until is null or locked_by_backend_until <= $3)"
            ),
            &[&id, &now, &digest],
        )
        .await?;
    Ok(changed == 1)
}

/// Counts a stranger's failed try at a user who is not locked, and locks them with the last one that is allowed; whether it was counted.
pub(super) async fn fail(tx: &mut Tx<'_>, id: UserId, locking: &Locking) -> Result<bool> {
    let now = tx.now();
    let [first, second, third, fourth, fifth, longest] = &locking.until;
    let changed = tx
        .change(
            sql!(concat!(
                "update users set ",
                locking!(),
                " where instance_id = $1 and id = $11 and (locked_until is null or locked_until <= $2)
                    and (locked_by_backend_until is null or locked_by_backend_until <= $2)"
            )),
            &[&now, &locking.most, &locking.peace, first, second, third, fourth, fifth, longest, &id],
        )
        .await?;
    Ok(changed == 1)
}

pub(super) async fn set_banned(tx: &mut Tx<'_>, id: UserId, banned: bool) -> Result<()> {
    let now = tx.now();
    tx.change(sql!("update users set banned = $3, updated_at = $4 where instance_id = $1 and id = $2"), &[&id, &banned, &now]).await.map(drop)
}

pub(super) async fn set_compromised(tx: &mut Tx<'_>, id: UserId, since: Option<Timestamp>) -> Result<()> {
    let now = tx.now();
    tx.change(sql!("update users set password_compromised_at = $3, updated_at = $4 where instance_id = $1 and id = $2"), &[&id, &since, &now]).await.map(drop)
}

/// Holds the row of a user whom the backend has not locked, and whose digest is still this one; whether it is so.
pub(super) async fn is_open(tx: &mut Tx<'_>, id: UserId, digest: Option<&Secret>) -> Result<bool> {
    let now = tx.now();
    let held = tx
        .change(
            sql!(
                "update users set updated_at = updated_at where instance_id = $1 and id = $2 and (cast($4 as text) is null or password_digest = $4)
                  and (locked_by_backend_until is null or locked_by_backend_until <= $3)"
            ),
            &[&id, &now, &digest],
        )
        .await?;
    Ok(held == 1)
}

/// Locks the user by the backend's word.
pub(super) async fn lock(tx: &mut Tx<'_>, id: UserId, until: Timestamp) -> Result<()> {
    tx.change(sql!("update users set locked_by_backend_until = $3 where instance_id = $1 and id = $2"), &[&id, &until]).await.map(drop)
}

/// Takes the strangers' lock and the backend's off.
pub(super) async fn unlock(tx: &mut Tx<'_>, id: UserId) -> Result<()> {
    tx.change(
        sql!("update users set failed_attempts = 0, lockouts = 0, locked_until = null, locked_by_backend_until = null where instance_id = $1 and id = $2"),
        &[&id],
    )
    .await
    .map(drop)
}

/// When a lock ends.
pub(super) struct Until(pub(super) Option<Timestamp>);

impl FromRow for Until {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        row.take().map(Until)
    }
}

/// When the strangers' lock ends, and the backend's.
pub(super) async fn locks(tx: &mut Tx<'_>, id: UserId) -> Result<(Option<Timestamp>, Option<Timestamp>)> {
    let found: Option<(Option<Timestamp>, Option<Timestamp>)> =
        tx.find(sql!("select locked_until, locked_by_backend_until from users where instance_id = $1 and id = $2"), &[&id]).await?;
    Ok(found.unwrap_or_default())
}

pub(super) async fn is_banned(tx: &mut Tx<'_>, id: UserId) -> Result<Option<bool>> {
    tx.find(sql!("select banned from users where instance_id = $1 and id = $2"), &[&id]).await
}

pub(super) async fn seen(tx: &mut Tx<'_>, id: UserId) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!("update users set last_active_at = $3 where instance_id = $1 and id = $2 and (last_active_at is null or last_active_at <= $4)"),
        &[&id, &now, &(now - Duration::from_secs(60))],
    )
    .await
    .map(drop)
}

pub(super) async fn signed_in(tx: &mut Tx<'_>, id: UserId) -> Result<()> {
    let now = tx.now();
    tx.change(sql!("update users set last_sign_in_at = $3, last_active_at = $3 where instance_id = $1 and id = $2"), &[&id, &now]).await.map(drop)
}

pub(super) async fn delete(tx: &mut Tx<'_>, id: UserId) -> Result<bool> {
    tx.change(sql!("delete from identifiers where instance_id = $1 and user_id = $2"), &[&id]).await?;
    tx.change(sql!("delete from sessions where instance_id = $1 and user_id = $2"), &[&id]).await?;
    Ok(tx.change(sql!("delete from users where instance_id = $1 and id = $2"), &[&id]).await? == 1)
}
