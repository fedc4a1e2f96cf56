//! The schema itself: what every table keeps from the first migration on.

use store::KeyKind;
use testkit::TestServer;

/// Tables above the instances, and look-up tables that are keyed by the value itself.
const ABOVE: [&str; 10] =
    ["applications", "instances", "plans", "platform_settings", "platform_tokens", "schema_migrations", "secret_keys", "slugs", "spare_keys", "workspaces"];
/// Indexes for work across tenants, which no request does.
const ACROSS: [&str; 2] = ["data_keys_master", "jobs_due"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_instance_comes_first_in_every_key_of_a_tenants_table() {
    let server = TestServer::start().await;
    let tables = server.database.catalog().await.expect("a catalog");
    let tenants: Vec<_> = tables.iter().filter(|t| !ABOVE.contains(&t.name.as_str())).collect();
    assert!(tenants.len() >= 17, "{} tables", tenants.len());
    for table in tenants {
        assert!(table.is_tenants(), "{} does not begin with instance_id", table.name);
        assert_eq!(table.keys.iter().filter(|k| k.kind == KeyKind::Primary).count(), 1, "{} has one primary key", table.name);
        for key in &table.keys {
            assert!(key.columns[0] == "instance_id" || ACROSS.contains(&key.name.as_str()), "{} {}: {:?}", table.name, key.name, key.columns);
            assert!(key.columns.len() <= 8, "{} {} is too wide for some engines", table.name, key.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_above_the_instances_are_few_and_known() {
    let server = TestServer::start().await;
    let tables = server.database.catalog().await.expect("a catalog");
    let above: Vec<&str> = tables.iter().filter(|t| !t.is_tenants()).map(|t| t.name.as_str()).collect();
    assert_eq!(above, ABOVE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn constraints_that_verbs_may_meet_have_the_same_name_on_both_databases() {
    let server = TestServer::start().await;
    let unique = |name: &'static str| {
        let tables = &server;
        async move { tables.database.catalog().await.expect("a catalog").iter().any(|t| t.keys.iter().any(|k| k.kind == KeyKind::Unique && k.name == name)) }
    };
    // SQLite names the index of an inline constraint itself, but reports its columns; a named index is the same on both.
    assert!(unique("identifiers_instance_id_pool_id_kind_norm_key").await);
}
