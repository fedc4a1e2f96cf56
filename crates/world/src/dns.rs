//! TXT records: what whoever controls a domain has published there.
//!
//! The question goes to the machine's own resolvers over TCP, never over UDP: nobody off the path can answer in their place, and no answer is
//! too long for one packet. A resolver must take TCP (RFC 7766 5).

use foundation::random::Shared;
use futures_util::future::BoxFuture;
use std::{
    collections::HashMap,
    io::{Error, ErrorKind, Result},
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    time::timeout,
};

/// How long one resolver may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How many questions are asked at once.
const AT_ONCE: usize = 16;
/// How many resolvers are asked, one after another.
const MOST_RESOLVERS: usize = 3;
/// How many records of an answer are read.
const MOST_RECORDS: u16 = 100;
/// Where the machine's resolvers stand.
const RESOLVERS: &str = "/etc/resolv.conf";

/// Asks for records.
pub trait Dns: Send + Sync {
    /// The texts at a name; none where the name does not exist.
    ///
    /// # Errors
    /// Where nobody answers, or what they answer cannot be read.
    fn txt<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<String>>>;
}

/// The machine's own resolvers.
pub struct SystemDns {
    random: Shared,
    room: Semaphore,
}

impl SystemDns {
    /// Asks the machine's resolvers; chance numbers the questions.
    pub fn new(random: Shared) -> SystemDns {
        SystemDns { random, room: Semaphore::new(AT_ONCE) }
    }
}

impl Dns for SystemDns {
    fn txt<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move {
            let _place = timeout(PATIENCE, self.room.acquire()).await.map_err(|_| Error::from(ErrorKind::TimedOut))?;
            let number = (&mut self.random.clone() as &mut dyn foundation::Random).bytes::<2>();
            let question = question(number, name)?;
            let configured = std::fs::read_to_string(RESOLVERS).unwrap_or_default();
            let mut last = Error::new(ErrorKind::NotFound, "the machine has no resolver");
            for resolver in resolvers(&configured) {
                match timeout(PATIENCE, ask(resolver, &question)).await {
                    Ok(Ok(answer)) => match texts(number, &answer) {
                        Ok(found) => return Ok(found),
                        Err(error) => last = error,
                    },
                    Ok(Err(error)) => last = error,
                    Err(_) => last = Error::from(ErrorKind::TimedOut),
                }
            }
            Err(last)
        })
    }
}

/// The addresses of the first resolvers that are configured.
fn resolvers(configured: &str) -> Vec<SocketAddr> {
    let address = |line: &str| {
        let mut words = line.split_whitespace();
        let is_resolver = words.next() == Some("nameserver");
        words.next().filter(|_| is_resolver).and_then(|word| word.parse::<IpAddr>().ok())
    };
    configured.lines().filter_map(address).take(MOST_RESOLVERS).map(|ip| SocketAddr::new(ip, 53)).collect()
}

#[allow(clippy::disallowed_methods, reason = "the one place that connects to the machine's resolvers")]
async fn ask(resolver: SocketAddr, question: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(resolver).await?;
    stream.write_all(question).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

const TXT: u16 = 16;
const INTERNET: u16 = 1;

/// The question, with its length before it. RFC 1035 4.1, 4.2.2.
fn question(number: [u8; 2], name: &str) -> Result<Vec<u8>> {
    let mut message = number.to_vec();
    // A standard question, recursion desired; one question, nothing else.
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length)).ok_or(ErrorKind::InvalidInput)?;
        message.push(length);
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(TXT.to_be_bytes());
    message.extend(INTERNET.to_be_bytes());
    let mut framed = u16::try_from(message.len()).map_err(|_| ErrorKind::InvalidInput)?.to_be_bytes().to_vec();
    framed.append(&mut message);
    Ok(framed)
}

/// An answer while it is read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(ErrorKind::UnexpectedEof)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?.first().copied().unwrap_or_default())
    }

    fn number(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    /// Steps over a name: labels up to the empty one, or up to a pointer, which is not followed.
    fn name(&mut self) -> Result<()> {
        loop {
            match self.byte()? {
                0 => return Ok(()),
                length @ 1..=63 => drop(self.take(usize::from(length))?),
                192..=255 => return self.byte().map(drop),
                _ => return Err(ErrorKind::InvalidData.into()),
            }
        }
    }
}

