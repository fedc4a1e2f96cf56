//! Templates: text with places for values, and parts that stand only where a value is there.
//!
//! ```text
//! Hello {{user.first_name}}, {{#if app.support_email}}write to {{app.support_email}}{{else}}good-bye{{/if}}
//! ```
//!
//! That is all: no loops, no calls, no look-ups, so rendering takes time in proportion to the text (`docs/decisions/0029`). A template is read
//! when it is written down; one that cannot be read, or names a value that its message does not have, is refused there.

mod html;
mod styles;

use super::kinds::{self, Type, Values};
use html::{Reader, Slot};

/// A part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The subject.
    Subject,
    /// The HTML part.
    Html,
    /// The text part.
    Text,
}

impl Part {
    /// Its name in settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Part::Subject => "subject",
            Part::Html => "html",
            Part::Text => "text",
        }
    }

    /// The most bytes of its template.
    pub const fn longest(self) -> usize {
        match self {
            Part::Subject => 300,
            Part::Html => 40 * 1_024,
            Part::Text => 12 * 1_024,
        }
    }
}

/// The most bytes of what is rendered.
const LONGEST: usize = 256 * 1_024;
const DEEPEST: usize = 4;

enum Node<'t> {
    Literal(&'t str),
    Value(&'static str),
    If(&'static str, Vec<Node<'t>>, Vec<Node<'t>>),
}

/// A template that can be rendered.
pub(super) struct Template<'t> {
    part: Part,
    nodes: Vec<Node<'t>>,
}

/// Reads a template of this part of a kind of message.
///
/// # Errors
/// What is wrong with it, for the one who wrote it.
pub(super) fn parse<'t>(kind: kinds::Kind, part: Part, text: &'t str) -> Result<Template<'t>, String> {
    if text.len() > part.longest() {
        return Err(format!("may have at most {} bytes", part.longest()));
    }
    let unseen = |c: char| c.is_control() && (part == Part::Subject || !matches!(c, '\n' | '\r' | '\t'));
    if text.chars().any(unseen) {
        return Err("must not have control characters".to_owned());
    }
    let mut parser = Parser { kind, rest: text, html: (part == Part::Html).then(Reader::new), depth: 0 };
    let (nodes, end) = parser.nodes()?;
    if end != End::Text {
        return Err("closes a condition that was not opened".to_owned());
    }
    if parser.html.is_some_and(|reader| !reader.is_between_tags()) {
        return Err("ends inside of a tag".to_owned());
    }
    Ok(Template { part, nodes })
}

/// Where a run of nodes ends.
#[derive(PartialEq, Eq)]
enum End {
    Text,
    Else,
    Close,
}

struct Parser<'t> {
    kind: kinds::Kind,
    rest: &'t str,
    html: Option<Reader>,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn nodes(&mut self) -> Result<(Vec<Node<'t>>, End), String> {
        let mut nodes = Vec::new();
        loop {
            let Some(at) = self.rest.find("{{") else {
                self.literal(self.rest, &mut nodes)?;
                self.rest = "";
                return Ok((nodes, End::Text));
            };
            let (before, behind) = self.rest.split_at(at);
            self.literal(before, &mut nodes)?;
            let (word, rest) = behind.split_at(2).1.split_once("}}").ok_or("has a {{ without its }}")?;
            self.rest = rest;
            match word.trim() {
                "else" => return self.between_tags().map(|()| (nodes, End::Else)),
                "/if" => return self.between_tags().map(|()| (nodes, End::Close)),
                word => match word.strip_prefix("#if ") {
                    Some(name) => nodes.push(self.condition(name.trim())?),
                    None => nodes.push(self.value(word)?),
                },
            }
        }
    }

    fn literal(&mut self, text: &'t str, nodes: &mut Vec<Node<'t>>) -> Result<(), String> {
        if let Some(reader) = &mut self.html {
            reader.read(text)?;
        }
        if !text.is_empty() {
            nodes.push(Node::Literal(text));
        }
        Ok(())
    }

    fn value(&mut self, name: &str) -> Result<Node<'t>, String> {
        let (name, kind) = self.known(name)?;
        if let Some(reader) = &mut self.html {
            let fits = match reader.slot() {
                Slot::Text | Slot::Attribute => true,
                Slot::Address => kind == Type::Address,
                Slot::Style => kind == Type::Colour,
                Slot::Closed => false,
            };
            if !fits {
                return Err(format!("has {{{{{name}}}}} where it cannot stand"));
            }
            reader.put_in();
        }
        Ok(Node::Value(name))
    }

    fn condition(&mut self, name: &str) -> Result<Node<'t>, String> {
        self.between_tags()?;
        let (name, _) = self.known(name)?;
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("may nest at most {DEEPEST} conditions"));
        }
        let (then, end) = self.nodes()?;
        let otherwise = match end {
            End::Close => Vec::new(),
            End::Text => return Err("has a {{#if}} without its {{/if}}".to_owned()),
            End::Else => match self.nodes()? {
                (otherwise, End::Close) => otherwise,
                _ => return Err("has a {{#if}} without its {{/if}}".to_owned()),
            },
        };
        self.depth -= 1;
        Ok(Node::If(name, then, otherwise))
    }

    fn between_tags(&self) -> Result<(), String> {
        match &self.html {
            Some(reader) if !reader.is_between_tags() => Err("has a condition inside of a tag".to_owned()),
            _ => Ok(()),
        }
    }

    fn known(&self, name: &str) -> Result<(&'static str, Type), String> {
        kinds::variables(self.kind).find(|v| v.name == name).map(|v| (v.name, v.kind)).ok_or_else(|| {
            let names: Vec<&str> = kinds::variables(self.kind).map(|v| v.name).collect();
            let shown: String = name.chars().take(40).collect();
            format!("names {{{{{shown}}}}}, which this message does not have: it has {}", names.join(", "))
        })
    }
}

impl Template<'_> {
    /// Puts the values in; `None` where the result would be too long.
    pub(super) fn render(&self, values: &Values) -> Option<String> {
        let mut out = String::new();
        self.write(&self.nodes, values, &mut out)?;
        Some(out)
    }

    fn write(&self, nodes: &[Node<'_>], values: &Values, out: &mut String) -> Option<()> {
        for node in nodes {
            match node {
                Node::Literal(text) => out.push_str(text),
                Node::Value(name) => self.put(values.get(name), out),
                Node::If(name, then, otherwise) => self.write(if values.get(name).is_empty() { otherwise } else { then }, values, out)?,
            }
            if out.len() > LONGEST {
                return None;
            }
        }
        Some(())
    }

    fn put(&self, value: &str, out: &mut String) {
        for character in value.chars() {
            match character {
                '&' if self.part == Part::Html => out.push_str("&amp;"),
                '<' if self.part == Part::Html => out.push_str("&lt;"),
                '>' if self.part == Part::Html => out.push_str("&gt;"),
                '"' if self.part == Part::Html => out.push_str("&quot;"),
                '\'' if self.part == Part::Html => out.push_str("&#39;"),
                other => out.push(other),
            }
        }
    }
}

#[cfg(test)]
mod tests;
