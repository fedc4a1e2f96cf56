//! Secrets at rest: sealed with a data key of their instance, which the master key wraps.

use crate::{
    database::Database,
    platform_sql, sql,
    tx::{Access, Tx},
};
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use foundation::{DataKeyId, Error, Id, InstanceId, Ksuid, Random, Result};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

const VERSION: u8 = 1;
const MOST_CACHED: usize = 10_000;

/// The key above all keys: 256 bits from a file or the environment.
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// Takes the bytes in.
    pub const fn new(bytes: [u8; 32]) -> MasterKey {
        MasterKey(bytes)
    }

    /// Reads the text form, base64 of 32 bytes; `None` for anything else.
    pub fn parse(text: &str) -> Option<MasterKey> {
        STANDARD.decode(text.trim()).ok()?.try_into().ok().map(MasterKey)
    }

    /// A new key in its text form, for the file.
    pub fn generate(random: &mut dyn Random) -> String {
        STANDARD.encode(random.bytes::<32>())
    }
}

/// Where a sealed value stands. It opens nowhere else.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row's id.
    pub row: &'a str,
}

pub(crate) struct Vault {
    master: MasterKey,
    data_keys: Mutex<HashMap<(InstanceId, DataKeyId), [u8; 32]>>,
}

impl Vault {
    pub(crate) fn new(master: MasterKey) -> Vault {
        Vault { master, data_keys: Mutex::new(HashMap::new()) }
    }

    fn cached(&self, instance: InstanceId, id: DataKeyId) -> Option<[u8; 32]> {
        self.data_keys.lock().unwrap_or_else(PoisonError::into_inner).get(&(instance, id)).copied()
    }

    fn remember(&self, instance: InstanceId, id: DataKeyId, key: [u8; 32]) {
        let mut keys = self.data_keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MOST_CACHED {
            keys.clear();
        }
        keys.insert((instance, id), key);
    }
}

impl Database {
    /// Whether the master key is this database's: it opens the keys that are there.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with a sentence for the operator where it is another database's.
    pub async fn check_master_key(&self) -> Result<()> {
        let found: Option<(InstanceId, DataKeyId, String)> = self
            .platform(Access::Read, |tx| {
                Box::pin(tx.find(platform_sql!("select instance_id, id, wrapped from data_keys order by created_at, id limit 1"), &[]))
            })
            .await?;
        let Some((instance, id, wrapped)) = found else { return Ok(()) };
        let bytes = STANDARD.decode(wrapped).map_err(|e| Error::broken("wrapped key", e))?;
        let opened = decrypt(&self.vault().master.0, &format!("data_keys|wrapped|{instance}|{id}"), &bytes);
        opened.map(drop).map_err(|_| Error::Unavailable("the master key is not the one that this database was made with: restore that one".to_owned()))
    }
}

