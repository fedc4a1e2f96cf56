//! The site: where this server is, as its operator says. Every link and key is built from it, never from a request.

use super::{Environment, Instance, Tenant};
use crate::redirects;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use url::{Host, Url};

/// Where this server is.
#[derive(Clone, Debug)]
pub struct Site {
    base_url: String,
    base_domain: String,
    secure: bool,
    paths: bool,
}

impl Site {
    /// A site at this address. Where its host is `localhost` or an IP address, links lead to paths instead of hosts, because
    /// `*.localhost` does not resolve outside of browsers.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the address.
    pub fn new(base_url: &str, base_domain: Option<&str>) -> Result<Site, String> {
        let url = Url::parse(base_url).map_err(|_| format!("base URL {base_url} is no URL: give one like https://id.example.com"))?;
        if !matches!(url.scheme(), "http" | "https") || url.path() != "/" || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            return Err(format!("base URL {base_url} must be http or https and a host, without a path: give one like https://id.example.com"));
        }
        let host = url.host().ok_or_else(|| format!("base URL {base_url} has no host"))?;
        let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
        let local = match &host {
            Host::Domain(name) => *name == "localhost",
            Host::Ipv4(_) | Host::Ipv6(_) => true,
        };
        if url.scheme() == "http" && !redirects::is_loopback(&url) {
            return Err(format!("base URL {base_url} must be https: sessions would cross the network in the clear"));
        }
        let domain = base_domain.map_or_else(|| if local { format!("localhost{port}") } else { format!("{host}{port}") }, str::to_ascii_lowercase);
        if domain.is_empty() || domain.contains(['/', '@', ' ', '$', '_']) {
            return Err(format!("base domain {domain} is no host name: give one like id.example.com"));
        }
        Ok(Site { base_url: base_url.trim_end_matches('/').to_owned(), base_domain: domain, secure: url.scheme() == "https", paths: local })
    }

    /// The server's own address, without a slash at its end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The domain whose sub-domains are the instances' hosts, with its port.
    pub fn base_domain(&self) -> &str {
        &self.base_domain
    }

    /// Whether it is reached by https.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether it is this machine's own, unreachable from elsewhere.
    pub fn is_loopback(&self) -> bool {
        Url::parse(&self.base_url).is_ok_and(|url| redirects::is_loopback(&url))
    }

    /// Whether a `Host` header names the server itself. On a laptop every name of this machine does, but no other name: a page of another
    /// origin that resolves to this machine must not be let in.
    pub fn is_own_host(&self, host: &str) -> bool {
        let own = self.base_url.split_once("://").map_or("", |(_, own)| own);
        host == own || (self.paths && is_loopback_name(host))
    }

    /// Where the Backend and the Platform API are, without `/v1`.
    pub fn backend_url(&self) -> String {
        if self.paths { format!("{}/api", self.base_url) } else { format!("{}://api.{}", if self.secure { "https" } else { "http" }, self.base_domain) }
    }

    /// The slug in a `Host` header of an instance's host; `None` for every other host.
    pub fn slug_of<'h>(&self, host: &'h str) -> Option<&'h str> {
        let slug = host.strip_suffix(self.base_domain.as_str())?.strip_suffix('.')?;
        (!slug.is_empty() && !slug.contains('.') && slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')).then_some(slug)
    }

    /// Whether a name is the server's own, its Backend API's, or as instances' hosts are: one label below the base domain that ends in six letters of their
    /// alphabet.
    pub fn has_host(&self, name: &str) -> bool {
        let without_port = |host: &str| host.split_once(':').map_or(host, |(name, _)| name).to_owned();
        let (own, domain) = (self.base_url.split_once("://").map_or("", |(_, own)| own), without_port(&self.base_domain));
        let below = name.strip_suffix(domain.as_str()).and_then(|rest| rest.strip_suffix('.'));
        let drawn = |label: &str| {
            let end = label.rsplit_once('-').map(|(_, end)| end);
            !label.contains('.') && end.is_some_and(|end| end.len() == 6 && end.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7')))
        };
        name == without_port(own) || name == domain || below.is_some_and(|label| label == "api" || drawn(label))
    }

    /// Where the Frontend API of the instance of this slug is, without `/v1`.
    pub fn frontend_url(&self, slug: &str) -> String {
        if self.paths { format!("{}/t/{slug}", self.base_url) } else { format!("{}://{slug}.{}", if self.secure { "https" } else { "http" }, self.base_domain) }
    }

    /// Computes what the instance's hosts and keys say.
    pub fn tenant(&self, instance: Instance) -> Tenant {
        let host = format!("{}.{}", instance.slug, self.base_domain);
        let frontend_url = self.frontend_url(&instance.slug);
        Tenant::at(instance, host, frontend_url)
    }
}

