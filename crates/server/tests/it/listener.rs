//! The listener on a socket: how many connections it takes of one network, and where bodies end.

use axum::body::Body;
use http::{Request, Response};
use server::listen::{self, Answers, Connections};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};
use testkit::TestServer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

async fn listening<A: Answers>(doors: Arc<A>) -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(listen::run(listener, doors, stopped));
    (address, stop)
}

/// Everything that comes until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection that is reset has ended too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[derive(Default)]
struct Few(Connections);

impl Answers for Few {
    const MOST_CONNECTIONS: usize = 64;
    const MOST_OF_NETWORK: usize = 2;

    fn is_shared(&self, _: IpAddr) -> bool {
        false
    }

    async fn answer(&self, _: Request<Body>, _: Option<IpAddr>) -> Response<Body> {
        Response::new(Body::from("served"))
    }

    fn connections(&self) -> &Connections {
        &self.0
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_has_so_many_connections_and_others_places_stay_free() {
    let few = Arc::new(Few::default());
    let (address, _stop) = listening(Arc::clone(&few)).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("asked");
        assert!(stream.read(&mut [0; 64]).await.expect("an answer") > 0);
        held.push(stream);
    }
    let mut third = TcpStream::connect(address).await.expect("it listens");
    assert_eq!(rest(&mut third).await, "", "closed without an answer");
    assert_eq!((few.0.refused.get(), few.0.accepted.get()), (1, 2));
}

/// N5: what a proxy in front of this server takes for the body's end must be its end here too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_whose_end_is_ambiguous_end_the_connection() {
    let server = TestServer::start().await;
    let (address, _stop) = listening(Arc::clone(server.doors())).await;
    let ask = async |fields: &str| {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let smuggled = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        let text = format!("POST /healthz HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n0\r\n\r\n{smuggled}");
        stream.write_all(text.as_bytes()).await.expect("asked");
        rest(&mut stream).await
    };
    for fields in [
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: gzip",
        "Content-Length : 5",
        "Host: x",
        "X: y\nContent-Length: 5",
        "X: y\rContent-Length: 5",
        "X: a\0b",
        " Content-Length: 5",
    ] {
        let answer = ask(fields).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.matches("HTTP/1.1").count() == 1, "{fields}: {answer}");
    }
    let counts = Answers::connections(&**server.doors());
    assert_eq!((counts.malformed.get(), counts.refused.get()), (15, 0));
}

/// Requests that come behind one another are answered in their order, and the one in doubt after those before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_before_is_answered_and_what_comes_behind_is_not() {
    let server = TestServer::start().await;
    let (address, _stop) = listening(Arc::clone(server.doors())).await;
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let good = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let body = "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 28\r\n\r\n\nGET / HTTP/1.1\nHost: y\r\n\r\n\0";
    stream.write_all(format!("{good}{body}{good}GET /healthz HTTP/1.1\nHost: x\r\n\r\n{good}").as_bytes()).await.expect("asked");
    let answer = rest(&mut stream).await;
    let statuses: Vec<&str> = answer.match_indices("HTTP/1.1 ").map(|(at, found)| &answer[at + found.len()..][..3]).collect();
    assert_eq!(statuses, ["200", "200", "200", "400"], "{answer}");
}
