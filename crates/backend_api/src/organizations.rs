//! Organizations.

use crate::Listing;
use domain::{
    bodies,
    instances::Tenant,
    organizations::{self, Change, Filter, MetadataChange, NewOrganization, Organization, memberships},
    pools,
};
use foundation::{Id as _, OrganizationId, Problem, UserId};
use serde_json::{Map, Value, json};
use web::{Answer, BackendCall, Id, Input, Named, NoBody, Query, Upload, Version, forms};

/// What may be told of an organization beside itself.
#[derive(Clone, Copy)]
struct Beside {
    elevated: bool,
}

impl Beside {
    fn of(query: &Input) -> Result<Beside, Problem> {
        // The number of members is always told.
        query.flag("include_members_count")?;
        Ok(Beside { elevated: query.flag("include_missing_member_with_elevated_permissions")? == Some(true) })
    }
}

/// An organization, whether nobody can manage its members, where that was asked for, and the door of its own pool, where it has one.
type Shown = (Organization, Option<bool>, Option<Tenant>);

async fn looked_at(tx: &mut store::Tx<'_>, tenant: &Tenant, organization: Organization, beside: Beside) -> foundation::Result<Shown> {
    let lacks = if beside.elevated { Some(memberships::lacks_elevated(tx, organization.id).await?) } else { None };
    let pool = pools::of_organization(tx, organization.id).await?;
    Ok((organization, lacks, pool.map(|pool| tenant.inside(&pool))))
}

fn shown((organization, lacks, pool): &Shown) -> Value {
    let mut body = bodies::backend_organization(organization);
    if let Some(lacks) = lacks {
        body["missing_member_with_elevated_permissions"] = json!(lacks);
    }
    if let Some(pool) = pool {
        body["user_pool"] = bodies::user_pool(pool);
    }
    body
}

/// A page of organizations, beside their total.
pub async fn list(call: BackendCall, query: Query) -> Answer {
    let Query(input) = &query;
    let filter = filter(input)?;
    let beside = Beside::of(input)?;
    let order = input.order()?;
    let page = input.page()?;
    let tenant = &call.tenant;
    call.read(
        |tx| {
            Box::pin(async {
                let mut list = Vec::new();
                for organization in organizations::list(tx, &filter, order, page).await? {
                    list.push(looked_at(tx, tenant, organization, beside).await?);
                }
                Ok((list, organizations::count(tx, &filter).await?))
            })
        },
        |(list, total)| Listing::WithTotal.body(list.iter().map(shown).collect(), *total),
    )
    .await
}

fn filter(query: &Input) -> Result<Filter, Problem> {
    let mut filter = Filter { query: query.text("query")?.map(str::to_owned), ..Filter::default() };
    for text in query.texts("organization_id")? {
        match without_sign(&text) {
            (true, id) => filter.not_ids.extend(OrganizationId::parse(id)),
            // An id that is none matches nothing.
            (false, id) => match OrganizationId::parse(id) {
                Some(id) => filter.ids.push(id),
                None => filter.none = true,
            },
        }
    }
    filter.none &= filter.ids.is_empty();
    let mut nobody = false;
    for text in query.texts("user_id")? {
        match without_sign(&text) {
            (true, id) => filter.not_members.extend(UserId::parse(id)),
            (false, id) => match UserId::parse(id) {
                Some(id) => filter.members.push(id),
                None => nobody = true,
            },
        }
    }
    filter.none |= nobody && filter.members.is_empty();
    Ok(filter)
}

/// Takes the sign off an id; whether it was a minus.
pub(crate) fn without_sign(text: &str) -> (bool, &str) {
    match text.split_at_checked(1) {
        Some(("-", id)) => (true, id),
        // A plus that nobody has encoded arrives as a space.
        Some(("+" | " ", id)) => (false, id),
        _ => (false, text),
    }
}

/// Creates an organization.
pub async fn create(call: BackendCall, input: Input) -> Answer {
    input.only(&["name", "created_by", "private_metadata", "public_metadata", "slug", "max_allowed_memberships", "created_at", "role_set_key"])?;
    let new = NewOrganization {
        name: input.required("name")?.to_owned(),
        slug: input.text("slug")?.filter(|slug| !slug.is_empty()).map(str::to_owned),
        created_by: input.id("created_by")?,
        public_metadata: store::Json(input.object("public_metadata")?.unwrap_or_default()),
        private_metadata: store::Json(input.object("private_metadata")?.unwrap_or_default()),
        max_allowed_memberships: input.number("max_allowed_memberships")?,
        role_set_key: input.text("role_set_key")?.map(str::to_owned),
        created_at: forms::date(&input, "created_at")?,
        ..NewOrganization::default()
    };
    let (new, by, tenant) = (&new, call.actor, &call.tenant);
    call.write(
        |tx| {
            Box::pin(async move {
                let organization = organizations::create(tx, by, new).await?;
                looked_at(tx, tenant, organization, Beside { elevated: false }).await
            })
        },
        shown,
    )
    .await
}

