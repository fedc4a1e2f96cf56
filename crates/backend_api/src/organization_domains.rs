//! Domains of organizations.

use crate::{Listing, organizations::without_sign};
use domain::{
    bodies,
    organizations::{
        self,
        domains::{self, Change, Filter, Start},
    },
    settings::EnrollmentMode,
};
use foundation::{Id as _, OrganizationDomainId, OrganizationId, Problem};
use web::{Answer, BackendCall, Id, Input, NoBody, Query, Within};

type Which = Within<OrganizationId, OrganizationDomainId>;

/// Reads `enrollment_mode`, with a minus before what is left out.
fn modes(query: &Input, filter: &mut Filter) -> Result<(), Problem> {
    let words = query.texts("enrollment_mode")?;
    let mut unknown = false;
    for word in words.iter().flat_map(|text| text.split(',')) {
        let (without, word) = without_sign(word);
        match (without, EnrollmentMode::parse(word)) {
            (true, mode) => filter.not_modes.extend(mode),
            (false, Some(mode)) => filter.modes.push(mode),
            // A mode that nobody knows is no domain's.
            (false, None) => unknown = true,
        }
    }
    filter.none |= unknown && filter.modes.is_empty();
    Ok(())
}

async fn listed(call: BackendCall, query: &Input, filter: Filter, of: Option<OrganizationId>) -> Answer {
    let page = query.page()?;
    let order = query.order()?;
    let filter = &filter;
    call.read(
        |tx| {
            Box::pin(async move {
                if let Some(id) = of {
                    organizations::get(tx, id).await?;
                }
                Ok((domains::list(tx, filter, order, page).await?, domains::count(tx, filter).await?))
            })
        },
        |(found, total)| Listing::WithTotal.body(found.iter().map(bodies::backend_organization_domain).collect(), *total),
    )
    .await
}

/// The domains of an organization, newest first.
pub async fn list(call: BackendCall, Id(id): Id<OrganizationId>, Query(query): Query) -> Answer {
    let mut filter = Filter { organization: Some(id), verified: query.flag("verified")?, ..Filter::default() };
    modes(&query, &mut filter)?;
    listed(call, &query, filter, Some(id)).await
}

/// All domains of all organizations.
pub async fn list_all(call: BackendCall, Query(query): Query) -> Answer {
    let mut filter = Filter { verified: query.flag("verified")?, names: query.texts("domains")?, ..Filter::default() };
    filter.names.iter_mut().for_each(|name| name.make_ascii_lowercase());
    modes(&query, &mut filter)?;
    let asked = query.first("query")?.map(str::trim);
    if asked == Some("") {
        return Err(Problem::invalid("query", "must not be empty").into());
    }
    filter.query = asked.filter(|text| !text.starts_with("org_")).map(str::to_owned);
    // Who names organizations asks for what is of all of them: of an id that is none, and of two at once, there is nothing.
    let of = query.texts("organization_id")?.into_iter().chain(asked.filter(|text| text.starts_with("org_")).map(str::to_owned));
    for id in of.map(|text| OrganizationId::parse(&text)) {
        filter.none |= id.is_none() || (filter.organization.is_some() && filter.organization != id);
        filter.organization = id;
    }
    listed(call, &query, filter, None).await
}

/// Adds a domain: a verified one, unless the backend says that it is not.
pub async fn create(call: BackendCall, Id(id): Id<OrganizationId>, input: Input) -> Answer {
    input.only(&["name", "enrollment_mode", "verified"])?;
    let new = (input.required("name")?, input.text("enrollment_mode")?);
    let start = if input.flag("verified")? == Some(false) { Start::Unverified } else { Start::Verified };
    call.write(|tx| Box::pin(domains::create(tx, call.actor, id, new, start)), bodies::backend_organization_domain).await
}

/// Changes a domain.
pub async fn update(call: BackendCall, Within(id, domain): Which, input: Input) -> Answer {
    input.only(&["enrollment_mode", "verified"])?;
    let change = Change { mode: input.text("enrollment_mode")?, verified: input.flag("verified")?, ..Change::default() };
    call.write(|tx| Box::pin(domains::update(tx, call.actor, id, domain, change)), bodies::backend_organization_domain).await
}

/// Takes a domain away.
pub async fn delete(call: BackendCall, Within(id, domain): Which, _: NoBody) -> Answer {
    call.write(|tx| Box::pin(domains::delete(tx, call.actor, id, domain)), |id| bodies::deleted("organization_domain", id)).await
}

/// Lets the backend say that the organization controls the domain.
pub async fn verify_ownership(call: BackendCall, Within(id, domain): Which, _: NoBody) -> Answer {
    call.write(|tx| Box::pin(domains::verify_ownership(tx, call.actor, id, domain)), bodies::backend_organization_domain).await
}
