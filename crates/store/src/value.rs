//! Values on their way into and out of a database: text, whole numbers, booleans and nothing else.

use foundation::{EmailAddress, Error, Result, Secret, Timestamp, Username};
use std::borrow::Cow;

/// A value as both databases know it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// No value.
    Null,
    /// Text; ids, JSON documents and enumerations too.
    Text(Cow<'a, str>),
    /// A whole number; times in milliseconds too.
    Int(i64),
    /// True or false. SQLite gives it back as a number.
    Bool(bool),
}

/// What can be bound to a placeholder.
pub trait Param: Sync {
    /// The value to bind.
    fn value(&self) -> Value<'_>;
}

/// What can be read from a column.
pub trait Column: Sized {
    /// Takes the value; the error says what was expected.
    fn column(value: Value<'_>) -> Result<Self, &'static str>;
}

/// A row while it is read: columns come in the order of the `select`.
pub struct Row<'a> {
    source: &'a dyn RowSource,
    next: usize,
}

/// A driver's row.
pub(crate) trait RowSource {
    fn value(&self, index: usize) -> Result<Value<'_>>;
}

impl<'a> Row<'a> {
    pub(crate) fn new(source: &'a dyn RowSource) -> Row<'a> {
        Row { source, next: 0 }
    }

    /// The next column.
    pub fn take<T: Column>(&mut self) -> Result<T> {
        let index = self.next;
        self.next += 1;
        T::column(self.source.value(index)?).map_err(|expected| Error::Broken(format!("column {index} of a row: expected {expected}")))
    }
}

/// What can be made from a row.
pub trait FromRow: Sized {
    /// Reads the columns in their order.
    fn from_row(row: &mut Row<'_>) -> Result<Self>;
}

macro_rules! single_column {
    ($($type:ty),*) => { $( impl FromRow for $type {
        fn from_row(row: &mut Row<'_>) -> Result<Self> { row.take() }
    } )* };
}
single_column!(String, i64, bool, Timestamp);

macro_rules! tuples {
    ($(($($name:ident)*))*) => { $( impl<$($name: Column),*> FromRow for ($($name,)*) {
        fn from_row(row: &mut Row<'_>) -> Result<Self> { Ok(($(row.take::<$name>()?,)*)) }
    } )* };
}
tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) }

impl Param for str {
    fn value(&self) -> Value<'_> {
        Value::Text(self.into())
    }
}
impl Param for String {
    fn value(&self) -> Value<'_> {
        Value::Text(self.as_str().into())
    }
}
impl Param for i64 {
    fn value(&self) -> Value<'_> {
        Value::Int(*self)
    }
}
impl Param for bool {
    fn value(&self) -> Value<'_> {
        Value::Bool(*self)
    }
}
impl Param for Timestamp {
    fn value(&self) -> Value<'_> {
        Value::Int(self.millis())
    }
}
impl Param for EmailAddress {
    fn value(&self) -> Value<'_> {
        Value::Text(self.given().into())
    }
}
impl Param for Username {
    fn value(&self) -> Value<'_> {
        Value::Text(self.given().into())
    }
}
impl Param for Secret {
    fn value(&self) -> Value<'_> {
        Value::Text(self.expose().into())
    }
}
impl<T: Param + ?Sized> Param for &T {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}
impl<T: Param> Param for Option<T> {
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, Param::value)
    }
}

impl Column for String {
    fn column(value: Value<'_>) -> Result<Self, &'static str> {
        if let Value::Text(text) = value { Ok(text.into_owned()) } else { Err("text") }
    }
}
impl Column for i64 {
    fn column(value: Value<'_>) -> Result<Self, &'static str> {
        if let Value::Int(number) = value { Ok(number) } else { Err("a number") }
    }
}
impl Column for bool {
    fn column(value: Value<'_>) -> Result<Self, &'static str> {
        match value {
            Value::Bool(flag) => Ok(flag),
            Value::Int(number) => Ok(number != 0),
            _ => Err("true or false"),
        }
    }
}
impl Column for Timestamp {
    fn column(value: Value<'_>) -> Result<Self, &'static str> {
        i64::column(value).map(Timestamp::from_millis).map_err(|_| "a time")
    }
}
impl Column for Secret {
    fn column(value: Value<'_>) -> Result<Self, &'static str> {
        String::column(value).map(Secret::new)
    }
}
impl<T: Column> Column for Option<T> {
    fn column(value: Value<'_>) -> Result<Self, &'static str> {
        if value == Value::Null { Ok(None) } else { T::column(value).map(Some) }
    }
}

macro_rules! id_columns {
    ($($name:ident)*) => { $(
        impl Param for foundation::$name {
            fn value(&self) -> Value<'_> { Value::Text(self.to_string().into()) }
        }
        impl Column for foundation::$name {
            fn column(value: Value<'_>) -> Result<Self, &'static str> {
                if let Value::Text(text) = &value && let Some(id) = <foundation::$name as foundation::Id>::parse(text) { Ok(id) } else { Err(concat!("an id: ", stringify!($name))) }
            }
        }
        impl FromRow for foundation::$name {
            fn from_row(row: &mut Row<'_>) -> Result<Self> { row.take() }
        }
    )* };
}
foundation::for_each_id!(id_columns);

/// A JSON document in a text column.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Json(pub serde_json::Map<String, serde_json::Value>);

impl Param for Json {
    fn value(&self) -> Value<'_> {
        Value::Text(serde_json::to_string(&self.0).unwrap_or_else(|_| "{}".to_owned()).into())
    }
}
impl Column for Json {
    fn column(value: Value<'_>) -> Result<Self, &'static str> {
        if let Value::Text(text) = &value { serde_json::from_str(text).map(Json).map_err(|_| "a JSON object") } else { Err("a JSON object") }
    }
}

/// An enumeration that is text in its column and on the wire.
#[macro_export]
macro_rules! text_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $name { $($(#[$doc])* $variant,)* }
        impl $name {
            /// The text in the column and on the wire.
            pub const fn as_str(self) -> &'static str { match self { $($name::$variant => $text,)* } }
            /// Reads the text; `None` for any other.
            pub fn parse(text: &str) -> Option<$name> { match text { $($text => Some($name::$variant),)* _ => None } }
        }
        impl $crate::Param for $name {
            fn value(&self) -> $crate::Value<'_> { $crate::Value::Text(self.as_str().into()) }
        }
        impl $crate::Column for $name {
            fn column(value: $crate::Value<'_>) -> ::std::result::Result<Self, &'static str> {
                if let $crate::Value::Text(text) = &value && let Some(known) = $name::parse(text) { Ok(known) } else { Err(concat!("one of the words of ", stringify!($name))) }
            }
        }
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result { f.write_str(self.as_str()) }
        }
    };
}
