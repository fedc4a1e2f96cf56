//! Hashing passwords: Argon2id on a bounded pool, whose memory is reused.
//!
//! Each hash owns 19 MiB, so the number of workers bounds the memory too. Work that finds the queue full is refused at once
//! instead of piling up.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use foundation::{Error, Problem, Result, Secret, meter::Counter, secret::same};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::Semaphore;

const HASH: usize = 32;
const SALT: usize = 16;

/// The pool. Cheap to clone.
#[derive(Clone)]
pub struct Passwords(Arc<Pool>);

struct Pool {
    parameters: Params,
    workers: Arc<Semaphore>,
    most_buffers: usize,
    waiting: AtomicUsize,
    most_waiting: usize,
    turned_away: Counter,
    memory: Mutex<Vec<Vec<Block>>>,
    done: AtomicUsize,
}

impl Passwords {
    /// As many workers as cores; m = 19 MiB, t = 2, p = 1 (OWASP's recommendation).
    pub fn for_this_machine() -> Passwords {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Passwords::new(Params::new(19_456, 2, 1, Some(HASH)), cores)
    }

    /// The least work that Argon2 allows. Only for tests: the digests protect nothing.
    pub fn weak_for_tests() -> Passwords {
        Passwords::new(Params::new(8, 1, 1, Some(HASH)), 2)
    }

    fn new(parameters: argon2::Result<Params>, workers: usize) -> Passwords {
        Passwords(Arc::new(Pool {
            parameters: parameters.unwrap_or(Params::DEFAULT),
            workers: Arc::new(Semaphore::new(workers)),
            most_buffers: workers,
            waiting: AtomicUsize::new(0),
            most_waiting: workers * 64,
            turned_away: Counter::default(),
            memory: Mutex::new(Vec::new()),
            done: AtomicUsize::new(0),
        }))
    }

    /// Hashes a password with the given salt; the digest in PHC form.
    ///
    /// # Errors
    /// [`Problem::Busy`] where too much work waits already.
    pub async fn hash(&self, password: &Secret, salt: [u8; SALT]) -> Result<String> {
        let parameters = self.0.parameters.clone();
        let hash = self.work(password.clone(), salt.to_vec(), parameters.clone(), HASH).await?;
        Ok(phc(&parameters, &salt, &hash))
    }

    /// Whether the password is the digest's. Without a digest the same work is done for nothing, so that the time tells nothing.
    ///
    /// # Errors
    /// [`Problem::Busy`] where too much work waits already; [`Error::Broken`] where the digest cannot be read.
    pub async fn verify(&self, password: &Secret, digest: Option<&str>) -> Result<bool> {
        let Some(digest) = digest else {
            let parameters = self.0.parameters.clone();
            self.work(password.clone(), vec![0; SALT], parameters, HASH).await?;
            return Ok(false);
        };
        let (parameters, salt, hash) = parse(digest).ok_or_else(|| Error::Broken("a stored digest cannot be read".to_owned()))?;
        let length = hash.len();
        Ok(same(&self.work(password.clone(), salt, parameters, length).await?, &hash))
    }

    /// How many hashes were computed so far, of whatever came of them.
    pub fn hashed(&self) -> usize {
        self.0.done.load(Ordering::SeqCst)
    }

    /// How many are being computed or wait for it.
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::SeqCst)
    }

    /// How many were refused so far because too many waited.
    pub fn turned_away(&self) -> u64 {
        self.0.turned_away.get()
    }

    async fn work(&self, password: Secret, salt: Vec<u8>, parameters: Params, length: usize) -> Result<Vec<u8>> {
        let pool = Arc::clone(&self.0);
        if pool.waiting.fetch_add(1, Ordering::SeqCst) >= pool.most_waiting {
            pool.waiting.fetch_sub(1, Ordering::SeqCst);
            pool.turned_away.one();
            return Err(Problem::Busy(1).into());
        }
        let leave = Leave(Arc::clone(&pool));
        let place = Arc::clone(&pool.workers).acquire_owned().await.map_err(|e| Error::broken("password pool", e))?;
        let inner = Arc::clone(&pool);
        tokio::task::spawn_blocking(move || {
            // Both go with the work: whoever asked may hang up, the memory is in use until the work ends.
            let (_place, _leave) = (place, leave);
            let mut blocks = inner.memory.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            blocks.resize(parameters.block_count(), Block::new());
            let mut out = vec![0; length];
            let outcome = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters).hash_password_into_with_memory(
                password.expose().as_bytes(),
                &salt,
                &mut out,
                &mut blocks,
            );
            let mut memory = inner.memory.lock().unwrap_or_else(PoisonError::into_inner);
            if memory.len() < inner.most_buffers {
                memory.push(blocks);
            }
            drop(memory);
            inner.done.fetch_add(1, Ordering::SeqCst);
            outcome.map(|()| out).map_err(|e| Error::broken("hashing a password", e))
        })
        .await
        .map_err(|e| Error::broken("password worker", e))?
    }
}

