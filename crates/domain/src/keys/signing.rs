//! Signing keys: the RSA key pair that an instance signs with, the one that it announced, and those that it signed with before.
//!
//! Which key signs follows from the time alone, so that every node changes over at the same moment. The steps of a rotation are in `rotation.rs`.

use ::store::{Place, Tx, cache::InstanceCache, sql};
use foundation::{Error, Result, SigningKeyId, Timestamp};
use protocols::jose::{PublicKey, SigningKey};
use serde_json::{Value, json};
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

/// Parsed private keys: parsing one costs more than signing with it. 6 KB each. The database says at each signature which one it is, so nothing
/// here outlives a rotation or a revocation.
static PARSED: LazyLock<InstanceCache<SigningKeyId, Arc<SigningKey>>> = LazyLock::new(|| InstanceCache::new(4_096, Duration::from_secs(3_600)));

/// The life of tokens that needs no note at the key.
const ORDINARY: Duration = Duration::from_secs(3_600);
/// The most keys that are published at once.
pub(super) const MOST_PUBLISHED: i64 = 12;

fn place(row: &str) -> Place<'_> {
    Place { table: "signing_keys", column: "sealed", row }
}

/// Makes a key pair a signing key of the instance: published at once, signing from then on.
///
/// # Errors
/// [`Error::Broken`] where the bytes are no key pair.
pub async fn adopt(tx: &mut Tx<'_>, pkcs8: &[u8], signs_from: Timestamp) -> Result<SigningKeyId> {
    let id: SigningKeyId = tx.new_id();
    let public = SigningKey::parse(id, pkcs8)?.public();
    let row = id.to_string();
    let sealed = tx.seal(place(&row), pkcs8).await?;
    let public = serde_json::to_string(&public).map_err(|e| Error::broken("a public key", e))?;
    let now = tx.now();
    tx.change(
        sql!("insert into signing_keys (instance_id, id, sealed, public_key, created_at, signs_from, longest_life) values ($1, $2, $3, $4, $5, $6, $7)"),
        &[&id, &sealed, &public, &now, &signs_from, &millis(ORDINARY)],
    )
    .await?;
    Ok(id)
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The key that the instance signs with now, for a token that lives so long. The key remembers the longest life, because it stays published until
/// the last of its tokens has expired.
///
/// # Errors
/// [`Error::ReadOnly`] where a longer life than ever before has to be noted in a transaction that cannot: it runs again in one that can.
/// [`Error::Broken`] where the key cannot be opened.
pub async fn signer(tx: &mut Tx<'_>, life: Duration) -> Result<Arc<SigningKey>> {
    let (id, longest) = in_use(tx).await?;
    let life = millis(life);
    if life > longest {
        tx.must_write()?;
        let noted = tx
            .change(
                sql!("update signing_keys set longest_life = $3 where instance_id = $1 and id = $2 and retired_at is null and longest_life < $3"),
                &[&id, &life],
            )
            .await?;
        // Somebody has noted as much, or the key has ended since.
        if noted == 0 && in_use(tx).await? != (id, life) {
            return Err(Error::Again("the signing key has changed".to_owned()));
        }
    }
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

/// The newest key whose time has come. Where this machine's clock is behind and it seems that none has, the one that comes next.
async fn in_use(tx: &mut Tx<'_>) -> Result<(SigningKeyId, i64)> {
    let now = tx.now();
    tx.get(
        sql!(
            "select id, longest_life from signing_keys where instance_id = $1 and retired_at is null
              order by case when signs_from <= $2 then 0 else 1 end, case when signs_from <= $2 then -signs_from else signs_from end, id desc limit 1"
        ),
        &[&now],
    )
    .await
}

/// The instance's public keys, the one in use first.
pub(crate) async fn published(tx: &mut Tx<'_>) -> Result<Vec<(SigningKeyId, PublicKey)>> {
    let now = tx.now();
    let rows: Vec<(SigningKeyId, String)> = tx
        .list(
            sql!(
                "select id, public_key from signing_keys where instance_id = $1 and (published_until is null or published_until > $2)
                  order by case when signs_from <= $2 then 0 else 1 end, signs_from desc, id desc limit 20"
            ),
            &[&now],
        )
        .await?;
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
