//! Invitations to organizations on the wire.

use crate::{
    organizations::{Organization, invitations::Invited},
    users::User,
};
use serde_json::{Value, json};

/// An invitation as those see it who manage the organization's members. Its link is for the invited one alone.
pub fn invitation(invited: &Invited) -> Value {
    let of = &invited.invitation;
    json!({
        "object": "organization_invitation",
        "id": of.id,
        "email_address": of.email_address,
        "role": of.role_key,
        "role_name": of.role_name,
        "organization_id": of.organization,
        "status": invited.status().as_str(),
        "public_metadata": of.public_metadata.0,
        "url": null,
        "expires_at": of.expires_at,
        "created_at": of.created_at,
        "updated_at": of.updated_at,
    })
}

/// An invitation as the invited one sees it.
pub fn own_invitation(invited: &Invited) -> Value {
    let mut body = invitation(invited);
    body["public_organization_data"] = public_organization_data(&invited.organization);
    body
}

/// An invitation as the backend sees it.
pub fn backend_invitation(invited: &Invited) -> Value {
    let mut body = invitation(invited);
    body["inviter_id"] = json!(invited.invitation.inviter);
    body["public_inviter_data"] = invited.inviter.as_ref().map_or(Value::Null, public_inviter_data);
    body["private_metadata"] = Value::Object(invited.invitation.private_metadata.0.clone());
    body
}

/// An invitation in a list that is not an organization's own.
pub fn instance_invitation(invited: &Invited) -> Value {
    let mut body = backend_invitation(invited);
    body["public_organization_data"] = public_organization_data(&invited.organization);
    body
}

fn public_organization_data(organization: &Organization) -> Value {
    json!({
        "id": organization.id,
        "name": organization.name,
        "slug": organization.slug.as_deref().unwrap_or_default(),
        "image_url": organization.image_url,
        "has_image": organization.image.is_some(),
    })
}

fn public_inviter_data(user: &User) -> Value {
    json!({
        "user_id": user.id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "image_url": user.image_url,
        "has_image": user.image.is_some(),
        "identifier": user.identifier(),
    })
}
