//! Pools: within one, an identifier belongs to one user. An instance has one pool for all its users; where its pools are isolated, each
//! organization has a pool of its own beside it, with a door, a publishable key and an issuer of its own, and everybody belongs to the
//! organization whose pool they are in.

use crate::{
    audit::{self, Actor},
    counters::{self, Counter},
    instances::Tenant,
    organizations::{
        self, Organization, invitations,
        memberships::{self, NewMembership},
        roles,
    },
    settings::{self, PoolMode},
    users::{self, User},
};
use ::store::{FromRow, Kept, Row, Tx, sql};
use foundation::{Error, OrganizationId, Page, PoolId, Problem, Result, UserId};
use serde_json::json;
use std::{borrow::Cow, sync::Arc};

/// The pool of an organization.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its id.
    pub id: PoolId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Its name in hosts and paths: the organization's slug when it came to be. It never changes.
    pub slug: String,
}

impl FromRow for Pool {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Pool { id: row.take()?, organization: row.take()?, slug: row.take()? })
    }
}

/// The longest name of a pool: together with the instance's it is one label of a host, which has at most 63 characters.
const LONGEST: usize = 20;

/// Gives an organization a pool of its own.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn create(tx: &mut Tx<'_>, organization: &Organization) -> Result<Pool> {
    let base = foundation::text::kebab(organization.slug.as_deref().unwrap_or(&organization.name), LONGEST);
    let slug = if claim(tx, &base, organization.id).await? {
        base
    } else {
        let other = format!("{}-{}", foundation::text::kebab(&base, LONGEST - 7), tx.random().digits(6));
        if !claim(tx, &other, organization.id).await? {
            return Err(Error::Again("the pool's name was taken meanwhile".to_owned()));
        }
        other
    };
    let pool = Pool { id: tx.new_id(), organization: organization.id, slug };
    let now = tx.now();
    tx.change(
        sql!("insert into pools (instance_id, id, organization_id, slug, created_at) values ($1, $2, $3, $4, $5)"),
        &[&pool.id, &pool.organization, &pool.slug, &now],
    )
    .await
    .map_err(|error| if let Error::Conflict(_) = error { Error::Again("the pool's name was taken meanwhile".to_owned()) } else { error })?;
    Ok(pool)
}

/// Makes a name an organization's own, unless it has ever been another's: tokens that were issued under it outlive the organization, and name
/// an issuer that must not become somebody else.
async fn claim(tx: &mut Tx<'_>, slug: &str, organization: OrganizationId) -> Result<bool> {
    let statement = sql!("insert into pool_names (instance_id, slug, organization_id) values ($1, $2, $3) on conflict (instance_id, slug) do nothing");
    if tx.change(statement, &[&slug, &organization]).await? == 1 {
        return Ok(true);
    }
    let owner: OrganizationId = tx.get(sql!("select organization_id from pool_names where instance_id = $1 and slug = $2"), &[&slug]).await?;
    Ok(owner == organization && of_slug(tx, slug).await?.is_none())
}

/// The pool of this name.
///
/// # Errors
/// Only the database's own.
pub async fn of_slug(tx: &mut Tx<'_>, slug: &str) -> Result<Option<Pool>> {
    tx.find(
        sql!(
            "select id, organization_id, slug from pools where instance_id = $1 and slug = $2
              and organization_id in (select o.id from organizations o where o.instance_id = $1 and o.deleted_at is null)"
        ),
        &[&slug],
    )
    .await
}

/// The pool of this organization, if it has one of its own.
///
/// # Errors
/// Only the database's own.
pub async fn of_organization(tx: &mut Tx<'_>, organization: OrganizationId) -> Result<Option<Pool>> {
    tx.find(sql!("select id, organization_id, slug from pools where instance_id = $1 and organization_id = $2"), &[&organization]).await
}

/// The organization's pool of this id; none for the pool that an instance has for all.
///
/// # Errors
/// Only the database's own.
pub async fn of_id(tx: &mut Tx<'_>, id: PoolId) -> Result<Option<Pool>> {
    tx.find(sql!("select id, organization_id, slug from pools where instance_id = $1 and id = $2 and organization_id is not null"), &[&id]).await
}

