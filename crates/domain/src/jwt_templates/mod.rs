//! JWT templates: tokens for other services, with claims, a length of life and, if need be, a key that the application's developer chooses.
//!
//! Such a token is of a category of its own: it is no session token, whatever is in it.

mod claims;
mod store;

use crate::{
    audit::{self, Actor},
    instances::Tenant,
    keys, pools,
    sessions::Session,
    settings, users,
};
use ::store::{Json, Place, Tx, cache::InstanceCache};
use foundation::{Error, JwtTemplateId, OnConflict, Page, Problem, Result, Secret, Timestamp, secret::hex};
use protocols::jose::{Algorithm, Category, OwnKey};
use serde_json::{Map, Value, json};
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

/// A template, without its key.
#[derive(Clone, Debug)]
pub struct JwtTemplate {
    /// Its id.
    pub id: JwtTemplateId,
    /// Its name in paths.
    pub name: String,
    /// The claims, with their shortcodes.
    pub claims: Json,
    /// How long its tokens are good, in seconds.
    pub lifetime: i64,
    /// How much earlier than they were made its tokens are good, in seconds.
    pub allowed_clock_skew: i64,
    /// What its tokens are signed with.
    pub algorithm: Algorithm,
    /// Its own key, sealed; absent where the instance's signs.
    sealed_key: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl JwtTemplate {
    /// Whether it has a key of its own.
    pub fn has_own_key(&self) -> bool {
        self.sealed_key.is_some()
    }
}

/// What a template is to be; what is absent stays, or is the default in a new one.
#[derive(Default)]
pub struct Change {
    /// The name.
    pub name: Option<String>,
    /// The claims.
    pub claims: Option<Map<String, Value>>,
    /// How long its tokens are good, in seconds.
    pub lifetime: Option<i64>,
    /// How much earlier than they were made its tokens are good, in seconds.
    pub allowed_clock_skew: Option<i64>,
    /// Who signs.
    pub signer: Option<Signer>,
}

/// Who signs a template's tokens.
pub enum Signer {
    /// The instance.
    Instance,
    /// A key of the template's own. What is absent stays.
    Own(Option<Algorithm>, Option<Secret>),
}

/// How long tokens are good if nothing else is said, in seconds.
const LIFETIME: i64 = 60;
/// How much earlier they are good if nothing else is said, in seconds.
const CLOCK_SKEW: i64 = 5;
/// The most templates of an instance.
const MOST: i64 = 100;

/// Keys that were read: reading costs more than signing.
static PARSED: LazyLock<InstanceCache<(JwtTemplateId, String), Arc<OwnKey>>> = LazyLock::new(|| InstanceCache::new(1_024, Duration::from_secs(3_600)));

/// Makes a template.
///
/// # Errors
/// [`Problem::ParamMissing`]; [`Problem::ParamInvalid`]; [`Problem::ClaimReserved`]; [`Problem::IdentifierExists`] for a taken name;
/// [`Problem::LimitReached`].
pub async fn create(tx: &mut Tx<'_>, actor: Actor<'_>, new: &Change) -> Result<JwtTemplate> {
    if store::count(tx).await? >= MOST {
        return Err(Problem::LimitReached("JWT templates", MOST).into());
    }
    let now = tx.now();
    let mut template = JwtTemplate {
        id: tx.new_id(),
        name: new.name.clone().ok_or(Problem::ParamMissing("name"))?,
        claims: Json(new.claims.clone().ok_or(Problem::ParamMissing("claims"))?),
        lifetime: LIFETIME,
        allowed_clock_skew: CLOCK_SKEW,
        algorithm: Algorithm::Rs256,
        sealed_key: None,
        created_at: now,
        updated_at: now,
    };
    apply(tx, &mut template, new).await?;
    store::insert(tx, &template).await.on_conflict(Problem::IdentifierExists("name"))?;
    told(tx, actor, &template, "jwt_template.create").await?;
    Ok(template)
}

/// Changes a template.
///
/// # Errors
/// As [`create`]; [`Problem::NotFound`].
pub async fn update(tx: &mut Tx<'_>, actor: Actor<'_>, id: JwtTemplateId, change: &Change) -> Result<JwtTemplate> {
    store::hold(tx, id).await?;
    let mut template = get(tx, id).await?;
    apply(tx, &mut template, change).await?;
    template.updated_at = tx.now();
    store::update(tx, &template).await.on_conflict(Problem::IdentifierExists("name"))?;
    told(tx, actor, &template, "jwt_template.update").await?;
    Ok(template)
}

async fn told(tx: &mut Tx<'_>, actor: Actor<'_>, template: &JwtTemplate, action: &str) -> Result<()> {
    let detail = json!({ "name": template.name, "algorithm": template.algorithm.as_str(), "own_key": template.has_own_key() });
    audit::record(tx, actor, action, &template.id.to_string(), &detail).await
}

async fn apply(tx: &mut Tx<'_>, template: &mut JwtTemplate, change: &Change) -> Result<()> {
    if let Some(name) = &change.name {
        check_name(name)?;
        template.name.clone_from(name);
    }
    if let Some(document) = &change.claims {
        claims::check(document)?;
        template.claims = Json(document.clone());
    }
    if let Some(seconds) = change.lifetime {
        if !(30..=315_360_000).contains(&seconds) {
            return Err(Problem::invalid("lifetime", "must be a whole number of seconds from 30 to 315360000 (10 years)").into());
        }
        template.lifetime = seconds;
    }
    if let Some(seconds) = change.allowed_clock_skew {
        if !(0..=300).contains(&seconds) {
            return Err(Problem::invalid("allowed_clock_skew", "must be between 0 and 300 seconds").into());
        }
        template.allowed_clock_skew = seconds;
    }
    match &change.signer {
        None => {}
        Some(Signer::Instance) => {
            template.algorithm = Algorithm::Rs256;
            template.sealed_key = None;
        }
        Some(Signer::Own(algorithm, key)) => sign_with(tx, template, *algorithm, key.as_ref()).await?,
    }
    Ok(())
}

/// Gives the template a key of its own. Another algorithm needs another key.
async fn sign_with(tx: &mut Tx<'_>, template: &mut JwtTemplate, algorithm: Option<Algorithm>, key: Option<&Secret>) -> Result<()> {
    let kept = Some(template.algorithm).filter(|_| template.has_own_key());
    let algorithm = algorithm.or(kept).ok_or(Problem::ParamMissing("signing_algorithm"))?;
    let Some(key) = key else {
        return if kept == Some(algorithm) { Ok(()) } else { Err(Problem::ParamMissing("signing_key").into()) };
    };
    OwnKey::parse(algorithm, key).map_err(|why| Problem::invalid("signing_key", why))?;
    let row = template.id.to_string();
    template.sealed_key = Some(tx.seal(place(&row), key.expose().as_bytes()).await?);
    template.algorithm = algorithm;
    Ok(())
}

fn place(row: &str) -> Place<'_> {
    Place { table: "jwt_templates", column: "sealed_key", row }
}

