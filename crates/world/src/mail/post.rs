//! The post: takes a mail to whoever delivers it.

use super::{
    Encryption, Inbox, Mail, Reach, Receipt, Relay, Resolver, SLOWEST, SmtpServer, SystemResolver, Undelivered,
    message::{self, Encoded},
    network,
    pool::{Owner, Pool, Rests},
    smtp::Dialogue,
};
use foundation::{Clock, meter::Counter};
use std::sync::{Arc, OnceLock};
use tokio::{sync::Semaphore, time::timeout};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::CertificateDer};

/// Half of the lanes in which jobs run, so that tenants' mail servers cannot hold them all.
const MOST_BY_INSTANCES: usize = 16;

/// By whose mail server a mail goes.
#[derive(Clone, Copy)]
pub enum Via<'a> {
    /// The server's own; the inbox where it has none.
    Server,
    /// An instance's own.
    Instance(&'a Relay),
}

/// Everything that delivers mail.
pub struct Post {
    relay: Option<Relay>,
    inbox: Arc<Inbox>,
    clock: Arc<dyn Clock>,
    /// Where instances' mail servers may be.
    reach: Reach,
    resolver: Arc<dyn Resolver>,
    trusted: Vec<CertificateDer<'static>>,
    tls: OnceLock<Arc<ClientConfig>>,
    pool: Pool,
    rests: Rests,
    /// How many mails may be on their way by instances' own servers.
    places: Semaphore,
    meters: Handed,
}

/// How handing mails over has gone so far, of one way.
#[derive(Debug, Default)]
pub struct Handing {
    /// The mail was taken.
    pub taken: Counter,
    /// It was refused for good.
    pub refused: Counter,
    /// It was not taken this time.
    pub failed: Counter,
}

/// How handing mails over has gone so far, by way.
#[derive(Debug, Default)]
pub struct Handed {
    /// To the server's own mail server.
    pub server: Handing,
    /// To instances' own.
    pub instances: Handing,
    /// To the inbox.
    pub inbox: Handing,
}

impl Handing {
    fn note(&self, outcome: &Result<Receipt, Undelivered>) {
        match outcome {
            Ok(_) => self.taken.one(),
            Err(undelivered) if undelivered.permanent => self.refused.one(),
            Err(_) => self.failed.one(),
        }
    }
}

impl Post {
    /// Without a mail server: everything is caught, and instances' servers must be on the public network.
    pub fn new(clock: Arc<dyn Clock>, inbox: Arc<Inbox>) -> Post {
        Post {
            relay: None,
            inbox,
            clock,
            reach: Reach::Public,
            resolver: Arc::new(SystemResolver),
            trusted: Vec::new(),
            tls: OnceLock::new(),
            pool: Pool::default(),
            rests: Rests::default(),
            places: Semaphore::new(MOST_BY_INSTANCES),
            meters: Handed::default(),
        }
    }

    /// Sends by this mail server instead of catching.
    #[must_use]
    pub fn by(mut self, relay: Option<Relay>) -> Post {
        self.relay = relay;
        self
    }

    /// Lets instances' mail servers be where the operator says.
    #[must_use]
    pub fn reaching(mut self, reach: Reach) -> Post {
        self.reach = reach;
        self
    }

    /// Resolves names by somebody else. For tests.
    #[must_use]
    pub fn asking(mut self, resolver: Arc<dyn Resolver>) -> Post {
        self.resolver = resolver;
        self
    }

    /// Trusts one more certificate, in DER. For tests.
    #[must_use]
    pub fn trusting(mut self, certificate: &[u8]) -> Post {
        self.trusted.push(CertificateDer::from(certificate.to_vec()));
        self
    }

    /// Whether mail is caught in the inbox instead of sent.
    pub fn catches(&self) -> bool {
        self.relay.is_none()
    }

    /// Where instances' mail servers may be.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Hands a mail over. The same message can be handed over twice; that is the job's doing.
    ///
    /// # Errors
    /// Where it was not taken.
    pub async fn send(&self, mail: Mail, via: Via<'_>) -> Result<Receipt, Undelivered> {
        let way = match via {
            Via::Instance(_) => &self.meters.instances,
            Via::Server if self.catches() => &self.meters.inbox,
            Via::Server => &self.meters.server,
        };
        let outcome = self.deliver(mail, via).await;
        way.note(&outcome);
        outcome
    }

    /// How handing over has gone so far.
    pub fn handed(&self) -> &Handed {
        &self.meters
    }

