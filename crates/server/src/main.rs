//! The binary `insula`.

use clap::Parser;
use server::{
    commands::{self, Command},
    config,
};
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

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let command = arguments.command.unwrap_or(Command::Serve(arguments.serve));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| format!("the runtime could not start: {e}"));
    match runtime.and_then(|runtime| runtime.block_on(commands::run(command))) {
        Ok(code) => code,
        Err(sentence) => {
            let _ = writeln!(std::io::stderr(), "insula: {sentence}");
            ExitCode::FAILURE
        }
    }
}
