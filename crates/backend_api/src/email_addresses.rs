//! E-mail addresses of users.

use crate::notify;
use domain::{
    bodies,
    users::{self, EmailChange},
};
use foundation::{Id as _, IdentifierId, Problem, UserId};
use web::{Answer, BackendCall, Id, Input, NoBody};

fn change(input: &Input) -> Result<EmailChange, Problem> {
    Ok(EmailChange { verified: input.flag("verified")?, primary: input.flag("primary")?, notify: notify(input)? })
}

/// Adds one to a user.
pub async fn create(call: BackendCall, input: Input) -> Answer {
    input.only(&["user_id", "email_address", "verified", "primary", "notify_primary_email_address_changed"])?;
    let user = UserId::parse(input.required("user_id")?).ok_or(Problem::NamesNothing("user_id"))?;
    let address = input.email("email_address")?.ok_or(Problem::ParamMissing("email_address"))?;
    let change = change(&input)?;
    let now = call.now();
    let created = call.write(|tx| Box::pin(users::create_email(tx, call.actor, user, &address, change)), |email| bodies::email_address(email, None, now)).await;
    created.map_err(|refusal| refusal.naming("user_id"))
}

/// One of them.
pub async fn show(call: BackendCall, Id(id): Id<IdentifierId>) -> Answer {
    let now = call.now();
    call.read(|tx| Box::pin(users::email(tx, id)), |email| bodies::email_address(email, None, now)).await
}

/// Says whether one counts as proven, or makes it primary.
pub async fn update(call: BackendCall, Id(id): Id<IdentifierId>, input: Input) -> Answer {
    input.only(&["verified", "primary", "notify_primary_email_address_changed"])?;
    let change = change(&input)?;
    let now = call.now();
    call.write(|tx| Box::pin(users::update_email(tx, call.actor, id, change)), |email| bodies::email_address(email, None, now)).await
}

/// Takes one away.
pub async fn delete(call: BackendCall, Id(id): Id<IdentifierId>, _: NoBody) -> Answer {
    call.write(|tx| Box::pin(users::delete_email(tx, call.actor, id)), |email| bodies::deleted("email_address", email.id)).await
}

/// Sends a code to one, for the backend to ask for.
pub async fn prepare_verification(call: BackendCall, Id(id): Id<IdentifierId>, _: NoBody) -> Answer {
    let (tenant, now) = (&call.tenant, call.now());
    call.write(|tx| Box::pin(users::prepare_backend_email(tx, tenant, id)), |verification| bodies::verification(verification, now)).await
}

/// Tries such a code. That it was wrong is an answer and no error.
pub async fn attempt_verification(call: BackendCall, Id(id): Id<IdentifierId>, input: Input) -> Answer {
    input.only(&["verification_id", "code"])?;
    let verification = foundation::Id::parse(input.required("verification_id")?).ok_or(Problem::NotFound)?;
    let code = input.credential("code")?.ok_or(Problem::ParamMissing("code"))?;
    let now = call.now();
    call.attempt(|tx| Box::pin(users::attempt_backend_email(tx, call.actor, id, verification, &code)), |verification| bodies::verification(verification, now))
        .await
}
