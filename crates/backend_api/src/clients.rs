//! Clients as a backend meets them.

use crate::Listing;
use domain::{bodies, clients, handshake, tokens};
use foundation::{ClientId, Problem};
use serde_json::json;
use web::{Answer, BackendCall, Id, Input, Query};

/// A page of clients, newest first.
pub async fn list(call: BackendCall, query: Query) -> Answer {
    let page = query.0.page()?;
    let listing = Listing::of(&query)?;
    let now = call.now();
    call.read(
        |tx| Box::pin(clients::list(tx, page)),
        |(held, total)| listing.body(held.iter().map(|(client, live)| bodies::backend_client(client, live, now)).collect(), *total),
    )
    .await
}

/// A client.
pub async fn show(call: BackendCall, Id(id): Id<ClientId>) -> Answer {
    let now = call.now();
    call.read(|tx| Box::pin(clients::held(tx, id)), |(client, live)| bodies::backend_client(client, live, now)).await
}

/// Verifies a session token and shows the client that holds its session.
pub async fn verify(call: BackendCall, input: Input) -> Answer {
    input.only(&["token"])?;
    let token = input.credential("token")?.ok_or(Problem::ParamMissing("token"))?;
    let tenant = &call.tenant;
    let now = call.now();
    call.read(
        |tx| {
            Box::pin(async {
                let session = tokens::verify(tx, tenant, &token).await?;
                clients::held(tx, session.client).await
            })
        },
        |(client, live)| bodies::backend_client(client, live, now),
    )
    .await
}

/// The cookies behind a handshake's nonce; they can be fetched once.
pub async fn handshake_payload(call: BackendCall, Query(query): Query) -> Answer {
    let nonce = query.credential("nonce")?.ok_or(Problem::ParamMissing("nonce"))?;
    call.write(|tx| Box::pin(handshake::redeem(tx, &nonce)), |directives| json!({ "directives": directives })).await
}
