//! The landing page: tells operators and developers where everything is.

use crate::{
    answer::page,
    connect::{Connection, Stack, stacks},
    near::Near,
};
use askama::Template;
use axum::{extract::State, response::Response};
use domain::instances::Site;
use http::StatusCode;
use std::sync::Arc;
use web::App;

#[derive(Template)]
#[template(path = "landing.html")]
pub(crate) struct Landing {
    base_url: String,
    backend_url: String,
    /// What stands before and behind the slug in the address of an instance's Frontend API.
    frontend_before: String,
    frontend_after: String,
    /// How applications are connected.
    stacks: Vec<Stack>,
    /// How many mails wait; absent where the inbox may not be read.
    inbox: Option<usize>,
}

impl Landing {
    pub(crate) fn new(site: &Site, inbox: Option<usize>) -> Landing {
        let (base_url, backend_url) = (site.base_url().to_owned(), site.backend_url());
        // It is a path exactly where the Backend API is one.
        let (frontend_before, frontend_after) = if backend_url.starts_with(&base_url) {
            (format!("{base_url}/t/"), String::new())
        } else {
            ("https://".to_owned(), format!(".{}", site.base_domain()))
        };
        let stacks = stacks(&Connection {
            backend_url: &backend_url,
            frontend_url: &format!("{frontend_before}<slug>{frontend_after}"),
            publishable_key: "<publishable_key>",
            secret_key: "<secret_key>",
        });
        Landing { base_url, backend_url, frontend_before, frontend_after, stacks, inbox }
    }
}

/// `GET /`
pub(crate) async fn show(State(app): State<Arc<App>>, near: Result<Near, Response>) -> Response {
    let inbox = near.ok().map(|_| app.world.inbox.caught(None).len());
    page(StatusCode::OK, &Landing::new(app.site(), inbox))
}
