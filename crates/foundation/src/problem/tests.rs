//! The table of problems, as it was last reviewed.

use super::*;
use serde_json::json;
use std::{collections::BTreeSet, fmt::Write};

/// One of each. A new problem belongs here and in `problems.txt`, so that a review sees what callers will see.
fn one_of_each() -> Vec<Problem> {
    use Problem as P;
    vec![
        P::NotFound,
        P::NamesNothing("user_id"),
        P::MailServerMissing,
        P::NoSuchOperation,
        P::MethodNotAllowed,
        P::ParamMissing("name"),
        P::ParamUnknown("name".to_owned()),
        P::invalid("name", "must be short"),
        P::ParamFormat("name", "text"),
        P::BodyUnreadable("it broke off".into()),
        P::BodyTooLarge(1_048_576),
        P::EncodingUnsupported,
        P::BodyTooSlow,
        P::MetadataTooLarge("public_metadata"),
        P::IdentifierNotFound,
        P::IdentifierExists("email_address"),
        P::UsernameLength,
        P::UsernameCharacter,
        P::PasswordTooShort(8),
        P::PasswordTooLong(128),
        P::PasswordPwned,
        P::PasswordIncorrect("password"),
        P::PasswordCompromised,
        P::NoPassword,
        P::PasswordRequired,
        P::CodeIncorrect,
        P::VerificationExpired,
        P::VerificationFailed,
        P::VerificationMissing,
        P::AlreadyVerified,
        P::StrategyInvalid,
        P::AttemptState("The sign-in is complete already."),
        P::UserLocked(3_600),
        P::UserBanned,
        P::SessionExists,
        P::AlreadySignedIn("sess_1".to_owned()),
        P::SignUpRestricted,
        P::LastIdentifier,
        P::NotVerified("primary"),
        P::DeletionNotAllowed,
        P::Unauthenticated,
        P::SignedOut,
        P::DevBrowserUnknown,
        P::OriginInvalid,
        P::OriginMissing,
        P::NativeApiDisabled,
        P::RedirectUrlInvalid("redirect_url"),
        P::ApiVersionInvalid("2020-01-01".to_owned()),
        P::SecretKeyInvalid,
        P::PlatformTokenInvalid,
        P::ScopeMissing("applications:read"),
        P::TicketInvalid,
        P::TicketExpired,
        P::TicketUsed("sign_in_token"),
        P::TicketUsed("actor_token"),
        P::TicketRevoked("sign_in_token"),
        P::TicketRevoked("actor_token"),
        P::TicketNotPending("sign_in_token", "accepted"),
        P::TicketNotPending("actor_token", "revoked"),
        P::TicketUsed("organization_invitation"),
        P::TicketRevoked("organization_invitation"),
        P::InvitesMember("ada@example.com".to_owned()),
        P::AlreadyInvited(vec!["ada@example.com".to_owned(), "bob@example.com".to_owned()]),
        P::InvitationNotPending("revoked"),
        P::InvitationAccountMissing,
        P::Impersonated,
        P::ClaimReserved("sub".to_owned()),
        P::TokenTooLarge(32_768),
        P::TokenSpent,
        P::SettingHeld("auth_password.min_length".to_owned(), "blueprint", "must be at least 12".to_owned()),
        P::NobodyCouldSignIn("auth_email.enabled".to_owned(), 3),
        P::VersionMismatch(7),
        P::ConfigKeysMissing(vec!["session.lifetime".to_owned(), "test_mode".to_owned()]),
        P::PlanInUse(2),
        P::LimitReached("redirect URLs", 1_000),
        P::OrganizationsOff,
        P::OrganizationUnknown,
        P::PermissionMissing("org:sys_memberships:manage"),
        P::OrganizationCreationNotAllowed,
        P::OrganizationDeletionNotAllowed,
        P::OrganizationsFull(10),
        P::MembersFull(5),
        P::AlreadyMember,
        P::ExclusiveMember,
        P::MinimumPermissions,
        P::RoleUnknown,
        P::RoleAbove,
        P::DirectMembersOff,
        P::RoleInUse("members"),
        P::CreatorRole("permissions"),
        P::SystemPermission,
        P::PermissionGranted,
        P::DomainsOff,
        P::DomainCommon,
        P::DomainsFull(10),
        P::SuggestionAccepted,
        P::RequestSettled,
        P::PoolRequired,
        P::PoolModeInUse(3),
        P::Converting(5),
        P::ConversionConflicts(json!({})),
        P::ConversionStale(json!({})),
        P::ConversionUnderWay,
        P::ConversionState("running"),
        P::SessionPending,
        P::UrlExists,
        P::DevelopmentOnly,
        P::InstanceExists("environment_type"),
        P::TooManyRequests(10),
        P::Busy(1),
        P::Internal,
    ]
}

#[test]
fn the_table_of_problems_is_as_it_was_last_reviewed() {
    let mut table = String::new();
    for problem in one_of_each() {
        let facts = problem.facts();
        let param = facts.param.as_deref().unwrap_or("-").to_owned();
        let _ = writeln!(table, "{} {} {param} | {} | {}", facts.status, facts.code, facts.message, facts.long_message);
        assert!(facts.long_message.ends_with('.'), "a sentence: {}", facts.long_message);
        assert!(!facts.message.is_empty());
    }
    assert_eq!(table, include_str!("problems.txt"), "if this is meant, write it to problems.txt:\n{table}");
}

/// The reference shows what `problems.txt` holds, so whatever is missing there is unknown to callers too.
#[test]
fn every_problem_stands_in_the_table() {
    let (_, body) = include_str!("mod.rs").split_once("pub enum Problem {").unwrap();
    let (body, _) = body.split_once("\n}").unwrap();
    let is_variant = |line: &&str| line.starts_with("    ") && line.trim_start().starts_with(char::is_uppercase);
    let all: BTreeSet<&str> = body.lines().filter(is_variant).map(|line| line.trim().split(['(', ',']).next().unwrap_or(line)).collect();
    let shown: Vec<String> = one_of_each().iter().map(|problem| format!("{problem:?}")).collect();
    let shown: BTreeSet<&str> = shown.iter().filter_map(|problem| problem.split('(').next()).collect();
    assert_eq!(shown, all);
}

/// Of what is refused as a wrong parameter, only what `docs/errors.md` lists names none.
#[test]
fn whoever_is_refused_a_parameter_is_told_which() {
    let told = include_str!("../../../../docs/errors.md");
    let told = told.split("Of 422, these name no parameter").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("the list");
    let listed: std::collections::BTreeSet<&str> = told.split('`').skip(1).step_by(2).collect();
    let rows = include_str!("problems.txt").lines().filter_map(|line| line.strip_prefix("422 "));
    let nameless = rows.filter_map(|row| row.split_once(" - |")).map(|(code, _)| code).collect();
    assert_eq!(listed, nameless);
}
