//! Secret keys and platform tokens: shown once, stored as SHA-256, with their routing in their text.

use crate::instances::Environment;
use ::store::{Database, FromRow, Kept, Memo, PlatformTx, Row, platform_sql};
use foundation::{Id, InstanceId, Ksuid, PlatformTokenId, Problem, Random, Result, Secret, SecretKeyId, Timestamp, WorkspaceId};
use std::time::Duration;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 43 letters of 62 are 256 bits.
const LETTERS: usize = 43;

/// The most keys of an instance that end some time.
const MOST_OVERLAPPING: i64 = 20;

/// What a platform token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// See applications.
    ApplicationsRead,
    /// Create, change and delete applications.
    ApplicationsManage,
    /// See users.
    UsersRead,
    /// Create, change, ban and welcome users.
    UsersManage,
    /// Delete users.
    UsersDelete,
    /// See JWT templates.
    JwtTemplatesRead,
    /// Create, change and delete JWT templates.
    JwtTemplatesManage,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Scope; 7] = [
        Scope::ApplicationsRead,
        Scope::ApplicationsManage,
        Scope::UsersRead,
        Scope::UsersManage,
        Scope::UsersDelete,
        Scope::JwtTemplatesRead,
        Scope::JwtTemplatesManage,
    ];

    /// The scope of this name, under which tokens are made.
    pub fn parse(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// Whether the stored scopes of a token hold it, under its name or under one that it had before.
    pub fn is_in(self, stored: &str) -> bool {
        stored.split(' ').any(|word| word == self.name() || (self == Scope::ApplicationsManage && word == "applications:write"))
    }

    /// The scope's name, which is the wire contract's.
    pub const fn name(self) -> &'static str {
        match self {
            Scope::ApplicationsRead => "applications:read",
            Scope::ApplicationsManage => "applications:manage",
            Scope::UsersRead => "users:read",
            Scope::UsersManage => "users:manage",
            Scope::UsersDelete => "users:delete",
            Scope::JwtTemplatesRead => "jwt_templates:read",
            Scope::JwtTemplatesManage => "jwt_templates:manage",
        }
    }
}

/// A platform token that was recognised.
#[derive(Clone, Debug)]
pub struct PlatformToken {
    /// The record's id.
    pub id: PlatformTokenId,
    /// Whose applications it may touch.
    pub workspace: WorkspaceId,
    scopes: String,
}

impl PlatformToken {
    /// Whether it has the scope.
    pub fn allows(&self, scope: Scope) -> bool {
        scope.is_in(&self.scopes)
    }
}

impl FromRow for PlatformToken {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(PlatformToken { id: row.take()?, workspace: row.take()?, scopes: row.take()? })
    }
}

fn draw(prefix: &str, routing: Ksuid, random: &mut dyn Random) -> Secret {
    Secret::new(format!("{prefix}{routing}{}", random.letters(BASE62, LETTERS)))
}

/// Gives the instance a secret key: `sk_test_` or `sk_live_`, the instance's KSUID, 256 bits.
///
/// # Errors
/// Only the database's own.
pub async fn create_secret_key(tx: &mut PlatformTx<'_>, instance: InstanceId, environment: Environment) -> Result<Secret> {
    let secret = draw(&format!("sk_{}_", environment.mode()), instance.ksuid(), tx.random());
    let id: SecretKeyId = tx.new_id();
    let now = tx.now();
    sweep(tx).await?;
    tx.change(platform_sql!("insert into secret_keys (hash, id, instance_id, created_at) values ($1, $2, $3, $4)"), &[&secret.sha256(), &id, &instance, &now])
        .await?;
    Ok(secret)
}

/// Removes some of the keys of all instances that have ended. Each instance is named, so that what is remembered of the others stays.
async fn sweep(tx: &mut PlatformTx<'_>) -> Result<()> {
    let now = tx.now();
    // Without `distinct`, for which SQLite would read the keys of all instances.
    let mut ended: Vec<InstanceId> =
        tx.list(platform_sql!("select instance_id from secret_keys where expires_at <= $1 order by expires_at limit 100"), &[&now]).await?;
    ended.sort_unstable();
    ended.dedup();
    for instance in ended {
        tx.change(platform_sql!("delete from secret_keys where instance_id = $1 and expires_at <= $2"), &[&instance, &now]).await?;
    }
    Ok(())
}

