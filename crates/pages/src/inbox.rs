//! The inbox: mail that was caught instead of sent, for the developer at this machine.

use crate::{
    answer::{mail, not_found, page},
    assets::fingerprint,
    moment::Moment,
    near::Near,
};
use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use foundation::{Id, MessageId, Problem, Timestamp};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};
use web::{Answer, App, Input, Query};
use world::mail::Caught;

/// The page: the list, and the mail that is read.
#[derive(Template)]
#[template(path = "inbox.html")]
pub(crate) struct Inbox {
    /// All caught mails, whatever the filter.
    total: usize,
    /// The receiver that the list is limited to.
    to: Option<String>,
    receivers: BTreeSet<String>,
    rows: Vec<Row>,
    letter: Option<Letter>,
    /// Whether a mail was asked for, so that a small screen shows it instead of the list.
    reading: bool,
}

/// A mail in the list.
struct Row {
    id: String,
    href: String,
    sender: String,
    initial: String,
    hue: u64,
    subject: String,
    to: String,
    when: Moment,
    current: bool,
}

/// The mail that is read.
struct Letter {
    id: String,
    instance: String,
    sender: String,
    initial: String,
    hue: u64,
    subject: String,
    to: String,
    to_href: String,
    when: Moment,
    code: Option<String>,
    text: String,
    has_html: bool,
}

impl Inbox {
    /// Lays out the mails. Without a choice the newest is open.
    pub(crate) fn new(all: Vec<Caught>, to: Option<&str>, id: Option<&str>, now: Timestamp) -> Inbox {
        let total = all.len();
        let receivers = all.iter().map(|caught| caught.mail.to.clone()).collect();
        let listed: Vec<Caught> = all.into_iter().filter(|caught| to.is_none_or(|to| caught.mail.to.eq_ignore_ascii_case(to))).collect();
        let chosen = match id {
            Some(id) => MessageId::parse(id).and_then(|id| listed.iter().find(|caught| caught.mail.id == id)),
            None => listed.first(),
        };
        let letter = chosen.map(|caught| Letter::new(caught, now));
        let current = chosen.map(|caught| caught.mail.id);
        let rows = listed.iter().map(|caught| Row::new(caught, to, current, now)).collect();
        Inbox { total, to: to.map(str::to_owned), receivers, rows, letter, reading: id.is_some() }
    }

    /// The list's own address, with its filter.
    fn href(&self) -> String {
        address("/inbox", self.to.as_deref(), None)
    }

    /// Where scripts ask for news.
    fn news(&self) -> String {
        address("/inbox.json", self.to.as_deref(), None)
    }

    fn is_gone(&self) -> bool {
        self.reading && self.letter.is_none()
    }
}

impl Row {
    fn new(caught: &Caught, to: Option<&str>, current: Option<MessageId>, now: Timestamp) -> Row {
        let mail = &caught.mail;
        Row {
            id: mail.id.to_string(),
            href: address("/inbox", to, Some(mail.id)),
            sender: mail.from_name.clone(),
            initial: initial(&mail.from_name),
            hue: hue(&mail.from_name),
            subject: mail.subject.clone(),
            to: mail.to.clone(),
            when: Moment::new(caught.at, now),
            current: current == Some(mail.id),
        }
    }
}

impl Letter {
    fn new(caught: &Caught, now: Timestamp) -> Letter {
        let mail = &caught.mail;
        Letter {
            id: mail.id.to_string(),
            instance: mail.instance.to_string(),
            sender: mail.from_name.clone(),
            initial: initial(&mail.from_name),
            hue: hue(&mail.from_name),
            subject: mail.subject.clone(),
            to: mail.to.clone(),
            to_href: address("/inbox", Some(&mail.to), Some(mail.id)),
            when: Moment::new(caught.at, now),
            code: code(&mail.text).map(str::to_owned),
            text: mail.text.clone(),
            has_html: !mail.html.trim().is_empty(),
        }
    }
}

