//! Counters: one row a number that is asked for often, changed in the transaction that changes what it counts.

use foundation::Result;
use store::{Tx, sql};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Users of the instance.
    Users,
    /// Organizations of the instance.
    Organizations,
    /// How often a role, a permission or a role set has changed.
    RolesVersion,
}

impl Counter {
    const fn name(self) -> &'static str {
        match self {
            Counter::Users => "users",
            Counter::Organizations => "organizations",
            Counter::RolesVersion => "roles_version",
        }
    }
}

/// Adds to the counter; its new value.
///
/// # Errors
/// Only the database's own.
pub async fn add(tx: &mut Tx<'_>, counter: Counter, by: i64) -> Result<i64> {
    tx.get(
        sql!(
            "insert into counters (instance_id, name, value) values ($1, $2, $3)
              on conflict (instance_id, name) do update set value = counters.value + excluded.value returning value"
        ),
        &[&counter.name(), &by],
    )
    .await
}

/// The counter's value.
///
/// # Errors
/// Only the database's own.
pub async fn value(tx: &mut Tx<'_>, counter: Counter) -> Result<i64> {
    tx.count(sql!("select value from counters where instance_id = $1 and name = $2"), &[&counter.name()]).await
}

/// Holds the counter as it is until the transaction ends.
///
/// # Errors
/// Only the database's own.
pub async fn hold(tx: &mut Tx<'_>, counter: Counter) -> Result<()> {
    tx.change(sql!("update counters set value = value where instance_id = $1 and name = $2"), &[&counter.name()]).await.map(drop)
}
