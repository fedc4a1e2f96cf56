//! The binary itself: what it prints, writes, refuses, and how it stops.

use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

pub const BINARY: &str = env!("CARGO_BIN_EXE_insula");

/// A server of its own process, ended with the test.
pub struct Running {
    pub process: Child,
    pub port: u16,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

pub fn command(data: &Path, port: u16) -> Command {
    let mut command = Command::new(BINARY);
    command.env_clear().arg("--data").arg(data).arg("--listen").arg(format!("127.0.0.1:{port}"));
    command
}

pub fn start(data: &Path) -> Running {
    let port = free_port();
    start_by(command(data, port), port)
}

/// Starts it by this command, and waits until it is ready at this port.
pub fn start_by(command: Command, port: u16) -> Running {
    start_into(command, port, Stdio::piped(), Stdio::piped())
}

/// As [`start_by`]; what it says goes there.
pub fn start_into(mut command: Command, port: u16, out: Stdio, log: Stdio) -> Running {
    let process = command.stdout(out).stderr(log).spawn().expect("the binary starts");
    let mut running = Running { process, port };
    loop {
        if let Some(status) = running.process.try_wait().expect("a state") {
            let mut said = String::new();
            let _ = running.process.stderr.take().map(|mut log| log.read_to_string(&mut said));
            panic!("it ended with {status}: {said}");
        }
        if ask(port, "/readyz", &[]).is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            return running;
        }
        std::thread::yield_now();
    }
}

