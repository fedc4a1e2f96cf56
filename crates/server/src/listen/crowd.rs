//! How many connections come from one network, so that no single one takes all places.

use foundation::Network;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How much more a customer of a whole /48 has than one of a /64.
const SITE: usize = 4;

/// The connections of each network.
pub(super) struct Crowd {
    most: usize,
    of: Mutex<HashMap<Network, usize>>,
}

/// One connection; counted until it is dropped.
pub(super) struct Counted {
    crowd: Arc<Crowd>,
    networks: [Option<Network>; 2],
}

impl Crowd {
    /// At most so many of each.
    pub(super) fn new(most: usize) -> Arc<Crowd> {
        Arc::new(Crowd { most, of: Mutex::default() })
    }

    fn of(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a connection from this address; `None` where its network has as many as it may.
    pub(super) fn count(self: &Arc<Crowd>, peer: IpAddr) -> Option<Counted> {
        let network = Network::of(Some(peer));
        let networks = [Some(network), network.site()];
        let mut of = self.of();
        let bounds = [self.most, self.most.saturating_mul(SITE)];
        if networks.iter().zip(bounds).any(|(network, most)| network.is_some_and(|network| of.get(&network) >= Some(&most))) {
            return None;
        }
        for network in networks.iter().flatten() {
            *of.entry(*network).or_default() += 1;
        }
        Some(Counted { crowd: Arc::clone(self), networks })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut of = self.crowd.of();
        for network in self.networks.iter().flatten() {
            if let Some(count) = of.get_mut(network) {
                *count -= 1;
                if *count == 0 {
                    of.remove(network);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_takes_no_others_places() {
        let crowd = Crowd::new(2);
        let from = |address: &str| crowd.count(address.parse().expect("an address"));
        let held = [from("203.0.113.7"), from("::ffff:203.0.113.7")];
        assert!(held.iter().all(Option::is_some) && from("203.0.113.7").is_none(), "mapped or not");
        assert!(from("203.0.113.8").is_some());
        let site: Vec<_> = (0..8).filter_map(|n| from(&format!("2001:db8:1:{n}::1"))).collect();
        assert!(site.len() == 8 && from("2001:db8:1:9::1").is_none() && from("2001:db8:2:9::1").is_some(), "a /48 has four times as many");
        drop((held, site));
        assert!(from("203.0.113.7").is_some() && crowd.of().is_empty());
    }
}
