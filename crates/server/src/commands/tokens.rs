//! `insula tokens`: platform tokens, made, listed and ended by whoever can reach the database. A token cannot make another one.

use super::say;
use crate::{
    config::{Config, Flags},
    files,
    start::{self, sentence},
};
use clap::Subcommand;
use domain::keys::{self, ListedToken, Scope};
use foundation::{Error, Id as _, PlatformTokenId, Problem, Timestamp};
use std::{fs::File, sync::Arc, time::Duration};
use store::{Access, Database, Location};
use world::World;

/// What can be done with platform tokens.
#[derive(Subcommand)]
pub enum Tokens {
    /// Make a platform token and show it, for the only time; with SQLite stop the server first
    Create {
        /// What it may do, with commas [default: everything that this program knows]
        #[arg(long, value_name = "SCOPE,…")]
        scopes: Option<String>,
        /// After how many days it ends, 1 to 3650 [default: never]
        #[arg(long, value_name = "NUMBER")]
        days: Option<u16>,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// List the ids, scopes and times of all good platform tokens; with SQLite stop the server first
    List(Box<Flags>),
    /// End a platform token at once; with SQLite stop the server first
    Revoke {
        /// Its id, as `list` shows it
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        flags: Box<Flags>,
    },
}

const DAY: Duration = Duration::from_secs(86_400);

/// Does what was asked.
///
/// # Errors
/// A sentence for the operator.
pub async fn run(asked: &Tokens) -> Result<(), String> {
    match asked {
        Tokens::Create { scopes, days, flags } => {
            let scopes = parse(scopes.as_deref())?;
            if days.is_some_and(|days| !(1..=3_650).contains(&days)) {
                return Err("--days: give a number from 1 to 3650, or leave it out for a token that does not end".to_owned());
            }
            create(&Opened::new(flags).await?, &scopes, *days).await
        }
        Tokens::List(flags) => list(&Opened::new(flags).await?).await,
        Tokens::Revoke { id, flags } => {
            let id = PlatformTokenId::parse(id).ok_or_else(|| format!("{id} is no id of a platform token: `insula tokens list` shows them"))?;
            revoke(&Opened::new(flags).await?, id).await
        }
    }
}

/// The database, held for as long as the command works.
struct Opened {
    database: Database,
    world: Arc<World>,
    _held: Option<File>,
}

impl Opened {
    async fn new(flags: &Flags) -> Result<Opened, String> {
        let config = Config::read(flags)?;
        if let Location::File(file) = &config.location
            && !file.exists()
        {
            return Err(format!("there is no database in {}: name its data folder with --data, or start the server once", config.data.display()));
        }
        files::data_folder(&config.data)?;
        let held = match config.location {
            Location::Url(_) => None,
            Location::File(_) | Location::Scratch(_) => Some(files::lock(&config.data)?),
        };
        let world = Arc::new(World::real());
        let database = start::open_database(&config, &world).await?;
        Ok(Opened { database, world, _held: held })
    }
}

fn parse(given: Option<&str>) -> Result<Vec<Scope>, String> {
    let Some(given) = given else { return Ok(Scope::ALL.to_vec()) };
    let known = || Scope::ALL.map(Scope::name).join(", ");
    let one = |name: &str| Scope::parse(name).ok_or_else(|| format!("the scope {name} is unknown: give some of {}", known()));
    given.split(',').map(str::trim).map(one).collect()
}

async fn create(opened: &Opened, scopes: &[Scope], days: Option<u16>) -> Result<(), String> {
    let end = days.map(|days| opened.world.clock.now() + DAY * u32::from(days));
    let secret = opened.database.platform(Access::Write, |tx| Box::pin(keys::issue(tx, scopes, end))).await.map_err(|e| fault(&e))?;
    say(secret.expose());
    Ok(())
}

async fn list(opened: &Opened) -> Result<(), String> {
    let found = opened.database.platform(Access::Read, |tx| Box::pin(keys::list_issued(tx))).await.map_err(|e| fault(&e))?;
    let now = opened.world.clock.now();
    for token in &found {
        say(&line(token, now));
    }
    Ok(())
}

fn line(token: &ListedToken, now: Timestamp) -> String {
    let end = token.expires_at.map_or_else(|| "never ends".to_owned(), |end| format!("ends in {} days", end.since(now).as_secs().div_ceil(DAY.as_secs())));
    let lacks = token.lacks();
    let lacks = if lacks.is_empty() { String::new() } else { format!("  lacks {}", lacks.join(" ")) };
    format!("{}  made {} days ago  {end}  {}{lacks}", token.id, now.since(token.created_at).as_secs() / DAY.as_secs(), token.scopes)
}

async fn revoke(opened: &Opened, id: PlatformTokenId) -> Result<(), String> {
    opened.database.platform(Access::Write, |tx| Box::pin(keys::end_platform_token(tx, id))).await.map_err(|e| match &e {
        Error::Refused(problem) if matches!(**problem, Problem::NotFound) => format!("there is no platform token {id}: `insula tokens list` shows them"),
        _ => sentence(&e),
    })?;
    say(&format!("{id} has ended"));
    Ok(())
}

fn fault(error: &Error) -> String {
    match error {
        Error::Refused(problem) if matches!(**problem, Problem::NotFound) => "the database is empty: start the server once".to_owned(),
        other => sentence(other),
    }
}
