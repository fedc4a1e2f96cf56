//! For tests only: the whole server in process, in a world that repeats itself, with a neighbour beside every instance.
//!
//! `INSULA_TEST_DATABASE` names a PostgreSQL to run on instead of SQLite; `INSULA_TEST_CONFLICTS` makes every so many commits fail once with a
//! serialization failure; `INSULA_TRAFFIC` names a folder for a recording of every exchange; `INSULA_TEST_LOG` is a
//! filter for the log.

#![allow(clippy::disallowed_methods, clippy::missing_panics_doc, reason = "tests look at their environment, and fail by panicking")]

mod caller;
mod databases;
pub mod mail_server;
mod traffic;
mod trouble;

pub use caller::{Api, Browser, Reply, picture};
pub use databases::{Way, empty_database};
pub use trouble::{Line, Taken};

use domain::{
    applications,
    instances::{Environment, Site, Tenant},
    keys, workspaces,
};
use foundation::{InstanceId, Secret, WorkspaceId};
use serde_json::Value;
use server::dispatch::Doors;
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use store::{Access, Bounds, BoxFuture, Database, Faults, MasterKey, Options, Tx};
use world::{
    World,
    clock::FakeClock,
    dns::{Dns, Zone},
    mail::Post,
};

/// An instance, with the keys to it.
#[derive(Clone)]
pub struct Home {
    /// What its hosts and keys say.
    pub tenant: Tenant,
    /// Its secret key.
    pub secret_key: Secret,
}

/// Whether anybody is refused for asking too often. A test's clock stands still, so only tests about rates have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rates {
    /// As the settings say.
    Counted,
    /// Nobody.
    Ignored,
}

/// How a server is to be.
pub struct Setup {
    /// What its first instance is for.
    pub environment: Environment,
    /// The instance's settings.
    pub settings: Value,
    /// Which chance.
    pub seed: u64,
    /// Whether anybody is refused for asking too often.
    pub rates: Rates,
    /// Which proxies are believed.
    pub trusted_proxies: Vec<foundation::Cidr>,
    /// How long it waits and remembers.
    pub bounds: Bounds,
    /// How it reaches its database.
    pub way: Way,
    /// How mail is sent, if not into the inbox.
    pub post: Box<dyn FnOnce(Post) -> Post + Send>,
}

/// As a server's own, but with patience for a busy machine.
const PATIENT: Bounds = Bounds { wait: Duration::from_secs(30), ..Bounds::DEFAULT };

impl Default for Setup {
    fn default() -> Self {
        Setup {
            environment: Environment::Development,
            settings: serde_json::json!({}),
            seed: 1,
            rates: Rates::Ignored,
            trusted_proxies: Vec::new(),
            bounds: PATIENT,
            way: Way::Straight,
            post: Box::new(|post| post),
        }
    }
}

/// The whole server in process.
pub struct TestServer {
    /// The instance that the test is about.
    pub home: Home,
    /// Another instance of the same workspace, which nothing may reach.
    pub neighbour: Home,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// A platform token of the workspace with all scopes.
    pub platform_token: Secret,
    /// A platform token of another workspace.
    pub other_platform_token: Secret,
    /// The database.
    pub database: Database,
    /// The world.
    pub world: Arc<World>,
    /// The records of domains, as the world knows them.
    pub zone: Arc<Zone>,
    clock: Arc<FakeClock>,
    site: Arc<Site>,
    doors: Arc<Doors>,
    place: Arc<databases::Place>,
}

/// Where the server under test says that it is.
pub const BASE_URL: &str = "http://localhost:7080";

impl TestServer {
    /// A development instance with the default settings, and its neighbour.
    pub async fn start() -> TestServer {
        TestServer::start_with(Setup::default()).await
    }