fn address(path: &str, to: Option<&str>, id: Option<MessageId>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if let Some(to) = to {
        query.append_pair("to", to);
    }
    if let Some(id) = id {
        query.append_pair("id", &id.to_string());
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

fn initial(name: &str) -> String {
    name.chars().find(|c| c.is_alphanumeric()).map_or_else(|| "·".to_owned(), |c| c.to_uppercase().collect())
}

/// One of six colours, always the same for a name.
fn hue(name: &str) -> u64 {
    (fingerprint(name.as_bytes()) >> 32) % 6
}

/// The first six digits that stand alone.
fn code(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').find(|word| word.len() == 6 && word.bytes().all(|b| b.is_ascii_digit()))
}

/// `GET /inbox?to=&id=`
pub(crate) async fn show(_: Near, State(app): State<Arc<App>>, Query(input): Query) -> Answer {
    let inbox = Inbox::new(app.world.inbox.caught(None), receiver(&input)?, input.text("id")?, app.world.clock.now());
    let status = if inbox.is_gone() { StatusCode::NOT_FOUND } else { StatusCode::OK };
    Ok(page(status, &inbox))
}

/// `GET /inbox.json?to=`: for tests and scripts. The entity tag changes with every mail, so asking often is cheap.
pub(crate) async fn list(_: Near, State(app): State<Arc<App>>, headers: HeaderMap, Query(input): Query) -> Answer {
    let mails = app.world.inbox.caught(receiver(&input)?);
    let newest = mails.first().map(|caught| caught.mail.id.to_string()).unwrap_or_default();
    let tag = format!("\"{newest}-{}\"", mails.len());
    let mut response = if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag.as_str()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let messages: Vec<_> = mails.into_iter().map(message).collect();
        web::json(StatusCode::OK, &json!({ "messages": messages }))
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

fn receiver(input: &Input) -> Result<Option<&str>, Problem> {
    Ok(input.text("to")?.map(str::trim).filter(|to| !to.is_empty()))
}

fn message(Caught { mail, at }: Caught) -> serde_json::Value {
    json!({
        "id": mail.id,
        "instance_id": mail.instance,
        "from": mail.from_name,
        "to": mail.to,
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "created_at": at.millis(),
    })
}

/// `GET /inbox/{id}/html`: the HTML part alone, for a frame that may do nothing.
pub(crate) async fn html(_: Near, State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    let Some(id) = MessageId::parse(&id) else { return not_found() };
    match app.world.inbox.caught(None).into_iter().find(|caught| caught.mail.id == id) {
        Some(caught) => mail(caught.mail.html),
        None => not_found(),
    }
}

/// `POST /inbox/clear`: forgets every mail. Other sites may not ask for it.
pub(crate) async fn clear(_: Near, State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let from_elsewhere = headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    let foreign = headers.get("origin").is_some_and(|origin| origin.to_str().ok().and_then(|o| o.split_once("://")).is_none_or(|(_, rest)| rest != host));
    if from_elsewhere || foreign {
        return StatusCode::FORBIDDEN.into_response();
    }
    app.world.inbox.clear();
    web::redirect(StatusCode::SEE_OTHER, "/inbox")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_six_digits_that_stand_alone() {
        assert_eq!(code("Enter 12345 or\n\n    042137\n\nwithin 10 minutes"), Some("042137"));
        assert_eq!(code("(987654)."), Some("987654"));
        for text in ["", "1234567", "a123456", "123456_7", "12 34 56", "١٢٣٤٥٦"] {
            assert_eq!(code(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_carry_what_was_asked_for() {
        assert_eq!(address("/inbox", None, None), "/inbox");
        assert_eq!(address("/inbox", Some("ada+1@example.com&id=x"), None), "/inbox?to=ada%2B1%40example.com%26id%3Dx");
    }
}
