//! Invitations: what somebody is asked who may never have heard of the application.

use super::{
    kinds::{Kind, Values},
    queue,
};
use crate::{organizations::invitations::Invited, users::User};
use ::store::Tx;
use foundation::{Result, Secret};

/// The most characters of a name that stand in a mail to a stranger.
const LONGEST: usize = 64;

/// Mails an invitation with its link.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn invitation(tx: &mut Tx<'_>, invited: &Invited, url: &Secret) -> Result<()> {
    let of = &invited.invitation;
    let days = of.expires_at.since(of.created_at).as_secs() / 86_400;
    let mut values = Values::default();
    values.set("organization.name", harmless(&invited.organization.name));
    values.set("inviter.name", invited.inviter.as_ref().map(name).unwrap_or_default());
    values.set("role.name", harmless(&of.role_name));
    values.set("days", days.to_string());
    values.set("action_url", url.expose().to_owned());
    queue(tx, Kind::OrganizationInvitation, &of.email_address, values, Some(of.expires_at)).await
}

pub(super) fn name(user: &User) -> String {
    let names: Vec<&str> = [&user.first_name, &user.last_name].into_iter().flatten().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
    harmless(&names.join(" "))
}

/// A name that whoever invites has chosen, as strangers can be shown it: short, and without anything that a mail program makes a link of. An
/// invisible space stands behind each mark that could join the parts of an address.
pub(super) fn harmless(name: &str) -> String {
    let mut out = String::new();
    for character in name.chars().take(LONGEST) {
        out.push(character);
        if matches!(character, '.' | ':' | '/' | '@') {
            out.push('\u{200b}');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::harmless;

    /// CVE-2024-41953, CVE-2024-28855: names in mails that lead elsewhere.
    #[test]
    fn no_name_is_a_link() {
        assert_eq!(harmless("Acme & Co"), "Acme & Co");
        for name in ["https://evil.example", "www.evil.example", "mail@evil.example", "evil.example/win", "EVIL.EXAMPLE"] {
            let shown = harmless(name);
            assert!(!shown.contains("://") && !shown.to_lowercase().contains("evil.example") && !shown.contains("www.e"), "{shown}");
            assert_eq!(shown.replace('\u{200b}', ""), name, "and it still reads the same");
        }
        assert_eq!(harmless(&"x".repeat(300)).len(), 64);
    }
}
