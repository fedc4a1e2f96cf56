//! The inbox: catches mail instead of sending it, so that a developer can read it.

use super::{Mail, Mailer};
use foundation::{Clock, Result, Timestamp};
use futures_util::future::BoxFuture;
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

/// The newest mails, at most 500, in memory only.
#[derive(Default)]
pub struct Inbox(Mutex<VecDeque<Caught>>);

/// A mail, and when it was caught.
#[derive(Clone, Debug)]
pub struct Caught {
    /// The mail.
    pub mail: Mail,
    /// When it was caught.
    pub at: Timestamp,
}

const MOST: usize = 500;

impl Inbox {
    /// The caught mails, newest first; only those to one address if it is given.
    pub fn caught(&self, to: Option<&str>) -> Vec<Caught> {
        let mails = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        mails.iter().filter(|caught| to.is_none_or(|to| caught.mail.to.eq_ignore_ascii_case(to))).cloned().collect()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Mailer for Inbox {
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<()>> {
        let mut mails = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !mails.iter().any(|caught| caught.mail.id == mail.id) {
            mails.push_front(Caught { mail, at: crate::clock::SystemClock.now() });
            mails.truncate(MOST);
        }
        Box::pin(std::future::ready(Ok(())))
    }
}
