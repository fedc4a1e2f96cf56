//! The SDKs' scripts: from a local mirror, or from a CDN.

use axum::extract::{Path, State};
use foundation::{Error, Problem};
use http::{HeaderValue, StatusCode, header};
use std::{path::PathBuf, sync::Arc};
use web::{Answer, App, redirect};

/// A file of `@clerk/<package>@<version>/…`. The mirror holds one version of each package, whatever the selector says.
pub async fn show(State(app): State<Arc<App>>, Path(file): Path<String>) -> Answer {
    let (package, version, path) = split(&file).ok_or(Problem::NoSuchOperation)?;
    let mut response = match &app.scripts.mirror {
        Some(mirror) => {
            let file: PathBuf = [mirror.as_path(), "@clerk".as_ref(), package.as_ref(), path.as_ref()].iter().collect();
            let bytes = tokio::task::spawn_blocking(move || std::fs::read(file)).await.map_err(|e| Error::broken("reading a script", e))?;
            let mut response = axum::response::IntoResponse::into_response(bytes.map_err(|_| Problem::NotFound)?);
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            // The mirror may hold another version tomorrow, under the same address.
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
            response
        }
        None => redirect(StatusCode::TEMPORARY_REDIRECT, &format!("{}/npm/@clerk/{package}@{version}/{path}", app.scripts.cdn)),
    };
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(response)
}

/// Package, version and path; `None` for whatever could lead somewhere else.
fn split(file: &str) -> Option<(&str, &str, &str)> {
    let (name, path) = file.split_once('/')?;
    let (package, version) = name.split_once('@')?;
    let plain = |text: &str| !text.is_empty() && !text.starts_with('.') && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    (plain(package) && plain(version) && path.split('/').all(plain) && path.starts_with("dist/")).then_some((package, version, path))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("js" | "mjs" | "cjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_of_a_package_are_named() {
        assert_eq!(split("clerk-js@6/dist/clerk.browser.js"), Some(("clerk-js", "6", "dist/clerk.browser.js")));
        for file in [
            "clerk-js/dist/a.js",
            "clerk-js@6/../../etc/passwd",
            "..@6/dist/a.js",
            "clerk-js@6/dist/../a.js",
            "clerk-js@6/dist//a.js",
            "clerk-js@6/dist/.env",
            "clerk-js@6/package.json",
            "a@b@c/dist/x.js",
        ] {
            assert_eq!(split(file), None, "{file}");
        }
    }
}
