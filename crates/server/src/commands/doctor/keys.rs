//! Keys: the master key opens every data key, every instance can sign, and spares wait.

use super::{Finding, Patient};
use crate::start::sentence;
use domain::keys::{self, spares};
use store::{Access, BoxFuture, Database};

const NAME: &str = "keys";

/// Looks at the master key, the signing keys, the spares and the jobs that were given up.
pub fn check(patient: &Patient) -> BoxFuture<'_, Vec<Finding>> {
    Box::pin(async move {
        if let Err(why) = &patient.master {
            return vec![Finding::fail(NAME, why.clone(), "nothing that is sealed opens without the master key")];
        }
        let Some(database) = patient.readable().await else { return Vec::new() };
        let mut findings = master(database).await;
        findings.push(signing(database).await);
        findings.push(waiting(database).await);
        findings
    })
}

async fn master(database: &Database) -> Vec<Finding> {
    if let Err(error) = database.check_master_key().await {
        return vec![Finding::fail(NAME, sentence(&error), "without it, signing keys and pending mails are lost")];
    }
    let (opened, older) = match (database.open_data_keys().await, database.count_older_data_keys().await) {
        (Ok(opened), Ok(older)) => (opened, older),
        (Err(error), _) | (_, Err(error)) => return vec![Finding::fail(NAME, sentence(&error), "look at the database first")],
    };
    let mut findings = vec![if opened.not == 0 {
        Finding::ok(NAME, format!("the master key opens all {} data keys", opened.well))
    } else {
        let says = format!("the master key does not open {} of {} data keys", opened.not, opened.not + opened.well);
        Finding::fail(NAME, says, "put the older key back as master.key.old and run `insula keys rotate`")
    }];
    if older > 0 && opened.not == 0 {
        findings.push(Finding::warn(NAME, format!("{older} data keys are wrapped with an older master key"), "run `insula keys rotate` to its end"));
    }
    findings
}

async fn signing(database: &Database) -> Finding {
    match database.platform(Access::Read, |tx| Box::pin(keys::count_without_signer(tx))).await {
        Ok(0) => Finding::ok(NAME, "every instance has a signing key"),
        Ok(without) => Finding::fail(NAME, format!("{without} instances have no signing key"), "restore your newest backup: nobody can sign in there"),
        Err(error) => Finding::fail(NAME, sentence(&error), "look at the database first"),
    }
}

async fn waiting(database: &Database) -> Finding {
    match spares::count(database).await {
        Ok(count) if count >= spares::WANTED / 4 => Finding::ok(NAME, format!("{count} spare key pairs wait")),
        Ok(count) => Finding::warn(
            NAME,
            format!("{count} spare key pairs wait, of {}", spares::WANTED),
            "a running server makes them; if it does not, look at its log for `fill_spare_keys`",
        ),
        Err(error) => Finding::fail(NAME, sentence(&error), "look at the database first"),
    }
}
