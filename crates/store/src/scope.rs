//! Text that is scoped to an instance, checked while compiling.

use crate::{
    memory::touch::Touch,
    value::{Param, Value},
};

/// SQL that names the instance. Only [`sql!`](crate::sql) makes one.
#[derive(Clone, Copy)]
pub struct Scoped(&'static str, Touch);

/// SQL over the settings of the layers above the instances, which every instance reads. Only [`shared_sql!`](crate::shared_sql)
/// makes one.
#[derive(Clone, Copy)]
pub struct Shared(&'static str);

impl Shared {
    #[doc(hidden)]
    pub const fn check(text: &'static str) -> Shared {
        assert!(
            has(text.as_bytes(), b"select ") && has(text.as_bytes(), b" from platform_settings where "),
            "only the settings above the instances are shared"
        );
        Shared(text)
    }

    pub(crate) const fn text(self) -> &'static str {
        self.0
    }
}

/// A `select` from the settings above the instances; arguments begin at `$1`.
#[macro_export]
macro_rules! shared_sql {
    ($text:literal) => {{
        const SHARED: $crate::Shared = $crate::Shared::check($text);
        SHARED
    }};
}

/// A further condition of a [`Query`]. Only [`part!`](crate::part) makes one.
#[derive(Clone, Copy)]
pub struct Part(&'static str);

impl Scoped {
    /// Refuses, while compiling, text that does not name the instance. A tripwire and not a parser: the types, the
    /// schema and the neighbour test stand behind it.
    #[doc(hidden)]
    pub const fn check(text: &'static str) -> Scoped {
        assert!(
            has(text.as_bytes(), b"instance_id = $1") || (has(text.as_bytes(), b"(instance_id, ") && has(text.as_bytes(), b"values ($1, ")),
            "the query is not scoped to an instance"
        );
        Scoped(text, Touch::of(text))
    }

    /// The same statement, which changes nothing that anybody would miss in what is remembered: rows that are long over.
    #[must_use]
    pub const fn unheard(self) -> Scoped {
        Scoped(self.0, Touch::Nothing)
    }

    pub(crate) const fn text(self) -> &'static str {
        self.0
    }

    pub(crate) const fn touch(self) -> Touch {
        self.1
    }
}

impl Part {
    #[doc(hidden)]
    pub const fn check(text: &'static str) -> Part {
        assert!(!has(text.as_bytes(), b"$"), "a part numbers no placeholders: write braces for each");
        assert!(!has(text.as_bytes(), b";") && !has(text.as_bytes(), b"--"), "a part is one piece of one statement");
        Part(text)
    }
}

const fn has(text: &[u8], wanted: &[u8]) -> bool {
    let mut at = 0;
    while at + wanted.len() <= text.len() {
        let mut length = 0;
        while length < wanted.len() && text[at + length] == wanted[length] {
            length += 1;
        }
        if length == wanted.len() {
            return true;
        }
        at += 1;
    }
    false
}

/// A statement of one instance. `$1` is the instance and is bound by the transaction; arguments begin at `$2`.
#[macro_export]
macro_rules! sql {
    ($text:expr) => {{
        const SCOPED: $crate::Scoped = $crate::Scoped::check($text);
        SCOPED
    }};
}

/// A further piece of a [`Query`](crate::Query): `{}` stands for each argument.
#[macro_export]
macro_rules! part {
    ($text:literal) => {{
        const PART: $crate::Part = $crate::Part::check($text);
        PART
    }};
}

/// A statement built from checked pieces, for filters that come and go.
pub struct Query<'a> {
    pub(crate) text: String,
    pub(crate) arguments: Vec<Value<'a>>,
    pub(crate) touch: Touch,
}

impl<'a> Query<'a> {
    /// Begins with a scoped statement and its arguments (`$2`, `$3`, …).
    pub fn new(scoped: Scoped, arguments: &[&'a dyn Param]) -> Query<'a> {
        Query { text: scoped.0.to_owned(), arguments: arguments.iter().map(|a| (**a).value()).collect(), touch: scoped.1 }
    }

    /// Adds a piece; each `{}` of it takes one argument.
    #[must_use]
    pub fn and(mut self, part: Part, arguments: &[&'a dyn Param]) -> Query<'a> {
        let mut pieces = part.0.split("{}");
        self.text.push(' ');
        self.text.push_str(pieces.next().unwrap_or_default());
        for (piece, argument) in pieces.zip(arguments) {
            self.arguments.push((**argument).value());
            self.place();
            self.text.push_str(piece);
        }
        self
    }

    /// Adds `part in (…)` for a list: the part ends where the list begins. Lists are padded by their last element to 1, 4,
    /// 16, 100 or 500 places, so that the number of different texts stays small; an empty list matches nothing.
    #[must_use]
    pub fn within<P: Param>(mut self, part: Part, list: &'a [P]) -> Query<'a> {
        let places = [1, 4, 16, 100, 500].into_iter().find(|size| *size >= list.len()).unwrap_or(list.len());
        self.text.push(' ');
        self.text.push_str(part.0);
        self.text.push_str(" in (");
        for index in 0..places {
            if index > 0 {
                self.text.push_str(", ");
            }
            self.arguments.push(list.get(index).or(list.last()).map_or(Value::Null, Param::value));
            self.place();
        }
        self.text.push(')');
        self
    }

    fn place(&mut self) {
        self.text.push('$');
        self.text.push_str(&(self.arguments.len() + 1).to_string());
    }
}

/// The longest text that lists are searched for, in bytes: nothing that is searched holds a longer one.
pub const LONGEST_SEARCH: usize = 1_024;

/// The pattern for `like … escape '\'` that texts with this one in them fit. Only ASCII letters lose their case, as both databases' `lower` does it.
pub fn containing(text: &str) -> String {
    format!("%{}%", text.to_ascii_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_number_their_placeholders() {
        let list = ["a", "b", "c"];
        let query = Query::new(sql!("select id from users where instance_id = $1 and banned = $2"), &[&true])
            .and(part!("and created_at > {} and created_at < {}"), &[&1_i64, &2_i64])
            .within(part!("and id"), &list);
        assert_eq!(
            query.text,
            "select id from users where instance_id = $1 and banned = $2 and created_at > $3 and created_at < $4 and id in ($5, $6, $7, $8)"
        );
        assert_eq!(query.arguments.len(), 7);
        assert_eq!(query.arguments[6], Value::Text("c".into()), "padded by the last element");
    }

    #[test]
    fn an_empty_list_matches_nothing() {
        let none: [&str; 0] = [];
        let query = Query::new(sql!("select id from users where instance_id = $1"), &[]).within(part!("and id"), &none);
        assert!(query.text.ends_with("in ($2)"));
        assert_eq!(query.arguments, [Value::Null]);
    }

    #[test]
    fn a_pattern_takes_every_character_as_itself() {
        assert_eq!(containing(r"Ab_50%\É"), r"%ab\_50\%\\É%");
    }

    #[test]
    fn text_without_the_instance_is_refused() {
        for text in ["select * from users where id = $2", "insert into users (id) values ($1)", "insert into users (instance_id, id) values ($2, $3)"] {
            assert!(std::panic::catch_unwind(|| Scoped::check(text)).is_err(), "{text}");
        }
    }
}
