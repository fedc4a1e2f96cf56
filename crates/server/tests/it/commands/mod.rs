//! The operator's commands, with the binary itself.

mod backup;
mod data_keys;
mod doctor;
mod migrate;
mod rotation;
mod tokens;

use crate::process::{BINARY, free_port};
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Output},
};

/// A command of the binary on a data folder.
pub fn command(words: &[&str], data: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.env_clear().args(words).arg("--data").arg(data);
    command
}

/// Runs a command, with a port that nobody listens at; everything that it says.
pub fn run(words: &[&str], data: &Path) -> Output {
    command(words, data).arg("--listen").arg(format!("127.0.0.1:{}", free_port())).output().expect("it runs")
}

/// One `POST` of JSON over a connection of its own; `None` where nobody answers.
pub fn post(port: u16, path: &str, token: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// Standard output of a command that went well.
pub fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
