//! Sessions: one user signed in on one client.

mod bounds;
mod device;
mod list;
mod minting;
mod store;

pub use device::Device;
pub use list::{Filter, list};
pub use minting::{Minting, minting};

use crate::{
    audit::{self, Actor},
    clients::{self, Visit},
    events::{self, Event},
    organizations::{active, memberships, suggestions},
    settings,
    tickets::Impersonation,
    users,
};
use ::store::{Json, Tx, text_enum};
use foundation::{ClientId, Error, OrganizationId, Problem, Result, SessionId, Timestamp, UserId};
use serde_json::json;
use world::places::Place;

text_enum! {
    /// What became of a session.
    pub enum Status {
        /// It lives.
        Active = "active",
        /// It lives, but its user has a task to do first.
        Pending = "pending",
        /// Its user signed out.
        Ended = "ended",
        /// Its user took it off the client.
        Removed = "removed",
        /// It was ended from outside.
        Revoked = "revoked",
        /// Its time is over.
        Expired = "expired",
        /// Nobody came back to it.
        Abandoned = "abandoned",
    }
}

text_enum! {
    /// What a session's user has to do before anything else.
    pub enum Task {
        /// To choose an organization.
        ChooseOrganization = "choose-organization",
    }
}

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Who is signed in.
    pub user: UserId,
    /// Where.
    pub client: ClientId,
    /// What was last written about it; [`Session::status`] knows what time has done since.
    pub stored_status: Status,
    /// When the first factor was last proven.
    pub first_factor_at: Option<Timestamp>,
    /// When the second factor was last proven.
    pub second_factor_at: Option<Timestamp>,
    /// The browser that used it last, as it calls itself.
    pub user_agent: Option<String>,
    /// The network address it was last used from.
    pub address: Option<String>,
    /// Where that address is, as far as it is known.
    pub place: Place,
    /// When it was last used, to the minute.
    pub last_active_at: Timestamp,
    /// When it ends.
    pub expire_at: Timestamp,
    /// When it is given up.
    pub abandon_at: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The organization that its user is in; none is the personal account.
    pub organization: Option<OrganizationId>,
    /// What its user has to do before anything else.
    pub task: Option<Task>,
    /// Who is signed in in truth, where it is not the user: whoever impersonates them.
    pub actor: Option<Json>,
}

/// The most living sessions of one client.
pub const MOST_OF_CLIENT: usize = 25;
/// The most living sessions of one user; the one that was not used for the longest time makes room.
pub const MOST_OF_USER: i64 = 100;

/// Which sessions of a user go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All of them.
    All,
    /// This one.
    One(SessionId),
    /// None.
    None,
}

/// The session of this id.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn get(tx: &mut Tx<'_>, id: SessionId) -> Result<Session> {
    find(tx, id).await?.ok_or_else(|| Problem::NotFound.into())
}

/// The session of this id, if there is one.
///
/// # Errors
/// Only the database's own.
pub async fn find(tx: &mut Tx<'_>, id: SessionId) -> Result<Option<Session>> {
    let Some(session) = store::find(tx, id).await? else { return Ok(None) };
    Ok(Some(session.within(&*settings::effective(tx).await?)))
}

/// The session of this id, if it lives.
///
/// # Errors
/// [`Problem::NotFound`] where it does not.
pub async fn live(tx: &mut Tx<'_>, id: SessionId) -> Result<Session> {
    let session = get(tx, id).await?;
    if session.is_live(tx.now()) { Ok(session) } else { Err(Problem::NotFound.into()) }
}

/// Signs a user in on the visitor's client, which gets a new secret.
///
/// # Errors
/// [`Problem::UserBanned`]; [`Problem::AlreadySignedIn`]; [`Problem::SessionExists`].
pub async fn arrive(tx: &mut Tx<'_>, visit: &mut Visit, user: UserId, strategy: &str) -> Result<Session> {
    arrive_as(tx, visit, user, strategy, None).await
}

