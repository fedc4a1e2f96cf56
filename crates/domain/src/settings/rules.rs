//! What a layer allows the layers below it: locks and bounds.

use super::{
    Layer,
    schema::{Key, Kind, Tightens},
};
use foundation::Problem;
use serde::Serialize;
use serde_json::Value;

/// The most words that a rule may list.
const MOST_WORDS: usize = 100;

/// A rule of a layer about a key, for itself and for all layers below.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Rule {
    /// Whether the key stays as this layer leaves it. Below it may only move the way in which it tightens.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lock: bool,
    /// The least number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// The greatest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// The words that are possible; of a list, the entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Vec<String>>,
}

impl Rule {
    /// Reads a rule about a key.
    ///
    /// # Errors
    /// [`Problem::ParamInvalid`] that names `rules.<key>`.
    pub fn read(key: &Key, value: &Value) -> Result<Rule, Problem> {
        let fault = |why: String| Problem::invalid(format!("rules.{}", key.name), why);
        let rule = Rule::parse(value).map_err(fault)?;
        if !rule.lock && rule.min.is_none() && rule.max.is_none() && rule.allowed.is_none() {
            return Err(fault("must lock (\"lock\": true) or bound (min, max, allowed); null takes a rule away".to_owned()));
        }
        if (rule.min.is_some() || rule.max.is_some()) && !matches!(key.kind, Kind::Number(..)) {
            return Err(fault("can have min and max for a number only".to_owned()));
        }
        if rule.min.zip(rule.max).is_some_and(|(min, max)| min > max) {
            return Err(fault("has a min above its max".to_owned()));
        }
        if let Some(words) = &rule.allowed {
            if !matches!(key.kind, Kind::Word(_) | Kind::Text | Kind::List(_)) {
                return Err(fault("can list what is allowed for words, texts and lists only".to_owned()));
            }
            if words.len() > MOST_WORDS || (words.is_empty() && !matches!(key.kind, Kind::List(_))) {
                return Err(fault(format!("must allow 1 to {MOST_WORDS} values")));
            }
        }
        if [rule.min, rule.max].into_iter().flatten().any(|number| key.endless == Some(number.into())) {
            return Err(fault("cannot have 0 as min or max: it stands for no limit".to_owned()));
        }
        rule.corners(key).iter().try_for_each(|corner| key.check(corner)).map_err(|problem| match problem {
            Problem::ParamInvalid(_, why) => fault(format!("names a value that the key cannot have: it {why}")),
            other => other,
        })?;
        Ok(rule)
    }

    /// Reads the four names that a rule can have.
    fn parse(value: &Value) -> Result<Rule, String> {
        let Value::Object(fields) = value else { return Err("must be an object with lock, min, max or allowed".to_owned()) };
        let mut rule = Rule::default();
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            let number = || value.as_i64().map(Some).ok_or_else(|| format!("must have a whole number as {name}"));
            match name.as_str() {
                "lock" => rule.lock = value.as_bool().ok_or("must have true or false as lock")?,
                "min" => rule.min = number()?,
                "max" => rule.max = number()?,
                "allowed" => {
                    let words = value.as_array().and_then(|list| list.iter().map(|word| word.as_str().map(str::to_owned)).collect());
                    rule.allowed = Some(words.ok_or("must have a list of texts as allowed")?);
                }
                other => return Err(format!("has no {}: only lock, min, max and allowed", other.chars().take(64).collect::<String>())),
            }
        }
        Ok(rule)
    }

    /// The values that the rule names, as values of the key.
    pub fn corners(&self, key: &Key) -> Vec<Value> {
        let words = self.allowed.iter().flatten().map(|word| match key.kind {
            Kind::List(_) => Value::Array(vec![word.clone().into()]),
            _ => word.clone().into(),
        });
        self.min.into_iter().chain(self.max).map(Value::from).chain(words).collect()
    }
}

/// What a value must obey.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// Not below.
    AtLeast(i64),
    /// Not above. What has no limit is above every number.
    AtMost(i64),
    /// One of these; of a list, each entry.
    OneOf(Vec<String>),
    /// This and no other.
    Only(Value),
}

impl Bound {
    fn permits(&self, key: &Key, value: &Value) -> bool {
        match self {
            Bound::AtLeast(least) => key.measure(value).is_none_or(|n| n >= *least),
            Bound::AtMost(most) => key.measure(value).is_none_or(|n| n <= *most),
            Bound::OneOf(words) => match value {
                Value::String(word) => words.contains(word),
                Value::Array(list) => list.iter().all(|entry| entry.as_str().is_some_and(|word| words.iter().any(|w| w == word))),
                _ => true,
            },
            Bound::Only(only) => value == only,
        }
    }

