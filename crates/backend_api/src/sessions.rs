//! Sessions.

use crate::Listing;
use domain::{
    audit::Actor,
    bodies,
    clients::{Credential, Visit},
    jwt_templates,
    organizations::active::{self, Wanted},
    pools,
    refresh::{self, Expired, Refreshed},
    sessions::{self, Filter, Status},
    tokens, users,
};
use foundation::{Problem, SessionId, UserId};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use web::{Answer, BackendCall, Id, IdAndName, Input, NoBody, Query};

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
    let user: UserId = foundation::Id::parse(input.required("user_id")?).ok_or(Problem::NamesNothing("user_id"))?;
    let organization = input.text("active_organization_id")?;
    let tenant = &call.tenant;
    let now = call.now();
    call.write(
        |tx| {
            Box::pin(async move {
                let tenant = pools::tenant_of_user(tx, tenant, user).await?.into_owned();
                let mut visit = Visit::recognise(tx, Arc::new(tenant), Credential::default()).await?;
                sessions::create_for(tx, &mut visit, user, organization).await
            })
        },
        |session| bodies::backend_session(session, now),
    )
    .await
    .map_err(|refusal| refusal.naming("user_id"))
}

/// A session.
pub async fn show(call: BackendCall, Id(id): Id<SessionId>) -> Answer {
    let now = call.now();
    call.read(|tx| Box::pin(sessions::get(tx, id)), |session| bodies::backend_session(session, now)).await
}

/// Ends a session from outside.
pub async fn revoke(call: BackendCall, Id(id): Id<SessionId>, _: NoBody) -> Answer {
    let now = call.now();
    call.write(|tx| Box::pin(sessions::revoke(tx, Actor::Backend, id)), |session| bodies::backend_session(session, now)).await
}

/// A token of a living session, for as long as the backend says.
pub async fn create_token(call: BackendCall, Id(id): Id<SessionId>, input: Input) -> Answer {
    let life = life(&input)?.unwrap_or(tokens::LIFE);
    let tenant = &call.tenant;
    call.read(
        |tx| {
            Box::pin(async move {
                let session = sessions::live(tx, id).await?;
                users::ensure_welcome(tx, session.user).await?;
                let tenant = &*pools::tenant_of_user(tx, tenant, session.user).await?;
                let organization = active::of_session(tx, &session, Wanted::Sessions).await?;
                tokens::mint(tx, tenant, (&session, organization.as_ref()), None, life).await
            })
        },
        |jwt| json!({ "object": "token", "jwt": jwt }),
    )
    .await
}

/// How long a token is to be good, if the backend says so.
fn life(input: &Input) -> Result<Option<Duration>, Problem> {
    input.only(&["expires_in_seconds"])?;
    let Some(seconds) = input.number("expires_in_seconds")? else { return Ok(None) };
    let longest = tokens::LONGEST.as_secs();
    let seconds = u64::try_from(seconds).ok().filter(|s| (30..=longest).contains(s));
    let fault = Problem::invalid("expires_in_seconds", "must be between 30 seconds and 10 years");
    seconds.map(|seconds| Some(Duration::from_secs(seconds))).ok_or(fault)
}

/// A token of a template, of a living session.
pub async fn create_token_from_template(call: BackendCall, IdAndName(id, name): IdAndName<SessionId>, input: Input) -> Answer {
    let life = life(&input)?;
    let (tenant, name) = (&call.tenant, name.as_str());
    call.read(
        |tx| {
            Box::pin(async move {
                let session = sessions::live(tx, id).await?;
                jwt_templates::mint(tx, tenant, &session, name, None, life).await
            })
        },
        |jwt| json!({ "object": "token", "jwt": jwt }),
    )
    .await
}

/// Trades an expired session token for a new one, as a token or as the cookies that hold it.
pub async fn refresh(call: BackendCall, Id(id): Id<SessionId>, Query(query): Query, input: Input) -> Answer {
    input.only(&["expired_token", "refresh_token", "request_origin", "request_headers", "format", "suffixed_cookies", "request_originating_ip"])?;
    let token = input.credential("expired_token")?.ok_or(Problem::ParamMissing("expired_token"))?;
    let refresh = input.credential("refresh_token")?.ok_or(Problem::ParamMissing("refresh_token"))?;
    let origin = input.required("request_origin")?;
    // What else is told about the request is not needed: the token itself says which page it is for.
    input.object("request_headers")?;
    input.text("request_originating_ip")?;
    // SDKs say it in the query or in the body; both names of the cookie are told either way.
    query.flag("suffixed_cookies")?;
    input.flag("suffixed_cookies")?;
    let cookies = match input.text("format")? {
        None | Some("token") => false,
        Some("cookie") => true,
        Some(_) => return Err(Problem::invalid("format", "must be token or cookie").into()),
    };
    let tenant = &call.tenant;
    let expired = Expired { session: id, token: &token, refresh: &refresh, origin };
    call.read(
        |tx| Box::pin(refresh::refresh(tx, tenant, &expired)),
        |new| if cookies { in_cookies(new, origin) } else { json!({ "object": "token", "jwt": new.jwt }) },
    )
    .await
}

/// The token in the cookies that a handshake would set.
fn in_cookies(new: &Refreshed, origin: &str) -> Value {
    let Refreshed { jwt, cookie_suffix } = new;
    let secure = if origin.starts_with("https:") { "; Secure" } else { "" };
    let cookie = |name: String| format!("{name}={jwt}; Path=/; SameSite=Lax{secure}; Max-Age=31536000");
    json!({ "object": "cookies", "cookies": [cookie(format!("__session_{cookie_suffix}")), cookie("__session".to_owned())] })
}
