//! No table is forgotten.

use domain::conversions::tables::TREATED;
use std::collections::BTreeSet;
use testkit::TestServer;

/// Whoever adds a table to the instances, or a column to one of their tables, decides what a conversion does with it: in the list, and in the
/// statements that are made of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_table_and_every_column_has_its_place_in_a_conversion() {
    let server = TestServer::start().await;
    let catalog = server.database.catalog().await.expect("a catalog");
    let tenants: BTreeSet<&str> = catalog.iter().filter(|table| table.is_tenants()).map(|table| table.name.as_str()).collect();
    let treated: BTreeSet<&str> = TREATED.iter().map(|treated| treated.table).collect();
    assert_eq!(treated, tenants, "tables that nobody has decided about, or that are gone");
    assert!(tenants.len() > 30, "{}", tenants.len());
    for treated in TREATED {
        let table = catalog.iter().find(|table| table.name == treated.table).expect("a table");
        let columns: BTreeSet<&str> = table.columns.iter().map(String::as_str).collect();
        let named: BTreeSet<&str> = treated.columns.split(',').map(str::trim).collect();
        assert_eq!(named, columns, "columns of {}", treated.table);
        assert!(!treated.pools.is_empty() && !treated.departs.is_empty());
    }
}
