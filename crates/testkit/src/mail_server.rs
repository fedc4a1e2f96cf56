//! A real mail server on this machine, which keeps what it takes and fails as it is told to.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    },
};
use world::mail::Encryption;

/// How it fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Not at all.
    #[default]
    None,
    /// Refuses the receiver for good: 550.
    NoSuchReceiver,
    /// Asks to come again: 451.
    Later,
    /// Says nothing to the receiver.
    Hangs,
    /// Hangs up in the middle of the mail.
    Drops,
    /// Does not offer encryption, as if somebody on the way had taken the offer out.
    NoStartTls,
    /// Sends more than the answer before the encryption begins.
    SpeaksOn,
    /// Greets without end.
    EndlessGreeting,
    /// Greets with lines without end.
    EndlessLines,
    /// Refuses the password, and repeats it.
    NoLogin,
    /// Refuses the mail for good, and repeats it.
    NoMail,
}

/// A mail that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The sender of the envelope.
    pub from: String,
    /// The receiver of the envelope.
    pub to: String,
    /// The mail, with its lines ended by CR LF.
    pub data: String,
    /// Whether it came encrypted.
    pub encrypted: bool,
    /// Who had logged in.
    pub login: Option<String>,
    /// On which connection, counted from 1.
    pub connection: usize,
}

impl Taken {
    /// The text part, decoded.
    pub fn text(&self) -> String {
        part(&self.data, "text/plain")
    }

    /// The HTML part, decoded.
    pub fn html(&self) -> String {
        part(&self.data, "text/html")
    }

    /// A header field, unfolded.
    pub fn field(&self, name: &str) -> String {
        let head = self.data.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
        head.split("\r\n").find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap_or_default().to_owned()
    }
}

/// A part of a mail, out of its quoted-printable form.
fn part(data: &str, kind: &str) -> String {
    let body = data.split_once(&format!("Content-Type: {kind}")).map(|(_, rest)| rest).unwrap_or_default();
    let body = body.split_once("\r\n\r\n").map(|(_, rest)| rest).unwrap_or_default();
    let body = body.split("\r\n--part-").next().unwrap_or_default().replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = body.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let digits: String = rest.by_ref().take(2).map(char::from).collect();
            bytes.extend(u8::from_str_radix(&digits, 16));
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The server.
pub struct MailServer {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its own certificate, in DER.
    pub certificate: Vec<u8>,
    state: Arc<State>,
}

struct State {
    encryption: Encryption,
    login: Option<(String, String)>,
    fault: Mutex<Fault>,
    taken: Mutex<Vec<Taken>>,
    /// Grows with every mail that came to its end, taken or not.
    ended: watch::Sender<usize>,
    plain: Mutex<String>,
    connections: Mutex<usize>,
    tls: TlsAcceptor,
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MailServer {
    /// Listens on this machine; asks for this log-in, if there is one.
    pub async fn start(encryption: Encryption, login: Option<(&str, &str)>) -> MailServer {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("a certificate");
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(cert.der().to_vec())], key.into())
            .expect("a key");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let state = Arc::new(State {
            encryption,
            login: login.map(|(name, password)| (name.to_owned(), password.to_owned())),
            fault: Mutex::default(),
            taken: Mutex::default(),
            ended: watch::Sender::new(0),
            plain: Mutex::default(),
            connections: Mutex::default(),
            tls: TlsAcceptor::from(Arc::new(config)),
        });
        let server = MailServer { address: listener.local_addr().expect("an address"), certificate: cert.der().to_vec(), state: Arc::clone(&state) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *held(&state.connections) += 1;
                let connection = *held(&state.connections);
                tokio::spawn(serve(Arc::clone(&state), stream, connection));
            }
        });
        server
    }

    /// Fails like this from now on.
    pub fn fail(&self, fault: Fault) {
        *held(&self.state.fault) = fault;
    }

    /// What was taken so far.
    pub fn taken(&self) -> Vec<Taken> {
        held(&self.state.taken).clone()
    }

    /// Waits until so many mails have come to their end, whether they were taken or refused; at most a minute.
    pub async fn ended(&self, count: usize) {
        let mut ended = self.state.ended.subscribe();
        let wait = ended.wait_for(|ended| *ended >= count);
        tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap_or_else(|_| panic!("no {count} mails in a minute")).expect("it runs");
    }

    /// How many mails have come to their end so far.
    pub fn ends(&self) -> usize {
        *self.state.ended.borrow()
    }

    /// Everything that was said to it in the clear.
    pub fn overheard(&self) -> String {
        held(&self.state.plain).clone()
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        *held(&self.state.connections)
    }
}

