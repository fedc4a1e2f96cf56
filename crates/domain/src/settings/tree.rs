//! The tree itself, with the defaults that hold where no layer says otherwise.
//!
//! A new key is a field with a doc comment and a default, and where it needs more than its type a line in [`Settings::check`]. Its JSON
//! Schema comes with it ([`super::schema`]). Marks that a field can bear:
//!
//! | mark | says |
//! |---|---|
//! | `range(min = …, max = …)` | what a number must lie within; checked wherever a document is written |
//! | `extend("x-tightens" = …)` | which way a layer below may still move the key once it is locked: `"up"`, `"down"`, `"on"`, `"off"`, `"fewer"` (a list's entries), or the words from the loosest to the tightest. Without it a locked key stands still |
//! | `extend("x-absent" = "unlimited")` | a number that may be absent, and then has no limit: absent is looser than every number |
//! | `extend("x-zero" = "unlimited")` | a number of which 0 is no limit: looser than every other number |
//! | `extend("x-development" = …)` | what holds in development instances where no layer says otherwise; the default is what holds in live ones |
//! | `extend("x-live" = false)` | in live instances the key keeps its default, whatever layers say |
//! | `extend("x-organization" = true)` | an organization may set it |
//! | `extend("x-instance" = true)` | nobody but an instance may set it |
//! | `extend("writeOnly" = true)` | a secret: taken, never shown |

use super::{
    messages::Messages,
    organizations::OrganizationSettings,
    rates::{AttackProtection, CodeBudgets, Rates},
};
use crate::{messages, redirects};
use foundation::{EmailAddress, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// All settings of an instance. The names are those of the stored documents.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// E-mail addresses.
    pub auth_email: Email,
    /// Usernames.
    pub auth_username: Attribute,
    /// First and last names.
    pub auth_name: Attribute,
    /// Passwords.
    pub auth_password: PasswordPolicy,
    /// Sessions.
    pub session: SessionPolicy,
    /// Who may sign up.
    pub sign_up: SignUp,
    /// How often something may be asked for in ten seconds.
    pub rates: Rates,
    /// How many codes may be sent in a day.
    pub codes: CodeBudgets,
    /// Guessing and probing.
    pub attack_protection: AttackProtection,
    /// What users may do to themselves.
    pub user_actions: UserActions,
    /// Organizations.
    pub organization_settings: OrganizationSettings,
    /// Who must be unique.
    pub user_pool: UserPool,
    /// Native applications.
    pub native_api: NativeApi,
    /// How the pages present the application.
    pub display: Display,
    /// What is told to people, and in which words.
    pub messages: Messages,
    /// Whether test addresses and their fixed code work. Development instances only.
    #[schemars(extend("x-tightens" = "off"), extend("x-development" = true), extend("x-live" = false))]
    pub test_mode: bool,
    /// Origins that may use a live instance besides its own hosts and its proxy.
    #[schemars(length(max = 100), extend("x-tightens" = "fewer"))]
    pub allowed_origins: Vec<String>,
    /// The origin that a development instance's application runs at.
    pub development_origin: Option<String>,
    /// The version of the SDK script to load.
    pub clerk_js_version: Option<String>,
    /// Accepted for compatibility: development browsers always work without cookies too.
    pub cookieless_dev: Option<bool>,
    /// Accepted for compatibility, like the one before.
    pub url_based_session_syncing: Option<bool>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            auth_email: Email::default(),
            auth_username: Attribute::Off,
            auth_name: Attribute::Optional,
            auth_password: PasswordPolicy::default(),
            session: SessionPolicy::default(),
            sign_up: SignUp::default(),
            rates: Rates::default(),
            codes: CodeBudgets::default(),
            attack_protection: AttackProtection::default(),
            user_actions: UserActions::default(),
            organization_settings: OrganizationSettings::default(),
            user_pool: UserPool::default(),
            native_api: NativeApi::default(),
            display: Display::default(),
            messages: Messages::default(),
            test_mode: false,
            allowed_origins: Vec::new(),
            development_origin: None,
            clerk_js_version: None,
            cookieless_dev: None,
            url_based_session_syncing: None,
        }
    }
}

