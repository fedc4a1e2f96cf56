//! Budgets: how many codes and notices may be sent in a day. A new attempt, another session or another network gives no new ones without end.

use crate::{clients::Visit, settings, users::guard};
use ::store::{FromRow, Row, Tx, sql};
use foundation::{Error, Network, OrganizationId, Problem, Result, Timestamp, UserId};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);

/// Counts a code before it is sent: for its address, for its user, for the network that asks, and for the instance. A device that the user
/// has signed in on has as many for the address and the user as all strangers have together, so that strangers cannot use them up.
///
/// # Errors
/// [`Problem::TooManyRequests`] where one of them has had too many.
pub async fn charge(tx: &mut Tx<'_>, visit: &Visit, user: Option<UserId>, norm: &str) -> Result<()> {
    let budgets = settings::effective(tx).await?.codes.clone();
    let device = match user {
        Some(user) => guard::known(tx, user, visit.device()).await?,
        None => None,
    };
    let of_device = |subject: &str| device.map_or_else(|| subject.to_owned(), |device| format!("{subject} {device}"));
    sweep(tx).await?;
    // In the same order everywhere, the one that most callers share last.
    spend(tx, "address", &of_device(norm), budgets.address).await?;
    if let Some(user) = user {
        spend(tx, "user", &of_device(&user.to_string()), budgets.user).await?;
    }
    let network = Network::of(visit.credential.address.as_ref().and_then(|address| address.parse().ok()));
    spend(tx, "network", &network.to_string(), budgets.network).await?;
    spend(tx, "instance", "", budgets.instance).await
}

/// As [`charge`], for a code that a backend sends: for its address, its user and the instance. A backend has as many for them as all strangers
/// have together, so that neither uses up the other's.
///
/// # Errors
/// As [`charge`].
pub async fn charge_backend(tx: &mut Tx<'_>, user: UserId, norm: &str) -> Result<()> {
    let budgets = settings::effective(tx).await?.codes.clone();
    sweep(tx).await?;
    spend(tx, "address", &format!("{norm} backend"), budgets.address).await?;
    spend(tx, "user", &format!("{user} backend"), budgets.user).await?;
    spend(tx, "instance", "", budgets.instance).await
}

/// How many notices are mailed to one address in a day.
const MOST_NOTICES: i64 = 50;

/// Counts a notice to an address; whether there was one left today.
///
/// # Errors
/// Only the database's own.
pub async fn charge_mail(tx: &mut Tx<'_>, norm: &str) -> Result<bool> {
    spent(spend(tx, "notice", norm, MOST_NOTICES).await)
}

/// How many mails about their organizations one address gets in a day. They use up no codes, no notices and no invitations.
const MOST_OF_ORGANIZATIONS: i64 = 20;

/// Counts a mail about an organization to an address; whether there was one left today.
///
/// # Errors
/// Only the database's own.
pub async fn charge_organization_mail(tx: &mut Tx<'_>, norm: &str) -> Result<bool> {
    sweep(tx).await?;
    spent(spend(tx, "organization", norm, MOST_OF_ORGANIZATIONS).await)
}

/// Whether there was one left.
fn spent(outcome: Result<()>) -> Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(Error::Refused(problem)) if matches!(*problem, Problem::TooManyRequests(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// How many invitations are mailed to one address in a day, from all organizations together. They use up no codes and no notices.
const MOST_INVITATIONS: i64 = 20;

/// Counts an invitation to an address.
///
/// # Errors
/// [`Problem::TooManyRequests`] where it has had too many.
pub async fn charge_invitation_mail(tx: &mut Tx<'_>, norm: &str) -> Result<()> {
    spend(tx, "invitation", norm, MOST_INVITATIONS).await
}

/// Counts a request for invitations to an organization, of which there are so many in an hour.
///
/// # Errors
/// [`Problem::TooManyRequests`].
pub async fn charge_invitations(tx: &mut Tx<'_>, kind: &str, organization: OrganizationId, most: i64) -> Result<()> {
    sweep(tx).await?;
    spend_within(tx, (kind, &organization.to_string()), most, HOUR).await
}

/// Counts a trial of the instance's mail server. The count outlives the mail server.
///
/// # Errors
/// [`Problem::TooManyRequests`] where there were too many within the period.
pub async fn charge_trial(tx: &mut Tx<'_>, most: i64, period: Duration) -> Result<()> {
    spend_within(tx, ("smtp_trial", ""), most, period).await
}

/// Counts a look into the zone of an organization's domain.
///
/// # Errors
/// [`Problem::TooManyRequests`] where there were too many within the period.
pub async fn charge_look(tx: &mut Tx<'_>, organization: &str, most: i64, period: Duration) -> Result<()> {
    sweep(tx).await?;
    spend_within(tx, ("domain_look", organization), most, period).await
}

async fn spend(tx: &mut Tx<'_>, kind: &str, subject: &str, most: i64) -> Result<()> {
    spend_within(tx, (kind, subject), most, DAY).await
}

async fn spend_within(tx: &mut Tx<'_>, (kind, subject): (&str, &str), most: i64, period: Duration) -> Result<()> {
    let now = tx.now();
    let spent = tx
        .change(
            sql!(
                "insert into code_budgets (instance_id, kind, subject, spent, ends_at) values ($1, $2, $3, 1, $4)
                  on conflict (instance_id, kind, subject) do update set
                    spent = case when code_budgets.ends_at <= $5 then 1 else code_budgets.spent + 1 end,
                    ends_at = case when code_budgets.ends_at <= $5 then excluded.ends_at else code_budgets.ends_at end
                  where code_budgets.ends_at <= $5 or code_budgets.spent < $6"
            ),
            &[&kind, &subject, &(now + period), &now, &most],
        )
        .await?;
    if spent == 1 {
        return Ok(());
    }
    let ends: Option<Ends> =
        tx.find(sql!("select ends_at from code_budgets where instance_id = $1 and kind = $2 and subject = $3"), &[&kind, &subject]).await?;
    let left = ends.map_or(0, |ends| ends.0.since(now).as_millis().div_ceil(1_000));
    Err(Problem::TooManyRequests(u64::try_from(left).unwrap_or(1).max(1)).into())
}

struct Ends(Timestamp);

impl FromRow for Ends {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        row.take().map(Ends)
    }
}

/// Removes budgets that are over; at most 100 at a time.
async fn sweep(tx: &mut Tx<'_>) -> Result<()> {
    let now = tx.now();
    tx.change(
        sql!(
            "delete from code_budgets where instance_id = $1 and ends_at <= $2 and (kind, subject) in
                (select kind, subject from code_budgets where instance_id = $1 and ends_at <= $2 order by ends_at limit 100)"
        ),
        &[&now],
    )
    .await
    .map(drop)
}
