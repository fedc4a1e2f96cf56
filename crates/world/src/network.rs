//! The network, as far as the server asks for names and addresses itself.

use std::{
    io::{Error, ErrorKind, Read, Result, Write},
    net::{IpAddr, TcpStream, ToSocketAddrs},
    time::Duration,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// The most of an answer that is read.
const MOST: u64 = 4_096;

/// Finds names and asks servers. It blocks, so it is for commands and not for requests.
pub trait Network: Send + Sync {
    /// The addresses of a host.
    ///
    /// # Errors
    /// Where it has none.
    fn resolve(&self, host: &str) -> Result<Vec<IpAddr>>;

    /// Whether somebody listens there.
    ///
    /// # Errors
    /// Where nobody does.
    fn knock(&self, host: &str, port: u16) -> Result<()>;

    /// The first bytes of the answer to a `GET` over plain HTTP.
    ///
    /// # Errors
    /// Where nobody answers.
    fn ask(&self, host: &str, port: u16, path: &str) -> Result<String>;
}

/// The network of this machine.
pub struct ThisNetwork;

impl Network for ThisNetwork {
    fn resolve(&self, host: &str) -> Result<Vec<IpAddr>> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        Ok((bare, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
    }

    fn knock(&self, host: &str, port: u16) -> Result<()> {
        connect(self, host, port).map(drop)
    }

    fn ask(&self, host: &str, port: u16, path: &str) -> Result<String> {
        let mut stream = connect(self, host, port)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.take(MOST).read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

fn connect(network: &dyn Network, host: &str, port: u16) -> Result<TcpStream> {
    let mut last = Error::new(ErrorKind::NotFound, "the name has no address");
    for address in network.resolve(host)? {
        match TcpStream::connect_timeout(&(address, port).into(), PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A network without anybody in it.
pub struct NoNetwork;

impl Network for NoNetwork {
    fn resolve(&self, _: &str) -> Result<Vec<IpAddr>> {
        Err(nobody())
    }

    fn knock(&self, _: &str, _: u16) -> Result<()> {
        Err(nobody())
    }

    fn ask(&self, _: &str, _: u16, _: &str) -> Result<String> {
        Err(nobody())
    }
}

fn nobody() -> Error {
    Error::new(ErrorKind::NotFound, "there is no network")
}
