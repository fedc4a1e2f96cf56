//! The audit log: who did what to whom, written in the transaction that did it.

use crate::applications;
use foundation::{AuditId, Result, UserId};
use serde_json::{Map, Value, json};
use std::{borrow::Cow, fmt};
use store::{PlatformTx, Tx, inside, sql};

/// Who acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor<'a> {
    /// Nobody who is signed in: somebody at the door.
    Visitor,
    /// A signed-in user.
    User(UserId),
    /// Somebody else who is signed in as a user, named as the session's actor names them.
    Impersonator(UserId, &'a Map<String, Value>),
    /// A backend with the instance's secret key.
    Backend,
    /// A platform token of the workspace.
    Platform,
    /// The server itself.
    Server,
}

impl fmt::Display for Actor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Visitor => f.write_str("visitor"),
            Actor::User(id) => write!(f, "{id}"),
            Actor::Impersonator(id, actor) => write!(f, "{id} by {}", actor.get("sub").and_then(Value::as_str).unwrap_or("somebody")),
            Actor::Backend => f.write_str("backend"),
            Actor::Platform => f.write_str("platform"),
            Actor::Server => f.write_str("server"),
        }
    }
}

/// Writes an entry. `action` is `noun.verb`; `subject` is the id of what it was done to; `detail` holds no secret. Whoever impersonates is
/// named in `actor` beside the user, and in `detail` with all that the session says of them.
///
/// # Errors
/// Only the database's own.
pub async fn record(tx: &mut Tx<'_>, actor: Actor<'_>, action: &str, subject: &str, detail: &Value) -> Result<()> {
    let id: AuditId = tx.new_id();
    let now = tx.now();
    let mut detail = Cow::Borrowed(detail);
    if let Actor::Impersonator(_, actor) = actor
        && let Some(detail) = detail.to_mut().as_object_mut()
    {
        detail.insert("impersonator".to_owned(), json!(actor));
    }
    tx.change(
        sql!("insert into audit (instance_id, id, action, actor, subject, detail, created_at) values ($1, $2, $3, $4, $5, $6, $7)"),
        &[&id, &action, &actor.to_string(), &subject, &detail.to_string(), &now],
    )
    .await
    .map(drop)
}

/// Writes an entry about something above the instances: it stands in the system application's log.
///
/// # Errors
/// Only the database's own.
pub async fn record_above(tx: &mut PlatformTx<'_>, actor: Actor<'_>, action: &str, subject: &str, detail: &Value) -> Result<()> {
    let system = applications::system_instance(tx).await?;
    inside!(tx, system, inside => record(inside, actor, action, subject, detail))
}