impl Tx<'_> {
    /// Gives the instance its first data key. Once, when the instance is made.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn create_data_key(&mut self) -> Result<()> {
        let id: DataKeyId = self.new_id();
        let key: [u8; 32] = self.random().bytes();
        let nonce = self.random().bytes();
        let place = format!("data_keys|wrapped|{}|{id}", self.instance);
        let wrapped = encrypt(&self.database.vault.master.0, id.ksuid(), nonce, &place, &key)?;
        let now = self.now();
        self.change(sql!("insert into data_keys (instance_id, id, wrapped, created_at) values ($1, $2, $3, $4)"), &[&id, &wrapped, &now]).await?;
        Ok(())
    }

    /// Seals bytes for one place with the instance's newest data key.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn seal(&mut self, place: Place<'_>, bytes: &[u8]) -> Result<String> {
        let id: DataKeyId = self.get(sql!("select id from data_keys where instance_id = $1 order by created_at desc, id desc limit 1"), &[]).await?;
        let key = self.data_key(id).await?;
        let nonce = self.random().bytes();
        encrypt(&key, id.ksuid(), nonce, &self.address(place), bytes)
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`Error::Broken`] where the text was changed, moved, or sealed under another master key.
    pub async fn open(&mut self, place: Place<'_>, sealed: &str) -> Result<Vec<u8>> {
        let bytes = STANDARD.decode(sealed).map_err(|e| Error::broken("sealed text", e))?;
        let id = key_of(&bytes).ok_or_else(|| Error::Broken("sealed text is too short or of another version".to_owned()))?;
        let key = self.data_key(DataKeyId::from_ksuid(id)).await?;
        decrypt(&key, &self.address(place), &bytes)
    }

    /// A key for hashing secrets that could be guessed (codes), made from the instance's oldest data key.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn hashing_key(&mut self, purpose: &str) -> Result<[u8; 32]> {
        let id: DataKeyId = self.get(sql!("select id from data_keys where instance_id = $1 order by created_at, id limit 1"), &[]).await?;
        let key = self.data_key(id).await?;
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), purpose.as_bytes());
        tag.as_ref().try_into().map_err(|_| Error::Broken("a MAC of another length".to_owned()))
    }

    async fn data_key(&mut self, id: DataKeyId) -> Result<[u8; 32]> {
        if let Some(key) = self.database.vault.cached(self.instance, id) {
            return Ok(key);
        }
        let wrapped: String = self.get(sql!("select wrapped from data_keys where instance_id = $1 and id = $2"), &[&id]).await?;
        let bytes = STANDARD.decode(wrapped).map_err(|e| Error::broken("wrapped key", e))?;
        let place = format!("data_keys|wrapped|{}|{id}", self.instance);
        let key = decrypt(&self.database.vault.master.0, &place, &bytes)
            .map_err(|_| Error::Broken("the master key does not open this database's keys: it is another database's".to_owned()))?;
        let key: [u8; 32] = key.try_into().map_err(|_| Error::Broken("a data key of another length".to_owned()))?;
        self.database.vault.remember(self.instance, id, key);
        Ok(key)
    }

    fn address(&self, place: Place<'_>) -> String {
        format!("{}|{}|{}|{}", place.table, place.column, self.instance_text, place.row)
    }
}

/// `version | key id | nonce | ciphertext and tag`, in base64.
fn encrypt(key: &[u8; 32], id: Ksuid, nonce: [u8; NONCE_LEN], place: &str, bytes: &[u8]) -> Result<String> {
    let mut sealed = bytes.to_vec();
    cipher(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place.as_bytes()), &mut sealed)
        .map_err(|e| Error::broken("sealing", e))?;
    let mut out = Vec::with_capacity(1 + 20 + NONCE_LEN + sealed.len());
    out.push(VERSION);
    out.extend_from_slice(&id.bytes());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&sealed);
    Ok(STANDARD.encode(out))
}

fn decrypt(key: &[u8; 32], place: &str, sealed: &[u8]) -> Result<Vec<u8>> {
    let short = || Error::Broken("sealed text is too short".to_owned());
    let (nonce, rest) = sealed.get(21..).and_then(|s| s.split_at_checked(NONCE_LEN)).ok_or_else(short)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|e| Error::broken("nonce", e))?;
    let mut bytes = rest.to_vec();
    let length = cipher(key)?.open_in_place(nonce, Aad::from(place.as_bytes()), &mut bytes).map_err(|e| Error::broken("opening a sealed value", e))?.len();
    bytes.truncate(length);
    Ok(bytes)
}

fn key_of(sealed: &[u8]) -> Option<Ksuid> {
    let (version, rest) = sealed.split_first()?;
    let id = rest.get(..20)?.try_into().ok()?;
    (*version == VERSION).then(|| Ksuid::from_bytes(id))
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|e| Error::broken("cipher key", e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use foundation::{Timestamp, random::Seeded};

    #[test]
    fn a_sealed_value_opens_only_in_its_place() {
        let mut random = Seeded::new(5);
        let id = Ksuid::new(Timestamp::from_millis(1_700_000_000_000), &mut random);
        let sealed = STANDARD.decode(encrypt(&[7; 32], id, [9; 12], "a|b|ins|row", b"secret").expect("sealed")).expect("base64");
        assert_eq!(key_of(&sealed), Some(id));
        assert_eq!(decrypt(&[7; 32], "a|b|ins|row", &sealed).expect("opened"), b"secret");
        assert!(decrypt(&[7; 32], "a|b|ins|other", &sealed).is_err(), "another row");
        assert!(decrypt(&[8; 32], "a|b|ins|row", &sealed).is_err(), "another key");
        for index in 21..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(decrypt(&[7; 32], "a|b|ins|row", &changed).is_err(), "byte {index} changed");
        }
        assert!(decrypt(&[7; 32], "a|b|ins|row", &sealed[..20]).is_err());
    }
}
