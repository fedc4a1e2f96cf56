//! Members of an organization, as other members see them.

use crate::organizations::page;
use domain::{
    bodies,
    organizations::{
        memberships::{self, Filter, Order},
        own, roles,
    },
    users,
};
use foundation::{Id as _, OrganizationId, UserId};
use serde_json::{Value, json};
use web::{Answer, FrontendCall, Id, Input, Query, Within};

/// The members of a page, newest first: with their total where `paginated=true` asks for it.
pub async fn list(call: FrontendCall, Id(id): Id<OrganizationId>, Query(query): Query) -> Answer {
    let page = page(&query)?;
    let paginated = query.flag("paginated")? == Some(true);
    let keys = query.texts("role")?.into_iter().chain(query.texts("role[]")?).collect::<Vec<_>>();
    let users = users::Filter { shown_query: query.first("query")?.map(str::to_owned), ..users::Filter::default() };
    let (keys, users) = (&keys, &users);
    call.read(
        |tx, visit| {
            Box::pin(async move {
                own::enter(tx, visit, id).await?.ensure(roles::READ_MEMBERS)?;
                let mut filter = Filter { organization: Some(id), users: users.clone(), ..Filter::default() };
                filter.in_roles(tx, keys).await?;
                let found = memberships::list(tx, &filter, Order::default(), page).await?;
                let total = memberships::count(tx, &filter).await?;
                Ok((found, total))
            })
        },
        |(found, total)| {
            let data: Vec<Value> = found.iter().map(bodies::membership).collect();
            if paginated { json!({ "data": data, "total_count": total }) } else { Value::Array(data) }
        },
    )
    .await
}

/// Makes a user a member.
pub async fn create(call: FrontendCall, Id(id): Id<OrganizationId>, input: Input) -> Answer {
    let user = UserId::parse(input.required("user_id")?).ok_or(foundation::Problem::NamesNothing("user_id"))?;
    let role = input.required("role")?;
    call.write(|tx, visit| Box::pin(own::add_member(tx, visit, (id, user), role)), bodies::membership).await
}

/// Gives a member another role.
pub async fn update(call: FrontendCall, Within(id, user): Within<OrganizationId, UserId>, input: Input) -> Answer {
    let role = input.required("role")?;
    call.write(|tx, visit| Box::pin(own::set_role(tx, visit, (id, user), role)), bodies::membership).await
}

/// Removes a member.
pub async fn delete(call: FrontendCall, Within(id, user): Within<OrganizationId, UserId>) -> Answer {
    call.write(|tx, visit| Box::pin(own::remove_member(tx, visit, (id, user))), bodies::membership).await
}
