//! Invitations to organizations: what members send, and what the user was sent.

use domain::{
    bodies,
    organizations::invitations::{
        Budget, Filter, Notify,
        own::{self, Wish},
    },
};
use foundation::{EmailAddress, OrganizationId, OrganizationInvitationId, Page, Problem};
use serde_json::{Value, json};
use web::{Answer, FrontendCall, Id, Input, Query, Within};

/// The states that the query asks for.
fn states(query: &Input) -> Result<Filter, Problem> {
    let mut filter = Filter::default();
    let names: Vec<String> = query.texts("status")?.into_iter().chain(query.texts("status[]")?).collect();
    filter.in_states(&names)?;
    Ok(filter)
}

/// The invitations of a page, newest first, and their total.
pub async fn list(call: FrontendCall, Id(id): Id<OrganizationId>, Query(query): Query) -> Answer {
    let (filter, page) = (Filter { organization: Some(id), ..states(&query)? }, query.page()?);
    call.read(
        |tx, visit| Box::pin(own::list(tx, visit, &filter, page)),
        |(found, total)| json!({ "data": found.iter().map(bodies::invitation).collect::<Vec<_>>(), "total_count": total }),
    )
    .await
}

/// The invitations that wait for an answer, newest first.
pub async fn list_pending(call: FrontendCall, Id(id): Id<OrganizationId>) -> Answer {
    let mut filter = Filter { organization: Some(id), ..Filter::default() };
    filter.in_states(&["pending".to_owned()])?;
    let page = Page::new(Some(Page::MOST), None)?;
    call.read(|tx, visit| Box::pin(own::list(tx, visit, &filter, page)), |(found, _)| Value::Array(found.iter().map(bodies::invitation).collect())).await
}

fn wish(input: &Input, emails: Vec<EmailAddress>, budget: Budget) -> Result<Wish, Problem> {
    let notify = if input.flag("notify")? == Some(false) { Notify::Nobody } else { Notify::ByMail };
    Ok(Wish { emails, role: input.required("role")?.to_owned(), notify, budget })
}

/// Invites somebody.
pub async fn create(call: FrontendCall, Id(id): Id<OrganizationId>, input: Input) -> Answer {
    let email = input.email("email_address")?.ok_or(Problem::ParamMissing("email_address"))?;
    let wish = wish(&input, vec![email], Budget::Single)?;
    call.write(|tx, visit| Box::pin(own::invite(tx, visit, id, &wish)), |made| made.first().map_or(Value::Null, bodies::invitation)).await
}

/// Invites several people at once, in the same role: all of them, or nobody.
pub async fn create_all(call: FrontendCall, Id(id): Id<OrganizationId>, input: Input) -> Answer {
    let mut emails = Vec::new();
    for text in input.texts("email_address")? {
        emails.push(EmailAddress::parse(&text).ok_or(Problem::ParamFormat("email_address", "a list of valid e-mail addresses"))?);
    }
    if emails.is_empty() {
        return Err(Problem::ParamMissing("email_address").into());
    }
    let wish = wish(&input, emails, Budget::Bulk)?;
    call.write(|tx, visit| Box::pin(own::invite(tx, visit, id, &wish)), |made| Value::Array(made.iter().map(bodies::invitation).collect())).await
}

/// Takes an invitation back.
pub async fn revoke(call: FrontendCall, Within(id, invitation): Within<OrganizationId, OrganizationInvitationId>) -> Answer {
    call.write(|tx, visit| Box::pin(own::revoke(tx, visit, id, invitation)), bodies::invitation).await
}

/// The invitations to addresses that the user has proven.
pub async fn list_to_me(call: FrontendCall, Query(query): Query) -> Answer {
    let (filter, page) = (states(&query)?, query.page()?);
    call.read(
        |tx, visit| Box::pin(own::list_to_me(tx, visit, &filter, page)),
        |(found, total)| json!({ "data": found.iter().map(bodies::own_invitation).collect::<Vec<_>>(), "total_count": total }),
    )
    .await
}

/// Accepts an invitation: the user is a member from now on.
pub async fn accept(call: FrontendCall, Id(id): Id<OrganizationInvitationId>) -> Answer {
    call.write(|tx, visit| Box::pin(own::accept(tx, visit, id)), bodies::own_invitation).await
}
