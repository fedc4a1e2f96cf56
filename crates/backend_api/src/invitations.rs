//! Invitations to organizations.

use crate::Listing;
use domain::{
    bodies,
    organizations::{
        self,
        invitations::{self, Budget, Filter, Invite, Invited, Issued, NewInvitation, Notify, Order},
    },
};
use foundation::{EmailAddress, OrganizationId, OrganizationInvitationId, Page, Problem, UserId};
use serde_json::{Value, json};
use web::{Answer, BackendCall, Id, Input, Inputs, Query, Within};

fn in_states(query: &Input, mut filter: Filter) -> Result<Filter, Problem> {
    filter.in_states(&query.texts("status")?)?;
    Ok(filter)
}

async fn listed(call: BackendCall, (filter, order, page): (Filter, Order, Page), shown: fn(&Invited) -> Value) -> Answer {
    let filter = &filter;
    call.read(
        |tx| {
            Box::pin(async move {
                if let Some(id) = filter.organization {
                    organizations::get(tx, id).await?;
                }
                Ok((invitations::list(tx, filter, order, page).await?, invitations::count(tx, filter).await?))
            })
        },
        |(found, total)| Listing::WithTotal.body(found.iter().map(shown).collect(), *total),
    )
    .await
}

/// The invitations of an organization.
pub async fn list(call: BackendCall, Id(id): Id<OrganizationId>, Query(query): Query) -> Answer {
    let mut filter = in_states(&query, Filter { organization: Some(id), ..Filter::default() })?;
    for text in query.texts("email_address")? {
        filter.norms.push(EmailAddress::parse(&text).map_or(text.to_lowercase(), |address| address.norm().to_owned()));
    }
    let rest = (query.order()?, query.page()?);
    listed(call, (filter, rest.0, rest.1), bodies::backend_invitation).await
}

/// The invitations of an organization that wait for an answer.
pub async fn list_pending(call: BackendCall, Id(id): Id<OrganizationId>, Query(query): Query) -> Answer {
    let mut filter = Filter { organization: Some(id), ..Filter::default() };
    filter.in_states(&["pending".to_owned()])?;
    listed(call, (filter, Order::default(), query.page()?), bodies::backend_invitation).await
}

/// All invitations of the instance.
pub async fn list_all(call: BackendCall, Query(query): Query) -> Answer {
    let filter = in_states(&query, Filter { query: query.text("query")?.map(str::to_owned), ..Filter::default() })?;
    let rest = (query.order()?, query.page()?);
    listed(call, (filter, rest.0, rest.1), bodies::instance_invitation).await
}

/// The invitations to addresses that a user has proven.
pub async fn list_of_user(call: BackendCall, Id(id): Id<UserId>, Query(query): Query) -> Answer {
    let (states, page) = (in_states(&query, Filter::default())?, query.page()?);
    let states = &states;
    call.read(
        |tx| {
            Box::pin(async move {
                let theirs = Filter::of_user(tx, id).await?;
                let filter = Filter { statuses: states.statuses.clone(), none: theirs.none || states.none, ..theirs };
                Ok((invitations::list(tx, &filter, Order::default(), page).await?, invitations::count(tx, &filter).await?))
            })
        },
        |(found, total)| Listing::WithTotal.body(found.iter().map(bodies::instance_invitation).collect(), *total),
    )
    .await
}

/// An invitation of an organization.
pub async fn show(call: BackendCall, Within(id, invitation): Within<OrganizationId, OrganizationInvitationId>) -> Answer {
    call.read(|tx| Box::pin(invitations::get(tx, id, invitation)), bodies::backend_invitation).await
}

/// What the body says of one invitation.
fn new(input: &Input) -> Result<NewInvitation, Problem> {
    input.only(&["email_address", "inviter_user_id", "role", "public_metadata", "private_metadata", "redirect_url", "expires_in_days", "notify"])?;
    Ok(NewInvitation {
        email: input.email("email_address")?.ok_or(Problem::ParamMissing("email_address"))?,
        role: input.required("role")?.to_owned(),
        inviter: input.id("inviter_user_id")?,
        public_metadata: store::Json(input.object("public_metadata")?.unwrap_or_default()),
        private_metadata: store::Json(input.object("private_metadata")?.unwrap_or_default()),
        redirect_url: input.text("redirect_url")?.filter(|url| !url.is_empty()).map(str::to_owned),
        expires_in_days: input.number("expires_in_days")?,
        notify: if input.flag("notify")? == Some(false) { Notify::Nobody } else { Notify::ByMail },
    })
}

/// An invitation that was just made: with its link, which is shown this once.
fn issued(made: &Issued) -> Value {
    let mut body = bodies::backend_invitation(&made.invited);
    body["url"] = json!(made.url.expose());
    body
}

async fn made(tx: &mut store::Tx<'_>, call: &BackendCall, invite: &Invite<'_>) -> foundation::Result<Vec<Issued>> {
    for inviter in invite.new.iter().filter_map(|new| new.inviter) {
        invitations::ensure_manager(tx, invite.organization, inviter, "inviter_user_id").await?;
    }
    invitations::create(tx, call.actor, &call.tenant, invite).await
}

/// Invites somebody to an organization.
pub async fn create(call: BackendCall, Id(id): Id<OrganizationId>, input: Input) -> Answer {
    let new = [new(&input)?];
    let invite = Invite { organization: id, new: &new, budget: Budget::Single };
    call.write(|tx| Box::pin(made(tx, &call, &invite)), |made| made.first().map_or(Value::Null, issued)).await
}

/// Invites up to 10 people to an organization: all of them, or nobody.
pub async fn create_all(call: BackendCall, Id(id): Id<OrganizationId>, Inputs(inputs): Inputs) -> Answer {
    let new = inputs.iter().map(new).collect::<Result<Vec<_>, _>>()?;
    let invite = Invite { organization: id, new: &new, budget: Budget::Bulk };
    call.write(
        |tx| Box::pin(made(tx, &call, &invite)),
        |made| Listing::WithTotal.body(made.iter().map(issued).collect(), i64::try_from(made.len()).unwrap_or(i64::MAX)),
    )
    .await
}

/// Takes an invitation back.
pub async fn revoke(call: BackendCall, Within(id, invitation): Within<OrganizationId, OrganizationInvitationId>, input: Input) -> Answer {
    input.only(&["requesting_user_id"])?;
    let requester: Option<UserId> = input.id("requesting_user_id")?;
    call.write(
        |tx| {
            Box::pin(async move {
                invitations::get(tx, id, invitation).await?;
                if let Some(requester) = requester {
                    invitations::ensure_manager(tx, id, requester, "requesting_user_id").await?;
                }
                invitations::revoke(tx, call.actor, id, invitation).await
            })
        },
        bodies::backend_invitation,
    )
    .await
}
