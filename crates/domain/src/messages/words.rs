//! Wording: templates, the instance's own or the built-in ones, and what is rendered from them.

use super::{
    kinds::{DEFAULT_COLOUR, Kind, Values, sample, variables},
    template::{self, Part},
};
use crate::{
    redirects,
    settings::{self, Settings, Texts},
};
use ::store::Tx;
use foundation::{Error, Problem, Result};
use std::borrow::Cow;

/// A message, worded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worded {
    /// The subject.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
}

/// Parts of a template that is being written.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The subject.
    pub subject: Option<String>,
    /// The text part.
    pub text: Option<String>,
    /// The HTML part.
    pub html: Option<String>,
}

struct BuiltIn {
    subject: &'static str,
    preview: &'static str,
    body: &'static str,
    text: &'static str,
}

const LAYOUT: &str = include_str!("texts/layout.html");

const fn built_in(kind: Kind) -> BuiltIn {
    match kind {
        Kind::VerificationCode => BuiltIn {
            subject: "{{otp_code}} is your {{app.name}} verification code",
            preview: "Enter it to verify your e-mail address.",
            body: include_str!("texts/verification_code.html"),
            text: include_str!("texts/verification_code.txt"),
        },
        Kind::SignInCode => BuiltIn {
            subject: "{{otp_code}} is your {{app.name}} sign-in code",
            preview: "Enter it to sign in. Do not share it with anybody.",
            body: include_str!("texts/sign_in_code.html"),
            text: include_str!("texts/sign_in_code.txt"),
        },
        Kind::ResetPasswordCode => BuiltIn {
            subject: "{{otp_code}} is your {{app.name}} password reset code",
            preview: "Enter it to set a new password.",
            body: include_str!("texts/reset_password_code.html"),
            text: include_str!("texts/reset_password_code.txt"),
        },
        Kind::AffiliationCode => BuiltIn {
            subject: "{{otp_code}} is your {{app.name}} domain verification code",
            preview: "Enter it to confirm the e-mail domain of your organization.",
            body: include_str!("texts/affiliation_code.html"),
            text: include_str!("texts/affiliation_code.txt"),
        },
        Kind::NewDevice => BuiltIn {
            subject: "New sign-in to {{app.name}}",
            preview: "{{device.name}}, {{time}}. Was this you?",
            body: include_str!("texts/new_device.html"),
            text: include_str!("texts/new_device.txt"),
        },
        Kind::PasswordChanged => BuiltIn {
            subject: "Your {{app.name}} password was changed",
            preview: "It was changed on {{time}}. Was this you?",
            body: concat!(include_str!("texts/password_changed.html"), include_str!("texts/password_notice.html")),
            text: concat!(include_str!("texts/password_changed.txt"), include_str!("texts/password_notice.txt")),
        },
        Kind::PasswordRemoved => BuiltIn {
            subject: "Your {{app.name}} password was removed",
            preview: "It was removed on {{time}}. Was this you?",
            body: concat!(include_str!("texts/password_removed.html"), include_str!("texts/password_notice.html")),
            text: concat!(include_str!("texts/password_removed.txt"), include_str!("texts/password_notice.txt")),
        },
        Kind::PrimaryAddressChanged => BuiltIn {
            subject: "Your {{app.name}} e-mail address was changed",
            preview: "It was changed on {{time}}. Was this you?",
            body: include_str!("texts/primary_address_changed.html"),
            text: include_str!("texts/primary_address_changed.txt"),
        },
        Kind::OrganizationInvitation => BuiltIn {
            subject: "You are invited to {{organization.name}} at {{app.name}}",
            preview: "Accept the invitation to join.",
            body: include_str!("texts/organization_invitation.html"),
            text: include_str!("texts/organization_invitation.txt"),
        },
        Kind::OrganizationMembershipRequested => BuiltIn {
            subject: "Somebody wants to join {{organization.name}} at {{app.name}}",
            preview: "Accept or reject the request.",
            body: include_str!("texts/organization_membership_requested.html"),
            text: include_str!("texts/organization_membership_requested.txt"),
        },
        Kind::OrganizationMembershipRequestAccepted => BuiltIn {
            subject: "You belong to {{organization.name}} at {{app.name}}",
            preview: "Your request to join was accepted.",
            body: include_str!("texts/organization_membership_request_accepted.html"),
            text: include_str!("texts/organization_membership_request_accepted.txt"),
        },
        Kind::OrganizationRoleChanged => BuiltIn {
            subject: "Your role in {{organization.name}} at {{app.name}} was changed",
            preview: "Your role is {{role.name}} now.",
            body: include_str!("texts/organization_role_changed.html"),
            text: include_str!("texts/organization_role_changed.txt"),
        },
        Kind::Test => BuiltIn {
            subject: "A test mail from {{app.name}}",
            preview: "Your mail server works.",
            body: include_str!("texts/test.html"),
            text: include_str!("texts/test.txt"),
        },
    }
}