/// E-mail addresses as an attribute.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Email {
    /// Whether users have addresses at all.
    pub enabled: bool,
    /// Whether a sign-up needs one.
    pub required: bool,
    /// Whether a code sent to the address signs in.
    pub code_sign_in: bool,
}

impl Default for Email {
    fn default() -> Self {
        Email { enabled: true, required: true, code_sign_in: true }
    }
}

/// An attribute that can be off, optional or required.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// Not asked for, not kept.
    #[default]
    Off,
    /// May be given.
    Optional,
    /// Must be given.
    Required,
}

/// Passwords.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordPolicy {
    /// Whether there are passwords.
    pub enabled: bool,
    /// Whether a sign-up needs one.
    pub required: bool,
    /// The fewest characters; 8 or more.
    #[schemars(range(min = 8, max = 128))]
    #[schemars(extend("x-tightens" = "up"))]
    pub min_length: usize,
    /// The most characters; 64 to 256.
    #[schemars(range(min = 64, max = 256))]
    pub max_length: usize,
    /// Whether passwords known from breaches are refused.
    #[schemars(extend("x-tightens" = "on"))]
    pub hibp: bool,
    /// What the pages offer first where a password is required: `password` or `otp`.
    pub preferred_sign_in_strategy: PreferredStrategy,
}

/// What the pages offer first.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PreferredStrategy {
    /// The password.
    #[default]
    Password,
    /// A code.
    Otp,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        PasswordPolicy { enabled: true, required: true, min_length: 8, max_length: 128, hibp: true, preferred_sign_in_strategy: PreferredStrategy::Password }
    }
}

/// Sessions.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SessionPolicy {
    /// Whether several users may be signed in on one client.
    #[schemars(extend("x-tightens" = "off"))]
    pub multi: bool,
    /// How long a session lives, in seconds.
    #[schemars(range(min = 60, max = 34_560_000))]
    #[schemars(extend("x-tightens" = "down"), extend("x-organization" = true))]
    pub lifetime: u64,
    /// After how many seconds without use a session is given up; absent for never.
    #[schemars(range(min = 300, max = 34_560_000))]
    #[schemars(extend("x-tightens" = "down"), extend("x-absent" = "unlimited"), extend("x-organization" = true))]
    pub inactivity: Option<u64>,
}

impl Default for SessionPolicy {
    fn default() -> Self {
        SessionPolicy { multi: false, lifetime: 7 * 86_400, inactivity: None }
    }
}

impl SessionPolicy {
    /// How long a session lives.
    pub fn life(&self) -> Duration {
        Duration::from_secs(self.lifetime)
    }

    /// How long a session waits for its next use; absent where it waits for ever.
    pub fn patience(&self) -> Option<Duration> {
        self.inactivity.map(Duration::from_secs)
    }
}

/// Who may sign up.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignUp {
    /// The mode.
    #[schemars(extend("x-tightens" = ["public", "restricted"]))]
    pub mode: SignUpMode,
}

/// Who may sign up.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignUpMode {
    /// Everybody.
    #[default]
    Public,
    /// Nobody by themselves.
    Restricted,
}

impl SignUpMode {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            SignUpMode::Public => "public",
            SignUpMode::Restricted => "restricted",
        }
    }
}

/// What users may do to themselves.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UserActions {
    /// Whether they may delete their account.
    #[schemars(extend("x-tightens" = "off"))]
    pub delete_self: bool,
    /// Whether they may create organizations.
    #[schemars(extend("x-tightens" = "off"))]
    pub create_organization: bool,
}

impl Default for UserActions {
    fn default() -> Self {
        UserActions { delete_self: true, create_organization: true }
    }
}

/// Who must be unique: everybody in the instance, or everybody in an organization.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UserPool {
    /// The mode. An instance that has users goes over to the other one by a conversion.
    #[schemars(extend("x-instance" = true))]
    pub mode: PoolMode,
}

/// Who must be unique.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoolMode {
    /// One account in many organizations.
    #[default]
    Shared,
    /// Each organization has accounts of its own.
    Isolated,
}

/// Native applications: those that show the client's secret in a header instead of a cookie.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NativeApi {
    /// Whether they are answered.
    #[schemars(extend("x-tightens" = "off"))]
    pub enabled: bool,
}

