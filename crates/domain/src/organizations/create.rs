//! An organization comes to be.

use super::{
    Organization, get,
    memberships::{self, NewMembership},
    roles, store,
};
use crate::{
    audit::{self, Actor},
    counters::{self, Counter},
    events::{self, Event},
    pools,
    settings::{self, OrganizationSettings, PoolMode},
    users::{self, CreationLimit},
};
use ::store::{Json, Tx};
use foundation::{Problem, Result, Timestamp, UserId, text};
use serde_json::json;

/// What is known of an organization before there is one.
#[derive(Clone, Debug, Default)]
pub struct NewOrganization {
    /// What it is called.
    pub name: String,
    /// Its name in addresses; one made of the name where there is none.
    pub slug: Option<String>,
    /// Whose it is: they become a member, in the role of creators.
    pub created_by: Option<UserId>,
    /// What its members may read.
    pub public_metadata: Json,
    /// What only the backend may read.
    pub private_metadata: Json,
    /// The most members; 0 for no limit, absent for the instance's number.
    pub max_allowed_memberships: Option<i64>,
    /// The key of its role set, if it is not the initial one.
    pub role_set_key: Option<String>,
    /// When it came to be, if not now.
    pub created_at: Option<Timestamp>,
    /// How many the creator may create.
    pub limit: CreationLimit,
}

/// Creates an organization. Its creator, if one is named, is its first member.
///
/// # Errors
/// [`Problem::OrganizationsOff`]; [`Problem::ParamInvalid`]; [`Problem::SettingHeld`] for a number of members past what a layer of the settings
/// allows; [`Problem::IdentifierExists`] for a taken slug; [`Problem::OrganizationsFull`];
/// as [`memberships::add`].
pub async fn create(tx: &mut Tx<'_>, actor: Actor<'_>, new: &NewOrganization) -> Result<Organization> {
    let settings = settings::effective(tx).await?;
    let policy = &settings.organization_settings;
    policy.ensure_enabled()?;
    check_name(&new.name)?;
    users::check_metadata("public_metadata", &new.public_metadata)?;
    users::check_metadata("private_metadata", &new.private_metadata)?;
    if let Some(most) = new.max_allowed_memberships {
        settings::allowances(tx).await?.members.permit("max_allowed_memberships", most)?;
    }
    let catalogue = roles::stored(tx).await?;
    let set = match &new.role_set_key {
        Some(key) => catalogue.set_of_key(key).ok_or_else(|| Problem::invalid("role_set_key", "names no role set of this instance"))?,
        None => catalogue.initial()?,
    };
    if new.created_by.is_some() && settings.user_pool.mode == PoolMode::Isolated {
        return Err(Problem::invalid("created_by", "cannot be given: nobody is in a new organization's own pool yet").into());
    }
    if let Some(creator) = new.created_by {
        users::count_creation(tx, creator, new.limit).await?;
    }
    let now = tx.now();
    let organization = Organization {
        id: tx.new_id(),
        name: new.name.trim().to_owned(),
        slug: slug(tx, policy, new).await?,
        image: None,
        image_url: String::new(),
        public_metadata: new.public_metadata.clone(),
        private_metadata: new.private_metadata.clone(),
        created_by: new.created_by,
        role_set: set.id,
        max_allowed_memberships: 0,
        own_most: new.max_allowed_memberships,
        admin_delete_enabled: true,
        exclusive_membership: false,
        members: 0,
        pending_invitations: 0,
        last_active_at: None,
        created_at: new.created_at.unwrap_or(now),
        updated_at: now,
    };
    store::insert(tx, &organization).await.map_err(|error| taken(error, new.slug.is_some()))?;
    counters::add(tx, Counter::Organizations, 1).await?;
    if settings.user_pool.mode == PoolMode::Isolated {
        pools::create(tx, &organization).await?;
    }
    audit::record(tx, actor, "organization.create", &organization.id.to_string(), &json!({ "created_by": new.created_by })).await?;
    let told = get(tx, organization.id).await?;
    events::emit(tx, Event::OrganizationCreated(&told)).await?;
    if let Some(user) = new.created_by {
        let first = NewMembership::new(organization.id, user, set.creator_role);
        memberships::add(tx, actor, &first).await?;
    }
    get(tx, organization.id).await
}

/// A slug that was asked for and is taken is the caller's to change; one that was made of the name is made again.
fn taken(error: foundation::Error, asked: bool) -> foundation::Error {
    match error {
        foundation::Error::Conflict(_) if asked => Problem::IdentifierExists("slug").into(),
        foundation::Error::Conflict(_) => foundation::Error::Again("the slug was taken meanwhile".to_owned()),
        other => other,
    }
}

/// The slug that was asked for, or one made of the name, with some digits where somebody has that already.
async fn slug(tx: &mut Tx<'_>, policy: &OrganizationSettings, new: &NewOrganization) -> Result<Option<String>> {
    if let Some(slug) = &new.slug {
        check_slug(policy, slug)?;
        return Ok(Some(slug.clone()));
    }
    free_slug(tx, policy, &new.name).await
}

/// A slug made of a name that nobody has, with some digits where somebody has that already; none where organizations go without.
pub(super) async fn free_slug(tx: &mut Tx<'_>, policy: &OrganizationSettings, name: &str) -> Result<Option<String>> {
    if policy.slug_disabled {
        return Ok(None);
    }
    let made = text::kebab(name, 48);
    let made = if made == "app" && !name.trim().eq_ignore_ascii_case("app") { "organization".to_owned() } else { made };
    if made.len() >= SHORTEST && !store::has_slug(tx, &made).await? {
        return Ok(Some(made));
    }
    Ok(Some(format!("{made}-{}", tx.random().digits(10))))
}

/// The fewest characters of a slug.
const SHORTEST: usize = 2;
/// The most.
const LONGEST: usize = 64;

/// Checks a slug that somebody wants: lower-case letters, digits and hyphens between them. One that reads like an id could never be found.
pub(super) fn check_slug(policy: &OrganizationSettings, slug: &str) -> Result<(), Problem> {
    if policy.slug_disabled {
        return Err(Problem::invalid("slug", "cannot be given: organizations of this instance have no slugs"));
    }
    let fits = (SHORTEST..=LONGEST).contains(&slug.len()) && slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits && !slug.starts_with('-') && !slug.ends_with('-') && !slug.contains("--") {
        Ok(())
    } else {
        Err(Problem::invalid("slug", "must have 2 to 64 lower-case letters, digits and single hyphens between them"))
    }
}

/// Checks what an organization is to be called.
pub(super) fn check_name(name: &str) -> Result<(), Problem> {
    let length = name.trim().chars().count();
    if length == 0 {
        return Err(Problem::ParamMissing("name"));
    }
    if length > 256 || text::has_control(name) {
        return Err(Problem::invalid("name", "must have at most 256 characters and no control characters"));
    }
    if text::is_blank(name) {
        return Err(Problem::invalid("name", "must have characters that can be seen"));
    }
    Ok(())
}
