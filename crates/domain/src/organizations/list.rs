//! Lists of organizations: filters, order, pages.

use super::{Organization, complete, store::columns};
use crate::counters::{self, Counter};
use ::store::{LONGEST_SEARCH, Query, Tx, containing, part, sql};
use foundation::{OrganizationId, Page, Result, UserId, order::Key};
use std::borrow::Cow;

/// Which organizations. An empty filter is all of them; everything that it names must hold at once.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// One of these ids.
    pub ids: Vec<OrganizationId>,
    /// None of these ids.
    pub not_ids: Vec<OrganizationId>,
    /// With one of these members.
    pub members: Vec<UserId>,
    /// Without any of these members.
    pub not_members: Vec<UserId>,
    /// An id, or a text in the name or the slug.
    pub query: Option<String>,
    /// Asks for something that no organization here can have: none matches.
    pub none: bool,
}

/// By what a list is sorted; ties by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderBy {
    /// When they came to be.
    #[default]
    CreatedAt,
    /// What they are called.
    Name,
    /// How many members they have.
    MembersCount,
}

impl Key for OrderBy {
    const WORDS: &'static [(&'static str, OrderBy)] = &[("created_at", OrderBy::CreatedAt), ("name", OrderBy::Name), ("members_count", OrderBy::MembersCount)];
}

/// An order and its direction.
pub type Order = foundation::Order<OrderBy>;

fn narrowed<'a>(mut query: Query<'a>, filter: &'a Filter, pattern: &'a Option<String>) -> Query<'a> {
    if filter.none || filter.query.as_ref().is_some_and(|text| text.len() > LONGEST_SEARCH) {
        return query.and(part!("and o.id = ''"), &[]);
    }
    if !filter.ids.is_empty() {
        query = query.within(part!("and o.id"), &filter.ids);
    }
    if !filter.not_ids.is_empty() {
        query = query.within(part!("and o.id not"), &filter.not_ids);
    }
    if !filter.members.is_empty() {
        query = query
            .and(part!("and exists (select 1 from memberships m where m.instance_id = o.instance_id and m.organization_id = o.id"), &[])
            .within(part!("and m.user_id"), &filter.members)
            .and(part!(")"), &[]);
    }
    if !filter.not_members.is_empty() {
        query = query
            .and(part!("and not exists (select 1 from memberships m where m.instance_id = o.instance_id and m.organization_id = o.id"), &[])
            .within(part!("and m.user_id"), &filter.not_members)
            .and(part!(")"), &[]);
    }
    if let (Some(text), Some(pattern)) = (&filter.query, pattern) {
        query = query.and(part!("and (o.id = {} or lower(o.name) like {} escape '\\' or o.slug like {} escape '\\')"), &[text, pattern, pattern]);
    }
    query
}

/// For how many members the ids of all their organizations are looked up; a user belongs to at most 100.
const MOST_NAMED: usize = 100;

/// Names the organizations of members by their ids, so that nobody looks at all the others.
async fn by_ids<'a>(tx: &mut Tx<'_>, filter: &'a Filter) -> Result<Cow<'a, Filter>> {
    if filter.members.is_empty() || filter.members.len() > MOST_NAMED {
        return Ok(Cow::Borrowed(filter));
    }
    let query = Query::new(sql!("select m.organization_id from memberships m where m.instance_id = $1"), &[]).within(part!("and m.user_id"), &filter.members);
    let mut ids: Vec<OrganizationId> = tx.select(query.and(part!("order by m.user_id, m.created_at, m.id limit 10000"), &[])).await?;
    ids.sort();
    ids.dedup();
    ids.retain(|id| filter.ids.is_empty() || filter.ids.contains(id));
    Ok(Cow::Owned(Filter { none: filter.none || ids.is_empty(), ids, members: Vec::new(), ..filter.clone() }))
}

/// The organizations of a page.
///
/// # Errors
/// Only the database's own.
pub async fn list(tx: &mut Tx<'_>, filter: &Filter, order: Order, page: Page) -> Result<Vec<Organization>> {
    let filter = &*by_ids(tx, filter).await?;
    let pattern = filter.query.as_deref().map(containing);
    let query = Query::new(sql!(concat!("select ", columns!(), " from organizations o where o.instance_id = $1 and o.deleted_at is null")), &[]);
    let by = match (order.by, order.descending) {
        (OrderBy::CreatedAt, true) => part!("order by o.created_at desc, o.id desc limit {} offset {}"),
        (OrderBy::CreatedAt, false) => part!("order by o.created_at, o.id limit {} offset {}"),
        (OrderBy::Name, true) => part!("order by lower(o.name) desc, o.id desc limit {} offset {}"),
        (OrderBy::Name, false) => part!("order by lower(o.name), o.id limit {} offset {}"),
        (OrderBy::MembersCount, true) => part!("order by o.members desc, o.id desc limit {} offset {}"),
        (OrderBy::MembersCount, false) => part!("order by o.members, o.id limit {} offset {}"),
    };
    let mut found: Vec<Organization> = tx.select(narrowed(query, filter, &pattern).and(by, &[&page.limit, &page.offset])).await?;
    complete(tx, &mut found).await?;
    Ok(found)
}

/// How many organizations there are.
///
/// # Errors
/// Only the database's own.
pub async fn count(tx: &mut Tx<'_>, filter: &Filter) -> Result<i64> {
    if filter.is_empty() {
        return counters::value(tx, Counter::Organizations).await;
    }
    let filter = &*by_ids(tx, filter).await?;
    let pattern = filter.query.as_deref().map(containing);
    let query = Query::new(sql!("select count(*) from organizations o where o.instance_id = $1 and o.deleted_at is null"), &[]);
    Ok(tx.select::<i64>(narrowed(query, filter, &pattern)).await?.into_iter().next().unwrap_or(0))
}

impl Filter {
    fn is_empty(&self) -> bool {
        let Filter { ids, not_ids, members, not_members, query, none } = self;
        ids.is_empty() && not_ids.is_empty() && members.is_empty() && not_members.is_empty() && query.is_none() && !none
    }
}

/// The organizations of these ids.
pub(crate) async fn of_ids(tx: &mut Tx<'_>, ids: &[OrganizationId]) -> Result<Vec<Organization>> {
    let mut all = Vec::with_capacity(ids.len());
    for some in ids.chunks(500) {
        let query = Query::new(sql!(concat!("select ", columns!(), " from organizations o where o.instance_id = $1 and o.deleted_at is null")), &[]);
        let found: Vec<Organization> = tx.select(query.within(part!("and o.id"), some)).await?;
        all.extend(found);
    }
    complete(tx, &mut all).await?;
    Ok(all)
}
