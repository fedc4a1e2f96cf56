//! The environment: everything that the SDKs' components need to know before they show anything.

use crate::{
    instances::Tenant,
    organizations::roles::Catalogue,
    settings::{Attribute, PreferredStrategy, Settings},
};
use serde_json::{Value, json};

/// The environment of an instance.
pub fn environment(tenant: &Tenant, settings: &Settings, catalogue: &Catalogue) -> Value {
    let organizations = &settings.organization_settings;
    let (creator_role, default_role) = catalogue.first_roles();
    let mut body = json!({
        "auth_config": auth_config(tenant, settings),
        "display_config": display_config(tenant, settings),
        "user_settings": user_settings(settings),
        "organization_settings": {
            "enabled": organizations.enabled,
            "max_allowed_memberships": organizations.max_allowed_memberships,
            "actions": { "admin_delete": organizations.admin_delete_enabled },
            "domains": {
                "enabled": organizations.enabled && organizations.domains_enabled,
                "enrollment_modes": organizations.domains_enrollment_modes,
                "default_role": default_role,
            },
            "slug": { "disabled": organizations.slug_disabled },
            "creator_role": creator_role,
        },
        "fraud_settings": { "object": "fraud_settings", "native": { "device_attestation_mode": "disabled" } },
        "commerce_settings": {
            "billing": {
                "stripe_publishable_key": null,
                "free_trial_requires_payment_method": false,
                "user": { "enabled": false, "has_paid_plans": false },
                "organization": { "enabled": false, "has_paid_plans": false },
            },
        },
        "api_keys_settings": { "enabled": false, "user_api_keys_enabled": false, "orgs_api_keys_enabled": false },
        "client_debug_mode": false,
        "partitioned_cookies": false,
        "maintenance_mode": false,
    });
    // Not in the contract, but in the SDKs: told only where it makes a difference (docs/decisions/0076).
    if organizations.forces_selection() {
        body["organization_settings"]["force_organization_selection"] = true.into();
    }
    if organizations.enabled && organizations.creation_defaults_enabled {
        body["organization_settings"]["organization_creation_defaults"] = json!({ "enabled": true });
    }
    body
}

fn auth_config(tenant: &Tenant, settings: &Settings) -> Value {
    let email = if !settings.auth_email.enabled {
        "off"
    } else if settings.auth_email.required {
        "required"
    } else {
        "on"
    };
    let password = if !settings.auth_password.enabled {
        "off"
    } else if settings.auth_password.required {
        "required"
    } else {
        "on"
    };
    let mut strategies = Vec::new();
    let mut requirements = Vec::new();
    if settings.auth_email.enabled {
        strategies.push("email_address");
    }
    if settings.auth_username.is_on() {
        strategies.push("username");
    }
    if settings.auth_email.required {
        requirements.push(vec!["email_address"]);
    }
    if settings.auth_username == Attribute::Required {
        requirements.push(vec!["username"]);
    }
    let mut factors = Vec::new();
    if settings.auth_password.enabled {
        factors.push("password");
    }
    if settings.auth_email.enabled {
        factors.push("email_code");
        factors.push("reset_password_email_code");
    }
    json!({
        "object": "auth_config",
        "id": format!("auth_config_{}", tenant.instance.slug),
        "first_name": settings.auth_name.as_str(),
        "last_name": settings.auth_name.as_str(),
        "email_address": email,
        "phone_number": "off",
        "username": settings.auth_username.as_str(),
        "password": password,
        "identification_requirements": requirements,
        "identification_strategies": strategies,
        "first_factors": factors,
        "second_factors": [],
        "email_address_verification_strategies": ["email_code"],
        "single_session_mode": !settings.session.multi,
        "enhanced_email_deliverability": false,
        "test_mode": tenant.is_development() && settings.test_mode,
        "cookieless_dev": settings.cookieless_dev.unwrap_or(false),
        "url_based_session_syncing": settings.url_based_session_syncing.unwrap_or(true),
        "claimed_at": null,
        "reverification": false,
        "native_settings": {
            "object": "native_settings",
            "api_enabled": settings.native_api.enabled,
            "trusted_device_sign_in_enabled": false,
            "trusted_device_enrollment_prompt_after_sign_in_enabled": false,
            "trusted_device_enrollment_prompt_after_sign_up_enabled": false,
        },
    })
}

