//! Hosts: the base URL and the instances' hosts lead to this server.

use super::{Finding, Patient};
use crate::last_start;
use foundation::Random;
use std::net::IpAddr;
use store::BoxFuture;
use world::network::Network;

const NAME: &str = "hosts";

/// Resolves the base URL and a host below the base domain, and asks whether a server answers.
pub fn check(patient: &Patient) -> BoxFuture<'_, Vec<Finding>> {
    Box::pin(async move {
        let Some(url) = url::Url::parse(patient.config.site.base_url()).ok() else { return Vec::new() };
        let host = url.host_str().unwrap_or_default().to_owned();
        let port = url.port_or_known_default().unwrap_or(80);
        let network = patient.world.network.as_ref();
        let addresses = match network.resolve(&host) {
            Ok(addresses) => addresses,
            Err(error) => return vec![Finding::fail(NAME, format!("{host} has no address: {error}"), format!("add an A or AAAA record for {host}"))],
        };
        let mut findings: Vec<Finding> = moved(patient).into_iter().collect();
        findings.push(reached(network, &host, port, patient.config.site.is_secure()));
        if patient.config.site.is_loopback() {
            findings.push(Finding::ok(
                NAME,
                "this server is for this machine alone: instances are at <base URL>/t/<slug>, and at <slug>.localhost in browsers, which need no DNS",
            ));
        } else {
            findings.push(below(patient, &addresses));
        }
        findings
    })
}

/// Whether the next start would be under another address than the last one.
fn moved(patient: &Patient) -> Option<Finding> {
    let moved = last_start::compare(&patient.config.data, &patient.config.site)?;
    Some(Finding::warn(NAME, moved.says, moved.remedy))
}

fn reached(network: &dyn Network, host: &str, port: u16, secure: bool) -> Finding {
    if secure {
        return match network.knock(host, port) {
            Ok(()) => Finding::ok(NAME, format!("somebody listens at {host}:{port}; that it is this server shows `curl https://{host}/healthz`")),
            Err(error) => {
                Finding::fail(NAME, format!("nobody listens at {host}:{port}: {error}"), "start the proxy that ends TLS, and open the port in the firewall")
            }
        };
    }
    match network.ask(host, port, "/healthz") {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n") => Finding::ok(NAME, format!("the server answers at {host}:{port}")),
        Ok(_) => Finding::fail(NAME, format!("another program answers at {host}:{port}"), "give another address with --listen, and --base-url to match"),
        Err(_) => Finding::warn(NAME, format!("no server answers at {host}:{port}"), "start it; if it runs, compare --listen with --base-url"),
    }
}

/// Whether any host below the base domain resolves to where the base URL does.
fn below(patient: &Patient, addresses: &[IpAddr]) -> Finding {
    let domain = patient.config.site.base_domain();
    let label = (&mut patient.world.random.clone() as &mut dyn Random).letters(b"abcdefghijklmnopqrstuvwxyz234567", 6);
    let host = format!("doctor-{label}.{}", domain.split(':').next().unwrap_or(domain));
    let remedy = format!("add a wildcard record *.{domain} that leads to this server, and a wildcard certificate");
    match patient.world.network.resolve(&host) {
        Ok(found) if found.iter().any(|address| addresses.contains(address)) => Finding::ok(NAME, format!("hosts below {domain} lead to this server")),
        Ok(_) => Finding::warn(NAME, format!("hosts below {domain} lead elsewhere than the base URL"), remedy),
        Err(error) => Finding::fail(NAME, format!("{host} has no address: {error}"), remedy),
    }
}
