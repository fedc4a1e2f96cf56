//! Who is counted by credential: known clients each by themselves, and whoever shows something made up by their network.
//!
//! Whether a credential is one is found out later, in the transaction that recognises the caller. Until then the request is on its network's account.
//! Once the caller is recognised, a window of the credential's own opens, and the network has its request back; as long as that window lasts, it alone
//! counts. A network that has spent its account still gets known clients recognised: whoever shares it with an attacker is not kept out.

use crate::{
    app::App,
    limits::{Class, SITE, Subject, admit, budget},
    rates::{Budget, Key},
    refusal::Refusal,
};
use domain::instances::Tenant;
use foundation::{Network, Problem};
use std::sync::{Mutex, PoisonError};

/// How a request stands whose caller is not recognised yet. The default is one that counts no more.
#[derive(Default)]
pub(crate) struct Admission(Mutex<Option<Pending>>);

struct Pending {
    networks: [Option<Key>; 2],
    /// Of the client's secret and the development browser's, as far as they were shown.
    credentials: [Option<Key>; 2],
    budget: Budget,
    /// Why nobody is let in whose credentials are made up; or, afterwards, nobody.
    over: Option<Problem>,
    settled: bool,
}

/// Which of the credentials have turned out to be somebody's: the client's secret and the development browser's.
pub(crate) type Recognised = [bool; 2];

/// Counts a request of somebody who shows these: the client's secret and the development browser's.
///
/// # Errors
/// As [`admit`].
pub(crate) async fn admit_client(app: &App, tenant: &Tenant, class: Class, shown: [Option<&str>; 2], network: Network) -> Result<Admission, Refusal> {
    if app.ignores_rates {
        return Ok(Admission::default());
    }
    if shown == [None, None] {
        return admit(app, tenant, class, Subject::Network(network)).await.map(|()| Admission::default());
    }
    let now = app.database.now();
    let budget = budget(app, tenant, class).await?;
    let key = |subject: Subject<'_>| app.rates.key(tenant.id(), (class, subject));
    let credentials = shown.map(|shown| shown.map(|credential| key(Subject::Credential(credential))));
    // Each of them counts that is known, because one that is made up must not stand in for the one that counts.
    let mut known = false;
    for counted in credentials.iter().flatten().filter_map(|key| app.rates.count(*key, budget.most, now)) {
        counted?;
        known = true;
    }
    if known {
        return Ok(Admission::default());
    }
    let mut networks = [Some(network), network.site()].map(|network| network.map(|network| key(Subject::Network(network))));
    let mut over = None;
    for (counted, times) in networks.iter_mut().zip([1, SITE]) {
        let Some(key) = *counted else { continue };
        if let Err(problem) = app.rates.open(key, Budget { most: budget.most.saturating_mul(times), ..budget }, now) {
            over = Some(problem);
            // Nothing was taken that could be given back.
            *counted = None;
        }
    }
    Ok(Admission(Mutex::new(Some(Pending { networks, credentials, budget, over, settled: false }))))
}

impl Admission {
    /// Whether only known clients are let in.
    pub(crate) fn is_over(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|pending| pending.over.is_some())
    }

    /// Settles the request: known credentials are counted by themselves from now on, instead of by their network. It can be asked again.
    ///
    /// # Errors
    /// [`Problem::TooManyRequests`] where the network has asked too often with what is made up, or the client.
    pub(crate) fn settle(&self, app: &App, recognised: impl FnOnce() -> Recognised) -> Result<(), Problem> {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pending) = pending.as_mut() else { return Ok(()) };
        if !pending.settled {
            let now = app.database.now();
            let recognised = recognised();
            if recognised != [false; 2] {
                pending.settled = true;
                pending.over = None;
                for key in pending.networks.iter().flatten() {
                    app.rates.give_back(*key, now);
                }
                for key in pending.credentials.iter().zip(recognised).filter_map(|(key, known)| key.filter(|_| known)) {
                    pending.over = app.rates.open(key, pending.budget, now).err().or(pending.over.take());
                }
            }
        }
        pending.over.clone().map_or(Ok(()), Err)
    }
}