fn check_name(name: &str) -> Result<(), Problem> {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if plain && (1..=64).contains(&name.len()) { Ok(()) } else { Err(Problem::invalid("name", "must have 1 to 64 letters, digits, hyphens and underscores")) }
}

/// The template of this id.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn get(tx: &mut Tx<'_>, id: JwtTemplateId) -> Result<JwtTemplate> {
    store::find(tx, id).await?.ok_or_else(|| Problem::NotFound.into())
}

/// A page of templates, newest first, and how many there are in all.
///
/// # Errors
/// Only the database's own.
pub async fn list(tx: &mut Tx<'_>, page: Page) -> Result<(Vec<JwtTemplate>, i64)> {
    Ok((store::list(tx, page).await?, store::count(tx).await?))
}

/// All templates, oldest first.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn all(tx: &mut Tx<'_>) -> Result<Vec<JwtTemplate>> {
    store::all(tx).await
}

/// Makes a template like another instance's. A key of its own opens nowhere but there, so it is not taken along: the caller sees to that.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn adopt(tx: &mut Tx<'_>, like: &JwtTemplate) -> Result<()> {
    let now = tx.now();
    let template = JwtTemplate { id: tx.new_id(), algorithm: Algorithm::Rs256, sealed_key: None, created_at: now, updated_at: now, ..like.clone() };
    store::insert(tx, &template).await
}

