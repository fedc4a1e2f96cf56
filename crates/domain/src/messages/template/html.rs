//! Where in HTML a place is. A template is read with it once, when it is written down, so that what is put in later can be escaped for its
//! place, and so that nothing that runs can stand in a mail.
//!
//! What is taken is the part of HTML that every reader of mails understands alike: the WHATWG's tokenizer has tolerant rules for what is not
//! well written, mail programs have others, and what they disagree about could hide a tag. So there are no comments, no `<` that begins no tag, and no
//! space in tags but ASCII's.

use super::styles;

/// What a template says that it may not.
pub(super) type Fault = &'static str;

/// Where the reader is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Text,
    TagName,
    InTag,
    AttributeName,
    AfterAttributeName,
    BeforeValue,
    Value(Option<char>),
    /// `<!…`
    Declaration,
    /// The content of an element that holds no elements.
    Raw,
    /// A `<` in such content, which can only begin the element's own closing tag.
    RawEnd,
}

/// What may be put in at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// Any value, between tags.
    Text,
    /// Any value, in a quoted attribute that is only shown.
    Attribute,
    /// An address, as the beginning of an attribute that holds one.
    Address,
    /// A colour, in a style.
    Style,
    /// Nothing.
    Closed,
}

/// Reads HTML piece by piece.
pub(super) struct Reader {
    state: State,
    tag: String,
    closing: bool,
    attribute: String,
    value: String,
    recent: String,
}

/// Elements of mails. What loads, sends, frames or runs something is none of them.
const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "address",
    "b",
    "big",
    "blockquote",
    "body",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "div",
    "dl",
    "dt",
    "em",
    "font",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "main",
    "mark",
    "meta",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "section",
    "small",
    "span",
    "strong",
    "style",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "title",
    "tr",
    "tt",
    "u",
    "ul",
];
/// Attributes that hold an address.
const ADDRESSES: &[&str] = &["href", "src", "background", "cite", "longdesc"];
/// How an address may begin.
const SCHEMES: &[&str] = &["https://", "http://", "mailto:", "tel:", "cid:", "#", "data:image/png", "data:image/jpeg", "data:image/gif", "data:image/webp"];
const UNREADABLE: Fault = "has a tag that cannot be read";
/// Stands in a value for what is put in.
const PUT_IN: char = '\u{1}';

impl Reader {
    pub(super) fn new() -> Reader {
        Reader { state: State::Text, tag: String::new(), closing: false, attribute: String::new(), value: String::new(), recent: String::new() }
    }

    /// Reads on.
    pub(super) fn read(&mut self, piece: &str) -> Result<(), Fault> {
        piece.chars().try_for_each(|c| self.step(c))
    }

    /// Whether the place is between tags.
    pub(super) fn is_between_tags(&self) -> bool {
        self.state == State::Text
    }

    /// What may be put in here.
    pub(super) fn slot(&self) -> Slot {
        match self.state {
            State::Text => Slot::Text,
            State::Raw if self.tag == "title" => Slot::Text,
            State::Raw => Slot::Style,
            State::Value(Some(_)) if self.attribute == "style" => Slot::Style,
            State::Value(Some(_)) if ADDRESSES.contains(&self.attribute.as_str()) => {
                if self.value.is_empty() {
                    Slot::Address
                } else {
                    Slot::Closed
                }
            }
            State::Value(Some(_)) => Slot::Attribute,
            _ => Slot::Closed,
        }
    }

    /// Notes that something is put in here.
    pub(super) fn put_in(&mut self) {
        if matches!(self.state, State::Value(_) | State::Raw) {
            self.value.push(PUT_IN);
        }
        self.recent.clear();
    }

    fn step(&mut self, c: char) -> Result<(), Fault> {
        match self.state {
            State::Text if c == '<' => {
                self.tag.clear();
                self.closing = false;
                self.state = State::TagName;
            }
            State::Text => {}
            State::TagName => self.tag_name(c)?,
            State::InTag => match c {
                '>' => self.end_tag(),
                '/' => {}
                c if is_space(c) => {}
                c if !is_of_name(c) => return Err(UNREADABLE),
                c => {
                    self.attribute.clear();
                    self.attribute.push(c.to_ascii_lowercase());
                    self.state = State::AttributeName;
                }
            },
            State::AttributeName | State::AfterAttributeName => self.attribute_name(c)?,
            State::BeforeValue => match c {
                c if is_space(c) => {}
                '"' | '\'' => self.state = State::Value(Some(c)),
                '>' => self.end_tag(),
                c if !is_of_bare_value(c) => return Err(UNREADABLE),
                c => {
                    self.state = State::Value(None);
                    self.value.push(c);
                }
            },
            State::Value(quote) => self.value(c, quote)?,
            State::Declaration => self.declaration(c)?,
            State::Raw if c == '<' => {
                self.recent.clear();
                self.state = State::RawEnd;
            }
            State::Raw => self.value.push(c),
            State::RawEnd => self.raw_end(c)?,
        }
        Ok(())
    }

