//! The rows of organizations.

use super::{Organization, parse_id};
use crate::settings::Parts;
use ::store::{FromRow, Row, Tx, sql};
use foundation::{ImageId, OrganizationId, Result, RoleSetId, Timestamp};
use std::time::Duration;

/// The columns of an organization, in the order in which they are read.
macro_rules! columns {
    () => {
        "o.id, o.name, o.slug, o.image_id, o.public_metadata, o.private_metadata, o.created_by, o.role_set_id, o.max_allowed_memberships, \
         o.admin_delete_enabled, o.exclusive_membership, o.members, o.pending_invitations, o.last_active_at, o.created_at, o.updated_at"
    };
}
pub(super) use columns;

impl FromRow for Organization {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Organization {
            id: row.take()?,
            name: row.take()?,
            slug: row.take()?,
            image: row.take()?,
            image_url: String::new(),
            public_metadata: row.take()?,
            private_metadata: row.take()?,
            created_by: row.take()?,
            role_set: row.take()?,
            max_allowed_memberships: 0,
            own_most: row.take()?,
            admin_delete_enabled: row.take()?,
            exclusive_membership: row.take()?,
            members: row.take()?,
            pending_invitations: row.take()?,
            last_active_at: row.take()?,
            created_at: row.take()?,
            updated_at: row.take()?,
        })
    }
}

pub(super) async fn find(tx: &mut Tx<'_>, id: OrganizationId) -> Result<Option<Organization>> {
    tx.find(sql!(concat!("select ", columns!(), " from organizations o where o.instance_id = $1 and o.id = $2 and o.deleted_at is null")), &[&id]).await
}

/// The id of the organization that has this id or this slug.
pub(super) async fn id_of(tx: &mut Tx<'_>, id_or_slug: &str) -> Result<Option<OrganizationId>> {
    match parse_id(id_or_slug) {
        Some(id) => tx.find(sql!("select id from organizations where instance_id = $1 and id = $2 and deleted_at is null"), &[&id]).await,
        None => tx.find(sql!("select id from organizations where instance_id = $1 and slug = $2"), &[&id_or_slug]).await,
    }
}

/// Holds the row until the transaction ends, so that whoever else changes the organization comes after; whether there is one.
pub(super) async fn hold(tx: &mut Tx<'_>, id: OrganizationId) -> Result<bool> {
    Ok(tx.change(sql!("update organizations set updated_at = updated_at where instance_id = $1 and id = $2 and deleted_at is null").unheard(), &[&id]).await?
        == 1)
}

pub(super) async fn insert(tx: &mut Tx<'_>, o: &Organization) -> Result<()> {
    tx.change(
        sql!(
            "insert into organizations (instance_id, id, name, slug, public_metadata, private_metadata, created_by, role_set_id, max_allowed_memberships,
                admin_delete_enabled, exclusive_membership, members, pending_invitations, created_at, updated_at)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, 0, $12, $13)"
        ),
        &[
            &o.id,
            &o.name,
            &o.slug,
            &o.public_metadata,
            &o.private_metadata,
            &o.created_by,
            &o.role_set,
            &o.own_most,
            &o.admin_delete_enabled,
            &o.exclusive_membership,
            &o.created_at,
            &o.updated_at,
        ],
    )
    .await
    .map(drop)
}

/// Whether somebody has this slug.
pub(super) async fn has_slug(tx: &mut Tx<'_>, slug: &str) -> Result<bool> {
    Ok(tx.count(sql!("select count(*) from organizations where instance_id = $1 and slug = $2"), &[&slug]).await? > 0)
}

pub(super) async fn update(tx: &mut Tx<'_>, o: &Organization) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!(
            "update organizations set name = $3, slug = $4, public_metadata = $5, private_metadata = $6, role_set_id = $7, admin_delete_enabled = $8,
                exclusive_membership = $9, created_at = $10, updated_at = $11
              where instance_id = $1 and id = $2"
        ),
        &[&o.id, &o.name, &o.slug, &o.public_metadata, &o.private_metadata, &o.role_set, &o.admin_delete_enabled, &o.exclusive_membership, &o.created_at, &now],
    )
    .await
    .map(drop)
}

/// Gives the organization a number of its own; absent for the instance's.
pub(super) async fn set_most_members(tx: &mut Tx<'_>, id: OrganizationId, most: Option<i64>) -> Result<()> {
    tx.change(sql!("update organizations set max_allowed_memberships = $3 where instance_id = $1 and id = $2"), &[&id, &most]).await.map(drop)
}

pub(super) async fn set_image(tx: &mut Tx<'_>, id: OrganizationId, image: Option<ImageId>) -> Result<()> {
    let now = tx.now();
    tx.change(sql!("update organizations set image_id = $3, updated_at = $4 where instance_id = $1 and id = $2"), &[&id, &image, &now]).await.map(drop)
}

/// Makes the organization one that nobody finds any more, and its slug free; whether it did.
pub(super) async fn end(tx: &mut Tx<'_>, id: OrganizationId) -> Result<bool> {
    let now = tx.now();
    let ended = tx
        .change(sql!("update organizations set deleted_at = $3, slug = null where instance_id = $1 and id = $2 and deleted_at is null"), &[&id, &now])
        .await?;
    Ok(ended == 1)
}

