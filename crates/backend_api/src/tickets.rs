//! Sign-in tokens, actor tokens and testing tokens: what a backend hands out to let somebody in.

use domain::{
    instances::Tenant,
    pools, testing_tokens,
    tickets::{self, Impersonation, Issued, Kind, Ticket},
    tokens,
};
use foundation::{Id as _, Problem, Result, Secret, TicketId, UserId};
use serde_json::{Map, Value, json};
use std::time::Duration;
use store::{Json, Tx};
use web::{Answer, BackendCall, Id, Input, NoBody};

/// A ticket; what its bearer shows is there only when it was just made.
fn body(ticket: &Ticket, shown: Option<(&Secret, &str)>) -> Value {
    let mut body = Map::new();
    body.insert("object".to_owned(), ticket.kind.as_str().into());
    body.insert("id".to_owned(), json!(ticket.id));
    body.insert("status".to_owned(), ticket.status.as_str().into());
    body.insert("user_id".to_owned(), json!(ticket.user));
    if ticket.kind == Kind::ActorToken {
        body.insert("actor".to_owned(), json!(ticket.actor.as_ref().map(|actor| &actor.0)));
    }
    if let Some((token, door)) = shown {
        let url = format!("{door}/v1/tickets/accept?ticket={}", token.expose());
        body.insert("token".to_owned(), token.expose().into());
        body.insert("url".to_owned(), url.into());
    }
    body.insert("created_at".to_owned(), json!(ticket.created_at));
    body.insert("updated_at".to_owned(), json!(ticket.updated_at));
    Value::Object(body)
}

/// A ticket that was just made, and the door that its user comes in by.
async fn with_door(tx: &mut Tx<'_>, tenant: &Tenant, issued: Issued) -> Result<(Issued, String)> {
    let door = pools::tenant_of(tx, tenant, issued.ticket.pool).await?.frontend_url.clone();
    Ok((issued, door))
}

fn shown((issued, door): &(Issued, String)) -> Value {
    body(&issued.ticket, Some((&issued.token, door)))
}

/// A length of time in seconds, or another if none is given.
fn seconds(input: &Input, param: &'static str, otherwise: Duration) -> Result<Duration, Problem> {
    let longest = tokens::LONGEST.as_secs();
    match input.number(param)? {
        None => Ok(otherwise),
        Some(number) => {
            let fits = u64::try_from(number).ok().filter(|n| (1..=longest).contains(n));
            fits.map(Duration::from_secs).ok_or(Problem::invalid(param, "must be a whole number of seconds from 1 to 315360000 (10 years)"))
        }
    }
}

/// Makes a sign-in token.
pub async fn create_sign_in_token(call: BackendCall, input: Input) -> Answer {
    input.only(&["user_id", "org_id", "expires_in_seconds"])?;
    let user = UserId::parse(input.required("user_id")?).ok_or(Problem::NamesNothing("user_id"))?;
    let organization = input.text("org_id")?;
    let life = seconds(&input, "expires_in_seconds", tickets::SIGN_IN_LIFE)?;
    let (tenant, by) = (&call.tenant, call.actor);
    call.write(
        |tx| {
            Box::pin(async move {
                let issued = tickets::create_sign_in_token(tx, by, user, life, organization).await?;
                with_door(tx, tenant, issued).await
            })
        },
        shown,
    )
    .await
    .map_err(|refusal| refusal.naming("user_id"))
}

/// Takes a sign-in token back.
pub async fn revoke_sign_in_token(call: BackendCall, Id(id): Id<TicketId>, _: NoBody) -> Answer {
    call.write(|tx| Box::pin(tickets::revoke(tx, call.actor, Kind::SignInToken, id)), |ticket| body(ticket, None)).await
}

/// Makes an actor token.
pub async fn create_actor_token(call: BackendCall, input: Input) -> Answer {
    input.only(&["user_id", "actor", "expires_in_seconds", "session_max_duration_in_seconds"])?;
    let user = UserId::parse(input.required("user_id")?).ok_or(Problem::NamesNothing("user_id"))?;
    let actor = Json(input.object("actor")?.ok_or(Problem::ParamMissing("actor"))?);
    let life = seconds(&input, "expires_in_seconds", tickets::ACTOR_LIFE)?;
    let impersonation = Impersonation { actor, life: seconds(&input, "session_max_duration_in_seconds", tickets::IMPERSONATION)? };
    let (tenant, by, impersonation) = (&call.tenant, call.actor, &impersonation);
    call.write(
        |tx| {
            Box::pin(async move {
                let issued = tickets::create_actor_token(tx, by, user, life, impersonation).await?;
                with_door(tx, tenant, issued).await
            })
        },
        shown,
    )
    .await
    .map_err(|refusal| refusal.naming("user_id"))
}

/// Takes an actor token back.
pub async fn revoke_actor_token(call: BackendCall, Id(id): Id<TicketId>, _: NoBody) -> Answer {
    call.write(|tx| Box::pin(tickets::revoke(tx, call.actor, Kind::ActorToken, id)), |ticket| body(ticket, None)).await
}

/// Makes a testing token.
pub async fn create_testing_token(call: BackendCall, _: NoBody) -> Answer {
    call.write(
        |tx| Box::pin(testing_tokens::create(tx, call.actor)),
        |made| json!({ "object": "testing_token", "token": made.token.expose(), "expires_at": made.expires_at.seconds() }),
    )
    .await
}
