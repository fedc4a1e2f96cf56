//! The operator's commands, beside `serve`. What they say goes to standard output, a line at a time; what goes wrong is one sentence.

mod backup;
pub mod doctor;
pub mod keys;
mod migrate;
pub mod package;
mod progress;
mod restore;
mod tokens;

use crate::{
    config::{Config, Flags},
    start,
};
use clap::Subcommand;
use std::{io::Write, process::ExitCode};

/// What the binary can do.
#[derive(Subcommand)]
pub enum Command {
    /// Serve (the default)
    Serve(Flags),
    /// Bring the database's schema up to date, and end
    Migrate(Flags),
    /// Check configuration, files, clock, database, mail, keys and hosts, and say what to do; also beside a running server
    Doctor(doctor::Arguments),
    /// Copy the SQLite database into one file, while the server runs
    Backup(backup::Arguments),
    /// Put a backup into the data folder; the server must be stopped
    Restore(restore::Arguments),
    /// Keys of the server itself
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Platform tokens: make, list and end them
    #[command(subcommand)]
    Tokens(tokens::Tokens),
}

/// Runs a command.
///
/// # Errors
/// A sentence for the operator.
pub async fn run(command: Command) -> Result<ExitCode, String> {
    match command {
        Command::Serve(flags) => start::serve(Config::read(&flags)?).await?,
        Command::Migrate(flags) => migrate::run(&Config::read(&flags)?).await?,
        Command::Backup(arguments) => backup::run(&arguments).await?,
        Command::Restore(arguments) => restore::run(&arguments).await?,
        Command::Keys(keys::Keys::Rotate(flags)) => keys::rotate(&Config::read(&flags)?).await?,
        Command::Tokens(asked) => tokens::run(&asked).await?,
        Command::Doctor(arguments) => return Ok(doctor::run(&arguments).await),
    }
    Ok(ExitCode::SUCCESS)
}

/// Says a line. A closed standard output is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
