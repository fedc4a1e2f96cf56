//! The steps of a sign-in, drawn as types: each consumes the one before.
//!
//! | step               | password      | email_code    | reset_password_email_code | new password  |
//! |--------------------|---------------|---------------|---------------------------|---------------|
//! | `NeedsFirstFactor` | to `Proven`   | to `Proven`   | to `NeedsNewPassword`     | –             |
//! | `NeedsNewPassword` | –             | –             | –                         | to `Proven`   |
//!
//! A ticket leads from `NeedsFirstFactor` to `Proven` too; its `Accepted` is made by the room of tickets alone.
//! Where others know the user's password, it leads nowhere, and a code leads to `NeedsNewPassword`.
//!
//! Only `Proven` signs somebody in, and nothing outside of this file makes one.

use super::{SignIn, Status, factors::Strategy, store};
use crate::{
    Verdict,
    audit::Actor,
    clients::Visit,
    messages,
    once::{self, Owner},
    passwords::Answer,
    sessions::Keep,
    settings::{self, Settings},
    tickets::{Accepted, Impersonation},
    users::{
        self, User,
        guard::{self, Try},
    },
};
use ::store::Tx;
use foundation::{EmailAddress, IdentifierId, OrganizationId, Problem, Result, Secret, UserId};
use std::sync::Arc;

/// An attempt whose user is known and has proven nothing yet.
pub(super) struct NeedsFirstFactor {
    sign_in: SignIn,
    user: User,
    settings: Arc<Settings>,
}

/// An attempt whose user has proven an address and must set a password.
pub(super) struct NeedsNewPassword {
    sign_in: SignIn,
    user: UserId,
}

/// An attempt whose user has proven to be who they are.
pub(super) struct Proven {
    pub(super) sign_in: SignIn,
    pub(super) user: UserId,
    pub(super) strategy: Strategy,
    pub(super) impersonation: Option<Impersonation>,
    /// The organization that the session is to be in.
    pub(super) organization: Option<OrganizationId>,
}

async fn user_of(tx: &mut Tx<'_>, sign_in: &SignIn, wanted: Status) -> Result<User> {
    match sign_in.status(tx.now()) {
        status if status == wanted => {}
        Status::NeedsIdentifier => return Err(Problem::AttemptState("The sign-in has no identifier yet: begin it with one.").into()),
        Status::Complete => return Err(Problem::AttemptState("The sign-in is complete already.").into()),
        Status::Abandoned => return Err(Problem::AttemptState("The sign-in took too long: begin a new one.").into()),
        Status::NeedsNewPassword => return Err(Problem::AttemptState("The sign-in waits for a new password.").into()),
        Status::NeedsFirstFactor => return Err(Problem::AttemptState("The sign-in waits for its first factor.").into()),
    }
    let user = sign_in.user.ok_or(Problem::NotFound)?;
    users::find(tx, user).await?.ok_or_else(|| Problem::NotFound.into())
}

impl NeedsFirstFactor {
    pub(super) async fn of(tx: &mut Tx<'_>, sign_in: SignIn) -> Result<NeedsFirstFactor> {
        let user = user_of(tx, &sign_in, Status::NeedsFirstFactor).await?;
        let settings = settings::effective(tx).await?;
        Ok(NeedsFirstFactor { sign_in, user, settings })
    }

    /// The addresses that a strategy's code may go to.
    fn addresses(&self, strategy: Strategy) -> Vec<(IdentifierId, EmailAddress)> {
        let offered = super::factors::offered(&self.user, &self.settings).into_iter().filter(|f| f.strategy == strategy).filter_map(|f| f.email);
        offered.filter_map(|(id, given)| EmailAddress::parse(&given).map(|address| (id, address))).collect()
    }

    pub(super) async fn prepare(self, tx: &mut Tx<'_>, visit: &Visit, strategy: Strategy, email: Option<IdentifierId>) -> Result<()> {
        let (Some(purpose), Some(mail)) = (strategy.purpose(), strategy.mail()) else { return Err(Problem::StrategyInvalid.into()) };
        let mut addresses = self.addresses(strategy).into_iter();
        let (id, address) = match email {
            Some(wanted) => addresses.find(|(id, _)| *id == wanted),
            None => addresses.next(),
        }
        .ok_or(Problem::StrategyInvalid)?;
        if let Some(locked) = guard::locked(tx, self.user.id, visit.device()).await? {
            return Err(locked.into());
        }
        once::charge(tx, visit, Some(self.user.id), address.norm()).await?;
        messages::send_code(tx, &visit.tenant, purpose, &self.sign_in.id.to_string(), &address, mail).await?;
        store::prepared(tx, self.sign_in.id, strategy, id).await
    }

