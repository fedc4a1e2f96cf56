//! Links that carry a ticket.

use domain::tickets;
use foundation::Problem;
use http::StatusCode;
use store::Access;
use web::{Answer, FrontendCall, Query, redirect};

/// Sends a browser that follows such a link on to the application, which signs in with the ticket.
pub async fn accept(call: FrontendCall, Query(query): Query) -> Answer {
    let call = call.navigating();
    let ticket = query.credential("ticket")?.ok_or(Problem::ParamMissing("ticket"))?;
    let target = query.text("redirect_url")?;
    call.bare(Access::Read, |tx, visit| Box::pin(tickets::destination(tx, visit, &ticket, target)), |location| redirect(StatusCode::SEE_OTHER, location)).await
}
