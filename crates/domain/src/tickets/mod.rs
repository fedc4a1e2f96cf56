//! Tickets: a backend's word that somebody may come in as a user, once. A sign-in token lets the user in; an actor token lets somebody else in
//! as them, and every session and token that comes of it says who.
//!
//! What a bearer shows is `<ticket id>.<256 random bits>`; whether it was used is kept in `once`, as for everything that works once.

mod store;

use crate::{
    Verdict,
    audit::{self, Actor},
    clients::Visit,
    instances::Tenant,
    once::{self, Purpose, Spent},
    organizations::{invitations, memberships},
    pools, redirect_urls, redirects, sessions,
    settings::{self, PoolMode, Settings},
    users,
};
use ::store::{Json, Tx, text_enum};
use foundation::{Id, OrganizationId, PoolId, Problem, Result, Secret, TicketId, Timestamp, UserId};
use serde_json::{Value, json};
use std::time::Duration;
use url::Url;

text_enum! {
    /// What a ticket is good for.
    pub enum Kind {
        /// Its user comes in.
        SignInToken = "sign_in_token",
        /// Somebody else comes in as its user.
        ActorToken = "actor_token",
    }
}

text_enum! {
    /// What became of a ticket.
    pub enum Status {
        /// It can be used until it expires.
        Pending = "pending",
        /// It was used.
        Accepted = "accepted",
        /// It was taken back.
        Revoked = "revoked",
    }
}

/// A ticket, without what its bearer shows.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// Its id.
    pub id: TicketId,
    /// What it is good for.
    pub kind: Kind,
    /// The pool of its user.
    pub pool: PoolId,
    /// As whom it lets in.
    pub user: UserId,
    /// What became of it.
    pub status: Status,
    /// Who comes in as them, for an actor token: goes into every token as `act`.
    pub actor: Option<Json>,
    /// How long the session lasts that comes of it, where that is not the instance's own length.
    pub session_seconds: Option<i64>,
    /// The organization that they are in then, for a sign-in token.
    pub organization: Option<OrganizationId>,
    /// Until when it can be used.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A ticket that was just made, with what its bearer shows. It is told this once.
pub struct Issued {
    /// The ticket.
    pub ticket: Ticket,
    /// What its bearer shows.
    pub token: Secret,
}

/// What an actor token says of the session that comes of it.
#[derive(Clone, Debug)]
pub struct Impersonation {
    /// Who it is in truth.
    pub actor: Json,
    /// How long the session lasts at most.
    pub life: Duration,
}

/// A ticket that was used just now, in this transaction. Only [`accept`] makes one.
pub struct Accepted {
    user: UserId,
    impersonation: Option<Impersonation>,
    organization: Option<OrganizationId>,
}

impl Accepted {
    fn of(ticket: Ticket) -> Accepted {
        let life = u64::try_from(ticket.session_seconds.unwrap_or(0)).unwrap_or(0);
        let impersonation = ticket.actor.map(|actor| Impersonation { actor, life: Duration::from_secs(life) });
        Accepted { user: ticket.user, impersonation, organization: ticket.organization }
    }

    /// As whom it lets in.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// Who comes in as them, where it is somebody else.
    pub fn impersonation(&self) -> Option<Impersonation> {
        self.impersonation.clone()
    }

    /// The organization that the session is in which comes of it, if they belong to it.
    pub fn organization(&self) -> Option<OrganizationId> {
        self.organization
    }
}

/// How long a sign-in token can be used if nothing else is said.
pub const SIGN_IN_LIFE: Duration = Duration::from_secs(30 * 86_400);
/// How long an actor token can be used if nothing else is said.
pub const ACTOR_LIFE: Duration = Duration::from_secs(3_600);
/// How long an impersonator's session lasts if nothing else is said.
pub const IMPERSONATION: Duration = Duration::from_secs(1_800);
/// The most bytes of an actor: it is in every token of the session, and that is a cookie.
const MOST_ACTOR: usize = 1_024;

/// Makes a sign-in token. Whoever comes in by it is in the organization, if one is named and they belong to it then too.
///
/// # Errors
/// [`Problem::NotFound`] where there is no such user; [`Problem::ParamInvalid`] where the organization is none of theirs.
pub async fn create_sign_in_token(tx: &mut Tx<'_>, actor: Actor<'_>, user: UserId, life: Duration, organization: Option<&str>) -> Result<Issued> {
    let user = users::get(tx, user).await?.id;
    let organization = match organization {
        Some(text) => Some(organization_of(tx, user, text).await?),
        None => None,
    };
    issue(tx, actor, Kind::SignInToken, user, What { life, impersonation: None, organization }).await
}

