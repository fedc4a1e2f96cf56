//! Networks: who a request is counted for, and which proxies are believed.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// What requests from one place are counted by: an IPv4 address, or the /64 of an IPv6 one, which is what one customer gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// One address.
    V4(u32),
    /// The first 64 bits.
    V6(u64),
    /// The first 48 bits, which one customer can get too.
    V6Site(u64),
    /// Not known.
    Unknown,
}

impl Network {
    /// The network of an address; an IPv4 address in IPv6's clothes is the same as without.
    pub fn of(address: Option<IpAddr>) -> Network {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Network::V4(address.to_bits()),
            Some(IpAddr::V6(address)) => Network::V6(u64::try_from(address.to_bits() >> 64).unwrap_or_default()),
            None => Network::Unknown,
        }
    }

    /// The wider network around it, where there is one.
    pub const fn site(self) -> Option<Network> {
        match self {
            Network::V6(bits) => Some(Network::V6Site(bits >> 16)),
            _ => None,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Network::V4(bits) => Ipv4Addr::from_bits(*bits).fmt(f),
            Network::V6(bits) => write!(f, "{}/64", Ipv6Addr::from_bits(u128::from(*bits) << 64)),
            Network::V6Site(bits) => write!(f, "{}/48", Ipv6Addr::from_bits(u128::from(*bits) << 80)),
            Network::Unknown => f.write_str("unknown"),
        }
    }
}

/// A range of addresses, written `10.0.0.0/8`, `fd00::/8`, or as one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    first: u128,
    bits: u32,
    v6: bool,
}

impl Cidr {
    /// Reads one; `None` where it is none, or where bits are set behind its length.
    pub fn parse(text: &str) -> Option<Cidr> {
        let (address, length) = text.trim().split_once('/').map_or((text.trim(), None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().ok()?;
        let (value, width) = wide(address);
        let bits = match length {
            Some(text) if text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok().filter(|bits| *bits <= width)?,
            Some(_) => return None,
            None => width,
        };
        let behind = width - bits;
        (behind >= 128 && value == 0 || behind < 128 && value & ((1 << behind) - 1) == 0).then_some(Cidr { first: value, bits, v6: width == 128 })
    }

    /// Whether the address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (value, width) = wide(address.to_canonical());
        let behind = width - self.bits.min(width);
        self.v6 == (width == 128) && (behind >= 128 || value >> behind == self.first >> behind)
    }
}

fn wide(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

/// An address as proxies write it: bare, in brackets, with a port or without.
pub fn hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(address, _)| address);
    let parsed = bare.unwrap_or(text).parse().ok().or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|both| both.ip()));
    parsed.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::of(text.parse().ok())
    }

    /// CVE-2026-45364: each address of a /64 was somebody new.
    #[test]
    fn a_network_is_an_address_or_a_64() {
        assert_eq!(network("203.0.113.7"), network("::ffff:203.0.113.7"), "mapped");
        assert_ne!(network("203.0.113.7"), network("203.0.113.8"));
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("2001:db8:1:2::1").site(), network("2001:db8:1:3::1").site());
        assert_ne!(network("2001:db8:1:2::1").site(), network("2001:db8:2:2::1").site());
        assert_eq!(network("203.0.113.7").site(), None);
    }

    #[test]
    fn a_network_is_written_as_a_range() {
        assert_eq!(network("203.0.113.7").to_string(), "203.0.113.7");
        assert_eq!(network("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2::1").site().expect("a site").to_string(), "2001:db8:1::/48");
    }

    #[test]
    fn ranges_hold_what_they_say() {
        let holds = |range: &str, address: &str| Cidr::parse(range).expect(range).contains(address.parse().expect(address));
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.2.3"), "mapped");
        assert!(holds("192.0.2.1", "192.0.2.1") && !holds("192.0.2.1", "192.0.2.2"));
        assert!(holds("fd00::/8", "fdab::1") && !holds("fd00::/8", "fe80::1") && !holds("::/0", "10.0.0.1"));
        assert!(holds("0.0.0.0/0", "203.0.113.9") && holds("::/0", "2001:db8::1"));
        for wrong in ["", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/-1", "10.0.0.0/+8", "::1/129", "host/8", "10.0.0/8"] {
            assert_eq!(Cidr::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn hops_are_read_as_proxies_write_them() {
        for (text, address) in [
            ("203.0.113.9", "203.0.113.9"),
            (" 203.0.113.9:4711", "203.0.113.9"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
        ] {
            assert_eq!(hop(text), address.parse().ok(), "{text}");
        }
        for text in ["", "unknown", "_hidden", "203.0.113.9.evil", "1"] {
            assert_eq!(hop(text), None, "{text}");
        }
    }
}
