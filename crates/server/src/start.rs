//! Starting and stopping.

use crate::{
    config::{Config, LogFormat},
    dispatch::Doors,
    doubts, files, first_start, jobs, last_start, listen,
    metrics::Metrics,
};
use domain::{
    keys::spares,
    settings::{Document, above},
};
use foundation::Error;
use std::{
    io::IsTerminal,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use store::{Access, Database, Faults, Location, MasterKey, Options};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};
use tracing_subscriber::EnvFilter;
use web::App;
use world::World;

/// Serves until the process is told to stop.
///
/// # Errors
/// A sentence for the operator.
pub async fn serve(config: Config) -> Result<(), String> {
    log(&config)?;
    let mut signals = StopSignals::listen()?;
    // The port is part of the keys that a first start hands out, so it comes first.
    let listener =
        TcpListener::bind(config.listen).await.map_err(|e| format!("cannot listen at {}: {e}: choose another address with --listen", config.listen))?;
    let metrics = match config.metrics_listen {
        Some(at) => Some(TcpListener::bind(at).await.map_err(|e| format!("cannot serve metrics at {at}: {e}: choose another address with --metrics-listen"))?),
        None => None,
    };
    files::data_folder(&config.data)?;
    let _held = files::lock(&config.data)?;
    let mut world = World { places: config.places.clone(), ..World::real() };
    world.mail = world.mail.by(config.relay.clone()).reaching(config.reach);
    let world = Arc::new(world);
    let database = open_database(&config, &world).await?;
    let doubts: Vec<_> = doubts::folder(&config.data).into_iter().chain(doubts::addresses(&config)).collect();
    let site = Arc::new(config.site);
    let first = first_start::lay(&world, &database, &site, &config.data).await?;
    // Another server may have laid the foundation in between, with another key.
    database.check_master_key().await.map_err(|e| sentence(&e))?;
    if let Some(moved) = last_start::compare(&config.data, &site) {
        tracing::warn!("{}; {}", moved.says, moved.remedy);
    }
    last_start::note(&config.data, &site)?;
    put_settings(&database, &config.settings).await?;
    // Whatever refuses to start says one sentence, so this comes after all of it.
    for doubt in doubts {
        tracing::warn!("{}; {}", doubt.says, doubt.remedy);
    }
    let app = Arc::new(App::new(database.clone(), Arc::clone(&world), Arc::clone(&site), config.scripts).trusting(config.trusted_proxies));
    let doors = Arc::new(Doors::new(app));
    let (stop, stopped) = watch::channel(false);
    let ready = Arc::clone(doors.ready());
    let filling = tokio::spawn(fill_spares(Arc::clone(&world), database.clone(), ready, first.is_some()));
    let mut runner = tokio::spawn(jobs::run(world, database, stopped.clone()));
    if let Some(metrics) = metrics {
        tokio::spawn(listen::run(metrics, Arc::new(Metrics::new(Arc::clone(&doors))), stopped.clone()));
    }
    let listening = tokio::spawn(listen::run(listener, doors, stopped));
    match (&first, config.log_format) {
        (None, _) => {}
        // Whoever collects the log as JSON collects standard output beside it, and keeps both: no plain text, and no keys.
        (Some(_), LogFormat::Json) => tracing::info!(file = %first_start::file(&config.data).display(), "the first start: the keys are in this file"),
        // A closed standard output is no reason to stop: the file says the same.
        (Some(first), LogFormat::Text) => drop(first.tell(&config.data)),
    }
    tracing::info!(address = %config.listen, base_url = site.base_url(), "listening");
    signals.wait().await;
    tracing::info!("stopping");
    let _ = stop.send(true);
    filling.abort();
    let _ = listening.await;
    if tokio::time::timeout(LAST_JOB, &mut runner).await.is_err() {
        // Its lease runs out, and it runs again.
        runner.abort();
    }
    tracing::info!("stopped");
    Ok(())
}

/// How long the job that runs may take after the server was told to stop.
const LAST_JOB: Duration = Duration::from_secs(2);

/// Opens the database with its master key. A new key is written down only for a database that has none yet, and before anything is sealed.
pub(crate) async fn open_database(config: &Config, world: &Arc<World>) -> Result<Database, String> {
    let master = files::master_key(&config.data, &config.master_keys, &mut world.random.clone())?;
    let database = open_with(config, world, master.key).await?;
    if let Some(text) = &master.new {
        files::write_secret(&config.data.join(files::MASTER), text)?;
    }
    Ok(database)
}

/// Opens the database with this master key, which must be its own.
pub(crate) async fn open_with(config: &Config, world: &World, master: MasterKey) -> Result<Database, String> {
    if let Location::File(file) = &config.location {
        files::database_file(file)?;
        if file.metadata().is_ok_and(|found| found.len() > 0) && !files::begins_as_database(file) {
            return Err(format!("{} is no SQLite database: restore your newest backup with `insula restore --force`", file.display()));
        }
    }
    let (clock, random) = (Arc::clone(&world.clock), world.random.clone());
    let options = Options { clock, random, master, faults: Faults::default(), connections: config.connections, bounds: config.bounds };
    let database = Database::open(&config.location, options).await.map_err(|e| sentence(&e))?;
    database.check_master_key().await.map_err(|e| sentence(&e))?;
    Ok(database)
}

/// Writes the system layer where it differs from what the database has.
async fn put_settings(database: &Database, document: &Document) -> Result<(), String> {
    let stored = database.platform(Access::Read, |tx| Box::pin(above::system(tx))).await.map_err(|e| sentence(&e))?;
    if stored == *document {
        return Ok(());
    }
    database.platform(Access::Write, |tx| Box::pin(above::put_system(tx, document))).await.map_err(|e| sentence(&e))
}

/// Makes key pairs ahead. A first start is ready at once and fills up beside its work; a later one is ready when they are there.
async fn fill_spares(world: Arc<World>, database: Database, ready: Arc<AtomicBool>, first: bool) {
    if first {
        ready.store(true, Ordering::Release);
    }
    if let Err(error) = spares::fill(&world, &database, spares::WANTED).await {
        tracing::warn!(%error, "spare keys could not be made; they will be made when they are needed");
    }
    ready.store(true, Ordering::Release);
}

pub(crate) fn sentence(error: &Error) -> String {
    match error {
        Error::Unavailable(why) => why.clone(),
        other => format!("the database cannot be used: {other}"),
    }
}

fn log(config: &Config) -> Result<(), String> {
    let filter = EnvFilter::try_new(&config.log).map_err(|e| format!("log filter {}: {e}", config.log))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let outcome = match config.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    outcome.map_err(|e| format!("logging cannot start: {e}"))
}

/// The signals that ask the process to stop, heard from the moment this is made.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn listen() -> Result<StopSignals, String> {
        let hear = |kind| signal(kind).map_err(|e| format!("signals cannot be heard: {e}"));
        Ok(StopSignals { terminate: hear(SignalKind::terminate())?, interrupt: hear(SignalKind::interrupt())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
