//! Organizations with pools of their own: what is of one is nothing in another.

use super::{
    claims, enter,
    invitations::{seats, ticket},
    server, text,
};
use http::StatusCode;
use serde_json::{Value, json};
use testkit::{Browser, PASSWORD, TestServer, address};

/// A server whose instance has isolated pools, with two organizations.
pub async fn isolated() -> (TestServer, Value, Value) {
    let server = server().await;
    set_mode(&server, "isolated").await;
    let acme = server.backend().post("/v1/organizations", json!({ "name": "Acme" })).await.ok().clone();
    let beta = server.backend().post("/v1/organizations", json!({ "name": "Beta" })).await.ok().clone();
    (server, acme, beta)
}

async fn set_mode(server: &TestServer, mode: &str) {
    let home = server.home.tenant.instance.application;
    let path = format!("/v1/platform/applications/{home}/instances/{}/config", server.home.tenant.id());
    let reply = server.platform().patch(&path, json!({ "user_pool": { "mode": mode } })).await;
    assert!(reply.status.is_success(), "{}", reply.text);
}

pub async fn signed_up(server: &TestServer, pool: &str, name: &str) -> Browser {
    let mut browser = server.browser().in_pool(pool);
    let reply = browser.sign_up(name).await;
    assert_eq!(reply.response()["status"], "complete", "{}", reply.text);
    browser
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_is_two_people_in_two_pools() {
    let (server, acme, beta) = isolated().await;
    let (mut here, mut there) = (signed_up(&server, "acme", "bob").await, signed_up(&server, "beta", "bob").await);
    assert_ne!(here.user_id().await, there.user_id().await);
    for (browser, organization) in [(&mut here, &acme), (&mut there, &beta)] {
        let claims = claims(&browser.token().await);
        assert_eq!((&claims["o"]["id"], &claims["o"]["rol"]), (&organization["id"], &json!("member")), "their organization is in every token");
        assert_eq!(claims["iss"], organization["user_pool"]["issuer"]);
        let session = browser.get("/v1/client").await.response()["sessions"][0].clone();
        assert_eq!((&session["last_active_organization_id"], &session["status"]), (&organization["id"], &json!("active")));
        // There is no personal account to go to.
        assert_eq!(enter(browser, "").await.response()["last_active_organization_id"], organization["id"]);
    }
    assert_eq!(enter(&mut here, beta["id"].as_str().expect("id")).await.refusal(), (404, "organization_not_found_or_unauthorized"));
    let key = text(&acme["user_pool"], "publishable_key");
    assert_ne!(key, text(&beta["user_pool"], "publishable_key"));
    assert!(text(&acme["user_pool"], "host").starts_with("acme--"));
    // By its host as by its path.
    let mut by_host = server.browser().by_host(&text(&acme["user_pool"], "host"));
    assert!(by_host.get("/v1/environment").await.status.is_success());
    assert_eq!(by_host.post("/v1/client/sign_ins", &[("identifier", &address("bob")), ("password", PASSWORD)]).await.response()["status"], "complete");
    assert_eq!(by_host.user_id().await, here.user_id().await);
}

/// S11: a password, a code, a ticket, a cookie, a reset, a session, a token, and the attempts themselves, in both directions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_one_pool_is_worth_anything_in_another() {
    let (server, acme, beta) = isolated().await;
    for (own, foreign, organization) in [("acme", "beta", &acme), ("beta", "acme", &beta)] {
        let name = format!("only-in-{own}");
        let mut ada = signed_up(&server, own, &name).await;
        let (user, session, token) = (ada.user_id().await, ada.session_id().await, ada.token().await);
        let backend = server.backend();
        let door = server.browser().in_pool(foreign);
        let nobody = |reply: &testkit::Reply| assert_eq!(reply.refusal(), (422, "form_identifier_not_found"), "{}", reply.text);

        // Password, code and reset: nobody has the address there.
        for form in [
            vec![("identifier", address(&name)), ("password", PASSWORD.to_owned())],
            vec![("identifier", address(&name)), ("strategy", "email_code".to_owned())],
            vec![("identifier", address(&name)), ("strategy", "reset_password_email_code".to_owned())],
        ] {
            let form: Vec<(&str, &str)> = form.iter().map(|(key, value)| (*key, value.as_str())).collect();
            nobody(&door.clone().post("/v1/client/sign_ins", &form).await);
        }
        // Whether it exists elsewhere does not show at a sign-up either.
        let free = door.clone().post("/v1/client/sign_ups", &[("email_address", &address(&name)), ("password", PASSWORD)]).await;
        assert_eq!(free.response()["status"], "missing_requirements");

        // The client's cookie, under every name, and the development browser.
        let mut carried = ada.clone().at(&door);
        let secret = ada.cookies.values().next().expect("a cookie").clone();
        for cookie in ["__client".to_owned(), format!("__client_{}", server.home.tenant.cookie_suffix)] {
            carried.cookies.insert(cookie, secret.clone());
        }
        let names: Vec<String> = ada.cookies.keys().cloned().collect();
        for other in [&acme, &beta] {
            let suffix = suffix_of(other);
            for cookie in &names {
                let stem = cookie.rsplit_once('_').map_or(cookie.as_str(), |(stem, _)| stem);
                carried.cookies.insert(format!("{stem}_{suffix}"), secret.clone());
            }
        }
        assert_eq!(carried.get("/v1/client").await.response(), &Value::Null);
        assert_eq!(carried.get("/v1/me").await.status, StatusCode::UNAUTHORIZED);
        assert!(!carried.post(&format!("/v1/client/sessions/{session}/tokens"), &[]).await.status.is_success());
        assert!(!carried.post(&format!("/v1/client/sessions/{session}/touch"), &[]).await.status.is_success());
        // What was remembered at its own door is not told at the other one.
        assert!(ada.get("/v1/client").await.response()["id"].is_string());
        assert_eq!(carried.get("/v1/client").await.response(), &Value::Null);

        // Attempts.
        let mut visitor = server.browser().in_pool(own);
        let sign_up = text(visitor.post("/v1/client/sign_ups", &[("email_address", "new@example.com")]).await.response(), "id");
        let sign_in = text(visitor.post("/v1/client/sign_ins", &[("identifier", &address(&name))]).await.response(), "id");
        let mut elsewhere = visitor.clone().at(&door);
        for path in [format!("/v1/client/sign_ups/{sign_up}"), format!("/v1/client/sign_ins/{sign_in}")] {
            assert!(visitor.get(&path).await.status.is_success());
            assert!(matches!(elsewhere.get(&path).await.status, StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED), "{path}");
        }

        // A ticket.
        let made = backend.post("/v1/sign_in_tokens", json!({ "user_id": user })).await.ok().clone();
        assert!(text(&made, "url").starts_with(&text(&organization["user_pool"], "frontend_api_url")), "{made}");
        let ticket = text(&made, "token");
        let form = [("strategy", "ticket"), ("ticket", ticket.as_str())];
        assert_eq!(door.clone().post("/v1/client/sign_ins", &form).await.refusal(), (400, "ticket_invalid_code"));
        assert_eq!(server.browser().in_pool(own).post("/v1/client/sign_ins", &form).await.response()["status"], "complete");

        // An invitation's ticket, whether or not somebody has the invited address here.
        let other = if own == "acme" { &beta } else { &acme };
        for invited in [address(&name), format!("nobody-in-{own}@example.com")] {
            let body = json!({ "email_address": invited, "role": "org:member" });
            let made = backend.post(&format!("/v1/organizations/{}/invitations", text(other, "id")), body).await.ok().clone();
            let shown = super::invitations::ticket(&text(&made, "url"));
            let form = [("strategy", "ticket"), ("ticket", shown.as_str()), ("password", PASSWORD)];
            for (path, fields) in [("/v1/client/sign_ins", &form[..2]), ("/v1/client/sign_ups", &form[..])] {
                let refused = server.browser().in_pool(own).post(path, fields).await;
                assert_eq!(refused.refusal(), (400, "ticket_invalid_code"), "{path}");
            }
            let link = format!("/v1/tickets/accept?ticket={shown}&redirect_url=http://localhost:3000/");
            assert_eq!(server.browser().in_pool(own).get(&link).await.refusal(), (400, "ticket_invalid_code"));
            assert_eq!(server.browser().in_pool(foreign).post("/v1/client/sign_ups", &form).await.response()["status"], "complete");
        }

        // Members come from the organization's own pool.
        let path = format!("/v1/organizations/{}/memberships", text(other, "id"));
        assert_eq!(backend.post(&path, json!({ "user_id": user, "role": "org:member" })).await.status, StatusCode::NOT_FOUND);
        // The backend, whose instance it is, takes the token of either for what it is.
        backend.post("/v1/clients/verify", json!({ "token": token })).await.ok();
        let made = text(backend.post(&format!("/v1/sessions/{session}/tokens"), json!({})).await.ok(), "jwt");
        assert_eq!((&claims(&made)["iss"], &claims(&made)["o"]["id"]), (&organization["user_pool"]["issuer"], &organization["id"]));
    }
}

