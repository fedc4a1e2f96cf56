//! Where heads and bodies begin and end, followed in the raw bytes before hyper reads them: whoever stands between this server and the visitor must
//! see them at the same places (RFC 9112 11.2, request smuggling).
//!
//! Hyper keeps to itself whether a line ended in a bare line feed, whether a length stood beside a transfer coding, and whether equal lengths were
//! said twice, and it asks for no `Host`: that is refused here. What hyper refuses itself (a bare carriage return, control characters, folded fields, a space before the
//! colon, a method that is no token) is not looked at twice; tests hold it to that. Only the lines of heads and of chunk sizes are looked at, bodies
//! are counted.

/// The longest line that is put together of several reads; hyper has given up before.
const LONGEST_LINE: usize = 64 * 1_024;
/// The most digits of a chunk's size.
const MOST_DIGITS: u8 = 15;

/// What is wrong, and up to where a read may be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// With a head that begins here, or has begun in an earlier read.
    Head(usize),
    /// With a body's framing.
    Body(usize),
}

/// Follows one connection.
#[derive(Default)]
pub(super) struct Heads {
    part: Part,
    head: Head,
}

/// What comes next.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Head,
    /// So many bytes of a body.
    Sized(u64),
    /// A chunk's size, of which so many digits were read.
    Size {
        size: u64,
        digits: u8,
    },
    Extension(u64),
    SizeEnd(u64),
    Chunk(u64),
    ChunkReturn,
    ChunkEnd,
    LastReturn,
    LastEnd,
}

/// What was read of a head.
#[derive(Default)]
struct Head {
    /// A line that was cut by the end of a read.
    cut: Vec<u8>,
    /// Whether its first line was read.
    begun: bool,
    /// The authority that a target in absolute form names.
    authority: Option<Vec<u8>>,
    /// Whether it may lack a `Host`, as in HTTP/1.0.
    old: bool,
    host: bool,
    length: Option<u64>,
    chunked: bool,
}

impl Heads {
    /// Follows what was read.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub(super) fn follow(&mut self, read: &[u8]) -> Result<(), Fault> {
        let mut at = 0;
        while at < read.len() {
            at += match self.part {
                Part::Head => self.head(&read[at..]).ok_or(Fault::Head(at))?,
                part => self.body(part, &read[at..]).ok_or(Fault::Body(at))?,
            };
        }
        Ok(())
    }

    /// Whether a request has ended and the next one not begun.
    #[cfg(test)]
    pub(super) fn is_between(&self) -> bool {
        self.part == Part::Head && !self.head.begun && self.head.cut.is_empty()
    }

    /// Reads lines until the head ends or there are no more; how many bytes that were.
    fn head(&mut self, read: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(end) = line_end(&read[at..]) {
            let line = &read[at..=at + end];
            at += line.len();
            let over = if self.head.cut.is_empty() {
                self.head.line(line)?
            } else {
                let mut whole = std::mem::take(&mut self.head.cut);
                whole.extend_from_slice(line);
                self.head.line(&whole)?
            };
            if over {
                self.part = std::mem::take(&mut self.head).body()?;
                return Some(at);
            }
        }
        self.head.cut.extend_from_slice(&read[at..]);
        (self.head.cut.len() <= LONGEST_LINE).then_some(read.len())
    }

    /// Reads on in a body; how many bytes.
    fn body(&mut self, part: Part, read: &[u8]) -> Option<usize> {
        let first = *read.first()?;
        let mut taken = 1;
        self.part = match (part, first) {
            (Part::Sized(left), _) => {
                taken = few(left, read);
                if taken as u64 == left { Part::Head } else { Part::Sized(left - taken as u64) }
            }
            (Part::Chunk(left), _) => {
                taken = few(left, read);
                if taken as u64 == left { Part::ChunkReturn } else { Part::Chunk(left - taken as u64) }
            }
            (Part::Size { size, digits: 1.. }, b'\r') => Part::SizeEnd(size),
            (Part::Size { size, digits: 1.. }, b';') => Part::Extension(size),
            (Part::Size { size, digits: digits @ ..MOST_DIGITS }, _) => {
                Part::Size { size: size * 16 + u64::from(char::from(first).to_digit(16)?), digits: digits + 1 }
            }
            (Part::Extension(size), b'\r') => Part::SizeEnd(size),
            (Part::Extension(size), b'\t' | b' '..=b'~' | 0x80..) => Part::Extension(size),
            (Part::SizeEnd(0), b'\n') => Part::LastReturn,
            (Part::SizeEnd(size), b'\n') => Part::Chunk(size),
            (Part::ChunkReturn, b'\r') => Part::ChunkEnd,
            (Part::ChunkEnd, b'\n') => Part::Size { size: 0, digits: 0 },
            // Fields behind the last chunk are nobody's.
            (Part::LastReturn, b'\r') => Part::LastEnd,
            (Part::LastEnd, b'\n') => Part::Head,
            _ => return None,
        };
        Some(taken)
    }
}

