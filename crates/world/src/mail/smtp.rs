//! The dialogue with a mail server (RFC 5321), with bounds on everything that the other side says.
//!
//! Whatever it sent before `STARTTLS` was done is not believed (CVE-2011-0411): a byte too many ends the dialogue. Credentials are shown over
//! an encrypted connection only, or to this machine.

use super::{Encryption, Receipt, SmtpServer, Undelivered, message::Encoded};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};

const LONGEST_LINE: usize = 2_048;
const MOST_LINES: usize = 100;
/// How long one answer may take.
const SLOWEST_ANSWER: Duration = Duration::from_secs(15);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An open connection, greeted, encrypted and logged in as its server asks.
pub(super) struct Dialogue {
    stream: Box<dyn Stream>,
    /// What was read and not used yet.
    rest: Vec<u8>,
    /// What the server can, as it said after `EHLO`.
    offers: Vec<String>,
}

/// An answer.
struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Dialogue {
    /// Greets the server over this connection.
    pub(super) async fn open(stream: TcpStream, server: &SmtpServer, tls: Option<&Arc<ClientConfig>>, hello: &str) -> Result<Dialogue, Undelivered> {
        let here = stream.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback());
        if server.encryption == Encryption::None && !here {
            return Err(Undelivered::never("only a mail server on this machine may do without encryption", ""));
        }
        let stream: Box<dyn Stream> = match server.encryption {
            Encryption::Implicit => encrypted(Box::new(stream), server, tls).await?,
            _ => Box::new(stream),
        };
        let mut dialogue = Dialogue { stream, rest: Vec::new(), offers: Vec::new() };
        dialogue.read("the mail server's greeting", &[220]).await?;
        dialogue.greet(hello).await?;
        if server.encryption == Encryption::StartTls {
            dialogue = dialogue.start_tls(server, tls).await?;
            dialogue.greet(hello).await?;
        }
        dialogue.log_in(server).await?;
        Ok(dialogue)
    }

    async fn greet(&mut self, hello: &str) -> Result<(), Undelivered> {
        let reply = self.ask("EHLO", &format!("EHLO {hello}"), &[250]).await.map_err(temporary)?;
        self.offers = reply.lines.into_iter().skip(1).map(|line| line.to_ascii_uppercase()).collect();
        Ok(())
    }

    /// Encrypts the connection. A server, or whoever stands before it, that does not offer it is told nothing.
    async fn start_tls(mut self, server: &SmtpServer, tls: Option<&Arc<ClientConfig>>) -> Result<Dialogue, Undelivered> {
        if !self.offers.iter().any(|offer| offer == "STARTTLS") {
            return Err(Undelivered::later("the mail server offers no STARTTLS", ""));
        }
        self.ask("STARTTLS", "STARTTLS", &[220]).await.map_err(temporary)?;
        if !self.rest.is_empty() {
            return Err(Undelivered::later("the mail server spoke on before the encryption began", ""));
        }
        let stream = encrypted(self.stream, server, tls).await?;
        Ok(Dialogue { stream, rest: Vec::new(), offers: Vec::new() })
    }

    async fn log_in(&mut self, server: &SmtpServer) -> Result<(), Undelivered> {
        let Some((name, password)) = &server.login else { return Ok(()) };
        let offered = |way: &str| self.offers.iter().any(|offer| offer.strip_prefix("AUTH").is_some_and(|ways| ways.split([' ', '=']).any(|w| w == way)));
        // The words of an answer could repeat what was sent: only its code is kept.
        let silent = |error: Undelivered| Undelivered { words: String::new(), ..temporary(error) };
        if offered("PLAIN") {
            let token = STANDARD.encode(format!("\0{name}\0{}", password.expose()));
            return self.ask("logging in", &format!("AUTH PLAIN {token}"), &[235]).await.map(drop).map_err(silent);
        }
        if offered("LOGIN") {
            self.ask("logging in", "AUTH LOGIN", &[334]).await.map_err(silent)?;
            self.ask("logging in", &STANDARD.encode(name), &[334]).await.map_err(silent)?;
            return self.ask("logging in", &STANDARD.encode(password.expose()), &[235]).await.map(drop).map_err(silent);
        }
        Err(Undelivered::later("the mail server offers no way to log in that is known here", ""))
    }

    /// Hands a mail over.
    pub(super) async fn hand_over(&mut self, mail: &Encoded) -> Result<Receipt, Undelivered> {
        self.ask("the sender", &format!("MAIL FROM:<{}>", mail.from), &[250]).await?;
        self.ask("the receiver", &format!("RCPT TO:<{}>", mail.to), &[250, 251]).await?;
        self.ask("the mail's announcement", "DATA", &[354]).await?;
        let reply = self.exchange("the mail itself", &framed(&mail.bytes), &[250]).await?;
        Ok(Receipt { code: Some(reply.code), words: reply.words() })
    }

    /// Forgets a mail that was begun, and finds out whether the server is still there.
    pub(super) async fn is_alive(&mut self) -> bool {
        matches!(timeout(Duration::from_secs(3), self.ask("RSET", "RSET", &[250])).await, Ok(Ok(_)))
    }

    /// Says good-bye.
    pub(super) async fn quit(mut self) {
        let _ = timeout(Duration::from_secs(3), self.ask("QUIT", "QUIT", &[221])).await;
    }

    async fn ask(&mut self, step: &'static str, line: &str, good: &[u16]) -> Result<Reply, Undelivered> {
        if line.contains(['\r', '\n', '\0']) {
            return Err(Undelivered::never("a command would have been two", ""));
        }
        self.exchange(step, format!("{line}\r\n").as_bytes(), good).await
    }

    async fn exchange(&mut self, step: &'static str, bytes: &[u8], good: &[u16]) -> Result<Reply, Undelivered> {
        let written = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout(SLOWEST_ANSWER, written).await {
            Ok(Ok(())) => self.read(step, good).await,
            Ok(Err(error)) => Err(Undelivered::later(step, error)),
            Err(_) => Err(Undelivered::silent(step)),
        }
    }

    async fn read(&mut self, step: &'static str, good: &[u16]) -> Result<Reply, Undelivered> {
        let reply = match timeout(SLOWEST_ANSWER, self.reply()).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) => return Err(Undelivered::later(step, error)),
            Err(_) => return Err(Undelivered::silent(step)),
        };
        if good.contains(&reply.code) {
            return Ok(reply);
        }
        Err(Undelivered { permanent: (500..600).contains(&reply.code), step, code: Some(reply.code), words: reply.words(), silent: false })
    }

    async fn reply(&mut self) -> io::Result<Reply> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await?;
            let code = line.get(..3).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit())).and_then(|digits| digits.parse().ok());
            let (Some(code), false) = (code, lines.len() >= MOST_LINES) else {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "this is no mail server"));
            };
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(Reply { code, lines });
            }
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.rest.len() > LONGEST_LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "an endless line"));
            }
            let mut chunk = [0; 1_024];
            match self.stream.read(&mut chunk).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.rest.extend(chunk.iter().take(read)),
            }
        }
    }
}

