//! The rows of applications.

use super::Application;
use ::store::{FromRow, PlatformTx, Row, Tx, platform_sql, sql};
use foundation::{ApplicationId, InstanceId, Page, PlanId, PoolId, Result, WorkspaceId};

impl FromRow for Application {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Application { id: row.take()?, workspace: row.take()?, name: row.take()?, created_at: row.take()?, instances: Vec::new() })
    }
}

pub(super) async fn insert(tx: &mut PlatformTx<'_>, application: &Application, system: bool) -> Result<()> {
    tx.change(
        platform_sql!("insert into applications (id, workspace_id, name, system, created_at, updated_at) values ($1, $2, $3, $4, $5, $5)"),
        &[&application.id, &application.workspace, &application.name, &system, &application.created_at],
    )
    .await
    .map(drop)
}

pub(super) async fn find(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, id: ApplicationId) -> Result<Option<Application>> {
    tx.find(
        platform_sql!("select id, workspace_id, name, created_at from applications where id = $1 and workspace_id = $2 and deleted_at is null and not system"),
        &[&id, &workspace],
    )
    .await
}

pub(super) async fn list(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, page: Page) -> Result<Vec<Application>> {
    tx.list(
        platform_sql!(
            "select id, workspace_id, name, created_at from applications where workspace_id = $1 and deleted_at is null and not system order by created_at, id limit $2 offset $3"
        ),
        &[&workspace, &page.limit, &page.offset],
    )
    .await
}

pub(super) async fn rename(tx: &mut PlatformTx<'_>, id: ApplicationId, name: &str) -> Result<()> {
    let now = tx.now();
    tx.change(platform_sql!("update applications set name = $2, updated_at = $3 where id = $1"), &[&id, &name, &now]).await.map(drop)
}

/// The plan that an application subscribes to.
pub(crate) async fn plan(tx: &mut PlatformTx<'_>, id: ApplicationId) -> Result<Option<PlanId>> {
    let found: Option<(Option<PlanId>,)> = tx.find(platform_sql!("select plan_id from applications where id = $1"), &[&id]).await?;
    Ok(found.and_then(|(plan,)| plan))
}

pub(crate) async fn set_plan(tx: &mut PlatformTx<'_>, id: ApplicationId, plan: Option<PlanId>) -> Result<()> {
    let now = tx.now();
    tx.change(platform_sql!("update applications set plan_id = $2, updated_at = $3 where id = $1"), &[&id, &plan, &now]).await.map(drop)
}

/// Whose application it is.
pub(crate) async fn workspace_of(tx: &mut PlatformTx<'_>, id: ApplicationId) -> Result<WorkspaceId> {
    let (workspace,): (WorkspaceId,) = tx.get(platform_sql!("select workspace_id from applications where id = $1"), &[&id]).await?;
    Ok(workspace)
}

/// How many living applications subscribe to a plan.
pub(crate) async fn subscribers(tx: &mut PlatformTx<'_>, plan: PlanId) -> Result<i64> {
    tx.get(platform_sql!("select count(*) from applications where plan_id = $1 and deleted_at is null"), &[&plan]).await
}

/// Makes everybody else who wants to change the application wait; whether it is there.
pub(super) async fn hold(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, id: ApplicationId) -> Result<bool> {
    let statement = platform_sql!("update applications set updated_at = updated_at where id = $1 and workspace_id = $2 and deleted_at is null and not system");
    Ok(tx.change(statement, &[&id, &workspace]).await? == 1)
}

/// Marks an application as deleted; whether it was there to be.
pub(super) async fn bury(tx: &mut PlatformTx<'_>, id: ApplicationId) -> Result<bool> {
    let now = tx.now();
    Ok(tx.change(platform_sql!("update applications set deleted_at = $2 where id = $1 and deleted_at is null"), &[&id, &now]).await? == 1)
}

pub(super) async fn system_instance(tx: &mut PlatformTx<'_>) -> Result<Option<InstanceId>> {
    tx.find(platform_sql!("select id from instances where application_id = (select id from applications where system) order by created_at limit 1"), &[]).await
}

pub(super) async fn insert_pool(tx: &mut Tx<'_>, pool: PoolId) -> Result<()> {
    let now = tx.now();
    tx.change(sql!("insert into pools (instance_id, id, created_at) values ($1, $2, $3)"), &[&pool, &now]).await.map(drop)
}