impl Default for NativeApi {
    fn default() -> Self {
        NativeApi { enabled: true }
    }
}

/// How the pages present the application.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Display {
    /// Whom to write to for help.
    #[schemars(extend("x-organization" = true))]
    pub support_email: Option<String>,
    /// The accent colour, `#rrggbb`.
    #[schemars(extend("x-organization" = true))]
    pub primary_color: Option<String>,
    /// The https address of the logo.
    #[schemars(extend("x-organization" = true))]
    pub logo_url: Option<String>,
}

impl Settings {
    /// Whether everybody who is signed in is in an organization: there are no personal accounts.
    pub fn holds_to_organizations(&self) -> bool {
        self.organization_settings.forces_selection() || self.organization_settings.enabled && self.user_pool.mode == PoolMode::Isolated
    }

    /// Checks what types cannot say.
    ///
    /// # Errors
    /// [`Problem::ParamInvalid`] that names the key.
    pub fn check(&self) -> Result<(), Problem> {
        let password = &self.auth_password;
        if !(8..=128).contains(&password.min_length) {
            return Err(Problem::invalid("auth_password.min_length", "must be between 8 and 128"));
        }
        if !(64..=256).contains(&password.max_length) || password.max_length < password.min_length {
            return Err(Problem::invalid("auth_password.max_length", "must be between 64 and 256, and not below min_length"));
        }
        if !(60..=400 * 86_400).contains(&self.session.lifetime) {
            return Err(Problem::invalid("session.lifetime", "must be between 60 seconds and 400 days"));
        }
        if self.session.inactivity.is_some_and(|seconds| !(300..=400 * 86_400).contains(&seconds)) {
            return Err(Problem::invalid("session.inactivity", "must be between 300 seconds and 400 days, or null"));
        }
        self.rates.check()?;
        self.codes.check()?;
        self.attack_protection.check()?;
        if self.user_pool.mode == PoolMode::Isolated && !self.organization_settings.enabled {
            return Err(Problem::invalid("user_pool.mode", "cannot be isolated while organizations are off"));
        }
        self.organization_settings.check()?;
        redirects::check_origins("allowed_origins", &self.allowed_origins)?;
        if self.development_origin.as_deref().is_some_and(|origin| !redirects::is_origin(origin)) {
            return Err(Problem::ParamFormat("development_origin", "an origin, like https://app.example.com"));
        }
        if self.clerk_js_version.as_deref().is_some_and(|version| !is_version(version)) {
            return Err(Problem::ParamFormat("clerk_js_version", "a version number"));
        }
        if !self.auth_email.enabled && !self.auth_username.is_on() {
            return Err(Problem::invalid("auth_email.enabled", "cannot be off while usernames are off: users would have no identifier"));
        }
        if !self.auth_email.enabled && self.auth_email.required {
            return Err(Problem::invalid("auth_email.required", "cannot be on while addresses are off"));
        }
        if self.display.support_email.as_deref().is_some_and(|address| EmailAddress::parse(address).is_none_or(|parsed| parsed.given() != address)) {
            return Err(Problem::ParamFormat("display.support_email", "a valid e-mail address"));
        }
        if self.display.primary_color.as_deref().is_some_and(|colour| !messages::is_colour(colour)) {
            return Err(Problem::invalid("display.primary_color", "must be a colour like #4f46e5"));
        }
        if self.display.logo_url.as_deref().is_some_and(|url| !messages::is_image_address(url)) {
            return Err(Problem::invalid("display.logo_url", "must be an https address of at most 500 characters"));
        }
        self.messages.check()
    }
}

/// Whether the text is a version, or the name of a line of them, as they stand in the addresses of packages.
fn is_version(text: &str) -> bool {
    (1..=64).contains(&text.len()) && !text.contains("..") && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b))
}

impl Attribute {
    /// Whether it may be given.
    pub const fn is_on(self) -> bool {
        matches!(self, Attribute::Optional | Attribute::Required)
    }

    /// The word in `auth_config`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Attribute::Off => "off",
            Attribute::Optional => "on",
            Attribute::Required => "required",
        }
    }
}
