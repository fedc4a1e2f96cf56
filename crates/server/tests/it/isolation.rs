//! Isolation: every operation, with somebody else's credentials, on our ids. Nothing is shown, nothing is changed.

use domain::{applications::NewInstance, instances::Environment};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use testkit::{Api, Browser, Reply, TestServer, address};
use web::{Face, Operation};

/// Every parameter that can stand in a path.
pub const PARAMETERS: [&str; 27] = [
    "{conversion_id}",
    "{organization_role_id}",
    "{permission_id}",
    "{role_set_key_or_id}",
    "{organization_id}",
    "{suggestion_id}",
    "{request_id}",
    "{invitation_id}",
    "{domain_id}",
    "{template_id}",
    "{template_name}",
    "{sign_in_token_id}",
    "{actor_token_id}",
    "{user_id}",
    "{client_id}",
    "{session_id}",
    "{sign_in_id}",
    "{sign_up_id}",
    "{email_id}",
    "{id}",
    "{application_id}",
    "{env_or_ins_id}",
    "{plan_id}",
    "{signing_key_id}",
    "{*file}",
    "{image_id}",
    "{avatar}",
];

/// Things of ours, by the parameter that names them, and words that only our instance knows.
pub struct Ours {
    ids: BTreeMap<&'static str, String>,
    words: Vec<String>,
    pub browser: Browser,
}

/// Turns organizations on, so that nothing is refused for their being off.
async fn with_organizations(backend: &Api) {
    backend.patch("/v1/instance/organization_settings", json!({ "enabled": true, "domains_enabled": true })).await.ok();
}

/// A user who is signed in, attempts under way, a list entry: one of everything that has an id.
pub async fn furnish(server: &TestServer) -> Ours {
    let mut browser = server.signed_in("canary-ada").await;
    let (session, user) = (browser.session_id().await, browser.user_id().await);
    browser.override_method("PATCH", "/v1/me", &[("first_name", "Canaryfirst"), ("last_name", "Canarylast")]).await.ok();
    let client = server.backend().get(&format!("/v1/sessions/{session}")).await.ok()["client_id"].as_str().expect("a client").to_owned();
    let email = browser.get("/v1/me").await.response()["primary_email_address_id"].as_str().expect("an address").to_owned();
    let mut visitor = server.browser();
    let sign_in = visitor.post("/v1/client/sign_ins", &[("identifier", &address("canary-ada"))]).await.response()["id"].as_str().expect("id").to_owned();
    let sign_up = visitor.post("/v1/client/sign_ups", &[("email_address", "canary-new@example.com")]).await.response()["id"].as_str().expect("id").to_owned();
    let picture = browser.upload("/v1/me/profile_image", &testkit::picture()).await.response()["id"].as_str().expect("id").to_owned();
    let url = server.backend().post("/v1/redirect_urls", json!({ "url": "https://canary.example/back" })).await;
    let sign_in_token = server.backend().post("/v1/sign_in_tokens", json!({ "user_id": user })).await.ok()["id"].as_str().expect("id").to_owned();
    let impersonation = json!({ "user_id": user, "actor": { "sub": "canary-support" } });
    let actor_token = server.backend().post("/v1/actor_tokens", impersonation).await.ok()["id"].as_str().expect("id").to_owned();
    for backend in [server.backend(), server.neighbours_backend()] {
        with_organizations(&backend).await;
    }
    let organization = browser.post("/v1/organizations", &[("name", "Canary & Co")]).await.response()["id"].as_str().expect("id").to_owned();
    let named = |what: &str| json!({ "name": format!("Canary {what}"), "key": format!("org:{what}") });
    let role = server.backend().post("/v1/organization_roles", named("canary")).await.ok()["id"].as_str().expect("id").to_owned();
    let permission = server.backend().post("/v1/organization_permissions", named("canary:sing")).await.ok()["id"].as_str().expect("id").to_owned();
    let set = json!({ "name": "Canary set", "roles": ["org:admin"], "default_role_key": "org:admin", "creator_role_key": "org:admin" });
    let role_set = server.backend().post("/v1/role_sets", set).await.ok()["id"].as_str().expect("id").to_owned();
    let (organization_domain, suggestion, request) = enrolled(server, &organization).await;
    let guest = [("email_address", "canary-guest@example.com"), ("role", "org:member")];
    let invited = browser.post(&format!("/v1/organizations/{organization}/invitations"), &guest).await;
    let invitation = invited.response()["id"].as_str().expect("id").to_owned();
    let plan = server.platform().post("/v1/platform/plans", json!({ "name": "Canary plan" })).await;
    let template = server.backend().post("/v1/jwt_templates", json!({ "name": "tmpl_canary", "claims": { "canary": "{{user.id}}" } })).await;
    let ids = BTreeMap::from([
        ("{template_id}", template.ok()["id"].as_str().expect("id").to_owned()),
        ("{template_name}", "tmpl_canary".to_owned()),
        ("{sign_in_token_id}", sign_in_token),
        ("{actor_token_id}", actor_token),
        ("{organization_id}", organization),
        ("{organization_role_id}", role),
        ("{permission_id}", permission),
        ("{role_set_key_or_id}", role_set),
        (OF_ORGANIZATION, organization_domain),
        ("{suggestion_id}", suggestion),
        ("{request_id}", request),
        ("{invitation_id}", invitation),
        ("{user_id}", user),
        ("{client_id}", client),
        ("{session_id}", session),
        ("{sign_in_id}", sign_in),
        ("{sign_up_id}", sign_up),
        ("{email_id}", email),
        ("{id}", url.ok()["id"].as_str().expect("id").to_owned()),
        ("{image_id}", picture),
        ("{domain_id}", domain::domains::id(server.home.tenant.id()).to_string()),
        ("{application_id}", server.home.tenant.instance.application.to_string()),
        ("{env_or_ins_id}", server.home.tenant.id().to_string()),
        ("{conversion_id}", called_off(server).await),
        ("{plan_id}", plan.ok()["id"].as_str().expect("id").to_owned()),
        ("{signing_key_id}", server.backend().get("/v1/jwks").await.ok()["keys"][0]["kid"].as_str().expect("kid").to_owned()),
    ]);
    let words = ["canary", "Canary"].map(str::to_owned).into();
    Ours { ids, words, browser }
}

