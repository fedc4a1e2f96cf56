//! Whom a change of the settings concerns, counted before it is made.

use super::{Attribute, Settings};
use ::store::{FromRow, Row, Tx, sql};
use foundation::Result;
use serde::Serialize;

/// How many users a change concerns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Affected {
    /// They can sign in now, and could not afterwards.
    pub unable_to_sign_in: i64,
    /// They have no e-mail address, and would need one to sign up.
    pub without_email_address: i64,
    /// They have no username, and would need one.
    pub without_username: i64,
    /// They have no password, and would need one.
    pub without_password: i64,
    /// They lack a first or last name, and would need both.
    pub without_name: i64,
    /// How many can sign in afterwards.
    #[serde(skip)]
    remaining: i64,
}

impl Affected {
    /// Whether there are users who can sign in now, and none who could afterwards.
    pub fn locks_everybody_out(&self) -> bool {
        self.unable_to_sign_in > 0 && self.remaining == 0
    }
}

impl FromRow for Affected {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Affected {
            unable_to_sign_in: row.take()?,
            remaining: row.take()?,
            without_email_address: row.take()?,
            without_username: row.take()?,
            without_password: row.take()?,
            without_name: row.take()?,
        })
    }
}

/// What decides whether somebody can sign in.
fn doors(settings: &Settings) -> (bool, bool, bool) {
    (settings.auth_email.enabled, settings.auth_username.is_on(), settings.auth_password.enabled)
}

/// What a sign-up must have.
fn needs(settings: &Settings) -> [bool; 4] {
    let required = |attribute| attribute == Attribute::Required;
    [
        settings.auth_email.enabled && settings.auth_email.required,
        required(settings.auth_username),
        settings.auth_password.enabled && settings.auth_password.required,
        required(settings.auth_name),
    ]
}

/// Counts. Looks at the users only where the change can concern them.
///
/// # Errors
/// Only the database's own.
pub async fn count(tx: &mut Tx<'_>, before: &Settings, after: &Settings) -> Result<Affected> {
    let (old, new) = (needs(before), needs(after));
    let [email, username, password, name] = [0, 1, 2, 3].map(|index| new[index] && !old[index]);
    if doors(before) == doors(after) && !(email || username || password || name) {
        return Ok(Affected::default());
    }
    let (by_email, by_username, by_password) = doors(before);
    let (still_by_email, still_by_username, still_by_password) = doors(after);
    // Who is found by an address or a username gets in with a password, or with a code to a verified address.
    tx.get(
        sql!(
            "select
               coalesce(sum(case when able and not still then 1 else 0 end), 0), coalesce(sum(case when still then 1 else 0 end), 0),
               coalesce(sum(case when $2 and not has_email then 1 else 0 end), 0), coalesce(sum(case when $3 and not has_username then 1 else 0 end), 0),
               coalesce(sum(case when $4 and not has_password then 1 else 0 end), 0), coalesce(sum(case when $5 and not has_name then 1 else 0 end), 0)
             from (
               select has_email, has_username, has_password, has_name,
                 (($6 and has_email) or ($7 and has_username)) and (($8 and has_password) or ($6 and has_proof)) as able,
                 (($9 and has_email) or ($10 and has_username)) and (($11 and has_password) or ($9 and has_proof)) as still
               from (
                 select u.password_digest is not null as has_password, u.first_name is not null and u.last_name is not null as has_name,
                   exists (select 1 from identifiers e where e.instance_id = $1 and e.user_id = u.id and e.kind = 'email_address' and e.claimed) as has_email,
                   exists (select 1 from identifiers v where v.instance_id = $1 and v.user_id = u.id and v.kind = 'email_address' and v.verified_by is not null) as has_proof,
                   exists (select 1 from identifiers n where n.instance_id = $1 and n.user_id = u.id and n.kind = 'username' and n.claimed) as has_username
                 from users u where u.instance_id = $1
               ) have
             ) could"
        ),
        &[&email, &username, &password, &name, &by_email, &by_username, &by_password, &still_by_email, &still_by_username, &still_by_password],
    )
    .await
}
