//! The tree described: its JSON Schema, made from its types, doc comments, defaults and marks, and the list of its keys.

use super::{Layer, Settings};
use crate::instances::Environment;
use foundation::Problem;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};
use std::sync::LazyLock;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let generator = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true).into_generator();
    generator.into_root_schema_for::<Settings>().to_value()
});

static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
    let mut keys = Vec::new();
    collect(schema(), &defaults, "", &mut keys);
    keys.sort_by(|a, b| a.name.cmp(&b.name));
    keys
});

/// The longest text of a key.
const LONGEST_TEXT: usize = 4_096;
/// The most entries of a list that says nothing itself.
const MOST_ENTRIES: usize = 500;
/// The most bytes of a value that has no simpler kind, as JSON.
const LARGEST_OTHER: usize = 65_536;

/// A key: a leaf of the tree, the smallest thing that a layer sets.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Its path, joined by dots.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// What holds in live instances where no layer says otherwise.
    pub default: Value,
    /// The same in development instances.
    pub development: Value,
    /// Whether layers have a say in live instances.
    pub live: bool,
    /// Which way it may still move once it is locked.
    pub tightens: Tightens,
    /// The most entries, if it is a list.
    pub most_entries: usize,
    /// The value that stands for no limit at all, looser than every number: absent, or 0.
    pub endless: Option<Value>,
    /// Whether organizations may set it.
    pub organization: bool,
    /// Whether nobody but an instance may set it.
    pub instance: bool,
    /// Whether it is taken and never shown.
    pub secret: bool,
}

/// What a key holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// True or false.
    Flag,
    /// A whole number in these bounds.
    Number(i64, i64),
    /// One of these words.
    Word(Vec<String>),
    /// Text.
    Text,
    /// Texts, each one of these if there are any.
    List(Vec<String>),
    /// Anything else: always a whole.
    Other,
}

/// Which way a locked key may still move.
#[derive(Clone, Debug, PartialEq)]
pub enum Tightens {
    /// None: it stands still.
    Still,
    /// A number may grow.
    Up,
    /// A number may shrink.
    Down,
    /// It may become true.
    On,
    /// It may become false.
    Off,
    /// A list may lose entries.
    Fewer,
    /// A word may be replaced by one further on in this list.
    Along(Vec<String>),
}

/// The schema of a whole document, without references.
pub fn schema() -> &'static Value {
    &SCHEMA
}

/// All keys, by name.
pub fn keys() -> &'static [Key] {
    &KEYS
}

/// The key of this name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.binary_search_by(|key| key.name.as_str().cmp(name)).ok().map(|index| &KEYS[index])
}

impl Key {
    /// What holds where no layer says otherwise.
    pub fn default_in(&self, environment: Environment) -> &Value {
        match environment {
            Environment::Development => &self.development,
            Environment::Production => &self.default,
        }
    }

    /// Whether layers have a say there.
    pub fn is_said_in(&self, environment: Environment) -> bool {
        self.live || environment == Environment::Development
    }

    /// Whether the layer may set it.
    pub fn is_for(&self, layer: Layer) -> bool {
        match layer {
            Layer::Organization => self.organization,
            Layer::Instance => true,
            Layer::System | Layer::Blueprint | Layer::Plan => !self.instance,
        }
    }
}

