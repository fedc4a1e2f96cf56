//! Names of domains: what stands behind the `@` of its people's addresses.

use crate::domains::{self, Sharing};
use foundation::{EmailAddress, Problem};

/// The longest name.
const LONGEST: usize = 253;

/// Mail providers at which anybody gets an address: nobody's own domain, nor what is below.
const COMMON: &str = include_str!("common.txt");

/// The normal form of a name, the same that addresses are compared in: lower-case, in ASCII, without a dot at its end.
///
/// # Errors
/// [`Problem::ParamFormat`]; [`Problem::ParamInvalid`] for a registry's; [`Problem::DomainCommon`].
pub(super) fn parse(text: &str) -> Result<String, Problem> {
    let unfit = Problem::ParamFormat("name", "a domain, such as example.com");
    if text.len() > 4 * LONGEST {
        return Err(unfit);
    }
    // A name is good if an address with it is.
    let address = EmailAddress::parse(&format!("a@{}", text.trim())).ok_or(unfit.clone())?;
    let name = of_address(address.norm());
    if name.len() > LONGEST {
        return Err(unfit);
    }
    // What a company lets its customers have domains under is still the company's own: only addresses exactly at it are matched.
    if domains::shared(name) == Some(Sharing::Registry) {
        return Err(Problem::invalid("name", "is a public suffix, under which many have domains of their own: give one like example.com"));
    }
    if is_common(name) { Err(Problem::DomainCommon) } else { Ok(name.to_owned()) }
}

/// What stands behind the `@` of an address in its normal form.
pub(in crate::organizations) fn of_address(norm: &str) -> &str {
    norm.rsplit_once('@').map_or("", |(_, name)| name)
}

/// Whether the name, or one above it, is a public mail provider's.
pub(in crate::organizations) fn is_common(name: &str) -> bool {
    let mut rest = Some(name);
    while let Some(name) = rest {
        if COMMON.lines().any(|line| line == name) {
            return true;
        }
        rest = name.split_once('.').map(|(_, above)| above);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_normal_form() {
        for (text, name) in [(" Acme.Example ", "acme.example"), ("BÜCHER.example", "xn--bcher-kva.example"), ("a.b.c.example", "a.b.c.example")] {
            assert_eq!(parse(text).as_deref(), Ok(name));
        }
    }

    #[test]
    fn what_is_no_domain_is_refused() {
        for text in [
            "",
            ".",
            "com",
            "acme",
            "acme.example.",
            ".acme.example",
            "acme..example",
            "a@acme.example",
            "https://acme.example",
            "acme.example/x",
            "acme.example:443",
            "*.acme.example",
            "acme_.example",
            "127.0.0.1",
            "acme.1",
            "acme。example",
            "acme .example",
            "-acme.example",
            "a\0.example",
        ] {
            assert!(matches!(parse(text), Err(Problem::ParamFormat("name", _))), "{text:?}");
        }
        assert!(parse(&"a.".repeat(5_000)).is_err());
    }

    #[test]
    fn what_a_registry_gives_out_belongs_to_nobody() {
        for text in ["co.uk", "Com.AU", "gov.uk", "any.ck"] {
            assert!(matches!(parse(text), Err(Problem::ParamInvalid(..))), "{text}");
        }
        for text in ["acme.co.uk", "vercel.app", "acme.gov.uk", "www.ck"] {
            assert!(parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn public_mail_providers_belong_to_nobody() {
        for text in ["gmail.com", "GMail.com", "outlook.com", "mail.yahoo.co.uk", "x.y.gmail.com", "ｇmail.com", "proton.me"] {
            assert_eq!(parse(text), Err(Problem::DomainCommon), "{text}");
        }
        for text in ["gmail.com.example", "notgmail.com", "gmail.example"] {
            assert!(parse(text).is_ok(), "{text}");
        }
        assert!(COMMON.lines().all(|line| EmailAddress::parse(&format!("a@{line}")).is_some_and(|address| of_address(address.norm()) == line)));
    }
}
