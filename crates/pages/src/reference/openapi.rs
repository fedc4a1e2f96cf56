//! The document in the form of OpenAPI 3.1.

use super::{BODIES, Chapter, Entry, Field, Shape, faults};
use domain::instances::Site;
use http::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use web::Face;

/// Describes every operation. What an answer holds is the wire contract's; what a request may hold is what the code reads.
pub(super) fn document(faces: &[Chapter], site: &Site) -> Value {
    let mut paths = Map::new();
    for entry in faces.iter().flat_map(|chapter| &chapter.nouns).flat_map(|noun| &noun.entries) {
        if let Value::Object(item) = paths.entry(entry.path.clone()).or_insert_with(|| json!({})) {
            item.insert(entry.method.as_str().to_ascii_lowercase(), operation(entry));
        }
    }
    let codes: BTreeSet<&str> = faults().iter().map(|fault| fault.code).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Insula",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "A self-hosted, multi-tenant identity platform",
            "description": "Every operation that this server serves. Instances are also reached at hosts of their own, where the path begins with /v1.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": site.base_url() }],
        "tags": faces.iter().flat_map(|chapter| chapter.nouns.iter().map(|noun| json!({ "name": format!("{} {}", chapter.face.name(), noun.name) }))).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "securitySchemes": {
                "secretKey": { "type": "http", "scheme": "bearer", "description": "A secret key of an instance, sk_…" },
                "platformToken": { "type": "http", "scheme": "bearer", "description": "A platform token of a workspace, plt_…" },
                "client": { "type": "apiKey", "in": "cookie", "name": "__client", "description": "The client's secret. Off the instance's own host its name ends with the instance's suffix." },
                "nativeClient": { "type": "apiKey", "in": "header", "name": "Authorization", "description": "The client's secret, of native applications, with _is_native=1 in the query." },
            },
            "schemas": schemas(&codes),
            "responses": {
                "Refused": {
                    "description": "Refused, and why.",
                    "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Errors" } } },
                },
            },
        },
    })
}

/// What errors and bodies look like.
fn schemas(codes: &BTreeSet<&str>) -> Value {
    let mut all = Map::from_iter([("Errors".to_owned(), errors(codes)), ("Envelope".to_owned(), envelope())]);
    all.extend(BODIES.iter().map(|(name, schema)| ((*name).to_owned(), read(schema))));
    all.into()
}

/// A schema that the build has written.
fn read(schema: &str) -> Value {
    serde_json::from_str(schema).unwrap_or_else(|_| json!({}))
}

/// What an operation answers: when all is well, and in which ways it can be refused.
fn responses(entry: &Entry) -> Value {
    let (status, answer) = entry.good;
    let mut good = json!({ "description": "Done." });
    if let Some(answer) = answer {
        let body = match entry.face {
            Face::Frontend => {
                json!({ "allOf": [{ "$ref": "#/components/schemas/Envelope" }, { "type": "object", "properties": { "response": read(answer) } }] })
            }
            // A list that is also shown in pages.
            _ if entry.fields.iter().any(|field| field.name == "paginated") => json!({ "anyOf": [
                read(answer),
                { "type": "object", "properties": { "data": read(answer), "total_count": { "type": "integer" } } },
            ] }),
            Face::Backend | Face::Platform => read(answer),
        };
        good["content"] = json!({ "application/json": { "schema": body } });
    }
    let mut all = Map::new();
    // Where the code does not say what it shows, it may also send a browser on, or answer with something else than JSON.
    all.insert(if answer.is_some() || status != 200 { status.to_string() } else { "2XX".to_owned() }, good);
    let refused = [
        (400, !entry.asks()),
        (401, entry.face != Face::Frontend),
        (403, entry.face == Face::Platform),
        (404, entry.places().any(|place| place != "slug")),
        (415, entry.upload || entry.body().next().is_some()),
        (422, !entry.fields.is_empty() || entry.face == Face::Platform),
        (429, entry.counted),
    ];
    for (status, _) in refused.into_iter().filter(|(_, possible)| *possible) {
        all.insert(status.to_string(), json!({ "$ref": "#/components/responses/Refused" }));
    }
    all.insert("default".to_owned(), json!({ "$ref": "#/components/responses/Refused" }));
    all.into()
}

