//! What the same thing is given at several doors, read alike.

mod jwt_templates;
mod users;

pub use jwt_templates::jwt_template;
pub use users::{UserForm, date, new_user, organizations_limit, policy, refuse_absent_features, refuse_client_trust};
