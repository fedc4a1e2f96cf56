//! Progress of long work: a line whenever another tenth is done.

use super::say;

/// How far some work has come.
pub(super) struct Progress {
    what: &'static str,
    total: u64,
    told: u64,
}

impl Progress {
    pub(super) const fn new(what: &'static str, total: u64) -> Progress {
        Progress { what, total, told: 0 }
    }

    /// So much is done now. Work of which there is little is done before anybody would read about it.
    pub(super) fn reach(&mut self, done: u64) {
        let tenth = done.min(self.total) * 10 / self.total.max(1);
        if tenth > self.told {
            self.told = tenth;
            say(&format!("{}: {} %", self.what, tenth * 10));
        }
    }
}
