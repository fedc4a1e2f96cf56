//! The instance's domain.

use domain::{
    audit::Actor,
    bodies,
    domains::{self, Change},
    settings,
};
use foundation::{DomainId, Problem};
use serde_json::json;
use web::{Answer, BackendCall, Id, Input};

/// The domains of the instance: its one.
pub async fn list(call: BackendCall) -> Answer {
    let tenant = &call.tenant;
    call.read(|tx| Box::pin(settings::effective(tx)), |settings| json!({ "data": [bodies::domain(tenant, settings)], "total_count": 1 })).await
}

/// Changes the name, or where browsers reach the application's own proxy.
pub async fn update(call: BackendCall, Id(id): Id<DomainId>, input: Input) -> Answer {
    input.only(&["name", "proxy_url", "is_secondary"])?;
    if input.flag("is_secondary")? == Some(true) {
        return Err(Problem::invalid("is_secondary", "is not supported by this server").into());
    }
    let change = Change {
        name: domains::check_name(call.site(), "name", input.text("name")?)?,
        proxy_url: input.change("proxy_url")?.map(|url| url.as_deref().map(domains::check_proxy_url).transpose()).transpose()?,
    };
    let tenant = call.change_instance(|tx, instance| Box::pin(domains::update(tx, instance, id, Actor::Backend, &change))).await?;
    call.read(|tx| Box::pin(settings::effective(tx)), |settings| bodies::domain(&tenant, settings)).await
}
