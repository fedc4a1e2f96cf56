//! `check`: what can be said about the code without running it.

use crate::steps::{Steps, ask, cargo, run};
use std::process::ExitCode;

/// Formatting, lints, and licences where the tool for them is there. Every step is taken, whatever the ones before came to.
pub fn run_all() -> ExitCode {
    let mut steps = Steps::default();
    if is_there("fmt") {
        steps.step("Formatting", |_| run(&mut cargo(&["fmt", "--all", "--check"])));
    } else {
        println!("rustfmt is not installed: formatting is not checked");
    }
    steps.step("Lints", |_| {
        if !is_there("clippy") {
            return Err("clippy is not installed: rustup component add clippy".to_owned());
        }
        run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    });
    if is_there("deny") {
        steps.step("Licences and sources", |_| run(&mut cargo(&["deny", "check", "licenses", "bans", "sources"])));
    } else {
        println!("cargo-deny is not installed: licences, bans and sources are not checked");
    }
    steps.list();
    if steps.any_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn is_there(subcommand: &str) -> bool {
    ask(&mut cargo(&[subcommand, "--version"])).is_some()
}