    /// What it asks for, as part of a sentence about the key.
    pub fn sentence(&self) -> String {
        match self {
            Bound::AtLeast(least) => format!("must be at least {least}"),
            Bound::AtMost(most) => format!("must be at most {most}"),
            Bound::OneOf(words) if words.is_empty() => "must be empty".to_owned(),
            Bound::OneOf(words) => format!("must be one of {}", words.join(", ")),
            Bound::Only(_) => "is locked".to_owned(),
        }
    }
}

/// The bounds of a key that have come together on the way down, the widest layer's first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bounds(pub Vec<(Layer, Bound)>);

impl Bounds {
    /// The first bound that stands against a value of the key, and whose it is.
    pub fn against(&self, key: &Key, value: &Value) -> Option<&(Layer, Bound)> {
        self.0.iter().find(|(_, bound)| !bound.permits(key, value))
    }

    /// Adds a layer's rule to a key that stands at `value`; what the key is then. A bound that would leave nothing
    /// beside those of wider layers is passed over.
    pub fn add(&mut self, key: &Key, layer: Layer, rule: &Rule, value: &Value) -> Value {
        let named = [rule.min.map(Bound::AtLeast), rule.max.map(Bound::AtMost), rule.allowed.clone().map(Bound::OneOf)];
        for bound in named.into_iter().flatten() {
            if self.leaves_something(key, &bound) {
                self.0.push((layer, bound));
            }
        }
        let value = self.fit(key, value);
        if rule.lock
            && let Some(bound) = lock(key, &value)
        {
            self.0.push((layer, bound));
        }
        value
    }

    /// The nearest number within the bounds; nothing where the key is no number, or stands still.
    pub fn clamp(&self, key: &Key, value: &Value) -> Option<Value> {
        let still = self.0.iter().any(|(_, bound)| matches!(bound, Bound::Only(_)));
        let number = key.measure(value).filter(|_| !still && matches!(key.kind, Kind::Number(..)))?;
        let clamped = self.0.iter().fold(number, |n, (_, bound)| match bound {
            Bound::AtLeast(least) => n.max(*least),
            Bound::AtMost(most) => n.min(*most),
            _ => n,
        });
        Some(key.unmeasure(clamped))
    }

    fn leaves_something(&self, key: &Key, new: &Bound) -> bool {
        let list = matches!(key.kind, Kind::List(_));
        self.0.iter().all(|(_, old)| match (old, new) {
            (Bound::AtMost(most), Bound::AtLeast(least)) | (Bound::AtLeast(least), Bound::AtMost(most)) => least <= most,
            (Bound::Only(only), new) => new.permits(key, only),
            _ => true,
        }) && match new {
            Bound::OneOf(words) if !list => words.iter().any(|word| self.against(key, &word.clone().into()).is_none()),
            _ => true,
        }
    }

    /// The value itself where the bounds permit it, else the nearest number, the first allowed word, the allowed entries.
    fn fit(&self, key: &Key, value: &Value) -> Value {
        if self.against(key, value).is_none() {
            return value.clone();
        }
        if let Some(clamped) = self.clamp(key, value) {
            return clamped;
        }
        if let Value::Array(list) = value {
            return list.iter().filter(|entry| self.against(key, &Value::Array(vec![(*entry).clone()])).is_none()).cloned().collect();
        }
        let newest = self.0.iter().rev().find_map(|(_, bound)| if let Bound::OneOf(words) = bound { Some(words) } else { None });
        let words = newest.into_iter().flatten().map(|word| Value::from(word.clone()));
        words.into_iter().find(|word| self.against(key, word).is_none()).unwrap_or_else(|| value.clone())
    }
}

/// What a lock means for a key that stands at this value; nothing where every other value would be tighter.
fn lock(key: &Key, value: &Value) -> Option<Bound> {
    match (&key.tightens, value) {
        (Tightens::Up, Value::Number(n)) => n.as_i64().map(Bound::AtLeast),
        (Tightens::Down, value) if key.endless.as_ref() == Some(value) => None,
        (Tightens::Down, Value::Number(n)) => n.as_i64().map(Bound::AtMost),
        (Tightens::On, Value::Bool(false)) | (Tightens::Off, Value::Bool(true)) => None,
        (Tightens::Fewer, Value::Array(list)) => Some(Bound::OneOf(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())),
        (Tightens::Along(order), Value::String(word)) if order.contains(word) => Some(Bound::OneOf(order.iter().skip_while(|w| *w != word).cloned().collect())),
        _ => Some(Bound::Only(value.clone())),
    }
}