/// As [`arrive`]; with an impersonation, somebody else comes in as the user. They have proven nothing of the user's, their session is short,
/// and the user is not noted as signed in.
///
/// # Errors
/// As [`arrive`].
pub async fn arrive_as(tx: &mut Tx<'_>, visit: &mut Visit, user: UserId, strategy: &str, impersonation: Option<&Impersonation>) -> Result<Session> {
    let arriving = users::get(tx, user).await?;
    if arriving.banned {
        return Err(Problem::UserBanned.into());
    }
    // First the secret, then the look: two who come in at once on one client come one after the other.
    visit.rotate(tx).await?;
    ensure_room(tx, visit, Some(user)).await?;
    let client = visit.client_or_new(tx).await?;
    let mut session = new(tx, visit, user, client.id).await?;
    session.user_agent.clone_from(&visit.credential.user_agent);
    session.address.clone_from(&visit.credential.address);
    session.place.clone_from(&visit.credential.place);
    if let Some(impersonation) = impersonation {
        session.actor = Some(impersonation.actor.clone());
        session.first_factor_at = None;
        session.expire_at = session.expire_at.min(session.created_at + impersonation.life);
    }
    store::sweep(tx).await?;
    store::insert(tx, &session).await?;
    visit.arrived(tx, session.id, strategy).await?;
    // It holds the user's row: two who sign in at once make room one after the other, and a ban is seen.
    match impersonation {
        None => users::signed_in(tx, user).await?,
        Some(_) => users::hold(tx, user).await.map(drop)?,
    }
    users::ensure_welcome(tx, user).await?;
    make_room(tx, user).await?;
    if impersonation.is_none() {
        suggestions::evaluate(tx, &arriving).await?;
        users::guard::remember(tx, user, client.id).await?;
    }
    told(tx, session.by(), &session, "session.create", Event::SessionCreated(&session)).await?;
    Ok(session)
}

/// Refuses where the client cannot take another session, or has this user's already.
///
/// # Errors
/// [`Problem::SessionExists`]; [`Problem::AlreadySignedIn`]; [`Problem::LimitReached`].
pub async fn ensure_room(tx: &mut Tx<'_>, visit: &Visit, user: Option<UserId>) -> Result<()> {
    let live = visit.live_sessions(tx).await?;
    if let Some(same) = live.iter().find(|s| Some(s.user) == user) {
        return Err(Problem::AlreadySignedIn(same.id.to_string()).into());
    }
    if !live.is_empty() && !settings::effective(tx).await?.session.multi {
        return Err(Problem::SessionExists.into());
    }
    if live.len() >= MOST_OF_CLIENT {
        return Err(Problem::LimitReached("sessions on one device", i64::try_from(MOST_OF_CLIENT).unwrap_or(i64::MAX)).into());
    }
    Ok(())
}

/// Ends the user's sessions that are too many, those first that were not used for the longest time. The caller holds the user's row.
async fn make_room(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    for id in store::surplus_of_user(tx, user, MOST_OF_USER).await? {
        revoke(tx, Actor::Server, id).await?;
    }
    Ok(())
}

async fn new(tx: &mut Tx<'_>, visit: &Visit, user: UserId, client: ClientId) -> Result<Session> {
    let settings = settings::effective(tx).await?;
    let now = tx.now();
    let expire_at = now + settings.session.life();
    let organization = match visit.tenant.organization {
        // Whoever has left the organization of their pool, or was removed from it, is at home nowhere.
        Some(id) => memberships::find(tx, id, user).await?.map(|_| id),
        None => None,
    };
    Ok(Session {
        id: tx.new_id(),
        user,
        client,
        stored_status: Status::Active,
        first_factor_at: Some(now),
        second_factor_at: None,
        user_agent: None,
        address: None,
        place: Place::default(),
        last_active_at: now,
        expire_at,
        abandon_at: settings.session.abandoned_at(now, expire_at),
        created_at: now,
        updated_at: now,
        organization,
        task: None,
        actor: None,
    }
    .within(&settings))
}

/// Creates a session without a browser, by the backend's word, on a client of its own; in an organization of the user's, if one is named by
/// id or slug. For tests and scripts of development instances.
///
/// # Errors
/// [`Problem::ParamInvalid`] for an organization that is none of the user's; /// [`Problem::DevelopmentOnly`]; [`Problem::NotFound`] where there is no such user; [`Problem::UserBanned`].
pub async fn create_for(tx: &mut Tx<'_>, visit: &mut Visit, user: UserId, organization: Option<&str>) -> Result<Session> {
    if !visit.tenant.is_development() {
        return Err(Problem::DevelopmentOnly.into());
    }
    let user = users::hold(tx, user).await?;
    if user.banned {
        return Err(Problem::UserBanned.into());
    }
    let client = visit.client_or_new(tx).await?;
    let mut session = new(tx, visit, user.id, client.id).await?;
    if let Some(named) = organization {
        let unknown = || Problem::invalid("active_organization_id", "names no organization of this user").into();
        session.organization = Some(active::choose(tx, user.id, named).await.map_err(|error| match error {
            Error::Refused(problem) if *problem == Problem::OrganizationUnknown => unknown(),
            other => other,
        })?);
        let settings = settings::effective(tx).await?;
        session = session.within(&settings);
    }
    store::sweep(tx).await?;
    store::insert(tx, &session).await?;
    make_room(tx, user.id).await?;
    visit.select(tx, Some(session.id)).await?;
    told(tx, Actor::Backend, &session, "session.create", Event::SessionCreated(&session)).await?;
    Ok(session)
}

