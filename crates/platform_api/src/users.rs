//! The users of an instance, as the platform that owns it sees and keeps them.

use domain::{
    bodies,
    identifiers::VerifiedBy,
    keys::Scope,
    pools,
    users::{self, Filter},
};
use foundation::UserId;
use serde_json::{Value, json};
use web::{Answer, Id, Input, NoBody, Place, PlatformCall, Query, forms};

/// A page of users, and how many there are in all.
pub async fn list(call: PlatformCall, place: Place, Query(query): Query) -> Answer {
    let filter = Filter { query: query.text("query")?.map(str::to_owned), ..Filter::default() };
    let order = query.order()?;
    let page = query.page()?;
    let inside = call.enter(Scope::UsersRead, &place).await?;
    let now = inside.now();
    inside
        .read(
            |tx| Box::pin(async { Ok((users::list(tx, &filter, order, page, None).await?, users::count(tx, &filter).await?)) }),
            |(found, total)| json!({ "data": found.iter().map(|user| bodies::backend_user(user, now)).collect::<Vec<Value>>(), "total_count": total }),
        )
        .await
}

/// Creates a user; their identifiers count as verified.
pub async fn create(call: PlatformCall, place: Place, input: Input) -> Answer {
    let inside = call.enter(Scope::UsersManage, &place).await?;
    let forms::UserForm { mut new, password, policy, organization } = forms::new_user(&input)?;
    if let Some(password) = password {
        new.digest = Some(inside.new_password(&password, policy).await?);
    }
    let (tenant, now) = (&inside.tenant, inside.now());
    let (new, by) = (&new, inside.actor);
    inside
        .write(
            |tx| {
                Box::pin(async move {
                    let pool = pools::of_new_user(tx, tenant, organization).await?;
                    users::create(tx, pool, by, new, VerifiedBy::Admin).await
                })
            },
            |user| bodies::backend_user(user, now),
        )
        .await
}

/// Deletes a user.
pub async fn delete(call: PlatformCall, place: Place, Id(id): Id<UserId>, _: NoBody) -> Answer {
    let inside = call.enter(Scope::UsersDelete, &place).await?;
    inside.write(|tx| Box::pin(users::delete(tx, inside.actor, id)), |user| bodies::deleted("user", user.id)).await
}

/// Bans a user; their sessions end.
pub async fn ban(call: PlatformCall, place: Place, Id(id): Id<UserId>, _: NoBody) -> Answer {
    let inside = call.enter(Scope::UsersManage, &place).await?;
    let now = inside.now();
    inside.write(|tx| Box::pin(users::ban(tx, inside.actor, id)), |user| bodies::backend_user(user, now)).await
}

/// Welcomes a user again.
pub async fn unban(call: PlatformCall, place: Place, Id(id): Id<UserId>, _: NoBody) -> Answer {
    let inside = call.enter(Scope::UsersManage, &place).await?;
    let now = inside.now();
    inside.write(|tx| Box::pin(users::unban(tx, inside.actor, id)), |user| bodies::backend_user(user, now)).await
}
