//! Images: pictures of users and logos of organizations, made small and safe by the world, and the avatars of those who have none.
//!
//! An image is named by what it shows and whom it belongs to, so that its address never changes what it shows, and browsers may keep it
//! for ever. It goes with its owner, and with the next one of the same owner.

mod avatar;

pub use avatar::Avatar;

use crate::{organizations::Organization, users::User};
use ::store::{Tx, cache::InstanceCache, sql};
use aws_lc_rs::digest::{Context, SHA256};
use base64::{Engine, engine::general_purpose::STANDARD};
use foundation::{Error, Id, ImageId, Ksuid, Problem, Result, Timestamp};
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};
use world::images::{Square, WIDTHS};

/// A stored square, ready to be served.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Its content type.
    pub kind: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// How many pictures one owner may upload within a window.
pub const MOST_UPLOADS: i64 = 20;
/// The window.
const WINDOW: Duration = Duration::from_secs(3_600);

/// Takes one upload out of the owner's budget, before anybody looks at what is sent.
///
/// # Errors
/// [`Problem::TooManyRequests`].
pub async fn spend_upload(tx: &mut Tx<'_>, owner: &str) -> Result<()> {
    let now = tx.now();
    let before = now - WINDOW;
    let spent = tx
        .change(
            sql!(
                "insert into upload_budgets (instance_id, owner, uploads, since) values ($1, $2, 1, $3)
                  on conflict (instance_id, owner) do update set
                    uploads = case when upload_budgets.since <= $4 then 1 else upload_budgets.uploads + 1 end,
                    since = case when upload_budgets.since <= $4 then excluded.since else upload_budgets.since end
                  where upload_budgets.since <= $4 or upload_budgets.uploads < $5"
            ),
            &[&owner, &now, &before, &MOST_UPLOADS],
        )
        .await?;
    if spent == 1 {
        return Ok(());
    }
    let since: Timestamp = tx.get(sql!("select since from upload_budgets where instance_id = $1 and owner = $2"), &[&owner]).await?;
    Err(Problem::TooManyRequests((since + WINDOW).since(now).as_secs().max(1)).into())
}

/// Stores squares in place of the owner's; the image that they are. The caller holds the owner.
pub(crate) async fn put(tx: &mut Tx<'_>, owner: &str, squares: &[Square]) -> Result<ImageId> {
    let id = name(tx, owner, squares.iter().map(|square| square.bytes.as_slice()));
    remove(tx, owner).await?;
    let now = tx.now();
    for square in squares {
        tx.change(
            sql!("insert into images (instance_id, id, width, owner, kind, content, created_at) values ($1, $2, $3, $4, $5, $6, $7)"),
            &[&id, &i64::from(square.width), &owner, &square.kind.content_type(), &STANDARD.encode(&square.bytes), &now],
        )
        .await?;
    }
    Ok(id)
}

/// Gives an owner the pictures of another one; the image that they are, if there is one.
pub(crate) async fn copy(tx: &mut Tx<'_>, from: &str, to: &str) -> Result<Option<ImageId>> {
    let squares: Vec<(i64, String, String)> =
        tx.list(sql!("select width, kind, content from images where instance_id = $1 and owner = $2 order by width desc"), &[&from]).await?;
    if squares.is_empty() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    for (_, _, content) in &squares {
        bytes.push(STANDARD.decode(content).map_err(|e| Error::broken("a stored image", e))?);
    }
    let id = name(tx, to, bytes.iter().map(Vec::as_slice));
    let now = tx.now();
    for (width, kind, content) in &squares {
        tx.change(
            sql!("insert into images (instance_id, id, width, owner, kind, content, created_at) values ($1, $2, $3, $4, $5, $6, $7)"),
            &[&id, width, &to, kind, content, &now],
        )
        .await?;
    }
    Ok(Some(id))
}

/// Removes what the owner has.
pub(crate) async fn remove(tx: &mut Tx<'_>, owner: &str) -> Result<()> {
    tx.change(sql!("delete from images where instance_id = $1 and owner = $2"), &[&owner]).await.map(drop)
}

/// Forgets an owner who is gone.
pub(crate) async fn forget(tx: &mut Tx<'_>, owner: &str) -> Result<()> {
    remove(tx, owner).await?;
    tx.change(sql!("delete from upload_budgets where instance_id = $1 and owner = $2"), &[&owner]).await.map(drop)
}

fn name<'s>(tx: &Tx<'_>, owner: &str, squares: impl Iterator<Item = &'s [u8]>) -> ImageId {
    let mut hash = Context::new(&SHA256);
    for part in [tx.instance().to_string().as_bytes(), b"\0", owner.as_bytes(), b"\0"] {
        hash.update(part);
    }
    squares.for_each(|square| hash.update(square));
    let mut bytes = [0; 20];
    bytes.copy_from_slice(&hash.finish().as_ref()[..20]);
    ImageId::from_ksuid(Ksuid::from_bytes(bytes))
}

/// The square of an image that is wide enough for `width`; the largest where none is, or none is named.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn show(tx: &mut Tx<'_>, id: ImageId, width: Option<u32>) -> Result<Picture> {
    let fitting = width.and_then(|width| WIDTHS.into_iter().rev().find(|side| *side >= width)).unwrap_or(WIDTHS[0]);
    let (kind, content): (String, String) =
        tx.get(sql!("select kind, content from images where instance_id = $1 and id = $2 and width = $3"), &[&id, &i64::from(fitting)]).await?;
    Ok(Picture { kind, bytes: STANDARD.decode(content).map_err(|e| Error::broken("a stored image", e))? })
}

static ADDRESSES: LazyLock<InstanceCache<(), Arc<str>>> = LazyLock::new(|| InstanceCache::new(10_000, Duration::from_secs(3_600)));

/// Where the instance's own images are: its Frontend API.
async fn address(tx: &mut Tx<'_>) -> Result<Arc<str>> {
    if let Some(address) = ADDRESSES.get(tx, &()) {
        return Ok(address);
    }
    let slug: Option<(String,)> = tx.find(sql!("select slug from slugs where instance_id = $1 order by slug limit 1"), &[]).await?;
    let address: Arc<str> = tx.address_of(slug.as_ref().map_or("", |(slug,)| slug)).into();
    ADDRESSES.put(tx, (), Arc::clone(&address));
    Ok(address)
}

/// Says where the users' pictures are, or the avatars that stand in for them.
pub(crate) async fn illustrate(tx: &mut Tx<'_>, users: &mut [User]) -> Result<()> {
    let address = address(tx).await?;
    for user in users {
        user.image_url = match user.image {
            Some(image) => format!("{address}/v1/images/{image}"),
            None => format!("{address}/v1/avatar_placeholder/{}", Avatar::of(user)),
        };
    }
    Ok(())
}

/// Says where the organizations' logos are, or the pictures that stand in for them.
pub(crate) async fn illustrate_organizations(tx: &mut Tx<'_>, organizations: &mut [Organization]) -> Result<()> {
    let address = address(tx).await?;
    for organization in organizations {
        organization.image_url = match organization.image {
            Some(image) => format!("{address}/v1/images/{image}"),
            None => format!("{address}/v1/avatar_placeholder/{}", Avatar::of_organization(organization)),
        };
    }
    Ok(())
}