/// What `{domain_id}` means inside of an organization.
const OF_ORGANIZATION: &str = "{domain_id} of an organization";

/// A domain of the organization, somebody whom it has suggested it to, and somebody who wants to join.
async fn enrolled(server: &TestServer, organization: &str) -> (String, String, String) {
    let id = |body: &Value| body["id"].as_str().expect("id").to_owned();
    let new = json!({ "name": "example.com", "enrollment_mode": "automatic_suggestion" });
    let domain = id(server.backend().post(&format!("/v1/organizations/{organization}/domains"), new).await.ok());
    let (mut bea, mut cleo) = (server.signed_in("canary-bea").await, server.signed_in("canary-cleo").await);
    let mut suggestions = Vec::new();
    for browser in [&mut bea, &mut cleo] {
        suggestions.push(id(&browser.get("/v1/me/organization_suggestions").await.response()["data"][0]));
    }
    cleo.post(&format!("/v1/me/organization_suggestions/{}/accept", suggestions[1]), &[]).await.response();
    let requests = server.belongings(server.home.tenant.id()).await["organization_membership_requests"].clone();
    let request = requests[0].iter().find(|cell| cell.starts_with("orgmemreq_")).expect("a request").clone();
    (domain, suggestions[0].clone(), request)
}

/// The path with our ids in it.
pub fn aimed(operation: &Operation, ours: &Ours) -> String {
    with_ids(operation.path, ours)
}

fn with_ids(path: &str, ours: &Ours) -> String {
    let of_organization = path.starts_with("/v1/organizations/");
    let named = |segment| if segment == "{domain_id}" && of_organization { OF_ORGANIZATION } else { segment };
    let segments = path.split('/').map(|segment| ours.ids.get(named(segment)).map_or(segment, String::as_str));
    segments.collect::<Vec<_>>().join("/")
}

