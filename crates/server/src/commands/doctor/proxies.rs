//! Proxies: whoever ends TLS in front of this server is believed about its visitors' addresses, and nobody else is.

use super::{Finding, Patient};
use foundation::Cidr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use store::BoxFuture;

const NAME: &str = "proxies";

/// Compares the base URL with the proxies that are named.
pub fn check(patient: &Patient) -> BoxFuture<'_, Vec<Finding>> {
    let found = judge(patient.config.site.is_secure(), &patient.config.trusted_proxies);
    Box::pin(std::future::ready(vec![found]))
}

fn judge(secure: bool, trusted: &[Cidr]) -> Finding {
    // Addresses for examples, which are nobody's proxy.
    let strangers: [IpAddr; 3] =
        [Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::new(203, 0, 113, 1).into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()];
    if trusted.iter().any(|range| strangers.iter().any(|stranger| range.contains(*stranger))) {
        return Finding::warn(
            NAME,
            "strangers are believed about their addresses",
            "name the proxies' own addresses in --trusted-proxies, not the whole network",
        );
    }
    match (secure, trusted.len()) {
        (true, 0) => Finding::warn(
            NAME,
            "the base URL is https, so a proxy stands in front of this server, and none is named: all visitors count as one, for rates, connections and bodies",
            "name its address in --trusted-proxies (127.0.0.1 if it is on this machine), and let it write X-Forwarded-For",
        ),
        (_, 0) => Finding::ok(NAME, "none is believed: visitors have the addresses that they connect from"),
        (_, many) => Finding::ok(NAME, format!("{many} ranges of --trusted-proxies are believed about their visitors' addresses")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::State;

    #[test]
    fn a_proxy_that_must_be_there_is_named() {
        let state = |secure, ranges: &[&str]| judge(secure, &ranges.iter().map(|range| Cidr::parse(range).expect("a range")).collect::<Vec<_>>()).state;
        assert_eq!(state(true, &[]), State::Warn);
        assert_eq!(state(false, &[]), State::Ok);
        assert_eq!(state(true, &["10.0.0.0/8", "127.0.0.1"]), State::Ok);
        assert_eq!(state(true, &["0.0.0.0/0"]), State::Warn);
        assert_eq!(state(true, &["10.0.0.1", "::/0"]), State::Warn);
    }
}
