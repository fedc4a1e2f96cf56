//! Redirect URLs.

use crate::Listing;
use domain::redirect_urls::{self, RedirectUrl};
use foundation::RedirectUrlId;
use serde_json::{Value, json};
use web::{Answer, BackendCall, Id, Input, Query};

fn body(url: &RedirectUrl) -> Value {
    json!({ "object": "redirect_url", "id": url.id, "url": url.url, "created_at": url.created_at, "updated_at": url.created_at })
}

/// A page of them, newest first.
pub async fn list(call: BackendCall, query: Query) -> Answer {
    let page = query.0.page()?;
    let listing = Listing::of(&query)?;
    call.read(
        |tx| Box::pin(async move { Ok((redirect_urls::list(tx, page).await?, redirect_urls::count(tx).await?)) }),
        |(urls, total)| listing.body(urls.iter().map(body).collect(), *total),
    )
    .await
}

/// Adds one.
pub async fn create(call: BackendCall, input: Input) -> Answer {
    input.only(&["url"])?;
    let url = input.required("url")?;
    call.write(|tx| Box::pin(redirect_urls::create(tx, url)), body).await
}

/// One of them.
pub async fn show(call: BackendCall, Id(id): Id<RedirectUrlId>) -> Answer {
    call.read(|tx| Box::pin(redirect_urls::get(tx, id)), body).await
}

/// Takes one off the list.
pub async fn delete(call: BackendCall, Id(id): Id<RedirectUrlId>) -> Answer {
    call.write(|tx| Box::pin(redirect_urls::delete(tx, id)), |url| domain::bodies::deleted("redirect_url", url.id)).await
}
