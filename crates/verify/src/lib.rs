//! Verifies the session tokens of Insula in a Rust backend: offline, with keys that are given or fetched now and
//! then, and answers what the bearer may, as `has()` of the SDKs does.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use insula_verify::{Check, Keys, Verifier};
//!
//! let jwks = std::fs::read("jwks.json")?; // <Frontend API>/.well-known/jwks.json
//! let verifier = Verifier::of("pk_live_c2hvcC5leGFtcGxlJA", Keys::from_jwks(&jwks)?)?.authorized_parties(["https://shop.example"]);
//! let session = verifier.verify("eyJhbGciOi…").await?;
//! if session.has(&Check::permission("org:invoices:create")) {
//!     println!("{} may, in {:?}", session.user_id, session.organization_id());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What is checked: the signature (RS256 and nothing else, whatever the header asks for), that it is a session's token and no other that the
//! instance signs, the issuer to the letter, the times, the authorized party, and that the session waits for nothing. What cannot be checked
//! offline: whether the session was ended within the token's minute.
//!
//! Keys that are fetched come from a [`Source`]: a function of yours, or [`Fetch`] with the feature `http`. They are kept, looked at again in the
//! background, fetched at once (but not often) for a key that nobody knows, and kept further where the server cannot be reached.
//!
//! The crate asks the runtime of tokio for time and tasks. Features, all off: `axum` (extractors), `http` ([`Fetch`]).

mod cache;
#[cfg(feature = "axum")]
mod extract;
#[cfg(feature = "http")]
mod fetch;
mod has;
mod json;
mod jwt;
mod keys;
mod refusal;
mod request;
mod session;
mod verifier;

pub use cache::{Fetched, Freshness, Source};
#[cfg(feature = "axum")]
pub use extract::Rejection;
#[cfg(feature = "http")]
pub use fetch::Fetch;
pub use has::{Check, Level, Reverification};
pub use keys::Keys;
pub use refusal::{Fault, Refusal};
pub use session::{FactorAges, Organization, Session, Status};
pub use verifier::Verifier;
