//! Instances: the environments of an application, each a tenant of its own.

mod site;
pub(crate) mod store;

pub use site::{Site, parts};

use crate::pools::{self, Pool};
use ::store::{Database, Kept, Memo, PlatformTx, text_enum};
use foundation::{ApplicationId, ConversionId, Id, InstanceId, OrganizationId, PoolId, Problem, Result, Timestamp};
use std::sync::Arc;

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

/// How a path names an instance of an application: by what it is for (then the one that the wire contract knows), or by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// By what it is for.
    Environment(Environment),
    /// By its id.
    Id(InstanceId),
}

impl Which {
    /// Reads either; `None` for anything else.
    pub fn parse(text: &str) -> Option<Which> {
        Environment::parse(text).map(Which::Environment).or_else(|| InstanceId::parse(text).map(Which::Id))
    }

    /// Whether this is the one that is meant.
    pub fn is(self, instance: &Instance) -> bool {
        match self {
            Which::Environment(environment) => instance.environment == environment && instance.label.is_none(),
            Which::Id(id) => instance.id == id,
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
    /// What a further instance is called; absent for the development and the production instance of the wire contract.
    pub label: Option<String>,
    /// The conversion that it is closed for to everybody else.
    pub conversion: Option<ConversionId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its domain or its proxy last changed.
    pub updated_at: Timestamp,
}

impl Instance {
    /// Refuses what a platform may not do while the instance is closed for a conversion.
    ///
    /// # Errors
    /// [`Problem::ConversionUnderWay`].
    pub(crate) fn ensure_settled(&self) -> Result<(), Problem> {
        if self.conversion.is_some() { Err(Problem::ConversionUnderWay) } else { Ok(()) }
    }
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
    /// The organization whose own pool this is the door of, where pools are isolated.
    pub organization: Option<OrganizationId>,
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

impl Tenant {
    /// The door of an organization's own pool: its own host in front of the instance's, and all that follows from it.
    pub fn inside(&self, pool: &Pool) -> Tenant {
        let slug = &self.instance.slug;
        let frontend_url = match self.frontend_url.strip_suffix(&format!("/t/{slug}")) {
            Some(_) => format!("{}/o/{}", self.frontend_url, pool.slug),
            None => self.frontend_url.replacen("://", &format!("://{}--", pool.slug), 1),
        };
        let instance = Instance { pool: pool.id, ..self.instance.clone() };
        Tenant { organization: Some(pool.organization), ..Tenant::at(instance, format!("{}--{}", pool.slug, self.host), frontend_url) }
    }
}

/// About how many bytes a remembered tenant takes.
const WEIGHT: usize = 800;

/// Finds tenants by slug and by id.
pub struct Directory {
    database: Database,
    site: Arc<Site>,
}

impl Directory {
    /// Asks this database, and builds addresses for this site.
    pub fn new(database: Database, site: Arc<Site>) -> Directory {
        Directory { database, site }
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
        let memo = Memo::new("tenant by slug", &[slug]);
        let found = self.database.recall_platform(memo, |tx| {
            Box::pin(async move {
                Ok(match store::find_slug(tx, slug).await? {
                    Some(id) => self.kept(store::find(tx, id).await?),
                    None => self.kept(None),
                })
            })
        });
        Ok(Option::clone(&*found.await?))
    }

    /// The living instance of this id.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn by_id(&self, id: InstanceId) -> Result<Option<Arc<Tenant>>> {
        let name = id.to_string();
        let found = self.database.recall_platform(Memo::new("tenant by id", &[&name]), |tx| Box::pin(async move { Ok(self.kept(store::find(tx, id).await?)) }));
        Ok(Option::clone(&*found.await?))
    }

    /// The door of one of the instance's own pools, by the pool's name.
    ///
    /// # Errors
    /// Only the database's own.
    #[allow(clippy::disallowed_methods, reason = "the tenant was just recognised")]
    pub async fn pool(&self, tenant: &Arc<Tenant>, slug: &str) -> Result<Option<Arc<Tenant>>> {
        let found = self.database.recall(tenant.id(), Memo::new("pool", &[slug]), |tx| Box::pin(pools::door(tx, tenant, slug)));
        Ok(Option::clone(&*found.await?))
    }

    /// What is remembered of an instance; of one that is not there, nothing.
    fn kept(&self, found: Option<Instance>) -> Kept<Option<Arc<Tenant>>> {
        let Some(instance) = found else { return Kept::never(None) };
        let (id, application) = (instance.id, instance.application);
        Kept::new(Some(Arc::new(self.site.tenant(instance))), WEIGHT).about(&id).about(&application)
    }
}

/// The living instances of an application, oldest first.
///
/// # Errors
/// Only the database's own.
pub async fn of_application(tx: &mut PlatformTx<'_>, application: ApplicationId) -> Result<Vec<Instance>> {
    store::of_application(tx, application).await
}
