//! How applications and instances come to be: with everything that they need, in one commit.

use super::{Application, Created, NewApplication, cloning, record, store, system_instance};
use crate::{
    audit::{self, Actor},
    instances::{self, Environment, Instance},
    jobs, keys,
};
use ::store::{PlatformTx, Tx, inside};
use foundation::{ApplicationId, InstanceId, Problem, Random, Result, Secret, WorkspaceId, text};
use serde_json::json;

const SLUG_LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Whose application it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The server's own.
    System,
    /// A workspace's.
    Ordinary,
}

/// What a further instance is to be.
#[derive(Clone, Debug)]
pub struct NewInstance {
    /// What it is for.
    pub environment: Environment,
    /// What it is called; absent for the one of its environment that the wire contract knows.
    pub label: Option<String>,
    /// The domain it wants; kept, not verified.
    pub domain: Option<String>,
    /// The address of the application's own proxy.
    pub proxy_url: Option<String>,
    /// The instance whose settings, JWT templates and redirect URLs it begins with.
    pub clone_of: Option<InstanceId>,
}

/// A new instance, and its secret key that is shown only now.
pub struct AddedInstance {
    /// Its application.
    pub application: Application,
    /// The instance.
    pub instance: Instance,
    /// Its secret key.
    pub secret_key: Secret,
}

/// Creates an application with its instances, their keys and their first secret keys. Needs a spare key pair for each instance.
///
/// # Errors
/// [`Problem::Busy`] where fewer spares wait than are needed: the caller fills up and runs it again.
pub async fn create(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, new: &NewApplication) -> Result<Created> {
    let system = system_instance(tx).await?;
    let created = build(tx, workspace, new, Kind::Ordinary, system).await?;
    inside!(tx, system, inside => told(inside, &created.application))?;
    Ok(created)
}

/// Puts the creation on record, and sees to it that the spare key pairs it took are made again.
async fn told(inside: &mut Tx<'_>, application: &Application) -> Result<()> {
    audit::record(inside, Actor::Platform, "application.create", &application.id.to_string(), &json!({ "name": application.name })).await?;
    jobs::fill_spares(inside).await
}

pub(super) async fn build(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, new: &NewApplication, kind: Kind, system: InstanceId) -> Result<Created> {
    let application = Application { id: tx.new_id(), workspace, name: new.name.clone(), created_at: tx.now(), instances: Vec::new() };
    store::insert(tx, &application, kind == Kind::System).await?;
    let mut created = Created { application, secret_keys: Vec::new() };
    for environment in &new.environments {
        let wanted = NewInstance {
            environment: *environment,
            label: None,
            domain: new.domain.clone(),
            proxy_url: new.domain.as_ref().zip(new.proxy_path.as_ref()).map(|(domain, path)| format!("https://{domain}{path}")),
            clone_of: None,
        };
        let (instance, secret_key) = raise(tx, &created.application, &wanted, kind, system).await?;
        created.secret_keys.push(secret_key);
        created.application.instances.push(instance);
    }
    Ok(created)
}

/// Adds an instance to an application. The first of an environment is the wire contract's own; every other has a label.
///
/// # Errors
/// [`Problem::NotFound`] where the application is not the workspace's; [`Problem::InstanceExists`] where it has one like it;
/// [`Problem::ParamInvalid`] where the instance to clone is none of its development instances; [`Problem::Busy`] as [`create`].
pub async fn add_instance(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, id: ApplicationId, new: &NewInstance) -> Result<AddedInstance> {
    if !store::hold(tx, workspace, id).await? {
        return Err(Problem::NotFound.into());
    }
    let application = super::get(tx, workspace, id).await?;
    // An application that a conversion is making goes again if that comes to nothing.
    application.ensure_settled()?;
    if application.instances.len() >= MOST_INSTANCES {
        return Err(Problem::LimitReached("instances", MOST_INSTANCES_SHOWN).into());
    }
    let legacy = match new.clone_of {
        Some(source) => Some(cloning::of(tx, &application, source, new.environment).await?),
        None => None,
    };
    let system = system_instance(tx).await?;
    let (instance, secret_key) = raise(tx, &application, new, Kind::Ordinary, system).await?;
    if let Some(legacy) = legacy {
        inside!(tx, instance.id, inside => legacy.give(inside))?;
    }
    record(tx, "instance.create", id, &json!({ "instance_id": instance.id, "environment_type": instance.environment.as_str() })).await?;
    inside!(tx, system, inside => jobs::fill_spares(inside))?;
    Ok(AddedInstance { application, instance, secret_key })
}

/// The most instances of an application; a mere ceiling.
const MOST_INSTANCES: usize = 100;
const MOST_INSTANCES_SHOWN: i64 = 100;

/// Raises one instance with all that every instance has from its first moment.
async fn raise(tx: &mut PlatformTx<'_>, application: &Application, new: &NewInstance, kind: Kind, system: InstanceId) -> Result<(Instance, Secret)> {
    let instance = Instance {
        id: if kind == Kind::System { system } else { tx.new_id() },
        application: application.id,
        name: application.name.clone(),
        environment: new.environment,
        slug: draw_slug(tx.random(), &application.name),
        pool: tx.new_id(),
        domain: new.domain.clone(),
        proxy_url: new.proxy_url.clone(),
        label: new.label.clone(),
        conversion: None,
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    instances::store::insert(tx, &instance).await?;
    let pair = match kind {
        Kind::Ordinary => Some(keys::spares::take(tx, system).await?.ok_or(Problem::Busy(1))?),
        Kind::System => None,
    };
    inside!(tx, instance.id, inside => furnish(inside, &instance, pair))?;
    let secret_key = keys::create_secret_key(tx, instance.id, new.environment).await?;
    Ok((instance, secret_key))
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
