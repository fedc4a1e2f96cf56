//! Signing up.

use crate::refuse;
use domain::{
    bodies,
    sign_ups::{self, Fields},
};
use foundation::{Problem, SignUpId};
use store::Json;
use web::{Answer, FrontendCall, Id, Input, Refusal};

/// Reads the fields of a sign-up. Strategies that this server does not offer are refused instead of ignored.
async fn fields(call: &FrontendCall, input: &Input, id: Option<SignUpId>) -> Result<Fields, Refusal> {
    if let Some(strategy) = input.text("strategy")?
        && !matches!(strategy, "email_code" | "password" | "ticket")
    {
        return Err(Problem::StrategyInvalid.into());
    }
    let ticket = input.credential("ticket")?;
    if input.text("strategy")? == Some("ticket") && ticket.is_none() {
        return Err(Problem::ParamMissing("ticket").into());
    }
    refuse(input, &["phone_number", "web3_wallet", "token", "proof_token"])?;
    let digest = match input.secret("password")? {
        Some(password) => Some(call.new_password(&password, |tx, visit| Box::pin(sign_ups::ensure_possible(tx, visit, id, ticket.as_ref()))).await?),
        None => None,
    };
    Ok(Fields {
        email: input.email("email_address")?.or(input.email("email_address_or_phone_number")?),
        username: input.username("username")?,
        digest,
        first_name: input.text("first_name")?.map(str::to_owned),
        last_name: input.text("last_name")?.map(str::to_owned),
        unsafe_metadata: input.object("unsafe_metadata")?.map(Json),
        legal_accepted: input.flag("legal_accepted")?.unwrap_or(false),
        ticket,
    })
}

/// What an answer could tell to be taken.
fn identifiers(input: &Input) -> Result<[Option<&str>; 3], Problem> {
    Ok([input.text("email_address")?, input.text("email_address_or_phone_number")?, input.text("username")?])
}

/// Begins a sign-up.
pub async fn create(call: FrontendCall, input: Input) -> Answer {
    let probe = call.probe(&identifiers(&input)?).await?;
    let begin = async {
        let fields = fields(&call, &input, None).await?;
        call.write(|tx, visit| Box::pin(sign_ups::create(tx, visit, &fields)), bodies::sign_up).await
    };
    probe.over(begin.await)
}

/// A sign-up of this client.
pub async fn show(call: FrontendCall, Id(id): Id<SignUpId>) -> Answer {
    call.read(|tx, visit| Box::pin(sign_ups::get(tx, visit, id)), bodies::sign_up).await
}

/// Adds or changes fields.
pub async fn update(call: FrontendCall, Id(id): Id<SignUpId>, input: Input) -> Answer {
    let probe = call.probe(&identifiers(&input)?).await?;
    let change = async {
        let fields = fields(&call, &input, Some(id)).await?;
        call.write(|tx, visit| Box::pin(sign_ups::update(tx, visit, id, &fields)), bodies::sign_up).await
    };
    probe.over(change.await)
}

/// Sends a code to the address.
pub async fn prepare_verification(call: FrontendCall, Id(id): Id<SignUpId>, input: Input) -> Answer {
    only_email_code(&input)?;
    call.write(|tx, visit| Box::pin(sign_ups::prepare_email(tx, visit, id)), bodies::sign_up).await
}

/// Tries the code that was sent to the address.
pub async fn attempt_verification(call: FrontendCall, Id(id): Id<SignUpId>, input: Input) -> Answer {
    only_email_code(&input)?;
    let code = input.credential("code")?.ok_or(Problem::ParamMissing("code"))?;
    call.attempt(|tx, visit| Box::pin(sign_ups::attempt_email(tx, visit, id, &code)), bodies::sign_up).await
}

fn only_email_code(input: &Input) -> Result<(), Problem> {
    match input.text("strategy")? {
        Some("email_code") => Ok(()),
        Some(_) => Err(Problem::StrategyInvalid),
        None => Err(Problem::ParamMissing("strategy")),
    }
}
