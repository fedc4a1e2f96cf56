//! Waiting for the database, never for long: a request has a budget that all its waits share.

use foundation::{Error, Result};
use std::{cell::Cell, time::Duration};
use tokio::time::{Instant, timeout};

tokio::task_local! {
    /// What is left of the time that this request may wait for the database.
    static LEFT: Cell<Duration>;
}

/// The longest single wait of work that has no budget.
pub(crate) const LONGEST: Duration = Duration::from_secs(10);

/// Runs the work with a budget: all its waits for the database together take no longer.
pub(crate) async fn with_budget<T>(budget: Duration, work: impl Future<Output = T>) -> T {
    LEFT.scope(Cell::new(budget), work).await
}

/// Waits for the database, no longer than `most` and than the budget allows.
///
/// # Errors
/// [`Error::Unavailable`] where it took too long.
pub(crate) async fn bounded<T>(most: Duration, what: &str, wait: impl Future<Output = T>) -> Result<T> {
    let allowed = LEFT.try_with(Cell::get).map_or(most, |left| left.min(most));
    let began = Instant::now();
    let outcome = timeout(allowed, wait).await;
    // Without a budget there is nothing to take from.
    let _ = LEFT.try_with(|left| left.set(left.get().saturating_sub(began.elapsed())));
    outcome.map_err(|_| Error::Unavailable(format!("{what} took too long")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_waits_of_a_request_share_its_budget() {
        with_budget(Duration::from_millis(20), async {
            assert!(bounded(LONGEST, "one", std::future::ready(())).await.is_ok());
            let endless = bounded(LONGEST, "two", std::future::pending::<()>()).await;
            assert!(matches!(endless, Err(Error::Unavailable(why)) if why == "two took too long"));
            assert_eq!(LEFT.with(Cell::get), Duration::ZERO);
            assert!(bounded(LONGEST, "three", std::future::pending::<()>()).await.is_err(), "nothing is left");
        })
        .await;
        assert!(bounded(Duration::ZERO, "four", std::future::ready(())).await.is_ok(), "what is there at once was not waited for");
    }
}
