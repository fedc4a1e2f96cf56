//! Why a token is not accepted, and why a verifier or its keys cannot be made.

use std::fmt;

macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident = $reason:literal, $text:literal;)*) => {
        /// Why there is no session. Tell the caller no more than 401: the reasons are for logs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Refusal { $($(#[$doc])* $variant,)* }

        impl Refusal {
            /// A short name for logs and metrics.
            pub const fn reason(self) -> &'static str { match self { $(Refusal::$variant => $reason,)* } }
        }

        impl fmt::Display for Refusal {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(match self { $(Refusal::$variant => $text,)* }) }
        }
    };
}

refusals! {
    /// The request carries no token.
    Missing = "token-missing", "there is no token";
    /// The cookies say that their client is signed out.
    SignedOut = "client-signed-out", "the browser is signed out";
    /// The cookie's token is older than the last sign-in or sign-out of its browser. The SDK in the page has a newer one in a moment.
    Outdated = "token-outdated", "the token is older than the browser's last sign-in";
    /// Longer than any token that Insula signs.
    TooLong = "token-too-long", "the token is too long";
    /// Not three parts of base64url with JSON objects in them, or with a name twice in one object.
    Malformed = "token-malformed", "the token is malformed";
    /// Another algorithm than RS256.
    Algorithm = "token-invalid-algorithm", "the token is not signed with RS256";
    /// A header that changes how the token is to be read, or that brings its own key.
    Header = "token-invalid-header", "the token's header asks for what is not done";
    /// Signed by the instance, but no session's token: a template's, a handshake's, a machine's.
    Kind = "token-type-mismatch", "the token is not a session's";
    /// No key of the instance has the token's `kid`.
    UnknownKey = "jwk-kid-mismatch", "no key of the instance has signed the token";
    /// There are no keys to verify with: they could not be fetched. Answer 503, and not 401.
    KeysUnavailable = "jwk-failed-to-load", "the instance's keys cannot be fetched";
    /// The signature does not fit.
    Signature = "token-invalid-signature", "the signature does not fit";
    /// From another instance or pool.
    Issuer = "token-invalid-issuer", "the token is from another issuer";
    /// Made for a page of another origin, or for none that is known.
    Party = "token-invalid-authorized-parties", "the token is for a page of another origin";
    /// Its time is over.
    Expired = "token-expired", "the token has expired";
    /// Its time has not come.
    NotYet = "token-not-active-yet", "the token is not valid yet";
    /// From the future: a clock is wrong.
    IssuedInFuture = "token-iat-in-the-future", "the token is from the future";
    /// A claim is absent or of a wrong kind.
    Claims = "token-invalid-claims", "the token lacks a claim, or one is of a wrong kind";
    /// The session waits for something (`sts`: `pending`), and is nobody's until it is done.
    Pending = "session-pending", "the session is pending";
    /// The session is in another organization than the one that was asked for, or in none.
    Organization = "organization-mismatch", "the session is in another organization";
}

impl std::error::Error for Refusal {}

/// What a verifier cannot be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub(crate) &'static str);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Fault {}
