//! Domains: the name that an application wants for an instance, and the address of its own proxy. Every instance has exactly one. Names are
//! kept and not verified, so they claim nothing and nothing is served under them; the proxy's address is believed beside the instance's secret key
//! alone.

use crate::{
    applications,
    audit::{self, Actor},
    instances::{self, Environment, Instance, Site, Which},
    redirects,
};
use ::store::{PlatformTx, inside};
use foundation::{ApplicationId, DomainId, Id, InstanceId, Problem, Result, WorkspaceId};
use psl::{Psl as _, Type};
use serde_json::json;

/// The id of an instance's domain: it has the instance's own KSUID.
pub fn id(instance: InstanceId) -> DomainId {
    DomainId::from_ksuid(instance.ksuid())
}

/// What is to change; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The name.
    pub name: Option<String>,
    /// The address of the proxy, or none.
    pub proxy_url: Option<Option<String>>,
}

/// Checks the name that an application wants: neither this server's own nor that of an instance here, and none that many share (`co.uk`, `vercel.app`).
///
/// # Errors
/// [`Problem::ParamInvalid`] on this parameter.
pub fn check_name(site: &Site, param: &'static str, name: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(text) = name else { return Ok(None) };
    let fault = Problem::invalid(param, "must be a host name like example.com");
    let name = match url::Host::parse(text) {
        Ok(url::Host::Domain(name)) if name.contains('.') && name.len() <= 253 && !name.ends_with(".localhost") && name.split('.').all(is_label) => name,
        _ => return Err(fault),
    };
    if shared(&name).is_some() {
        return Err(Problem::invalid(param, "is a public suffix, under which many have domains of their own: give one like example.com"));
    }
    if site.has_host(&name) {
        return Err(Problem::invalid(param, "is an address of this server itself: give one of the application's"));
    }
    Ok(Some(name))
}

/// Who shares a name, if it is a public suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Everybody below a registry: `com`, `co.uk`.
    Registry,
    /// The customers of a company: `vercel.app`, `github.io`.
    Company,
}

