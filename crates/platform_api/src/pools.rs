//! The pools of an instance's organizations, where each has its own.

use domain::{bodies, keys::Scope, pools};
use serde_json::{Value, json};
use web::{Answer, Place, PlatformCall, Query};

/// A page of the organizations' own pools with their keys and hosts, oldest first, and how many there are in all.
pub async fn list(call: PlatformCall, place: Place, Query(query): Query) -> Answer {
    let (page, organization) = (query.page()?, query.id("organization_id")?);
    let inside = call.enter(Scope::ApplicationsRead, &place).await?;
    let tenant = &inside.tenant;
    inside
        .read(
            |tx| Box::pin(pools::list(tx, organization, page)),
            |(found, total)| json!({ "data": found.iter().map(|pool| bodies::pool(tenant, pool)).collect::<Vec<Value>>(), "total_count": total }),
        )
        .await
}
