//! Open connections that wait for the next mail.

use super::{SmtpServer, smtp::Dialogue};
use foundation::InstanceId;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long a connection waits.
const PATIENCE: Duration = Duration::from_secs(20);
const MOST: usize = 64;
const MOST_OF_ONE: usize = 2;

/// Whose connection it is: the server's own, or that of an instance. Nobody uses another's.
pub(super) type Owner = Option<InstanceId>;

/// The waiting connections, the newest last.
#[derive(Default)]
pub(super) struct Pool(Mutex<Vec<Waiting>>);

struct Waiting {
    owner: Owner,
    server: SmtpServer,
    since: Instant,
    dialogue: Dialogue,
}

impl Pool {
    /// Takes one that was opened to just this server, with just these credentials.
    pub(super) fn take(&self, owner: Owner, server: &SmtpServer) -> Option<Dialogue> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|one| one.since.elapsed() < PATIENCE);
        let at = waiting.iter().rposition(|one| one.owner == owner && one.server == *server)?;
        Some(waiting.remove(at).dialogue)
    }

    /// Lets one wait; gives it back where there is no room.
    pub(super) fn put(&self, owner: Owner, server: &SmtpServer, dialogue: Dialogue) -> Option<Dialogue> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|one| one.since.elapsed() < PATIENCE);
        if waiting.len() >= MOST || waiting.iter().filter(|one| one.owner == owner).count() >= MOST_OF_ONE {
            return Some(dialogue);
        }
        waiting.push(Waiting { owner, server: server.clone(), since: Instant::now(), dialogue });
        None
    }
}

/// How long a server that was silent is left alone.
const REST: Duration = Duration::from_secs(30);
const MOST_RESTING: usize = 1_000;

/// Servers that were silent: whoever else wants to send by them is not kept waiting.
#[derive(Default)]
pub(super) struct Rests(Mutex<HashMap<(Owner, String, u16), Instant>>);

impl Rests {
    pub(super) fn is_resting(&self, owner: Owner, server: &SmtpServer) -> bool {
        let rests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rests.get(&(owner, server.host.clone(), server.port)).is_some_and(|since| since.elapsed() < REST)
    }

    pub(super) fn begin(&self, owner: Owner, server: &SmtpServer) {
        let mut rests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rests.retain(|_, since| since.elapsed() < REST);
        if rests.len() < MOST_RESTING {
            rests.insert((owner, server.host.clone(), server.port), Instant::now());
        }
    }
}
