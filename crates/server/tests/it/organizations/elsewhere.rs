//! Organizations where something else is asked about: templates of tokens, sign-in tokens, lists of users.

use super::{claims, enter, found, fresh_claims, join, server, server_with, text};
use serde_json::{Value, json};
use testkit::{Browser, TestServer, address};

async fn templated(browser: &mut Browser) -> Value {
    let session = browser.session_id().await;
    claims(&text(browser.post(&format!("/v1/client/sessions/{session}/tokens/all"), &[]).await.ok(), "jwt"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_speaks_of_the_organization_that_the_session_is_in() {
    let server = server().await;
    let backend = server.backend();
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let (acme, beta) = (found(&mut ada, "Acme").await, found(&mut bob, "Beta").await);
    join(&server, &beta, &mut ada, "org:member").await;
    let body = json!({ "public_metadata": { "plan": { "seats": 7 } }, "private_metadata": { "secret": "s3cret" } });
    backend.patch(&format!("/v1/organizations/{acme}/metadata"), body).await.ok();
    let membership = format!("/v1/organizations/{acme}/memberships/{}", ada.user_id().await);
    backend.patch(&format!("{membership}/metadata"), json!({ "public_metadata": { "desk": 3 } })).await.ok();
    let template = json!({
        "id": "{{org.id}}",
        "name": "{{org.name}}",
        "slug": "{{org.slug || 'none'}}",
        "role": "{{org.role}}",
        "has_image": "{{org.has_image}}",
        "image": "{{org.image_url}}",
        "plan": "{{org.public_metadata.plan}}",
        "seats": "{{org.public_metadata.plan.seats}} seats",
        "desk": "{{org_membership.public_metadata.desk}}",
        "can": "{{org_membership.permissions}}",
        "all": "{{user.organizations}}",
    });
    backend.post("/v1/jwt_templates", json!({ "name": "all", "claims": template })).await.ok();

    let all = json!({ acme.as_str(): "org:admin", beta.as_str(): "org:member" });
    let personal = templated(&mut ada).await;
    assert_eq!((&personal["id"], &personal["slug"], &personal["seats"]), (&Value::Null, &json!("none"), &json!(" seats")));
    assert_eq!(personal["all"], all);
    enter(&mut ada, &acme).await.response();
    let inside = templated(&mut ada).await;
    let wanted = json!({
        "id": acme, "name": "Acme", "slug": "acme", "role": "org:admin", "has_image": false, "plan": { "seats": 7 }, "seats": "7 seats", "desk": 3, "all": all,
    });
    for (name, value) in wanted.as_object().expect("an object") {
        assert_eq!(&inside[name], value, "{name}");
    }
    assert!(text(&inside, "image").contains("/v1/avatar_placeholder/"));
    assert!(inside["can"].as_array().expect("a list").contains(&json!("org:sys_memberships:manage")));
    enter(&mut ada, &beta).await.response();
    let there = templated(&mut ada).await;
    assert_eq!((&there["id"], &there["role"], &there["plan"], &there["desk"]), (&json!(beta), &json!("org:member"), &Value::Null, &Value::Null));
    // Whoever is no member any more is in none, and nothing that is private is ever said.
    backend.delete(&format!("/v1/organizations/{beta}/memberships/{}", ada.user_id().await)).await.ok();
    let after = templated(&mut ada).await;
    assert_eq!((&after["id"], &after["all"]), (&Value::Null, &json!({ acme.as_str(): "org:admin" })));
    for code in ["{{org.private_metadata.secret}}", "{{org_membership.private_metadata}}", "{{user.organizations.x}}", "{{org.members}}"] {
        let refused = backend.post("/v1/jwt_templates", json!({ "name": "bad", "claims": { "x": code } })).await;
        assert_eq!((refused.status.as_u16(), refused.param()), (422, "claims"), "{code}");
    }
    let home = server.home.tenant.id();
    server.set(home, json!({ "organization_settings": { "enabled": false } })).await;
    let off = templated(&mut ada).await;
    assert_eq!((&off["id"], &off["all"]), (&Value::Null, &json!({})), "where there are no organizations");
}

async fn come_in(server: &TestServer, token: &Value) -> Browser {
    let mut browser = server.browser();
    browser.post("/v1/client/sign_ins", &[("strategy", "ticket"), ("ticket", &text(token, "token"))]).await.response();
    browser
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_token_leads_into_an_organization() {
    let server = server_with(json!({ "force_organization_selection": true })).await;
    let backend = server.backend();
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let (acme, beta) = (found(&mut ada, "Acme").await, found(&mut bob, "Beta").await);
    let user = ada.user_id().await;
    let make = async |org: &str| backend.post("/v1/sign_in_tokens", json!({ "user_id": user, "org_id": org })).await;
    let mut inside = come_in(&server, make(&acme).await.ok()).await;
    let shown = inside.get("/v1/client").await.response()["sessions"][0].clone();
    assert_eq!((&shown["last_active_organization_id"], &shown["status"]), (&json!(acme), &json!("active")));
    assert_eq!(fresh_claims(&mut inside).await["o"]["id"], json!(acme));
    // Whoever has left meanwhile comes in all the same, into none.
    join(&server, &acme, &mut bob, "org:admin").await;
    let late = make(&acme).await.ok().clone();
    backend.delete(&format!("/v1/organizations/{acme}/memberships/{user}")).await.ok();
    let mut outside = come_in(&server, &late).await;
    assert!(fresh_claims(&mut outside).await.get("o").is_none());
    assert_eq!(outside.get("/v1/client").await.response()["sessions"][0]["status"], "pending");

    for org in [acme.as_str(), &beta, "org_222222222222222222222222222", "acme", "x"] {
        let refused = make(org).await;
        assert_eq!((refused.refusal(), refused.param()), ((422, "form_param_value_invalid"), "org_id"), "{org}");
    }
    server.set(server.home.tenant.id(), json!({ "organization_settings": { "enabled": false, "force_organization_selection": false } })).await;
    assert_eq!(make(&beta).await.status.as_u16(), 403, "where there are no organizations");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_found_by_their_organizations() {
    let server = server().await;
    let backend = server.backend();
    let (mut ada, mut bob, mut cyd) = (server.signed_in("ada").await, server.signed_in("bob").await, server.signed_in("cyd").await);
    let (acme, beta) = (found(&mut ada, "Acme").await, found(&mut bob, "Beta").await);
    join(&server, &beta, &mut ada, "org:member").await;
    let theirs = found(&mut server.signed_in_next_door("zoe").await, "Acme").await;
    cyd.user_id().await;
    let everybody = [address("ada"), address("bob"), address("cyd")];
    let find = async |words: &[&str]| {
        let query = words.iter().map(|word| format!("organization_id={}", word.replace('+', "%2B"))).collect::<Vec<_>>().join("&");
        let list = backend.get(&format!("/v1/users?{query}&order_by=email_address")).await.ok().clone();
        let total = backend.get(&format!("/v1/users/count?{query}")).await.ok()["total_count"].clone();
        let found: Vec<String> = list.as_array().expect("a list").iter().map(|user| text(&user["email_addresses"][0], "email_address")).collect();
        assert_eq!(total, json!(found.len()), "{words:?}");
        found
    };
    let [a, b, c] = everybody.each_ref();
    let (plus, minus) = (format!("+{beta}"), format!("-{acme}"));
    for (words, wanted) in [
        (vec![acme.as_str()], vec![a]),
        (vec![&plus], vec![a, b]),
        (vec![&acme, &beta], vec![a, b]),
        (vec![&minus], vec![b, c]),
        (vec![&plus, &minus], vec![b]),
        (vec!["org_x"], vec![]),
        (vec!["org_x", &acme], vec![a]),
        (vec!["-org_x"], vec![a, b, c]),
        (vec![&theirs], vec![]),
    ] {
        assert_eq!(find(&words).await.iter().collect::<Vec<_>>(), wanted, "{words:?}");
    }
}

const ENABLE: &str = "/v1/dev_tools/enable_environment_setting";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_turns_organizations_on_once_while_it_is_being_developed() {
    let server = TestServer::start().await;
    let home = server.home.tenant.id();
    let mut ada = server.signed_in("ada").await;
    for (pairs, param) in [(vec![], "enable_organizations"), (vec![("enable_organizations", "false")], "enable_organizations")] {
        assert_eq!(ada.override_method("PATCH", ENABLE, &pairs).await.param(), param);
    }
    let refused = ada.override_method("PATCH", ENABLE, &[("enable_organizations", "true"), ("organization_allow_personal_accounts", "maybe")]).await;
    assert_eq!(refused.param(), "organization_allow_personal_accounts");
    assert_eq!(server.browser().get("/v1/environment").await.ok()["organization_settings"]["enabled"], false);

    // As the SDK's dialogue sends it; the environment that comes back is the new one.
    let on = ada.override_method("PATCH", ENABLE, &[("enable_organizations", "true")]).await.ok().clone();
    assert_eq!((&on["organization_settings"]["enabled"], &on["organization_settings"]["force_organization_selection"]), (&json!(true), &Value::Null));
    assert_eq!(server.browser().get("/v1/environment").await.ok()["organization_settings"]["enabled"], true);
    found(&mut ada, "Acme").await;
    // Whoever comes later changes nothing.
    let strict = [("enable_organizations", "true"), ("organization_allow_personal_accounts", "false")];
    let again = server.browser().override_method("PATCH", ENABLE, &strict).await.ok().clone();
    assert_eq!(again["organization_settings"]["force_organization_selection"], Value::Null);
    assert_eq!(ada.get("/v1/client").await.response()["sessions"][0]["status"], "active");

    server.set(home, json!({ "organization_settings": { "enabled": false } })).await;
    ada.override_method("PATCH", ENABLE, &strict).await.ok();
    assert_eq!(ada.get("/v1/client").await.response()["sessions"][0]["status"], "pending", "nobody works in a personal account");
}
