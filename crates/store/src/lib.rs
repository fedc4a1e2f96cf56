//! Databases: transactions of one tenant, on SQLite or PostgreSQL from one SQL text.
//!
//! A [`Tx`] belongs to one instance from its birth: it binds the instance as `$1` itself and takes only text that names the
//! instance ([`sql!`]). Above the instances stands [`PlatformTx`], for the few tables that have no tenant.

pub mod cache;
mod catalog;
mod database;
mod faults;
mod health;
mod master;
mod memory;
mod meters;
mod migrate;
mod platform;
mod postgres;
mod queue;
mod scope;
mod sqlite;
mod syncs;
mod tx;
mod value;
mod vault;
mod waits;

pub use catalog::{Key, KeyKind, Table};
pub use database::{Addresses, Attempts, Database, Location, Options};
pub use faults::Faults;
pub use foundation::{Error, Result};
pub use futures_util::future::BoxFuture;
pub use health::Health;
pub use master::{MasterKey, Opened};
pub use memory::{Bounds, Held, Kept, Memo};
pub use meters::{MOST_COUNTED, Meters, Queue, Tally};
pub use migrate::{Migration, migrations, newest};
pub use platform::{PlatformSql, PlatformTx};
pub use queue::{ClaimedJob, NewJob};
pub use scope::{LONGEST_SEARCH, Part, Query, Scoped, Shared, containing};
pub use sqlite::file;
pub use tx::{Access, Tx};
pub use value::{Column, FromRow, Json, Param, Row, Value};
pub use vault::Place;
