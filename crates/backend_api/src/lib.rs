//! The Backend API: the door of an application's own backend, opened by a secret key. JSON in, JSON out.

mod clients;
mod instance;
mod redirect_urls;
mod routes;
mod sessions;
mod users;

pub use routes::routes;

use serde_json::{Value, json};
use web::Query;

/// A list as the caller wants it: bare, or with its total where `paginated=true` is asked for.
fn listed(query: &Query, items: Vec<Value>, total: i64) -> Result<Value, foundation::Problem> {
    Ok(if query.0.flag("paginated")? == Some(true) { json!({ "data": items, "total_count": total }) } else { Value::Array(items) })
}
