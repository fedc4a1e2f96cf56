//! Lists of memberships: of an organization, of a user, of everybody.

use super::{
    Belonging, Member, Membership, role_of,
    store::{self, columns},
};
use crate::{
    organizations::{self, roles},
    users::{self, narrow},
};
use ::store::{Query, Tx, part, sql};
use foundation::{OrganizationId, Page, Problem, Result, RoleId, Timestamp, UserId, order::Key};

/// Which memberships. An empty filter is all of them.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this organization.
    pub organization: Option<OrganizationId>,
    /// Of this user.
    pub user: Option<UserId>,
    /// In one of these roles.
    pub roles: Vec<RoleId>,
    /// Of users like these.
    pub users: users::Filter,
    /// Begun before.
    pub created_before: Option<Timestamp>,
    /// Begun after.
    pub created_after: Option<Timestamp>,
}

impl Filter {
    /// Narrows the filter to the roles of these keys; what is no role's key is nobody's.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn in_roles(&mut self, tx: &mut Tx<'_>, keys: &[String]) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let catalogue = roles::catalogue(tx).await?;
        self.roles = catalogue.roles.iter().filter(|role| keys.contains(&role.key)).map(|role| role.id).collect();
        self.users.nobody |= self.roles.is_empty();
        Ok(())
    }
}

/// By what a list is sorted; ties by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderBy {
    /// When they began.
    #[default]
    CreatedAt,
    /// The user's primary address.
    EmailAddress,
    /// The user's username.
    Username,
    /// The user's first name.
    FirstName,
    /// The user's last name.
    LastName,
}

impl Key for OrderBy {
    const WORDS: &'static [(&'static str, OrderBy)] = &[
        // Nobody has a phone number yet, so every order by it is the same.
        ("created_at", OrderBy::CreatedAt),
        ("phone_number", OrderBy::CreatedAt),
        ("email_address", OrderBy::EmailAddress),
        ("username", OrderBy::Username),
        ("first_name", OrderBy::FirstName),
        ("last_name", OrderBy::LastName),
    ];
}

/// An order and its direction.
pub type Order = foundation::Order<OrderBy>;

/// What both the list and its total begin with.
macro_rules! from {
    ($what:expr) => {
        sql!(concat!("select ", $what, " from memberships m join users u on u.instance_id = $1 and u.id = m.user_id where m.instance_id = $1"))
    };
}

fn narrowed<'a>(mut query: Query<'a>, filter: &'a Filter, patterns: &'a users::Patterns) -> Query<'a> {
    if let Some(organization) = &filter.organization {
        query = query.and(part!("and m.organization_id = {}"), &[organization]);
    }
    if let Some(user) = &filter.user {
        query = query.and(part!("and m.user_id = {}"), &[user]);
    }
    if !filter.roles.is_empty() {
        query = query.within(part!("and m.role_id"), &filter.roles);
    }
    if let Some(before) = &filter.created_before {
        query = query.and(part!("and m.created_at < {}"), &[before]);
    }
    if let Some(after) = &filter.created_after {
        query = query.and(part!("and m.created_at > {}"), &[after]);
    }
    narrow(query, &filter.users, patterns)
}

/// The memberships of a page, with users and organizations.
///
/// # Errors
/// Only the database's own.
pub async fn list(tx: &mut Tx<'_>, filter: &Filter, order: Order, page: Page) -> Result<Vec<Member>> {
    let patterns = users::Patterns::of(&filter.users);
    let query = narrowed(Query::new(from!(columns!()), &[]), filter, &patterns);
    let by = match (order.by, order.descending) {
        (OrderBy::CreatedAt, true) => part!("order by m.created_at desc, m.id desc limit {} offset {}"),
        (OrderBy::CreatedAt, false) => part!("order by m.created_at, m.id limit {} offset {}"),
        (OrderBy::FirstName, true) => part!("order by lower(coalesce(u.first_name, '')) desc, m.id desc limit {} offset {}"),
        (OrderBy::FirstName, false) => part!("order by lower(coalesce(u.first_name, '')), m.id limit {} offset {}"),
        (OrderBy::LastName, true) => part!("order by lower(coalesce(u.last_name, '')) desc, m.id desc limit {} offset {}"),
        (OrderBy::LastName, false) => part!("order by lower(coalesce(u.last_name, '')), m.id limit {} offset {}"),
        (OrderBy::EmailAddress, true) => part!(
            "order by coalesce((select i.norm from identifiers i where i.instance_id = u.instance_id and i.id = u.primary_email_address_id), '') desc, m.id desc limit {} offset {}"
        ),
        (OrderBy::EmailAddress, false) => part!(
            "order by coalesce((select i.norm from identifiers i where i.instance_id = u.instance_id and i.id = u.primary_email_address_id), ''), m.id limit {} offset {}"
        ),
        (OrderBy::Username, true) => part!(
            "order by coalesce((select i.norm from identifiers i where i.instance_id = u.instance_id and i.user_id = u.id and i.kind = 'username'), '') desc, m.id desc limit {} offset {}"
        ),
        (OrderBy::Username, false) => part!(
            "order by coalesce((select i.norm from identifiers i where i.instance_id = u.instance_id and i.user_id = u.id and i.kind = 'username'), ''), m.id limit {} offset {}"
        ),
    };
    let found: Vec<Membership> = tx.select(query.and(by, &[&page.limit, &page.offset])).await?;
    members(tx, found).await
}

/// How many memberships there are.
///
/// # Errors
/// Only the database's own.
pub async fn count(tx: &mut Tx<'_>, filter: &Filter) -> Result<i64> {
    let patterns = users::Patterns::of(&filter.users);
    let query = narrowed(Query::new(from!("count(*)"), &[]), filter, &patterns);
    Ok(tx.select::<i64>(query).await?.into_iter().next().unwrap_or(0))
}

/// All memberships of a user, oldest first.
///
/// # Errors
/// Only the database's own.
pub async fn of_user(tx: &mut Tx<'_>, user: UserId) -> Result<Vec<Belonging>> {
    let found = store::of_user(tx, user).await?;
    belongings(tx, found).await
}

/// Gives memberships their organizations and roles, by one statement each.
async fn belongings(tx: &mut Tx<'_>, found: Vec<Membership>) -> Result<Vec<Belonging>> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let mut ids: Vec<OrganizationId> = found.iter().map(|membership| membership.organization).collect();
    ids.sort();
    ids.dedup();
    let all = organizations::of_ids(tx, &ids).await?;
    let catalogue = roles::catalogue(tx).await?;
    // What is missing is being deleted: its memberships are on their way too.
    let with_both = |membership: Membership| {
        let organization = all.iter().find(|organization| organization.id == membership.organization).cloned()?;
        Some(role_of(&catalogue, &membership).map(|role| Belonging { membership, organization, role }))
    };
    found.into_iter().filter_map(with_both).collect()
}

pub(super) async fn members(tx: &mut Tx<'_>, found: Vec<Membership>) -> Result<Vec<Member>> {
    let mut ids: Vec<UserId> = found.iter().map(|membership| membership.user).collect();
    ids.sort();
    ids.dedup();
    let people = users::of_ids(tx, &ids).await?;
    let mut list = Vec::with_capacity(found.len());
    for belonging in belongings(tx, found).await? {
        let user = people.iter().find(|user| user.id == belonging.membership.user).cloned().ok_or(Problem::NotFound)?;
        list.push(Member { belonging, user });
    }
    Ok(list)
}
