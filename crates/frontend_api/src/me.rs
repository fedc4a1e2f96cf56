//! The user who is signed in.

use crate::refuse;
use domain::{
    bodies,
    clients::{self, SessionView},
    passwords::Question,
    sessions::{self, Keep},
    users::{self, Change},
};
use foundation::{Problem, SessionId};
use http::StatusCode;
use serde_json::Value;
use store::Access;
use web::{Answer, FrontendCall, Id, Input, Refusal, Version, json};

/// The user.
pub async fn show(call: FrontendCall) -> Answer {
    let now = call.now();
    call.read(|tx, visit| Box::pin(async move { visit.signed_in(tx).await.map(|(_, user)| user) }), |user| bodies::user(user, now)).await
}

/// Changes name, username and primary address.
pub async fn update(call: FrontendCall, version: Version, input: Input) -> Answer {
    refuse(&input, &["public_metadata", "private_metadata", "primary_phone_number_id", "primary_web3_wallet_id"])?;
    let metadata = version.metadata(&input, &["unsafe_metadata"])?;
    let change = Change {
        first_name: input.cleared("first_name")?,
        last_name: input.cleared("last_name")?,
        username: input.username("username")?.map(Some),
        primary_email_address: input.id("primary_email_address_id")?,
        ..Change::default()
    };
    let probe = call.probe(&[input.text("username")?]).await?;
    let now = call.now();
    probe.over(call.write(|tx, visit| Box::pin(users::update_self(tx, visit, &change, metadata.own.as_ref())), |user| bodies::user(user, now)).await)
}

/// Merges metadata that is the user's own to write.
pub async fn update_metadata(call: FrontendCall, input: Input) -> Answer {
    refuse(&input, &["public_metadata", "private_metadata"])?;
    let own = input.object("unsafe_metadata")?.ok_or(Problem::ParamMissing("unsafe_metadata"))?;
    let now = call.now();
    call.write(|tx, visit| Box::pin(users::update_own_metadata(tx, visit, &own)), |user| bodies::user(user, now)).await
}

/// Deletes the account.
pub async fn delete(call: FrontendCall) -> Answer {
    call.write(|tx, visit| Box::pin(users::delete_self(tx, visit)), |id| bodies::deleted("user", id)).await
}

/// Changes the password; the old one must be right, if there is one.
pub async fn change_password(call: FrontendCall, input: Input) -> Answer {
    let at_its_field = |refusal: Refusal| refusal.about("new_password");
    let new = input.secret("new_password").map_err(|problem| at_its_field(problem.into()))?.ok_or(Problem::ParamMissing("new_password"))?;
    let current = input.credential("current_password")?;
    let keep = if input.flag("sign_out_of_other_sessions")? == Some(true) { Keep::None } else { Keep::All };
    let answer = call
        .password(&current.unwrap_or_else(|| foundation::Secret::new("")), |tx, visit| {
            Box::pin(async move {
                let (_, user) = visit.signed_in(tx).await?;
                Ok(Question { digest: users::digest(tx, user.id).await?, user: Some(user.id) })
            })
        })
        .await?;
    let digest = call.new_password(&new, |tx, visit| Box::pin(users::ensure_signed_in(tx, visit))).await.map_err(at_its_field)?;
    let now = call.now();
    call.attempt(|tx, visit| Box::pin(users::change_password(tx, visit, &answer, &digest, keep)), |user| bodies::user(user, now)).await
}

/// Takes the password away; it must be right.
pub async fn remove_password(call: FrontendCall, input: Input) -> Answer {
    let current = input.credential("current_password")?.unwrap_or_else(|| foundation::Secret::new(""));
    let answer = call.password(&current, |tx, visit| Box::pin(users::removal_question(tx, visit))).await?;
    let now = call.now();
    call.attempt(|tx, visit| Box::pin(users::remove_own_password(tx, visit, &answer)), |user| bodies::user(user, now)).await
}

async fn own_sessions(call: &FrontendCall, shown: impl Fn(&SessionView) -> Value) -> Answer {
    call.bare(
        Access::Read,
        |tx, visit| {
            Box::pin(async move {
                let (_, user) = visit.signed_in(tx).await?;
                let mut views = Vec::new();
                for session in sessions::live_of_user(tx, user.id).await? {
                    views.push(clients::session_view(tx, visit, session).await?);
                }
                Ok(views)
            })
        },
        |views| json(StatusCode::OK, &Value::Array(views.iter().map(&shown).collect())),
    )
    .await
}

/// The user's living sessions, on all their devices.
pub async fn sessions(call: FrontendCall) -> Answer {
    own_sessions(&call, bodies::session).await
}

/// The user's living sessions with the browsers they run in.
pub async fn active_sessions(call: FrontendCall) -> Answer {
    own_sessions(&call, |view| bodies::active_session(&view.session, view.now)).await
}

/// Ends one of the user's sessions, on whatever device.
pub async fn revoke_session(call: FrontendCall, Id(id): Id<SessionId>) -> Answer {
    call.write(
        |tx, visit| {
            Box::pin(async move {
                let session = users::revoke_own_session(tx, visit, id).await?;
                clients::session_view(tx, visit, session).await
            })
        },
        bodies::session,
    )
    .await
}
