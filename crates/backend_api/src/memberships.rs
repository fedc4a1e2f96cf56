//! Memberships in organizations.

use crate::{
    Listing,
    organizations::{metadata, without_sign},
};
use domain::{
    bodies,
    organizations::{
        self,
        memberships::{self, Filter, Order},
    },
    users,
};
use foundation::{EmailAddress, Id as _, OrganizationId, Problem, UserId};
use serde_json::Value;
use web::{Answer, BackendCall, Id, Input, NoBody, Query, Within};

async fn listed(call: BackendCall, query: &Input, filter: Filter) -> Answer {
    let (order, page) = (query.order()?, query.page()?);
    let keys = query.texts("role")?;
    let (filter, keys) = (&filter, &keys);
    call.read(
        |tx| {
            Box::pin(async move {
                if let Some(id) = filter.organization {
                    organizations::get(tx, id).await?;
                }
                let mut filter = filter.clone();
                filter.in_roles(tx, keys).await?;
                Ok((memberships::list(tx, &filter, order, page).await?, memberships::count(tx, &filter).await?))
            })
        },
        |(found, total)| Listing::WithTotal.body(found.iter().map(bodies::backend_membership).collect::<Vec<Value>>(), *total),
    )
    .await
}

/// The members of an organization.
pub async fn list(call: BackendCall, Id(id): Id<OrganizationId>, Query(query): Query) -> Answer {
    let filter = Filter {
        organization: Some(id),
        users: people(&query)?,
        created_before: query.time("created_at_before")?,
        created_after: query.time("created_at_after")?,
        ..Filter::default()
    };
    listed(call, &query, filter).await
}

/// Which users.
fn people(query: &Input) -> Result<users::Filter, Problem> {
    let mut filter = users::Filter {
        query: query.text("query")?.map(str::to_owned),
        email_query: query.text("email_address_query")?.map(str::to_owned),
        username_query: query.text("username_query")?.map(str::to_owned),
        name_query: query.text("name_query")?.map(str::to_owned),
        active_before: query.time("last_active_at_before")?,
        active_after: query.time("last_active_at_after")?,
        ..users::Filter::default()
    };
    let mut nobody = false;
    for text in query.texts("user_id")? {
        match without_sign(&text) {
            (true, id) => filter.not_ids.extend(UserId::parse(id)),
            (false, id) => match UserId::parse(id) {
                Some(id) => filter.ids.push(id),
                None => nobody = true,
            },
        }
    }
    filter.nobody = nobody && filter.ids.is_empty();
    for text in query.texts("email_address")? {
        filter.emails.push(EmailAddress::parse(&text).map_or(text.to_lowercase(), |address| address.norm().to_owned()));
    }
    for text in query.texts("username")? {
        filter.usernames.push(text.to_lowercase());
    }
    // Users have none of these yet.
    filter.nobody |= ["phone_number", "web3_wallet", "phone_number_query"].iter().any(|param| query.has(param));
    Ok(filter)
}

/// All memberships of the instance.
pub async fn list_all(call: BackendCall, Query(query): Query) -> Answer {
    listed(call, &query, Filter::default()).await
}

/// The memberships of a user.
pub async fn list_of_user(call: BackendCall, Id(id): Id<UserId>, Query(query): Query) -> Answer {
    let page = query.page()?;
    call.read(
        |tx| {
            Box::pin(async move {
                let user = users::get(tx, id).await?;
                let filter = Filter { user: Some(id), ..Filter::default() };
                Ok((memberships::list(tx, &filter, Order::default(), page).await?, user.organizations))
            })
        },
        |(found, total)| Listing::WithTotal.body(found.iter().map(bodies::backend_membership).collect(), *total),
    )
    .await
}

/// Makes a user a member.
pub async fn create(call: BackendCall, Id(id): Id<OrganizationId>, input: Input) -> Answer {
    input.only(&["user_id", "role", "public_metadata", "private_metadata"])?;
    let user = UserId::parse(input.required("user_id")?).ok_or(Problem::NamesNothing("user_id"))?;
    let role = input.required("role")?;
    let [public, private] = [input.object("public_metadata")?, input.object("private_metadata")?].map(|object| store::Json(object.unwrap_or_default()));
    let (public, private) = (&public, &private);
    call.write(|tx| Box::pin(memberships::add_with(tx, call.actor, (id, user), role, (public, private))), bodies::backend_membership).await
}

/// Gives a member another role.
pub async fn update(call: BackendCall, Within(id, user): Within<OrganizationId, UserId>, input: Input) -> Answer {
    input.only(&["role"])?;
    let role = input.required("role")?;
    call.write(|tx| Box::pin(memberships::set_role(tx, call.actor, (id, user), role)), bodies::backend_membership).await
}

/// Merges a membership's metadata.
pub async fn merge_metadata(call: BackendCall, Within(id, user): Within<OrganizationId, UserId>, input: Input) -> Answer {
    let change = metadata(&input)?;
    call.write(|tx| Box::pin(memberships::merge_metadata(tx, call.actor, (id, user), &change)), bodies::backend_membership).await
}

/// Ends a membership.
pub async fn delete(call: BackendCall, Within(id, user): Within<OrganizationId, UserId>, _: NoBody) -> Answer {
    call.write(|tx| Box::pin(memberships::remove(tx, call.actor, (id, user))), bodies::backend_membership).await
}