    async fn deliver(&self, mail: Mail, via: Via<'_>) -> Result<Receipt, Undelivered> {
        let (relay, owner, reach) = match (via, &self.relay) {
            (Via::Instance(relay), _) => (relay, Some(mail.instance), self.reach),
            (Via::Server, Some(relay)) => (relay, None, Reach::Anywhere),
            (Via::Server, None) => {
                let from_name = mail.sender.name.clone().unwrap_or(mail.from_name);
                self.inbox.catch(Mail { from_name, ..mail }, self.clock.now());
                return Ok(Receipt { code: None, words: "caught in the inbox".to_owned() });
            }
        };
        // By its own server an instance sends as that server says; by the server's own, as its settings say.
        let (relays, wanted) = (relay.from_name.as_deref(), mail.sender.name.as_deref());
        let name = if owner.is_some() { relays.or(wanted) } else { wanted.or(relays) }.unwrap_or(&mail.from_name);
        let local = mail.sender.local_part.as_deref().filter(|_| owner.is_none());
        let address = match (local, relay.from_address.split_once('@')) {
            (Some(local), Some((_, domain))) => format!("{local}@{domain}"),
            _ => relay.from_address.clone(),
        };
        let encoded = message::encode(&mail, &address, name, self.clock.now())?;
        let hello = encoded.from.rsplit_once('@').map_or("localhost", |(_, domain)| domain).to_owned();
        let _place = match owner {
            Some(_) => Some(self.places.try_acquire().map_err(|_| Undelivered::later("too many mail servers are slow", ""))?),
            None => None,
        };
        if self.rests.is_resting(owner, &relay.server) {
            return Err(Undelivered::later("the mail server was silent and rests", ""));
        }
        let handing = self.hand_over(&relay.server, owner, reach, &hello, &encoded);
        let outcome = timeout(SLOWEST, handing).await.unwrap_or_else(|_| Err(Undelivered::silent("the mail server took too long")));
        if outcome.as_ref().is_err_and(|failed| failed.silent) {
            self.rests.begin(owner, &relay.server);
        }
        outcome
    }

    async fn hand_over(&self, server: &SmtpServer, owner: Owner, reach: Reach, hello: &str, mail: &Encoded) -> Result<Receipt, Undelivered> {
        let mut waiting = self.pool.take(owner, server);
        if let Some(dialogue) = &mut waiting
            && !dialogue.is_alive().await
        {
            waiting = None;
        }
        let mut dialogue = match waiting {
            Some(dialogue) => dialogue,
            None => self.open(server, reach, hello).await?,
        };
        let outcome = dialogue.hand_over(mail).await;
        // After an answer the connection is as good as before; after silence nobody knows what it would say next.
        if outcome.as_ref().map_or_else(|refused| refused.code.is_some(), |_| true)
            && let Some(spare) = self.pool.put(owner, server, dialogue)
        {
            spare.quit().await;
        }
        outcome
    }

    async fn open(&self, server: &SmtpServer, reach: Reach, hello: &str) -> Result<Dialogue, Undelivered> {
        let stream = network::connect(&*self.resolver, &server.host, server.port, reach).await.map_err(|error| {
            let step = if error.kind() == std::io::ErrorKind::PermissionDenied { "the mail server may not be reached" } else { "reaching the mail server" };
            Undelivered::later(step, error)
        })?;
        let tls = match server.encryption {
            Encryption::None => None,
            _ => Some(self.tls()?),
        };
        Dialogue::open(stream, server, tls.as_ref(), hello).await
    }

    /// Greets and logs in at the server's own mail server, and leaves again; nothing where there is none.
    ///
    /// # Errors
    /// What stands against it.
    pub async fn check(&self) -> Result<bool, Undelivered> {
        let Some(relay) = &self.relay else { return Ok(false) };
        let hello = relay.from_address.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
        match timeout(SLOWEST, self.open(&relay.server, Reach::Anywhere, hello)).await {
            Ok(Ok(dialogue)) => {
                dialogue.quit().await;
                Ok(true)
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Undelivered::silent("the mail server took too long")),
        }
    }

    /// What connections are encrypted with: the machine's own authorities, read once.
    fn tls(&self) -> Result<Arc<ClientConfig>, Undelivered> {
        if let Some(tls) = self.tls.get() {
            return Ok(Arc::clone(tls));
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots.add_parsable_certificates(self.trusted.iter().cloned());
        if roots.is_empty() {
            return Err(Undelivered::later("this machine knows no certificate authorities: install ca-certificates", ""));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| Undelivered::later("the encryption", e))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::clone(self.tls.get_or_init(|| Arc::new(config))))
    }
}
