//! Input: what callers hand over, from forms, JSON and queries, read by name. Every fault names its parameter.

use crate::{app::App, bodies, refusal::Refusal, routes::Asks, strict_json};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use domain::redirects;
use foundation::{EmailAddress, Id as TypedId, Order, Page, Problem, Secret, Timestamp, Username, contact::UsernameFault, order};
use http::{HeaderMap, header, request::Parts};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The most fields of a form or a query.
const MOST_FIELDS: usize = 1_000;

/// Named values. In a form and a query, an empty value is an absent one, and a name that stands there several times is a list.
#[derive(Debug, Default)]
pub struct Input {
    values: Map<String, Value>,
    emptied: Vec<String>,
    text: bool,
}

impl Input {
    fn from_pairs(bytes: &[u8]) -> Result<Input, Problem> {
        let mut values = Map::new();
        let mut emptied = Vec::new();
        for (count, (name, value)) in form_urlencoded::parse(bytes).enumerate() {
            if count >= MOST_FIELDS {
                return Err(Problem::BodyUnreadable("it has too many fields".into()));
            }
            if value.contains(['\0', '\u{fffd}']) {
                return Err(Problem::invalid(clip(&name), "must be valid UTF-8 without NUL"));
            }
            if value.is_empty() {
                emptied.push(name.into_owned());
                continue;
            }
            let value = Value::String(value.into_owned());
            match values.get_mut(&*name) {
                None => {
                    values.insert(name.into_owned(), value);
                }
                Some(Value::Array(list)) => list.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        Ok(Input { values, emptied, text: true })
    }

    fn from_json(bytes: &[u8]) -> Result<Input, Problem> {
        match strict_json::parse(bytes) {
            Ok(Value::Object(values)) => Ok(Input { values, emptied: Vec::new(), text: false }),
            Ok(_) => Err(Problem::BodyUnreadable("it is no JSON object".into())),
            Err(why) => Err(Problem::BodyUnreadable(why.into())),
        }
    }

    fn from_body(kind: &str, bytes: &[u8]) -> Result<Input, Problem> {
        match kind {
            _ if bytes.is_empty() => Ok(Input::default()),
            "application/json" => Input::from_json(bytes),
            "application/x-www-form-urlencoded" => Input::from_pairs(bytes),
            _ => Err(Problem::BodyUnreadable("send application/json or application/x-www-form-urlencoded".into())),
        }
    }

    /// Refuses every name but these, even one without a value.
    ///
    /// # Errors
    /// [`Problem::ParamUnknown`].
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        match self.values.keys().chain(&self.emptied).find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(Problem::ParamUnknown(clip(name))),
            None => Ok(()),
        }
    }

