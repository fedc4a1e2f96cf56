//! Steps: what is run, how long it took, and what came of it.

use crate::counts::Counts;
use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

/// What a step comes to; the error is a sentence.
pub type Outcome<T = ()> = Result<T, String>;

/// The steps so far.
#[derive(Default)]
pub struct Steps {
    counts: Counts,
    taken: Vec<(String, Duration, Outcome)>,
}

impl Steps {
    /// Does a step; `None` where it failed. A step that fails without having counted a failed test counts as one.
    pub fn step<T>(&mut self, name: &str, work: impl FnOnce(&mut Counts) -> Outcome<T>) -> Option<T> {
        println!("\n== {name}");
        let began = Instant::now();
        let failed_before = self.counts.failed;
        let outcome = work(&mut self.counts);
        if outcome.is_err() && self.counts.failed == failed_before {
            self.counts.failed += 1;
        }
        let (kept, told) = match outcome {
            Ok(value) => (Some(value), Ok(())),
            Err(why) => (None, Err(why)),
        };
        self.taken.push((name.to_owned(), began.elapsed(), told));
        println!("{}", line(&self.taken[self.taken.len() - 1]));
        kept
    }

    /// Whether a step has failed.
    pub fn any_failed(&self) -> bool {
        self.taken.iter().any(|(_, _, outcome)| outcome.is_err())
    }

    /// Lists the steps.
    pub fn list(&self) {
        println!();
        for taken in &self.taken {
            println!("{}", line(taken));
        }
    }

    /// Lists the steps; the counts stand alone on the last line.
    pub fn close(self) -> ExitCode {
        self.list();
        println!("\n{}", self.counts);
        if self.any_failed() || self.counts.failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

fn line((name, took, outcome): &(String, Duration, Outcome)) -> String {
    let seconds = took.as_secs_f64();
    match outcome {
        Ok(()) => format!("== {name}: done, {seconds:.1} s"),
        Err(why) => format!("== {name}: FAILED, {seconds:.1} s: {why}"),
    }
}

/// Runs a program that shows its output itself.
pub fn run(command: &mut Command) -> Outcome {
    let status = command.stdin(Stdio::null()).status().map_err(|e| not_started(command, &e))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", name(command))) }
}

/// Runs a program of tests, shows its output, and counts what it says.
pub fn run_counted(command: &mut Command, counts: &mut Counts) -> Outcome {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|e| not_started(command, &e))?;
    let mut output = BufReader::new(child.stdout.take().ok_or("its output cannot be read")?);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).map_err(|e| e.to_string())? > 0 {
        let shown = std::io::stdout().write_all(&line);
        counts.read(&String::from_utf8_lossy(&line));
        line.clear();
        shown.map_err(|e| e.to_string())?;
    }
    let status = child.wait().map_err(|e| e.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", name(command))) }
}

/// Runs a program for what it prints; `None` where it is absent or does not succeed.
pub fn ask(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// `cargo` at the project's root, as if it were called from a shell: without the variables that describe this program, which
/// would make build scripts run again.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    for (variable, _) in env::vars_os() {
        if variable.to_str().is_some_and(|v| v.starts_with("CARGO_PKG_") || v.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(variable);
        }
    }
    command
}

/// The project's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Where cargo builds: the folder with `debug` and `release`.
pub fn target() -> PathBuf {
    let here = env::current_exe().ok();
    here.as_deref().and_then(|program| program.parent()?.parent()).map_or_else(|| root().join("target"), Path::to_path_buf)
}

fn name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned()
}

fn not_started(command: &Command, error: &std::io::Error) -> String {
    format!("{} could not be started: {error}", name(command))
}
