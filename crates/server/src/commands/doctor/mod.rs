//! `insula doctor`: looks at everything that an operator has to get right, changes nothing, and says what to do. Also beside a running server.
//!
//! A check is a function in a file of its own and a line in [`CHECKS`].

mod clock;
mod database;
mod files;
mod hosts;
mod keys;
mod mail;
mod proxies;

use super::say;
use crate::{
    config::{Config, Flags},
    doubts,
    files::{MasterTexts, master_key},
    start,
};
use serde::Serialize;
use serde_json::json;
use std::process::ExitCode;
use store::{BoxFuture, Database, Faults, Location, MasterKey, Options};
use world::World;

/// What `doctor` is asked.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    flags: Flags,
    /// Answer with one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// How a matter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is well.
    Ok,
    /// It works, and something should be done.
    Warn,
    /// It does not work, or not for long.
    Fail,
}

/// What a check has found, in one sentence, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    check: &'static str,
    state: State,
    says: String,
    remedy: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn ok(check: &'static str, says: impl Into<String>) -> Finding {
        Finding { check, state: State::Ok, says: says.into(), remedy: None }
    }

    /// Something should be done.
    pub fn warn(check: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { check, state: State::Warn, says: says.into(), remedy: Some(remedy.into()) }
    }

    /// Something must be done.
    pub fn fail(check: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { check, state: State::Fail, says: says.into(), remedy: Some(remedy.into()) }
    }
}

/// What the checks look at.
pub struct Patient {
    /// The configuration.
    pub config: Config,
    /// The world outside.
    pub world: World,
    /// Whether there is a usable master key, or why not.
    pub master: Result<(), String>,
    /// The database: open for looking, not made yet, or the reason why it cannot be opened.
    pub database: Result<Option<Database>, String>,
}

impl Patient {
    /// The database, where it is open and its schema is this program's, so that its rows can be read.
    pub async fn readable(&self) -> Option<&Database> {
        let database = self.database.as_ref().ok()?.as_ref()?;
        (database.schema_version().await.ok()? == store::newest()).then_some(database)
    }
}

/// A check: looks at one matter, changes nothing, and takes a few seconds at most.
pub type Check = for<'a> fn(&'a Patient) -> BoxFuture<'a, Vec<Finding>>;

/// All checks, in the order in which they are told.
const CHECKS: [Check; 7] = [files::check, database::check, clock::check, keys::check, mail::check, hosts::check, proxies::check];

/// Examines, tells, and says by its code whether anything fails.
pub async fn run(arguments: &Arguments) -> ExitCode {
    let findings = examine(&arguments.flags).await;
    if arguments.json {
        let ok = findings.iter().all(|finding| finding.state != State::Fail);
        say(&format!("{:#}", json!({ "ok": ok, "findings": findings })));
    } else {
        tell(&findings);
    }
    if findings.iter().any(|finding| finding.state == State::Fail) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

async fn examine(flags: &Flags) -> Vec<Finding> {
    let config = match Config::read(flags) {
        Ok(config) => config,
        Err(why) => return vec![Finding::fail("configuration", why, "mend this first; the other checks need it")],
    };
    let says = format!("{}, listening at {}, data in {}", config.site.base_url(), config.listen, config.data.display());
    let mut findings = vec![Finding::ok("configuration", says)];
    // That https needs a proxy is said where proxies are looked at.
    let proxy = if config.site.is_secure() { None } else { doubts::unnamed_proxy(&config) };
    findings.extend(proxy.into_iter().chain(doubts::open_metrics(&config)).map(|doubt| Finding::warn("configuration", doubt.says, doubt.remedy)));
    let patient = Patient::visit(config).await;
    for check in CHECKS {
        findings.extend(check(&patient).await);
    }
    findings
}

impl Patient {
    async fn visit(config: Config) -> Patient {
        let mut world = World::real();
        world.mail = world.mail.by(config.relay.clone()).reaching(config.reach);
        let master = given_master(&config, &world);
        // Without its key the database can still be looked at, except for what is sealed.
        let key = master.as_ref().map_or_else(|_| Ok(MasterKey::new([0; 32])), |()| read_master(&config, &world));
        let database = match key {
            Ok(key) => look(&config, &world, key).await,
            Err(why) => Err(why),
        };
        Patient { config, world, master, database }
    }
}

fn read_master(config: &Config, world: &World) -> Result<MasterKey, String> {
    let texts: &MasterTexts = &config.master_keys;
    master_key(&config.data, texts, &mut world.random.clone()).map(|master| master.key)
}

fn given_master(config: &Config, world: &World) -> Result<(), String> {
    read_master(config, world).map(drop)
}

async fn look(config: &Config, world: &World, master: MasterKey) -> Result<Option<Database>, String> {
    if let Location::File(file) = &config.location
        && !file.exists()
    {
        return Ok(None);
    }
    let options =
        Options { clock: world.clock.clone(), random: world.random.clone(), master, faults: Faults::default(), connections: 2, bounds: config.bounds };
    Database::look(&config.location, options).await.map(Some).map_err(|e| start::sentence(&e))
}

fn tell(findings: &[Finding]) {
    for finding in findings {
        let state = match finding.state {
            State::Ok => "ok  ",
            State::Warn => "warn",
            State::Fail => "FAIL",
        };
        say(&format!("{state}  {:<13}  {}", finding.check, finding.says));
        if let Some(remedy) = &finding.remedy {
            say(&format!("{:<21}-> {remedy}", ""));
        }
    }
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    say(&format!("\n{} well, {} to look after, {} to mend", count(State::Ok), count(State::Warn), count(State::Fail)));
}