/// One request over a connection of its own; `None` where nobody listens.
pub fn ask(port: u16, path: &str, headers: &[&str]) -> Option<String> {
    let extra: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    say(port, &format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n{extra}\r\n"))
}

/// These very bytes over a connection of its own, and what is answered until its end.
fn say(port: u16, bytes: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(bytes.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// Tells it to stop, and waits until it has.
pub fn end(mut running: Running) -> i32 {
    tell_to_stop(&mut running)
}

fn tell_to_stop(running: &mut Running) -> i32 {
    let status = Command::new("kill").arg("-TERM").arg(running.process.id().to_string()).status().expect("kill");
    assert!(status.success());
    running.process.wait().expect("it ends").code().expect("it was not killed")
}

pub fn stop(mut running: Running) -> (i32, String) {
    let code = tell_to_stop(&mut running);
    let mut said = String::new();
    running.process.stdout.take().expect("standard output").read_to_string(&mut said).expect("text");
    (code, said)
}

pub fn refused(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "one sentence: {said}");
    said
}

#[test]
fn the_first_start_hands_everything_out_and_a_second_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let running = start(&data);
    let port = running.port;
    let text = std::fs::read_to_string(data.join("first-start.json")).expect("first-start.json");
    let first: Value = serde_json::from_str(&text).expect("JSON");
    let word = |name: &str| first[name].as_str().unwrap_or_else(|| panic!("{name} is there")).to_owned();
    assert_eq!(word("base_url"), format!("http://localhost:{port}"));
    assert_eq!(word("backend_url"), format!("http://localhost:{port}/api"));
    assert_eq!(word("inbox_url"), format!("http://localhost:{port}/inbox"));
    assert_eq!(word("frontend_url"), format!("http://localhost:{port}/t/{}", word("slug")));
    assert!(word("publishable_key").starts_with("pk_test_") && word("secret_key").starts_with("sk_test_") && word("platform_token").starts_with("plt_"));
    assert!(word("application_id").starts_with("app_") && word("instance_id").starts_with("ins_"));
    assert_eq!(first.as_object().expect("an object").len(), 10);
    for secret in ["first-start.json", "master.key", "insula.db"] {
        let mode = std::fs::metadata(data.join(secret)).expect(secret).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    let bearer = format!("Authorization: Bearer {}", word("secret_key"));
    assert!(ask(port, "/api/v1/users", &[&bearer]).expect("an answer").starts_with("HTTP/1.1 200"));
    let (code, said) = stop(running);
    assert_eq!(code, 0);
    for part in [word("publishable_key"), word("secret_key"), "Express".to_owned(), "Next.js".to_owned(), "Vite".to_owned(), word("inbox_url")] {
        assert!(said.contains(&part), "{part} is printed");
    }

    let again = start(&data);
    assert_eq!(std::fs::read_to_string(data.join("first-start.json")).expect("still there"), text, "it is never rewritten");
    assert!(ask(again.port, "/api/v1/users", &[&bearer]).expect("an answer").starts_with("HTTP/1.1 200"), "the keys still open");
    let (code, said) = stop(again);
    assert_eq!(code, 0);
    assert!(!said.contains("sk_test_"), "keys are shown once");
}

#[test]
fn two_servers_do_not_share_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = start(folder.path());
    let said = refused(&command(folder.path(), free_port()).output().expect("it runs"));
    assert!(said.contains("another server uses the data folder"), "{said}");
    assert_eq!(stop(running).0, 0);
}

#[test]
fn unsafe_settings_refuse_with_one_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let with = |arguments: &[&str]| refused(&command(folder.path(), 0).args(arguments).output().expect("it runs"));
    // A flag that stands twice is a fault of its own, so the port is named in the environment here.
    let listening =
        |address: &str| refused(&Command::new(BINARY).env_clear().env("INSULA_LISTEN", address).arg("--data").arg(folder.path()).output().expect("it runs"));
    assert!(listening("0.0.0.0:7080").contains("listen on 127.0.0.1"));
    assert!(listening("localhost").contains("127.0.0.1:7080"));
    assert!(with(&["--base-url", "https://id.example.com"]).contains("mail server"));
    assert!(with(&["--base-url", "http://id.example.com"]).contains("https"));
    assert!(with(&["--base-url", "http://localhost/path"]).contains("without a path"));
    assert!(with(&["--database-url", "mysql://x"]).contains("postgres://"));
    assert!(with(&["--database-connections", "1"]).contains("2 to 1000"));
    assert!(with(&["--log", "=="]).contains("info"));
    assert!(with(&["--log-format", "xml"]).contains("text or json"));
    assert!(with(&["--npm-mirror", "/nowhere"]).contains("@clerk"));
    assert!(with(&["--npm-cdn", "javascript:alert(1)"]).contains("URL"));
    let short = command(folder.path(), 0).env("INSULA_MASTER_KEY", "short").output().expect("it runs");
    assert!(refused(&short).contains("base64 of 32 bytes"));
    assert!(with(&["--config", "/nowhere/insula.toml"]).contains("cannot be read"));
    assert!(!folder.path().join("insula.db").exists(), "nothing was made");
}