/// Input that would be good if the ids were the caller's own.
const FORM: [(&str, &str); 15] = [
    ("user_id", "user_222222222222222222222222222"),
    ("role", "org:admin"),
    ("name", "Mallory & Co"),
    ("strategy", "password"),
    ("password", testkit::PASSWORD),
    ("code", "424242"),
    ("new_password", "another good password"),
    ("current_password", testkit::PASSWORD),
    ("email_address", "mallory@example.com"),
    ("identifier", "mallory@example.com"),
    ("first_name", "Mallory"),
    ("names", "mallory.example"),
    ("enrollment_mode", "automatic_suggestion"),
    ("affiliation_email_address", "mallory@mallory.example"),
    ("organization_domain_ids", "orgdmn_222222222222222222222222222"),
];

fn json_input(operation: &Operation, ours: &Ours) -> Value {
    match operation.id {
        "createSession" => json!({ "user_id": ours.ids["{user_id}"] }),
        "CreateSessionToken" => json!({}),
        "CreateUser" => json!({ "email_address": ["mallory@example.com"], "password": testkit::PASSWORD }),
        "UpdateUser" => json!({ "first_name": "Mallory", "primary_email_address_id": ours.ids["{email_id}"] }),
        "UpdateUserMetadata" | "ReplaceUserMetadata" => json!({ "public_metadata": { "role": "admin" } }),
        "UsersBan" | "UsersUnban" => json!({ "user_ids": [ours.ids["{user_id}"]] }),
        "CreateEmailAddress" => json!({ "user_id": ours.ids["{user_id}"], "email_address": "mallory@example.com", "verified": true }),
        "UpdateEmailAddress" => json!({ "verified": true, "primary": true }),
        "ReplaceUserEmailAddress" => json!({ "email_address": "mallory@example.com" }),
        "AttemptEmailAddressVerification" => json!({ "verification_id": format!("once_{}", "2".repeat(27)), "code": "424242" }),
        "PlatformCreateInstanceUser" => json!({ "email_address": ["mallory@example.com"], "password": testkit::PASSWORD }),
        "PlatformCreateRedirectURL" => json!({ "url": "https://mallory.example" }),
        "CreateJWTTemplate" | "UpdateJWTTemplate" | "PlatformCreateJWTTemplate" | "PlatformUpdateJWTTemplate" => {
            json!({ "name": "mallory", "claims": { "role": "admin" } })
        }
        "RefreshSession" => json!({ "expired_token": "a.b.c", "refresh_token": "1-a", "request_origin": "http://localhost:3000" }),
        "CreateOrganization" => json!({ "name": "Mallory's" }),
        "UpdateOrganization" => json!({ "name": "Mallory's", "admin_delete_enabled": false }),
        "MergeOrganizationMetadata" | "ReplaceOrganizationMetadata" | "UpdateOrganizationMembershipMetadata" => {
            json!({ "public_metadata": { "by": "mallory" } })
        }
        "CreateOrganizationInvitation" => json!({ "email_address": "mallory@example.com", "role": "org:admin" }),
        "CreateOrganizationInvitationBulk" => json!([{ "email_address": "mallory@example.com", "role": "org:admin" }]),
        "CreateOrganizationMembership" => json!({ "user_id": ours.ids["{user_id}"], "role": "org:admin" }),
        "UpdateOrganizationMembership" => json!({ "role": "org:member" }),
        "CreateOrganizationRole" => json!({ "name": "Mallory", "key": "org:mallory", "permissions": [ours.ids["{permission_id}"]] }),
        "UpdateOrganizationRole" => json!({ "name": "Mallory", "permissions": [ours.ids["{permission_id}"]] }),
        "CreateOrganizationPermission" | "UpdateOrganizationPermission" => json!({ "name": "Mallory", "key": "org:mallory:steal" }),
        "CreateRoleSet" => json!({ "name": "Mallory", "roles": ["org:canary"], "default_role_key": "org:canary", "creator_role_key": "org:admin" }),
        "UpdateRoleSet" => json!({ "name": "Mallory", "type": "initial" }),
        "ReplaceRoleSet" => json!({ "dest_role_set_key": "role_set:default" }),
        "AddRolesToRoleSet" => json!({ "role_keys": ["org:member"] }),
        "ReplaceRoleInRoleSet" => json!({ "role_key": "org:admin", "to_role_key": "org:member" }),
        "CreateOrganizationDomain" => json!({ "name": "mallory.example", "enrollment_mode": "automatic_suggestion" }),
        "UpdateOrganizationDomain" => json!({ "enrollment_mode": "manual_invitation", "verified": false }),
        "CreateSignInToken" => json!({ "user_id": ours.ids["{user_id}"] }),
        "CreateActorToken" => json!({ "user_id": ours.ids["{user_id}"], "actor": { "sub": "mallory" } }),
        "UpdateSignUp" => json!({ "external_id": "mallory" }),
        "VerifyPassword" => json!({ "password": testkit::PASSWORD }),
        "insula.setMailServer" => json!({ "host": "smtp.mallory.example", "from_address": "mallory@mallory.example" }),
        "insula.testMailServer" => json!({ "to": "mallory@example.com" }),
        "insula.previewMessage" => json!({ "kind": "new_device" }),
        "CreateRedirectURL" => json!({ "url": "https://mallory.example" }),
        "UpdateDomain" => json!({ "name": "mallory.example", "proxy_url": "https://mallory.example/__clerk" }),
        "PlatformUpdateApplicationDomain" => json!({ "name": "mallory.example", "proxy_path": "/__clerk" }),
        "PlatformCreateInstance" => json!({ "domain": "mallory.example" }),
        "insula.createEnvironment" => json!({ "name": "mallory", "environment_type": "production" }),
        "PlatformCreateApplication" | "PlatformUpdateApplication" | "insula.createPlan" | "insula.updatePlan" => json!({ "name": "Mallory's" }),
        "PlatformPatchConfig" | "PlatformPutConfig" => json!({ "test_mode": false }),
        "insula.updateBlueprint" | "insula.replaceBlueprint" => json!({ "settings": { "test_mode": false } }),
        "insula.createConversion" => json!({ "kind": "to_isolated", "dry_run": true }),
        "insula.setApplicationPlan" => json!({ "plan_id": null }),
        _ => json!({}),
    }
}

