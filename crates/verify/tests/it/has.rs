//! The table of `has()`: what @clerk/backend answers. `e2e/tests/has.test.mjs` holds it against the real SDK.

use super::{sign, verifier, with};
use insula_verify::{Check, Session};
use serde_json::Value;
use std::collections::BTreeMap;

fn table() -> Value {
    serde_json::from_str(include_str!("../has.json")).expect("JSON")
}

async fn sessions(table: &Value) -> BTreeMap<String, Option<Session>> {
    let mut sessions = BTreeMap::new();
    for (name, state) in table["states"].as_object().expect("states") {
        let verifier = if state["pending"] == "accepted" { verifier().accepting_pending() } else { verifier() };
        let session = match &state["claims"] {
            Value::Null => None,
            claims => verifier.verify(&sign(&with(claims.clone()))).await.ok(),
        };
        sessions.insert(name.clone(), session);
    }
    sessions
}

#[tokio::test]
async fn every_answer_is_that_of_the_sdks() {
    let table = table();
    let sessions = sessions(&table).await;
    let mut answers = 0;
    for (name, case) in table["cases"].as_object().expect("cases") {
        // What cannot be said in Rust's types is asked for by nobody, and granted to nobody.
        let check: Option<Check> = serde_json::from_value(case["asked"].clone()).ok();
        let granted: Vec<&str> = case["granted"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
        for (state, session) in &sessions {
            let has = session.as_ref().zip(check.as_ref()).is_some_and(|(session, check)| session.has(check));
            assert_eq!(has, granted.contains(&state.as_str()), "{state}: {name}");
            answers += 1;
        }
        assert!(granted.iter().all(|state| sessions.contains_key(*state)), "{name} names a state that is not there");
    }
    assert!(answers > 2_000, "{answers}");
}

#[tokio::test]
async fn the_table_asks_for_each_thing_and_is_granted_it_somewhere() {
    let table = table();
    for field in ["role", "permission", "feature", "plan", "reverification"] {
        let cases = table["cases"].as_object().expect("cases").values().filter(|case| case["asked"].get(field).is_some());
        let granted: Vec<bool> = cases.map(|case| !case["granted"].as_array().expect("names").is_empty()).collect();
        assert!(granted.contains(&true) && granted.contains(&false), "{field}");
    }
}
