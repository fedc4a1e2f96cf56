//! What the operator's doctor asks about all keys at once.

use ::store::{FromRow, PlatformTx, Row, platform_sql};
use foundation::{Result, Timestamp};

struct Newest(Option<Timestamp>);

impl FromRow for Newest {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        row.take().map(Newest)
    }
}

/// How many living instances have no key to sign with.
///
/// # Errors
/// Only the database's own.
pub async fn count_without_signer(tx: &mut PlatformTx<'_>) -> Result<i64> {
    let statement = platform_sql!(
        "select count(*) from instances i where i.deleted_at is null and not exists
          (select 1 from signing_keys s where s.instance_id = i.id and s.retired_at is null)"
    );
    Ok(tx.find(statement, &[]).await?.unwrap_or(0))
}

/// When the newest instance, secret key or spare was made, or the schema changed; nothing in an empty database.
///
/// # Errors
/// Only the database's own.
pub async fn newest_time(tx: &mut PlatformTx<'_>) -> Result<Option<Timestamp>> {
    let statements = [
        platform_sql!("select max(created_at) from instances"),
        platform_sql!("select max(created_at) from spare_keys"),
        platform_sql!("select max(created_at) from secret_keys"),
        platform_sql!("select max(applied_at) from schema_migrations"),
    ];
    let mut newest = None;
    for statement in statements {
        newest = newest.max(tx.find::<Newest>(statement, &[]).await?.and_then(|found| found.0));
    }
    Ok(newest)
}