/// How many of these bytes, of so many that are wanted.
fn few(wanted: u64, read: &[u8]) -> usize {
    usize::try_from(wanted).map_or(read.len(), |wanted| wanted.min(read.len()))
}

impl Head {
    /// Reads a line with its end; whether it is the last one. `None` if it is wrong.
    fn line(&mut self, line: &[u8]) -> Option<bool> {
        let line = line.strip_suffix(b"\r\n")?;
        if line.is_empty() {
            return Some(self.begun);
        }
        if !self.begun {
            self.begun = true;
            return self.request(line);
        }
        // Most fields are none of these, which shows by where their colon is not.
        if line.get(4) == Some(&b':')
            && let Some(host) = value(line, b"host:")
        {
            let same = self.authority.as_ref().is_none_or(|authority| authority.eq_ignore_ascii_case(host));
            return (same && is_host(host) && !std::mem::replace(&mut self.host, true)).then_some(false);
        }
        if line.get(14) == Some(&b':')
            && let Some(length) = value(line, b"content-length:")
        {
            let number = number(length)?;
            return self.length.replace(number).is_none().then_some(false);
        }
        if line.get(17) == Some(&b':')
            && let Some(coding) = value(line, b"transfer-encoding:")
        {
            return (coding.eq_ignore_ascii_case(b"chunked") && !std::mem::replace(&mut self.chunked, true)).then_some(false);
        }
        Some(false)
    }

    /// The first line: a method but `CONNECT`, which would make a tunnel of the connection, and a target that is a path, `*`, or an address of the web.
    fn request(&mut self, line: &[u8]) -> Option<bool> {
        let space = line.iter().position(|byte| *byte == b' ')?;
        let (method, target) = (&line[..space], &line[space + 1..]);
        self.old = line.ends_with(b" HTTP/1.0");
        if !line[0].is_ascii_alphabetic() || method.eq_ignore_ascii_case(b"connect") {
            return None;
        }
        if !matches!(target.first(), Some(b'/' | b'*')) {
            let rest = ["http://", "https://"].iter().find_map(|scheme| Some(&target[begins(target, scheme.as_bytes()).then_some(scheme.len())?..]))?;
            let end = rest.iter().position(|byte| b"/?# ".contains(byte))?;
            self.authority = Some(rest[..end].to_vec());
        }
        Some(false)
    }

    /// The body that follows it.
    fn body(self) -> Option<Part> {
        match (self.length, self.chunked, !self.host && (!self.old || self.authority.is_some())) {
            (_, _, true) | (Some(_), true, _) => None,
            (None, true, _) => Some(Part::Size { size: 0, digits: 0 }),
            (None | Some(0), false, _) => Some(Part::Head),
            (Some(length), false, _) => Some(Part::Sized(length)),
        }
    }
}

/// A name or an address, and perhaps a port (RFC 9112 3.2, RFC 3986 3.2.2): of what the grammar allows, only what a host can be called.
fn is_host(host: &[u8]) -> bool {
    let colon = host.iter().rposition(|byte| *byte == b':').filter(|at| !host[*at..].contains(&b']'));
    let (name, port) = colon.map_or((host, &[][..]), |at| (&host[..at], &host[at + 1..]));
    let named = match name.strip_prefix(b"[") {
        Some(rest) => {
            rest.strip_suffix(b"]").is_some_and(|address| address.contains(&b':') && address.iter().all(|b| b.is_ascii_hexdigit() || b":.".contains(b)))
        }
        None => !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(b)),
    };
    named && port.iter().all(u8::is_ascii_digit)
}

/// Where the first line feed is, eight bytes at a time: lines are too short for a search that has to get going.
fn line_end(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const FEEDS: u64 = ONES * b'\n' as u64;
    let mut words = bytes.chunks_exact(8);
    let mut at = 0;
    for word in &mut words {
        // Bytes that are line feeds become zero; the lowest byte that is zero keeps its highest bit.
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default()) ^ FEEDS;
        let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
        if zeros != 0 {
            return Some(at + zeros.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    words.remainder().iter().position(|byte| *byte == b'\n').map(|rest| at + rest)
}

/// Digits and nothing else, without a sign (RFC 9110 8.6).
fn number(digits: &[u8]) -> Option<u64> {
    let add = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?));
    digits.iter().try_fold(0, add).filter(|_| !digits.is_empty())
}

fn begins(text: &[u8], with: &[u8]) -> bool {
    text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
}