async fn serve(state: Arc<State>, stream: TcpStream, connection: usize) {
    // Whoever hangs up has hung up.
    let _ = match state.encryption {
        Encryption::Implicit => match state.tls.accept(stream).await {
            Ok(stream) => talk(&state, BufReader::new(stream), connection, true, true).await.map(drop),
            Err(error) => Err(error),
        },
        _ => match talk(&state, BufReader::new(stream), connection, false, true).await {
            Ok(Some(stream)) => match state.tls.accept(stream.into_inner()).await {
                Ok(stream) => talk(&state, BufReader::new(stream), connection, true, false).await.map(drop),
                Err(error) => Err(error),
            },
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        },
    };
}

/// One conversation; gives the stream back where encryption is to begin.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    state: &State,
    mut stream: BufReader<S>,
    connection: usize,
    encrypted: bool,
    greets: bool,
) -> std::io::Result<Option<BufReader<S>>> {
    let fault = || *held(&state.fault);
    if greets {
        match fault() {
            Fault::EndlessGreeting => loop {
                stream.write_all(&[b'2'; 1_024]).await?;
            },
            Fault::EndlessLines => loop {
                stream.write_all(b"220-and more\r\n").await?;
            },
            _ => say(&mut stream, "220 localhost ESMTP").await?,
        }
    }
    let (mut from, mut to, mut login) = (String::new(), String::new(), None);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        if !encrypted {
            held(&state.plain).push_str(&line);
        }
        let line = line.trim_end();
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            "EHLO" => {
                let tls = if state.encryption == Encryption::StartTls && !encrypted && fault() != Fault::NoStartTls { "250-STARTTLS\r\n" } else { "" };
                // Before the encryption too: a server may well be so careless.
                let auth = if state.login.is_some() { "250-AUTH LOGIN PLAIN\r\n" } else { "" };
                say(&mut stream, &format!("250-localhost\r\n{tls}{auth}250 8BITMIME")).await?;
            }
            "STARTTLS" if fault() == Fault::SpeaksOn => say(&mut stream, "220 go on\r\n250-localhost\r\n250 AUTH PLAIN").await?,
            "STARTTLS" => {
                say(&mut stream, "220 go on").await?;
                return Ok(Some(stream));
            }
            "AUTH" => {
                let expected = state.login.as_ref().map(|(name, password)| format!("\0{name}\0{password}"));
                let given = line.strip_prefix("AUTH PLAIN ").and_then(|token| base64::Engine::decode(&base64::engine::general_purpose::STANDARD, token).ok());
                let given = given.and_then(|bytes| String::from_utf8(bytes).ok());
                if given.is_some() && given == expected && fault() != Fault::NoLogin {
                    login = state.login.as_ref().map(|(name, _)| name.clone());
                    say(&mut stream, "235 welcome").await?;
                } else {
                    say(&mut stream, &format!("535 no: {line} {}", given.unwrap_or_default().replace('\0', " "))).await?;
                }
            }
            "MAIL" if state.login.is_some() && login.is_none() => say(&mut stream, "530 log in first").await?,
            "MAIL" => {
                from = line.trim_start_matches("MAIL FROM:<").trim_end_matches('>').to_owned();
                say(&mut stream, "250 fine").await?;
            }
            "RCPT" => match fault() {
                Fault::NoSuchReceiver => say(&mut stream, &format!("550 nobody here: {line}")).await?,
                Fault::Later => say(&mut stream, "451 come again").await?,
                Fault::Hangs => std::future::pending::<()>().await,
                _ => {
                    to = line.trim_start_matches("RCPT TO:<").trim_end_matches('>').to_owned();
                    say(&mut stream, "250 fine").await?;
                }
            },
            "DATA" => {
                say(&mut stream, "354 go on").await?;
                let data = data(&mut stream).await?;
                match fault() {
                    Fault::Drops => return Ok(None),
                    Fault::NoMail => {
                        state.ended.send_modify(|ended| *ended += 1);
                        say(&mut stream, &format!("554 not this: {}", data.replace("\r\n", " ").chars().take(1_000).collect::<String>())).await?;
                    }
                    _ => {
                        held(&state.taken).push(Taken { from: from.clone(), to: to.clone(), data, encrypted, login: login.clone(), connection });
                        state.ended.send_modify(|ended| *ended += 1);
                        say(&mut stream, "250 taken").await?;
                    }
                }
            }
            "RSET" | "NOOP" => say(&mut stream, "250 fine").await?,
            "QUIT" => {
                say(&mut stream, "221 good-bye").await?;
                return Ok(None);
            }
            _ => say(&mut stream, "500 what?").await?,
        }
    }
}

async fn say<S: AsyncWrite + Unpin>(stream: &mut S, line: &str) -> std::io::Result<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    stream.flush().await
}

/// The mail up to its last line, with the dots taken away again that were put before others.
async fn data<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> std::io::Result<String> {
    let mut mail = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == ".\r\n" {
            return Ok(mail);
        }
        mail.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
