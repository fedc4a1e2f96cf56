//! The catalog: which tables there are, and what an instance has in each. Export, deletion and the tests of isolation go by it, so that a new
//! table cannot be forgotten.

use crate::{
    database::{Database, Engine},
    tx::{Access, Tx},
    value::{FromRow, Row, Value},
};
use foundation::Result;

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, in their order.
    pub columns: Vec<String>,
    /// Its keys and indexes.
    pub keys: Vec<Key>,
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyKind {
    /// The primary key.
    Primary,
    /// A unique constraint or index.
    Unique,
    /// An index for finding.
    Index,
    /// A foreign key.
    Foreign,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name; empty for foreign keys.
    pub name: String,
    /// What it does.
    pub kind: KeyKind,
    /// Its columns, in their order.
    pub columns: Vec<String>,
}

impl Table {
    /// Whether it belongs to the instances: every row of it is one instance's.
    pub fn is_tenants(&self) -> bool {
        self.columns.first().is_some_and(|first| first == "instance_id")
    }
}

struct ColumnRow(String, String);

impl FromRow for ColumnRow {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(ColumnRow(row.take()?, row.take()?))
    }
}

struct KeyRow {
    table: String,
    name: String,
    primary: bool,
    unique: bool,
    foreign: bool,
    column: String,
}

impl FromRow for KeyRow {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(KeyRow { table: row.take()?, name: row.take()?, primary: row.take()?, unique: row.take()?, foreign: row.take()?, column: row.take()? })
    }
}

const SQLITE_COLUMNS: &str =
    "select m.name, c.name from sqlite_master m, pragma_table_info(m.name) c where m.type = 'table' and m.name not like 'sqlite%' order by m.name, c.cid";
const SQLITE_KEYS: &str = "select t, n, p, u, f, c from (
    select m.name t, l.name n, l.origin = 'pk' p, l.\"unique\" u, 0 f, i.name c, i.seqno s from sqlite_master m, pragma_index_list(m.name) l, pragma_index_info(l.name) i
      where m.type = 'table' and m.name not like 'sqlite%'
    union all select m.name, 'fk' || k.id, 0, 0, 1, k.\"from\", k.seq from sqlite_master m, pragma_foreign_key_list(m.name) k where m.type = 'table') order by t, n, s";
const POSTGRES_COLUMNS: &str =
    "select table_name::text, column_name::text from information_schema.columns where table_schema = 'public' order by table_name, ordinal_position";
const POSTGRES_KEYS: &str = "select t, n, p, u, f, c from (
    select r.relname::text t, i.relname::text n, x.indisprimary p, x.indisunique u, false f, a.attname::text c, k.place s
      from pg_index x join pg_class r on r.oid = x.indrelid join pg_class i on i.oid = x.indexrelid join pg_namespace g on g.oid = r.relnamespace and g.nspname = 'public'
      cross join lateral unnest(x.indkey::int2[]) with ordinality k(number, place) join pg_attribute a on a.attrelid = r.oid and a.attnum = k.number
    union all select r.relname::text, o.conname::text, false, false, true, a.attname::text, k.place
      from pg_constraint o join pg_class r on r.oid = o.conrelid cross join lateral unnest(o.conkey) with ordinality k(number, place)
      join pg_attribute a on a.attrelid = r.oid and a.attnum = k.number where o.contype = 'f') keys order by t, n, s";

impl Database {
    /// All tables, by name.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn catalog(&self) -> Result<Vec<Table>> {
        let (columns, keys) = match self.kind() {
            Engine::Sqlite(_) => (SQLITE_COLUMNS, SQLITE_KEYS),
            Engine::Postgres(_) => (POSTGRES_COLUMNS, POSTGRES_KEYS),
        };
        let mut connection = self.connect(Access::Read).await?;
        let columns: Vec<ColumnRow> = connection.list(columns, &[]).await?;
        let keys: Vec<KeyRow> = connection.list(keys, &[]).await?;
        connection.rollback().await?;
        let mut tables: Vec<Table> = Vec::new();
        for ColumnRow(table, column) in columns {
            match tables.last_mut() {
                Some(last) if last.name == table => last.columns.push(column),
                _ => tables.push(Table { name: table, columns: vec![column], keys: Vec::new() }),
            }
        }
        for row in keys {
            let Some(table) = tables.iter_mut().find(|t| t.name == row.table) else { continue };
            let kind = match row {
                KeyRow { foreign: true, .. } => KeyKind::Foreign,
                KeyRow { primary: true, .. } => KeyKind::Primary,
                KeyRow { unique: true, .. } => KeyKind::Unique,
                _ => KeyKind::Index,
            };
            match table.keys.iter_mut().find(|k| k.name == row.name) {
                Some(key) => key.columns.push(row.column),
                None => table.keys.push(Key { name: row.name, kind, columns: vec![row.column] }),
            }
        }
        Ok(tables)
    }
}

impl Tx<'_> {
    /// The instance's rows of a table, each as its values in the order of the columns, sorted.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn rows_of(&mut self, table: &Table) -> Result<Vec<Vec<String>>> {
        let text = format!("select {} from {} where instance_id = $1", table.columns.join(", "), table.name);
        let instance = [Value::Text(self.instance_text.clone().into())];
        let width = table.columns.len();
        let mut rows = Vec::new();
        self.connection
            .rows(&text, &instance, &mut |mut row| {
                let values = (0..width).map(|_| row.take::<Shown>().map(|shown| shown.0)).collect::<Result<Vec<String>>>()?;
                rows.push(values);
                Ok(())
            })
            .await?;
        rows.sort();
        Ok(rows)
    }
}

/// Any value, as text.
struct Shown(String);

impl crate::Column for Shown {
    fn column(value: Value<'_>) -> Result<Self, &'static str> {
        Ok(Shown(match value {
            Value::Null => "null".to_owned(),
            Value::Text(text) => text.into_owned(),
            Value::Int(number) => number.to_string(),
            Value::Bool(flag) => i64::from(flag).to_string(),
        }))
    }
}
