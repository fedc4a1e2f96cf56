//! The server as a process of its own, and a caller without patience.

use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

const BINARY: &str = env!("CARGO_BIN_EXE_insula");
/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where everything is that outlives the process.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub port: u16,
    /// The PostgreSQL database; SQLite in the folder, where there is none.
    pub database: Option<String>,
}

impl Place {
    pub fn new() -> Place {
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        Place { folder: tempfile::tempdir().expect("a folder"), port, database: runtime.block_on(testkit::empty_database()) }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// A server.
pub struct Running {
    process: Mutex<Child>,
    port: u16,
    /// What the first start has handed out.
    pub first: Value,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An answer.
pub struct Reply {
    pub status: u16,
    pub cookies: String,
    pub location: String,
    pub body: Value,
}

impl Reply {
    pub fn is_success(&self) -> bool {
        (200..400).contains(&self.status)
    }
}

impl Running {
    /// Starts the server and waits until it serves backends.
    pub fn start(place: &Place) -> Running {
        let log = std::fs::File::create(place.folder.path().join("log")).expect("a log");
        let mut command = Command::new(BINARY);
        command.env_clear().arg("--data").arg(place.data()).arg("--listen").arg(format!("127.0.0.1:{}", place.port));
        // Nobody is held up for asking often: the load and the checks come from one network and one backend.
        let config = place.folder.path().join("crash.toml");
        std::fs::write(&config, "[settings.rates]\ncreates = 1000000\nattempts = 1000000\nbackend = 1000000\ntokens = 1000000\n").expect("a configuration");
        command.arg("--config").arg(&config);
        if let Some(url) = &place.database {
            command.arg("--database-url").arg(url);
        }
        // A machine that runs all tests at once is slow, and this is about what is kept.
        command.args(["--database-wait-ms", "10000"]);
        let process = command.stdout(Stdio::null()).stderr(log).spawn().expect("the binary starts");
        let mut running = Running { process: Mutex::new(process), port: place.port, first: Value::Null };
        let began = Instant::now();
        loop {
            let first = std::fs::read_to_string(place.data().join("first-start.json")).ok().and_then(|text| serde_json::from_str(&text).ok());
            if let Some(first) = first {
                running.first = first;
                if running.backend("GET", "/v1/users/count", None).is_some_and(|reply| reply.status == 200) {
                    return running;
                }
            }
            assert!(began.elapsed() < PATIENCE, "it does not start: {}", std::fs::read_to_string(place.folder.path().join("log")).unwrap_or_default());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills it as hard as a process can be killed.
    pub fn kill(&self) {
        let mut process = self.process.lock().expect("nobody panics with it");
        let _ = process.kill();
        let _ = process.wait();
    }

    /// What the first start says.
    pub fn word(&self, name: &str) -> &str {
        self.first[name].as_str().expect("a word of first-start.json")
    }

    /// Calls the Backend API; `None` where no whole answer came.
    pub fn backend(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Reply> {
        let key = format!("Authorization: Bearer {}\r\n", self.word("secret_key"));
        self.ask(method, &format!("/api{path}"), &key, body.map(|b| ("application/json", b.to_string())))
    }

    /// Calls the Platform API.
    pub fn platform(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Reply> {
        let token = format!("Authorization: Bearer {}\r\n", self.word("platform_token"));
        self.ask(method, &format!("/api{path}"), &token, body.map(|b| ("application/json", b.to_string())))
    }

    /// Calls the Frontend API with these cookies, by a form.
    pub fn frontend(&self, method: &str, path: &str, cookies: &str, form: &[(&str, &str)]) -> Option<Reply> {
        let mut headers = "Origin: http://localhost:3000\r\n".to_owned();
        if !cookies.is_empty() {
            headers += &format!("Cookie: {cookies}\r\n");
        }
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let body = (method != "GET").then_some(("application/x-www-form-urlencoded", body));
        self.ask(method, &format!("/t/{}{path}", self.word("slug")), &headers, body)
    }

    /// The newest code that was mailed to the address since the server started.
    pub fn code(&self, to: &str) -> Option<String> {
        let path = format!("/inbox.json?{}", form_urlencoded::Serializer::new(String::new()).append_pair("to", to).finish());
        let reply = self.ask("GET", &path, "", None)?;
        let text = reply.body["messages"][0]["text"].as_str()?;
        text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6).map(str::to_owned)
    }

    /// How many mails were caught since the server started.
    pub fn mails(&self) -> usize {
        self.ask("GET", "/inbox.json", "", None).and_then(|reply| Some(reply.body["messages"].as_array()?.len())).unwrap_or(0)
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: Option<(&str, String)>) -> Option<Reply> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n{headers}", self.port);
        if let Some((kind, body)) = body {
            request += &format!("Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        } else {
            request += "Content-Length: 0\r\n\r\n";
        }
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        read(&String::from_utf8(answer).ok()?)
    }
}

/// Reads an answer; half an answer is none.
fn read(answer: &str) -> Option<Reply> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut reply = Reply { status, cookies: String::new(), location: String::new(), body: serde_json::from_str(body).unwrap_or(Value::Null) };
    let mut cookies = Vec::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        match name.to_ascii_lowercase().as_str() {
            "content-length" if value.parse() != Ok(body.len()) => return None,
            "location" => value.clone_into(&mut reply.location),
            "set-cookie" => cookies.extend(value.split(';').next().filter(|pair| !pair.ends_with('='))),
            _ => {}
        }
    }
    reply.cookies = cookies.join("; ");
    Some(reply)
}
