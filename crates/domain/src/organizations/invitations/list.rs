//! Lists of invitations: of an organization, to somebody, of the whole instance.

use super::{Invitation, Invited, Status, store::columns};
use crate::{
    organizations::{self, roles},
    users,
};
use ::store::{LONGEST_SEARCH, Query, Tx, containing, part, sql};
use foundation::{OrganizationId, Page, Problem, Result, Timestamp, UserId, order::Key};

/// Which invitations. An empty filter is all of them; everything that it names must hold at once.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// To this organization.
    pub organization: Option<OrganizationId>,
    /// To one of these addresses, in their normal form.
    pub norms: Vec<String>,
    /// To an address with this text in it.
    pub query: Option<String>,
    /// In one of these states.
    pub statuses: Vec<Status>,
    /// Asks for what no invitation here can be: none matches.
    pub none: bool,
}

impl Filter {
    /// Those to addresses that the user has proven.
    ///
    /// # Errors
    /// [`Problem::NotFound`] where there is no such user.
    pub async fn of_user(tx: &mut Tx<'_>, user: UserId) -> Result<Filter> {
        let user = users::get(tx, user).await?;
        let norms: Vec<String> = user.emails().filter(|email| email.verified_by.is_some()).map(|email| email.norm.clone()).collect();
        Ok(Filter { none: norms.is_empty(), norms, ..Filter::default() })
    }

    /// Narrows the filter to states by their names, which can stand in one text with commas between them. `invalid` and `completed` are states that
    /// no invitation has here.
    ///
    /// # Errors
    /// [`Problem::ParamInvalid`].
    pub fn in_states(&mut self, names: &[String]) -> Result<(), Problem> {
        let names: Vec<&str> = names.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|name| !name.is_empty()).collect();
        for name in &names {
            match Status::parse(name) {
                Some(status) => self.statuses.push(status),
                None if matches!(*name, "invalid" | "completed") => {}
                None => return Err(Problem::invalid("status", "must be pending, accepted, revoked or expired")),
            }
        }
        self.none |= !names.is_empty() && self.statuses.is_empty();
        Ok(())
    }
}

/// By what a list is sorted; ties by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderBy {
    /// When they were made.
    #[default]
    CreatedAt,
    /// Who is invited.
    EmailAddress,
}

impl Key for OrderBy {
    const WORDS: &'static [(&'static str, OrderBy)] = &[("created_at", OrderBy::CreatedAt), ("email_address", OrderBy::EmailAddress)];
}

/// An order and its direction.
pub type Order = foundation::Order<OrderBy>;

fn narrowed<'a>(mut query: Query<'a>, filter: &'a Filter, (now, pattern): (&'a Timestamp, &'a Option<String>)) -> Query<'a> {
    if filter.none || filter.query.as_ref().is_some_and(|text| text.len() > LONGEST_SEARCH) {
        return query.and(part!("and i.id = ''"), &[]);
    }
    if let Some(organization) = &filter.organization {
        query = query.and(part!("and i.organization_id = {}"), &[organization]);
    }
    if !filter.norms.is_empty() {
        query = query.within(part!("and i.norm"), &filter.norms);
    }
    if let Some(pattern) = pattern {
        query = query.and(part!("and lower(i.email_address) like {} escape '\\'"), &[pattern]);
    }
    if !filter.statuses.is_empty() {
        // What is over is so before anybody has written it down.
        query = query.and(part!("and case when i.status = 'pending' and i.expires_at <= {} then 'expired' else i.status"), &[now]);
        query = query.within(part!("end"), &filter.statuses);
    }
    query
}

/// The invitations of a page.
///
/// # Errors
/// Only the database's own.
pub async fn list(tx: &mut Tx<'_>, filter: &Filter, order: Order, page: Page) -> Result<Vec<Invited>> {
    let (now, pattern) = (tx.now(), filter.query.as_deref().map(containing));
    let query = Query::new(sql!(concat!("select ", columns!(), " from organization_invitations i where i.instance_id = $1")), &[]);
    let by = match (order.by, order.descending) {
        (OrderBy::CreatedAt, true) => part!("order by i.created_at desc, i.id desc limit {} offset {}"),
        (OrderBy::CreatedAt, false) => part!("order by i.created_at, i.id limit {} offset {}"),
        (OrderBy::EmailAddress, true) => part!("order by i.norm desc, i.id desc limit {} offset {}"),
        (OrderBy::EmailAddress, false) => part!("order by i.norm, i.id limit {} offset {}"),
    };
    let found: Vec<Invitation> = tx.select(narrowed(query, filter, (&now, &pattern)).and(by, &[&page.limit, &page.offset])).await?;
    completed(tx, found).await
}

/// How many invitations there are.
///
/// # Errors
/// Only the database's own.
pub async fn count(tx: &mut Tx<'_>, filter: &Filter) -> Result<i64> {
    let (now, pattern) = (tx.now(), filter.query.as_deref().map(containing));
    let query = Query::new(sql!("select count(*) from organization_invitations i where i.instance_id = $1"), &[]);
    Ok(tx.select::<i64>(narrowed(query, filter, (&now, &pattern))).await?.into_iter().next().unwrap_or(0))
}

/// Gives an invitation everything that it connects.
pub(super) async fn complete(tx: &mut Tx<'_>, invitation: Invitation) -> Result<Invited> {
    completed(tx, vec![invitation]).await?.pop().ok_or_else(|| Problem::NotFound.into())
}

/// Gives invitations everything that they connect, by one statement for each kind of it.
async fn completed(tx: &mut Tx<'_>, found: Vec<Invitation>) -> Result<Vec<Invited>> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let now = tx.now();
    let mut ids: Vec<OrganizationId> = found.iter().map(|invitation| invitation.organization).collect();
    ids.sort();
    ids.dedup();
    let all = organizations::of_ids(tx, &ids).await?;
    let mut inviters: Vec<UserId> = found.iter().filter_map(|invitation| invitation.inviter).collect();
    inviters.sort();
    inviters.dedup();
    let people = if inviters.is_empty() { Vec::new() } else { users::of_ids(tx, &inviters).await? };
    let catalogue = roles::catalogue(tx).await?;
    let with_all = |mut invitation: Invitation| {
        let organization = all.iter().find(|organization| organization.id == invitation.organization).cloned().ok_or(Problem::NotFound)?;
        let inviter = invitation.inviter.and_then(|id| people.iter().find(|user| user.id == id)).cloned();
        if let Some(role) = invitation.role.and_then(|id| catalogue.role(id)) {
            invitation.role_key.clone_from(&role.key);
            invitation.role_name.clone_from(&role.name);
        }
        Ok(Invited { invitation, organization, inviter, now })
    };
    found.into_iter().map(with_all).collect()
}
