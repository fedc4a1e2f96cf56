//! All operations of this door.

use crate::{applications, domains, instances, jwt_templates, keys, plans, redirect_urls, settings, users};
use web::{Face, Routes};

/// All operations of this door.
pub fn routes() -> Routes {
    Routes::new(Face::Platform)
        .get("PlatformListApplications", "/v1/platform/applications", applications::list)
        .post("PlatformCreateApplication", "/v1/platform/applications", applications::create)
        .get("PlatformGetApplication", "/v1/platform/applications/{application_id}", applications::show)
        .patch("PlatformUpdateApplication", "/v1/platform/applications/{application_id}", applications::update)
        .delete("PlatformDeleteApplication", "/v1/platform/applications/{application_id}", applications::delete)
        .patch("PlatformUpdateApplicationDomain", "/v1/platform/applications/{application_id}/domain", domains::update)
        .post("PlatformCreateInstance", "/v1/platform/applications/{application_id}/instances", instances::create)
        .get("insula.listEnvironments", "/v1/platform/applications/{application_id}/environments", instances::list_environments)
        .post("insula.createEnvironment", "/v1/platform/applications/{application_id}/environments", instances::create_environment)
        .get("insula.getApplicationPlan", "/v1/platform/applications/{application_id}/plan", plans::of_application)
        .put("insula.setApplicationPlan", "/v1/platform/applications/{application_id}/plan", plans::subscribe)
        .get("PlatformGetConfig", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/config", settings::config)
        .patch("PlatformPatchConfig", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/config", settings::update_config)
        .put("PlatformPutConfig", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/config", settings::replace_config)
        .get("PlatformGetConfigSchema", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/config/schema", settings::config_schema)
        .get("insula.getInstanceSettings", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/settings/effective", settings::effective)
        .get("insula.getBlueprint", "/v1/platform/blueprint", settings::blueprint)
        .patch("insula.updateBlueprint", "/v1/platform/blueprint", settings::update_blueprint)
        .put("insula.replaceBlueprint", "/v1/platform/blueprint", settings::replace_blueprint)
        .get("insula.listPlans", "/v1/platform/plans", plans::list)
        .post("insula.createPlan", "/v1/platform/plans", plans::create)
        .get("insula.getPlan", "/v1/platform/plans/{plan_id}", plans::show)
        .patch("insula.updatePlan", "/v1/platform/plans/{plan_id}", plans::update)
        .delete("insula.deletePlan", "/v1/platform/plans/{plan_id}", plans::delete)
        .post("PlatformRotateSecretKeys", "/v1/platform/applications/{application_id}/rotate_secret_keys", keys::rotate_all)
        .post("PlatformRotateInstanceSecretKeys", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/rotate_secret_keys", keys::rotate)
        .get("insula.listSigningKeys", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/signing_keys", keys::list_signing)
        .post("insula.rotateSigningKey", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/signing_keys/rotate", keys::rotate_signing)
        .post(
            "insula.revokeSigningKey",
            "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/signing_keys/{signing_key_id}/revoke",
            keys::revoke_signing,
        )
        .get("PlatformListInstanceUsers", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/users", users::list)
        .post("PlatformCreateInstanceUser", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/users", users::create)
        .delete("PlatformDeleteUser", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/users/{user_id}", users::delete)
        .post("PlatformBanUser", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/users/{user_id}/ban", users::ban)
        .post("PlatformUnbanUser", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/users/{user_id}/unban", users::unban)
        .get("PlatformListJWTTemplates", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/jwt_templates", jwt_templates::list)
        .post("PlatformCreateJWTTemplate", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/jwt_templates", jwt_templates::create)
        .get("PlatformGetJWTTemplate", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/jwt_templates/{template_id}", jwt_templates::show)
        .patch(
            "PlatformUpdateJWTTemplate",
            "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/jwt_templates/{template_id}",
            jwt_templates::update,
        )
        .delete(
            "PlatformDeleteJWTTemplate",
            "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/jwt_templates/{template_id}",
            jwt_templates::delete,
        )
        .get("PlatformListRedirectURLs", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/redirect_urls", redirect_urls::list)
        .post("PlatformCreateRedirectURL", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/redirect_urls", redirect_urls::create)
        .get("PlatformGetRedirectURL", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/redirect_urls/{id}", redirect_urls::show)
        .delete("PlatformDeleteRedirectURL", "/v1/platform/applications/{application_id}/instances/{env_or_ins_id}/redirect_urls/{id}", redirect_urls::delete)
}
