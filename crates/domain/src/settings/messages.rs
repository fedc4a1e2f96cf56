//! What is told to people, and in which words.

use crate::messages::{Kind, Part, check_template};
use foundation::{
    Problem,
    text::{has_control, is_blank},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Messages.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Messages {
    /// As whom they are sent.
    pub sender: Sender,
    /// Notices of sign-ins on new devices.
    pub new_device: NewDevice,
    /// What people are told of their organizations.
    pub organizations: OfOrganizations,
    /// The words, where they are not the built-in ones.
    pub templates: Templates,
}

/// As whom messages are sent where they go by the server's own mail server.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sender {
    /// The name; the application's where it is absent.
    pub name: Option<String>,
    /// What stands before the `@` of the address.
    pub local_part: Option<String>,
}

/// Notices of sign-ins on new devices.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewDevice {
    /// Whether users are told.
    #[schemars(extend("x-tightens" = "on"))]
    pub enabled: bool,
    /// The most notices that a user gets in a day.
    #[schemars(range(min = 1, max = 100))]
    pub most_per_day: i64,
}

impl Default for NewDevice {
    fn default() -> Self {
        NewDevice { enabled: true, most_per_day: 5 }
    }
}

/// What people are told of their organizations by mail.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OfOrganizations {
    /// Whether those who manage the members are told that somebody wants to join.
    pub membership_requested: bool,
    /// Whether whoever wanted to join is told that they have joined.
    pub membership_request_accepted: bool,
    /// Whether members are told that they have another role.
    pub role_changed: bool,
}

impl Default for OfOrganizations {
    fn default() -> Self {
        OfOrganizations { membership_requested: true, membership_request_accepted: true, role_changed: true }
    }
}

/// The words of each kind of message; a layer sets those of one kind as a whole.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Templates {
    /// A code that proves an address.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub verification_code: Option<Texts>,
    /// A code that signs in.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub sign_in_code: Option<Texts>,
    /// A code that allows a new password.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub reset_password_code: Option<Texts>,
    /// A code that shows that somebody of an organization reads mail at its domain.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub affiliation_code: Option<Texts>,
    /// A sign-in on a device that was not seen before.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub new_device: Option<Texts>,
    /// The password was set or changed.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub password_changed: Option<Texts>,
    /// The password was taken away.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub password_removed: Option<Texts>,
    /// Another address is the primary one; told to the one before.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub primary_address_changed: Option<Texts>,
    /// Somebody is invited to an organization.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub organization_invitation: Option<Texts>,
    /// Somebody wants to join an organization.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub organization_membership_requested: Option<Texts>,
    /// Somebody who wanted to join an organization has joined.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub organization_membership_request_accepted: Option<Texts>,
    /// A member has another role.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub organization_role_changed: Option<Texts>,
}

/// The parts of a message; the built-in one stands for each that is absent.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Texts {
    /// The subject.
    pub subject: Option<String>,
    /// The HTML part.
    pub html: Option<String>,
    /// The text part.
    pub text: Option<String>,
}

impl Texts {
    /// The template of a part.
    pub fn part(&self, part: Part) -> Option<&String> {
        match part {
            Part::Subject => self.subject.as_ref(),
            Part::Html => self.html.as_ref(),
            Part::Text => self.text.as_ref(),
        }
    }
}

/// Names before the `@` that speak for the whole domain.
const RESERVED: [&str; 10] = ["postmaster", "abuse", "admin", "administrator", "hostmaster", "webmaster", "security", "root", "mailer-daemon", "noc"];

impl Messages {
    /// Checks what types cannot say.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let templates = &self.templates;
        for (kind, texts) in [
            (Kind::VerificationCode, &templates.verification_code),
            (Kind::SignInCode, &templates.sign_in_code),
            (Kind::ResetPasswordCode, &templates.reset_password_code),
            (Kind::AffiliationCode, &templates.affiliation_code),
            (Kind::NewDevice, &templates.new_device),
            (Kind::PasswordChanged, &templates.password_changed),
            (Kind::PasswordRemoved, &templates.password_removed),
            (Kind::PrimaryAddressChanged, &templates.primary_address_changed),
            (Kind::OrganizationInvitation, &templates.organization_invitation),
            (Kind::OrganizationMembershipRequested, &templates.organization_membership_requested),
            (Kind::OrganizationMembershipRequestAccepted, &templates.organization_membership_request_accepted),
            (Kind::OrganizationRoleChanged, &templates.organization_role_changed),
        ] {
            for part in [Part::Subject, Part::Html, Part::Text] {
                if let Some(text) = texts.as_ref().and_then(|texts| texts.part(part)) {
                    check_template(kind, part, text).map_err(|why| Problem::invalid(format!("messages.templates.{kind}.{}", part.as_str()), why))?;
                }
            }
        }
        if self.sender.name.as_deref().is_some_and(|name| is_blank(name) || name.chars().count() > 100 || has_control(name)) {
            return Err(Problem::invalid("messages.sender.name", "must be short text on one line"));
        }
        let plain = |local: &str| local.len() <= 40 && local.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if self.sender.local_part.as_deref().is_some_and(|local| local.is_empty() || local.starts_with('-') || !plain(local) || RESERVED.contains(&local)) {
            return Err(Problem::invalid(
                "messages.sender.local_part",
                "must be lower-case letters, digits and hyphens, and no name that speaks for the domain",
            ));
        }
        Ok(())
    }
}
