//! Minting: everything that a session's tokens are made of, so that the next ones need no database.

use super::Session;
use crate::{
    clients::Visit,
    instances::Tenant,
    keys,
    organizations::active::{self, Active, Wanted},
    settings::{self, Settings},
    tokens::{self, Claimed},
    users,
};
use ::store::{Kept, Tx};
use foundation::{Random, Result, SessionId, Timestamp};
use protocols::jose::SigningKey;
use std::sync::Arc;

/// A living session of a visitor who is welcome, and the key that its tokens are signed with.
pub struct Minting {
    session: Session,
    organization: Option<Active>,
    key: Arc<SigningKey>,
    settings: Arc<Settings>,
}

/// About how many bytes it takes. The key is shared.
const WEIGHT: usize = 700;

/// What the tokens of a session of the visitor's client are made of. It holds until the session ends or anybody changes it, its user, its
/// organization, its client or the instance's keys or settings.
///
/// # Errors
/// As [`Visit::live_session`]; [`foundation::Problem::UserBanned`]; [`foundation::Problem::OrganizationUnknown`].
pub async fn minting(tx: &mut Tx<'_>, visit: &Visit, id: SessionId, wanted: Wanted) -> Result<Kept<Minting>> {
    let session = visit.live_session(tx, id).await?;
    users::ensure_welcome(tx, session.user).await?;
    let organization = active::of_session(tx, &session, wanted).await?;
    let key = keys::signer(tx, tokens::LIFE).await?;
    let settings = settings::effective(tx).await?;
    let (user, end) = (session.user, session.end());
    let about = organization.as_ref().map(|organization| organization.id);
    let kept = Kept::new(Minting { session, organization, key, settings }, WEIGHT).until(end).about(&id).about(&user);
    Ok(match about {
        Some(organization) => kept.about(&organization),
        None => kept,
    })
}

impl Minting {
    /// Whether a token that is fetched now is to be noted as a use of the session.
    pub fn notes(&self, now: Timestamp) -> bool {
        self.settings.session.notes(&self.session, now)
    }

    /// Signs a token for the page at `origin`.
    ///
    /// # Errors
    /// Only where the library fails.
    pub fn mint(&self, tenant: &Tenant, origin: Option<&str>, now: Timestamp, random: &mut dyn Random) -> Result<String> {
        tokens::sign(&self.key, &Claimed { tenant, session: &self.session, organization: self.organization.as_ref(), origin, life: tokens::LIFE, now }, random)
    }
}
