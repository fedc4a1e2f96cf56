//! Sign-ups: coming in with a new account. Nothing becomes a user before everything required is there and proven.

mod store;

use crate::{
    Verdict,
    audit::{self, Actor},
    clients::Visit,
    identifiers::{self, Handle, VerifiedBy},
    messages::{self, CodeMail},
    once::{self, Owner, Purpose},
    organizations::invitations::{self, Presented},
    sessions,
    settings::{self, Attribute, Settings, SignUpMode},
    users::{self, NewUser},
};
use ::store::{Json, Tally, Tx, text_enum};
use foundation::{ClientId, EmailAddress, OrganizationInvitationId, PoolId, Problem, Result, Secret, SessionId, SignUpId, Timestamp, UserId, Username};
use serde_json::json;
use std::{sync::Arc, time::Duration};

text_enum! {
    /// What became of an attempt.
    pub enum Status {
        /// Something is missing or not proven.
        MissingRequirements = "missing_requirements",
        /// There is a user.
        Complete = "complete",
        /// It took too long.
        Abandoned = "abandoned",
    }
}

/// How long an attempt can take.
const LIFE: Duration = Duration::from_secs(86_400);

/// An attempt.
#[derive(Clone)]
pub struct SignUp {
    /// Its id.
    pub id: SignUpId,
    /// The client that began it.
    pub client: ClientId,
    /// What was last written about it.
    pub stored_status: Status,
    /// The address.
    pub email: Option<EmailAddress>,
    /// The username.
    pub username: Option<Username>,
    /// The password's digest.
    pub digest: Option<Secret>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// What the application wants to remember.
    pub unsafe_metadata: Json,
    /// When a code was last sent.
    pub email_prepared_at: Option<Timestamp>,
    /// When the address was proven.
    pub email_verified_at: Option<Timestamp>,
    /// When the terms were accepted.
    pub legal_accepted_at: Option<Timestamp>,
    /// The user it came to.
    pub created_user: Option<UserId>,
    /// The session it came to.
    pub created_session: Option<SessionId>,
    /// When it is given up.
    pub abandon_at: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
    /// The id that the application's own database has for whoever signs up; the user gets it.
    pub external_id: Option<String>,
    /// Whether the backend has marked it as one that needs an action of the application's own.
    pub custom_action: bool,
    /// The invitation whose ticket has proven the address.
    pub invitation: Option<OrganizationInvitationId>,
}

/// What is given for an attempt; what is absent stays.
#[derive(Default)]
pub struct Fields {
    /// The address.
    pub email: Option<EmailAddress>,
    /// The username.
    pub username: Option<Username>,
    /// The password's digest.
    pub digest: Option<Secret>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// What the application wants to remember.
    pub unsafe_metadata: Option<Json>,
    /// Whether the terms are accepted.
    pub legal_accepted: bool,
    /// The ticket of an invitation, which proves its address and is used up when there is a user.
    pub ticket: Option<Secret>,
}

/// What an attempt still needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirements {
    /// What must be given.
    pub required: Vec<&'static str>,
    /// What may be given.
    pub optional: Vec<&'static str>,
    /// What must be given and is not.
    pub missing: Vec<&'static str>,
    /// What is given and not proven.
    pub unverified: Vec<&'static str>,
}

/// An attempt as an answer shows it.
pub struct SignUpView {
    /// The attempt.
    pub sign_up: SignUp,
    /// What it still needs.
    pub requirements: Requirements,
    /// The code under way.
    pub code: Option<once::State>,
    /// The time at which all this held.
    pub now: Timestamp,
}

impl SignUp {
    /// What became of it by now.
    pub fn status(&self, now: Timestamp) -> Status {
        if self.stored_status == Status::MissingRequirements && now >= self.abandon_at { Status::Abandoned } else { self.stored_status }
    }

