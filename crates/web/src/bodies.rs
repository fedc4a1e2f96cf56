//! Room for the bodies that are being read: how many bytes of them are held at once, of one network and of all. It is taken as they arrive:
//! what a request only says that it will send takes none.

use crate::{app::App, knock::Knock};
use axum::{body::Body, extract::Request};
use foundation::{Network, Problem, meter::Counter};
use futures_util::StreamExt;
use http::header;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The most bytes of a body.
const MOST_BYTES: usize = 1_024 * 1_024;
/// How long a body may take to arrive.
const SLOWEST: Duration = Duration::from_secs(30);
/// The most bytes that are held of all.
const MOST: usize = 96 * 1_024 * 1_024;
/// The most of one network.
const MOST_OF_NETWORK: usize = 8 * 1_024 * 1_024;
/// The most of a whole /48.
const MOST_OF_SITE: usize = 32 * 1_024 * 1_024;
/// After how many seconds it is worth asking again.
const AGAIN: u64 = 2;

#[derive(Default)]
struct Taken {
    all: usize,
    of: HashMap<Network, usize>,
}

/// All room of this node.
#[derive(Default)]
pub struct Bodies {
    taken: Mutex<Taken>,
    /// Those that found no room.
    pub refused: Counter,
}

/// The room of one body, until it is dropped.
pub(crate) struct Held {
    bodies: Arc<Bodies>,
    /// Absent for whoever is on this machine: that may be a proxy that speaks for everybody.
    networks: [Option<Network>; 2],
    bytes: usize,
}

impl Bodies {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for a body of somebody from this address; none is taken yet.
    pub(crate) fn begin(self: &Arc<Bodies>, peer: Option<IpAddr>) -> Held {
        let far = peer.filter(|peer| !peer.to_canonical().is_loopback());
        let network = far.map(|peer| Network::of(Some(peer)));
        Held { bodies: Arc::clone(self), networks: [network, network.and_then(Network::site)], bytes: 0 }
    }
}

impl Held {
    /// Takes room for so many more bytes.
    ///
    /// # Errors
    /// [`Problem::Busy`] where too many are held.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        let mut taken = self.bodies.taken();
        let bounds = self.networks.iter().zip([MOST_OF_NETWORK, MOST_OF_SITE]);
        let mut bounds = bounds.filter_map(|(network, most)| network.map(|network| (taken.of.get(&network).copied().unwrap_or_default(), most)));
        let full = taken.all + bytes > MOST || bounds.any(|(held, most)| held + bytes > most);
        if full {
            drop(taken);
            self.bodies.refused.one();
            return Err(Problem::Busy(AGAIN));
        }
        taken.all += bytes;
        for network in self.networks.iter().flatten() {
            *taken.of.entry(*network).or_default() += bytes;
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut taken = self.bodies.taken();
        taken.all -= self.bytes;
        for network in self.networks.iter().flatten() {
            if let Some(count) = taken.of.get_mut(network) {
                *count -= self.bytes;
                if *count == 0 {
                    taken.of.remove(network);
                }
            }
        }
    }
}

/// Reads the body of a request. Its room is taken until what comes beside it is dropped: after it was parsed.
///
/// # Errors
/// As [`collect`].
pub(crate) async fn read(app: &App, request: Request) -> Result<(Vec<u8>, Held), Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|l| l.parse().ok());
    let mut held = app.bodies.begin(request.extensions().get::<Knock>().and_then(|knock| knock.peer));
    let whole = collect(request.into_body(), length, SLOWEST, &mut held).await?;
    Ok((whole, held))
}

/// Reads a body, which takes room as it arrives.
///
/// # Errors
/// [`Problem::BodyTooLarge`]; [`Problem::BodyTooSlow`]; [`Problem::BodyUnreadable`]; [`Problem::Busy`].
async fn collect(body: Body, length: Option<u64>, slowest: Duration, held: &mut Held) -> Result<Vec<u8>, Problem> {
    if length.is_some_and(|length| length > MOST_BYTES as u64) {
        return Err(Problem::BodyTooLarge(MOST_BYTES));
    }
    let mut parts = body.into_data_stream();
    let mut whole = Vec::new();
    let all = async {
        while let Some(part) = parts.next().await {
            let part = part.map_err(|_| Problem::BodyUnreadable("it broke off".into()))?;
            if whole.len() + part.len() > MOST_BYTES {
                return Err(Problem::BodyTooLarge(MOST_BYTES));
            }
            held.grow(part.len())?;
            whole.extend_from_slice(&part);
        }
        Ok(())
    };
    tokio::time::timeout(slowest, all).await.unwrap_or(Err(Problem::BodyTooSlow))?;
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures_util::stream;

    /// As Slowloris does: nearly all of a body, and then nothing more for as long as it may take.
    #[tokio::test]
    async fn bodies_that_are_never_whole_leave_room_for_others() {
        let bodies = Arc::new(Bodies::default());
        let read = async |address: &str| {
            let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![b'a'; MEGABYTE - 1]))]).chain(stream::pending());
            let mut held = bodies.begin(address.parse().ok());
            collect(Body::from_stream(begun), Some(MEGABYTE as u64), Duration::from_millis(500), &mut held).await
        };
        let answers = futures_util::future::join_all((0..20).map(|_| read("203.0.113.7"))).await;
        let refused = answers.iter().filter(|answer| **answer == Err(Problem::Busy(2))).count();
        assert_eq!((refused, answers.iter().filter(|answer| **answer == Err(Problem::BodyTooSlow)).count()), (12, 8));
        assert_eq!((bodies.taken().all, bodies.refused.get()), (0, 12));
        let mut held = bodies.begin(None);
        let long = collect(Body::from(vec![b'a'; MEGABYTE + 1]), None, SLOWEST, &mut held).await;
        assert_eq!(long, Err(Problem::BodyTooLarge(MEGABYTE)));
        assert_eq!(collect(Body::from("{}"), Some(2), SLOWEST, &mut held).await, Ok(b"{}".to_vec()));
    }

    const MEGABYTE: usize = 1_024 * 1_024;

    #[test]
    fn one_network_leaves_room_for_others_and_gives_it_back() {
        let bodies = Arc::new(Bodies::default());
        let held = |address: &str, bytes| {
            let mut held = bodies.begin(address.parse().ok());
            held.grow(bytes).map(|()| held)
        };
        let mine: Vec<_> = (0..9).map(|_| held("203.0.113.7", MEGABYTE)).collect();
        assert_eq!(mine.iter().filter(|held| held.is_ok()).count(), 8);
        assert_eq!(held("::ffff:203.0.113.7", 1).err(), Some(Problem::Busy(2)));
        assert!(held("203.0.113.8", MEGABYTE).is_ok());
        let site: Vec<_> = (0..5).filter_map(|n| held(&format!("2001:db8:1:{n}::1"), MOST_OF_NETWORK).ok()).collect();
        assert_eq!(site.len(), 4, "a /48 has an end too");
        let near = held("127.0.0.1", 56 * MEGABYTE).expect("a proxy on this machine speaks for many");
        assert!(held("203.0.113.8", 1).is_err(), "and there is an end");
        drop((mine, site, near));
        assert!(bodies.taken().all == 0 && bodies.taken().of.is_empty());
    }
}
