//! Lists of users: filters, order, pages.

use super::{
    User,
    store::{self, columns},
    with_identifiers,
};
use crate::counters::{self, Counter};
use ::store::{LONGEST_SEARCH, Query, Tx, containing, part, sql};
use foundation::{OrganizationId, Page, Problem, Result, Timestamp, UserId, order::Key};

/// Which users. An empty filter is all of them; lists are alternatives, everything else must hold at once.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// These ids.
    pub ids: Vec<UserId>,
    /// None of these ids.
    pub not_ids: Vec<UserId>,
    /// These external ids.
    pub external_ids: Vec<String>,
    /// None of these external ids.
    pub not_external_ids: Vec<String>,
    /// Members of one of these organizations.
    pub organizations: Vec<OrganizationId>,
    /// Members of none of these organizations.
    pub not_organizations: Vec<OrganizationId>,
    /// These addresses, normal form.
    pub emails: Vec<String>,
    /// These usernames, normal form.
    pub usernames: Vec<String>,
    /// A text in an id, an address, a username or a name.
    pub query: Option<String>,
    /// A text in an address.
    pub email_query: Option<String>,
    /// A text in a username.
    pub username_query: Option<String>,
    /// A text in the name.
    pub name_query: Option<String>,
    /// A text in what other users are shown: the name, the username, the primary address.
    pub shown_query: Option<String>,
    /// Whether banned.
    pub banned: Option<bool>,
    /// Created before.
    pub created_before: Option<Timestamp>,
    /// Created after.
    pub created_after: Option<Timestamp>,
    /// Last seen before.
    pub active_before: Option<Timestamp>,
    /// Last seen after.
    pub active_after: Option<Timestamp>,
    /// Last signed in before.
    pub signed_in_before: Option<Timestamp>,
    /// Last signed in after.
    pub signed_in_after: Option<Timestamp>,
    /// Asks for something that no user here can have (a phone number): nobody matches.
    pub nobody: bool,
}

/// By what a list is sorted; ties by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderBy {
    /// When they came to be.
    #[default]
    CreatedAt,
    /// When they last changed.
    UpdatedAt,
    /// The primary address.
    EmailAddress,
    /// The username.
    Username,
    /// The first name.
    FirstName,
    /// The last name.
    LastName,
    /// When they were last seen.
    LastActiveAt,
    /// When they last signed in.
    LastSignInAt,
}

impl Key for OrderBy {
    const WORDS: &'static [(&'static str, OrderBy)] = &[
        ("created_at", OrderBy::CreatedAt),
        ("updated_at", OrderBy::UpdatedAt),
        ("email_address", OrderBy::EmailAddress),
        ("username", OrderBy::Username),
        ("first_name", OrderBy::FirstName),
        ("last_name", OrderBy::LastName),
        ("last_active_at", OrderBy::LastActiveAt),
        ("last_sign_in_at", OrderBy::LastSignInAt),
        // Nobody has one yet, so every order by it is the same.
        ("phone_number", OrderBy::CreatedAt),
        ("web3wallet", OrderBy::CreatedAt),
        ("web3_wallet", OrderBy::CreatedAt),
    ];
}

/// An order and its direction.
pub type Order = foundation::Order<OrderBy>;

impl Filter {
    fn is_empty(&self) -> bool {
        let Filter { ids, not_ids, external_ids, not_external_ids, organizations, not_organizations, emails, usernames, .. } = self;
        let Filter { query, email_query, username_query, name_query, shown_query, banned, nobody, .. } = self;
        let times = [self.created_before, self.created_after, self.active_before, self.active_after, self.signed_in_before, self.signed_in_after];
        ids.is_empty()
            && not_ids.is_empty()
            && external_ids.is_empty()
            && not_external_ids.is_empty()
            && organizations.is_empty()
            && not_organizations.is_empty()
            && emails.is_empty()
            && usernames.is_empty()
            && [query, email_query, username_query, name_query, shown_query].iter().all(|q| q.is_none())
            && banned.is_none()
            && times.iter().all(Option::is_none)
            && !nobody
    }
}

/// Text to be looked for, made safe for `like`. Only ASCII letters lose their case, as both databases' `lower` does it.
pub(crate) struct Patterns {
    query: Option<String>,
    email: Option<String>,
    username: Option<String>,
    name: Option<String>,
    shown: Option<String>,
}

impl Patterns {
    pub(crate) fn of(filter: &Filter) -> Patterns {
        let pattern = |text: &Option<String>| text.as_deref().map(containing);
        Patterns {
            query: pattern(&filter.query),
            email: pattern(&filter.email_query),
            username: pattern(&filter.username_query),
            name: pattern(&filter.name_query),
            shown: pattern(&filter.shown_query),
        }
    }
}