    /// Refuses names without a value: a filter that is empty must not mean everything. A search for nothing is a search for everything.
    ///
    /// # Errors
    /// [`Problem::ParamInvalid`].
    fn filled(&self) -> Result<(), Problem> {
        match self.emptied.iter().find(|name| *name != "query" && !name.ends_with("_query")) {
            Some(name) => Err(Problem::invalid(clip(name), "must not be empty")),
            None => Ok(()),
        }
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name).filter(|v| !v.is_null())
    }

    /// Whether the name is there, even with `null`.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Text.
    ///
    /// # Errors
    /// [`Problem::ParamFormat`] where it is something else.
    pub fn text(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Problem::ParamFormat(name, "text")),
        }
    }

    /// Text; of several in a query the first.
    ///
    /// # Errors
    /// As [`Input::text`].
    pub fn first(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        match self.value(name) {
            Some(Value::Array(list)) if self.text => Ok(list.first().and_then(Value::as_str)),
            _ => self.text(name),
        }
    }

    /// Text that must be there.
    ///
    /// # Errors
    /// [`Problem::ParamMissing`]; as [`Input::text`].
    pub fn required(&self, name: &'static str) -> Result<&str, Problem> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or(Problem::ParamMissing(name))
    }

    /// Text that changes something: absent, taken away (`null` or empty), or new.
    ///
    /// # Errors
    /// As [`Input::text`].
    pub fn change(&self, name: &'static str) -> Result<Option<Option<String>>, Problem> {
        if !self.has(name) {
            return Ok(None);
        }
        Ok(Some(self.text(name)?.map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned)))
    }

    /// Text that changes something, from a form, in which an empty value takes it away: forms cannot say `null`.
    ///
    /// # Errors
    /// As [`Input::text`].
    pub fn cleared(&self, name: &'static str) -> Result<Option<Option<String>>, Problem> {
        if self.emptied.iter().any(|n| n == name) { Ok(Some(None)) } else { self.change(name) }
    }

    /// What is compared with something that is kept: a ticket, a token, a code, the password of now. However long it is, it is a wrong one.
    ///
    /// # Errors
    /// As [`Input::text`].
    pub fn credential(&self, name: &'static str) -> Result<Option<Secret>, Problem> {
        Ok(self.text(name)?.map(Secret::new))
    }

    /// A user's password, as `password` or under the name that its handler puts in that one's place.
    ///
    /// # Errors
    /// As [`Input::text`]; [`Problem::PasswordTooLong`] where it is far too long to be one.
    pub fn secret(&self, name: &'static str) -> Result<Option<Secret>, Problem> {
        match self.text(name)? {
            Some(text) if text.len() > 4_096 => Err(Problem::PasswordTooLong(256)),
            text => Ok(text.map(Secret::new)),
        }
    }

    /// True or false.
    ///
    /// # Errors
    /// [`Problem::ParamFormat`].
    pub fn flag(&self, name: &'static str) -> Result<Option<bool>, Problem> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if self.text && (text == "true" || text == "1") => Ok(Some(true)),
            Some(Value::String(text)) if self.text && (text == "false" || text == "0") => Ok(Some(false)),
            Some(_) => Err(Problem::ParamFormat(name, "true or false")),
        }
    }

    /// True or false, for what decides about the whole operation: without a value it is refused instead of absent.
    ///
    /// # Errors
    /// [`Problem::ParamFormat`].
    pub fn switch(&self, name: &'static str) -> Result<Option<bool>, Problem> {
        if self.emptied.iter().any(|n| n == name) { Err(Problem::ParamFormat(name, "true or false")) } else { self.flag(name) }
    }

    /// A whole number.
    ///
    /// # Errors
    /// [`Problem::ParamFormat`].
    pub fn number(&self, name: &'static str) -> Result<Option<i64>, Problem> {
        let fault = Problem::ParamFormat(name, "a whole number");
        match self.value(name) {
            None => Ok(None),
            Some(Value::Number(number)) => number.as_i64().or_else(|| whole(number.as_f64()?)).map(Some).ok_or(fault),
            Some(Value::String(text)) if self.text => text.parse().map(Some).map_err(|_| fault),
            Some(_) => Err(fault),
        }
    }

    /// A time in milliseconds since 1970.
    ///
    /// # Errors
    /// [`Problem::ParamFormat`].
    pub fn time(&self, name: &'static str) -> Result<Option<Timestamp>, Problem> {
        Ok(self.number(name)?.map(Timestamp::from_millis))
    }

    /// Several texts; one alone is a list of one.
    ///
    /// # Errors
    /// [`Problem::ParamFormat`].
    pub fn texts(&self, name: &'static str) -> Result<Vec<String>, Problem> {
        self.texts_up_to(name, 500)
    }

    /// Several texts that change something; absent, also with `null`, where there is no list.
    ///
    /// # Errors
    /// As [`Input::texts`].
    pub fn list(&self, name: &'static str) -> Result<Option<Vec<String>>, Problem> {
        self.value(name).map(|_| self.texts(name)).transpose()
    }

    fn texts_up_to(&self, name: &'static str, most: usize) -> Result<Vec<String>, Problem> {
        let fault = Problem::ParamFormat(name, "a list of texts");
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) if self.text => Ok(vec![text.clone()]),
            Some(Value::Array(list)) if list.len() > most => Err(Problem::invalid(name, format!("may have at most {most} entries"))),
            Some(Value::Array(list)) => list.iter().map(|v| v.as_str().map(str::to_owned).ok_or(fault.clone())).collect(),
            Some(_) => Err(fault),
        }
    }

    /// Several origins.
    ///
    /// # Errors
    /// As [`Input::texts`]; [`Problem::ParamInvalid`] where one is no origin.
    pub fn origins(&self, name: &'static str) -> Result<Vec<String>, Problem> {
        let origins = self.texts_up_to(name, redirects::MOST_ORIGINS)?;
        redirects::check_origins(name, &origins)?;
        Ok(origins)
    }

    /// Whether the name holds a list without entries.
    pub fn is_empty_list(&self, name: &str) -> bool {
        matches!(self.value(name), None | Some(Value::Array(_))) && self.value(name).and_then(Value::as_array).is_none_or(Vec::is_empty)
    }

    /// A JSON object; in a form, its text.
    ///
    /// # Errors
    /// [`Problem::ParamFormat`].
    pub fn object(&self, name: &'static str) -> Result<Option<Map<String, Value>>, Problem> {
        let fault = Problem::ParamFormat(name, "a JSON object");
        match self.value(name) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object.clone())),
            Some(Value::String(text)) if self.text => match strict_json::parse(text.as_bytes()) {
                Ok(Value::Object(object)) => Ok(Some(object)),
                _ => Err(fault),
            },
            Some(_) => Err(fault),
        }
    }

    /// Everything, as one JSON object.
    ///
    /// # Errors
    /// [`Problem::BodyUnreadable`] where a form was sent.
    pub fn document(self) -> Result<Map<String, Value>, Problem> {
        if self.text { Err(Problem::BodyUnreadable("send application/json".into())) } else { Ok(self.values) }
    }

    /// An e-mail address.
    ///
    /// # Errors
    /// [`Problem::ParamFormat`].
    pub fn email(&self, name: &'static str) -> Result<Option<EmailAddress>, Problem> {
        self.text(name)?.map(|text| EmailAddress::parse(text).ok_or(Problem::ParamFormat(name, "a valid e-mail address"))).transpose()
    }

    /// A username.
    ///
    /// # Errors
    /// [`Problem::UsernameLength`]; [`Problem::UsernameCharacter`].
    pub fn username(&self, name: &'static str) -> Result<Option<Username>, Problem> {
        let parse = |text| {
            Username::parse(text).map_err(|fault| match fault {
                UsernameFault::Length => Problem::UsernameLength,
                UsernameFault::Character => Problem::UsernameCharacter,
            })
        };
        self.text(name)?.filter(|text| !text.is_empty()).map(parse).transpose()
    }

    /// An id. One that does not parse names nothing.
    ///
    /// # Errors
    /// [`Problem::ParamInvalid`].
    pub fn id<T: TypedId>(&self, name: &'static str) -> Result<Option<T>, Problem> {
        self.text(name)?.map(|text| T::parse(text).ok_or(Problem::invalid(name, "names nothing that exists"))).transpose()
    }

    /// An id that must be there, or `null` for none.
    ///
    /// # Errors
    /// [`Problem::ParamMissing`]; as [`Input::id`].
    pub fn nullable_id<T: TypedId>(&self, name: &'static str) -> Result<Option<T>, Problem> {
        if self.has(name) { self.id(name) } else { Err(Problem::ParamMissing(name)) }
    }

    /// `limit` and `offset`.
    ///
    /// # Errors
    /// [`Problem::ParamInvalid`].
    pub fn page(&self) -> Result<Page, Problem> {
        Page::new(self.number("limit")?, self.number("offset")?)
    }

    /// `order_by` of a list.
    ///
    /// # Errors
    /// [`Problem::ParamInvalid`].
    pub fn order<K: order::Key>(&self) -> Result<Order<K>, Problem> {
        self.first("order_by")?.map_or(Ok(Order::default()), Order::parse)
    }

    /// `limit` and `offset` of a list that shows as much as it may if nothing is asked for.
    ///
    /// # Errors
    /// [`Problem::ParamInvalid`].
    pub fn full_page(&self) -> Result<Page, Problem> {
        Page::new(Some(self.number("limit")?.unwrap_or(Page::MOST)), self.number("offset")?)
    }
}