/// The keys that stand under this name: of a section all, of a key itself.
pub fn under(name: &str) -> impl Iterator<Item = &'static Key> + '_ {
    KEYS.iter().filter(move |key| key.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// The names on the highest level.
pub fn sections() -> impl Iterator<Item = &'static String> {
    SCHEMA["properties"].as_object().into_iter().flat_map(Map::keys)
}

fn collect(branch: &Value, defaults: &Value, path: &str, keys: &mut Vec<Key>) {
    for (name, property) in branch["properties"].as_object().into_iter().flatten() {
        let name = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let default = &defaults[name.rsplit('.').next().unwrap_or_default()];
        if property["properties"].is_object() {
            collect(property, default, &name, keys);
        } else {
            keys.push(Key {
                kind: kind(property),
                default: default.clone(),
                development: property.get("x-development").unwrap_or(default).clone(),
                live: property["x-live"] != false,
                tightens: tightens(&property["x-tightens"]),
                most_entries: property["maxItems"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(MOST_ENTRIES),
                endless: endless(property),
                organization: property["x-organization"] == true,
                instance: property["x-instance"] == true,
                secret: property["writeOnly"] == true,
                name,
            });
        }
    }
}

fn endless(property: &Value) -> Option<Value> {
    let is = |mark: &str| property[mark] == "unlimited";
    if is("x-absent") { Some(Value::Null) } else { is("x-zero").then(|| 0.into()) }
}

fn kind(property: &Value) -> Kind {
    // What can be absent is described as itself or null.
    if let Some(present) = property["anyOf"].as_array().and_then(|either| either.iter().find(|one| one["type"] != "null")) {
        return kind(present);
    }
    let is = |name: &str| property["type"] == name || property["type"].as_array().is_some_and(|types| types.iter().any(|t| t == name));
    let words = words(property);
    if !words.is_empty() {
        Kind::Word(words)
    } else if is("boolean") {
        Kind::Flag
    } else if is("integer") {
        Kind::Number(property["minimum"].as_i64().unwrap_or(i64::MIN), property["maximum"].as_i64().unwrap_or(i64::MAX))
    } else if is("string") {
        Kind::Text
    } else if is("array") && matches!(kind(&property["items"]), Kind::Text | Kind::Word(_)) {
        Kind::List(self::words(&property["items"]))
    } else {
        Kind::Other
    }
}

/// The words of an enumeration: a list of constants, or of schemas with a constant each.
fn words(property: &Value) -> Vec<String> {
    let named = property["oneOf"].as_array().into_iter().flatten().flat_map(|one| match &one["const"] {
        Value::String(word) => vec![word.clone()],
        _ => words(one),
    });
    let listed = property["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    named.chain(listed).collect()
}

fn tightens(mark: &Value) -> Tightens {
    match mark {
        Value::String(word) => match word.as_str() {
            "up" => Tightens::Up,
            "down" => Tightens::Down,
            "on" => Tightens::On,
            "off" => Tightens::Off,
            "fewer" => Tightens::Fewer,
            _ => Tightens::Still,
        },
        Value::Array(words) => Tightens::Along(words.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        _ => Tightens::Still,
    }
}

impl Key {
    /// How large a number is among those that the key can be: what has no limit is above all others. Nothing where the value is no number.
    pub fn measure(&self, value: &Value) -> Option<i64> {
        if self.endless.as_ref() == Some(value) { Some(i64::MAX) } else { value.as_i64() }
    }

    /// The value that is so large.
    pub fn unmeasure(&self, number: i64) -> Value {
        match &self.endless {
            Some(endless) if number == i64::MAX => endless.clone(),
            _ => number.into(),
        }
    }

    /// Checks that a value is of the key's kind, within its own bounds, and of a sensible size.
    ///
    /// # Errors
    /// [`Problem::ParamInvalid`] that names the key.
    pub fn check(&self, value: &Value) -> Result<(), Problem> {
        let long = |text: &str| text.len() > LONGEST_TEXT;
        let why = match (&self.kind, value) {
            (Kind::Flag, Value::Bool(_)) => return Ok(()),
            (Kind::Number(least, most), Value::Number(number)) if number.as_i64().is_some_and(|n| (*least..=*most).contains(&n)) => return Ok(()),
            (Kind::Word(words), Value::String(word)) if words.contains(word) => return Ok(()),
            (Kind::Text, Value::String(text)) if !long(text) => return Ok(()),
            (Kind::List(words), Value::Array(list)) => {
                let fits = |entry: &Value| entry.as_str().is_some_and(|text| !long(text) && (words.is_empty() || words.iter().any(|w| w == text)));
                if list.len() <= self.most_entries && list.iter().all(fits) {
                    return Ok(());
                }
                if list.len() > self.most_entries {
                    format!("may have at most {} entries", self.most_entries)
                } else if words.is_empty() {
                    "must be a list of texts".to_owned()
                } else {
                    format!("must be a list of {}", words.join(", "))
                }
            }
            (Kind::Other, value) if value.to_string().len() <= LARGEST_OTHER => return Ok(()),
            (Kind::Flag, _) => "must be true or false".to_owned(),
            (Kind::Number(least, most), _) if *least > i64::MIN && *most < i64::MAX => format!("must be a whole number from {least} to {most}"),
            (Kind::Number(..), _) => "must be a whole number".to_owned(),
            (Kind::Word(words), _) => format!("must be one of {}", words.join(", ")),
            (Kind::Text, _) => format!("must be text of at most {LONGEST_TEXT} bytes"),
            (Kind::List(_), _) => "must be a list of texts".to_owned(),
            (Kind::Other, _) => format!("must have at most {LARGEST_OTHER} bytes"),
        };
        Err(Problem::invalid(self.name.clone(), why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_key_is_described_and_has_its_default() {
        let properties = schema()["properties"].as_object().expect("properties");
        let defaults = serde_json::to_value(Settings::default()).expect("defaults");
        for (name, property) in properties {
            assert!(property["description"].is_string(), "{name} has no description");
            assert_eq!(property["default"], defaults[name], "{name}");
        }
        assert_eq!(properties.len(), defaults.as_object().expect("an object").len());
        assert!(!schema().to_string().contains("$ref"), "nobody has to follow references");
    }

    #[test]
    fn kinds_and_marks_are_read_from_the_types() {
        let key = |name| find(name).unwrap_or_else(|| panic!("no key {name}"));
        assert_eq!(key("auth_password.min_length").kind, Kind::Number(8, 128));
        assert_eq!(key("auth_password.min_length").tightens, Tightens::Up);
        assert_eq!(key("test_mode").kind, Kind::Flag);
        assert_eq!(key("auth_username").kind, Kind::Word(["off", "optional", "required"].map(str::to_owned).into()));
        assert_eq!(key("allowed_origins").kind, Kind::List(Vec::new()));
        assert_eq!(key("display.support_email").kind, Kind::Text);
        assert_eq!(key("cookieless_dev").kind, Kind::Flag);
        assert_eq!(key("sign_up.mode").tightens, Tightens::Along(["public", "restricted"].map(str::to_owned).into()));
        assert!(key("session.lifetime").organization && !key("session.multi").organization);
        assert!(under("session").count() >= 2 && under("session").all(|key| key.name.starts_with("session.")));
        assert_eq!((under("test_mode").count(), under("sess").count()), (1, 0));
        for key in keys() {
            for default in [&key.default, &key.development] {
                assert!(default.is_null() || key.check(default).is_ok(), "a default of {} does not fit", key.name);
            }
            let marked = match key.tightens {
                Tightens::Still => true,
                Tightens::Up | Tightens::Down => matches!(key.kind, Kind::Number(..)),
                Tightens::On | Tightens::Off => key.kind == Kind::Flag,
                Tightens::Fewer => matches!(key.kind, Kind::List(_)),
                Tightens::Along(ref order) => {
                    key.kind == Kind::Word(order.clone()) || matches!(&key.kind, Kind::Word(words) if order.iter().all(|w| words.contains(w)))
                }
            };
            assert!(marked, "{} cannot tighten that way", key.name);
        }
    }

    #[test]
    fn every_key_stands_in_the_documentation() {
        let text = include_str!("../../../../docs/settings.md");
        for key in keys() {
            let last = key.name.rsplit('.').next().unwrap_or_default();
            let named = text.contains(&format!("`{}`", key.name)) || text.contains(&format!("`.{last}`"));
            assert!(named, "docs/settings.md does not name {}", key.name);
        }
    }

    #[test]
    fn values_of_the_wrong_kind_are_refused_by_name() {
        let cases = [
            ("auth_password.min_length", vec![json!(7), json!(129), json!("9"), json!(9.5), json!(null), json!([9])]),
            ("test_mode", vec![json!(1), json!("true")]),
            ("auth_username", vec![json!("OFF"), json!("")]),
            ("allowed_origins", vec![json!("https://a.example"), json!([1]), json!(vec!["x"; 501])]),
            ("display.support_email", vec![json!(1), json!("x".repeat(4_097))]),
        ];
        for (name, values) in cases {
            for value in values {
                let problem = find(name).expect("a key").check(&value).expect_err("refused");
                assert_eq!(problem.facts().param.as_deref(), Some(name), "{value}");
            }
        }
    }
}
