//! The master key: it wraps every instance's data keys, and nothing else. A database can be taken from one to another in small steps, between
//! any two of which everything opens.

use crate::{
    database::Database,
    platform::PlatformTx,
    platform_sql,
    tx::Access,
    value::{FromRow, Row},
    vault::{decrypt, encrypt},
};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use foundation::{DataKeyId, Error, Id, InstanceId, Ksuid, Random, Result, secret::hex};

/// The key above all keys: 256 bits from a file or the environment; and during a rotation the one before it, which still opens.
#[derive(Clone)]
pub struct MasterKey {
    key: [u8; 32],
    older: Option<[u8; 32]>,
}

impl MasterKey {
    /// Takes the bytes in.
    pub const fn new(bytes: [u8; 32]) -> MasterKey {
        MasterKey { key: bytes, older: None }
    }

    /// Reads the text form, base64 of 32 bytes; `None` for anything else.
    pub fn parse(text: &str) -> Option<MasterKey> {
        STANDARD.decode(text.trim()).ok()?.try_into().ok().map(MasterKey::new)
    }

    /// A new key in its text form, for the file.
    pub fn generate(random: &mut dyn Random) -> String {
        STANDARD.encode(random.bytes::<32>())
    }

    /// Opens what the older key wrapped, too. Nothing is wrapped with that one any more.
    #[must_use]
    pub fn with_older(mut self, older: &MasterKey) -> MasterKey {
        self.older = Some(older.key).filter(|key| *key != self.key);
        self
    }

    /// Whether an older key opens beside it.
    pub fn has_older(&self) -> bool {
        self.older.is_some()
    }

    /// What it is called where its name may be seen: 64 bits that tell nothing about it.
    pub fn name(&self) -> String {
        name(&self.key)
    }

    /// A tag that nobody can make who has not got the key.
    pub fn tag(&self, purpose: &str, bytes: &[u8]) -> String {
        tag(&self.key, purpose, bytes)
    }

    /// Whether the tag was made with this key, or with the older one.
    pub fn made(&self, given: &str, purpose: &str, bytes: &[u8]) -> bool {
        self.keys().any(|key| foundation::secret::same(tag(key, purpose, bytes).as_bytes(), given.as_bytes()))
    }

    fn keys(&self) -> impl Iterator<Item = &[u8; 32]> {
        std::iter::once(&self.key).chain(&self.older)
    }

    pub(crate) fn wrap(&self, id: Ksuid, nonce: [u8; 12], place: &str, data_key: &[u8; 32]) -> Result<String> {
        encrypt(&self.key, id, nonce, place, data_key)
    }

    pub(crate) fn unwrap(&self, place: &str, wrapped: &str) -> Result<[u8; 32]> {
        let bytes = STANDARD.decode(wrapped).map_err(|e| Error::broken("wrapped key", e))?;
        let opened = self.keys().find_map(|key| decrypt(key, place, &bytes).ok());
        let opened = opened.ok_or_else(|| Error::Broken("the master key does not open this database's keys: it is another database's".to_owned()))?;
        opened.try_into().map_err(|_| Error::Broken("a data key of another length".to_owned()))
    }
}

fn tag(key: &[u8; 32], purpose: &str, bytes: &[u8]) -> String {
    let sub_key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), purpose.as_bytes());
    hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, sub_key.as_ref()), bytes).as_ref())
}

fn name(key: &[u8; 32]) -> String {
    tag(key, "the name of a master key", b"")[..16].to_owned()
}

/// A data key as it is stored.
struct DataKey {
    instance: InstanceId,
    id: DataKeyId,
    wrapped: String,
}

impl DataKey {
    fn place(&self) -> String {
        format!("data_keys|wrapped|{}|{}", self.instance, self.id)
    }
}

impl FromRow for DataKey {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(DataKey { instance: row.take()?, id: row.take()?, wrapped: row.take()? })
    }
}

/// The name of a master key, where a row says it.
struct Name(Option<String>);

impl FromRow for Name {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        row.take().map(Name)
    }
}

/// How many data keys opened, and how many did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Those that opened.
    pub well: u64,
    /// Those that did not.
    pub not: u64,
}

/// How many data keys are read at once.
const BATCH: i64 = 200;

