//! Who may read the inbox: somebody at this machine, and nobody else.

use crate::answer::not_found;
use axum::{extract::FromRequestParts, response::Response};
use domain::instances::Site;
use http::{HeaderMap, header, request::Parts};
use std::{net::IpAddr, sync::Arc};
use web::{App, Knock};

/// The request was made on this machine. Everybody else finds no such page.
pub(crate) struct Near;

impl FromRequestParts<Arc<App>> for Near {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Near, Response> {
        let knock = parts.extensions.get::<Knock>();
        // Without a peer the request did not come by the network.
        let here = knock.is_some_and(|knock| knock.peer.is_none_or(|peer| peer.to_canonical().is_loopback()));
        // With a mail server nothing is caught.
        let here = here && app.world.mail.catches();
        if here && !is_forwarded(&parts.headers) && is_asked_for_here(&parts.headers, app.site()) { Ok(Near) } else { Err(not_found()) }
    }
}

/// Whether a proxy on this machine passed it on for somebody who may be elsewhere.
fn is_forwarded(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-real-ip"].into_iter().any(|name| headers.contains_key(name))
}

/// Whether the request names this machine or this site. A page elsewhere can give its own name this machine's address and then
/// read what is here (DNS rebinding); the name stays its own.
fn is_asked_for_here(headers: &HeaderMap, site: &Site) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let Ok(host) = host.to_str() else { return false };
    if site.base_url().split_once("://").is_some_and(|(_, own)| own.eq_ignore_ascii_case(host)) {
        return true;
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_names_of_this_machine_and_this_site_are_answered() {
        let site = Site::new("https://id.example.com", None).expect("site");
        let asked = |host: &'static str| is_asked_for_here(&HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]), &site);
        for host in ["localhost", "LOCALHOST:7080", "127.0.0.1:7080", "127.9.9.9", "[::1]:7080", "[::1]", "id.example.com", "ID.example.com"] {
            assert!(asked(host), "{host}");
        }
        for host in ["evil.example", "evil.example:7080", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.0.9:7080", "[2001:db8::1]:7080", ""] {
            assert!(!asked(host), "{host}");
        }
    }
}
