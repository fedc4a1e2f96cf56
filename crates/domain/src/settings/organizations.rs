//! Organizations: whether there are any, and what their members and admins may do.

use foundation::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Organizations.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OrganizationSettings {
    /// Whether there are organizations.
    #[schemars(extend("x-tightens" = "off"))]
    pub enabled: bool,
    /// Whether everybody who is signed in must choose an organization first, while there are organizations: nobody works in a personal account.
    pub force_organization_selection: bool,
    /// The most members of an organization, invited ones counted, where the organization itself has no number; 0 for no limit.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    #[schemars(extend("x-tightens" = "down"), extend("x-zero" = "unlimited"))]
    pub max_allowed_memberships: i64,
    /// Whether members who may delete an organization can.
    #[schemars(extend("x-tightens" = "off"))]
    pub admin_delete_enabled: bool,
    /// Whether organizations go without slugs.
    pub slug_disabled: bool,
    /// Whether whoever manages the members may make others members without asking them, instead of inviting them.
    #[schemars(extend("x-tightens" = "off"))]
    pub direct_members: bool,
    /// Whether whoever creates an organization is suggested what it could be called.
    pub creation_defaults_enabled: bool,
    /// How many organizations a user may create, where the user has no number of their own; 0 for no limit.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    #[schemars(extend("x-tightens" = "down"), extend("x-zero" = "unlimited"))]
    pub create_organizations_limit: i64,
    /// Whether organizations may have domains, by which people find them.
    #[schemars(extend("x-tightens" = "off"))]
    pub domains_enabled: bool,
    /// In which ways people with an address at an organization's domain come to it.
    #[schemars(extend("x-tightens" = "fewer"))]
    pub domains_enrollment_modes: Vec<EnrollmentMode>,
    /// The most domains of an organization.
    #[schemars(range(min = 0, max = 1_000))]
    #[schemars(extend("x-tightens" = "down"))]
    pub max_allowed_domains: i64,
    /// The most roles that the instance has.
    #[schemars(range(min = 2, max = 200))]
    #[schemars(extend("x-tightens" = "down"))]
    pub max_allowed_roles: i64,
    /// The most permissions of the instance's own.
    #[schemars(range(min = 0, max = 120))]
    #[schemars(extend("x-tightens" = "down"))]
    pub max_allowed_permissions: i64,
    /// The most role sets that the instance has.
    #[schemars(range(min = 1, max = 100))]
    #[schemars(extend("x-tightens" = "down"))]
    pub max_role_sets_allowed: i64,
}

impl Default for OrganizationSettings {
    fn default() -> Self {
        OrganizationSettings {
            enabled: false,
            force_organization_selection: false,
            max_allowed_memberships: 0,
            admin_delete_enabled: true,
            slug_disabled: false,
            direct_members: false,
            creation_defaults_enabled: false,
            create_organizations_limit: 100,
            domains_enabled: false,
            domains_enrollment_modes: vec![EnrollmentMode::ManualInvitation, EnrollmentMode::AutomaticInvitation, EnrollmentMode::AutomaticSuggestion],
            max_allowed_domains: 10,
            max_allowed_roles: 20,
            max_allowed_permissions: 100,
            max_role_sets_allowed: 10,
        }
    }
}

store::text_enum! {
    /// How people with an address at an organization's domain come to it.
    #[derive(Deserialize, Serialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    pub enum EnrollmentMode {
        /// Somebody invites them.
        ManualInvitation = "manual_invitation",
        /// They are invited by themselves.
        AutomaticInvitation = "automatic_invitation",
        /// They are told of the organization, and may ask to join.
        AutomaticSuggestion = "automatic_suggestion",
    }
}

impl OrganizationSettings {
    /// Whether everybody who is signed in must choose an organization first.
    pub fn forces_selection(&self) -> bool {
        self.enabled && self.force_organization_selection
    }

    /// Refuses where there are no organizations.
    ///
    /// # Errors
    /// [`Problem::OrganizationsOff`].
    pub fn ensure_enabled(&self) -> Result<(), Problem> {
        if self.enabled { Ok(()) } else { Err(Problem::OrganizationsOff) }
    }

    pub(super) fn check(&self) -> Result<(), Problem> {
        let bounds = [
            ("organization_settings.max_allowed_memberships", self.max_allowed_memberships, 0, 1_000_000_000),
            ("organization_settings.create_organizations_limit", self.create_organizations_limit, 0, 1_000_000_000),
            ("organization_settings.max_allowed_domains", self.max_allowed_domains, 0, 1_000),
            ("organization_settings.max_allowed_roles", self.max_allowed_roles, 2, 200),
            ("organization_settings.max_allowed_permissions", self.max_allowed_permissions, 0, 120),
            ("organization_settings.max_role_sets_allowed", self.max_role_sets_allowed, 1, 100),
        ];
        for (key, value, least, most) in bounds {
            if !(least..=most).contains(&value) {
                return Err(Problem::invalid(key, format!("must be between {least} and {most}")));
            }
        }
        Ok(())
    }
}
