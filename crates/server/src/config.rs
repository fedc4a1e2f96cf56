//! Configuration: flags, then the environment, then one TOML file, then defaults. What is unusable or unsafe refuses to start with one
//! sentence that says how to mend it.

mod file;
mod layer;
mod lines;
mod smtp;

use crate::files;
use clap::Args;
use domain::{instances::Site, settings::Document};
use file::File;
use foundation::{Cidr, Secret};
use std::{
    env::VarError,
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};
use store::{Bounds, Location};
use world::mail::{Reach, Relay};
use world::places::Places;

/// What can be said on the command line or in the environment.
#[derive(Args, Clone, Debug, Default)]
pub struct Flags {
    /// The TOML file [default: insula.toml in the data folder, if it is there]
    #[arg(long, env = "INSULA_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address and port to listen at [default: 127.0.0.1:7080]
    #[arg(long, env = "INSULA_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Address and port at which Prometheus finds /metrics, and nothing else [default: none]
    #[arg(long, env = "INSULA_METRICS_LISTEN", value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<String>,
    /// Folder for the database, the master key and first-start.json [default: insula-data]
    #[arg(long, env = "INSULA_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The address under which browsers and backends reach this server [default: http://localhost and the port]
    #[arg(long, env = "INSULA_BASE_URL", value_name = "URL")]
    pub base_url: Option<String>,
    /// The domain whose sub-domains are the instances' hosts [default: the base URL's host]
    #[arg(long, env = "INSULA_BASE_DOMAIN", value_name = "DOMAIN")]
    pub base_domain: Option<String>,
    /// PostgreSQL instead of the embedded SQLite, as postgres://user@host/database
    #[arg(long, env = "INSULA_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// The most connections to PostgreSQL [default: 16]
    #[arg(long, env = "INSULA_DATABASE_CONNECTIONS", value_name = "NUMBER")]
    pub database_connections: Option<String>,
    /// Proxies in front of this server whose X-Forwarded-For counts, as addresses or ranges with commas [default: none]
    #[arg(long, env = "INSULA_TRUSTED_PROXIES", value_name = "CIDR,…")]
    pub trusted_proxies: Option<String>,
    /// The most milliseconds that a request waits for the database, 50 to 10000 [default: 600]
    #[arg(long, env = "INSULA_DATABASE_WAIT_MS", value_name = "NUMBER")]
    pub database_wait_ms: Option<String>,
    /// For how many seconds a change that another server made may go unnoticed, 0 to 60 [default: 10]
    #[arg(long, env = "INSULA_CACHE_SECONDS", value_name = "NUMBER")]
    pub cache_seconds: Option<String>,
    /// For how many seconds known sessions go on while the database cannot be reached, 0 to 3600 [default: 300]
    #[arg(long, env = "INSULA_OUTAGE_SECONDS", value_name = "NUMBER")]
    pub outage_seconds: Option<String>,
    /// How many megabytes are remembered of the database, 1 to 4096 [default: 32]
    #[arg(long, env = "INSULA_CACHE_MEGABYTES", value_name = "NUMBER")]
    pub cache_megabytes: Option<String>,
    /// What to log: error, warn, info, debug, trace, or a filter like info,store=debug [default: info]
    #[arg(long, env = "INSULA_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// How to log: text or json [default: text]
    #[arg(long, env = "INSULA_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Folder that holds the SDKs' scripts as @clerk/<package>/dist/… [default: none; browsers are sent to the CDN]
    #[arg(long, env = "INSULA_NPM_MIRROR", value_name = "DIR")]
    pub npm_mirror: Option<PathBuf>,
    /// Where browsers load the SDKs' scripts from if there is no mirror [default: https://cdn.jsdelivr.net]
    #[arg(long, env = "INSULA_NPM_CDN", value_name = "URL")]
    pub npm_cdn: Option<String>,
    /// File that knows where network addresses are, in MaxMind's format [default: none; places are not shown]
    #[arg(long, env = "INSULA_GEOIP", value_name = "FILE")]
    pub geoip: Option<PathBuf>,
    #[command(flatten)]
    smtp: smtp::SmtpFlags,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}

