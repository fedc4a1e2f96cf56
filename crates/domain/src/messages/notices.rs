//! Notices: what a user is told because somebody else could have done it.

use super::{
    kinds::{Kind, Values},
    queue,
};
use crate::{
    once,
    sessions::{Device, Session},
    settings,
    users::User,
};
use ::store::{Tx, sql};
use foundation::{EmailAddress, Result, Timestamp};

/// Tells the user that their password was set or changed.
///
/// # Errors
/// Only the database's own.
pub async fn password_changed(tx: &mut Tx<'_>, user: &User) -> Result<()> {
    notify(tx, user, Kind::PasswordChanged, Values::default()).await
}

/// Tells the user that their password was taken away.
///
/// # Errors
/// Only the database's own.
pub async fn password_removed(tx: &mut Tx<'_>, user: &User) -> Result<()> {
    notify(tx, user, Kind::PasswordRemoved, Values::default()).await
}

/// Tells whoever reads the address that was the user's primary one that it is so no more.
///
/// # Errors
/// Only the database's own.
pub async fn primary_address_changed(tx: &mut Tx<'_>, before: &User) -> Result<()> {
    notify(tx, before, Kind::PrimaryAddressChanged, Values::default()).await
}

/// Tells the user of a sign-in on a client that had no session of theirs before, unless the settings say no, or today's notices are used up.
///
/// # Errors
/// Only the database's own.
pub async fn new_device(tx: &mut Tx<'_>, user: &User, session: &Session) -> Result<()> {
    let settings = settings::effective(tx).await?;
    let notice = &settings.messages.new_device;
    if !notice.enabled || address(user).is_none() || was_seen(tx, session).await? {
        return Ok(());
    }
    if !once::charge_notice(tx, &session.user.to_string(), notice.most_per_day).await? {
        return Ok(());
    }
    let agent = session.user_agent.as_deref().unwrap_or_default();
    let device = Device::read(agent);
    let device = match (device.browser, device.kind) {
        (None, None) => "An unknown device".to_owned(),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (Some(browser), Some(kind)) => format!("{browser} on {kind}"),
    };
    let place: Vec<&str> = [&session.place.city, &session.place.country].into_iter().flatten().map(String::as_str).collect();
    let mut values = Values::default();
    values.set("device.name", device);
    values.set("device.location", place.join(", "));
    values.set("device.address", session.address.clone().unwrap_or_default());
    notify(tx, user, Kind::NewDevice, values).await
}

/// Whether the client had a session of this user before this one.
async fn was_seen(tx: &mut Tx<'_>, session: &Session) -> Result<bool> {
    let earlier = tx
        .count(
            sql!("select count(*) from sessions where instance_id = $1 and client_id = $2 and user_id = $3 and id <> $4"),
            &[&session.client, &session.user, &session.id],
        )
        .await?;
    Ok(earlier > 0)
}

/// The address that notices go to: the primary one, which is proven.
pub(super) fn address(user: &User) -> Option<&str> {
    let primary = user.primary_email_address?;
    user.emails().find(|email| email.id == primary && email.verified_by.is_some()).map(|email| email.given.as_str())
}

async fn notify(tx: &mut Tx<'_>, user: &User, kind: Kind, mut values: Values) -> Result<()> {
    let Some(to) = address(user) else { return Ok(()) };
    let norm = EmailAddress::parse(to).map_or_else(|| to.to_lowercase(), |to| to.norm().to_owned());
    if !once::charge_mail(tx, &norm).await? {
        return Ok(());
    }
    values.set("user.first_name", user.first_name.clone().unwrap_or_default());
    values.set("user.email_address", to.to_owned());
    values.set("time", moment(tx.now()));
    queue(tx, kind, to, values, None).await
}

/// `1 January 2026 at 09:41 UTC`
fn moment(at: Timestamp) -> String {
    const MONTHS: [&str; 12] = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
    let (days, seconds) = (at.seconds().div_euclid(86_400), at.seconds().rem_euclid(86_400));
    // Civil from days, after Howard Hinnant's algorithm: years begin in March, so that a leap day is the last.
    let shifted = days + 719_468;
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 2 } else { shifted_month - 10 };
    let year = year_of_era + shifted.div_euclid(146_097) * 400 + i64::from(month < 2);
    let name = usize::try_from(month).ok().and_then(|month| MONTHS.get(month)).copied().unwrap_or_default();
    format!("{day} {name} {year} at {:02}:{:02} UTC", seconds / 3_600, seconds / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_by_people() {
        for (text, shown) in [
            ("2026-01-01T00:00:00Z", "1 January 2026 at 00:00 UTC"),
            ("2024-02-29T23:59:59Z", "29 February 2024 at 23:59 UTC"),
            ("2025-03-01T12:34:56Z", "1 March 2025 at 12:34 UTC"),
            ("1999-12-31T00:00:00Z", "31 December 1999 at 00:00 UTC"),
        ] {
            assert_eq!(moment(Timestamp::parse_rfc3339(text).expect("a time")), shown);
        }
    }
}