/// A number that was written with a point or an exponent, like `1e12`, where it is a whole one.
#[allow(clippy::cast_possible_truncation, reason = "it is whole and within what a double holds exactly")]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
}

/// A name from outside, short enough to be shown again.
fn clip(name: &str) -> String {
    name.chars().take(64).collect()
}

impl FromRequest<Arc<App>> for Input {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Refusal> {
        plain(request.headers())?;
        let kind = kind(request.headers());
        let (bytes, _held) = bodies::read(app, request).await?;
        Ok(Input::from_body(&kind, &bytes)?)
    }
}

/// Several sets of named values: a JSON list of objects.
pub struct Inputs(pub Vec<Input>);

impl FromRequest<Arc<App>> for Inputs {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Refusal> {
        plain(request.headers())?;
        if kind(request.headers()) != "application/json" {
            return Err(Problem::BodyUnreadable("send application/json".into()).into());
        }
        let (bytes, _held) = bodies::read(app, request).await?;
        let list = match strict_json::parse(&bytes) {
            Ok(Value::Array(list)) => list,
            Ok(_) => return Err(Problem::BodyUnreadable("it is no JSON list".into()).into()),
            Err(why) => return Err(Problem::BodyUnreadable(why.into()).into()),
        };
        let read = |value| match value {
            Value::Object(values) => Ok(Input { values, emptied: Vec::new(), text: false }),
            _ => Err(Problem::BodyUnreadable("it is no list of JSON objects".into())),
        };
        Ok(Inputs(list.into_iter().map(read).collect::<Result<_, _>>()?))
    }
}

