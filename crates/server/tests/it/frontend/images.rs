//! Pictures of users: uploaded, shown, replaced, removed, and everything that somebody could send instead of one.

use super::{live_browser, live_server, sign_up_by_mail};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use store::Access;
use testkit::{Browser, PASSWORD, Reply, TestServer, picture};

const OWN: &str = "/v1/me/profile_image";

/// The path at the instance's door of an address that an answer gave.
fn path(server: &TestServer, url: &Value) -> String {
    let url = url.as_str().expect("an address");
    url.strip_prefix(server.home.tenant.frontend_url.as_str()).unwrap_or_else(|| panic!("{url} is not at the instance's own door")).to_owned()
}

fn header<'r>(reply: &'r Reply, name: &str) -> &'r str {
    reply.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

/// How many rows the table has.
async fn rows(server: &TestServer, table: &str) -> usize {
    server.belongings(server.home.tenant.id()).await[table].len()
}

/// A PNG of another colour, as bytes that differ.
fn other() -> Vec<u8> {
    let text = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
    base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).expect("base64")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_uploaded_shown_replaced_and_removed() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let reply = ada.upload(OWN, &picture()).await;
    let image = reply.response().clone();
    assert_eq!((&image["object"], &reply.body["client"]["sessions"][0]["user"]["image_url"]), (&json!("image"), &image["public_url"]));
    let user = ada.get("/v1/me").await.response().clone();
    assert_eq!((&user["has_image"], &user["image_url"], &user["profile_image_url"]), (&json!(true), &image["public_url"], &image["public_url"]));
    let session = &ada.sessions().await[0]["public_user_data"].clone();
    assert_eq!((&session["has_image"], &session["image_url"]), (&json!(true), &image["public_url"]));
    let shown = server.browser().get(&path(&server, &image["public_url"])).await;
    assert_eq!((shown.status, header(&shown, "content-type")), (StatusCode::OK, "image/png"));
    assert!(shown.bytes.starts_with(b"\x89PNG"));
    assert_eq!(rows(&server, "images").await, 3, "three sizes");
    // The same once more is the same; another is another, and the first is gone.
    assert_eq!(ada.upload(OWN, &picture()).await.response()["id"], image["id"]);
    let second = ada.upload(OWN, &other()).await.response().clone();
    assert_ne!(second["id"], image["id"]);
    assert_eq!(server.browser().get(&path(&server, &image["public_url"])).await.refusal(), (404, "resource_not_found"));
    assert_eq!(rows(&server, "images").await, 3);
    let gone = ada.override_method("DELETE", OWN, &[]).await;
    assert_eq!((&gone.response()["object"], &gone.response()["deleted"], &gone.response()["id"]), (&json!("image"), &json!(true), &second["id"]));
    assert_eq!(ada.override_method("DELETE", OWN, &[]).await.refusal(), (404, "resource_not_found"));
    assert_eq!((ada.get("/v1/me").await.response()["has_image"].clone(), rows(&server, "images").await), (json!(false), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_sets_and_removes_pictures_too() {
    let server = TestServer::start().await;
    let user = server.signed_in("ada").await.user_id().await;
    let at = format!("/v1/users/{user}/profile_image");
    let set = server.backend().upload(&at, &picture()).await;
    assert_eq!((&set.ok()["object"], &set.ok()["has_image"]), (&json!("user"), &json!(true)));
    assert_eq!(server.browser().get(&path(&server, &set.ok()["image_url"])).await.status, StatusCode::OK);
    let gone = server.backend().delete(&at).await;
    assert_eq!(gone.ok()["has_image"], false);
    assert_eq!(server.backend().delete(&at).await.refusal(), (404, "resource_not_found"));
    assert_eq!(server.backend().upload("/v1/users/user_2NNEqL2nrIRdJ194ndJqAHwEfxC/profile_image", &picture()).await.refusal(), (404, "resource_not_found"));
    assert_eq!(server.neighbours_backend().upload(&at, &picture()).await.refusal(), (404, "resource_not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_goes_with_its_user() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    ada.upload(OWN, &picture()).await.response();
    ada.override_method("DELETE", "/v1/me", &[]).await.response();
    assert_eq!((rows(&server, "images").await, rows(&server, "upload_budgets").await), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_and_an_audit_entry_tell_of_it() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    ada.upload(OWN, &picture()).await.response();
    let all = server.belongings(server.home.tenant.id()).await;
    assert!(all["audit"].iter().any(|row| row.iter().any(|cell| cell.contains("user.image_set"))));
    assert!(all["events"].iter().any(|row| row.iter().any(|cell| cell.contains("\"has_image\":true") && cell.contains("/v1/images/img_"))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_width_chooses_among_a_few_sizes() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let at = path(&server, &ada.upload(OWN, &picture()).await.response()["public_url"]);
    for (asked, width) in
        [("", 512), ("?width=1", 64), ("?width=64", 64), ("?width=80", 160), ("?width=160", 160), ("?width=161", 512), ("?width=99999999", 512)]
    {
        let shown = server.browser().get(&format!("{at}{asked}")).await;
        let told = u32::from_be_bytes(shown.bytes[16..20].try_into().expect("a header"));
        assert_eq!((shown.status, told), (StatusCode::OK, width), "{asked}");
    }
    for strange in ["?width=-1", "?width=x", "?width=", "?width=1&width=2", "?width[]=1", "?width=9999999999999999999999", "?w=%00"] {
        let status = server.browser().get(&format!("{at}{strange}")).await.status;
        assert!(status == StatusCode::OK || status == StatusCode::UNPROCESSABLE_ENTITY, "{strange}: {status}");
    }
}

/// What is served can be nothing but a picture, and is cached for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_are_served_with_strict_headers_to_everybody() {
    let server = live_server().await;
    let mut ada = live_browser(&server);
    sign_up_by_mail(&server, &mut ada, "ada@example.com").await;
    let plain = path(&server, &ada.get("/v1/me").await.response()["image_url"]);
    let own = path(&server, &ada.upload(OWN, &picture()).await.response()["public_url"]);
    for at in [plain, own] {
        let mut anybody = server.browser();
        anybody.origin = Some("https://somebody-elses.example".to_owned());
        let shown = anybody.get(&at).await;
        assert_eq!(shown.status, StatusCode::OK, "{at} {}", shown.text);
        assert_eq!((header(&shown, "access-control-allow-origin"), header(&shown, "access-control-allow-credentials")), ("*", ""));
        assert_eq!(header(&shown, "cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(header(&shown, "x-content-type-options"), "nosniff");
        assert!(header(&shown, "content-security-policy").starts_with("default-src 'none'"));
        assert!(header(&shown, "content-type").starts_with("image/"));
        assert_eq!(header(&shown, "set-cookie"), "");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_no_picture_has_an_avatar_of_ours() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let user = ada.override_method("PATCH", "/v1/me", &[("first_name", "Ωmega"), ("last_name", "<script>")]).await.response().clone();
    assert_eq!(user["has_image"], false);
    assert!(user["image_url"].as_str().expect("an address").contains("avatar_placeholder"), "the pages know by it that there is nothing to remove");
    let at = path(&server, &user["image_url"]);
    let shown = server.browser().get(&format!("{at}?width=80")).await;
    assert_eq!((shown.status, header(&shown, "content-type")), (StatusCode::OK, "image/svg+xml"));
    assert!(shown.text.starts_with("<svg") && shown.text.contains(">ΩS</text>") && !shown.text.contains("script"), "{}", shown.text);
    assert_eq!(server.browser().get(&at).await.text, shown.text, "always the same");
    assert_ne!(server.signed_in("bob").await.get("/v1/me").await.response()["image_url"], user["image_url"]);
    for strange in ["00000000-%3Cscript%3E", "00000000-%22", "..%2f..%2fetc%2fpasswd", "%00", "0", "00000000-ABC", "zzzzzzzz-AB", "00000000-A&B"] {
        let reply = server.browser().get(&format!("/v1/avatar_placeholder/{strange}")).await;
        assert_eq!(reply.refusal(), (404, "resource_not_found"), "{strange}");
    }
}

/// CVE-2024-29891, CVE-2022-38638 and CVE-2026-6815 are of this kind. Each upload of these tests has a name that leads out of its folder, which nobody reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_picture_is_refused_by_its_bytes() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let svg: &[u8] = b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>";
    let html: &[u8] = b"<!doctype html><html><script>alert(1)</script></html>";
    let half = &picture()[..40];
    for bytes in
        [svg, html, half, b"GIF89a/*<script>*/=1;alert(1)//", b"\xff\xd8\xff<svg onload=alert(1)>", b"%PDF-1.7 aaaaaaaaaaaa", b"BM000000000000000000", b"short"]
    {
        let reply = ada.upload(OWN, bytes).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_value_invalid"), "file"), "{}", String::from_utf8_lossy(bytes));
    }
    assert_eq!((ada.upload(OWN, b"").await.refusal(), rows(&server, "images").await), ((422, "form_param_missing"), 0));
    // The type that the sender claims says nothing, in either direction.
    let claimed = ada.send_bytes(Method::POST, OWN, Some("image/svg+xml"), picture()).await;
    assert_eq!(header(&server.browser().get(&path(&server, &claimed.response()["public_url"])).await, "content-type"), "image/png");
    let lied = ada.send_bytes(Method::POST, OWN, Some("image/png"), svg.to_vec()).await;
    assert_eq!((lied.refusal(), lied.param()), ((422, "form_param_value_invalid"), "file"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_file_behind_a_picture_does_not_come_through() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let both = [picture(), b"PK\x03\x04 <script>alert('CANARY')</script>".to_vec()].concat();
    let at = path(&server, &ada.upload(OWN, &both).await.response()["public_url"]);
    for width in ["64", "160", "512"] {
        let shown = server.browser().get(&format!("{at}?width={width}")).await;
        assert!(!shown.text.contains("CANARY") && !shown.text.contains("script"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_may_come_as_it_is_or_as_text() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let raw = ada.send_bytes(Method::POST, OWN, Some("application/octet-stream"), picture()).await.response()["id"].clone();
    let text = format!("data:image/png;base64,{}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, picture()));
    let sent = ada.send_bytes(Method::POST, OWN, Some("application/octet-stream"), text.into_bytes()).await;
    assert_eq!(sent.response()["id"], raw);
    for strange in ["data:text/html;base64,PHNjcmlwdD4=", "data:image/png;base64,!!!", "data:,x", "data:image/png"] {
        let reply = ada.send_bytes(Method::POST, OWN, Some("application/octet-stream"), strange.as_bytes().to_vec()).await;
        assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_value_invalid"), "file"), "{strange}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_no_upload_is_refused_with_a_reason() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    for (kind, body, refusal) in [
        (Some("multipart/form-data"), "x", (400, "request_body_invalid")),
        (Some("multipart/form-data; boundary=x"), "nothing of the kind", (400, "request_body_invalid")),
        (
            Some("multipart/form-data; boundary=x"),
            "--x\r\nContent-Disposition: form-data; name=\"picture\"\r\n\r\nabc\r\n--x--\r\n",
            (422, "form_param_missing"),
        ),
        (Some("application/json"), "{}", (400, "request_body_invalid")),
        (Some("application/octet-stream"), "", (422, "form_param_missing")),
        (None, "", (400, "request_body_invalid")),
    ] {
        let reply = ada.send_bytes(Method::POST, OWN, kind, body.as_bytes().to_vec()).await;
        assert_eq!(reply.refusal(), refusal, "{kind:?} {body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_ten_megabytes_are_refused_before_they_are_looked_at() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let mut large = picture();
    large.resize(10 * 1_024 * 1_024 + 1, 0);
    assert_eq!(ada.upload(OWN, &large).await.refusal(), (413, "request_body_too_large"));
    assert_eq!(ada.send_bytes(Method::POST, OWN, Some("image/png"), large.clone()).await.refusal(), (413, "request_body_too_large"));
    large.pop();
    assert_eq!(ada.upload(OWN, &large).await.status, StatusCode::OK, "what stands behind a picture is dropped");
    // What says that it is larger is not read at all.
    let mut promising = ada.clone();
    promising.headers.push(("content-length".to_owned(), "99999999".to_owned()));
    assert_eq!(promising.upload(OWN, &picture()).await.refusal(), (413, "request_body_too_large"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_refused_before_anything_is_read() {
    let server = TestServer::start().await;
    let (svg, mut nobody) = (b"<svg/> and more than twelve bytes", server.browser());
    assert_eq!(nobody.upload(OWN, svg).await.refusal(), (401, "authentication_invalid"));
    assert_eq!(nobody.override_method("DELETE", OWN, &[]).await.refusal(), (401, "authentication_invalid"));
    assert_eq!(rows(&server, "upload_budgets").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn uploads_have_a_budget_for_each_user_that_many_at_once_do_not_break() {
    let server = TestServer::start().await;
    let ada = server.signed_in("ada").await;
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let mut ada: Browser = ada.clone();
            tokio::spawn(async move { ada.upload(OWN, &picture()).await })
        })
        .collect();
    let mut spent = 0;
    for task in tasks {
        let reply = task.await.expect("an answer");
        match reply.status.as_u16() {
            // Busy or not, what was let in was counted.
            200 | 503 => spent += 1,
            _ => {
                assert_eq!(reply.refusal(), (429, "too_many_requests"));
                let wait: u64 = header(&reply, "retry-after").parse().expect("seconds");
                assert!((3_000..=3_600).contains(&wait), "{wait}");
            }
        }
    }
    assert_eq!(spent, domain::images::MOST_UPLOADS);
    assert_eq!(rows(&server, "images").await, 3);
    assert!(server.signed_in("bob").await.upload(OWN, &picture()).await.status.is_success(), "a budget is one user's");
    server.advance(Duration::from_secs(3_600));
    assert!(ada.clone().upload(OWN, &picture()).await.status.is_success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_found_at_its_own_instance_alone() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let at = path(&server, &ada.upload(OWN, &picture()).await.response()["public_url"]);
    assert_eq!(server.neighbours_browser().get(&at).await.refusal(), (404, "resource_not_found"));
    let mut next_door = server.signed_in_next_door("ada").await;
    let theirs = next_door.upload(OWN, &picture()).await.response()["id"].clone();
    assert!(!at.ends_with(theirs.as_str().expect("an id")), "the same picture of another has another name");
    for strange in [
        "img_",
        "img_000000000000000000000000000",
        "..%2f..%2fusers",
        "%2e%2e/%2e%2e/secret",
        "img_zzzzzzzzzzzzzzzzzzzzzzzzzzz",
        "%00",
        "user_2NNEqL2nrIRdJ194ndJqAHwEfxC",
    ] {
        let reply = server.browser().get(&format!("/v1/images/{strange}")).await;
        assert_eq!(reply.refusal(), (404, "resource_not_found"), "{strange}");
    }
}

/// A picture that was removed while another request showed the user must not stay behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn uploads_and_removals_at_once_leave_what_the_user_says() {
    let server = TestServer::start().await;
    let ada = server.signed_in("ada").await;
    let tasks: Vec<_> = (0..16)
        .map(|turn| {
            let mut ada = ada.clone();
            tokio::spawn(async move {
                match turn % 3 {
                    0 => ada.upload(OWN, &picture()).await,
                    1 => ada.upload(OWN, &other()).await,
                    _ => ada.override_method("DELETE", OWN, &[]).await,
                }
            })
        })
        .collect();
    for task in tasks {
        let reply = task.await.expect("an answer");
        assert!([200, 404, 503].contains(&reply.status.as_u16()), "{} {}", reply.status, reply.text);
    }
    let user = ada.clone().get("/v1/me").await.response().clone();
    let stored: Vec<(String,)> = server
        .inside(server.home.tenant.id(), Access::Read, |tx| Box::pin(tx.list(store::sql!("select distinct id from images where instance_id = $1"), &[])))
        .await;
    match stored.as_slice() {
        [] => assert_eq!(user["has_image"], false),
        [(id,)] => assert!(user["image_url"].as_str().expect("an address").ends_with(id.as_str())),
        more => panic!("{more:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_shows_whom_it_is_for() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let url = ada.upload(OWN, &picture()).await.response()["public_url"].clone();
    let reply = server.browser().sign_in("ada", PASSWORD).await;
    assert_eq!(reply.response()["user_data"]["image_url"], url);
}
