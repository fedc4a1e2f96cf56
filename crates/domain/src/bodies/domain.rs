//! A domain, as backends and platforms see it.

use crate::{domains, instances::Tenant, settings::Settings};
use serde_json::{Value, json};

/// The domain of an instance, for its backend.
pub fn domain(tenant: &Tenant, settings: &Settings) -> Value {
    json!({
        "object": "domain",
        "id": domains::id(tenant.id()),
        "name": name(tenant),
        "is_satellite": false,
        "frontend_api_url": tenant.frontend_url,
        "accounts_portal_url": null,
        "proxy_url": tenant.instance.proxy_url,
        "development_origin": settings.development_origin.as_deref().unwrap_or_default(),
    })
}

/// The domain of a production instance, for the platform that owns it. What it does not have is left out.
pub fn platform_domain(tenant: &Tenant) -> Value {
    let instance = &tenant.instance;
    let times = |at: foundation::Timestamp| at.rfc3339();
    let mut body = json!({
        "object": "domain",
        "id": domains::id(instance.id),
        "name": name(tenant),
        "is_satellite": false,
        "is_provider_domain": instance.domain.is_none(),
        "frontend_api_url": tenant.frontend_url,
        "development_origin": "",
        "created_at": times(instance.created_at),
        "updated_at": times(instance.updated_at),
        "instance": {
            "object": "instance",
            "id": instance.id,
            "environment_type": instance.environment.as_str(),
            "created_at": times(instance.created_at),
            "updated_at": times(instance.updated_at),
        },
    });
    if let (Some(proxy_url), Some(fields)) = (&instance.proxy_url, body.as_object_mut()) {
        fields.insert("proxy_url".to_owned(), proxy_url.as_str().into());
    }
    body
}

/// The name that was asked for, or the host that serves the instance.
fn name(tenant: &Tenant) -> &str {
    tenant.instance.domain.as_deref().unwrap_or(&tenant.host)
}
