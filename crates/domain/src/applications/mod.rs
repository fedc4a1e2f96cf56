//! Applications: one product each, or on a platform one customer each. Creating one is a single commit, and it is live at once.

pub(crate) mod cloning;
mod create;
mod rotation;
pub(crate) mod store;

pub use create::{AddedInstance, NewInstance, add_instance, create};
pub use rotation::{Change, revoke_signing_key, rotate_secret_keys, rotate_signing_key, signing_keys};

use crate::{
    audit::{self, Actor},
    instances::{self, Environment, Instance, Which},
    keys::{self, Scope},
    workspaces,
};
use ::store::{PlatformTx, inside};
use foundation::{ApplicationId, InstanceId, Page, Problem, Result, Secret, Timestamp, WorkspaceId, text};
use serde_json::{Value, json};

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

impl Application {
    /// # Errors
    /// As [`Instance::ensure_settled`], of any of them.
    pub(crate) fn ensure_settled(&self) -> Result<(), Problem> {
        self.instances.iter().try_for_each(Instance::ensure_settled)
    }
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

/// Checks an application's name.
///
/// # Errors
/// [`Problem::ParamInvalid`] on `name`.
pub fn check_name(name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if text::is_blank(name) || name.chars().count() > 100 || text::has_control(name) {
        return Err(Problem::invalid("name", "must have 1 to 100 characters, some that can be seen and no control characters"));
    }
    Ok(name.to_owned())
}

/// Checks what a further instance is to be called.
///
/// # Errors
/// [`Problem::ParamInvalid`] on `name`.
pub fn check_label(label: &str) -> Result<String, Problem> {
    let plain = label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') && !label.starts_with('-') && !label.ends_with('-');
    if label.is_empty() || label.len() > 32 || !plain || Environment::parse(label).is_some() {
        return Err(Problem::invalid("name", "must be 1 to 32 lower-case letters, digits and hyphens, and neither development nor production"));
    }
    Ok(label.to_owned())
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
    let found = instances.find(|instance| which.is(instance));
    found.ok_or_else(|| Problem::NotFound.into())
}

/// A page of the workspace's applications, oldest first.
///
/// # Errors
/// Only the database's own.
pub async fn list(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, page: Page) -> Result<Vec<Application>> {
    let mut applications = store::list(tx, workspace, page).await?;
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
    record(tx, "application.update", id, &json!({})).await?;
    get(tx, workspace, id).await
}

/// Deletes the application: its keys and sessions end with this commit. Its rows stay until a job removes them; its ids and
/// slugs are never given away again.
///
/// # Errors
/// [`Problem::NotFound`] where it is not the workspace's; [`Problem::ConversionUnderWay`].
pub async fn delete(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, id: ApplicationId) -> Result<Application> {
    let application = get(tx, workspace, id).await?;
    if !store::bury(tx, id).await? {
        return Err(Problem::NotFound.into());
    }
    // A conversion that has begun would lose people on their way.
    application.ensure_settled()?;
    // From here on nobody adds an instance to it; whoever was quicker is in this list.
    let application = Application { instances: instances::of_application(tx, id).await?, ..application };
    for instance in &application.instances {
        instances::store::bury(tx, instance.id).await?;
        keys::end_secret_keys(tx, instance.id).await?;
    }
    record(tx, "application.delete", id, &json!({})).await?;
    Ok(application)
}

/// Puts on record what a platform has done.
async fn record(tx: &mut PlatformTx<'_>, action: &str, id: ApplicationId, detail: &Value) -> Result<()> {
    audit::record_above(tx, Actor::Platform, action, &id.to_string(), detail).await
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
    let created = create::build(tx, workspace, &new, create::Kind::System, system).await?;
    let now = tx.now();
    inside!(tx, created.application.instances[0].id, inside => keys::adopt(inside, system_key, now))?;
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
