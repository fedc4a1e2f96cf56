//! Sign-ins: coming in with an account that exists.
//!
//! An attempt belongs to the client that began it. What can be done with it next is a type of its own (`steps`), so that no step
//! can be left out.

mod factors;
mod steps;
mod store;

pub use factors::{Factor, Strategy};

use crate::{
    Verdict,
    audit::{self, Actor},
    clients::Visit,
    identifiers::{self, Handle},
    messages, once,
    passwords::{Answer, Question},
    sessions::{self, Keep},
    settings::{self, Settings},
    tickets,
    users::{self, User},
};
use ::store::{Tally, Tx, text_enum};
use foundation::{ClientId, IdentifierId, Problem, Result, Secret, SessionId, SignInId, Timestamp, UserId};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use steps::{NeedsFirstFactor, NeedsNewPassword};

text_enum! {
    /// What the attempt waits for.
    pub enum Status {
        /// Who it is.
        NeedsIdentifier = "needs_identifier",
        /// A proof.
        NeedsFirstFactor = "needs_first_factor",
        /// A new password, after the old one was forgotten.
        NeedsNewPassword = "needs_new_password",
        /// Nothing: somebody is signed in.
        Complete = "complete",
        /// Nothing any more: it took too long.
        Abandoned = "abandoned",
    }
}

/// How long an attempt can take.
const LIFE: Duration = Duration::from_secs(86_400);

/// An attempt.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// Its id.
    pub id: SignInId,
    /// The client that began it.
    pub client: ClientId,
    /// What was last written about it.
    pub stored_status: Status,
    /// What was typed as identifier.
    pub identifier: Option<String>,
    /// Whose it is.
    pub user: Option<UserId>,
    /// The strategy under way, or the one that succeeded.
    pub strategy: Option<Strategy>,
    /// The address that the code went to.
    pub strategy_identifier: Option<IdentifierId>,
    /// When the first factor was proven.
    pub verified_at: Option<Timestamp>,
    /// The session it came to.
    pub created_session: Option<SessionId>,
    /// When it is given up.
    pub abandon_at: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
}

impl SignIn {
    /// What it waits for by now.
    pub fn status(&self, now: Timestamp) -> Status {
        if self.stored_status != Status::Complete && now >= self.abandon_at { Status::Abandoned } else { self.stored_status }
    }
}

/// An attempt as an answer shows it.
pub struct SignInView {
    /// The attempt.
    pub sign_in: SignIn,
    /// Its user, once identified.
    pub user: Option<User>,
    /// What can prove it.
    pub factors: Vec<Factor>,
    /// The code under way.
    pub code: Option<once::State>,
    /// The settings that apply.
    pub settings: Arc<Settings>,
    /// The time at which all this held.
    pub now: Timestamp,
}

/// How an attempt begins.
#[derive(Default)]
pub struct NewSignIn {
    /// What was typed as identifier.
    pub identifier: Option<String>,
    /// Whether the password that came with it was right.
    pub answer: Option<Answer>,
    /// The strategy to prepare at once.
    pub strategy: Option<Strategy>,
}

/// Whose password to compare with: of whoever claims the identifier.
///
/// # Errors
/// Only the database's own: an unknown identifier has an empty question, so that the work is the same.
pub async fn question_for(tx: &mut Tx<'_>, visit: &Visit, identifier: Option<&str>) -> Result<Question> {
    let user = match identifier.and_then(Handle::parse) {
        Some(handle) => identifiers::owner(tx, visit.tenant.instance.pool, &handle).await?,
        None => None,
    };
    question_of(tx, user).await
}

/// Whose password to compare with: of the attempt's user.
///
/// # Errors
/// [`Problem::NotFound`] where the attempt is not this client's.
pub async fn question(tx: &mut Tx<'_>, visit: &Visit, id: SignInId) -> Result<Question> {
    let sign_in = own(tx, visit, id).await?;
    question_of(tx, sign_in.user).await
}

