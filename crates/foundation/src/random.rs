//! Chance: where random bytes come from.

use aws_lc_rs::digest::{SHA256, digest};
use std::sync::{Arc, Mutex};

/// A source of random bytes. The real one asks the operating system; a seeded one repeats itself.
pub trait Random: Send {
    /// Fills the buffer.
    fn fill(&mut self, bytes: &mut [u8]);
}

impl dyn Random + '_ {
    /// An array of random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// `digits` random decimal digits, evenly distributed, leading zeros kept.
    pub fn digits(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from(b'0' + self.below(10))).collect()
    }

    /// `length` random characters of the alphabet, evenly distributed. The alphabet has 1 to 255 characters.
    pub fn letters(&mut self, alphabet: &[u8], length: usize) -> String {
        let size = u8::try_from(alphabet.len()).unwrap_or(u8::MAX);
        (0..length).map(|_| char::from(alphabet[usize::from(self.below(size))])).collect()
    }

    fn below(&mut self, limit: u8) -> u8 {
        let fair = u8::MAX - u8::MAX % limit;
        loop {
            let [byte] = self.bytes::<1>();
            if byte < fair {
                return byte % limit;
            }
        }
    }
}

/// One source in many hands.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<dyn Random>>);

impl Shared {
    /// Shares the source.
    pub fn new(random: impl Random + 'static) -> Shared {
        Shared(Arc::new(Mutex::new(random)))
    }
}

impl Random for Shared {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).fill(bytes);
    }
}

/// Repeats the same bytes for the same seed: SHA-256 over seed and counter. For tests.
pub struct Seeded {
    seed: u64,
    counter: u64,
}

impl Seeded {
    /// Starts at the beginning of this seed's bytes.
    pub const fn new(seed: u64) -> Seeded {
        Seeded { seed, counter: 0 }
    }
}

impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let mut input = [0; 16];
            input[..8].copy_from_slice(&self.seed.to_be_bytes());
            input[8..].copy_from_slice(&self.counter.to_be_bytes());
            self.counter += 1;
            chunk.copy_from_slice(&digest(&SHA256, &input).as_ref()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_keep_their_length_and_cover_all_ten() {
        let random: &mut dyn Random = &mut Seeded::new(3);
        let text = random.digits(2_000);
        assert_eq!(text.len(), 2_000);
        for digit in '0'..='9' {
            let share = text.chars().filter(|c| *c == digit).count();
            assert!((120..280).contains(&share), "{digit}: {share}");
        }
    }
}
