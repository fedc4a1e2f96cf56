//! The rows of sign-ups.

use super::SignUp;
use ::store::{FromRow, Row, Tx, sql};
use foundation::{EmailAddress, Result, SignUpId, Username};
use std::time::Duration;

impl FromRow for SignUp {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(SignUp {
            id: row.take()?,
            client: row.take()?,
            stored_status: row.take()?,
            email: row.take::<Option<String>>()?.as_deref().and_then(EmailAddress::parse),
            username: row.take::<Option<String>>()?.as_deref().and_then(|u| Username::parse(u).ok()),
            digest: row.take()?,
            first_name: row.take()?,
            last_name: row.take()?,
            unsafe_metadata: row.take()?,
            email_prepared_at: row.take()?,
            email_verified_at: row.take()?,
            legal_accepted_at: row.take()?,
            created_user: row.take()?,
            created_session: row.take()?,
            abandon_at: row.take()?,
            created_at: row.take()?,
            external_id: row.take()?,
            custom_action: row.take()?,
            invitation: row.take()?,
        })
    }
}

pub(super) async fn find(tx: &mut Tx<'_>, id: SignUpId) -> Result<Option<SignUp>> {
    tx.find(
        sql!(
            "select id, client_id, status, email_address, username, password_digest, first_name, last_name, unsafe_metadata, email_prepared_at,
                email_verified_at, legal_accepted_at, created_user_id, created_session_id, abandon_at, created_at, external_id, custom_action,
                organization_invitation_id
              from sign_ups where instance_id = $1 and id = $2"
        ),
        &[&id],
    )
    .await
}

/// Removes attempts that were given up an hour ago, with the digests in them; at most 100 at a time. Whoever begins one sweeps.
pub(super) async fn sweep(tx: &mut Tx<'_>) -> Result<()> {
    let before = tx.now() - Duration::from_secs(3_600);
    tx.change(
        sql!("delete from sign_ups where instance_id = $1 and id in (select id from sign_ups where instance_id = $1 and abandon_at < $2 order by abandon_at limit 100)"),
        &[&before],
    )
    .await
    .map(drop)
}

/// Writes what the backend has said about the attempt.
pub(super) async fn mark(tx: &mut Tx<'_>, s: &SignUp) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!("update sign_ups set external_id = $3, custom_action = $4, updated_at = $5 where instance_id = $1 and id = $2"),
        &[&s.id, &s.external_id, &s.custom_action, &now],
    )
    .await
    .map(drop)
}

/// Holds the attempt's row until the transaction ends, so that its steps come one after the other.
pub(super) async fn hold(tx: &mut Tx<'_>, id: SignUpId) -> Result<()> {
    tx.change(sql!("update sign_ups set updated_at = updated_at where instance_id = $1 and id = $2"), &[&id]).await.map(drop)
}

pub(super) async fn insert(tx: &mut Tx<'_>, s: &SignUp) -> Result<()> {
    tx.change(
        sql!(
            "insert into sign_ups (instance_id, id, client_id, status, email_address, username, password_digest, first_name, last_name, unsafe_metadata,
                legal_accepted_at, email_verified_at, organization_invitation_id, abandon_at, created_at, updated_at)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15)"
        ),
        &[
            &s.id,
            &s.client,
            &s.stored_status,
            &s.email,
            &s.username,
            &s.digest,
            &s.first_name,
            &s.last_name,
            &s.unsafe_metadata,
            &s.legal_accepted_at,
            &s.email_verified_at,
            &s.invitation,
            &s.abandon_at,
            &s.created_at,
        ],
    )
    .await
    .map(drop)
}

pub(super) async fn update(tx: &mut Tx<'_>, s: &SignUp) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!(
            "update sign_ups set status = $3, email_address = $4, username = $5, password_digest = $6, first_name = $7, last_name = $8, unsafe_metadata = $9,
                email_prepared_at = $10, email_verified_at = $11, legal_accepted_at = $12, created_user_id = $13, created_session_id = $14, updated_at = $15,
                organization_invitation_id = $16
              where instance_id = $1 and id = $2"
        ),
        &[
            &s.id,
            &s.stored_status,
            &s.email,
            &s.username,
            &s.digest,
            &s.first_name,
            &s.last_name,
            &s.unsafe_metadata,
            &s.email_prepared_at,
            &s.email_verified_at,
            &s.legal_accepted_at,
            &s.created_user,
            &s.created_session,
            &now,
            &s.invitation,
        ],
    )
    .await
    .map(drop)
}
