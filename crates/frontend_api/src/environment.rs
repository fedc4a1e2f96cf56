//! What everybody may know about an instance.

use axum::body::Bytes;
use domain::{
    bodies, keys,
    organizations::{
        roles,
        switch::{self, PersonalAccounts},
    },
    settings,
};
use foundation::Problem;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use store::{Access, Kept};
use web::{Answer, FrontendCall, Input, json, json_text};

/// The environment. Development instances ask for it by `PATCH`, with nothing to change.
pub async fn show(call: FrontendCall) -> Answer {
    let tenant = &call.tenant;
    let read = call.recall_public("environment", |tx| {
        Box::pin(async move {
            let settings = settings::effective(tx).await?;
            let text = bodies::environment(tenant, &settings, &*roles::catalogue(tx).await?).to_string();
            Ok(Kept::text(text).about(&tenant.instance.application))
        })
    });
    Ok(json_text(StatusCode::OK, Bytes::clone(&*read.await?)))
}

/// Turns organizations on, in a development instance; the environment as it is then.
pub async fn enable(call: FrontendCall, input: Input) -> Answer {
    if input.flag("enable_organizations")? != Some(true) {
        return Err(Problem::invalid("enable_organizations", "must be true: there is nothing else to enable").into());
    }
    let personal = if input.flag("organization_allow_personal_accounts")? == Some(false) { PersonalAccounts::None } else { PersonalAccounts::Allowed };
    let tenant = &call.tenant;
    call.bare(
        Access::Write,
        |tx, visit| {
            Box::pin(async move {
                switch::turn_on(tx, visit, personal).await?;
                Ok(bodies::environment(tenant, &*settings::effective(tx).await?, &*roles::catalogue(tx).await?))
            })
        },
        |environment| json(StatusCode::OK, environment),
    )
    .await
}

/// The public keys that the instance's tokens are verified with.
pub async fn jwks(call: FrontendCall) -> Answer {
    let read = call.recall_public("jwks", |tx| Box::pin(async move { Ok(Kept::text(keys::jwks(tx).await?.to_string())) }));
    let mut response = json_text(StatusCode::OK, Bytes::clone(&*read.await?));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    Ok(response)
}

/// What OpenID Connect clients may know. It is everybody's.
pub async fn openid(call: FrontendCall) -> Answer {
    let mut response = json(StatusCode::OK, &bodies::openid_configuration(&call.tenant));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    Ok(response)
}

/// Whether the instance is served.
pub async fn health(_: FrontendCall) -> Answer {
    Ok(json(StatusCode::OK, &json!({ "status": "healthy" })))
}
