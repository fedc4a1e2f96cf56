//! Reads the handlers of the three doors, and writes down what the reference says of them: their doc comments, and the names that they read
//! from their input. So the reference says what the code does, and nobody keeps it by hand.

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a build script is told where it is by the environment, and answers by printing")]

#[path = "build/answers.rs"]
mod answers;

use answers::{Answers, Functions};
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

const DOORS: [&str; 3] = ["frontend_api", "backend_api", "platform_api"];
/// What reads a name from the input, and what it reads.
const READERS: [(&str, &str); 19] = [
    ("text", "string"),
    ("first", "string"),
    ("required", "string"),
    ("change", "string"),
    ("cleared", "string"),
    ("username", "string"),
    ("id", "id"),
    ("nullable_id", "id"),
    ("email", "email"),
    ("secret", "secret"),
    ("credential", "secret"),
    ("list", "list"),
    ("flag", "boolean"),
    ("switch", "boolean"),
    ("number", "integer"),
    ("time", "time"),
    ("texts", "list"),
    ("origins", "list"),
    ("object", "object"),
];

/// How handlers call what several doors read alike.
const FORMS: &str = "forms::";

/// What a body is.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
enum Shape {
    /// Named values.
    #[default]
    Form,
    /// A list of such.
    Forms,
    /// An object that is read as a whole.
    Document,
}

#[derive(Clone, Default)]
struct Function {
    text: String,
    body: String,
    upload: bool,
    shape: Shape,
    versioned: bool,
    fields: BTreeMap<String, (&'static str, bool)>,
}

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where"));
    let mut out = String::from("static HANDLERS: &[Handler] = &[\n");
    let shared = shared(&here);
    let answers = Answers { bodies: bodies(&here) };
    for door in DOORS {
        let source = here.join("..").join(door).join("src");
        println!("cargo::rerun-if-changed={}", source.display());
        let mut files = Vec::new();
        collect(&source, &mut files);
        files.sort();
        let read = |file: &PathBuf| {
            (module(door, &file.strip_prefix(&source).expect("it is inside").with_extension("")), fs::read_to_string(file).expect("a source file"))
        };
        let files: Vec<(String, String)> = files.iter().map(read).collect();
        for (module, text) in &files {
            let mut inside = borrowed(door, text, &files);
            inside.extend(functions(text));
            inside.extend(shared.clone());
            let local: Functions = functions(text).into_iter().map(|(name, function)| (name, function.body)).collect();
            for (name, function) in resolved(inside).into_iter().filter(|(name, _)| !name.starts_with(FORMS)) {
                write(&mut out, &format!("{module}::{name}"), &function, &answers.of(&function.body, &local));
            }
        }
    }
    out.push_str("];\nstatic BODIES: &[(&str, &str)] = &[\n");
    for (name, schema) in answers.components() {
        let _ = writeln!(out, "({name:?}, {schema:?}),");
    }
    out.push_str("];\n");
    fs::write(PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where")).join("handlers.rs"), out).expect("written");
}

/// The functions of other files of the same door that a file names in its `use`.
fn borrowed(door: &str, text: &str, files: &[(String, String)]) -> BTreeMap<String, Function> {
    let head: String = text.lines().take_while(|line| !line.contains("fn ")).flat_map(str::split_whitespace).collect();
    let mut found = BTreeMap::new();
    for (module, other) in files {
        let place = format!("{}::", module.trim_start_matches(door).trim_start_matches("::"));
        let Some((_, named)) = head.split_once(&place).filter(|(before, _)| before.ends_with(['{', ',', ':']) && place != "::") else { continue };
        let named = match named.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default(),
            None => named.split([';', ',', '}']).next().unwrap_or_default(),
        };
        found.extend(functions(other).into_iter().filter(|(name, _)| named.split(',').any(|word| word == name)));
    }
    found
}

/// The functions that make what several doors show.
fn bodies(here: &Path) -> Functions {
    let source = here.join("../domain/src/bodies");
    println!("cargo::rerun-if-changed={}", source.display());
    let mut files = Vec::new();
    collect(&source, &mut files);
    let found = files.iter().flat_map(|file| functions(&fs::read_to_string(file).expect("a source file")));
    found.map(|(name, function)| (name, function.body)).collect()
}

