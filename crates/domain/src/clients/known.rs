//! What is remembered of a visitor's client, so that a page that looks who is signed in needs neither the database nor a signature.

use super::{ClientView, Visit, view};
use crate::{
    bodies,
    instances::Tenant,
    keys,
    organizations::{active::Active, invitations},
    tokens::{self, Claimed},
};
use ::store::{Kept, Tx};
use bytes::Bytes;
use foundation::{Random, Result, Timestamp};
use protocols::jose::SigningKey;
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// A token that was minted at most so long ago is shown once more: it has fifty seconds left.
const REUSED: Duration = Duration::from_secs(10);
/// About how many bytes the body of one session takes, with its user and its token.
const SESSION_WEIGHT: usize = 6_000;
/// About how many bytes one membership takes, with its organization.
const MEMBERSHIP_WEIGHT: usize = 2_000;

/// A client as its answers show it. It holds until one of its sessions ends, or anybody changes it, its sessions, their users, or the
/// organizations that these belong to.
pub struct KnownClient {
    key: Option<Arc<SigningKey>>,
    shown: Mutex<Shown>,
}

struct Shown {
    view: Option<ClientView>,
    body: Option<Body>,
}

/// An answer that was given before.
struct Body {
    text: Bytes,
    minted: Timestamp,
    /// The ages that its tokens state, in minutes.
    ages: Vec<[i64; 2]>,
}

/// What there is to show of the visit's client. A client with an attempt under way changes with every step, and one that is none is nobody's:
/// neither is remembered.
///
/// # Errors
/// Only the database's own.
pub async fn known(tx: &mut Tx<'_>, visit: &Visit) -> Result<Kept<KnownClient>> {
    let view = view::unsigned(tx, visit).await?;
    let lasting = view.as_ref().is_some_and(|view| view.sign_in.is_none() && view.sign_up.is_none());
    let sessions = view.as_ref().map_or(&[][..], |view| &view.sessions);
    let about: Vec<_> = sessions.iter().map(|s| (s.session.id, s.session.user, s.session.end())).collect();
    let identifiers: Vec<_> = sessions.iter().flat_map(|s| &s.user.identifiers).map(|i| i.id).collect();
    let organizations: Vec<_> = sessions.iter().flat_map(|s| &s.user.memberships).map(|m| m.organization.id).collect();
    let inviting: Vec<_> =
        sessions.iter().flat_map(|s| &s.user.memberships).map(|m| &m.organization).filter(|o| o.pending_invitations > 0).map(|o| o.id).collect();
    let key = if sessions.is_empty() { None } else { Some(keys::signer(tx, tokens::LIFE).await?) };
    let known = KnownClient { key, shown: Mutex::new(Shown { view, body: None }) };
    if !lasting {
        return Ok(Kept::never(known));
    }
    let kept = Kept::new(known, 1_000 + about.len() * SESSION_WEIGHT + organizations.len() * MEMBERSHIP_WEIGHT);
    let kept = about.iter().fold(kept, |kept, (session, user, end)| kept.until(*end).about(session).about(user));
    // The number of pending invitations is told too.
    let first_over = invitations::first_over(tx, &inviting).await?;
    let kept = match first_over {
        Some(over) => kept.until(over),
        None => kept,
    };
    let kept = identifiers.iter().fold(kept, |kept, identifier| kept.about(identifier));
    Ok(organizations.iter().fold(kept, |kept, organization| kept.about(organization)))
}

impl KnownClient {
    /// Since when the client's sessions are as they are, see [`ClientView::since`].
    pub fn since(&self) -> i64 {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).view.as_ref().map_or(0, ClientView::since)
    }

    /// The answer that shows the client, with a token of each session for the page at `origin`: as it was given before, if that is a few seconds
    /// ago and its tokens would state the same now.
    ///
    /// # Errors
    /// Only where the library cannot sign.
    pub fn answer(&self, tenant: &Tenant, origin: Option<&str>, now: Timestamp, random: &mut dyn Random) -> Result<Bytes> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let ages: Vec<[i64; 2]> = shown.view.iter().flat_map(|view| &view.sessions).map(|s| tokens::factor_ages(&s.session, now)).collect();
        if let Some(body) = &shown.body
            && now >= body.minted
            && now.since(body.minted) <= REUSED
            && body.ages == ages
        {
            return Ok(body.text.clone());
        }
        for session in shown.view.iter_mut().flat_map(|view| &mut view.sessions) {
            session.now = now;
            session.token = match &self.key {
                Some(key) if !session.user.banned => {
                    let organization = Active::of(&session.session, &session.user);
                    let claimed = Claimed { tenant, session: &session.session, organization: organization.as_ref(), origin, life: tokens::LIFE, now };
                    Some(tokens::sign(key, &claimed, random)?)
                }
                _ => None,
            };
        }
        let response = shown.view.as_ref().map_or(Value::Null, bodies::client);
        let text = Bytes::from(json!({ "response": response, "client": null }).to_string().into_bytes().into_boxed_slice());
        shown.body = Some(Body { text: text.clone(), minted: now, ages });
        Ok(text)
    }
}
