//! Bodies: the wire contract's shapes of resources, the same in every answer and every event.

mod attempts;
mod client;
mod conversion;
mod domain;
mod environment;
mod invitation;
mod jwt_template;
mod openid;
mod organization;
mod organization_domain;
mod redirect_url;
mod session;
mod settings;
mod user;

pub use attempts::{sign_in, sign_up};
pub use client::{backend_client, client};
pub use conversion::{conversion, conversion_copy, conversion_plan, pool};
pub use domain::{domain, platform_domain};
pub use environment::environment;
pub use invitation::{backend_invitation, instance_invitation, invitation, own_invitation};
pub use jwt_template::jwt_template;
pub use openid::openid_configuration;
pub use organization::{
    backend_membership, backend_organization, belonging, membership, organization, organization_settings, permission, removed_logo, role, role_set, user_pool,
};
pub use organization_domain::{backend_organization_domain, membership_request, organization_domain, several_domains, suggestion};
pub use redirect_url::redirect_url;
pub use session::{active_session, backend_session, session};
pub use settings::{blueprint, changed_blueprint, changed_config, changed_plan, config, effective_settings, plan};
pub use user::{backend_user, email_address, image, user, verification};

use foundation::Timestamp;
use serde_json::{Value, json};

/// What stands for a deleted thing.
pub fn deleted(object: &str, id: impl std::fmt::Display) -> Value {
    json!({ "object": object, "id": id.to_string(), "deleted": true })
}

fn millis(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| at.millis().into())
}
