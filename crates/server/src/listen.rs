//! The listener: HTTP/1.1 with bounds on everything that a stranger can make long or slow.

use axum::body::Body;
use foundation::meter::{Counter, Gauge};
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};

/// How long a request's head may take.
const SLOWEST_HEAD: Duration = Duration::from_secs(10);
/// The most header fields.
const MOST_HEADERS: usize = 64;
/// The most bytes of a request's head.
const MOST_HEAD: usize = 32 * 1_024;
/// How long open requests may take after the server was told to stop.
const LAST_CALL: Duration = Duration::from_secs(10);

/// Who answers what comes in.
pub trait Answers: Send + Sync + 'static {
    /// The most connections at once.
    const MOST_CONNECTIONS: usize;

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
        let _ = stream.set_nodelay(true);
        let open = Open::new(&doors);
        let doors = Arc::clone(&doors);
        let service = service_fn(move |request: Request<Incoming>| {
            let doors = Arc::clone(&doors);
            async move { Ok::<_, Infallible>(doors.answer(request.map(Body::new), Some(peer.ip())).await) }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(SLOWEST_HEAD).max_headers(MOST_HEADERS).max_buf_size(MOST_HEAD);
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop((place, open));
        });
    }
    drop(listener);
    if tokio::time::timeout(LAST_CALL, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}