async fn question_of(tx: &mut Tx<'_>, user: Option<UserId>) -> Result<Question> {
    let digest = match user {
        Some(user) => users::digest(tx, user).await?,
        None => None,
    };
    Ok(Question { user, digest })
}

/// Begins an attempt; with a right password it is complete at once.
///
/// # Errors
/// [`Problem::IdentifierNotFound`]; [`Problem::SessionExists`]; [`Problem::AlreadySignedIn`]; [`Problem::StrategyInvalid`].
pub async fn create(tx: &mut Tx<'_>, visit: &mut Visit, new: &NewSignIn) -> Result<Verdict<SignInView>> {
    sessions::ensure_room(tx, visit, None).await?;
    let (identifier, user) = match &new.identifier {
        Some(text) => identify(tx, visit, text).await.map(|(given, user)| (Some(given), Some(user)))?,
        None => (None, None),
    };
    if let Some(user) = &user {
        sessions::ensure_room(tx, visit, Some(user.id)).await?;
    }
    let sign_in = begin(tx, visit, identifier, user.as_ref().map(|u| u.id)).await?;
    match (&new.answer, new.strategy) {
        (Some(answer), _) => attempt_password(tx, visit, sign_in.id, answer).await,
        (None, Some(strategy)) if strategy.sends_code() => prepare(tx, visit, sign_in.id, strategy, None).await.map(Verdict::Granted),
        _ => view(tx, sign_in.id).await.map(Verdict::Granted),
    }
}

/// Writes a new attempt, and puts it on the client.
async fn begin(tx: &mut Tx<'_>, visit: &mut Visit, identifier: Option<String>, user: Option<UserId>) -> Result<SignIn> {
    let client = visit.client_or_new(tx).await?;
    let now = tx.now();
    let sign_in = SignIn {
        id: tx.new_id(),
        client: client.id,
        stored_status: if user.is_some() { Status::NeedsFirstFactor } else { Status::NeedsIdentifier },
        identifier,
        user,
        strategy: None,
        strategy_identifier: None,
        verified_at: None,
        created_session: None,
        abandon_at: now + LIFE,
        created_at: now,
    };
    store::sweep(tx).await?;
    store::insert(tx, &sign_in).await?;
    visit.set_attempts(tx, Some(sign_in.id), client.sign_up).await?;
    Ok(sign_in)
}

/// Signs in by a ticket, at once. What refuses its user gives the ticket back.
///
/// # Errors
/// [`Problem::SessionExists`]; [`Problem::AlreadySignedIn`]; [`Problem::UserBanned`]; [`Problem::UserLocked`]; as [`tickets::accept`].
pub async fn create_by_ticket(tx: &mut Tx<'_>, visit: &mut Visit, ticket: &Secret) -> Result<Verdict<SignInView>> {
    let accepted = match tickets::accept(tx, visit.tenant.instance.pool, ticket).await? {
        Verdict::Granted(accepted) => accepted,
        Verdict::Refused(problem) => return Ok(Verdict::Refused(problem)),
    };
    sessions::ensure_room(tx, visit, Some(accepted.user())).await?;
    let sign_in = begin(tx, visit, None, Some(accepted.user())).await?;
    let proven = NeedsFirstFactor::of(tx, sign_in).await?.ticket(tx, visit, accepted).await?;
    complete(tx, visit, proven).await.map(Verdict::Granted)
}

/// Tries a ticket for an attempt whose user is known.
///
/// # Errors
/// [`Problem::TicketInvalid`] where it is another user's; [`Problem::AttemptState`]; [`Problem::NotFound`]; as [`create_by_ticket`].
pub async fn attempt_ticket(tx: &mut Tx<'_>, visit: &mut Visit, id: SignInId, ticket: &Secret) -> Result<Verdict<SignInView>> {
    let sign_in = held(tx, visit, id).await?;
    let step = NeedsFirstFactor::of(tx, sign_in).await?;
    match tickets::accept(tx, visit.tenant.instance.pool, ticket).await? {
        Verdict::Granted(accepted) => {
            let proven = step.ticket(tx, visit, accepted).await?;
            complete(tx, visit, proven).await.map(Verdict::Granted)
        }
        Verdict::Refused(problem) => refused(tx, id, problem).await,
    }
}

