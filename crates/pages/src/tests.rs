//! Every page rendered with sample data, and who may see it.

use crate::{Reference, inbox::Inbox, landing::Landing, not_found, router};
use askama::Template;
use axum::{body::Body, response::Response};
use domain::instances::Site;
use foundation::{Id, InstanceId, Ksuid, MessageId, Random, Timestamp, random::Seeded};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use std::{net::IpAddr, sync::Arc};
use store::{Database, Faults, Location, MasterKey, Options};
use tower::ServiceExt;
use web::{App, Knock, Scripts};
use world::{
    World,
    mail::{Caught, Mail, Sender, Via},
};

/// A server of its own, with nothing in its inbox.
struct Home {
    app: Arc<App>,
    _folder: tempfile::TempDir,
}

impl Home {
    async fn new() -> Home {
        let folder = tempfile::tempdir().expect("folder");
        let (world, _) = World::fake(1);
        let options = Options {
            clock: Arc::clone(&world.clock),
            random: world.random.clone(),
            master: MasterKey::new([7; 32]),
            faults: Faults::default(),
            connections: 1,
            bounds: store::Bounds::DEFAULT,
        };
        let database = Database::open(&Location::Scratch(folder.path().join("test.db")), options).await.expect("database");
        let scripts = Scripts { mirror: None, cdn: "https://cdn.example".to_owned() };
        Home { app: Arc::new(App::new(database, Arc::new(world), Arc::new(site()), scripts)), _folder: folder }
    }

    async fn catch(&self, mails: impl IntoIterator<Item = Mail>) {
        for mail in mails {
            self.app.world.mail.send(mail, Via::Server).await.expect("caught");
        }
    }

    async fn ask(&self, peer: Option<&str>, request: Request<Body>) -> Response {
        let mut request = request;
        let peer = peer.map(|text| text.parse::<IpAddr>().expect("address"));
        request.extensions_mut().insert(Knock { peer, tenant: None, proxy: None, own_host: false });
        router(Reference::new(&[], &site())).with_state(Arc::clone(&self.app)).oneshot(request).await.expect("answered")
    }

    async fn get(&self, path: &str) -> (Response, String) {
        let mut response = self.ask(None, request(Method::GET, path, &[])).await;
        let body = std::mem::take(response.body_mut()).collect().await.expect("body").to_bytes();
        (response, String::from_utf8(body.to_vec()).expect("text"))
    }
}

fn site() -> Site {
    Site::new("http://localhost:7080", None).expect("site")
}

fn request(method: Method, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(Body::empty()).expect("request")
}

fn id<T: Id>(number: u64) -> T {
    let mut random = Seeded::new(number);
    T::from_ksuid(Ksuid::from_bytes((&mut random as &mut dyn Random).bytes()))
}

