//! Secrets at rest: sealed with a data key of their instance, which the master key wraps.

use crate::{master::MasterKey, sql, tx::Tx};
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use foundation::{DataKeyId, Error, Id, InstanceId, Ksuid, Result};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

const VERSION: u8 = 1;
const MOST_CACHED: usize = 10_000;

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
    pub(crate) master: MasterKey,
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
        let database = std::sync::Arc::clone(&self.database);
        let master = &database.vault.master;
        let wrapped = master.wrap(id.ksuid(), nonce, &place, &key)?;
        let now = self.now();
        self.change(
            sql!("insert into data_keys (instance_id, id, wrapped, master, created_at) values ($1, $2, $3, $4, $5)"),
            &[&id, &wrapped, &master.name(), &now],
        )
        .await?;
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
        let place = format!("data_keys|wrapped|{}|{id}", self.instance);
        let key = self.database.vault.master.unwrap(&place, &wrapped)?;
        self.database.vault.remember(self.instance, id, key);
        Ok(key)
    }

    fn address(&self, place: Place<'_>) -> String {
        format!("{}|{}|{}|{}", place.table, place.column, self.instance_text, place.row)
    }
}

/// `version | key id | nonce | ciphertext and tag`, in base64.
pub(crate) fn encrypt(key: &[u8; 32], id: Ksuid, nonce: [u8; NONCE_LEN], place: &str, bytes: &[u8]) -> Result<String> {
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

pub(crate) fn decrypt(key: &[u8; 32], place: &str, sealed: &[u8]) -> Result<Vec<u8>> {
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
