//! A fresh database for every test: a scratch file, or a copy of an empty PostgreSQL database.

use crate::trouble::Proxy;
use foundation::{Clock, random::Shared};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use store::{Bounds, Database, Faults, Location, MasterKey, Options};
use tokio::sync::OnceCell;
use tokio_postgres::NoTls;

/// A database and what keeps it there.
pub(crate) struct Place {
    /// Where the server under test finds it.
    location: Location,
    /// Where it is.
    direct: Location,
    pub(crate) proxy: Option<Proxy>,
    _folder: Option<tempfile::TempDir>,
}

impl Place {
    pub(crate) fn location(&self) -> &Location {
        &self.location
    }

    pub(crate) fn direct(&self) -> &Location {
        &self.direct
    }
}

/// How the server under test reaches its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As any server.
    Straight,
    /// A PostgreSQL through a proxy, which can be told to hold up or to cut; a SQLite as always.
    Proxied,
}

pub(crate) async fn fresh(way: Way) -> Place {
    match std::env::var("INSULA_TEST_DATABASE") {
        Ok(url) if url.starts_with("postgres") => {
            let direct = copy(&url).await;
            let (location, proxy) = match way {
                Way::Straight => (direct.clone(), None),
                Way::Proxied => {
                    let address = direct.split(['@', '/']).find(|part| part.contains(':') && !part.starts_with("postgres")).expect("host and port");
                    let proxy = Proxy::before(address.parse().expect("an address")).await;
                    (direct.replace(address, &format!("127.0.0.1:{}", proxy.port)), Some(proxy))
                }
            };
            Place { location: Location::Url(location), direct: Location::Url(direct), proxy, _folder: None }
        }
        _ => {
            let folder = tempfile::tempdir().expect("a folder");
            let location = Location::Scratch(folder.path().join("insula.db"));
            Place { direct: location.clone(), location, proxy: None, _folder: Some(folder) }
        }
    }
}

/// An empty PostgreSQL database for a server that runs as a process of its own; `None` where tests run on SQLite.
pub async fn empty_database() -> Option<String> {
    let url = std::env::var("INSULA_TEST_DATABASE").ok().filter(|url| url.starts_with("postgres"))?;
    Some(copy(&url).await)
}

/// The name of an empty database with the newest schema, made once a process.
static TEMPLATE: OnceCell<String> = OnceCell::const_new();
static COPIES: AtomicU32 = AtomicU32::new(0);

async fn copy(url: &str) -> String {
    let template = TEMPLATE.get_or_init(|| prepare(url)).await;
    let name = format!("t{}_{}", std::process::id(), COPIES.fetch_add(1, Ordering::Relaxed));
    run(url, &format!("create database {name} template {template}")).await;
    with_name(url, &name)
}

async fn prepare(url: &str) -> String {
    let name = format!("template{}", std::process::id());
    run(url, &format!("create database {name} template template0 lc_collate 'C' lc_ctype 'C' encoding 'UTF8'")).await;
    let options = Options {
        clock: Arc::new(world::clock::SystemClock) as Arc<dyn Clock>,
        random: Shared::new(foundation::random::Seeded::new(0)),
        master: MasterKey::new([7; 32]),
        faults: Faults::default(),
        connections: 2,
        bounds: Bounds::DEFAULT,
    };
    drop(Database::open(&Location::Url(with_name(url, &name)), options).await.expect("the template opens"));
    name
}

fn with_name(url: &str, name: &str) -> String {
    let (server, _) = url.rsplit_once('/').expect("a URL with a database");
    format!("{server}/{name}")
}

/// Runs a statement at the server; again while the template's last connection is still closing.
async fn run(url: &str, statement: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("PostgreSQL answers");
    let connection = tokio::spawn(connection);
    let mut tries = 0;
    while let Err(error) = client.batch_execute(statement).await {
        tries += 1;
        assert!(tries < 100 && error.code() == Some(&tokio_postgres::error::SqlState::OBJECT_IN_USE), "{statement}: {error:?}");
        tokio::task::yield_now().await;
    }
    drop(client);
    let _ = connection.await;
}