    fn requirements(&self, settings: &Settings) -> Requirements {
        let on = |attribute: Attribute| attribute.is_on().then_some(attribute == Attribute::Required);
        let email = settings.auth_email.enabled.then_some(settings.auth_email.required);
        let password = settings.auth_password.enabled.then_some(settings.auth_password.required);
        let fields = [
            ("email_address", email, self.email.is_some()),
            ("username", on(settings.auth_username), self.username.is_some()),
            ("first_name", on(settings.auth_name), self.first_name.is_some()),
            ("last_name", on(settings.auth_name), self.last_name.is_some()),
            ("password", password, self.digest.is_some()),
        ];
        let names = |wanted: &dyn Fn(bool, bool) -> bool| {
            fields.iter().filter_map(|(name, on, given)| on.filter(|required| wanted(*required, *given)).map(|_| *name)).collect()
        };
        let unverified = if self.email.is_some() && self.email_verified_at.is_none() { vec!["email_address"] } else { Vec::new() };
        Requirements {
            required: names(&|required, _| required),
            optional: names(&|required, _| !required),
            missing: names(&|required, given| required && !given),
            unverified,
        }
    }
}

/// Refuses where nobody can sign up here now, or not with this attempt or this ticket; the settings that apply.
///
/// # Errors
/// [`Problem::SignUpRestricted`]; [`Problem::SessionExists`]; [`Problem::NotFound`]; [`Problem::TicketInvalid`] and the like.
pub async fn ensure_possible(tx: &mut Tx<'_>, visit: &mut Visit, id: Option<SignUpId>, ticket: Option<&Secret>) -> Result<Arc<Settings>> {
    let settings = settings::effective(tx).await?;
    let mut invitation = presented(tx, visit.tenant.instance.pool, ticket).await?.map(|presented| presented.invitation.id);
    match id {
        Some(id) => invitation = invitation.or(own(tx, visit, id).await?.invitation),
        None => sessions::ensure_room(tx, visit, None).await?,
    }
    ensure_welcome(&settings, invitation)?;
    Ok(settings)
}

/// The invitation of a ticket that lets somebody in.
async fn presented(tx: &mut Tx<'_>, pool: PoolId, ticket: Option<&Secret>) -> Result<Option<Presented>> {
    let Some(ticket) = ticket else { return Ok(None) };
    let presented = invitations::present(tx, pool, ticket).await?.ok_or(Problem::TicketInvalid)?;
    presented.ensure_open(tx).await?;
    Ok(Some(presented))
}

/// Begins an attempt.
///
/// # Errors
/// [`Problem::SignUpRestricted`]; [`Problem::SessionExists`]; [`Problem::IdentifierExists`]; [`Problem::ParamInvalid`]; [`Problem::TicketInvalid`] and the
/// like.
pub async fn create(tx: &mut Tx<'_>, visit: &mut Visit, fields: &Fields) -> Result<SignUpView> {
    let settings = settings::effective(tx).await?;
    let invitation = presented(tx, visit.tenant.instance.pool, fields.ticket.as_ref()).await?.map(|presented| presented.invitation.id);
    ensure_welcome(&settings, invitation)?;
    sessions::ensure_room(tx, visit, None).await?;
    let client = visit.client_or_new(tx).await?;
    let now = tx.now();
    let mut sign_up = SignUp {
        id: tx.new_id(),
        client: client.id,
        stored_status: Status::MissingRequirements,
        email: None,
        username: None,
        digest: None,
        first_name: None,
        last_name: None,
        unsafe_metadata: Json::default(),
        email_prepared_at: None,
        email_verified_at: None,
        legal_accepted_at: None,
        created_user: None,
        created_session: None,
        abandon_at: now + LIFE,
        created_at: now,
        external_id: None,
        custom_action: false,
        invitation: None,
    };
    take(tx, visit, &settings, &mut sign_up, fields).await?;
    store::sweep(tx).await?;
    store::insert(tx, &sign_up).await?;
    visit.set_attempts(tx, client.sign_in, Some(sign_up.id)).await?;
    finish_if_ready(tx, visit, &settings, sign_up).await
}

