//! How a domain is shown to be the organization's: by a code to an address there, by a text in its zone, or by the backend's word.

use super::{AffiliatedBy, Domain, OwnedBy, Proof, Shown, get, name, policy, save, shown};
use crate::{
    Verdict,
    audit::Actor,
    clients::Visit,
    messages::{self, CodeMail},
    once::{self, Owner, Purpose},
    organizations::hold,
    settings,
    users::guard,
};
use ::store::Tx;
use foundation::{EmailAddress, OrganizationDomainId, OrganizationId, Problem, Result, Secret, UserId};
use std::time::Duration;

/// Until when a text may be published after it was asked for.
const CHALLENGE_LIFE: Duration = Duration::from_secs(7 * 86_400);
/// How often an organization may have its texts looked for within [`LOOK_PERIOD`].
const MOST_LOOKS: i64 = 60;
const LOOK_PERIOD: Duration = Duration::from_secs(3_600);

/// Where the text of a domain is looked for.
pub fn record_name(name: &str) -> String {
    format!("_insula-verification.{name}")
}

/// What the codes of a domain are counted by: removing and adding it again gives no new tries.
fn attempt(domain: &Domain) -> String {
    format!("{}|{}", domain.organization, domain.name)
}

/// The state of the code that was mailed, while it is kept.
pub(super) async fn code(tx: &mut Tx<'_>, domain: &Domain) -> Result<Option<once::State>> {
    if domain.affiliation_email_address.is_none() {
        return Ok(None);
    }
    once::state(tx, Purpose::DomainAffiliation, &attempt(domain)).await
}

/// Mails a code to an address at the domain; an earlier one works no more.
pub(super) async fn prepare_affiliation(
    tx: &mut Tx<'_>,
    visit: &Visit,
    (actor, user): (Actor<'_>, UserId),
    mut domain: Domain,
    to: &EmailAddress,
) -> Result<Shown> {
    if domain.affiliation.is_some() {
        return Err(Problem::AlreadyVerified.into());
    }
    if name::of_address(to.norm()) != domain.name {
        return Err(Problem::invalid("affiliation_email_address", format!("must be an address at {}", domain.name)).into());
    }
    once::charge(tx, visit, Some(user), to.norm()).await?;
    messages::send_code(tx, &visit.tenant, Purpose::DomainAffiliation, &attempt(&domain), to, CodeMail::Affiliation).await?;
    domain.affiliation_email_address = Some(to.norm().to_owned());
    save(tx, actor, domain).await
}

/// Tries the code. A right one shows that somebody of the organization reads mail at the domain.
pub(super) async fn attempt_affiliation(
    tx: &mut Tx<'_>,
    visit: &Visit,
    (actor, user): (Actor<'_>, UserId),
    mut domain: Domain,
    code: &Secret,
) -> Result<Verdict<Shown>> {
    if domain.affiliation.is_some() {
        return Err(Problem::AlreadyVerified.into());
    }
    let address = domain.affiliation_email_address.clone().ok_or(Problem::VerificationMissing)?;
    let spent = once::spend_code(tx, Purpose::DomainAffiliation, Owner { attempt: &attempt(&domain), proves: &address }, code).await?;
    // Wrong codes count towards the user's lock, whichever organizations and domains they try them for.
    let settings = settings::effective(tx).await?;
    if let Verdict::Refused(problem) = guard::settle_code(tx, &settings, user, visit.device(), spent).await? {
        return Ok(Verdict::Refused(problem));
    }
    domain.affiliation = Some(Proof { by: AffiliatedBy::EmailCode, at: tx.now() });
    save(tx, actor, domain).await.map(Verdict::Granted)
}

/// Draws a text that has to be published, in place of an earlier one.
pub(super) async fn prepare_ownership(tx: &mut Tx<'_>, actor: Actor<'_>, mut domain: Domain) -> Result<Shown> {
    if domain.ownership.verified_at.is_some() {
        return Err(Problem::AlreadyVerified.into());
    }
    let drawn = foundation::secret::hex(&tx.random().bytes::<32>());
    domain.ownership.strategy = Some(OwnedBy::Txt);
    domain.ownership.value = Some(format!("insula-domain-verification={drawn}"));
    domain.ownership.attempts = 0;
    domain.ownership.expires_at = Some(tx.now() + CHALLENGE_LIFE);
    save(tx, actor, domain).await
}

/// What is to be looked for, after a look was counted.
pub(super) async fn challenge(tx: &mut Tx<'_>, domain: &Domain) -> Result<String> {
    once::charge_look(tx, &domain.organization.to_string(), MOST_LOOKS, LOOK_PERIOD).await?;
    let ownership = &domain.ownership;
    if ownership.verified_at.is_some() {
        return Err(Problem::AlreadyVerified.into());
    }
    match (&ownership.value, ownership.expires_at) {
        (Some(value), Some(expires_at)) if expires_at > tx.now() => Ok(value.clone()),
        (Some(_), _) => Err(Problem::VerificationExpired.into()),
        _ => Err(Problem::VerificationMissing.into()),
    }
}

/// Notes what was found. Only the text that is asked for now counts, and only in time.
pub(super) async fn conclude(tx: &mut Tx<'_>, actor: Actor<'_>, mut domain: Domain, found: &[String]) -> Result<Shown> {
    let now = tx.now();
    let ownership = &mut domain.ownership;
    if ownership.verified_at.is_some() {
        return shown(tx, domain).await;
    }
    ownership.attempts += 1;
    let in_time = ownership.expires_at.is_some_and(|expires_at| expires_at > now);
    if in_time && ownership.value.as_ref().is_some_and(|value| found.iter().any(|text| text.trim() == value)) {
        ownership.verified_at = Some(now);
    }
    save(tx, actor, domain).await
}

/// Lets the backend say that the organization controls the domain. One that was shown to be so stays as it is.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::DomainsOff`]; [`Problem::IdentifierExists`] where another organization has verified it.
pub async fn verify_ownership(tx: &mut Tx<'_>, actor: Actor<'_>, organization: OrganizationId, id: OrganizationDomainId) -> Result<Shown> {
    policy(tx).await?;
    hold(tx, organization).await?;
    let mut domain = get(tx, organization, id).await?;
    if domain.ownership.verified_at.is_some() {
        return shown(tx, domain).await;
    }
    let now = tx.now();
    domain.ownership.strategy = Some(OwnedBy::ManualOverride);
    domain.ownership.value = None;
    domain.ownership.expires_at = None;
    domain.ownership.verified_at = Some(now);
    save(tx, actor, domain).await
}
