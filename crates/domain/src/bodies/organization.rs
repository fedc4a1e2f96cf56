//! Organizations, memberships and roles on the wire.

use super::{millis, session::public_user_data};
use crate::instances::Tenant;
use crate::organizations::{
    Organization,
    memberships::{Belonging, Member},
    roles::{Catalogue, Members, Permission, Replacement, Role, Shown},
};
use crate::settings::OrganizationSettings;
use foundation::{ImageId, RoleId};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// An organization as its members see it.
pub fn organization(organization: &Organization) -> Value {
    Value::Object(profile(organization))
}

/// An organization as the backend sees it: with the private metadata.
pub fn backend_organization(organization: &Organization) -> Value {
    let mut body = profile(organization);
    body.insert("private_metadata".to_owned(), Value::Object(organization.private_metadata.0.clone()));
    if let Some(creator) = organization.created_by {
        body.insert("created_by".to_owned(), json!(creator));
    }
    if organization.last_active_at.is_some() {
        body.insert("last_active_at".to_owned(), millis(organization.last_active_at));
    }
    Value::Object(body)
}

fn profile(organization: &Organization) -> Map<String, Value> {
    let body = json!({
        "object": "organization",
        "id": organization.id,
        "name": organization.name,
        "slug": organization.slug.as_deref().unwrap_or_default(),
        "image_url": organization.image_url,
        "logo_url": organization.image.map(|_| &organization.image_url),
        "has_image": organization.image.is_some(),
        "members_count": organization.members,
        "pending_invitations_count": organization.pending_invitations,
        "max_allowed_memberships": organization.max_allowed_memberships,
        "admin_delete_enabled": organization.admin_delete_enabled,
        "self_serve_sso_enabled": false,
        "public_metadata": organization.public_metadata.0,
        "created_at": organization.created_at,
        "updated_at": organization.updated_at,
    });
    let mut body = if let Value::Object(body) = body { body } else { Map::new() };
    // Not in the contract, but in the SDKs: told only where it makes a difference (docs/decisions/0076).
    if organization.exclusive_membership {
        body.insert("exclusive_membership".to_owned(), json!(true));
    }
    body
}

/// A membership as its user sees it.
pub fn belonging(belonging: &Belonging) -> Value {
    let Belonging { membership, organization: of, role } = belonging;
    json!({
        "object": "organization_membership",
        "id": membership.id,
        "role": role.key,
        "role_name": role.name,
        "permissions": role.permissions.iter().map(|permission| &permission.key).collect::<Vec<_>>(),
        "public_metadata": membership.public_metadata.0,
        "organization": organization(of),
        "created_at": membership.created_at,
        "updated_at": membership.updated_at,
    })
}

/// A membership as other members see it: with who it is.
pub fn membership(member: &Member) -> Value {
    let mut body = belonging(&member.belonging);
    body["public_user_data"] = public_user_data(&member.user);
    body
}

/// A membership as the backend sees it.
pub fn backend_membership(member: &Member) -> Value {
    let mut body = membership(member);
    body["private_metadata"] = Value::Object(member.belonging.membership.private_metadata.0.clone());
    body["organization"] = backend_organization(&member.belonging.organization);
    body["public_user_data"]["banned"] = json!(member.user.banned);
    body
}

/// A role.
pub fn role(role: &Arc<Role>) -> Value {
    json!({
        "object": "role",
        "id": role.id,
        "name": role.name,
        "key": role.key,
        "description": role.description.as_deref().unwrap_or_default(),
        "is_creator_eligible": role.is_creator_eligible(),
        "permissions": role.permissions.iter().map(permission).collect::<Vec<_>>(),
        "created_at": role.created_at,
        "updated_at": role.updated_at,
    })
}

/// What a role can allow.
pub fn permission(permission: &Permission) -> Value {
    json!({
        "object": "permission",
        "id": permission.id,
        "name": permission.name,
        "key": permission.key,
        "description": permission.description.as_deref().unwrap_or_default(),
        "type": permission.kind.as_str(),
        "created_at": permission.created_at,
        "updated_at": permission.updated_at,
    })
}

