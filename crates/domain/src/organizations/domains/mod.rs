//! Domains of organizations: where an organization's people have their addresses, and how they come to it.
//!
//! A domain does nothing until it is verified, and one name is verified for one organization of the instance at a time, by a unique index.
//! It matches the addresses that are exactly at it, and none at a domain below or above.

mod list;
mod name;
mod own;
mod store;
mod verify;

pub use list::{Filter, Order, OrderBy, count, list};
pub(in crate::organizations) use name::{is_common, of_address};
pub use own::{
    Challenge, Several, attempt_affiliation, challenge, conclude, create as create_own, create_all as create_own_all, delete as delete_own, ensure_manager,
    get as get_own, list as list_own, prepare_affiliation, prepare_ownership, prepare_ownership_of_all, set_mode,
};
pub use verify::{record_name, verify_ownership};

use super::{Organization, hold, suggestions};
use crate::{
    audit::{self, Actor},
    events::{self, Event},
    once,
    settings::{self, EnrollmentMode, OrganizationSettings},
};
use ::store::{Tx, text_enum};
use foundation::{OnConflict, OrganizationDomainId, OrganizationId, Problem, Result, Timestamp, UserId};
use serde_json::json;

text_enum! {
    /// How it was shown that people of the organization have addresses there.
    pub enum AffiliatedBy {
        /// By a code that was mailed there.
        EmailCode = "email_code",
        /// By the backend's word.
        Admin = "admin",
    }
}

text_enum! {
    /// How it was shown that the organization controls the domain.
    pub enum OwnedBy {
        /// By a text that was published there.
        Txt = "txt",
        /// By the backend's word.
        ManualOverride = "manual_override",
    }
}

/// What was shown of the affiliation, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// How.
    pub by: AffiliatedBy,
    /// When.
    pub at: Timestamp,
}

/// What is known of whether the organization controls the domain.
#[derive(Clone, Debug, Default)]
pub struct Ownership {
    /// How it is to be shown, or was; absent before anybody has asked.
    pub strategy: Option<OwnedBy>,
    /// The text that has to be published.
    pub value: Option<String>,
    /// How often it was looked for.
    pub attempts: i64,
    /// Until when it may be published.
    pub expires_at: Option<Timestamp>,
    /// When it was found.
    pub verified_at: Option<Timestamp>,
}

/// A domain of an organization.
#[derive(Clone, Debug)]
pub struct Domain {
    /// Its id.
    pub id: OrganizationDomainId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Its name, in its normal form.
    pub name: String,
    /// How people with an address there come to the organization, once it is verified.
    pub mode: EnrollmentMode,
    /// Where the code was mailed to.
    pub affiliation_email_address: Option<String>,
    /// Whether people of the organization have addresses there.
    pub affiliation: Option<Proof>,
    /// Whether the organization controls it.
    pub ownership: Ownership,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Domain {
    /// Whether it was shown in any way to be the organization's. Only then it does anything.
    pub fn is_verified(&self) -> bool {
        self.affiliation.is_some() || self.ownership.verified_at.is_some()
    }
}

/// A domain with everything that is shown of it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The domain.
    pub domain: Domain,
    /// Whose it is.
    pub organization: Organization,
    /// The state of the code that was mailed, while it is kept.
    pub code: Option<once::State>,
    /// How many invitations that it has made wait for an answer.
    pub pending_invitations: i64,
    /// How many suggestions that it has made wait for an answer.
    pub pending_suggestions: i64,
    /// The time at which this was so.
    pub now: Timestamp,
}

/// The settings of organizations, where they may have domains.
///
/// # Errors
/// [`Problem::OrganizationsOff`]; [`Problem::DomainsOff`].
pub(super) async fn policy(tx: &mut Tx<'_>) -> Result<OrganizationSettings> {
    let policy = settings::effective(tx).await?.organization_settings.clone();
    policy.ensure_enabled()?;
    if policy.domains_enabled { Ok(policy) } else { Err(Problem::DomainsOff.into()) }
}

/// Reads a mode that the instance's settings offer. Contract: `enterprise_sso` is one that no instance offers yet.
///
/// # Errors
/// [`Problem::ParamInvalid`].
fn mode(policy: &OrganizationSettings, text: &str) -> Result<EnrollmentMode, Problem> {
    let offered = |mode: &EnrollmentMode| policy.domains_enrollment_modes.contains(mode);
    EnrollmentMode::parse(text).filter(offered).ok_or_else(|| {
        let modes: Vec<&str> = policy.domains_enrollment_modes.iter().map(|mode| mode.as_str()).collect();
        Problem::invalid("enrollment_mode", format!("must be one of: {}", modes.join(", ")))
    })
}

/// A domain of the organization.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn get(tx: &mut Tx<'_>, organization: OrganizationId, id: OrganizationDomainId) -> Result<Domain> {
    store::find(tx, organization, id).await?.ok_or_else(|| Problem::NotFound.into())
}

/// A domain of the organization, if there is one.
pub(super) async fn find(tx: &mut Tx<'_>, organization: OrganizationId, id: OrganizationDomainId) -> Result<Option<Domain>> {
    store::find(tx, organization, id).await
}

/// The first verified domain of these names by which people come to an organization that the user does not belong to, and what that is called.
pub(super) async fn offering(tx: &mut Tx<'_>, user: UserId, names: &[String]) -> Result<Option<(String, String)>> {
    if names.is_empty() { Ok(None) } else { store::offering(tx, user, names).await }
}

