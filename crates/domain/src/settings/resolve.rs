//! Laying the layers over each other: what each key is in the end, where it comes from, and who holds it.
//!
//! Nothing here reads a database or fails: whatever is stored, there is a tree.

use super::{
    Layer, Settings,
    document::{Document, nest},
    rules::Bounds,
    schema::{self, Key},
};
use crate::instances::Environment;
use foundation::Problem;
use serde_json::{Map, Value};

/// The layers that hold in one place, the widest first.
pub type Layers = Vec<(Layer, Document)>;

/// A key as it is in the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    /// Which key.
    pub key: &'static Key,
    /// Its value.
    pub value: Value,
    /// The layer whose word it is: that set it, or whose rule brought it there. None: the default.
    pub source: Option<Layer>,
    /// The widest layer that locks it.
    pub locked_by: Option<Layer>,
    /// What the layers ask of it.
    pub bounds: Bounds,
    /// Values of layers that do not count.
    pub left_out: Vec<LeftOut>,
}

/// A layer's value that does not count, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    /// Whose it is.
    pub layer: Layer,
    /// What it would be.
    pub value: Value,
    /// Why it does not count.
    pub why: Why,
}

/// Why a layer's value does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A wider layer's rule stands against it.
    HeldBy(Layer),
    /// Organizations may not set the key.
    NotTheirs,
    /// The key is for development instances alone.
    NotInLive,
    /// Together with what wider layers say it makes no sense.
    Contradicts,
}

/// Everything that the layers come to.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The tree.
    pub settings: Settings,
    /// Each key, by name.
    pub keys: Vec<Effective>,
    /// What would be wrong with the tree if the contradictions counted.
    pub contradiction: Option<Problem>,
}