/// The user whom the identifier names, and the identifier as it was given, without what stands around it.
async fn identify(tx: &mut Tx<'_>, visit: &Visit, text: &str) -> Result<(String, User)> {
    let handle = Handle::parse(text).ok_or(Problem::IdentifierNotFound)?;
    let settings = settings::effective(tx).await?;
    let offered = match handle {
        Handle::Email(_) => settings.auth_email.enabled,
        Handle::Username(_) => settings.auth_username.is_on(),
    };
    let owner = if offered { identifiers::owner(tx, visit.tenant.instance.pool, &handle).await? } else { None };
    let user = users::get(tx, owner.ok_or(Problem::IdentifierNotFound)?).await?;
    Ok((handle.given().to_owned(), user))
}

/// This client's attempt.
async fn own(tx: &mut Tx<'_>, visit: &Visit, id: SignInId) -> Result<SignIn> {
    let client = visit.client.as_ref().ok_or(Problem::Unauthenticated)?;
    store::find(tx, id).await?.filter(|s| s.client == client.id).ok_or_else(|| Problem::NotFound.into())
}

/// This client's attempt, held for a step.
async fn held(tx: &mut Tx<'_>, visit: &Visit, id: SignInId) -> Result<SignIn> {
    own(tx, visit, id).await?;
    store::hold(tx, id).await?;
    own(tx, visit, id).await
}

/// The client's own attempt, as it is shown.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Unauthenticated`].
pub async fn get(tx: &mut Tx<'_>, visit: &Visit, id: SignInId) -> Result<SignInView> {
    own(tx, visit, id).await?;
    view(tx, id).await
}

/// Sends the code of a strategy that has one.
///
/// # Errors
/// [`Problem::StrategyInvalid`]; [`Problem::AttemptState`]; [`Problem::NotFound`].
pub async fn prepare(tx: &mut Tx<'_>, visit: &mut Visit, id: SignInId, strategy: Strategy, email: Option<IdentifierId>) -> Result<SignInView> {
    let sign_in = held(tx, visit, id).await?;
    let step = NeedsFirstFactor::of(tx, sign_in).await?;
    step.prepare(tx, visit, strategy, email).await?;
    view(tx, id).await
}

/// Tries the password.
///
/// # Errors
/// [`Problem::StrategyInvalid`] where passwords do not sign in; [`Problem::AttemptState`]; [`Problem::NotFound`].
pub async fn attempt_password(tx: &mut Tx<'_>, visit: &mut Visit, id: SignInId, answer: &Answer) -> Result<Verdict<SignInView>> {
    let sign_in = held(tx, visit, id).await?;
    let step = NeedsFirstFactor::of(tx, sign_in).await?;
    match step.password(tx, visit, answer).await? {
        Verdict::Granted(proven) => complete(tx, visit, proven).await.map(Verdict::Granted),
        Verdict::Refused(problem) => refused(tx, id, problem).await,
    }
}

/// Tries a code. With a reset code the new password can come along, as its digest; then the attempt is complete.
///
/// # Errors
/// [`Problem::StrategyInvalid`]; [`Problem::AttemptState`]; [`Problem::NotFound`].
pub async fn attempt_code(
    tx: &mut Tx<'_>,
    visit: &mut Visit,
    id: SignInId,
    strategy: Strategy,
    code: &Secret,
    digest: Option<&Secret>,
) -> Result<Verdict<SignInView>> {
    let sign_in = held(tx, visit, id).await?;
    let step = NeedsFirstFactor::of(tx, sign_in).await?;
    let new_password_first = step.leads_to_new_password(strategy);
    match step.code(tx, visit, strategy, code).await? {
        Verdict::Granted(proven) if new_password_first => {
            store::advance(tx, proven.sign_in.id, Status::NeedsNewPassword, strategy).await?;
            match digest {
                Some(digest) => reset_password(tx, visit, id, digest, Keep::None).await.map(Verdict::Granted),
                None => view(tx, id).await.map(Verdict::Granted),
            }
        }
        Verdict::Granted(proven) => complete(tx, visit, proven).await.map(Verdict::Granted),
        Verdict::Refused(problem) => refused(tx, id, problem).await,
    }
}

