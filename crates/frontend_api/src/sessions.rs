//! The sessions of the caller's own client.

use domain::{bodies, clients, jwt_templates, organizations::active::Wanted, sessions};
use foundation::{Id as _, OrganizationId, Problem, SessionId};
use http::StatusCode;
use serde_json::json;
use store::Access;
use web::{Answer, FrontendCall, Id, IdAndName, Input, json};

/// A session.
pub async fn show(call: FrontendCall, Id(id): Id<SessionId>) -> Answer {
    call.read(
        |tx, visit| {
            Box::pin(async move {
                let session = visit.session(tx, id).await?;
                clients::session_view(tx, visit, session).await
            })
        },
        bodies::session,
    )
    .await
}

/// Notes that the session is in use, and puts it in front; in an organization of the user's, if one is named.
pub async fn touch(call: FrontendCall, Id(id): Id<SessionId>, input: Input) -> Answer {
    let organization = input.cleared("active_organization_id")?;
    let organization = organization.as_ref().map(Option::as_deref);
    call.write(
        |tx, visit| {
            Box::pin(async move {
                let session = sessions::touch(tx, visit, id, organization).await?;
                clients::session_view(tx, visit, session).await
            })
        },
        bodies::session,
    )
    .await
}

/// Signs out.
pub async fn end(call: FrontendCall, Id(id): Id<SessionId>) -> Answer {
    call.write(
        |tx, visit| {
            Box::pin(async move {
                let session = sessions::end(tx, visit, id).await?;
                clients::session_view(tx, visit, session).await
            })
        },
        bodies::session,
    )
    .await
}

/// Takes a session off the client.
pub async fn remove(call: FrontendCall, Id(id): Id<SessionId>) -> Answer {
    call.write(
        |tx, visit| {
            Box::pin(async move {
                let session = sessions::remove(tx, visit, id).await?;
                clients::session_view(tx, visit, session).await
            })
        },
        bodies::session,
    )
    .await
}

/// Takes all sessions off the client; the client stays.
pub async fn remove_all(call: FrontendCall) -> Answer {
    call.client(Access::Write, |tx, visit| Box::pin(sessions::remove_all(tx, visit))).await
}

/// A fresh token, for the session's organization or the one that is named. That an open page fetches one is a use of the session, which is noted now and then, beside the answer.
pub async fn create_token(call: FrontendCall, Id(id): Id<SessionId>, input: Input) -> Answer {
    let wanted = match input.cleared("organization_id")? {
        None => Wanted::Sessions,
        Some(None) => Wanted::Personal,
        // Not 422: the SDK would sign the user out.
        Some(Some(text)) => Wanted::One(OrganizationId::parse(&text).ok_or(Problem::OrganizationUnknown)?),
    };
    let parts = [id.to_string(), wanted.to_string()];
    let minting = call.recall("minting", &[&parts[0], &parts[1]], |tx, visit| Box::pin(sessions::minting(tx, visit, id, wanted))).await?;
    let token = minting.mint(&call.tenant, call.origin(), call.now(), &mut call.random())?;
    if minting.notes(call.now()) {
        call.beside(|tx, visit| Box::pin(sessions::note_use(tx, visit, id))).await;
    }
    Ok(json(StatusCode::OK, &json!({ "object": "token", "jwt": token })))
}

/// A fresh token of a template.
pub async fn create_token_from_template(call: FrontendCall, IdAndName(id, name): IdAndName<SessionId>) -> Answer {
    let name = name.as_str();
    call.bare(
        Access::Read,
        |tx, visit| {
            Box::pin(async move {
                let session = visit.live_session(tx, id).await?;
                jwt_templates::mint(tx, &visit.tenant, &session, name, visit.credential.origin.as_deref(), None).await
            })
        },
        |token| json(StatusCode::OK, &json!({ "object": "token", "jwt": token })),
    )
    .await
}
