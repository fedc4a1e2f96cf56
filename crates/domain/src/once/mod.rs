//! Secrets that work once: codes and nonces. No other code marks one as used.
//!
//! Each is bound to a purpose and an owner (the attempt it was made for), so there is one live secret for each. Spending it is a
//! single conditional statement, in the transaction of its effect.

mod budgets;

pub use budgets::{charge, charge_backend, charge_invitation_mail, charge_invitations, charge_look, charge_mail, charge_organization_mail, charge_trial};

use foundation::{OnceId, Problem, Result, Secret, Timestamp};
use std::time::Duration;
use store::{FromRow, Row, Tx, sql};

/// What a secret is for. A secret of one purpose is nothing for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Proves the address of a sign-up.
    SignUpEmail,
    /// Signs in by an address.
    SignInEmail,
    /// Allows a new password.
    ResetPassword,
    /// Proves an address that a user added.
    ProfileEmail,
    /// Proves an address to the application's own backend.
    BackendEmail,
    /// Lets somebody in by a backend's word.
    Ticket,
    /// Carries a handshake's cookies to the backend that fetches them.
    Handshake,
    /// Proves that somebody reads mail at an organization's domain.
    DomainAffiliation,
    /// Counts a user's notices of new devices.
    NoticeBudget,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Purpose::SignUpEmail => "sign_up_email",
            Purpose::SignInEmail => "sign_in_email",
            Purpose::ResetPassword => "reset_password",
            Purpose::ProfileEmail => "profile_email",
            Purpose::BackendEmail => "backend_email",
            Purpose::Ticket => "ticket",
            Purpose::Handshake => "handshake",
            Purpose::DomainAffiliation => "domain_affiliation",
            Purpose::NoticeBudget => "notice_budget",
        }
    }
}

/// What a code belongs to, and what it proves. There is one live code of a purpose for each attempt, and it is right only for what it was sent
/// to: a code that was mailed to one address says nothing of another.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// The attempt.
    pub attempt: &'a str,
    /// What whoever knows the code has access to: an address in its normal form.
    pub proves: &'a str,
}

/// How long a code can be used.
pub const CODE_LIFE: Duration = Duration::from_secs(600);
/// How long a nonce can be used: it crosses one redirect.
pub const NONCE_LIFE: Duration = Duration::from_secs(60);
/// How often a code may be tried.
pub const MOST_ATTEMPTS: i64 = 5;
/// How many codes one owner may ask for.
pub const MOST_ISSUED: i64 = 10;

/// How trying a code went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It was right, and is used up now.
    Right,
    /// It was wrong; the try is counted.
    Wrong,
    /// It was tried too often.
    Exhausted,
    /// Its time is over.
    Expired,
    /// It was used before.
    Used,
    /// There is none.
    Missing,
}

impl Spent {
    /// What to tell somebody whose code was not right.
    pub fn problem(self) -> Option<Problem> {
        match self {
            Spent::Right => None,
            Spent::Wrong => Some(Problem::CodeIncorrect),
            Spent::Exhausted => Some(Problem::VerificationFailed),
            Spent::Expired => Some(Problem::VerificationExpired),
            Spent::Used => Some(Problem::AlreadyVerified),
            Spent::Missing => Some(Problem::VerificationMissing),
        }
    }
}

/// The state of a code, without the code.
#[derive(Clone, Debug)]
pub struct State {
    /// Which it is; a backend names it by this.
    pub id: OnceId,
    /// How often it was tried.
    pub attempts: i64,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

impl FromRow for State {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(State { id: row.take()?, attempts: row.take()?, expires_at: row.take()? })
    }
}

/// Draws a six-digit code; an earlier one of the same purpose no longer works.
///
/// # Errors
/// [`Problem::LimitReached`] where the owner has asked for too many.
pub async fn issue_code(tx: &mut Tx<'_>, purpose: Purpose, owner: Owner<'_>, fixed: Option<&str>) -> Result<Secret> {
    let code = Secret::new(fixed.map_or_else(|| tx.random().digits(6), str::to_owned));
    let hash = code_hash(tx, purpose, owner, &code).await?;
    sweep(tx).await?;
    let id: OnceId = tx.new_id();
    let now = tx.now();
    let issued = tx
        .change(
            sql!(
                "insert into once (instance_id, id, purpose, owner, hash, payload, issued, attempts, most_attempts, expires_at, consumed_at, created_at)
                  values ($1, $2, $3, $4, $5, null, 1, 0, $6, $7, null, $8)
                  on conflict (instance_id, purpose, owner) do update set hash = excluded.hash, issued = once.issued + 1, attempts = 0,
                    most_attempts = excluded.most_attempts, expires_at = excluded.expires_at, consumed_at = null
                  where once.issued < $9"
            ),
            &[&id, &purpose.name(), &owner.attempt, &hash, &MOST_ATTEMPTS, &(now + CODE_LIFE), &now, &MOST_ISSUED],
        )
        .await?;
    if issued == 1 { Ok(code) } else { Err(Problem::LimitReached("codes for one attempt", MOST_ISSUED).into()) }
}

