//! All operations of this door.

use crate::{
    clients, email_addresses, environment, handshake, images, invitations, me, membership_requests, memberships, organization_domains, organizations, scripts,
    sessions, sign_ins, sign_ups, tickets,
};
use web::{Class, Face, Routes};

/// All operations of this door.
pub fn routes() -> Routes {
    Routes::new(Face::Frontend)
        .get("getJWKS", "/.well-known/jwks.json", environment::jwks)
        .get("getOpenIDConfiguration", "/.well-known/openid-configuration", environment::openid)
        .get("getHealth", "/v1/health", environment::health)
        .get("getEnvironment", "/v1/environment", environment::show)
        .patch("updateEnvironment", "/v1/environment", environment::show)
        .counted(Class::Change)
        .patch("insula.enableEnvironmentSetting", "/v1/dev_tools/enable_environment_setting", environment::enable)
        .get("insula.script", "/npm/@clerk/{*file}", scripts::show)
        .counted(Class::Client)
        .post("createDevBrowser", "/v1/dev_browser", clients::create_dev_browser)
        .get("getClient", "/v1/client", clients::show)
        .counted(Class::Client)
        .post("postClient", "/v1/client", clients::create)
        .counted(Class::Client)
        .put("putClient", "/v1/client", clients::create)
        .counted(Class::Change)
        .delete("deleteClientSessions", "/v1/client", clients::delete)
        .counted(Class::Handshake)
        .get("handshakeClient", "/v1/client/handshake", handshake::perform)
        .counted(Class::Handshake)
        .get("insula.touchClient", "/v1/client/touch", handshake::touch)
        .counted(Class::SignIn)
        .post("createSignIn", "/v1/client/sign_ins", sign_ins::create)
        .get("getSignIn", "/v1/client/sign_ins/{sign_in_id}", sign_ins::show)
        .counted(Class::Code)
        .post("prepareSignInFactorOne", "/v1/client/sign_ins/{sign_in_id}/prepare_first_factor", sign_ins::prepare_first_factor)
        .counted(Class::SignInProof)
        .post("attemptSignInFactorOne", "/v1/client/sign_ins/{sign_in_id}/attempt_first_factor", sign_ins::attempt_first_factor)
        .counted(Class::SignInProof)
        .post("resetPassword", "/v1/client/sign_ins/{sign_in_id}/reset_password", sign_ins::reset_password)
        .counted(Class::SignUp)
        .post("createSignUps", "/v1/client/sign_ups", sign_ups::create)
        .get("getSignUps", "/v1/client/sign_ups/{sign_up_id}", sign_ups::show)
        .counted(Class::SignUpChange)
        .patch("updateSignUps", "/v1/client/sign_ups/{sign_up_id}", sign_ups::update)
        .counted(Class::Code)
        .post("prepareSignUpsVerification", "/v1/client/sign_ups/{sign_up_id}/prepare_verification", sign_ups::prepare_verification)
        .counted(Class::SignUpProof)
        .post("attemptSignUpsVerification", "/v1/client/sign_ups/{sign_up_id}/attempt_verification", sign_ups::attempt_verification)
        .counted(Class::Change)
        .delete("removeClientSessionsAndRetainCookie", "/v1/client/sessions", sessions::remove_all)
        .get("getSession", "/v1/client/sessions/{session_id}", sessions::show)
        .counted(Class::Token)
        .post("touchSession", "/v1/client/sessions/{session_id}/touch", sessions::touch)
        .counted(Class::Change)
        .post("endSession", "/v1/client/sessions/{session_id}/end", sessions::end)
        .counted(Class::Change)
        .post("removeSession", "/v1/client/sessions/{session_id}/remove", sessions::remove)
        .counted(Class::Token)
        .post("createSessionToken", "/v1/client/sessions/{session_id}/tokens", sessions::create_token)
        .counted(Class::Token)
        .post("createSessionTokenWithTemplate", "/v1/client/sessions/{session_id}/tokens/{template_name}", sessions::create_token_from_template)
        .get("acceptTicket", "/v1/tickets/accept", tickets::accept)
        .get("getUser", "/v1/me", me::show)
        .counted(Class::Metadata)
        .patch("patchUser", "/v1/me", me::update)
        .counted(Class::Change)
        .delete("deleteUser", "/v1/me", me::delete)
        .counted(Class::Metadata)
        .patch("patchUserMetadata", "/v1/me/metadata", me::update_metadata)
        .get("insula.image", "/v1/images/{image_id}", images::show)
        .get("insula.avatar", "/v1/avatar_placeholder/{avatar}", images::avatar)
        .counted(Class::Change)
        .post("updateProfileImage", "/v1/me/profile_image", images::set)
        .counted(Class::Change)
        .delete("deleteProfileImage", "/v1/me/profile_image", images::delete)
        .counted(Class::UserProof)
        .post("removePassword", "/v1/me/remove_password", me::remove_password)
        .counted(Class::UserProof)
        .post("changePassword", "/v1/me/change_password", me::change_password)
        .get("getOrganizationMemberships", "/v1/me/organization_memberships", organizations::list_own)
        .counted(Class::Change)
        .delete("deleteOrganizationMemberships", "/v1/me/organization_memberships/{organization_id}", organizations::leave)
        .counted(Class::Metadata)
        .post("createOrganization", "/v1/organizations", organizations::create)
        .get("getOrganization", "/v1/organizations/{organization_id}", organizations::show)
        .counted(Class::Change)
        .patch("updateOrganization", "/v1/organizations/{organization_id}", organizations::update)
        .counted(Class::Change)
        .delete("deleteOrganization", "/v1/organizations/{organization_id}", organizations::delete)
        .counted(Class::Change)
        .put("updateOrganizationLogo", "/v1/organizations/{organization_id}/logo", organizations::set_logo)
        .counted(Class::Change)
        .delete("deleteOrganizationLogo", "/v1/organizations/{organization_id}/logo", organizations::delete_logo)
        .get("ListOrganizationRoles", "/v1/organizations/{organization_id}/roles", organizations::list_roles)
        .get("ListOrganizationMemberships", "/v1/organizations/{organization_id}/memberships", memberships::list)
        .counted(Class::Change)
        .post("CreateOrganizationMembership", "/v1/organizations/{organization_id}/memberships", memberships::create)
        .counted(Class::Change)
        .patch("UpdateOrganizationMembership", "/v1/organizations/{organization_id}/memberships/{user_id}", memberships::update)
        .counted(Class::Change)
        .delete("removeOrganizationMember", "/v1/organizations/{organization_id}/memberships/{user_id}", memberships::delete)
        .get("ListOrganizationDomains", "/v1/organizations/{organization_id}/domains", organization_domains::list)
        .counted(Class::Metadata)
        .post("CreateOrganizationDomain", "/v1/organizations/{organization_id}/domains", organization_domains::create)
        .counted(Class::Metadata)
        .post("createOrganizationDomainsBulk", "/v1/organizations/{organization_id}/domains/bulk", organization_domains::create_all)
        .counted(Class::UserProof)
        .post(
            "prepareOrganizationDomainsOwnershipVerification",
            "/v1/organizations/{organization_id}/domains/prepare_ownership_verification/bulk",
            organization_domains::prepare_ownership_of_all,
        )
        .counted(Class::UserProof)
        .post(
            "attemptOrganizationDomainsOwnershipVerification",
            "/v1/organizations/{organization_id}/domains/attempt_ownership_verification/bulk",
            organization_domains::attempt_ownership_of_all,
        )
        .get("GetOrganizationDomain", "/v1/organizations/{organization_id}/domains/{domain_id}", organization_domains::show)
        .counted(Class::Change)
        .delete("deleteOrganizationDomain", "/v1/organizations/{organization_id}/domains/{domain_id}", organization_domains::delete)
        .counted(Class::Metadata)
        .post(
            "UpdateOrganizationDomainEnrollmentMode",
            "/v1/organizations/{organization_id}/domains/{domain_id}/update_enrollment_mode",
            organization_domains::set_mode,
        )
        .counted(Class::Code)
        .post(
            "prepareOrganizationDomainVerification",
            "/v1/organizations/{organization_id}/domains/{domain_id}/prepare_affiliation_verification",
            organization_domains::prepare_affiliation,
        )
        .counted(Class::UserProof)
        .post(
            "attemptOrganizationDomainVerification",
            "/v1/organizations/{organization_id}/domains/{domain_id}/attempt_affiliation_verification",
            organization_domains::attempt_affiliation,
        )
        .counted(Class::UserProof)
        .post(
            "prepareOrganizationDomainOwnershipVerification",
            "/v1/organizations/{organization_id}/domains/{domain_id}/prepare_ownership_verification",
            organization_domains::prepare_ownership,
        )
        .counted(Class::UserProof)
        .post(
            "attemptOrganizationDomainOwnershipVerification",
            "/v1/organizations/{organization_id}/domains/{domain_id}/attempt_ownership_verification",
            organization_domains::attempt_ownership,
        )
        .get("listOrganizationMembershipRequests", "/v1/organizations/{organization_id}/membership_requests", membership_requests::list)
        .counted(Class::Change)
        .post("acceptOrganizationMembershipRequest", "/v1/organizations/{organization_id}/membership_requests/{request_id}/accept", membership_requests::accept)
        .counted(Class::Change)
        .post("rejectOrganizationMembershipRequest", "/v1/organizations/{organization_id}/membership_requests/{request_id}/reject", membership_requests::reject)
        .get("getOrganizationCreationDefaults", "/v1/me/organization_creation_defaults", organizations::creation_defaults)
        .get("getOrganizationSuggestions", "/v1/me/organization_suggestions", membership_requests::list_suggestions)
        .counted(Class::Change)
        .post("acceptOrganizationSuggestion", "/v1/me/organization_suggestions/{suggestion_id}/accept", membership_requests::accept_suggestion)
        .get("getOrganizationInvitations", "/v1/organizations/{organization_id}/invitations", invitations::list)
        .counted(Class::Metadata)
        .post("createOrganizationInvitations", "/v1/organizations/{organization_id}/invitations", invitations::create)
        .counted(Class::Metadata)
        .post("bulkCreateOrganizationInvitations", "/v1/organizations/{organization_id}/invitations/bulk", invitations::create_all)
        .get("getAllPendingOrganizationInvitations", "/v1/organizations/{organization_id}/invitations/pending", invitations::list_pending)
        .counted(Class::Change)
        .post("revokePendingOrganizationInvitation", "/v1/organizations/{organization_id}/invitations/{invitation_id}/revoke", invitations::revoke)
        .get("getUsersOrganizationInvitations", "/v1/me/organization_invitations", invitations::list_to_me)
        .counted(Class::Change)
        .post("acceptOrganizationInvitation", "/v1/me/organization_invitations/{invitation_id}/accept", invitations::accept)
        .get("getUsersSessions", "/v1/me/sessions", me::sessions)
        .get("getSessions", "/v1/me/sessions/active", me::active_sessions)
        .counted(Class::Change)
        .post("revokeSession", "/v1/me/sessions/{session_id}/revoke", me::revoke_session)
        .get("getEmailAddresses", "/v1/me/email_addresses", email_addresses::list)
        .counted(Class::Change)
        .post("createEmailAddresses", "/v1/me/email_addresses", email_addresses::create)
        .get("getEmailAddress", "/v1/me/email_addresses/{email_id}", email_addresses::show)
        .counted(Class::Change)
        .delete("DeleteEmailAddress", "/v1/me/email_addresses/{email_id}", email_addresses::delete)
        .counted(Class::Code)
        .post("sendVerificationEmail", "/v1/me/email_addresses/{email_id}/prepare_verification", email_addresses::prepare_verification)
        .counted(Class::UserProof)
        .post("verifyEmailAddress", "/v1/me/email_addresses/{email_id}/attempt_verification", email_addresses::attempt_verification)
}