#[test]
fn a_mail_server_is_configured_whole_and_safely_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let with = |arguments: &[&str]| refused(&command(folder.path(), 0).args(arguments).output().expect("it runs"));
    let host = ["--smtp-host", "smtp.example.com"];
    let and = |more: &[&str]| with(&[&host, more].concat());
    assert!(and(&[]).contains("--smtp-from"));
    assert!(and(&["--smtp-from", "acme"]).contains("no address"));
    assert!(and(&["--smtp-from", "a@b.example", "--smtp-tls", "ssl"]).contains("implicit, starttls or none"));
    assert!(and(&["--smtp-from", "a@b.example", "--smtp-tls", "none"]).contains("in the clear"));
    assert!(and(&["--smtp-from", "a@b.example", "--smtp-username", "x"]).contains("INSULA_SMTP_PASSWORD"));
    assert!(with(&["--smtp-from", "a@b.example"]).contains("--smtp-host"));
    for (name, value) in [("port", "587"), ("tls", "implicit"), ("username", "x"), ("password-file", "/x"), ("from-name", "Acme")] {
        let said = with(&[&format!("--smtp-{name}"), value]);
        assert!(said.contains(&format!("--smtp-{name} describes")) && said.contains("--smtp-host"), "{said}");
    }
    let lonely = command(folder.path(), 0).env("INSULA_SMTP_PASSWORD", "x").output().expect("it runs");
    assert!(refused(&lonely).contains("INSULA_SMTP_PASSWORD describes"));
    for port in ["0", "65536", "-1", "mail", ""] {
        let said = and(&["--smtp-from", "a@b.example", &format!("--smtp-port={port}")]);
        assert!(
            said.contains("--smtp-port or INSULA_SMTP_PORT: ") && said.contains(&format!("smtp.port is {port}: give a whole number from 1 to 65535")),
            "{said}"
        );
    }
    assert!(with(&["--smtp-private-networks=some"]).contains("give true or false"));
    assert!(with(&["--smtp-host", ""]).contains("empty"));
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "\n").expect("written");
    std::fs::set_permissions(&empty, std::fs::Permissions::from_mode(0o600)).expect("mode");
    let path = empty.to_str().expect("a path");
    assert!(and(&["--smtp-from", "a@b.example", "--smtp-username", "x", "--smtp-password-file", path]).contains("is empty"));
    let flag = command(folder.path(), 0).args(["--smtp-password", "x"]).output().expect("it runs");
    assert_eq!(flag.status.code(), Some(2), "others can see flags, so there is none for it");
    let password = folder.path().join("password");
    std::fs::write(&password, "secret\n").expect("written");
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o644)).expect("mode");
    let path = password.to_str().expect("a path");
    assert!(and(&["--smtp-from", "a@b.example", "--smtp-username", "x", "--smtp-password-file", path]).contains("chmod 600"));
    let file = folder.path().join("insula.toml");
    std::fs::write(&file, "[smtp]\nhost = 'smtp.example.com'\nfrom = 'a@b.example'\nusername = 'x'\npassword = 'y'\n").expect("written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("mode");
    assert!(with(&[]).contains("chmod 600"));
    assert!(!folder.path().join("insula.db").exists(), "nothing was made");
}

/// With a mail server it may be reached from elsewhere, and shows nobody's mail.
#[test]
fn with_a_mail_server_there_is_no_inbox() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).expect("mode");
    let file = folder.path().join("insula.toml");
    std::fs::write(&file, "base_url = 'https://id.example.com'\n[smtp]\nhost = 'smtp.example.com'\nfrom = 'no-reply@id.example.com'\n").expect("written");
    let running = start(folder.path());
    let first = std::fs::read_to_string(folder.path().join("first-start.json")).expect("first-start.json");
    assert!(first.contains("\"inbox_url\": null"), "{first}");
    let page = |path: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", running.port)).expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: id.example.com\r\nConnection: close\r\n\r\n").expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    for path in ["/inbox", "/inbox.json", "/inbox/msg_1/html"] {
        assert!(page(path).starts_with("HTTP/1.1 404"), "{path}");
    }
    let landing = page("/");
    assert!(landing.starts_with("HTTP/1.1 200") && !landing.contains("/inbox"));
    for path in ["/", "/nowhere", "/api/v1/users", "/healthz"] {
        let answer = page(path).to_ascii_lowercase();
        assert!(answer.contains("\r\nstrict-transport-security: max-age=31536000\r\n"), "{path}: {answer}");
    }
    let (code, said) = stop(running);
    assert_eq!(code, 0);
    assert!(said.contains("your mail server") && !said.contains("/inbox"));
}