/// The configuration, checked.
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where to serve metrics, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// The folder for everything that is kept.
    pub data: PathBuf,
    /// Where this server is.
    pub site: Site,
    /// Where the database is.
    pub location: Location,
    /// The most database connections.
    pub connections: usize,
    /// The proxies whose word about a visitor's address counts.
    pub trusted_proxies: Vec<Cidr>,
    /// How long to wait for the database, and how long and how much of it to remember.
    pub bounds: Bounds,
    /// What to log.
    pub log: String,
    /// How to log.
    pub log_format: LogFormat,
    /// Where the SDKs' scripts come from.
    pub scripts: web::Scripts,
    /// Knows where network addresses are.
    pub places: Places,
    /// The master keys, if they were given.
    pub master_keys: files::MasterTexts,
    /// The mail server, if there is one.
    pub relay: Option<Relay>,
    /// Where instances' own mail servers may be.
    pub reach: Reach,
    /// The system layer of the settings.
    pub settings: Document,
}

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn read(flags: &Flags) -> Result<Config, String> {
        let data = flags.data.clone().unwrap_or_else(|| PathBuf::from("insula-data"));
        let (file, written) = read_file(flags.config.as_deref(), &data)?;
        // What stands on the command line or in the environment comes first, so it is whose fault it is.
        Config::put_together(flags, data, file).map_err(|fault| match (fault.key, written) {
            (Some(key), Some((path, text))) if !flags.say(key) => match lines::of_key(&text, key) {
                Some(line) => format!("the configuration file {}: line {line}: {key}: {}", path.display(), fault.why),
                None => fault.why,
            },
            (Some(key), _) if flags.say(key) => {
                let name = key.replace('.', "_");
                format!("--{} or INSULA_{}: {}", name.replace('_', "-"), name.to_ascii_uppercase(), fault.why)
            }
            _ => fault.why,
        })
    }

    fn put_together(flags: &Flags, data: PathBuf, file: File) -> Result<Config, Wrong> {
        let bounds = bounds(flags, &file)?;
        let listen = flags.listen.clone().or(file.listen).unwrap_or_else(|| "127.0.0.1:7080".to_owned());
        let listen: SocketAddr =
            listen.parse().map_err(|_| Wrong::at("listen", format!("listen address {listen} is no address and port: give one like 127.0.0.1:7080")))?;
        let metrics_listen = metrics_listen(flags.metrics_listen.clone().or(file.metrics_listen), listen).map_err(|why| Wrong::at("metrics_listen", why))?;
        let base_url = flags.base_url.clone().or(file.base_url).unwrap_or_else(|| format!("http://localhost:{}", listen.port()));
        let base_domain = flags.base_domain.clone().or(file.base_domain);
        let site = Site::new(&base_url, None).map_err(|why| Wrong::at("base_url", why))?;
        let site = match base_domain {
            Some(domain) => Site::new(&base_url, Some(&domain)).map_err(|why| Wrong::at("base_domain", why))?,
            None => site,
        };
        let (relay, reach) = smtp::read(&flags.smtp, file.smtp)?;
        if relay.is_none() && (!listen.ip().is_loopback() || !site.is_loopback()) {
            return Err(Wrong::from(format!(
                "without a mail server all mail is shown in the inbox, so {listen} with {base_url} would show it to the network: give a mail server with --smtp-host, or listen on 127.0.0.1 with a base URL on localhost"
            )));
        }
        let location = match flags.database_url.clone().or(file.database_url) {
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => Location::Url(url),
            Some(_) => return Err(Wrong::at("database_url", "the database URL must begin with postgres://: leave it out for the embedded SQLite".to_owned())),
            None => Location::File(data.join("insula.db")),
        };
        let connections = number("database_connections", flags.database_connections.as_ref().or(file.database_connections.as_ref()), 16, 2..=1_000)?;
        let connections = usize::try_from(connections).unwrap_or(2);
        let trusted_proxies =
            ranges(flags.trusted_proxies.clone().or(file.trusted_proxies).as_deref().unwrap_or_default()).map_err(|why| Wrong::at("trusted_proxies", why))?;
        let log_format = match flags.log_format.clone().or(file.log_format).as_deref() {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(other) => return Err(Wrong::at("log_format", format!("log format {other} is unknown: give text or json"))),
        };
        let log = flags.log.clone().or(file.log).unwrap_or_else(|| "info".to_owned());
        if tracing_subscriber::EnvFilter::try_new(&log).is_err() {
            return Err(Wrong::at("log", format!("log filter {log} cannot be read: give one like info or info,store=debug")));
        }
        let mirror = flags.npm_mirror.clone().or(file.npm_mirror);
        if let Some(folder) = &mirror
            && !folder.join("@clerk").is_dir()
        {
            let why = format!("the script mirror {} has no folder @clerk: give the folder that holds it", folder.display());
            return Err(Wrong::at("npm_mirror", why));
        }
        let cdn = flags.npm_cdn.clone().or(file.npm_cdn).unwrap_or_else(|| "https://cdn.jsdelivr.net".to_owned());
        if domain::redirects::parse(&cdn).is_none_or(|url| !matches!(url.scheme(), "http" | "https")) {
            return Err(Wrong::at("npm_cdn", format!("the script address {cdn} is no URL: give one like https://cdn.jsdelivr.net")));
        }
        let places =
            flags.geoip.clone().or(file.geoip).map_or_else(|| Ok(Places::default()), |file| Places::open(&file)).map_err(|why| Wrong::at("geoip", why))?;
        Ok(Config {
            listen,
            metrics_listen,
            data,
            site,
            location,
            connections,
            trusted_proxies,
            bounds,
            log,
            log_format,
            scripts: web::Scripts { mirror, cdn: cdn.trim_end_matches('/').to_owned() },
            places,
            master_keys: files::MasterTexts { key: secret("INSULA_MASTER_KEY")?, older: secret("INSULA_MASTER_KEY_OLD")? },
            relay,
            reach,
            settings: file.layer,
        })
    }
}

