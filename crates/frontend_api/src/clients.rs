//! The caller's own client.

use domain::{clients, sessions};
use http::StatusCode;
use serde_json::json;
use store::Access;
use web::{Answer, FrontendCall, json, json_text};

/// The client, or `null` where there is none yet.
pub async fn show(call: FrontendCall) -> Answer {
    let known = call.recall("client", &[call.origin().unwrap_or_default()], |tx, visit| Box::pin(clients::known(tx, visit))).await?;
    let text = known.answer(&call.tenant, call.origin(), call.now(), &mut call.random())?;
    Ok(call.telling(json_text(StatusCode::OK, text), Some(known.since())))
}

/// Makes a client where there is none.
pub async fn create(call: FrontendCall) -> Answer {
    call.client(Access::Write, |tx, visit| Box::pin(async move { visit.client_or_new(tx).await.map(drop) })).await
}

/// Signs everybody out and forgets the client.
pub async fn delete(call: FrontendCall) -> Answer {
    let response = call
        .bare(
            Access::Write,
            |tx, visit| {
                Box::pin(async move {
                    sessions::remove_all(tx, visit).await?;
                    visit.discard(tx).await
                })
            },
            |()| json(StatusCode::OK, &json!({ "response": null, "client": null })),
        )
        .await?;
    Ok(call.without_client(response))
}

/// Makes a development browser.
pub async fn create_dev_browser(call: FrontendCall) -> Answer {
    let call = call.navigating();
    call.bare(
        Access::Write,
        |tx, visit| Box::pin(visit.new_dev_browser(tx)),
        |secret| json(StatusCode::OK, &json!({ "object": "dev_browser", "id": secret.expose() })),
    )
    .await
}
