//! Keys: secret keys and platform tokens that callers show, signing keys that tokens are signed with.

mod census;
mod credentials;
mod platform_tokens;
pub mod rotation;
mod signing;
pub mod spares;

pub use census::{count_without_signer, newest_time};
pub use credentials::{
    PlatformToken, Scope, create_platform_token, create_secret_key, end_secret_keys, find_platform_token, find_secret_key, rotate_secret_key,
};
pub use platform_tokens::{ListedToken, end_platform_token, issue, list_issued};
pub(crate) use signing::published;
pub use signing::{adopt, jwks, signer};
