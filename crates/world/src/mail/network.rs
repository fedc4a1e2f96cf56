//! The way to a mail server: its name is resolved once, every address is judged, and the connection goes to one that was.

use futures_util::future::BoxFuture;
use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};
use tokio::net::TcpStream;

/// Which addresses may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All: the operator has named the server.
    Anywhere,
    /// Those of the public network: a tenant has named the server.
    Public,
}

/// Ports on which mail is taken. A tenant's server can have no other, so that it is no scanner.
pub const MAIL_PORTS: [u16; 4] = [25, 465, 587, 2525];

/// Finds addresses by name.
pub trait Resolver: Send + Sync {
    /// The addresses of a host.
    ///
    /// # Errors
    /// Where the name has none, or nobody answers.
    fn resolve(&self, host: String, port: u16) -> BoxFuture<'_, io::Result<Vec<SocketAddr>>>;
}

/// The machine's own resolver.
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, host: String, port: u16) -> BoxFuture<'_, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

/// A resolver that knows only what it was told; addresses resolve to themselves.
#[derive(Default)]
pub struct Answers(pub HashMap<String, Vec<IpAddr>>);

impl Resolver for Answers {
    fn resolve(&self, host: String, port: u16) -> BoxFuture<'_, io::Result<Vec<SocketAddr>>> {
        let literal = host.parse().map(|ip| vec![ip]).ok();
        let known = self.0.get(&host).cloned().or(literal).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
        Box::pin(std::future::ready(known.map(|all| all.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())))
    }
}

/// Connects to the host. One forbidden address among several forbids them all: the name is not to be trusted.
#[allow(clippy::disallowed_methods, reason = "the one place that connects to mail servers, to an address that was judged")]
pub(super) async fn connect(resolver: &dyn Resolver, host: &str, port: u16, reach: Reach) -> io::Result<TcpStream> {
    let forbidden = |why| Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    if reach == Reach::Public && !MAIL_PORTS.contains(&port) {
        return forbidden("the port is none of mail");
    }
    let addresses = resolver.resolve(host.to_owned(), port).await?;
    if reach == Reach::Public && !addresses.iter().all(|address| is_public(address.ip())) {
        return forbidden("the host is not on the public network");
    }
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses.into_iter().take(4) {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Whether an address belongs to the public network: no loopback, no private or shared range, no link, no group, nothing that is reserved,
/// and none of these inside of an IPv6 address.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let reserved = match a {
        0 | 10 | 127 | 224.. => true,
        100 => b & 0b1100_0000 == 64,
        169 => b == 254,
        172 => (16..32).contains(&b),
        192 => b == 168 || (b == 0 && (c == 0 || c == 2)) || (b == 88 && c == 99),
        198 => b & 0b1111_1110 == 18 || (b == 51 && c == 100),
        203 => b == 0 && c == 113,
        _ => false,
    };
    !reserved
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let inside = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        // Mapped and translated addresses stand for the IPv4 address in them.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inside(high, low),
        [0x2002, high, low, ..] => inside(high, low),
        // Teredo, benchmarks, documentation.
        [0x2001, second, ..] if second < 0x0200 || second == 0x0db8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // Only this eighth is given out to the public.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CVE-2024-49753, CVE-2026-55671: an address inside was reached by another spelling of it.
    #[test]
    fn nothing_inside_is_public_however_it_is_written() {
        for inside in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
        ] {
            assert!(!is_public(inside.parse().expect("an address")), "{inside}");
        }
        for outside in
            ["1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.1", "192.169.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
        {
            assert!(is_public(outside.parse().expect("an address")), "{outside}");
        }
    }

    #[tokio::test]
    async fn a_name_with_one_address_inside_is_not_connected_to_at_all() {
        let known = Answers(HashMap::from([("mixed.example".to_owned(), vec!["1.1.1.1".parse().expect("ip"), "127.0.0.1".parse().expect("ip")])]));
        for (host, port) in [("mixed.example", 587), ("127.0.0.1", 587), ("1.1.1.1", 22), ("1.1.1.1", 6379)] {
            let error = connect(&known, host, port, Reach::Public).await.expect_err("refused");
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{host}:{port}");
        }
    }
}
