//! Hostile values at every place where a caller can put one.

use super::{assert_refusal, count, create_user, id};
use http::Method;
use serde_json::{Map, Value, json};
use testkit::{Reply, TestServer};
use web::{Face, Operation};

fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "0",
        "-1",
        "null",
        "undefined",
        "true",
        "[]",
        "{}",
        "NaN",
        "1e309",
        "99999999999999999999",
        "-9223372036854775808",
        "' or 1=1 --",
        "\"; drop table users; --",
        "%",
        "_",
        "\\",
        "${7*7}",
        "{{7*7}}",
        "../../etc/passwd",
        "<script>alert(1)</script>",
        "a\r\nX-Evil: 1",
        "a\0b",
        "\u{feff}",
        "\u{202e}",
        "\u{1f600}",
        "ÀÉÎ\u{301}",
        "user_2NNEqL2nrIRdJ194ndJqAHwEfxC",
        "sess_zzzzzzzzzzzzzzzzzzzzzzzzzzz",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("é".repeat(5_000));
    texts
}

fn values() -> Vec<Value> {
    let mut values = vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e308),
        json!([]),
        json!({}),
        json!([null]),
        json!([[]]),
        json!([{}]),
        json!({ "$gt": "" }),
        json!({ "": null }),
    ];
    values.extend(texts().into_iter().map(Value::String));
    values.push(json!(["' or 1=1 --", "x"]));
    values.push(Value::Array(vec![json!("a@example.com"); 600]));
    values
}

