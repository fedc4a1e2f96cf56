//! What every instance begins with.

use super::{Catalogue, Kind, Permission, Role, RoleSet};
use aws_lc_rs::digest::{SHA256, digest};
use foundation::{Id, InstanceId, Ksuid, Timestamp};
use std::sync::Arc;

/// System permissions: key, name, what it is for, and whether simple members have it too.
const SYSTEM: [(&str, &str, &str, bool); 11] = [
    ("org:sys_profile:manage", "Manage organization", "Change the organization's name, slug and logo", false),
    ("org:sys_profile:delete", "Delete organization", "Delete the organization with all that belongs to it", false),
    ("org:sys_memberships:read", "Read members", "See who the members are and who is invited", true),
    ("org:sys_memberships:manage", "Manage members", "Invite and remove members, change their roles, and answer requests", false),
    ("org:sys_domains:read", "Read domains", "See the organization's domains", false),
    ("org:sys_domains:manage", "Manage domains", "Add, verify and remove domains", false),
    ("org:sys_billing:read", "Read billing", "See the subscription and its bills", true),
    ("org:sys_billing:manage", "Manage billing", "Change the subscription and how it is paid", false),
    ("org:sys_api_keys:read", "Read API keys", "See the organization's API keys", false),
    ("org:sys_api_keys:manage", "Manage API keys", "Make and revoke API keys of the organization", false),
    ("org:sys_entconns:manage", "Manage enterprise connections", "Set up how members sign in with their company's own identity provider", false),
];

/// An id that an instance has for something of this name from the beginning: the same on every node.
pub(super) fn id<T: Id>(instance: InstanceId, name: &str) -> T {
    let hash = digest(&SHA256, format!("{instance}\0{name}").as_bytes());
    let mut bytes = [0; 20];
    bytes.copy_from_slice(&hash.as_ref()[..20]);
    T::from_ksuid(Ksuid::from_bytes(bytes))
}

/// When the instance came to be, to the second: its own id says so.
fn born(instance: InstanceId) -> Timestamp {
    instance.ksuid().time()
}

/// The system permissions of an instance.
pub(super) fn permissions(instance: InstanceId) -> Vec<Permission> {
    let at = born(instance);
    let permission = |(key, name, description, _): (&str, &str, &str, bool)| Permission {
        id: id(instance, key),
        key: key.to_owned(),
        name: name.to_owned(),
        description: Some(description.to_owned()),
        kind: Kind::System,
        created_at: at,
        updated_at: at,
    };
    SYSTEM.into_iter().map(permission).collect()
}

/// What an instance has before anybody has changed anything.
pub(super) fn catalogue(instance: InstanceId) -> Catalogue {
    let at = born(instance);
    let permissions = permissions(instance);
    let simple: Vec<Permission> = permissions.iter().zip(SYSTEM).filter(|(_, row)| row.3).map(|(permission, _)| permission.clone()).collect();
    let role = |key: &str, name: &str, description: &str, permissions: Vec<Permission>| Role {
        id: id(instance, key),
        key: key.to_owned(),
        name: name.to_owned(),
        description: Some(description.to_owned()),
        permissions,
        created_at: at,
        updated_at: at,
    };
    let admin = role("org:admin", "Admin", "May do everything in the organization", permissions.clone());
    let member = role("org:member", "Member", "Belongs to the organization", simple);
    let set = RoleSet {
        id: id(instance, "role_set:default"),
        key: "role_set:default".to_owned(),
        name: "Default".to_owned(),
        description: Some("The roles that organizations have if nothing else is said".to_owned()),
        initial: true,
        default_role: member.id,
        creator_role: admin.id,
        roles: vec![admin.id, member.id],
        replacement: None,
        created_at: at,
        updated_at: at,
    };
    Catalogue { permissions, roles: vec![Arc::new(admin), Arc::new(member)], sets: vec![set], stored: false }
}
