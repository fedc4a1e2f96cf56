//! Domains of an organization, as its members see and manage them.

use crate::organizations::page;
use domain::{
    bodies,
    organizations::domains::{self, Filter, Pending, Several, Shown},
    settings::EnrollmentMode,
};
use foundation::{Id as _, OrganizationDomainId, OrganizationId, Problem};
use serde_json::{Value, json};
use web::{Answer, FrontendCall, Id, Input, Query, Refusal, Within};

/// The most domains that one request names.
const MOST_AT_ONCE: usize = 10;

type Which = Within<OrganizationId, OrganizationDomainId>;

/// The domains of a page, newest first.
pub async fn list(call: FrontendCall, Id(id): Id<OrganizationId>, Query(query): Query) -> Answer {
    let page = page(&query)?;
    let words = query.texts("enrollment_mode")?;
    let modes: Vec<EnrollmentMode> = words.iter().flat_map(|text| text.split(',')).filter_map(EnrollmentMode::parse).collect();
    // A mode that nobody knows is no domain's.
    let none = modes.is_empty() && !words.is_empty();
    let filter = Filter { organization: Some(id), verified: query.flag("verified")?, modes, none, ..Filter::default() };
    let filter = &filter;
    call.read(
        |tx, visit| Box::pin(domains::list_own(tx, visit, filter, page)),
        |(found, total)| json!({ "data": found.iter().map(bodies::organization_domain).collect::<Vec<Value>>(), "total_count": total }),
    )
    .await
}

/// A domain.
pub async fn show(call: FrontendCall, Within(id, domain): Which) -> Answer {
    call.read(|tx, visit| Box::pin(domains::get_own(tx, visit, (id, domain))), bodies::organization_domain).await
}

/// Adds a domain, not verified yet.
pub async fn create(call: FrontendCall, Id(id): Id<OrganizationId>, input: Input) -> Answer {
    let new = (input.required("name")?, input.text("enrollment_mode")?);
    call.write(|tx, visit| Box::pin(domains::create_own(tx, visit, id, new)), bodies::organization_domain).await
}

/// Several texts of a form, by either of the names that SDKs give to lists.
fn several(input: &Input, name: &'static str, with_brackets: &'static str) -> Result<Vec<String>, Problem> {
    let all: Vec<String> = input.texts(name)?.into_iter().chain(input.texts(with_brackets)?).collect();
    match all.len() {
        0 => Err(Problem::ParamMissing(name)),
        1..=MOST_AT_ONCE => Ok(all),
        _ => Err(Problem::invalid(name, format!("may have at most {MOST_AT_ONCE} entries"))),
    }
}

/// Adds several domains.
pub async fn create_all(call: FrontendCall, Id(id): Id<OrganizationId>, input: Input) -> Answer {
    let names = several(&input, "names", "names[]")?;
    let new = (names.as_slice(), input.text("enrollment_mode")?);
    call.write(|tx, visit| Box::pin(domains::create_own_all(tx, visit, id, new)), |several| bodies::several_domains("name", several)).await
}

/// Takes a domain away.
pub async fn delete(call: FrontendCall, Within(id, domain): Which) -> Answer {
    call.write(|tx, visit| Box::pin(domains::delete_own(tx, visit, (id, domain))), |id| bodies::deleted("organization_domain", id)).await
}

/// Says how people with an address at the domain come to the organization.
pub async fn set_mode(call: FrontendCall, Within(id, domain): Which, input: Input) -> Answer {
    let mode = input.required("enrollment_mode")?;
    let pending = if input.flag("delete_pending")? == Some(true) { Pending::Deleted } else { Pending::Kept };
    call.write(|tx, visit| Box::pin(domains::set_mode(tx, visit, (id, domain), mode, pending)), bodies::organization_domain).await
}

/// Mails a code to an address at the domain.
pub async fn prepare_affiliation(call: FrontendCall, Within(id, domain): Which, input: Input) -> Answer {
    let address = input.email("affiliation_email_address")?.ok_or(Problem::ParamMissing("affiliation_email_address"))?;
    call.write(|tx, visit| Box::pin(domains::prepare_affiliation(tx, visit, (id, domain), &address)), bodies::organization_domain).await
}

/// Tries the code that was mailed.
pub async fn attempt_affiliation(call: FrontendCall, Within(id, domain): Which, input: Input) -> Answer {
    let code = input.credential("code")?.ok_or(Problem::ParamMissing("code"))?;
    call.attempt(|tx, visit| Box::pin(domains::attempt_affiliation(tx, visit, (id, domain), &code)), bodies::organization_domain).await
}

/// Draws a text that has to be published.
pub async fn prepare_ownership(call: FrontendCall, Within(id, domain): Which) -> Answer {
    call.write(|tx, visit| Box::pin(domains::prepare_ownership(tx, visit, (id, domain))), bodies::organization_domain).await
}

/// Looks for the text that has to be published. Not to find it is an answer.
pub async fn attempt_ownership(call: FrontendCall, Within(id, domain): Which) -> Answer {
    let challenge = call.first(|tx, visit| Box::pin(domains::challenge(tx, visit, (id, domain)))).await?;
    let found = &call.texts_at(&challenge.record).await?;
    call.write(|tx, visit| Box::pin(domains::conclude(tx, visit, (id, domain), found)), bodies::organization_domain).await
}

fn ids(input: &Input) -> Result<Vec<OrganizationDomainId>, Problem> {
    let mut ids = Vec::new();
    for text in several(input, "organization_domain_ids", "organization_domain_ids[]")? {
        let id = OrganizationDomainId::parse(&text).ok_or(Problem::invalid("organization_domain_ids", "names something that is no domain"))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// Draws texts that have to be published.
pub async fn prepare_ownership_of_all(call: FrontendCall, Id(id): Id<OrganizationId>, input: Input) -> Answer {
    let ids = &ids(&input)?;
    call.write(|tx, visit| Box::pin(domains::prepare_ownership_of_all(tx, visit, id, ids)), |several| bodies::several_domains("id", several)).await
}

/// Looks for several texts, one after another.
pub async fn attempt_ownership_of_all(call: FrontendCall, Id(id): Id<OrganizationId>, input: Input) -> Answer {
    let mut several = Several::default();
    call.first(|tx, visit| Box::pin(domains::ensure_manager(tx, visit, id))).await?;
    for domain in ids(&input)? {
        match look(&call, (id, domain)).await {
            Ok(shown) => several.0.push(shown),
            // What is refused of one does not end the others.
            Err(refusal) => several.1.push((domain, refusal.refused()?)),
        }
    }
    call.read(|_, _| Box::pin(std::future::ready(Ok(()))), |()| bodies::several_domains("id", &several)).await
}

/// Looks for the text of one of several.
async fn look(call: &FrontendCall, which: (OrganizationId, OrganizationDomainId)) -> Result<Shown, Refusal> {
    let challenge = call.first(|tx, visit| Box::pin(domains::challenge(tx, visit, which))).await?;
    let found = &call.texts_at(&challenge.record).await?;
    call.first(|tx, visit| Box::pin(domains::conclude(tx, visit, which, found))).await
}