/// Adds fields to an attempt, or changes them.
///
/// # Errors
/// As [`create`]; [`Problem::NotFound`]; [`Problem::AttemptState`].
pub async fn update(tx: &mut Tx<'_>, visit: &mut Visit, id: SignUpId, fields: &Fields) -> Result<SignUpView> {
    let settings = settings::effective(tx).await?;
    let mut sign_up = open(tx, visit, id, fields.ticket.as_ref()).await?;
    take(tx, visit, &settings, &mut sign_up, fields).await?;
    store::update(tx, &sign_up).await?;
    finish_if_ready(tx, visit, &settings, sign_up).await
}

async fn take(tx: &mut Tx<'_>, visit: &Visit, settings: &Settings, sign_up: &mut SignUp, fields: &Fields) -> Result<()> {
    let pool = visit.tenant.instance.pool;
    if let Some(presented) = presented(tx, visit.tenant.instance.pool, fields.ticket.as_ref()).await? {
        let email = presented.address()?;
        offered(settings.auth_email.enabled, "ticket")?;
        identifiers::ensure_free(tx, pool, &Handle::Email(email.clone())).await?;
        once::revoke(tx, Purpose::SignUpEmail, &sign_up.id.to_string()).await?;
        sign_up.email = Some(email);
        sign_up.email_prepared_at = None;
        sign_up.email_verified_at = Some(tx.now());
        sign_up.invitation = Some(presented.invitation.id);
    }
    if let Some(email) = &fields.email {
        if sign_up.invitation.is_some() && sign_up.email.as_ref().map(EmailAddress::norm) != Some(email.norm()) {
            return Err(Problem::invalid("email_address", "must be the invited address, or be left out").into());
        }
        offered(settings.auth_email.enabled, "email_address")?;
        identifiers::ensure_free(tx, pool, &Handle::Email(email.clone())).await?;
        if sign_up.email.as_ref().map(EmailAddress::norm) != Some(email.norm()) {
            sign_up.email_prepared_at = None;
            sign_up.email_verified_at = None;
            once::revoke(tx, Purpose::SignUpEmail, &sign_up.id.to_string()).await?;
        }
        if sign_up.invitation.is_none() {
            sign_up.email = Some(email.clone());
        }
    }
    if let Some(username) = &fields.username {
        offered(settings.auth_username.is_on(), "username")?;
        identifiers::ensure_free(tx, pool, &Handle::Username(username.clone())).await?;
        sign_up.username = Some(username.clone());
    }
    if let Some(digest) = &fields.digest {
        offered(settings.auth_password.enabled, "password")?;
        sign_up.digest = Some(digest.clone());
    }
    for (param, given, kept) in [("first_name", &fields.first_name, &mut sign_up.first_name), ("last_name", &fields.last_name, &mut sign_up.last_name)] {
        if let Some(name) = given {
            offered(settings.auth_name.is_on(), param)?;
            users::check_name(param, Some(name))?;
            *kept = Some(name.clone());
        }
    }
    if let Some(metadata) = &fields.unsafe_metadata {
        users::check_metadata("unsafe_metadata", metadata)?;
        sign_up.unsafe_metadata = metadata.clone();
    }
    if fields.legal_accepted {
        sign_up.legal_accepted_at = Some(tx.now());
    }
    Ok(())
}

/// Refuses where nobody signs up by themselves, also whoever began before. Who is invited does not come by themselves.
fn ensure_welcome(settings: &Settings, invitation: Option<OrganizationInvitationId>) -> Result<(), Problem> {
    if settings.sign_up.mode == SignUpMode::Restricted && invitation.is_none() { Err(Problem::SignUpRestricted) } else { Ok(()) }
}

fn offered(on: bool, param: &'static str) -> Result<(), Problem> {
    if on { Ok(()) } else { Err(Problem::ParamUnknown(param.to_owned())) }
}

async fn own(tx: &mut Tx<'_>, visit: &Visit, id: SignUpId) -> Result<SignUp> {
    let client = visit.client.as_ref().ok_or(Problem::Unauthenticated)?;
    store::find(tx, id).await?.filter(|s| s.client == client.id).ok_or_else(|| Problem::NotFound.into())
}

