//! The server's own mail server, as it is configured.

use super::{
    Wrong,
    file::{Fault, Said},
    number,
};
use clap::Args;
use foundation::{EmailAddress, Secret};
use std::{net::IpAddr, path::Path, path::PathBuf};
use world::mail::{Encryption, Reach, Relay, SmtpServer};

/// What can be said on the command line or in the environment. The password is in neither list of arguments.
#[derive(Args, Clone, Debug, Default)]
pub struct SmtpFlags {
    /// The mail server [default: none; mail is caught in the inbox]
    #[arg(long, env = "INSULA_SMTP_HOST", value_name = "HOST")]
    smtp_host: Option<String>,
    /// Its port [default: 465 for implicit, 587 for starttls, 25 for none]
    #[arg(long, env = "INSULA_SMTP_PORT", value_name = "PORT")]
    smtp_port: Option<String>,
    /// How its connection is encrypted: implicit, starttls, or none for one on this machine [default: starttls]
    #[arg(long, env = "INSULA_SMTP_TLS", value_name = "HOW")]
    smtp_tls: Option<String>,
    /// Who logs in; the password is in INSULA_SMTP_PASSWORD or in a file
    #[arg(long, env = "INSULA_SMTP_USERNAME", value_name = "NAME")]
    smtp_username: Option<String>,
    /// File that holds the password, for its owner alone
    #[arg(long, env = "INSULA_SMTP_PASSWORD_FILE", value_name = "FILE")]
    smtp_password_file: Option<PathBuf>,
    /// The address that mail is from
    #[arg(long, env = "INSULA_SMTP_FROM", value_name = "ADDRESS")]
    smtp_from: Option<String>,
    /// The name that mail is from [default: the application's]
    #[arg(long, env = "INSULA_SMTP_FROM_NAME", value_name = "NAME")]
    smtp_from_name: Option<String>,
    /// Lets instances have their own mail servers on this machine and on private networks
    #[arg(long, env = "INSULA_SMTP_PRIVATE_NETWORKS", value_name = "true or false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    smtp_private_networks: Option<String>,
}

impl SmtpFlags {
    /// Whether the command line or the environment says this.
    pub(super) fn say(&self, key: &str) -> bool {
        match key {
            "smtp.host" => self.smtp_host.is_some(),
            "smtp.port" => self.smtp_port.is_some(),
            "smtp.tls" => self.smtp_tls.is_some(),
            "smtp.from" => self.smtp_from.is_some(),
            "smtp.password_file" => self.smtp_password_file.is_some(),
            "smtp.private_networks" => self.smtp_private_networks.is_some(),
            _ => false,
        }
    }
}

/// What can be said in the file's table `[smtp]`.
#[derive(Default)]
pub(super) struct SmtpTable {
    host: Option<String>,
    port: Option<String>,
    tls: Option<String>,
    username: Option<String>,
    password: Option<Secret>,
    password_file: Option<PathBuf>,
    from: Option<String>,
    from_name: Option<String>,
    private_networks: Option<String>,
}

impl SmtpTable {
    /// Reads the table.
    ///
    /// # Errors
    /// The key, and what is wrong with it.
    pub(super) fn read(table: toml::Table) -> Result<SmtpTable, Fault> {
        let mut said = Said::new(table, "smtp.");
        let read = SmtpTable {
            host: said.word("host")?,
            port: said.word("port")?,
            tls: said.word("tls")?,
            username: said.word("username")?,
            password: said.word("password")?.map(Secret::new),
            password_file: said.word("password_file")?.map(PathBuf::from),
            from: said.word("from")?,
            from_name: said.word("from_name")?,
            private_networks: said.word("private_networks")?,
        };
        said.end()?;
        Ok(read)
    }

    /// Whether the file must be its owner's alone.
    pub(super) fn has_password(&self) -> bool {
        self.password.is_some()
    }
}