/// The organization of this id, which the user belongs to.
async fn organization_of(tx: &mut Tx<'_>, user: UserId, text: &str) -> Result<OrganizationId> {
    let unknown = || Problem::invalid("org_id", "names no organization of this user");
    let id = OrganizationId::parse(text).ok_or_else(unknown)?;
    settings::effective(tx).await?.organization_settings.ensure_enabled()?;
    memberships::find(tx, id, user).await?.ok_or_else(unknown)?;
    Ok(id)
}

/// Makes an actor token.
///
/// # Errors
/// [`Problem::NotFound`] where there is no such user; [`Problem::ParamInvalid`] for an actor without a `sub`, or one that is too large.
pub async fn create_actor_token(tx: &mut Tx<'_>, actor: Actor<'_>, user: UserId, life: Duration, impersonation: &Impersonation) -> Result<Issued> {
    let who = &impersonation.actor.0;
    if !who.get("sub").and_then(Value::as_str).is_some_and(|sub| !sub.is_empty() && sub.len() <= 256) {
        return Err(Problem::invalid("actor", "must have a sub: the id of whoever comes in, at most 256 bytes").into());
    }
    if json!(who).to_string().len() > MOST_ACTOR {
        return Err(Problem::invalid("actor", "may have at most 1024 bytes").into());
    }
    issue(tx, actor, Kind::ActorToken, user, What { life, impersonation: Some(impersonation), organization: None }).await
}

/// What a ticket says besides whom it lets in.
struct What<'a> {
    life: Duration,
    impersonation: Option<&'a Impersonation>,
    organization: Option<OrganizationId>,
}

async fn issue(tx: &mut Tx<'_>, by: Actor<'_>, kind: Kind, user: UserId, what: What<'_>) -> Result<Issued> {
    let What { life, impersonation, organization } = what;
    let user = users::get(tx, user).await?;
    let now = tx.now();
    let ticket = Ticket {
        id: tx.new_id(),
        kind,
        pool: user.pool,
        user: user.id,
        status: Status::Pending,
        actor: impersonation.map(|i| i.actor.clone()),
        session_seconds: impersonation.map(|i| i64::try_from(i.life.as_secs()).unwrap_or(i64::MAX)),
        organization,
        expires_at: now + life,
        created_at: now,
        updated_at: now,
    };
    store::sweep(tx).await?;
    store::insert(tx, &ticket).await?;
    let secret = once::issue_ticket(tx, &ticket.id.to_string(), life).await?;
    let token = Secret::new(format!("{}.{}", ticket.id, secret.expose()));
    told(tx, by, &ticket, "create").await?;
    Ok(Issued { ticket, token })
}

async fn told(tx: &mut Tx<'_>, by: Actor<'_>, ticket: &Ticket, what: &str) -> Result<()> {
    let detail = json!({ "user_id": ticket.user, "actor": ticket.actor.as_ref().map(|a| &a.0), "organization_id": ticket.organization });
    audit::record(tx, by, &format!("{}.{what}", ticket.kind), &ticket.id.to_string(), &detail).await
}

/// Takes a ticket back that was not used yet.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::TicketNotPending`].
pub async fn revoke(tx: &mut Tx<'_>, by: Actor<'_>, kind: Kind, id: TicketId) -> Result<Ticket> {
    let ticket = store::find(tx, id).await?.filter(|t| t.kind == kind).ok_or(Problem::NotFound)?;
    if !store::settle(tx, id, Status::Revoked).await? {
        let settled = store::find(tx, id).await?.map_or(ticket.status, |t| t.status);
        return Err(Problem::TicketNotPending(kind.as_str(), settled.as_str()).into());
    }
    once::end(tx, Purpose::Ticket, &id.to_string()).await?;
    let ticket = store::find(tx, id).await?.ok_or(Problem::NotFound)?;
    told(tx, by, &ticket, "revoke").await?;
    Ok(ticket)
}

/// The ticket's id and secret, as a bearer shows them.
fn parts(shown: &Secret) -> Option<(TicketId, Secret)> {
    let (id, secret) = shown.expose().split_once('.')?;
    Some((TicketId::parse(id)?, Secret::new(secret)))
}

