//! A database in trouble: slow, silent, gone. PostgreSQL is reached through a proxy that can hold up, cut and refuse; SQLite's connections are all
//! taken.

use crate::TestServer;
use std::{net::SocketAddr, time::Duration};
use store::{Access, PlatformTx};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
};

/// What the line to the database does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// It carries everything.
    Passes,
    /// It carries everything later.
    Delays(Duration),
    /// It carries nothing and says nothing.
    Hangs,
    /// It cuts every connection.
    Drops,
    /// Nobody answers.
    Refuses,
}

/// A proxy before a PostgreSQL.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    line: watch::Sender<Line>,
}

impl Proxy {
    pub(crate) async fn before(database: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (line, state) = watch::channel(Line::Passes);
        tokio::spawn(accept(listener, address, database, state));
        Proxy { port: address.port(), line }
    }

    pub(crate) fn set(&self, line: Line) {
        self.line.send_replace(line);
    }
}

async fn accept(listener: TcpListener, own: SocketAddr, database: SocketAddr, mut state: watch::Receiver<Line>) {
    let mut open = Some(listener);
    loop {
        if *state.borrow_and_update() == Line::Refuses {
            drop(open.take());
            if state.changed().await.is_err() {
                return;
            }
            continue;
        }
        let listener = match open.take() {
            Some(listener) => listener,
            None => TcpListener::bind(own).await.expect("the same port"),
        };
        tokio::select! {
            accepted = listener.accept() => {
                let (near, _) = accepted.expect("a connection");
                tokio::spawn(carry(near, database, state.clone()));
            }
            changed = state.changed() => if changed.is_err() { return },
        }
        open = Some(listener);
    }
}

async fn carry(near: TcpStream, database: SocketAddr, state: watch::Receiver<Line>) {
    let work = async {
        if passes(&mut state.clone()).await.is_none() {
            return;
        }
        let Ok(far) = TcpStream::connect(database).await else { return };
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
        tokio::select! {
            () = copy(near_in, far_out, state.clone()) => {}
            () = copy(far_in, near_out, state.clone()) => {}
        }
    };
    let mut cutting = state.clone();
    tokio::select! {
        () = work => {}
        _ = cutting.wait_for(|line| matches!(line, Line::Drops | Line::Refuses)) => {}
    }
}

async fn copy(mut from: tcp::OwnedReadHalf, mut to: tcp::OwnedWriteHalf, mut state: watch::Receiver<Line>) {
    let mut bytes = vec![0; 16_384];
    while let Ok(count) = from.read(&mut bytes).await {
        if count == 0 || passes(&mut state).await.is_none() || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// Waits until the line carries; `None` where it never will.
async fn passes(state: &mut watch::Receiver<Line>) -> Option<()> {
    let line = *state.wait_for(|line| matches!(line, Line::Passes | Line::Delays(_))).await.ok()?;
    if let Line::Delays(by) = line {
        tokio::time::sleep(by).await;
    }
    Some(())
}

/// Everything that SQLite could be asked with, in somebody else's hands. Dropped, it is given back.
pub struct Taken(#[allow(dead_code, reason = "held, not looked at")] Vec<PlatformTx<'static>>);

/// As many readers as a SQLite database has.
const READERS: usize = 8;

impl TestServer {
    /// Lets the database be in trouble until what is returned is given to [`TestServer::heal`]. SQLite knows one kind of trouble: nobody gets a
    /// connection.
    pub async fn trouble(&self, line: Line) -> Taken {
        if let Some(proxy) = &self.place.proxy {
            proxy.set(line);
            return Taken(Vec::new());
        }
        let mut taken = vec![self.database.begin_platform(Access::Write).await.expect("the writer")];
        for _ in 0..READERS {
            taken.push(self.database.begin_platform(Access::Read).await.expect("a reader"));
        }
        Taken(taken)
    }

    /// The trouble is over.
    pub async fn heal(&self, taken: Taken) {
        drop(taken);
        if let Some(proxy) = &self.place.proxy {
            proxy.set(Line::Passes);
        }
        self.database.recovered().await;
    }
}