    pub(super) async fn password(self, tx: &mut Tx<'_>, visit: &Visit, answer: &Answer) -> Result<Verdict<Proven>> {
        if !self.settings.auth_password.enabled {
            return Err(Problem::StrategyInvalid.into());
        }
        let tried = Try { user: self.user.id, device: visit.device(), outcome: answer.outcome(self.user.id), digest: answer.digest() };
        let verdict = guard::settle(tx, &self.settings, tried, Problem::PasswordIncorrect("password")).await?;
        Ok(match verdict {
            // Whoever else knows the password is to learn nothing by it.
            Verdict::Granted(()) if self.user.password_compromised => Verdict::Refused(Problem::PasswordCompromised),
            verdict => verdict.map(|()| self.proven(Strategy::Password)),
        })
    }

    /// Whether a code of this strategy leads to a new password first: the one there is was asked to be reset, or others know it.
    pub(super) fn leads_to_new_password(&self, strategy: Strategy) -> bool {
        strategy == Strategy::ResetPasswordEmailCode || (self.user.password_compromised && self.settings.auth_password.enabled)
    }

    pub(super) async fn code(self, tx: &mut Tx<'_>, visit: &Visit, strategy: Strategy, code: &Secret) -> Result<Verdict<Proven>> {
        let purpose = strategy.purpose().ok_or(Problem::StrategyInvalid)?;
        let addresses = self.addresses(strategy);
        if addresses.is_empty() {
            return Err(Problem::StrategyInvalid.into());
        }
        // The address that the code went to must still be the user's.
        let sent_to = self.sign_in.strategy_identifier.filter(|_| self.sign_in.strategy == Some(strategy));
        let Some((_, address)) = addresses.into_iter().find(|(id, _)| Some(*id) == sent_to) else {
            return Ok(Verdict::Refused(Problem::VerificationMissing));
        };
        let owner = Owner { attempt: &self.sign_in.id.to_string(), proves: address.norm() };
        let spent = once::spend_code(tx, purpose, owner, code).await?;
        let verdict = guard::settle_code(tx, &self.settings, self.user.id, visit.device(), spent).await?;
        Ok(verdict.map(|()| self.proven(strategy)))
    }

    /// A ticket lets in as its own user and as nobody else, and not while they are locked. An error gives the ticket back.
    pub(super) async fn ticket(self, tx: &mut Tx<'_>, visit: &Visit, accepted: Accepted) -> Result<Proven> {
        if accepted.user() != self.user.id {
            return Err(Problem::TicketInvalid.into());
        }
        if let Some(locked) = guard::locked(tx, self.user.id, visit.device()).await? {
            return Err(locked.into());
        }
        Ok(Proven { impersonation: accepted.impersonation(), organization: accepted.organization(), ..self.proven(Strategy::Ticket) })
    }

    fn proven(self, strategy: Strategy) -> Proven {
        Proven { user: self.user.id, sign_in: self.sign_in, strategy, impersonation: None, organization: None }
    }
}

impl NeedsNewPassword {
    pub(super) async fn of(tx: &mut Tx<'_>, sign_in: SignIn) -> Result<NeedsNewPassword> {
        let user = user_of(tx, &sign_in, Status::NeedsNewPassword).await?;
        // A proof is as short-lived as the code it came from, and does not outlive a password that was set after it.
        let fresh = sign_in.verified_at.is_some_and(|at| tx.now() < at + once::CODE_LIFE && user.password_updated_at.is_none_or(|set| set <= at));
        if !fresh {
            return Err(Problem::AttemptState("The proof for a new password is too old: begin a new sign-in.").into());
        }
        Ok(NeedsNewPassword { sign_in, user: user.id })
    }

    pub(super) async fn new_password(self, tx: &mut Tx<'_>, digest: &Secret, keep: Keep) -> Result<Proven> {
        users::set_password(tx, Actor::User(self.user), self.user, digest, keep).await?;
        Ok(Proven { user: self.user, sign_in: self.sign_in, strategy: Strategy::ResetPasswordEmailCode, impersonation: None, organization: None })
    }
}
