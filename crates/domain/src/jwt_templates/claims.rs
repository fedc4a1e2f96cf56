//! The language of templates: JSON in which texts may hold shortcodes, as in `"{{user.first_name || 'friend'}}"`.
//!
//! A text that is one shortcode becomes the value itself, of whatever JSON type; otherwise values are written into the text. What comes out
//! of a shortcode is data: it is never read for shortcodes again. Names are checked when a template is written, so that a token is
//! never made with one that means nothing.

use crate::{organizations::memberships::Belonging, sessions::Session, users::User};
use foundation::{Problem, text};
use serde_json::{Map, Value, json};
use std::io;

/// Claims that the server sets itself, in these tokens or in session tokens: a template that could set them could pass its tokens off.
const RESERVED: [&str; 19] =
    ["azp", "exp", "iat", "iss", "jti", "nbf", "sub", "sid", "act", "v", "sts", "fva", "fea", "pla", "o", "org_id", "org_slug", "org_role", "org_permissions"];
/// The most bytes of a template.
const MOST_TEMPLATE: usize = 8_192;
/// The most bytes of the claims that come of one.
const MOST_CLAIMS: usize = 32_768;
/// How deep a template may be.
const DEEPEST: usize = 16;
/// How many names a shortcode may string together.
const LONGEST_PATH: usize = 16;

/// What shortcodes read from.
pub(super) struct Sources<'a> {
    pub(super) user: &'a User,
    pub(super) session: &'a Session,
    /// The organizations that the user belongs to; none where there are no organizations.
    pub(super) belongings: &'a [Belonging],
}

impl Sources<'_> {
    /// The organization that the session is in, and what the user is there.
    fn active(&self) -> Option<&Belonging> {
        let id = self.session.organization?;
        self.belongings.iter().find(|belonging| belonging.organization.id == id)
    }
}

/// Checks a template.
///
/// # Errors
/// [`Problem::ClaimReserved`]; [`Problem::ParamInvalid`] that says what is wrong.
pub(super) fn check(claims: &Map<String, Value>) -> Result<(), Problem> {
    if json!(claims).to_string().len() > MOST_TEMPLATE {
        return Err(Problem::invalid("claims", "may have at most 8192 bytes"));
    }
    if let Some(name) = claims.keys().find(|name| RESERVED.contains(&name.as_str())) {
        return Err(Problem::ClaimReserved(name.clone()));
    }
    claims.iter().try_for_each(|(name, value)| check_entry(name, value, 1))
}

fn check_entry(name: &str, value: &Value, depth: usize) -> Result<(), Problem> {
    if name.is_empty() || name.len() > 256 || text::has_control(name) {
        return Err(Problem::invalid("claims", "must have names of 1 to 256 bytes without control characters"));
    }
    check_value(value, depth)
}

fn check_value(value: &Value, depth: usize) -> Result<(), Problem> {
    if depth > DEEPEST {
        return Err(Problem::invalid("claims", "may be at most 16 levels deep"));
    }
    match value {
        Value::String(text) => pieces(text).map(drop).map_err(|fault| Problem::invalid("claims", fault)),
        Value::Array(list) => list.iter().try_for_each(|value| check_value(value, depth + 1)),
        Value::Object(object) => object.iter().try_for_each(|(name, value)| check_entry(name, value, depth + 1)),
        _ => Ok(()),
    }
}

/// Fills a template in. What shortcodes give is counted while they give it, so that a short template that repeats much costs no more than one
/// that is refused for its length.
///
/// # Errors
/// [`Problem::TokenTooLarge`].
pub(super) fn render(claims: &Map<String, Value>, sources: &Sources<'_>) -> Result<Map<String, Value>, Problem> {
    let mut room = Room(MOST_CLAIMS);
    let filled = fill_all(claims, sources, &mut room)?;
    Room(MOST_CLAIMS).take(&filled)?;
    Ok(filled)
}

/// How many bytes of JSON may still come.
struct Room(usize);

