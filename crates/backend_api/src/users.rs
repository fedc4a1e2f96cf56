//! Users.

use crate::{Listing, notify};
use domain::{
    audit::Actor,
    bodies,
    identifiers::VerifiedBy,
    pools,
    sessions::Keep,
    users::{self, Change, EmailChange, Filter, MetadataChange, Order, OrderBy},
};
use foundation::{EmailAddress, Id as _, OrganizationId, Page, Problem, UserId};
use serde_json::{Map, Value, json};
use std::time::Duration;
use web::{Answer, BackendCall, Id, Input, NoBody, Query, Upload, Version, forms};

/// A page of users, as a bare list; beside their total where `paginated=true` asks for it.
pub async fn list(call: BackendCall, query: Query) -> Answer {
    let Query(input) = &query;
    let filter = filter(input)?;
    let listing = Listing::of(&query)?;
    let order = input.order()?;
    let page = input.page()?;
    let after = cursor(input, order, page)?;
    let now = call.now();
    call.read(
        |tx| {
            Box::pin(async {
                let found = users::list(tx, &filter, order, page, after).await?;
                let total = if listing == Listing::WithTotal { users::count(tx, &filter).await? } else { 0 };
                Ok((found, total))
            })
        },
        |(found, total)| listing.body(found.iter().map(|u| bodies::backend_user(u, now)).collect(), *total),
    )
    .await
}

/// The last user of the page before. Only the order of creation can go on behind a user, and only without skipping others.
fn cursor(query: &Input, order: Order, page: Page) -> Result<Option<UserId>, Problem> {
    let Some(text) = query.text("starting_after")? else { return Ok(None) };
    if order.by != OrderBy::CreatedAt || page.offset > 0 {
        return Err(Problem::invalid("starting_after", "goes with the order of created_at alone, and without offset"));
    }
    UserId::parse(text).map(Some).ok_or(Problem::invalid("starting_after", "must be the id of a user"))
}

/// How many users there are.
pub async fn count(call: BackendCall, Query(query): Query) -> Answer {
    let filter = filter(&query)?;
    call.read(|tx| Box::pin(users::count(tx, &filter)), |total| json!({ "object": "total_count", "total_count": total })).await
}

fn filter(query: &Input) -> Result<Filter, Problem> {
    let mut filter = Filter {
        query: query.text("query")?.map(str::to_owned),
        email_query: query.text("email_address_query")?.map(str::to_owned),
        username_query: query.text("username_query")?.map(str::to_owned),
        name_query: query.text("name_query")?.map(str::to_owned),
        banned: query.flag("banned")?,
        created_before: query.time("created_at_before")?,
        created_after: query.time("created_at_after")?,
        active_before: query.time("last_active_at_before")?,
        active_after: query.time("last_active_at_after")?.or(query.time("last_active_at_since")?.map(|since| since - Duration::from_millis(1))),
        signed_in_before: query.time("last_sign_in_at_before")?,
        signed_in_after: query.time("last_sign_in_at_after")?,
        ..Filter::default()
    };
    for text in query.texts("user_id")? {
        let (sign, id) = signed(&text);
        match (sign, UserId::parse(id)) {
            (Sign::With, Some(id)) => filter.ids.push(id),
            (Sign::Without, Some(id)) => filter.not_ids.push(id),
            // An id that is none matches nobody, and excludes nobody.
            (Sign::With, None) => filter.nobody = true,
            (Sign::Without, None) => {}
        }
    }
    filter.nobody &= filter.ids.is_empty();
    for text in query.texts("external_id")? {
        match signed(&text) {
            (Sign::With, id) => filter.external_ids.push(id.to_owned()),
            (Sign::Without, id) => filter.not_external_ids.push(id.to_owned()),
        }
    }
    for text in query.texts("email_address")? {
        // Only ASCII is folded: with all of Unicode, the Kelvin sign would find somebody whose address has a k.
        filter.emails.push(EmailAddress::parse(&text).map_or(text.to_ascii_lowercase(), |a| a.norm().to_owned()));
    }
    for text in query.texts("username")? {
        filter.usernames.push(text.to_ascii_lowercase());
    }
    // Users have none of these yet.
    for param in ["phone_number", "web3_wallet", "phone_number_query", "provider", "provider_user_id"] {
        filter.nobody |= query.has(param);
    }
    organizations(query, &mut filter)?;
    Ok(filter)
}

