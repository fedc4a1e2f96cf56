//! The database: reachable, whole, and of this program's schema.

use super::{Finding, Patient};
use crate::start::sentence;
use store::{BoxFuture, Database, Location, file};

const NAME: &str = "database";

/// Looks at the engine, the schema and, on SQLite, at every page.
pub fn check(patient: &Patient) -> BoxFuture<'_, Vec<Finding>> {
    Box::pin(async move {
        match &patient.database {
            Err(why) => vec![Finding::fail(NAME, why.clone(), "nothing works before the database does")],
            Ok(None) => vec![Finding::warn(NAME, "there is no database yet", "start the server once: it makes it")],
            Ok(Some(database)) => {
                let mut findings = vec![engine(database).await, schema(database).await];
                findings.extend(place(patient).await);
                findings
            }
        }
    })
}

async fn engine(database: &Database) -> Finding {
    match database.health().await {
        Ok(health) => Finding::ok(NAME, health.version),
        Err(error) => Finding::fail(NAME, sentence(&error), "nothing works before the database does"),
    }
}

async fn schema(database: &Database) -> Finding {
    let newest = store::newest();
    match database.schema_version().await {
        Err(error) => Finding::fail(NAME, sentence(&error), "nothing works before the database does"),
        Ok(0) => Finding::warn(NAME, "the database is empty", "start the server once, or run `insula migrate`"),
        Ok(found) if found < newest => {
            Finding::warn(NAME, format!("the schema is {found}, this program's is {newest}"), "back up, then run `insula migrate` or start this program")
        }
        Ok(found) if found > newest => Finding::fail(NAME, format!("the schema is {found}, this program knows {newest}"), "use the newer program"),
        Ok(found) => Finding::ok(NAME, format!("schema {found}")),
    }
}

async fn place(patient: &Patient) -> Option<Finding> {
    match &patient.config.location {
        Location::File(path) | Location::Scratch(path) => {
            let path = path.clone();
            let examined = tokio::task::spawn_blocking(move || file::examine(&path)).await.ok()?;
            Some(match examined {
                Ok(seen) if seen.faults.is_empty() && seen.strangers.is_empty() => Finding::ok(NAME, "every page is whole"),
                Ok(seen) => {
                    let faults: Vec<String> = seen.faults.into_iter().chain(seen.strangers).collect();
                    Finding::fail(NAME, format!("the file is damaged: {}", faults.join("; ")), "stop the server, keep a copy, and restore your newest backup")
                }
                Err(error) => Finding::fail(NAME, sentence(&error), "stop the server, keep a copy, and restore your newest backup"),
            })
        }
        Location::Url(url) => {
            far(url).then(|| Finding::warn(NAME, "PostgreSQL is reached without TLS", "put it on this machine, or behind an encrypted tunnel or network"))
        }
    }
}

/// Whether the URL leads to another machine.
fn far(url: &str) -> bool {
    let host = url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| !host.is_empty() && host != "localhost" && !host.starts_with("127.") && host != "[::1]" && !host.starts_with("%2F"))
}

#[cfg(test)]
mod tests {
    use super::far;

    #[test]
    fn what_is_on_this_machine_is_near() {
        for near in ["postgres://a@localhost/b", "postgres://a@127.0.0.1:5433/b", "postgres://a@[::1]/b", "postgres:///b?host=/run/postgresql"] {
            assert!(!far(near), "{near}");
        }
        assert!(far("postgres://a:b@db.example.com/c"));
        assert!(far("postgres://a@10.0.0.7/c"));
    }
}
