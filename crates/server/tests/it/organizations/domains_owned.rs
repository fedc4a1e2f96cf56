//! Ownership of domains, shown by a text in the zone.

use super::domains::{ada_of_acme, add, server};
use super::{found, join, text};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_in_the_zone_shows_whose_a_domain_is() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    let path = add(&mut ada, &acme, "acme.example").await;
    let attempt = format!("{path}/attempt_ownership_verification");
    assert_eq!(ada.post(&attempt, &[]).await.refusal(), (422, "verification_missing"));
    let prepared = ada.post(&format!("{path}/prepare_ownership_verification"), &[]).await.response()["ownership_verification"].clone();
    let (name, value) = (text(&prepared, "txt_record_name"), text(&prepared, "txt_record_value"));
    assert_eq!((&prepared["status"], &prepared["strategy"], name.as_str()), (&json!("unverified"), &json!("txt"), "_insula-verification.acme.example"));

    // Not to find it is an answer, and is counted.
    let looked = ada.post(&attempt, &[]).await.response()["ownership_verification"].clone();
    assert_eq!((&looked["status"], &looked["attempts"], &looked["txt_record_value"]), (&json!("unverified"), &json!(1), &json!(value)));
    server.zone.publish(&name, &["v=spf1 -all", "insula-domain-verification=0"]);
    assert_eq!(ada.post(&attempt, &[]).await.response()["ownership_verification"]["status"], "unverified");
    server.zone.fail(&name);
    assert_eq!(ada.post(&attempt, &[]).await.refusal(), (503, "service_unavailable"), "nobody can say");
    // Whoever may only look is not told what to publish.
    let mut bob = server.signed_in("bob").await;
    join(&server, acme.rsplit('/').next().expect("an id"), &mut bob, "org:member").await;
    let seen = bob.get(&path).await;
    assert!(seen.status.as_u16() == 403 || seen.response()["ownership_verification"]["txt_record_value"].is_null(), "{}", seen.text);
    assert!(!server.backend().get(&format!("{acme}/domains")).await.text.contains(&value));

    server.zone.publish(&name, &["v=spf1 -all", &format!(" {value}")]);
    let owned = ada.post(&attempt, &[]).await.response().clone();
    let state = &owned["ownership_verification"];
    assert_eq!((&state["status"], &state["txt_record_value"], &owned["verification"]), (&json!("verified"), &Value::Null, &Value::Null));
    for end in ["prepare_ownership_verification", "attempt_ownership_verification"] {
        assert_eq!(ada.post(&format!("{path}/{end}"), &[]).await.refusal(), (422, "verification_already_verified"));
    }
    assert_eq!(ada.get(&format!("{acme}/domains?verified=true")).await.response()["total_count"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_text_and_another_organizations_text_show_nothing() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    let mut eve = server.signed_in("eve").await;
    let evil = format!("/v1/organizations/{}", found(&mut eve, "Evil").await);
    let (adas, eves) = (add(&mut ada, &acme, "acme.example").await, add(&mut eve, &evil, "acme.example").await);
    let prepared = ada.post(&format!("{adas}/prepare_ownership_verification"), &[]).await.response()["ownership_verification"].clone();
    let (name, first) = (text(&prepared, "txt_record_name"), text(&prepared, "txt_record_value"));
    server.zone.publish(&name, &[&first]);
    eve.post(&format!("{eves}/prepare_ownership_verification"), &[]).await.response();
    let looked = eve.post(&format!("{eves}/attempt_ownership_verification"), &[]).await.response()["ownership_verification"]["status"].clone();
    assert_eq!(looked, "unverified", "what Ada has published speaks for Ada");
    ada.post(&format!("{adas}/prepare_ownership_verification"), &[]).await.response();
    let attempt = format!("{adas}/attempt_ownership_verification");
    assert_eq!(ada.post(&attempt, &[]).await.response()["ownership_verification"]["status"], "unverified", "another text is asked for now");
    server.advance(Duration::from_secs(7 * 86_400));
    let mut ada = server.browser();
    ada.post("/v1/client/sign_ins", &[("identifier", &testkit::address("ada")), ("password", testkit::PASSWORD)]).await.response();
    let late = ada.get(&adas).await;
    assert_eq!(
        (&late.response()["ownership_verification"]["status"], &late.response()["ownership_verification"]["txt_record_value"]),
        (&json!("expired"), &Value::Null)
    );
    assert_eq!(ada.post(&attempt, &[]).await.refusal(), (422, "verification_expired"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_are_looked_for_and_each_is_judged_alone() {
    let server = server().await;
    let (mut ada, acme) = ada_of_acme(&server).await;
    let mut ids = Vec::new();
    for name in ["one.example", "two.example", "three.example"] {
        ids.push(add(&mut ada, &acme, name).await.rsplit('/').next().expect("an id").to_owned());
    }
    let unknown = "orgdmn_222222222222222222222222222";
    let form: Vec<(&str, &str)> = ids.iter().map(String::as_str).chain([unknown]).map(|id| ("organization_domain_ids", id)).collect();
    let prepare = format!("{acme}/domains/prepare_ownership_verification/bulk");
    let prepared = ada.post(&prepare, &form).await.response().clone();
    assert_eq!(prepared["errors"], json!([{ "id": unknown, "code": "resource_not_found" }]));
    for index in [0, 2] {
        let state = &prepared["data"][index]["ownership_verification"];
        let (name, value) = (text(state, "txt_record_name"), text(state, "txt_record_value"));
        if index == 0 { server.zone.publish(&name, &[&value]) } else { server.zone.fail(&name) }
    }
    let looked = ada.post(&format!("{acme}/domains/attempt_ownership_verification/bulk"), &form).await.response().clone();
    let states: Vec<String> = looked["data"].as_array().expect("a list").iter().map(|one| text(&one["ownership_verification"], "status")).collect();
    assert_eq!(states, ["verified", "unverified"]);
    assert_eq!(looked["errors"], json!([{ "id": ids[2], "code": "service_unavailable" }, { "id": unknown, "code": "resource_not_found" }]));
    assert_eq!(ada.post(&prepare, &[("organization_domain_ids", "nothing")]).await.param(), "organization_domain_ids");
    assert_eq!(ada.post(&prepare, &[]).await.param(), "organization_domain_ids");
    // Looks are bounded, whatever they find.
    let path = format!("{acme}/domains/{}/attempt_ownership_verification", ids[1]);
    let mut last = 200;
    for _ in 0..60 {
        last = ada.post(&path, &[]).await.status.as_u16();
    }
    assert_eq!(last, 429);
}
