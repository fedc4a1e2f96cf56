//! `cargo xtask bench`: what the server does for a second of CPU, beside what the machine can do at all, in one run.
//!
//! The server is the release binary, started on scratch data. The load comes from threads of this program, over loopback; their CPU is not
//! counted. Every figure is measured in turns with its limit, and the ratio is the median of all turns.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal that measures a server from outside")]

mod api;
mod estate;
mod floor;
mod load;
mod machine;
mod operations;
mod organizations;
mod process;
mod report;
mod storage;

use report::Report;
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// Whatever goes wrong ends the run with a sentence.
pub type Outcome<T = ()> = Result<T, String>;

/// How to measure.
pub struct Plan {
    /// The server's binary.
    server: PathBuf,
    /// A PostgreSQL for the storage layer, if there is one.
    postgres: Option<String>,
    /// Which targets; all if empty.
    only: Vec<String>,
    /// How long one turn of one figure lasts.
    turn: Duration,
    /// How many turns.
    turns: usize,
    /// How many instances stand for many.
    instances: [usize; 2],
    json: bool,
}

impl Plan {
    fn wants(&self, target: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only.eq_ignore_ascii_case(target))
    }

    fn read(arguments: &[String]) -> Outcome<Plan> {
        let mut plan = Plan {
            server: PathBuf::from("target/release/insula"),
            postgres: None,
            only: Vec::new(),
            turn: Duration::from_secs(4),
            turns: 3,
            instances: [10_000, 100_000],
            json: false,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().cloned().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--quick" => (plan.turn, plan.turns, plan.instances) = (Duration::from_millis(1_500), 1, [1_000, 10_000]),
                "--json" => plan.json = true,
                "--server" => plan.server = value()?.into(),
                "--postgres" => plan.postgres = Some(value()?),
                "--only" => plan.only = value()?.split(',').map(|target| target.trim().to_owned()).collect(),
                other => return Err(format!("there is no option {other}: --quick, --json, --only P1,P2,…, --server FILE, --postgres URL")),
            }
        }
        Ok(plan)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.first().map(String::as_str) {
        Some("floor") => floor::serve(),
        _ => Plan::read(&arguments).and_then(|plan| measure(&plan)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn measure(plan: &Plan) -> Outcome {
    let mut report = Report::default();
    operations::measure(plan, &mut report)?;
    estate::measure(plan, &mut report)?;
    organizations::measure(plan, &mut report)?;
    storage::measure(plan, &mut report)?;
    println!("{}", if plan.json { report.json() } else { report.table() });
    Ok(())
}
