//! Factors: what can prove that somebody is who they say, and which of them a user is offered.

use crate::{identifiers::Identifier, messages::CodeMail, once::Purpose, settings::Settings, users::User};
use ::store::text_enum;
use foundation::IdentifierId;

text_enum! {
    /// A way of proving.
    pub enum Strategy {
        /// The password.
        Password = "password",
        /// A code sent to a verified address.
        EmailCode = "email_code",
        /// A code sent to a verified address, which only allows a new password.
        ResetPasswordEmailCode = "reset_password_email_code",
        /// A ticket that a backend made.
        Ticket = "ticket",
    }
}

impl Strategy {
    /// Whether it begins with a code being sent.
    pub const fn sends_code(self) -> bool {
        self.purpose().is_some()
    }

    /// What its code is for.
    pub(super) const fn purpose(self) -> Option<Purpose> {
        match self {
            Strategy::Password | Strategy::Ticket => None,
            Strategy::EmailCode => Some(Purpose::SignInEmail),
            Strategy::ResetPasswordEmailCode => Some(Purpose::ResetPassword),
        }
    }

    /// Which mail carries its code.
    pub(super) const fn mail(self) -> Option<CodeMail> {
        match self {
            Strategy::Password | Strategy::Ticket => None,
            Strategy::EmailCode => Some(CodeMail::SignIn),
            Strategy::ResetPasswordEmailCode => Some(CodeMail::ResetPassword),
        }
    }
}

/// A way of proving that is open to a user.
#[derive(Clone, Debug)]
pub struct Factor {
    /// Which way.
    pub strategy: Strategy,
    /// The address that the code would go to.
    pub email: Option<(IdentifierId, String)>,
    /// Whether that is the primary address.
    pub primary: bool,
}

/// What the user is offered: the password, then a code and a reset by each verified address, the primary one first.
pub(super) fn offered(user: &User, settings: &Settings) -> Vec<Factor> {
    let mut factors = Vec::new();
    let by_password = settings.auth_password.enabled && user.has_password;
    if by_password {
        factors.push(Factor { strategy: Strategy::Password, email: None, primary: false });
    }
    let mut emails: Vec<&Identifier> = user.emails().filter(|e| e.verified_by.is_some()).collect();
    emails.sort_by_key(|e| user.primary_email_address != Some(e.id));
    let mut by_email = |strategy| {
        for email in &emails {
            factors.push(Factor { strategy, email: Some((email.id, email.given.clone())), primary: user.primary_email_address == Some(email.id) });
        }
    };
    // Who has no password must get in by a code even where codes are not preferred.
    if settings.auth_email.enabled && (settings.auth_email.code_sign_in || !by_password) {
        by_email(Strategy::EmailCode);
    }
    if settings.auth_email.enabled && settings.auth_password.enabled {
        by_email(Strategy::ResetPasswordEmailCode);
    }
    factors
}
