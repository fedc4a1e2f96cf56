//! Links that carry a ticket.

use domain::tickets;
use foundation::Problem;
use http::StatusCode;
use store::Access;
use web::{Answer, FrontendCall, Query, redirect};

/// Sends a browser that follows such a link on to the application, which signs in with the ticket. Where nobody has said where that is, to a page that says
/// how to.
pub async fn accept(call: FrontendCall, Query(query): Query) -> Answer {
    let call = call.navigating();
    let ticket = query.credential("ticket")?.ok_or(Problem::ParamMissing("ticket"))?;
    let target = query.text("redirect_url")?;
    let nowhere = format!("{}/no-application", call.site().base_url());
    call.bare(
        Access::Read,
        |tx, visit| Box::pin(tickets::destination(tx, visit, &ticket, target)),
        // Whoever follows a link is a person with a browser, who reads no JSON. The ticket stays behind.
        |location| redirect(StatusCode::SEE_OTHER, location.as_ref().unwrap_or(&nowhere)),
    )
    .await
}