/// Gives the instance a new secret key, and ends those that it has after the delay, or at once where there is none. A key that ends sooner ends
/// then. The caller holds the application, so that rotations come one after the other.
///
/// # Errors
/// [`Problem::LimitReached`] where too many keys would overlap.
pub async fn rotate_secret_key(tx: &mut PlatformTx<'_>, instance: InstanceId, environment: Environment, delay: Duration) -> Result<Secret> {
    let end = tx.now() + delay;
    if delay.is_zero() {
        end_secret_keys(tx, instance).await?;
    }
    tx.change(platform_sql!("update secret_keys set expires_at = $2 where instance_id = $1 and (expires_at is null or expires_at > $2)"), &[&instance, &end])
        .await?;
    let now = tx.now();
    let living: Option<i64> = tx.find(platform_sql!("select count(*) from secret_keys where instance_id = $1 and expires_at > $2"), &[&instance, &now]).await?;
    if living.unwrap_or(0) >= MOST_OVERLAPPING {
        return Err(Problem::LimitReached("secret keys that overlap", MOST_OVERLAPPING).into());
    }
    create_secret_key(tx, instance, environment).await
}

/// The instance of a living secret key. A key that ended on another node is known for some seconds more.
///
/// # Errors
/// Only the database's own.
pub async fn find_secret_key(database: &Database, secret: &Secret) -> Result<Option<InstanceId>> {
    let hash = secret.sha256();
    let found = database.recall_platform(Memo::new("secret key", &[&hash]), |tx| Box::pin(holder(tx, &hash)));
    Ok(*found.await?)
}

async fn holder(tx: &mut PlatformTx<'_>, hash: &str) -> Result<Kept<Option<InstanceId>>> {
    let now = tx.now();
    let found: Option<(InstanceId, Option<Timestamp>)> = tx
        .find(platform_sql!("select instance_id, expires_at from secret_keys where hash = $1 and (expires_at is null or expires_at > $2)"), &[&hash, &now])
        .await?;
    let Some((instance, end)) = found else { return Ok(Kept::never(None)) };
    let kept = Kept::new(Some(instance), 100).about(&instance);
    Ok(match end {
        Some(end) => kept.until(end),
        None => kept,
    })
}

/// Ends all secret keys of an instance.
///
/// # Errors
/// Only the database's own.
pub async fn end_secret_keys(tx: &mut PlatformTx<'_>, instance: InstanceId) -> Result<()> {
    tx.change(platform_sql!("delete from secret_keys where instance_id = $1"), &[&instance]).await.map(drop)
}

/// Gives the workspace a platform token: `plt_`, the workspace's KSUID, 256 bits.
///
/// # Errors
/// Only the database's own.
pub async fn create_platform_token(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, scopes: &[Scope]) -> Result<Secret> {
    create_platform_token_until(tx, workspace, scopes, None).await.map(|(_, secret)| secret)
}

pub(super) async fn create_platform_token_until(
    tx: &mut PlatformTx<'_>,
    workspace: WorkspaceId,
    scopes: &[Scope],
    end: Option<Timestamp>,
) -> Result<(PlatformTokenId, Secret)> {
    let secret = draw("plt_", workspace.ksuid(), tx.random());
    let id: PlatformTokenId = tx.new_id();
    let now = tx.now();
    let scopes = scopes.iter().map(|s| s.name()).collect::<Vec<_>>().join(" ");
    tx.change(
        platform_sql!("insert into platform_tokens (hash, id, workspace_id, scopes, created_at, expires_at) values ($1, $2, $3, $4, $5, $6)"),
        &[&secret.sha256(), &id, &workspace, &scopes, &now, &end],
    )
    .await?;
    Ok((id, secret))
}

/// The living platform token of this text.
///
/// # Errors
/// Only the database's own.
pub async fn find_platform_token(tx: &mut PlatformTx<'_>, secret: &Secret) -> Result<Option<PlatformToken>> {
    let now = tx.now();
    tx.find(
        platform_sql!("select id, workspace_id, scopes from platform_tokens where hash = $1 and (expires_at is null or expires_at > $2)"),
        &[&secret.sha256(), &now],
    )
    .await
}
