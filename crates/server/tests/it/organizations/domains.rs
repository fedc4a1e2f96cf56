//! Domains of organizations: who may have which, and what shows that they are theirs.

use super::{found, join, server_with, text};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Browser, TestServer};

pub async fn server() -> TestServer {
    server_with(json!({ "domains_enabled": true })).await
}

/// Ada, and an organization of hers.
pub async fn ada_of_acme(server: &TestServer) -> (Browser, String) {
    let mut ada = server.signed_in("ada").await;
    let id = found(&mut ada, "Acme").await;
    (ada, format!("/v1/organizations/{id}"))
}

/// Adds a domain; the path to it.
pub async fn add(browser: &mut Browser, organization: &str, name: &str) -> String {
    let added = browser.post(&format!("{organization}/domains"), &[("name", name)]).await;
    format!("{organization}/domains/{}", text(added.response(), "id"))
}

/// Shows that somebody of the organization reads mail at the domain.
pub async fn affiliate(browser: &mut Browser, domain: &str, address: &str) -> Value {
    browser.post(&format!("{domain}/prepare_affiliation_verification"), &[("affiliation_email_address", address)]).await.response();
    browser.post(&format!("{domain}/attempt_affiliation_verification"), &[("code", "424242")]).await.response().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_is_added_verified_by_a_code_and_taken_away() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    let added = ada.post(&format!("{acme}/domains"), &[("name", " Acme.Example ")]).await.response().clone();
    assert_eq!((&added["name"], &added["enrollment_mode"], &added["verification"]), (&json!("acme.example"), &json!("manual_invitation"), &Value::Null));
    assert_eq!(added["public_organization_data"]["name"], "Acme");
    let path = format!("{acme}/domains/{}", text(&added, "id"));
    assert_eq!(ada.post(&format!("{path}/attempt_affiliation_verification"), &[("code", "424242")]).await.refusal(), (422, "verification_missing"));

    // The address must be exactly at the domain.
    let prepare = format!("{path}/prepare_affiliation_verification");
    for elsewhere in ["boss@example.com", "boss@mail.acme.example", "boss@acme.example.evil.example", "boss@notacme.example"] {
        let refused = ada.post(&prepare, &[("affiliation_email_address", elsewhere)]).await;
        assert_eq!((refused.refusal(), refused.param()), ((422, "form_param_value_invalid"), "affiliation_email_address"), "{elsewhere}");
    }
    let prepared = ada.post(&prepare, &[("affiliation_email_address", "Boss@ACME.example")]).await.response().clone();
    assert_eq!((&prepared["affiliation_verification"]["status"], &prepared["affiliation_email_address"]), (&json!("unverified"), &json!("boss@acme.example")));
    let code = server.code("Boss@ACME.example").await;
    let attempt = format!("{path}/attempt_affiliation_verification");
    let wrong = if code == "000000" { "111111" } else { "000000" };
    assert_eq!(ada.post(&attempt, &[("code", wrong)]).await.refusal(), (422, "form_code_incorrect"));
    assert_eq!(ada.get(&path).await.response()["verification"]["attempts"], 1);
    let verified = ada.post(&attempt, &[("code", &code)]).await.response().clone();
    assert_eq!((&verified["verification"]["status"], &verified["verification"]["strategy"]), (&json!("verified"), &json!("email_code")));
    assert_eq!(verified["verification"], verified["affiliation_verification"]);
    assert_eq!(ada.post(&attempt, &[("code", &code)]).await.refusal(), (422, "verification_already_verified"));
    assert_eq!(ada.post(&prepare, &[("affiliation_email_address", "boss@acme.example")]).await.refusal(), (422, "verification_already_verified"));

    assert_eq!(ada.get(&format!("{acme}/domains?verified=true&enrollment_mode=manual_invitation")).await.response()["total_count"], 1);
    assert_eq!(ada.get(&format!("{acme}/domains?verified=false")).await.response()["total_count"], 0);
    assert_eq!(ada.get(&format!("{acme}/domains?enrollment_mode=automatic_suggestion")).await.response()["data"], json!([]));
    assert_eq!(ada.get(&format!("{acme}/domains?enrollment_mode=enterprise_sso")).await.response()["data"], json!([]));
    assert_eq!(ada.override_method("DELETE", &path, &[]).await.response()["deleted"], true);
    assert_eq!(ada.get(&path).await.status.as_u16(), 404);
    let rows = server.belongings(server.home.tenant.id()).await;
    for kind in ["organizationDomain.created", "organizationDomain.updated", "organizationDomain.deleted"] {
        assert!(rows["events"].iter().flatten().any(|cell| cell == kind), "{kind}");
    }
    for action in ["organization_domain.create", "organization_domain.update", "organization_domain.delete"] {
        assert!(rows["audit"].iter().flatten().any(|cell| cell == action), "{action}");
    }
}