/// A budget's day.
const BUDGET_LIFE: Duration = Duration::from_secs(86_400);

/// Counts a notice to a user; whether there was one left today.
///
/// # Errors
/// Only the database's own.
pub async fn charge_notice(tx: &mut Tx<'_>, user: &str, most: i64) -> Result<bool> {
    let id: OnceId = tx.new_id();
    let now = tx.now();
    let charged = tx
        .change(
            sql!(
                "insert into once (instance_id, id, purpose, owner, hash, payload, issued, attempts, most_attempts, expires_at, consumed_at, created_at)
                  values ($1, $2, $3, $4, '', null, 1, 0, 0, $5, null, $6)
                  on conflict (instance_id, purpose, owner) do update set
                    issued = case when once.expires_at <= $6 then 1 else once.issued + 1 end,
                    expires_at = case when once.expires_at <= $6 then excluded.expires_at else once.expires_at end
                  where once.expires_at <= $6 or once.issued < $7"
            ),
            &[&id, &Purpose::NoticeBudget.name(), &user, &(now + BUDGET_LIFE), &now, &most],
        )
        .await?;
    Ok(charged == 1)
}

/// Tries a code: counts the try and spends the code if it is right, in one statement.
///
/// # Errors
/// Only the database's own: a wrong code is an answer, whose count must be kept.
pub async fn spend_code(tx: &mut Tx<'_>, purpose: Purpose, owner: Owner<'_>, code: &Secret) -> Result<Spent> {
    let hash = code_hash(tx, purpose, owner, code).await?;
    let now = tx.now();
    let tried: Option<Option<Timestamp>> = tx
        .find::<Consumed>(
            sql!(
                "update once set attempts = attempts + 1, consumed_at = case when hash = $4 then $5 else consumed_at end
                  where instance_id = $1 and purpose = $2 and owner = $3 and consumed_at is null and attempts < most_attempts and expires_at > $5
                  returning consumed_at"
            ),
            &[&purpose.name(), &owner.attempt, &hash, &now],
        )
        .await?
        .map(|c| c.0);
    match tried {
        Some(Some(_)) => Ok(Spent::Right),
        Some(None) => Ok(Spent::Wrong),
        None => refused(tx, purpose, owner.attempt).await,
    }
}

async fn refused(tx: &mut Tx<'_>, purpose: Purpose, owner: &str) -> Result<Spent> {
    let row: Option<(Option<Timestamp>, Timestamp)> =
        tx.find(sql!("select consumed_at, expires_at from once where instance_id = $1 and purpose = $2 and owner = $3"), &[&purpose.name(), &owner]).await?;
    Ok(match row {
        None => Spent::Missing,
        Some((Some(_), _)) => Spent::Used,
        Some((None, expires_at)) if expires_at <= tx.now() => Spent::Expired,
        Some((None, _)) => Spent::Exhausted,
    })
}

/// The state of the owner's code, if there is one.
///
/// # Errors
/// Only the database's own.
pub async fn state(tx: &mut Tx<'_>, purpose: Purpose, owner: &str) -> Result<Option<State>> {
    tx.find(sql!("select id, attempts, expires_at from once where instance_id = $1 and purpose = $2 and owner = $3"), &[&purpose.name(), &owner]).await
}

/// Keeps a payload behind a nonce of 256 bits.
///
/// # Errors
/// Only the database's own.
pub async fn issue_nonce(tx: &mut Tx<'_>, purpose: Purpose, payload: &str) -> Result<Secret> {
    sweep(tx).await?;
    let nonce = Secret::new(foundation::secret::hex(&tx.random().bytes::<32>()));
    let id: OnceId = tx.new_id();
    let now = tx.now();
    let hash = nonce.sha256();
    let row = id.to_string();
    let sealed = tx.seal(store::Place { table: "once", column: "payload", row: &row }, payload.as_bytes()).await?;
    tx.change(
        sql!(
            "insert into once (instance_id, id, purpose, owner, hash, payload, issued, attempts, most_attempts, expires_at, consumed_at, created_at)
              values ($1, $2, $3, $4, $4, $5, 1, 0, 1, $6, null, $7)"
        ),
        &[&id, &purpose.name(), &hash, &sealed, &(now + NONCE_LIFE), &now],
    )
    .await?;
    Ok(nonce)
}

