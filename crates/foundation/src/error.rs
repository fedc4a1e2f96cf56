//! The one way in which things fail.

use crate::problem::Problem;
use std::fmt;

/// What a verb returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a verb did not succeed.
pub enum Error {
    /// The caller asked for something that it cannot have; shown as it is.
    Refused(Box<Problem>),
    /// A unique constraint, named, stands against the change. A verb turns it into a problem with [`OnConflict`].
    Conflict(String),
    /// The database asks to run the transaction again. Never leaves `write`.
    Again(String),
    /// A transaction that only reads has come to something that must be written down: it runs again as one that writes. Never leaves `read`.
    ReadOnly,
    /// The database cannot be reached, or took too long: 503 with `Retry-After`.
    Unavailable(String),
    /// A fault of ours. Logged with its causes; the caller sees 500 and a trace id, nothing else.
    Broken(String),
}

impl Error {
    /// A fault of ours, with what was being done and why it failed.
    pub fn broken(what: &str, why: impl fmt::Display) -> Error {
        Error::Broken(format!("{what}: {why}"))
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        Error::Refused(Box::new(problem))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused(problem) => write!(f, "refused: {problem:?}"),
            Error::Conflict(name) => write!(f, "conflict: {name}"),
            Error::Again(why) => write!(f, "again: {why}"),
            Error::ReadOnly => f.write_str("the transaction has to write"),
            Error::Unavailable(why) => write!(f, "unavailable: {why}"),
            Error::Broken(why) => write!(f, "broken: {why}"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Error {}

/// Names a conflict.
pub trait OnConflict {
    /// Turns a conflict into this problem; leaves everything else alone.
    fn on_conflict(self, problem: Problem) -> Self;
}

impl<T> OnConflict for Result<T> {
    fn on_conflict(self, problem: Problem) -> Self {
        self.map_err(|error| if let Error::Conflict(_) = error { problem.into() } else { error })
    }
}
