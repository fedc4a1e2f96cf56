//! What all doors are given.

use domain::instances::{Directory, Site};
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
        App { directory: Directory::new(database.clone(), site), database, world, scripts, spares: tokio::sync::Mutex::default() }
    }

    /// Where this server is.
    pub fn site(&self) -> &Site {
        self.directory.site()
    }
}