    /// A server as it is set up.
    pub async fn start_with(setup: Setup) -> TestServer {
        if let Ok(filter) = std::env::var("INSULA_TEST_LOG") {
            let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
        }
        let (mut world, clock) = World::fake(setup.seed);
        world.mail = (setup.post)(world.mail);
        let zone = Arc::new(Zone::default());
        world.dns = Arc::clone(&zone) as Arc<dyn Dns>;
        let world = Arc::new(world);
        let place = Arc::new(databases::fresh(setup.way).await);
        let database = Database::open(place.location(), options(&world, setup.bounds)).await.expect("the database opens");
        let site = Arc::new(Site::new(BASE_URL, None).expect("a site"));
        let pairs = [world.keys.make().expect("a key pair"), world.keys.make().expect("a key pair"), world.keys.make().expect("a key pair")];
        let environment = setup.environment;
        let (workspace, homes, tokens) = database
            .platform(Access::Write, |tx| {
                Box::pin(async {
                    let workspace = applications::found(tx, &pairs[0]).await?;
                    let mut homes = Vec::new();
                    for (name, pair) in [("Home", &pairs[1]), ("Neighbour", &pairs[2])] {
                        keys::spares::put(tx, pair).await?;
                        let new = applications::NewApplication { name: name.to_owned(), environments: vec![environment], domain: None, proxy_path: None };
                        homes.push(applications::create(tx, workspace, &new).await?);
                    }
                    let other = workspaces::create(tx, "Another workspace").await?;
                    let tokens = [
                        keys::create_platform_token(tx, workspace, &keys::Scope::ALL).await?,
                        keys::create_platform_token(tx, other, &keys::Scope::ALL).await?,
                    ];
                    Ok((workspace, homes, tokens))
                })
            })
            .await
            .expect("the estate is founded");
        let [home, neighbour] =
            [0, 1].map(|index| Home { tenant: site.tenant(homes[index].application.instances[0].clone()), secret_key: homes[index].secret_keys[0].clone() });
        let doors = doors(&database, &world, Arc::clone(&site), setup.rates, setup.trusted_proxies);
        let [platform_token, other_platform_token] = tokens;
        let server = TestServer { home, neighbour, workspace, platform_token, other_platform_token, database, world, zone, clock, site, doors, place };
        for instance in [server.home.tenant.id(), server.neighbour.tenant.id()] {
            server.set(instance, setup.settings.clone()).await;
        }
        server
    }

    /// Another server on the same database, beside this one and with a memory of its own.
    pub async fn another_node(&self) -> TestServer {
        let database = Database::open(self.place.direct(), options(&self.world, PATIENT)).await.expect("the database opens once more");
        let doors = doors(&database, &self.world, Arc::clone(&self.site), Rates::Ignored, Vec::new());
        TestServer {
            home: self.home.clone(),
            neighbour: self.neighbour.clone(),
            workspace: self.workspace,
            platform_token: self.platform_token.clone(),
            other_platform_token: self.other_platform_token.clone(),
            database,
            world: Arc::clone(&self.world),
            zone: Arc::clone(&self.zone),
            clock: Arc::clone(&self.clock),
            site: Arc::clone(&self.site),
            doors,
            place: Arc::clone(&self.place),
        }
    }

    /// A sibling: another instance of the application that the test is about.
    pub async fn sibling(&self, new: applications::NewInstance) -> Home {
        let pair = self.world.keys.make().expect("a key pair");
        let (workspace, application) = (self.workspace, self.home.tenant.instance.application);
        let added = self
            .database
            .platform(Access::Write, |tx| {
                Box::pin(async {
                    keys::spares::put(tx, &pair).await?;
                    applications::add_instance(tx, workspace, application, &new).await
                })
            })
            .await
            .expect("a sibling");
        Home { tenant: self.site.tenant(added.instance), secret_key: added.secret_key }
    }

    /// The production instance beside the development instance that the test is about. Its application is at the proxy's origin.
    pub async fn production_sibling(&self, proxy_url: &str) -> Home {
        let (environment, proxy_url) = (Environment::Production, Some(proxy_url.to_owned()));
        self.sibling(applications::NewInstance { environment, label: None, domain: None, proxy_url, clone_of: None }).await
    }

    /// The database once more, with these master keys instead of the server's.
    pub async fn opened_with(&self, master: MasterKey) -> Database {
        Database::open(self.place.direct(), Options { master, ..options(&self.world, PATIENT) }).await.expect("the database opens once more")
    }

    /// Changes an instance's settings.
    pub async fn set(&self, instance: InstanceId, settings: Value) {
        let change = settings.as_object().cloned().unwrap_or_default();
        self.inside(instance, Access::Write, |tx| Box::pin(domain::settings::update_instance(tx, domain::audit::Actor::Server, &change))).await;
    }

