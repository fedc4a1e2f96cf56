//! Keys that are fetched: how often, by whom, and what holds while they cannot be. Attacks J6 and J7.

use super::{FIRST, KEY, NOW, SECOND, changed, claims, header, jwk, jwks, sign, token, with};
use insula_verify::{Fetched, Freshness, Refusal, Verifier};
use serde_json::json;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;

/// A server with a set of keys that can be changed, that can be down, and whose answers can be held back.
#[derive(Clone)]
struct Server {
    answer: Arc<Mutex<Option<Vec<u8>>>>,
    asked: Arc<AtomicUsize>,
    door: Arc<Semaphore>,
    now: Arc<AtomicI64>,
}

impl Server {
    fn start() -> Server {
        let answer = Arc::new(Mutex::new(Some(jwks(&[jwk(&FIRST, "one")]))));
        Server { answer, asked: Arc::default(), door: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)), now: Arc::new(AtomicI64::new(NOW)) }
    }

    fn verifier(&self) -> Verifier {
        let server = self.clone();
        let source = move || {
            let server = server.clone();
            async move { server.fetch().await }
        };
        let now = Arc::clone(&self.now);
        let verifier = Verifier::fetching(KEY, source, Freshness::default()).expect("a verifier");
        verifier.clock(move || Duration::from_secs(now.load(Ordering::SeqCst).unsigned_abs()))
    }

    async fn fetch(&self) -> Fetched {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let _permit = self.door.acquire().await?;
        self.answer.lock().expect("whole").clone().ok_or_else(|| "down".into())
    }

    fn answers(&self, answer: Option<Vec<u8>>) {
        *self.answer.lock().expect("whole") = answer;
    }

    fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// A token of now, by the second key where it is wanted.
    fn token(&self, kid: &str) -> String {
        let now = self.now.load(Ordering::SeqCst);
        let claims = with(json!({ "iat": now, "nbf": now - 10, "exp": now + 60 })).to_string();
        let header = changed(header(), json!({ "kid": kid })).to_string();
        token(if kid == "two" { &SECOND } else { &FIRST }, &header, &claims)
    }
}

