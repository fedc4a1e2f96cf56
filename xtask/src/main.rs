//! The project's chores, `cargo xtask …`, with the standard library alone: nothing to wait for before they run.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal: it measures steps, reads the environment and starts other programs"
)]

mod bench;
mod check;
mod counts;
mod node;
mod operation;
mod packages;
mod postgres;
mod steps;
mod test;

use std::{env, process::ExitCode};
use test::{Crashes, Parts};

const HELP: &str = "\
cargo xtask check          formatting, lints, and licences if cargo-deny is installed
cargo xtask test           everything: on SQLite, again on PostgreSQL, and end to end with a browser
    --sqlite --postgres --e2e    only these parts
    --no-e2e                     without this part
cargo xtask e2e            the end-to-end part
cargo xtask crash          kills the server at random instants under load, and holds it to what it has acknowledged
    --rounds N               how often [default: 100]
    --postgres               on a PostgreSQL of its own instead of SQLite
cargo xtask bench          what the server does for a second of CPU, beside the machine's limits (docs/performance.md)
    --quick --json               a short run; the figures for programs
    --only P1,P3                 only these targets
cargo xtask operation ID   an operation of the wire contract: where it is routed and tested, what is still to do
cargo xtask help           this text

`test`, `e2e` and `crash` install what they need (Debian and Ubuntu: PostgreSQL, Chromium, Node.js), start a PostgreSQL of
their own and stop it again. Their last line says how many tests passed and failed.

INSULA_TRAFFIC   a folder in which the tests record every exchange with the server
CHROMIUM         the browser, where it is not found by itself";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["check"] => check::run_all(),
        ["test", options @ ..] => match Parts::chosen(options) {
            Ok(parts) => test::run(parts),
            Err(unknown) => misused(&format!("there is no option {unknown}")),
        },
        ["e2e"] => test::run(Parts::END_TO_END),
        ["crash", options @ ..] => match Crashes::chosen(options) {
            Ok(crashes) => test::crash(crashes),
            Err(unknown) => misused(&format!("there is no option {unknown}")),
        },
        ["bench", options @ ..] => match bench::unknown(options) {
            None => bench::run_all(options),
            Some(unknown) => misused(&format!("there is no option {unknown}")),
        },
        ["operation", id] => operation::run(id),
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        other => misused(&format!("not understood: {}", other.join(" "))),
    }
}

fn misused(why: &str) -> ExitCode {
    eprintln!("{why}\n\n{HELP}");
    ExitCode::from(2)
}
