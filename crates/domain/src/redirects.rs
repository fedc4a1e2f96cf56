//! Redirects: the one place that says where a browser may be sent.

use crate::{instances::Tenant, settings::Settings};
use foundation::Problem;
use std::borrow::Cow;
use url::{Host, Origin, Url, form_urlencoded};

/// Reads and judges a URL that a caller wants the browser sent to.
///
/// A development instance sends to any http(s) origin; a live one to its own hosts, its allowed origins, its proxy's origin, and the
/// URLs of its list (which may have a native application's scheme).
///
/// # Errors
/// [`Problem::RedirectUrlInvalid`] that names the parameter.
pub fn check(tenant: &Tenant, settings: &Settings, list: &[String], text: &str, param: &'static str) -> Result<Url, Problem> {
    let refused = Problem::RedirectUrlInvalid(param);
    let url = parse(text).ok_or_else(|| refused.clone())?;
    if list.iter().any(|allowed| allowed == text) {
        return Ok(url);
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused);
    }
    if tenant.is_development() || is_own_origin(tenant, settings, &url.origin().ascii_serialization()) { Ok(url) } else { Err(refused) }
}

/// Whether an address that [`check`] has let pass may be given a session itself, in its query. A development instance sends browsers
/// anywhere, but sessions only to this machine, to the origins that were stored, and to the list.
pub fn may_carry(tenant: &Tenant, settings: &Settings, list: &[String], target: &Url) -> bool {
    let origin = target.origin().ascii_serialization();
    let stored = settings.development_origin.as_deref().is_some_and(|text| Url::parse(text).is_ok_and(|url| url.origin() == target.origin()));
    is_loopback(target) || stored || is_own_origin(tenant, settings, &origin) || list.iter().any(|url| url == target.as_str())
}

/// Whether a URL leads to this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The origin of a web page, from its own text or from an address below it; `None` for what is no page's.
pub fn web_origin(text: &str) -> Option<Cow<'_, str>> {
    if is_plain_origin(text) {
        return Some(Cow::Borrowed(text));
    }
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(Cow::Owned(url.origin().ascii_serialization()))
}

/// Whether a text is an origin as browsers write nearly all of them, so that the parser has nothing to say: a scheme, a name of lower-case labels that is no address, and
/// perhaps a port of its own.
fn is_plain_origin(text: &str) -> bool {
    let Some((scheme @ ("http" | "https"), rest)) = text.split_once("://") else { return false };
    let (name, port) = rest.split_once(':').map_or((rest, None), |(name, port)| (name, Some(port)));
    let usual = if scheme == "http" { 80 } else { 443 };
    let own = |port: &str| !port.starts_with(['0', '+']) && port.parse::<u16>().is_ok_and(|port| port != usual);
    let label =
        |label: &str| !label.is_empty() && !label.starts_with("xn--") && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let last = name.rsplit('.').next().unwrap_or_default();
    port.is_none_or(own) && name.split('.').all(label) && last.starts_with(|letter: char| letter.is_ascii_lowercase())
}

/// Whether requests and redirects of a live instance may come from, or go to, this origin.
pub fn is_own_origin(tenant: &Tenant, settings: &Settings, origin: &str) -> bool {
    // The origin of a native application's scheme is opaque to the parser: it is compared as text, and never with `null`.
    let same = |text: &str| {
        Url::parse(text).is_ok_and(|url| match url.origin() {
            Origin::Opaque(_) => text.trim_end_matches('/') == origin,
            tuple @ Origin::Tuple(..) => tuple.ascii_serialization() == origin,
        })
    };
    // At its own host: by the scheme of the site, which is not that of the issuer on a laptop.
    let scheme = tenant.frontend_url.split_once("://").map_or("https", |(scheme, _)| scheme);
    same(&tenant.issuer)
        || same(&format!("{scheme}://{}", tenant.host))
        || same(&tenant.frontend_url)
        || tenant.instance.proxy_url.as_deref().is_some_and(same)
        || settings.allowed_origins.iter().any(|o| same(o))
}

/// The most origins that a list may have.
pub const MOST_ORIGINS: usize = 100;

/// Checks a list of origins.
///
/// # Errors
/// [`Problem::ParamInvalid`].
pub fn check_origins(param: &'static str, origins: &[String]) -> Result<(), Problem> {
    if origins.len() > MOST_ORIGINS {
        return Err(Problem::invalid(param, format!("may have at most {MOST_ORIGINS} entries")));
    }
    let wrong = origins.iter().any(|origin| !is_origin(origin));
    if wrong { Err(Problem::invalid(param, "must list origins, like https://app.example.com")) } else { Ok(()) }
}

/// Whether a text is an origin: scheme, host and port, nothing behind them, and no pattern. Native applications' schemes are origins too.
pub fn is_origin(text: &str) -> bool {
    !text.contains('*') && parse(text).is_some_and(|url| url.query().is_none() && url.fragment().is_none() && matches!(url.path(), "" | "/"))
}

