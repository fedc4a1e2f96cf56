//! What works, and is seldom meant: told at each start, and by the doctor.

use crate::config::Config;
use std::{net::IpAddr, os::unix::fs::PermissionsExt, path::Path};

/// Something that an operator should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// What it is, in one sentence.
    pub says: String,
    /// What to do about it.
    pub remedy: String,
}

/// A data folder that others may look into is no danger, because the files in it are closed; but it is not private.
pub fn folder(data: &Path) -> Option<Doubt> {
    let mode = std::fs::metadata(data).ok()?.permissions().mode() & 0o777;
    (mode & 0o055 != 0).then(|| Doubt {
        says: format!("{} has mode {mode:o}: others can see which files are in it, but none of the files that hold secrets can be read", data.display()),
        remedy: format!("chmod 700 {}", data.display()),
    })
}

/// Addresses that do not fit together.
pub fn addresses(config: &Config) -> Vec<Doubt> {
    [unnamed_proxy(config), open_metrics(config)].into_iter().flatten().collect()
}

/// Whoever comes by the base URL reaches another port than the server's, so something stands in between; unless it is named, all visitors have its address.
pub fn unnamed_proxy(config: &Config) -> Option<Doubt> {
    let url = url::Url::parse(config.site.base_url()).ok()?;
    let (leads, listens) = (url.port_or_known_default()?, config.listen.port());
    if leads == listens || listens == 0 || !config.trusted_proxies.is_empty() {
        return None;
    }
    Some(Doubt {
        says: format!(
            "the base URL {} leads to port {leads}, the server listens at {}, and no proxy between them is named",
            config.site.base_url(),
            config.listen
        ),
        remedy: format!(
            "if a proxy stands there, name it with --trusted-proxies, because all visitors seem to be it; if none does, give --base-url with port {listens}"
        ),
    })
}

/// Metrics say nothing of tenants, and are nobody's business all the same.
pub fn open_metrics(config: &Config) -> Option<Doubt> {
    let at = config.metrics_listen?;
    (!is_inside(at.ip())).then(|| Doubt {
        says: format!("metrics are served at {at}, to every network that this machine is on"),
        remedy: "give --metrics-listen an address of this machine or of a private network, like 127.0.0.1:7081".to_owned(),
    })
}

fn is_inside(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}