/// Adds the filter to a statement in which users are called `u`.
pub(crate) fn narrowed<'a>(mut query: Query<'a>, filter: &'a Filter, patterns: &'a Patterns) -> Query<'a> {
    let texts = [&filter.query, &filter.email_query, &filter.username_query, &filter.name_query, &filter.shown_query];
    let endless = texts.into_iter().flatten().any(|text| text.len() > LONGEST_SEARCH);
    if filter.nobody || endless {
        return query.and(part!("and u.id = ''"), &[]);
    }
    if !filter.ids.is_empty() {
        query = query.within(part!("and u.id"), &filter.ids);
    }
    if !filter.not_ids.is_empty() {
        query = query.within(part!("and u.id not"), &filter.not_ids);
    }
    if !filter.external_ids.is_empty() {
        query = query.within(part!("and u.external_id"), &filter.external_ids);
    }
    if !filter.not_external_ids.is_empty() {
        query = query.within(part!("and (u.external_id is null or u.external_id not"), &filter.not_external_ids).and(part!(")"), &[]);
    }
    if !filter.organizations.is_empty() {
        query = query
            .and(part!("and exists (select 1 from memberships b where b.instance_id = u.instance_id and b.user_id = u.id"), &[])
            .within(part!("and b.organization_id"), &filter.organizations)
            .and(part!(")"), &[]);
    }
    if !filter.not_organizations.is_empty() {
        query = query
            .and(part!("and not exists (select 1 from memberships b where b.instance_id = u.instance_id and b.user_id = u.id"), &[])
            .within(part!("and b.organization_id"), &filter.not_organizations)
            .and(part!(")"), &[]);
    }
    if !filter.emails.is_empty() {
        query = query
            .and(part!("and exists (select 1 from identifiers i where i.instance_id = u.instance_id and i.user_id = u.id and i.kind = 'email_address'"), &[])
            .within(part!("and i.norm"), &filter.emails)
            .and(part!(")"), &[]);
    }
    if !filter.usernames.is_empty() {
        query = query
            .and(part!("and exists (select 1 from identifiers i where i.instance_id = u.instance_id and i.user_id = u.id and i.kind = 'username'"), &[])
            .within(part!("and i.norm"), &filter.usernames)
            .and(part!(")"), &[]);
    }
    for (pattern, kind) in [(&patterns.email, "email_address"), (&patterns.username, "username")] {
        if let Some(pattern) = pattern {
            let part = part!(
                "and exists (select 1 from identifiers i where i.instance_id = u.instance_id and i.user_id = u.id and i.kind = {} and i.norm like {} escape '\\')"
            );
            query = query.and(part, &[if kind == "username" { &"username" } else { &"email_address" }, pattern]);
        }
    }
    if let Some(pattern) = &patterns.name {
        query = query.and(part!("and lower(coalesce(u.first_name, '') || ' ' || coalesce(u.last_name, '')) like {} escape '\\'"), &[pattern]);
    }
    if let Some(pattern) = &patterns.shown {
        let part = part!(
            "and (lower(coalesce(u.first_name, '') || ' ' || coalesce(u.last_name, '')) like {} escape '\\'
                  or exists (select 1 from identifiers i where i.instance_id = u.instance_id and i.user_id = u.id
                    and (i.kind = 'username' or i.id = u.primary_email_address_id) and i.norm like {} escape '\\'))"
        );
        query = query.and(part, &[pattern, pattern]);
    }
    if let (Some(pattern), Some(text)) = (&patterns.query, &filter.query) {
        let part = part!(
            "and (u.id = {} or lower(coalesce(u.first_name, '') || ' ' || coalesce(u.last_name, '')) like {} escape '\\'
                  or exists (select 1 from identifiers i where i.instance_id = u.instance_id and i.user_id = u.id and i.norm like {} escape '\\'))"
        );
        query = query.and(part, &[text, pattern, pattern]);
    }
    if let Some(banned) = &filter.banned {
        query = query.and(part!("and u.banned = {}"), &[banned]);
    }
    let times = [
        (&filter.created_before, part!("and u.created_at < {}")),
        (&filter.created_after, part!("and u.created_at > {}")),
        (&filter.active_before, part!("and u.last_active_at < {}")),
        (&filter.active_after, part!("and u.last_active_at > {}")),
        (&filter.signed_in_before, part!("and u.last_sign_in_at < {}")),
        (&filter.signed_in_after, part!("and u.last_sign_in_at > {}")),
    ];
    for (time, part) in times {
        if let Some(time) = time {
            query = query.and(part, &[time]);
        }
    }
    query
}

