//! Chance from the operating system.

use foundation::Random;

/// How many bytes are asked for at once.
const AHEAD: usize = 1_024;

/// The operating system's source, by a generator that it seeds. Most who ask want the sixteen bytes of an id, and asking costs as much as a kilobyte:
/// so it asks ahead. What was handed out is wiped here, so that nobody can find a secret where it was drawn.
pub struct OperatingSystem {
    ahead: [u8; AHEAD],
    used: usize,
}

impl OperatingSystem {
    /// A source that has asked for nothing yet.
    pub const fn new() -> OperatingSystem {
        OperatingSystem { ahead: [0; AHEAD], used: AHEAD }
    }
}

impl Default for OperatingSystem {
    fn default() -> Self {
        OperatingSystem::new()
    }
}

impl Random for OperatingSystem {
    fn fill(&mut self, bytes: &mut [u8]) {
        if bytes.len() > AHEAD {
            return draw(bytes);
        }
        if bytes.len() > AHEAD - self.used {
            draw(&mut self.ahead);
            self.used = 0;
        }
        let taken = &mut self.ahead[self.used..self.used + bytes.len()];
        bytes.copy_from_slice(taken);
        taken.fill(0);
        self.used += bytes.len();
    }
}

fn draw(bytes: &mut [u8]) {
    // Without chance no secret is one: there is nothing sensible to go on with.
    aws_lc_rs::rand::fill(bytes).expect("the operating system gives random bytes");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn nothing_is_handed_out_twice_and_nothing_stays() {
        let mut source = OperatingSystem::new();
        let mut seen = BTreeSet::new();
        for length in (16..=80).chain([AHEAD - 1, AHEAD, AHEAD + 1, 3 * AHEAD]).cycle().take(2_000) {
            let mut bytes = vec![0; length];
            source.fill(&mut bytes);
            assert!(bytes.chunks(16).filter(|piece| piece.len() == 16).all(|piece| seen.insert(piece.to_vec())), "of {length} bytes");
            assert!(source.ahead[..source.used].iter().all(|byte| *byte == 0), "what was handed out is wiped");
        }
        source.fill(&mut []);
    }
}
