//! The machine's own limits, in operations for each second of CPU.

use crate::{Outcome, process::own_cpu};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::RSA_PKCS1_SHA256,
};
use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    path::Path,
    thread::available_parallelism,
    time::{Duration, Instant},
};

/// How often the work can be done in a second of this program's CPU.
pub fn per_cpu(time: Duration, mut work: impl FnMut() -> Outcome) -> Outcome<f64> {
    let (cpu, began, mut done) = (own_cpu(), Instant::now(), 0.0);
    while began.elapsed() < time {
        work()?;
        done += 1.0;
    }
    Ok(done / (own_cpu() - cpu))
}

/// The same on all processors at once, as a server under load has them: they share caches and memory, and a second of CPU is worth less.
fn per_cpu_everywhere<W: FnMut() -> Outcome + Send>(time: Duration, mut worker: impl FnMut() -> W) -> Outcome<f64> {
    let workers: Vec<W> = (0..available_parallelism().map_or(1, usize::from)).map(|_| worker()).collect();
    let (cpu, began) = (own_cpu(), Instant::now());
    let counts: Vec<Outcome<f64>> = std::thread::scope(|scope| {
        let run = |mut work: W| {
            move || {
                let mut done = 0.0;
                while began.elapsed() < time {
                    work()?;
                    done += 1.0;
                }
                Ok(done)
            }
        };
        let threads: Vec<_> = workers.into_iter().map(|work| scope.spawn(run(work))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".to_owned()))).collect()
    });
    let done: f64 = counts.into_iter().sum::<Outcome<f64>>()?;
    Ok(done / (own_cpu() - cpu))
}

/// RS256 signatures with one key that is parsed already.
pub fn signatures(time: Duration) -> Outcome<f64> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|e| e.to_string())?;
    let random = SystemRandom::new();
    per_cpu_everywhere(time, || {
        let (pair, random, mut signature) = (&pair, &random, vec![0; pair.public_modulus_len()]);
        move || pair.sign(&RSA_PKCS1_SHA256, random, &[b'x'; 500], &mut signature).map_err(|e| e.to_string())
    })
}

/// Argon2id as it ships: the same implementation and parameters, its memory used again.
pub fn password_hashes(time: Duration) -> Outcome<f64> {
    let parameters = Params::new(19_456, 2, 1, Some(32)).map_err(|e| e.to_string())?;
    let count = parameters.block_count();
    let argon2 = &Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    per_cpu_everywhere(time, || {
        let (mut blocks, mut out) = (vec![Block::new(); count], [0; 32]);
        move || argon2.hash_password_into_with_memory(b"correct horse battery", &[7; 16], &mut out, &mut blocks).map_err(|e| e.to_string())
    })
}

/// Writes of 4 KB that are waited for until they are on the disk, one after the other; in a second of time, not of CPU.
pub fn durable_writes(folder: &Path, time: Duration) -> Outcome<f64> {
    let mut file = File::create(folder.join("durable")).map_err(|e| e.to_string())?;
    // As a write-ahead log that has been used before: the file does not grow.
    file.write_all(&vec![0; 4 * 1_024 * 1_024]).and_then(|()| file.sync_all()).map_err(|e| e.to_string())?;
    let (began, mut done) = (Instant::now(), 0_u64);
    while began.elapsed() < time {
        let place = SeekFrom::Start(done % 1_024 * 4_096);
        file.seek(place).and_then(|_| file.write_all(&[1; 4_096])).and_then(|()| file.sync_data()).map_err(|e| e.to_string())?;
        done += 1;
    }
    Ok(u32::try_from(done).map_or(f64::NAN, f64::from) / began.elapsed().as_secs_f64())
}
