//! What no way of writing settings takes: the Backend API, configurations, blueprints, plans and the server's own file judge alike.

use super::home;
use serde_json::{Value, json};
use testkit::{Reply, TestServer};

/// A path of the Backend API, and its parameter.
type Taken = Option<(&'static str, &'static str)>;

/// A key, what it cannot be, and as what the Backend API takes it.
fn hostile() -> Vec<(&'static str, Value, Taken)> {
    let instance = |param| Some(("/v1/instance", param));
    let organizations = |param| Some(("/v1/instance/organization_settings", param));
    vec![
        ("development_origin", json!("javascript:alert(1)"), instance("development_origin")),
        ("development_origin", json!("https://app.example.com/path"), instance("development_origin")),
        ("development_origin", json!("data:text/html,x"), instance("development_origin")),
        ("clerk_js_version", json!("6\"></script>"), instance("clerk_js_version")),
        ("clerk_js_version", json!("6/../../evil"), instance("clerk_js_version")),
        ("clerk_js_version", json!(".."), instance("clerk_js_version")),
        ("clerk_js_version", json!("6".repeat(65)), instance("clerk_js_version")),
        ("display.support_email", json!("help@example.com\r\nBcc: eve@example.com"), instance("support_email")),
        ("display.support_email", json!("javascript:alert(1)"), instance("support_email")),
        ("display.support_email", json!("a@b@c.example"), instance("support_email")),
        ("allowed_origins", json!(["javascript:alert(1)"]), instance("allowed_origins")),
        ("auth_password.preferred_sign_in_strategy", json!("magic"), instance("preferred_sign_in_strategy_when_password_required")),
        ("organization_settings.max_allowed_memberships", json!(-1), organizations("max_allowed_memberships")),
        ("organization_settings.max_allowed_memberships", json!(1_000_000_001), organizations("max_allowed_memberships")),
        ("organization_settings.domains_enrollment_modes", json!(["everybody"]), organizations("domains_enrollment_modes")),
        ("organization_settings.create_organizations_limit", json!(-1), None),
        ("display.support_email", json!("help@example.com\n"), None),
        ("display.logo_url", json!("https://a.example/\r\nx"), None),
        ("display.logo_url", json!("javascript:alert(1)"), None),
        ("display.primary_color", json!("red;}"), None),
        ("messages.sender.name", json!("Acme\r\nBcc: eve@example.com"), None),
    ]
}

/// A value as a tree.
fn tree(key: &str, value: &Value) -> Value {
    key.rsplit('.').fold(value.clone(), |inner, step| json!({ step: inner }))
}

fn assert_refused(reply: &Reply, param: &str, by: &str, value: &Value) {
    assert_eq!((reply.status.as_u16(), reply.param()), (422, param), "{by}: {value}: {}", reply.text);
}

/// CVE-2026-29192, CVE-2026-5468, CVE-2026-33525: a tenant's own setting that runs code in its users' browsers, by whichever way it is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_way_of_writing_settings_refuses_all_refuse() {
    let server = TestServer::start().await;
    let (platform, backend) = (server.platform(), server.backend());
    let config = format!("{}/config", home(&server));
    let before = platform.get(&config).await.ok().clone();
    for (key, value, parameter) in hostile() {
        let settings = tree(key, &value);
        assert_refused(&platform.patch(&config, settings.clone()).await, key, "PATCH config", &value);
        assert_refused(&platform.patch(&format!("{config}?dry_run=true"), settings.clone()).await, key, "dry run", &value);
        let mut whole = before.clone();
        let place = key.split('.').fold(&mut whole, |place, step| &mut place[step]);
        *place = value.clone();
        assert_refused(&platform.put(&config, whole).await, key, "PUT config", &value);
        assert_refused(&platform.patch("/v1/platform/blueprint", json!({ "settings": settings })).await, key, "blueprint", &value);
        assert_refused(&platform.post("/v1/platform/plans", json!({ "name": "Evil", "settings": settings })).await, key, "plan", &value);
        let problem = domain::settings::check(settings.as_object().expect("an object")).expect_err("the file of the server");
        assert_eq!(problem.facts().param.as_deref(), Some(key), "the server's file: {value}");
        if let Some((path, param)) = parameter {
            assert_refused(&backend.patch(path, json!({ param: value })).await, param, path, &value);
        }
    }
    assert_eq!(platform.get(&config).await.ok(), &before);
}

/// What was stored before there was a check does not count.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stored_and_makes_no_sense_does_not_count() {
    use domain::settings::{Document, Layer, resolve::resolve};
    let values = json!({ "development_origin": "javascript:alert(1)", "clerk_js_version": "5" });
    let document = Document::recall(values.as_object().expect("an object"), &serde_json::Map::new());
    let resolved = resolve(&vec![(Layer::Instance, document)], domain::instances::Environment::Development);
    assert_eq!((resolved.settings.development_origin, resolved.settings.clerk_js_version.as_deref()), (None, Some("5")));
}
