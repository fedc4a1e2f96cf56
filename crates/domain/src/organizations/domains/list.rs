//! Lists of domains: of an organization, or of all.

use super::{Domain, Shown, store::columns, verify};
use crate::{
    organizations::{invitations, of_ids, suggestions},
    settings::EnrollmentMode,
};
use ::store::{Query, Tx, part, sql};
use foundation::{OrganizationDomainId, OrganizationId, Page, Problem, Result};

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

/// An order and its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub by: OrderBy,
    /// Whether the largest comes first.
    pub descending: bool,
}

impl Default for Order {
    fn default() -> Self {
        Order { by: OrderBy::CreatedAt, descending: true }
    }
}

impl Order {
    /// Reads `name`, `-created_at` and so on; `None` for an unknown word.
    pub fn parse(text: &str) -> Option<Order> {
        let (descending, word) = match text.split_at_checked(1) {
            Some(("-", word)) => (true, word),
            // A plus that nobody has encoded arrives as a space.
            Some(("+" | " ", word)) => (false, word),
            _ => (false, text),
        };
        match word {
            "created_at" => Some(Order { by: OrderBy::CreatedAt, descending }),
            "name" => Some(Order { by: OrderBy::Name, descending }),
            _ => None,
        }
    }
}

/// The longest text that is looked for.
const LONGEST: usize = 1_024;

fn narrowed<'a>(mut query: Query<'a>, filter: &'a Filter, pattern: &'a Option<String>) -> Query<'a> {
    if filter.none || filter.query.as_ref().is_some_and(|text| text.len() > LONGEST) {
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

/// The text as a pattern for `like`; names are lower-case.
fn pattern(filter: &Filter) -> Option<String> {
    let escape = |text: &String| format!("%{}%", text.trim().to_ascii_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
    filter.query.as_ref().map(escape)
}

/// The domains of a page.
///
/// # Errors
/// Only the database's own.
pub async fn list(tx: &mut Tx<'_>, filter: &Filter, order: Order, page: Page) -> Result<Vec<Shown>> {
    let pattern = pattern(filter);
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
    let pattern = pattern(filter);
    let query = Query::new(sql!("select count(*) from organization_domains d where d.instance_id = $1"), &[]);
    Ok(tx.select::<i64>(narrowed(query, filter, &pattern)).await?.into_iter().next().unwrap_or(0))
}
