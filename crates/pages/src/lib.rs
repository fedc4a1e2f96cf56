//! Pages: what people see in a browser. Rendered here, usable without JavaScript, and with nothing from anywhere else.

mod answer;
mod assets;
pub mod connect;
mod docs;
mod inbox;
mod landing;
mod moment;
mod near;
mod reference;
#[cfg(test)]
mod tests;

pub use answer::not_found;
pub use reference::Reference;

use axum::{
    Extension, Router,
    routing::{get, post},
};
use std::sync::Arc;
use web::App;

/// The pages of the server itself, for its own host, with the reference of what it serves.
pub fn router(reference: Reference) -> Router<Arc<App>> {
    Router::new()
        .route("/", get(landing::show))
        .route("/no-application", get(answer::no_application))
        .route("/docs", get(docs::overview))
        .route("/docs/{face}", get(docs::chapter))
        .route("/openapi.json", get(docs::document))
        .route("/inbox", get(inbox::show))
        .route("/inbox.json", get(inbox::list))
        .route("/inbox/clear", post(inbox::clear))
        .route("/inbox/{id}/html", get(inbox::html))
        .route("/assets/{file}", get(assets::serve))
        .route("/robots.txt", get(assets::robots))
        .fallback(async || not_found())
        .layer(Extension(Arc::new(reference)))
}
