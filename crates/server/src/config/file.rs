//! What can be said in the TOML file: the names of the flags, and the settings of the system layer. Every fault names its key.

use super::{layer, lines, smtp::SmtpTable};
use domain::settings::Document;
use std::path::PathBuf;
use toml::{Table, Value};

/// The file, read.
#[derive(Default)]
pub(super) struct File {
    pub listen: Option<String>,
    pub metrics_listen: Option<String>,
    pub base_url: Option<String>,
    pub base_domain: Option<String>,
    pub database_url: Option<String>,
    pub database_connections: Option<String>,
    pub trusted_proxies: Option<String>,
    pub database_wait_ms: Option<String>,
    pub cache_seconds: Option<String>,
    pub outage_seconds: Option<String>,
    pub cache_megabytes: Option<String>,
    pub log: Option<String>,
    pub log_format: Option<String>,
    pub npm_mirror: Option<PathBuf>,
    pub npm_cdn: Option<String>,
    pub geoip: Option<PathBuf>,
    pub smtp: Option<SmtpTable>,
    pub layer: Document,
}

impl File {
    /// Reads the text.
    ///
    /// # Errors
    /// A part of a sentence that names the line and the key.
    pub(super) fn parse(text: &str) -> Result<File, String> {
        let table = text.parse::<Table>().map_err(|error| {
            // An end of line belongs to the line that it ends.
            let line = error.span().map_or(1, |span| 1 + text.get(..span.start).unwrap_or(text).matches('\n').count()).min(text.lines().count().max(1));
            format!("line {line} is no TOML: it {}", lines::fault(text, line))
        })?;
        File::read(table).map_err(|Fault { key, why }| format!("{}{key} {why}", place(text, &key)))
    }

    fn read(table: Table) -> Result<File, Fault> {
        let mut said = Said::new(table, "");
        let file = File {
            listen: said.word("listen")?,
            metrics_listen: said.word("metrics_listen")?,
            base_url: said.word("base_url")?,
            base_domain: said.word("base_domain")?,
            database_url: said.word("database_url")?,
            database_connections: said.word("database_connections")?,
            trusted_proxies: said.word("trusted_proxies")?,
            database_wait_ms: said.word("database_wait_ms")?,
            cache_seconds: said.word("cache_seconds")?,
            outage_seconds: said.word("outage_seconds")?,
            cache_megabytes: said.word("cache_megabytes")?,
            log: said.word("log")?,
            log_format: said.word("log_format")?,
            npm_mirror: said.word("npm_mirror")?.map(PathBuf::from),
            npm_cdn: said.word("npm_cdn")?,
            geoip: said.word("geoip")?.map(PathBuf::from),
            smtp: said.table("smtp")?.map(SmtpTable::read).transpose()?,
            layer: layer::read(said.table("settings")?, said.table("settings_rules")?)?,
        };
        said.end()?;
        Ok(file)
    }
}

/// The line of a key, as the beginning of a sentence; nothing where it cannot be told.
pub(super) fn place(text: &str, key: &str) -> String {
    lines::of_key(text, key).map_or_else(String::new, |line| format!("line {line}: "))
}

/// What is wrong with a key of the file.
#[derive(Debug)]
pub(super) struct Fault {
    /// Its dotted name.
    pub key: String,
    /// What is wrong, as what follows the name in a sentence.
    pub why: String,
}

/// A table of the file, from which each key is taken once.
pub(super) struct Said {
    rest: Table,
    /// What stands before its keys: nothing, or the table's name and a dot.
    before: &'static str,
    known: Vec<&'static str>,
}

impl Said {
    pub(super) fn new(rest: Table, before: &'static str) -> Said {
        Said { rest, before, known: Vec::new() }
    }

    /// A single value, as it was written.
    pub(super) fn word(&mut self, key: &'static str) -> Result<Option<String>, Fault> {
        self.known.push(key);
        match self.rest.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Integer(number)) => Ok(Some(number.to_string())),
            Some(Value::Float(number)) => Ok(Some(number.to_string())),
            Some(Value::Boolean(flag)) => Ok(Some(flag.to_string())),
            Some(_) => Err(Fault { key: format!("{}{key}", self.before), why: format!("must be one value, like {key} = \"…\"") }),
        }
    }

    fn table(&mut self, key: &'static str) -> Result<Option<Table>, Fault> {
        self.known.push(key);
        match self.rest.remove(key) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(table)),
            Some(_) => Err(Fault { key: key.to_owned(), why: format!("must be a table: [{key}]") }),
        }
    }

    /// Refuses what nobody has asked for.
    pub(super) fn end(mut self) -> Result<(), Fault> {
        let Some(key) = self.rest.keys().next() else { return Ok(()) };
        self.known.sort_unstable();
        Err(Fault { key: format!("{}{key}", self.before), why: format!("is unknown: known are {}", self.known.join(", ")) })
    }
}
