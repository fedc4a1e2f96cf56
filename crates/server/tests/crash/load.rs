//! The load: one caller who does a bit of everything, and writes down what was answered.

use crate::{
    Chance,
    ledger::{Fate, Ledger, Person, Session, SpentCode},
    running::{Reply, Running},
};
use serde_json::json;
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

/// Works until the server is gone.
pub fn work(server: &Running, ledger: &mut Ledger, chance: &mut Chance, (given, stop): (&AtomicU64, &AtomicBool)) {
    while !stop.load(Ordering::Acquire) {
        let before = ledger.acknowledged;
        let done = match chance.below(44) {
            0..=4 => sign_up(server, ledger, stop),
            5..=9 => create_user(server, ledger),
            10..=14 => sign_in(server, ledger, chance),
            15..=18 => set_password(server, ledger, chance),
            19..=23 => end_session(server, ledger, chance),
            24..=33 => set_metadata(server, ledger, chance),
            34..=36 => redeem_nonce(server, ledger, chance),
            37..=38 => delete_user(server, ledger, chance),
            39..=42 => spend_ticket(server, ledger, chance),
            _ => create_application(server, ledger),
        };
        given.fetch_add(ledger.acknowledged - before, Ordering::AcqRel);
        // Without an answer the server is gone, or about to be.
        if done.is_none() {
            return;
        }
    }
}

/// An answer that says yes is on the ledger; one that says no leaves everything as it was. `None` for anything else.
fn answered(ledger: &mut Ledger, reply: Option<Reply>) -> Option<Option<Reply>> {
    let reply = reply?;
    match reply.status {
        200..400 => {
            ledger.acknowledged += 1;
            Some(Some(reply))
        }
        400..500 => Some(None),
        // 503: nobody knows.
        _ => None,
    }
}

fn someone<'l>(ledger: &'l mut Ledger, chance: &mut Chance) -> Option<&'l mut Person> {
    let count = ledger.people.len() as u64;
    if count == 0 {
        return None;
    }
    // The newest are the busiest.
    let index = count - 1 - chance.below(count.min(8));
    ledger.people.get_mut(usize::try_from(index).ok()?).filter(|person| person.fate == Fate::There)
}

fn name(ledger: &mut Ledger) -> String {
    format!("person{}@example.com", ledger.mark())
}

fn password(ledger: &mut Ledger) -> String {
    format!("a good long horse {}", ledger.mark())
}

fn create_user(server: &Running, ledger: &mut Ledger) -> Option<()> {
    let (email, password) = (name(ledger), password(ledger));
    ledger.doubtful.push(email.clone());
    let reply = server.backend("POST", "/v1/users", Some(&json!({ "email_address": [email], "password": password })));
    let reply = answered(ledger, reply)?;
    ledger.doubtful.pop();
    if let Some(reply) = reply {
        ledger.people.push(Person::new(reply.body["id"].as_str()?.to_owned(), email, password));
    }
    Some(())
}

fn sign_up(server: &Running, ledger: &mut Ledger, stop: &AtomicBool) -> Option<()> {
    let (email, password) = (name(ledger), password(ledger));
    let reply = server.frontend("POST", "/v1/client/sign_ups", "", &[("email_address", &email), ("password", &password)]);
    let Some(begun) = answered(ledger, reply)? else { return Some(()) };
    let (id, before) = (begun.body["response"]["id"].as_str()?.to_owned(), begun.cookies);
    let path = format!("/v1/client/sign_ups/{id}");
    let reply = server.frontend("POST", &format!("{path}/prepare_verification"), &before, &[("strategy", "email_code")]);
    if answered(ledger, reply)?.is_none() {
        return Some(());
    }
    let code = loop {
        if stop.load(Ordering::Acquire) {
            return None;
        }
        if let Some(code) = server.code(&email) {
            break code;
        }
        thread::sleep(Duration::from_millis(5));
    };
    ledger.doubtful.push(email.clone());
    let reply = server.frontend("POST", &format!("{path}/attempt_verification"), &before, &[("strategy", "email_code"), ("code", &code)]);
    let reply = answered(ledger, reply)?;
    ledger.doubtful.pop();
    let Some(done) = reply else { return Some(()) };
    let mut person = Person::new(done.body["response"]["created_user_id"].as_str()?.to_owned(), email, password);
    let session = done.body["response"]["created_session_id"].as_str()?.to_owned();
    person.sessions.push(Session { id: session, cookies: done.cookies.clone(), fate: Fate::There });
    ledger.people.push(person);
    ledger.codes.push(SpentCode { sign_up: id, code, cookies: [before, done.cookies] });
    Some(())
}

fn sign_in(server: &Running, ledger: &mut Ledger, chance: &mut Chance) -> Option<()> {
    let Some(person) = someone(ledger, chance) else { return Some(()) };
    let reply = server.frontend("POST", "/v1/client/sign_ins", "", &[("identifier", &person.email), ("password", &person.passwords[0])])?;
    if reply.is_success()
        && let Some(session) = reply.body["response"]["created_session_id"].as_str()
    {
        person.sessions.push(Session { id: session.to_owned(), cookies: reply.cookies.clone(), fate: Fate::There });
        person.changed = true;
    }
    answered(ledger, Some(reply)).map(drop)
}

