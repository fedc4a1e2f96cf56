//! Notes that belong to organizations. No query says whose notes it wants: PostgreSQL knows, from the verified token (docs/resources.md).

mod database;
mod failure;

pub use database::{Connection, Database};
pub use failure::Failure;

use axum::{
    Router,
    extract::{FromRef, Path, State},
    routing::{get, post},
};
use insula_verify::{Session, Verifier};
use serde_json::Value;

/// What handlers share.
#[derive(Clone)]
pub struct App {
    /// Verifies tokens.
    pub verifier: Verifier,
    /// Where the notes are.
    pub database: Database,
}

impl FromRef<App> for Verifier {
    fn from_ref(app: &App) -> Verifier {
        app.verifier.clone()
    }
}

impl FromRef<App> for Database {
    fn from_ref(app: &App) -> Database {
        app.database.clone()
    }
}

type Answer = Result<String, Failure>;

/// The application.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/notes", get(list).post(create))
        .route("/notes/count", get(count))
        .route("/notes/{id}", get(show).patch(change).delete(remove))
        .route("/projects", post(start))
        .with_state(app)
}

async fn list(session: Session, State(database): State<Database>) -> Answer {
    let mut connection = database.connection().await?;
    let rows = connection.enter(&session).await?;
    let found = rows.query_one("select coalesce(json_agg(n order by n.body, n.id), '[]')::text from notes n", &[]).await?.get(0);
    rows.commit().await?;
    Ok(found)
}

async fn count(session: Session, State(database): State<Database>) -> Answer {
    one(&database, &session, "select json_build_object('count', count(*))::text from notes", &[]).await
}

async fn show(session: Session, State(database): State<Database>, Path(id): Path<String>) -> Answer {
    one(&database, &session, "select row_to_json(notes)::text from notes where id = $1::text::uuid", &[&id]).await
}

async fn create(session: Session, State(database): State<Database>, body: String) -> Answer {
    let text = "insert into notes (body, project_id) values ($1, $2::text::uuid) returning row_to_json(notes)::text";
    one(&database, &session, text, &[&field(&body, "body"), &field(&body, "project_id")]).await
}

async fn change(session: Session, State(database): State<Database>, Path(id): Path<String>, body: String) -> Answer {
    let text = "update notes set body = $2 where id = $1::text::uuid returning row_to_json(notes)::text";
    one(&database, &session, text, &[&id, &field(&body, "body")]).await
}

async fn remove(session: Session, State(database): State<Database>, Path(id): Path<String>) -> Answer {
    one(&database, &session, "delete from notes where id = $1::text::uuid returning json_build_object('id', id)::text", &[&id]).await
}

async fn start(session: Session, State(database): State<Database>, body: String) -> Answer {
    one(&database, &session, "insert into projects (name) values ($1) returning row_to_json(projects)::text", &[&field(&body, "name")]).await
}

/// The only row of a statement, as JSON.
async fn one(database: &Database, session: &Session, text: &str, values: &[&(dyn tokio_postgres::types::ToSql + Sync)]) -> Answer {
    let mut connection = database.connection().await?;
    let rows = connection.enter(session).await?;
    let found = rows.query_opt(text, values).await?.ok_or(Failure::NOT_FOUND)?.get(0);
    rows.commit().await?;
    Ok(found)
}

/// A text of a JSON body.
fn field(body: &str, name: &str) -> Option<String> {
    serde_json::from_str::<Value>(body).ok()?.get(name)?.as_str().map(str::to_owned)
}