/// Spends a nonce; what was kept behind it.
///
/// # Errors
/// [`Problem::TokenSpent`] where it was used before, has expired, or never was.
pub async fn spend_nonce(tx: &mut Tx<'_>, purpose: Purpose, nonce: &Secret) -> Result<String> {
    let now = tx.now();
    let kept: Option<(OnceId, String)> = tx
        .find(
            sql!(
                "update once set consumed_at = $4 where instance_id = $1 and purpose = $2 and owner = $3 and consumed_at is null and expires_at > $4
                  returning id, payload"
            ),
            &[&purpose.name(), &nonce.sha256(), &now],
        )
        .await?;
    let (id, sealed) = kept.ok_or(Problem::TokenSpent)?;
    let row = id.to_string();
    let payload = tx.open(store::Place { table: "once", column: "payload", row: &row }, &sealed).await?;
    String::from_utf8(payload).map_err(|e| foundation::Error::broken("a nonce's payload", e))
}

/// Draws a secret of 256 bits for a ticket, which works once within `life`.
///
/// # Errors
/// Only the database's own.
pub async fn issue_ticket(tx: &mut Tx<'_>, owner: &str, life: Duration) -> Result<Secret> {
    sweep(tx).await?;
    let secret = Secret::new(foundation::secret::hex(&tx.random().bytes::<32>()));
    let id: OnceId = tx.new_id();
    let now = tx.now();
    tx.change(
        sql!(
            "insert into once (instance_id, id, purpose, owner, hash, payload, issued, attempts, most_attempts, expires_at, consumed_at, created_at)
              values ($1, $2, $3, $4, $5, null, 1, 0, 1, $6, null, $7)"
        ),
        &[&id, &Purpose::Ticket.name(), &owner, &secret.sha256(), &(now + life), &now],
    )
    .await?;
    Ok(secret)
}

/// Spends a ticket's secret: of all who show it at once, one is right.
///
/// # Errors
/// Only the database's own.
pub async fn spend_ticket(tx: &mut Tx<'_>, owner: &str, secret: &Secret) -> Result<Spent> {
    let now = tx.now();
    let spent = tx
        .change(
            sql!(
                "update once set consumed_at = $5
                  where instance_id = $1 and purpose = $2 and owner = $3 and hash = $4 and consumed_at is null and expires_at > $5"
            ),
            &[&Purpose::Ticket.name(), &owner, &secret.sha256(), &now],
        )
        .await?;
    if spent == 1 { Ok(Spent::Right) } else { look_at_ticket(tx, owner, secret).await }
}

/// What spending a ticket's secret would come to.
///
/// # Errors
/// Only the database's own.
pub async fn look_at_ticket(tx: &mut Tx<'_>, owner: &str, secret: &Secret) -> Result<Spent> {
    let row: Option<(Option<Timestamp>, Timestamp)> = tx
        .find(
            sql!("select consumed_at, expires_at from once where instance_id = $1 and purpose = $2 and owner = $3 and hash = $4"),
            &[&Purpose::Ticket.name(), &owner, &secret.sha256()],
        )
        .await?;
    Ok(match row {
        None => Spent::Missing,
        Some((Some(_), _)) => Spent::Used,
        Some((None, expires_at)) if expires_at <= tx.now() => Spent::Expired,
        Some((None, _)) => Spent::Right,
    })
}

/// Ends a secret before its time, and keeps it to be recognised.
///
/// # Errors
/// Only the database's own.
pub async fn end(tx: &mut Tx<'_>, purpose: Purpose, owner: &str) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!("update once set expires_at = $4 where instance_id = $1 and purpose = $2 and owner = $3 and consumed_at is null and expires_at > $4"),
        &[&purpose.name(), &owner, &now],
    )
    .await
    .map(drop)
}

/// Ends whatever the owner still has of this purpose.
///
/// # Errors
/// Only the database's own.
pub async fn revoke(tx: &mut Tx<'_>, purpose: Purpose, owner: &str) -> Result<()> {
    tx.change(sql!("delete from once where instance_id = $1 and purpose = $2 and owner = $3"), &[&purpose.name(), &owner]).await.map(drop)
}

/// Removes what expired a day ago; at most 500 at a time. Whoever adds a secret sweeps, so that the table stays as large as it is used.
async fn sweep(tx: &mut Tx<'_>) -> Result<()> {
    let before = tx.now() - Duration::from_secs(86_400);
    tx.change(
        sql!(
            "delete from once where instance_id = $1 and id in (select id from once where instance_id = $1 and expires_at < $2 order by expires_at limit 500)"
        ),
        &[&before],
    )
    .await
    .map(drop)
}

struct Consumed(Option<Timestamp>);

impl FromRow for Consumed {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        row.take().map(Consumed)
    }
}

/// A code is short, so its hash is keyed, and bound to what it is for.
async fn code_hash(tx: &mut Tx<'_>, purpose: Purpose, owner: Owner<'_>, code: &Secret) -> Result<String> {
    let key = tx.hashing_key("code").await?;
    Ok(Secret::new(format!("{}|{}|{}|{}", purpose.name(), owner.attempt, owner.proves, code.expose())).keyed_hash(&key))
}