/// What to tell a bearer whose ticket lets nobody in. Whoever has not the secret learns nothing about the ticket.
fn problem(ticket: &Ticket, spent: Spent) -> Problem {
    match (spent, ticket.status) {
        (Spent::Missing | Spent::Wrong, _) => Problem::TicketInvalid,
        (_, Status::Revoked) => Problem::TicketRevoked(ticket.kind.as_str()),
        (Spent::Used, _) | (_, Status::Accepted) => Problem::TicketUsed(ticket.kind.as_str()),
        _ => Problem::TicketExpired,
    }
}

/// Uses a ticket: of however many who show it, one comes in. A refused try of a ticket that exists goes on record.
///
/// An invitation's ticket lets in whoever has proven the invited address before, and makes them a member.
///
/// # Errors
/// [`Problem::InvitationAccountMissing`]; what stands against an invitation.
pub async fn accept(tx: &mut Tx<'_>, pool: PoolId, shown: &Secret) -> Result<Verdict<Accepted>> {
    if let Some(presented) = invitations::present(tx, pool, shown).await? {
        presented.ensure_open(tx).await?;
        let user = invitations::owner(tx, pool, &presented.invitation).await?.ok_or(Problem::InvitationAccountMissing)?;
        let organization = Some(presented.invitation.organization);
        presented.spend(tx, Actor::User(user), user).await?;
        return Ok(Verdict::Granted(Accepted { user, impersonation: None, organization }));
    }
    let Some((id, secret)) = parts(shown) else { return Ok(Verdict::Refused(Problem::TicketInvalid)) };
    let Some(ticket) = store::find(tx, id).await?.filter(|t| t.pool == pool) else { return Ok(Verdict::Refused(Problem::TicketInvalid)) };
    let spent = once::spend_ticket(tx, &id.to_string(), &secret).await?;
    if spent == Spent::Right && store::settle(tx, id, Status::Accepted).await? {
        told(tx, Actor::Visitor, &ticket, "accept").await?;
        return Ok(Verdict::Granted(Accepted::of(ticket)));
    }
    let ticket = store::find(tx, id).await?.unwrap_or(ticket);
    let problem = problem(&ticket, spent);
    if problem != Problem::TicketInvalid {
        told(tx, Actor::Visitor, &ticket, "refuse").await?;
    }
    Ok(Verdict::Refused(problem))
}

/// Where a browser goes that follows a ticket's link: to the application, with the ticket and what to do with it. Nothing is used up, unless the
/// invited one is signed in already: then they are a member from now on. `None` where neither the link nor the instance says where the application is.
///
/// # Errors
/// [`Problem::TicketInvalid`] and the like where the ticket lets nobody in; [`Problem::RedirectUrlInvalid`].
pub async fn destination(tx: &mut Tx<'_>, visit: &Visit, shown: &Secret, redirect_url: Option<&str>) -> Result<Option<String>> {
    if let Some(door) = other_door(tx, visit, shown).await? {
        return Ok(Some(led_on(&door, shown, redirect_url)));
    }
    if let Some(presented) = invitations::present(tx, visit.tenant.instance.pool, shown).await? {
        let text = redirect_url.or(presented.invitation.redirect_url.as_deref()).map(str::to_owned);
        let Some(target) = target(tx, visit, text.as_deref()).await? else { return Ok(None) };
        let status = follow(tx, visit, presented).await?;
        return Ok(Some(link(target, shown, status)));
    }
    let (id, secret) = parts(shown).ok_or(Problem::TicketInvalid)?;
    let ticket = store::find(tx, id).await?.filter(|t| t.pool == visit.tenant.instance.pool).ok_or(Problem::TicketInvalid)?;
    match once::look_at_ticket(tx, &id.to_string(), &secret).await? {
        Spent::Right => {}
        other => return Err(problem(&ticket, other).into()),
    }
    let Some(target) = target(tx, visit, redirect_url).await? else { return Ok(None) };
    let inside = visit.live_sessions(tx).await?.iter().any(|session| session.user == ticket.user);
    Ok(Some(link(target, shown, if inside { "complete" } else { "sign_in" })))
}