impl Tenant {
    /// What follows from a host.
    pub(super) fn at(instance: Instance, host: String, frontend_url: String) -> Tenant {
        let publishable_key = publishable_key(instance.environment, &host);
        let cookie_suffix = cookie_suffix(&publishable_key);
        Tenant { issuer: format!("https://{host}"), host, frontend_url, cookie_suffix, publishable_key, instance, organization: None }
    }
}

/// The instance's slug and the pool's in a name of a host: `<slug>`, or `<pool>--<slug>`.
pub fn parts(name: &str) -> (&str, Option<&str>) {
    name.rsplit_once("--").map_or((name, None), |(pool, slug)| (slug, Some(pool)))
}

fn is_loopback_name(host: &str) -> bool {
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "127.0.0.1")
        || Host::parse(name).is_ok_and(|parsed| match parsed {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        })
}

/// `pk_test_` or `pk_live_`, and the host with a `$` behind it in unpadded base64.
fn publishable_key(environment: Environment, host: &str) -> String {
    format!("pk_{}_{}", environment.mode(), STANDARD_NO_PAD.encode(format!("{host}$")))
}

/// The first eight characters of the key's SHA-1 in base64url, as the SDKs compute it.
fn cookie_suffix(publishable_key: &str) -> String {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, publishable_key.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.as_ref()).chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_laptop_uses_paths_and_a_domain_uses_hosts() {
        let laptop = Site::new("http://localhost:7080", None).expect("site");
        assert_eq!((laptop.base_domain(), laptop.backend_url().as_str()), ("localhost:7080", "http://localhost:7080/api"));
        assert_eq!(Site::new("http://127.0.0.1:7080", None).expect("site").base_domain(), "localhost:7080");
        let real = Site::new("https://id.example.com", None).expect("site");
        assert_eq!((real.base_domain(), real.backend_url().as_str()), ("id.example.com", "https://api.id.example.com"));
    }

    #[test]
    fn unsafe_addresses_are_refused_with_a_sentence() {
        for (url, domain) in [
            ("id.example.com", None),
            ("http://id.example.com", None),
            ("https://id.example.com/auth", None),
            ("ftp://localhost", None),
            ("https://a.b", Some("x/y")),
        ] {
            let refused = Site::new(url, domain).expect_err(url);
            assert!(refused.len() > 20, "{refused}");
        }
    }

    #[test]
    fn slugs_are_read_from_hosts_of_this_site_only() {
        let site = Site::new("https://id.example.com", None).expect("site");
        assert_eq!(site.slug_of("shop-abc123.id.example.com"), Some("shop-abc123"));
        for host in [
            "id.example.com",
            "shop.id.example.com.evil.com",
            "evilid.example.com",
            "a.b.id.example.com",
            ".id.example.com",
            "SHOP.id.example.com",
            "shop.id.example.com:443@evil",
        ] {
            assert_eq!(site.slug_of(host), None, "{host}");
        }
    }

    #[test]
    fn keys_have_the_form_that_sdks_read() {
        let key = publishable_key(Environment::Development, "shop-abc123.localhost:7080");
        assert_eq!(key, "pk_test_c2hvcC1hYmMxMjMubG9jYWxob3N0OjcwODAk");
        assert_eq!(key.split('_').count(), 3);
        assert_eq!(cookie_suffix("pk_test_a"), cookie_suffix("pk_test_a"));
        assert_eq!(cookie_suffix(&key).len(), 8);
    }
}
