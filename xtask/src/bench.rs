//! `bench`: builds for release, starts a PostgreSQL where there is one, and measures.

use crate::{
    postgres::{self, Postgres},
    steps::{Steps, cargo, run, target},
};
use std::process::{Command, ExitCode};

/// The options that the measuring program has, but for those that are given to it here.
const OPTIONS: [&str; 3] = ["--quick", "--json", "--only"];

/// The first option that there is not, so that nobody waits for a build to hear of it.
pub fn unknown<'a>(options: &[&'a str]) -> Option<&'a str> {
    options.iter().find(|option| option.starts_with('-') && !OPTIONS.contains(option)).copied()
}

/// Measures. The options are the measuring program's.
pub fn run_all(options: &[&str]) -> ExitCode {
    let mut steps = Steps::default();
    steps.step("Release build", |_| run(&mut cargo(&["build", "--release", "-p", "server", "-p", "bench"])));
    let postgres = if postgres::programs().is_some() { steps.step("PostgreSQL starts", |_| Postgres::start()) } else { None };
    if !steps.any_failed() {
        let release = target().join("release");
        steps.step("Measuring", |_| {
            let mut bench = Command::new(release.join("bench"));
            bench.arg("--server").arg(release.join("insula")).args(options);
            if let Some(postgres) = &postgres {
                bench.args(["--postgres", &postgres.url()]);
            }
            run(&mut bench)
        });
    }
    if let Some(mut postgres) = postgres {
        steps.step("PostgreSQL stops", |_| postgres.stop());
    }
    steps.list();
    if steps.any_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