/// Whether there is an organization of this id that has ended.
pub(super) async fn has_ended(tx: &mut Tx<'_>, id: OrganizationId) -> Result<bool> {
    Ok(tx.count(sql!("select count(*) from organizations where instance_id = $1 and id = $2 and deleted_at is not null"), &[&id]).await? > 0)
}

pub(super) async fn delete(tx: &mut Tx<'_>, id: OrganizationId) -> Result<bool> {
    Ok(tx.change(sql!("delete from organizations where instance_id = $1 and id = $2"), &[&id]).await? == 1)
}

/// Puts one role set in the place of another, in at most so many organizations; how many that were.
pub(super) async fn change_role_set(tx: &mut Tx<'_>, from: RoleSetId, to: RoleSetId, most: i64) -> Result<usize> {
    let found: Vec<OrganizationId> =
        tx.list(sql!("select id from organizations where instance_id = $1 and role_set_id = $2 order by id limit $3"), &[&from, &most]).await?;
    let now = tx.now();
    for id in &found {
        tx.change(
            sql!("update organizations set role_set_id = $4, updated_at = $5 where instance_id = $1 and id = $2 and role_set_id = $3"),
            &[id, &from, &to, &now],
        )
        .await?;
    }
    Ok(found.len())
}

/// How often it is noted that a member is in an organization.
const GRAIN: Duration = Duration::from_secs(3_600);

/// Notes that a member is in the organization; at most once an hour.
pub(super) async fn seen(tx: &mut Tx<'_>, id: OrganizationId) -> Result<()> {
    let now: Timestamp = tx.now();
    tx.change(
        sql!("update organizations set last_active_at = $3 where instance_id = $1 and id = $2 and coalesce(last_active_at, 0) <= $4").unheard(),
        &[&id, &now, &(now - GRAIN)],
    )
    .await
    .map(drop)
}

/// Takes a seat, if there is one within the organization's own number and what the settings let that be. Whoever else takes one comes after.
pub(super) async fn take_seat(tx: &mut Tx<'_>, id: OrganizationId, most: Parts) -> Result<bool> {
    let changed = tx
        .change(
            sql!(
                "update organizations set members = members + 1 where instance_id = $1 and id = $2 and members + pending_invitations < $4
                  and (coalesce(max_allowed_memberships, $3) = 0 or members + pending_invitations < coalesce(max_allowed_memberships, $3)
                    or members + pending_invitations < $5)"
            ),
            &[&id, &most.usual, &most.ceiling, &most.floor],
        )
        .await?;
    Ok(changed == 1)
}

/// Gives a seat back.
pub(super) async fn free_seat(tx: &mut Tx<'_>, id: OrganizationId) -> Result<()> {
    tx.change(sql!("update organizations set members = members - 1 where instance_id = $1 and id = $2"), &[&id]).await.map(drop)
}

/// Keeps seats for people who are invited, if there are so many: as [`take_seat`].
pub(super) async fn keep_seats(tx: &mut Tx<'_>, id: OrganizationId, count: i64, most: Parts) -> Result<bool> {
    let changed = tx
        .change(
            sql!(
                "update organizations set pending_invitations = pending_invitations + $3 where instance_id = $1 and id = $2
                  and members + pending_invitations + $3 <= $5
                  and (coalesce(max_allowed_memberships, $4) = 0 or members + pending_invitations + $3 <= coalesce(max_allowed_memberships, $4)
                    or members + pending_invitations + $3 <= $6)"
            ),
            &[&id, &count, &most.usual, &most.ceiling, &most.floor],
        )
        .await?;
    Ok(changed == 1)
}

/// Gives seats back that were kept for people who were invited.
pub(super) async fn forgo_seats(tx: &mut Tx<'_>, id: OrganizationId, count: i64) -> Result<()> {
    tx.change(sql!("update organizations set pending_invitations = pending_invitations - $3 where instance_id = $1 and id = $2"), &[&id, &count])
        .await
        .map(drop)
}

/// Makes a seat that was kept for somebody who is invited a member's.
pub(super) async fn turn_seat(tx: &mut Tx<'_>, id: OrganizationId) -> Result<bool> {
    let changed = tx
        .change(
            sql!(
                "update organizations set members = members + 1, pending_invitations = pending_invitations - 1
                  where instance_id = $1 and id = $2 and pending_invitations > 0"
            ),
            &[&id],
        )
        .await?;
    Ok(changed == 1)
}

/// Whether a member of the organization belongs to another one too.
pub(super) async fn shares_members(tx: &mut Tx<'_>, id: OrganizationId) -> Result<bool> {
    let found: Option<(String,)> = tx
        .find(
            sql!(
                "select m.id from memberships m join memberships other on other.instance_id = $1 and other.user_id = m.user_id and other.organization_id <> $2
                  where m.instance_id = $1 and m.organization_id = $2 limit 1"
            ),
            &[&id],
        )
        .await?;
    Ok(found.is_some())
}