/// What the body is said to be.
fn kind(headers: &HeaderMap) -> String {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Refuses a body that is said to be compressed: nothing here unpacks one, and read as it is, it would be something else than was meant.
///
/// # Errors
/// [`Problem::EncodingUnsupported`].
pub(crate) fn plain(headers: &HeaderMap) -> Result<(), Problem> {
    let encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let packed = encodings.map(|value| value.to_str().unwrap_or("?")).any(|value| !value.trim().eq_ignore_ascii_case("identity"));
    if packed { Err(Problem::EncodingUnsupported) } else { Ok(()) }
}

/// The query.
pub struct Query(pub Input);

impl FromRequestParts<Arc<App>> for Query {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Refusal> {
        Ok(Query(Input::from_pairs(parts.uri.query().unwrap_or_default().as_bytes())?))
    }
}

impl Query {
    /// Refuses what the operation's route does not say that it takes from the query, and names without a value.
    ///
    /// # Errors
    /// [`Problem::ParamUnknown`]; [`Problem::ParamInvalid`].
    pub(crate) fn check(parts: &Parts) -> Result<(), Problem> {
        let Some(query) = parts.uri.query() else { return Ok(()) };
        let query = Input::from_pairs(query.as_bytes())?;
        query.only(parts.extensions.get::<Asks>().copied().unwrap_or_default().0)?;
        query.filled()
    }
}

/// A body that says nothing: none at all, an empty object or `null`, as the SDKs send them to operations that take nothing.
pub struct NoBody;

impl FromRequest<Arc<App>> for NoBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Refusal> {
        plain(request.headers())?;
        let kind = kind(request.headers());
        let (bytes, _held) = bodies::read(app, request).await?;
        if bytes != "null".as_bytes() {
            Input::from_body(&kind, &bytes)?.only(&[])?;
        }
        Ok(NoBody)
    }
}

/// The id in the path: its last parameter. One that does not parse names nothing.
pub struct Id<T>(pub T);

impl<T: TypedId> FromRequestParts<Arc<App>> for Id<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<App>) -> Result<Self, Refusal> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Problem::NotFound)?;
        Ok(params.iter().last().and_then(|(_, text)| T::parse(text)).map(Id).ok_or(Problem::NotFound)?)
    }
}

/// Two ids in the path, the one inside of the other: its last two parameters.
pub struct Within<A, B>(pub A, pub B);

impl<A: TypedId, B: TypedId> FromRequestParts<Arc<App>> for Within<A, B> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<App>) -> Result<Self, Refusal> {
        let IdAndName(outer, inner) = IdAndName::from_request_parts(parts, state).await?;
        Ok(Within(outer, B::parse(&inner).ok_or(Problem::NotFound)?))
    }
}

/// A name in the path: its last parameter. What nothing can be called names nothing.
pub struct Named(pub String);

impl FromRequestParts<Arc<App>> for Named {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<App>) -> Result<Self, Refusal> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Problem::NotFound)?;
        let name = params.iter().last().map(|(_, text)| text).filter(|text| text.len() <= 256 && !text.contains(char::is_control));
        Ok(name.map(|text| Named(text.to_owned())).ok_or(Problem::NotFound)?)
    }
}

/// An id in the path and the name behind it: its last two parameters.
pub struct IdAndName<T>(pub T, pub String);

impl<T: TypedId> FromRequestParts<Arc<App>> for IdAndName<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<App>) -> Result<Self, Refusal> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Problem::NotFound)?;
        let values: Vec<&str> = params.iter().map(|(_, text)| text).collect();
        let [.., id, name] = values.as_slice() else { return Err(Problem::NotFound.into()) };
        Ok(IdAndName(T::parse(id).ok_or(Problem::NotFound)?, (*name).to_owned()))
    }
}
