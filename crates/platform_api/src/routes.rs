//! All operations of this door.

use crate::applications;
use web::{Face, Routes};

/// All operations of this door.
pub fn routes() -> Routes {
    Routes::new(Face::Platform)
        .get("PlatformListApplications", "/v1/platform/applications", applications::list)
        .post("PlatformCreateApplication", "/v1/platform/applications", applications::create)
        .get("PlatformGetApplication", "/v1/platform/applications/{application_id}", applications::show)
        .patch("PlatformUpdateApplication", "/v1/platform/applications/{application_id}", applications::update)
        .delete("PlatformDeleteApplication", "/v1/platform/applications/{application_id}", applications::delete)
}
