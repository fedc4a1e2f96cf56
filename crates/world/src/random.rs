//! Chance from the operating system.

use foundation::Random;

/// The operating system's source.
pub struct OperatingSystem;

impl Random for OperatingSystem {
    fn fill(&mut self, bytes: &mut [u8]) {
        // Without chance no secret is one: there is nothing sensible to go on with.
        aws_lc_rs::rand::fill(bytes).expect("the operating system gives random bytes");
    }
}
