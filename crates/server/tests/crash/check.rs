//! The reckoning: everything on the ledger is true, and the database is whole.

use crate::{
    ledger::{Fate, Ledger, Person},
    load,
    running::{Place, Running},
};
use foundation::random::{Seeded, Shared};
use serde_json::json;
use std::{sync::Arc, thread, time::Duration};
use store::{Access, Bounds, Database, Faults, Location, MasterKey, Options, platform_sql};

/// How many of those whom nobody has changed lately are looked at again, with all that is theirs.
const SAMPLE: usize = 20;

/// Holds the ledgers against what the server knows. So many mails were to be sent when it was killed.
pub fn knows_everything(server: &Running, ledgers: &mut [Ledger], waiting: i64) {
    for ledger in &mut *ledgers {
        let oldest = ledger.people.len().saturating_sub(SAMPLE);
        for (index, person) in ledger.people.iter_mut().enumerate() {
            if person.changed || index >= oldest {
                knows(server, person);
            }
        }
        for spent in ledger.codes.iter().rev().take(SAMPLE) {
            for cookies in &spent.cookies {
                let path = format!("/v1/client/sign_ups/{}/attempt_verification", spent.sign_up);
                let reply = server.frontend("POST", &path, cookies, &[("strategy", "email_code"), ("code", &spent.code)]).expect("an answer");
                assert!((400..500).contains(&reply.status), "a spent code is accepted again: {} {}", reply.status, reply.body);
            }
        }
        for nonce in ledger.nonces.iter().rev().take(SAMPLE) {
            let reply = server.backend("GET", &format!("/v1/clients/handshake_payload?nonce={nonce}"), None).expect("an answer");
            assert!((400..500).contains(&reply.status), "a spent nonce is accepted again: {}", reply.body);
        }
        // One that may be spent lets somebody in once at most; then it is spent.
        for ticket in ledger.doubtful_tickets.drain(..) {
            load::show_ticket(server, &ticket).expect("an answer");
            ledger.tickets.push(ticket);
        }
        for ticket in ledger.tickets.iter().rev().take(SAMPLE) {
            let reply = load::show_ticket(server, ticket).expect("an answer");
            assert!((400..500).contains(&reply.status), "a spent ticket is accepted again: {} {}", reply.status, reply.body);
        }
        for application in &ledger.applications {
            let reply = server.platform("GET", &format!("/v1/platform/applications/{application}"), None).expect("an answer");
            assert_eq!(reply.status, 200, "an application is lost: {application} {}", reply.body);
        }
        // Whoever may exist, exists whole or not at all.
        for email in ledger.doubtful.drain(..) {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("email_address", &email).finish();
            let found = server.backend("GET", &format!("/v1/users?{query}"), None).expect("an answer").body;
            assert!(found.as_array().is_some_and(|users| users.len() <= 1), "{found}");
        }
    }
    let mut tries = 0;
    while (server.mails() as i64) < waiting.min(500) {
        tries += 1;
        assert!(tries < 600, "{waiting} mails were to be sent when the server was killed, {} were", server.mails());
        thread::sleep(Duration::from_millis(50));
    }
}

fn knows(server: &Running, person: &mut Person) {
    let id = &person.id;
    let reply = server.backend("GET", &format!("/v1/users/{id}"), None).expect("an answer");
    match (person.fate, reply.status) {
        (Fate::There | Fate::Unknown, 200) => person.fate = Fate::There,
        (Fate::Gone | Fate::Unknown, 404) => person.fate = Fate::Gone,
        (fate, status) => panic!("{id} is on the ledger as {fate:?}, and the server says {status}"),
    }
    if person.fate == Fate::There {
        let metadata = &reply.body["public_metadata"];
        assert!(person.metadata.contains(metadata), "{id} has {metadata}, on the ledger is {:?}", person.metadata);
        person.metadata = vec![metadata.clone()];
        if person.changed {
            passwords(server, person);
        }
    }
    for session in &mut person.sessions {
        let path = format!("/v1/client/sessions/{}/tokens", session.id);
        let reply = server.frontend("POST", &path, &session.cookies, &[]).expect("an answer");
        let lives = reply.status == 200;
        match (person.fate, session.fate) {
            (Fate::There, Fate::There) => assert!(lives, "a session is lost: {} {}", session.id, reply.body),
            (_, Fate::Gone) | (Fate::Gone, _) => assert!(!lives, "a session that ended lives again: {}", session.id),
            _ => session.fate = if lives { Fate::There } else { Fate::Gone },
        }
    }
    person.changed = false;
}

fn passwords(server: &Running, person: &mut Person) {
    let path = format!("/v1/users/{}/verify_password", person.id);
    let verify = |password: &str| server.backend("POST", &path, Some(&json!({ "password": password }))).expect("an answer");
    let right: Vec<String> = person.passwords.iter().filter(|password| verify(password).status == 200).cloned().collect();
    assert_eq!(right.len(), 1, "{} has one of {:?}", person.id, person.passwords);
    if let Some(former) = person.former.take().filter(|former| !right.contains(former)) {
        assert_ne!(verify(&former).status, 200, "{} has a former password again", person.id);
    }
    person.passwords = right;
}

/// Looks at the database while no server runs: whole, its keys resolved, its counters right. How many mails wait to be sent.
pub fn is_whole(place: &Place) -> i64 {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let location = place.database.clone().map_or_else(|| Location::File(place.data().join("insula.db")), Location::Url);
        let options = Options {
            clock: Arc::new(world::clock::SystemClock),
            random: Shared::new(Seeded::new(1)),
            // Nothing sealed is looked at.
            master: MasterKey::new([0; 32]),
            faults: Faults::default(),
            connections: 2,
            bounds: Bounds { wait: Duration::from_secs(30), ..Bounds::DEFAULT },
        };
        let database = Database::open(&location, options).await.expect("the database opens");
        assert_eq!(database.integrity().await.expect("it is looked at"), Vec::<String>::new());
        let count = async |statement| database.platform(Access::Read, |tx| Box::pin(tx.find::<i64>(statement, &[]))).await.expect("a count").expect("one row");
        let users = count(platform_sql!("select count(*) from users")).await;
        let counted = count(platform_sql!("select cast(coalesce(sum(value), 0) as bigint) from counters where name = 'users'")).await;
        assert_eq!(users, counted, "the counters are the rows");
        let orphans = count(platform_sql!(
            "select count(*) from sessions s where not exists (select 1 from users u where u.instance_id = s.instance_id and u.id = s.user_id)"
        ))
        .await;
        assert_eq!(orphans, 0, "no session without its user");
        assert_eq!(count(platform_sql!("select count(*) from jobs where state = 'dead'")).await, 0, "no job was given up");
        count(platform_sql!("select count(*) from jobs where kind = 'send_mail' and state = 'waiting' and attempts = 0")).await
    })
}
