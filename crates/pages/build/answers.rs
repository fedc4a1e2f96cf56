//! Reads what answers hold from the code that makes them: the objects that `json!` is given, and the functions that make their parts. What
//! cannot be told from the text is left open, so nothing is said that is not so.

use std::collections::{BTreeMap, BTreeSet};

/// Functions by name, with their whole text.
pub type Functions = BTreeMap<String, String>;

/// How handlers show what they have done, by the name of the call's method; the last argument is the shape.
const SHOWN: [&str; 5] = ["read", "write", "attempt", "write_or_try", "write_with_spares"];
/// How deep parts are followed.
const DEEPEST: usize = 8;

/// Everything that makes bodies.
pub struct Answers {
    /// The functions that several doors use.
    pub bodies: Functions,
}

/// What a handler answers when all is well.
pub struct Good {
    /// The status.
    pub status: u16,
    /// The schema of the body, as JSON.
    pub schema: Option<String>,
}

impl Answers {
    /// What this function of a door answers.
    pub fn of(&self, function: &str, local: &Functions) -> Good {
        let status = match function {
            text if text.contains("write_silently(") || text.contains(" empty()") => 204,
            text if text.contains("map(created)") => 201,
            _ => self.called(function, local).iter().find(|(name, _)| local[*name].contains("map(created)")).map_or(200, |_| 201),
        };
        let schema = if status == 204 { None } else { self.shown(function, local, 0) };
        Good { status, schema }
    }

