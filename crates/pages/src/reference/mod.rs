//! The reference: every operation that is served, with what its handler says of itself and reads. Made from the routes and from the code.

mod openapi;

use bytes::Bytes;
use domain::instances::Site;
use http::Method;
use std::sync::OnceLock;
use web::{Face, Operation};

/// A handler as the build has found it in the code.
struct Handler {
    path: &'static str,
    text: &'static str,
    upload: bool,
    shape: Shape,
    versioned: bool,
    status: u16,
    /// The schema of what it answers, as JSON.
    answer: Option<&'static str>,
    fields: &'static [Field],
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Named values.
    Form,
    /// A list of such.
    Forms,
    /// An object that is read as a whole.
    Document,
}

/// A name that a handler reads from its input.
pub(crate) struct Field {
    pub name: &'static str,
    pub kind: &'static str,
    pub required: bool,
}

include!(concat!(env!("OUT_DIR"), "/handlers.rs"));

/// All operations, by face and noun, and the document about them.
pub struct Reference {
    /// The faces.
    pub(crate) faces: Vec<Chapter>,
    site: Site,
    document: OnceLock<Bytes>,
}

/// A face.
pub(crate) struct Chapter {
    pub face: Face,
    pub nouns: Vec<Noun>,
}

/// What operations are about.
pub(crate) struct Noun {
    /// As it stands in addresses: `sign_ins`.
    pub name: &'static str,
    pub entries: Vec<Entry>,
}

/// An operation.
pub(crate) struct Entry {
    pub id: &'static str,
    pub face: Face,
    pub noun: &'static str,
    pub method: Method,
    /// The path at the server's own host.
    pub path: String,
    /// The first sentence about it.
    pub summary: String,
    /// The others.
    pub text: String,
    pub fields: &'static [Field],
    pub upload: bool,
    pub shape: Shape,
    /// Whether it takes the header `If-Match`.
    pub versioned: bool,
    /// The status of its answer when all is well, and the schema of the body.
    good: (u16, Option<&'static str>),
    /// Whether it is counted.
    counted: bool,
    /// What its query may say beside a body.
    query: &'static [&'static str],
}

impl Reference {
    /// Describes these operations, as this site serves them.
    pub fn new(operations: &[Operation], site: &Site) -> Reference {
        let mut faces: Vec<Chapter> = Vec::new();
        for operation in operations {
            let entry = Entry::new(operation);
            if faces.last().is_none_or(|chapter| chapter.face != operation.face) {
                faces.push(Chapter { face: operation.face, nouns: Vec::new() });
            }
            let Some(chapter) = faces.last_mut() else { continue };
            match chapter.nouns.iter_mut().find(|noun| noun.name == entry.noun) {
                Some(noun) => noun.entries.push(entry),
                None => chapter.nouns.push(Noun { name: entry.noun, entries: vec![entry] }),
            }
        }
        Reference { faces, site: site.clone(), document: OnceLock::new() }
    }

    /// The document, in the form of OpenAPI 3.1. It is written when somebody asks for the first time: as a tree it takes several megabytes.
    pub fn document(&self) -> Bytes {
        self.document.get_or_init(|| openapi::document(&self.faces, &self.site).to_string().into()).clone()
    }
}

impl Noun {
    /// As people read it: `Sign ins`.
    pub(crate) fn title(&self) -> String {
        sentence(&self.name.replace('_', " "))
    }
}

impl Entry {
    fn new(operation: &Operation) -> Entry {
        let path = operation.handler.split('<').next().unwrap_or_default();
        let handler = HANDLERS.iter().find(|handler| handler.path == path);
        let text = handler.map_or("", |handler| handler.text);
        let flowing = text.split("\n#").next().unwrap_or_default().replace('\n', " ").replace('`', "");
        let (summary, rest) = flowing.split_once(". ").unwrap_or((&flowing, ""));
        let inside = match operation.face {
            Face::Frontend => "/t/{slug}",
            Face::Backend | Face::Platform => "/api",
        };
        Entry {
            id: operation.id,
            face: operation.face,
            noun: path.split("::").nth(1).unwrap_or("other"),
            method: operation.method.clone(),
            path: format!("{inside}{}", operation.path.replace("{*", "{")),
            summary: if summary.trim().is_empty() { sentence(operation.id) } else { summary.trim().trim_end_matches('.').to_owned() },
            text: rest.trim().to_owned(),
            fields: handler.map_or(&[], |handler| handler.fields),
            upload: handler.is_some_and(|handler| handler.upload),
            shape: handler.map_or(Shape::Form, |handler| handler.shape),
            versioned: handler.is_some_and(|handler| handler.versioned),
            good: handler.map_or((200, None), |handler| (handler.status, handler.answer)),
            counted: operation.class.is_some(),
            query: operation.asks.0,
        }
    }

    /// The parameters in its path.
    pub(crate) fn places(&self) -> impl Iterator<Item = &str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Whether all its input stands in the query.
    pub(crate) fn asks(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }

    /// Whether it takes this from its query.
    pub(crate) fn asks_for(&self, field: &Field) -> bool {
        self.asks() || self.query.contains(&field.name)
    }

    /// What it takes from its body.
    pub(crate) fn body(&self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().filter(|field| !self.asks_for(field))
    }

    /// The name of its place on a page.
    pub(crate) fn anchor(&self) -> String {
        self.id.replace('.', "-")
    }
}

/// The words with a capital at their beginning.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A row of the table of problems.
pub(crate) struct Fault {
    pub status: &'static str,
    pub code: &'static str,
    pub param: Option<&'static str>,
    pub text: &'static str,
}

impl Fault {
    /// The first digit of its status.
    pub(crate) fn class(&self) -> &str {
        self.status.get(..1).unwrap_or_default()
    }
}

/// The table of problems, as it was last reviewed.
pub(crate) fn faults() -> Vec<Fault> {
    let rows = include_str!("../../../foundation/src/problem/problems.txt").lines().filter_map(|line| {
        let mut parts = line.split(" | ");
        let mut head = parts.next()?.split_whitespace();
        let (status, code, param) = (head.next()?, head.next()?, head.next()?);
        Some(Fault { status, code, param: Some(param).filter(|p| *p != "-"), text: parts.last()? })
    });
    rows.collect()
}