/// Until what runs in the background has come so far.
async fn settled(server: &Server, asked: usize) {
    while server.asked() < asked {
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn keys_are_fetched_once_and_looked_at_again_without_a_wait() {
    let server = Server::start();
    let verifier = server.verifier();
    assert_eq!(server.asked(), 0, "nobody has needed them");
    for _ in 0..100 {
        verifier.verify(&server.token("one")).await.expect("a session");
    }
    assert_eq!(server.asked(), 1);
    server.pass(59);
    verifier.verify(&server.token("one")).await.expect("a session");
    settled(&server, 1).await;
    assert_eq!(server.asked(), 1);
    // Stale: the answer is held back, and nobody waits for it.
    server.pass(1);
    server.door.forget_permits(Semaphore::MAX_PERMITS);
    for _ in 0..100 {
        verifier.verify(&server.token("one")).await.expect("a session");
    }
    settled(&server, 2).await;
    assert_eq!(server.asked(), 2, "one fetch, whoever asks");
    server.answers(Some(jwks(&[jwk(&SECOND, "two")])));
    server.door.add_permits(1);
    settled(&server, 2).await;
    assert_eq!(verifier.verify(&server.token("one")).await.err(), Some(Refusal::UnknownKey), "a revoked key is gone with the next look");
    verifier.verify(&server.token("two")).await.expect("a session");
}

/// J6: the first token of a new key makes everybody know it.
#[tokio::test]
async fn a_new_key_is_fetched_when_its_first_token_comes() {
    let server = Server::start();
    let verifier = server.verifier();
    verifier.verify(&server.token("one")).await.expect("a session");
    server.answers(Some(jwks(&[jwk(&SECOND, "two"), jwk(&FIRST, "one")])));
    server.pass(10);
    verifier.verify(&server.token("two")).await.expect("a session");
    verifier.verify(&server.token("one")).await.expect("a session");
    assert_eq!(server.asked(), 2);
}

/// J7: made-up key ids cost the server one request in ten seconds, also when thousands come at once.
#[tokio::test]
async fn unknown_keys_do_not_flood_the_server() {
    let server = Server::start();
    let verifier = server.verifier();
    verifier.verify(&server.token("one")).await.expect("a session");
    for round in 0..3 {
        server.pass(10);
        server.door.forget_permits(Semaphore::MAX_PERMITS);
        let tasks: Vec<_> = (0..1_000)
            .map(|index| {
                let (verifier, token) =
                    (verifier.clone(), format!("{}.e30.AA", super::encode(changed(header(), json!({ "kid": format!("{index}") })).to_string())));
                tokio::spawn(async move { verifier.verify(&token).await.err() })
            })
            .collect();
        settled(&server, 2 + round).await;
        verifier.verify(&server.token("one")).await.expect("a known key waits for nobody");
        server.door.add_permits(1);
        for task in tasks {
            assert_eq!(task.await.expect("done"), Some(Refusal::UnknownKey));
        }
        assert_eq!(server.asked(), 2 + round);
    }
    server.door.add_permits(10);
    // Whatever they did, a new key is known at most ten seconds later.
    server.answers(Some(jwks(&[jwk(&SECOND, "two"), jwk(&FIRST, "one")])));
    assert_eq!(verifier.verify(&server.token("two")).await.err(), Some(Refusal::UnknownKey));
    server.pass(10);
    verifier.verify(&server.token("two")).await.expect("a session");
}

#[tokio::test]
async fn keys_are_kept_while_the_server_is_down_or_talks_nonsense() {
    let server = Server::start();
    let verifier = server.verifier();
    verifier.verify(&server.token("one")).await.expect("a session");
    for nonsense in [None, Some(Vec::new()), Some(b"<html>".to_vec()), Some(jwks(&[])), Some(vec![b' '; 1 << 20])] {
        server.answers(nonsense);
        server.pass(60);
        let asked = server.asked();
        verifier.verify(&server.token("one")).await.expect("a session");
        settled(&server, asked + 1).await;
        verifier.verify(&server.token("one")).await.expect("a session");
        assert_eq!(verifier.verify(&server.token("two")).await.err(), Some(Refusal::UnknownKey));
    }
    server.pass(86_400);
    assert_eq!(verifier.verify(&server.token("one")).await.err(), Some(Refusal::KeysUnavailable), "but not for ever");
    server.answers(Some(jwks(&[jwk(&FIRST, "one")])));
    server.pass(10);
    verifier.verify(&server.token("one")).await.expect("a session");
}

#[tokio::test]
async fn without_any_keys_it_is_said_so_and_tried_again_soon() {
    let server = Server::start();
    server.answers(None);
    let verifier = server.verifier();
    for _ in 0..50 {
        assert_eq!(verifier.verify(&server.token("one")).await.err(), Some(Refusal::KeysUnavailable));
    }
    assert_eq!(server.asked(), 1);
    server.answers(Some(jwks(&[jwk(&FIRST, "one")])));
    server.pass(1);
    verifier.verify(&server.token("one")).await.expect("a session");
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_take_the_fetch_along() {
    let server = Server::start();
    let verifier = server.verifier();
    server.door.forget_permits(Semaphore::MAX_PERMITS);
    let (first, token) = (verifier.clone(), server.token("one"));
    let gone = tokio::spawn(async move { first.verify(&token).await });
    settled(&server, 1).await;
    gone.abort();
    assert!(gone.await.is_err());
    server.door.add_permits(1);
    verifier.verify(&server.token("one")).await.expect("a session");
    assert_eq!(server.asked(), 1);
}

/// D6: a clock that is set back makes keys no fresher.
#[tokio::test]
async fn a_clock_that_was_set_back_stops_no_fetch() {
    let server = Server::start();
    let verifier = server.verifier();
    verifier.verify(&server.token("one")).await.expect("a session");
    server.answers(Some(jwks(&[jwk(&SECOND, "two")])));
    server.pass(-3_600);
    verifier.verify(&server.token("two")).await.expect("a session");
}

#[tokio::test]
async fn a_source_that_does_not_answer_is_given_up() {
    let freshness = Freshness { patience: Duration::from_millis(1), ..Freshness::default() };
    let verifier = Verifier::fetching(KEY, std::future::pending::<Fetched>, freshness).expect("a verifier");
    assert_eq!(verifier.verify(&sign(&claims())).await.err(), Some(Refusal::KeysUnavailable));
}
