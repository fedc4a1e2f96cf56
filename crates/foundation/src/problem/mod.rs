//! Every error that a caller can cause: one closed table of code, status, message and parameter.
//!
//! Codes are the wire contract's, because SDKs branch on them.

mod facts;
mod table;
#[cfg(test)]
mod tests;

pub use facts::Facts;
use serde_json::Value;
use std::borrow::Cow;

/// A refusal. What it says may be shown to the caller as it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Problem {
    /// The thing does not exist, or the caller may not know that it does.
    NotFound,
    /// What a parameter names does not exist here, or the caller may not know that it does.
    NamesNothing(&'static str),
    /// The instance has no mail server of its own.
    MailServerMissing,
    /// No operation has this method and path.
    NoSuchOperation,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// A parameter that must be there is not.
    ParamMissing(&'static str),
    /// A parameter that has no meaning here.
    ParamUnknown(String),
    /// A parameter whose value cannot be, and what it must be.
    ParamInvalid(Cow<'static, str>, Cow<'static, str>),
    /// A parameter whose text has the wrong form.
    ParamFormat(&'static str, &'static str),
    /// The body could not be read at all, and why.
    BodyUnreadable(Cow<'static, str>),
    /// The body is larger than this many bytes.
    BodyTooLarge(usize),
    /// The body is said to be compressed.
    EncodingUnsupported,
    /// The body did not arrive in time.
    BodyTooSlow,
    /// Metadata is larger than this many bytes after the change.
    MetadataTooLarge(&'static str),

    /// No user has this identifier.
    IdentifierNotFound,
    /// The identifier belongs to a user already.
    IdentifierExists(&'static str),
    /// The username is too short or too long.
    UsernameLength,
    /// The username holds a character that is not allowed.
    UsernameCharacter,
    /// The password is shorter than this.
    PasswordTooShort(usize),
    /// The password is longer than this.
    PasswordTooLong(usize),
    /// The password is known from breaches or far too common.
    PasswordPwned,
    /// The password is not the user's.
    PasswordIncorrect(&'static str),
    /// The password is the user's, but others are said to know it.
    PasswordCompromised,
    /// The user has no password.
    NoPassword,
    /// The password is required, or the user's only way in.
    PasswordRequired,
    /// The code is not the one that was sent.
    CodeIncorrect,
    /// The code has expired; a new one is needed.
    VerificationExpired,
    /// Too many wrong codes; a new one is needed.
    VerificationFailed,
    /// No code was asked for yet.
    VerificationMissing,
    /// It is verified already.
    AlreadyVerified,
    /// The strategy is not offered for this user or attempt.
    StrategyInvalid,
    /// The attempt is in a state in which this cannot be done.
    AttemptState(&'static str),
    /// The user is locked for this many seconds.
    UserLocked(u64),
    /// The user is banned.
    UserBanned,
    /// The client has a session already and the instance allows one.
    SessionExists,
    /// The user is signed in on this client already; the session's id.
    AlreadySignedIn(String),
    /// Sign-up is not open.
    SignUpRestricted,
    /// The last way to reach or identify the user cannot be taken away.
    LastIdentifier,
    /// Only a verified address can be primary.
    NotVerified(&'static str),
    /// Users of this instance do not delete themselves.
    DeletionNotAllowed,

    /// No credential, or none that is valid here.
    Unauthenticated,
    /// The session has ended, expired or been revoked.
    SignedOut,
    /// The development browser is unknown.
    DevBrowserUnknown,
    /// The request's origin may not use this instance.
    OriginInvalid,
    /// The request says nothing about where it comes from, and a live instance wants to know.
    OriginMissing,
    /// Native applications may not use this instance.
    NativeApiDisabled,
    /// The redirect URL is not allowed, and the parameter that carries it.
    RedirectUrlInvalid(&'static str),
    /// No version of the contract has this name.
    ApiVersionInvalid(String),
    /// The secret key is missing or unknown.
    SecretKeyInvalid,
    /// The platform token is missing or unknown.
    PlatformTokenInvalid,
    /// The platform token lacks this scope.
    ScopeMissing(&'static str),
    /// The ticket is none that this instance made.
    TicketInvalid,
    /// The ticket's time is over.
    TicketExpired,
    /// The ticket was used before; its kind.
    TicketUsed(&'static str),
    /// The ticket was taken back; its kind.
    TicketRevoked(&'static str),
    /// The ticket cannot be taken back, because of its state; its kind and its state.
    TicketNotPending(&'static str, &'static str),
    /// Whoever impersonates a user may not do this in their place.
    Impersonated,
    /// A template sets a claim that is the server's to set.
    ClaimReserved(String),
    /// A token's claims would have more than this many bytes.
    TokenTooLarge(usize),
    /// An already used or expired one-time token.
    TokenSpent,
    /// The setting is held by a wider layer: the key, the layer, and what it asks for.
    SettingHeld(String, &'static str, String),
    /// The change would leave nobody able to sign in: the key, and how many can now.
    NobodyCouldSignIn(String, i64),
    /// The document has another version than the caller expects; which one.
    VersionMismatch(i64),
    /// A whole configuration that leaves out these keys.
    ConfigKeysMissing(Vec<String>),
    /// So many applications subscribe to the plan.
    PlanInUse(i64),
    /// The user already has the most of this kind; the kind and the number.
    LimitReached(&'static str, i64),
    /// The instance has no organizations.
    OrganizationsOff,
    /// The organization does not exist, or the user does not belong to it.
    OrganizationUnknown,
    /// The member's role does not allow this; the permission that would.
    PermissionMissing(&'static str),
    /// The user may not create organizations.
    OrganizationCreationNotAllowed,
    /// Nobody may delete the organization.
    OrganizationDeletionNotAllowed,
    /// The user has created as many organizations as they may.
    OrganizationsFull(i64),
    /// The organization has as many members as it may, invited ones counted.
    MembersFull(i64),
    /// The user belongs to the organization already.
    AlreadyMember,
    /// Whoever has this address belongs to the organization already.
    InvitesMember(String),
    /// These addresses have an invitation to the organization already.
    AlreadyInvited(Vec<String>),
    /// The invitation is not pending any more; its state.
    InvitationNotPending(&'static str),
    /// Nobody has an account with the invited address yet.
    InvitationAccountMissing,
    /// This organization, or another one of the user's, wants its members for itself.
    ExclusiveMember,
    /// Nobody could manage the organization's members after this.
    MinimumPermissions,
    /// The organization's members cannot have this role.
    RoleUnknown,
    /// The role is needed, by whom.
    RoleInUse(&'static str),
    /// Creators of organizations have this role, and could not manage or delete them; the parameter that says so.
    CreatorRole(&'static str),
    /// The permission is the system's.
    SystemPermission,
    /// The role allows this already.
    PermissionGranted,
    /// Organizations of the instance have no domains.
    DomainsOff,
    /// The domain belongs to a public mail provider.
    DomainCommon,
    /// The organization has as many domains as it may.
    DomainsFull(i64),
    /// The suggestion was accepted before.
    SuggestionAccepted,
    /// The request was accepted or rejected before.
    RequestSettled,
    /// Users are in organizations' own pools, and the address names none.
    PoolRequired,
    /// The instance has users, and cannot go over to another kind of pools at once; how many.
    PoolModeInUse(i64),
    /// The instance is closed while its users are converted; how many seconds to wait.
    Converting(u64),
    /// Something stands against a conversion; the report that says what.
    ConversionConflicts(Value),
    /// There is no plan of this fingerprint any more; the fresh report.
    ConversionStale(Value),
    /// Another conversion of the instance is under way.
    ConversionUnderWay,
    /// The conversion is not in a state for this, and which it is in.
    ConversionState(&'static str),
    /// Members cannot make others members without asking them.
    DirectMembersOff,
    /// The role has more permissions than whoever gives or takes it.
    RoleAbove,
    /// The session's user has a task to do before it is good for this.
    SessionPending,
    /// The URL is on the list already.
    UrlExists,
    /// The operation is for development instances only.
    DevelopmentOnly,
    /// The application has such an instance already, and the parameter that says which.
    InstanceExists(&'static str),
    /// Too many requests; how many seconds to wait.
    TooManyRequests(u64),
    /// The server has more to do than it can; how many seconds to wait.
    Busy(u64),
    /// A fault of ours.
    Internal,
}

impl Problem {
    /// A parameter whose value cannot be.
    pub fn invalid(param: impl Into<Cow<'static, str>>, why: impl Into<Cow<'static, str>>) -> Problem {
        Problem::ParamInvalid(param.into(), why.into())
    }

    /// The same problem about a parameter of another name: of a rule that knows a thing by one name, for a caller who has said another. `None` keeps it.
    #[must_use]
    pub fn renamed(self, name: impl Fn(&str) -> Option<&'static str>) -> Problem {
        match self {
            Problem::ParamInvalid(param, why) => Problem::ParamInvalid(name(&param).map_or(param, Cow::Borrowed), why),
            Problem::ParamFormat(param, what) => Problem::ParamFormat(name(param).unwrap_or(param), what),
            Problem::SettingHeld(key, layer, why) => Problem::SettingHeld(name(&key).map_or(key, str::to_owned), layer, why),
            Problem::NobodyCouldSignIn(key, users) => Problem::NobodyCouldSignIn(name(&key).map_or(key, str::to_owned), users),
            other => other,
        }
    }
}
