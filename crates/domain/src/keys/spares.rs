//! Spare key pairs: made ahead of time, because making one takes 75 ms and creating an application must not.

use crate::applications;
use ::store::{Access, Database, Place, PlatformTx, inside, platform_sql};
use foundation::{Error, InstanceId, Result, SigningKeyId};
use std::sync::Arc;
use world::World;

/// How many wait.
pub const WANTED: i64 = 32;

fn place(row: &str) -> Place<'_> {
    Place { table: "spare_keys", column: "sealed", row }
}

/// How many spares there are.
///
/// # Errors
/// Only the database's own.
pub async fn count(database: &Database) -> Result<i64> {
    database
        .platform(Access::Read, |tx| Box::pin(async move { Ok(tx.find::<i64>(platform_sql!("select count(*) from spare_keys"), &[]).await?.unwrap_or(0)) }))
        .await
}

/// Makes spares until at least so many wait.
///
/// # Errors
/// Where a pair could not be made or saved.
pub async fn fill(world: &Arc<World>, database: &Database, wanted: i64) -> Result<()> {
    while count(database).await? < wanted {
        let maker = Arc::clone(&world.keys);
        let pair = tokio::task::spawn_blocking(move || maker.make()).await.map_err(|e| Error::broken("making a key pair", e))??;
        database.platform(Access::Write, |tx| Box::pin(put(tx, &pair))).await?;
    }
    Ok(())
}

/// Puts a key pair aside.
///
/// # Errors
/// Only the database's own.
pub async fn put(tx: &mut PlatformTx<'_>, pkcs8: &[u8]) -> Result<()> {
    let system = applications::system_instance(tx).await?;
    let id: SigningKeyId = tx.new_id();
    let row = id.to_string();
    let sealed = inside!(tx, system, inside => inside.seal(place(&row), pkcs8))?;
    let now = tx.now();
    tx.change(platform_sql!("insert into spare_keys (id, sealed, created_at) values ($1, $2, $3)"), &[&id, &sealed, &now]).await.map(drop)
}

/// Takes a spare; `None` where none waits. Nobody else gets the same one.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn take(tx: &mut PlatformTx<'_>, system: InstanceId) -> Result<Option<Vec<u8>>> {
    // Two takers may pick the same row; the one who comes second deletes nothing and picks again.
    for _ in 0..8 {
        let Some((id, sealed)) =
            tx.find::<(SigningKeyId, String)>(platform_sql!("select id, sealed from spare_keys order by created_at, id limit 1"), &[]).await?
        else {
            return Ok(None);
        };
        if tx.change(platform_sql!("delete from spare_keys where id = $1"), &[&id]).await? == 0 {
            continue;
        }
        let row = id.to_string();
        return inside!(tx, system, inside => inside.open(place(&row), &sealed)).map(Some);
    }
    Err(Error::Again("spare keys are in demand".to_owned()))
}