/// What several doors read alike, as handlers call it.
fn shared(here: &Path) -> BTreeMap<String, Function> {
    let source = here.join("../web/src/forms");
    println!("cargo::rerun-if-changed={}", source.display());
    let mut files = Vec::new();
    collect(&source, &mut files);
    let found = files.iter().flat_map(|file| resolved(functions(&fs::read_to_string(file).expect("a source file"))));
    found.map(|(name, function)| (format!("{FORMS}{name}"), function)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}

/// `users/create.rs` of a door is `door::users::create`; `users/mod.rs` is `door::users`.
fn module(door: &str, file: &Path) -> String {
    let parts = file.iter().map(|part| part.to_string_lossy().into_owned()).filter(|part| part != "mod" && part != "lib");
    std::iter::once(door.to_owned()).chain(parts).collect::<Vec<_>>().join("::")
}

/// The functions that stand at the left edge of a file, with what they read themselves.
fn functions(text: &str) -> BTreeMap<String, Function> {
    let mut found = BTreeMap::new();
    let mut comment = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(words) = line.strip_prefix("///") {
            comment.push_str(words.trim_start());
            comment.push('\n');
            continue;
        }
        let signature = line.split_once("fn ").filter(|(before, _)| ["", "pub ", "async ", "pub async ", "pub(crate) ", "pub(crate) async "].contains(before));
        let Some((_, rest)) = signature else {
            if !line.starts_with("#[") {
                comment.clear();
            }
            continue;
        };
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let mut body = format!("{line}\n");
        // A function ends where a brace stands at the left edge again; a short one, in its first line.
        if !line.ends_with('}') {
            for line in lines.by_ref() {
                body.push_str(line);
                body.push('\n');
                if line == "}" {
                    break;
                }
            }
        }
        let upload = body.contains(": Upload");
        let shape = match () {
            () if body.contains(": Inputs") => Shape::Forms,
            () if body.contains(".document()") => Shape::Document,
            () => Shape::Form,
        };
        let versioned = body.contains("): IfMatch");
        found.insert(name, Function { text: std::mem::take(&mut comment), fields: fields(&body), upload, shape, versioned, body });
    }
    found
}

/// The names that a piece of code reads from an input.
fn fields(body: &str) -> BTreeMap<String, (&'static str, bool)> {
    let mut found: BTreeMap<String, (&'static str, bool)> = BTreeMap::new();
    for (at, _) in body.match_indices('"') {
        let before = &body[..at];
        let Some((name, after)) = body[at + 1..].split_once('"') else { continue };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
            continue;
        }
        let read = if let Some(call) = before.strip_suffix('(') {
            // Of `input.id::<UserId>(`, the name before the type.
            let call = call.strip_suffix('>').and_then(|call| call.rsplit_once("::<")).map_or(call, |(call, _)| call);
            let reader = call.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            let dotted = call[..call.len() - reader.len()].ends_with('.');
            READERS
                .iter()
                .find(|(word, _)| dotted && after.starts_with(')') && *word == reader)
                .map(|(word, kind)| (*kind, ["required", "nullable_id"].contains(word)))
        } else if before.ends_with("several(&input, ") || before.ends_with("several(input, ") {
            Some(("list", true))
        } else if ["input, ", "query, "].iter().any(|argument| before.ends_with(argument)) && after.starts_with(')') {
            Some(("string", false))
        } else {
            None
        };
        if let Some((kind, required)) = read {
            let required = required || body.contains(&format!("ParamMissing(\"{name}\")"));
            let entry = found.entry(name.to_owned()).or_insert((kind, required));
            entry.1 |= required;
        }
    }
    if body.contains(".page()") || body.contains(".full_page()") {
        found.extend(["limit", "offset"].map(|name| (name.to_owned(), ("integer", false))));
    }
    if body.contains("Listing::of(") {
        found.insert("paginated".to_owned(), ("boolean", false));
    }
    found
}

/// What functions of the same file read, a function reads that calls them.
fn resolved(functions: BTreeMap<String, Function>) -> BTreeMap<String, Function> {
    let mut all = functions.clone();
    for (name, function) in &mut all {
        let mut seen = BTreeSet::from([name.clone()]);
        let (mut waiting, mut read) = (vec![function.body.clone()], Vec::new());
        while let Some(body) = waiting.pop() {
            for (other, called) in functions.iter().filter(|(other, _)| body.contains(other.as_str())) {
                if is_called(&body, other) && seen.insert(other.clone()) {
                    for (field, kind) in &called.fields {
                        function.fields.entry(field.clone()).or_insert(*kind).1 |= kind.1;
                    }
                    if called.shape == Shape::Document {
                        function.shape = Shape::Document;
                    }
                    waiting.push(called.body.clone());
                }
            }
            read.push(body);
        }
        // One function may read what another one misses.
        for (field, (_, required)) in &mut function.fields {
            *required |= read.iter().any(|body| body.contains(&format!("ParamMissing(\"{field}\")")));
        }
    }
    all
}

fn is_called(body: &str, name: &str) -> bool {
    // Also where each of a list is read by it.
    let calls = [format!("{name}("), format!("map({name})")];
    calls.iter().flat_map(|call| body.match_indices(call.as_str()).map(|(at, _)| at).collect::<Vec<_>>()).any(|at| {
        if body[at..].starts_with("map(") {
            return true;
        }
        let before = body[..at].chars().next_back().unwrap_or(' ');
        !before.is_alphanumeric() && !"_.:".contains(before) && !body[..at].ends_with("fn ")
    })
}

fn write(out: &mut String, path: &str, function: &Function, good: &answers::Good) {
    let answer = format!("status: {}, answer: {:?}", good.status, good.schema);
    let (text, upload, shape, versioned) = (function.text.trim(), function.upload, function.shape, function.versioned);
    let _ = writeln!(out, "Handler {{ path: {path:?}, text: {text:?}, upload: {upload}, shape: Shape::{shape:?}, versioned: {versioned}, {answer}, fields: &[");
    for (name, (kind, required)) in &function.fields {
        let _ = writeln!(out, "Field {{ name: {name:?}, kind: {kind:?}, required: {required} }},");
    }
    out.push_str("] },\n");
}