async fn refused<T>(tx: &mut Tx<'_>, id: SignInId, problem: Problem) -> Result<Verdict<T>> {
    audit::record(tx, Actor::Visitor, "sign_in.refuse", &id.to_string(), &json!({ "code": problem.facts().code })).await?;
    tx.tally(Tally::SignInRefused);
    Ok(Verdict::Refused(problem))
}

/// Refuses where the attempt is not the client's; the settings that apply.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Unauthenticated`].
pub async fn ensure_own(tx: &mut Tx<'_>, visit: &mut Visit, id: SignInId) -> Result<Arc<Settings>> {
    own(tx, visit, id).await?;
    settings::effective(tx).await
}

/// Refuses where the client's attempt does not wait for a new password; the settings that apply.
///
/// # Errors
/// As [`reset_password`].
pub async fn ensure_proven(tx: &mut Tx<'_>, visit: &mut Visit, id: SignInId) -> Result<Arc<Settings>> {
    let sign_in = own(tx, visit, id).await?;
    NeedsNewPassword::of(tx, sign_in).await?;
    settings::effective(tx).await
}

/// Sets the new password after the reset code was right, and signs the user in. Other sessions end unless they are to be kept.
///
/// # Errors
/// [`Problem::AttemptState`] where no reset code was proven; [`Problem::NotFound`].
pub async fn reset_password(tx: &mut Tx<'_>, visit: &mut Visit, id: SignInId, digest: &Secret, keep: Keep) -> Result<SignInView> {
    let sign_in = held(tx, visit, id).await?;
    let step = NeedsNewPassword::of(tx, sign_in).await?;
    let proven = step.new_password(tx, digest, keep).await?;
    complete(tx, visit, proven).await
}

/// Signs the proven user in.
async fn complete(tx: &mut Tx<'_>, visit: &mut Visit, proven: steps::Proven) -> Result<SignInView> {
    let session = sessions::arrive_as(tx, visit, proven.user, proven.strategy.as_str(), proven.impersonation.as_ref()).await?;
    if let Some(organization) = proven.organization {
        sessions::enter_if_welcome(tx, &session, Some(&organization.to_string())).await?;
    }
    store::complete(tx, proven.sign_in.id, proven.strategy, session.id).await?;
    let user = users::get(tx, proven.user).await?;
    messages::new_device(tx, &user, &session).await?;
    tx.tally(Tally::SignIn);
    view(tx, proven.sign_in.id).await
}

/// What an answer shows of an attempt.
async fn view(tx: &mut Tx<'_>, id: SignInId) -> Result<SignInView> {
    let sign_in = store::find(tx, id).await?.ok_or(Problem::NotFound)?;
    let settings = settings::effective(tx).await?;
    let user = match sign_in.user {
        Some(user) => users::find(tx, user).await?,
        None => None,
    };
    let factors = user.as_ref().map(|user| factors::offered(user, &settings)).unwrap_or_default();
    let code = match sign_in.strategy.and_then(Strategy::purpose) {
        Some(purpose) => once::state(tx, purpose, &id.to_string()).await?,
        None => None,
    };
    Ok(SignInView { sign_in, user, factors, code, settings, now: tx.now() })
}

/// The attempt while it is under way.
pub(crate) async fn view_if_open(tx: &mut Tx<'_>, id: SignInId) -> Result<Option<SignInView>> {
    let now = tx.now();
    match store::find(tx, id).await? {
        Some(sign_in) if !matches!(sign_in.status(now), Status::Complete | Status::Abandoned) => view(tx, id).await.map(Some),
        _ => Ok(None),
    }
}