/// The door of the pool that a ticket is for, for those who follow a link to the instance's own door from before it had pools of organizations.
async fn other_door(tx: &mut Tx<'_>, visit: &Visit, shown: &Secret) -> Result<Option<Tenant>> {
    if visit.tenant.organization.is_some() || settings::effective(tx).await?.user_pool.mode == PoolMode::Shared {
        return Ok(None);
    }
    let pool = if let Some(presented) = invitations::present(tx, visit.tenant.instance.pool, shown).await? {
        pools::of_organization(tx, presented.invitation.organization).await?
    } else {
        let (id, secret) = parts(shown).ok_or(Problem::TicketInvalid)?;
        let ticket = store::find(tx, id).await?.ok_or(Problem::TicketInvalid)?;
        // Whoever has not the secret learns nothing about the ticket.
        if once::look_at_ticket(tx, &id.to_string(), &secret).await? == Spent::Missing {
            return Err(Problem::TicketInvalid.into());
        }
        pools::of_id(tx, ticket.pool).await?
    };
    Ok(pool.map(|pool| visit.tenant.inside(&pool)))
}

/// The same link at another door.
fn led_on(door: &Tenant, shown: &Secret, redirect_url: Option<&str>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("ticket", shown.expose());
    if let Some(redirect_url) = redirect_url {
        query.append_pair("redirect_url", redirect_url);
    }
    format!("{}/v1/tickets/accept?{}", door.frontend_url, query.finish())
}

/// The page that a ticket's link leads to: the one that is asked for, or the application's own, if anybody has said which that is.
async fn target(tx: &mut Tx<'_>, visit: &Visit, wanted: Option<&str>) -> Result<Option<Url>> {
    let settings = settings::effective(tx).await?;
    let list = redirect_urls::all(tx).await?;
    let home = home(visit, &settings);
    let Some(text) = wanted.or(home.as_deref()) else { return Ok(None) };
    let target = redirects::check(&visit.tenant, &settings, &list, text, "redirect_url")?;
    // A ticket is as good as the session it leads to.
    if redirects::may_carry(&visit.tenant, &settings, &list, &target) { Ok(Some(target)) } else { Err(Problem::RedirectUrlInvalid("redirect_url").into()) }
}

/// What is to be done with an invitation's ticket. Where the invited one is signed in on this client, it is done here.
async fn follow(tx: &mut Tx<'_>, visit: &Visit, presented: invitations::Presented) -> Result<&'static str> {
    let owner = invitations::owner(tx, visit.tenant.instance.pool, &presented.invitation).await?;
    let inside = visit.live_sessions(tx).await?.into_iter().find(|session| Some(session.user) == owner && session.actor.is_none());
    if let Some(session) = inside
        && !users::get(tx, session.user).await?.banned
    {
        // The link in the mail is good for those who have followed it before.
        if presented.invitation.user != Some(session.user) {
            presented.ensure_open(tx).await?;
            tx.must_write()?;
            let organization = presented.invitation.organization.to_string();
            presented.spend(tx, session.by(), session.user).await?;
            sessions::enter(tx, &session, Some(&organization)).await?;
        }
        return Ok("complete");
    }
    presented.ensure_open(tx).await?;
    Ok(if owner.is_some() { "sign_in" } else { "sign_up" })
}

/// The page of the application where the visitor is, for links that others follow, where the instance does not know a page of its own.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn page_of(tx: &mut Tx<'_>, visit: &Visit) -> Result<Option<String>> {
    let settings = settings::effective(tx).await?;
    if home(visit, &settings).is_some() {
        return Ok(None);
    }
    let list = redirect_urls::all(tx).await?;
    let page = visit.credential.origin.as_deref().map(|origin| format!("{origin}/"));
    let fits = |text: &String| {
        let target = redirects::check(&visit.tenant, &settings, &list, text, "redirect_url");
        target.is_ok_and(|target| redirects::may_carry(&visit.tenant, &settings, &list, &target))
    };
    Ok(page.filter(fits))
}

fn link(target: Url, shown: &Secret, status: &str) -> String {
    const TICKET: &str = "__clerk_ticket";
    const STATUS: &str = "__clerk_status";
    let with_ticket = redirects::with_param(target, TICKET, shown.expose(), &[TICKET, STATUS]);
    match Url::parse(&with_ticket) {
        Ok(url) => redirects::with_param(url, STATUS, status, &[]),
        Err(_) => with_ticket,
    }
}

/// Where the application is, as far as the instance knows.
fn home(visit: &Visit, settings: &Settings) -> Option<String> {
    if visit.tenant.is_development() {
        return settings.development_origin.clone();
    }
    let domain = visit.tenant.instance.domain.as_ref().map(|domain| format!("https://{domain}"));
    domain.or_else(|| settings.allowed_origins.iter().find(|origin| origin.starts_with("http")).cloned())
}

/// Ends the tickets of a user who is going.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn forget_user(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    store::delete_of_user(tx, user).await
}
