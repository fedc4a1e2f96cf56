//! Pages: what people see in a browser. Rendered here, usable without JavaScript, and with nothing from anywhere else.

mod answer;
mod assets;
mod inbox;
mod landing;
mod moment;
mod near;
#[cfg(test)]
mod tests;

pub use answer::not_found;

use axum::{
    Router,
    routing::{get, post},
};
use std::sync::Arc;
use web::App;

/// The pages of the server itself, for its own host.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(landing::show))
        .route("/inbox", get(inbox::show))
        .route("/inbox.json", get(inbox::list))
        .route("/inbox/clear", post(inbox::clear))
        .route("/inbox/{id}/html", get(inbox::html))
        .route("/assets/{file}", get(assets::serve))
        .route("/robots.txt", get(assets::robots))
}