/// What is wrong with the configuration.
#[derive(Debug)]
struct Wrong {
    /// The key of the file that says it, if it is about a single one.
    key: Option<&'static str>,
    /// A sentence.
    why: String,
}

impl Wrong {
    fn at(key: &'static str, why: String) -> Wrong {
        Wrong { key: Some(key), why }
    }
}

impl From<String> for Wrong {
    fn from(why: String) -> Wrong {
        Wrong { key: None, why }
    }
}

impl Flags {
    /// Whether the command line or the environment says this.
    fn say(&self, key: &str) -> bool {
        match key {
            "listen" => self.listen.is_some(),
            "metrics_listen" => self.metrics_listen.is_some(),
            "base_url" => self.base_url.is_some(),
            "base_domain" => self.base_domain.is_some(),
            "database_url" => self.database_url.is_some(),
            "database_connections" => self.database_connections.is_some(),
            "trusted_proxies" => self.trusted_proxies.is_some(),
            "database_wait_ms" => self.database_wait_ms.is_some(),
            "cache_seconds" => self.cache_seconds.is_some(),
            "outage_seconds" => self.outage_seconds.is_some(),
            "cache_megabytes" => self.cache_megabytes.is_some(),
            "log" => self.log.is_some(),
            "log_format" => self.log_format.is_some(),
            "npm_mirror" => self.npm_mirror.is_some(),
            "npm_cdn" => self.npm_cdn.is_some(),
            "geoip" => self.geoip.is_some(),
            other => self.smtp.say(other),
        }
    }
}

