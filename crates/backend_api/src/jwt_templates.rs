//! JWT templates.

use crate::Listing;
use domain::{bodies, jwt_templates};
use foundation::JwtTemplateId;
use web::{Answer, BackendCall, Id, Input, NoBody, Query, forms};

/// A page of them, newest first.
pub async fn list(call: BackendCall, query: Query) -> Answer {
    let page = query.0.page()?;
    let listing = Listing::of(&query)?;
    call.read(|tx| Box::pin(jwt_templates::list(tx, page)), |(templates, total)| listing.body(templates.iter().map(bodies::jwt_template).collect(), *total))
        .await
}

/// Makes one.
pub async fn create(call: BackendCall, input: Input) -> Answer {
    let new = forms::new_jwt_template(&input)?;
    call.write(|tx| Box::pin(jwt_templates::create(tx, call.actor, &new)), bodies::jwt_template).await
}

/// One of them.
pub async fn show(call: BackendCall, Id(id): Id<JwtTemplateId>) -> Answer {
    call.read(|tx| Box::pin(jwt_templates::get(tx, id)), bodies::jwt_template).await
}

/// Changes one.
pub async fn update(call: BackendCall, Id(id): Id<JwtTemplateId>, input: Input) -> Answer {
    let change = forms::jwt_template(&input)?;
    call.write(|tx| Box::pin(jwt_templates::update(tx, call.actor, id, &change)), bodies::jwt_template).await
}

/// Takes one away.
pub async fn delete(call: BackendCall, Id(id): Id<JwtTemplateId>, _: NoBody) -> Answer {
    call.write(|tx| Box::pin(jwt_templates::delete(tx, call.actor, id)), |gone| bodies::deleted("jwt_template", gone.id)).await
}
