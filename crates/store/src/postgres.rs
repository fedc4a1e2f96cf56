//! PostgreSQL: a small pool, statements prepared once a connection.

use crate::{
    value::{Row, RowSource, Value},
    waits::{LONGEST, bounded},
};
use bytes::{BufMut, BytesMut};
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts};
use foundation::{Error, Result};
use futures_util::FutureExt;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::{
    NoTls,
    error::SqlState,
    types::{IsNull, ToSql, Type, to_sql_checked},
};

/// The open database.
pub(crate) struct Postgres {
    pool: Pool,
}

impl Postgres {
    pub(crate) async fn open(url: &str, connections: usize) -> Result<Postgres> {
        let mut config: tokio_postgres::Config =
            url.parse().map_err(|_| Error::Unavailable("the database URL cannot be read: expected postgres://user@host/database".to_owned()))?;
        config
            .application_name("insula")
            .connect_timeout(Duration::from_secs(3))
            .tcp_user_timeout(Duration::from_secs(10))
            .keepalives_idle(Duration::from_secs(30));
        config.options("-c statement_timeout=10000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=30000");
        let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let wait = Some(Duration::from_secs(3));
        let pool = Pool::builder(manager)
            .max_size(connections)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts { wait, create: Some(Duration::from_secs(3)), recycle: wait })
            .build()
            .map_err(|e| Error::broken("database pool", e))?;
        let database = Postgres { pool };
        let mut held = database.begin_write(Duration::from_secs(3)).await?;
        let mut collation = None;
        held.rows("select datcollate from pg_database where datname = current_database()", &[], &mut |mut row| {
            collation = Some(row.take::<String>()?);
            Ok(())
        })
        .await?;
        held.rollback().await?;
        match collation.as_deref() {
            Some("C" | "POSIX") => Ok(database),
            other => Err(Error::Unavailable(format!(
                "the database sorts by {}, but Insula needs C: create it with `createdb --template=template0 --encoding=UTF8 --locale=C NAME`",
                other.unwrap_or("an unknown rule")
            ))),
        }
    }

    /// Begins a transaction that reads one state and changes nothing.
    pub(crate) async fn begin_read(&self, most: Duration) -> Result<Held> {
        self.connected(most, async |object| Ok(Held { object: Some(object), state: State::Due(most) })).await
    }

    /// Begins a transaction that may change things.
    pub(crate) async fn begin_write(&self, most: Duration) -> Result<Held> {
        self.connected(most, async |object| {
            let mut held = Held { object: Some(object), state: State::Writing };
            held.batch("begin isolation level read committed").await?;
            Ok(held)
        })
        .await
    }

    async fn connected(&self, most: Duration, begin: impl AsyncFnOnce(Object) -> Result<Held>) -> Result<Held> {
        let begun = bounded(most, "beginning a transaction", async {
            let object = self.pool.get().await.map_err(|e| Error::Unavailable(unreachable(&e)))?;
            begin(object).await
        })
        .await
        .and_then(|begun| begun);
        if let Err(Error::Unavailable(_)) = &begun {
            forsake(&self.pool);
        }
        begun
    }
}

/// Why there is no connection, in our words: the driver's name what it did, not what to do.
fn unreachable(error: &PoolError) -> String {
    let PoolError::Backend(error) = error else { return "no connection to PostgreSQL became free in time".to_owned() };
    match error.code().map(SqlState::code) {
        Some("28P01" | "28000") => "PostgreSQL refuses the log-in: compare user and password in the database URL with pg_hba.conf and the role".to_owned(),
        Some("3D000") => "PostgreSQL has no database of this name: create it with `createdb --template=template0 --encoding=UTF8 --locale=C NAME`".to_owned(),
        Some("53300") => "PostgreSQL has no connection left: lower --database-connections, or raise its max_connections".to_owned(),
        Some("57P03") => "PostgreSQL is starting or stopping: try again in a moment".to_owned(),
        Some(code) => format!("PostgreSQL refuses the connection with SQLSTATE {code}: look into its log"),
        None => "PostgreSQL cannot be reached: see that it runs, and that host and port in the database URL are its own".to_owned(),
    }
}

/// Whatever else waits in the pool leads to the same dead end; new connections find the way again.
fn forsake(pool: &Pool) {
    pool.retain(|_, _| false);
}

/// How a transaction that only reads begins. It goes out together with the first statement, and its end is not waited for: three ways to the
/// database and back are one.
const READING: &str = "begin isolation level repeatable read read only";

/// A connection in a transaction.
pub(crate) struct Held {
    object: Option<Object>,
    state: State,
}

/// How far a transaction has come.
#[derive(Clone, Copy, PartialEq)]
enum State {
    /// It will read, and begins with its first statement; the beginning may take so long.
    Due(Duration),
    /// It reads.
    Reading,
    /// It writes.
    Writing,
}

impl Held {
    fn object(&self) -> Result<&Object> {
        self.object.as_ref().ok_or_else(|| Error::Broken("the transaction has ended".to_owned()))
    }

