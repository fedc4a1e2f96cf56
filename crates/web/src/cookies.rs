//! Cookies of the Frontend API.

use crate::knock::Knock;
use domain::instances::Tenant;
use foundation::Secret;
use http::{HeaderMap, HeaderValue, header};

/// 400 days, the most that browsers keep a cookie.
const LIFE: u32 = 400 * 86_400;
/// When the client's sessions last changed.
const UAT: &str = "__client_uat";
/// The longest cookie header that is looked at.
const LONGEST: usize = 16 * 1_024;

/// The name of the client's cookie: plain on the instance's own host, with the instance's suffix everywhere else, because ports and
/// paths do not keep cookies apart.
pub fn client_cookie_name(tenant: &Tenant, knock: &Knock) -> String {
    if knock.own_host && knock.proxy.is_none() { "__client".to_owned() } else { format!("__client_{}", tenant.cookie_suffix) }
}

/// The value of a cookie. Of several with one name, none is taken: somebody else may have set the other.
pub fn read<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut found = None;
    for field in headers.get_all(header::COOKIE) {
        let bytes = Some(field.as_bytes()).filter(|bytes| bytes.len() <= LONGEST)?;
        for pair in bytes.split(|byte| *byte == b';') {
            // Other cookies of the same host may hold anything; ours is plain text.
            if let Some((key, value)) = std::str::from_utf8(pair).ok().and_then(|pair| pair.trim().split_once('='))
                && key == name
                && found.replace(value).is_some_and(|earlier| earlier != value)
            {
                return None;
            }
        }
    }
    found.filter(|v| !v.is_empty() && v.is_ascii())
}

/// The `Set-Cookie` that hands out a client's secret, or takes it away.
pub fn client_cookie(name: &str, secret: Option<&Secret>, secure: bool) -> Option<HeaderValue> {
    let attributes = if secure { "; Path=/; HttpOnly; SameSite=Lax; Secure" } else { "; Path=/; HttpOnly; SameSite=Lax" };
    let text = match secret {
        Some(secret) => format!("{name}={}{attributes}; Max-Age={LIFE}", secret.expose()),
        None => format!("{name}={attributes}; Max-Age=0"),
    };
    HeaderValue::from_str(&text).ok()
}

/// What a live instance's cookies tell the application's backend: when the sessions of the client last changed, or that it has none. In
/// development the SDK's script writes them. Scripts and backends of the application read them, and nothing of ours does but to compare.
pub struct ClientUat {
    suffixed: String,
    shown: Option<String>,
    secure: bool,
}

impl ClientUat {
    /// What the browser has.
    pub fn read(tenant: &Tenant, headers: &HeaderMap, secure: bool) -> ClientUat {
        let suffixed = format!("{UAT}_{}", tenant.cookie_suffix);
        let shown = read(headers, &suffixed).map(str::to_owned);
        ClientUat { suffixed, shown, secure }
    }

    /// The `Set-Cookie`s that bring it up to date; none where it is. `since` is in seconds since 1970, and 0 where nobody is signed in.
    pub fn updates(&self, since: i64) -> Vec<HeaderValue> {
        let wanted = since.to_string();
        if self.shown.as_deref().unwrap_or("0") == wanted {
            return Vec::new();
        }
        let attributes = if self.secure { "; Path=/; SameSite=Lax; Secure" } else { "; Path=/; SameSite=Lax" };
        // Of several cookies some proxies keep the last only: the one that is ours alone.
        let names = [UAT, self.suffixed.as_str()];
        names.iter().filter_map(|name| HeaderValue::from_str(&format!("{name}={wanted}{attributes}; Max-Age={LIFE}")).ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tossed_second_cookie_makes_both_worthless() {
        let headers = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_str(text).expect("header"));
            headers
        };
        assert_eq!(read(&headers("a=1; __client=x; b=2"), "__client"), Some("x"));
        assert_eq!(read(&headers("__client=x; __client=x"), "__client"), Some("x"));
        assert_eq!(read(&headers("__client=x; __client=evil"), "__client"), None);
        assert_eq!(read(&headers("__client=; other"), "__client"), None);
        let mut strange = HeaderMap::new();
        strange.insert(header::COOKIE, HeaderValue::from_bytes(b"a=\xff\xe4; __client=x").expect("header"));
        assert_eq!(read(&strange, "__client"), Some("x"), "another application's cookie is its own affair");
    }
}
