//! Messages: what is told to people, written into the queue in the transaction that caused it.

mod template;

use crate::{
    instances::Tenant,
    once::{self, Owner, Purpose},
    settings,
};
use ::store::{Database, NewJob, Place, Tx};
use foundation::{EmailAddress, Error, MessageId, Result};
use futures_util::future::BoxFuture;
use world::{World, mail::Mail};

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
    let id: MessageId = tx.new_id();
    let mail = template::code(id, tenant, to.given(), &code, kind);
    let payload = serde_json::to_string(&mail).map_err(|e| Error::broken("a mail", e))?;
    let row = id.to_string();
    // The code is in it, so it waits sealed.
    let sealed = tx.seal(Place { table: "jobs", column: "payload", row: &row }, payload.as_bytes()).await?;
    let run_at = tx.now();
    tx.enqueue(NewJob { kind: SEND, payload: format!("{id} {sealed}"), run_at }).await.map(drop)
}

/// Sends what a job carries.
#[allow(clippy::disallowed_methods, reason = "the mail is of the instance whose job runs")]
pub(crate) fn send<'a>(world: &'a World, database: &'a Database, instance: foundation::InstanceId, payload: &'a str) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let (row, sealed) = payload.split_once(' ').ok_or_else(|| Error::Broken("a mail's job without its id".to_owned()))?;
        let place = Place { table: "jobs", column: "payload", row };
        let opened = database.within(instance, ::store::Access::Read, |tx| Box::pin(tx.open(place, sealed))).await?;
        let mail: Mail = serde_json::from_slice(&opened).map_err(|e| Error::broken("a mail's job", e))?;
        world.mail.send(mail).await
    })
}
