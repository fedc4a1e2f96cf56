//! All operations of this door.

use crate::{
    clients, domains, email_addresses, instance, invitations, jwt_templates, memberships, messages, organization_domains, organization_permissions,
    organization_roles, organization_settings, organizations, redirect_urls, role_sets, sessions, sign_ups, standing, tickets, users,
};
use web::{Class, Face, Routes};

const PAGE: &[&str] = &["limit", "offset"];
const LISTED: &[&str] = &["paginated", "limit", "offset"];
const SEARCHED: &[&str] = &["query", "order_by", "limit", "offset"];
const BESIDE_ORGANIZATIONS: &[&str] = &["include_members_count", "include_missing_member_with_elevated_permissions"];
const ORGANIZATIONS: &[&str] =
    &["include_members_count", "include_missing_member_with_elevated_permissions", "query", "user_id", "organization_id", "order_by", "limit", "offset"];
const MEMBERS: &[&str] = &[
    "order_by",
    "user_id",
    "email_address",
    "phone_number",
    "username",
    "web3_wallet",
    "role",
    "query",
    "email_address_query",
    "phone_number_query",
    "username_query",
    "name_query",
    "last_active_at_before",
    "last_active_at_after",
    "created_at_before",
    "created_at_after",
    "limit",
    "offset",
];

/// Which users are listed, and which are counted. Of a page the SDKs tell only the list.
macro_rules! users {
    ($($rest:literal),*) => {
        &[
            "email_address",
            "phone_number",
            "external_id",
            "username",
            "web3_wallet",
            "user_id",
            "organization_id",
            "query",
            "email_address_query",
            "phone_number_query",
            "username_query",
            "name_query",
            "banned",
            "last_active_at_before",
            "last_active_at_after",
            "last_active_at_since",
            "created_at_before",
            "created_at_after",
            "last_sign_in_at_before",
            "last_sign_in_at_after",
            "provider",
            "provider_user_id",
            $($rest),*
        ]
    };
}
const USERS_COUNTED: &[&str] = users!();
const USERS: &[&str] = users!("paginated", "starting_after", "order_by", "limit", "offset");

