//! Platform tokens as the server's operator keeps them: made, listed and ended at the command line, never over the network.

use super::credentials::{Scope, create_platform_token_until};
use crate::audit::{self, Actor};
use ::store::{FromRow, PlatformTx, Row, platform_sql};
use foundation::{PlatformTokenId, Problem, Result, Secret, Timestamp, WorkspaceId};
use serde_json::json;

/// The most tokens that a list shows.
const MOST: i64 = 500;

/// A platform token as it is listed: never the token itself, which is kept only as its SHA-256.
#[derive(Clone, Debug)]
pub struct ListedToken {
    /// Its id.
    pub id: PlatformTokenId,
    /// The names of what it may do, as they were stored.
    pub scopes: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
}

impl ListedToken {
    /// The scopes that there are by now and this token lacks.
    pub fn lacks(&self) -> Vec<&'static str> {
        Scope::ALL.into_iter().filter(|scope| !scope.is_in(&self.scopes)).map(Scope::name).collect()
    }
}

impl FromRow for ListedToken {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(ListedToken { id: row.take()?, scopes: row.take()?, created_at: row.take()?, expires_at: row.take()? })
    }
}

/// The workspace that the first start made.
async fn workspace(tx: &mut PlatformTx<'_>) -> Result<WorkspaceId> {
    let found = tx.find(platform_sql!("select workspace_id from applications where system order by created_at limit 1"), &[]).await?;
    found.ok_or_else(|| Problem::NotFound.into())
}

/// Makes a token for the first start's workspace, and puts it on record.
///
/// # Errors
/// [`Problem::NotFound`] before the first start.
pub async fn issue(tx: &mut PlatformTx<'_>, scopes: &[Scope], expires_at: Option<Timestamp>) -> Result<Secret> {
    let workspace = workspace(tx).await?;
    let (id, secret) = create_platform_token_until(tx, workspace, scopes, expires_at).await?;
    let names: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
    audit::record_above(tx, Actor::Server, "platform_token.create", &id.to_string(), &json!({ "scopes": names })).await?;
    Ok(secret)
}

/// The tokens of the first start's workspace that are good, oldest first; at most 500.
///
/// # Errors
/// [`Problem::NotFound`] before the first start.
pub async fn list_issued(tx: &mut PlatformTx<'_>) -> Result<Vec<ListedToken>> {
    let (workspace, now) = (workspace(tx).await?, tx.now());
    tx.list(
        platform_sql!(
            "select id, scopes, created_at, expires_at from platform_tokens
             where workspace_id = $1 and (expires_at is null or expires_at > $2) order by created_at, id limit $3"
        ),
        &[&workspace, &now, &MOST],
    )
    .await
}

/// Ends a token at once.
///
/// # Errors
/// [`Problem::NotFound`] where there is none of this id.
pub async fn end_platform_token(tx: &mut PlatformTx<'_>, id: PlatformTokenId) -> Result<()> {
    if tx.change(platform_sql!("delete from platform_tokens where id = $1"), &[&id]).await? == 0 {
        return Err(Problem::NotFound.into());
    }
    audit::record_above(tx, Actor::Server, "platform_token.revoke", &id.to_string(), &json!({})).await
}
