//! Templates of an instance: checked when they are written, previewed, used.

use serde_json::{Value, json};
use testkit::TestServer;

const PREVIEW: &str = "/v1/instance/messages/preview";
const EMAIL: &str = "ada@example.com";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instances_words_are_used_in_its_mails_and_in_no_others() {
    let server = TestServer::start().await;
    let templates = json!({ "verification_code": {
        "subject": "Ahoy! {{otp_code}}",
        "html": "<h1>Ahoy</h1><p style=\"color:{{app.color}}\">{{otp_code}} for {{app.name}}</p>",
    } });
    let display = json!({ "primary_color": "#ff8800", "logo_url": "https://acme.example/logo.png" });
    server.set(server.home.tenant.id(), json!({ "messages": { "templates": templates }, "display": display })).await;
    super::ask_for_code(&mut server.browser(), EMAIL).await;
    super::ask_for_code(&mut server.neighbours_browser(), EMAIL).await;
    server.run_jobs().await;
    let caught = server.world.inbox.caught(None);
    let of = |name: &str| caught.iter().find(|c| c.mail.from_name == name).expect("a mail").mail.clone();
    let (ours, theirs) = (of("Home"), of("Neighbour"));
    assert!(ours.subject.starts_with("Ahoy! "));
    assert!(ours.html.contains("color:#ff8800") && ours.html.contains(" for Home"));
    assert!(ours.text.contains("Enter this code to verify"), "what is not written is built in");
    assert!(theirs.subject.ends_with("is your Neighbour verification code") && !theirs.html.contains("#ff8800"));
    super::ask_for_code(&mut server.browser(), "bob@example.com").await;
    server.set(server.home.tenant.id(), json!({ "messages": { "templates": { "verification_code": null } } })).await;
    server.run_jobs().await;
    let built_in = server.world.inbox.caught(Some("bob@example.com"))[0].mail.clone();
    assert!(built_in.html.contains("#ff8800") && built_in.html.contains("src=\"https://acme.example/logo.png\""), "in the application's colours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_template_cannot_be_saved() {
    for (kind, part, text) in [
        ("verification_code", "subject", "{{nobody}}"),
        ("verification_code", "text", "no code"),
        ("verification_code", "html", "<script>{{otp_code}}</script>"),
        ("new_device", "html", "<a href=\"{{device.name}}\">x</a>"),
        ("new_device", "text", "{{#if device.name}}"),
        ("new_device", "text", "{{otp_code}}"),
        ("password_changed", "subject", ""),
        ("password_removed", "text", " \n "),
        ("password_removed", "html", "<p></p>"),
    ] {
        let document = json!({ "messages": { "templates": { kind: { part: text } } } });
        let problem = domain::settings::check(document.as_object().expect("an object")).expect_err("refused");
        assert_eq!(problem.facts().param.as_deref(), Some(&*format!("messages.templates.{kind}.{part}")), "{text}");
    }
    for (key, value) in [("primary_color", "red"), ("primary_color", "#fff;x:y"), ("logo_url", "http://a.example/x.png"), ("logo_url", "https://a.example/\"x")]
    {
        let document = json!({ "display": { key: value } });
        let problem = domain::settings::check(document.as_object().expect("an object")).expect_err("refused");
        assert_eq!(problem.facts().param.as_deref(), Some(&*format!("display.{key}")));
    }
    assert!(domain::settings::check(json!({ "messages": { "templates": { "test": {} } } }).as_object().expect("an object")).is_err());
}

/// CVE-2026-25227: code ran where a template was previewed. Here a preview computes nothing, and has nothing but made-up values.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_shows_made_up_values_and_changes_nothing() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let before = server.belongings(server.home.tenant.id()).await;
    for kind in [
        "verification_code",
        "sign_in_code",
        "reset_password_code",
        "affiliation_code",
        "new_device",
        "password_changed",
        "password_removed",
        "primary_address_changed",
    ] {
        let shown = backend.post(PREVIEW, json!({ "kind": kind })).await.ok().clone();
        assert_eq!((&shown["object"], &shown["kind"]), (&json!("message_preview"), &json!(kind)));
        for part in ["subject", "text", "html"] {
            let text = shown[part].as_str().expect("text");
            assert!(!text.trim().is_empty() && !text.contains("{{"), "{kind} {part}");
        }
        assert!(shown["html"].as_str().is_some_and(|html| html.contains("Home")));
        assert!(shown["variables"].as_array().is_some_and(|names| names.contains(&json!("app.name"))));
    }
    let draft = json!({ "kind": "new_device", "subject": "{{user.first_name}}!", "html": "<p>{{device.name}}</p>" });
    let shown = backend.post(PREVIEW, draft).await.ok().clone();
    assert_eq!((&shown["subject"], &shown["html"]), (&json!("Ada!"), &json!("<p>Firefox on Linux</p>")));
    assert!(shown["text"].as_str().is_some_and(|text| text.contains("Firefox on Linux")));
    for (param, body) in [
        ("kind", json!({})),
        ("kind", json!({ "kind": "test" })),
        ("kind", json!({ "kind": 7 })),
        ("subject", json!({ "kind": "new_device", "subject": "{{7*7}}" })),
        ("text", json!({ "kind": "new_device", "text": "{{config.master_key}}" })),
        ("html", json!({ "kind": "new_device", "html": "<img src=x onerror=alert(1)>" })),
        ("html", json!({ "kind": "new_device", "html": "x".repeat(40 * 1_024 + 1) })),
        ("text", json!({ "kind": "new_device", "text": ["x"] })),
        ("slug", json!({ "kind": "new_device", "slug": "x" })),
    ] {
        let reply = backend.post(PREVIEW, body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{}", body.to_string().chars().take(80).collect::<String>());
    }
    assert_eq!(backend.post(PREVIEW, Value::Null).await.status.as_u16() / 100, 4);
    assert_eq!(server.belongings(server.home.tenant.id()).await, before);
}
