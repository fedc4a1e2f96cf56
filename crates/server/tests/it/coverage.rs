//! The list of operations against what is served: nothing is called done that is not, and nothing is served that is not listed.

use std::collections::{BTreeMap, BTreeSet};
use testkit::TestServer;

/// One line of `contract/operations.txt`.
struct Listed {
    method: String,
    path: String,
    done: bool,
}

fn listed() -> BTreeMap<(String, String), Listed> {
    let text = include_str!("../../../../contract/operations.txt");
    let mut all = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [face, id, method, path, state] = fields[..] else { panic!("a line has five fields: {line}") };
        assert!(matches!(state, "done" | "missing"), "{line}");
        let entry = Listed { method: method.to_owned(), path: path.to_owned(), done: state == "done" };
        assert!(all.insert((face.to_owned(), id.to_owned()), entry).is_none(), "listed twice: {line}");
    }
    all
}

/// A path without the names of its parameters and without its version.
fn shape(path: &str) -> String {
    let path = path.strip_prefix("/v1").unwrap_or(path);
    path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment }).collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_that_is_called_done_is_served_as_the_contract_says() {
    let server = TestServer::start().await;
    let served: BTreeMap<(String, String), (String, String)> =
        server.doors().operations().iter().map(|o| ((o.face.name().to_owned(), o.id.to_owned()), (o.method.to_string(), shape(o.path)))).collect();
    let mut done = 0;
    for ((face, id), operation) in listed().iter().filter(|(_, o)| o.done) {
        let (method, path) = served.get(&(face.clone(), id.clone())).unwrap_or_else(|| panic!("{face} {id} is called done and is not served"));
        assert_eq!((method, path), (&operation.method, &shape(&operation.path)), "{face} {id}");
        done += 1;
    }
    assert!(done >= 65, "{done} operations");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_served_that_is_not_listed() {
    let server = TestServer::start().await;
    let listed = listed();
    for operation in server.doors().operations() {
        if operation.id.starts_with("insula.") {
            continue;
        }
        let entry = listed.get(&(operation.face.name().to_owned(), operation.id.to_owned()));
        assert!(entry.is_some_and(|e| e.done), "{} {} is served and not called done", operation.face.name(), operation.id);
    }
}

/// The test of isolation goes through the same list, so it must know how to fill every parameter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_parameter_in_a_path_has_a_case_in_the_test_of_isolation() {
    let server = TestServer::start().await;
    let mut unknown = BTreeSet::new();
    for operation in server.doors().operations() {
        for parameter in operation.path.split('/').filter(|s| s.starts_with('{')) {
            if !crate::isolation::PARAMETERS.contains(&parameter) {
                unknown.insert(format!("{} {parameter}", operation.id));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:?}");
}
