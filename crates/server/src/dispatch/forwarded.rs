//! Requests that a proxy has forwarded which is not believed. Its visitors are counted together as one network: for the operator that is most likely
//! a proxy that was not named.

use super::frontend::SECRET_KEY;
use foundation::{Cidr, meter::Counter};
use http::HeaderMap;
use std::net::IpAddr;

/// How many are worth a line in the log. A stranger can send the field too, but only one line.
const MANY: u64 = 1_000;

/// How many there were.
#[derive(Debug, Default)]
pub struct Forwarded(Counter);

impl Forwarded {
    /// Counts a request, if it is one, and tells the operator once that there are many. The SDKs' own proxies, which show the secret key, are believed
    /// as far as they need to be.
    pub(super) fn note(&self, headers: &HeaderMap, peer: Option<IpAddr>, trusted: &[Cidr]) {
        if !headers.contains_key("x-forwarded-for") || headers.contains_key(SECRET_KEY) {
            return;
        }
        let Some(peer) = peer.filter(|peer| !trusted.iter().any(|range| range.contains(*peer))) else { return };
        if self.0.next() == MANY {
            tracing::warn!(
                %peer,
                "{MANY} requests came with X-Forwarded-For from addresses that are not among --trusted-proxies, the last of them from this one. If it is a \
                 proxy of yours, name it there: until then all of its visitors share one network's rates, 500 connections and 8 MB of bodies"
            );
        }
    }

    /// The number.
    pub fn count(&self) -> u64 {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_believes_is_counted() {
        let trusted = [Cidr::parse("10.0.0.0/8").expect("a range")];
        let forwarded = Forwarded::default();
        let note = |peer: &str, names: &[&'static str]| {
            let headers = names.iter().map(|name| (http::HeaderName::from_static(name), http::HeaderValue::from_static("203.0.113.9"))).collect();
            forwarded.note(&headers, peer.parse().ok(), &trusted);
            forwarded.count()
        };
        assert_eq!(note("198.51.100.1", &[]), 0);
        assert_eq!(note("10.0.0.1", &["x-forwarded-for"]), 0, "a believed one");
        assert_eq!(note("198.51.100.1", &["x-forwarded-for", SECRET_KEY]), 0, "an SDK's own");
        assert_eq!(note("-", &["x-forwarded-for"]), 0, "no connection");
        assert_eq!(note("198.51.100.1", &["x-forwarded-for"]), 1);
        assert_eq!(note("127.0.0.1", &["x-forwarded-for"]), 2, "this machine's own are not believed by themselves");
    }
}