    /// Works inside an instance, past every door.
    pub async fn inside<'e, T: Send>(
        &self,
        instance: InstanceId,
        access: Access,
        work: impl for<'a> Fn(&'a mut Tx<'e>) -> BoxFuture<'a, foundation::Result<T>> + Send + Sync,
    ) -> T {
        self.database.within(instance, access, work).await.expect("the work succeeds")
    }

    /// Everything that an instance has, by table. Attempts of jobs and the like are rows too: what differs has changed.
    pub async fn belongings(&self, instance: InstanceId) -> BTreeMap<String, Vec<Vec<String>>> {
        let mut all = BTreeMap::new();
        for table in self.database.catalog().await.expect("a catalog").iter().filter(|table| table.is_tenants()) {
            let rows = self.inside(instance, Access::Read, |tx| Box::pin(tx.rows_of(table))).await;
            all.insert(table.name.clone(), rows);
        }
        all
    }

    /// The doors themselves.
    pub fn doors(&self) -> &Arc<Doors> {
        &self.doors
    }

    /// A browser at the instance, without any cookie.
    pub fn browser(&self) -> Browser {
        Browser::new(Arc::clone(&self.doors), &self.home.tenant)
    }

    /// A browser at the neighbour.
    pub fn neighbours_browser(&self) -> Browser {
        Browser::new(Arc::clone(&self.doors), &self.neighbour.tenant)
    }

    /// A browser at any instance.
    pub fn browser_at(&self, home: &Home) -> Browser {
        Browser::new(Arc::clone(&self.doors), &home.tenant)
    }

    /// Any instance's backend.
    pub fn backend_of(&self, home: &Home) -> Api {
        Api::new(Arc::clone(&self.doors), "backend", Some(&home.secret_key))
    }

    /// The instance's backend.
    pub fn backend(&self) -> Api {
        Api::new(Arc::clone(&self.doors), "backend", Some(&self.home.secret_key))
    }

    /// The neighbour's backend.
    pub fn neighbours_backend(&self) -> Api {
        Api::new(Arc::clone(&self.doors), "backend", Some(&self.neighbour.secret_key))
    }

    /// The platform that owns both instances.
    pub fn platform(&self) -> Api {
        Api::new(Arc::clone(&self.doors), "platform", Some(&self.platform_token))
    }

    /// A platform that owns neither.
    pub fn other_platform(&self) -> Api {
        Api::new(Arc::clone(&self.doors), "platform", Some(&self.other_platform_token))
    }

    /// Somebody with any credential, or none, at the Backend or the Platform API.
    pub fn api(&self, face: &'static str, credential: Option<&Secret>) -> Api {
        Api::new(Arc::clone(&self.doors), face, credential)
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Runs every job that is due.
    pub async fn run_jobs(&self) -> u32 {
        server::jobs::run_due(&self.world, &self.database).await.expect("jobs run")
    }

    /// The newest six-digit code that was mailed to the address.
    pub async fn code(&self, to: &str) -> String {
        self.run_jobs().await;
        let caught = self.world.inbox.caught(Some(to));
        let text = &caught.first().unwrap_or_else(|| panic!("no mail to {to}")).mail.text;
        text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6).unwrap_or_else(|| panic!("no code in {text}")).to_owned()
    }

    /// A browser in which a new user of this name is signed in, by password and a proven test address.
    pub async fn signed_in(&self, name: &str) -> Browser {
        let mut browser = self.browser();
        browser.sign_up(name).await;
        browser
    }

    /// The same person at the neighbour.
    pub async fn signed_in_next_door(&self, name: &str) -> Browser {
        let mut browser = self.neighbours_browser();
        browser.sign_up(name).await;
        browser
    }
}

fn options(world: &Arc<World>, bounds: Bounds) -> Options {
    let conflicts = std::env::var("INSULA_TEST_CONFLICTS").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    Options {
        clock: Arc::clone(&world.clock),
        random: world.random.clone(),
        master: MasterKey::new([7; 32]),
        faults: Faults::conflict_every(conflicts),
        connections: 8,
        bounds,
    }
}

fn doors(database: &Database, world: &Arc<World>, site: Arc<Site>, rates: Rates, trusted_proxies: Vec<foundation::Cidr>) -> Arc<Doors> {
    let scripts = web::Scripts { mirror: None, cdn: "https://cdn.example".to_owned() };
    let app = web::App::new(database.clone(), Arc::clone(world), site, scripts).trusting(trusted_proxies);
    let app = if rates == Rates::Ignored { app.ignoring_rates() } else { app };
    let doors = Arc::new(Doors::new(Arc::new(app)));
    doors.ready().store(true, Ordering::SeqCst);
    doors
}

/// The password of everybody whom tests sign up.
pub const PASSWORD: &str = "correct horse battery";

/// The test address of a name.
pub fn address(name: &str) -> String {
    format!("{name}+clerk_test@example.com")
}
