//! Mail on its way out.

mod inbox;

pub use inbox::{Caught, Inbox};

use foundation::{InstanceId, MessageId, Result};
use futures_util::future::BoxFuture;

/// A mail, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mail {
    /// The message's id; the same when a job sends it again.
    pub id: MessageId,
    /// Who sends it.
    pub instance: InstanceId,
    /// The sender's name, as shown.
    pub from_name: String,
    /// The receiver's address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
}

/// Delivers mail.
pub trait Mailer: Send + Sync {
    /// Delivers one mail. Sending the same message twice is allowed, losing it is not.
    ///
    /// # Errors
    /// Where it could not be handed over; the job tries again later.
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<()>>;
}
