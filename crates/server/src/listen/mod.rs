//! The listener: HTTP/1.1 with bounds on everything that a stranger can make long or slow.

mod crowd;
mod heads;
mod patient;
mod strict;

use axum::body::Body;
use crowd::Crowd;
use foundation::meter::{Counter, Gauge};
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use patient::Patient;
use rustix::net::sockopt;
use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};
use strict::Strict;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};

/// How long a request's head may take.
const SLOWEST_HEAD: Duration = Duration::from_secs(10);
/// The most header fields.
const MOST_HEADERS: usize = 64;
/// The most bytes of a request's head.
const MOST_HEAD: usize = 32 * 1_024;
/// How long what is written may wait for the other side to read.
const SLOWEST_READER: Duration = Duration::from_secs(30);
/// How many bytes the kernel keeps of what the other side has not read yet; it takes twice as much for it.
const MOST_UNREAD: usize = 64 * 1_024;
/// How many bytes the kernel keeps of what this side has not read yet.
const MOST_UNHEARD: usize = 128 * 1_024;
/// How long open requests may take after the server was told to stop.
const LAST_CALL: Duration = Duration::from_secs(10);

/// Who answers what comes in.
pub trait Answers: Send + Sync + 'static {
    /// The most connections at once.
    const MOST_CONNECTIONS: usize;
    /// The most of one network.
    const MOST_OF_NETWORK: usize;

    /// Whether many people's connections come from this address, so that they are not counted together.
    fn is_shared(&self, peer: IpAddr) -> bool;

    /// Answers a request from the other end of the connection.
    fn answer(&self, request: Request<Body>, peer: Option<IpAddr>) -> impl Future<Output = Response<Body>> + Send;

    /// The counts of its connections.
    fn connections(&self) -> &Connections;
}

/// The counts of a listener's connections.
#[derive(Debug, Default)]
pub struct Connections {
    /// Those that are open.
    pub open: Gauge,
    /// Those that were accepted.
    pub accepted: Counter,
    /// Those that were closed at once, because their network had as many as it may.
    pub refused: Counter,
    /// Those that were ended by a request that is none, or whose end is in doubt.
    pub malformed: Counter,
}

/// A connection; counted as open until it is dropped.
struct Open<A: Answers>(Arc<A>);

impl<A: Answers> Open<A> {
    fn new(at: &Arc<A>) -> Open<A> {
        at.connections().accepted.one();
        at.connections().open.rise();
        Open(Arc::clone(at))
    }
}

impl<A: Answers> Drop for Open<A> {
    fn drop(&mut self) {
        self.0.connections().open.fall();
    }
}

/// Accepts connections until it is told to stop, then lets those that are open finish.
pub async fn run<A: Answers>(listener: TcpListener, doors: Arc<A>, mut stop: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(A::MOST_CONNECTIONS));
    let crowd = Crowd::new(A::MOST_OF_NETWORK);
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            _ = stop.changed() => break,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: wait for one to come back.
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let counted = if doors.is_shared(peer.ip()) { None } else { Some(crowd.count(peer.ip())) };
        if matches!(counted, Some(None)) {
            doors.connections().refused.one();
            continue;
        }
        bound(&stream);
        let open = Open::new(&doors);
        let doors = Arc::clone(&doors);
        let service = service_fn(move |request: Request<Incoming>| {
            let doors = Arc::clone(&doors);
            async move { Ok::<_, Infallible>(doors.answer(request.map(Body::new), Some(peer.ip())).await) }
        });
        let connection = graceful.watch(http().serve_connection(TokioIo::new(Strict::new(Patient::new(stream, SLOWEST_READER))), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                if error.is_parse() {
                    open.0.connections().malformed.one();
                }
                tracing::debug!(%error, "connection ended");
            }
            drop((place, open, counted));
        });
    }
    drop(listener);
    if tokio::time::timeout(LAST_CALL, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

/// HTTP/1.1 as it is spoken here.
fn http() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(SLOWEST_HEAD).max_headers(MOST_HEADERS).max_buf_size(MOST_HEAD);
    builder
}

/// Bounds what the kernel keeps for a connection. A kernel that refuses keeps as much as it likes, and nothing else depends on it.
fn bound(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let _ = sockopt::set_socket_send_buffer_size(stream, MOST_UNREAD);
    let _ = sockopt::set_socket_recv_buffer_size(stream, MOST_UNHEARD);
    // Also after it was closed here: until then the kernel keeps what was not read.
    let _ = sockopt::set_tcp_user_timeout(stream, u32::try_from(SLOWEST_READER.as_millis()).unwrap_or(u32::MAX));
}