/// Members of these organizations, and of none of those.
fn organizations(query: &Input, filter: &mut Filter) -> Result<(), Problem> {
    let mut unknown = false;
    for text in query.texts("organization_id")? {
        match signed(&text) {
            (Sign::With, id) => match OrganizationId::parse(id) {
                Some(id) => filter.organizations.push(id),
                None => unknown = true,
            },
            (Sign::Without, id) => filter.not_organizations.extend(OrganizationId::parse(id)),
        }
    }
    filter.nobody |= unknown && filter.organizations.is_empty();
    Ok(())
}

/// Whether an id in a filter is wanted or not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    With,
    Without,
}

/// Takes the sign off an id; none is a plus, and a plus that nobody has encoded arrives as a space.
fn signed(text: &str) -> (Sign, &str) {
    match text.split_at_checked(1) {
        Some(("-", id)) => (Sign::Without, id),
        Some(("+" | " ", id)) => (Sign::With, id),
        _ => (Sign::With, text),
    }
}

/// Creates a user; their identifiers count as verified.
pub async fn create(call: BackendCall, input: Input) -> Answer {
    let forms::UserForm { mut new, password, policy, organization } = forms::new_user(&input)?;
    if let Some(password) = password {
        new.digest = Some(call.new_password(&password, policy).await?);
    }
    let (tenant, now) = (&call.tenant, call.now());
    let (new, by) = (&new, call.actor);
    call.write(
        |tx| {
            Box::pin(async move {
                let pool = pools::of_new_user(tx, tenant, organization).await?;
                users::create(tx, pool, by, new, VerifiedBy::Admin).await
            })
        },
        |user| bodies::backend_user(user, now),
    )
    .await
}

/// A user.
pub async fn show(call: BackendCall, Id(id): Id<UserId>) -> Answer {
    let now = call.now();
    call.read(|tx| Box::pin(users::get(tx, id)), |user| bodies::backend_user(user, now)).await
}

/// What a change of a user may name.
const CHANGEABLE: [&str; 24] = [
    "external_id",
    "first_name",
    "last_name",
    "locale",
    "primary_email_address_id",
    "notify_primary_email_address_changed",
    "primary_phone_number_id",
    "primary_web3_wallet_id",
    "username",
    "profile_image_id",
    "password",
    "password_digest",
    "password_hasher",
    "skip_password_checks",
    "sign_out_of_other_sessions",
    "totp_secret",
    "backup_codes",
    "delete_self_enabled",
    "create_organization_enabled",
    "legal_accepted_at",
    "skip_legal_checks",
    "create_organizations_limit",
    "created_at",
    "bypass_client_trust",
];
/// What it could name too before metadata had operations of its own.
const METADATA: [&str; 3] = ["public_metadata", "private_metadata", "unsafe_metadata"];

/// Changes a user.
pub async fn update(call: BackendCall, Id(id): Id<UserId>, version: Version, input: Input) -> Answer {
    input.only(&version.known(&CHANGEABLE, &METADATA))?;
    forms::refuse_absent_features(
        &input,
        &["primary_phone_number_id", "primary_web3_wallet_id", "profile_image_id", "password_digest", "password_hasher", "totp_secret", "backup_codes"],
    )?;
    forms::refuse_client_trust(&input)?;
    let metadata = version.metadata(&input, &METADATA)?;
    let change = Change {
        notify_primary_email_address: notify(&input)?,
        first_name: input.change("first_name")?,
        last_name: input.change("last_name")?,
        locale: input.change("locale")?,
        external_id: input.change("external_id")?,
        username: if input.has("username") { Some(input.username("username")?) } else { None },
        primary_email_address: input.id("primary_email_address_id")?,
        delete_self_enabled: input.flag("delete_self_enabled")?,
        create_organization_enabled: input.flag("create_organization_enabled")?,
        create_organizations_limit: if input.has("create_organizations_limit") { Some(input.number("create_organizations_limit")?) } else { None },
        legal_accepted_at: forms::date(&input, "legal_accepted_at")?,
        created_at: forms::date(&input, "created_at")?,
    };
    let keep = if input.flag("sign_out_of_other_sessions")? == Some(true) { Keep::None } else { Keep::All };
    let digest = match input.secret("password")? {
        Some(password) => Some(call.new_password(&password, forms::policy(&input)?).await?),
        None => None,
    };
    let now = call.now();
    call.write(
        |tx| {
            Box::pin(async {
                let mut user = users::update(tx, Actor::Backend, id, &change).await?;
                if metadata != MetadataChange::default() {
                    user = users::change_metadata(tx, Actor::Backend, id, &metadata, replace).await?;
                }
                match &digest {
                    Some(digest) => users::set_password(tx, Actor::Backend, id, digest, keep).await,
                    None => Ok(user),
                }
            })
        },
        |user| bodies::backend_user(user, now),
    )
    .await
}

