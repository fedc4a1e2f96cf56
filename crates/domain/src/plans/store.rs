//! The rows of plans.

use super::Plan;
use crate::settings::above::Stored;
use ::store::{FromRow, PlatformTx, Row, platform_sql};
use foundation::{PlanId, Problem, Result, WorkspaceId};

impl FromRow for Plan {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Plan { id: row.take()?, slug: row.take()?, name: row.take()?, created_at: row.take()?, updated_at: row.take()?, settings: Stored::default() })
    }
}

pub(super) async fn insert(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, plan: &Plan) -> Result<u64> {
    tx.change(
        platform_sql!("insert into plans (id, workspace_id, slug, name, created_at, updated_at) values ($1, $2, $3, $4, $5, $6)"),
        &[&plan.id, &workspace, &plan.slug, &plan.name, &plan.created_at, &plan.updated_at],
    )
    .await
}

pub(super) async fn find(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, id: PlanId) -> Result<Option<Plan>> {
    tx.find(platform_sql!("select id, slug, name, created_at, updated_at from plans where id = $1 and workspace_id = $2"), &[&id, &workspace]).await
}

pub(super) async fn list(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, most: i64) -> Result<Vec<Plan>> {
    tx.list(
        platform_sql!("select id, slug, name, created_at, updated_at from plans where workspace_id = $1 order by created_at, id limit $2"),
        &[&workspace, &most],
    )
    .await
}

pub(super) async fn count(tx: &mut PlatformTx<'_>, workspace: WorkspaceId) -> Result<i64> {
    tx.get(platform_sql!("select count(*) from plans where workspace_id = $1"), &[&workspace]).await
}

/// Nobody else changes the plan, deletes it or subscribes to it before this transaction ends.
pub(super) async fn hold(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, id: PlanId) -> Result<()> {
    let held = tx.change(platform_sql!("update plans set slug = slug where id = $1 and workspace_id = $2"), &[&id, &workspace]).await?;
    if held == 1 { Ok(()) } else { Err(Problem::NotFound.into()) }
}

pub(super) async fn rename(tx: &mut PlatformTx<'_>, id: PlanId, name: &str, slug: &str) -> Result<u64> {
    let now = tx.now();
    tx.change(platform_sql!("update plans set name = $2, slug = $3, updated_at = $4 where id = $1"), &[&id, &name, &slug, &now]).await
}

pub(super) async fn delete(tx: &mut PlatformTx<'_>, id: PlanId) -> Result<()> {
    tx.change(platform_sql!("delete from plans where id = $1"), &[&id]).await.map(drop)
}
