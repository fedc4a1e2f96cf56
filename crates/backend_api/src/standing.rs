//! Users' standing: banned, locked, with a password that others know, or with none.

use domain::{
    bodies,
    sessions::Keep,
    users::{self, User},
};
use foundation::{Id as _, Problem, Result, UserId};
use serde_json::Value;
use store::{BoxFuture, Tx};
use web::{Answer, BackendCall, Id, Input, NoBody};

async fn one(call: &BackendCall, work: impl for<'a> Fn(&'a mut Tx<'_>) -> BoxFuture<'a, Result<User>> + Send + Sync) -> Answer {
    let now = call.now();
    call.write(work, |user| bodies::backend_user(user, now)).await
}

/// Bans a user; their sessions end.
pub async fn ban(call: BackendCall, Id(id): Id<UserId>, _: NoBody) -> Answer {
    one(&call, |tx| Box::pin(users::ban(tx, call.actor, id))).await
}

/// Welcomes a user again.
pub async fn unban(call: BackendCall, Id(id): Id<UserId>, _: NoBody) -> Answer {
    one(&call, |tx| Box::pin(users::unban(tx, call.actor, id))).await
}

fn ids(input: &Input) -> Result<Vec<UserId>, Problem> {
    input.only(&["user_ids"])?;
    let texts = input.texts("user_ids")?;
    if texts.is_empty() {
        return Err(if input.has("user_ids") { Problem::invalid("user_ids", "must name at least one user") } else { Problem::ParamMissing("user_ids") });
    }
    if texts.len() > users::MOST_AT_ONCE {
        return Err(Problem::invalid("user_ids", "may name at most 50 users"));
    }
    texts.iter().map(|text| UserId::parse(text).ok_or(Problem::NotFound)).collect()
}

fn list(call: &BackendCall) -> impl Fn(&Vec<User>) -> Value {
    let now = call.now();
    move |users| Value::Array(users.iter().map(|user| bodies::backend_user(user, now)).collect())
}

/// Bans several users, or none of them.
pub async fn ban_all(call: BackendCall, input: Input) -> Answer {
    let ids = ids(&input)?;
    call.write(|tx| Box::pin(users::ban_all(tx, call.actor, &ids)), list(&call)).await
}

/// Welcomes several users again, or none of them.
pub async fn unban_all(call: BackendCall, input: Input) -> Answer {
    let ids = ids(&input)?;
    call.write(|tx| Box::pin(users::unban_all(tx, call.actor, &ids)), list(&call)).await
}

/// Locks a user.
pub async fn lock(call: BackendCall, Id(id): Id<UserId>, _: NoBody) -> Answer {
    one(&call, |tx| Box::pin(users::lock(tx, call.actor, id))).await
}

/// Takes the lock off a user.
pub async fn unlock(call: BackendCall, Id(id): Id<UserId>, _: NoBody) -> Answer {
    one(&call, |tx| Box::pin(users::unlock(tx, call.actor, id))).await
}

fn kept(input: &Input, param: &'static str) -> Result<Keep, Problem> {
    input.only(&[param])?;
    Ok(if input.flag(param)? == Some(true) { Keep::None } else { Keep::All })
}

/// Takes a user's password away.
pub async fn remove_password(call: BackendCall, Id(id): Id<UserId>, input: Input) -> Answer {
    let keep = kept(&input, "sign_out_of_other_sessions")?;
    one(&call, |tx| Box::pin(users::remove_password(tx, call.actor, id, keep))).await
}

/// Notes that others know a user's password.
pub async fn set_compromised(call: BackendCall, Id(id): Id<UserId>, input: Input) -> Answer {
    let keep = kept(&input, "revoke_all_sessions")?;
    one(&call, |tx| Box::pin(users::set_password_compromised(tx, call.actor, id, keep))).await
}

/// Takes that note back.
pub async fn unset_compromised(call: BackendCall, Id(id): Id<UserId>, _: NoBody) -> Answer {
    one(&call, |tx| Box::pin(users::unset_password_compromised(tx, call.actor, id))).await
}
