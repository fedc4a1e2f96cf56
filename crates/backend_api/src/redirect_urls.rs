//! Redirect URLs.

use crate::Listing;
use domain::{bodies, redirect_urls};
use foundation::RedirectUrlId;
use web::{Answer, BackendCall, Id, Input, NoBody, Query};

/// A page of them, newest first.
pub async fn list(call: BackendCall, query: Query) -> Answer {
    let page = query.0.page()?;
    let listing = Listing::of(&query)?;
    call.read(
        |tx| Box::pin(async move { Ok((redirect_urls::list(tx, page).await?, redirect_urls::count(tx).await?)) }),
        |(urls, total)| listing.body(urls.iter().map(bodies::redirect_url).collect(), *total),
    )
    .await
}

/// Adds one.
pub async fn create(call: BackendCall, input: Input) -> Answer {
    input.only(&["url"])?;
    let url = input.required("url")?;
    call.write(|tx| Box::pin(redirect_urls::create(tx, call.actor, url)), bodies::redirect_url).await
}

/// One of them.
pub async fn show(call: BackendCall, Id(id): Id<RedirectUrlId>) -> Answer {
    call.read(|tx| Box::pin(redirect_urls::get(tx, id)), bodies::redirect_url).await
}

/// Takes one off the list.
pub async fn delete(call: BackendCall, Id(id): Id<RedirectUrlId>, _: NoBody) -> Answer {
    call.write(|tx| Box::pin(redirect_urls::delete(tx, call.actor, id)), |url| bodies::deleted("redirect_url", url.id)).await
}
