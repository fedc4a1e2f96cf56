//! `test`: sets up what is needed and runs everything, on both databases and end to end.

use crate::{
    node,
    packages::{self, CHROMIUM, COMPILER, NODE, NPM, POSTGRES},
    postgres::Postgres,
    steps::{Outcome, Steps, cargo, root, run as run_command, run_counted, target},
};
use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{self, Path},
    process::{Command, ExitCode},
    time::SystemTime,
};

/// The database that the tests of the server use; SQLite where it is not set.
const DATABASE: &str = "INSULA_TEST_DATABASE";
/// Every so many commits of the server under test fail once, as they may on a busy PostgreSQL.
const CONFLICTS: &str = "INSULA_TEST_CONFLICTS";
/// How often the server is killed in the tests of crashes.
const CRASHES: &str = "INSULA_CRASH_ROUNDS";
/// The folder in which tests record their exchanges with the server.
const TRAFFIC: &str = "INSULA_TRAFFIC";

/// Which tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    sqlite: bool,
    postgres: bool,
    end_to_end: bool,
}

impl Parts {
    const NONE: Parts = Parts { sqlite: false, postgres: false, end_to_end: false };
    const ALL: Parts = Parts { sqlite: true, postgres: true, end_to_end: true };
    /// The built binary, the SDKs and a browser.
    pub const END_TO_END: Parts = Parts { end_to_end: true, ..Parts::NONE };

    /// Reads the options; the error is the one that is unknown.
    pub fn chosen<'a>(options: &[&'a str]) -> Result<Parts, &'a str> {
        let mut only = Parts::NONE;
        let mut without_end_to_end = false;
        for option in options {
            match *option {
                "--sqlite" => only.sqlite = true,
                "--postgres" => only.postgres = true,
                "--e2e" => only.end_to_end = true,
                "--no-e2e" => without_end_to_end = true,
                unknown => return Err(unknown),
            }
        }
        let parts = if only == Parts::NONE { Parts::ALL } else { only };
        Ok(Parts { end_to_end: parts.end_to_end && !without_end_to_end, ..parts })
    }
}

/// Runs the parts. Each is run, whatever the ones before came to; the counts are the last line.
pub fn run(parts: Parts) -> ExitCode {
    let mut steps = Steps::default();
    steps.step("Programs that the tests need", |_| set_up(parts));
    if parts.sqlite {
        steps.step("Tests on SQLite", |counts| run_counted(&mut tests(&["--workspace"]), counts));
    }
    if parts.postgres
        && let Some(mut postgres) = steps.step("PostgreSQL starts", |_| Postgres::start())
    {
        steps.step("Tests on PostgreSQL", |counts| {
            let mut command = tests(&["--package", "server", "--test", "it", "--test", "crash"]);
            command.args(["--package", "axum-postgres", "--features", "axum-postgres/database", "--test", "rows"]);
            run_counted(command.env(DATABASE, postgres.url()).env(CONFLICTS, "7"), counts)
        });
        steps.step("PostgreSQL stops", |_| postgres.stop());
    }
    if parts.end_to_end {
        end_to_end(&mut steps);
    }
    steps.close()
}

/// How often the server is killed, and on which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crashes {
    rounds: u32,
    postgres: bool,
}

impl Crashes {
    /// Reads the options; the error is the one that is unknown, or has no number.
    pub fn chosen<'a>(options: &[&'a str]) -> Result<Crashes, &'a str> {
        let mut crashes = Crashes { rounds: 100, postgres: false };
        let mut options = options.iter();
        while let Some(option) = options.next() {
            match *option {
                "--postgres" => crashes.postgres = true,
                "--rounds" => crashes.rounds = options.next().and_then(|number| number.parse().ok()).ok_or(*option)?,
                unknown => return Err(unknown),
            }
        }
        Ok(crashes)
    }
}

