//! Messages: what is told to people. What is to be said is written into the queue, sealed, in the transaction that caused it; a job
//! words it and hands it over.

mod invitations;
mod kinds;
mod notices;
mod organizations;
mod send;
pub mod servers;
mod template;
mod words;

pub(crate) use invitations::invitation;
pub use kinds::Kind;
pub use notices::{new_device, password_changed, password_removed, primary_address_changed};
pub(crate) use organizations::{membership_request_accepted, membership_requested, role_changed};
pub use send::{Trial, try_server};
pub use template::Part;
pub use words::{Draft, Worded, check_template, names, preview};

pub(crate) use send::{Failure, send};
pub(crate) use words::{is_colour, is_image_address};

use crate::{
    instances::Tenant,
    once::{self, Owner, Purpose},
    settings,
};
use ::store::{NewJob, Place, Tx};
use foundation::{EmailAddress, Error, MessageId, Result, Timestamp};
use kinds::Values;
use serde::{Deserialize, Serialize};

/// The job that sends a mail.
pub(crate) const SEND: &str = "send_mail";
/// The code of test addresses.
const TEST_CODE: &str = "424242";

/// Which mail carries a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeMail {
    /// To prove an address.
    Verification,
    /// To sign in.
    SignIn,
    /// To set a new password.
    ResetPassword,
    /// To show that somebody of an organization reads mail at its domain.
    Affiliation,
}

impl CodeMail {
    const fn kind(self) -> Kind {
        match self {
            CodeMail::Verification => Kind::VerificationCode,
            CodeMail::SignIn => Kind::SignInCode,
            CodeMail::ResetPassword => Kind::ResetPasswordCode,
            CodeMail::Affiliation => Kind::AffiliationCode,
        }
    }
}

/// What a job carries: what to say to whom. The words are found when it is sent.
#[derive(Serialize, Deserialize)]
struct Letter {
    id: MessageId,
    kind: String,
    to: String,
    values: Values,
    /// When it is worth nothing any more.
    until: Option<Timestamp>,
}

/// Draws a code and mails it. A test address of a development instance gets the fixed code and no mail.
///
/// # Errors
/// [`foundation::Problem::LimitReached`] where too many were asked for.
pub async fn send_code(tx: &mut Tx<'_>, tenant: &Tenant, purpose: Purpose, attempt: &str, to: &EmailAddress, kind: CodeMail) -> Result<()> {
    let settings = settings::effective(tx).await?;
    let is_test = tenant.is_development() && settings.test_mode && to.is_test();
    let code = once::issue_code(tx, purpose, Owner { attempt, proves: to.norm() }, is_test.then_some(TEST_CODE)).await?;
    if is_test {
        return Ok(());
    }
    let mut values = Values::default();
    values.set("otp_code", code.expose().to_owned());
    values.set("minutes", (once::CODE_LIFE.as_secs() / 60).to_string());
    let until = Some(tx.now() + once::CODE_LIFE);
    queue(tx, kind.kind(), to.given(), values, until).await
}

/// Writes a message into the queue, sealed, because of the code in it and because of whom it is for.
async fn queue(tx: &mut Tx<'_>, kind: Kind, to: &str, values: Values, until: Option<Timestamp>) -> Result<()> {
    let id: MessageId = tx.new_id();
    let letter = Letter { id, kind: kind.as_str().to_owned(), to: to.to_owned(), values, until };
    let payload = serde_json::to_string(&letter).map_err(|e| Error::broken("a message", e))?;
    let sealed = tx.seal(Place { table: "jobs", column: "payload", row: &id.to_string() }, payload.as_bytes()).await?;
    let run_at = tx.now();
    tx.enqueue(NewJob { kind: SEND, payload: format!("{id} {sealed}"), run_at }).await.map(drop)
}
