//! A PostgreSQL of our own: started for the tests in a temporary folder, stopped and removed with it.

use crate::{
    packages::{is_root, on_path},
    steps::{Outcome, ask, run},
};
use std::{
    env,
    fs::{self, DirBuilder, File},
    net::TcpListener,
    os::unix::fs::{DirBuilderExt, chown},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// How long the server may take to answer or to stop.
const PATIENCE: Duration = Duration::from_secs(60);
/// For databases that nobody misses after a crash, and for many tests at once.
const SETTINGS: &[&str] =
    &["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=400", "listen_addresses=127.0.0.1", "unix_socket_directories="];

/// The running server. Dropped, it stops and its folder goes.
pub struct Postgres {
    folder: Folder,
    server: Child,
    port: u16,
}

impl Postgres {
    /// Makes an empty server and waits until it answers.
    ///
    /// # Errors
    /// A sentence, and the end of the server's log.
    pub fn start() -> Outcome<Postgres> {
        let programs = programs().ok_or("there are no PostgreSQL server programs (initdb, postgres): install PostgreSQL")?;
        let owner = if is_root() { Some(Owner::find()?) } else { None };
        let folder = Folder::new(owner.as_ref())?;
        let data = folder.0.join("data");
        let program = |name: &str| {
            let mut command = as_owner(owner.as_ref(), &programs.join(name));
            command.arg("-D").arg(&data).current_dir(&folder.0);
            command
        };
        let mut initdb = program("initdb");
        initdb.args(["--locale=C", "--encoding=UTF8", "-A", "trust", "-U", "postgres", "--no-sync"]);
        run(initdb.stdout(Stdio::null()))?;

        let port = free_port()?;
        let log = File::create(folder.0.join("log")).map_err(|e| e.to_string())?;
        let mut postgres = program("postgres");
        postgres.args(["-p", &port.to_string()]);
        for setting in SETTINGS {
            postgres.args(["-c", setting]);
        }
        let server = postgres.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().map_err(|e| e.to_string())?;
        let mut started = Postgres { folder, server, port };
        started.wait_until_ready(&programs)?;
        Ok(started)
    }

    /// Its address, with a user who may do everything.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn wait_until_ready(&mut self, programs: &Path) -> Outcome {
        let port = self.port.to_string();
        let began = Instant::now();
        while ask(Command::new(programs.join("pg_isready")).args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-d", "postgres"])).is_none() {
            let ended = self.server.try_wait().map_err(|e| e.to_string())?;
            if let Some(status) = ended {
                return Err(format!("PostgreSQL ended with {status}:\n{}", self.end_of_log()));
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("PostgreSQL does not answer:\n{}", self.end_of_log()));
            }
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn end_of_log(&self) -> String {
        let log = fs::read_to_string(self.folder.0.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Stops the server, whoever is connected, and waits for it.
    ///
    /// # Errors
    /// Where it does not stop; it is killed when it is dropped.
    pub fn stop(&mut self) -> Outcome {
        if self.server.try_wait().map_err(|e| e.to_string())?.is_none() {
            run(Command::new("kill").args(["-INT", &self.server.id().to_string()]))?;
        }
        let began = Instant::now();
        while self.server.try_wait().map_err(|e| e.to_string())?.is_none() {
            if began.elapsed() > PATIENCE {
                return Err("it does not stop".to_owned());
            }
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Err(why) = self.stop() {
            println!("PostgreSQL is killed: {why}");
            let _ = self.server.kill();
            let _ = self.server.wait();
        }
    }
}

/// The folder with PostgreSQL's programs: the newest that Debian has installed, or the one on the path.
pub fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.map(|entry| entry.path()).max_by_key(|path| path.file_name()?.to_str()?.parse::<u32>().ok()).map(|path| path.join("bin"));
    let on_path = on_path("initdb").and_then(|file| fs::canonicalize(file).ok()?.parent().map(Path::to_path_buf));
    newest.into_iter().chain(on_path).find(|folder| ["initdb", "postgres", "pg_isready"].iter().all(|program| folder.join(program).is_file()))
}

fn free_port() -> Outcome<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    listener.map(|address| address.port()).map_err(|e| format!("no free port: {e}"))
}

/// Who runs the server in root's place, because PostgreSQL refuses to run as root.
struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    fn find() -> Outcome<Owner> {
        let users = fs::read_to_string("/etc/passwd").map_err(|e| format!("/etc/passwd: {e}"))?;
        let of = |name: &str| {
            let fields: Vec<&str> = users.lines().find(|line| line.split(':').next() == Some(name))?.split(':').collect();
            Some(Owner { user: fields.get(2)?.parse().ok()?, group: fields.get(3)?.parse().ok()? })
        };
        of("postgres").or_else(|| of("nobody")).ok_or_else(|| "PostgreSQL does not run as root, and there is no user postgres or nobody".to_owned())
    }
}

/// A program, run by the owner or by ourselves. It gets an interrupt if we die, whatever we die of.
fn as_owner(owner: Option<&Owner>, program: &Path) -> Command {
    if owner.is_none() && on_path("setpriv").is_none() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    if let Some(Owner { user, group }) = owner {
        command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()]);
    }
    command.arg(program);
    command
}

/// A folder that only the server's user can enter. Dropped, it goes with all that is in it.
struct Folder(PathBuf);

impl Folder {
    fn new(owner: Option<&Owner>) -> Outcome<Folder> {
        let path = env::temp_dir().join(format!("insula-postgres-{}", process::id()));
        let fault = |e: std::io::Error| format!("{}: {e}", path.display());
        DirBuilder::new().mode(0o700).create(&path).map_err(fault)?;
        let folder = Folder(path.clone());
        if let Some(Owner { user, group }) = owner {
            chown(&path, Some(*user), Some(*group)).map_err(fault)?;
        }
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            println!("{} stays behind: {error}", self.0.display());
        }
    }
}
