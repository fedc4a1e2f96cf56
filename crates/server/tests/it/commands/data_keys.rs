//! The master key on both databases: while data keys are wrapped anew, every node that knows both keys opens all of them. Fault K3.

use serde_json::json;
use store::{Error, MasterKey};
use testkit::TestServer;

fn old() -> MasterKey {
    MasterKey::new([7; 32])
}

fn new() -> MasterKey {
    MasterKey::new([9; 32])
}

async fn opens_all(server: &TestServer, master: MasterKey) {
    let database = server.opened_with(master).await;
    database.check_master_key().await.expect("it fits");
    let opened = database.open_data_keys().await.expect("opened");
    assert!(opened.not == 0 && opened.well >= 3, "{opened:?}");
}

async fn refusal(server: &TestServer, master: MasterKey) -> String {
    match server.opened_with(master).await.check_master_key().await {
        Err(Error::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_step_opens_with_both_keys_and_the_last_with_the_new_one() {
    let server = TestServer::start().await;
    for name in ["Third", "Fourth", "Fifth"] {
        server.platform().post("/v1/platform/applications", json!({ "name": name })).await.ok();
    }
    let changing = server.opened_with(new().with_older(&old())).await;
    let total = changing.count_older_data_keys().await.expect("counted");
    assert!(total >= 6);
    assert!(refusal(&server, new()).await.contains("not the one that this database was made with"));
    for left in (1..total).rev() {
        assert_eq!(changing.rewrap_data_keys(1).await.expect("wrapped"), 1);
        assert_eq!(changing.count_older_data_keys().await.expect("counted"), left);
        opens_all(&server, new().with_older(&old())).await;
        opens_all(&server, old().with_older(&new())).await;
        assert!(refusal(&server, new()).await.contains("master.key.old"), "half of it done, the older one is missed by name");
    }
    // A server that wraps with the old key still makes an instance, and several finish at once.
    server.platform().post("/v1/platform/applications", json!({ "name": "Sixth" })).await.ok();
    let finishing = (0..8).map(|_| changing.rewrap_data_keys(100));
    for done in futures_util::future::join_all(finishing).await {
        assert!(done.expect("wrapped") <= 2);
    }
    assert_eq!(changing.count_older_data_keys().await.expect("counted"), 0);
    opens_all(&server, new()).await;
    assert!(refusal(&server, old()).await.contains("not the one that this database was made with"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_key_that_neither_key_opens_stops_the_change_and_stays_as_it_is() {
    let server = TestServer::start().await;
    let stranger = server.opened_with(new().with_older(&MasterKey::new([8; 32]))).await;
    assert!(stranger.rewrap_data_keys(100).await.is_err());
    opens_all(&server, old()).await;
}
