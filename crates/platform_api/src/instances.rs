//! Instances of an application.

use domain::{
    applications::{self, AddedInstance, NewInstance},
    bodies, domains,
    instances::{Environment, Instance},
    keys::Scope,
};
use foundation::{ApplicationId, Id as _, InstanceId, Problem};
use serde_json::{Value, json};
use web::{Answer, Id, Input, PlatformCall, created};

/// A new instance. Its secret key is shown now and never again.
fn body(call: &PlatformCall, added: &AddedInstance) -> Value {
    let tenant = call.tenant(added.instance.clone());
    json!({
        "object": "instance",
        "id": tenant.id(),
        "environment_type": tenant.instance.environment.as_str(),
        "active_domain": bodies::platform_domain(&tenant),
        "secret_key": added.secret_key.expose(),
        "publishable_key": tenant.publishable_key,
        "created_at": tenant.instance.created_at.millis(),
        "updated_at": tenant.instance.updated_at.millis(),
    })
}

/// The instance that is to be cloned.
fn clone_of(input: &Input) -> Result<Option<InstanceId>, Problem> {
    let fault = Problem::invalid("clone_instance_id", "must be a development instance of this application");
    input.text("clone_instance_id")?.map(|text| InstanceId::parse(text).ok_or(fault)).transpose()
}

async fn add(call: PlatformCall, application: ApplicationId, new: &NewInstance, shown: fn(&PlatformCall, &AddedInstance) -> Value) -> Answer {
    let workspace = call.workspace();
    call.write_with_spares(
        Scope::ApplicationsManage,
        1,
        |tx| Box::pin(applications::add_instance(tx, workspace, application, new)),
        |added| shown(&call, added),
    )
    .await
    .map(created)
}

/// Creates the production instance of an application; it is live when this answers.
pub async fn create(call: PlatformCall, Id(application): Id<ApplicationId>, input: Input) -> Answer {
    input.only(&["domain", "environment_type", "clone_instance_id"])?;
    if input.text("environment_type")?.is_some_and(|word| word != Environment::Production.as_str()) {
        return Err(Problem::invalid("environment_type", "must be production").into());
    }
    let domain = domains::check_name(call.site(), "domain", Some(input.required("domain")?))?;
    let new = NewInstance { environment: Environment::Production, label: None, domain, proxy_url: None, clone_of: clone_of(&input)? };
    add(call, application, &new, body).await
}

/// What a further instance is to be.
fn further(call: &PlatformCall, input: &Input) -> Result<NewInstance, Problem> {
    input.only(&["name", "environment_type", "domain", "proxy_url", "clone_instance_id"])?;
    let environment = Environment::parse(input.required("environment_type")?);
    Ok(NewInstance {
        environment: environment.ok_or_else(|| Problem::invalid("environment_type", "must be development or production"))?,
        label: Some(applications::check_label(input.required("name")?)?),
        domain: domains::check_name(call.site(), "domain", input.text("domain")?)?,
        proxy_url: input.text("proxy_url")?.map(domains::check_proxy_url).transpose()?,
        clone_of: clone_of(input)?,
    })
}

/// A further instance: staging, a preview, a demonstration. It has a name, and is of one of the two types that keys know.
pub async fn create_environment(call: PlatformCall, Id(application): Id<ApplicationId>, input: Input) -> Answer {
    let new = further(&call, &input)?;
    add(call, application, &new, |call, added| {
        let mut shown = environment_body(call, &added.instance);
        shown["secret_key"] = added.secret_key.expose().into();
        shown
    })
    .await
}

/// All instances of an application with their names, oldest first.
pub async fn list_environments(call: PlatformCall, Id(application): Id<ApplicationId>) -> Answer {
    let workspace = call.workspace();
    call.read(
        Scope::ApplicationsRead,
        |tx| Box::pin(applications::get(tx, workspace, application)),
        |found| json!({ "data": found.instances.iter().map(|i| environment_body(&call, i)).collect::<Vec<_>>(), "total_count": found.instances.len() }),
    )
    .await
}

/// An instance with its name; the two that the wire contract knows are called like their type.
fn environment_body(call: &PlatformCall, instance: &Instance) -> Value {
    let tenant = call.tenant(instance.clone());
    json!({
        "object": "environment",
        "instance_id": instance.id,
        "name": instance.label.as_deref().unwrap_or(instance.environment.as_str()),
        "environment_type": instance.environment.as_str(),
        "publishable_key": tenant.publishable_key,
        "frontend_api_url": tenant.frontend_url,
        "proxy_url": instance.proxy_url,
        "created_at": instance.created_at.millis(),
        "updated_at": instance.updated_at.millis(),
    })
}
