//! The redirect URLs of an instance.

use domain::{bodies, keys::Scope, redirect_urls};
use foundation::RedirectUrlId;
use serde_json::{Value, json};
use web::{Answer, Id, Input, NoBody, Place, PlatformCall, Query};

/// A page of them, newest first, and how many there are in all.
pub async fn list(call: PlatformCall, place: Place, Query(query): Query) -> Answer {
    let page = query.page()?;
    let inside = call.enter(Scope::ApplicationsRead, &place).await?;
    inside
        .read(
            |tx| Box::pin(async move { Ok((redirect_urls::list(tx, page).await?, redirect_urls::count(tx).await?)) }),
            |(urls, total)| json!({ "data": urls.iter().map(bodies::redirect_url).collect::<Vec<Value>>(), "total_count": total }),
        )
        .await
}

/// Adds one.
pub async fn create(call: PlatformCall, place: Place, input: Input) -> Answer {
    input.only(&["url"])?;
    let inside = call.enter(Scope::ApplicationsManage, &place).await?;
    let url = input.required("url")?;
    inside.write(|tx| Box::pin(redirect_urls::create(tx, inside.actor, url)), bodies::redirect_url).await
}

/// One of them.
pub async fn show(call: PlatformCall, place: Place, Id(id): Id<RedirectUrlId>) -> Answer {
    let inside = call.enter(Scope::ApplicationsRead, &place).await?;
    inside.read(|tx| Box::pin(redirect_urls::get(tx, id)), bodies::redirect_url).await
}

/// Takes one off the list.
pub async fn delete(call: PlatformCall, place: Place, Id(id): Id<RedirectUrlId>, _: NoBody) -> Answer {
    let inside = call.enter(Scope::ApplicationsManage, &place).await?;
    inside.write(|tx| Box::pin(redirect_urls::delete(tx, inside.actor, id)), |url| bodies::deleted("redirect_url", url.id)).await
}
