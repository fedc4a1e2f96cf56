//! Instances: the environments of an application, each a tenant of its own.

mod site;
pub(crate) mod store;

pub use site::Site;

use ::store::{Database, PlatformTx, text_enum};
use foundation::{ApplicationId, InstanceId, PoolId, Result, Timestamp};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

text_enum! {
    /// What an instance is for.
    pub enum Environment {
        /// Trying things out: any origin, test addresses, generous rates.
        Development = "development",
        /// The real thing.
        Production = "production",
    }
}

impl Environment {
    /// The part of a key that says it: `test` or `live`.
    pub const fn mode(self) -> &'static str {
        match self {
            Environment::Development => "test",
            Environment::Production => "live",
        }
    }
}

/// An instance as it is stored.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// The application it belongs to.
    pub application: ApplicationId,
    /// The application's name, as pages and mails show it.
    pub name: String,
    /// What it is for.
    pub environment: Environment,
    /// Its name in hosts and paths; never changes.
    pub slug: String,
    /// The pool of its users.
    pub pool: PoolId,
    /// The domain that the application asked for; not verified.
    pub domain: Option<String>,
    /// The address of the application's own proxy.
    pub proxy_url: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An instance with everything that its hosts and keys say, computed once.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The instance.
    pub instance: Instance,
    /// The host that the publishable key names.
    pub host: String,
    /// Where its Frontend API is, without `/v1`.
    pub frontend_url: String,
    /// What SDKs are given.
    pub publishable_key: String,
    /// Who signs its tokens: `https://` and the host.
    pub issuer: String,
    /// What follows the names of its cookies.
    pub cookie_suffix: String,
}

impl Tenant {
    /// The instance's id.
    pub fn id(&self) -> InstanceId {
        self.instance.id
    }

    /// Whether it is a development instance.
    pub fn is_development(&self) -> bool {
        self.instance.environment == Environment::Development
    }
}

/// How long a tenant is remembered without asking the database.
const REMEMBERED: Duration = Duration::from_secs(10);
const MOST_REMEMBERED: usize = 10_000;

/// Finds tenants by slug and by id, and remembers them for ten seconds.
pub struct Directory {
    database: Database,
    site: Arc<Site>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    slugs: HashMap<String, InstanceId>,
    tenants: HashMap<InstanceId, (Timestamp, Arc<Tenant>)>,
}

impl Directory {
    /// Asks this database, and builds addresses for this site.
    pub fn new(database: Database, site: Arc<Site>) -> Directory {
        Directory { database, site, known: Mutex::default() }
    }

    /// The site that addresses are built for.
    pub fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// The living instance of this slug.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn by_slug(&self, slug: &str) -> Result<Option<Arc<Tenant>>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).slugs.get(slug).copied();
        if let Some(tenant) = known.and_then(|id| self.remembered(id)) {
            return Ok(Some(tenant));
        }
        let found = self.database.platform(::store::Access::Read, |tx| Box::pin(store::find_slug(tx, slug))).await?;
        match found {
            Some(id) => self.by_id(id).await,
            None => Ok(None),
        }
    }

    /// The living instance of this id.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn by_id(&self, id: InstanceId) -> Result<Option<Arc<Tenant>>> {
        if let Some(tenant) = self.remembered(id) {
            return Ok(Some(tenant));
        }
        let found = self.database.platform(::store::Access::Read, |tx| Box::pin(store::find(tx, id))).await?;
        Ok(found.map(|instance| {
            let tenant = Arc::new(self.site.tenant(instance));
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.tenants.len() >= MOST_REMEMBERED {
                *known = Known::default();
            }
            known.slugs.insert(tenant.instance.slug.clone(), id);
            known.tenants.insert(id, (self.database.now(), Arc::clone(&tenant)));
            tenant
        }))
    }

    fn remembered(&self, id: InstanceId) -> Option<Arc<Tenant>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, tenant) = known.tenants.get(&id)?;
        (self.database.now().since(*since) < REMEMBERED).then(|| Arc::clone(tenant))
    }

    /// Forgets an instance at once, after it was changed or deleted on this node.
    pub fn forget(&self, id: InstanceId) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).tenants.remove(&id);
    }
}

/// The living instances of an application, oldest first.
///
/// # Errors
/// Only the database's own.
pub async fn of_application(tx: &mut PlatformTx<'_>, application: ApplicationId) -> Result<Vec<Instance>> {
    store::of_application(tx, application).await
}
