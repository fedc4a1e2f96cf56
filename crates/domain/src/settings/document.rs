//! A layer's document: what it sets, and its rules for the layers below.

use super::{
    rules::Rule,
    schema::{self, Key},
};
use foundation::Problem;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The most bytes of a layer's document.
const LARGEST: usize = 262_144;

/// A layer's document, by keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// The values that the layer sets.
    pub values: BTreeMap<String, Value>,
    /// Its rules.
    pub rules: BTreeMap<String, Rule>,
}

/// A change of a document: what is to be set, and with `None` what is to be taken away.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Values.
    pub values: BTreeMap<String, Option<Value>>,
    /// Rules.
    pub rules: BTreeMap<String, Option<Rule>>,
}

impl Change {
    /// Reads a change: a tree of values, where `null` takes a key or a whole section away, and rules by key.
    ///
    /// # Errors
    /// [`Problem::ParamUnknown`], [`Problem::ParamInvalid`]: the key is named.
    pub fn read(values: &Map<String, Value>, rules: &Map<String, Value>) -> Result<Change, Problem> {
        let mut change = Change::default();
        let mut found = Vec::new();
        flatten(values, "", &mut found)?;
        for (key, value) in found {
            if let Some(value) = value {
                key.check(value)?;
            }
            change.values.insert(key.name.clone(), value.cloned());
        }
        for (name, rule) in rules {
            let key = schema::find(name).ok_or_else(|| Problem::ParamUnknown(clip(&format!("rules.{name}"))))?;
            let rule = if rule.is_null() { None } else { Some(Rule::read(key, rule)?) };
            change.rules.insert(name.clone(), rule);
        }
        Ok(change)
    }

    /// All keys that it touches.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> {
        schema::keys().iter().filter(|key| self.touches(key))
    }

    /// Whether it touches a key.
    pub fn touches(&self, key: &Key) -> bool {
        self.values.contains_key(&key.name) || self.rules.contains_key(&key.name)
    }
}

impl Document {
    /// Reads a whole document.
    ///
    /// # Errors
    /// As [`Change::read`].
    pub fn read(values: &Map<String, Value>, rules: &Map<String, Value>) -> Result<Document, Problem> {
        let mut document = Document::default();
        document.apply(&Change::read(values, rules)?)?;
        Ok(document)
    }

    /// Recalls a stored document. What this program does not know or cannot use is passed over, so that a document never stands in the way
    /// of reading.
    pub fn recall(values: &Map<String, Value>, rules: &Map<String, Value>) -> Document {
        let mut document = Document::default();
        walk(values, "", &mut |name, value| {
            if let Some(key) = schema::find(name)
                && key.check(value).is_ok()
            {
                document.values.insert(name.to_owned(), value.clone());
                return true;
            }
            schema::find(name).is_some()
        });
        for (name, rule) in rules {
            if let Some(Ok(rule)) = schema::find(name).map(|key| Rule::read(key, rule)) {
                document.rules.insert(name.clone(), rule);
            }
        }
        document
    }

    /// Applies a change.
    ///
    /// # Errors
    /// [`Problem::ParamInvalid`] on `settings` where the document would become too large.
    pub fn apply(&mut self, change: &Change) -> Result<(), Problem> {
        for (name, value) in &change.values {
            match value {
                Some(value) => self.values.insert(name.clone(), value.clone()),
                None => self.values.remove(name),
            };
        }
        for (name, rule) in &change.rules {
            match rule {
                Some(rule) => self.rules.insert(name.clone(), rule.clone()),
                None => self.rules.remove(name),
            };
        }
        let size = self.tree().values().map(|v| v.to_string().len()).sum::<usize>() + self.rule_map().values().map(|v| v.to_string().len()).sum::<usize>();
        if size > LARGEST { Err(Problem::invalid("settings", format!("may have at most {LARGEST} bytes"))) } else { Ok(()) }
    }

    /// The values as a tree, as they are stored.
    pub fn tree(&self) -> Map<String, Value> {
        nest(self.values.iter().map(|(name, value)| (name.as_str(), value.clone())))
    }

    /// The values as a tree, as they are shown: without secrets.
    pub fn shown(&self) -> Map<String, Value> {
        let open = self.values.iter().filter(|(name, _)| schema::find(name).is_some_and(|key| !key.secret));
        nest(open.map(|(name, value)| (name.as_str(), value.clone())))
    }

    /// The rules by key.
    pub fn rule_map(&self) -> Map<String, Value> {
        self.rules.iter().map(|(name, rule)| (name.clone(), serde_json::to_value(rule).unwrap_or_default())).collect()
    }
}

/// What differs between two documents, for the record: each key and rule before and after, of secrets only that they changed.
pub fn difference(before: &Document, after: &Document) -> Value {
    let mut settings = Map::new();
    for key in schema::keys() {
        let (old, new) = (before.values.get(&key.name), after.values.get(&key.name));
        if old != new {
            let told = if key.secret { json!("changed") } else { json!({ "before": old, "after": new }) };
            settings.insert(key.name.clone(), told);
        }
    }
    let mut rules = Map::new();
    for key in schema::keys() {
        let (old, new) = (before.rules.get(&key.name), after.rules.get(&key.name));
        if old != new {
            rules.insert(key.name.clone(), json!({ "before": old, "after": new }));
        }
    }
    json!({ "settings": settings, "rules": rules })
}