/// Counts one less when the work ends, or is given up.
struct Leave(Arc<Pool>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, as the PHC string format says.
fn phc(parameters: &Params, salt: &[u8], hash: &[u8]) -> String {
    let (m, t, p) = (parameters.m_cost(), parameters.t_cost(), parameters.p_cost());
    format!("$argon2id$v=19$m={m},t={t},p={p}${}${}", base64(salt), base64(hash))
}

fn parse(digest: &str) -> Option<(Params, Vec<u8>, Vec<u8>)> {
    let mut fields = digest.strip_prefix("$argon2id$v=19$")?.split('$');
    let mut costs = fields.next()?.split(',');
    let mut cost = |name: &str| costs.next()?.strip_prefix(name)?.parse::<u32>().ok();
    let (m, t, p) = (cost("m=")?, cost("t=")?, cost("p=")?);
    let (salt, hash) = (unbase64(fields.next()?)?, unbase64(fields.next()?)?);
    Some((Params::new(m, t, p, Some(hash.len())).ok()?, salt, hash))
}

fn base64(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
    STANDARD_NO_PAD.encode(bytes)
}

fn unbase64(text: &str) -> Option<Vec<u8>> {
    use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
    STANDARD_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_by_its_whole_length() {
        let passwords = Passwords::weak_for_tests();
        let long = "correct horse battery staple ".repeat(4);
        let digest = passwords.hash(&Secret::new(long.clone()), [1; 16]).await.expect("hashed");
        assert!(digest.starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
        assert!(passwords.verify(&Secret::new(long.clone()), Some(&digest)).await.expect("verified"));
        assert!(!passwords.verify(&Secret::new(&long[..long.len() - 1]), Some(&digest)).await.expect("verified"));
        assert!(!passwords.verify(&Secret::new(long.to_uppercase()), Some(&digest)).await.expect("verified"));
        assert!(!passwords.verify(&Secret::new(long), None).await.expect("verified"));
    }

    #[tokio::test]
    async fn a_digest_of_other_parameters_still_verifies() {
        let digest = Passwords::new(Params::new(16, 2, 1, Some(HASH)), 1).hash(&Secret::new("abc"), [2; 16]).await.expect("hashed");
        assert!(Passwords::weak_for_tests().verify(&Secret::new("abc"), Some(&digest)).await.expect("verified"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn hanging_up_frees_no_place_before_the_work_ends() {
        let passwords = Passwords::new(Params::new(19_456, 4, 1, Some(HASH)), 1);
        for _ in 0..20 {
            let asking = passwords.clone();
            let task = tokio::spawn(async move { asking.verify(&Secret::new("a"), None).await.is_ok() });
            while passwords.0.workers.available_permits() == 1 && !task.is_finished() {
                tokio::task::yield_now().await;
            }
            task.abort();
            let _ = task.await;
        }
        // Whoever comes now waits for the one that still works, and there is one buffer for it, not twenty.
        assert!(!passwords.verify(&Secret::new("a"), None).await.expect("verified"));
        assert!(passwords.0.memory.lock().expect("memory").len() <= 1);
        assert_eq!(passwords.0.workers.available_permits(), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_full_queue_refuses_at_once() {
        let passwords = Passwords::new(Params::new(8, 1, 1, Some(HASH)), 1);
        let held = passwords.0.workers.acquire().await.expect("the only worker");
        let mut waiting = Vec::new();
        for _ in 0..passwords.0.most_waiting {
            let passwords = passwords.clone();
            waiting.push(tokio::spawn(async move { passwords.verify(&Secret::new("a"), None).await.is_ok() }));
        }
        while passwords.0.waiting.load(Ordering::SeqCst) < passwords.0.most_waiting {
            tokio::task::yield_now().await;
        }
        assert!(matches!(passwords.verify(&Secret::new("a"), None).await, Err(Error::Refused(p)) if *p == Problem::Busy(1)));
        drop(held);
        for task in waiting {
            assert!(task.await.expect("joined"));
        }
    }
}