#[test]
fn the_file_is_checked_and_holds_for_every_instance() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("insula.toml");
    std::fs::write(&file, "[settings.sesion]\nmulti = true\n").expect("written");
    assert!(refused(&command(folder.path(), 0).output().expect("it runs")).contains("sesion"));
    std::fs::write(&file, "bas_url = 'x'\n").expect("written");
    assert!(refused(&command(folder.path(), 0).output().expect("it runs")).contains("bas_url"));
    for (text, parts) in [
        ("smtp = 7\n", ["smtp", "[smtp]"]),
        ("[smtp]\nhots = 'x'\n", ["smtp.hots", "host"]),
        ("[smtp]\nhost = ['x']\n", ["smtp.host", "one value"]),
        ("listen = 7080\n", ["insula.toml: line 1: listen: listen address 7080", "127.0.0.1:7080"]),
        ("\ncache_seconds = 'soon'\n", ["insula.toml: line 2: cache_seconds: cache_seconds is soon", "0 to 60"]),
        ("database_connections = 1.5\n", ["insula.toml: line 1: database_connections: database_connections is 1.5", "2 to 1000"]),
        ("log = 'info'\nbase_url = 'ftp://x'\n", ["insula.toml: line 2: base_url: ", "http or https"]),
        ("base_domain = 'a/b'\n", ["insula.toml: line 1: base_domain: ", "no host name"]),
        ("log = 'info'\n\ngeoip = '/nope'\n", ["insula.toml: line 3: geoip: ", "/nope"]),
        ("trusted_proxies = '300.1.1.1'\n", ["insula.toml: line 1: trusted_proxies: ", "300.1.1.1"]),
        ("metrics_listen = 'x'\n", ["insula.toml: line 1: metrics_listen: ", "127.0.0.1:7081"]),
        ("log_format = 'xml'\n", ["insula.toml: line 1: log_format: ", "text or json"]),
        ("log = '=='\n", ["insula.toml: line 1: log: ", "info"]),
        ("npm_mirror = '/nowhere'\n", ["insula.toml: line 1: npm_mirror: ", "@clerk"]),
        ("npm_cdn = 'x'\n", ["insula.toml: line 1: npm_cdn: ", "URL"]),
        ("[smtp]\nhost = 'x.example'\nfrom = 'acme'\n", ["insula.toml: line 3: smtp.from: ", "no address"]),
        ("[smtp]\nhost = 'x.example'\nfrom = 'a@b.example'\nport = 0\n", ["insula.toml: line 4: smtp.port: ", "1 to 65535"]),
        ("[smtp]\nprivate_networks = 'some'\n", ["insula.toml: line 2: smtp.private_networks: ", "true or false"]),
        ("base_url = 'x'\nbase_url 'y'\n", ["line 2", "neither name = \"value\" nor a table"]),
        ("# here\n\nbase_url = http://localhost:7080\n", ["insula.toml: line 3", "base_url = \"http://localhost:7080\""]),
        ("log = 'info'\nlisten = '127.0.0.1:7080\n", ["line 2", "does not close the text of listen"]),
        ("log = 'info'\nlog = 'debug'\n", ["line 2", "log a second time"]),
        ("[smtp\nhost = 'x'\n", ["line 1", "bracket"]),
        ("log = 'info'\nbas_url = 'x'\n", ["line 2: bas_url is unknown", "base_url"]),
        ("[smtp]\n\nport = [1]\n", ["line 3: smtp.port", "one value"]),
        ("[settings]\n\"sesion.lifetime\" = 600\n", ["settings.sesion", "is no setting"]),
        ("[settings]\n\"session.lifetime\" = 1\n", ["line 2: settings.session.lifetime", "60"]),
        ("[settings]\ndevelopment_origin = 'javascript:alert(1)'\n", ["line 2: settings.development_origin", "an origin"]),
        ("[settings_rules]\nsession.livetime = { max = 600 }\n", ["line 2: settings_rules.session.livetime", "is no setting"]),
        ("[settings_rules]\n\"session.lifetime\" = { locked = true }\n", ["rules.session.lifetime", "lock, min, max"]),
        ("[settings_rules]\n\"session.lifetime\" = { max = 'long' }\n", ["rules.session.lifetime", "whole number as max"]),
        ("[settings_rules]\n\"session.lifetime\" = true\n", ["rules.session.lifetime", "object"]),
    ] {
        std::fs::write(&file, text).expect("written");
        let said = refused(&Command::new(BINARY).env_clear().arg("--data").arg(folder.path()).output().expect("it runs"));
        assert!(parts.iter().all(|part| said.contains(part)), "{text}: {said}");
        assert!(!["expected", "invalid type", "unknown field"].iter().any(|word| said.contains(word)), "another program's words: {said}");
    }
    // What the command line or the environment says is not the file's fault.
    std::fs::write(&file, "cache_seconds = 7\n").expect("written");
    let said = refused(&command(folder.path(), 0).env("INSULA_CACHE_SECONDS", "soon").output().expect("it runs"));
    assert!(said.contains("--cache-seconds or INSULA_CACHE_SECONDS: ") && !said.contains("insula.toml"), "{said}");
    // A key may be one word or tables, in both tables.
    std::fs::write(&file, "[settings]\n\"session.multi\" = true\n[settings_rules]\nsession.lifetime = { max = 86_400 }\n").expect("written");
    let running = start(folder.path());
    let text = std::fs::read_to_string(folder.path().join("first-start.json")).expect("first-start.json");
    let first: Value = serde_json::from_str(&text).expect("JSON");
    let environment = ask(running.port, &format!("/t/{}/v1/environment", first["slug"].as_str().expect("slug")), &[]).expect("an answer");
    assert!(environment.contains("\"single_session_mode\":false"), "{environment}");
    assert_eq!(stop(running).0, 0);
}