fn display_config(tenant: &Tenant, settings: &Settings) -> Value {
    let preferred = match settings.auth_password.preferred_sign_in_strategy {
        PreferredStrategy::Password => "password",
        PreferredStrategy::Otp => "otp",
    };
    // Addresses stay empty: the SDKs fall back to the application's own pages, and refuse other origins with a development key.
    json!({
        "object": "display_config",
        "id": format!("display_config_{}", tenant.instance.slug),
        "instance_environment_type": tenant.instance.environment.as_str(),
        "application_name": tenant.instance.name,
        "theme": { "general": { "color": settings.display.primary_color.as_deref().unwrap_or("#4f46e5") } },
        "preferred_sign_in_strategy": preferred,
        "logo_image_url": null,
        "favicon_image_url": null,
        "home_url": "",
        "sign_in_url": "",
        "sign_up_url": "",
        "user_profile_url": "",
        "waitlist_url": "",
        "oauth_consent_url": "",
        "after_sign_in_url": "",
        "after_sign_up_url": "",
        "after_sign_out_one_url": "",
        "after_sign_out_all_url": "",
        "after_switch_session_url": "",
        "after_join_waitlist_url": "",
        "organization_profile_url": "",
        "create_organization_url": "",
        "after_leave_organization_url": "",
        "after_create_organization_url": "",
        "logo_link_url": "",
        "support_email": settings.display.support_email,
        "branded": false,
        "experimental_force_oauth_first": false,
        "clerk_js_version": settings.clerk_js_version,
        "show_devmode_warning": tenant.is_development(),
        "google_one_tap_client_id": null,
        "help_url": null,
        "privacy_policy_url": null,
        "terms_url": null,
        "logo_url": null,
        "favicon_url": null,
        "logo_image": null,
        "favicon_image": null,
        "captcha_public_key": null,
        "captcha_widget_type": "smart",
        "captcha_public_key_invisible": null,
        "captcha_provider": "turnstile",
        "captcha_oauth_bypass": [],
        "captcha_heartbeat": false,
    })
}

/// An attribute's switches: whether it is on, whether it must be given, and the strategies that it lends itself to.
struct Switches<'a> {
    on: bool,
    required: bool,
    first: &'a [&'a str],
    verifications: &'a [&'a str],
}

impl Switches<'_> {
    const OFF: Switches<'static> = Switches { on: false, required: false, first: &[], verifications: &[] };

    fn body(&self) -> Value {
        json!({
            "enabled": self.on,
            "required": self.on && self.required,
            "used_for_first_factor": self.on && !self.first.is_empty(),
            "first_factors": if self.on { self.first } else { &[] },
            "used_for_second_factor": false,
            "second_factors": [],
            "verifications": if self.on { self.verifications } else { &[] },
            "verify_at_sign_up": self.on && !self.verifications.is_empty(),
            "immutable": false,
        })
    }
}

fn user_settings(settings: &Settings) -> Value {
    let name = Switches { on: settings.auth_name.is_on(), required: settings.auth_name == Attribute::Required, ..Switches::OFF };
    let email = Switches {
        on: settings.auth_email.enabled,
        required: settings.auth_email.required,
        first: if settings.auth_email.code_sign_in { &["email_code"] } else { &[] },
        verifications: &["email_code"],
    };
    let username =
        Switches { on: settings.auth_username.is_on(), required: settings.auth_username == Attribute::Required, first: &["password"], verifications: &[] };
    let password = Switches { on: settings.auth_password.enabled, required: settings.auth_password.required, ..Switches::OFF };
    let mut email_body = email.body();
    // An address identifies at sign-in even where no code is sent to it.
    if let Some(fields) = email_body.as_object_mut() {
        fields.insert("used_for_first_factor".to_owned(), email.on.into());
    }
    let off = Switches::OFF.body();
    let no = json!({ "enabled": false });
    json!({
        "attributes": {
            "email_address": email_body,
            "phone_number": off,
            "username": username.body(),
            "web3_wallet": off,
            "first_name": name.body(),
            "last_name": name.body(),
            "password": password.body(),
            "authenticator_app": off,
            "ticket": off,
            "backup_code": off,
            "passkey": off,
        },
        "social": {},
        "saml": no,
        "enterprise_sso": { "enabled": false, "self_serve_sso": false },
        "sign_in": { "second_factor": { "required": false } },
        "sign_up": {
            "captcha_enabled": false,
            "captcha_widget_type": "smart",
            "custom_action_required": false,
            "progressive": true,
            "mode": settings.sign_up.mode.as_str(),
            "legal_consent_enabled": false,
        },
        "restrictions": {
            "allowlist": no,
            "blocklist": no,
            "allowlist_blocklist_disabled_on_sign_in": no,
            "block_email_subaddresses": no,
            "block_disposable_email_domains": no,
        },
        "password_settings": {
            "disable_hibp": !settings.auth_password.hibp,
            "disable_password_reverification": true,
            "min_length": settings.auth_password.min_length,
            "max_length": settings.auth_password.max_length,
            "require_special_char": false,
            "require_numbers": false,
            "require_uppercase": false,
            "require_lowercase": false,
            "show_zxcvbn": false,
            "min_zxcvbn_strength": 0,
            "enforce_hibp_on_sign_in": false,
            "allowed_special_characters": "",
        },
        "username_settings": {
            "min_length": foundation::Username::LEAST,
            "max_length": foundation::Username::MOST,
            "allow_extended_special_characters": false,
            "allow_numeric_usernames": false,
        },
        "actions": { "delete_self": settings.user_actions.delete_self, "create_organization": settings.user_actions.create_organization, "create_organizations_limit": null },
        "attack_protection": {
            "user_lockout": {
                "enabled": true,
                "max_attempts": settings.attack_protection.max_attempts,
                "duration_in_minutes": settings.attack_protection.lockout_seconds.div_ceil(60),
            },
            "pii": { "enabled": true },
            "email_link": { "require_same_client": true },
            // Said of the strict mode only: with it on, the SDKs count on a sign-in that goes on as a sign-up.
            "enumeration_protection": { "enabled": false },
        },
        "passkey_settings": { "allow_autofill": false, "show_sign_in_button": false, "satisfies_second_factor": true },
    })
}
