//! The JWT templates of an instance.

use domain::{bodies, jwt_templates, keys::Scope};
use foundation::{JwtTemplateId, Page};
use serde_json::Value;
use web::{Answer, Id, Input, NoBody, Place, PlatformCall, forms};

/// All of them, newest first: an instance has fewer than a page.
pub async fn list(call: PlatformCall, place: Place) -> Answer {
    let inside = call.enter(Scope::JwtTemplatesRead, &place).await?;
    let all = Page::new(Some(Page::MOST), None)?;
    inside.read(|tx| Box::pin(jwt_templates::list(tx, all)), |(templates, _)| Value::Array(templates.iter().map(bodies::jwt_template).collect())).await
}

/// Makes one.
pub async fn create(call: PlatformCall, place: Place, input: Input) -> Answer {
    let inside = call.enter(Scope::JwtTemplatesManage, &place).await?;
    let new = forms::new_jwt_template(&input)?;
    inside.write(|tx| Box::pin(jwt_templates::create(tx, inside.actor, &new)), bodies::jwt_template).await
}

/// One of them.
pub async fn show(call: PlatformCall, place: Place, Id(id): Id<JwtTemplateId>) -> Answer {
    let inside = call.enter(Scope::JwtTemplatesRead, &place).await?;
    inside.read(|tx| Box::pin(jwt_templates::get(tx, id)), bodies::jwt_template).await
}

/// Changes one.
pub async fn update(call: PlatformCall, place: Place, Id(id): Id<JwtTemplateId>, input: Input) -> Answer {
    let inside = call.enter(Scope::JwtTemplatesManage, &place).await?;
    let change = forms::jwt_template(&input)?;
    inside.write(|tx| Box::pin(jwt_templates::update(tx, inside.actor, id, &change)), bodies::jwt_template).await
}

/// Takes one away.
pub async fn delete(call: PlatformCall, place: Place, Id(id): Id<JwtTemplateId>, _: NoBody) -> Answer {
    let inside = call.enter(Scope::JwtTemplatesManage, &place).await?;
    inside.write(|tx| Box::pin(jwt_templates::delete(tx, inside.actor, id)), |gone| bodies::deleted("jwt_template", gone.id)).await
}
