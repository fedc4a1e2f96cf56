//! Sending: a job opens its letter, words it, and hands it over.

use super::{
    Letter,
    kinds::{Kind, Values},
    servers, words,
};
use crate::{
    audit::{self, Actor},
    instances::{self, Instance},
    settings::{self, Settings},
};
use ::store::{Access, Database, Place};
use foundation::{EmailAddress, Error, InstanceId, MessageId, Problem, Result};
use serde_json::json;
use std::sync::Arc;
use world::{
    World,
    mail::{Mail, Receipt, Relay, Sender, Undelivered, Via},
};

/// Why a job was not done.
pub(crate) struct Failure {
    /// Whether trying again is of no use.
    pub(crate) permanent: bool,
    /// Why.
    pub(crate) error: Error,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure { permanent: false, error }
    }
}

/// Everything that is needed beside the letter.
struct Ways {
    instance: Instance,
    settings: Arc<Settings>,
    own: Option<(Relay, bool)>,
}

#[allow(clippy::disallowed_methods, reason = "the instance is that of the job, or of the caller")]
async fn ways(database: &Database, id: InstanceId) -> Result<Option<Ways>> {
    let Some(instance) = database.platform(Access::Read, |tx| Box::pin(instances::store::find(tx, id))).await? else { return Ok(None) };
    let (settings, own) = database.within(id, Access::Read, |tx| Box::pin(async { Ok((settings::effective(tx).await?, servers::relay(tx).await?)) })).await?;
    Ok(Some(Ways { instance, settings, own }))
}

/// Sends what a job carries. Where this was the last try, or trying again is of no use, the audit log is told.
#[allow(clippy::disallowed_methods, reason = "the mail is of the instance whose job runs")]
pub(crate) async fn send(world: &World, database: &Database, instance: InstanceId, payload: &str, last: bool) -> Result<(), Failure> {
    let (row, sealed) = payload.split_once(' ').ok_or_else(|| Error::Broken("a mail's job without its id".to_owned()))?;
    let place = Place { table: "jobs", column: "payload", row };
    let opened = database.within(instance, Access::Read, |tx| Box::pin(tx.open(place, sealed))).await?;
    let letter: Letter = serde_json::from_slice(&opened).map_err(|e| Error::broken("a mail's job", e))?;
    // An instance that is gone says nothing any more.
    let Some(ways) = ways(database, instance).await? else { return Ok(()) };
    let kind = Kind::parse(&letter.kind).ok_or_else(|| Error::Broken("a mail of no known kind".to_owned()))?;
    let is_test = ways.instance.environment == instances::Environment::Development
        && ways.settings.test_mode
        && EmailAddress::parse(&letter.to).is_some_and(|to| to.is_test());
    if is_test {
        return Ok(());
    }
    let outcome = if letter.until.is_some_and(|until| until <= database.now()) {
        Err(Undelivered::never("its code has expired", ""))
    } else {
        deliver(world, &ways, kind, &letter).await?
    };
    let Err(failed) = outcome else { return Ok(()) };
    if failed.permanent || last {
        let detail = json!({ "kind": kind.as_str(), "step": failed.step, "code": failed.code });
        let subject = letter.id.to_string();
        database.within(instance, Access::Write, |tx| Box::pin(audit::record(tx, Actor::Server, "message.fail", &subject, &detail))).await?;
    }
    Err(Failure { permanent: failed.permanent, error: Error::Unavailable(failed.to_string()) })
}

async fn deliver(world: &World, ways: &Ways, kind: Kind, letter: &Letter) -> Result<Result<Receipt, Undelivered>> {
    let mail = mail(ways, kind, letter.id, &letter.to, letter.values.clone())?;
    let Some((relay, fall_back)) = &ways.own else { return Ok(world.mail.send(mail, Via::Server).await) };
    let outcome = world.mail.send(mail.clone(), Via::Instance(relay)).await;
    match &outcome {
        Err(failed) if *fall_back && !failed.permanent => Ok(world.mail.send(mail, Via::Server).await),
        _ => Ok(outcome),
    }
}

/// The mail, worded for its instance and for nobody else.
fn mail(ways: &Ways, kind: Kind, id: MessageId, to: &str, values: Values) -> Result<Mail> {
    let Ways { instance, settings, .. } = ways;
    let worded = words::word(kind, &instance.name, settings, values)?;
    let sender = &settings.messages.sender;
    Ok(Mail {
        id,
        instance: instance.id,
        from_name: instance.name.clone(),
        sender: Sender { name: sender.name.clone(), local_part: sender.local_part.clone() },
        to: to.to_owned(),
        subject: worded.subject,
        text: worded.text,
        html: worded.html,
    })
}

/// How a trial of the instance's mail server went.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Whether the mail was taken.
    pub delivered: bool,
    /// At which step it failed.
    pub step: Option<&'static str>,
    /// The server's code.
    pub code: Option<u16>,
    /// The server's words.
    pub words: String,
}

/// Sends one mail by the instance's own mail server, at once, and tells what the server said. Outside of every transaction.
///
/// # Errors
/// [`Problem::NotFound`] where the instance has none; [`Problem::TooManyRequests`].
#[allow(clippy::disallowed_methods, reason = "the caller's own instance, which was just recognised")]
pub async fn try_server(world: &World, database: &Database, instance: InstanceId, to: &EmailAddress) -> Result<Trial> {
    let id: MessageId = database
        .within(instance, Access::Write, |tx| {
            Box::pin(async {
                servers::charge_trial(tx).await?;
                Ok(tx.new_id())
            })
        })
        .await?;
    let ways = ways(database, instance).await?.ok_or(Problem::NotFound)?;
    let (relay, _) = ways.own.as_ref().ok_or(Problem::NotFound)?;
    let mail = mail(&ways, Kind::Test, id, to.given(), Values::default())?;
    Ok(match world.mail.send(mail, Via::Instance(relay)).await {
        Ok(receipt) => Trial { delivered: true, step: None, code: receipt.code, words: receipt.words },
        Err(failed) => Trial { delivered: false, step: Some(failed.step), code: failed.code, words: failed.words },
    })
}