async fn told(tx: &mut Tx<'_>, actor: Actor<'_>, session: &Session, action: &str, event: Event<'_>) -> Result<()> {
    audit::record(tx, actor, action, &session.id.to_string(), &json!({ "user_id": session.user, "actor": session.actor.as_ref().map(|a| &a.0) })).await?;
    events::emit(tx, event).await
}

/// Notes that a session is in use, and puts it in front of its client's others. Where an organization is named, by id or slug, its user is in that
/// from now on; `Some(None)` is the personal account.
///
/// # Errors
/// As [`Visit::live_session`]; [`Problem::OrganizationUnknown`].
pub async fn touch(tx: &mut Tx<'_>, visit: &mut Visit, id: SessionId, organization: Option<Option<&str>>) -> Result<Session> {
    let session = visit.live_session(tx, id).await?;
    if users::get(tx, session.user).await?.banned {
        return Err(Problem::UserBanned.into());
    }
    if let Some(named) = organization {
        enter(tx, &session, named).await?;
    }
    use_it(tx, visit, &session).await?;
    visit.select(tx, Some(id)).await?;
    get(tx, id).await
}

/// Puts the session into an organization of its user's, named by id or slug, or into none.
///
/// # Errors
/// [`Problem::OrganizationUnknown`].
pub(crate) async fn enter(tx: &mut Tx<'_>, session: &Session, named: Option<&str>) -> Result<()> {
    let organization = match named {
        Some(named) => Some(active::choose(tx, session.user, named).await?),
        // Where nobody works in a personal account, whoever asks for it stays where they are.
        None if settings::effective(tx).await?.holds_to_organizations() => session.organization,
        None => None,
    };
    if organization != session.organization {
        store::set_organization(tx, session, organization).await?;
    }
    Ok(())
}

/// As [`enter`]; where the user does not belong to the organization, or there is none of this name, the session stays where it is.
pub(crate) async fn enter_if_welcome(tx: &mut Tx<'_>, session: &Session, named: Option<&str>) -> Result<Session> {
    match enter(tx, session, named).await {
        Ok(()) => get(tx, session.id).await,
        Err(Error::Refused(problem)) if *problem == Problem::OrganizationUnknown => Ok(session.clone()),
        Err(other) => Err(other),
    }
}

/// Takes an organization that a user does not belong to any more out of their sessions.
pub(crate) async fn leave_organization(tx: &mut Tx<'_>, organization: OrganizationId, user: UserId) -> Result<()> {
    store::leave_organization(tx, organization, user).await
}

/// The same for several users.
pub(crate) async fn leave_organization_all(tx: &mut Tx<'_>, organization: OrganizationId, users: &[UserId]) -> Result<()> {
    if users.is_empty() { Ok(()) } else { store::leave_organization_all(tx, organization, users).await }
}

/// Takes an organization that is going out of all sessions.
pub(crate) async fn forget_organization(tx: &mut Tx<'_>, organization: OrganizationId) -> Result<()> {
    store::forget_organization(tx, organization).await
}

/// Notes that a session is in use, and nothing else: a page that is open fetches tokens.
///
/// # Errors
/// As [`Visit::live_session`].
pub async fn note_use(tx: &mut Tx<'_>, visit: &mut Visit, id: SessionId) -> Result<()> {
    let session = visit.live_session(tx, id).await?;
    use_it(tx, visit, &session).await
}

/// Notes the use of a living session; at most once a minute.
pub(crate) async fn use_it(tx: &mut Tx<'_>, visit: &Visit, session: &Session) -> Result<()> {
    if tx.now().since(session.last_active_at) < bounds::GRAIN {
        return Ok(());
    }
    let abandon_at = settings::effective(tx).await?.session.abandoned_at(tx.now(), session.expire_at);
    store::seen(tx, session.id, abandon_at, &visit.credential).await?;
    users::seen(tx, session.user).await
}

