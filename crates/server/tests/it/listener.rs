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
    let (address, _stop) = listening(Arc::new(Few::default())).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("asked");
        assert!(stream.read(&mut [0; 64]).await.expect("an answer") > 0);
        held.push(stream);
    }
    let mut third = TcpStream::connect(address).await.expect("it listens");
    assert_eq!(rest(&mut third).await, "", "closed without an answer");
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
        "Transfer-Encoding: gzip",
    ] {
        let answer = ask(fields).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.matches("HTTP/1.1").count() == 1, "{fields}: {answer}");
    }
    for fields in ["Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 5"] {
        assert_eq!(ask(fields).await.matches("HTTP/1.1").count(), 1, "nothing is read behind it: {fields}");
    }
}
