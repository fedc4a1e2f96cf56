//! All operations of this door.

use crate::{applications, conversions, domains, instances, jwt_templates, keys, plans, pools, redirect_urls, settings, users};
use domain::keys::Scope;
use web::{Face, Routes};

/// A path of an application.
macro_rules! application {
    ($rest:expr) => {
        concat!("/v1/platform/applications/{application_id}", $rest)
    };
}

/// A path of an instance, which is called by its id or its name.
macro_rules! instance {
    ($rest:literal) => {
        application!(concat!("/instances/{env_or_ins_id}", $rest))
    };
}

/// All operations of this door.
pub fn routes() -> Routes {
    Routes::new(Face::Platform)
        .asking(&["include_secret_keys", "limit", "offset"])
        .get("PlatformListApplications", "/v1/platform/applications", applications::list)
        .post("PlatformCreateApplication", "/v1/platform/applications", applications::create)
        .asking(&["include_secret_keys"])
        .get("PlatformGetApplication", application!(""), applications::show)
        .patch("PlatformUpdateApplication", application!(""), applications::update)
        .delete("PlatformDeleteApplication", application!(""), applications::delete)
        .patch("PlatformUpdateApplicationDomain", application!("/domain"), domains::update)
        .post("PlatformCreateInstance", application!("/instances"), instances::create)
        .get("insula.listEnvironments", application!("/environments"), instances::list_environments)
        .post("insula.createEnvironment", application!("/environments"), instances::create_environment)
        .get("insula.getApplicationPlan", application!("/plan"), plans::of_application)
        .put("insula.setApplicationPlan", application!("/plan"), plans::subscribe)
        .asking(&["keys"])
        .get("PlatformGetConfig", instance!("/config"), settings::config)
        .asking(&["dry_run", "destructive", "keys"])
        .patch("PlatformPatchConfig", instance!("/config"), settings::update_config)
        .asking(&["dry_run", "destructive"])
        .put("PlatformPutConfig", instance!("/config"), settings::replace_config)
        .asking(&["keys"])
        .get("PlatformGetConfigSchema", instance!("/config/schema"), settings::config_schema)
        .get("insula.getInstanceSettings", instance!("/settings/effective"), settings::effective)
        .get("insula.getBlueprint", "/v1/platform/blueprint", settings::blueprint)
        .asking(&["dry_run"])
        .patch("insula.updateBlueprint", "/v1/platform/blueprint", settings::update_blueprint)
        .asking(&["dry_run"])
        .put("insula.replaceBlueprint", "/v1/platform/blueprint", settings::replace_blueprint)
        .get("insula.listPlans", "/v1/platform/plans", plans::list)
        .post("insula.createPlan", "/v1/platform/plans", plans::create)
        .get("insula.getPlan", "/v1/platform/plans/{plan_id}", plans::show)
        .asking(&["dry_run"])
        .patch("insula.updatePlan", "/v1/platform/plans/{plan_id}", plans::update)
        .delete("insula.deletePlan", "/v1/platform/plans/{plan_id}", plans::delete)
        .post("PlatformRotateSecretKeys", application!("/rotate_secret_keys"), keys::rotate_all)
        .post("PlatformRotateInstanceSecretKeys", instance!("/rotate_secret_keys"), keys::rotate)
        .get("insula.listSigningKeys", instance!("/signing_keys"), keys::list_signing)
        .post("insula.rotateSigningKey", instance!("/signing_keys/rotate"), keys::rotate_signing)
        .post("insula.revokeSigningKey", instance!("/signing_keys/{signing_key_id}/revoke"), keys::revoke_signing)
        .asking(&["limit", "offset"])
        .get("insula.listConversions", instance!("/conversions"), conversions::list)
        .post("insula.createConversion", instance!("/conversions"), conversions::create)
        .get("insula.getConversion", instance!("/conversions/{conversion_id}"), conversions::show)
        .post("insula.cancelConversion", instance!("/conversions/{conversion_id}/cancel"), conversions::cancel)
        .post("insula.resumeConversion", instance!("/conversions/{conversion_id}/resume"), conversions::resume)
        .asking(&["user_id", "organization_id", "limit", "offset"])
        .get("insula.listConversionCopies", instance!("/conversions/{conversion_id}/copies"), conversions::copies)
        .asking(&["organization_id", "limit", "offset"])
        .get("insula.listPools", instance!("/pools"), pools::list)
        .asking(&["query", "order_by", "limit", "offset"])
        .needing(Scope::UsersRead)
        .get("PlatformListInstanceUsers", instance!("/users"), users::list)
        .needing(Scope::UsersManage)
        .post("PlatformCreateInstanceUser", instance!("/users"), users::create)
        .needing(Scope::UsersDelete)
        .delete("PlatformDeleteUser", instance!("/users/{user_id}"), users::delete)
        .needing(Scope::UsersManage)
        .post("PlatformBanUser", instance!("/users/{user_id}/ban"), users::ban)
        .needing(Scope::UsersManage)
        .post("PlatformUnbanUser", instance!("/users/{user_id}/unban"), users::unban)
        .needing(Scope::JwtTemplatesRead)
        .get("PlatformListJWTTemplates", instance!("/jwt_templates"), jwt_templates::list)
        .needing(Scope::JwtTemplatesManage)
        .post("PlatformCreateJWTTemplate", instance!("/jwt_templates"), jwt_templates::create)
        .needing(Scope::JwtTemplatesRead)
        .get("PlatformGetJWTTemplate", instance!("/jwt_templates/{template_id}"), jwt_templates::show)
        .needing(Scope::JwtTemplatesManage)
        .patch("PlatformUpdateJWTTemplate", instance!("/jwt_templates/{template_id}"), jwt_templates::update)
        .needing(Scope::JwtTemplatesManage)
        .delete("PlatformDeleteJWTTemplate", instance!("/jwt_templates/{template_id}"), jwt_templates::delete)
        .asking(&["limit", "offset"])
        .get("PlatformListRedirectURLs", instance!("/redirect_urls"), redirect_urls::list)
        .post("PlatformCreateRedirectURL", instance!("/redirect_urls"), redirect_urls::create)
        .get("PlatformGetRedirectURL", instance!("/redirect_urls/{id}"), redirect_urls::show)
        .delete("PlatformDeleteRedirectURL", instance!("/redirect_urls/{id}"), redirect_urls::delete)
}
