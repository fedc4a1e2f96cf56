//! Single requests, for preparing what is measured.

use crate::{
    Outcome,
    load::{Connection, request},
};
use serde_json::Value;
use std::net::SocketAddr;

/// An answer.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body, if that is JSON.
    pub body: Value,
    /// What it sets as cookies, as `name=value`.
    pub cookies: Vec<String>,
}

/// Sends one request over a connection of its own.
pub fn call(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Outcome<Answer> {
    let mut connection = Connection::open(address)?;
    let status = connection.exchange(&request(address, method, path, headers, body))?;
    let cookies = connection.head().lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("set-cookie").then(|| value.trim().split(';').next().unwrap_or_default().to_owned())
    });
    Ok(Answer { status, cookies: cookies.collect(), body: serde_json::from_str(connection.body()).unwrap_or(Value::Null) })
}

impl Answer {
    /// The body of an answer that is as it should be.
    pub fn good(self) -> Outcome<Value> {
        if (200..300).contains(&self.status) { Ok(self.body) } else { Err(format!("answered {} {}", self.status, self.body)) }
    }
}

/// A text in a body.
pub fn text(body: &Value, path: &str) -> Outcome<String> {
    body.pointer(path).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("no {path} in {body}"))
}
