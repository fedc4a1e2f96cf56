//! Migrations: one file a change, for both databases, each in a transaction of its own.
//!
//! A file has two sections, `-- tables` and `-- foreign keys`. The second holds `alter table … add foreign key …` only.
//! PostgreSQL runs both as they are; SQLite, which cannot add a key to a table, gets the keys inside its `create table`.

use crate::{
    database::Database,
    tx::{Access, Connection},
    value::Value,
};
use foundation::{Error, Result};

/// One change of the schema.
pub struct Migration {
    /// Its number; they run in order.
    pub version: i64,
    /// Its name.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

/// All changes, oldest first.
pub const fn migrations() -> &'static [Migration] {
    &[
        Migration { version: 1, name: "foundation", text: include_str!("migrations/0001_foundation.sql") },
        Migration { version: 2, name: "instances", text: include_str!("migrations/0002_instances.sql") },
        Migration { version: 3, name: "settings", text: include_str!("migrations/0003_settings.sql") },
        Migration { version: 4, name: "keys", text: include_str!("migrations/0004_keys.sql") },
        Migration { version: 5, name: "tickets", text: include_str!("migrations/0005_tickets.sql") },
        Migration { version: 6, name: "devices and images", text: include_str!("migrations/0006_devices_and_images.sql") },
        Migration { version: 7, name: "mail", text: include_str!("migrations/0007_mail.sql") },
        Migration { version: 9, name: "guarding", text: include_str!("migrations/0009_guarding.sql") },
        Migration { version: 10, name: "organizations", text: include_str!("migrations/0010_organizations.sql") },
        Migration { version: 12, name: "role_set_migrations", text: include_str!("migrations/0012_role_set_migrations.sql") },
        Migration { version: 13, name: "organization invitations", text: include_str!("migrations/0013_organization_invitations.sql") },
        Migration { version: 14, name: "enrolment", text: include_str!("migrations/0014_enrolment.sql") },
        Migration { version: 15, name: "pools", text: include_str!("migrations/0015_pools.sql") },
        Migration { version: 16, name: "organizations of sign-in tokens", text: include_str!("migrations/0016_sign_in_token_organizations.sql") },
        Migration { version: 18, name: "domain invitations", text: include_str!("migrations/0018_domain_invitations.sql") },
        Migration { version: 19, name: "ends of organizations", text: include_str!("migrations/0019_organization_ends.sql") },
        Migration { version: 20, name: "conversions", text: include_str!("migrations/0020_conversions.sql") },
        Migration { version: 21, name: "names of pools", text: include_str!("migrations/0021_pool_names.sql") },
    ]
}

/// The newest migration that this program knows.
pub fn newest() -> i64 {
    migrations().last().map_or(0, |m| m.version)
}

impl Database {
    /// The newest migration that the database has had; 0 for none.
    ///
    /// # Errors
    /// Where it cannot be reached.
    pub async fn schema_version(&self) -> Result<i64> {
        if !self.catalog().await?.iter().any(|table| table.name == "schema_migrations") {
            return Ok(0);
        }
        let mut connection = self.connect(Access::Read).await?;
        let found: Vec<i64> = connection.list("select coalesce(max(version), 0) from schema_migrations", &[]).await?;
        connection.rollback().await?;
        Ok(found.first().copied().unwrap_or(0))
    }
}

pub(crate) async fn run(database: &Database) -> Result<()> {
    let mut connection = database.connect(Access::Write).await?;
    connection
        .batch("create table if not exists schema_migrations (version bigint not null primary key, name text not null, applied_at bigint not null)")
        .await?;
    database.commit(connection).await?;
    for migration in migrations() {
        match apply(database, migration).await {
            // Another node was quicker.
            Err(Error::Conflict(_)) => {}
            outcome => outcome?,
        }
    }
    match database.schema_version().await? {
        version if version > newest() => {
            Err(Error::Unavailable(format!("the database has schema {version}, this program knows {}: start the newer program again", newest())))
        }
        _ => Ok(()),
    }
}

async fn apply(database: &Database, migration: &Migration) -> Result<()> {
    let mut connection = database.connect(Access::Write).await?;
    let applied: Vec<i64> = connection.list("select version from schema_migrations where version = $1", &[Value::Int(migration.version)]).await?;
    if !applied.is_empty() {
        return connection.rollback().await;
    }
    // The row's key makes a second node wait here, and then fail.
    let row = [Value::Int(migration.version), Value::Text(migration.name.into()), Value::Int(database.now().millis())];
    connection.change("insert into schema_migrations (version, name, applied_at) values ($1, $2, $3)", &row).await?;
    let (tables, keys) = sections(migration.text)?;
    for statement in statements(tables, keys, matches!(connection, Connection::Sqlite(_)))? {
        connection.batch(&statement).await.map_err(|e| Error::Broken(format!("migration {}: {e}: {statement}", migration.name)))?;
    }
    database.commit(connection).await
}

fn sections(text: &'static str) -> Result<(&'static str, &'static str)> {
    let (_, rest) = text.split_once("-- tables\n").ok_or_else(|| Error::Broken("a migration has no section `-- tables`".to_owned()))?;
    Ok(rest.split_once("-- foreign keys\n").unwrap_or((rest, "")))
}

fn statements(tables: &str, keys: &str, keys_inside: bool) -> Result<Vec<String>> {
    let split = |text: &str| -> Vec<String> {
        let text: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
        text.join("\n").split(";\n").chain([""]).map(|s| s.trim().trim_end_matches(';').to_owned()).filter(|s| !s.is_empty()).collect()
    };
    let mut all = split(tables);
    for key in split(keys) {
        if !keys_inside {
            all.push(key);
            continue;
        }
        let parsed = key.strip_prefix("alter table ").and_then(|k| k.split_once(" add "));
        let (table, clause) = parsed.ok_or_else(|| Error::Broken(format!("no foreign key: {key}")))?;
        let start = format!("create table {table} (");
        let create =
            all.iter_mut().find(|s| s.starts_with(&start)).ok_or_else(|| Error::Broken(format!("the table of a foreign key is not made here: {key}")))?;
        let end = create.rfind(')').ok_or_else(|| Error::Broken(format!("no end of table {table}")))?;
        create.insert_str(end, &format!(",\n  {clause}\n"));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_keys_move_into_the_table_for_sqlite() {
        let tables = "create table a (\n  id text -- comment stays\n);\n-- comment goes\ncreate table b (id text);\n";
        let keys = "alter table b add foreign key (id) references a (id) on delete cascade;\n";
        let inside = statements(tables, keys, true).expect("statements");
        assert_eq!(inside[1], "create table b (id text,\n  foreign key (id) references a (id) on delete cascade\n)");
        let beside = statements(tables, keys, false).expect("statements");
        assert_eq!(beside.len(), 3);
        assert_eq!(beside[2], "alter table b add foreign key (id) references a (id) on delete cascade");
    }
}
