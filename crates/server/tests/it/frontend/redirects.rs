//! Redirects: where a browser may be sent, and what is refused without a `Location`.

use super::{APP, LOCAL_APP, encoded, live_browser, live_server};
use serde_json::json;
use testkit::{Browser, TestServer};

/// URLs that no instance sends a browser to: parsers read them differently, or they run.
const HOSTILE: &[&str] = &[
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/%2f%2fevil.example",
    "/relative",
    "evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:\\\\evil.example",
    "http:///evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "\u{1}javascript:alert(1)",
    "javascript://app.example/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "blob:https://app.example/x",
    "about:blank",
    "view-source:https://app.example",
    "ftp://app.example/",
    "https://user@app.example/",
    "https://app.example:pass@evil.example/",
    "https://app.example%40evil.example@evil.example/",
    "https://app.example\\@evil.example/",
    "https://app.example\t.evil.example/",
    "https://app.example\r\nSet-Cookie: a=b",
    "https://app.example/\n",
    " https://app.example/",
    "https://app.example./",
    "https://",
    "https://?x",
    "https://[::1",
    "https://app.example:99999/",
];

/// URLs that a live instance of `https://app.example` does not send a browser to either.
const FOREIGN: &[&str] = &[
    "https://evil.example/",
    "http://app.example/",
    "https://app.example:8443/",
    "https://app.example.evil.example/",
    "https://evilapp.example/",
    "https://sub.app.example/",
    "https://app.example%2eevil.example/",
    "https://app.example%2f.evil.example/",
    "https://app.example。evil.example/",
    "https://\u{430}pp.example/",
    "https://evil.example/?https://app.example/",
    "https://evil.example#https://app.example/",
    "https://evil.example/https://app.example",
    "http://localhost:3000/",
    "com.example.app://callback",
];

async fn refused(browser: &mut Browser, url: &str) {
    browser.origin = None;
    for path in ["handshake", "touch"] {
        let reply = browser.get(&format!("/v1/client/{path}?format=nonce&redirect_url={}", encoded(url))).await;
        assert_eq!((reply.status.as_u16(), reply.location(), reply.param()), (422, "", "redirect_url"), "{path} {url:?}");
        assert!(!reply.text.contains("evil.example"), "{path} {url:?} comes back: {}", reply.text);
    }
}

async fn location(browser: &mut Browser, url: &str) -> String {
    browser.origin = None;
    let reply = browser.get(&format!("/v1/client/touch?redirect_url={}", encoded(url))).await;
    assert_eq!(reply.status.as_u16(), 307, "{url}: {}", reply.text);
    reply.location().to_owned()
}

/// CVE-2021-21291, CVE-2021-29651, CVE-2026-5467, CVE-2024-8883: redirects that two parsers read differently. CVE-2025-67495: one that ran code.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_addresses_are_refused_without_a_location() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    for url in HOSTILE {
        refused(&mut ada, url).await;
    }
}

/// CVE-2021-21291, CVE-2021-29651, CVE-2026-5467, CVE-2024-8883: an origin that only looks like the application's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_instance_sends_to_its_own_application_only() {
    let server = live_server().await;
    let mut browser = live_browser(&server);
    browser.post("/v1/client", &[]).await.ok();
    for url in HOSTILE.iter().chain(FOREIGN) {
        refused(&mut browser, url).await;
    }
    for url in ["https://app.example/", "https://app.example/a?b=c#d", "https://app.example:443/", "HTTPS://APP.example/"] {
        assert!(location(&mut browser, url).await.starts_with("https://app.example/"), "{url}");
    }
}

/// CVE-2026-9689: with one parameter twice, one reader checked the first and another used the second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_addresses_are_none() {
    let server = live_server().await;
    let mut browser = live_browser(&server);
    browser.origin = None;
    for (first, second) in [(APP, "https://evil.example"), ("https://evil.example", APP), (APP, APP)] {
        let reply = browser.get(&format!("/v1/client/handshake?redirect_url={first}&redirect_url={second}")).await;
        assert_eq!((reply.status.as_u16(), reply.location(), reply.param()), (422, "", "redirect_url"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_development_instance_sends_to_any_web_page() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    for url in [LOCAL_APP, "http://127.0.0.1:5173/a", "https://preview-7.example/x?y=z"] {
        assert!(location(&mut ada, url).await.starts_with(url), "{url}");
    }
    refused(&mut ada, "com.example.app://callback").await;
}

/// In a token form the session itself stands in the address: a page that only looks like the application must not get it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_development_instance_sends_sessions_to_this_machine_and_to_known_pages_only() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    ada.origin = None;
    for (url, carried) in [
        ("http://localhost:5173/", true),
        ("http://127.0.0.1:3000/", true),
        ("http://[::1]:3000/", true),
        ("https://evil.example/", false),
        ("https://localhost.evil.example/", false),
        ("http://127.0.0.1.evil.example/", false),
    ] {
        for format in ["", "&format=token"] {
            let reply = ada.get(&format!("/v1/client/handshake?redirect_url={}{format}", encoded(url))).await;
            assert_eq!((reply.status.as_u16(), reply.location().is_empty()), if carried { (307, false) } else { (422, true) }, "{url}");
        }
    }
    server.set(server.home.tenant.id(), json!({ "development_origin": "https://dev.shop.example" })).await;
    let reply = ada.get("/v1/client/handshake?redirect_url=https%3A%2F%2Fdev.shop.example%2Fcart").await;
    assert_eq!(reply.status.as_u16(), 307, "{}", reply.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_on_the_list_is_allowed_letter_by_letter() {
    let server = live_server().await;
    for url in ["com.example.app://callback", "https://other.example/after"] {
        server.backend().post("/v1/redirect_urls", json!({ "url": url })).await.ok();
    }
    let mut browser = live_browser(&server);
    browser.post("/v1/client", &[]).await.ok();
    assert_eq!(location(&mut browser, "com.example.app://callback").await, "com.example.app://callback");
    assert_eq!(location(&mut browser, "https://other.example/after").await, "https://other.example/after");
    for near in [
        "com.example.app://callback/x",
        "com.example.app://callback?a",
        "https://other.example/",
        "https://other.example/after/",
        "https://other.example/after?x=1",
    ] {
        refused(&mut browser, near).await;
    }
    let mut next_door = server.neighbours_browser();
    refused(&mut next_door, "https://other.example/after").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_touch_without_an_address_goes_nowhere() {
    let server = TestServer::start().await;
    let mut ada = server.signed_in("ada").await;
    let reply = ada.get("/v1/client/touch").await;
    assert_eq!((reply.status.as_u16(), reply.location()), (200, ""));
}
