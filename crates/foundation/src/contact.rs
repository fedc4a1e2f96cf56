//! Addresses of people: one parser each, used everywhere.

use crate::text::has_control;

/// An e-mail address: as it was given, and in the form in which it is unique.
///
/// Accepted is the plain subset of RFC 5321: one `@`, a dot-atom before it, a domain of two labels or more after it. Quoted
/// local parts, comments, address literals and trailing dots are refused, so that no two readers can disagree about
/// where the domain begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailAddress {
    given: String,
    norm: String,
}

impl EmailAddress {
    /// Reads an address; `None` if it is none.
    pub fn parse(text: &str) -> Option<EmailAddress> {
        let given = text.trim();
        if given.len() > 254 || has_control(given) {
            return None;
        }
        let (local, domain) = given.split_once('@')?;
        if local.is_empty() || local.len() > 64 || local.starts_with('.') || local.ends_with('.') || local.contains("..") {
            return None;
        }
        let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-.".contains(c);
        if !local.chars().all(atom) {
            return None;
        }
        if domain.contains('@') || domain.ends_with('.') || !domain.contains('.') {
            return None;
        }
        let ascii = idna::domain_to_ascii_strict(domain).ok()?;
        let label = |l: &str| !l.is_empty() && l.len() <= 63;
        let last = ascii.rsplit('.').next()?;
        if !ascii.contains('.') || !ascii.split('.').all(label) || last.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(EmailAddress { norm: format!("{}@{ascii}", local.to_ascii_lowercase()), given: given.to_owned() })
    }

    /// As it was given, without the spaces around it.
    pub fn given(&self) -> &str {
        &self.given
    }

    /// Lower-cased, the domain in ASCII: two addresses are the same if these are.
    pub fn norm(&self) -> &str {
        &self.norm
    }

    /// Whether it is one of the test addresses (`…+clerk_test@…`) that development instances accept the code 424242 for.
    pub fn is_test(&self) -> bool {
        self.norm.split_once('@').is_some_and(|(local, _)| local.ends_with("+clerk_test"))
    }

    /// What may be shown to somebody who has not proven to own it: `a***@example.com`.
    pub fn masked(&self) -> String {
        let (local, domain) = self.given.split_once('@').unwrap_or((&self.given, ""));
        let first: String = local.chars().take(1).collect();
        format!("{first}***@{domain}")
    }
}

/// A username: 4 to 64 ASCII letters, digits, hyphens and underscores, at least one of them no digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username {
    given: String,
    norm: String,
}

/// Why a text is no username.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsernameFault {
    /// Shorter or longer than allowed.
    Length,
    /// Holds a character that is not allowed, or digits only.
    Character,
}

impl Username {
    /// The fewest characters.
    pub const LEAST: usize = 4;
    /// The most characters.
    pub const MOST: usize = 64;

    /// Reads a username.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Username, UsernameFault> {
        let given = text.trim();
        if !given.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') || (!given.is_empty() && given.bytes().all(|b| b.is_ascii_digit())) {
            return Err(UsernameFault::Character);
        }
        if !(Self::LEAST..=Self::MOST).contains(&given.len()) {
            return Err(UsernameFault::Length);
        }
        Ok(Username { norm: given.to_ascii_lowercase(), given: given.to_owned() })
    }

    /// As it was given.
    pub fn given(&self) -> &str {
        &self.given
    }

    /// Lower-cased: two usernames are the same if these are.
    pub fn norm(&self) -> &str {
        &self.norm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_normal_form() {
        let address = EmailAddress::parse("  Ada.Lovelace+x@BÜCHER.example ").expect("an address");
        assert_eq!(address.given(), "Ada.Lovelace+x@BÜCHER.example");
        assert_eq!(address.norm(), "ada.lovelace+x@xn--bcher-kva.example");
        assert_eq!(EmailAddress::parse(address.norm()).expect("again").norm(), address.norm());
    }

    /// CVE-2026-40574: an address that two parsers read differently.
    #[test]
    fn addresses_that_could_be_read_two_ways_are_refused() {
        for text in [
            "",
            "a",
            "@b.c",
            "a@",
            "a@b",
            "a@evil.com@corp.com",
            "\"a@b\"@c.com",
            "a(comment)@b.com",
            "a@b.com.",
            "a@.com",
            "a@b..com",
            ".a@b.com",
            "a.@b.com",
            "a..b@c.com",
            "a\0@b.com",
            "a\r\nBcc: x@y.z@b.com",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a b@c.com",
            "a@b_c.com",
            "a\u{2028}@b.com",
            "a@exa mple.com",
            "ä@b.com",
        ] {
            assert_eq!(EmailAddress::parse(text), None, "{text:?}");
        }
        assert_eq!(EmailAddress::parse(&format!("{}@b.com", "a".repeat(65))), None);
        assert_eq!(EmailAddress::parse(&format!("a@{}.com", "b".repeat(64))), None);
    }

    #[test]
    fn test_addresses_are_told_by_their_tag() {
        assert!(EmailAddress::parse("ada+clerk_test@example.com").expect("address").is_test());
        assert!(!EmailAddress::parse("clerk_test@example.com").expect("address").is_test());
    }

    #[test]
    fn usernames_are_plain() {
        assert_eq!(Username::parse("Ada_L").expect("username").norm(), "ada_l");
        assert_eq!(Username::parse("abc"), Err(UsernameFault::Length));
        assert_eq!(Username::parse("12345"), Err(UsernameFault::Character));
        assert_eq!(Username::parse("аdmin"), Err(UsernameFault::Character), "a Cyrillic a");
        assert_eq!(Username::parse(&"a".repeat(65)), Err(UsernameFault::Length));
    }
}