/// For which kind of instance the layers are laid; values and whole layers that are left out because they contradict what wider layers say.
struct Skipped {
    environment: Environment,
    values: Vec<(Layer, &'static str)>,
    layers: Vec<Layer>,
}

/// Lays the layers over each other, for an instance of that kind.
///
/// Where the outcome makes no sense as a whole ([`Settings::check`]), the narrowest layer gives way: first the one value without which
/// it makes sense, if there is one, else all of the layer; then the next wider layer.
pub fn resolve(layers: &Layers, environment: Environment) -> Resolved {
    let mut skipped = Skipped { environment, values: Vec::new(), layers: Vec::new() };
    let mut keys = settle_all(layers, &skipped);
    let (settings, contradiction) = match tree(&keys) {
        Ok(settings) => (settings, None),
        Err(problem) => {
            let settings = give_way(layers, &mut skipped, &mut keys);
            (settings, Some(problem))
        }
    };
    Resolved { settings, keys, contradiction }
}

fn give_way(layers: &Layers, skipped: &mut Skipped, keys: &mut Vec<Effective>) -> Settings {
    for (layer, document) in layers.iter().rev() {
        for name in document.values.keys() {
            let Some(key) = schema::find(name) else { continue };
            skipped.values.push((*layer, &key.name));
            *keys = settle_all(layers, skipped);
            if let Ok(settings) = tree(keys) {
                return settings;
            }
            skipped.values.pop();
        }
        skipped.layers.push(*layer);
        *keys = settle_all(layers, skipped);
        if let Ok(settings) = tree(keys) {
            return settings;
        }
    }
    tree(&settle_all(&Layers::new(), skipped)).unwrap_or_default()
}

/// The tree that the keys make, if it makes sense.
fn tree(keys: &[Effective]) -> Result<Settings, Problem> {
    let values = nest(keys.iter().map(|effective| (effective.key.name.as_str(), effective.value.clone())));
    let settings: Settings = serde_json::from_value(Value::Object(values)).map_err(|_| misshapen(keys))?;
    settings.check()?;
    Ok(settings)
}

/// Names the key whose value has parts of a wrong shape: one that is a whole of several parts, and so was not looked into before.
fn misshapen(keys: &[Effective]) -> Problem {
    let alone = |effective: &&Effective| nest(std::iter::once((effective.key.name.as_str(), effective.value.clone())));
    let found = keys.iter().find(|effective| serde_json::from_value::<Settings>(Value::Object(alone(effective))).is_err());
    let why = "has a part that is unknown or of the wrong kind: the schema of the settings says what it holds";
    Problem::invalid(found.map_or_else(|| "settings".to_owned(), |effective| effective.key.name.clone()), why)
}

fn settle_all(layers: &Layers, skipped: &Skipped) -> Vec<Effective> {
    schema::keys().iter().map(|key| settle(key, layers, skipped)).collect()
}

/// What a key comes to, from the widest layer down.
fn settle(key: &'static Key, layers: &Layers, skipped: &Skipped) -> Effective {
    let mut now =
        Effective { key, value: key.default_in(skipped.environment).clone(), source: None, locked_by: None, bounds: Bounds::default(), left_out: Vec::new() };
    for (layer, document) in layers {
        let whole = skipped.layers.contains(layer);
        if let Some(value) = document.values.get(&key.name) {
            let contradicts = whole || skipped.values.contains(&(*layer, key.name.as_str()));
            now.lay(*layer, value, contradicts, skipped.environment);
        }
        if let Some(rule) = document.rules.get(&key.name).filter(|_| !whole) {
            let value = now.bounds.add(key, *layer, rule, &now.value);
            if value != now.value {
                (now.value, now.source) = (value, Some(*layer));
            }
            if rule.lock {
                now.locked_by = now.locked_by.or(Some(*layer));
            }
        }
    }
    now
}

impl Effective {
    /// A layer's value comes over what wider layers say.
    fn lay(&mut self, layer: Layer, value: &Value, contradicts: bool, environment: Environment) {
        let why = if contradicts {
            Why::Contradicts
        } else if !self.key.is_for(layer) {
            Why::NotTheirs
        } else if !self.key.is_said_in(environment) {
            Why::NotInLive
        } else if let Some((holder, _)) = self.bounds.against(self.key, value) {
            Why::HeldBy(*holder)
        } else {
            (self.value, self.source) = (value.clone(), Some(layer));
            return;
        };
        self.left_out.push(LeftOut { layer, value: value.clone(), why });
        if let Why::HeldBy(holder) = why
            && let Some(nearest) = self.bounds.clamp(self.key, value)
        {
            (self.value, self.source) = (nearest, Some(holder));
        }
    }
}

/// Checks that a document may stand under these wider layers, in the keys that a change touches; `before` is what stood there. A layer that both kinds
/// of instances are below must fit both.
///
/// # Errors
/// [`Problem::SettingHeld`] where it would pass a wider layer's rule; [`Problem::ParamInvalid`] where the tree would make no sense.
pub fn permit(below: &[Environment], wider: &Layers, layer: Layer, [before, after]: [&Document; 2], changed: &[&'static Key]) -> Result<(), Problem> {
    below.iter().try_for_each(|environment| permit_in(*environment, wider, layer, [before, after], changed))
}

fn permit_in(environment: Environment, wider: &Layers, layer: Layer, [before, after]: [&Document; 2], changed: &[&'static Key]) -> Result<(), Problem> {
    for key in changed.iter().copied() {
        let bounds = match key.is_said_in(environment) {
            true => settle(key, wider, &Skipped { environment, values: Vec::new(), layers: Vec::new() }).bounds,
            false => Bounds::default(),
        };
        let held = |value: &Value| match bounds.against(key, value) {
            Some((holder, bound)) => Err(Problem::SettingHeld(key.name.clone(), holder.as_str(), bound.sentence())),
            None => Ok(()),
        };
        if let Some(value) = after.values.get(&key.name) {
            if !key.is_for(layer) {
                let why = if layer == Layer::Organization { "cannot be set by an organization" } else { "can be set by an instance alone" };
                return Err(Problem::invalid(key.name.clone(), why));
            }
            held(value)?;
        }
        if let Some(rule) = after.rules.get(&key.name) {
            rule.corners(key).iter().try_for_each(held)?;
            let mut own = bounds.clone();
            let free = super::rules::Rule { lock: false, ..rule.clone() };
            own.add(key, layer, &free, key.default_in(environment));
            if let Some((_, bound)) = after.values.get(&key.name).and_then(|value| own.against(key, value)) {
                return Err(Problem::invalid(key.name.clone(), format!("{} by the rule beside it", bound.sentence())));
            }
        }
    }
    let with = |document: &Document| {
        let mut layers = wider.clone();
        layers.push((layer, document.clone()));
        resolve(&layers, environment)
    };
    let (old, new) = (with(before), with(after));
    let grows = new.contradicting().any(|one| old.contradicting().all(|other| other != one));
    match new.contradiction {
        Some(problem) if grows || old.contradiction.is_none() => Err(problem),
        _ => Ok(()),
    }
}

impl Resolved {
    fn contradicting(&self) -> impl Iterator<Item = (&str, &LeftOut)> {
        let all = self.keys.iter().flat_map(|e| e.left_out.iter().map(|out| (e.key.name.as_str(), out)));
        all.filter(|(_, out)| out.why == Why::Contradicts)
    }

    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&Effective> {
        self.keys.iter().find(|effective| effective.key.name == name)
    }

    /// The values as a tree, without secrets: the sections that are asked for, or all.
    pub fn shown(&self, sections: Option<&[String]>) -> Map<String, Value> {
        let wanted = |name: &str| sections.is_none_or(|s| s.iter().any(|section| name.split('.').next() == Some(section)));
        let shown = self.keys.iter().filter(|e| !e.key.secret && wanted(&e.key.name));
        nest(shown.map(|e| (e.key.name.as_str(), e.value.clone())))
    }
}
