//! Signing keys: one RSA key pair an instance signs with, and those it published before.

use ::store::{Place, Tx, cache::InstanceCache, sql};
use foundation::{Error, Result, SigningKeyId};
use protocols::jose::{PublicKey, SigningKey};
use serde_json::{Value, json};
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

/// Parsed private keys: parsing one costs more than signing with it. 6 KB each.
static PARSED: LazyLock<InstanceCache<SigningKeyId, Arc<SigningKey>>> = LazyLock::new(|| InstanceCache::new(4_096, Duration::from_secs(3_600)));

fn place(row: &str) -> Place<'_> {
    Place { table: "signing_keys", column: "sealed", row }
}

/// Makes a key pair the instance's signing key.
///
/// # Errors
/// [`Error::Broken`] where the bytes are no key pair.
pub async fn adopt(tx: &mut Tx<'_>, pkcs8: &[u8]) -> Result<SigningKeyId> {
    let id: SigningKeyId = tx.new_id();
    let public = SigningKey::parse(id, pkcs8)?.public();
    let row = id.to_string();
    let sealed = tx.seal(place(&row), pkcs8).await?;
    let public = serde_json::to_string(&public).map_err(|e| Error::broken("a public key", e))?;
    let now = tx.now();
    tx.change(sql!("insert into signing_keys (instance_id, id, sealed, public_key, created_at) values ($1, $2, $3, $4, $5)"), &[&id, &sealed, &public, &now])
        .await?;
    Ok(id)
}

/// The key that the instance signs with now.
///
/// # Errors
/// [`Error::Broken`] where it cannot be opened.
pub async fn signer(tx: &mut Tx<'_>) -> Result<Arc<SigningKey>> {
    let id: SigningKeyId =
        tx.get(sql!("select id from signing_keys where instance_id = $1 and retired_at is null order by created_at desc, id desc limit 1"), &[]).await?;
    if let Some(key) = PARSED.get(tx, &id) {
        return Ok(key);
    }
    let sealed: String = tx.get(sql!("select sealed from signing_keys where instance_id = $1 and id = $2"), &[&id]).await?;
    let row = id.to_string();
    let pkcs8 = tx.open(place(&row), &sealed).await?;
    let key = Arc::new(SigningKey::parse(id, &pkcs8)?);
    PARSED.put(tx, id, Arc::clone(&key));
    Ok(key)
}

/// The instance's public keys, the newest first.
pub(crate) async fn published(tx: &mut Tx<'_>) -> Result<Vec<(SigningKeyId, PublicKey)>> {
    let rows: Vec<(SigningKeyId, String)> =
        tx.list(sql!("select id, public_key from signing_keys where instance_id = $1 order by created_at desc, id desc limit 10"), &[]).await?;
    rows.into_iter().map(|(id, text)| serde_json::from_str(&text).map(|key| (id, key)).map_err(|e| Error::broken("a public key", e))).collect()
}

/// The instance's JWK set, the key in use first (RFC 7517).
///
/// # Errors
/// Only the database's own.
pub async fn jwks(tx: &mut Tx<'_>) -> Result<Value> {
    let keys: Vec<Value> = published(tx).await?.iter().map(|(id, key)| key.jwk(*id)).collect();
    Ok(json!({ "keys": keys }))
}