/// Who shares a name in its normal form; nobody, where it is not in the public suffix list.
pub(crate) fn shared(name: &str) -> Option<Sharing> {
    let suffix = psl::List.suffix(name.as_bytes())?;
    let whole = suffix.is_known() && suffix.trim().as_bytes().len() == name.trim_end_matches('.').len();
    whole.then_some(if suffix.typ() == Some(Type::Private) { Sharing::Company } else { Sharing::Registry })
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Checks the path of an application's own proxy: one segment.
///
/// # Errors
/// [`Problem::ParamInvalid`] on `proxy_path`.
pub fn check_proxy_path(path: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(text) = path else { return Ok(None) };
    let plain =
        |segment: &str| !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let fits = text.len() <= 128 && text.strip_prefix('/').is_some_and(plain);
    if fits { Ok(Some(text.to_owned())) } else { Err(Problem::invalid("proxy_path", "must be a path like /__clerk")) }
}

/// Checks the address of an application's own proxy, and writes it as the SDKs do. It is https, or http on this machine.
///
/// # Errors
/// [`Problem::ParamInvalid`] on `proxy_url`.
pub fn check_proxy_url(text: &str) -> Result<String, Problem> {
    let fault = || Problem::invalid("proxy_url", "must be a URL like https://example.com/__clerk; http only on localhost");
    let url = redirects::parse(text).ok_or_else(fault)?;
    let safe = url.scheme() == "https" || (url.scheme() == "http" && redirects::is_loopback(&url));
    let plain = |segment: &str| segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let path = url.path().trim_end_matches('/');
    // What a parser has tidied up is not what proxies compare.
    let tidied = text.contains('%') || text.contains("/.");
    if !safe || tidied || url.query().is_some() || url.fragment().is_some() || path.len() > 128 || path.contains("//") || !path.split('/').all(plain) {
        return Err(fault());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Changes the domain of an instance.
///
/// # Errors
/// [`Problem::NotFound`] where the domain is not the instance's.
pub async fn update(tx: &mut PlatformTx<'_>, instance: InstanceId, domain: DomainId, actor: Actor<'_>, change: &Change) -> Result<Instance> {
    if domain != id(instance) || !instances::store::hold(tx, instance).await? {
        return Err(Problem::NotFound.into());
    }
    let mut changed = instances::store::find(tx, instance).await?.ok_or(Problem::NotFound)?;
    if let Some(name) = &change.name {
        changed.domain = Some(name.clone());
    }
    if let Some(proxy_url) = &change.proxy_url {
        changed.proxy_url.clone_from(proxy_url);
    }
    changed.updated_at = tx.now();
    instances::store::set_domain(tx, &changed).await?;
    let detail = json!({ "name": changed.domain, "proxy_url": changed.proxy_url });
    inside!(tx, instance, inside => audit::record(inside, actor, "domain.update", &domain.to_string(), &detail))?;
    Ok(changed)
}

/// Gives the production instance of an application another name, and its proxy the path there. Without a path, a proxy keeps its own.
///
/// # Errors
/// [`Problem::NotFound`] where the application is not the workspace's, or has no production instance; [`Problem::ConversionUnderWay`].
pub async fn rename(tx: &mut PlatformTx<'_>, workspace: WorkspaceId, application: ApplicationId, name: &str, path: Option<&str>) -> Result<Instance> {
    let instance = applications::instance(tx, workspace, application, Which::Environment(Environment::Production)).await?;
    instance.ensure_settled()?;
    let kept = instance.proxy_url.as_deref().and_then(|text| url::Url::parse(text).ok()).map(|url| url.path().trim_end_matches('/').to_owned());
    let proxy_url = path.map(str::to_owned).or(kept).map(|path| Some(format!("https://{name}{path}")));
    update(tx, instance.id, id(instance.id), Actor::Platform, &Change { name: Some(name.to_owned()), proxy_url }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_applications_own() {
        let site = Site::new("https://id.example.com", None).expect("a site");
        for (text, name) in [
            ("Shop.example", "shop.example"),
            ("example.co.uk", "example.co.uk"),
            ("a.b.example.co.uk", "a.b.example.co.uk"),
            ("shop.vercel.app", "shop.vercel.app"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("example.com", "example.com"),
            ("www.id.example.com", "www.id.example.com"),
            ("notid.example.com", "notid.example.com"),
        ] {
            assert_eq!(check_name(&site, "domain", Some(text)), Ok(Some(name.to_owned())), "{text}");
        }
        for text in [
            "co.uk",
            "CO.UK",
            "com.au",
            "gov.uk",
            "vercel.app",
            "github.io",
            "anything.ck",
            "公司.cn",
            "id.example.com",
            "ID.example.com",
            "my-shop-abc234.id.example.com",
            "api.id.example.com",
            "com",
            "localhost",
            "127.0.0.1",
            "[::1]",
            "x.localhost",
        ] {
            assert!(matches!(check_name(&site, "domain", Some(text)), Err(Problem::ParamInvalid(..))), "{text}");
        }
    }

    #[test]
    fn a_proxy_is_reached_by_https_or_on_this_machine() {
        for (text, kept) in [
            ("https://shop.example/__clerk", "https://shop.example/__clerk"),
            ("https://SHOP.example:443/__clerk/", "https://shop.example/__clerk"),
            ("https://clerk.shop.example", "https://clerk.shop.example"),
            ("http://localhost:3000/__clerk", "http://localhost:3000/__clerk"),
            ("http://127.0.0.1:3000/a/b", "http://127.0.0.1:3000/a/b"),
        ] {
            assert_eq!(check_proxy_url(text).as_deref(), Ok(kept), "{text}");
        }
        for text in [
            "",
            "/__clerk",
            "http://shop.example/__clerk",
            "http://localhost.evil.example/__clerk",
            "https://user@shop.example/__clerk",
            "https://shop.example/__clerk?a",
            "https://shop.example/__clerk#a",
            "https://shop.example//evil",
            "https://shop.example/%2e%2e",
            "https://shop.example/a/../b",
            "https://shop.example/a;b",
            "javascript:alert(1)",
            "com.example.app://proxy",
            "ftp://shop.example",
        ] {
            assert!(check_proxy_url(text).is_err(), "{text}");
        }
    }
}
