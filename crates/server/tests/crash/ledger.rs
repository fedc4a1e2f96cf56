//! The ledger: what one caller was told. What it does not know, because no answer came, is written down as several possibilities.

use serde_json::Value;

/// What one caller knows.
pub struct Ledger {
    pub caller: u64,
    pub acknowledged: u64,
    pub made: u64,
    pub people: Vec<Person>,
    pub codes: Vec<SpentCode>,
    pub nonces: Vec<String>,
    /// Sign-in tokens that have let somebody in.
    pub tickets: Vec<String>,
    /// Sign-in tokens of which no answer says whether they have.
    pub doubtful_tickets: Vec<String>,
    pub applications: Vec<String>,
    /// Addresses of which no answer says whether they have an account.
    pub doubtful: Vec<String>,
}

/// Whether somebody or something is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    There,
    Gone,
    Unknown,
}

/// A user.
pub struct Person {
    pub id: String,
    pub email: String,
    pub fate: Fate,
    /// The passwords that may be theirs; one, if an answer says so.
    pub passwords: Vec<String>,
    /// One that was theirs, and is not.
    pub former: Option<String>,
    /// The metadata that may be theirs.
    pub metadata: Vec<Value>,
    pub sessions: Vec<Session>,
    /// Whether anything about them has changed since they were last looked at.
    pub changed: bool,
}

/// A session and the cookies of its client.
pub struct Session {
    pub id: String,
    pub cookies: String,
    pub fate: Fate,
}

/// A code that was accepted, and the cookies with which it was sent and those that came back.
pub struct SpentCode {
    pub sign_up: String,
    pub code: String,
    pub cookies: [String; 2],
}

impl Ledger {
    pub fn new(caller: u64) -> Ledger {
        Ledger {
            caller,
            acknowledged: 0,
            made: 0,
            people: Vec::new(),
            codes: Vec::new(),
            nonces: Vec::new(),
            tickets: Vec::new(),
            doubtful_tickets: Vec::new(),
            applications: Vec::new(),
            doubtful: Vec::new(),
        }
    }

    /// A mark that nobody else uses, for names.
    pub fn mark(&mut self) -> String {
        self.made += 1;
        format!("{}x{}", self.caller, self.made)
    }
}

impl Person {
    pub fn new(id: String, email: String, password: String) -> Person {
        Person {
            id,
            email,
            fate: Fate::There,
            passwords: vec![password],
            former: None,
            metadata: vec![serde_json::json!({})],
            sessions: Vec::new(),
            changed: true,
        }
    }
}
