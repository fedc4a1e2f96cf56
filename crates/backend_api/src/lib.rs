//! The Backend API: the door of an application's own backend, opened by a secret key. JSON in, JSON out.

mod clients;
mod domains;
mod email_addresses;
mod instance;
mod invitations;
mod jwt_templates;
mod memberships;
mod messages;
mod organization_domains;
mod organization_permissions;
mod organization_roles;
mod organization_settings;
mod organizations;
mod redirect_urls;
mod role_sets;
mod routes;
mod sessions;
mod sign_ups;
mod standing;
mod tickets;
mod users;

pub use routes::routes;

use foundation::Problem;
use serde_json::{Value, json};
use web::{Input, Query};

/// A list as the caller wants it: bare, or with its total where `paginated=true` is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Listing {
    Bare,
    WithTotal,
}

impl Listing {
    fn of(query: &Query) -> Result<Listing, Problem> {
        Ok(if query.0.flag("paginated")? == Some(true) { Listing::WithTotal } else { Listing::Bare })
    }

    fn body(self, items: Vec<Value>, total: i64) -> Value {
        match self {
            Listing::Bare => Value::Array(items),
            Listing::WithTotal => json!({ "data": items, "total_count": total }),
        }
    }
}

/// Whether whoever reads the primary address of before is told that another is primary now.
fn notify(input: &Input) -> Result<bool, Problem> {
    Ok(input.flag("notify_primary_email_address_changed")?.unwrap_or(false))
}