/// A page of the organizations' pools, oldest first, and how many there are in all: of all organizations, or of this one. None where one pool is
/// for all.
///
/// # Errors
/// Only the database's own.
pub async fn list(tx: &mut Tx<'_>, organization: Option<OrganizationId>, page: Page) -> Result<(Vec<Pool>, i64)> {
    if settings::effective(tx).await?.user_pool.mode != PoolMode::Isolated {
        return Ok((Vec::new(), 0));
    }
    if let Some(organization) = organization {
        let found = match organizations::find(tx, organization).await? {
            Some(organization) => of_organization(tx, organization.id).await?,
            None => None,
        };
        let total = i64::from(found.is_some());
        return Ok((found.into_iter().filter(|_| page.offset == 0).collect(), total));
    }
    let found = tx
        .list(
            sql!(
                "select id, organization_id, slug from pools where instance_id = $1
                  and organization_id in (select o.id from organizations o where o.instance_id = $1 and o.deleted_at is null)
                  order by created_at, id limit $2 offset $3"
            ),
            &[&page.limit, &page.offset],
        )
        .await?;
    let total = tx
        .count(
            sql!(
                "select count(*) from pools where instance_id = $1
                  and organization_id in (select o.id from organizations o where o.instance_id = $1 and o.deleted_at is null)"
            ),
            &[],
        )
        .await?;
    Ok((found, total))
}

/// The door of a pool, by its name, to be remembered; none where pools are not isolated, or there is none of this name.
///
/// # Errors
/// Only the database's own.
pub async fn door(tx: &mut Tx<'_>, tenant: &Tenant, slug: &str) -> Result<Kept<Option<Arc<Tenant>>>> {
    if settings::effective(tx).await?.user_pool.mode != PoolMode::Isolated {
        return Ok(Kept::never(None));
    }
    let Some(pool) = of_slug(tx, slug).await? else { return Ok(Kept::never(None)) };
    Ok(Kept::new(Some(Arc::new(tenant.inside(&pool))), 900).about(&pool.organization).about(&tenant.instance.application))
}

/// The tenant as those in this pool know it: with the pool's own host, key and issuer.
///
/// # Errors
/// Only the database's own.
pub async fn tenant_of<'t>(tx: &mut Tx<'_>, tenant: &'t Tenant, pool: PoolId) -> Result<Cow<'t, Tenant>> {
    if pool == tenant.instance.pool {
        return Ok(Cow::Borrowed(tenant));
    }
    Ok(of_id(tx, pool).await?.map_or(Cow::Borrowed(tenant), |pool| Cow::Owned(tenant.inside(&pool))))
}

/// The tenant as this user knows it.
///
/// # Errors
/// [`Problem::NotFound`] where there is no such user.
pub async fn tenant_of_user<'t>(tx: &mut Tx<'_>, tenant: &'t Tenant, user: UserId) -> Result<Cow<'t, Tenant>> {
    let pool = users::get(tx, user).await?.pool;
    tenant_of(tx, tenant, pool).await
}

/// Refuses whoever cannot belong to the organization, because they are in another pool than its members.
///
/// # Errors
/// [`Problem::NotFound`].
pub(crate) async fn ensure_theirs(tx: &mut Tx<'_>, organization: OrganizationId, user: &User) -> Result<()> {
    let fits = match settings::effective(tx).await?.user_pool.mode {
        PoolMode::Shared => of_id(tx, user.pool).await?.is_none(),
        PoolMode::Isolated => of_organization(tx, organization).await?.is_some_and(|pool| pool.id == user.pool),
    };
    if fits { Ok(()) } else { Err(Problem::NotFound.into()) }
}

/// The pool of a user whom a backend makes: the organization's that it names, where each has its own.
///
/// # Errors
/// [`Problem::ParamMissing`], [`Problem::ParamInvalid`] that name `organization_id`.
pub async fn of_new_user(tx: &mut Tx<'_>, tenant: &Tenant, organization: Option<OrganizationId>) -> Result<PoolId> {
    match (settings::effective(tx).await?.user_pool.mode, organization) {
        (PoolMode::Shared, None) => Ok(tenant.instance.pool),
        (PoolMode::Shared, Some(_)) => Err(Problem::invalid("organization_id", "has no meaning here: all organizations share one pool of users").into()),
        (PoolMode::Isolated, None) => Err(Problem::ParamMissing("organization_id").into()),
        (PoolMode::Isolated, Some(id)) => {
            let pool = of_organization(tx, id).await?.ok_or_else(|| Problem::invalid("organization_id", "names no organization of this instance"))?;
            Ok(pool.id)
        }
    }
}