/// There is no personal account to fall back to: neither for whoever leaves, nor for whoever is removed, nor when they come again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_no_member_any_more_has_no_token_to_work_with() {
    let (server, acme, _) = isolated().await;
    let organization = text(&acme, "id");
    let (mut ada, mut bob) = (signed_up(&server, "acme", "ada").await, signed_up(&server, "acme", "bob").await);
    let (user, backend) = (bob.user_id().await, server.backend());
    ada.override_method("DELETE", &format!("/v1/me/organization_memberships/{organization}"), &[]).await.ok();
    backend.delete(&format!("/v1/organizations/{organization}/memberships/{user}")).await.ok();
    for (browser, name) in [(&mut ada, "ada"), (&mut bob, "bob")] {
        let mut again = server.browser().in_pool("acme");
        assert_eq!(again.sign_in(name, PASSWORD).await.response()["status"], "complete");
        for browser in [browser, &mut again] {
            let session = browser.get("/v1/client").await.response()["sessions"][0].clone();
            assert_eq!((&session["status"], &session["tasks"]), (&json!("pending"), &json!([{ "key": "choose-organization" }])), "{name}");
            assert_eq!(claims(&browser.token().await)["sts"], "pending");
        }
        let shown = backend.get(&format!("/v1/sessions?status=active&user_id={}", again.user_id().await)).await;
        assert_eq!(shown.ok(), &json!([]));
    }
    backend.post(&format!("/v1/organizations/{organization}/memberships"), json!({ "user_id": user, "role": "org:member" })).await.ok();
    assert_eq!(enter(&mut bob, &organization).await.response()["status"], "active");
    assert_eq!(claims(&bob.token().await)["o"]["id"], organization);
}