/// Values by dotted names as a tree.
pub fn nest<'a>(values: impl Iterator<Item = (&'a str, Value)>) -> Map<String, Value> {
    let mut tree = Map::new();
    for (name, value) in values {
        let mut place = &mut tree;
        let mut steps = name.split('.').peekable();
        while let Some(step) = steps.next() {
            if steps.peek().is_none() {
                place.insert(step.to_owned(), value);
                break;
            }
            let section = place.entry(step).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(inner) = section else { break };
            place = inner;
        }
    }
    tree
}

/// Finds every key in a tree of values, with no value for what is `null`.
fn flatten<'a>(tree: &'a Map<String, Value>, path: &str, found: &mut Vec<(&'static Key, Option<&'a Value>)>) -> Result<(), Problem> {
    for (step, value) in tree {
        let name = if path.is_empty() { step.clone() } else { format!("{path}.{step}") };
        if step.contains('.') {
            return Err(Problem::ParamUnknown(clip(&name)));
        }
        match (schema::find(&name), value) {
            (Some(key), Value::Null) => found.push((key, None)),
            (Some(key), value) => found.push((key, Some(value))),
            (None, _) if schema::under(&name).next().is_none() => return Err(Problem::ParamUnknown(clip(&name))),
            (None, Value::Null) => found.extend(schema::under(&name).map(|key| (key, None))),
            (None, Value::Object(section)) => flatten(section, &name, found)?,
            (None, _) => return Err(Problem::invalid(clip(&name), "must be an object")),
        }
    }
    Ok(())
}

/// Calls `each` for every value of a tree from the top down, until it says that it has taken one.
fn walk(tree: &Map<String, Value>, path: &str, each: &mut dyn FnMut(&str, &Value) -> bool) {
    for (name, value) in tree {
        let name = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if !each(&name, value)
            && let Value::Object(section) = value
        {
            walk(section, &name, each);
        }
    }
}

/// A name from outside, short enough to be shown again.
fn clip(name: &str) -> String {
    name.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn a_change_names_what_it_cannot_take() {
        let cases = [
            (json!({ "auth_pasword": {} }), json!({}), "auth_pasword"),
            (json!({ "auth_password": { "min": 9 } }), json!({}), "auth_password.min"),
            (json!({ "session": { "multi": "yes" } }), json!({}), "session.multi"),
            (json!({ "auth_password": { "min_length": 3 } }), json!({}), "auth_password.min_length"),
            (json!({ "auth_password": 3 }), json!({}), "auth_password"),
            (json!({ "__proto__": { "test_mode": false } }), json!({}), "__proto__"),
            (json!({ "session": { "constructor": { "prototype": 1 } } }), json!({}), "session.constructor"),
            (json!({ "session.multi": true }), json!({}), "session.multi"),
            (json!({ "": { "multi": true } }), json!({}), ""),
            (json!({}), json!({ "session": { "lock": true } }), "rules.session"),
            (json!({}), json!({ "__proto__": { "lock": true } }), "rules.__proto__"),
            (json!({}), json!({ "session.multi": {} }), "rules.session.multi"),
            (json!({}), json!({ "session.multi": { "lock": "yes" } }), "rules.session.multi"),
            (json!({}), json!({ "session.multi": { "min": 1 } }), "rules.session.multi"),
            (json!({}), json!({ "session.lifetime": { "min": 100, "max": 99 } }), "rules.session.lifetime"),
            (json!({}), json!({ "session.lifetime": { "min": 1 } }), "rules.session.lifetime"),
            (json!({}), json!({ "session.lifetime": { "allowed": ["100"] } }), "rules.session.lifetime"),
            (json!({}), json!({ "sign_up.mode": { "allowed": [] } }), "rules.sign_up.mode"),
            (json!({}), json!({ "sign_up.mode": { "allowed": ["closed"] } }), "rules.sign_up.mode"),
            (json!({}), json!({ "sign_up.mode": { "lock": true, "unlock": true } }), "rules.sign_up.mode"),
        ];
        for (values, rules, param) in cases {
            let outcome = Change::read(&map(values.clone()), &map(rules.clone()));
            let problem = outcome.expect_err("refused");
            assert_eq!(problem.facts().param.as_deref(), Some(param), "{values} {rules}");
        }
    }

    #[test]
    fn a_stored_document_never_stands_in_the_way() {
        let values = map(json!({ "gone": { "deep": 1 }, "session": { "multi": "yes", "lifetime": 120 }, "auth_username": "required" }));
        let rules = map(json!({ "gone.deep": { "lock": true }, "session.lifetime": { "max": 300 }, "test_mode": { "max": 1 } }));
        let document = Document::recall(&values, &rules);
        assert_eq!(document.tree(), map(json!({ "session": { "lifetime": 120 }, "auth_username": "required" })));
        assert_eq!(document.rule_map(), map(json!({ "session.lifetime": { "max": 300 } })));
    }

    #[test]
    fn trees_and_keys_are_two_forms_of_one_thing() {
        let tree = map(json!({ "session": { "lifetime": 120, "multi": true }, "allowed_origins": ["https://a.example"] }));
        let mut document = Document::read(&tree, &Map::new()).expect("a document");
        assert_eq!(document.tree(), tree);
        document.apply(&Change::read(&map(json!({ "session": null })), &Map::new()).expect("a change")).expect("applied");
        assert_eq!(document.tree(), map(json!({ "allowed_origins": ["https://a.example"] })));
    }
}