fn set_password(server: &Running, ledger: &mut Ledger, chance: &mut Chance) -> Option<()> {
    let new = password(ledger);
    let Some(person) = someone(ledger, chance) else { return Some(()) };
    person.changed = true;
    let before = person.passwords.clone();
    person.passwords.push(new.clone());
    let path = format!("/v1/users/{}", person.id);
    let reply = server.backend("PATCH", &path, Some(&json!({ "password": new, "skip_password_checks": true })))?;
    match reply.status {
        200 => {
            person.former = before.first().cloned();
            person.passwords = vec![new];
        }
        400..500 => person.passwords = before,
        _ => {}
    }
    answered(ledger, Some(reply)).map(drop)
}

fn end_session(server: &Running, ledger: &mut Ledger, chance: &mut Chance) -> Option<()> {
    let by_backend = chance.below(2) == 0;
    let Some(person) = someone(ledger, chance) else { return Some(()) };
    person.changed = true;
    let Some(session) = person.sessions.iter_mut().find(|session| session.fate == Fate::There) else { return Some(()) };
    session.fate = Fate::Unknown;
    let reply = if by_backend {
        server.backend("POST", &format!("/v1/sessions/{}/revoke", session.id), Some(&json!({})))
    } else {
        server.frontend("POST", &format!("/v1/client/sessions/{}/end", session.id), &session.cookies, &[])
    };
    let reply = reply?;
    if reply.is_success() {
        session.fate = Fate::Gone;
    }
    answered(ledger, Some(reply)).map(drop)
}

fn set_metadata(server: &Running, ledger: &mut Ledger, chance: &mut Chance) -> Option<()> {
    let mark = ledger.mark();
    let Some(person) = someone(ledger, chance) else { return Some(()) };
    person.changed = true;
    let new = json!({ "mark": mark });
    person.metadata.push(new.clone());
    let reply = server.backend("PATCH", &format!("/v1/users/{}/metadata", person.id), Some(&json!({ "public_metadata": new })))?;
    if reply.is_success() {
        person.metadata = vec![new];
    }
    answered(ledger, Some(reply)).map(drop)
}

fn redeem_nonce(server: &Running, ledger: &mut Ledger, chance: &mut Chance) -> Option<()> {
    let Some(person) = someone(ledger, chance) else { return Some(()) };
    let Some(session) = person.sessions.iter().find(|session| session.fate == Fate::There) else { return Some(()) };
    let reply = server.frontend("GET", "/v1/client/handshake?format=nonce&redirect_url=http://localhost:3000/", &session.cookies, &[])?;
    let Some(nonce) = reply.location.split("__clerk_handshake_nonce=").nth(1).map(str::to_owned) else { return Some(()) };
    let reply = server.backend("GET", &format!("/v1/clients/handshake_payload?nonce={nonce}"), None);
    if answered(ledger, reply)?.is_some() {
        ledger.nonces.push(nonce);
    }
    Some(())
}

fn spend_ticket(server: &Running, ledger: &mut Ledger, chance: &mut Chance) -> Option<()> {
    let Some(user) = someone(ledger, chance).map(|person| person.id.clone()) else { return Some(()) };
    let made = server.backend("POST", "/v1/sign_in_tokens", Some(&json!({ "user_id": user })));
    let Some(made) = answered(ledger, made)? else { return Some(()) };
    let ticket = made.body["token"].as_str()?.to_owned();
    ledger.doubtful_tickets.push(ticket.clone());
    let reply = show_ticket(server, &ticket);
    let reply = answered(ledger, reply)?;
    // Whoever was refused has spent nothing, but the user may be gone: it stays doubtful.
    let Some(done) = reply else { return Some(()) };
    ledger.doubtful_tickets.pop();
    ledger.tickets.push(ticket);
    let session = done.body["response"]["created_session_id"].as_str()?.to_owned();
    let person = ledger.people.iter_mut().find(|person| person.id == user)?;
    person.sessions.push(Session { id: session, cookies: done.cookies, fate: Fate::There });
    person.changed = true;
    Some(())
}

/// Signs in with a ticket, on a new device.
pub fn show_ticket(server: &Running, ticket: &str) -> Option<Reply> {
    server.frontend("POST", "/v1/client/sign_ins", "", &[("strategy", "ticket"), ("ticket", ticket)])
}

fn delete_user(server: &Running, ledger: &mut Ledger, chance: &mut Chance) -> Option<()> {
    let Some(person) = someone(ledger, chance) else { return Some(()) };
    person.changed = true;
    person.fate = Fate::Unknown;
    let reply = server.backend("DELETE", &format!("/v1/users/{}", person.id), None)?;
    if reply.is_success() {
        person.fate = Fate::Gone;
    }
    answered(ledger, Some(reply)).map(drop)
}

fn create_application(server: &Running, ledger: &mut Ledger) -> Option<()> {
    let name = format!("Application {}", ledger.mark());
    let reply = server.platform("POST", "/v1/platform/applications", Some(&json!({ "name": name })));
    if let Some(reply) = answered(ledger, reply)? {
        ledger.applications.push(reply.body["application_id"].as_str()?.to_owned());
    }
    Some(())
}
