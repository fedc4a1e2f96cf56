//! Mail on its way out: by the server's own mail server, by an instance's, or into the inbox where there is none.

mod inbox;
mod message;
mod network;
mod pool;
mod post;
mod smtp;

pub use inbox::{Caught, Inbox};
pub use network::{Answers, MAIL_PORTS, Reach, Resolver, SystemResolver, is_public};
pub use post::{Handed, Handing, Post, Via};

use foundation::{InstanceId, MessageId, Secret};
use std::{fmt, time::Duration};

/// A mail, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Mail {
    /// The message's id; the same when a job sends it again.
    pub id: MessageId,
    /// Who sends it.
    pub instance: InstanceId,
    /// The application's name: the sender's, where nothing else is said.
    pub from_name: String,
    /// As whom the instance wants to send.
    pub sender: Sender,
    /// The receiver's address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
}

/// As whom an instance wants to send by the server's own mail server.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Sender {
    /// The name.
    pub name: Option<String>,
    /// What stands before the `@`.
    pub local_part: Option<String>,
}

/// How a connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encryption {
    /// From the first byte (RFC 8314).
    Implicit,
    /// By `STARTTLS`, without which nothing is said (RFC 3207).
    StartTls,
    /// Not at all: for a mail server on this machine.
    None,
}

impl Encryption {
    /// The word in configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Encryption::Implicit => "implicit",
            Encryption::StartTls => "starttls",
            Encryption::None => "none",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Encryption> {
        [Encryption::Implicit, Encryption::StartTls, Encryption::None].into_iter().find(|one| one.as_str() == word)
    }

    /// The port that is usual for it.
    pub const fn port(self) -> u16 {
        match self {
            Encryption::Implicit => 465,
            Encryption::StartTls => 587,
            Encryption::None => 25,
        }
    }
}

/// A mail server, and what it asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpServer {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub encryption: Encryption,
    /// Who logs in, and with which password; nobody where it asks for none.
    pub login: Option<(String, Secret)>,
}

/// A mail server, and as whom it sends.
#[derive(Clone, PartialEq, Eq)]
pub struct Relay {
    /// The server.
    pub server: SmtpServer,
    /// The sender's address.
    pub from_address: String,
    /// The sender's name, if it is not the application's.
    pub from_name: Option<String>,
}

/// What a mail server said at last. Its words can repeat what was sent, so they are shown to whoever asked and never logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its code; none where the mail was caught.
    pub code: Option<u16>,
    /// Its words.
    pub words: String,
}

/// Why a mail was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// Whether trying again is of no use.
    pub permanent: bool,
    /// At which step, in our words: this may be logged.
    pub step: &'static str,
    /// The server's code, if it gave one.
    pub code: Option<u16>,
    /// The server's words, or the network's; not for logs.
    pub words: String,
    /// Whether time ran out while nobody answered.
    pub silent: bool,
}

impl Undelivered {
    fn later(step: &'static str, words: impl fmt::Display) -> Undelivered {
        Undelivered { permanent: false, step, code: None, words: words.to_string(), silent: false }
    }

    fn silent(step: &'static str) -> Undelivered {
        Undelivered { silent: true, ..Undelivered::later(step, "no answer in time") }
    }

    /// What must not be sent any more.
    pub fn never(step: &'static str, words: impl fmt::Display) -> Undelivered {
        Undelivered { permanent: true, ..Undelivered::later(step, words) }
    }
}

impl fmt::Display for Undelivered {
    /// What may be logged: the step and the code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.step)?;
        self.code.map_or(Ok(()), |code| write!(f, " (the mail server answered {code})"))
    }
}

/// How long handing over one mail may take in all. Twice that is less than a job's lease: a mail can be tried by two servers.
pub const SLOWEST: Duration = Duration::from_secs(25);
