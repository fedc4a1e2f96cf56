//! The reference as pages: an overview, and one page a face.

use crate::{
    answer::{not_found, page},
    reference::{Chapter, Entry, Fault, Reference, Shape, faults},
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    response::Response,
};
use http::{HeaderValue, StatusCode, header};
use std::sync::Arc;
use web::{App, Face};

#[derive(Template)]
#[template(path = "docs.html")]
struct Docs<'r> {
    base_url: &'r str,
    chapters: Vec<Side<'r>>,
    /// The face that is shown; absent on the overview.
    shown: Option<&'r Chapter>,
    faults: Vec<Fault>,
}

/// A face in the list of places.
struct Side<'r> {
    chapter: &'r Chapter,
    count: usize,
}

impl Docs<'_> {
    fn is_shown(&self, face: &Face) -> bool {
        self.shown.is_some_and(|chapter| chapter.face == *face)
    }
}

/// What people call a face.
fn title(face: &Face) -> &'static str {
    match face {
        Face::Frontend => "Frontend API",
        Face::Backend => "Backend API",
        Face::Platform => "Platform API",
    }
}

/// Whom it is for.
fn lead(face: &Face) -> &'static str {
    match face {
        Face::Frontend => "For browsers and devices. It recognises a client by its cookie, or by the Authorization header of a native application.",
        Face::Backend => "For an application’s own servers. It is opened by a secret key of the instance.",
        Face::Platform => "For platforms that create applications. It is opened by a platform token of the workspace.",
    }
}

/// A kind of value, as people call it.
fn kind(kind: &str) -> &'static str {
    match kind {
        "boolean" => "true or false",
        "integer" => "number",
        "time" => "time in ms",
        "list" => "list of texts",
        "object" => "JSON object",
        "email" => "e-mail address",
        "secret" => "secret text",
        "id" => "id",
        _ => "text",
    }
}

/// A call of the operation from a shell.
fn example(entry: &Entry, base_url: &str) -> String {
    let path = entry.path.replace('{', "$").replace('}', "");
    let verb = if entry.asks() { String::new() } else { format!("-X {} ", entry.method) };
    let mut lines = vec![format!("curl {verb}\"{base_url}{path}\"")];
    lines.push(match entry.face {
        Face::Frontend => "-b cookies.txt -c cookies.txt".to_owned(),
        Face::Backend => "-H \"Authorization: Bearer $CLERK_SECRET_KEY\"".to_owned(),
        Face::Platform => "-H \"Authorization: Bearer $PLATFORM_TOKEN\"".to_owned(),
    });
    let required: Vec<&str> = entry.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    if entry.upload {
        lines.push("-F \"file=@picture.png\"".to_owned());
    } else if entry.face == Face::Frontend && !entry.asks() {
        lines.extend(required.iter().map(|name| format!("--data-urlencode \"{name}=…\"")));
    } else if !entry.asks() && (!required.is_empty() || entry.shape != Shape::Form || entry.body().next().is_some()) {
        let body: Vec<String> = required.iter().map(|name| format!("\"{name}\": \"…\"")).collect();
        let object = if body.is_empty() { "{ … }".to_owned() } else { format!("{{ {} }}", body.join(", ")) };
        lines.push("-H \"Content-Type: application/json\"".to_owned());
        lines.push(if entry.shape == Shape::Forms { format!("-d '[{object}]'") } else { format!("-d '{object}'") });
    }
    lines.join(" \\\n  ")
}

/// `GET /docs`
pub(crate) async fn overview(State(app): State<Arc<App>>, Extension(reference): Extension<Arc<Reference>>) -> Response {
    page(StatusCode::OK, &Docs { base_url: app.site().base_url(), chapters: sides(&reference), shown: None, faults: faults() })
}

/// `GET /docs/{face}`
pub(crate) async fn chapter(State(app): State<Arc<App>>, Extension(reference): Extension<Arc<Reference>>, Path(face): Path<String>) -> Response {
    let Some(shown) = reference.faces.iter().find(|chapter| chapter.face.name() == face) else { return not_found() };
    page(StatusCode::OK, &Docs { base_url: app.site().base_url(), chapters: sides(&reference), shown: Some(shown), faults: Vec::new() })
}

fn sides(reference: &Reference) -> Vec<Side<'_>> {
    reference.faces.iter().map(|chapter| Side { chapter, count: chapter.nouns.iter().map(|noun| noun.entries.len()).sum() }).collect()
}

/// `GET /openapi.json`. Tools in other pages may read it: it says nothing about anybody.
pub(crate) async fn document(Extension(reference): Extension<Arc<Reference>>) -> Response {
    let mut response = web::json_text(StatusCode::OK, reference.document());
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}
