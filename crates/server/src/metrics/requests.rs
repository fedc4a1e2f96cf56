//! How many requests were answered and how fast: by face, by operation, by the class of the status. The table is made once, from the
//! routes: no request can add a row to it.

use foundation::meter::{Counter, Histogram};
use http::StatusCode;
use std::{collections::BTreeMap, time::Duration};
use web::{Asked, Operation};

/// All faces that a request can knock at.
pub const FACES: [&str; 6] = ["frontend", "backend", "platform", "pages", "health", "none"];
/// All classes of a status.
pub const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];
/// What stands for the operation where there was none.
const NONE: &str = "none";

type Key = (&'static str, &'static str);

/// The counts of all requests.
pub struct Requests {
    by_operation: BTreeMap<Key, [Counter; CLASSES.len()]>,
    took: [Histogram; FACES.len()],
    limited: [Counter; FACES.len()],
}

impl Requests {
    /// None yet, of these operations.
    pub fn new(operations: &[Operation]) -> Requests {
        let served = operations.iter().map(|operation| (operation.face.name(), operation.id));
        let others = FACES.iter().map(|face| (*face, NONE));
        Requests { by_operation: served.chain(others).map(|key| (key, Default::default())).collect(), took: Default::default(), limited: Default::default() }
    }

    /// Counts an answer.
    pub fn note(&self, asked: &Asked, status: StatusCode, took: Duration) {
        let face = FACES.iter().position(|face| *face == asked.face).unwrap_or(FACES.len() - 1);
        let row = self.by_operation.get(&(FACES[face], asked.operation.unwrap_or(NONE))).or_else(|| self.by_operation.get(&(FACES[face], NONE)));
        if let Some(row) = row {
            row[usize::from(status.as_u16() / 100).clamp(2, 5) - 2].one();
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.limited[face].one();
        }
        self.took[face].note(took);
    }

    /// Every count, with its face, operation and class.
    pub(super) fn counts(&self) -> impl Iterator<Item = ([&'static str; 3], u64)> {
        self.by_operation.iter().flat_map(|((face, operation), row)| CLASSES.iter().zip(row).map(|(class, count)| ([*face, *operation, *class], count.get())))
    }

    /// How many were told to come again later, by face.
    pub(super) fn limited(&self) -> impl Iterator<Item = (&'static str, u64)> {
        FACES.into_iter().zip(self.limited.iter().map(Counter::get))
    }

    /// How long answers took, by face.
    pub(super) fn took(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        FACES.into_iter().zip(&self.took)
    }
}
