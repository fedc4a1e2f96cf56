//! Making key pairs: slow in the real world, fixed in a fake one.

use foundation::Result;
use protocols::jose::SigningKey;
use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

/// Makes RSA-2048 key pairs as PKCS#8 bytes. Blocks for about 75 ms: call it outside of the async workers.
pub trait KeyMaker: Send + Sync {
    /// A key pair.
    ///
    /// # Errors
    /// Only where the library fails.
    fn make(&self) -> Result<Vec<u8>>;
}

/// A new pair each time.
pub struct NewKeys;

impl KeyMaker for NewKeys {
    fn make(&self) -> Result<Vec<u8>> {
        SigningKey::generate()
    }
}

/// Hands out the same few pairs in turn, made once a process. For tests, where every server wants several.
#[derive(Default)]
pub struct FixedKeys(AtomicUsize);

impl KeyMaker for FixedKeys {
    fn make(&self) -> Result<Vec<u8>> {
        static PAIRS: [OnceLock<Vec<u8>>; 6] = [const { OnceLock::new() }; 6];
        let pair = &PAIRS[self.0.fetch_add(1, Ordering::Relaxed) % PAIRS.len()];
        if let Some(bytes) = pair.get() {
            return Ok(bytes.clone());
        }
        let made = SigningKey::generate()?;
        Ok(pair.get_or_init(|| made).clone())
    }
}