fn judge(reply: &Reply, what: &str) {
    assert!(reply.status.as_u16() < 500, "{what}: {} {}", reply.status, reply.text);
    if reply.status.is_client_error() {
        assert_refusal(reply, what);
    }
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn operations(server: &TestServer) -> Vec<Operation> {
    server.doors().operations().iter().filter(|o| o.face == Face::Backend).cloned().collect()
}

/// The path with real ids in it.
fn real(path: &str, user: &str, session: &str, url: &str) -> String {
    path.replace("{user_id}", user).replace("{session_id}", session).replace("{id}", url)
}

/// Makes what the path names, anew for this user: whatever an operation may take away or change.
async fn furnished(server: &TestServer, path: &str, user: &str) -> String {
    let backend = server.backend();
    let first_email = || async { id(&backend.get(&format!("/v1/users/{user}")).await.ok()["email_addresses"][0]) };
    let session = || async { backend.post("/v1/sessions", json!({ "user_id": user })).await.ok().clone() };
    match path.split('/').find(|segment| segment.starts_with('{')) {
        Some("{email_id}") => path.replace("{email_id}", &first_email().await),
        Some("{template_id}") => {
            let made = backend.post("/v1/jwt_templates", json!({ "name": user, "claims": {} })).await;
            path.replace("{template_id}", &id(made.ok()))
        }
        Some("{template_name}") => path.replace("{template_name}", "no-such-template"),
        Some("{sign_in_token_id}") => {
            let made = backend.post("/v1/sign_in_tokens", json!({ "user_id": user })).await;
            path.replace("{sign_in_token_id}", &id(made.ok()))
        }
        Some("{actor_token_id}") => {
            let made = backend.post("/v1/actor_tokens", json!({ "user_id": user, "actor": { "sub": "x" } })).await;
            path.replace("{actor_token_id}", &id(made.ok()))
        }
        Some("{organization_id}") => {
            backend.patch("/v1/instance/organization_settings", json!({ "enabled": true, "domains_enabled": true })).await.ok();
            let made = id(backend.post("/v1/organizations", json!({ "name": "Acme", "created_by": user })).await.ok());
            let path = path.replace("{organization_id}", &made);
            if path.contains("{invitation_id}") {
                let body = json!({ "email_address": "guest@example.com", "role": "org:member" });
                let invitation = id(backend.post(&format!("/v1/organizations/{made}/invitations"), body).await.ok());
                return path.replace("{invitation_id}", &invitation);
            }
            if !path.contains("{domain_id}") {
                return path;
            }
            let domain = backend.post(&format!("/v1/organizations/{made}/domains"), json!({ "name": format!("{}.example", user.replace('_', "-")) })).await;
            path.replace("{domain_id}", &id(domain.ok()))
        }
        Some("{organization_role_id}") => {
            let key = format!("org:{}", user.to_lowercase());
            let made = backend.post("/v1/organization_roles", json!({ "name": "X", "key": key })).await;
            let permission = match path.contains("{permission_id}") {
                true => id(backend.post("/v1/organization_permissions", json!({ "name": "X", "key": format!("{key}:x") })).await.ok()),
                false => String::new(),
            };
            path.replace("{organization_role_id}", &id(made.ok())).replace("{permission_id}", &permission)
        }
        Some("{permission_id}") => {
            let made = backend.post("/v1/organization_permissions", json!({ "name": "X", "key": format!("org:{}:x", user.to_lowercase()) })).await;
            path.replace("{permission_id}", &id(made.ok()))
        }
        Some("{role_set_key_or_id}") => {
            let set = json!({ "name": "X", "roles": ["org:admin"], "default_role_key": "org:admin", "creator_role_key": "org:admin" });
            path.replace("{role_set_key_or_id}", &id(backend.post("/v1/role_sets", set).await.ok()))
        }
        Some("{client_id}") => path.replace("{client_id}", session().await["client_id"].as_str().expect("a client")),
        Some("{sign_up_id}") => path.replace("{sign_up_id}", &id(server.browser().post("/v1/client/sign_ups", &[]).await.response())),
        Some("{domain_id}") => path.replace("{domain_id}", &domain::domains::id(server.home.tenant.id()).to_string()),
        _ => path.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_path_breaks_an_operation() {
    let server = TestServer::start().await;
    let backend = server.backend();
    for operation in operations(&server) {
        let Some((before, after)) = operation.path.split_once('{').map(|(before, rest)| (before, rest.split_once('}').map_or("", |(_, after)| after))) else {
            continue;
        };
        for text in texts().iter().map(|text| encode(text)).chain([
            "%ff".to_owned(),
            "%".to_owned(),
            "%zz".to_owned(),
            "%c0%ae".to_owned(),
            ";".to_owned(),
            "..".to_owned(),
        ]) {
            let body = (operation.method != Method::GET).then(|| json!({}));
            let reply = backend.send(operation.method.clone(), &format!("{before}{text}{after}"), body.as_ref()).await;
            judge(&reply, &format!("{} {text:.60}", operation.id));
            assert!(reply.status.is_client_error() || text.is_empty(), "{} took {text:.60}", operation.id);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_query_breaks_an_operation() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let user = create_user(&backend, "ada@example.com").await;
    let session = id(backend.post("/v1/sessions", json!({ "user_id": user })).await.ok());
    let url = id(backend.post("/v1/redirect_urls", json!({ "url": "https://app.example.com" })).await.ok());
    let params = [
        "limit",
        "offset",
        "order_by",
        "paginated",
        "query",
        "email_address",
        "email_address_query",
        "username",
        "username_query",
        "name_query",
        "phone_number",
        "external_id",
        "user_id",
        "client_id",
        "organization_id",
        "verified",
        "enrollment_mode",
        "domains",
        "status",
        "banned",
        "created_at_before",
        "last_active_at_since",
        "last_sign_in_at_after",
        "starting_after",
        "nonce",
        "provider",
        "no_such_parameter",
    ];
    for operation in operations(&server).iter().filter(|o| o.method == Method::GET) {
        let path = real(operation.path, &user, &session, &url);
        for param in params {
            for text in texts() {
                let reply = backend.get(&format!("{path}?{param}={}", encode(&text))).await;
                judge(&reply, &format!("{} {param}={text:.60}", operation.id));
            }
        }
        for query in [
            "&&&&",
            "=",
            "=x",
            "limit",
            "limit=1&limit=2",
            "limit[]=1",
            "limit=%ff",
            "%ff=1",
            "%00=1",
            "limit=1;offset=2",
            "a=1&".repeat(2_000).as_str(),
            "?limit=1",
            "#x",
        ] {
            judge(&backend.get(&format!("{path}?{query}")).await, &format!("{} {query:.60}", operation.id));
        }
    }
}

/// The fields that the operation's body may have.
fn fields(operation: &Operation) -> Vec<&'static str> {
    match operation.id {
        "CreateUser" | "UpdateUser" => vec![
            "external_id",
            "first_name",
            "last_name",
            "locale",
            "email_address",
            "email_address_identification_status",
            "phone_number",
            "username",
            "password",
            "password_digest",
            "password_hasher",
            "skip_password_checks",
            "skip_user_requirement",
            "totp_secret",
            "backup_codes",
            "public_metadata",
            "private_metadata",
            "unsafe_metadata",
            "delete_self_enabled",
            "legal_accepted_at",
            "create_organizations_limit",
            "created_at",
            "banned",
            "locked",
            "primary_email_address_id",
            "sign_out_of_other_sessions",
            "no_such_field",
        ],
        "UpdateUserMetadata" | "ReplaceUserMetadata" => vec!["public_metadata", "private_metadata", "unsafe_metadata", "no_such_field"],
        "createSession" => vec!["user_id", "active_organization_id", "no_such_field"],
        "CreateSessionToken" => vec!["expires_in_seconds", "no_such_field"],
        "VerifyPassword" => vec!["password", "no_such_field"],
        "VerifyClient" => vec!["token", "no_such_field"],
        "CreateRedirectURL" => vec!["url", "no_such_field"],
        "UpdateDomain" => vec!["name", "proxy_url", "is_secondary", "no_such_field"],
        "UpdateInstance" => vec![
            "test_mode",
            "hibp",
            "support_email",
            "clerk_js_version",
            "development_origin",
            "allowed_origins",
            "cookieless_dev",
            "url_based_session_syncing",
            "preferred_sign_in_strategy_when_password_required",
            "no_such_field",
        ],
        "CreateJWTTemplate" | "UpdateJWTTemplate" => {
            vec!["name", "claims", "lifetime", "allowed_clock_skew", "custom_signing_key", "signing_algorithm", "signing_key", "no_such_field"]
        }
        "CreateSessionTokenFromTemplate" => vec!["expires_in_seconds", "no_such_field"],
        "RefreshSession" => {
            vec!["expired_token", "refresh_token", "request_origin", "request_headers", "format", "suffixed_cookies", "request_originating_ip", "no_such_field"]
        }
        "DeleteJWTTemplate" => vec!["no_such_field"],
        "CreateSignInToken" => vec!["user_id", "org_id", "expires_in_seconds", "no_such_field"],
        "CreateActorToken" => vec!["user_id", "actor", "expires_in_seconds", "session_max_duration_in_seconds", "no_such_field"],
        "RevokeSignInToken" | "RevokeActorToken" | "CreateTestingToken" => vec!["no_such_field"],
        "CreateOrganizationInvitation" => vec![
            "email_address",
            "inviter_user_id",
            "role",
            "public_metadata",
            "private_metadata",
            "redirect_url",
            "expires_in_days",
            "notify",
            "no_such_field",
        ],
        "CreateOrganizationInvitationBulk" => vec!["no_such_field"],
        "RevokeOrganizationInvitation" => vec!["requesting_user_id", "no_such_field"],
        "UsersBan" | "UsersUnban" => vec!["user_ids", "no_such_field"],
        "RemoveUserPassword" => vec!["sign_out_of_other_sessions", "no_such_field"],
        "SetUserPasswordCompromised" => vec!["revoke_all_sessions", "no_such_field"],
        "ReplaceUserEmailAddress" => vec!["email_address", "identification_status", "notify_primary_email_address_changed", "no_such_field"],
        "CreateEmailAddress" => vec!["user_id", "email_address", "verified", "primary", "notify_primary_email_address_changed", "no_such_field"],
        "UpdateEmailAddress" => vec!["verified", "primary", "notify_primary_email_address_changed", "no_such_field"],
        "AttemptEmailAddressVerification" => vec!["verification_id", "code", "no_such_field"],
        "UpdateSignUp" => vec!["external_id", "custom_action", "no_such_field"],
        "RevokeSession"
        | "DeleteUser"
        | "DeleteRedirectURL"
        | "DeleteEmailAddress"
        | "PrepareEmailAddressVerification"
        | "BanUser"
        | "UnbanUser"
        | "LockUser"
        | "UnlockUser"
        | "SetUserProfileImage"
        | "DeleteUserProfileImage"
        | "UnsetUserPasswordCompromised" => vec!["no_such_field"],
        "UpdateInstanceOrganizationSettings" => vec![
            "enabled",
            "max_allowed_memberships",
            "admin_delete_enabled",
            "domains_enabled",
            "slug_disabled",
            "domains_enrollment_modes",
            "creator_role_id",
            "domains_default_role_id",
            "no_such_field",
        ],
        "CreateOrganization" | "UpdateOrganization" => vec![
            "name",
            "created_by",
            "private_metadata",
            "public_metadata",
            "slug",
            "max_allowed_memberships",
            "admin_delete_enabled",
            "exclusive_membership",
            "created_at",
            "role_set_key",
            "no_such_field",
        ],
        "MergeOrganizationMetadata" | "ReplaceOrganizationMetadata" | "UpdateOrganizationMembershipMetadata" => {
            vec!["public_metadata", "private_metadata", "no_such_field"]
        }
        "CreateOrganizationMembership" => vec!["user_id", "role", "public_metadata", "private_metadata", "no_such_field"],
        "CreateOrganizationDomain" => vec!["name", "enrollment_mode", "verified", "no_such_field"],
        "UpdateOrganizationDomain" => vec!["enrollment_mode", "verified", "no_such_field"],
        "DeleteOrganizationDomain" | "VerifyOrganizationDomainOwnership" => vec!["no_such_field"],
        "UpdateOrganizationMembership" => vec!["role", "no_such_field"],
        "DeleteOrganization" | "UploadOrganizationLogo" | "DeleteOrganizationLogo" | "DeleteOrganizationMembership" => vec!["no_such_field"],
        "CreateOrganizationRole" | "UpdateOrganizationRole" => {
            vec!["name", "key", "description", "permissions", "include_in_initial_role_set", "no_such_field"]
        }
        "CreateOrganizationPermission" | "UpdateOrganizationPermission" => vec!["name", "key", "description", "no_such_field"],
        "CreateRoleSet" | "UpdateRoleSet" => {
            vec!["name", "key", "description", "default_role_key", "creator_role_key", "type", "roles", "no_such_field"]
        }
        "ReplaceRoleSet" => vec!["dest_role_set_key", "reassignment_mappings", "no_such_field"],
        "AddRolesToRoleSet" => vec!["role_keys", "default_role_key", "creator_role_key", "no_such_field"],
        "ReplaceRoleInRoleSet" => vec!["role_key", "to_role_key", "no_such_field"],
        "DeleteOrganizationRole" | "DeleteOrganizationPermission" | "AssignPermissionToOrganizationRole" | "RemovePermissionFromOrganizationRole" => {
            vec!["no_such_field"]
        }
        "insula.setMailServer" => vec!["host", "port", "tls", "username", "password", "from_address", "from_name", "fall_back", "no_such_field"],
        "insula.testMailServer" => vec!["to", "no_such_field"],
        "insula.previewMessage" => vec!["kind", "subject", "text", "html", "no_such_field"],
        "insula.deleteMailServer" => vec!["no_such_field"],
        other => panic!("{other} takes a body: say here which fields it has"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_body_breaks_an_operation() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let (mut session, mut url) = (String::new(), String::new());
    for operation in operations(&server).iter().filter(|o| o.method != Method::GET) {
        // What an operation may take away or change is made anew for each.
        let address = format!("{}@example.com", operation.id);
        let user = id(backend.post("/v1/users", json!({ "skip_password_requirement": true, "email_address": [address] })).await.ok());
        if operation.path.contains("{session_id}") {
            session = id(backend.post("/v1/sessions", json!({ "user_id": user })).await.ok());
        }
        if operation.path.contains("{id}") {
            url = id(backend.post("/v1/redirect_urls", json!({ "url": format!("https://app.example.com/{user}") })).await.ok());
        }
        let path = furnished(&server, &real(operation.path, &user, &session, &url), &user).await;
        assert!(!path.contains('{'), "{path}");
        for field in fields(operation) {
            for value in values() {
                let mut body = Map::new();
                if operation.id == "CreateUser" {
                    body.insert("skip_user_requirement".to_owned(), json!(true));
                }
                body.insert(field.to_owned(), value.clone());
                let reply = backend.send(operation.method.clone(), &path, Some(&Value::Object(body))).await;
                let shown = value.to_string();
                judge(&reply, &format!("{} {field}={}", operation.id, shown.chars().take(60).collect::<String>()));
            }
        }
        for body in ["", "{}", "[]", "null", "\"", "{\"\":1}", "{\"a\":1,\"a\":1}", "\u{0}", "limit=1"] {
            for kind in ["application/json", "application/x-www-form-urlencoded", "text/plain", "multipart/form-data"] {
                let reply = backend.send_text(operation.method.clone(), &path, Some((kind, body.to_owned()))).await;
                judge(&reply, &format!("{} {kind} {body:?}", operation.id));
            }
        }
    }
    assert!(count(&backend).await > 0, "the server is well");
    assert_eq!(count(&server.neighbours_backend()).await, 0);
}

/// What is too long to be a token, a ticket or a code is a wrong one, and no password.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_of_any_length_is_refused_as_a_wrong_one() {
    let server = TestServer::start().await;
    let backend = server.backend();
    let mut ada = server.signed_in("ada").await;
    let session = ada.session_id().await;
    let token = ada.token().await;
    let refresh = format!("/v1/sessions/{session}/refresh");
    let mut refusals = Vec::new();
    for wrong in ["a".repeat(40), "a".repeat(4_097), "a".repeat(60_000)] {
        let mut visitor = server.browser();
        let accept = format!("/v1/tickets/accept?ticket={}&redirect_url=http%3A%2F%2Flocalhost%3A3000", &wrong[..wrong.len().min(5_000)]);
        let replies = [
            backend.post("/v1/clients/verify", json!({ "token": wrong })).await,
            backend.get(&format!("/v1/clients/handshake_payload?nonce={}", &wrong[..wrong.len().min(5_000)])).await,
            backend.post(&refresh, json!({ "expired_token": wrong, "refresh_token": "a", "request_origin": "http://localhost:3000" })).await,
            backend.post(&refresh, json!({ "expired_token": token, "refresh_token": wrong, "request_origin": "http://localhost:3000" })).await,
            visitor.post("/v1/client/sign_ins", &[("strategy", "ticket"), ("ticket", &wrong)]).await,
            visitor.post("/v1/client/sign_ups", &[("strategy", "ticket"), ("ticket", &wrong)]).await,
            visitor.get(&accept).await,
            ada.post("/v1/me/change_password", &[("new_password", "another good one 7"), ("current_password", &wrong)]).await,
        ];
        let of =
            |reply: &Reply| (reply.status.as_u16(), reply.body["errors"][0]["code"].to_string(), reply.body["errors"][0]["meta"]["param_name"].to_string());
        refusals.push(replies.iter().map(of).collect::<Vec<_>>());
    }
    assert!(refusals[0].iter().all(|(status, code, _)| *status >= 300 && !code.contains("password_length")), "{:?}", refusals[0]);
    assert_eq!((&refusals[0], &refusals[0]), (&refusals[1], &refusals[2]));
    assert_eq!(refusals[0].last().expect("the last").2, "\"current_password\"");
    let smtp = json!({ "host": "mail.example.com", "username": "ada", "password": "a".repeat(4_097), "from_address": "ada@example.com" });
    let reply = backend.send(Method::PUT, "/v1/instance/smtp", Some(&smtp)).await;
    assert_eq!((reply.refusal(), reply.param()), ((422, "form_param_value_invalid"), "password"));
    assert!(reply.text.contains("at most 512 bytes"), "{}", reply.text);
}