fn mail(number: u64, to: &str) -> Mail {
    Mail {
        id: id::<MessageId>(number),
        instance: id::<InstanceId>(0),
        from_name: "Trattoria".to_owned(),
        sender: Sender::default(),
        to: to.to_owned(),
        subject: format!("{number:06} is your sign-in code"),
        text: format!("Enter this code to sign in to Trattoria.\n\n    {number:06}\n"),
        html: format!("<p style=\"color:red\">{number:06}</p><script>alert(1)</script>"),
    }
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn assert_guarded(response: &Response) {
    assert_eq!(header(response, "content-type"), "text/html; charset=utf-8");
    let policy = header(response, "content-security-policy");
    for rule in ["default-src 'none'", "style-src 'self';", "script-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(rule), "{rule} in {policy}");
    }
    assert!(!policy.contains("unsafe"));
    assert_eq!(header(response, "x-content-type-options"), "nosniff");
    assert_eq!(header(response, "referrer-policy"), "no-referrer");
    assert_eq!(header(response, "cross-origin-opener-policy"), "same-origin");
    assert_eq!(header(response, "cache-control"), "no-store");
}

/// What the policy would block, the page must not hold.
fn assert_plain(html: &str) {
    for mark in [" style=", "<style", "onclick", "onload", "javascript:", "<script>", "//cdn"] {
        assert!(!html.contains(mark), "{mark} in {html}");
    }
    assert_eq!(html.matches("<script").count(), html.matches("<script type=\"module\" src=\"/assets/").count());
    assert_eq!(html.matches("<h1").count(), 1);
    assert_eq!(html.matches("id=\"content\"").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_guarded_and_plain() {
    let home = Home::new().await;
    for filled in [false, true] {
        if filled {
            home.catch([mail(1, "ada@example.com"), mail(2, "bob@example.com")]).await;
        }
        let gone = format!("/inbox?id={}", id::<MessageId>(9));
        let open = format!("/inbox?id={}&to=ada%40example.com", id::<MessageId>(1));
        for path in ["/", "/inbox", "/inbox?to=nobody%40example.com", "/inbox?id=msg_x", &gone, &open] {
            let (response, html) = home.get(path).await;
            assert_guarded(&response);
            assert_plain(&html);
            let wanted = if path.contains("msg_x") || path == gone || (path == open && !filled) { StatusCode::NOT_FOUND } else { StatusCode::OK };
            assert_eq!(response.status(), wanted, "{path}");
        }
    }
    assert_eq!(not_found().status(), StatusCode::NOT_FOUND);
    assert_guarded(&not_found());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_leads_nowhere_has_a_page() {
    let home = Home::new().await;
    for path in ["/nothing", "/docs/none", "/assets/none", "/inbox/none/html", "/index.php"] {
        let (response, html) = home.get(path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_guarded(&response);
        assert!(html.contains("No door here") && html.contains("doors-open"), "{path}: {html}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_landing_page_says_where_everything_is() {
    let home = Home::new().await;
    home.catch([mail(1, "ada@example.com")]).await;
    let (_, html) = home.get("/").await;
    for text in
        ["http://localhost:7080/api<", "http://localhost:7080/t/<var>&lt;slug&gt;</var>", "first-start.json", "NEXT_PUBLIC_CLERK_PROXY_URL", "href=\"/inbox\""]
    {
        assert!(html.contains(text), "{text} in {html}");
    }
    let far = home.ask(Some("203.0.113.9"), request(Method::GET, "/", &[])).await;
    assert_eq!(far.status(), StatusCode::OK);
    let far = far.into_body().collect().await.expect("body").to_bytes();
    assert!(!String::from_utf8_lossy(&far).contains("/inbox"), "others are not told of the inbox");

    let site = Site::new("https://id.example.com", None).expect("site");
    let html = Landing::new(&site, None).render().expect("rendered");
    assert!(html.contains("https://api.id.example.com<") && html.contains("https://<var>&lt;slug&gt;</var>.id.example.com"), "{html}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_inbox_shows_the_newest_mail_or_the_one_asked_for() {
    let home = Home::new().await;
    home.catch([mail(1, "ada@example.com"), mail(2, "bob@example.com"), mail(3, "Ada@example.com")]).await;
    let shown = |number: u64| format!("id=\"code\">{number:06}</p>");
    let (_, html) = home.get("/inbox").await;
    assert!(html.contains(&shown(3)) && html.matches("class=\"row\"").count() == 3);
    let (_, html) = home.get("/inbox?to=ada%40example.com").await;
    assert!(html.contains(&shown(3)) && html.matches("class=\"row\"").count() == 2);
    assert!(html.contains("data-address=\"/inbox.json?to=ada%40example.com\""));
    let (_, html) = home.get(&format!("/inbox?id={}", id::<MessageId>(2))).await;
    assert!(html.contains(&shown(2)) && html.matches("aria-current=\"true\"").count() == 1);
}

/// CVE-2024-41953: markup in names reached pages.
#[test]
fn markup_in_a_mail_stays_text() {
    let evil = "\"><img src=x onerror=alert(1)>'</pre></option><script>alert(2)</script>";
    let mail = Mail { from_name: evil.to_owned(), to: evil.to_owned(), subject: evil.to_owned(), text: evil.to_owned(), html: evil.to_owned(), ..mail(1, "") };
    let at = Timestamp::from_millis(0);
    let html = Inbox::new(vec![Caught { mail, at }], Some(evil), None, at).render().expect("rendered");
    assert!(!html.contains("<img") && !html.contains("<script>") && !html.contains(evil));
    assert_eq!((html.matches("</pre>").count(), html.matches("</option>").count()), (1, 1));
    assert!(html.matches("&#60;script&#62;alert(2)").count() >= 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_json_has_one_shape() {
    let home = Home::new().await;
    assert_eq!(home.get("/inbox.json").await.1, r#"{"messages":[]}"#);
    home.catch([mail(1, "ada@example.com"), mail(2, "bob@example.com")]).await;
    let (response, text) = home.get("/inbox.json").await;
    assert_eq!(header(&response, "content-type"), "application/json");
    let body: serde_json::Value = serde_json::from_str(&text).expect("json");
    assert_eq!(body["messages"].as_array().map(Vec::len), Some(2));
    let newest = body["messages"][0].as_object().expect("object");
    let mut names: Vec<_> = newest.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["created_at", "from", "html", "id", "instance_id", "subject", "text", "to"]);
    assert_eq!((newest["to"].as_str(), newest["from"].as_str()), (Some("bob@example.com"), Some("Trattoria")));
    assert!(newest["created_at"].is_i64() && newest["id"].as_str().is_some_and(|id| id.starts_with("msg_")));

    let (_, text) = home.get("/inbox.json?to=ADA%40example.com").await;
    let body: serde_json::Value = serde_json::from_str(&text).expect("json");
    assert_eq!(body["messages"].as_array().map(Vec::len), Some(1));

    let again = request(Method::GET, "/inbox.json", &[("if-none-match", header(&response, "etag"))]);
    assert_eq!(home.ask(None, again).await.status(), StatusCode::NOT_MODIFIED);
    home.catch([mail(3, "ada@example.com")]).await;
    let again = request(Method::GET, "/inbox.json", &[("if-none-match", header(&response, "etag"))]);
    assert_eq!(home.ask(None, again).await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mails_html_is_locked_in() {
    let home = Home::new().await;
    home.catch([mail(1, "ada@example.com")]).await;
    let (response, html) = home.get(&format!("/inbox/{}/html", id::<MessageId>(1))).await;
    assert_eq!(html, mail(1, "").html);
    let policy = header(&response, "content-security-policy");
    assert!(policy.starts_with("default-src 'none';") && policy.ends_with("; sandbox") && !policy.contains("script"), "{policy}");
    assert_eq!(home.get("/inbox/msg_x/html").await.0.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_this_machine_reads_the_inbox() {
    let home = Home::new().await;
    home.catch([mail(1, "ada@example.com")]).await;
    let html = format!("/inbox/{}/html", id::<MessageId>(1));
    let doors = [(Method::GET, "/inbox"), (Method::GET, "/inbox.json"), (Method::GET, &html), (Method::POST, "/inbox/clear")];
    for (method, path) in doors.clone() {
        for peer in ["203.0.113.9", "192.168.1.4", "2001:db8::1", "::ffff:203.0.113.9"] {
            assert_eq!(home.ask(Some(peer), request(method.clone(), path, &[])).await.status(), StatusCode::NOT_FOUND, "{path} by {peer}");
        }
        for header in [("host", "evil.example:7080"), ("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=127.0.0.1")] {
            assert_eq!(home.ask(Some("127.0.0.1"), request(method.clone(), path, &[header])).await.status(), StatusCode::NOT_FOUND, "{path} with {header:?}");
        }
        let nameless = router(Reference::new(&[], &site())).with_state(Arc::clone(&home.app)).oneshot(request(method, path, &[])).await.expect("answered");
        assert_eq!(nameless.status(), StatusCode::NOT_FOUND, "{path} by nobody knows whom");
    }
    assert_eq!(home.app.world.inbox.caught(None).len(), 1);
    for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        let request = request(Method::GET, "/inbox.json", &[("host", "localhost:7080")]);
        assert_eq!(home.ask(Some(peer), request).await.status(), StatusCode::OK, "{peer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_sites_cannot_clear_the_inbox() {
    let home = Home::new().await;
    home.catch([mail(1, "ada@example.com")]).await;
    for from in ["cross-site", "same-site"] {
        let asked = request(Method::POST, "/inbox/clear", &[("sec-fetch-site", from)]);
        assert_eq!(home.ask(None, asked).await.status(), StatusCode::FORBIDDEN, "{from}");
    }
    assert_eq!(home.app.world.inbox.caught(None).len(), 1);
    let response = home.ask(None, request(Method::POST, "/inbox/clear", &[("sec-fetch-site", "same-origin")])).await;
    assert_eq!((response.status(), header(&response, "location")), (StatusCode::SEE_OTHER, "/inbox"));
    assert!(home.app.world.inbox.caught(None).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assets_are_kept_as_long_as_they_are_current() {
    let home = Home::new().await;
    let (_, page) = home.get("/inbox").await;
    let addresses: Vec<&str> = page.split('"').filter(|text| text.starts_with("/assets/")).collect();
    assert_eq!(addresses.len(), 4);
    for address in addresses {
        let (response, text) = home.get(address).await;
        assert_eq!(response.status(), StatusCode::OK, "{address}");
        assert!(!text.is_empty() && header(&response, "cache-control").contains("immutable"));
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        let kind = if address.contains(".css") {
            "text/css"
        } else if address.contains(".js") {
            "text/javascript"
        } else {
            "image/svg+xml"
        };
        assert!(header(&response, "content-type").starts_with(kind), "{address}");
    }
    for (path, status, keep) in
        [("/assets/style.css?v=0", 200, "no-cache"), ("/assets/none.css", 404, "no-store"), ("/assets/..%2fCargo.toml", 404, "no-store")]
    {
        let (response, _) = home.get(path).await;
        assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (status, keep), "{path}");
    }
    assert_eq!(home.get("/robots.txt").await.1, "User-agent: *\nDisallow: /\n");
}
