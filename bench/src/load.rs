//! Load: HTTP/1.1 over connections that are kept, one request at a time on each, with as little work here as can be.

use crate::{Outcome, process::Running};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// A request, ready to be sent again and again.
pub fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: localhost:{}\r\n", address.port());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if method != "GET" {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

/// A connection that is kept.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    head: usize,
    end: usize,
}

impl Connection {
    /// Opens one.
    pub fn open(address: SocketAddr) -> Outcome<Connection> {
        let stream = TcpStream::connect(address).map_err(|e| format!("{address}: {e}"))?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).map_err(|e| e.to_string())?;
        Ok(Connection { stream, buffer: vec![0; 256 * 1_024], head: 0, end: 0 })
    }

    /// Sends a request and reads the answer; its status.
    pub fn exchange(&mut self, request: &[u8]) -> Outcome<u16> {
        self.stream.write_all(request).map_err(|e| format!("sending: {e}"))?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).map_err(|e| format!("reading: {e}"))?;
            if read == 0 {
                return Err("the connection was closed, or an answer is too long".to_owned());
            }
            filled += read;
            let Some(head) = self.buffer[..filled].windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
            let (status, length) = self.measure(head)?;
            (self.head, self.end) = (head, head + 4 + length);
            while filled < self.end {
                let read = self.stream.read(&mut self.buffer[filled..]).map_err(|e| format!("reading: {e}"))?;
                if read == 0 {
                    return Err("the answer broke off".to_owned());
                }
                filled += read;
            }
            return Ok(status);
        }
    }

    fn measure(&self, head: usize) -> Outcome<(u16, usize)> {
        let text = std::str::from_utf8(&self.buffer[..head]).map_err(|e| e.to_string())?;
        let status = text.get(9..12).and_then(|status| status.parse().ok()).ok_or("no status")?;
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        Ok((status, length.unwrap_or(0)))
    }

    /// The head of the last answer.
    pub fn head(&self) -> &str {
        std::str::from_utf8(&self.buffer[..self.head]).unwrap_or_default()
    }

    /// The body of the last answer.
    pub fn body(&self) -> &str {
        std::str::from_utf8(&self.buffer[self.head + 4..self.end]).unwrap_or_default()
    }
}

/// What came of a load.
#[derive(Clone, Copy)]
pub struct Load {
    /// Answers for each second of the server's CPU.
    pub per_cpu: f64,
    /// Answers for each second.
    pub per_second: f64,
}

/// Sends requests for so long over one connection for each list; each list goes round. The first tenth is not counted.
pub fn run(server: &Running, lists: &[Vec<Vec<u8>>], wanted: u16, time: Duration) -> Outcome<Load> {
    let (stop, counting) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let hands: Vec<_> = lists.iter().map(|list| scope.spawn(|| hand(server.address, list, wanted, &counting, &stop))).collect();
        thread::sleep(time / 10);
        let (cpu, began) = (server.cpu(), Instant::now());
        counting.store(true, Ordering::Relaxed);
        thread::sleep(time);
        counting.store(false, Ordering::Relaxed);
        let (cpu, took) = (server.cpu() - cpu, began.elapsed().as_secs_f64());
        stop.store(true, Ordering::Relaxed);
        let mut done = 0.0;
        for hand in hands {
            done += hand.join().map_err(|_| "a thread of the load panicked")??;
        }
        Ok(Load { per_cpu: done / cpu, per_second: done / took })
    })
}

fn hand(address: SocketAddr, list: &[Vec<u8>], wanted: u16, counting: &AtomicBool, stop: &AtomicBool) -> Outcome<f64> {
    let mut connection = Connection::open(address)?;
    let mut done = 0.0;
    for request in list.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let status = connection.exchange(request)?;
        if status != wanted {
            return Err(format!("answered {status} instead of {wanted}: {}{}", connection.head(), connection.body()));
        }
        if counting.load(Ordering::Relaxed) {
            done += 1.0;
        }
    }
    Ok(done)
}
