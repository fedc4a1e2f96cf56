//! Conversions on the wire. Not in the contract.

use super::millis;
use crate::{
    conversions::{Conversion, Copied, Report, Wanted},
    instances::Tenant,
    pools::Pool,
};
use serde_json::{Value, json};

/// A plan that was made just now.
pub fn conversion_plan(report: &Report, wanted: &Wanted) -> Value {
    json!({
        "object": "conversion_plan",
        "kind": wanted.kind.as_str(),
        "fingerprint": report.fingerprint(wanted),
        "confirmable": !report.is_blocked(),
        "numbers": report.counts.numbers,
        "ends": report.counts.ends,
        "conflicts": report.conflicts,
    })
}

/// A conversion that was confirmed: its plan, and what was done of it so far.
pub fn conversion(conversion: &Conversion) -> Value {
    json!({
        "object": "conversion",
        "id": conversion.id,
        "kind": conversion.wanted.kind.as_str(),
        "organization_id": conversion.wanted.organization,
        "users_in_several_organizations": conversion.wanted.several.as_str(),
        "users_in_no_organization": conversion.wanted.without.as_str(),
        "same_identifiers": conversion.wanted.same.as_str(),
        "status": conversion.status.as_str(),
        "fingerprint": conversion.fingerprint,
        "plan": { "numbers": conversion.report.counts.numbers, "ends": conversion.report.counts.ends, "conflicts": conversion.report.conflicts },
        "done": { "numbers": conversion.done.numbers, "ends": conversion.done.ends },
        "application_id": conversion.application,
        "instance_id": conversion.target,
        "started_at": millis(conversion.started_at),
        "ended_at": millis(conversion.ended_at),
        "created_at": conversion.created_at.millis(),
        "updated_at": conversion.updated_at.millis(),
    })
}

/// A user who came to be a second time.
pub fn conversion_copy(copied: &Copied) -> Value {
    json!({ "object": "conversion_copy", "user_id": copied.user, "organization_id": copied.organization, "copy_user_id": copied.copy })
}

/// The door of an organization's own pool, and whose it is.
pub fn pool(tenant: &Tenant, pool: &Pool) -> Value {
    let mut body = super::user_pool(&tenant.inside(pool));
    body["organization_id"] = json!(pool.organization);
    body["slug"] = json!(pool.slug);
    body
}
