//! A database that is locked, slow or gone, and what is remembered of it.

mod gone;
mod remembered;

use std::time::Duration;
use store::Bounds;
use testkit::{Browser, Setup, TestServer, Way};

/// A server with the bounds of a real one, whose database can be put in trouble.
async fn fragile_server() -> TestServer {
    TestServer::start_with(Setup { bounds: Bounds::DEFAULT, way: Way::Proxied, ..Setup::default() }).await
}

/// The path of a session's tokens.
async fn tokens_path(browser: &mut Browser) -> String {
    format!("/v1/client/sessions/{}/tokens", browser.session_id().await)
}

/// The kinds of trouble that the test's database knows.
fn troubles(server: &TestServer) -> Vec<testkit::Line> {
    use testkit::Line::{Delays, Drops, Hangs, Refuses};
    match server.database.engine() {
        "sqlite" => vec![Hangs],
        _ => vec![Hangs, Drops, Refuses, Delays(Duration::from_millis(400))],
    }
}
