//! What a new user is given, read alike at every door that takes one.

use crate::{Policy, input::Input};
use domain::users::NewUser;
use foundation::{EmailAddress, OrganizationId, Problem, Secret, Timestamp};
use store::Json;

/// A new user as they are described, with the password still to be hashed.
pub struct UserForm {
    /// The user.
    pub new: NewUser,
    /// The password.
    pub password: Option<Secret>,
    /// Whether it must fit the policy.
    pub policy: Policy,
    /// The organization whose own pool they are in, where each has one. Not in the contract.
    pub organization: Option<OrganizationId>,
}

/// Reads a new user.
///
/// # Errors
/// A problem that names the parameter.
pub fn new_user(input: &Input) -> Result<UserForm, Problem> {
    input.only(&[
        "organization_id",
        "external_id",
        "first_name",
        "last_name",
        "locale",
        "email_address",
        "email_address_identification_status",
        "phone_number",
        "phone_number_identification_status",
        "web3_wallet",
        "username",
        "password",
        "password_digest",
        "password_hasher",
        "skip_password_checks",
        "skip_password_requirement",
        "totp_secret",
        "backup_codes",
        "public_metadata",
        "private_metadata",
        "unsafe_metadata",
        "delete_self_enabled",
        "legal_accepted_at",
        "skip_legal_checks",
        "skip_user_requirement",
        "create_organization_enabled",
        "create_organizations_limit",
        "created_at",
        "bypass_client_trust",
        "banned",
        "locked",
    ])?;
    let absent = ["phone_number", "phone_number_identification_status", "web3_wallet", "password_digest", "password_hasher", "totp_secret", "backup_codes"];
    refuse_absent_features(input, &absent)?;
    refuse_client_trust(input)?;
    let mut emails = Vec::new();
    for text in input.texts("email_address")? {
        emails.push(EmailAddress::parse(&text).ok_or(Problem::ParamFormat("email_address", "a list of valid e-mail addresses"))?);
    }
    check_statuses(input, emails.len())?;
    let username = input.username("username")?;
    if emails.is_empty() && username.is_none() && input.flag("skip_user_requirement")? != Some(true) {
        return Err(Problem::ParamMissing("email_address"));
    }
    let new = NewUser {
        emails,
        username,
        digest: None,
        first_name: input.change("first_name")?.flatten(),
        last_name: input.change("last_name")?.flatten(),
        locale: input.change("locale")?.flatten(),
        external_id: input.change("external_id")?.flatten(),
        public_metadata: Json(input.object("public_metadata")?.unwrap_or_default()),
        private_metadata: Json(input.object("private_metadata")?.unwrap_or_default()),
        unsafe_metadata: Json(input.object("unsafe_metadata")?.unwrap_or_default()),
        delete_self_enabled: input.flag("delete_self_enabled")?,
        create_organization_enabled: input.flag("create_organization_enabled")?,
        create_organizations_limit: input.number("create_organizations_limit")?,
        legal_accepted_at: date(input, "legal_accepted_at")?,
        created_at: date(input, "created_at")?,
        banned: input.flag("banned")?.unwrap_or(false),
        locked: input.flag("locked")?.unwrap_or(false),
        needs_password: input.flag("skip_password_requirement")? != Some(true),
    };
    Ok(UserForm { new, password: input.secret("password")?, policy: policy(input)?, organization: input.id("organization_id")? })
}

/// Refuses fields of things that this server does not have yet.
///
/// # Errors
/// [`Problem::ParamInvalid`] that names the first of them.
pub fn refuse_absent_features(input: &Input, params: &[&'static str]) -> Result<(), Problem> {
    match params.iter().find(|param| input.has(param) && !input.is_empty_list(param)) {
        Some(param) => Err(Problem::invalid(*param, "is not supported by this server")),
        None => Ok(()),
    }
}

/// New devices are asked for no second proof here, which is what bypassing the trust in them would spare a user: nothing would come of it.
/// `skip_legal_checks` is taken either way: a backend is never asked for anybody's consent, and what it says of it is kept.
///
/// # Errors
/// [`Problem::ParamInvalid`] where it is wanted.
pub fn refuse_client_trust(input: &Input) -> Result<(), Problem> {
    input.flag("skip_legal_checks")?;
    let param = "bypass_client_trust";
    if input.flag(param)? == Some(true) { Err(Problem::invalid(param, "is not supported by this server")) } else { Ok(()) }
}

/// Addresses are created verified. One that is to be reserved must not become verified instead.
fn check_statuses(input: &Input, addresses: usize) -> Result<(), Problem> {
    let param = "email_address_identification_status";
    let statuses = input.texts(param)?;
    if !statuses.is_empty() && statuses.len() != addresses {
        return Err(Problem::invalid(param, "must have one entry for each address"));
    }
    match statuses.iter().find(|status| *status != "verified") {
        Some(status) if status == "reserved" => Err(Problem::invalid(param, "cannot be reserved: this is not supported by this server")),
        Some(_) => Err(Problem::invalid(param, "must be verified or reserved")),
        None => Ok(()),
    }
}

/// Whether a new password must fit the policy.
///
/// # Errors
/// [`Problem::ParamFormat`].
pub fn policy(input: &Input) -> Result<Policy, Problem> {
    Ok(if input.flag("skip_password_checks")? == Some(true) { Policy::Skipped } else { Policy::Checked })
}

/// A date and time as RFC 3339 says.
///
/// # Errors
/// [`Problem::ParamFormat`].
pub fn date(input: &Input, param: &'static str) -> Result<Option<Timestamp>, Problem> {
    input.text(param)?.map(|text| Timestamp::parse_rfc3339(text).ok_or(Problem::ParamFormat(param, "a date and time like 2026-01-31T12:00:00Z"))).transpose()
}
