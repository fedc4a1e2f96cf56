//! `operation ID`: an operation of the wire contract, where it is routed and tested, and what is still to do.

use crate::steps::root;
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// How many places are shown of each kind.
const SHOWN: usize = 8;
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// A line of `contract/operations.txt`.
struct Operation<'a> {
    face: &'a str,
    id: &'a str,
    method: &'a str,
    path: &'a str,
    is_done: bool,
}

impl<'a> Operation<'a> {
    fn read(line: &'a str) -> Option<Operation<'a>> {
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            [face, id, method, path, state] if !face.starts_with('#') => Some(Operation { face, id, method, path, is_done: *state == "done" }),
            _ => None,
        }
    }
}

/// Shows the operation.
pub fn run(id: &str) -> ExitCode {
    let list = root().join("contract/operations.txt");
    let text = match fs::read_to_string(&list) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{}: {error}", list.display());
            return ExitCode::FAILURE;
        }
    };
    let all: Vec<Operation<'_>> = text.lines().filter_map(Operation::read).collect();
    // Ids of two faces may differ in their capital letters alone.
    let exact: Vec<&Operation<'_>> = all.iter().filter(|o| o.id == id).collect();
    let found = if exact.is_empty() { all.iter().filter(|o| o.id.eq_ignore_ascii_case(id)).collect() } else { exact };
    if found.is_empty() {
        eprintln!("the contract has no operation {id}");
        let like = id.to_ascii_lowercase();
        for operation in all.iter().filter(|o| o.id.to_ascii_lowercase().contains(&like)).take(SHOWN) {
            eprintln!("  {} {}", operation.face, operation.id);
        }
        return ExitCode::FAILURE;
    }
    found.into_iter().for_each(show);
    ExitCode::SUCCESS
}

fn show(operation: &Operation<'_>) {
    let Operation { face, id, method, path, is_done } = operation;
    println!("{face} {id} {method} {path} {}", if *is_done { "done" } else { "missing" });
    let quoted = format!("\"{id}\"");
    let routes = places(&root().join(format!("crates/{face}_api/src")), |file, line| file.ends_with("routes.rs") && line.contains(&quoted));
    let tests = places(&root().join("crates/server/tests"), |_, line| line.contains(&quoted) || asks_for(line, method, path));
    tell("routed", &routes);
    tell("tested", &tests);
    let to_do = [
        (routes.is_empty(), "the verb, the handler and its route"),
        (tests.is_empty(), "a happy and a refused case"),
        (!is_done && !routes.is_empty(), "`done` in contract/operations.txt"),
    ];
    let open: Vec<&str> = to_do.iter().filter(|(is_open, _)| *is_open).map(|(_, what)| *what).collect();
    if open.is_empty() {
        println!("  to do   nothing");
    } else {
        println!("  to do   {}; see docs/adding-an-operation.md", open.join("; "));
    }
}

fn tell(what: &str, places: &[String]) {
    match places.split_first() {
        None => println!("  {what}  nowhere"),
        Some((first, rest)) => {
            println!("  {what}  {first}");
            rest.iter().take(SHOWN - 1).for_each(|place| println!("          {place}"));
            if places.len() > SHOWN {
                println!("          and {} more", places.len() - SHOWN);
            }
        }
    }
}

/// `file:line` of every line that fits, in the Rust files of a folder.
fn places(folder: &Path, fits: impl Fn(&Path, &str) -> bool) -> Vec<String> {
    let mut places = Vec::new();
    for file in rust_files(folder) {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let name = file.strip_prefix(root()).unwrap_or(&file);
        let lines = text.lines().enumerate().filter(|(_, line)| fits(&file, line));
        places.extend(lines.map(|(index, line)| format!("{}:{}  {:.100}", name.display(), index + 1, line.trim())));
    }
    places
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Whether a line of a test names this path, with anything in the place of its parameters, and no other method.
fn asks_for(line: &str, method: &str, path: &str) -> bool {
    let named: Vec<&str> = METHODS.into_iter().filter(|method| names_method(line, method)).collect();
    if !named.is_empty() && !named.contains(&method) {
        return false;
    }
    let wanted: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    line.match_indices('/').any(|(at, _)| {
        let rest = &line[at + 1..];
        let end = rest.find(['"', '?', ' ', '`']).unwrap_or(rest.len());
        let named: Vec<&str> = rest[..end].split('/').collect();
        named.len() == wanted.len() && named.iter().zip(&wanted).all(|(named, wanted)| named == wanted || (wanted.starts_with('{') && !named.is_empty()))
    })
}

fn names_method(line: &str, method: &str) -> bool {
    let call = format!(".{}(", method.to_ascii_lowercase());
    [call, format!("Method::{method}"), format!("\"{method}\""), format!("_method={method}")].iter().any(|form| line.contains(form))
}

#[cfg(test)]
mod tests {
    use super::{Operation, asks_for};

    #[test]
    fn tests_are_found_by_the_path_they_ask_for() {
        for line in [
            r#"home.backend().delete(&format!("/v1/redirect_urls/{id}")).await;"#,
            r#"backend.send(Method::DELETE, "/redirect_urls/ru_1?x=1", None)"#,
            r#"browser.override_method("DELETE", format!("/redirect_urls/{}", added.id))"#,
            r#"let path = format!("/redirect_urls/{id}");"#,
        ] {
            assert!(asks_for(line, "DELETE", "/redirect_urls/{id}"), "{line}");
        }
        for line in [
            r#"backend.delete("/redirect_urls")"#,
            r#"backend.delete("/redirect_urls/")"#,
            r#"backend.delete("/redirect_urls/a/b")"#,
            r#"backend.get("/redirect_urls/a")"#,
            "// redirect_urls",
        ] {
            assert!(!asks_for(line, "DELETE", "/redirect_urls/{id}"), "{line}");
        }
        assert!(asks_for(r#"get("/v1/redirect_urls")"#, "GET", "/redirect_urls"));
        assert!(!asks_for(r#"get("/v1/users/count")"#, "GET", "/users"));
    }

    #[test]
    fn remarks_are_no_operations() {
        assert!(Operation::read("# face operation_id METHOD path state").is_none());
        assert!(Operation::read("").is_none());
        let read = Operation::read("backend GetUser GET /users/{user_id} missing").expect("an operation");
        assert_eq!((read.face, read.id, read.method, read.path, read.is_done), ("backend", "GetUser", "GET", "/users/{user_id}", false));
    }
}
