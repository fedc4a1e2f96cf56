//! Hosts and paths: at whose door a request knocks, and what no header changes about it.

use super::{LOCAL_APP, client_cookie, encoded};
use testkit::{Browser, TestServer};

/// A browser without any prefix, at this host.
fn at(server: &TestServer, host: &str) -> Browser {
    server.browser().by_host(host)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cookie_is_plain_on_the_instances_own_host_and_named_for_it_elsewhere() {
    let server = TestServer::start().await;
    let tenant = &server.home.tenant;
    let mut by_path = server.browser();
    by_path.sign_up("ada").await;
    assert_eq!(client_cookie(&by_path).0, format!("__client_{}", tenant.cookie_suffix), "paths do not keep cookies apart");
    let mut by_host = at(&server, &tenant.host);
    by_host.sign_up("bob").await;
    assert_eq!(client_cookie(&by_host).0, "__client");
    assert_ne!(tenant.cookie_suffix, server.neighbour.tenant.cookie_suffix);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_on_one_host_keep_their_sessions_apart() {
    let server = TestServer::start().await;
    let mut browser = server.signed_in("ada").await;
    let mut next_door = browser.clone().at(&server.neighbours_browser());
    assert!(next_door.get("/v1/client").await.response().is_null());
    next_door.sign_up("ada").await;
    browser.cookies = next_door.cookies.clone();
    assert_eq!(browser.cookies.len(), 2);
    assert_ne!(browser.user_id().await, next_door.user_id().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_and_slugs_that_nobody_has_have_no_door() {
    let server = TestServer::start().await;
    let slug = &server.home.tenant.instance.slug;
    for host in [
        "evil.example",
        "localhost.evil.example:7080",
        &format!("{slug}.evil.example"),
        &format!("{slug}.localhost:7080.evil.example"),
        &format!("{slug}.localhost:7080@evil.example"),
        "xn--localhost-",
    ] {
        assert_eq!(at(&server, host).get("/v1/client").await.status.as_u16(), 421, "{host}");
        assert_eq!(at(&server, host).get(&format!("/t/{slug}/v1/client")).await.status.as_u16(), 421, "{host}");
    }
    assert_eq!(at(&server, "nobody-abc234.localhost:7080").get("/v1/client").await.refusal(), (404, "resource_not_found"));
    for path in ["/t/nobody-abc234/v1/client", "/t//v1/client", "/t/%2e%2e/v1/client", &format!("/t/{}/v1/client", slug.to_uppercase())] {
        assert_eq!(at(&server, "localhost:7080").get(path).await.refusal(), (404, "resource_not_found"), "{path}");
    }
    assert_eq!(at(&server, &server.home.tenant.host.to_uppercase()).get("/v1/health").await.ok()["status"], "healthy", "hosts have no case");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_are_none() {
    let server = TestServer::start().await;
    for second in ["evil.example", "localhost:7080", &server.neighbour.tenant.host] {
        let mut browser = server.browser();
        browser.headers.push(("host".to_owned(), second.to_owned()));
        let reply = browser.get("/v1/client").await;
        assert_eq!(reply.status.as_u16(), 400, "{second}");
        assert_eq!(super::header(&reply, "content-type"), "application/json");
    }
}

/// CVE-2023-49097, CVE-2025-64101, CVE-2026-40575: a header of the request said which host it was for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_forwarding_header_says_whose_door_it_is() {
    let server = TestServer::start().await;
    let mut plain = server.signed_in("ada").await;
    let environment = plain.get("/v1/environment").await.text;
    let user = plain.user_id().await;
    for value in [server.neighbour.tenant.host.as_str(), "evil.example"] {
        let mut forged = plain.clone();
        for name in ["x-forwarded-host", "x-forwarded-server", "x-host", "x-original-host", "x-http-host-override", "x_forwarded_host"] {
            forged.headers.push((name.to_owned(), value.to_owned()));
        }
        forged.headers.push(("forwarded".to_owned(), format!("host={value};proto=https")));
        forged.headers.push(("x-forwarded-proto".to_owned(), "https".to_owned()));
        for name in ["x-original-url", "x-rewrite-url"] {
            forged.headers.push((name.to_owned(), format!("/t/{}/v1/client", server.neighbour.tenant.instance.slug)));
        }
        assert_eq!(forged.get("/v1/environment").await.text, environment, "{value}");
        assert_eq!(forged.user_id().await, user);
        let reply = forged.get(&format!("/v1/client/handshake?redirect_url={}", encoded(LOCAL_APP))).await;
        assert!(reply.location().starts_with("http://localhost:3000/?"), "{}", reply.location());
        let reply = forged.override_method("DELETE", "/v1/client", &[]).await;
        assert!(!super::set_cookies(&reply)[0].contains("Secure"), "the protocol is the site's own, not a header's");
        plain.sign_in("ada", testkit::PASSWORD).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_instances_own_host_serves_its_door_and_no_path_of_others() {
    let server = TestServer::start().await;
    let mut browser = at(&server, &server.home.tenant.host);
    browser.sign_up("ada").await;
    let theirs = &server.neighbour.tenant.instance.slug;
    for path in [format!("/t/{theirs}/v1/client"), "/api/v1/users".to_owned(), "/".to_owned(), "/inbox".to_owned()] {
        assert_eq!(browser.get(&path).await.refusal(), (404, "resource_not_found"), "{path}");
    }
}