/// Makes somebody who has just come to be in an organization's own pool its member: as what they were invited, if they were.
///
/// # Errors
/// As [`memberships::add`].
pub(crate) async fn welcome(tx: &mut Tx<'_>, actor: Actor<'_>, user: &User) -> Result<()> {
    let Some(pool) = of_id(tx, user.pool).await? else { return Ok(()) };
    // Whoever is invited has a seat that is kept for them, and a role.
    if settings::effective(tx).await?.organization_settings.enabled {
        let norms: Vec<String> = user.emails().filter(|email| email.verified_by.is_some()).map(|email| email.norm.clone()).collect();
        if let Some(invitation) = invitations::first_pending(tx, pool.organization, &norms).await? {
            return invitations::accept(tx, actor, invitation, user.id).await.map(drop);
        }
    }
    let catalogue = roles::stored(tx).await?;
    let set = organizations::get(tx, pool.organization).await?.role_set;
    let role = catalogue.set(set).ok_or(Problem::RoleUnknown)?.default_role;
    memberships::add(tx, actor, &NewMembership::new(pool.organization, user.id, role)).await.map(drop)
}

/// Gives the pool of an organization that is being deleted a name that no door has.
pub(crate) async fn close(tx: &mut Tx<'_>, organization: OrganizationId) -> Result<()> {
    tx.change(sql!("update pools set slug = id where instance_id = $1 and organization_id = $2"), &[&organization]).await.map(drop)
}

/// Deletes some of those in an organization's own pool; how many that were.
pub(crate) async fn empty(tx: &mut Tx<'_>, actor: Actor<'_>, organization: OrganizationId, most: i64) -> Result<usize> {
    let Some(pool) = of_organization(tx, organization).await? else { return Ok(0) };
    let some: Vec<UserId> = tx.list(sql!("select id from users where instance_id = $1 and pool_id = $2 order by id limit $3"), &[&pool.id, &most]).await?;
    for user in &some {
        users::delete(tx, actor, *user).await?;
    }
    Ok(some.len())
}

/// Removes an organization's pool. Its users are gone already.
pub(crate) async fn remove(tx: &mut Tx<'_>, organization: OrganizationId) -> Result<()> {
    tx.change(sql!("delete from pools where instance_id = $1 and organization_id = $2"), &[&organization]).await.map(drop)
}

/// The most organizations whose pools are made at once.
const MOST_AT_ONCE: i64 = 500;

/// Checks that the instance can go over to another mode at once: as long as it has no users.
///
/// # Errors
/// [`Problem::PoolModeInUse`].
pub(crate) async fn ensure_switchable(tx: &mut Tx<'_>) -> Result<()> {
    let (users, organizations) = (counters::value(tx, Counter::Users).await?, counters::value(tx, Counter::Organizations).await?);
    if users > 0 || organizations > MOST_AT_ONCE { Err(Problem::PoolModeInUse(users).into()) } else { Ok(()) }
}

/// Goes over to another mode: organizations get pools of their own, or lose them.
pub(crate) async fn switch(tx: &mut Tx<'_>, actor: Actor<'_>, mode: PoolMode) -> Result<()> {
    ensure_switchable(tx).await?;
    match mode {
        PoolMode::Shared => {
            tx.change(sql!("delete from pools where instance_id = $1 and organization_id is not null"), &[]).await?;
        }
        PoolMode::Isolated => {
            let page = Page { limit: MOST_AT_ONCE, offset: 0 };
            for organization in organizations::list(tx, &organizations::Filter::default(), organizations::Order::default(), page).await? {
                create(tx, &organization).await?;
            }
        }
    }
    let instance = tx.instance().to_string();
    audit::record(tx, actor, "user_pool.switch", &instance, &json!({ "mode": mode })).await
}