impl Room {
    /// Measures a value without writing it anywhere; stops where there is no room left.
    fn take(&mut self, value: &impl serde::Serialize) -> Result<(), Problem> {
        serde_json::to_writer(self, value).map_err(|_| Problem::TokenTooLarge(MOST_CLAIMS))
    }
}

impl io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn fill_all(claims: &Map<String, Value>, sources: &Sources<'_>, room: &mut Room) -> Result<Map<String, Value>, Problem> {
    claims.iter().map(|(name, value)| Ok((name.clone(), fill(value, sources, room)?))).collect()
}

fn fill(value: &Value, sources: &Sources<'_>, room: &mut Room) -> Result<Value, Problem> {
    Ok(match value {
        Value::String(text) => fill_text(text, sources, room)?,
        Value::Array(list) => Value::Array(list.iter().map(|value| fill(value, sources, room)).collect::<Result<_, _>>()?),
        Value::Object(object) => Value::Object(fill_all(object, sources, room)?),
        other => other.clone(),
    })
}

fn fill_text(text: &str, sources: &Sources<'_>, room: &mut Room) -> Result<Value, Problem> {
    let Ok(pieces) = pieces(text) else { return Ok(Value::Null) };
    if let [Piece::Code(operands)] = pieces.as_slice() {
        return choose(operands, sources, room);
    }
    let mut out = String::with_capacity(text.len());
    for piece in &pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Code(operands) => match choose(operands, sources, room)? {
                Value::Null => {}
                Value::String(text) => out.push_str(&text),
                other => out.push_str(&other.to_string()),
            },
        }
    }
    Ok(Value::String(out))
}

/// The first operand that says something, else what the last one is.
fn choose(operands: &[Operand<'_>], sources: &Sources<'_>, room: &mut Room) -> Result<Value, Problem> {
    let mut value = Value::Null;
    for operand in operands {
        value = match operand {
            Operand::Literal(literal) => literal.clone(),
            Operand::Path(path) => look_up(path, sources),
        };
        let says_nothing = value.is_null() || value == Value::Bool(false) || value.as_str() == Some("");
        if !says_nothing {
            break;
        }
    }
    room.take(&value)?;
    Ok(value)
}

/// A piece of a text.
#[derive(Debug, PartialEq)]
enum Piece<'t> {
    Text(&'t str),
    Code(Vec<Operand<'t>>),
}

/// One side of a `||`.
#[derive(Debug, PartialEq)]
enum Operand<'t> {
    Path(Vec<&'t str>),
    Literal(Value),
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, code)) = rest.split_once("{{") {
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        let end = end_of_code(code).ok_or("holds a shortcode that is not closed by }}")?;
        pieces.push(Piece::Code(operands(&code[..end])?));
        rest = &code[end + 2..];
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// Where the closing braces stand that are in no quotes.
fn end_of_code(code: &str) -> Option<usize> {
    let bytes = code.as_bytes();
    let mut quote = None;
    for (index, byte) in bytes.iter().enumerate() {
        match (quote, byte) {
            (Some(open), byte) if open == *byte => quote = None,
            (None, b'\'' | b'"') => quote = Some(*byte),
            (None, b'}') if bytes.get(index + 1) == Some(&b'}') => return Some(index),
            _ => {}
        }
    }
    None
}

fn operands(code: &str) -> Result<Vec<Operand<'_>>, String> {
    let mut operands = Vec::new();
    let mut rest = code.trim();
    loop {
        let (operand, behind) = operand(rest)?;
        operands.push(operand);
        let behind = behind.trim_start();
        if behind.is_empty() {
            return Ok(operands);
        }
        rest = behind.strip_prefix("||").ok_or_else(|| format!("holds the shortcode {}, which cannot be read", clip(code)))?.trim_start();
    }
}

fn operand(text: &str) -> Result<(Operand<'_>, &str), String> {
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let (inside, behind) = text[1..].split_once(quote).ok_or("holds a text in a shortcode whose quotation mark is not closed")?;
        return Ok((Operand::Literal(Value::String(inside.to_owned())), behind));
    }
    let end = text.find(|c: char| c.is_whitespace() || c == '|').unwrap_or(text.len());
    let (word, behind) = text.split_at(end);
    if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') || matches!(word, "true" | "false" | "null") {
        let literal = serde_json::from_str(word).map_err(|_| format!("holds the shortcode value {}, which cannot be read", clip(word)))?;
        return Ok((Operand::Literal(literal), behind));
    }
    let path: Vec<&str> = word.split('.').collect();
    if is_known(&path) { Ok((Operand::Path(path), behind)) } else { Err(format!("holds the shortcode {}, which does not exist", clip(word))) }
}

