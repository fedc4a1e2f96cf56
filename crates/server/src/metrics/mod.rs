//! `/metrics`: what the server counts, for Prometheus. It is served at an address of its own and never at the public one, and says nothing
//! of any tenant. Every family stands in the table of `docs/operating.md`; a test holds the two against each other.

mod process;
mod requests;
mod text;

pub use requests::{CLASSES, FACES, Requests};
pub use text::CONTENT_TYPE;

use crate::{
    dispatch::Doors,
    listen::{Answers, Connections},
};
use axum::{body::Body, response::IntoResponse};
use foundation::Timestamp;
use http::{Method, Request, Response, StatusCode, header};
use std::{net::IpAddr, sync::Arc};
use store::{Database, Queue, Tally};
use text::Text;
use world::mail::Handing;

/// The door at which the operator's Prometheus knocks.
pub struct Metrics {
    doors: Arc<Doors>,
    own: Connections,
    since: Timestamp,
    /// One question to the database at a time, however many ask.
    asking: tokio::sync::Mutex<()>,
}

impl Answers for Metrics {
    const MOST_CONNECTIONS: usize = 64;
    const MOST_OF_NETWORK: usize = 64;

    fn is_shared(&self, _: IpAddr) -> bool {
        true
    }

    async fn answer(&self, request: Request<Body>, _: Option<IpAddr>) -> Response<Body> {
        match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/metrics") => {
                ([(header::CONTENT_TYPE, CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")], self.text().await).into_response()
            }
            (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")], "GET it\n").into_response(),
            _ => (StatusCode::NOT_FOUND, "see /metrics\n").into_response(),
        }
    }

    fn connections(&self) -> &Connections {
        &self.own
    }
}

impl Metrics {
    /// What these doors count.
    pub fn new(doors: Arc<Doors>) -> Metrics {
        let since = doors.app().database.now();
        Metrics { doors, own: Connections::default(), since, asking: tokio::sync::Mutex::default() }
    }

    /// All families.
    pub async fn text(&self) -> String {
        let app = self.doors.app();
        let queue = self.queue(&app.database).await;
        let mut text = Text::default();
        text.gauge("insula_build_info", "Which program on which database; always 1.")
            .sample(&[("version", env!("CARGO_PKG_VERSION")), ("database", app.database.engine())], 1);
        requests(&mut text, self.doors.requests());
        connections(&mut text, Answers::connections(&*self.doors));
        text.counter("insula_bodies_refused_total", "Requests whose bodies found no room.").plain(app.bodies.refused.get());
        text.counter("insula_requests_unbelieved_total", "Requests with X-Forwarded-For from proxies that are not believed.")
            .plain(self.doors.forwarded().count());
        people(&mut text, &app.database, &app.world.passwords);
        jobs(&mut text, &app.database, queue);
        mails(&mut text, app.world.mail.handed());
        database(&mut text, &app.database, queue.is_some());
        memory(&mut text, &app.database);
        process::write(&mut text, self.since);
        text.finish()
    }

    /// How the queue stands; nothing where the database cannot be asked at once.
    async fn queue(&self, database: &Database) -> Option<Queue> {
        let _turn = self.asking.lock().await;
        database.briefly(database.queue()).await.ok()
    }
}

fn requests(text: &mut Text, requests: &Requests) {
    text.counter("insula_requests_total", "Requests answered, by face, operation and class of the status.");
    for ([face, operation, status], count) in requests.counts() {
        text.sample(&[("face", face), ("operation", operation), ("status", status)], count);
    }
    text.counter("insula_requests_limited_total", "Requests answered with 429, by face.");
    for (face, count) in requests.limited() {
        text.sample(&[("face", face)], count);
    }
    text.family("insula_request_duration_seconds", "histogram", "How long answers took, by face.");
    for (face, took) in requests.took() {
        text.histogram(&[("face", face)], took);
    }
}

fn connections(text: &mut Text, connections: &Connections) {
    text.gauge("insula_connections", "Connections that are open.").plain(connections.open.get());
    text.counter("insula_connections_total", "Connections that were accepted.").plain(connections.accepted.get());
    text.counter("insula_connections_refused_total", "Connections that were closed at once, because their network had as many as it may.")
        .plain(connections.refused.get());
    text.counter("insula_connections_malformed_total", "Connections that were ended by a request that is none, or whose end is in doubt.")
        .plain(connections.malformed.get());
}

fn people(text: &mut Text, database: &Database, passwords: &world::passwords::Passwords) {
    let tally = |of| database.meters().tally(of);
    text.counter("insula_sign_ins_total", "Sign-ins that were completed, and proofs for sign-ins that were refused.")
        .sample(&[("outcome", "complete")], tally(Tally::SignIn))
        .sample(&[("outcome", "refused")], tally(Tally::SignInRefused));
    text.counter("insula_sign_ups_total", "Sign-ups that were completed.").plain(tally(Tally::SignUp));
    text.counter("insula_password_hashes_total", "Password hashes that were computed.").plain(passwords.hashed());
    text.gauge("insula_password_hashes_waiting", "Password hashes that are being computed or wait for it.").plain(passwords.waiting());
    text.counter("insula_password_hashes_refused_total", "Password hashes that were refused because too many waited.").plain(passwords.turned_away());
}

fn jobs(text: &mut Text, database: &Database, queue: Option<Queue>) {
    let tally = |of| database.meters().tally(of);
    text.counter("insula_jobs_total", "Runs of jobs, by how they ended.")
        .sample(&[("outcome", "done")], tally(Tally::JobDone))
        .sample(&[("outcome", "again")], tally(Tally::JobAgain))
        .sample(&[("outcome", "failed")], tally(Tally::JobLaidAside));
    text.gauge("insula_jobs", "Jobs in the database, by state; absent while it cannot be reached.");
    if let Some(queue) = queue {
        text.sample(&[("state", "due")], queue.due).sample(&[("state", "later")], queue.later).sample(&[("state", "failed")], queue.laid_aside);
    }
    text.gauge("insula_jobs_oldest_due_seconds", "How long the job has been due that waits the longest; absent while the database cannot be reached.");
    if let Some(queue) = queue {
        text.plain(queue.oldest.map_or(0, |since| database.now().since(since).as_secs()));
    }
}

fn mails(text: &mut Text, handed: &world::mail::Handed) {
    text.counter("insula_mails_total", "Mails handed over, by way and outcome.");
    for (via, Handing { taken, refused, failed }) in [("server", &handed.server), ("instance", &handed.instances), ("inbox", &handed.inbox)] {
        for (outcome, count) in [("sent", taken), ("refused", refused), ("failed", failed)] {
            text.sample(&[("via", via), ("outcome", outcome)], count.get());
        }
    }
}

fn database(text: &mut Text, database: &Database, reached: bool) {
    let meters = database.meters();
    text.gauge("insula_database_up", "Whether the database answered while these lines were made.").plain(u8::from(reached));
    text.gauge("insula_database_trouble", "Whether memory stands in for the database.").plain(u8::from(database.is_in_trouble()));
    text.family("insula_database_wait_seconds", "histogram", "How long transactions waited to begin, or in vain.").histogram(&[], &meters.waited);
    text.counter("insula_database_retries_total", "Transactions that ran again because the database asked for it.").plain(meters.again.get());
    text.counter("insula_database_unavailable_total", "Transactions given up because the database could not be reached or took too long.")
        .plain(meters.unavailable.get());
}

fn memory(text: &mut Text, database: &Database) {
    let (meters, held) = (database.meters(), database.held());
    text.counter("insula_memory_reads_total", "Questions to the memory, by outcome.")
        .sample(&[("outcome", "hit")], meters.hits.get())
        .sample(&[("outcome", "miss")], meters.misses.get())
        .sample(&[("outcome", "stale")], meters.stale.get());
    text.gauge("insula_memory_values", "Values that are remembered.").plain(held.values);
    text.gauge("insula_memory_bytes", "Bytes that are remembered, about.").plain(held.bytes);
    text.counter("insula_memory_evictions_total", "Values that were given up to make room.").plain(held.evicted);
}