/// An organization, by its id or its slug.
pub async fn show(call: BackendCall, Named(name): Named, Query(query): Query) -> Answer {
    let beside = Beside::of(&query)?;
    let (name, tenant) = (name.as_str(), &call.tenant);
    call.read(
        |tx| {
            Box::pin(async move {
                let organization = organizations::named(tx, name).await?;
                looked_at(tx, tenant, organization, beside).await
            })
        },
        shown,
    )
    .await
}

/// Changes an organization.
pub async fn update(call: BackendCall, Id(id): Id<OrganizationId>, version: Version, input: Input) -> Answer {
    let names = ["name", "slug", "max_allowed_memberships", "admin_delete_enabled", "created_at", "role_set_key", "exclusive_membership"];
    input.only(&version.known(&names, &METADATA))?;
    let metadata = version.metadata(&input, &METADATA)?;
    let most = if input.has("max_allowed_memberships") { Some(input.number("max_allowed_memberships")?) } else { None };
    let change = Change {
        name: input.text("name")?.map(str::to_owned),
        slug: input.text("slug")?.filter(|slug| !slug.is_empty()).map(str::to_owned),
        max_allowed_memberships: most,
        admin_delete_enabled: input.flag("admin_delete_enabled")?,
        exclusive_membership: input.flag("exclusive_membership")?,
        role_set_key: input.text("role_set_key")?.map(str::to_owned),
        created_at: forms::date(&input, "created_at")?,
    };
    call.write(
        |tx| {
            Box::pin(async {
                let changed = organizations::update(tx, call.actor, id, &change).await?;
                if metadata == MetadataChange::default() {
                    return Ok(changed);
                }
                organizations::change_metadata(tx, call.actor, id, &metadata, |old, new| new.clone_into(old)).await
            })
        },
        bodies::backend_organization,
    )
    .await
}

/// What a change of an organization could name too before metadata had operations of its own.
const METADATA: [&str; 2] = ["public_metadata", "private_metadata"];

/// Deletes an organization with all memberships.
pub async fn delete(call: BackendCall, Id(id): Id<OrganizationId>, _: NoBody) -> Answer {
    call.write(|tx| Box::pin(organizations::delete(tx, call.actor, id)), |gone| bodies::deleted("organization", gone.id)).await
}

/// The metadata in the body.
pub(crate) fn metadata(input: &Input) -> Result<MetadataChange, Problem> {
    input.only(&["public_metadata", "private_metadata"])?;
    Ok(MetadataChange { public: input.object("public_metadata")?, private: input.object("private_metadata")?, own: None })
}

/// Merges metadata.
pub async fn merge_metadata(call: BackendCall, Id(id): Id<OrganizationId>, input: Input) -> Answer {
    change_metadata(call, id, &metadata(&input)?, organizations::merge).await
}

/// Puts metadata in the place of what is there.
pub async fn replace_metadata(call: BackendCall, Id(id): Id<OrganizationId>, input: Input) -> Answer {
    change_metadata(call, id, &metadata(&input)?, |old, new| new.clone_into(old)).await
}

async fn change_metadata(call: BackendCall, id: OrganizationId, change: &MetadataChange, how: fn(&mut Map<String, Value>, &Map<String, Value>)) -> Answer {
    call.write(|tx| Box::pin(organizations::change_metadata(tx, call.actor, id, change, how)), bodies::backend_organization).await
}

/// Gives the organization a new logo.
pub async fn set_logo(call: BackendCall, Id(id): Id<OrganizationId>, upload: Upload) -> Answer {
    call.write(|tx| Box::pin(organizations::spend_logo(tx, id)), |()| Value::Null).await?;
    let squares = upload.squares(call.tenant.id(), id).await?;
    call.write(|tx| Box::pin(organizations::set_logo(tx, call.actor, id, &squares)), bodies::backend_organization).await
}

/// Takes the organization's logo away.
pub async fn delete_logo(call: BackendCall, Id(id): Id<OrganizationId>, _: NoBody) -> Answer {
    call.write(|tx| Box::pin(organizations::remove_logo(tx, call.actor, id)), |(organization, _)| bodies::backend_organization(organization)).await
}