/// Reads an absolute URL that every parser reads alike: no controls, no spaces, no backslashes, no user information.
pub fn parse(text: &str) -> Option<Url> {
    if text.len() > 2_048 || text.bytes().any(|b| b <= b' ' || b == b'\\' || b == 0x7f) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let script = matches!(url.scheme(), "javascript" | "data" | "vbscript" | "file" | "blob" | "about" | "view-source");
    if script || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    if matches!(url.scheme(), "http" | "https") {
        // `https:evil.example`, `https:/evil.example` and `https:///evil.example` are read as hosts by browsers: only the plain form is taken.
        if text.get(url.scheme().len()..)?.strip_prefix("://").is_none_or(|rest| rest.starts_with('/')) {
            return None;
        }
        if let Some(Host::Domain(name)) = url.host()
            && (name.is_empty() || name.ends_with('.'))
        {
            return None;
        }
    }
    Some(url)
}

/// Takes the parameters of these names out of a URL's query.
pub fn without_params(mut url: Url, stale: &[&str]) -> Url {
    let is_stale = |pair: &str| form_urlencoded::parse(pair.as_bytes()).next().is_some_and(|(key, _)| stale.contains(&&*key));
    if let Some(query) = url.query().map(str::to_owned) {
        let kept: Vec<&str> = query.split('&').filter(|pair| !is_stale(pair)).collect();
        url.set_query(Some(kept.join("&").as_str()).filter(|query| !query.is_empty()));
    }
    url
}

/// Adds a parameter to a URL's query, and takes those of the names `stale` away.
pub fn with_param(url: Url, name: &str, value: &str, stale: &[&str]) -> String {
    let mut url = without_params(url, stale);
    url.query_pairs_mut().append_pair(name, value);
    url.into()
}

/// Whether the application's own proxy stands at the origin of this URL.
pub fn is_behind_proxy(tenant: &Tenant, target: &Url) -> bool {
    tenant.instance.proxy_url.as_deref().and_then(|text| Url::parse(text).ok()).is_some_and(|proxy| proxy.origin() == target.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_plain_is_what_the_parser_makes_of_it() {
        let names = [
            "app.example",
            "localhost",
            "a",
            "a-b.c-d.example",
            "1.example",
            "127.0.0.1",
            "1.2",
            "0x7f.1",
            "example.0x1f",
            "a.1b",
            "xn--a.example",
            "xn--mnchen-3ya.example",
        ];
        let odd = [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "App.example",
            "a_b.example",
            "ä.example",
            "a b",
            "a%2eb",
            "user@a",
            "[::1]",
            "a/b",
            "a?b",
            "a#b",
            "a\\b",
            "-",
            "-a",
            "a\t",
        ];
        let ports = ["", ":", ":1", ":80", ":443", ":3000", ":03000", ":+1", ":65535", ":65536", ":3000/", ":a", ": 1"];
        let mut plain = 0;
        for scheme in ["http", "https", "HTTP", "ftp", "javascript", ""] {
            for name in names.iter().chain(&odd) {
                for port in ports {
                    let text = format!("{scheme}://{name}{port}");
                    if is_plain_origin(&text) {
                        plain += 1;
                        assert_eq!(Url::parse(&text).map(|url| url.origin().ascii_serialization()), Ok(text.clone()), "{text}");
                    }
                }
            }
        }
        assert!(plain >= 40, "{plain}");
        for text in ["http://localhost:3000", "https://app.example", "https://a-b.c-d.example:8443"] {
            assert!(is_plain_origin(text), "{text}");
        }
        assert_eq!(web_origin("https://App.example:443/path?q#f").as_deref(), Some("https://app.example"));
        assert_eq!(web_origin("http://127.0.0.1:3000").as_deref(), Some("http://127.0.0.1:3000"));
        assert!(["null", "", "app://localhost", "file:///x", "https://"].iter().all(|text| web_origin(text).is_none()));
    }

    /// CVE-2021-21291, CVE-2021-29651, CVE-2024-8883, CVE-2026-5467: redirects that parsers read differently.
    #[test]
    fn hostile_urls_are_no_urls() {
        for text in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https:evil.example",
            "https:/evil.example",
            "https:///evil.example",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "https://user@evil.example",
            "https://app.example:pass@evil.example",
            "https://app.example\\@evil.example",
            "https://app.example\t.evil.example",
            "https://app.example\n",
            " https://app.example",
            "https://app.example./",
            "/relative",
            "app.example",
        ] {
            assert!(parse(text).is_none(), "{text:?}");
        }
        for text in ["https://app.example", "http://localhost:3000/a?b=c#d", "com.example.app://callback", "https://xn--bcher-kva.example/"] {
            assert!(parse(text).is_some(), "{text:?}");
        }
    }
}
