//! The world outside: time, chance, mail, key making and password hashing come in through one struct, and nothing else reaches out.
//!
//! Each thing has a real form and a fake one; a fake world with the same seed repeats itself.

pub mod clock;
pub mod dns;
pub mod images;
pub mod key_maker;
pub mod mail;
pub mod network;
pub mod passwords;
pub mod places;
pub mod random;

use clock::{FakeClock, SystemClock};
use dns::{Dns, SystemDns, Zone};
use foundation::{Clock, random::Seeded, random::Shared};
use images::Images;
use key_maker::{FixedKeys, KeyMaker, NewKeys};
use mail::{Inbox, Post};
use network::{Network, NoNetwork, ThisNetwork};
use passwords::Passwords;
use places::Places;
use std::sync::Arc;

/// Everything outside.
pub struct World {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives random bytes.
    pub random: Shared,
    /// Delivers mail.
    pub mail: Post,
    /// What was caught instead of delivered.
    pub inbox: Arc<Inbox>,
    /// Finds names and asks servers.
    pub network: Arc<dyn Network>,
    /// Asks for the records of domains.
    pub dns: Arc<dyn Dns>,
    /// Makes key pairs.
    pub keys: Arc<dyn KeyMaker>,
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// Makes pictures small and safe.
    pub images: Images,
    /// Knows where network addresses are.
    pub places: Places,
}

impl World {
    /// The real world. Mail is caught in the inbox until a mail server is given.
    pub fn real() -> World {
        let inbox = Arc::new(Inbox::default());
        World {
            clock: Arc::new(SystemClock),
            random: Shared::new(random::OperatingSystem::new()),
            mail: Post::new(Arc::new(SystemClock), Arc::clone(&inbox)),
            inbox,
            network: Arc::new(ThisNetwork),
            dns: Arc::new(SystemDns::new(Shared::new(random::OperatingSystem::new()))),
            keys: Arc::new(NewKeys),
            passwords: Passwords::for_this_machine(),
            images: Images::for_this_machine(),
            places: Places::default(),
        }
    }

    /// A world that repeats itself: the clock moves by hand, chance comes from the seed, key pairs from a fixed set, and
    /// passwords are hashed with the least work.
    pub fn fake(seed: u64) -> (World, Arc<FakeClock>) {
        let clock = Arc::new(FakeClock::default());
        let inbox = Arc::new(Inbox::default());
        let world = World {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            random: Shared::new(Seeded::new(seed)),
            mail: Post::new(Arc::clone(&clock) as Arc<dyn Clock>, Arc::clone(&inbox)),
            inbox,
            network: Arc::new(NoNetwork),
            dns: Arc::new(Zone::default()),
            keys: Arc::new(FixedKeys::default()),
            passwords: Passwords::weak_for_tests(),
            images: Images::for_this_machine(),
            places: Places::default(),
        };
        (world, clock)
    }
}