/// Roles that belong together.
pub fn role_set(shown: &Shown) -> Value {
    let set = &shown.set;
    let item = |id: RoleId| shown.catalogue.role(id).map(|role| role_set_item(role, shown.members.get(&id).copied()));
    json!({
        "object": "role_set",
        "id": set.id,
        "name": set.name,
        "key": set.key,
        "description": set.description,
        "roles": set.roles.iter().filter_map(|role| item(*role)).collect::<Vec<_>>(),
        "default_role": item(set.default_role),
        "creator_role": item(set.creator_role),
        "type": if set.initial { "initial" } else { "custom" },
        "role_set_migration": set.replacement.as_ref().map(|replacement| role_set_migration(shown, replacement)),
        "created_at": set.created_at,
        "updated_at": set.updated_at,
    })
}

fn role_set_item(role: &Role, members: Option<Members>) -> Value {
    let (count, any) = match members {
        Some(Members::Counted(count)) => (Some(count), Some(count > 0)),
        Some(Members::Any(any)) => (None, Some(any)),
        None => (None, None),
    };
    json!({
        "object": "role_set_item",
        "id": role.id,
        "name": role.name,
        "key": role.key,
        "description": role.description,
        "members_count": count,
        "has_members": any,
        "created_at": role.created_at,
        "updated_at": role.updated_at,
    })
}

fn role_set_migration(shown: &Shown, replacement: &Replacement) -> Value {
    let key = |id: RoleId| shown.catalogue.role(id).map(|role| role.key.clone());
    let mappings: Map<String, Value> = replacement.mappings.iter().filter_map(|(from, to)| Some((key(*from)?, key(*to)?.into()))).collect();
    json!({
        "object": "role_set_migration",
        "id": replacement.id,
        "organization_id": null,
        "instance_id": shown.instance,
        "source_role_set_id": shown.set.id,
        "dest_role_set_id": replacement.dest,
        "trigger_type": replacement.trigger.as_str(),
        "status": replacement.status.as_str(),
        "migrated_members": replacement.migrated,
        "mappings": mappings,
        "started_at": millis(replacement.started_at),
        "completed_at": null,
        "created_at": replacement.created_at,
        "updated_at": replacement.updated_at,
    })
}

/// A logo that was taken away.
pub fn removed_logo(id: &ImageId) -> Value {
    super::deleted("image", id)
}

/// How an instance's organizations are, as a whole.
pub fn organization_settings(settings: &OrganizationSettings, catalogue: &Catalogue) -> Value {
    let (creator_role, default_role) = catalogue.first_roles();
    json!({
        "object": "organization_settings",
        "enabled": settings.enabled,
        "max_allowed_memberships": settings.max_allowed_memberships,
        "max_allowed_roles": settings.max_allowed_roles,
        "max_role_sets_allowed": settings.max_role_sets_allowed,
        "max_allowed_domains": settings.max_allowed_domains,
        "max_allowed_permissions": settings.max_allowed_permissions,
        "creator_role": creator_role,
        "admin_delete_enabled": settings.admin_delete_enabled,
        "domains_enabled": settings.domains_enabled,
        "slug_disabled": settings.slug_disabled,
        "domains_enrollment_modes": settings.domains_enrollment_modes,
        "domains_default_role": default_role,
        "initial_role_set_key": catalogue.sets.iter().find(|set| set.initial).map(|set| &set.key),
    })
}

/// The door of an organization's own pool of users. Not in the contract.
pub fn user_pool(tenant: &Tenant) -> Value {
    json!({
        "object": "user_pool",
        "id": tenant.instance.pool,
        "publishable_key": tenant.publishable_key,
        "frontend_api_url": tenant.frontend_url,
        "host": tenant.host,
        "issuer": tenant.issuer,
    })
}
