//! What the same thing is given at several doors, read alike.

mod jwt_templates;
mod layers;
mod users;

pub use jwt_templates::{jwt_template, new_jwt_template};
pub use layers::{layer_change, run};
pub use users::{UserForm, date, new_user, policy, refuse_absent_features, refuse_client_trust};