impl Reply {
    /// The words, printable and short.
    fn words(&self) -> String {
        super::message::one_line(&self.lines.join(" "), 300)
    }
}

/// What a server refuses before a mail was named can be mended on its side or ours.
fn temporary(error: Undelivered) -> Undelivered {
    Undelivered { permanent: false, ..error }
}

async fn encrypted(stream: Box<dyn Stream>, server: &SmtpServer, tls: Option<&Arc<ClientConfig>>) -> Result<Box<dyn Stream>, Undelivered> {
    let Some(tls) = tls else { return Err(Undelivered::later("the encryption", "")) };
    let name = ServerName::try_from(server.host.clone()).map_err(|e| Undelivered::never("the mail server's name is none", e))?;
    match timeout(SLOWEST_ANSWER, TlsConnector::from(Arc::clone(tls)).connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(Undelivered::later("the encryption", error)),
        Err(_) => Err(Undelivered::silent("the encryption")),
    }
}

/// The mail with every line ended by CR LF, a dot before each that begins with one, and the line that ends it.
fn framed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 64);
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend(line.iter().filter(|byte| **byte != b'\r'));
        out.extend(b"\r\n");
    }
    out.extend(b".\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SMTP smuggling (CVE-2023-51764): no odd line end can end the mail for one reader and not for another.
    #[test]
    fn only_our_own_last_line_is_a_lone_dot() {
        for body in ["a\r\n.\r\nMAIL FROM:<x>\r\n", "a\n.\nb", "a\r.\rb", "a\n.\r\nb", "a\r\n.\nb", "a\r\n.\rb", ".", "..", "\r\n.\r\n.\r\n"] {
            let framed = String::from_utf8(framed(body.as_bytes())).expect("text");
            assert_eq!(framed.matches("\r\n.\r\n").count(), 1, "{body:?} {framed:?}");
            assert!(framed.ends_with("\r\n.\r\n") && !framed.starts_with(".\r\n"));
            let bare = framed.replace("\r\n", "");
            assert!(!bare.contains('\r') && !bare.contains('\n'));
        }
    }
}
