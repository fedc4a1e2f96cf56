//! Workspaces: teams that own applications.

use foundation::{Result, WorkspaceId};
use store::{PlatformTx, platform_sql};

/// Makes a workspace.
///
/// # Errors
/// Only the database's own.
pub async fn create(tx: &mut PlatformTx<'_>, name: &str) -> Result<WorkspaceId> {
    let id: WorkspaceId = tx.new_id();
    let now = tx.now();
    tx.change(platform_sql!("insert into workspaces (id, name, created_at) values ($1, $2, $3)"), &[&id, &name, &now]).await?;
    Ok(id)
}
