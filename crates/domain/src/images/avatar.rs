//! Avatars: a picture for whoever has none, drawn from two letters and a number. Its address says all that it shows, so nothing is looked up,
//! and nothing is told by its being there.

use crate::{organizations::Organization, users::User};
use aws_lc_rs::digest::{SHA256, digest};
use foundation::secret::hex;
use std::fmt;

fn first(text: Option<&str>) -> Option<char> {
    text.and_then(|text| text.chars().find(|c| c.is_alphanumeric()))
}

/// An avatar. Its text form is `<eight hex digits>` or `<eight hex digits>-<initials>`, as it stands in an address. The SDKs' pages know by
/// the word `avatar_placeholder` in the address that there is nothing to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Avatar {
    seed: u32,
    initials: String,
}

impl Avatar {
    /// The user's.
    pub fn of(user: &User) -> Avatar {
        let names = [first(user.first_name.as_deref()), first(user.last_name.as_deref())];
        let mut initials: String = names.into_iter().flatten().collect();
        if initials.is_empty() {
            initials.extend(first(Some(user.username().unwrap_or_else(|| user.identifier()))));
        }
        Avatar::new(&user.id.to_string(), &initials)
    }

    /// The organization's.
    pub fn of_organization(organization: &Organization) -> Avatar {
        let initials: String = organization.name.split_whitespace().filter_map(|word| first(Some(word))).collect();
        Avatar::new(&organization.id.to_string(), &initials)
    }

    fn new(id: &str, initials: &str) -> Avatar {
        let hash = digest(&SHA256, id.as_bytes());
        let seed = hash.as_ref().first_chunk().copied().map_or(0, u32::from_be_bytes);
        // Some letters are two when they are large.
        Avatar { seed, initials: initials.to_uppercase().chars().take(2).collect() }
    }

    /// Reads the text form, as it stands in an address after decoding.
    pub fn parse(text: &str) -> Option<Avatar> {
        let (seed, initials) = text.split_once('-').unwrap_or((text, ""));
        let digits = seed.len() == 8 && seed.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let letters = initials.chars().count() <= 2 && initials.chars().all(char::is_alphanumeric);
        (digits && letters).then(|| Avatar { seed: u32::from_str_radix(seed, 16).unwrap_or(0), initials: initials.to_owned() })
    }

    /// The picture. Its letters are letters and digits only, so there is nothing to escape.
    pub fn svg(&self) -> String {
        let hue = self.seed % 360;
        let other = (hue + 40 + self.seed / 360 % 60) % 360;
        let inside = if self.initials.is_empty() {
            "<circle cx='80' cy='62' r='26'/><path d='M28 148a52 46 0 0 1 104 0z'/>".to_owned()
        } else {
            let size = if self.initials.chars().count() == 1 { 76 } else { 64 };
            format!(
                "<text x='80' y='80' text-anchor='middle' dominant-baseline='central' font-family='system-ui,-apple-system,Segoe UI,Roboto,sans-serif' \
                 font-size='{size}' font-weight='600'>{}</text>",
                self.initials
            )
        };
        format!(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 160 160' width='160' height='160'><defs><linearGradient id='g' x1='0' y1='0' x2='1' y2='1'>\
             <stop offset='0' stop-color='hsl({hue} 58% 52%)'/><stop offset='1' stop-color='hsl({other} 62% 38%)'/></linearGradient></defs>\
             <rect width='160' height='160' fill='url(#g)'/><g fill='#fff' fill-opacity='.94'>{inside}</g></svg>"
        )
    }
}

impl fmt::Display for Avatar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.seed.to_be_bytes()))?;
        if self.initials.is_empty() {
            return Ok(());
        }
        f.write_str("-")?;
        self.initials.bytes().try_for_each(|byte| if byte.is_ascii_alphanumeric() { write!(f, "{}", char::from(byte)) } else { write!(f, "%{byte:02X}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_all_and_nothing_else_gets_in() {
        let avatar = Avatar { seed: 0x00ab_12ff, initials: "ΩA".to_owned() };
        assert_eq!(avatar.to_string(), "00ab12ff-%CE%A9A");
        assert_eq!(Avatar::parse("00ab12ff-ΩA"), Some(avatar));
        assert!(Avatar::parse("00ab12ff").is_some_and(|avatar| avatar.svg().contains("<circle")));
        for strange in
            ["", "00ab12ff-ABC", "00ab12ff-<a", "00ab12ff-'", "00AB12FF-A", "00ab12f-A", "00ab12ff-A-B", "../../etc/passwd", "00ab12ff-&#", "00ab12ff-\u{202e}"]
        {
            assert_eq!(Avatar::parse(strange), None, "{strange}");
        }
    }
}
