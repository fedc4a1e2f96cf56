//! The inbox: catches mail instead of sending it, so that a developer can read it.

use super::Mail;
use foundation::Timestamp;
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

impl Inbox {
    /// Catches a mail; one that was caught before stays as it is.
    pub(super) fn catch(&self, mail: Mail, at: Timestamp) {
        let mut mails = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !mails.iter().any(|caught| caught.mail.id == mail.id) {
            mails.push_front(Caught { mail, at });
            mails.truncate(MOST);
        }
    }
}
