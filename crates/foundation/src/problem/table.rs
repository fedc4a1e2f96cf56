//! The table: what callers see of each problem.

use super::{Facts, Problem};
use serde_json::json;

impl Problem {
    /// The problem's row.
    pub fn facts(&self) -> Facts {
        use Problem as P;
        let row = |status, code, message: &'static str, long: &'static str| Facts {
            status,
            code,
            message: message.into(),
            long_message: long.into(),
            param: None,
            meta: None,
            retry_after: None,
        };
        match self {
            P::NotFound => row(404, "resource_not_found", "not found", "The resource was not found."),
            P::NamesNothing(param) => row(404, "resource_not_found", "not found", "").long(format!("{param} names nothing that exists.")).on(*param),
            P::MailServerMissing => row(
                404,
                "resource_not_found",
                "no mail server",
                "The instance has no mail server of its own, so its mail goes by the server's. Set one with PUT /v1/instance/smtp first.",
            ),
            P::NoSuchOperation => row(404, "resource_not_found", "not found", "There is no operation at this path."),
            P::MethodNotAllowed => row(405, "method_not_allowed", "method not allowed", "This path does not offer the method."),
            P::ParamMissing(param) => row(422, "form_param_missing", "is missing", "").long(format!("{param} must be included.")).on(*param),
            P::ParamUnknown(param) => {
                row(422, "form_param_unknown", "is unknown", "").long(format!("{param} is not a valid parameter for this request.")).on(param.clone())
            }
            P::ParamInvalid(param, why) => row(422, "form_param_value_invalid", "is invalid", "").long(format!("{param} {why}.")).on(param.clone()),
            P::ParamFormat(param, what) => row(422, "form_param_format_invalid", "is invalid", "").long(format!("{param} must be {what}.")).on(*param),
            P::BodyUnreadable(why) => row(400, "request_body_invalid", "request body invalid", "").long(format!("The request body could not be read: {why}.")),
            P::BodyTooLarge(most) => {
                row(413, "request_body_too_large", "request body too large", "").long(format!("The request body may have at most {most} bytes."))
            }
            P::EncodingUnsupported => row(
                415,
                "unsupported_content_encoding",
                "unsupported content encoding",
                "Compressed bodies are not read: send the body as it is, without the header Content-Encoding.",
            ),
            P::BodyTooSlow => row(408, "request_timeout", "request timeout", "The request body did not arrive in time."),
            P::MetadataTooLarge(param) => {
                row(422, "form_param_exceeds_allowed_size", "is too large", "").long(format!("{param} may have at most 8192 bytes.")).on(*param)
            }

            P::IdentifierNotFound => row(422, "form_identifier_not_found", "Couldn't find your account.", "Couldn't find your account.").on("identifier"),
            P::IdentifierExists(param) => {
                row(422, "form_identifier_exists", "is taken", "").long(format!("That {} is taken. Please try another.", words(param))).on(*param)
            }
            P::UsernameLength => {
                row(422, "form_username_invalid_length", "has the wrong length", "Username must be between 4 and 64 characters long.").on("username")
            }
            P::UsernameCharacter => row(
                422,
                "form_username_invalid_character",
                "holds a character that is not allowed",
                "Username can only contain Latin letters, numbers, '_' and '-', and not numbers alone.",
            )
            .on("username"),
            P::PasswordTooShort(least) => row(422, "form_password_length_too_short", "", "")
                .short(format!("Passwords must be {least} characters or more."))
                .long(format!("Passwords must be {least} characters or more."))
                .on("password"),
            P::PasswordTooLong(most) => row(422, "form_password_length_too_long", "", "")
                .short(format!("Passwords must be {most} characters or less."))
                .long(format!("Passwords must be {most} characters or less."))
                .on("password"),
            P::PasswordPwned => row(
                422,
                "form_password_pwned",
                "This password is known from breaches.",
                "This password has been found in a breach or is very common. Please use a different one.",
            )
            .on("password"),
            P::PasswordIncorrect(param) => {
                row(422, "form_password_incorrect", "is incorrect", "Password is incorrect. Try again, or use another method.").on(*param)
            }
            P::PasswordCompromised => row(
                422,
                "form_password_compromised",
                "Password compromised",
                "Your password may be known to others. To protect your account, sign in by another method and set a new one.",
            )
            .on("password"),
            P::NoPassword => row(400, "no_password_set", "no password", "The user has no password.").on("password"),
            P::PasswordRequired => {
                row(403, "password_required", "password required", "The password cannot be removed: it is required here, or it is the only way to sign in.")
            }
            P::CodeIncorrect => row(422, "form_code_incorrect", "is incorrect", "Incorrect code.").on("code"),
            P::VerificationExpired => row(422, "verification_expired", "expired", "This verification has expired. You must create a new one.").on("code"),
            P::VerificationFailed => row(422, "verification_failed", "failed", "Too many failed attempts. You have to try again with a new code.").on("code"),
            P::VerificationMissing => row(422, "verification_missing", "missing", "There is no code to check yet: prepare the verification first."),
            P::AlreadyVerified => row(422, "verification_already_verified", "already verified", "This has already been verified."),
            P::StrategyInvalid => {
                row(422, "strategy_for_user_invalid", "Invalid verification strategy", "The verification strategy is not valid for this account or attempt.")
                    .on("strategy")
            }
            P::AttemptState(why) => row(422, "form_invalid_state", "not possible now", why),
            P::UserLocked(seconds) => row(403, "user_locked", "Account locked", "")
                .long(format!("Your account is locked. You will be able to try again in {} minutes.", seconds.div_ceil(60)))
                .with(json!({ "lockout_expires_in_seconds": seconds })),
            P::UserBanned => row(403, "user_banned", "Account banned", "This account has been banned. Please contact support."),
            P::SessionExists => row(400, "session_exists", "Session already exists", "You're already signed in."),
            P::AlreadySignedIn(session) => row(400, "identifier_already_signed_in", "Already signed in", "You're already signed in with this account.")
                .with(json!({ "session_id": session })),
            P::SignUpRestricted => {
                row(403, "sign_up_mode_restricted", "Sign-ups are restricted", "Access to this app is limited, and sign-ups are currently disabled.")
            }
            P::LastIdentifier => {
                row(403, "last_required_identification_deletion_failed", "Deletion failed", "The last identifier of an account cannot be removed.")
            }
            P::NotVerified(param) => row(422, "primary_identifier_not_verified", "not verified", "Only a verified address can be primary.").on(*param),
            P::DeletionNotAllowed => row(403, "user_delete_self_not_enabled", "Deletion not allowed", "Users of this application cannot delete themselves."),

            P::Unauthenticated => row(401, "authentication_invalid", "Invalid authentication", "Unable to authenticate the request: sign in first."),
            P::SignedOut => row(401, "authentication_invalid", "Signed out", "The session is no longer active. Sign in again."),
            P::DevBrowserUnknown => {
                row(401, "dev_browser_unauthenticated", "Browser unauthenticated", "Unable to authenticate this browser for the development instance.")
            }
            P::OriginInvalid => {
                row(400, "origin_invalid", "Invalid HTTP Origin header", "The request's Origin is not among the allowed origins of this instance.")
            }
            P::OriginMissing => row(
                400,
                "origin_invalid",
                "Missing HTTP Origin header",
                "A live instance takes changes from its own pages only, and this request has no header Origin, which browsers send. Backends use the Backend \
                 API, proxies show the secret key, native applications say _is_native=1.",
            ),
            P::NativeApiDisabled => row(403, "native_api_disabled", "Native API disabled", "The Native API is disabled for this instance."),
            P::RedirectUrlInvalid(param) => row(422, "form_param_value_invalid", "is not an allowed redirect URL", "")
                .long(format!(
                    "{param} is not an allowed URL: use the application's own origin, or store this very URL with POST /v1/redirect_urls of the Backend API."
                ))
                .on(*param),
            P::ApiVersionInvalid(version) => row(400, "api_version_invalid", "Invalid API version", "").long(format!("There is no API version {version}.")),
            P::SecretKeyInvalid => row(
                401,
                "clerk_key_invalid",
                "The provided secret key is invalid",
                "The provided secret key is invalid. Make sure that it is correct and has not been rotated or deleted.",
            ),
            P::PlatformTokenInvalid => {
                row(401, "authentication_invalid", "Invalid platform token", "The platform token is missing, wrong, expired or revoked.")
            }
            P::ScopeMissing(scope) => {
                row(403, "authorization_invalid", "Unauthorized request", "").long(format!("The platform token lacks the scope {scope}."))
            }
            P::TicketInvalid => row(400, "ticket_invalid_code", "ticket is invalid", "The ticket is invalid. Ask for a new one."),
            P::TicketExpired => row(400, "ticket_expired_code", "ticket has expired", "The ticket has expired. Ask for a new one."),
            P::TicketUsed("organization_invitation") => {
                row(400, "organization_invitation_already_accepted", "invitation has been accepted", "This invitation was accepted before. Sign in instead.")
            }
            P::TicketRevoked("organization_invitation") => {
                row(400, "organization_invitation_revoked_code", "invitation was revoked", "This invitation was revoked and lets nobody in.")
            }
            P::TicketUsed(kind) => {
                let code = if *kind == "actor_token" { "actor_token_already_used_code" } else { "sign_in_token_already_used_code" };
                row(400, code, "", "").short(format!("{} was used before", words(kind))).long(format!("This {} was used before; it works once.", words(kind)))
            }
            P::TicketRevoked(kind) => {
                let code = if *kind == "actor_token" { "actor_token_revoked_code" } else { "sign_in_token_revoked_code" };
                row(400, code, "", "").short(format!("{} was revoked", words(kind))).long(format!("This {} was revoked and lets nobody in.", words(kind)))
            }
            P::TicketNotPending(kind, state) => {
                let code = if *kind == "actor_token" { "actor_token_cannot_be_revoked_code" } else { "sign_in_token_cannot_be_revoked_code" };
                row(400, code, "cannot be revoked", "").long(format!("The {} cannot be revoked: it is {state} already.", words(kind)))
            }
            P::Impersonated => row(
                403,
                "action_for_session_not_authorized",
                "not while impersonating",
                "Whoever is signed in as somebody else cannot change their credentials, addresses or account.",
            ),
            P::ClaimReserved(name) => row(400, "jwt_template_reserved_claim", "reserved claim used", "")
                .long(format!("The claim {name} is reserved: it is set by the server."))
                .on("claims"),
            P::TokenTooLarge(most) => row(400, "jwt_too_large", "token too large", "")
                .long(format!("The claims of this template may have at most {most} bytes once they are filled in.")),
            P::TokenSpent => row(404, "resource_not_found", "not found", "The token was used before, has expired, or never existed."),
            P::SettingHeld(key, layer, why) => row(422, "setting_held", "is held by a wider layer", "")
                .long(format!("{key} {why}: the {layer} layer holds it."))
                .on(key.clone())
                .with(json!({ "layer": layer })),
            P::NobodyCouldSignIn(key, users) => row(422, "nobody_could_sign_in", "would lock everybody out", "")
                .long(format!("After this change of {key} none of the {users} users who can sign in now could do so."))
                .on(key.clone())
                .with(json!({ "affected_users": { "unable_to_sign_in": users } })),
            P::VersionMismatch(version) => row(412, "precondition_failed", "has changed meanwhile", "")
                .long(format!("The version is {version} now: read again, and repeat the change where it still applies."))
                .with(json!({ "config_version": version.to_string() })),
            P::ConfigKeysMissing(keys) => row(400, "config_keys_missing", "keys are missing", "")
                .long(format!("A whole configuration names every key; missing: {}.", keys.join(", ")))
                .with(json!({ "missing_keys": keys })),
            P::PlanInUse(applications) => row(409, "plan_in_use", "is in use", "")
                .long(format!("Applications subscribe to the plan ({applications}): give them another one first."))
                .with(json!({ "applications": applications })),
            P::LimitReached(what, most) => {
                row(422, "resource_limit_reached", "Limit reached", "").long(format!("At most {most} {what} are allowed.")).with(json!({ "limit": most }))
            }
            P::OrganizationsOff => row(
                403,
                "organization_not_enabled_in_instance",
                "Organizations are off",
                "Organizations are not enabled for this application: organization_settings.enabled turns them on.",
            ),
            P::OrganizationUnknown => row(
                404,
                "organization_not_found_or_unauthorized",
                "organization not found",
                "There is no such organization, or the user does not belong to it any more.",
            ),
            P::PermissionMissing(permission) => row(403, "missing_organization_permission", "missing permission", "")
                .long(format!("Your role in this organization lacks the permission {permission}."))
                .with(json!({ "permissions": [permission] })),
            P::OrganizationCreationNotAllowed => {
                row(403, "organization_create_not_enabled", "organizations cannot be created", "You may not create organizations here.")
            }
            P::OrganizationDeletionNotAllowed => {
                row(403, "organization_admin_delete_not_enabled", "deletion is not enabled", "Members may not delete this organization.")
            }
            P::OrganizationsFull(most) => row(403, "organization_quota_exceeded", "too many organizations", "")
                .long(format!("You have created {most} organizations, and may not create more."))
                .with(json!({ "limit": most })),
            P::MembersFull(most) => row(403, "organization_membership_quota_exceeded", "organization membership quota exceeded", "")
                .long(format!("The organization may have at most {most} members, and invited people count."))
                .with(json!({ "limit": most })),
            P::AlreadyMember => {
                row(400, "already_a_member_in_organization", "already a member", "The user is already a member of the organization.").on("user_id")
            }
            P::InvitesMember(address) => row(400, "already_a_member_in_organization", "already a member", "")
                .long(format!("{address} is already a member of the organization."))
                .on("email_address")
                .with(json!({ "email_addresses": [address] })),
            P::AlreadyInvited(addresses) => row(400, "duplicate_record", "duplicate invitation", "")
                .long(format!("There are invitations to these addresses already, which wait for an answer: {}.", addresses.join(", ")))
                .on("email_address")
                .with(json!({ "email_addresses": addresses })),
            P::InvitationNotPending(state) => {
                row(400, "organization_invitation_not_pending", "not pending", "").long(format!("The invitation does not wait for an answer: it is {state}."))
            }
            P::InvitationAccountMissing => {
                row(422, "invitation_account_not_exists", "no account yet", "Nobody has an account with the invited address yet: sign up with the ticket.")
            }
            P::ExclusiveMember => row(
                403,
                "organization_membership_exclusive",
                "exclusive membership",
                "Members of an organization with exclusive membership cannot belong to another one.",
            ),
            P::MinimumPermissions => row(
                422,
                "organization_minimum_permissions_needed",
                "not possible",
                "At least one member must be able to manage the members: give somebody else such a role first.",
            ),
            P::RoleUnknown => row(404, "resource_not_found", "not found", "The organization's members cannot have this role.").on("role"),
            P::RoleInUse(by) => row(422, "organization_role_in_use", "is in use", "").long(format!("The role is needed by {by}: give them another one first.")),
            P::CreatorRole(param) => row(
                422,
                "organization_missing_creator_role_permissions",
                "creators need more",
                "The role of creators must read and manage members and delete the organization: org:sys_memberships:read, org:sys_memberships:manage and \
                 org:sys_profile:delete.",
            )
            .on(*param),
            P::SystemPermission => row(
                403,
                "organization_system_permission_not_modifiable",
                "is the system's",
                "System permissions can be given to roles, but neither be changed nor deleted.",
            ),
            P::PermissionGranted => {
                row(409, "organization_role_permission_association_exists", "has it already", "The role has this permission already.").on("permission_id")
            }
            P::DomainsOff => row(
                403,
                "organization_domains_not_enabled",
                "domains are off",
                "Organizations of this application have no domains: organization_settings.domains_enabled turns them on.",
            ),
            P::DomainCommon => row(
                422,
                "organization_domain_common",
                "is a common domain",
                "This is the domain of a public e-mail provider. Use a domain that belongs to your organization.",
            )
            .on("name"),
            P::DomainsFull(most) => row(403, "organization_domain_quota_exceeded", "too many domains", "")
                .long(format!("An organization may have at most {most} domains."))
                .with(json!({ "limit": most })),
            P::SuggestionAccepted => row(400, "organization_suggestion_already_accepted", "already accepted", "You have accepted this suggestion already."),
            P::RequestSettled => {
                row(400, "organization_membership_request_not_pending", "not pending", "This request to join was accepted or rejected before.")
            }
            P::PoolRequired => row(
                400,
                "user_pool_required",
                "organization missing",
                "Each organization of this application has users of its own: use the organization's own publishable key, its host, or the path /t/<slug>/o/<organization>.",
            ),
            P::PoolModeInUse(users) => row(409, "user_pool_in_use", "has users", "")
                .long(format!("The instance has {users} users: it goes over to another kind of pools at once only while it has none. With users it goes over by a conversion: POST …/instances/<instance>/conversions."))
                .on("user_pool.mode")
                .with(json!({ "users": users })),
            P::Converting(seconds) => row(
                503,
                "instance_converting",
                "closed for a while",
                "The users of this application are being moved. Please try again in a bit.",
            )
            .after(*seconds),
            P::ConversionConflicts(report) => row(
                409,
                "conversion_conflicts",
                "conflicts",
                "Something stands against this conversion: the report names it. Solve it, or choose a policy that does.",
            )
            .with(json!({ "report": report })),
            P::ConversionStale(report) => row(
                409,
                "conversion_stale",
                "has changed",
                "The data is not as the confirmed report says any more. Look at this fresh report, and confirm its fingerprint.",
            )
            .on("fingerprint")
            .with(json!({ "report": report })),
            P::ConversionUnderWay => row(409, "conversion_under_way", "another is under way", "A conversion of this instance is under way: nothing else may change it until that has ended."),
            P::ConversionState(status) => row(409, "conversion_state", "not in this state", "")
                .long(format!("A conversion can be called off while it is waiting, and resumed while it is running. This one is {status}."))
                .with(json!({ "status": status })),
            P::DirectMembersOff => row(
                403,
                "organization_direct_members_not_enabled",
                "invite them instead",
                "Members invite people, who accept. organization_settings.direct_members lets them make others members without asking.",
            ),
            P::RoleAbove => {
                row(403, "organization_role_above_own", "more than you may", "The role may do more to the organization than yours: ask somebody who has it.")
            }
            P::SessionPending => {
                row(403, "session_pending", "session is pending", "The user of this session has a task to do first, such as choosing an organization.")
            }
            P::UrlExists => row(422, "form_identifier_exists", "is on the list", "That URL is on the list already.").on("url"),
            P::DevelopmentOnly => row(400, "request_invalid_for_environment", "not for live instances", "This operation is for development instances only."),
            P::InstanceExists(param) => row(422, "instance_exists", "Instance exists", "The application has such an instance already.").on(*param),
            P::TooManyRequests(seconds) => row(429, "too_many_requests", "Too many requests", "Too many requests. Please try again in a bit.").after(*seconds),
            P::Busy(seconds) => row(503, "service_unavailable", "Service unavailable", "The server is busy. Please try again in a bit.").after(*seconds),
            P::Internal => row(
                500,
                "internal_error",
                "Oops, an unexpected error occurred",
                "There was an internal error on our side. The trace id names it in the server's log.",
            ),
        }
    }
}

fn words(param: &str) -> String {
    param.replace('_', " ")
}
