//! What is refused, what changes nothing, and what happens while an instance is closed.

use super::{confirm, organization, path, plan, run, server, settle, shown};
use crate::organizations::{join, text};
use serde_json::json;
use testkit::{PASSWORD, address};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_changes_nothing() {
    let server = server().await;
    let acme = organization(&server, "Acme").await;
    let mut ada = server.signed_in("ada").await;
    join(&server, &text(&acme, "id"), &mut ada, "org:member").await;
    run(&server).await;
    let before = server.belongings(server.home.tenant.id()).await;
    let estate = server.platform().get("/v1/platform/applications").await.text;
    let first = plan(&server, &json!({ "kind": "to_isolated" })).await;
    assert_eq!((&first["confirmable"], &first["numbers"]["users_moved"], &first["ends"]["sessions"]), (&json!(true), &json!(1), &json!(1)));
    assert_eq!(plan(&server, &json!({ "kind": "to_isolated" })).await, first, "and says the same again");
    let other = plan(&server, &json!({ "kind": "to_isolated", "users_in_no_organization": "delete" })).await;
    assert_ne!(other["fingerprint"], first["fingerprint"], "another policy is another plan");
    for refused in [
        confirm(&server, &json!({ "kind": "to_isolated" }), &other["fingerprint"]).await,
        confirm(&server, &json!({ "kind": "to_isolated" }), &json!("x")).await,
    ] {
        assert_eq!(refused.refusal(), (409, "conversion_stale"));
    }
    run(&server).await;
    assert_eq!(server.belongings(server.home.tenant.id()).await, before);
    assert_eq!(server.platform().get("/v1/platform/applications").await.text, estate);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_is_named() {
    let server = server().await;
    let platform = server.platform();
    for (body, param) in [
        (json!({}), "kind"),
        (json!({ "kind": "merge", "dry_run": true }), "kind"),
        (json!({ "kind": "to_shared", "dry_run": true }), "kind"),
        (json!({ "kind": "to_isolated" }), "fingerprint"),
        (json!({ "kind": "to_isolated", "dry_run": "yes" }), "dry_run"),
        (json!({ "kind": "to_isolated", "dry_run": true, "users_in_several_organizations": "merge" }), "users_in_several_organizations"),
        (json!({ "kind": "to_isolated", "dry_run": true, "users_in_no_organization": "copy" }), "users_in_no_organization"),
        (json!({ "kind": "to_isolated", "dry_run": true, "same_identifiers": "unclaim" }), "same_identifiers"),
        (json!({ "kind": "to_isolated", "dry_run": true, "organization_id": "org_222222222222222222222222222" }), "organization_id"),
        (json!({ "kind": "to_isolated", "dry_run": true, "name": "x" }), "name"),
        (json!({ "kind": "to_isolated", "dry_run": true, "conflicts": "ignore" }), "conflicts"),
        (json!({ "kind": "organization_to_application", "dry_run": true }), "organization_id"),
        (json!({ "kind": "to_isolated", "dry_run": true, "fingerprint": "x" }), "fingerprint"),
    ] {
        let reply = platform.post(&path(&server), body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{body}: {}", reply.text);
    }
    for id in ["", "x", "user_222222222222222222222222222", "org_222222222222222222222222222"] {
        let reply = platform.post(&path(&server), json!({ "kind": "organization_to_application", "dry_run": true, "organization_id": id })).await;
        assert_eq!((reply.refusal(), reply.param()), ((404, "resource_not_found"), "organization_id"), "{id}");
    }
    server.set(server.home.tenant.id(), json!({ "organization_settings": { "enabled": false } })).await;
    assert_eq!(platform.post(&path(&server), json!({ "kind": "to_isolated", "dry_run": true })).await.param(), "kind");
    for other in [server.other_platform(), server.api("platform", None)] {
        let status = other.post(&path(&server), json!({ "kind": "to_isolated", "dry_run": true })).await.status.as_u16();
        assert!(matches!(status, 401 | 404), "{status}");
    }
    assert_eq!(platform.get(&format!("{}/conv_222222222222222222222222222", path(&server))).await.status.as_u16(), 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_conversion_is_under_way_the_instance_is_closed() {
    let server = server().await;
    let acme = organization(&server, "Acme").await;
    let mut ada = server.signed_in("ada").await;
    join(&server, &text(&acme, "id"), &mut ada, "org:member").await;
    let wanted = json!({ "kind": "to_isolated" });
    let fingerprint = plan(&server, &wanted).await["fingerprint"].clone();
    let begun = confirm(&server, &wanted, &fingerprint).await;
    assert_eq!((begun.status.as_u16(), &begun.body["status"]), (201, &json!("waiting")));
    let closed = server.browser().sign_in("ada", PASSWORD).await;
    assert_eq!((closed.refusal(), closed.headers["retry-after"].to_str().expect("text")), ((503, "instance_converting"), "5"));
    assert_eq!(ada.get("/v1/client").await.status.as_u16(), 503);
    assert!(ada.get("/v1/environment").await.status.is_success(), "what is the same for all is told");
    assert!(ada.get("/.well-known/jwks.json").await.status.is_success());
    let new = json!({ "email_address": [address("bob")], "password": PASSWORD });
    assert_eq!(server.backend().post("/v1/users", new.clone()).await.refusal(), (503, "instance_converting"));
    assert!(server.backend().get("/v1/users").await.status.is_success(), "backends read");
    let home = path(&server).replace("/conversions", "");
    assert_eq!(server.platform().post(&format!("{home}/users"), new).await.refusal(), (503, "instance_converting"));
    let mode = json!({ "user_pool": { "mode": "isolated" } });
    assert_eq!(server.platform().patch(&format!("{home}/config"), mode).await.refusal(), (409, "conversion_under_way"));
    let application = format!("/v1/platform/applications/{}", server.home.tenant.instance.application);
    assert_eq!(server.platform().delete(&application).await.refusal(), (409, "conversion_under_way"));
    assert_eq!(confirm(&server, &wanted, &fingerprint).await.refusal(), (409, "conversion_under_way"));
    let planned = server.platform().post(&path(&server), json!({ "kind": "to_isolated", "dry_run": true })).await;
    assert_eq!(planned.refusal(), (409, "conversion_under_way"), "nothing can be confirmed now, so nothing is planned");
    assert_eq!(server.platform().put(&format!("{application}/plan"), json!({ "plan_id": null })).await.refusal(), (409, "conversion_under_way"));
    let domain = format!("/v1/domains/{}", text(&server.backend().get("/v1/domains").await.ok()["data"][0], "id"));
    assert_eq!(server.backend().patch(&domain, json!({ "proxy_url": "http://localhost:3000/x" })).await.refusal(), (503, "instance_converting"));
    // What a leak needs at once, and what nothing depends on.
    let rotated = server.platform().post(&format!("{home}/rotate_secret_keys"), json!({ "delay_old_secrets_expiration_hours": 1 })).await;
    assert!(rotated.status.is_success(), "{}", rotated.text);
    assert!(server.platform().post(&format!("{home}/signing_keys/rotate"), json!({})).await.status.is_success());
    assert!(server.platform().patch(&application, json!({ "name": "Renamed" })).await.status.is_success());
    assert!(server.neighbours_browser().sign_up("mallory").await.status.is_success(), "nobody else notices");
    // It waits for those who were inside.
    run(&server).await;
    assert_eq!(shown(&server, &begun.body["id"]).await["status"], "waiting");
    settle(&server);
    run(&server).await;
    assert_eq!(shown(&server, &begun.body["id"]).await["status"], "completed");
    assert_eq!(server.browser().in_pool("acme").sign_in("ada", PASSWORD).await.response()["status"], "complete");
    let late = server.platform().post(&format!("{}/{}/cancel", path(&server), text(&begun.body, "id")), json!({})).await;
    assert_eq!(late.refusal(), (409, "conversion_state"));
}

/// What comes and goes by the minute does not make a plan stale, and stands in the report as it was done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_day_does_not_change_the_fingerprint() {
    let server = server().await;
    let acme = text(&organization(&server, "Acme").await, "id");
    let mut ada = server.signed_in("ada").await;
    join(&server, &acme, &mut ada, "org:admin").await;
    let leaves = json!({ "kind": "organization_to_application", "organization_id": acme });
    for wanted in [json!({ "kind": "to_isolated" }), leaves] {
        let before = plan(&server, &wanted).await;
        server.browser().sign_in("ada", PASSWORD).await.response();
        let mut visitor = server.browser();
        visitor.post("/v1/client/sign_ins", &[("identifier", &address("ada"))]).await.response();
        let user = ada.user_id().await;
        let backend = server.backend();
        backend.post("/v1/sign_in_tokens", json!({ "user_id": user })).await.ok();
        let another = address(&format!("second-{}", before["numbers"]["identifiers"]));
        backend.post("/v1/email_addresses", json!({ "user_id": user, "email_address": another })).await.ok();
        let guest = json!({ "email_address": format!("g{another}"), "role": "org:member" });
        backend.post(&format!("/v1/organizations/{acme}/invitations"), guest).await.ok();
        let after = plan(&server, &wanted).await;
        for name in ["identifiers", "sign_in_tokens", "invitations"] {
            assert_ne!(after["numbers"][name], before["numbers"][name], "{name} did change");
        }
        assert_eq!(after["fingerprint"], before["fingerprint"]);
        let begun = confirm(&server, &wanted, &before["fingerprint"]).await;
        assert_eq!((begun.status.as_u16(), &begun.body["plan"]["numbers"]), (201, &after["numbers"]), "{}", begun.text);
        if wanted["kind"] == "to_isolated" {
            let cancel = format!("{}/{}/cancel", path(&server), text(&begun.body, "id"));
            let strange = server.platform().post(&cancel, json!({ "reason": "x" })).await;
            assert_eq!((strange.refusal(), strange.param()), ((422, "form_param_unknown"), "reason"));
            server.platform().post(&cancel, json!({})).await.ok();
            continue;
        }
        settle(&server);
        run(&server).await;
        let done = shown(&server, &begun.body["id"]).await;
        assert_eq!((&done["status"], &done["done"]["numbers"]), (&json!("completed"), &after["numbers"]), "as it was done");
    }
    let wanted = json!({ "kind": "to_isolated", "users_in_no_organization": "delete" });
    let before = plan(&server, &wanted).await;
    server.signed_in("loner").await;
    assert_ne!(plan(&server, &wanted).await["fingerprint"], before["fingerprint"], "whoever would be deleted is somebody else now");
}

/// Whoever has taken the job is killed: when their lease ends, others go on. And however many do at once, nothing is done twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversion_that_is_killed_goes_on() {
    let server = server().await;
    let (acme, beta) = (organization(&server, "Acme").await, organization(&server, "Beta").await);
    super::made(&server, "ada", &[(&acme, "org:admin")]).await;
    for index in 0..70 {
        let new = json!({ "email_address": [address(&format!("user{index}"))], "skip_password_requirement": true });
        let user = text(server.backend().post("/v1/users", new).await.ok(), "id");
        for organization in [&acme, &beta].into_iter().take(1 + index % 2) {
            let path = format!("/v1/organizations/{}/memberships", text(organization, "id"));
            server.backend().post(&path, json!({ "user_id": user, "role": "org:member" })).await.ok();
        }
    }
    let wanted = json!({ "kind": "to_isolated", "users_in_several_organizations": "copy" });
    let plan = plan(&server, &wanted).await;
    assert_eq!((&plan["numbers"]["users_moved"], &plan["numbers"]["copies"]), (&json!(71), &json!(35)));
    let begun = confirm(&server, &wanted, &plan["fingerprint"]).await;
    let resume = format!("{}/{}/resume", path(&server), text(&begun.body, "id"));
    assert_eq!(server.platform().post(&resume, json!({})).await.refusal(), (409, "conversion_state"), "it has not begun");
    settle(&server);
    let lease = std::time::Duration::from_secs(60);
    let taken = server.inside(server.home.tenant.id(), store::Access::Write, |tx| Box::pin(tx.claim_job(lease))).await;
    assert_eq!(taken.map(|job| job.kind).as_deref(), Some("convert"));
    run(&server).await;
    assert_eq!(shown(&server, &begun.body["id"]).await["status"], "waiting", "somebody has taken it");
    settle(&server);
    let platform = server.platform();
    let told = async || {
        for _ in 0..8 {
            // Until it has begun, and when it is done, nobody can be told to.
            platform.post(&resume, json!({})).await;
            server.run_jobs().await;
        }
    };
    futures_util::future::join_all((0..4).map(|_| told())).await;
    run(&server).await;
    let done = shown(&server, &begun.body["id"]).await;
    assert_eq!((&done["status"], &done["done"]["numbers"]), (&json!("completed"), &plan["numbers"]));
    assert_eq!(server.browser().in_pool("acme").sign_in("ada", PASSWORD).await.response()["status"], "complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversion_that_waits_is_called_off() {
    let server = server().await;
    let acme = organization(&server, "Acme").await;
    let mut ada = server.signed_in("ada").await;
    join(&server, &text(&acme, "id"), &mut ada, "org:member").await;
    server.signed_in("loner").await;
    let wanted = json!({ "kind": "to_isolated", "users_in_no_organization": "delete" });
    let begun = confirm(&server, &wanted, &plan(&server, &wanted).await["fingerprint"]).await;
    assert_ne!(begun.body["plan"]["conflicts"][0]["first"], json!([]));
    let cancel = format!("{}/{}/cancel", path(&server), text(&begun.body, "id"));
    assert_eq!(server.platform().post(&cancel, json!({})).await.ok()["status"], "canceled");
    assert!(ada.get("/v1/client").await.status.is_success(), "open at once, and sessions go on");
    assert_eq!(server.platform().post(&cancel, json!({})).await.refusal(), (409, "conversion_state"));
    settle(&server);
    run(&server).await;
    let canceled = shown(&server, &begun.body["id"]).await;
    assert_eq!((&canceled["status"], &canceled["plan"]["conflicts"][0]["first"]), (&json!("canceled"), &json!([])), "what is kept names nobody");
    assert_eq!(ada.get("/v1/client").await.response()["sessions"].as_array().map(Vec::len), Some(1));
    let listed = server.platform().get(&path(&server)).await.ok().clone();
    assert_eq!((&listed["total_count"], &listed["data"][0]["id"]), (&json!(1), &begun.body["id"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_confirmations_one_counts() {
    let server = server().await;
    organization(&server, "Acme").await;
    let wanted = json!({ "kind": "to_isolated" });
    let fingerprint = plan(&server, &wanted).await["fingerprint"].clone();
    let all = futures_util::future::join_all((0..16).map(|_| confirm(&server, &wanted, &fingerprint))).await;
    let (begun, refused): (Vec<_>, Vec<_>) = all.iter().partition(|reply| reply.status.as_u16() == 201);
    assert_eq!((begun.len(), refused.len()), (1, 15));
    assert!(refused.iter().all(|reply| reply.refusal() == (409, "conversion_under_way")));
}
