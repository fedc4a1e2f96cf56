//! Starts the application. Its settings are in the environment; README.md says which.

use insula_verify::{Fetch, Freshness, Verifier};
use notes::{App, Database, router};
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    #[allow(clippy::disallowed_methods, reason = "the settings of a sample, read once at its start")]
    let setting = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let source = Fetch::from(&setting("FRONTEND_API")?)?;
    let verifier = Verifier::fetching(&setting("PUBLISHABLE_KEY")?, source, Freshness::default())?.authorized_parties([setting("ORIGIN")?]);
    let database = Database::open(&setting("DATABASE_URL")?, 10).await?;
    let listener = tokio::net::TcpListener::bind(setting("LISTEN")?).await?;
    Ok(axum::serve(listener, router(App { verifier, database })).await?)
}
