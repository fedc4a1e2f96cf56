//! The addresses of the user who is signed in.

use domain::{bodies, identifiers::Identifier, once, users};
use foundation::{IdentifierId, Problem};
use http::StatusCode;
use serde_json::Value;
use store::Access;
use web::{Answer, FrontendCall, Id, Input, json};

/// All of them.
pub async fn list(call: FrontendCall) -> Answer {
    let now = call.now();
    call.bare(
        Access::Read,
        |tx, visit| Box::pin(async move { visit.signed_in(tx).await.map(|(_, user)| user) }),
        |user| json(StatusCode::OK, &Value::Array(user.emails().map(|email| bodies::email_address(email, None, now)).collect())),
    )
    .await
}

/// One of them.
pub async fn show(call: FrontendCall, Id(id): Id<IdentifierId>) -> Answer {
    let now = call.now();
    call.read(|tx, visit| Box::pin(users::own_email(tx, visit, id)), |email| shown(email, now)).await
}

fn shown((email, code): &(Identifier, Option<once::State>), now: foundation::Timestamp) -> Value {
    bodies::email_address(email, code.as_ref(), now)
}

/// Adds one, not proven yet.
pub async fn create(call: FrontendCall, input: Input) -> Answer {
    let address = input.email("email_address")?.ok_or(Problem::ParamMissing("email_address"))?;
    let now = call.now();
    let probe = call.probe(&[Some(address.norm())]).await?;
    probe.over(call.write(|tx, visit| Box::pin(users::add_email(tx, visit, &address)), |email| bodies::email_address(email, None, now)).await)
}

/// Takes one away.
pub async fn delete(call: FrontendCall, Id(id): Id<IdentifierId>) -> Answer {
    call.write(|tx, visit| Box::pin(users::remove_email(tx, visit, id)), |email| bodies::deleted("email_address", email.id)).await
}

/// Sends a code to one.
pub async fn prepare_verification(call: FrontendCall, Id(id): Id<IdentifierId>, input: Input) -> Answer {
    match input.text("strategy")? {
        Some("email_code") => {}
        Some(_) => return Err(Problem::StrategyInvalid.into()),
        None => return Err(Problem::ParamMissing("strategy").into()),
    }
    let now = call.now();
    call.write(|tx, visit| Box::pin(users::prepare_email(tx, visit, id)), |email| shown(email, now)).await
}

/// Tries the code that was sent to one.
pub async fn attempt_verification(call: FrontendCall, Id(id): Id<IdentifierId>, input: Input) -> Answer {
    let code = input.credential("code")?.ok_or(Problem::ParamMissing("code"))?;
    let now = call.now();
    call.attempt(|tx, visit| Box::pin(users::attempt_email(tx, visit, id, &code)), |email| shown(email, now)).await
}
