//! The sample, with tokens of a server in process and the PostgreSQL that `INSULA_TEST_DATABASE` names.

#![allow(clippy::disallowed_methods, reason = "tests look at their environment")]

mod questions;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use http_body_util::BodyExt;
use insula_verify::{Fetched, Freshness, Session, Verifier};
use notes::{App, Database, Failure, router};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use testkit::{Browser, TestServer};
use tokio::sync::Mutex;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};
use tower::ServiceExt;

/// Two databases are not made from one template at the same time.
static MAKING: Mutex<()> = Mutex::const_new(());
static MADE: AtomicUsize = AtomicUsize::new(0);

/// A database of the sample's own, made as its README says.
struct Place {
    config: Config,
}

impl Place {
    async fn make() -> Place {
        let _turn = MAKING.lock().await;
        let url = std::env::var("INSULA_TEST_DATABASE").expect("INSULA_TEST_DATABASE names a PostgreSQL");
        let mut config: Config = url.parse().expect("an address");
        let name = format!("notes_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::SeqCst));
        let admin = connect(&config).await;
        for role in ["notes_owner", "notes_app"] {
            let text = format!("do $$ begin create role {role} login; exception when duplicate_object then null; end $$");
            admin.batch_execute(&text).await.expect("a role");
        }
        admin.batch_execute(&format!("create database {name} owner notes_owner")).await.expect("a database");
        config.dbname(&name);
        let place = Place { config };
        let owner = place.by("notes_owner").await;
        owner.batch_execute(include_str!("../../../sql/organization-rls.sql")).await.expect("the file for everybody");
        owner.batch_execute(include_str!("../../express-postgres/schema.sql")).await.expect("the tables");
        place
    }

    fn config(&self, role: &str) -> Config {
        let mut config = self.config.clone();
        config.user(role);
        config
    }

    async fn by(&self, role: &str) -> Client {
        connect(&self.config(role)).await
    }

    /// As the one who may everything.
    async fn admin(&self) -> Client {
        connect(&self.config).await
    }

    async fn open(&self, role: &str, connections: usize) -> Result<Database, String> {
        Database::of(self.config(role), connections).await.map_err(|error| error.to_string())
    }
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

fn verifier(server: &TestServer) -> Verifier {
    let (door, clock) = (server.browser(), server.database.clone());
    let source = move || {
        let mut door = door.clone();
        async move { Fetched::Ok(door.get("/.well-known/jwks.json").await.bytes) }
    };
    let now = move || Duration::from_millis(clock.now().millis().unsigned_abs());
    Verifier::fetching(&server.home.tenant.publishable_key, source, Freshness::default()).expect("a key").clock(now)
}

/// A server with organizations.
async fn server() -> TestServer {
    let server = TestServer::start().await;
    server.set(server.home.tenant.id(), json!({ "organization_settings": { "enabled": true } })).await;
    server
}

/// Somebody in an organization of theirs; its id.
async fn founder(server: &TestServer, name: &str) -> (Browser, String) {
    let mut browser = server.signed_in(name).await;
    let made = browser.post("/v1/organizations", &[("name", name)]).await.response()["id"].as_str().expect("an id").to_owned();
    let session = browser.session_id().await;
    browser.post(&format!("/v1/client/sessions/{session}/touch"), &[("active_organization_id", made.as_str())]).await.response();
    (browser, made)
}

async fn call(app: &Router, token: Option<&str>, method: &str, path: &str, body: Value) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path);
    let request = if let Some(token) = token { request.header("authorization", format!("Bearer {token}")) } else { request };
    let response = app.clone().oneshot(request.body(Body::from(body.to_string())).expect("a request")).await.expect("an answer");
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_organization_finds_its_own_notes_over_http() {
    let (place, server) = (Place::make().await, server().await);
    let app = router(App { verifier: verifier(&server), database: place.open("notes_app", 2).await.expect("a database") });
    let ((mut ada, acme), (mut bob, beta)) = (founder(&server, "acme").await, founder(&server, "beta").await);
    let (here, there) = (ada.token().await, bob.token().await);
    let mut made = Vec::new();
    for (token, organization) in [(&here, &acme), (&there, &beta)] {
        let (status, note) = call(&app, Some(token), "POST", "/notes", json!({ "body": format!("of {organization}") })).await;
        assert_eq!((status, &note["organization_id"]), (200, &json!(organization)));
        made.push(format!("/notes/{}", note["id"].as_str().expect("an id")));
    }
    let (_, list) = call(&app, Some(&here), "GET", "/notes", Value::Null).await;
    assert_eq!((list.as_array().map(Vec::len), &list[0]["body"]), (Some(1), &json!(format!("of {acme}"))));
    assert_eq!(call(&app, Some(&here), "GET", "/notes/count", Value::Null).await, (200, json!({ "count": 1 })));
    for method in ["GET", "PATCH", "DELETE"] {
        assert_eq!(call(&app, Some(&here), method, &made[1], json!({ "body": "mine" })).await.0, 404, "{method}");
    }
    assert_eq!(call(&app, Some(&there), "GET", &made[1], Value::Null).await.1["body"], json!(format!("of {beta}")));
    assert_eq!(call(&app, Some(&here), "PATCH", &made[0], json!({ "body": "changed" })).await.1["body"], "changed");
    // A project of somebody else's is as good as none.
    let (_, project) = call(&app, Some(&there), "POST", "/projects", json!({ "name": "Moon" })).await;
    for id in [&project["id"], &json!("00000000-0000-4000-8000-000000000000"), &json!("x")] {
        assert_eq!(call(&app, Some(&here), "POST", "/notes", json!({ "body": "x", "project_id": id })).await.0, 404, "{id}");
    }
    assert_eq!(call(&app, Some(&here), "POST", "/projects", json!({ "name": "Moon" })).await.0, 200, "a name that others have is free");
    assert_eq!(call(&app, Some(&here), "POST", "/projects", json!({ "name": "Moon" })).await.0, 409);
    assert_eq!(call(&app, Some(&there), "DELETE", &made[1], Value::Null).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_a_personal_account_and_a_pending_session_have_no_notes() {
    let (place, server) = (Place::make().await, server().await);
    let app = router(App { verifier: verifier(&server), database: place.open("notes_app", 2).await.expect("a database") });
    let mut eve = server.signed_in("eve").await;
    for (method, path) in [("GET", "/notes"), ("POST", "/notes"), ("GET", "/notes/count"), ("DELETE", "/notes/x")] {
        assert_eq!(call(&app, None, method, path, json!({ "body": "x" })).await.0, 401, "{method} {path}");
        assert_eq!(call(&app, Some("x.y.z"), method, path, json!({ "body": "x" })).await.0, 401, "{method} {path}");
        assert_eq!(call(&app, Some(&eve.token().await), method, path, json!({ "body": "x" })).await.0, 403, "{method} {path}");
    }
    let foreign = server.signed_in_next_door("eve").await.token().await;
    assert_eq!(call(&app, Some(&foreign), "GET", "/notes", Value::Null).await.0, 401);
    server.set(server.home.tenant.id(), json!({ "organization_settings": { "enabled": true, "force_organization_selection": true } })).await;
    assert_eq!(call(&app, Some(&eve.token().await), "GET", "/notes", Value::Null).await.0, 401);
}

/// Sessions of two organizations, and a database with a note of each.
async fn two() -> (Place, [Session; 2]) {
    let (place, server) = (Place::make().await, server().await);
    let verifier = verifier(&server);
    let mut sessions = Vec::new();
    for name in ["acme", "beta"] {
        let (mut browser, organization) = founder(&server, name).await;
        sessions.push(verifier.verify(&browser.token().await).await.expect("a session"));
        let text = "insert into notes (organization_id, author_id, body) values ($1, 'user', 'of ' || $1)";
        place.admin().await.execute(text, &[&organization]).await.expect("a note");
    }
    (place, sessions.try_into().expect("two"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_over_two_connections_do_not_mix() {
    let (place, sessions) = two().await;
    let database = place.open("notes_app", 2).await.expect("a database");
    let tasks: Vec<_> = (0..128)
        .map(|index| {
            let (database, session) = (database.clone(), sessions[index % 2].clone());
            tokio::spawn(async move {
                let mut connection = database.connection().await.expect("a connection");
                let rows = connection.enter(&session).await.expect("inside");
                let found = rows.query("select distinct organization_id from notes", &[]).await.expect("rows");
                assert_eq!(found.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>(), [session.organization_id().expect("one")]);
                // Every third is given up without a word.
                if index % 3 != 0 {
                    rows.commit().await.expect("committed");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("done");
    }
    let client = place.by("notes_app").await;
    assert!(client.query("select * from notes", &[]).await.expect("rows").is_empty(), "nobody has entered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_does_not_start_where_rows_are_not_kept_apart() {
    let place = Place::make().await;
    assert!(place.open("notes_app", 1).await.is_ok());
    assert!(place.open("notes_owner", 1).await.err().is_some_and(|why| why.contains("notes: its owner is the role that asks")));
    place.by("notes_owner").await.batch_execute("alter table notes no force row level security").await.expect("changed");
    assert!(place.open("notes_app", 1).await.err().is_some_and(|why| why.contains("notes: is not protected")));
}

/// The same questions as those of the other sample.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_queries_by_chance_find_change_and_make_nothing_of_others() {
    let (place, [attacker, victim]) = two().await;
    let (own, other) = (attacker.organization_id().expect("one").to_owned(), victim.organization_id().expect("one").to_owned());
    let admin = place.admin().await;
    for organization in [&own, &other] {
        let projects = "insert into projects (organization_id, name) select $1, 'project ' || n || ' of ' || $1 from generate_series(1, 3) n";
        admin.execute(projects, &[organization]).await.expect("projects");
        let notes =
            "insert into notes (organization_id, author_id, project_id, body) select $1, 'user', id, 'note of ' || $1 from projects where organization_id = $1";
        admin.execute(notes, &[organization]).await.expect("notes");
    }
    let ids = admin
        .query("select id::text from notes where organization_id = $1 union all select id::text from projects where organization_id = $1", &[&other])
        .await;
    let ids = ids.expect("ids").iter().map(|row| row.get(0)).collect();
    let version: String = admin.query_one("show server_version_num", &[]).await.expect("a version").get(0);
    let mut questions = questions::Questions::new(20_261_122, &other, ids, version.parse().expect("a number"));
    let before = belongings(&admin, &other).await;

    let database = place.open("notes_app", 2).await.expect("a database");
    let mut connection = database.connection().await.expect("a connection");
    let (mut refused, mut shown, mut codes) = (0, 0, BTreeSet::new());
    for _ in 0..500 {
        let rows = connection.enter(&attacker).await.expect("inside");
        for _ in 0..20 {
            let text = questions.next();
            match rows.simple_query(&format!("savepoint one; {text}; release savepoint one")).await {
                Ok(messages) => {
                    let found: Vec<&str> = messages.iter().flat_map(values).collect();
                    assert!(!found.iter().any(|value| value.contains(&other)), "{text}: {found:?}");
                    shown += found.len();
                }
                Err(error) => {
                    let error = error.as_db_error().expect("the database has refused");
                    codes.insert(error.code().code().to_owned());
                    assert!(!format!("{error:?}").contains(&format!("of {other}")), "{text}: {error:?}");
                    refused += 1;
                    rows.simple_query("rollback to savepoint one").await.expect("rolled back");
                }
            }
        }
        rows.commit().await.expect("committed");
    }
    assert_eq!(belongings(&admin, &other).await, before);
    let known: BTreeSet<String> = ["28000", "42501", "23503", "23505", "23502"].map(str::to_owned).into();
    assert!(codes.is_subset(&known), "{codes:?}");
    assert!(refused > 200 && shown > 5_000, "{refused} refused, {shown} shown");
}

/// The values of a row, in the only form of this protocol.
fn values(message: &SimpleQueryMessage) -> Vec<&str> {
    if let SimpleQueryMessage::Row(row) = message { (0..row.len()).filter_map(|column| row.get(column)).collect() } else { Vec::new() }
}

async fn belongings(admin: &Client, organization: &str) -> Vec<String> {
    let text = "select n::text from notes n where organization_id = $1 union all select p::text from projects p where organization_id = $1 order by 1";
    admin.query(text, &[&organization]).await.expect("rows").iter().map(|row| row.get(0)).collect()
}

#[test]
fn a_failure_says_nothing_more_than_a_status() {
    assert_eq!((Failure::NOT_FOUND.0, Failure::NO_ORGANIZATION.0), (StatusCode::NOT_FOUND, StatusCode::FORBIDDEN));
}