/// Deletes a user.
pub async fn delete(call: BackendCall, Id(id): Id<UserId>, _: NoBody) -> Answer {
    call.write(|tx| Box::pin(users::delete(tx, Actor::Backend, id)), |user| bodies::deleted("user", user.id)).await
}

fn metadata(input: &Input) -> Result<MetadataChange, Problem> {
    input.only(&["public_metadata", "private_metadata", "unsafe_metadata"])?;
    Ok(MetadataChange { public: input.object("public_metadata")?, private: input.object("private_metadata")?, own: input.object("unsafe_metadata")? })
}

/// Merges metadata.
pub async fn merge_metadata(call: BackendCall, Id(id): Id<UserId>, input: Input) -> Answer {
    let change = metadata(&input)?;
    let now = call.now();
    call.write(|tx| Box::pin(users::merge_metadata(tx, Actor::Backend, id, &change)), |user| bodies::backend_user(user, now)).await
}

/// Replaces metadata; what is absent stays.
pub async fn replace_metadata(call: BackendCall, Id(id): Id<UserId>, input: Input) -> Answer {
    let change = metadata(&input)?;
    let now = call.now();
    call.write(|tx| Box::pin(users::change_metadata(tx, Actor::Backend, id, &change, replace)), |user| bodies::backend_user(user, now)).await
}

fn replace(old: &mut Map<String, Value>, new: &Map<String, Value>) {
    old.clone_from(new);
}

/// Says whether a password is the user's. Wrong ones count towards the user's lock, as at sign-in.
pub async fn verify_password(call: BackendCall, Id(id): Id<UserId>, input: Input) -> Answer {
    input.only(&["password"])?;
    let password = input.secret("password")?.ok_or(Problem::ParamMissing("password"))?;
    let answer = call.password(&password, |tx| Box::pin(users::question(tx, id))).await?;
    call.attempt(|tx| Box::pin(users::verify_password(tx, id, &answer)), |()| json!({ "verified": true })).await
}

/// Gives a user one address in place of all others.
pub async fn replace_email(call: BackendCall, Id(id): Id<UserId>, input: Input) -> Answer {
    input.only(&["email_address", "identification_status", "notify_primary_email_address_changed"])?;
    let address = input.email("email_address")?.ok_or(Problem::ParamMissing("email_address"))?;
    let verified = match input.text("identification_status")? {
        None | Some("verified") => true,
        Some("unverified") => false,
        Some("reserved") => return Err(Problem::invalid("identification_status", "cannot be reserved: this is not supported by this server").into()),
        Some(_) => return Err(Problem::invalid("identification_status", "must be verified, reserved or unverified").into()),
    };
    let change = EmailChange { verified: Some(verified), primary: None, notify: notify(&input)? };
    let now = call.now();
    call.write(|tx| Box::pin(users::replace_email(tx, call.actor, id, &address, change)), |email| bodies::email_address(email, None, now)).await
}

/// Gives a user a new picture.
pub async fn set_image(call: BackendCall, Id(id): Id<UserId>, upload: Upload) -> Answer {
    call.first(|tx| Box::pin(users::spend_upload(tx, id))).await?;
    let squares = upload.squares(call.tenant.id(), id).await?;
    let now = call.now();
    call.write(|tx| Box::pin(users::set_image(tx, call.actor, id, &squares)), |user| bodies::backend_user(user, now)).await
}

/// Takes a user's picture away.
pub async fn delete_image(call: BackendCall, Id(id): Id<UserId>, _: NoBody) -> Answer {
    let now = call.now();
    call.write(|tx| Box::pin(users::remove_image(tx, call.actor, id)), |(user, _)| bodies::backend_user(user, now)).await
}