#[test]
fn a_lost_or_wrong_master_key_opens_nothing_and_destroys_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(stop(start(folder.path())).0, 0);
    let key = folder.path().join("master.key");
    let kept = std::fs::read(&key).expect("the key");
    std::fs::remove_file(&key).expect("removed");
    assert!(refused(&command(folder.path(), 0).output().expect("it runs")).contains("restore"));
    assert!(!key.exists(), "no new key takes its place");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).expect("mode");
    std::fs::write(&key, &kept).expect("written");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("mode");
    assert!(refused(&command(folder.path(), 0).output().expect("it runs")).contains("chmod 600"));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("mode");
    let other =
        refused(&command(folder.path(), free_port()).env("INSULA_MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").output().expect("it runs"));
    assert!(other.contains("not the one that this database was made with"), "{other}");
    assert_eq!(stop(start(folder.path())).0, 0, "the kept key still opens");
}

/// The publishable key holds the instance's host: whoever starts under another address has other keys, and is told so.
#[test]
fn another_address_than_at_the_last_start_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (free_port(), free_port());
    let said = |port: u16| {
        let mut process = command(folder.path(), port).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        while !ask(port, "/readyz", &[]).is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            assert!(process.try_wait().expect("a state").is_none(), "it ended");
            std::thread::yield_now();
        }
        assert!(Command::new("kill").arg("-TERM").arg(process.id().to_string()).status().expect("kill").success());
        let output = process.wait_with_output().expect("it ends");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let doctor = |port: u16| {
        let output = Command::new(BINARY).env_clear().args(["doctor", "--data"]).arg(folder.path()).arg("--listen").arg(format!("127.0.0.1:{port}")).output();
        String::from_utf8_lossy(&output.expect("it runs").stdout).into_owned()
    };
    let told = "every publishable key is another one";
    assert!(!said(first).contains(told));
    assert!(!said(first).contains(told) && !doctor(first).contains(told));
    assert!(doctor(second).contains(told), "before it happens");
    let moved = said(second);
    assert!(moved.contains(told) && moved.contains(&format!("--base-url http://localhost:{first}")), "{moved}");
    assert!(!said(second).contains(told), "once");
}