    fn tag_name(&mut self, c: char) -> Result<(), Fault> {
        match c {
            '!' if self.tag.is_empty() && !self.closing => {
                self.recent.clear();
                self.state = State::Declaration;
            }
            '/' if self.tag.is_empty() && !self.closing => self.closing = true,
            c if c.is_ascii_alphanumeric() => self.tag.push(c.to_ascii_lowercase()),
            _ if self.tag.is_empty() => return Err("has a < that begins no tag: write &lt;"),
            c => {
                if !ELEMENTS.contains(&self.tag.as_str()) {
                    return Err("has an element that does not belong into a mail");
                }
                if c == '>' {
                    self.end_tag();
                } else if is_space(c) || c == '/' {
                    self.state = State::InTag;
                } else {
                    return Err(UNREADABLE);
                }
            }
        }
        Ok(())
    }

    fn attribute_name(&mut self, c: char) -> Result<(), Fault> {
        let begins_another = self.state == State::AfterAttributeName && !is_space(c) && !matches!(c, '=' | '>' | '/');
        if is_space(c) || matches!(c, '=' | '>' | '/') || begins_another {
            if self.attribute.starts_with("on") || ["srcdoc", "srcset", "http-equiv", "formaction", "action", "ping"].contains(&self.attribute.as_str()) {
                return Err("has an attribute that does not belong into a mail");
            }
            self.value.clear();
        }
        match c {
            '=' => self.state = State::BeforeValue,
            '>' => self.end_tag(),
            '/' => self.state = State::InTag,
            c if is_space(c) => self.state = State::AfterAttributeName,
            c if !is_of_name(c) => return Err(UNREADABLE),
            c => {
                if begins_another {
                    self.attribute.clear();
                }
                self.attribute.push(c.to_ascii_lowercase());
                self.state = State::AttributeName;
            }
        }
        Ok(())
    }

    fn value(&mut self, c: char, quote: Option<char>) -> Result<(), Fault> {
        let ends = quote.map_or_else(|| is_space(c) || c == '>', |quote| c == quote);
        if !ends && quote.is_none() && !is_of_bare_value(c) {
            return Err(UNREADABLE);
        }
        if !ends {
            self.value.push(c);
            return Ok(());
        }
        let value = self.value.trim_ascii_start().to_ascii_lowercase();
        let known = value.is_empty() || value.starts_with(PUT_IN) || SCHEMES.iter().any(|scheme| value.starts_with(scheme));
        if ADDRESSES.contains(&self.attribute.as_str()) && !known {
            return Err("has an address that does not begin with https://, mailto: or the like");
        }
        if self.attribute == "style" {
            styles::check_attribute(&value)?;
        }
        self.state = State::InTag;
        if quote.is_none() && c == '>' {
            self.end_tag();
        }
        Ok(())
    }

    /// `<!doctype …>`, which ends with the first `>` for every reader.
    fn declaration(&mut self, c: char) -> Result<(), Fault> {
        const WORD: &str = "doctype";
        if self.recent.len() < WORD.len() {
            self.recent.push(c.to_ascii_lowercase());
            return if WORD.starts_with(&self.recent) { Ok(()) } else { Err("has a comment, which does not belong into a mail") };
        }
        match c {
            '>' => self.state = State::Text,
            '<' => return Err(UNREADABLE),
            _ => {}
        }
        Ok(())
    }

    /// The closing tag of an element that holds no elements: its own name, spaces, and no attributes.
    fn raw_end(&mut self, c: char) -> Result<(), Fault> {
        const FAULT: Fault = "has a < in a title or a style that does not begin its closing tag";
        let end = format!("/{}", self.tag);
        if self.recent.len() < end.len() {
            self.recent.push(c.to_ascii_lowercase());
            return if end.starts_with(&self.recent) { Ok(()) } else { Err(FAULT) };
        }
        match c {
            '>' => {
                if self.tag == "style" {
                    styles::check(&self.value)?;
                }
                self.closing = true;
                self.end_tag();
                Ok(())
            }
            c if is_space(c) => Ok(()),
            _ => Err(FAULT),
        }
    }

    fn end_tag(&mut self) {
        self.recent.clear();
        self.value.clear();
        self.state = if !self.closing && ["style", "title"].contains(&self.tag.as_str()) { State::Raw } else { State::Text };
    }
}

/// What HTML calls whitespace, of what a template may hold.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// What a name of an attribute consists of.
fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.')
}

/// What may stand in a value without quotation marks.
fn is_of_bare_value(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '=' | '`')
}
