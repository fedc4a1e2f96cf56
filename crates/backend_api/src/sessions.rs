//! Sessions.

use crate::Listing;
use domain::{
    audit::Actor,
    bodies,
    clients::{Credential, Visit},
    sessions::{self, Filter, Status},
    tokens, users,
};
use foundation::{Problem, SessionId, UserId};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use web::{Answer, BackendCall, Id, Input, Query};

/// A page of sessions, newest first.
pub async fn list(call: BackendCall, query: Query) -> Answer {
    let mut filter = Filter::default();
    (filter.client, filter.user) = (named(&query, "client_id")?, named(&query, "user_id")?);
    let mut unknown = (query.0.has("client_id") && filter.client.is_none()) || (query.0.has("user_id") && filter.user.is_none());
    filter.status = match query.0.text("status")? {
        None => None,
        // A state that no session here ever has.
        Some("replaced") => {
            unknown = true;
            None
        }
        Some(word) => Some(Status::parse(word).ok_or(Problem::invalid("status", "must be one of the states of a session"))?),
    };
    filter.nothing = unknown;
    let page = query.0.page()?;
    let listing = Listing::of(&query)?;
    let now = call.now();
    call.read(
        |tx| Box::pin(sessions::list(tx, &filter, page)),
        |(found, total)| listing.body(found.iter().map(|s| bodies::backend_session(s, now)).collect(), *total),
    )
    .await
}

/// An id in the query; one that does not parse names nothing.
fn named<T: foundation::Id>(query: &Query, name: &'static str) -> Result<Option<T>, Problem> {
    Ok(query.0.text(name)?.and_then(T::parse))
}

/// Creates a session for a user, on a client of its own. For tests and scripts.
pub async fn create(call: BackendCall, input: Input) -> Answer {
    input.only(&["user_id", "active_organization_id"])?;
    let user: UserId = foundation::Id::parse(input.required("user_id")?).ok_or(Problem::NotFound)?;
    if input.text("active_organization_id")?.is_some() {
        return Err(Problem::invalid("active_organization_id", "names no organization of this user").into());
    }
    let tenant = &call.tenant;
    let now = call.now();
    call.write(
        |tx| {
            Box::pin(async move {
                let mut visit = Visit::recognise(tx, Arc::clone(tenant), Credential::default()).await?;
                sessions::create_for(tx, &mut visit, user).await
            })
        },
        |session| bodies::backend_session(session, now),
    )
    .await
}

/// A session.
pub async fn show(call: BackendCall, Id(id): Id<SessionId>) -> Answer {
    let now = call.now();
    call.read(|tx| Box::pin(sessions::get(tx, id)), |session| bodies::backend_session(session, now)).await
}

/// Ends a session from outside.
pub async fn revoke(call: BackendCall, Id(id): Id<SessionId>) -> Answer {
    let now = call.now();
    call.write(|tx| Box::pin(sessions::revoke(tx, Actor::Backend, id)), |session| bodies::backend_session(session, now)).await
}

/// A token of a living session, for as long as the backend says.
pub async fn create_token(call: BackendCall, Id(id): Id<SessionId>, input: Input) -> Answer {
    input.only(&["expires_in_seconds"])?;
    let life = match input.number("expires_in_seconds")? {
        None => tokens::LIFE,
        Some(seconds) => {
            let longest = tokens::LONGEST.as_secs();
            let seconds = u64::try_from(seconds).ok().filter(|s| (30..=longest).contains(s));
            Duration::from_secs(seconds.ok_or(Problem::invalid("expires_in_seconds", "must be between 30 seconds and 10 years"))?)
        }
    };
    let tenant = &call.tenant;
    call.read(
        |tx| {
            Box::pin(async move {
                let session = sessions::get(tx, id).await?;
                if !session.is_live(tx.now()) {
                    return Err(Problem::NotFound.into());
                }
                users::ensure_welcome(tx, session.user).await?;
                tokens::mint(tx, tenant, &session, None, life).await
            })
        },
        |jwt| json!({ "object": "token", "jwt": jwt }),
    )
    .await
}
