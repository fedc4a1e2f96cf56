//! A user's picture.

use super::{User, change::changed, hold, store};
use crate::{audit::Actor, clients::Visit, images};
use ::store::Tx;
use foundation::{ImageId, Problem, Result, UserId};
use world::images::Square;

/// Takes one upload out of the user's budget, before anything that is sent is looked at.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::TooManyRequests`].
pub async fn spend_upload(tx: &mut Tx<'_>, id: UserId) -> Result<()> {
    hold(tx, id).await?;
    images::spend_upload(tx, &id.to_string()).await
}

/// As [`spend_upload`], for the user who is signed in; who that is.
///
/// # Errors
/// [`Problem::SignedOut`]; [`Problem::TooManyRequests`].
pub async fn spend_own_upload(tx: &mut Tx<'_>, visit: &mut Visit) -> Result<UserId> {
    let (_, user) = visit.themselves(tx).await?;
    images::spend_upload(tx, &user.id.to_string()).await?;
    Ok(user.id)
}

/// Gives the user a picture in place of the one they have.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn set_image(tx: &mut Tx<'_>, actor: Actor<'_>, id: UserId, squares: &[Square]) -> Result<User> {
    hold(tx, id).await?;
    let image = images::put(tx, &id.to_string(), squares).await?;
    store::set_image(tx, id, Some(image)).await?;
    changed(tx, actor, id, "user.image_set").await
}

/// As [`set_image`], for the user who is signed in.
///
/// # Errors
/// [`Problem::SignedOut`].
pub async fn set_own_image(tx: &mut Tx<'_>, visit: &mut Visit, squares: &[Square]) -> Result<User> {
    let (session, user) = visit.themselves(tx).await?;
    set_image(tx, session.by(), user.id, squares).await
}

/// Takes the user's picture away; what they have instead, and what was taken.
///
/// # Errors
/// [`Problem::NotFound`] where there is no such user, or no picture.
pub async fn remove_image(tx: &mut Tx<'_>, actor: Actor<'_>, id: UserId) -> Result<(User, ImageId)> {
    let image = hold(tx, id).await?.image.ok_or(Problem::NotFound)?;
    images::remove(tx, &id.to_string()).await?;
    store::set_image(tx, id, None).await?;
    Ok((changed(tx, actor, id, "user.image_remove").await?, image))
}

/// As [`remove_image`], for the user who is signed in.
///
/// # Errors
/// [`Problem::SignedOut`]; [`Problem::NotFound`] where there is no picture.
pub async fn remove_own_image(tx: &mut Tx<'_>, visit: &mut Visit) -> Result<ImageId> {
    let (session, user) = visit.themselves(tx).await?;
    Ok(remove_image(tx, session.by(), user.id).await?.1)
}