/// A conversion of ours that was confirmed and called off; its id.
async fn called_off(server: &TestServer) -> String {
    let home = &server.home.tenant;
    let path = format!("/v1/platform/applications/{}/instances/{}/conversions", home.instance.application, home.id());
    let mut wanted = json!({ "kind": "to_isolated", "users_in_several_organizations": "copy", "users_in_no_organization": "delete", "dry_run": true });
    wanted["fingerprint"] = server.platform().post(&path, wanted.clone()).await.ok()["fingerprint"].clone();
    wanted["dry_run"] = json!(false);
    let id = server.platform().post(&path, wanted).await.body["id"].as_str().expect("id").to_owned();
    server.platform().post(&format!("{path}/{id}/cancel"), json!({})).await.ok();
    id
}

async fn knock(browser: &Browser, operation: &Operation, path: &str) -> Reply {
    // A deleted client would make all that follows pass for the wrong reason: each call has its own browser.
    let mut browser = browser.clone();
    let by_code = ["prepareSignInFactorOne", "prepareSignUpsVerification", "attemptSignUpsVerification", "sendVerificationEmail"];
    let mut form = FORM;
    if by_code.contains(&operation.id) {
        form[3].1 = "email_code";
    }
    match operation.method {
        Method::GET => browser.get(path).await,
        Method::POST => browser.post(path, &form).await,
        ref other => browser.override_method(other.as_str(), path, &form).await,
    }
}

fn assert_silent(operation: &Operation, reply: &Reply, ours: &Ours) {
    for word in &ours.words {
        assert!(!reply.text.contains(word.as_str()), "{} tells about us: {}", operation.id, reply.text);
    }
    assert!(!reply.status.is_server_error(), "{} breaks: {} {}", operation.id, reply.status, reply.text);
}

