//! The visitor's address, past the proxies that are believed.
//!
//! `X-Forwarded-For` is read from its end: the nearest hop has written the last entry, and everything before the first hop that is not believed
//! may come from the visitor.

use foundation::{Cidr, network};
use http::HeaderMap;
use std::net::IpAddr;

/// The most entries that are looked at, from the end.
const MOST_HOPS: usize = 32;

/// Where a request came from.
pub(super) struct Hops {
    /// Whoever is not a proxy that is believed.
    pub(super) visitor: Option<IpAddr>,
    /// Whom they say that they speak for. It counts only beside a secret key.
    pub(super) before: Option<IpAddr>,
}

/// Walks back from the other side of the connection past the proxies that are believed. An entry that is no address ends the walk.
pub(super) fn hops(headers: &HeaderMap, peer: Option<IpAddr>, trusted: &[Cidr]) -> Hops {
    let mut visitor = peer;
    let mut named = headers.get_all("x-forwarded-for").into_iter().rev().flat_map(|field| field.to_str().unwrap_or("?").rsplit(',')).take(MOST_HOPS);
    while visitor.is_some_and(|hop| trusted.iter().any(|range| range.contains(hop))) {
        match named.next() {
            None => break,
            Some(entry) => match network::hop(entry) {
                Some(hop) => visitor = Some(hop),
                None => return Hops { visitor, before: None },
            },
        }
    }
    Hops { visitor, before: named.next().and_then(network::hop) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, fields: &[&str]) -> (Option<String>, Option<String>) {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append("x-forwarded-for", field.parse().expect("a field"));
        }
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|range| Cidr::parse(range).expect("a range"));
        let hops = hops(&headers, peer.parse().ok(), &trusted);
        (hops.visitor.map(|a| a.to_string()), hops.before.map(|a| a.to_string()))
    }

    fn some(visitor: &str, before: &str) -> (Option<String>, Option<String>) {
        (Some(visitor.to_owned()), Some(before.to_owned()).filter(|b| !b.is_empty()))
    }

    /// CVE-2026-45364, CVE-2023-36456: whatever the visitor had written first was believed.
    #[test]
    fn only_hops_that_are_believed_are_passed() {
        assert_eq!(from("203.0.113.9", &["198.51.100.1"]), some("203.0.113.9", "198.51.100.1"), "nobody asked for a word");
        assert_eq!(from("10.0.0.1", &["198.51.100.1, 203.0.113.9"]), some("203.0.113.9", "198.51.100.1"), "a forged entry stands before");
        assert_eq!(from("10.0.0.1", &["198.51.100.1, 203.0.113.9, 10.0.0.2"]), some("203.0.113.9", "198.51.100.1"), "two balancers");
        assert_eq!(from("10.0.0.1", &["10.0.0.3, 203.0.113.9"]), some("203.0.113.9", "10.0.0.3"), "a forged one that would be believed");
        assert_eq!(from("10.0.0.1", &["198.51.100.1", "203.0.113.9"]), some("203.0.113.9", "198.51.100.1"), "two fields are one list");
        assert_eq!(from("::ffff:10.0.0.1", &["203.0.113.9:4711"]), some("203.0.113.9", ""));
        assert_eq!(from("fd00::1", &["[2001:db8::1]:443"]), some("2001:db8::1", ""));
    }

    #[test]
    fn what_is_no_address_ends_the_walk() {
        assert_eq!(from("10.0.0.1", &["198.51.100.1, unknown"]), some("10.0.0.1", ""));
        assert_eq!(from("10.0.0.1", &[]), some("10.0.0.1", ""));
        assert_eq!(from("10.0.0.1", &["198.51.100.1,"]), some("10.0.0.1", ""));
        let long = vec!["10.0.0.7"; 100].join(", ");
        assert_eq!(from("10.0.0.1", &[&format!("198.51.100.1, {long}")]), some("10.0.0.7", ""), "it is not read for ever");
    }

    #[test]
    fn without_a_connection_there_is_no_visitor_but_a_proxys_word() {
        assert_eq!(from("-", &["198.51.100.1, 203.0.113.9"]), (None, Some("203.0.113.9".to_owned())));
    }
}
