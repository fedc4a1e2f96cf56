//! Processes: the server and the floor, started, looked at from outside, and stopped again.

use crate::Outcome;
use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// Clock ticks in a second, as `/proc` counts CPU time on Linux.
const TICKS: f64 = 100.0;
const PATIENCE: Duration = Duration::from_secs(120);

/// A running program that listens on loopback. Dropped, it is stopped.
pub struct Running {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From its start to its first good answer.
    pub start: Duration,
}

/// A port that nobody uses now.
pub fn free_port() -> Outcome<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|e| format!("no free port: {e}"))
}

impl Running {
    /// Starts the program, and waits until it answers at the path with 200.
    pub fn start(command: &mut Command, port: u16, path: &str) -> Outcome<Running> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let began = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().map_err(|e| format!("{command:?}: {e}"))?;
        let mut running = Running { child, address, start: Duration::ZERO };
        loop {
            if crate::api::call(address, "GET", path, &[], "").is_ok_and(|answer| answer.status == 200) {
                running.start = began.elapsed();
                return Ok(running);
            }
            if let Ok(Some(status)) = running.child.try_wait() {
                return Err(format!("{command:?} ended with {status}"));
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("{command:?} does not answer"));
            }
            sleep(Duration::from_millis(1));
        }
    }

    /// The server on this folder's data, with rates that nobody reaches.
    pub fn server(binary: &Path, data: &Path) -> Outcome<Running> {
        let port = free_port()?;
        let file = data.join("insula.toml");
        if !file.exists() {
            let settings = "[settings.rates]\ncreates = 1000000\nattempts = 1000000\nclients = 1000000\nbackend = 1000000\nmetadata = 1000000\ntokens = 1000000\nhandshakes = 1000000\n";
            fs::write(&file, settings).map_err(|e| format!("{}: {e}", file.display()))?;
        }
        let mut command = Command::new(binary);
        command.arg("--data").arg(data).args(["--listen", &format!("127.0.0.1:{port}"), "--log", "error"]);
        Running::start(&mut command, port, "/readyz")
    }

    /// CPU seconds that it has used, in user and system mode.
    pub fn cpu(&self) -> f64 {
        cpu_of(&self.child.id().to_string())
    }

    /// Memory that it has in the machine's, in MB.
    pub fn memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.trim().trim_end_matches("kB").trim().parse::<f64>().map_or(f64::NAN, |kilobytes| kilobytes / 1_024.0)
    }
}

/// CPU seconds of this program itself.
pub fn own_cpu() -> f64 {
    cpu_of("self")
}

fn cpu_of(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name, in parentheses, may hold anything: fields are counted behind it.
    let fields: Vec<&str> = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
    let ticks = |field: usize| fields.get(field).and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks(11) + ticks(12)) / TICKS
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(10) {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