/// CVE-2025-27507, CVE-2025-64431: whoever was allowed an operation in one place could name an id of another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_operation_reaches_into_another_instance() {
    let server = TestServer::start().await;
    let stranger = server.signed_in_next_door("mallory").await;
    Box::pin(nothing_reaches_us(&server, &stranger, &server.neighbours_backend())).await;
}

/// Another instance of the same application is no nearer than a stranger's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_operation_reaches_into_a_sibling() {
    let server = TestServer::start().await;
    let label = Some("staging".to_owned());
    let sibling = server.sibling(NewInstance { environment: Environment::Development, label, domain: None, proxy_url: None, clone_of: None }).await;
    let mut stranger = server.browser_at(&sibling);
    stranger.sign_up("mallory").await;
    Box::pin(nothing_reaches_us(&server, &stranger, &server.backend_of(&sibling))).await;
}

async fn nothing_reaches_us(server: &TestServer, neighbour: &Browser, backend: &Api) {
    let ours = Box::pin(furnish(server)).await;
    with_organizations(backend).await;
    let home = server.home.tenant.id();
    let before = server.belongings(home).await;
    let estate = server.platform().get("/v1/platform/applications").await.text;
    let platform = server.other_platform();
    let mut aimed_at_us = 0;
    for operation in server.doors().operations() {
        let path = aimed(operation, &ours);
        let reply = match operation.face {
            Face::Frontend => knock(neighbour, operation, &path).await,
            Face::Backend => {
                backend.send(operation.method.clone(), &path, (operation.method != Method::GET).then(|| json_input(operation, &ours)).as_ref()).await
            }
            Face::Platform => {
                platform.send(operation.method.clone(), &path, (operation.method != Method::GET).then(|| json_input(operation, &ours)).as_ref()).await
            }
        };
        assert_silent(operation, &reply, &ours);
        if path != operation.path && operation.id != "insula.script" {
            aimed_at_us += 1;
            assert!(matches!(reply.status, StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND), "{} answers {} {}", operation.id, reply.status, reply.text);
        }
    }
    assert!(aimed_at_us >= 30, "only {aimed_at_us} operations have an id in their path");
    assert_eq!(server.belongings(home).await, before, "something of ours has changed");
    assert_eq!(server.platform().get("/v1/platform/applications").await.text, estate, "and so has our estate");
}