fn clip(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// Whether a name means something. Below metadata every name does.
fn is_known(path: &[&str]) -> bool {
    let plain = |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if path.len() > LONGEST_PATH || !path.iter().all(plain) {
        return false;
    }
    match path {
        ["user", "public_metadata" | "unsafe_metadata", ..] | ["org" | "org_membership", "public_metadata", ..] | ["session", "actor", ..] => true,
        ["user", name] => USER.contains(name),
        ["org", name] => ORGANIZATION.contains(name),
        ["org_membership", name] => MEMBERSHIP.contains(name),
        _ => false,
    }
}

const USER: [&str; 21] = [
    "id",
    "first_name",
    "last_name",
    "full_name",
    "username",
    "external_id",
    "locale",
    "image_url",
    "profile_image_url",
    "has_image",
    "primary_email_address",
    "primary_phone_number",
    "primary_web3_wallet",
    "email_verified",
    "phone_number_verified",
    "two_factor_enabled",
    "created_at",
    "updated_at",
    "last_sign_in_at",
    "last_active_at",
    "organizations",
];
/// Of the active organization; nothing while there is none.
const ORGANIZATION: [&str; 6] = ["id", "name", "slug", "role", "image_url", "has_image"];
/// Of what the user is in it.
const MEMBERSHIP: [&str; 2] = ["role", "permissions"];

fn look_up(path: &[&str], sources: &Sources<'_>) -> Value {
    let user = sources.user;
    match path {
        ["user", "public_metadata", inner @ ..] => below(&Value::Object(user.public_metadata.0.clone()), inner),
        ["user", "unsafe_metadata", inner @ ..] => below(&Value::Object(user.unsafe_metadata.0.clone()), inner),
        ["session", "actor", inner @ ..] => sources.session.actor.as_ref().map_or(Value::Null, |actor| below(&Value::Object(actor.0.clone()), inner)),
        ["user", "organizations"] => {
            Value::Object(sources.belongings.iter().map(|belonging| (belonging.organization.id.to_string(), json!(belonging.role.key))).collect())
        }
        ["user", name] => of_user(name, user),
        ["org" | "org_membership", ..] => sources.active().map_or(Value::Null, |belonging| of_organization(path, belonging)),
        _ => Value::Null,
    }
}

fn of_organization(path: &[&str], Belonging { membership, organization, role }: &Belonging) -> Value {
    match path {
        ["org", "public_metadata", inner @ ..] => below(&Value::Object(organization.public_metadata.0.clone()), inner),
        ["org", "id"] => json!(organization.id),
        ["org", "name"] => json!(organization.name),
        ["org", "slug"] => json!(organization.slug),
        ["org", "image_url"] => json!(organization.image_url),
        ["org", "has_image"] => json!(organization.image.is_some()),
        ["org" | "org_membership", "role"] => json!(role.key),
        ["org_membership", "permissions"] => role.permissions.iter().map(|permission| json!(permission.key)).collect(),
        ["org_membership", "public_metadata", inner @ ..] => below(&Value::Object(membership.public_metadata.0.clone()), inner),
        _ => Value::Null,
    }
}

fn of_user(name: &str, user: &User) -> Value {
    let full_name = || {
        let names: Vec<&str> = [&user.first_name, &user.last_name].into_iter().flatten().map(String::as_str).collect();
        if names.is_empty() { Value::Null } else { Value::String(names.join(" ")) }
    };
    match name {
        "id" => json!(user.id),
        "first_name" => json!(user.first_name),
        "last_name" => json!(user.last_name),
        "full_name" => full_name(),
        "username" => json!(user.username()),
        "external_id" => json!(user.external_id),
        "locale" => json!(user.locale),
        "image_url" | "profile_image_url" => json!(user.image_url),
        "has_image" => json!(user.image.is_some()),
        "primary_email_address" => json!(user.primary_email().map(|email| &email.given)),
        "email_verified" => json!(user.primary_email().is_some_and(|email| email.verified_by.is_some())),
        "phone_number_verified" | "two_factor_enabled" => json!(false),
        "created_at" => json!(user.created_at),
        "updated_at" => json!(user.updated_at),
        "last_sign_in_at" => json!(user.last_sign_in_at),
        "last_active_at" => json!(user.last_active_at),
        _ => Value::Null,
    }
}

fn below(value: &Value, path: &[&str]) -> Value {
    let found = path.iter().try_fold(value, |value, name| match value {
        Value::Object(object) => object.get(*name),
        Value::Array(list) => list.get(name.parse::<usize>().ok()?),
        _ => None,
    });
    found.cloned().unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Result<usize, String> {
        pieces(text).map(|pieces| pieces.iter().filter(|piece| matches!(piece, Piece::Code(_))).count())
    }

    #[test]
    fn texts_are_read_for_shortcodes() {
        for (text, count) in [
            ("", 0),
            ("plain { text } and }}", 0),
            ("{{user.id}}", 1),
            ("{{ user.id }}", 1),
            ("Hello {{user.first_name}} {{user.last_name}}!", 2),
            ("{{user.public_metadata.a.b-c.0 || user.username || \"a }} b\" || 'x || y' || 7 || true || null}}", 1),
        ] {
            assert_eq!(codes(text), Ok(count), "{text}");
        }
    }

    /// CVE-2024-29892 is a claim that a template was not to set; these are shortcodes that are none.
    #[test]
    fn what_is_no_shortcode_is_refused() {
        for text in [
            "{{",
            "{{user.id",
            "{{}}",
            "{{ }}",
            "{{user}}",
            "{{user.password}}",
            "{{user.password_digest}}",
            "{{user.private_metadata}}",
            "{{user.private_metadata.x}}",
            "{{user.organizations.x}}",
            "{{org.private_metadata}}",
            "{{org_membership.private_metadata.x}}",
            "{{user.id.x}}",
            "{{user..id}}",
            "{{user.public_metadata.}}",
            "{{instance.secret_key}}",
            "{{env.HOME}}",
            "{{user.id || }}",
            "{{|| user.id}}",
            "{{user.id | user.username}}",
            "{{user.id user.username}}",
            "{{'open}}",
            "{{1x}}",
            "{{user.first_name()}}",
            "{{user.public_metadata[0]}}",
            "{{{user.id}}}",
            "{{{{user.id}}}}",
        ] {
            assert!(codes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn templates_have_bounds_and_reserved_names() {
        let checked = |value: Value| check(value.as_object().expect("an object"));
        for name in RESERVED {
            assert_eq!(checked(json!({ name: "x" })), Err(Problem::ClaimReserved(name.to_owned())));
        }
        assert_eq!(checked(json!({ "aud": "x", "role": "{{user.public_metadata.role || 'guest'}}", "nested": { "sub": "{{user.id}}" } })), Ok(()));
        assert!(checked(json!({ "x": "y".repeat(8_200) })).is_err());
        let deep = (0..17).fold(json!(1), |inner, _| json!({ "a": inner }));
        assert!(checked(deep).is_err());
        assert!(checked(json!({ "": 1 })).is_err());
    }

    /// What a shortcode gives is measured without a copy, and nothing is filled in any more where there is no room left.
    #[test]
    fn measuring_stops_where_the_room_ends() {
        let mut room = Room(10);
        assert_eq!(room.take(&json!("12345678")), Ok(()));
        assert_eq!(room.0, 0);
        assert_eq!(room.take(&json!(1)), Err(Problem::TokenTooLarge(MOST_CLAIMS)));
        let mut room = Room(1_000);
        assert!(room.take(&json!(vec!["x".repeat(600); 1_000])).is_err());
        assert!(room.0 < 1_000 && room.0 > 300, "it stopped at the second: {}", room.0);
    }
}
