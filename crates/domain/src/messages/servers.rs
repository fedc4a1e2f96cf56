//! An instance's own mail server: one row, its password sealed and never shown again.

use crate::{
    audit::{self, Actor},
    once,
};
use ::store::{FromRow, Place, Row, Tx, sql};
use foundation::{
    EmailAddress, Error, Problem, Result, Secret, Timestamp,
    text::{has_control, is_blank},
};
use serde_json::json;
use std::net::IpAddr;
use url::Host;
use world::mail::{MAIL_PORTS, Relay, SmtpServer, is_public};

pub use world::mail::{Encryption, Reach};

/// The mail server as it is shown.
#[derive(Clone, Debug)]
pub struct MailServer {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: i64,
    /// How the connection is encrypted.
    pub encryption: String,
    /// Who logs in.
    pub username: Option<String>,
    /// The password, sealed.
    sealed: Option<String>,
    /// The sender's address.
    pub from_address: String,
    /// The sender's name, if it is not the application's.
    pub from_name: Option<String>,
    /// Whether the server's own mail server steps in where this one fails.
    pub fall_back: bool,
    /// When it was first set.
    pub created_at: Timestamp,
    /// When it was last set.
    pub updated_at: Timestamp,
}

impl MailServer {
    /// Whether a password is kept.
    pub fn has_password(&self) -> bool {
        self.sealed.is_some()
    }
}

/// A mail server to be set.
#[derive(Clone)]
pub struct NewMailServer {
    /// Its name or address.
    pub host: String,
    /// Its port; the usual one of the encryption where it is absent.
    pub port: Option<i64>,
    /// How the connection is encrypted.
    pub encryption: Encryption,
    /// Who logs in.
    pub username: Option<String>,
    /// The password; where it is absent and nothing else about the log-in changes, the one that is kept stays.
    pub password: Option<Secret>,
    /// The sender's address.
    pub from_address: EmailAddress,
    /// The sender's name.
    pub from_name: Option<String>,
    /// Whether the server's own mail server steps in.
    pub fall_back: bool,
}

/// How many trials of an hour are taken.
pub const MOST_TRIALS: i64 = 20;
const TRIALS_LIFE: std::time::Duration = std::time::Duration::from_secs(3_600);

impl FromRow for MailServer {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(MailServer {
            host: row.take()?,
            port: row.take()?,
            encryption: row.take()?,
            username: row.take()?,
            sealed: row.take()?,
            from_address: row.take()?,
            from_name: row.take()?,
            fall_back: row.take()?,
            created_at: row.take()?,
            updated_at: row.take()?,
        })
    }
}

/// The mail server, if the instance has one.
///
/// # Errors
/// Only the database's own.
pub async fn find(tx: &mut Tx<'_>) -> Result<Option<MailServer>> {
    tx.find(
        sql!(
            "select host, port, encryption, username, password, from_address, from_name, fall_back, created_at, updated_at
             from mail_servers where instance_id = $1"
        ),
        &[],
    )
    .await
}

/// The mail server.
///
/// # Errors
/// [`Problem::MailServerMissing`].
pub async fn get(tx: &mut Tx<'_>) -> Result<MailServer> {
    find(tx).await?.ok_or_else(|| Problem::MailServerMissing.into())
}

/// Sets the mail server, in place of one that was set before.
///
/// # Errors
/// [`Problem::ParamInvalid`] that names what cannot be; [`Problem::ParamMissing`] for a password that is needed again.
pub async fn put(tx: &mut Tx<'_>, actor: Actor<'_>, reach: Reach, new: &NewMailServer) -> Result<MailServer> {
    let host = check_host(&new.host, reach)?;
    let port = check_port(new, reach)?;
    if new.encryption == Encryption::None && !is_this_machine(&host) {
        return Err(Problem::invalid("tls", "may be none only for a mail server on this machine").into());
    }
    check_text("username", new.username.as_deref(), 256)?;
    check_text("from_name", new.from_name.as_deref(), 100)?;
    check_text("password", new.password.as_ref().map(Secret::expose), 512)?;
    let sealed = password(tx, new, &host, port).await?;
    let (now, address) = (tx.now(), new.from_address.given());
    let encryption = new.encryption.as_str();
    tx.change(
        sql!(
            "insert into mail_servers (instance_id, host, port, encryption, username, password, from_address, from_name, fall_back, trials, trials_until, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, $10, $10)
             on conflict (instance_id) do update set host = excluded.host, port = excluded.port, encryption = excluded.encryption, username = excluded.username,
               password = excluded.password, from_address = excluded.from_address, from_name = excluded.from_name, fall_back = excluded.fall_back,
               updated_at = excluded.updated_at"
        ),
        &[&host, &port, &encryption, &new.username, &sealed, &address, &new.from_name, &new.fall_back, &now],
    )
    .await?;
    let detail = json!({ "host": host, "port": port, "tls": encryption, "from_address": address, "has_password": sealed.is_some() });
    audit::record(tx, actor, "mail_server.set", &tx.instance().to_string(), &detail).await?;
    get(tx).await
}