/// The value of the field of this name, with which the colon is written.
fn value<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    begins(line, name).then(|| line[name.len()..].trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows it in one read and byte by byte: both must say the same.
    fn follow(text: &[u8]) -> Result<(), Fault> {
        let (mut whole, mut cut) = (Heads::default(), Heads::default());
        let said = whole.follow(text);
        let cut = text.iter().try_for_each(|byte| cut.follow(&[*byte]));
        assert_eq!(said.is_ok(), cut.is_ok(), "{}", text.escape_ascii());
        said
    }

    #[test]
    fn what_browsers_proxies_and_sdks_send_passes() {
        for text in [
            "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "GET /healthz HTTP/1.0\r\n\r\n",
            "\r\n\r\nOPTIONS * HTTP/1.1\r\nhost:a\r\n\r\n",
            "GET http://A.example:80/x?y#z HTTP/1.1\r\nHost: a.EXAMPLE:80\r\n\r\n",
            "GET https://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 5 \t\r\nHost: a\r\n\r\n\n\0\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nTRANSFER-encoding:\tChunked\r\nHost: a\r\n\r\n00a;x=\"y\"\r\n\n123456\n\n\n\r\n0\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "PUT / HTTP/1.1\r\nContent-Length: 0\r\nHost: a:80\r\nContent-Lengths: 5\r\nHosts: a\r\nX-Host: a\r\nTransfer: chunked\r\n\r\nGET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: my_app--shop-1.example.:\r\nX: caf\u{e9}\tand more\r\nEmpty:\r\n\r\n",
        ] {
            assert_eq!(follow(text.as_bytes()), Ok(()), "{text:?}");
        }
    }

    #[test]
    fn what_others_could_read_otherwise_is_a_fault() {
        let fields = |fields: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        for text in [
            "GET / HTTP/1.1\nHost: a\r\n\r\n".to_owned(),
            "GET / HTTP/1.1\r\nHost: a\r\n\n".to_owned(),
            "GET / HTTP/1.1\r\nHost: a\r\nX: y\nContent-Length: 5\r\n\r\n".to_owned(),
            "\nGET / HTTP/1.1\r\n\r\n".to_owned(),
            "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n".to_owned(),
            "CONNECT /healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            "GET http://a/ HTTP/1.1\r\n\r\n".to_owned(),
            "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            "GET a HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            "GET / HTTP/1.1\r\n\r\n".to_owned(),
            "GET / HTTP/1.1\r\nHosts: a\r\n\r\n".to_owned(),
            "GET http://a/ HTTP/1.0\r\n\r\n".to_owned(),
            fields("host: a"),
            fields("Content-Length: 5\r\ncontent-length: 5"),
            fields("Content-Length: 5, 5"),
            fields("Content-Length: +5"),
            fields("Content-Length: 0x5"),
            fields("Content-Length:"),
            fields("Content-Length: 18446744073709551616"),
            fields("Content-Length: 5\r\nTransfer-Encoding: chunked"),
            fields("Transfer-Encoding: chunked\r\nContent-Length: 5"),
            fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
            fields("Transfer-Encoding: gzip, chunked"),
            fields("Transfer-Encoding: xchunked"),
        ] {
            assert_eq!(follow(text.as_bytes()), Err(Fault::Head(0)), "{text:?}");
        }
        for host in [
            "",
            "a@evil",
            "a b",
            "a,b",
            "a/b",
            "a?b",
            "a#b",
            "a\\b",
            "a:80:80",
            "a:x",
            ":80",
            "::1",
            "[::1",
            "[]",
            "[::1]x",
            "[a]:80",
            "a]",
            "caf\u{e9}",
            "a%2eb",
            "\"a\"",
        ] {
            for version in ["1.0", "1.1"] {
                let text = format!("GET / HTTP/{version}\r\nHost: {host}\r\n\r\n");
                assert_eq!(follow(text.as_bytes()), Err(Fault::Head(0)), "{text:?}");
            }
        }
        for body in ["5 \r\n", "\r\n", "5\n", "5;a\nb\r\n", "0x5\r\n", "1000000000000000\r\n", "1\r\naa\r\n", "1\r\na\n", "0\r\nX: y\r\n\r\n", "-1\r\n"] {
            let text = fields("Transfer-Encoding: chunked") + body;
            assert!(matches!(follow(text.as_bytes()), Err(Fault::Body(_))), "{text:?}");
        }
        let good = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(follow(format!("{good}GET / HTTP/1.1\n").as_bytes()), Err(Fault::Head(good.len())), "up to there it is well");
    }

    #[test]
    fn a_line_without_an_end_has_one() {
        let mut heads = Heads::default();
        let read = [b'a'; 1_024];
        assert_eq!((0..100).filter(|_| heads.follow(&read).is_ok()).count(), 64);
    }
}
