//! Signing in.

use crate::refuse;
use domain::{
    bodies,
    sessions::Keep,
    sign_ins::{self, NewSignIn, Strategy},
};
use foundation::{Problem, SignInId};
use web::{Answer, FrontendCall, Id, Input};

fn strategy(input: &Input) -> Result<Option<Strategy>, Problem> {
    input.text("strategy")?.map(|text| Strategy::parse(text).ok_or(Problem::StrategyInvalid)).transpose()
}

fn required_strategy(input: &Input) -> Result<Strategy, Problem> {
    strategy(input)?.ok_or(Problem::ParamMissing("strategy"))
}

/// Begins a sign-in; with identifier and password it is complete at once.
pub async fn create(call: FrontendCall, input: Input) -> Answer {
    refuse(&input, &["token", "proof_token", "trusted_device_id"])?;
    let identifier = input.text("identifier")?.map(str::to_owned);
    let probe = call.probe(&[identifier.as_deref()]).await?;
    probe.over(begin(&call, &input, identifier).await)
}

async fn begin(call: &FrontendCall, input: &Input, identifier: Option<String>) -> Answer {
    let strategy = strategy(input)?;
    alone(input, strategy)?;
    if strategy == Some(Strategy::Ticket) {
        let ticket = input.credential("ticket")?.ok_or(Problem::ParamMissing("ticket"))?;
        return call.attempt(|tx, visit| Box::pin(sign_ins::create_by_ticket(tx, visit, &ticket)), bodies::sign_in).await;
    }
    let answer = match input.secret("password")? {
        Some(_) if identifier.is_none() => return Err(Problem::ParamMissing("identifier").into()),
        Some(password) => Some(call.password(&password, |tx, visit| Box::pin(sign_ins::question_for(tx, visit, identifier.as_deref()))).await?),
        None => None,
    };
    let new = NewSignIn { identifier: identifier.clone(), answer, strategy };
    call.attempt(|tx, visit| Box::pin(sign_ins::create(tx, visit, &new)), bodies::sign_in).await
}

/// A ticket says who comes and proves it: it goes with its strategy, and with nothing else that would say or prove it.
fn alone(input: &Input, strategy: Option<Strategy>) -> Result<(), Problem> {
    if strategy != Some(Strategy::Ticket) {
        return if input.has("ticket") { Err(Problem::invalid("ticket", "goes with the strategy ticket alone")) } else { Ok(()) };
    }
    match ["identifier", "password", "code"].into_iter().find(|name| input.has(name)) {
        Some(name) => Err(Problem::invalid(name, "does not go with the strategy ticket: the ticket says who signs in")),
        None => Ok(()),
    }
}

/// A sign-in of this client.
pub async fn show(call: FrontendCall, Id(id): Id<SignInId>) -> Answer {
    call.read(|tx, visit| Box::pin(sign_ins::get(tx, visit, id)), bodies::sign_in).await
}

/// Sends a code.
pub async fn prepare_first_factor(call: FrontendCall, Id(id): Id<SignInId>, input: Input) -> Answer {
    let strategy = required_strategy(&input)?;
    let email = input.id("email_address_id")?;
    call.write(|tx, visit| Box::pin(sign_ins::prepare(tx, visit, id, strategy, email)), bodies::sign_in).await
}

/// Tries a password or a code.
pub async fn attempt_first_factor(call: FrontendCall, Id(id): Id<SignInId>, input: Input) -> Answer {
    match required_strategy(&input)? {
        Strategy::Password => {
            let password = input.secret("password")?.ok_or(Problem::ParamMissing("password"))?;
            let answer = call.password(&password, |tx, visit| Box::pin(sign_ins::question(tx, visit, id))).await?;
            call.attempt(|tx, visit| Box::pin(sign_ins::attempt_password(tx, visit, id, &answer)), bodies::sign_in).await
        }
        Strategy::Ticket => {
            let ticket = input.credential("ticket")?.ok_or(Problem::ParamMissing("ticket"))?;
            call.attempt(|tx, visit| Box::pin(sign_ins::attempt_ticket(tx, visit, id, &ticket)), bodies::sign_in).await
        }
        strategy => {
            let code = input.credential("code")?.ok_or(Problem::ParamMissing("code"))?;
            let digest = match input.secret("password")?.filter(|_| strategy == Strategy::ResetPasswordEmailCode) {
                Some(password) => Some(call.new_password(&password, |tx, visit| Box::pin(sign_ins::ensure_own(tx, visit, id))).await?),
                None => None,
            };
            call.attempt(|tx, visit| Box::pin(sign_ins::attempt_code(tx, visit, id, strategy, &code, digest.as_ref())), bodies::sign_in).await
        }
    }
}

/// Sets a new password after the reset code was right. Other sessions end unless the user says otherwise.
pub async fn reset_password(call: FrontendCall, Id(id): Id<SignInId>, input: Input) -> Answer {
    let password = input.secret("password")?.ok_or(Problem::ParamMissing("password"))?;
    let keep = if input.flag("sign_out_of_other_sessions")? == Some(false) { Keep::All } else { Keep::None };
    let digest = call.new_password(&password, |tx, visit| Box::pin(sign_ins::ensure_proven(tx, visit, id))).await?;
    call.write(|tx, visit| Box::pin(sign_ins::reset_password(tx, visit, id, &digest, keep)), bodies::sign_in).await
}
