//! Clients as a backend meets them.

use domain::{bodies, clients, handshake, sessions, tokens};
use foundation::Problem;
use serde_json::json;
use web::{Answer, BackendCall, Input, Query};

/// Verifies a session token and shows the client that holds its session.
pub async fn verify(call: BackendCall, input: Input) -> Answer {
    input.only(&["token"])?;
    let token = input.secret("token")?.ok_or(Problem::ParamMissing("token"))?;
    let tenant = &call.tenant;
    let now = call.now();
    call.read(
        |tx| {
            Box::pin(async {
                let session = tokens::verify(tx, tenant, &token).await?;
                let client = clients::get(tx, session.client).await?;
                let live = sessions::live_of_client(tx, client.id).await?;
                Ok((client, live))
            })
        },
        |(client, live)| bodies::backend_client(client, live, now),
    )
    .await
}

/// The cookies behind a handshake's nonce; they can be fetched once.
pub async fn handshake_payload(call: BackendCall, Query(query): Query) -> Answer {
    let nonce = query.secret("nonce")?.ok_or(Problem::ParamMissing("nonce"))?;
    call.write(|tx| Box::pin(handshake::redeem(tx, &nonce)), |directives| json!({ "directives": directives })).await
}
