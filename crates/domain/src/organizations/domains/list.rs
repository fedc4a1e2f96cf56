//! Lists of domains: of an organization, or of all.

use super::{Domain, Shown, store::columns, verify};
use crate::{
    organizations::{invitations, of_ids, suggestions},
    settings::EnrollmentMode,
};
use ::store::{LONGEST_SEARCH, Query, Tx, containing, part, sql};
use foundation::{OrganizationDomainId, OrganizationId, Page, Problem, Result, order::Key};

/// Which domains. An empty filter is all of them.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this organization.
    pub organization: Option<OrganizationId>,
    /// Whether they are verified.
    pub verified: Option<bool>,
    /// In one of these modes.
    pub modes: Vec<EnrollmentMode>,
    /// In none of these modes.
    pub not_modes: Vec<EnrollmentMode>,
    /// With one of these names.
    pub names: Vec<String>,
    /// With this in their names.
    pub query: Option<String>,
    /// None at all.
    pub none: bool,
}

/// By what a list is sorted; ties by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderBy {
    /// When they came to be.
    #[default]
    CreatedAt,
    /// Their names.
    Name,
}

impl Key for OrderBy {
    const WORDS: &'static [(&'static str, OrderBy)] = &[("created_at", OrderBy::CreatedAt), ("name", OrderBy::Name)];
}

/// An order and its direction.
pub type Order = foundation::Order<OrderBy>;

fn narrowed<'a>(mut query: Query<'a>, filter: &'a Filter, pattern: &'a Option<String>) -> Query<'a> {
    if filter.none || filter.query.as_ref().is_some_and(|text| text.len() > LONGEST_SEARCH) {
        return query.and(part!("and d.id = ''"), &[]);
    }
    if let Some(organization) = &filter.organization {
        query = query.and(part!("and d.organization_id = {}"), &[organization]);
    }
    if let Some(verified) = &filter.verified {
        query = query.and(part!("and d.verified = {}"), &[verified]);
    }
    if !filter.modes.is_empty() {
        query = query.within(part!("and d.enrollment_mode"), &filter.modes);
    }
    if !filter.not_modes.is_empty() {
        query = query.within(part!("and d.enrollment_mode not"), &filter.not_modes);
    }
    if !filter.names.is_empty() {
        query = query.within(part!("and d.name"), &filter.names);
    }
    if let Some(pattern) = pattern {
        query = query.and(part!("and d.name like {} escape '\\'"), &[pattern]);
    }
    query
}

/// The domains of a page.
///
/// # Errors
/// Only the database's own.
pub async fn list(tx: &mut Tx<'_>, filter: &Filter, order: Order, page: Page) -> Result<Vec<Shown>> {
    let pattern = filter.query.as_deref().map(|text| containing(text.trim()));
    let query = Query::new(sql!(concat!("select ", columns!(), " from organization_domains d where d.instance_id = $1")), &[]);
    let by = match (order.by, order.descending) {
        (OrderBy::CreatedAt, true) => part!("order by d.created_at desc, d.id desc limit {} offset {}"),
        (OrderBy::CreatedAt, false) => part!("order by d.created_at, d.id limit {} offset {}"),
        (OrderBy::Name, true) => part!("order by d.name desc, d.id desc limit {} offset {}"),
        (OrderBy::Name, false) => part!("order by d.name, d.id limit {} offset {}"),
    };
    let found: Vec<Domain> = tx.select(narrowed(query, filter, &pattern).and(by, &[&page.limit, &page.offset])).await?;
    complete(tx, found).await
}

/// Gives domains what is shown beside them, by one statement each but for codes that were mailed and not tried yet.
pub(super) async fn complete(tx: &mut Tx<'_>, found: Vec<Domain>) -> Result<Vec<Shown>> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let mut organizations: Vec<OrganizationId> = found.iter().map(|domain| domain.organization).collect();
    organizations.sort();
    organizations.dedup();
    let organizations = of_ids(tx, &organizations).await?;
    let ids: Vec<OrganizationDomainId> = found.iter().map(|domain| domain.id).collect();
    let suggested = suggestions::count_pending_of(tx, &ids).await?;
    let invited = invitations::count_pending_of(tx, &ids).await?;
    let now = tx.now();
    let mut list = Vec::with_capacity(found.len());
    for domain in found {
        let organization = organizations.iter().find(|organization| organization.id == domain.organization).cloned().ok_or(Problem::NotFound)?;
        let code = if domain.affiliation.is_none() { verify::code(tx, &domain).await? } else { None };
        let of = |counts: &[(OrganizationDomainId, i64)]| counts.iter().find(|(id, _)| *id == domain.id).map_or(0, |(_, count)| *count);
        let (pending_invitations, pending_suggestions) = (of(&invited), of(&suggested));
        list.push(Shown { domain, organization, code, pending_invitations, pending_suggestions, now });
    }
    Ok(list)
}

/// How many domains there are.
///
/// # Errors
/// Only the database's own.
pub async fn count(tx: &mut Tx<'_>, filter: &Filter) -> Result<i64> {
    let pattern = filter.query.as_deref().map(|text| containing(text.trim()));
    let query = Query::new(sql!("select count(*) from organization_domains d where d.instance_id = $1"), &[]);
    Ok(tx.select::<i64>(narrowed(query, filter, &pattern)).await?.into_iter().next().unwrap_or(0))
}