/// Where metrics are served: at an address that is not the public one.
fn metrics_listen(given: Option<String>, public: SocketAddr) -> Result<Option<SocketAddr>, String> {
    let Some(text) = given else { return Ok(None) };
    let address: SocketAddr = text.parse().map_err(|_| format!("metrics address {text} is no address and port: give one like 127.0.0.1:7081"))?;
    if address == public && address.port() != 0 {
        return Err(format!("metrics address {text} is the public one: give another port, like 127.0.0.1:7081"));
    }
    Ok(Some(address))
}

fn bounds(flags: &Flags, file: &File) -> Result<Bounds, Wrong> {
    let wait = number("database_wait_ms", flags.database_wait_ms.as_ref().or(file.database_wait_ms.as_ref()), 600, 50..=10_000)?;
    let fresh = number("cache_seconds", flags.cache_seconds.as_ref().or(file.cache_seconds.as_ref()), 10, 0..=60)?;
    let outage = number("outage_seconds", flags.outage_seconds.as_ref().or(file.outage_seconds.as_ref()), 300, 0..=3_600)?;
    let megabytes = number("cache_megabytes", flags.cache_megabytes.as_ref().or(file.cache_megabytes.as_ref()), 32, 1..=4_096)?;
    let memory = usize::try_from(megabytes << 20).unwrap_or(usize::MAX);
    Ok(Bounds { wait: Duration::from_millis(wait), fresh: Duration::from_secs(fresh), outage: Duration::from_secs(outage), memory })
}

/// A whole number in its bounds, as it was written.
fn number(name: &'static str, given: Option<&String>, default: u64, allowed: RangeInclusive<u64>) -> Result<u64, Wrong> {
    let Some(text) = given else { return Ok(default) };
    let found = text.trim().parse().ok().filter(|number| allowed.contains(number));
    found.ok_or_else(|| Wrong::at(name, format!("{name} is {text}: give a whole number from {} to {}", allowed.start(), allowed.end())))
}

/// A secret from the environment, and from nowhere else: everybody on the machine can see a program's arguments.
fn secret(name: &str) -> Result<Option<Secret>, String> {
    #[allow(clippy::disallowed_methods, reason = "this is the configuration, which is read once at the start")]
    match std::env::var(name) {
        Ok(text) => Ok(Some(Secret::new(text))),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name} is not base64 of 32 bytes: make one with `openssl rand -base64 32`")),
    }
}

/// The file, and where it is and what stands in it, if there is one.
fn read_file(given: Option<&Path>, data: &Path) -> Result<(File, Option<(PathBuf, String)>), String> {
    let default = data.join("insula.toml");
    let (path, must_exist) = given.map_or((default.as_path(), false), |path| (path, true));
    if !must_exist && !path.exists() {
        return Ok((File::default(), None));
    }
    files::refuse_writable_by_others(path)?;
    let text = std::fs::read_to_string(path).map_err(|e| format!("the configuration file {} cannot be read: {e}", path.display()))?;
    let file = File::parse(&text).map_err(|why| format!("the configuration file {}: {why}", path.display()))?;
    let has_password = file.smtp.as_ref().is_some_and(smtp::SmtpTable::has_password);
    files::refuse_open_secrets(path, file.database_url.is_some() || has_password)?;
    Ok((file, Some((path.to_owned(), text))))
}

fn ranges(text: &str) -> Result<Vec<Cidr>, String> {
    let named = text.split(',').map(str::trim).filter(|range| !range.is_empty());
    named.map(|range| Cidr::parse(range).ok_or_else(|| format!("trusted proxy {range} is no address and no range: give one like 10.0.0.0/8"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_addresses_and_ranges_with_commas() {
        assert_eq!(ranges("10.0.0.0/8, fd00::/8,192.0.2.1").expect("ranges").len(), 3);
        assert_eq!(ranges("").expect("none").len(), 0);
        assert!(ranges("10.0.0.0/8, balancer").expect_err("a name").contains("balancer"));
    }
}