/// What is kept as the password. The kept one never goes to another server or under another name without being said again.
async fn password(tx: &mut Tx<'_>, new: &NewMailServer, host: &str, port: i64) -> Result<Option<String>> {
    match (&new.username, &new.password) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Problem::ParamMissing("username").into()),
        (Some(_), Some(password)) => {
            let row = tx.instance().to_string();
            tx.seal(place(&row), password.expose().as_bytes()).await.map(Some)
        }
        (Some(username), None) => {
            let kept = find(tx)
                .await?
                .filter(|old| old.host == host && old.port == port && old.encryption == new.encryption.as_str() && old.username.as_ref() == Some(username));
            kept.and_then(|old| old.sealed).map(Some).ok_or_else(|| Problem::ParamMissing("password").into())
        }
    }
}

const fn place(row: &str) -> Place<'_> {
    Place { table: "mail_servers", column: "password", row }
}

/// Takes the mail server away; mail goes by the server's own from now on.
///
/// # Errors
/// [`Problem::MailServerMissing`].
pub async fn delete(tx: &mut Tx<'_>, actor: Actor<'_>) -> Result<()> {
    if tx.change(sql!("delete from mail_servers where instance_id = $1"), &[]).await? == 0 {
        return Err(Problem::MailServerMissing.into());
    }
    audit::record(tx, actor, "mail_server.delete", &tx.instance().to_string(), &json!({})).await
}

/// Counts a trial.
///
/// # Errors
/// [`Problem::MailServerMissing`]; [`Problem::TooManyRequests`] where this hour's trials are used up.
pub async fn charge_trial(tx: &mut Tx<'_>) -> Result<()> {
    get(tx).await?;
    once::charge_trial(tx, MOST_TRIALS, TRIALS_LIFE).await
}

/// The mail server with its password opened, and whether the server's own steps in.
pub(super) async fn relay(tx: &mut Tx<'_>) -> Result<Option<(Relay, bool)>> {
    let Some(found) = find(tx).await? else { return Ok(None) };
    let login = match (found.username, found.sealed) {
        (Some(username), Some(sealed)) => {
            let row = tx.instance().to_string();
            let opened = tx.open(place(&row), &sealed).await?;
            Some((username, Secret::new(String::from_utf8(opened).map_err(|e| Error::broken("a mail server's password", e))?)))
        }
        _ => None,
    };
    let encryption = Encryption::parse(&found.encryption).ok_or_else(|| Error::Broken("a mail server's encryption".to_owned()))?;
    let port = u16::try_from(found.port).map_err(|e| Error::broken("a mail server's port", e))?;
    let server = SmtpServer { host: found.host, port, encryption, login };
    Ok(Some((Relay { server, from_address: found.from_address, from_name: found.from_name }, found.fall_back)))
}

fn check_host(text: &str, reach: Reach) -> Result<String> {
    let wrong = || Problem::invalid("host", "must be the name of a mail server, like smtp.example.com");
    let host = Host::parse(text).or_else(|_| Host::parse(&format!("[{text}]"))).map_err(|_| wrong())?;
    let literal: Option<IpAddr> = match &host {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some((*address).into()),
        Host::Ipv6(address) => Some((*address).into()),
    };
    let host = literal.map_or_else(|| host.to_string(), |address| address.to_string());
    if literal.is_none() && !is_host_name(&host) {
        return Err(wrong().into());
    }
    let inside = literal.map_or_else(|| !host.contains('.') || host.ends_with(".localhost") || host.ends_with(".internal"), |address| !is_public(address));
    if reach == Reach::Public && inside {
        return Err(Problem::invalid("host", "must be on the public network").into());
    }
    Ok(host)
}

/// Whether a text is the name of a host (RFC 1123 2.1): labels of letters, digits and inner hyphens, the last of which is no number.
fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        let plain = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (1..=63).contains(&label.len()) && plain && !label.starts_with('-') && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253 && text.split('.').all(label) && !last.bytes().all(|b| b.is_ascii_digit())
}

fn check_port(new: &NewMailServer, reach: Reach) -> Result<i64> {
    let port = new.port.unwrap_or_else(|| new.encryption.port().into());
    let known = u16::try_from(port).is_ok_and(|port| port > 0 && (reach == Reach::Anywhere || MAIL_PORTS.contains(&port)));
    if known { Ok(port) } else { Err(Problem::invalid("port", "must be one of mail: 25, 465, 587 or 2525").into()) }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn check_text(param: &'static str, text: Option<&str>, most: usize) -> Result<(), Problem> {
    match text {
        Some(text) if is_blank(text) || text.len() > most || has_control(text) => {
            Err(Problem::invalid(param, format!("must be text on one line, of at most {most} bytes")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address() {
        let long = format!("{}.example", "a".repeat(64));
        for wrong in [
            "",
            ".",
            "a..b",
            ".a.example",
            "a.example.",
            "-a.example",
            "a-.example",
            "a_b.example",
            "a b.example",
            "a.example:25",
            "https://a.example",
            "a.example/x",
            "user@a.example",
            "1.2.3.999",
            "a.1",
            "[::1",
            "*.example",
            "a\n.example",
            "%00.example",
            &long,
            &"a.".repeat(127),
        ] {
            assert!(check_host(wrong, Reach::Anywhere).is_err(), "{wrong}");
        }
        for (good, shown) in [
            ("smtp.a-b.example", "smtp.a-b.example"),
            ("SMTP.Example", "smtp.example"),
            ("b\u{fc}cher.example", "xn--bcher-kva.example"),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(check_host(good, Reach::Anywhere).expect(good), shown);
        }
    }
}