    fn called<'l>(&self, text: &str, local: &'l Functions) -> Vec<(&'l String, usize)> {
        let answering = local.iter().filter(|(_, function)| function.contains("-> Answer")).map(|(name, _)| name);
        answering.filter_map(|name| Some((name, find_call(text, name)?))).collect()
    }

    /// What is shown by a call in this function, or by a function beside it that it leaves the work to.
    fn shown(&self, function: &str, local: &Functions, depth: usize) -> Option<String> {
        // What is answered without the envelope is written by hand.
        if depth > 2 || function.contains(".bare(") {
            return None;
        }
        for method in SHOWN {
            if let Some(at) = function.rfind(&format!(".{method}(")) {
                let inside = enclosed(&function[at + method.len() + 1..])?;
                return self.expression(split(inside, ',').last()?, local, function, 0);
            }
        }
        let (name, at) = self.called(function, local).into_iter().max_by_key(|(_, at)| *at)?;
        if local[name].contains(".bare(") {
            return None;
        }
        self.shown(&local[name], local, depth + 1).or_else(|| {
            let inside = enclosed(&function[at + name.len()..])?;
            self.expression(split(inside, ',').last()?, local, function, 0)
        })
    }

    /// What an expression is, as a schema. `around` is the function in which it stands.
    fn expression(&self, text: &str, local: &Functions, around: &str, depth: usize) -> Option<String> {
        let text = closure(text.trim().trim_start_matches('&').trim_end_matches('?').trim());
        if depth > DEEPEST || text.is_empty() {
            return None;
        }
        if let Some(rest) = text.strip_prefix("json!") {
            let inside = enclosed(rest)?;
            if inside.len() + 7 == text.len() {
                return self.json(inside.trim(), local, around, depth + 1);
            }
        }
        if let Some(inside) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            return self.expression(tail(inside)?, local, inside, depth + 1);
        }
        if text.starts_with("if ") || text.starts_with("match ") {
            // Of several ways only the one that ends in nothing is told.
            let block = text.ends_with("else { Value::Null }").then(|| text.find(" {").and_then(|at| enclosed(&text[at + 1..])))??;
            return self.expression(tail(block)?, local, around, depth + 1).map(|made| or_null(&made));
        }
        for wrapper in ["Value::Object", "Some", "Value::from", "Box::new"] {
            if let Some(inside) = text.strip_prefix(wrapper).filter(|rest| rest.starts_with('(')).and_then(enclosed)
                && wrapper.len() + inside.len() + 2 == text.len()
            {
                return self.expression(inside, local, around, depth + 1);
            }
        }
        if let Some(list) = self.list(text, local, around, depth) {
            return Some(list);
        }
        if let Some(simple) = simple(text) {
            return Some(simple.to_owned());
        }
        let name: String = text.chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect();
        let bare = name.strip_prefix("bodies::").or_else(|| name.strip_prefix("self::")).unwrap_or(&name);
        let rest = &text[name.len()..];
        if !(rest.is_empty() || enclosed(rest).is_some_and(|inside| inside.len() + 2 == rest.len())) {
            return None;
        }
        if rest.is_empty()
            && let Some(made) = self.variable(&name, local, around, depth)
        {
            return Some(made);
        }
        if let Some(function) = local.get(bare).filter(|_| !name.contains(':')) {
            return self.function(function, local, depth + 1);
        }
        if self.bodies.contains_key(bare) && (name.contains("bodies::") || std::ptr::eq(local, &self.bodies)) {
            return self.function(&self.bodies[bare], &self.bodies, depth + 1).map(|_| format!("{{\"$ref\":\"#/components/schemas/{bare}\"}}"));
        }
        None
    }

    /// A variable that was made in this function, with what was put into it.
    fn variable(&self, name: &str, local: &Functions, around: &str, depth: usize) -> Option<String> {
        let start = [format!("let mut {name} = "), format!("let {name} = "), format!("let {name}: Vec<Value> = ")];
        let mut values = start.iter().filter_map(|start| around.find(start.as_str()).map(|at| &around[at + start.len()..]));
        let mut schema = values.find_map(|value| match split(value, ';').first()?.trim() {
            "Map::new()" => Some("{\"type\":\"object\",\"properties\":{}}".to_owned()),
            value => self.expression(value, local, around, depth + 1),
        })?;
        let put = format!("{name}.insert(\"");
        for (at, _) in around.match_indices(&put) {
            let arguments = split(enclosed(&around[at + put.len() - 2..])?, ',');
            let key = arguments.first()?.trim().trim_start_matches('"').split('"').next()?.to_owned();
            let part = self.property(&key, arguments.get(1)?, local, around, depth);
            schema = with_property(&schema, &key, &part)?;
        }
        for (at, _) in around.match_indices(&format!("{name}[\"")) {
            let (key, rest) = around[at + name.len() + 2..].split_once("\"] = ")?;
            let part = self.property(key, split(rest, ';').first()?, local, around, depth);
            schema = with_property(&schema, key, &part)?;
        }
        Some(schema)
    }

    /// What a function makes: its last expression.
    fn function(&self, text: &str, local: &Functions, depth: usize) -> Option<String> {
        let (_, body) = text.split_once(" {\n").or_else(|| text.split_once(" { "))?;
        let body = body.trim_end().strip_suffix('}')?;
        let made = self.expression(tail(body)?, local, body, depth + 1)?;
        Some(if body.contains("return Value::Null") { or_null(&made) } else { made })
    }

    /// Several of one kind, or one that may be absent.
    fn list(&self, text: &str, local: &Functions, around: &str, depth: usize) -> Option<String> {
        let inner = text.strip_prefix("Value::Array").and_then(enclosed).unwrap_or(text);
        let at = inner.rfind(".map(")?;
        let item = self.expression(enclosed(&inner[at + 4..])?, local, around, depth + 1);
        if inner[at..].contains(".collect") {
            return Some(item.map_or_else(|| "{\"type\":\"array\"}".to_owned(), |item| format!("{{\"type\":\"array\",\"items\":{item}}}")));
        }
        let whole = inner[at + 4..].len() == enclosed(&inner[at + 4..])?.len() + 2;
        item.filter(|_| whole).map(|item| or_null(&item))
    }

    /// What `json!` is given.
    fn json(&self, text: &str, local: &Functions, around: &str, depth: usize) -> Option<String> {
        let Some(inside) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            return match text.strip_prefix('[') {
                Some(_) => Some("{\"type\":\"array\"}".to_owned()),
                None => self.expression(text, local, around, depth),
            };
        };
        let mut schema = "{\"type\":\"object\",\"properties\":{}}".to_owned();
        for pair in split(inside, ',').into_iter().filter(|pair| !pair.trim().is_empty()) {
            let (key, value) = pair.trim().strip_prefix('"')?.split_once("\":")?;
            let part = self.property(key, value, local, around, depth);
            schema = with_property(&schema, key, &part)?;
        }
        Some(schema)
    }

    fn property(&self, key: &str, value: &str, local: &Functions, around: &str, depth: usize) -> String {
        let value = value.trim();
        let found = if value.starts_with(['{', '[']) { self.json(value, local, around, depth + 1) } else { self.expression(value, local, around, depth + 1) };
        found.unwrap_or_else(|| by_name(key).to_owned())
    }

    /// The shapes of all bodies that have one.
    pub fn components(&self) -> BTreeMap<String, String> {
        let names: BTreeSet<&String> = self.bodies.keys().collect();
        names.into_iter().filter_map(|name| Some((name.clone(), self.function(&self.bodies[name], &self.bodies, 0)?))).collect()
    }
}

fn or_null(schema: &str) -> String {
    format!("{{\"anyOf\":[{schema},{{\"type\":\"null\"}}]}}")
}

/// What a name alone says.
fn by_name(key: &str) -> &'static str {
    match key {
        "id" => "{\"type\":\"string\"}",
        "total_count" => "{\"type\":\"integer\"}",
        _ if key.ends_with("_id") => "{\"type\":[\"string\",\"null\"]}",
        _ => "{}",
    }
}

