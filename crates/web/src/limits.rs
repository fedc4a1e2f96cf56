//! Limits: what each operation counts for, and who is counted together.

use crate::{
    app::App,
    call::FrontendCall,
    rates::{Budget, Key},
    refusal::Refusal,
};
use axum::response::Response;
use domain::{
    instances::Tenant,
    settings::{self, Settings},
    testing_tokens,
};
use foundation::{Network, Problem, Secret};
use std::{sync::Arc, time::Duration};
use store::{Access, Memo};

/// What an operation counts for. At the Frontend API one without a class does not count; at the Backend API every one counts
/// for the instance's requests, but for those that are free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Begins a sign-in.
    SignIn,
    /// Begins a sign-up.
    SignUp,
    /// Changes a sign-up.
    SignUpChange,
    /// Asks for a code.
    Code,
    /// Tries a proof for a sign-in.
    SignInProof,
    /// Tries a proof for a sign-up.
    SignUpProof,
    /// Tries a proof while signed in.
    UserProof,
    /// Makes a client or a development browser.
    Client,
    /// Changes a user's metadata, or makes something of which there can be many.
    Metadata,
    /// Changes something else of a user's or an organization's.
    Change,
    /// Fetches a session token.
    Token,
    /// Brings a rendering backend up to date.
    Handshake,
    /// A backend's request.
    Backend,
    /// Nothing.
    Free,
}

/// Who is counted together.
#[derive(Clone, Copy, Hash)]
pub(crate) enum Subject<'a> {
    /// Everybody from one network.
    Network(Network),
    /// Everybody with this credential.
    Credential(&'a str),
    /// Everybody who asks for the same thing.
    Path(&'a str),
    /// Everybody.
    Instance,
}

const PERIOD: Duration = Duration::from_secs(10);
/// How much more a customer of a whole /48 has than one of a /64.
pub(crate) const SITE: u32 = 16;

impl Class {
    /// Whether a known client counts by itself, and not with its network.
    pub(crate) fn is_by_client(self) -> bool {
        matches!(self, Class::Metadata | Class::Change | Class::Token)
    }

    fn budget(self, settings: &Settings) -> Budget {
        let rates = &settings.rates;
        let most = match self {
            Class::SignIn | Class::SignUp | Class::SignUpChange | Class::Code => rates.creates,
            Class::SignInProof | Class::SignUpProof | Class::UserProof => rates.attempts,
            Class::Client => rates.clients,
            Class::Metadata => rates.metadata,
            Class::Change => rates.changes,
            Class::Token => rates.tokens,
            Class::Handshake => rates.handshakes,
            Class::Backend => rates.backend,
            Class::Free => u32::MAX,
        };
        Budget { most, period: PERIOD }
    }
}

/// How often this may be asked for.
pub(crate) async fn budget(app: &App, tenant: &Tenant, class: Class) -> Result<Budget, Refusal> {
    Ok(class.budget(&*settings(app, tenant).await?))
}

#[allow(clippy::disallowed_methods, reason = "the tenant was just recognised")]
async fn settings(app: &App, tenant: &Tenant) -> Result<Arc<Settings>, Refusal> {
    let application = tenant.instance.application;
    let known = app.database.recall(tenant.id(), Memo::new("settings", &[]), |tx| Box::pin(settings::known(tx, application))).await?;
    Ok(Arc::clone(&known))
}

/// Counts a request, also for the wider network of an IPv6 address.
///
/// # Errors
/// [`Problem::TooManyRequests`].
pub(crate) async fn admit(app: &App, tenant: &Tenant, class: Class, subject: Subject<'_>) -> Result<(), Refusal> {
    if app.ignores_rates {
        return Ok(());
    }
    take(app, tenant, class, subject, 1).await?;
    match subject {
        Subject::Network(network) => match network.site() {
            Some(site) => take(app, tenant, class, Subject::Network(site), SITE).await,
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Whether a testing token excuses from rates. It is asked only for whoever would be refused, and in development instances only.
///
/// # Errors
/// Only the database's own.
#[allow(clippy::disallowed_methods, reason = "the tenant was just recognised")]
pub(crate) async fn is_excused(app: &App, tenant: &Tenant, shown: Option<String>) -> Result<bool, Refusal> {
    let Some(token) = shown.filter(|_| tenant.is_development()).map(Secret::new) else { return Ok(false) };
    Ok(app.database.within(tenant.id(), Access::Read, |tx| Box::pin(testing_tokens::accepts(tx, &token))).await?)
}

async fn take(app: &App, tenant: &Tenant, class: Class, subject: Subject<'_>, times: u32) -> Result<(), Refusal> {
    let now = app.database.now();
    let key = app.rates.key(tenant.id(), (class, subject));
    let budget = budget(app, tenant, class).await?;
    Ok(app.rates.open(key, Budget { most: budget.most.saturating_mul(times), ..budget }, now)?)
}

const PROBES: Duration = Duration::from_secs(3_600);

/// A question whose answer tells whether somebody is there. It is counted before it is asked, so that a burst asks no more than so many
/// one after another, and given back where the answer was no wrong guess.
pub struct Probe<'c> {
    call: &'c FrontendCall,
    counted: Option<Key>,
    identifiers: Vec<Key>,
}

impl FrontendCall {
    /// Counts a question about identifiers, where the instance protects its users from being enumerated. Whether they are there makes no
    /// difference yet. A device that somebody has signed in on has a budget of its own beside its network's.
    ///
    /// # Errors
    /// [`Problem::TooManyRequests`] where the network has guessed wrong too often.
    pub async fn probe(&self, identifiers: &[Option<&str>]) -> Result<Probe<'_>, Refusal> {
        let (app, instance) = (&self.app, self.tenant.id());
        let mut probe = Probe { call: self, counted: None, identifiers: Vec::new() };
        let Some(most) = settings(app, &self.tenant).await?.attack_protection.most_probes() else { return Ok(probe) };
        let (now, budget) = (app.database.now(), Budget { most, period: PROBES });
        let named = identifiers.iter().flatten().map(|identifier| identifier.trim().to_lowercase());
        probe.identifiers = named.map(|identifier| app.rates.key(instance, ("identifier", self.network, identifier))).collect();
        if probe.identifiers.is_empty() {
            return Ok(probe);
        }
        let network = app.rates.key(instance, ("probes", self.network.site().unwrap_or(self.network)));
        let counted = match app.rates.open(network, budget, now) {
            Ok(()) => network,
            Err(problem) => {
                let client = self.known_client().await?.ok_or(problem)?;
                let device = app.rates.key(instance, ("probes", client));
                app.rates.open(device, budget, now)?;
                device
            }
        };
        probe.counted = Some(counted);
        Ok(probe)
    }
}

impl Probe<'_> {
    /// Settles the question: a wrong guess stays counted, unless it is the same as one before.
    pub fn over(self, answer: Result<Response, Refusal>) -> Result<Response, Refusal> {
        let Some(counted) = self.counted else { return answer };
        let (rates, now) = (&self.call.app.rates, self.call.app.database.now());
        let told = answer.as_ref().err().and_then(Refusal::problem);
        let wrong = matches!(told, Some(Problem::IdentifierNotFound | Problem::IdentifierExists(_)));
        let once = Budget { most: 1, period: PROBES };
        // Each of them is marked, so no early end.
        let new = wrong && self.identifiers.iter().filter(|key| rates.open(**key, once, now).is_ok()).count() > 0;
        if !new {
            rates.give_back(counted, now);
        }
        answer
    }
}
