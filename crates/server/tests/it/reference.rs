//! The reference against what is served: every operation stands in it, with a summary, and the document is sound.

use crate::{
    backend::raw,
    isolation::{aimed, furnish},
};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use testkit::{Reply, TestServer};

async fn page(server: &TestServer, path: &str) -> Reply {
    raw(server, Method::GET, path, &[], "").await
}

/// Every reference in the document, and whether it leads somewhere.
fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, inner)| match inner.as_str().filter(|_| name == "$ref") {
            Some(target) => found.push(target),
            None => references(inner, found),
        }),
        Value::Array(list) => list.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}

/// The document and its operations as `(method, path, operation)`.
async fn document(server: &TestServer) -> (Value, Vec<(String, String, Value)>) {
    let document = page(server, "/openapi.json").await.ok().clone();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            all.push((method.clone(), path.clone(), operation.clone()));
        }
    }
    (document, all)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_that_is_served_stands_in_the_document_and_no_other() {
    let server = TestServer::start().await;
    let (_, all) = document(&server).await;
    let told: BTreeSet<String> =
        all.iter().map(|(method, path, operation)| format!("{} {method} {path}", operation["operationId"].as_str().expect("an id"))).collect();
    let served: BTreeSet<String> = server
        .doors()
        .operations()
        .iter()
        .map(|o| {
            let before = if o.face == web::Face::Frontend { "/t/{slug}" } else { "/api" };
            format!("{}.{} {} {before}{}", o.face.name(), o.id, o.method.as_str().to_lowercase(), o.path.replace("{*", "{"))
        })
        .collect();
    assert_eq!(told, served);
    assert_eq!(told.len(), server.doors().operations().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_handler_says_what_it_does() {
    let server = TestServer::start().await;
    let (_, all) = document(&server).await;
    for (method, path, operation) in &all {
        let summary = operation["summary"].as_str().expect("a summary");
        assert!(summary.contains(' ') || summary.len() > 4, "{method} {path}: {summary}");
        let id = operation["operationId"].as_str().expect("an id");
        let (_, bare) = id.split_once('.').expect("a face");
        assert!(!summary.eq_ignore_ascii_case(bare), "the code of {id} was not found, so nothing is said of it");
    }
}

/// The structure that OpenAPI 3.1 demands, as far as this document uses it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_sound() {
    let server = TestServer::start().await;
    let (document, all) = document(&server).await;
    assert_eq!((&document["openapi"], &document["info"]["title"]), (&Value::from("3.1.0"), &Value::from("Insula")));
    assert!(document["info"]["version"].is_string() && document["servers"][0]["url"] == testkit::BASE_URL);
    let tags: BTreeSet<&str> = document["tags"].as_array().expect("tags").iter().filter_map(|tag| tag["name"].as_str()).collect();
    let schemes = document["components"]["securitySchemes"].as_object().expect("schemes");
    for (method, path, operation) in &all {
        assert!(["get", "post", "put", "patch", "delete"].contains(&method.as_str()), "{method}");
        assert!(path.starts_with('/') && !path.contains('*'), "{path}");
        let parameters = operation["parameters"].as_array().expect("parameters");
        let mut names = BTreeSet::new();
        for parameter in parameters {
            let (name, place) = (parameter["name"].as_str().expect("a name"), parameter["in"].as_str().expect("a place"));
            assert!(names.insert((name, place)), "{path} {name} twice");
            assert!(["path", "query", "header"].contains(&place) && parameter["schema"].is_object(), "{path} {name}");
            assert!(place != "path" || (parameter["required"] == true && path.contains(&format!("{{{name}}}"))), "{path} {name}");
        }
        assert_eq!(path.matches('{').count(), names.iter().filter(|(_, place)| *place == "path").count(), "{path}");
        assert!(operation["responses"]["default"].is_object() && tags.contains(operation["tags"][0].as_str().expect("a tag")), "{path}");
        for scheme in operation["security"].as_array().expect("security").iter().filter_map(Value::as_object).flat_map(|scheme| scheme.keys()) {
            assert!(schemes.contains_key(scheme), "{path} {scheme}");
        }
        assert!(method != "get" || operation.get("requestBody").is_none(), "{path}");
    }
    let mut targets = Vec::new();
    references(&document, &mut targets);
    for target in targets {
        let pointer = target.strip_prefix('#').expect("inside the document");
        assert!(document.pointer(pointer).is_some(), "{target}");
    }
}

/// What the code reads is what the reference says: a few that are known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_those_that_the_code_reads() {
    let server = TestServer::start().await;
    let (_, all) = document(&server).await;
    let find = |id: &str| &all.iter().find(|(_, _, operation)| operation["operationId"] == id).unwrap_or_else(|| panic!("no {id}")).2;
    let form = |id: &str| find(id)["requestBody"]["content"]["application/json"]["schema"].clone();
    let change = form("frontend.changePassword");
    assert_eq!((&change["required"], &change["properties"]["sign_out_of_other_sessions"]["type"]), (&json!(["new_password"]), &Value::from("boolean")));
    assert!(change["properties"].get("current_password").is_some());
    assert!(form("backend.CreateUser")["properties"].as_object().expect("properties").len() > 10, "what helpers of the same file read counts too");
    assert!(form("platform.PlatformCreateInstanceUser")["properties"].get("email_address").is_some(), "what several doors read alike counts too");
    assert!(form("backend.CreateJWTTemplate")["properties"].get("signing_key").is_some());
    let asked = find("backend.GetSessionList")["parameters"].as_array().expect("parameters").clone();
    for name in ["client_id", "user_id", "status", "limit", "offset", "paginated"] {
        assert!(asked.iter().any(|parameter| parameter["name"] == name && parameter["in"] == "query"), "{name}");
    }
    assert!(find("frontend.updateProfileImage")["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]["file"].is_object());
    assert!(find("frontend.getUser").get("requestBody").is_none());
}

/// Whatever an operation misses in an empty body stands in the document, as required.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_in_an_empty_body_is_said_to_be_required() {
    let server = TestServer::start().await;
    let (_, all) = document(&server).await;
    let ours = Box::pin(furnish(&server)).await;
    let (mut missed, mut unsaid, mut forms) = (0, Vec::new(), BTreeSet::new());
    for operation in server.doors().operations().iter().filter(|operation| [Method::POST, Method::PUT, Method::PATCH].contains(&operation.method)) {
        let (id, path) = (format!("{}.{}", operation.face.name(), operation.id), aimed(operation, &ours));
        let (_, _, told) = all.iter().find(|(_, _, told)| told["operationId"] == id.as_str()).expect("it is told of");
        let body = &told["requestBody"];
        let schema = &body["content"]["application/json"]["schema"];
        let (schema, empty) = if schema["type"] == "array" { (&schema["items"], json!([{}])) } else { (schema, json!({})) };
        let reply = match operation.face {
            web::Face::Frontend if operation.method == Method::POST => ours.browser.clone().post(&path, &[]).await,
            web::Face::Frontend => ours.browser.clone().override_method(operation.method.as_str(), &path, &[]).await,
            web::Face::Backend => server.backend().send(operation.method.clone(), &path, Some(&empty)).await,
            web::Face::Platform => server.platform().send(operation.method.clone(), &path, Some(&empty)).await,
        };
        if reply.body["errors"][0]["code"] == "form_param_missing" {
            let (missing, required) = (reply.param(), schema["required"].as_array().cloned().unwrap_or_default());
            if body["required"] != true || !required.contains(&json!(missing)) {
                unsaid.push(format!("{id} misses {missing}"));
            }
            missed += 1;
        }
        if body.is_object() {
            forms.insert(id);
        }
    }
    assert_eq!(unsaid, [""; 0]);
    assert!(missed > 40, "{missed}");
    for taking in [
        "platform.PlatformPatchConfig",
        "platform.PlatformPutConfig",
        "platform.insula.setApplicationPlan",
        "backend.CreateOrganizationInvitationBulk",
        "backend.UpdateOrganizationMembershipMetadata",
        "backend.CreateJWTTemplate",
    ] {
        assert!(forms.contains(taking), "{taking}");
    }
    for bulk in ["prepare_ownership_verification/bulk", "attempt_ownership_verification/bulk"] {
        let (_, _, told) = all.iter().find(|(_, path, _)| path.ends_with(bulk)).expect("it is told of");
        let schema = &told["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!((&schema["required"], &told["requestBody"]["required"]), (&json!(["organization_domain_ids"]), &json!(true)), "{bulk}");
    }
    let versioned =
        all.iter().filter(|(.., told)| told["parameters"].as_array().expect("parameters").iter().any(|p| p["name"] == "If-Match" && p["in"] == "header"));
    let versioned: BTreeSet<&str> = versioned.filter_map(|(.., told)| told["operationId"].as_str()).collect();
    for id in ["PlatformPatchConfig", "PlatformPutConfig", "insula.updateBlueprint", "insula.replaceBlueprint", "insula.updatePlan"] {
        assert!(versioned.contains(format!("platform.{id}").as_str()), "{id}");
    }
}

/// What a route declares of its query is what its handler reads of it, so that nothing is refused that has a meaning.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_query_may_say_is_what_the_code_reads() {
    let server = TestServer::start().await;
    let (_, all) = document(&server).await;
    for operation in server.doors().operations().iter().filter(|operation| operation.face != web::Face::Frontend) {
        let id = format!("{}.{}", operation.face.name(), operation.id);
        let (_, _, found) = all.iter().find(|(_, _, told)| told["operationId"] == id.as_str()).expect("it is told of");
        let asked = found["parameters"].as_array().expect("parameters").iter().filter(|parameter| parameter["in"] == "query");
        let told: BTreeSet<&str> = asked.filter_map(|parameter| parameter["name"].as_str()).collect();
        assert_eq!(told, operation.asks.0.iter().copied().collect(), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_show_every_operation_and_hold_nothing_foreign() {
    let server = TestServer::start().await;
    let overview = page(&server, "/docs").await;
    assert_eq!(overview.status.as_u16(), 200);
    for face in ["frontend", "backend", "platform"] {
        assert!(overview.text.contains(&format!("href=\"/docs/{face}\"")), "{face}");
        let chapter = page(&server, &format!("/docs/{face}")).await;
        assert_eq!(chapter.status.as_u16(), 200);
        for operation in server.doors().operations().iter().filter(|o| o.face.name() == face) {
            assert!(chapter.text.contains(&format!("id=\"{}\"", operation.id.replace('.', "-"))), "{face} {}", operation.id);
        }
    }
    assert!(overview.text.contains("form_password_incorrect") && overview.text.contains("resource_not_found"));
    for strange in ["/docs/nothing", "/docs/..%2finbox", "/docs/frontend/x", "/docs/%3Cscript%3E"] {
        assert_eq!(page(&server, strange).await.status.as_u16(), 404, "{strange}");
    }
}

/// Looks through a real answer: whatever the document says of it must be so, and it has no name that the document does not know.
fn judge(document: &Value, schema: &Value, answer: &Value, place: &str) {
    if let Some(target) = schema["$ref"].as_str() {
        return judge(document, document.pointer(target.trim_start_matches('#')).expect(target), answer, place);
    }
    if let Some(either) = schema["anyOf"].as_array() {
        if !answer.is_null() {
            judge(document, &either[0], answer, place);
        }
        return;
    }
    let kinds: Vec<&str> = schema["type"].as_str().into_iter().chain(schema["type"].as_array().into_iter().flatten().filter_map(Value::as_str)).collect();
    let kind = match answer {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(kinds.is_empty() || kinds.contains(&kind), "{place} is {answer}, and should be {kinds:?}");
    assert!(schema.get("const").is_none_or(|only| only == answer), "{place} is {answer}");
    if let Some(properties) = schema["properties"].as_object().filter(|properties| !properties.is_empty()) {
        for (name, inner) in answer.as_object().expect("an object") {
            judge(document, properties.get(name).unwrap_or_else(|| panic!("{place}.{name} is not described")), inner, &format!("{place}.{name}"));
        }
    }
    for inner in answer.as_array().into_iter().flatten().filter(|_| schema["items"].is_object()) {
        judge(document, &schema["items"], inner, &format!("{place}[]"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_answers_are_as_they_are_described() {
    let server = TestServer::start().await;
    let (document, all) = document(&server).await;
    let schema = |id: &str, status: &str| {
        let (.., operation) = all.iter().find(|(.., operation)| operation["operationId"] == id).unwrap_or_else(|| panic!("no {id}"));
        let schema = operation["responses"][status]["content"]["application/json"]["schema"].clone();
        assert!(schema.is_object(), "{id} has no schema: {}", operation["responses"]);
        schema
    };
    let (backend, platform) = (server.backend(), server.platform());
    let ada = json!({ "email_address": ["ada@shop.example"], "password": testkit::PASSWORD });
    let user = backend.post("/v1/users", ada).await.ok().clone();
    assert!(user["email_addresses"][0].is_object());
    let path = format!("/v1/users/{}", user["id"].as_str().expect("an id"));
    let token = json!({ "user_id": user["id"] });
    let application = platform.post("/v1/platform/applications", json!({ "name": "Shop" })).await.ok().clone();
    let shop = format!("/v1/platform/applications/{}", application["application_id"].as_str().expect("an id"));
    let production = platform.post(&format!("{shop}/instances"), json!({ "domain": "shop.example" })).await;
    for (id, status, answer) in [
        ("backend.GetUser", "200", backend.get(&path).await.ok().clone()),
        ("backend.CreateSignInToken", "200", backend.post("/v1/sign_in_tokens", token).await.ok().clone()),
        ("backend.CreateRedirectURL", "200", backend.post("/v1/redirect_urls", json!({ "url": "https://a.example/b" })).await.ok().clone()),
        ("backend.ListDomains", "200", backend.get("/v1/domains").await.ok().clone()),
        ("backend.DeleteUser", "200", backend.delete(&path).await.ok().clone()),
        ("platform.PlatformGetApplication", "200", platform.get(&shop).await.ok().clone()),
        ("platform.PlatformListApplications", "200", platform.get("/v1/platform/applications").await.ok().clone()),
        ("platform.PlatformCreateInstance", "201", production.ok().clone()),
        ("platform.insula.getBlueprint", "200", platform.get("/v1/platform/blueprint").await.ok().clone()),
    ] {
        judge(&document, &schema(id, status), &answer, id);
    }
    let described =
        all.iter().filter(|(.., operation)| operation["responses"]["200"]["content"].is_object() || operation["responses"]["201"]["content"].is_object());
    assert!(described.count() * 2 > all.len(), "most operations say what they answer");
}