/// Kills the server so often under load.
pub fn crash(crashes: Crashes) -> ExitCode {
    let mut steps = Steps::default();
    let kill = |database: Option<String>| {
        let mut command = tests(&["--package", "server", "--test", "crash"]);
        command.args(["--", "--nocapture"]).env(CRASHES, crashes.rounds.to_string()).envs(database.map(|url| (DATABASE, url)));
        command
    };
    if !crashes.postgres {
        steps.step("Crashes on SQLite", |counts| run_counted(&mut kill(None), counts));
        return steps.close();
    }
    steps.step("Programs that the tests need", |_| packages::install(&[&COMPILER, &POSTGRES]));
    if let Some(mut postgres) = steps.step("PostgreSQL starts", |_| Postgres::start()) {
        steps.step("Crashes on PostgreSQL", |counts| run_counted(&mut kill(Some(postgres.url())), counts));
        steps.step("PostgreSQL stops", |_| postgres.stop());
    }
    steps.close()
}

fn set_up(parts: Parts) -> Outcome {
    let mut needs = vec![&COMPILER];
    if parts.postgres || parts.end_to_end {
        needs.push(&POSTGRES);
    }
    if parts.end_to_end {
        needs.extend([&NODE, &NPM, &CHROMIUM]);
    }
    packages::install(&needs)
}

fn tests(what: &[&str]) -> Command {
    let mut command = cargo(&["test", "--no-fail-fast"]);
    with_traffic(command.args(what).env(CRASHES, "10").env_remove(DATABASE).env_remove(CONFLICTS));
    command
}

/// Tests run in folders of their own, so the folder's name must be a whole one.
fn with_traffic(command: &mut Command) {
    if let Some(folder) = env::var_os(TRAFFIC).filter(|name| !name.is_empty())
        && let Ok(whole) = path::absolute(folder)
    {
        command.env(TRAFFIC, whole);
    }
}

fn end_to_end(steps: &mut Steps) {
    let built = steps.step("The binary is built", |_| run_command(&mut cargo(&["build", "--release", "--package", "server"])));
    let Some(path) = steps.step("Node.js and the SDKs", |_| sdks()) else { return };
    if built.is_none() {
        return;
    }
    steps.step("End to end", |counts| {
        let browser = packages::chromium().ok_or("there is no Chromium that starts: install one, or name it in CHROMIUM")?;
        let mut command = npm("test", &path);
        command.env("INSULA_BIN", target().join("release/insula")).env("CHROMIUM", browser).env_remove("FORCE_COLOR");
        with_traffic(&mut command);
        run_counted(&mut command, counts)
    });
}

/// Installs the SDKs if the lock file has changed since; the `PATH` with the right Node.js.
fn sdks() -> Outcome<OsString> {
    let path = node::path()?;
    let folder = root().join("e2e");
    let changed = |file: &str| time_of(&folder.join(file));
    if changed("node_modules/.package-lock.json") < changed("package-lock.json").max(changed(".npmrc")) {
        run_command(&mut npm("ci", &path))?;
    }
    Ok(path)
}

fn npm(what: &str, path: &OsStr) -> Command {
    let mut command = Command::new("npm");
    command.arg(what).env("PATH", path).current_dir(root().join("e2e"));
    command
}

/// When a file was last written; nothing is older than an absent one.
fn time_of(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|found| found.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::{Crashes, Parts};

    #[test]
    fn options_choose_parts() {
        assert_eq!(Parts::chosen(&[]), Ok(Parts::ALL));
        assert_eq!(Parts::chosen(&["--no-e2e"]), Ok(Parts { end_to_end: false, ..Parts::ALL }));
        assert_eq!(Parts::chosen(&["--sqlite"]), Ok(Parts { sqlite: true, ..Parts::NONE }));
        assert_eq!(Parts::chosen(&["--postgres", "--e2e"]), Ok(Parts { sqlite: false, ..Parts::ALL }));
        assert_eq!(Parts::chosen(&["--e2e"]), Ok(Parts::END_TO_END));
        assert_eq!(Parts::chosen(&["--sqlite", "--fast"]), Err("--fast"));
    }

    #[test]
    fn crashes_have_rounds_and_a_database() {
        assert_eq!(Crashes::chosen(&[]), Ok(Crashes { rounds: 100, postgres: false }));
        assert_eq!(Crashes::chosen(&["--postgres", "--rounds", "7"]), Ok(Crashes { rounds: 7, postgres: true }));
        assert_eq!(Crashes::chosen(&["--rounds"]), Err("--rounds"));
        assert_eq!(Crashes::chosen(&["--rounds", "--postgres"]), Err("--rounds"));
        assert_eq!(Crashes::chosen(&["--sqlite"]), Err("--sqlite"));
    }
}