async fn open(tx: &mut Tx<'_>, visit: &Visit, id: SignUpId, ticket: Option<&Secret>) -> Result<SignUp> {
    own(tx, visit, id).await?;
    store::hold(tx, id).await?;
    let sign_up = own(tx, visit, id).await?;
    let invitation = presented(tx, visit.tenant.instance.pool, ticket).await?.map(|presented| presented.invitation.id);
    ensure_welcome(&*settings::effective(tx).await?, sign_up.invitation.or(invitation))?;
    match sign_up.status(tx.now()) {
        Status::MissingRequirements => Ok(sign_up),
        Status::Complete => Err(Problem::AttemptState("The sign-up is complete already.").into()),
        Status::Abandoned => Err(Problem::AttemptState("The sign-up took too long: begin a new one.").into()),
    }
}

/// The client's own attempt, as it is shown.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Unauthenticated`].
pub async fn get(tx: &mut Tx<'_>, visit: &Visit, id: SignUpId) -> Result<SignUpView> {
    let sign_up = own(tx, visit, id).await?;
    view(tx, sign_up).await
}

/// Sends a code to the attempt's address.
///
/// # Errors
/// [`Problem::ParamMissing`] where there is no address; [`Problem::AlreadyVerified`]; [`Problem::NotFound`]; [`Problem::AttemptState`].
pub async fn prepare_email(tx: &mut Tx<'_>, visit: &mut Visit, id: SignUpId) -> Result<SignUpView> {
    let mut sign_up = open(tx, visit, id, None).await?;
    let email = sign_up.email.clone().ok_or(Problem::ParamMissing("email_address"))?;
    if sign_up.email_verified_at.is_some() {
        return Err(Problem::AlreadyVerified.into());
    }
    once::charge(tx, visit, None, email.norm()).await?;
    messages::send_code(tx, &visit.tenant, Purpose::SignUpEmail, &id.to_string(), &email, CodeMail::Verification).await?;
    sign_up.email_prepared_at = Some(tx.now());
    store::update(tx, &sign_up).await?;
    view(tx, sign_up).await
}

/// Tries the code that was sent to the attempt's address.
///
/// # Errors
/// [`Problem::IdentifierExists`] where somebody else has proven the address meanwhile; [`Problem::NotFound`]; [`Problem::AttemptState`].
pub async fn attempt_email(tx: &mut Tx<'_>, visit: &mut Visit, id: SignUpId, code: &Secret) -> Result<Verdict<SignUpView>> {
    let settings = settings::effective(tx).await?;
    let mut sign_up = open(tx, visit, id, None).await?;
    let email = sign_up.email.clone().ok_or(Problem::VerificationMissing)?;
    let spent = once::spend_code(tx, Purpose::SignUpEmail, Owner { attempt: &id.to_string(), proves: email.norm() }, code).await?;
    if let Some(problem) = spent.problem() {
        audit::record(tx, Actor::Visitor, "sign_up.refuse", &id.to_string(), &json!({ "code": problem.facts().code })).await?;
        return Ok(Verdict::Refused(problem));
    }
    sign_up.email_verified_at = Some(tx.now());
    store::update(tx, &sign_up).await?;
    finish_if_ready(tx, visit, &settings, sign_up).await.map(Verdict::Granted)
}