/// Signs the session's user out.
///
/// # Errors
/// As [`Visit::session`]. Ending what has ended changes nothing.
pub async fn end(tx: &mut Tx<'_>, visit: &mut Visit, id: SessionId) -> Result<Session> {
    let session = visit.session(tx, id).await?;
    leave(tx, visit, session, Status::Ended).await
}

/// Takes the session off its client.
///
/// # Errors
/// As [`Visit::session`].
pub async fn remove(tx: &mut Tx<'_>, visit: &mut Visit, id: SessionId) -> Result<Session> {
    let session = visit.session(tx, id).await?;
    leave(tx, visit, session, Status::Removed).await
}

/// Takes all sessions off the visitor's client.
///
/// # Errors
/// Only the database's own.
pub async fn remove_all(tx: &mut Tx<'_>, visit: &mut Visit) -> Result<()> {
    // Lists are bounded: go on until none is left.
    loop {
        let live = visit.live_sessions(tx).await?;
        if live.is_empty() {
            return Ok(());
        }
        for session in live {
            leave(tx, visit, session, Status::Removed).await?;
        }
    }
}

async fn leave(tx: &mut Tx<'_>, visit: &mut Visit, session: Session, status: Status) -> Result<Session> {
    if !session.is_live(tx.now()) || !store::close(tx, session.id, status).await? {
        return Ok(session);
    }
    let session = get(tx, session.id).await?;
    clients::sessions_changed(tx, session.client).await?;
    let actor = session.by();
    if status == Status::Removed {
        told(tx, actor, &session, "session.remove", Event::SessionRemoved(&session)).await?;
    } else {
        told(tx, actor, &session, "session.end", Event::SessionEnded(&session)).await?;
    }
    if visit.client.as_ref().is_some_and(|c| c.last_active_session == Some(session.id)) {
        let next = visit.live_sessions(tx).await?.last().map(|s| s.id);
        visit.select(tx, next).await?;
    }
    visit.refresh(tx).await?;
    Ok(session)
}

/// Ends a session from outside. Revoking what has ended changes nothing.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn revoke(tx: &mut Tx<'_>, actor: Actor<'_>, id: SessionId) -> Result<Session> {
    let session = get(tx, id).await?;
    if session.is_live(tx.now()) && store::close(tx, id, Status::Revoked).await? {
        clients::sessions_changed(tx, session.client).await?;
        let session = get(tx, id).await?;
        told(tx, actor, &session, "session.revoke", Event::SessionRevoked(&session)).await?;
        return Ok(session);
    }
    get(tx, id).await
}

/// Ends the living sessions of a user, but for those to be kept.
///
/// # Errors
/// Only the database's own.
pub async fn revoke_of_user(tx: &mut Tx<'_>, actor: Actor<'_>, user: UserId, keep: Keep) -> Result<()> {
    if keep == Keep::All {
        return Ok(());
    }
    loop {
        let mut ended = 0;
        for session in live_of_user(tx, user).await? {
            if keep != Keep::One(session.id) {
                revoke(tx, actor, session.id).await?;
                ended += 1;
            }
        }
        // Lists are bounded: go on until none is left but the one to keep.
        if ended == 0 {
            return Ok(());
        }
    }
}

/// The living sessions of a client, oldest first.
///
/// # Errors
/// Only the database's own.
pub async fn live_of_client(tx: &mut Tx<'_>, client: ClientId) -> Result<Vec<Session>> {
    store::live_of_client(tx, client).await
}

/// The living sessions of these clients, oldest first; at most a hundred for each of them on average.
///
/// # Errors
/// Only the database's own.
pub async fn live_of_clients(tx: &mut Tx<'_>, clients: &[ClientId]) -> Result<Vec<Session>> {
    store::live_of_clients(tx, clients).await
}

/// The living sessions of a user, oldest first.
///
/// # Errors
/// Only the database's own.
pub async fn live_of_user(tx: &mut Tx<'_>, user: UserId) -> Result<Vec<Session>> {
    store::live_of_user(tx, user).await
}

/// How many living sessions there are: in all, or of those who belong to this organization and to no other.
///
/// # Errors
/// Only the database's own.
pub(crate) async fn count_live(tx: &mut Tx<'_>, of: Option<OrganizationId>) -> Result<i64> {
    store::count_live(tx, of).await
}
