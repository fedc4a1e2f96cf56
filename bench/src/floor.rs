//! The floor: the least that a server in this language and on this framework does for a request.

use crate::{Outcome, process::Running};
use axum::{Router, routing::get};
use serde_json::{Value, json};
use std::process::Command;

/// Serves nothing but a line of text and a user of 3 KB, until it is stopped.
pub fn serve() -> Outcome {
    let port: u16 = std::env::args().nth(2).and_then(|port| port.parse().ok()).ok_or("which port?")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let user = user();
        let answer = move || {
            let body = user.to_string();
            async move { ([("content-type", "application/json")], body) }
        };
        let router = Router::new().route("/plain", get(|| async { "ok" })).route("/json", get(answer));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.map_err(|e| e.to_string())?;
        axum::serve(listener, router).await.map_err(|e| e.to_string())
    })
}

/// Starts it.
pub fn start() -> Outcome<Running> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let port = crate::process::free_port()?;
    Running::start(Command::new(program).args(["floor", &port.to_string()]), port, "/plain")
}

/// About as large as a user with some metadata.
fn user() -> Value {
    let address = |n: u32| {
        json!({ "id": format!("idn_{n:027}"), "object": "email_address", "email_address": format!("somebody{n}@example.com"), "reserved": false,
            "verification": { "status": "verified", "strategy": "email_code", "attempts": 1, "expire_at": 1_795_294_229_500_i64 },
            "linked_to": [], "matches_sso_connection": false, "created_at": 1_795_294_229_500_i64, "updated_at": 1_795_294_229_500_i64 })
    };
    json!({
        "id": "user_000000000000000000000000000", "object": "user", "username": "somebody", "first_name": "Some", "last_name": "Body",
        "email_addresses": (0..5).map(address).collect::<Vec<_>>(), "phone_numbers": [], "external_accounts": [], "banned": false, "locked": false,
        "public_metadata": { "note": "x".repeat(600) }, "unsafe_metadata": { "note": "y".repeat(400) }, "created_at": 1_795_294_229_500_i64,
    })
}
