//! Applications: one product each, or on a platform one customer each. Creating one is a single commit, and it is live at once.

mod rotation;
pub(crate) mod store;

pub use rotation::{Change, InstanceName, revoke_signing_key, rotate_secret_keys, rotate_signing_key, signing_keys};

use crate::{
    audit::{self, Actor},
    instances::{self, Environment, Instance, Which},
    jobs,
    keys::{self, Scope},
    workspaces,
};
use ::store::{PlatformTx, Tx};
use foundation::{ApplicationId, InstanceId, Problem, Random, Result, Secret, Timestamp, WorkspaceId, text};
use serde_json::json;

/// An application and its living instances.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its id.
    pub id: ApplicationId,
    /// The team that owns it.
    pub workspace: WorkspaceId,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its instances, oldest first.
    pub instances: Vec<Instance>,
}

/// What a new application is to be.
#[derive(Clone, Debug)]
pub struct NewApplication {
    /// Its name: 1 to 100 characters, no controls.
    pub name: String,
    /// Which instances it begins with; at least one.
    pub environments: Vec<Environment>,
    /// The domain it wants; kept, not verified.
    pub domain: Option<String>,
    /// The path of its own proxy on that domain.
    pub proxy_path: Option<String>,
}

/// A new application, and the secret keys that are shown only now.
pub struct Created {
    /// The application.
    pub application: Application,
    /// A secret key for each instance, in their order.
    pub secret_keys: Vec<Secret>,
}

const SLUG_LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const MOST_LISTED: i64 = 500;

/// Checks an application's name.
///
/// # Errors
/// [`Problem::ParamInvalid`] on `name`.
pub fn check_name(name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || text::has_control(name) {
        return Err(Problem::invalid("name", "must have 1 to 100 characters and no control characters"));
    }
    Ok(name.to_owned())
}