/// A12: what belongs to everybody belongs to no organization, and a name has one form.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn public_and_malformed_names_are_refused() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    let path = format!("{acme}/domains");
    for name in ["gmail.com", "GMAIL.com", "outlook.com", "mail.gmail.com"] {
        let refused = ada.post(&path, &[("name", name)]).await;
        assert_eq!((refused.refusal(), refused.param()), ((422, "organization_domain_common"), "name"), "{name}");
        assert_eq!(server.backend().post(&path, json!({ "name": name })).await.code(), "organization_domain_common", "not even by the backend's word");
    }
    for name in ["acme", "acme.example.", "https://acme.example", "a@acme.example", "*.acme.example", "10.0.0.1"] {
        assert_eq!(ada.post(&path, &[("name", name)]).await.refusal(), (422, "form_param_format_invalid"), "{name}");
    }
    for name in ["co.uk", "com.au", "COM.au."] {
        assert_eq!(ada.post(&path, &[("name", name)]).await.param(), "name", "{name}");
        assert_eq!(server.backend().post(&path, json!({ "name": name })).await.status.as_u16(), 422, "{name}: not even by the backend's word");
    }
    assert_eq!(ada.post(&path, &[]).await.param(), "name");
    add(&mut ada, &acme, "bücher.example").await;
    assert_eq!(ada.post(&path, &[("name", "XN--BCHER-KVA.example")]).await.refusal(), (422, "form_identifier_exists"));
    for mode in ["enterprise_sso", "nobody"] {
        assert_eq!(ada.post(&path, &[("name", "acme.example"), ("enrollment_mode", mode)]).await.param(), "enrollment_mode");
    }
    server
        .set(
            server.home.tenant.id(),
            json!({ "organization_settings": { "enabled": true, "domains_enabled": true, "domains_enrollment_modes": ["manual_invitation"] } }),
        )
        .await;
    let refused = ada.post(&path, &[("name", "acme.example"), ("enrollment_mode", "automatic_suggestion")]).await;
    assert_eq!(refused.param(), "enrollment_mode", "the settings offer it no more");
    server.set(server.home.tenant.id(), json!({ "organization_settings": { "enabled": true, "domains_enabled": false } })).await;
    assert_eq!(ada.post(&path, &[("name", "acme.example")]).await.refusal(), (403, "organization_domains_not_enabled"));
    assert_eq!(ada.get(&path).await.response(), &json!({ "data": [], "total_count": 0 }), "the SDKs' profile of an organization asks all the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_whoever_may_manages_domains() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    let (mut bob, mut eve) = (server.signed_in("bob").await, server.signed_in("eve").await);
    join(&server, acme.rsplit('/').next().expect("an id"), &mut bob, "org:member").await;
    let path = add(&mut ada, &acme, "acme.example").await;
    let id = path.rsplit('/').next().expect("an id").to_owned();
    let changes: [(&str, &[(&str, &str)]); 6] = [
        ("/update_enrollment_mode", &[("enrollment_mode", "automatic_suggestion")]),
        ("/prepare_affiliation_verification", &[("affiliation_email_address", "boss@acme.example")]),
        ("/attempt_affiliation_verification", &[("code", "424242")]),
        ("/prepare_ownership_verification", &[]),
        ("/attempt_ownership_verification", &[]),
        ("?_method=DELETE", &[]),
    ];
    for (end, form) in changes {
        assert_eq!(bob.post(&format!("{path}{end}"), form).await.refusal(), (403, "missing_organization_permission"), "{end}");
        assert_eq!(eve.post(&format!("{path}{end}"), form).await.status.as_u16(), 404, "{end}");
    }
    for (end, form) in [
        ("", [("name", "x.example")]),
        ("/bulk", [("names", "x.example")]),
        ("/prepare_ownership_verification/bulk", [("organization_domain_ids", id.as_str())]),
        ("/attempt_ownership_verification/bulk", [("organization_domain_ids", id.as_str())]),
    ] {
        assert_eq!(bob.post(&format!("{acme}/domains{end}"), &form).await.refusal(), (403, "missing_organization_permission"), "{end}");
        assert_eq!(eve.post(&format!("{acme}/domains{end}"), &form).await.status.as_u16(), 404, "{end}");
    }
    // Another organization's admin does not reach it through their own.
    let other = found(&mut eve, "Evil").await;
    for end in ["?_method=DELETE", "/prepare_ownership_verification"] {
        assert_eq!(eve.post(&format!("/v1/organizations/{other}/domains/{id}{end}"), &[]).await.status.as_u16(), 404, "{end}");
    }
    assert_eq!(server.backend().delete(&format!("/v1/organizations/{other}/domains/{id}")).await.status.as_u16(), 404);
    assert_eq!(ada.get(&path).await.response()["id"], json!(id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_are_few_short_lived_and_for_one_address() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    let path = add(&mut ada, &acme, "acme.example").await;
    let (prepare, attempt) = (format!("{path}/prepare_affiliation_verification"), format!("{path}/attempt_affiliation_verification"));
    ada.post(&prepare, &[("affiliation_email_address", "one@acme.example")]).await.response();
    let first = server.code("one@acme.example").await;
    ada.post(&prepare, &[("affiliation_email_address", "two@acme.example")]).await.response();
    let second = server.code("two@acme.example").await;
    if first != second {
        assert_eq!(
            ada.post(&attempt, &[("code", &first)]).await.refusal(),
            (422, "form_code_incorrect"),
            "the first address's code says nothing of the second"
        );
    }
    for _ in 0..5 {
        ada.post(&attempt, &[("code", if second == "000000" { "111111" } else { "000000" })]).await;
    }
    assert_eq!(ada.post(&attempt, &[("code", &second)]).await.refusal(), (422, "verification_failed"), "too many tries");
    ada.post(&prepare, &[("affiliation_email_address", "two@acme.example")]).await.response();
    let third = server.code("two@acme.example").await;
    server.advance(Duration::from_secs(601));
    assert_eq!(ada.get(&path).await.response()["verification"]["status"], "expired");
    assert_eq!(ada.post(&attempt, &[("code", &third)]).await.refusal(), (422, "verification_expired"));
    // A domain that is taken away and added again has no tries more.
    for _ in 3..10 {
        ada.post(&prepare, &[("affiliation_email_address", "two@acme.example")]).await.response();
    }
    ada.override_method("DELETE", &path, &[]).await.response();
    let again = add(&mut ada, &acme, "acme.example").await;
    let refused = ada.post(&format!("{again}/prepare_affiliation_verification"), &[("affiliation_email_address", "three@acme.example")]).await;
    assert_eq!(refused.refusal(), (422, "resource_limit_reached"));
}

/// A12: of all who show at once that a domain is theirs, one organization has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_name_is_verified_for_one_organization_only() {
    let server = server().await;
    let mut ada = server.signed_in("ada").await;
    let mut paths = Vec::new();
    for number in 0..8 {
        let id = found(&mut ada, &format!("Acme {number}")).await;
        let path = add(&mut ada, &format!("/v1/organizations/{id}"), "acme.example").await;
        let address = format!("boss{number}+clerk_test@acme.example");
        ada.post(&format!("{path}/prepare_affiliation_verification"), &[("affiliation_email_address", &address)]).await.response();
        paths.push(path);
    }
    let tasks: Vec<_> = paths
        .iter()
        .cloned()
        .map(|path| {
            let mut ada = ada.clone();
            tokio::spawn(async move { ada.post(&format!("{path}/attempt_affiliation_verification"), &[("code", "424242")]).await })
        })
        .collect();
    let (mut right, mut taken) = (0, 0);
    for task in tasks {
        let reply = task.await.expect("an answer");
        match reply.status.as_u16() {
            200 => right += 1,
            _ => {
                assert_eq!(reply.refusal(), (422, "form_identifier_exists"));
                taken += 1;
            }
        }
    }
    assert_eq!((right, taken), (1, 7));
    assert_eq!(server.backend().get("/v1/organization_domains?verified=true").await.ok()["total_count"], 1);
    // The backend's word and the zone meet the same rule; and the neighbour has names of its own.
    let other = found(&mut ada, "Other").await;
    assert_eq!(
        server.backend().post(&format!("/v1/organizations/{other}/domains"), json!({ "name": "acme.example" })).await.refusal(),
        (422, "form_identifier_exists")
    );
    let loser = server.backend().get("/v1/organization_domains?verified=false").await.ok()["data"][0].clone();
    let loser = format!("/v1/organizations/{}/domains/{}", text(&loser, "organization_id"), text(&loser, "id"));
    assert_eq!(server.backend().patch(&loser, json!({ "verified": true })).await.refusal(), (422, "form_identifier_exists"));
    assert_eq!(server.backend().post(&format!("{loser}/verify_ownership"), json!({})).await.refusal(), (422, "form_identifier_exists"));
    let mut mallory = server.signed_in_next_door("mallory").await;
    let next_door = found(&mut mallory, "Next door").await;
    server.neighbours_backend().post(&format!("/v1/organizations/{next_door}/domains"), json!({ "name": "acme.example" })).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_organization_has_as_many_domains_as_it_may() {
    let server = server_with(json!({ "domains_enabled": true, "max_allowed_domains": 3 })).await;
    let (ada, acme) = ada_of_acme(&server).await;
    let tasks: Vec<_> = (0..64)
        .map(|number| {
            let (mut ada, path) = (ada.clone(), format!("{acme}/domains"));
            tokio::spawn(async move { ada.post(&path, &[("name", &format!("d{number}.example"))]).await })
        })
        .collect();
    let mut added = 0;
    for task in tasks {
        let reply = task.await.expect("an answer");
        if reply.status.is_success() { added += 1 } else { assert_eq!(reply.refusal(), (403, "organization_domain_quota_exceeded")) }
    }
    assert_eq!(added, 3);
    assert_eq!(server.backend().get(&format!("{acme}/domains")).await.ok()["total_count"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_are_added_at_once_and_each_is_judged_alone() {
    let server = server_with(json!({ "domains_enabled": true, "max_allowed_domains": 3 })).await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    add(&mut ada, &acme, "one.example").await;
    let names = ["two.example", "one.example", "gmail.com", "two.example", "no domain", "three.example", "four.example"];
    let form: Vec<(&str, &str)> = names.iter().map(|name| ("names", *name)).chain([("enrollment_mode", "automatic_suggestion")]).collect();
    let made = ada.post(&format!("{acme}/domains/bulk"), &form).await.response().clone();
    let of = |field: &str, key: &str| made[field].as_array().expect("a list").iter().map(|one| text(one, key)).collect::<Vec<_>>();
    assert_eq!(of("data", "name"), ["two.example", "three.example"]);
    assert_eq!(of("data", "enrollment_mode"), ["automatic_suggestion"; 2]);
    assert_eq!(of("errors", "name"), ["one.example", "gmail.com", "no domain", "four.example"]);
    assert_eq!(
        of("errors", "code"),
        ["form_identifier_exists", "organization_domain_common", "form_param_format_invalid", "organization_domain_quota_exceeded"]
    );
    let many: Vec<String> = (0..11).map(|number| format!("m{number}.example")).collect();
    let form: Vec<(&str, &str)> = many.iter().map(|name| ("names", name.as_str())).collect();
    assert_eq!(ada.post(&format!("{acme}/domains/bulk"), &form).await.param(), "names");
    assert_eq!(ada.post(&format!("{acme}/domains/bulk"), &[]).await.param(), "names");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backends_add_list_and_verify_domains() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    let backend = server.backend();
    let path = format!("{acme}/domains");
    let added = backend.post(&path, json!({ "name": "acme.example", "enrollment_mode": "automatic_suggestion" })).await.ok().clone();
    assert_eq!((&added["verification"]["status"], &added["verification"]["strategy"]), (&json!("verified"), &json!("admin")));
    assert!(added["ownership_verification"].is_null());
    let later = backend.post(&path, json!({ "name": "beta.example", "verified": false })).await.ok().clone();
    assert!(later["verification"].is_null());
    assert_eq!(backend.post(&path, json!({ "name": "acme.example" })).await.refusal(), (422, "form_identifier_exists"));
    assert_eq!(backend.post(&path, json!({ "name": "x.example", "strategy": "x" })).await.refusal(), (422, "form_param_unknown"));
    assert_eq!(backend.post("/v1/organizations/org_222222222222222222222222222/domains", json!({ "name": "x.example" })).await.status.as_u16(), 404);

    let one = format!("{path}/{}", text(&later, "id"));
    assert_eq!(backend.patch(&one, json!({ "verified": true, "enrollment_mode": "automatic_suggestion" })).await.ok()["verification"]["status"], "verified");
    assert_eq!(backend.post(&format!("{one}/verify_ownership"), json!({})).await.ok()["ownership_verification"]["strategy"], "manual_override");
    let events = server.belongings(server.home.tenant.id()).await["events"].len();
    assert_eq!(backend.post(&format!("{one}/verify_ownership"), json!({})).await.ok()["ownership_verification"]["status"], "verified");
    assert_eq!(server.belongings(server.home.tenant.id()).await["events"].len(), events, "nothing has changed");
    let doubted = backend.patch(&one, json!({ "verified": false })).await.ok().clone();
    assert!(doubted["verification"].is_null() && doubted["ownership_verification"].is_null());

    let count = async |query: &str| backend.get(&format!("/v1/organization_domains?{query}")).await.ok()["total_count"].clone();
    let id = acme.rsplit('/').next().expect("an id");
    for (query, total) in [
        ("verified=true", 1),
        ("enrollment_mode=automatic_suggestion,manual_invitation", 2),
        ("enrollment_mode=-automatic_suggestion", 0),
        ("enrollment_mode=enterprise_sso", 0),
        ("query=ACME", 1),
        ("query=%25", 0),
        ("domains=acme.example&domains=nobody.example", 1),
        ("query=org_nobody", 0),
        ("organization_id=nobody", 0),
        (&format!("organization_id={id}"), 2),
        (&format!("query={id}"), 2),
    ] {
        assert_eq!(count(query).await, total, "{query}");
    }
    assert_eq!(backend.get("/v1/organization_domains?order_by=name").await.ok()["data"][0]["name"], "acme.example");
    assert_eq!(backend.get("/v1/organization_domains?order_by=-name").await.ok()["data"][0]["name"], "beta.example");
    assert_eq!(backend.get("/v1/organization_domains?order_by=age").await.param(), "order_by");
    assert_eq!(backend.get("/v1/organization_domains?query=%20").await.param(), "query");
    assert_eq!(backend.get(&format!("{path}?verified=true&limit=1")).await.ok()["total_count"], 1);
    assert_eq!(backend.delete(&one).await.ok()["deleted"], true);
    assert_eq!(backend.delete(&one).await.status.as_u16(), 404);
    assert_eq!(ada.get(&path).await.response()["total_count"], 1);
    // With the organization its domains are gone, and their names are free.
    backend.delete(&acme).await.ok();
    assert_eq!(count("").await, 0);
    let other = found(&mut ada, "Other").await;
    backend.post(&format!("/v1/organizations/{other}/domains"), json!({ "name": "acme.example" })).await.ok();
}