/// The same answer, to the byte, for what is somebody else's and for what never was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anothers_id_and_no_id_at_all_are_answered_alike() {
    let server = TestServer::start().await;
    let ours = furnish(&server).await;
    let neighbour = server.signed_in_next_door("mallory").await;
    let (backend, platform) = (server.neighbours_backend(), server.other_platform());
    let without_trace = |reply: &Reply| {
        let mut body = reply.body.clone();
        body["clerk_trace_id"] = Value::Null;
        // The caller's own client is told again, with fresh tokens in it.
        body["meta"] = Value::Null;
        (reply.status, body)
    };
    for operation in server.doors().operations().iter().filter(|o| o.path.contains("_id}") || o.path.contains("{id}")) {
        let path = aimed(operation, &ours);
        let mut nobodys = path.clone();
        for id in ours.ids.values() {
            let (prefix, _) = id.split_once('_').expect("a typed id");
            nobodys = nobodys.replace(id.as_str(), &format!("{prefix}_{}", "2".repeat(27)));
        }
        let input = (operation.method != Method::GET).then(|| json_input(operation, &ours));
        let (theirs, none) = match operation.face {
            Face::Frontend => (knock(&neighbour, operation, &path).await, knock(&neighbour, operation, &nobodys).await),
            Face::Backend => {
                (backend.send(operation.method.clone(), &path, input.as_ref()).await, backend.send(operation.method.clone(), &nobodys, input.as_ref()).await)
            }
            Face::Platform => {
                (platform.send(operation.method.clone(), &path, input.as_ref()).await, platform.send(operation.method.clone(), &nobodys, input.as_ref()).await)
            }
        };
        assert_eq!(without_trace(&theirs), without_trace(&none), "{}", operation.id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_one_instance_is_nobody_at_another() {
    let server = TestServer::start().await;
    let ours = furnish(&server).await;
    let door = server.neighbours_browser();
    // Cookies with their names as they are, and as the other door would name them.
    let mut carried = ours.browser.clone().at(&door);
    let secret = ours.browser.cookies.values().next().expect("a cookie").clone();
    carried.cookies.insert(format!("__client_{}", server.neighbour.tenant.cookie_suffix), secret.clone());
    carried.cookies.insert("__client".to_owned(), secret);
    assert_eq!(carried.get("/v1/client").await.response(), &Value::Null);
    assert_eq!(carried.get("/v1/me").await.status, StatusCode::UNAUTHORIZED);
    let before = server.belongings(server.home.tenant.id()).await;
    for operation in server.doors().operations().iter().filter(|o| o.face == Face::Frontend) {
        let reply = knock(&carried, operation, &aimed(operation, &ours)).await;
        assert_silent(operation, &reply, &ours);
    }
    assert_eq!(server.belongings(server.home.tenant.id()).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_credential_nothing_is_told_and_nothing_changes() {
    let server = TestServer::start().await;
    let ours = furnish(&server).await;
    let before = server.belongings(server.home.tenant.id()).await;
    for operation in server.doors().operations().iter().filter(|o| o.face != Face::Frontend) {
        let api = server.api(operation.face.name(), None);
        let reply = api.send(operation.method.clone(), &aimed(operation, &ours), None).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{}", operation.id);
        assert_silent(operation, &reply, &ours);
    }
    assert_eq!(server.belongings(server.home.tenant.id()).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_is_two_people_in_two_instances() {
    let server = TestServer::start().await;
    let (mut here, mut there) = (server.signed_in("ada").await, server.signed_in_next_door("ada").await);
    assert_ne!(here.user_id().await, there.user_id().await);
    let (mine, theirs) = (here.token().await, there.token().await);
    // A token of one is refused by the other's backend, in both directions.
    for (backend, own, foreign) in [(server.backend(), &mine, &theirs), (server.neighbours_backend(), &theirs, &mine)] {
        backend.post("/v1/clients/verify", json!({ "token": own })).await.ok();
        assert_eq!(backend.post("/v1/clients/verify", json!({ "token": foreign })).await.status, StatusCode::UNAUTHORIZED);
    }
    let keys = |reply: &Reply| reply.ok()["keys"].as_array().expect("keys").clone();
    assert_ne!(keys(&server.backend().get("/v1/jwks").await), keys(&server.neighbours_backend().get("/v1/jwks").await));
}

/// Another organization of the same instance is a neighbour too: its admin finds nothing of ours, in our place or in theirs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_organization_reaches_into_another_of_the_same_instance() {
    let server = TestServer::start().await;
    let ours = Box::pin(furnish(&server)).await;
    let mut mallory = server.signed_in("mallory").await;
    let theirs = mallory.post("/v1/organizations", &[("name", "Mallory's")]).await.response()["id"].as_str().expect("id").to_owned();
    let before = server.belongings(server.home.tenant.id()).await;
    let mut aimed_at_us = 0;
    for operation in server.doors().operations().iter().filter(|o| o.face == Face::Frontend && o.path.starts_with("/v1/organizations/{organization_id}")) {
        let own_place = operation.path.replace("{organization_id}", &theirs);
        let inside = own_place.contains("{invitation_id}").then_some(own_place);
        for path in [Some(operation.path.to_owned()), inside].into_iter().flatten() {
            let path = with_ids(&path, &ours);
            let reply = knock(&mallory, operation, &path).await;
            assert_silent(operation, &reply, &ours);
            assert_eq!(reply.status, StatusCode::NOT_FOUND, "{} {path}: {}", operation.id, reply.text);
            aimed_at_us += 1;
        }
    }
    assert!(aimed_at_us >= 12, "{aimed_at_us}");
    assert_eq!(server.belongings(server.home.tenant.id()).await["organization_invitations"], before["organization_invitations"]);
}