/// Checks the domain that an application wants.
///
/// # Errors
/// [`Problem::ParamInvalid`] on `domain`.
pub fn check_domain(domain: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(text) = domain else { return Ok(None) };
    let fault = Problem::invalid("domain", "must be a host name like example.com");
    let host = url::Host::parse(text).map_err(|_| fault.clone())?;
    match host {
        url::Host::Domain(name) if name.contains('.') && name.len() <= 253 && !name.ends_with(".localhost") && name.split('.').all(is_label) => Ok(Some(name)),
        _ => Err(fault),
    }
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Checks the path of an application's own proxy: one segment.
///
/// # Errors
/// [`Problem::ParamInvalid`] on `proxy_path`.
pub fn check_proxy_path(path: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(text) = path else { return Ok(None) };
    let plain =
        |segment: &str| !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let fits = text.len() <= 128 && text.strip_prefix('/').is_some_and(plain);
    if fits { Ok(Some(text.to_owned())) } else { Err(Problem::invalid("proxy_path", "must be a path like /__clerk")) }
}

/// Creates an application with its instances, their keys and their first secret keys. Needs a spare key pair for each instance.
///
/// # Errors
/// [`Problem::Busy`] where fewer spares wait than are needed: the caller fills up and runs it again.
pub async fn create(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, new: &NewApplication) -> Result<Created> {
    let system = system_instance(tx).await?;
    let created = build(tx, workspace, new, Kind::Ordinary, system).await?;
    let mut inside = tx.enter(system)?;
    let told = told(&mut inside, &created.application).await;
    tx.leave(inside);
    told?;
    Ok(created)
}

/// Puts the creation on record, and sees to it that the spare key pairs it took are made again.
async fn told(inside: &mut Tx<'_>, application: &Application) -> Result<()> {
    audit::record(inside, Actor::Platform, "application.create", &application.id.to_string(), &json!({ "name": application.name })).await?;
    jobs::fill_spares(inside).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    System,
    Ordinary,
}

async fn build(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, new: &NewApplication, kind: Kind, system: InstanceId) -> Result<Created> {
    let application = Application { id: tx.new_id(), workspace, name: new.name.clone(), created_at: tx.now(), instances: Vec::new() };
    store::insert(tx, &application, kind == Kind::System).await?;
    let mut created = Created { application, secret_keys: Vec::new() };
    for environment in &new.environments {
        let instance = Instance {
            id: if kind == Kind::System { system } else { tx.new_id() },
            application: created.application.id,
            name: new.name.clone(),
            environment: *environment,
            slug: draw_slug(tx.random(), &new.name),
            pool: tx.new_id(),
            domain: new.domain.clone(),
            proxy_url: new.domain.as_ref().zip(new.proxy_path.as_ref()).map(|(domain, path)| format!("https://{domain}{path}")),
            created_at: tx.now(),
        };
        instances::store::insert(tx, &instance).await?;
        let pair = match kind {
            Kind::Ordinary => Some(keys::spares::take(tx, system).await?.ok_or(Problem::Busy(1))?),
            Kind::System => None,
        };
        let mut inside = tx.enter(instance.id)?;
        let furnished = furnish(&mut inside, &instance, pair).await;
        tx.leave(inside);
        furnished?;
        created.secret_keys.push(keys::create_secret_key(tx, instance.id, *environment).await?);
        created.application.instances.push(instance);
    }
    Ok(created)
}

/// What every instance has from its first moment: a data key, a pool, a signing key.
async fn furnish(tx: &mut Tx<'_>, instance: &Instance, pair: Option<Vec<u8>>) -> Result<()> {
    tx.create_data_key().await?;
    store::insert_pool(tx, instance.pool).await?;
    if let Some(pair) = pair {
        let now = tx.now();
        keys::adopt(tx, &pair, now).await?;
    }
    Ok(())
}

/// `<name in kebab case>-<6 letters of base 32>`; the letters keep it unique and off every reserved name.
fn draw_slug(random: &mut dyn Random, name: &str) -> String {
    format!("{}-{}", text::kebab(name, 32), random.letters(SLUG_LETTERS, 6))
}

/// The application of this id in the workspace.
///
/// # Errors
/// [`Problem::NotFound`] where there is none, or it is another workspace's.
pub async fn get(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, id: ApplicationId) -> Result<Application> {
    let mut application = store::find(tx, workspace, id).await?.ok_or(Problem::NotFound)?;
    application.instances = instances::of_application(tx, id).await?;
    Ok(application)
}

/// The instance of one of the workspace's applications.
///
/// # Errors
/// [`Problem::NotFound`] where there is none, or it is another application's or another workspace's.
pub async fn instance(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, id: ApplicationId, which: Which) -> Result<Instance> {
    let application = get(tx, workspace, id).await?;
    let mut instances = application.instances.into_iter();
    let found = instances.find(|instance| match which {
        Which::Environment(environment) => instance.environment == environment,
        Which::Id(id) => instance.id == id,
    });
    found.ok_or_else(|| Problem::NotFound.into())
}

/// The workspace's applications, oldest first; at most 500.
///
/// # Errors
/// Only the database's own.
pub async fn list(tx: &mut PlatformTx<'_>, workspace: WorkspaceId) -> Result<Vec<Application>> {
    let mut applications = store::list(tx, workspace, MOST_LISTED).await?;
    for application in &mut applications {
        application.instances = instances::of_application(tx, application.id).await?;
    }
    Ok(applications)
}

/// Gives the application another name. Slugs, hosts and keys stay.
///
/// # Errors
/// [`Problem::NotFound`] where it is not the workspace's.
pub async fn rename(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, id: ApplicationId, name: &str) -> Result<Application> {
    get(tx, workspace, id).await?;
    store::rename(tx, id, name).await?;
    record(tx, "application.update", id).await?;
    get(tx, workspace, id).await
}

/// Deletes the application: its keys and sessions end with this commit. Its rows stay until a job removes them; its ids and
/// slugs are never given away again.
///
/// # Errors
/// [`Problem::NotFound`] where it is not the workspace's.
pub async fn delete(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, id: ApplicationId) -> Result<Application> {
    let application = get(tx, workspace, id).await?;
    if !store::bury(tx, id).await? {
        return Err(Problem::NotFound.into());
    }
    for instance in &application.instances {
        instances::store::bury(tx, instance.id).await?;
        keys::end_secret_keys(tx, instance.id).await?;
    }
    record(tx, "application.delete", id).await?;
    Ok(application)
}

async fn record(tx: &mut PlatformTx<'_>, action: &str, id: ApplicationId) -> Result<()> {
    audit::record_above(tx, Actor::Platform, action, &id.to_string(), &json!({})).await
}

/// The instance of the system application, which platform events and jobs belong to.
///
/// # Errors
/// [`Problem::NotFound`] before the first start.
pub async fn system_instance(tx: &mut PlatformTx<'_>) -> Result<InstanceId> {
    store::system_instance(tx).await?.ok_or_else(|| Problem::NotFound.into())
}

/// Whether this database was started before.
///
/// # Errors
/// Only the database's own.
pub async fn is_founded(tx: &mut PlatformTx<'_>) -> Result<bool> {
    Ok(store::system_instance(tx).await?.is_some())
}

/// Lays the foundation: the workspace and the system application. A database gets it once.
///
/// # Errors
/// Only the database's own.
pub async fn found(tx: &mut PlatformTx<'_>, system_key: &[u8]) -> Result<WorkspaceId> {
    let workspace = workspaces::create(tx, "Default workspace").await?;
    let new = NewApplication { name: "Insula".to_owned(), environments: vec![Environment::Production], domain: None, proxy_path: None };
    let system = tx.new_id();
    let created = build(tx, workspace, &new, Kind::System, system).await?;
    let mut inside = tx.enter(created.application.instances[0].id)?;
    let now = inside.now();
    let adopted = keys::adopt(&mut inside, system_key, now).await;
    tx.leave(inside);
    adopted?;
    Ok(workspace)
}

/// Everything that the first start hands to the operator.
pub struct FirstSteps {
    /// The first application.
    pub created: Created,
    /// A platform token with all scopes.
    pub platform_token: Secret,
}

/// Creates the first application and a platform token for it.
///
/// # Errors
/// As [`create`].
pub async fn first_steps(tx: &mut PlatformTx<'_>, workspace: WorkspaceId) -> Result<FirstSteps> {
    let new = NewApplication { name: "My application".to_owned(), environments: vec![Environment::Development], domain: None, proxy_path: None };
    let created = create(tx, workspace, &new).await?;
    let platform_token = keys::create_platform_token(tx, workspace, &Scope::ALL).await?;
    Ok(FirstSteps { created, platform_token })
}