/// Takes a template away, and its key with it.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn delete(tx: &mut Tx<'_>, actor: Actor<'_>, id: JwtTemplateId) -> Result<JwtTemplate> {
    let template = get(tx, id).await?;
    if !store::delete(tx, id).await? {
        return Err(Problem::NotFound.into());
    }
    told(tx, actor, &template, "jwt_template.delete").await?;
    Ok(template)
}

/// Signs a token of this template for the user of a living session, which it does not outlive, whatever the template or `life` says. Who comes in
/// as somebody else is named in `act`, as in session tokens.
///
/// # Errors
/// [`Problem::NotFound`] where no template has this name; [`Problem::SessionPending`], because other services look at no `sts`;
/// [`Problem::UserBanned`]; [`Problem::TokenTooLarge`].
pub async fn mint(tx: &mut Tx<'_>, tenant: &Tenant, session: &Session, name: &str, origin: Option<&str>, life: Option<Duration>) -> Result<String> {
    users::ensure_welcome(tx, session.user).await?;
    let template = store::find_name(tx, name).await?.ok_or(Problem::NotFound)?;
    if session.task.is_some() {
        return Err(Problem::SessionPending.into());
    }
    let user = users::get(tx, session.user).await?;
    let tenant = pools::tenant_of(tx, tenant, user.pool).await?;
    let belongings = if settings::effective(tx).await?.organization_settings.enabled { user.memberships.as_slice() } else { &[] };
    let mut claims = claims::render(&template.claims.0, &claims::Sources { user: &user, session, belongings })?;
    let (now, seconds) = (tx.now(), tx.now().seconds());
    let life = life.unwrap_or(Duration::from_secs(template.lifetime.unsigned_abs())).min(session.end().since(now));
    claims.insert("iss".to_owned(), tenant.issuer.as_str().into());
    claims.insert("sub".to_owned(), json!(session.user));
    claims.insert("iat".to_owned(), seconds.into());
    claims.insert("nbf".to_owned(), (seconds - template.allowed_clock_skew).into());
    claims.insert("exp".to_owned(), (now + life).seconds().into());
    claims.insert("jti".to_owned(), hex(&tx.random().bytes::<10>()).into());
    if let Some(origin) = origin {
        claims.insert("azp".to_owned(), origin.into());
    }
    if let Some(actor) = &session.actor {
        claims.insert("act".to_owned(), Value::Object(actor.0.clone()));
    }
    let claims = Value::Object(claims);
    match &template.sealed_key {
        None => keys::signer(tx, life).await?.sign(Category::Template, &claims),
        Some(sealed) => own_key(tx, &template, sealed).await?.sign(&claims),
    }
}

async fn own_key(tx: &mut Tx<'_>, template: &JwtTemplate, sealed: &str) -> Result<Arc<OwnKey>> {
    let cached = (template.id, sealed.to_owned());
    if let Some(key) = PARSED.get(tx, &cached) {
        return Ok(key);
    }
    let row = template.id.to_string();
    let text = String::from_utf8(tx.open(place(&row), sealed).await?).map_err(|e| Error::broken("a template's key", e))?;
    let key = Arc::new(OwnKey::parse(template.algorithm, &Secret::new(text)).map_err(|e| Error::broken("a template's key", e))?);
    PARSED.put(tx, cached, Arc::clone(&key));
    Ok(key)
}