impl Database {
    /// Whether the master key is this database's: one data key of each master key that the rows name is opened.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with a sentence for the operator where it is another database's, or a rotation was left half done without its older key.
    pub async fn check_master_key(&self) -> Result<()> {
        let names: Vec<Name> = self.platform(Access::Read, |tx| Box::pin(tx.list(platform_sql!("select distinct master from data_keys"), &[]))).await?;
        let master = &self.vault().master;
        let mut fits = 0;
        for Name(named) in &names {
            let one: Option<DataKey> = self.platform(Access::Read, |tx| Box::pin(one_of(tx, named.as_deref()))).await?;
            fits += usize::from(one.is_none_or(|row| master.unwrap(&row.place(), &row.wrapped).is_ok()));
        }
        if fits == names.len() {
            return Ok(());
        }
        Err(Error::Unavailable(if fits == 0 {
            "the master key is not the one that this database was made with: restore that one".to_owned()
        } else {
            "some keys of this database are wrapped with an older master key, because a rotation was interrupted: put the older key back as master.key.old \
             (or INSULA_MASTER_KEY_OLD) and run `insula keys rotate`"
                .to_owned()
        }))
    }

    /// Opens every data key, a few at a time.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn open_data_keys(&self) -> Result<Opened> {
        let (mut opened, mut after) = (Opened::default(), (String::new(), String::new()));
        loop {
            let rows: Vec<DataKey> = self.platform(Access::Read, |tx| Box::pin(those_after(tx, &after))).await?;
            let Some(last) = rows.last() else { return Ok(opened) };
            after = (last.instance.to_string(), last.id.to_string());
            for row in &rows {
                match self.vault().master.unwrap(&row.place(), &row.wrapped) {
                    Ok(_) => opened.well += 1,
                    Err(_) => opened.not += 1,
                }
            }
        }
    }

    /// How many data keys are wrapped with another master key than the present one.
    ///
    /// # Errors
    /// Only the database's own.
    pub async fn count_older_data_keys(&self) -> Result<i64> {
        let name = self.vault().master.name();
        Ok(self.platform(Access::Read, |tx| Box::pin(count_others(tx, &name))).await?.unwrap_or(0))
    }

    /// Wraps some of the data keys that are wrapped with another master key anew, in one transaction; how many those were. 0 means that it is
    /// done. It may stop, and go on, between any two calls, and several may work at once.
    ///
    /// # Errors
    /// [`Error::Broken`] where neither key opens one of them: nothing is changed then.
    pub async fn rewrap_data_keys(&self, most: i64) -> Result<u64> {
        self.platform(Access::Write, |tx| Box::pin(rewrap(self, tx, most))).await
    }
}

async fn rewrap(database: &Database, tx: &mut PlatformTx<'_>, most: i64) -> Result<u64> {
    let master = &database.vault().master;
    let name = master.name();
    let rows: Vec<DataKey> = tx
        .list(
            platform_sql!("select instance_id, id, wrapped from data_keys where master is null or master <> $1 order by instance_id, id limit $2"),
            &[&name, &most],
        )
        .await?;
    for row in &rows {
        let key = master.unwrap(&row.place(), &row.wrapped)?;
        let nonce = tx.random().bytes();
        let wrapped = master.wrap(row.id.ksuid(), nonce, &row.place(), &key)?;
        // Somebody else may have done this one meanwhile; theirs is as good.
        tx.change(
            platform_sql!("update data_keys set wrapped = $3, master = $4 where instance_id = $1 and id = $2 and wrapped = $5"),
            &[&row.instance, &row.id, &wrapped, &name, &row.wrapped],
        )
        .await?;
    }
    Ok(rows.len() as u64)
}

async fn count_others(tx: &mut PlatformTx<'_>, name: &str) -> Result<Option<i64>> {
    tx.find(platform_sql!("select count(*) from data_keys where master is null or master <> $1"), &[&name]).await
}

async fn one_of(tx: &mut PlatformTx<'_>, name: Option<&str>) -> Result<Option<DataKey>> {
    match name {
        Some(name) => tx.find(platform_sql!("select instance_id, id, wrapped from data_keys where master = $1 limit 1"), &[&name]).await,
        None => tx.find(platform_sql!("select instance_id, id, wrapped from data_keys where master is null limit 1"), &[]).await,
    }
}

async fn those_after(tx: &mut PlatformTx<'_>, (instance, id): &(String, String)) -> Result<Vec<DataKey>> {
    let statement = platform_sql!(
        "select instance_id, id, wrapped from data_keys where instance_id > $1 or (instance_id = $1 and id > $2) order by instance_id, id limit $3"
    );
    tx.list(statement, &[instance, id, &BATCH]).await
}