/// What is shown of a domain.
///
/// # Errors
/// Only the database's own.
pub async fn shown(tx: &mut Tx<'_>, domain: Domain) -> Result<Shown> {
    list::complete(tx, vec![domain]).await?.pop().ok_or_else(|| Problem::NotFound.into())
}

/// Whether a domain counts as verified from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// By the backend's word.
    Verified,
    /// It is yet to be shown.
    Unverified,
}

/// Adds a domain to the organization.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::DomainsOff`]; [`Problem::ParamFormat`]; [`Problem::DomainCommon`]; [`Problem::ParamInvalid`] for a mode that is not
/// offered; [`Problem::DomainsFull`]; [`Problem::IdentifierExists`] where the organization has it, or another one has verified it.
pub async fn create(tx: &mut Tx<'_>, actor: Actor<'_>, organization: OrganizationId, (name, wanted): (&str, Option<&str>), start: Start) -> Result<Shown> {
    let policy = policy(tx).await?;
    let name = name::parse(name)?;
    let mode = wanted.map_or(Ok(EnrollmentMode::ManualInvitation), |text| mode(&policy, text))?;
    // Whoever else adds one comes after: the count of domains stands still.
    hold(tx, organization).await?;
    let now = tx.now();
    let affiliation = (start == Start::Verified).then_some(Proof { by: AffiliatedBy::Admin, at: now });
    let domain = Domain {
        id: tx.new_id(),
        organization,
        name,
        mode,
        affiliation_email_address: None,
        affiliation,
        ownership: Ownership::default(),
        created_at: now,
        updated_at: now,
    };
    if !store::insert(tx, &domain, policy.max_allowed_domains).await.on_conflict(Problem::IdentifierExists("name"))? {
        let has = store::has(tx, organization, &domain.name).await?;
        return Err(if has { Problem::IdentifierExists("name") } else { Problem::DomainsFull(policy.max_allowed_domains) }.into());
    }
    let domain = get(tx, organization, domain.id).await?;
    told(tx, actor, domain, "create").await
}

/// What becomes of a domain; what is absent stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change<'a> {
    /// How people come to the organization.
    pub mode: Option<&'a str>,
    /// Whether it counts as verified, by the backend's word. One that does not has no proof of any kind left.
    pub verified: Option<bool>,
    /// What becomes of what waits for an answer.
    pub pending: Pending,
}

/// What becomes of invitations and suggestions that a domain has made, and that nobody has answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pending {
    /// They stay.
    #[default]
    Kept,
    /// They are taken back.
    Deleted,
}

/// Changes a domain.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::DomainsOff`]; [`Problem::ParamInvalid`] for a mode that is not offered; [`Problem::IdentifierExists`] where another
/// organization has verified it.
pub async fn update(tx: &mut Tx<'_>, actor: Actor<'_>, organization: OrganizationId, id: OrganizationDomainId, change: Change<'_>) -> Result<Shown> {
    let policy = policy(tx).await?;
    hold(tx, organization).await?;
    let mut domain = get(tx, organization, id).await?;
    if let Some(text) = change.mode {
        domain.mode = mode(&policy, text)?;
    }
    match change.verified {
        Some(true) if domain.affiliation.is_none() => domain.affiliation = Some(Proof { by: AffiliatedBy::Admin, at: tx.now() }),
        Some(false) => {
            domain.affiliation = None;
            domain.ownership = Ownership::default();
        }
        _ => {}
    }
    if change.pending == Pending::Deleted || change.verified == Some(false) {
        suggestions::take_back(tx, actor, organization, id).await?;
    }
    save(tx, actor, domain).await
}

/// Writes a domain that was changed, and tells of it.
async fn save(tx: &mut Tx<'_>, actor: Actor<'_>, domain: Domain) -> Result<Shown> {
    store::update(tx, &domain).await.on_conflict(Problem::IdentifierExists("name"))?;
    let domain = get(tx, domain.organization, domain.id).await?;
    told(tx, actor, domain, "update").await
}

async fn told(tx: &mut Tx<'_>, actor: Actor<'_>, domain: Domain, what: &str) -> Result<Shown> {
    let detail =
        json!({ "organization_id": domain.organization, "name": domain.name, "enrollment_mode": domain.mode.as_str(), "verified": domain.is_verified() });
    audit::record(tx, actor, &format!("organization_domain.{what}"), &domain.id.to_string(), &detail).await?;
    let shown = shown(tx, domain).await?;
    events::emit(tx, if what == "create" { Event::OrganizationDomainCreated(&shown) } else { Event::OrganizationDomainUpdated(&shown) }).await?;
    Ok(shown)
}

/// Takes a domain away, with the suggestions and invitations that nobody has answered. Members stay.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn delete(tx: &mut Tx<'_>, actor: Actor<'_>, organization: OrganizationId, id: OrganizationDomainId) -> Result<OrganizationDomainId> {
    hold(tx, organization).await?;
    let domain = get(tx, organization, id).await?;
    suggestions::take_back(tx, actor, organization, id).await?;
    if !store::delete(tx, id).await? {
        return Err(Problem::NotFound.into());
    }
    audit::record(tx, actor, "organization_domain.delete", &id.to_string(), &json!({ "organization_id": organization, "name": domain.name })).await?;
    events::emit(tx, Event::OrganizationDomainDeleted(id)).await?;
    Ok(id)
}