/// The texts of an answer. The resolver has followed aliases, so that every text in it is one of the name's.
fn texts(number: [u8; 2], answer: &[u8]) -> Result<Vec<String>> {
    let mut reader = Reader(answer);
    if reader.take(2)? != number {
        return Err(ErrorKind::InvalidData.into());
    }
    let flags = reader.number()?;
    let (questions, answers) = (reader.number()?, reader.number()?);
    reader.take(4)?;
    match (flags & 0x8000 != 0, flags & 15) {
        (true, 0) => {}
        // There is no such name.
        (true, 3) => return Ok(Vec::new()),
        _ => return Err(ErrorKind::InvalidData.into()),
    }
    for _ in 0..questions.min(1) {
        reader.name()?;
        reader.take(4)?;
    }
    let mut found = Vec::new();
    for _ in 0..answers.min(MOST_RECORDS) {
        reader.name()?;
        let (kind, class) = (reader.number()?, reader.number()?);
        reader.take(4)?;
        let length = reader.number()?;
        let data = reader.take(usize::from(length))?;
        if kind == TXT && class == INTERNET {
            found.push(text(data)?);
        }
    }
    Ok(found)
}

/// A record's text: its pieces, one after another. RFC 1035 3.3.14.
fn text(data: &[u8]) -> Result<String> {
    let mut reader = Reader(data);
    let mut whole = Vec::new();
    while !reader.0.is_empty() {
        let length = reader.byte()?;
        whole.extend(reader.take(usize::from(length))?);
    }
    Ok(String::from_utf8_lossy(&whole).into_owned())
}

/// Records that were said by hand.
#[derive(Default)]
pub struct Zone(Mutex<HashMap<String, Option<Vec<String>>>>);

impl Zone {
    /// What stands at a name from now on.
    pub fn publish(&self, name: &str, texts: &[&str]) {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), Some(texts));
    }

    /// From now on nobody answers for a name.
    pub fn fail(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), None);
    }
}

impl Dns for Zone {
    fn txt<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<String>>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        let found = known.unwrap_or_else(|| Some(Vec::new())).ok_or_else(|| Error::from(ErrorKind::TimedOut));
        Box::pin(std::future::ready(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: [u8; 2] = [7, 9];

    fn answer(code: u8, records: &[(u16, &[u8])]) -> Vec<u8> {
        let count = u8::try_from(records.len()).expect("few");
        let mut bytes = vec![7, 9, 0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0];
        bytes.extend(&question(NUMBER, "_x.corp.com").expect("a question")[14..]);
        for (kind, data) in records {
            bytes.extend([0xc0, 12]);
            bytes.extend(kind.to_be_bytes());
            bytes.extend([0, 1, 0, 0, 0, 60]);
            bytes.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
            bytes.extend(*data);
        }
        bytes
    }

    #[test]
    fn a_question_is_written_as_the_protocol_says() {
        let asked = question(NUMBER, "a.bc").expect("a question");
        assert_eq!(asked, [0, 22, 7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'a', 2, b'b', b'c', 0, 0, 16, 0, 1]);
        for name in ["", "a..b", &"a".repeat(64)] {
            assert!(question(NUMBER, name).is_err(), "{name}");
        }
    }

    #[test]
    fn texts_are_read_and_joined_and_other_records_left_out() {
        let found = texts(NUMBER, &answer(0, &[(5, b"\x01a\x00"), (TXT, b"\x02ab\x01c"), (TXT, b"\x00")])).expect("texts");
        assert_eq!(found, ["abc", ""]);
        assert_eq!(texts(NUMBER, &answer(3, &[])).expect("no such name"), Vec::<String>::new());
    }

    #[test]
    fn what_cannot_be_read_is_no_answer() {
        let good = answer(0, &[(TXT, b"\x02ab")]);
        assert!(texts([0, 0], &good).is_err(), "another question's");
        assert!(texts(NUMBER, &answer(2, &[])).is_err(), "the resolver failed");
        assert!(texts(NUMBER, &answer(0, &[(TXT, b"\x09ab")])).is_err(), "a piece longer than its record");
        for length in 0..good.len() {
            assert!(texts(NUMBER, &good[..length]).is_err(), "cut off at {length}");
        }
        let loops = [&good[..12], &[0x40, 1, 0, 16, 0, 1]].concat();
        assert!(texts(NUMBER, &loops).is_err(), "a label of no known kind");
    }

    #[test]
    fn resolvers_are_read_from_their_file() {
        let text = "# nameserver 1.1.1.1\nsearch x\nnameserver 127.0.0.53\nnameserver fe80::1%eth0\nnameserver ::1\n";
        assert_eq!(resolvers(text), ["127.0.0.53:53".parse().expect("an address"), "[::1]:53".parse().expect("an address")]);
        assert!(resolvers("").is_empty());
    }
}