/// What the SDKs put behind the names of cookies, read from a cookie that the pool's own door has set.
pub fn suffix_of(organization: &Value) -> String {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let key = text(&organization["user_pool"], "publishable_key");
    URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes())).chars().take(8).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_names_no_pool_is_told_so() {
    let (server, ..) = isolated().await;
    let mut browser = server.browser();
    for (method, path) in [("GET", "/v1/client"), ("GET", "/v1/me"), ("POST", "/v1/client/sign_ins"), ("POST", "/v1/client/sign_ups")] {
        let reply = if method == "GET" { browser.get(path).await } else { browser.post(path, &[]).await };
        assert_eq!(reply.refusal(), (400, "user_pool_required"), "{path}");
    }
    assert!(browser.get("/v1/environment").await.status.is_success());
    assert!(browser.get("/.well-known/jwks.json").await.status.is_success());
    for pool in ["nobody", "ACME", "acme--beta", "acme%2fo%2fbeta"] {
        assert_eq!(server.browser().in_pool(pool).get("/v1/environment").await.status, StatusCode::NOT_FOUND, "{pool}");
    }
    // Where users share one pool, there is no other door.
    let shared = super::server().await;
    let mut ada = shared.signed_in("ada").await;
    super::found(&mut ada, "Acme").await;
    assert_eq!(shared.browser().in_pool("acme").get("/v1/environment").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backends_make_users_in_a_pool_that_they_name() {
    let (server, acme, _) = isolated().await;
    let backend = server.backend();
    let body = |organization: &str| json!({ "email_address": ["eve@example.com"], "password": PASSWORD, "organization_id": organization });
    let missing = backend.post("/v1/users", json!({ "email_address": ["eve@example.com"], "password": PASSWORD })).await;
    assert_eq!((missing.refusal(), missing.param()), ((422, "form_param_missing"), "organization_id"));
    assert_eq!(backend.post("/v1/users", body("org_222222222222222222222222222")).await.param(), "organization_id");
    let made = backend.post("/v1/users", body(&text(&acme, "id"))).await.ok().clone();
    let memberships = backend.get(&format!("/v1/users/{}/organization_memberships", text(&made, "id"))).await.ok().clone();
    assert_eq!((&memberships["total_count"], &memberships["data"][0]["organization"]["id"]), (&json!(1), &acme["id"]));
    assert_eq!(backend.post("/v1/users", body(&text(&acme, "id"))).await.refusal(), (422, "form_identifier_exists"));
    // A full organization takes nobody in, and makes nobody.
    backend.patch(&format!("/v1/organizations/{}", text(&acme, "id")), json!({ "max_allowed_memberships": 1 })).await.ok();
    let full = json!({ "email_address": ["more@example.com"], "password": PASSWORD, "organization_id": acme["id"] });
    assert_eq!(backend.post("/v1/users", full).await.refusal(), (403, "organization_membership_quota_exceeded"));
    assert_eq!(backend.get("/v1/users/count").await.ok()["total_count"], 1);
    let shared = super::server().await;
    let acme = shared.backend().post("/v1/organizations", json!({ "name": "Acme" })).await.ok().clone();
    assert_eq!(shared.backend().post("/v1/users", body(&text(&acme, "id"))).await.param(), "organization_id");
}

/// The seat that an invitation keeps is the one that is taken, and what it says is what they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_invited_comes_into_a_full_organization() {
    let (server, acme, _) = isolated().await;
    let backend = server.backend();
    let path = format!("/v1/organizations/{}", text(&acme, "id"));
    backend.patch(&path, json!({ "max_allowed_memberships": 2 })).await.ok();
    let invitation = |name: &str, role: &str| {
        json!({ "email_address": address(name), "role": role, "redirect_url": "http://localhost:3000/join",
            "public_metadata": { "desk": 7 }, "private_metadata": { "cost": 1 } })
    };
    let made = backend.post(&format!("{path}/invitations"), invitation("carol", "org:admin")).await.ok().clone();
    backend.post(&format!("{path}/invitations"), invitation("dan", "org:admin")).await.ok();
    assert_eq!(seats(&server, &text(&acme, "id")).await, (2, 0));
    let mut eve = server.browser().in_pool("acme");
    let started = eve.post("/v1/client/sign_ups", &[("email_address", &address("eve")), ("password", PASSWORD)]).await.response().clone();
    let attempt = format!("/v1/client/sign_ups/{}/attempt_verification", text(&started, "id"));
    eve.post(&attempt.replace("attempt", "prepare"), &[("strategy", "email_code")]).await.response();
    let code = [("strategy", "email_code"), ("code", "424242")];
    assert_eq!(eve.post(&attempt, &code).await.refusal(), (403, "organization_membership_quota_exceeded"), "both seats are kept");
    // By the link, without a code.
    let mut carol = server.browser().in_pool("acme");
    let shown = ticket(&text(&made, "url"));
    let form = [("strategy", "ticket"), ("ticket", shown.as_str()), ("password", PASSWORD)];
    assert_eq!(carol.post("/v1/client/sign_ups", &form).await.response()["status"], "complete");
    assert_eq!(seats(&server, &text(&acme, "id")).await, (1, 1));
    // By a code to the invited address, which proves as much.
    signed_up(&server, "acme", "dan").await;
    assert_eq!(seats(&server, &text(&acme, "id")).await, (0, 2));
    let members = backend.get(&format!("{path}/memberships")).await.ok().clone();
    for member in members["data"].as_array().expect("a list") {
        assert_eq!(
            (&member["role"], &member["public_metadata"], &member["private_metadata"]),
            (&json!("org:admin"), &json!({ "desk": 7 }), &json!({ "cost": 1 }))
        );
    }
    assert_eq!(backend.get(&format!("{path}/invitations?status=accepted")).await.ok()["total_count"], 2);
    assert_eq!(claims(&carol.token().await)["o"]["rol"], "admin");
    assert_eq!(eve.post(&attempt, &code).await.refusal().0, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_goes_with_everybody_in_its_pool() {
    let (server, acme, beta) = isolated().await;
    let (mut here, mut there) = (signed_up(&server, "acme", "bob").await, signed_up(&server, "beta", "bob").await);
    let token = here.token().await;
    server.backend().delete(&format!("/v1/organizations/{}", text(&acme, "id"))).await.ok();
    assert_eq!(server.backend().get("/v1/users/count").await.ok()["total_count"], 1);
    assert_eq!(here.get("/v1/client").await.status, StatusCode::NOT_FOUND);
    assert!(!server.backend().post("/v1/clients/verify", json!({ "token": token })).await.status.is_success());
    assert_eq!(claims(&there.token().await)["o"]["id"], beta["id"]);
    // The next organization of this slug is another issuer at another door: what was signed for the first says nothing to it.
    let next = server.backend().post("/v1/organizations", json!({ "name": "Acme", "slug": acme["slug"] })).await.ok().clone();
    assert_eq!(next["slug"], acme["slug"]);
    for field in ["issuer", "publishable_key", "frontend_api_url"] {
        assert_ne!(next["user_pool"][field], acme["user_pool"][field], "{field}");
    }
    assert_eq!(here.get("/v1/client").await.status, StatusCode::NOT_FOUND);
    // Also when everybody comes into one pool and goes out again; the same organization has its own door again.
    let beta_before = beta["user_pool"]["publishable_key"].clone();
    server.backend().delete(&format!("/v1/users/{}", there.user_id().await)).await.ok();
    set_mode(&server, "shared").await;
    set_mode(&server, "isolated").await;
    let beta_after = server.backend().get(&format!("/v1/organizations/{}", text(&beta, "id"))).await.ok().clone();
    assert_eq!(beta_after["user_pool"]["publishable_key"], beta_before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_with_users_does_not_go_over_at_once() {
    let server = server().await;
    let path = format!("/v1/platform/applications/{}/instances/{}/config", server.home.tenant.instance.application, server.home.tenant.id());
    let acme = server.backend().post("/v1/organizations", json!({ "name": "Acme" })).await.ok().clone();
    assert!(acme.get("user_pool").is_none());
    let change = |mode: &str| json!({ "user_pool": { "mode": mode } });
    assert!(server.platform().patch(&path, change("isolated")).await.status.is_success(), "nobody is there yet");
    let seen = server.backend().get("/v1/organizations/acme").await.ok().clone();
    assert_eq!(seen["user_pool"]["object"], "user_pool");
    assert!(server.platform().patch(&path, change("shared")).await.status.is_success());
    assert!(server.backend().get("/v1/organizations/acme").await.ok().get("user_pool").is_none());

    server.signed_in("ada").await;
    let refused = server.platform().patch(&path, change("isolated")).await;
    assert_eq!((refused.refusal(), refused.param()), ((409, "user_pool_in_use"), "user_pool.mode"));
    assert_eq!(refused.body["errors"][0]["meta"]["users"], 1);
    // No layer above an instance can bring it about.
    let above = server.platform().patch("/v1/platform/blueprint", json!({ "settings": change("isolated") })).await;
    assert_eq!((above.status.as_u16(), above.param()), (422, "user_pool.mode"));
    assert_eq!(server.platform().patch(&path, change("both")).await.param(), "user_pool.mode");
}

/// Whoever is in a pool makes no organizations: they would not be in their pools.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn organizations_of_isolated_pools_are_the_backends_to_make() {
    let (server, acme, _) = isolated().await;
    let mut bob = signed_up(&server, "acme", "bob").await;
    assert_eq!(bob.post("/v1/organizations", &[("name", "Bob's")]).await.refusal(), (403, "organization_create_not_enabled"));
    let reply = server.backend().post("/v1/organizations", json!({ "name": "Bob's", "created_by": bob.user_id().await })).await;
    assert_eq!((reply.status.as_u16(), reply.param()), (422, "created_by"));
    let path = format!("/v1/organizations/{}/memberships/{}", text(&acme, "id"), bob.user_id().await);
    server.backend().patch(&path, json!({ "role": "org:admin" })).await.ok();
    assert_eq!(claims(&bob.token().await)["o"]["rol"], "admin");
}