/// Makes the user and signs them in, once nothing is missing.
async fn finish_if_ready(tx: &mut Tx<'_>, visit: &mut Visit, settings: &Settings, mut sign_up: SignUp) -> Result<SignUpView> {
    let requirements = sign_up.requirements(settings);
    let identified = sign_up.email.is_some() || sign_up.username.is_some();
    if !requirements.missing.is_empty() || !requirements.unverified.is_empty() || !identified {
        return view(tx, sign_up).await;
    }
    let new = NewUser {
        emails: sign_up.email.iter().cloned().collect(),
        username: sign_up.username.clone(),
        digest: sign_up.digest.take(),
        first_name: sign_up.first_name.clone(),
        last_name: sign_up.last_name.clone(),
        unsafe_metadata: sign_up.unsafe_metadata.clone(),
        legal_accepted_at: sign_up.legal_accepted_at,
        external_id: sign_up.external_id.clone(),
        ..NewUser::default()
    };
    let by = if sign_up.invitation.is_some() { VerifiedBy::Ticket } else { VerifiedBy::EmailCode };
    let user = users::create(tx, visit.tenant.instance.pool, Actor::Visitor, &new, by).await?;
    // An invitation that was revoked meanwhile, or is over, proves nothing any more: then there is no user either.
    let organization = match sign_up.invitation {
        Some(id) => Some(invitations::accept_new(tx, Actor::User(user.id), id, user.id).await?.invitation.organization),
        None => None,
    };
    let strategy = match (&sign_up.email, organization) {
        (_, Some(_)) => "ticket",
        (Some(_), None) => "email_code",
        (None, None) => "password",
    };
    let session = sessions::arrive(tx, visit, user.id, strategy).await?;
    if let Some(organization) = organization {
        sessions::enter(tx, &session, Some(&organization.to_string())).await?;
    }
    sign_up.stored_status = Status::Complete;
    sign_up.created_user = Some(user.id);
    sign_up.created_session = Some(session.id);
    // The digest is the user's now; the attempt keeps none.
    store::update(tx, &sign_up).await?;
    tx.tally(Tally::SignUp);
    view(tx, sign_up).await
}

async fn view(tx: &mut Tx<'_>, sign_up: SignUp) -> Result<SignUpView> {
    let settings = settings::effective(tx).await?;
    let mut requirements = sign_up.requirements(&settings);
    if sign_up.stored_status == Status::Complete {
        requirements.missing.clear();
    }
    let code = match sign_up.email_prepared_at {
        Some(_) => once::state(tx, Purpose::SignUpEmail, &sign_up.id.to_string()).await?,
        None => None,
    };
    Ok(SignUpView { sign_up, requirements, code, now: tx.now() })
}

/// An attempt as the application's own backend sees it, whichever client began it.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn by_id(tx: &mut Tx<'_>, id: SignUpId) -> Result<SignUpView> {
    let sign_up = store::find(tx, id).await?.ok_or(Problem::NotFound)?;
    view(tx, sign_up).await
}

/// What a backend says about an attempt; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// The application's own id for whoever signs up; `Some(None)` takes it away.
    pub external_id: Option<Option<String>>,
    /// Whether an action of the application's own is due.
    pub custom_action: Option<bool>,
}

/// Writes what a backend says about an attempt that is under way.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::AttemptState`] where it is under way no more; [`Problem::ParamInvalid`].
pub async fn mark(tx: &mut Tx<'_>, actor: Actor<'_>, id: SignUpId, marks: &Marks) -> Result<SignUpView> {
    store::hold(tx, id).await?;
    let mut sign_up = store::find(tx, id).await?.ok_or(Problem::NotFound)?;
    if sign_up.status(tx.now()) != Status::MissingRequirements {
        return Err(Problem::AttemptState("The sign-up is under way no more.").into());
    }
    if let Some(external) = &marks.external_id {
        users::check_name("external_id", external.as_deref())?;
        sign_up.external_id.clone_from(external);
    }
    sign_up.custom_action = marks.custom_action.unwrap_or(sign_up.custom_action);
    store::mark(tx, &sign_up).await?;
    audit::record(tx, actor, "sign_up.update", &id.to_string(), &json!({})).await?;
    view(tx, sign_up).await
}

/// The attempt while it is under way.
pub(crate) async fn view_if_open(tx: &mut Tx<'_>, id: SignUpId) -> Result<Option<SignUpView>> {
    let now = tx.now();
    match store::find(tx, id).await? {
        Some(sign_up) if sign_up.status(now) == Status::MissingRequirements => view(tx, sign_up).await.map(Some),
        _ => Ok(None),
    }
}
