//! Applications.

use domain::{
    applications::{self, Application, NewApplication},
    domains,
    instances::Environment,
    keys::Scope,
};
use foundation::{ApplicationId, Problem, Secret};
use serde_json::{Map, Value, json};
use web::{Answer, Id, Input, NoBody, PlatformCall, Query};

/// An application. Secret keys are shown when they are made and never again, whatever `include_secret_keys` asks for.
fn body(call: &PlatformCall, application: &Application, secrets: &[Secret]) -> Value {
    let instances: Vec<Value> = application
        .instances
        .iter()
        .enumerate()
        .map(|(index, instance)| {
            let mut body = Map::new();
            body.insert("instance_id".to_owned(), json!(instance.id));
            body.insert("environment_type".to_owned(), instance.environment.as_str().into());
            body.insert("publishable_key".to_owned(), call.tenant(instance.clone()).publishable_key.into());
            if let Some(secret) = secrets.get(index) {
                body.insert("secret_key".to_owned(), secret.expose().into());
            }
            Value::Object(body)
        })
        .collect();
    json!({ "application_id": application.id, "name": application.name, "instances": instances })
}

/// The workspace's applications, oldest first; 500 if nothing is asked for.
pub async fn list(call: PlatformCall, Query(query): Query) -> Answer {
    let page = query.full_page()?;
    let workspace = call.workspace();
    call.read(
        Scope::ApplicationsRead,
        |tx| Box::pin(applications::list(tx, workspace, page)),
        |found| Value::Array(found.iter().map(|application| body(&call, application, &[])).collect()),
    )
    .await
}

/// Creates an application; it is live when this answers. The answer holds its secret keys, for the only time.
pub async fn create(call: PlatformCall, input: Input) -> Answer {
    input.only(&["name", "domain", "proxy_path", "environment_types", "template"])?;
    if input.has("template") {
        return Err(Problem::invalid("template", "is not supported by this server").into());
    }
    let new = NewApplication {
        name: applications::check_name(input.required("name")?)?,
        environments: environments(&input)?,
        domain: domains::check_name(call.site(), "domain", input.text("domain")?)?,
        proxy_path: domains::check_proxy_path(input.text("proxy_path")?)?,
    };
    let workspace = call.workspace();
    call.write_with_spares(
        Scope::ApplicationsManage,
        new.environments.len(),
        |tx| Box::pin(applications::create(tx, workspace, &new)),
        |created| body(&call, &created.application, &created.secret_keys),
    )
    .await
}

/// Which instances: development alone, unless the caller says otherwise.
fn environments(input: &Input) -> Result<Vec<Environment>, Problem> {
    let fault = Problem::invalid("environment_types", "must list development, production, or both");
    let mut environments = Vec::new();
    for word in input.texts("environment_types")? {
        let environment = Environment::parse(&word).ok_or(fault.clone())?;
        if environments.contains(&environment) {
            return Err(fault);
        }
        environments.push(environment);
    }
    if environments.is_empty() {
        if input.has("environment_types") {
            return Err(fault);
        }
        environments.push(Environment::Development);
    }
    Ok(environments)
}

/// An application.
pub async fn show(call: PlatformCall, Id(id): Id<ApplicationId>) -> Answer {
    let workspace = call.workspace();
    call.read(Scope::ApplicationsRead, |tx| Box::pin(applications::get(tx, workspace, id)), |application| body(&call, application, &[])).await
}

/// Gives an application another name.
pub async fn update(call: PlatformCall, Id(id): Id<ApplicationId>, input: Input) -> Answer {
    input.only(&["name"])?;
    let name = applications::check_name(input.required("name")?)?;
    let workspace = call.workspace();
    call.write(Scope::ApplicationsManage, |tx| Box::pin(applications::rename(tx, workspace, id, &name)), |application| body(&call, application, &[])).await
}

/// Deletes an application; its keys and sessions end at once.
pub async fn delete(call: PlatformCall, Id(id): Id<ApplicationId>, _: NoBody) -> Answer {
    let workspace = call.workspace();
    call.write(
        Scope::ApplicationsManage,
        |tx| Box::pin(applications::delete(tx, workspace, id)),
        |application| json!({ "object": "application", "id": application.id, "deleted": true }),
    )
    .await
}
