//! The Platform API: what a workspace does with its applications.

mod alike;
mod applications;
mod blueprint;
mod config;
mod domains;
mod impact;
mod inside;
mod instances;
mod lifecycle;
mod plans;
mod refusals;
mod secret_keys;
mod signing_keys;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use foundation::Secret;
use serde_json::{Value, json};
use store::{Access, sql};
use testkit::{Api, Browser, TestServer};

/// Where applications are.
pub const PATH: &str = "/v1/platform/applications";

/// Creates an application of this name with a development instance.
pub async fn create(platform: &Api, name: &str) -> Value {
    platform.post(PATH, json!({ "name": name })).await.ok().clone()
}

/// The path of an application.
pub fn path(application: &Value) -> String {
    format!("{PATH}/{}", application["application_id"].as_str().expect("an id"))
}

/// The host that a publishable key names, as the SDKs read it.
pub fn host(publishable_key: &str) -> String {
    let parts: Vec<&str> = publishable_key.split('_').collect();
    assert_eq!((parts.len(), parts[0]), (3, "pk"), "{publishable_key}");
    let decoded = String::from_utf8(STANDARD_NO_PAD.decode(parts[2]).expect("unpadded base64")).expect("text");
    let host = decoded.strip_suffix('$').expect("a dollar at its end").to_owned();
    assert!(host.contains('.') && !host.contains('$'), "{host}");
    host
}

/// The parts of an instance that its owner works with.
pub struct Owned {
    /// The secret key.
    pub secret_key: Secret,
    /// The host.
    pub host: String,
    /// The slug.
    pub slug: String,
}

/// Reads an instance of a created application.
pub fn owned(instance: &Value) -> Owned {
    let host = host(instance["publishable_key"].as_str().expect("a publishable key"));
    let slug = host.split('.').next().expect("a slug").to_owned();
    Owned { secret_key: Secret::new(instance["secret_key"].as_str().expect("a secret key")), host, slug }
}

/// A browser at a created instance's own host.
pub fn browser(server: &TestServer, instance: &Owned) -> Browser {
    server.browser().by_host(&instance.host)
}

/// The workspace's applications as they are listed.
pub async fn listed(platform: &Api) -> Vec<Value> {
    platform.get(PATH).await.ok().as_array().expect("a bare array").clone()
}

/// The path of the home instance, by its id.
pub fn home(server: &TestServer) -> String {
    format!("{PATH}/{}/instances/{}", server.home.tenant.instance.application, server.home.tenant.id())
}

/// The path of the neighbour instance, by its id.
pub fn neighbour(server: &TestServer) -> String {
    format!("{PATH}/{}/instances/{}", server.neighbour.tenant.instance.application, server.neighbour.tenant.id())
}

/// A key of the effective settings at this path.
pub async fn effective(platform: &Api, instance: &str, key: &str) -> Value {
    platform.get(&format!("{instance}/settings/effective")).await.ok()["settings"][key].clone()
}

/// The entries of the log above the instances with this action, in no order.
pub async fn recorded(server: &TestServer, action: &'static str) -> Vec<Value> {
    let system = server.database.platform(Access::Read, |tx| Box::pin(domain::applications::system_instance(tx))).await.expect("a system instance");
    let found: Vec<String> = server
        .inside(system, Access::Read, |tx| {
            Box::pin(async move { tx.list(sql!("select detail from audit where instance_id = $1 and action = $2"), &[&action]).await })
        })
        .await;
    found.iter().map(|detail| serde_json::from_str(detail).expect("JSON")).collect()
}
