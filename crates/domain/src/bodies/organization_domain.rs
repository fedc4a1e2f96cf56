//! Domains of organizations, and what comes of them, on the wire.

use super::session::public_user_data;
use crate::organizations::{
    Organization,
    domains::{Shown, record_name},
    requests::Request,
    suggestions::Suggestion,
};
use foundation::{Problem, Timestamp};
use serde_json::{Value, json};

/// A domain as the organization's members see it.
pub fn organization_domain(shown: &Shown) -> Value {
    let mut body = backend_organization_domain(shown);
    let domain = &shown.domain;
    if let Value::Object(ownership) = &mut body["ownership_verification"] {
        let waits = domain.ownership.verified_at.is_none() && domain.ownership.expires_at.is_some_and(|at| at > shown.now);
        ownership.insert("txt_record_name".to_owned(), json!(waits.then(|| record_name(&domain.name))));
        ownership.insert("txt_record_value".to_owned(), json!(domain.ownership.value.as_ref().filter(|_| waits)));
    }
    body
}

/// A domain as the backend and the receivers of events see it.
pub fn backend_organization_domain(shown: &Shown) -> Value {
    let domain = &shown.domain;
    let affiliation = affiliation(shown);
    json!({
        "object": "organization_domain",
        "id": domain.id,
        "organization_id": domain.organization,
        "name": domain.name,
        "enrollment_mode": domain.mode.as_str(),
        "affiliation_email_address": domain.affiliation_email_address,
        "affiliation_verification": affiliation,
        "ownership_verification": ownership(shown),
        "verification": affiliation,
        "total_pending_invitations": shown.pending_invitations,
        "total_pending_suggestions": shown.pending_suggestions,
        "public_organization_data": public_data(&shown.organization),
        "created_at": domain.created_at,
        "updated_at": domain.updated_at,
    })
}

fn state(status: &str, strategy: &str, attempts: Option<i64>, (expire_at, verified_at): (Option<Timestamp>, Option<Timestamp>)) -> Value {
    json!({ "status": status, "strategy": strategy, "attempts": attempts, "expire_at": expire_at, "verified_at": verified_at })
}

/// Null before a code was asked for.
fn affiliation(shown: &Shown) -> Value {
    let Shown { domain, code, now, .. } = shown;
    let attempts = code.as_ref().map(|code| code.attempts);
    match (&domain.affiliation, &domain.affiliation_email_address, code) {
        (Some(proof), _, _) => state("verified", proof.by.as_str(), attempts, (None, Some(proof.at))),
        (None, None, _) => Value::Null,
        (None, Some(_), Some(code)) if code.expires_at > *now => state("unverified", "email_code", attempts, (Some(code.expires_at), None)),
        (None, Some(_), code) => state("expired", "email_code", attempts, (code.as_ref().map(|code| code.expires_at), None)),
    }
}

/// Null before anybody has asked for a text to publish.
fn ownership(shown: &Shown) -> Value {
    let ownership = &shown.domain.ownership;
    let Some(strategy) = ownership.strategy else { return Value::Null };
    let status = match (ownership.verified_at, ownership.expires_at) {
        (Some(_), _) => "verified",
        (None, Some(expires_at)) if expires_at > shown.now => "unverified",
        _ => "expired",
    };
    let expires_at = ownership.expires_at.filter(|_| ownership.verified_at.is_none());
    state(status, strategy.as_str(), Some(ownership.attempts), (expires_at, ownership.verified_at))
}

/// What came of several: what went well, and the code of what was refused, by what it was about.
pub fn several_domains<T: std::fmt::Display>(key: &str, (shown, refused): &(Vec<Shown>, Vec<(T, Problem)>)) -> Value {
    let refused: Vec<Value> = refused.iter().map(|(what, problem)| json!({ key: what.to_string(), "code": problem.facts().code })).collect();
    json!({ "data": shown.iter().map(organization_domain).collect::<Vec<_>>(), "errors": refused })
}

/// What whoever does not belong to an organization may know of it.
fn public_data(organization: &Organization) -> Value {
    json!({
        "id": organization.id,
        "name": organization.name,
        "slug": organization.slug.as_deref().unwrap_or_default(),
        "image_url": organization.image_url,
        "has_image": organization.image.is_some(),
    })
}

/// A suggestion, as its user sees it.
pub fn suggestion((suggestion, organization): &(Suggestion, Organization)) -> Value {
    json!({
        "object": "organization_suggestion",
        "id": suggestion.id,
        "public_organization_data": public_data(organization),
        "status": suggestion.status.as_str(),
        "created_at": suggestion.created_at,
        "updated_at": suggestion.updated_at,
    })
}

/// A request to join, as whoever manages the members sees it.
pub fn membership_request(request: &Request) -> Value {
    json!({
        "object": "organization_membership_request",
        "id": request.row.id,
        "organization_id": request.row.organization,
        "status": request.row.status.as_str(),
        "public_user_data": public_user_data(&request.user),
        "created_at": request.row.created_at,
        "updated_at": request.row.updated_at,
    })
}
