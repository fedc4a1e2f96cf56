//! A user's password: set, changed, and what that ends.

use super::{
    User,
    change::changed,
    get,
    guard::{self, Try},
    hold, known_devices, remove_password, store,
};
use crate::{
    Verdict,
    audit::Actor,
    clients::Visit,
    messages,
    passwords::{Answer, Question},
    sessions::{self, Keep},
    settings,
};
use ::store::Tx;
use foundation::{Problem, Result, Secret, UserId};

/// The digest of the user's password.
///
/// # Errors
/// Only the database's own.
pub async fn digest(tx: &mut Tx<'_>, id: UserId) -> Result<Option<Secret>> {
    store::digest(tx, id).await
}

/// Sets the password and, unless they are to be kept, ends sessions.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn set_password(tx: &mut Tx<'_>, actor: Actor<'_>, id: UserId, digest: &Secret, keep: Keep) -> Result<User> {
    hold(tx, id).await?;
    store::set_digest(tx, id, Some(digest)).await?;
    match keep {
        Keep::All => {}
        // Whoever knew the old one may have signed in elsewhere: those devices are strangers to the new one.
        Keep::One(session) => known_devices::forget(tx, id, Some(session)).await?,
        Keep::None => known_devices::forget(tx, id, None).await?,
    }
    sessions::revoke_of_user(tx, actor, id, keep).await?;
    let user = changed(tx, actor, id, "user.password_change").await?;
    messages::password_changed(tx, &user).await?;
    Ok(user)
}

/// Changes the password of the user who is signed in. The old one must be right, if there is one. The client's secret changes too.
///
/// # Errors
/// [`Problem::SignedOut`] where nobody is signed in; [`Problem::ParamUnknown`] where there are no passwords.
pub async fn change_password(tx: &mut Tx<'_>, visit: &mut Visit, current: &Answer, digest: &Secret, keep: Keep) -> Result<Verdict<User>> {
    let (session, user) = visit.themselves(tx).await?;
    let settings = settings::effective(tx).await?;
    if !settings.auth_password.enabled {
        return Err(Problem::ParamUnknown("new_password".to_owned()).into());
    }
    if user.has_password {
        let wrong = Problem::PasswordIncorrect("current_password");
        let tried = Try { user: user.id, device: visit.device(), outcome: current.outcome(user.id), digest: current.digest() };
        let verdict = guard::settle(tx, &settings, tried, wrong).await?;
        if let Verdict::Refused(problem) = verdict {
            return Ok(Verdict::Refused(problem));
        }
    }
    let keep = if keep == Keep::None { Keep::One(session.id) } else { keep };
    let user = set_password(tx, session.by(), user.id, digest, keep).await?;
    visit.rotate(tx).await?;
    Ok(Verdict::Granted(user))
}

/// Takes the password of the user who is signed in away. It must be right; nobody takes away what the instance requires, nor their only way
/// in. The client's secret changes too; sessions go on.
///
/// # Errors
/// [`Problem::SignedOut`]; [`Problem::Impersonated`]; [`Problem::NoPassword`]; [`Problem::PasswordRequired`].
pub async fn remove_own_password(tx: &mut Tx<'_>, visit: &mut Visit, current: &Answer) -> Result<Verdict<User>> {
    let (session, user) = visit.themselves(tx).await?;
    let user = hold(tx, user.id).await?;
    ensure_removable(tx, &user).await?;
    let settings = settings::effective(tx).await?;
    let wrong = Problem::PasswordIncorrect("current_password");
    let tried = Try { user: user.id, device: visit.device(), outcome: current.outcome(user.id), digest: current.digest() };
    if let Verdict::Refused(problem) = guard::settle(tx, &settings, tried, wrong).await? {
        return Ok(Verdict::Refused(problem));
    }
    let user = remove_password(tx, session.by(), user.id, Keep::All).await?;
    visit.rotate(tx).await?;
    Ok(Verdict::Granted(user))
}

/// The question whether the password is right that the user wants to take away, if they may.
///
/// # Errors
/// As [`remove_own_password`].
pub async fn removal_question(tx: &mut Tx<'_>, visit: &mut Visit) -> Result<Question> {
    let (_, user) = visit.themselves(tx).await?;
    ensure_removable(tx, &user).await?;
    Ok(Question { user: Some(user.id), digest: store::digest(tx, user.id).await? })
}

async fn ensure_removable(tx: &mut Tx<'_>, user: &User) -> Result<()> {
    if !user.has_password {
        return Err(Problem::NoPassword.into());
    }
    let settings = settings::effective(tx).await?;
    let by_code = settings.auth_email.enabled && settings.auth_email.code_sign_in && user.emails().any(|email| email.verified_by.is_some());
    if settings.auth_password.required || !by_code {
        return Err(Problem::PasswordRequired.into());
    }
    Ok(())
}

/// The question whether a password is the user's.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::NoPassword`].
pub async fn question(tx: &mut Tx<'_>, id: UserId) -> Result<Question> {
    if !get(tx, id).await?.has_password {
        return Err(Problem::NoPassword.into());
    }
    Ok(Question { user: Some(id), digest: store::digest(tx, id).await? })
}

/// Settles the answer: a wrong password counts, and is refused.
///
/// # Errors
/// Only the database's own.
pub async fn verify_password(tx: &mut Tx<'_>, id: UserId, answer: &Answer) -> Result<Verdict<()>> {
    let settings = settings::effective(tx).await?;
    let tried = Try { user: id, device: None, outcome: answer.outcome(id), digest: answer.digest() };
    guard::settle(tx, &settings, tried, Problem::PasswordIncorrect("password")).await
}
