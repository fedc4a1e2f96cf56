//! An organization becomes an application of its own, with its people.
//!
//! The application is made when the plan is confirmed, so that its keys can be told, and closed until everybody is there. Those who belong to no
//! other organization move and keep their ids; those who do stay, and come to be a second time over there. What is sealed with a key of the old
//! instance stays behind: signing keys, keys of templates, the password of a mail server.

mod people;
mod plan;
mod rest;

pub(super) use plan::plan;

use super::{Conversion, Wanted, begin::At, run::Left, run::MANY, run::STEP, tables::organization_columns};
use crate::{
    applications::{self, AddedInstance, NewApplication},
    counters::{self, Counter},
    events::{self, Event},
    instances::{self, Instance},
    organizations::{self, Organization, roles},
};
use ::store::{PlatformTx, Tx, inside, platform_sql};
use foundation::{ConversionId, Error, InstanceId, OrganizationId, Problem, Result, RoleId};

/// From where to where, and what.
#[derive(Clone, Copy)]
struct Move {
    /// The instance that the organization leaves.
    from: InstanceId,
    /// Its own instance.
    to: InstanceId,
    /// The organization.
    organization: OrganizationId,
}

impl Move {
    fn of(home: &Instance, conversion: &Conversion) -> Result<Move> {
        let parts = conversion.target.zip(conversion.wanted.organization);
        let (to, organization) = parts.ok_or_else(|| Error::Broken(format!("{} has no target", conversion.id)))?;
        Ok(Move { from: home.id, to, organization })
    }
}

/// The organization that is to leave.
async fn leaving(tx: &mut Tx<'_>, wanted: &Wanted) -> Result<Organization> {
    let id = wanted.organization.ok_or(Problem::ParamMissing("organization_id"))?;
    organizations::find(tx, id).await?.ok_or_else(|| Problem::NamesNothing("organization_id").into())
}

/// The most characters of an application's name.
const LONGEST_NAME: usize = 100;

/// Makes the application: set up like the one that the organization leaves, subscribed to the same plan, and closed.
pub(super) async fn raise(tx: &mut PlatformTx<'_>, home: &Instance, at: At, id: ConversionId, wanted: &Wanted) -> Result<AddedInstance> {
    let organization = inside!(tx, home.id, inside => leaving(inside, wanted))?;
    let name = wanted.name.clone().unwrap_or_else(|| organization.name.chars().take(LONGEST_NAME).collect());
    let new = NewApplication { name, environments: vec![home.environment], domain: None, proxy_path: None };
    let mut created = applications::create(tx, at.workspace, &new).await?;
    let plan = applications::store::plan(tx, home.application).await?;
    applications::store::set_plan(tx, created.application.id, plan).await?;
    let instance = created.application.instances[0].clone();
    let legacy = applications::cloning::for_departure(tx, home).await?;
    inside!(tx, instance.id, inside => legacy.give(inside))?;
    instances::store::close(tx, instance.id, id).await?;
    let secret_key = created.secret_keys.remove(0);
    Ok(AddedInstance { application: created.application, instance, secret_key })
}

/// Deletes the application of a conversion that comes to nothing.
pub(super) async fn abandon(tx: &mut PlatformTx<'_>, home: &Instance, conversion: &Conversion) -> Result<()> {
    let (Some(application), Some(target)) = (conversion.application, conversion.target) else { return Ok(()) };
    instances::store::open(tx, target, conversion.id).await?;
    let workspace = applications::store::workspace_of(tx, home.application).await?;
    applications::delete(tx, workspace, application).await.map(drop)
}

/// Opens the new application.
pub(super) async fn open(tx: &mut PlatformTx<'_>, conversion: &Conversion) -> Result<()> {
    match conversion.target {
        Some(target) => instances::store::open(tx, target, conversion.id).await,
        None => Ok(()),
    }
}

/// Goes one step: first the organization with its roles and domains, then its members, then those who are invited, then what is left behind.
pub(super) async fn step(tx: &mut PlatformTx<'_>, home: &Instance, conversion: &mut Conversion) -> Result<Left> {
    let going = Move::of(home, conversion)?;
    let more = match conversion.stage {
        0 => {
            settle_in(tx, conversion, going).await?;
            false
        }
        1 => people::go(tx, conversion, going, STEP).await? > 0,
        2 => rest::invitations(tx, conversion, going, MANY).await? > 0,
        3 => rest::forget(tx, conversion, going).await? == Left::More,
        _ => return Ok(Left::Nothing),
    };
    if !more {
        conversion.stage += 1;
    }
    Ok(Left::More)
}

/// The organization itself, with everything that is its own and not its people's.
async fn settle_in(tx: &mut PlatformTx<'_>, conversion: &mut Conversion, going: Move) -> Result<()> {
    let Move { from, to, organization } = going;
    let catalogue = inside!(tx, from, inside => roles::catalogue(inside))?;
    let role_set = inside!(tx, from, inside => organizations::get(inside, organization))?.role_set;
    let key = catalogue.set(role_set).map(|set| set.key.clone()).unwrap_or_default();
    inside!(tx, to, inside => roles::adopt(inside, &catalogue))?;
    let adopted = inside!(tx, to, inside => roles::stored(inside))?;
    let set = adopted.set_of_key(&key).map(|set| set.id).ok_or_else(|| Error::Broken(format!("the role set {key} was not taken along")))?;
    conversion.done.add("roles", adopted.roles.len());
    conversion.done.add("permissions", adopted.permissions.iter().filter(|permission| permission.kind == roles::Kind::User).count());
    conversion.done.add("role_sets", adopted.sets.len());
    tx.change(
        platform_sql!(concat!(
            "insert into organizations (instance_id, id, role_set_id, created_by, members, pending_invitations, ",
            organization_columns!(),
            ") select cast($2 as text), id, cast($4 as text), null, 0, 0, ",
            organization_columns!(),
            " from organizations where instance_id = $1 and id = $3"
        )),
        &[&from, &to, &organization, &set],
    )
    .await?;
    people::carry_images(tx, going, &organization.to_string(), &organization.to_string()).await?;
    conversion.done.add("domains", rest::domains(tx, going).await?);
    conversion.done.add("organizations", 1);
    inside!(tx, to, inside => async {
        counters::add(inside, Counter::Organizations, 1).await?;
        let told = organizations::get(inside, organization).await?;
        events::emit(inside, Event::OrganizationCreated(&told)).await
    })
}

/// The role over there that is called like this one.
async fn role_over_there(tx: &mut PlatformTx<'_>, going: Move, role: RoleId) -> Result<RoleId> {
    let from = inside!(tx, going.from, inside => roles::catalogue(inside))?;
    let to = inside!(tx, going.to, inside => roles::catalogue(inside))?;
    let key = from.role(role).map(|role| role.key.clone()).unwrap_or_default();
    let found = to.roles.iter().find(|role| role.key == key).map(|role| role.id);
    found.ok_or_else(|| Error::Broken(format!("the role {key} was not taken along")))
}