/// What works and is seldom meant is told at each start, and by the doctor; and what is meant is not.
#[test]
fn what_is_seldom_meant_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = |mode: u32, port: u16, words: &[&str]| {
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).expect("mode");
        let mut process = command(folder.path(), port).args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        while !ask(port, "/readyz", &[]).is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            assert!(process.try_wait().expect("a state").is_none(), "it ended");
            std::thread::yield_now();
        }
        assert!(Command::new("kill").arg("-TERM").arg(process.id().to_string()).status().expect("kill").success());
        let said = String::from_utf8_lossy(&process.wait_with_output().expect("it ends").stderr).into_owned();
        let mut doctor = Command::new(BINARY);
        doctor.env_clear().args(["doctor", "--data"]).arg(folder.path()).arg("--listen").arg(format!("127.0.0.1:{port}")).args(words);
        (said, String::from_utf8_lossy(&doctor.output().expect("it runs").stdout).into_owned())
    };
    let (open, proxy, metrics) = ("others can see which files are in it", "no proxy between them is named", "every network that this machine is on");
    let (port, seen) = (free_port(), free_port());
    let (url, everywhere) = (format!("http://localhost:{seen}"), format!("0.0.0.0:{}", free_port()));
    for said in <[String; 2]>::from(told(0o755, port, &["--base-url", &url, "--metrics-listen", &everywhere])) {
        assert!([open, proxy, metrics, "chmod 700", &url, &everywhere].iter().all(|part| said.contains(part)), "{said}");
    }
    let inside = format!("127.0.0.1:{}", free_port());
    for words in [vec!["--metrics-listen", &inside], vec!["--base-url", &url, "--trusted-proxies", "127.0.0.1"]] {
        for said in <[String; 2]>::from(told(0o700, port, &words)) {
            assert!(![open, proxy, metrics].iter().any(|part| said.contains(part)), "{words:?}: {said}");
        }
    }
}

/// A disk that refuses to keep something may say yes the next time, without having kept it.
#[test]
fn it_stops_when_its_log_cannot_be_brought_to_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut running = start(folder.path());
    let text = std::fs::read_to_string(folder.path().join("first-start.json")).expect("first-start.json");
    let first: Value = serde_json::from_str(&text).expect("JSON");
    let log = folder.path().join("insula.db-wal");
    std::fs::rename(&log, folder.path().join("moved")).expect("moved");
    let body = "{\"url\":\"https://app.example/after\"}";
    let mut stream = TcpStream::connect(("127.0.0.1", running.port)).expect("it listens");
    write!(
        stream,
        "POST /api/v1/redirect_urls HTTP/1.1\r\nHost: localhost:{}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        running.port,
        first["secret_key"].as_str().expect("a key"),
        body.len()
    )
    .expect("asked");
    let mut answer = String::new();
    // The connection may be reset: that is no answer either.
    let _ = stream.read_to_string(&mut answer);
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(running.process.wait().expect("it ends").code(), Some(1));
    std::fs::rename(folder.path().join("moved"), &log).expect("moved back");
    assert_eq!(stop(start(folder.path())).0, 0);
}

#[test]
fn hostile_heads_are_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = start(folder.path());
    let many: Vec<String> = (0..100).map(|n| format!("X-{n}: y")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(ask(running.port, "/healthz", &many).is_none_or(|answer| !answer.starts_with("HTTP/1.1 200")), "too many fields");
    let long = format!("X: {}", "y".repeat(64 * 1024));
    assert!(ask(running.port, "/healthz", &[&long]).is_none_or(|answer| !answer.starts_with("HTTP/1.1 200")), "too long");
    for path in ["/", "/healthz"] {
        assert!(ask(running.port, path, &["Host: evil.example"]).expect("an answer").starts_with("HTTP/1.1 400"), "two hosts");
        for (head, status) in [
            ("HTTP/1.1\r\n", "400"),
            ("HTTP/1.1\r\nHost:\r\n", "400"),
            ("HTTP/1.1\r\nHost: localhost@evil.example\r\n", "400"),
            ("HTTP/1.1\r\nHost: localhost, evil.example\r\n", "400"),
            ("HTTP/1.0\r\nHost: a@evil\r\n", "400"),
            ("HTTP/1.0\r\n", if path == "/" { "400" } else { "200" }),
        ] {
            let answer = say(running.port, &format!("GET {path} {head}Connection: close\r\n\r\n")).expect("an answer");
            assert_eq!(answer.split(' ').nth(1), Some(status), "{path} {head:?}: {answer}");
        }
    }
    assert!(ask(running.port, "/healthz", &[]).expect("an answer").starts_with("HTTP/1.1 200"), "others are served");
    assert_eq!(stop(running).0, 0);
}
