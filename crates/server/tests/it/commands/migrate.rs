//! `insula migrate`.

use super::{run, said};
use crate::process::{refused, start, stop};

#[test]
fn the_schema_is_made_before_the_first_start_and_never_beside_a_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let newest = format!("schema {}", store::newest());
    assert!(said(&run(&["migrate"], folder.path())).contains(&newest));
    assert!(said(&run(&["migrate"], folder.path())).contains(&newest), "again is no harm");
    let running = start(folder.path());
    assert!(folder.path().join("first-start.json").exists(), "the first start is still to come");
    assert!(refused(&run(&["migrate"], folder.path())).contains("another server uses the data folder"));
    assert_eq!(stop(running).0, 0);
}