/// The users of a page: those that follow `after` in the order of creation, if it is given.
///
/// # Errors
/// [`Problem::ParamInvalid`] where `after` is nobody here.
pub async fn list(tx: &mut Tx<'_>, filter: &Filter, order: Order, page: Page, after: Option<UserId>) -> Result<Vec<User>> {
    let patterns = Patterns::of(filter);
    let after = match after {
        Some(id) => Some(store::find(tx, id).await?.ok_or_else(|| Problem::invalid("starting_after", "must be the id of a user"))?),
        None => None,
    };
    let start = match order.by {
        OrderBy::EmailAddress => sql!(concat!(
            "select ",
            columns!(),
            " from users u left join identifiers e on e.instance_id = $1 and e.id = u.primary_email_address_id where u.instance_id = $1"
        )),
        OrderBy::Username => sql!(concat!(
            "select ",
            columns!(),
            " from users u left join identifiers e on e.instance_id = $1 and e.user_id = u.id and e.kind = 'username' where u.instance_id = $1"
        )),
        _ => sql!(concat!("select ", columns!(), " from users u where u.instance_id = $1")),
    };
    // Absent values come last on both databases, whichever the direction.
    let sorted = match (order.by, order.descending) {
        (OrderBy::CreatedAt, true) => part!("order by u.created_at desc, u.id desc"),
        (OrderBy::CreatedAt, false) => part!("order by u.created_at, u.id"),
        (OrderBy::UpdatedAt, true) => part!("order by u.updated_at desc, u.id desc"),
        (OrderBy::UpdatedAt, false) => part!("order by u.updated_at, u.id"),
        (OrderBy::EmailAddress | OrderBy::Username, true) => part!("order by coalesce(e.norm, '') desc, u.id desc"),
        (OrderBy::EmailAddress | OrderBy::Username, false) => part!("order by e.norm is null, e.norm, u.id"),
        (OrderBy::FirstName, true) => part!("order by lower(coalesce(u.first_name, '')) desc, u.id desc"),
        (OrderBy::FirstName, false) => part!("order by u.first_name is null, lower(u.first_name), u.id"),
        (OrderBy::LastName, true) => part!("order by lower(coalesce(u.last_name, '')) desc, u.id desc"),
        (OrderBy::LastName, false) => part!("order by u.last_name is null, lower(u.last_name), u.id"),
        (OrderBy::LastActiveAt, true) => part!("order by coalesce(u.last_active_at, 0) desc, u.id desc"),
        (OrderBy::LastActiveAt, false) => part!("order by u.last_active_at is null, u.last_active_at, u.id"),
        (OrderBy::LastSignInAt, true) => part!("order by coalesce(u.last_sign_in_at, 0) desc, u.id desc"),
        (OrderBy::LastSignInAt, false) => part!("order by u.last_sign_in_at is null, u.last_sign_in_at, u.id"),
    };
    let mut query = narrowed(Query::new(start, &[]), filter, &patterns);
    if let Some(after) = &after {
        let beyond = if order.descending { part!("and (u.created_at, u.id) < ({}, {})") } else { part!("and (u.created_at, u.id) > ({}, {})") };
        query = query.and(beyond, &[&after.created_at, &after.id]);
    }
    let query = query.and(sorted, &[]).and(part!("limit {} offset {}"), &[&page.limit, &page.offset]);
    let users = tx.select(query).await?;
    with_identifiers(tx, users).await
}

/// The users of these ids, without an order.
pub(crate) async fn of_ids(tx: &mut Tx<'_>, ids: &[UserId]) -> Result<Vec<User>> {
    let mut all = Vec::with_capacity(ids.len());
    for some in ids.chunks(500) {
        let query = Query::new(sql!(concat!("select ", columns!(), " from users u where u.instance_id = $1")), &[]);
        let found: Vec<User> = tx.select(query.within(part!("and u.id"), some)).await?;
        all.extend(found);
    }
    with_identifiers(tx, all).await
}

/// How many users the filter matches.
///
/// # Errors
/// Only the database's own.
pub async fn count(tx: &mut Tx<'_>, filter: &Filter) -> Result<i64> {
    if filter.is_empty() {
        return counters::value(tx, Counter::Users).await;
    }
    let patterns = Patterns::of(filter);
    let query = narrowed(Query::new(sql!("select count(*) from users u where u.instance_id = $1"), &[]), filter, &patterns);
    Ok(tx.select::<i64>(query).await?.into_iter().next().unwrap_or(0))
}
