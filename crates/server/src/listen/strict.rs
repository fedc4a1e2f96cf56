//! A stream of requests whose ends are beyond doubt: the first one of which they are not is the last, and is answered 400.

use super::heads::{Fault, Heads};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// No head for anybody, and whole: hyper answers it with 400 when its turn comes, and closes the connection.
const NO_HEAD: &[u8] = b"\0\r\n\r\n";

/// The stream, followed from its first byte.
pub(super) struct Strict<S> {
    stream: S,
    heads: Heads,
    /// What hyper still gets to read once something was wrong.
    end: Option<&'static [u8]>,
}

impl<S> Strict<S> {
    pub(super) fn new(stream: S) -> Strict<S> {
        Strict { stream, heads: Heads::default(), end: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Strict<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.end.is_none() {
            let before = into.filled().len();
            ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
            let (at, end) = match self.heads.follow(&into.filled()[before..]) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(Fault::Head(at)) => (at, NO_HEAD),
                // A body that breaks off is never whole.
                Err(Fault::Body(at)) => (at, &[][..]),
            };
            into.set_filled(before + at);
            self.end = Some(end);
        }
        if let Some(end) = &mut self.end {
            let (now, later) = end.split_at(end.len().min(into.remaining()));
            into.put_slice(now);
            *end = later;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, parts: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use foundation::{Random, random::Seeded};
    use http::{Request, Response};
    use http_body_util::{BodyExt, Empty};
    use hyper::{
        body::{Bytes, Incoming},
        service::service_fn,
    };
    use hyper_util::rt::TokioIo;
    use std::{
        collections::VecDeque,
        convert::Infallible,
        sync::{Arc, Mutex},
    };

    /// A connection that hands out these reads, and remembers what is written.
    struct Script {
        reads: VecDeque<Vec<u8>>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl AsyncRead for Script {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            if let Some(mut read) = self.reads.pop_front() {
                let rest = read.split_off(read.len().min(into.remaining()));
                into.put_slice(&read);
                if !rest.is_empty() {
                    self.reads.push_front(rest);
                }
            }
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Script {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.written.lock().expect("whole").extend_from_slice(bytes);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// What hyper has read: each request's head with its body, if that was whole; whether the connection ended well; and what was answered.
    #[derive(Debug, PartialEq)]
    struct Seen {
        requests: Vec<(String, Option<Vec<u8>>)>,
        well: bool,
        answered: String,
    }

    impl Seen {
        fn whole(&self) -> Vec<&(String, Option<Vec<u8>>)> {
            self.requests.iter().filter(|(_, body)| body.is_some()).collect()
        }
    }

    async fn served<S: AsyncRead + AsyncWrite + Unpin>(wrap: impl FnOnce(Script) -> S, reads: VecDeque<Vec<u8>>) -> Seen {
        let (requests, written) = (Arc::new(Mutex::new(Vec::new())), Arc::default());
        let service = service_fn(|request: Request<Incoming>| {
            let requests = Arc::clone(&requests);
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.ok().map(|body| body.to_bytes().to_vec());
                requests.lock().expect("whole").push((format!("{} {} {:?}", head.method, head.uri, head.headers), body));
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        });
        let stream = wrap(Script { reads, written: Arc::clone(&written) });
        // Who asks waits for the answer: the end of the script does not end the connection before.
        let well = super::super::http().half_close(true).serve_connection(TokioIo::new(stream), service).await.is_ok();
        let answered = String::from_utf8_lossy(&written.lock().expect("whole")).into_owned();
        let requests = std::mem::take(&mut *requests.lock().expect("whole"));
        Seen { requests, well, answered }
    }

    /// Dice.
    struct Dice(Seeded);

    impl Dice {
        fn below(&mut self, end: usize) -> usize {
            let dice: &mut dyn Random = &mut self.0;
            usize::from(u16::from_le_bytes(dice.bytes())) % end
        }

        fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
            of[self.below(of.len())]
        }

        /// Bytes that mean something elsewhere.
        fn body(&mut self) -> Vec<u8> {
            let parts: [&[u8]; 8] =
                [b"GET /in HTTP/1.1\r\nHost: a\r\n\r\n", b"\n\n", b"\r\n\r\n", b"\0", b"0\r\n\r\n", b"{}", b"5\r\n", b"Content-Length: 9\r\n"];
            (0..self.below(4)).flat_map(|_| self.one(&parts).to_vec()).collect()
        }

        fn request(&mut self) -> Vec<u8> {
            let body = self.body();
            let mut fields = vec!["Host: a".to_owned()];
            let mut sent = Vec::new();
            match self.below(4) {
                0 => fields.push(format!("{}{}{}", self.one(&["Content-Length:", "content-length: ", "CONTENT-LENGTH:\t"]), body.len(), self.one(&["", " "]))),
                1 => {
                    fields.push(self.one(&["Transfer-Encoding: chunked", "transfer-encoding:Chunked "]).to_owned());
                    let mut rest = &body[..];
                    while !rest.is_empty() {
                        let (chunk, later) = rest.split_at(1 + self.below(rest.len()));
                        sent.extend(format!("{:x}{}\r\n", chunk.len(), self.one(&["", "", ";a=b"])).bytes());
                        sent.extend_from_slice(chunk);
                        sent.extend(b"\r\n");
                        rest = later;
                    }
                    sent.extend(b"0\r\n\r\n");
                }
                _ => {}
            }
            if fields.len() == 2 && sent.is_empty() {
                sent.clone_from(&body);
            }
            if self.below(20) == 0 {
                fields.push(
                    self.one(&[
                        "Content-Length: 2",
                        "Transfer-Encoding: chunked",
                        "Transfer-Encoding: identity",
                        "Host: b",
                        " folded",
                        "Content-Length : 3",
                        "Expect: 100-continue",
                        "Connection: close",
                    ])
                    .to_owned(),
                );
            }
            for _ in 0..self.below(3) {
                fields.insert(self.below(fields.len() + 1), self.one(&["Accept: */*", "x-empty:", "Cookie: a=b; c=d", "X-Long: \t y z \u{e9}"]).to_owned());
            }
            let start = self.one(&["GET / HTTP/1.1", "POST /p?q HTTP/1.1", "OPTIONS * HTTP/1.1", "PUT http://A/x HTTP/1.1", "\r\nPATCH / HTTP/1.1"]);
            [format!("{start}\r\n{}\r\n\r\n", fields.join("\r\n")).into_bytes(), sent].concat()
        }

        /// Some requests behind one another; every second time with something wrong somewhere.
        fn stream(&mut self) -> Vec<u8> {
            let mut bytes: Vec<u8> = (0..=self.below(4)).flat_map(|_| self.request()).collect();
            for _ in 0..self.below(3) {
                let at = self.below(bytes.len());
                match self.below(4) {
                    0 => drop(bytes.remove(at)),
                    1 => bytes[at] = self.one(&[b"\r", b"\n", b"\0", b" ", b":", b"5", b"\x80"])[0],
                    2 => bytes.insert(at, self.one(&[b"\r", b"\n", b"\t", b" ", b"0", b";", b","])[0]),
                    _ => bytes.truncate(at.max(1)),
                }
                if bytes.is_empty() {
                    bytes.push(b'G');
                }
            }
            bytes
        }

        fn reads(&mut self, mut bytes: &[u8]) -> VecDeque<Vec<u8>> {
            let most = *self.one(&[&1, &3, &40, &4_096]);
            let mut reads = VecDeque::new();
            while !bytes.is_empty() {
                let (read, rest) = bytes.split_at((1 + self.below(most)).min(bytes.len()));
                reads.push_back(read.to_vec());
                bytes = rest;
            }
            reads
        }
    }

    /// Where each request of the stream ends, as it is followed here, and where the one begins of which something is wrong.
    fn followed(bytes: &[u8]) -> (Vec<usize>, Option<Fault>) {
        let fault = Heads::default().follow(bytes).err();
        let mut heads = Heads::default();
        let ends = (0..bytes.len()).map_while(|at| heads.follow(&bytes[at..=at]).ok().map(|()| (at + 1, heads.is_between())));
        let mut ends: Vec<usize> = ends.filter_map(|(end, between)| between.then_some(end)).collect();
        // Empty lines before a head are of no request.
        let mut begin = 0;
        ends.retain(|end| bytes[std::mem::replace(&mut begin, *end)..*end] != *b"\r\n");
        (ends, fault)
    }

    /// N5: hyper reads what passes as it is followed here, however it is cut into reads; and what does not pass has no effect.
    #[tokio::test]
    async fn hyper_sees_the_same_requests_and_bodies() {
        let mut dice = Dice(Seeded::new(5));
        let (mut faults, mut wholes) = (0, 0);
        for case in 0..4_000 {
            let bytes = dice.stream();
            let what = format!("case {case}: {}", bytes.escape_ascii());
            let (ends, fault) = followed(&bytes);
            let [one, other] = [dice.reads(&bytes), dice.reads(&bytes)];
            let (one, other) = (served(Strict::new, one).await, served(Strict::new, other).await);
            assert_eq!(one.whole(), other.whole(), "{what}");
            let passed = match fault {
                None => &bytes[..],
                Some(Fault::Head(at) | Fault::Body(at)) => &bytes[..at],
            };
            let alone = served(|script| script, VecDeque::from([passed.to_vec()])).await;
            assert_eq!(one.whole(), alone.whole(), "{what}");
            let whole = one.whole().len();
            assert!(whole <= ends.len(), "hyper sees more requests: {what}");
            if one.well && !one.answered.contains("connection: close") {
                assert_eq!(whole, ends.len(), "{what}");
            }
            if matches!(fault, Some(Fault::Head(_))) && whole == ends.len() && !one.answered.contains("connection: close\r\ncontent-length: 0\r\n") {
                assert!(one.answered.contains("HTTP/1.1 400"), "{what}: {one:?}");
            }
            (faults, wholes) = (faults + usize::from(fault.is_some()), wholes + whole);
        }
        assert!(faults > 500 && wholes > 4_000, "the dice show both: {faults}, {wholes}");
    }

    /// N5, of what hyper refuses itself: an answer of 400, the connection's end, and nothing of what stands behind.
    #[tokio::test]
    async fn what_hyper_is_relied_on_to_refuse_is_refused() {
        for head in [
            "GET / HTTP/1.1\r\nHost: a\r\nX: b\rGET /in HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\rHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\tfolded: x\r\n\r\n",
            "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: \x1b[2J\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
            "G{T / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / x HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
            "GET /\r\nHost: a\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
        ] {
            let bytes = format!("{head}0\r\n\r\nGET /behind HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
            for reads in [VecDeque::from([bytes.clone()]), bytes.iter().map(|byte| vec![*byte]).collect()] {
                let seen = served(Strict::new, reads).await;
                assert!(seen.requests.is_empty() && !seen.well && seen.answered.starts_with("HTTP/1.1 400"), "{head:?}: {seen:?}");
                assert!(seen.answered.contains("connection: close") && seen.answered.matches("HTTP/1.1").count() == 1, "{head:?}: {seen:?}");
            }
        }
    }
}
