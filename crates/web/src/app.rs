//! What all doors are given.

use crate::{bodies::Bodies, places::Uploads, rates::Rates};
use domain::instances::{Directory, Site};
use foundation::Cidr;
use std::{path::PathBuf, sync::Arc};
use store::Database;
use world::World;

/// The running application: its database, its world, and where it is.
pub struct App {
    /// The database.
    pub database: Database,
    /// Everything outside.
    pub world: Arc<World>,
    /// Finds tenants.
    pub directory: Directory,
    /// Where the SDKs' scripts come from.
    pub scripts: Scripts,
    /// How often what was asked for lately.
    pub(crate) rates: Rates,
    pub(crate) ignores_rates: bool,
    /// Room for the bodies that are being read.
    pub bodies: Arc<Bodies>,
    /// The uploads that are under way.
    pub(crate) uploads: Arc<Uploads>,
    /// The proxies in front of this server, whose word about a visitor's address counts.
    pub trusted: Vec<Cidr>,
    /// Whose turn it is to make spare key pairs.
    pub(crate) spares: tokio::sync::Mutex<()>,
}

/// Where the SDKs' scripts come from.
#[derive(Clone, Debug)]
pub struct Scripts {
    /// A folder that holds `@clerk/<package>/dist/…`.
    pub mirror: Option<PathBuf>,
    /// Where browsers are sent for everything else, without a slash at its end.
    pub cdn: String,
}

impl App {
    /// Puts the parts together.
    pub fn new(database: Database, world: Arc<World>, site: Arc<Site>, scripts: Scripts) -> App {
        let rates = Rates::new(&mut world.random.clone());
        let place = Arc::clone(&site);
        database.tell_addresses(Box::new(move |slug| place.frontend_url(slug)));
        App {
            directory: Directory::new(database.clone(), site),
            database,
            world,
            scripts,
            rates,
            bodies: Arc::default(),
            uploads: Arc::default(),
            ignores_rates: false,
            trusted: Vec::new(),
            spares: tokio::sync::Mutex::default(),
        }
    }

    /// Believes these proxies.
    #[must_use]
    pub fn trusting(self, trusted: Vec<Cidr>) -> App {
        App { trusted, ..self }
    }

    /// Refuses nobody for asking too often. For tests, whose clock stands still.
    #[must_use]
    pub fn ignoring_rates(self) -> App {
        App { ignores_rates: true, ..self }
    }

    /// Where this server is.
    pub fn site(&self) -> &Site {
        self.directory.site()
    }
}