fn built_in_part(kind: Kind, part: Part) -> Cow<'static, str> {
    let built_in = built_in(kind);
    match part {
        Part::Subject => built_in.subject.into(),
        Part::Text => built_in.text.into(),
        Part::Html => LAYOUT.replace("%PREVIEW%", built_in.preview).replace("%BODY%", built_in.body.trim_end()).into(),
    }
}

/// The instance's own texts of a kind, where it has some.
fn own(settings: &Settings, kind: Kind) -> Option<&Texts> {
    let templates = &settings.messages.templates;
    match kind {
        Kind::VerificationCode => templates.verification_code.as_ref(),
        Kind::SignInCode => templates.sign_in_code.as_ref(),
        Kind::ResetPasswordCode => templates.reset_password_code.as_ref(),
        Kind::AffiliationCode => templates.affiliation_code.as_ref(),
        Kind::NewDevice => templates.new_device.as_ref(),
        Kind::PasswordChanged => templates.password_changed.as_ref(),
        Kind::PasswordRemoved => templates.password_removed.as_ref(),
        Kind::PrimaryAddressChanged => templates.primary_address_changed.as_ref(),
        Kind::OrganizationInvitation => templates.organization_invitation.as_ref(),
        Kind::OrganizationMembershipRequested => templates.organization_membership_requested.as_ref(),
        Kind::OrganizationMembershipRequestAccepted => templates.organization_membership_request_accepted.as_ref(),
        Kind::OrganizationRoleChanged => templates.organization_role_changed.as_ref(),
        Kind::Test => None,
    }
}

/// Words a message. An own template that cannot be used after all is replaced by the built-in one: a mail is never blank.
pub(super) fn word(kind: Kind, name: &str, settings: &Settings, mut values: Values) -> Result<Worded> {
    brand(&mut values, name, settings);
    let own = own(settings, kind);
    let part = |part: Part| {
        let text = own.and_then(|texts| texts.part(part)).map(String::as_str);
        let usable = text.and_then(|text| render(kind, part, text, &values).ok());
        usable.map_or_else(|| render(kind, part, &built_in_part(kind, part), &values).map_err(|e| Error::broken("a built-in template", e)), Ok)
    };
    Ok(Worded { subject: part(Part::Subject)?, text: part(Part::Text)?, html: part(Part::Html)? })
}

/// The values that are the application's. What is not fit for its place is left out.
fn brand(values: &mut Values, name: &str, settings: &Settings) {
    let display = &settings.display;
    let colour = display.primary_color.as_deref().filter(|colour| is_colour(colour)).unwrap_or(DEFAULT_COLOUR);
    let logo = display.logo_url.as_deref().filter(|url| is_image_address(url)).unwrap_or_default();
    values.set("app.name", name.to_owned());
    values.set("app.color", colour.to_owned());
    values.set("app.logo_url", logo.to_owned());
    values.set("app.support_email", display.support_email.clone().unwrap_or_default());
}

/// Whether the text is a colour, `#rrggbb`.
pub(crate) fn is_colour(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Whether the text is the https address of an image.
pub(crate) fn is_image_address(text: &str) -> bool {
    text.len() <= 500 && !text.contains(['"', '\'', '<', '>']) && redirects::parse(text).is_some_and(|url| url.scheme() == "https" && url.has_host())
}

fn render(kind: Kind, part: Part, text: &str, values: &Values) -> Result<String, String> {
    let rendered = template::parse(kind, part, text)?.render(values).ok_or("becomes too long")?;
    if is_blank(part, &rendered) { Err("says nothing".to_owned()) } else { Ok(rendered) }
}

/// Whether nobody would see anything.
fn is_blank(part: Part, rendered: &str) -> bool {
    if part != Part::Html {
        return foundation::text::is_blank(rendered);
    }
    let body = rendered.rsplit_once("</head>").map_or(rendered, |(_, body)| body);
    let mut inside = false;
    let seen = body.chars().any(|c| {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            other => return !inside && !foundation::text::is_blank(other.encode_utf8(&mut [0; 4])),
        }
        false
    });
    !seen && !body.contains("<img")
}

/// Values that are not always there.
const OPTIONAL: [&str; 8] =
    ["app.logo_url", "app.support_email", "user.first_name", "device.location", "device.address", "inviter.name", "requester.name", "requester.email_address"];

