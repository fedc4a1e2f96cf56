//! What people do is counted when it is committed: once, however often its transaction had to run, and not at all where it was rolled back.

use foundation::{
    Clock, Id, InstanceId, Problem, Result, Timestamp,
    random::{Seeded, Shared},
};
use std::sync::Arc;
use store::{Access, Bounds, Database, Faults, Location, MasterKey, Options, Tally};

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000)
    }
}

#[allow(clippy::disallowed_methods, reason = "there is nobody to recognise")]
async fn sign_in(database: &Database, outcome: fn() -> Result<()>) -> Result<()> {
    let instance = InstanceId::new(Timestamp::default(), &mut Seeded::new(1));
    let work = database.within(instance, Access::Write, |tx| {
        Box::pin(async move {
            tx.tally(Tally::SignIn);
            outcome()
        })
    });
    work.await
}

#[tokio::test]
async fn a_transaction_that_runs_twice_counts_once_and_one_that_is_rolled_back_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options {
        clock: Arc::new(Still),
        random: Shared::new(Seeded::new(1)),
        master: MasterKey::new([7; 32]),
        faults: Faults::conflict_every(2),
        connections: 2,
        bounds: Bounds::DEFAULT,
    };
    let database = Database::open(&Location::Scratch(folder.path().join("insula.db")), options).await.expect("it opens");
    let counted = || (database.meters().tally(Tally::SignIn), database.meters().again.get());
    assert_eq!(counted(), (0, 0));
    for _ in 0..4 {
        sign_in(&database, || Ok(())).await.expect("it goes well in the end");
    }
    assert_eq!(counted(), (4, 3), "every second commit was to run again");
    assert!(sign_in(&database, || Err(Problem::NotFound.into())).await.is_err());
    assert_eq!(counted(), (4, 3));
    assert_eq!(database.meters().tally(Tally::SignUp), 0);
    assert!(database.meters().waited.seen().count >= 8);
}
