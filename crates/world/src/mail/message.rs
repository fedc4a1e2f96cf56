//! A mail as it travels: header fields and two parts (RFC 5322, RFC 2046). The builder knows how each field is encoded, and nothing that
//! anybody has named reaches a header unencoded.

use super::{Mail, Undelivered};
use foundation::{EmailAddress, Timestamp};
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue},
    },
};
use std::time::{Duration, UNIX_EPOCH};

/// A mail in its encoded form, with the addresses of its envelope.
pub(super) struct Encoded {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) bytes: Vec<u8>,
}

const LONGEST_NAME: usize = 120;
const LONGEST_SUBJECT: usize = 300;

/// Encodes the mail.
pub(super) fn encode(mail: &Mail, from_address: &str, from_name: &str, now: Timestamp) -> Result<Encoded, Undelivered> {
    let from = address(from_address).ok_or_else(|| Undelivered::never("the sender's address is none", ""))?;
    let to = address(&mail.to).ok_or_else(|| Undelivered::never("the receiver's address is none", ""))?;
    let name = Some(one_line(from_name, LONGEST_NAME)).filter(|name| !name.is_empty());
    let date = UNIX_EPOCH + Duration::from_millis(u64::try_from(now.millis()).unwrap_or(0));
    let parts = MultiPart::builder()
        .kind(lettre::message::MultiPartKind::Alternative)
        .boundary(format!("part-{}", mail.id))
        .singlepart(part(ContentType::TEXT_PLAIN, &mail.text))
        .singlepart(part(ContentType::TEXT_HTML, &mail.html));
    let message = Message::builder()
        .from(Mailbox::new(name, from.clone()))
        .to(Mailbox::new(None, to.clone()))
        .subject(one_line(&mail.subject, LONGEST_SUBJECT))
        .date(date)
        .message_id(Some(format!("<{}@{}>", mail.id, from.domain())))
        .header(AutoSubmitted)
        .multipart(parts)
        .map_err(|e| Undelivered::never("the mail cannot be encoded", e))?;
    Ok(Encoded { from: from.to_string(), to: to.to_string(), bytes: message.formatted() })
}

fn part(kind: ContentType, text: &str) -> SinglePart {
    SinglePart::builder().header(kind).header(ContentTransferEncoding::QuotedPrintable).body(text.to_owned())
}

/// Only what our own parser accepts, with the domain in ASCII.
fn address(text: &str) -> Option<Address> {
    let parsed = EmailAddress::parse(text)?;
    let (local, _) = parsed.given().split_once('@')?;
    let (_, domain) = parsed.norm().split_once('@')?;
    Address::new(local, domain).ok()
}

/// Text for a header field: without line breaks, other controls, and marks that change what is seen of it.
pub(super) fn one_line(text: &str, most: usize) -> String {
    let hidden = |c: char| foundation::text::has_control(c.encode_utf8(&mut [0; 4]));
    let clean: String = text.chars().map(|c| if hidden(c) { ' ' } else { c }).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(most).collect()
}

/// RFC 3834: no person has written this, so no machine should answer.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AutoSubmitted)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(AutoSubmitted::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use foundation::{Id, InstanceId, MessageId, random::Seeded};

    fn mail() -> Mail {
        let (now, mut random) = (Timestamp::from_millis(1_767_225_600_000), Seeded::new(1));
        Mail {
            id: MessageId::new(now, &mut random),
            instance: InstanceId::new(now, &mut random),
            from_name: String::new(),
            sender: crate::mail::Sender::default(),
            to: "ada@example.com".to_owned(),
            subject: "123456 is your code".to_owned(),
            text: "Grüße\n.\n\r\n.\r\nMAIL FROM:<x@y.example>\r\n".to_owned(),
            html: "<p>Grüße</p>".to_owned(),
        }
    }

    fn encoded(mail: &Mail, name: &str) -> String {
        let encoded = encode(mail, "no-reply@id.example.com", name, Timestamp::from_millis(1_767_225_600_000)).expect("it encodes");
        String::from_utf8(encoded.bytes).expect("ASCII")
    }

    /// The fields above the first empty line, unfolded.
    fn fields(text: &str) -> Vec<String> {
        let (head, _) = text.split_once("\r\n\r\n").expect("a head");
        head.replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn a_mail_has_the_fields_that_it_should() {
        let mail = mail();
        let text = encoded(&mail, "Grüße & Söhne");
        let fields = fields(&text);
        let field = |name: &str| fields.iter().filter(|f| f.starts_with(&format!("{name}: "))).cloned().collect::<Vec<_>>();
        assert_eq!(field("Message-ID"), [format!("Message-ID: <{}@id.example.com>", mail.id)]);
        assert_eq!(field("Date"), ["Date: Thu, 01 Jan 2026 00:00:00 +0000"]);
        assert_eq!(field("Auto-Submitted"), ["Auto-Submitted: auto-generated"]);
        assert_eq!(field("MIME-Version"), ["MIME-Version: 1.0"]);
        assert_eq!(field("To"), ["To: ada@example.com"]);
        assert!(field("Content-Type")[0].starts_with("Content-Type: multipart/alternative;"));
        assert!(field("From")[0].contains("=?utf-8?b?") && field("From")[0].ends_with("<no-reply@id.example.com>"), "{:?}", field("From"));
        assert!(text.is_ascii(), "safe on every way");
        assert_eq!((text.matches("text/plain; charset=utf-8").count(), text.matches("text/html; charset=utf-8").count()), (1, 1));
    }

    /// RUSTSEC-2021-0069: a line of the body ended the mail, and what followed was read as commands. RUSTSEC-2020-0069: an address carried options.
    #[test]
    fn nothing_in_a_body_or_an_address_becomes_a_command() {
        let text = encoded(&mail(), "Acme");
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "every line ends the same way");
        for to in ["-oQ/tmp@example.com\r\nX: y", "ada@example.com> SIZE=1", "ada@example.com\n", "<ada@example.com>", "\"a b\"@example.com", "ada@[127.0.0.1]"]
        {
            let sent = encode(&Mail { to: to.to_owned(), ..mail() }, "a@b.example", "Acme", Timestamp::default());
            assert!(sent.is_err() || to == "ada@example.com\n", "{to}");
        }
    }

    #[test]
    fn a_name_or_a_subject_adds_no_field() {
        for evil in [
            "Acme\r\nBcc: all@example.com",
            "Acme\nX-Evil: 1",
            "Acme\r\n\r\n<h1>",
            "Acme\u{2028}Bcc: x",
            "Acme\0\u{202e}emcA",
            "\" <a@b.example>, \"",
            "=?utf-8?q?a?=",
        ] {
            let mut mail = mail();
            mail.subject = evil.to_owned();
            let fields = fields(&encoded(&mail, evil));
            let names: Vec<&str> = fields.iter().filter_map(|f| f.split_once(':')).map(|(name, _)| name).collect();
            assert_eq!(names.len(), 8, "{evil:?}: {fields:?}");
            assert!(!names.iter().any(|name| ["Bcc", "X-Evil"].contains(name)), "{evil:?}");
            let from = fields.iter().find(|f| f.starts_with("From: ")).expect("From");
            assert!(from.ends_with("<no-reply@id.example.com>") && from.matches("@").count() <= 2, "{from}");
        }
    }
}
