//! Suggestions to join organizations, and what comes of them.

use crate::organizations::page;
use domain::{
    bodies,
    organizations::{requests, suggestions},
};
use foundation::{MembershipRequestId, OrganizationId, Problem, SuggestionId};
use serde_json::{Value, json};
use web::{Answer, FrontendCall, Id, Input, Query, Within};

/// Reads `status`, once or several times, or several words with commas between them, as the SDKs write lists. `idle` is a word of the SDKs
/// for which there is nothing here.
fn statuses<T>(query: &Input, parse: fn(&str) -> Option<T>, idle: &str) -> Result<Option<Vec<T>>, Problem> {
    let words: Vec<String> = query.texts("status")?.into_iter().chain(query.texts("status[]")?).collect();
    if words.is_empty() {
        return Ok(None);
    }
    let mut all = Vec::new();
    for word in words.iter().flat_map(|text| text.split(',')).filter(|word| *word != idle) {
        all.push(parse(word).ok_or(Problem::invalid("status", "is none that there is"))?);
    }
    Ok(Some(all))
}

/// The suggestions of the user who is signed in, newest first.
pub async fn list_suggestions(call: FrontendCall, Query(query): Query) -> Answer {
    let page = page(&query)?;
    let shown = |word: &str| suggestions::Status::parse(word).filter(|status| *status != suggestions::Status::Closed);
    let statuses = statuses(&query, shown, "")?;
    let statuses = statuses.as_deref();
    call.read(
        |tx, visit| Box::pin(suggestions::list_own(tx, visit, statuses, page)),
        |(found, total)| json!({ "data": found.iter().map(bodies::suggestion).collect::<Vec<Value>>(), "total_count": total }),
    )
    .await
}

/// Asks to join what was suggested.
pub async fn accept_suggestion(call: FrontendCall, Id(id): Id<SuggestionId>) -> Answer {
    call.write(|tx, visit| Box::pin(suggestions::accept_own(tx, visit, id)), bodies::suggestion).await
}

/// Who wants to join, newest first.
pub async fn list(call: FrontendCall, Id(id): Id<OrganizationId>, Query(query): Query) -> Answer {
    let page = page(&query)?;
    let statuses = statuses(&query, requests::Status::parse, "expired")?;
    let statuses = statuses.as_deref();
    call.read(
        |tx, visit| Box::pin(requests::list_own(tx, visit, id, statuses, page)),
        |(found, total)| json!({ "data": found.iter().map(bodies::membership_request).collect::<Vec<Value>>(), "total_count": total }),
    )
    .await
}

/// Makes whoever asked a member.
pub async fn accept(call: FrontendCall, Within(id, request): Within<OrganizationId, MembershipRequestId>) -> Answer {
    call.write(|tx, visit| Box::pin(requests::accept_own(tx, visit, (id, request))), bodies::membership_request).await
}

/// Turns a request down.
pub async fn reject(call: FrontendCall, Within(id, request): Within<OrganizationId, MembershipRequestId>) -> Answer {
    call.write(|tx, visit| Box::pin(requests::reject_own(tx, visit, (id, request))), bodies::membership_request).await
}
