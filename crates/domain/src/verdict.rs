//! A refusal that must leave a trace.

use foundation::Problem;

/// What an attempt came to. An `Err` would roll the counter of failed tries back; a refused verdict is committed first and
/// refused then.
#[derive(Debug)]
pub enum Verdict<T> {
    /// It succeeded.
    Granted(T),
    /// It did not, and that is on record.
    Refused(Problem),
}

impl<T> Verdict<T> {
    /// Goes on with what was granted.
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Verdict<U> {
        match self {
            Verdict::Granted(value) => Verdict::Granted(with(value)),
            Verdict::Refused(problem) => Verdict::Refused(problem),
        }
    }
}
