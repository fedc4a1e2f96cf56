//! Kinds of messages, and the values that each has.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

::store::text_enum! {
    /// A kind of message.
    pub enum Kind {
        /// A code that proves an address.
        VerificationCode = "verification_code",
        /// A code that signs in.
        SignInCode = "sign_in_code",
        /// A code that allows a new password.
        ResetPasswordCode = "reset_password_code",
        /// A code that shows that somebody of an organization reads mail at its domain.
        AffiliationCode = "affiliation_code",
        /// Somebody signed in on a device that was not seen before.
        NewDevice = "new_device",
        /// The password was set or changed.
        PasswordChanged = "password_changed",
        /// The password was taken away.
        PasswordRemoved = "password_removed",
        /// Another address is the primary one; told to the one before.
        PrimaryAddressChanged = "primary_address_changed",
        /// Somebody is invited to an organization.
        OrganizationInvitation = "organization_invitation",
        /// Somebody wants to join an organization; told to those who decide.
        OrganizationMembershipRequested = "organization_membership_requested",
        /// Somebody who wanted to join an organization has joined.
        OrganizationMembershipRequestAccepted = "organization_membership_request_accepted",
        /// A member has another role.
        OrganizationRoleChanged = "organization_role_changed",
        /// A trial of a mail server.
        Test = "test",
    }
}

impl Kind {
    /// Those whose templates an instance can write.
    pub const OWN: [Kind; 12] = [
        Kind::VerificationCode,
        Kind::SignInCode,
        Kind::ResetPasswordCode,
        Kind::AffiliationCode,
        Kind::NewDevice,
        Kind::PasswordChanged,
        Kind::PasswordRemoved,
        Kind::PrimaryAddressChanged,
        Kind::OrganizationInvitation,
        Kind::OrganizationMembershipRequested,
        Kind::OrganizationMembershipRequestAccepted,
        Kind::OrganizationRoleChanged,
    ];

    const fn has_code(self) -> bool {
        matches!(self, Kind::VerificationCode | Kind::SignInCode | Kind::ResetPasswordCode | Kind::AffiliationCode)
    }

    const fn invites(self) -> bool {
        matches!(self, Kind::OrganizationInvitation)
    }

    const fn asks(self) -> bool {
        matches!(self, Kind::OrganizationMembershipRequested)
    }

    const fn tells_member(self) -> bool {
        matches!(self, Kind::OrganizationMembershipRequestAccepted | Kind::OrganizationRoleChanged)
    }

    const fn is_of_organization(self) -> bool {
        self.invites() || self.asks() || self.tells_member()
    }

    const fn names_role(self) -> bool {
        self.invites() || self.tells_member()
    }

    /// The value without which the message is of no use.
    pub(super) const fn needs(self) -> Option<&'static str> {
        match self {
            Kind::VerificationCode | Kind::SignInCode | Kind::ResetPasswordCode | Kind::AffiliationCode => Some("otp_code"),
            Kind::OrganizationInvitation => Some("action_url"),
            _ => None,
        }
    }

    const fn is_notice(self) -> bool {
        matches!(self, Kind::NewDevice | Kind::PasswordChanged | Kind::PasswordRemoved | Kind::PrimaryAddressChanged)
    }
}

/// What a value is, and so where it may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// Any text.
    Text,
    /// An address: an https one, or one of the server's own.
    Address,
    /// `#rrggbb`
    Colour,
}

/// A value that a template can name.
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) kind: Type,
    sample: &'static str,
    only: fn(Kind) -> bool,
}

const fn always(_: Kind) -> bool {
    true
}

/// Nothing that a stranger has chosen stands in a mail with a code: whoever signs up with somebody else's address sends them no words.
const VARIABLES: [Variable; 19] = [
    Variable { name: "app.name", kind: Type::Text, sample: "Acme", only: always },
    Variable { name: "app.logo_url", kind: Type::Address, sample: "", only: always },
    Variable { name: "app.color", kind: Type::Colour, sample: DEFAULT_COLOUR, only: always },
    Variable { name: "app.support_email", kind: Type::Text, sample: "help@acme.example", only: always },
    Variable { name: "otp_code", kind: Type::Text, sample: "428109", only: Kind::has_code },
    Variable { name: "minutes", kind: Type::Text, sample: "10", only: Kind::has_code },
    Variable { name: "user.first_name", kind: Type::Text, sample: "Ada", only: Kind::is_notice },
    Variable { name: "user.email_address", kind: Type::Text, sample: "ada@example.com", only: Kind::is_notice },
    Variable { name: "time", kind: Type::Text, sample: "1 January 2026 at 09:41 UTC", only: Kind::is_notice },
    Variable { name: "device.name", kind: Type::Text, sample: "Firefox on Linux", only: |kind| matches!(kind, Kind::NewDevice) },
    Variable { name: "device.location", kind: Type::Text, sample: "Lisbon, Portugal", only: |kind| matches!(kind, Kind::NewDevice) },
    Variable { name: "device.address", kind: Type::Text, sample: "192.0.2.7", only: |kind| matches!(kind, Kind::NewDevice) },
    Variable { name: "organization.name", kind: Type::Text, sample: "Analytical Engines", only: Kind::is_of_organization },
    Variable { name: "inviter.name", kind: Type::Text, sample: "Ada Lovelace", only: Kind::invites },
    Variable { name: "requester.name", kind: Type::Text, sample: "Grace Hopper", only: Kind::asks },
    Variable { name: "requester.email_address", kind: Type::Text, sample: "grace@example.com", only: Kind::asks },
    Variable { name: "role.name", kind: Type::Text, sample: "Member", only: Kind::names_role },
    Variable { name: "days", kind: Type::Text, sample: "30", only: Kind::invites },
    Variable { name: "action_url", kind: Type::Address, sample: "https://acme.example/v1/tickets/accept", only: Kind::invites },
];

/// The accent where the application has none.
pub(super) const DEFAULT_COLOUR: &str = "#4f46e5";

/// The values that a kind of message has.
pub(super) fn variables(kind: Kind) -> impl Iterator<Item = &'static Variable> {
    VARIABLES.iter().filter(move |variable| (variable.only)(kind))
}

/// Values by their names.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Values(BTreeMap<String, String>);

const LONGEST_VALUE: usize = 500;

impl Values {
    /// The value of this name; empty where there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Sets a value, on one line and not too long.
    pub(super) fn set(&mut self, name: &str, value: String) {
        let clean = value.chars().take(LONGEST_VALUE).map(|c| if foundation::text::has_control(c.encode_utf8(&mut [0; 4])) { ' ' } else { c });
        self.0.insert(name.to_owned(), clean.collect());
    }
}

/// Made-up values, for previews.
pub(super) fn sample(kind: Kind) -> Values {
    let mut values = Values::default();
    for variable in variables(kind) {
        values.set(variable.name, variable.sample.to_owned());
    }
    values
}