/// What the form of an expression says.
fn simple(text: &str) -> Option<String> {
    let word = |kind: &str| Some(format!("{{\"type\":\"{kind}\"}}"));
    if text.starts_with('"') && text.ends_with('"') && !text[1..text.len() - 1].contains(['"', '\\']) {
        return Some(format!("{{\"type\":\"string\",\"const\":{text}}}"));
    }
    if text.starts_with('"') && text.ends_with("\".into()") {
        return Some(format!("{{\"type\":\"string\",\"const\":{}}}", text.trim_end_matches(".into()")));
    }
    match text {
        "true" | "false" => word("boolean"),
        "null" | "Value::Null" => word("null"),
        "[]" => word("array"),
        _ if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'_') => word("integer"),
        _ if [".is_some()", ".is_none()", ".is_empty()"].iter().any(|end| text.ends_with(end)) => word("boolean"),
        _ if text.ends_with(".to_string()") || text.ends_with(".as_str()") && !text.contains(".map(") => word("string"),
        _ if text.ends_with(".len()") || text.ends_with(".millis()") || text.ends_with(".seconds()") => word("integer"),
        _ => None,
    }
}

fn with_property(schema: &str, key: &str, part: &str) -> Option<String> {
    let place = "\"properties\":{";
    let Some(at) = schema.find(place).filter(|_| schema.starts_with("{\"type\":\"object\"")) else {
        return schema
            .starts_with("{\"$ref\"")
            .then(|| format!("{{\"allOf\":[{schema},{{\"type\":\"object\",\"properties\":{{\"{key}\":{part}}}}}]}}"))
            .or_else(|| {
                let inner = schema.strip_prefix("{\"allOf\":[")?.strip_suffix("}]}")?.strip_suffix('}')?;
                Some(format!("{{\"allOf\":[{inner},\"{key}\":{part}}}}}]}}"))
            });
    };
    let (before, after) = schema.split_at(at + place.len());
    let comma = if after.starts_with('}') { "" } else { "," };
    Some(format!("{before}\"{key}\":{part}{comma}{after}"))
}

/// What a closure comes to.
fn closure(text: &str) -> &str {
    let text = text.strip_prefix("move ").unwrap_or(text);
    match text.strip_prefix('|').and_then(|rest| rest.split_once('|')) {
        Some((_, body)) => body.trim(),
        None => text,
    }
}

/// Where a function is called.
fn find_call(text: &str, name: &str) -> Option<usize> {
    let call = format!("{name}(");
    let found = text.match_indices(&call).map(|(at, _)| at);
    let called = |at: &usize| {
        let before = text[..*at].chars().next_back().unwrap_or(' ');
        !before.is_alphanumeric() && !"_.:".contains(before) && !text[..*at].ends_with("fn ")
    };
    found.filter(called).last()
}

/// Each character that is code, with the depth of the brackets that it stands in after it.
fn code(text: &str) -> impl Iterator<Item = (usize, char, i32)> + '_ {
    let mut depth = 0;
    let mut letters = text.char_indices().peekable();
    std::iter::from_fn(move || {
        loop {
            let (at, letter) = letters.next()?;
            match letter {
                '"' => {
                    let mut escaped = false;
                    for (_, inner) in letters.by_ref() {
                        if inner == '"' && !escaped {
                            break;
                        }
                        escaped = inner == '\\' && !escaped;
                    }
                    return Some((at, '"', depth));
                }
                '\'' if text[at + 1..].chars().nth(1) == Some('\'') => {
                    letters.next();
                    letters.next();
                }
                '/' if text[at..].starts_with("//") => {
                    for (_, inner) in letters.by_ref() {
                        if inner == '\n' {
                            break;
                        }
                    }
                }
                '(' | '[' | '{' => {
                    depth += 1;
                    return Some((at, letter, depth));
                }
                ')' | ']' | '}' => {
                    depth -= 1;
                    return Some((at, letter, depth));
                }
                _ => return Some((at, letter, depth)),
            }
        }
    })
}

/// What stands between the bracket that the text begins with and its partner.
fn enclosed(text: &str) -> Option<&str> {
    text.starts_with(['(', '[', '{']).then_some(())?;
    let (end, ..) = code(text).find(|(at, letter, depth)| *at > 0 && *depth == 0 && matches!(letter, ')' | ']' | '}'))?;
    Some(&text[1..end])
}

/// The parts between separators that stand in no bracket; those between the bars of a closure separate nothing.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut bars) = (0, false);
    for (at, letter, depth) in code(text) {
        if depth < 0 {
            parts.push(&text[from..at]);
            return parts;
        }
        if letter == '|' && depth == 0 && separator == ',' {
            bars = !bars;
        }
        if letter == separator && depth == 0 && !bars {
            parts.push(&text[from..at]);
            from = at + 1;
        }
    }
    if !text[from..].trim().is_empty() {
        parts.push(&text[from..]);
    }
    parts
}

/// The last expression of a block.
fn tail(text: &str) -> Option<&str> {
    let mut from = 0;
    for (at, letter, depth) in code(text) {
        let ends =
            depth == 0 && (letter == ';' || (letter == '}' && text[at + 1..].starts_with('\n') && !text[at + 1..].trim_start().starts_with(['.', ')', ','])));
        if ends && !text[at + 1..].trim().is_empty() {
            from = at + 1;
        }
    }
    let last = text[from..].trim();
    (!last.is_empty() && !last.ends_with(';')).then_some(last)
}