/// Checks a template of an instance: it can be read, names only what its message has, carries the code or the link where there is one, and says something
/// even where no optional value is there.
///
/// # Errors
/// What is wrong with it, for the one who wrote it.
pub fn check_template(kind: Kind, part: Part, text: &str) -> Result<(), String> {
    let mut least = Values::default();
    for name in names(kind).into_iter().filter(|name| !OPTIONAL.contains(name)) {
        least.set(name, sample(kind).get(name).to_owned());
    }
    let rendered = render(kind, part, text, &least)?;
    if let Some(name) = kind.needs()
        && part != Part::Subject
        && !rendered.contains(least.get(name))
    {
        return Err(format!("must name {{{{{name}}}}}: without it nobody could go on"));
    }
    render(kind, part, text, &sample(kind)).map(drop)
}

/// Words a draft, or what the settings have, with made-up values.
///
/// # Errors
/// [`Problem::ParamInvalid`] that names the part.
pub async fn preview(tx: &mut Tx<'_>, kind: Kind, name: &str, draft: &Draft) -> Result<Worded> {
    let settings = settings::effective(tx).await?;
    for (part, text) in [(Part::Subject, &draft.subject), (Part::Text, &draft.text), (Part::Html, &draft.html)] {
        if let Some(text) = text {
            check_template(kind, part, text).map_err(|why| Problem::invalid(part.as_str(), why))?;
        }
    }
    let mut values = sample(kind);
    let mut worded = word(kind, name, &settings, values.clone())?;
    brand(&mut values, name, &settings);
    for (part, text, place) in
        [(Part::Subject, &draft.subject, &mut worded.subject), (Part::Text, &draft.text, &mut worded.text), (Part::Html, &draft.html, &mut worded.html)]
    {
        if let Some(text) = text {
            *place = render(kind, part, text, &values).map_err(|why| Problem::invalid(part.as_str(), why))?;
        }
    }
    Ok(worded)
}

/// The names of the values that a kind of message has.
pub fn names(kind: Kind) -> Vec<&'static str> {
    variables(kind).map(|variable| variable.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_message_reads_and_says_something() {
        for kind in Kind::OWN.into_iter().chain([Kind::Test]) {
            for part in [Part::Subject, Part::Text, Part::Html] {
                check_template(kind, part, &built_in_part(kind, part)).unwrap_or_else(|e| panic!("{kind} {part:?} {e}"));
            }
            let worded = word(kind, "Acme", &Settings::default(), sample(kind)).expect("worded");
            for text in [&worded.subject, &worded.text, &worded.html] {
                assert!(!text.contains("{{") && !text.contains('%') || text.contains("100%"), "{kind}: {text}");
            }
            assert!(worded.html.contains("Acme") && worded.text.contains("Acme"));
        }
    }

    #[test]
    fn a_broken_template_is_replaced_and_never_blank() {
        let mut settings = Settings::default();
        settings.messages.templates.password_changed = Some(Texts {
            subject: Some("{{nobody}}".to_owned()),
            text: Some("{{app.support_email}}".to_owned()),
            html: Some("<p>{{#if app.logo_url}}x{{/if}}</p>".to_owned()),
        });
        let worded = word(Kind::PasswordChanged, "Acme", &settings, sample(Kind::PasswordChanged)).expect("worded");
        assert_eq!(worded.subject, "Your Acme password was changed");
        assert!(worded.text.contains("Acme") && worded.html.contains("Acme"));
        settings.messages.templates.password_changed = Some(Texts { subject: Some("Hello {{user.first_name}}".to_owned()), ..Texts::default() });
        assert_eq!(word(Kind::PasswordChanged, "Acme", &settings, sample(Kind::PasswordChanged)).expect("worded").subject, "Hello Ada");
    }

    #[test]
    fn a_template_that_would_say_nothing_is_refused() {
        for (part, text) in [
            (Part::Subject, " "),
            (Part::Text, "{{user.first_name}}"),
            (Part::Html, "<p> </p>"),
            (Part::Html, "<html><head><title>x</title></head><body></body></html>"),
            (Part::Html, "<p>{{#if app.support_email}}x{{/if}}</p>"),
        ] {
            assert!(check_template(Kind::PasswordChanged, part, text).is_err(), "{text}");
        }
        assert!(check_template(Kind::SignInCode, Part::Text, "Welcome to {{app.name}}").is_err(), "the code is missing");
        assert!(check_template(Kind::SignInCode, Part::Text, "{{#if app.logo_url}}{{otp_code}}{{else}}x{{/if}}").is_err(), "it could be missing");
        assert!(check_template(Kind::SignInCode, Part::Subject, "Welcome to {{app.name}}").is_ok());
    }
}
