//! Known devices: the clients that a user has signed in on, each with a counter of failed tries of its own.

use super::{
    guard::Locking,
    store::{Until, locking},
};
use ::store::{Tx, sql};
use foundation::{ClientId, Result, SessionId, Timestamp, UserId};
use std::time::Duration;

/// How many of a user's are remembered; those of the latest sign-ins.
const MOST: i64 = 20;
/// How long after the last sign-in.
const KNOWN: Duration = Duration::from_secs(180 * 86_400);

pub(super) async fn is_known(tx: &mut Tx<'_>, user: UserId, device: ClientId) -> Result<bool> {
    let since = tx.now() - KNOWN;
    let count = tx
        .count(
            sql!("select count(*) from known_devices where instance_id = $1 and user_id = $2 and client_id = $3 and seen_at > $4"),
            &[&user, &device, &since],
        )
        .await?;
    Ok(count == 1)
}

/// Remembers one that somebody has just signed in on, with a clean counter, and forgets what is too old or too much.
pub(super) async fn remember(tx: &mut Tx<'_>, user: UserId, device: ClientId) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!(
            "insert into known_devices (instance_id, user_id, client_id, failed_attempts, lockouts, locked_until, seen_at) values ($1, $2, $3, 0, 0, null, $4)
              on conflict (instance_id, user_id, client_id) do update set failed_attempts = 0, lockouts = 0, locked_until = null, seen_at = excluded.seen_at"
        ),
        &[&user, &device, &now],
    )
    .await?;
    tx.change(
        sql!(
            "delete from known_devices where instance_id = $1 and user_id = $2 and (seen_at <= $3 or client_id in
                (select d.client_id from known_devices d where d.instance_id = $1 and d.user_id = $2 order by d.seen_at desc, d.client_id limit 100 offset $4))"
        ),
        &[&user, &(now - KNOWN), &MOST],
    )
    .await
    .map(drop)
}

/// Forgets all of a user's but the one of this session.
pub(super) async fn forget(tx: &mut Tx<'_>, user: UserId, but: Option<SessionId>) -> Result<()> {
    tx.change(
        sql!(
            "delete from known_devices where instance_id = $1 and user_id = $2
              and not exists (select 1 from sessions s where s.instance_id = $1 and s.id = $3 and s.client_id = known_devices.client_id)"
        ),
        &[&user, &but],
    )
    .await
    .map(drop)
}

/// Clears the counter of one that is not locked; whether it is there and was not.
pub(super) async fn pass(tx: &mut Tx<'_>, user: UserId, device: ClientId) -> Result<bool> {
    let now = tx.now();
    let changed = tx
        .change(
            sql!(
                "update known_devices set failed_attempts = 0, lockouts = 0, locked_until = null
                  where instance_id = $1 and user_id = $2 and client_id = $3 and (locked_until is null or locked_until <= $4)"
            ),
            &[&user, &device, &now],
        )
        .await?;
    Ok(changed == 1)
}

/// Counts a failed try on one that is not locked, and locks it with the last one that is allowed; whether it was counted.
pub(super) async fn fail(tx: &mut Tx<'_>, user: UserId, device: ClientId, locking: &Locking) -> Result<bool> {
    let now = tx.now();
    let [first, second, third, fourth, fifth, longest] = &locking.until;
    let changed = tx
        .change(
            sql!(concat!(
                "update known_devices set ",
                locking!(),
                " where instance_id = $1 and user_id = $11 and client_id = $12 and (locked_until is null or locked_until <= $2)"
            )),
            &[&now, &locking.most, &locking.peace, first, second, third, fourth, fifth, longest, &user, &device],
        )
        .await?;
    Ok(changed == 1)
}

pub(super) async fn locked_until(tx: &mut Tx<'_>, user: UserId, device: ClientId) -> Result<Option<Timestamp>> {
    let found: Option<Until> =
        tx.find(sql!("select locked_until from known_devices where instance_id = $1 and user_id = $2 and client_id = $3"), &[&user, &device]).await?;
    Ok(found.and_then(|until| until.0))
}

pub(super) async fn unlock(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    tx.change(sql!("update known_devices set failed_attempts = 0, lockouts = 0, locked_until = null where instance_id = $1 and user_id = $2"), &[&user])
        .await
        .map(drop)
}