/// Puts both together: the mail server, and where instances' own may be.
pub(super) fn read(flags: &SmtpFlags, file: Option<SmtpTable>) -> Result<(Option<Relay>, Reach), Wrong> {
    let file = file.unwrap_or_default();
    let private = switch("smtp.private_networks", flags.smtp_private_networks.as_ref().or(file.private_networks.as_ref()))?;
    let reach = if private { Reach::Anywhere } else { Reach::Public };
    let environment = environment();
    let password_file = flags.smtp_password_file.clone().or(if environment.is_some() { None } else { file.password_file });
    let username = flags.smtp_username.clone().or(file.username);
    let from = flags.smtp_from.clone().or(file.from);
    let Some(host) = flags.smtp_host.clone().or(file.host) else {
        let described = [
            ("--smtp-port", flags.smtp_port.is_some() || file.port.is_some()),
            ("--smtp-tls", flags.smtp_tls.is_some() || file.tls.is_some()),
            ("--smtp-username", username.is_some()),
            ("--smtp-password-file", password_file.is_some()),
            ("INSULA_SMTP_PASSWORD", environment.is_some() || file.password.is_some()),
            ("--smtp-from", from.is_some()),
            ("--smtp-from-name", flags.smtp_from_name.is_some() || file.from_name.is_some()),
        ];
        return match described.iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(format!("{name} describes a mail server that is not named: give --smtp-host too, or leave {name} out").into()),
            None => Ok((None, reach)),
        };
    };
    if host.trim().is_empty() {
        return Err(Wrong::at("smtp.host", "it is empty: name the mail server, or leave it out to catch all mail in the inbox".to_owned()));
    }
    let tls = flags.smtp_tls.clone().or(file.tls).unwrap_or_else(|| "starttls".to_owned());
    let encryption =
        Encryption::parse(&tls).ok_or_else(|| Wrong::at("smtp.tls", format!("mail encryption {tls} is unknown: give implicit, starttls or none")))?;
    if encryption == Encryption::None && !is_this_machine(&host) {
        return Err(Wrong::at(
            "smtp.tls",
            format!("mail to {host} without encryption would cross the network in the clear: give --smtp-tls starttls or implicit"),
        ));
    }
    let password = match (password_file, environment) {
        (Some(path), _) => Some(read_password(&path).map_err(|why| Wrong::at("smtp.password_file", why))?),
        (None, Some(password)) => Some(password),
        (None, None) if file.password.as_ref().is_some_and(|password| password.expose().is_empty()) => {
            return Err(Wrong::at(
                "smtp.password",
                "smtp.password is empty: write the password, or leave it out where the mail server asks for none".to_owned(),
            ));
        }
        (None, None) => file.password,
    };
    let login = match (username, password) {
        (Some(name), Some(password)) => Some((name, password)),
        (Some(_), None) => return Err("the mail server's user has no password: set INSULA_SMTP_PASSWORD or give --smtp-password-file".to_owned().into()),
        (None, Some(_)) => return Err("the mail server's password has no user: give --smtp-username".to_owned().into()),
        (None, None) => None,
    };
    let from = from.ok_or_else(|| "mail needs a sender: give --smtp-from no-reply@your.domain".to_owned())?;
    let from_address =
        EmailAddress::parse(&from).ok_or_else(|| Wrong::at("smtp.from", format!("the sender {from} is no address: give one like no-reply@id.example.com")))?;
    let port = number("smtp.port", flags.smtp_port.as_ref().or(file.port.as_ref()), encryption.port().into(), 1..=65_535)?;
    let port = u16::try_from(port).unwrap_or_else(|_| encryption.port());
    let from_name = flags.smtp_from_name.clone().or(file.from_name).filter(|name| !name.trim().is_empty());
    Ok((Some(Relay { server: SmtpServer { host, port, encryption, login }, from_address: from_address.given().to_owned(), from_name }), reach))
}

/// A flag would show the password to everybody on the machine, so there is none for it.
#[allow(clippy::disallowed_methods, reason = "a secret that must not be an argument, read once at the start")]
fn environment() -> Option<Secret> {
    std::env::var("INSULA_SMTP_PASSWORD").ok().filter(|text| !text.is_empty()).map(Secret::new)
}

fn read_password(path: &Path) -> Result<Secret, String> {
    crate::files::refuse_open_secrets(path, true)?;
    let text = std::fs::read_to_string(path).map_err(|e| format!("the mail password {} cannot be read: {e}", path.display()))?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(format!("the mail password {} is empty: write the password into it, on one line", path.display()));
    }
    Ok(Secret::new(password))
}

fn switch(name: &'static str, given: Option<&String>) -> Result<bool, Wrong> {
    match given.map(|text| text.trim()) {
        None => Ok(false),
        Some("true" | "1") => Ok(true),
        Some("false" | "0" | "") => Ok(false),
        Some(other) => Err(Wrong::at(name, format!("{name} is {other}: give true or false"))),
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