    pub(crate) async fn rows(&mut self, text: &str, arguments: &[Value<'_>], each: &mut (dyn FnMut(Row<'_>) -> Result<()> + Send)) -> Result<()> {
        let rows = self.run(async |object| {
            let statement = object.prepare_cached(text).await.map_err(fault)?;
            count(&statement, text, arguments)?;
            object.query(&statement, &pass(arguments)).await.map_err(fault)
        });
        for row in rows.await? {
            each(Row::new(&row))?;
        }
        Ok(())
    }

    pub(crate) async fn change(&mut self, text: &str, arguments: &[Value<'_>]) -> Result<u64> {
        let changed = self.run(async |object| {
            let statement = object.prepare_cached(text).await.map_err(fault)?;
            count(&statement, text, arguments)?;
            object.execute(&statement, &pass(arguments)).await.map_err(fault)
        });
        changed.await
    }

    pub(crate) async fn batch(&mut self, text: &str) -> Result<()> {
        self.run(async |object| object.batch_execute(text).await.map_err(fault)).await
    }

    /// Runs a statement, behind the beginning of the transaction where that is still due.
    async fn run<T>(&mut self, statement: impl AsyncFnOnce(&Object) -> Result<T>) -> Result<T> {
        let State::Due(most) = self.state else {
            return bounded(LONGEST, "a statement", statement(self.object()?)).await?;
        };
        self.state = State::Reading;
        let object = self.object()?;
        let beginning = async {
            let begun = timeout(most, object.batch_execute(READING)).await;
            begun.map_err(|_| Error::Unavailable("beginning a transaction took too long".to_owned()))?.map_err(fault)
        };
        // Both are sent when they are polled first, in this order. Outside of the transaction the statement could do no harm: it only reads.
        let both = bounded(LONGEST, "a statement", async { tokio::try_join!(biased; beginning, statement(object)) }).await.and_then(|both| both);
        if let (Err(Error::Unavailable(_)), Some(pool)) = (&both, Object::pool(object)) {
            forsake(&pool);
        }
        both.map(|((), outcome)| outcome)
    }

    pub(crate) async fn commit(self) -> Result<()> {
        self.end("commit").await
    }

    pub(crate) async fn rollback(self) -> Result<()> {
        self.end("rollback").await
    }

    async fn end(mut self, how: &str) -> Result<()> {
        match self.state {
            State::Due(_) => {}
            // It is sent by being polled once. Whoever has the connection next queues behind it, and nothing depends on its answer.
            State::Reading => drop(self.object()?.batch_execute(how).now_or_never()),
            State::Writing => self.batch(how).await?,
        }
        self.object = None;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Dropped on the way: nobody knows what is still under way on the connection, so it is thrown away.
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}

impl RowSource for tokio_postgres::Row {
    fn value(&self, index: usize) -> Result<Value<'_>> {
        let column = self.columns().get(index).ok_or_else(|| Error::Broken(format!("a row has no column {index}")))?;
        Ok(match *column.type_() {
            Type::BOOL => self.try_get::<_, Option<bool>>(index).map_err(fault)?.map_or(Value::Null, Value::Bool),
            Type::INT8 => self.try_get::<_, Option<i64>>(index).map_err(fault)?.map_or(Value::Null, Value::Int),
            Type::INT4 => self.try_get::<_, Option<i32>>(index).map_err(fault)?.map_or(Value::Null, |n| Value::Int(n.into())),
            _ => self.try_get::<_, Option<&str>>(index).map_err(fault)?.map_or(Value::Null, |t| Value::Text(t.into())),
        })
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Null => return Ok(IsNull::Yes),
            Value::Text(text) if matches!(*kind, Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN) => out.put_slice(text.as_bytes()),
            Value::Int(number) if *kind == Type::INT8 => out.put_i64(*number),
            Value::Int(number) if *kind == Type::INT4 => out.put_i32((*number).try_into()?),
            Value::Bool(flag) if *kind == Type::BOOL => out.put_u8((*flag).into()),
            other => return Err(format!("{other:?} was given where the database expects {kind}").into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn pass<'a>(arguments: &'a [Value<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    arguments.iter().map(|a| a as &(dyn ToSql + Sync)).collect()
}

fn count(statement: &tokio_postgres::Statement, text: &str, arguments: &[Value<'_>]) -> Result<()> {
    let places = statement.params().len();
    if places == arguments.len() { Ok(()) } else { Err(Error::Broken(format!("{} arguments for {places} placeholders: {text}", arguments.len()))) }
}

fn fault(error: tokio_postgres::Error) -> Error {
    let Some(reported) = error.as_db_error() else {
        return if error.is_closed() || std::error::Error::source(&error).is_some_and(|s| s.is::<std::io::Error>()) {
            Error::Unavailable(format!("the database connection was lost: {error}"))
        } else {
            Error::broken("postgres", describe(&error))
        };
    };
    match reported.code() {
        &SqlState::UNIQUE_VIOLATION => Error::Conflict(reported.constraint().unwrap_or_default().to_owned()),
        // What the row belongs to is gone since it was read: run again, and it is not found.
        &SqlState::FOREIGN_KEY_VIOLATION => Error::Again(reported.to_string()),
        &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED => Error::Again(reported.to_string()),
        code if code.code().starts_with("08") || code.code().starts_with("57") || code.code().starts_with("53") || code == &SqlState::LOCK_NOT_AVAILABLE => {
            Error::Unavailable(reported.to_string())
        }
        _ => Error::broken("postgres", describe(&error)),
    }
}

fn describe(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