/// All operations of this door.
pub fn routes() -> Routes {
    Routes::new(Face::Backend)
        .counted(Class::Free)
        .get("GetJWKS", "/v1/jwks", instance::jwks)
        .get("GetInstance", "/v1/instance", instance::show)
        .patch("UpdateInstance", "/v1/instance", instance::update)
        .get("insula.getSettings", "/v1/instance/settings/effective", instance::effective_settings)
        .get("ListDomains", "/v1/domains", domains::list)
        .patch("UpdateDomain", "/v1/domains/{domain_id}", domains::update)
        .get("insula.mailServer", "/v1/instance/smtp", messages::show_server)
        .put("insula.setMailServer", "/v1/instance/smtp", messages::put_server)
        .delete("insula.deleteMailServer", "/v1/instance/smtp", messages::delete_server)
        .post("insula.testMailServer", "/v1/instance/smtp/test", messages::try_server)
        .post("insula.previewMessage", "/v1/instance/messages/preview", messages::preview)
        .post("VerifyClient", "/v1/clients/verify", clients::verify)
        .asking(LISTED)
        .get("GetClientList", "/v1/clients", clients::list)
        .get("GetClient", "/v1/clients/{client_id}", clients::show)
        .asking(&["nonce"])
        .get("insula.handshakePayload", "/v1/clients/handshake_payload", clients::handshake_payload)
        .asking(USERS)
        .get("GetUserList", "/v1/users", users::list)
        .post("CreateUser", "/v1/users", users::create)
        .asking(USERS_COUNTED)
        .get("GetUsersCount", "/v1/users/count", users::count)
        .get("GetUser", "/v1/users/{user_id}", users::show)
        .patch("UpdateUser", "/v1/users/{user_id}", users::update)
        .delete("DeleteUser", "/v1/users/{user_id}", users::delete)
        .counted(Class::Metadata)
        .patch("UpdateUserMetadata", "/v1/users/{user_id}/metadata", users::merge_metadata)
        .counted(Class::Metadata)
        .put("ReplaceUserMetadata", "/v1/users/{user_id}/metadata", users::replace_metadata)
        .post("SetUserProfileImage", "/v1/users/{user_id}/profile_image", users::set_image)
        .delete("DeleteUserProfileImage", "/v1/users/{user_id}/profile_image", users::delete_image)
        .post("VerifyPassword", "/v1/users/{user_id}/verify_password", users::verify_password)
        .post("BanUser", "/v1/users/{user_id}/ban", standing::ban)
        .post("UnbanUser", "/v1/users/{user_id}/unban", standing::unban)
        .post("UsersBan", "/v1/users/ban", standing::ban_all)
        .post("UsersUnban", "/v1/users/unban", standing::unban_all)
        .post("LockUser", "/v1/users/{user_id}/lock", standing::lock)
        .post("UnlockUser", "/v1/users/{user_id}/unlock", standing::unlock)
        .post("RemoveUserPassword", "/v1/users/{user_id}/remove_password", standing::remove_password)
        .post("SetUserPasswordCompromised", "/v1/users/{user_id}/password/set_compromised", standing::set_compromised)
        .post("UnsetUserPasswordCompromised", "/v1/users/{user_id}/password/unset_compromised", standing::unset_compromised)
        .put("ReplaceUserEmailAddress", "/v1/users/{user_id}/email_address", users::replace_email)
        .post("CreateEmailAddress", "/v1/email_addresses", email_addresses::create)
        .get("GetEmailAddress", "/v1/email_addresses/{email_id}", email_addresses::show)
        .patch("UpdateEmailAddress", "/v1/email_addresses/{email_id}", email_addresses::update)
        .delete("DeleteEmailAddress", "/v1/email_addresses/{email_id}", email_addresses::delete)
        .post("PrepareEmailAddressVerification", "/v1/email_addresses/{email_id}/prepare_verification", email_addresses::prepare_verification)
        .post("AttemptEmailAddressVerification", "/v1/email_addresses/{email_id}/attempt_verification", email_addresses::attempt_verification)
        .get("GetSignUp", "/v1/sign_ups/{sign_up_id}", sign_ups::show)
        .patch("UpdateSignUp", "/v1/sign_ups/{sign_up_id}", sign_ups::update)
        .post("CreateSignInToken", "/v1/sign_in_tokens", tickets::create_sign_in_token)
        .post("RevokeSignInToken", "/v1/sign_in_tokens/{sign_in_token_id}/revoke", tickets::revoke_sign_in_token)
        .post("CreateActorToken", "/v1/actor_tokens", tickets::create_actor_token)
        .post("RevokeActorToken", "/v1/actor_tokens/{actor_token_id}/revoke", tickets::revoke_actor_token)
        .post("CreateTestingToken", "/v1/testing_tokens", tickets::create_testing_token)
        .get("GetInstanceOrganizationSettings", "/v1/instance/organization_settings", organization_settings::show)
        .patch("UpdateInstanceOrganizationSettings", "/v1/instance/organization_settings", organization_settings::update)
        .asking(ORGANIZATIONS)
        .get("ListOrganizations", "/v1/organizations", organizations::list)
        .post("CreateOrganization", "/v1/organizations", organizations::create)
        .asking(BESIDE_ORGANIZATIONS)
        .get("GetOrganization", "/v1/organizations/{organization_id}", organizations::show)
        .patch("UpdateOrganization", "/v1/organizations/{organization_id}", organizations::update)
        .delete("DeleteOrganization", "/v1/organizations/{organization_id}", organizations::delete)
        .counted(Class::Metadata)
        .patch("MergeOrganizationMetadata", "/v1/organizations/{organization_id}/metadata", organizations::merge_metadata)
        .counted(Class::Metadata)
        .put("ReplaceOrganizationMetadata", "/v1/organizations/{organization_id}/metadata", organizations::replace_metadata)
        .put("UploadOrganizationLogo", "/v1/organizations/{organization_id}/logo", organizations::set_logo)
        .delete("DeleteOrganizationLogo", "/v1/organizations/{organization_id}/logo", organizations::delete_logo)
        .asking(&["verified", "enrollment_mode", "order_by", "limit", "offset"])
        .get("ListOrganizationDomains", "/v1/organizations/{organization_id}/domains", organization_domains::list)
        .post("CreateOrganizationDomain", "/v1/organizations/{organization_id}/domains", organization_domains::create)
        .patch("UpdateOrganizationDomain", "/v1/organizations/{organization_id}/domains/{domain_id}", organization_domains::update)
        .delete("DeleteOrganizationDomain", "/v1/organizations/{organization_id}/domains/{domain_id}", organization_domains::delete)
        .post(
            "VerifyOrganizationDomainOwnership",
            "/v1/organizations/{organization_id}/domains/{domain_id}/verify_ownership",
            organization_domains::verify_ownership,
        )
        .asking(&["organization_id", "verified", "enrollment_mode", "query", "domains", "order_by", "limit", "offset"])
        .get("ListAllOrganizationDomains", "/v1/organization_domains", organization_domains::list_all)
        .asking(MEMBERS)
        .get("ListOrganizationMemberships", "/v1/organizations/{organization_id}/memberships", memberships::list)
        .post("CreateOrganizationMembership", "/v1/organizations/{organization_id}/memberships", memberships::create)
        .patch("UpdateOrganizationMembership", "/v1/organizations/{organization_id}/memberships/{user_id}", memberships::update)
        .delete("DeleteOrganizationMembership", "/v1/organizations/{organization_id}/memberships/{user_id}", memberships::delete)
        .patch("UpdateOrganizationMembershipMetadata", "/v1/organizations/{organization_id}/memberships/{user_id}/metadata", memberships::merge_metadata)
        .asking(&["role", "order_by", "limit", "offset"])
        .get("InstanceGetOrganizationMemberships", "/v1/organization_memberships", memberships::list_all)
        .asking(PAGE)
        .get("UsersGetOrganizationMemberships", "/v1/users/{user_id}/organization_memberships", memberships::list_of_user)
        .asking(SEARCHED)
        .get("ListOrganizationRoles", "/v1/organization_roles", organization_roles::list)
        .post("CreateOrganizationRole", "/v1/organization_roles", organization_roles::create)
        .get("GetOrganizationRole", "/v1/organization_roles/{organization_role_id}", organization_roles::show)
        .patch("UpdateOrganizationRole", "/v1/organization_roles/{organization_role_id}", organization_roles::update)
        .delete("DeleteOrganizationRole", "/v1/organization_roles/{organization_role_id}", organization_roles::delete)
        .post(
            "AssignPermissionToOrganizationRole",
            "/v1/organization_roles/{organization_role_id}/permissions/{permission_id}",
            organization_roles::assign_permission,
        )
        .delete(
            "RemovePermissionFromOrganizationRole",
            "/v1/organization_roles/{organization_role_id}/permissions/{permission_id}",
            organization_roles::remove_permission,
        )
        .asking(SEARCHED)
        .get("ListOrganizationPermissions", "/v1/organization_permissions", organization_permissions::list)
        .post("CreateOrganizationPermission", "/v1/organization_permissions", organization_permissions::create)
        .get("GetOrganizationPermission", "/v1/organization_permissions/{permission_id}", organization_permissions::show)
        .patch("UpdateOrganizationPermission", "/v1/organization_permissions/{permission_id}", organization_permissions::update)
        .delete("DeleteOrganizationPermission", "/v1/organization_permissions/{permission_id}", organization_permissions::delete)
        .asking(SEARCHED)
        .get("ListRoleSets", "/v1/role_sets", role_sets::list)
        .post("CreateRoleSet", "/v1/role_sets", role_sets::create)
        .get("GetRoleSet", "/v1/role_sets/{role_set_key_or_id}", role_sets::show)
        .patch("UpdateRoleSet", "/v1/role_sets/{role_set_key_or_id}", role_sets::update)
        .post("ReplaceRoleSet", "/v1/role_sets/{role_set_key_or_id}/replace", role_sets::replace)
        .post("AddRolesToRoleSet", "/v1/role_sets/{role_set_key_or_id}/roles", role_sets::add_roles)
        .post("ReplaceRoleInRoleSet", "/v1/role_sets/{role_set_key_or_id}/roles/replace", role_sets::replace_role)
        .asking(&["status", "email_address", "order_by", "limit", "offset"])
        .get("ListOrganizationInvitations", "/v1/organizations/{organization_id}/invitations", invitations::list)
        .post("CreateOrganizationInvitation", "/v1/organizations/{organization_id}/invitations", invitations::create)
        .post("CreateOrganizationInvitationBulk", "/v1/organizations/{organization_id}/invitations/bulk", invitations::create_all)
        .asking(PAGE)
        .get("ListPendingOrganizationInvitations", "/v1/organizations/{organization_id}/invitations/pending", invitations::list_pending)
        .get("GetOrganizationInvitation", "/v1/organizations/{organization_id}/invitations/{invitation_id}", invitations::show)
        .post("RevokeOrganizationInvitation", "/v1/organizations/{organization_id}/invitations/{invitation_id}/revoke", invitations::revoke)
        .asking(&["status", "query", "order_by", "limit", "offset"])
        .get("ListInstanceOrganizationInvitations", "/v1/organization_invitations", invitations::list_all)
        .asking(&["status", "limit", "offset"])
        .get("UsersGetOrganizationInvitations", "/v1/users/{user_id}/organization_invitations", invitations::list_of_user)
        .asking(&["client_id", "user_id", "status", "paginated", "limit", "offset"])
        .get("GetSessionList", "/v1/sessions", sessions::list)
        .post("createSession", "/v1/sessions", sessions::create)
        .get("GetSession", "/v1/sessions/{session_id}", sessions::show)
        .post("RevokeSession", "/v1/sessions/{session_id}/revoke", sessions::revoke)
        .post("CreateSessionToken", "/v1/sessions/{session_id}/tokens", sessions::create_token)
        .post("CreateSessionTokenFromTemplate", "/v1/sessions/{session_id}/tokens/{template_name}", sessions::create_token_from_template)
        .asking(&["suffixed_cookies"])
        .post("RefreshSession", "/v1/sessions/{session_id}/refresh", sessions::refresh)
        .asking(LISTED)
        .get("ListJWTTemplates", "/v1/jwt_templates", jwt_templates::list)
        .post("CreateJWTTemplate", "/v1/jwt_templates", jwt_templates::create)
        .get("GetJWTTemplate", "/v1/jwt_templates/{template_id}", jwt_templates::show)
        .patch("UpdateJWTTemplate", "/v1/jwt_templates/{template_id}", jwt_templates::update)
        .delete("DeleteJWTTemplate", "/v1/jwt_templates/{template_id}", jwt_templates::delete)
        .asking(LISTED)
        .get("ListRedirectURLs", "/v1/redirect_urls", redirect_urls::list)
        .post("CreateRedirectURL", "/v1/redirect_urls", redirect_urls::create)
        .get("GetRedirectURL", "/v1/redirect_urls/{id}", redirect_urls::show)
        .delete("DeleteRedirectURL", "/v1/redirect_urls/{id}", redirect_urls::delete)
}
