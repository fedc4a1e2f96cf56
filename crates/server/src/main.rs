//! The binary `insula`.

use clap::{Parser, Subcommand};
use server::{config, start};
use std::{io::Write, process::ExitCode};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Insula: sign-up, sign-in, sessions, organizations and whole isolated tenants for any application.
#[derive(Parser)]
#[command(name = "insula", version, about, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: config::Flags,
}

#[derive(Subcommand)]
enum Command {
    /// Serve (the default).
    Serve(config::Flags),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let flags = match arguments.command {
        Some(Command::Serve(flags)) => flags,
        None => arguments.serve,
    };
    let outcome = config::Config::read(&flags).and_then(|config| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| format!("the runtime could not start: {e}"))?;
        runtime.block_on(start::serve(config))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            let _ = writeln!(std::io::stderr(), "insula: {sentence}");
            ExitCode::FAILURE
        }
    }
}