fn errors(codes: &BTreeSet<&str>) -> Value {
    json!({
        "type": "object",
        "required": ["errors"],
        "properties": {
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["code", "message", "long_message"],
                    "properties": {
                        "code": { "type": "string", "enum": codes },
                        "message": { "type": "string" },
                        "long_message": { "type": "string" },
                        "meta": { "type": "object", "properties": { "param_name": { "type": "string" } } },
                    },
                },
            },
            "meta": { "type": "object", "description": "At the Frontend API, the client as it is now." },
            "clerk_trace_id": { "type": "string", "description": "Under which the server's log knows the request." },
        },
    })
}

fn envelope() -> Value {
    json!({
        "type": "object",
        "required": ["response", "client"],
        "properties": { "response": {}, "client": { "type": ["object", "null"], "description": "The caller's client after the call." } },
    })
}

fn operation(entry: &Entry) -> Value {
    let mut parameters: Vec<Value> =
        entry.places().map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })).collect();
    let asked = entry.fields.iter().filter(|field| entry.asks_for(field));
    parameters.extend(asked.map(|f| json!({ "name": f.name, "in": "query", "required": f.required, "schema": schema(f.kind) })));
    let taken = entry.query.iter().filter(|name| entry.fields.iter().all(|field| field.name != **name));
    parameters.extend(taken.map(|name| json!({ "name": name, "in": "query", "required": false, "schema": schema("list") })));
    if entry.versioned {
        let about = "The versions that the caller knows, or *. Another one is refused with 412.";
        parameters.push(json!({ "name": "If-Match", "in": "header", "required": false, "description": about, "schema": { "type": "string" } }));
    }
    let mut body = json!({
        "operationId": format!("{}.{}", entry.face.name(), entry.id),
        "summary": entry.summary,
        "tags": [format!("{} {}", entry.face.name(), entry.noun)],
        "security": match entry.face {
            Face::Frontend => json!([{ "client": [] }, { "nativeClient": [] }, {}]),
            Face::Backend => json!([{ "secretKey": [] }]),
            Face::Platform => json!([{ "platformToken": [] }]),
        },
        "parameters": parameters,
        "responses": responses(entry),
    });
    if let Value::Object(fields) = &mut body {
        if !entry.text.is_empty() {
            fields.insert("description".to_owned(), entry.text.clone().into());
        }
        if let Some(request) = request(entry) {
            fields.insert("requestBody".to_owned(), request);
        }
    }
    body
}

fn request(entry: &Entry) -> Option<Value> {
    if entry.upload {
        let file = json!({ "type": "object", "required": ["file"], "properties": { "file": { "type": "string", "contentMediaType": "image/*" } } });
        return Some(json!({ "required": true, "content": { "multipart/form-data": { "schema": file }, "application/octet-stream": {} } }));
    }
    if entry.shape == Shape::Document {
        let about = "The sections and their keys, as the operation's schema says them, and config_version.";
        let schema = json!({ "type": "object", "description": about, "additionalProperties": true });
        return Some(json!({ "required": entry.method == Method::PUT, "content": { "application/json": { "schema": schema } } }));
    }
    entry.body().next()?;
    let properties: Map<String, Value> = entry.body().map(|field| (field.name.to_owned(), schema(field.kind))).collect();
    let required: Vec<&str> = entry.body().filter(|field| field.required).map(|field: &Field| field.name).collect();
    let mut schema = json!({ "type": "object", "properties": properties, "required": required });
    if entry.shape == Shape::Forms {
        schema = json!({ "type": "array", "items": schema });
    }
    let schema = json!({ "schema": schema });
    let mut content = Map::from_iter([("application/json".to_owned(), schema.clone())]);
    if entry.face == Face::Frontend {
        content.insert("application/x-www-form-urlencoded".to_owned(), schema);
    }
    Some(json!({ "required": !required.is_empty() || entry.shape == Shape::Forms, "content": content }))
}

fn schema(kind: &str) -> Value {
    match kind {
        "boolean" => json!({ "type": "boolean" }),
        "integer" => json!({ "type": "integer" }),
        "time" => json!({ "type": "integer", "format": "int64", "description": "Milliseconds since 1970." }),
        "list" => json!({ "type": "array", "items": { "type": "string" } }),
        "object" => json!({ "type": "object" }),
        "email" => json!({ "type": "string", "format": "email" }),
        "secret" => json!({ "type": "string", "format": "password" }),
        _ => json!({ "type": "string" }),
    }
}
