//! The layers against a recount that is written in another way: by sets of permitted values instead of bounds.

use super::{
    Layer, Settings,
    document::{Document, nest},
    resolve::{Layers, Why, permit, resolve},
    rules::Rule,
    schema::{self, Key, Kind, Tightens},
};
use crate::instances::Environment;
use foundation::{Problem, Random, random::Seeded};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const LAYERS: [Layer; 5] = [Layer::System, Layer::Blueprint, Layer::Plan, Layer::Instance, Layer::Organization];
const TREES: u64 = 1_000;
const ORIGINS: [&str; 3] = ["https://a.example", "https://b.example", "https://c.example"];
const TEXTS: [&str; 3] = ["a@x.example", "b@x.example", "c@x.example"];

/// Texts that fit the key.
fn texts(name: &str) -> [&'static str; 3] {
    match name {
        "display.primary_color" => ["#000000", "#ff8800", "#FFFFFF"],
        "display.logo_url" => ["https://a.example/1.png", "https://b.example/2.png", "https://c.example/3.png"],
        "development_origin" => ORIGINS,
        "clerk_js_version" => ["5", "6.1.0", "6.2.0-canary.1"],
        "messages.sender.local_part" => ["accounts", "no-reply", "hello"],
        _ => TEXTS,
    }
}

/// Both kinds of instances have their turns.
fn kind(seed: u64) -> Environment {
    if seed.is_multiple_of(2) { Environment::Production } else { Environment::Development }
}

/// A number below `below`.
fn draw(random: &mut Seeded, below: usize) -> usize {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    usize::try_from(u64::from_le_bytes(bytes) % below as u64).expect("a small number")
}

/// All values of a key that the trees are made of.
fn domain(key: &Key) -> Vec<Value> {
    match &key.kind {
        Kind::Flag => vec![json!(false), json!(true)],
        Kind::Number(least, most) => {
            let (least, most) = ((*least).max(0), (*most).min(1_000_000));
            let defaults = [&key.default, &key.development].map(|default| default.as_i64().unwrap_or(least));
            let mut numbers = vec![least, least + 1, defaults[0], defaults[1], i64::midpoint(least, most), most - 1, most];
            numbers.sort_unstable();
            numbers.dedup();
            numbers.into_iter().filter(|n| key.check(&json!(n)).is_ok()).map(Value::from).collect()
        }
        Kind::Word(words) => words.iter().cloned().map(Value::from).collect(),
        Kind::Text => texts(&key.name).iter().map(|text| json!(text)).collect(),
        Kind::List(words) => {
            let entries: Vec<Value> = if words.is_empty() { ORIGINS.map(Value::from).into() } else { words.iter().take(3).cloned().map(Value::from).collect() };
            (0..1_u32 << entries.len()).map(|set| entries.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1).map(|(_, e)| e.clone()).collect()).collect()
        }
        Kind::Other => Vec::new(),
    }
}

fn draw_rule(random: &mut Seeded, key: &Key, domain: &[Value]) -> Option<Rule> {
    let mut rule = Rule { lock: draw(random, 2) == 0, ..Rule::default() };
    // What stands for no limit is no bound.
    let number = |random: &mut Seeded| Some(&domain[draw(random, domain.len())]).filter(|v| key.endless.as_ref() != Some(*v)).and_then(Value::as_i64);
    match key.kind {
        Kind::Number(..) if draw(random, 3) > 0 => {
            let (one, two) = (number(random)?, number(random)?);
            rule.min = (draw(random, 2) == 0).then_some(one.min(two));
            rule.max = (draw(random, 2) == 0).then_some(one.max(two));
        }
        Kind::Word(_) | Kind::Text if draw(random, 2) == 0 => {
            let words: Vec<String> = domain.iter().filter_map(Value::as_str).filter(|_| draw(random, 2) == 0).map(str::to_owned).collect();
            rule.allowed = (!words.is_empty()).then_some(words);
        }
        Kind::List(_) if draw(random, 2) == 0 => {
            let entries = domain[draw(random, domain.len())].as_array()?;
            rule.allowed = Some(entries.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        }
        _ => {}
    }
    (rule != Rule::default()).then_some(rule)
}

fn draw_layers(random: &mut Seeded) -> Layers {
    let odds = 2 + draw(random, 6);
    let mut layers = Layers::new();
    for layer in LAYERS {
        let mut document = Document::default();
        for key in schema::keys() {
            let domain = domain(key);
            if domain.is_empty() {
                continue;
            }
            if draw(random, odds) == 0 {
                document.values.insert(key.name.clone(), domain[draw(random, domain.len())].clone());
            }
            if draw(random, odds + 1) == 0
                && let Some(rule) = draw_rule(random, key, &domain)
            {
                document.rules.insert(key.name.clone(), rule);
            }
        }
        layers.push((layer, document));
    }
    layers
}

/// A set of values that a layer permits, out of all that there are.
struct Set {
    layer: Layer,
    values: Vec<Value>,
}

/// A key, recounted.
struct Recount {
    value: Value,
    source: Option<Layer>,
    locked_by: Option<Layer>,
    left_out: Vec<(Layer, Value, Why)>,
    sets: Vec<Set>,
    still: bool,
}

impl Recount {
    fn holder(&self, value: &Value) -> Option<Layer> {
        self.sets.iter().find(|set| !set.values.contains(value)).map(|set| set.layer)
    }

    fn possible(&self, all: &[Value]) -> Vec<Value> {
        all.iter().filter(|value| self.holder(value).is_none()).cloned().collect()
    }
}

fn nearest(key: &Key, possible: &[Value], wish: &Value) -> Option<Value> {
    let wish = size(key, wish)?;
    possible.iter().min_by_key(|value| size(key, value).map_or(i64::MAX, |n| (n - wish).abs())).cloned()
}

/// How large a number is; larger than all that the key can be where it stands for no limit.
fn size(key: &Key, value: &Value) -> Option<i64> {
    if key.endless.as_ref() == Some(value) { Some(1 << 60) } else { value.as_i64() }
}

/// The values that are as tight as this one, or tighter.
fn tighter(key: &Key, value: &Value, all: &[Value]) -> Vec<Value> {
    let place = |order: &[String], value: &Value| order.iter().position(|word| Some(word.as_str()) == value.as_str());
    let is = |other: &Value| match &key.tightens {
        Tightens::Still => other == value,
        Tightens::Up => other.as_i64() >= value.as_i64(),
        Tightens::Down => size(key, other) <= size(key, value),
        Tightens::On => other.as_bool() >= value.as_bool(),
        Tightens::Off => other.as_bool() <= value.as_bool(),
        Tightens::Fewer => other.as_array().expect("a list").iter().all(|entry| value.as_array().expect("a list").contains(entry)),
        Tightens::Along(order) => place(order, other) >= place(order, value),
    };
    // What is absent when it is locked stays absent, unless that means that there is no limit: then every number is tighter.
    let fits = |other: &Value| if value.is_null() && key.endless.is_none() { other.is_null() } else { is(other) };
    all.iter().filter(|other| fits(other)).cloned().collect()
}

/// Takes in a rule: each part of it is a set, which counts unless it would leave no value at all.
fn take_in(now: &mut Recount, key: &Key, layer: Layer, rule: &Rule, all: &[Value]) {
    let inside = |words: &[String], value: &Value| match value {
        Value::Array(list) => list.iter().all(|entry| words.iter().any(|word| entry == word)),
        Value::Null => true,
        value => words.iter().any(|word| value == word),
    };
    let parts: [Option<Vec<Value>>; 3] = [
        rule.min.map(|min| all.iter().filter(|v| size(key, v).is_none_or(|n| n >= min)).cloned().collect()),
        rule.max.map(|max| all.iter().filter(|v| size(key, v).is_none_or(|n| n <= max)).cloned().collect()),
        rule.allowed.as_ref().map(|words| all.iter().filter(|v| inside(words, v)).cloned().collect()),
    ];
    for values in parts.into_iter().flatten() {
        let real = |value: &&Value| !value.is_null() || now.still;
        if now.possible(&values).iter().any(|value| real(&value)) {
            now.sets.push(Set { layer, values });
        }
    }
    if now.holder(&now.value).is_some() {
        let possible = now.possible(all);
        now.value = match (&key.kind, &rule.allowed) {
            (Kind::Number(..), _) => nearest(key, &possible, &now.value).expect("a number remains"),
            (Kind::List(_), _) => {
                let fits = |entry: &Value| now.holder(&json!([entry])).is_none();
                now.value.as_array().expect("a list").iter().filter(|entry| fits(entry)).cloned().collect()
            }
            (_, Some(words)) => words.iter().map(|word| json!(word)).find(|word| possible.contains(word)).expect("a word remains"),
            _ => unreachable!("only a list of words can stand against a word"),
        };
        now.source = Some(layer);
    }
    if rule.lock {
        let values = tighter(key, &now.value, all);
        now.still |= key.tightens == Tightens::Still || (now.value.is_null() && key.endless.is_none());
        now.sets.push(Set { layer, values });
        now.locked_by = now.locked_by.or(Some(layer));
    }
}

/// A key by recount, from the widest layer down.
fn recount(environment: Environment, key: &'static Key, layers: &Layers, gone: &[(Layer, String)]) -> Recount {
    let default = if environment == Environment::Development { &key.development } else { &key.default };
    let mut all = domain(key);
    if !all.contains(default) {
        all.push(default.clone());
    }
    let mut now = Recount { value: default.clone(), source: None, locked_by: None, left_out: Vec::new(), sets: Vec::new(), still: false };
    for (layer, document) in layers {
        if let Some(value) = document.values.get(&key.name) {
            if gone.contains(&(*layer, key.name.clone())) {
                now.left_out.push((*layer, value.clone(), Why::Contradicts));
            } else if !key.is_for(*layer) {
                now.left_out.push((*layer, value.clone(), Why::NotTheirs));
            } else if key.name == "test_mode" && environment == Environment::Production {
                now.left_out.push((*layer, value.clone(), Why::NotInLive));
            } else if let Some(holder) = now.holder(value) {
                now.left_out.push((*layer, value.clone(), Why::HeldBy(holder)));
                if matches!(key.kind, Kind::Number(..)) && !now.still {
                    now.value = nearest(key, &now.possible(&all), value).expect("a number remains");
                    now.source = Some(holder);
                }
            } else {
                (now.value, now.source) = (value.clone(), Some(*layer));
            }
        }
        if let Some(rule) = document.rules.get(&key.name) {
            take_in(&mut now, key, *layer, rule, &all);
        }
    }
    now
}

fn recount_all(environment: Environment, layers: &Layers, gone: &[(Layer, String)]) -> BTreeMap<&'static str, Recount> {
    schema::keys().iter().map(|key| (key.name.as_str(), recount(environment, key, layers, gone))).collect()
}

fn settings(counted: &BTreeMap<&'static str, Recount>) -> Option<Settings> {
    let tree = nest(counted.iter().map(|(name, now)| (*name, now.value.clone())));
    let settings: Settings = serde_json::from_value(Value::Object(tree)).ok()?;
    settings.check().is_ok().then_some(settings)
}

/// Recounts until the whole makes sense: one value of the narrowest layer goes, or all that the layer says, and so on upwards.
fn recount_sensible(environment: Environment, layers: &Layers) -> (BTreeMap<&'static str, Recount>, Settings) {
    let mut layers = layers.clone();
    let mut gone: Vec<(Layer, String)> = Vec::new();
    let first = recount_all(environment, &layers, &gone);
    if let Some(settings) = settings(&first) {
        return (first, settings);
    }
    for index in (0..layers.len()).rev() {
        let names: Vec<String> = layers[index].1.values.keys().cloned().collect();
        let layer = layers[index].0;
        for name in &names {
            let without: Vec<_> = gone.iter().cloned().chain([(layer, name.clone())]).collect();
            let counted = recount_all(environment, &layers, &without);
            if let Some(settings) = settings(&counted) {
                return (counted, settings);
            }
        }
        gone.extend(names.into_iter().map(|name| (layer, name)));
        layers[index].1.rules.clear();
        let counted = recount_all(environment, &layers, &gone);
        if let Some(settings) = settings(&counted) {
            return (counted, settings);
        }
    }
    unreachable!("the defaults make sense")
}

#[test]
fn a_thousand_random_trees_come_to_what_a_recount_comes_to() {
    let (mut held, mut contradicted, mut sources) = (0, 0, BTreeMap::new());
    for seed in 0..TREES {
        let layers = draw_layers(&mut Seeded::new(seed));
        let environment = kind(seed);
        let resolved = resolve(&layers, environment);
        let (counted, settings) = recount_sensible(environment, &layers);
        assert_eq!(resolved.settings, settings, "seed {seed}");
        contradicted += u32::from(resolved.contradiction.is_some());
        for effective in &resolved.keys {
            let (name, now) = (effective.key.name.as_str(), &counted[effective.key.name.as_str()]);
            assert_eq!(effective.value, now.value, "seed {seed}: {name}");
            assert_eq!(effective.source, now.source, "seed {seed}: whose word is {name}");
            assert_eq!(effective.locked_by, now.locked_by, "seed {seed}: who locks {name}");
            let left_out: Vec<_> = effective.left_out.iter().map(|out| (out.layer, out.value.clone(), out.why)).collect();
            assert_eq!(left_out, now.left_out, "seed {seed}: what of {name} does not count");
            held += left_out.iter().filter(|(_, _, why)| matches!(why, Why::HeldBy(_))).count();
            *sources.entry(effective.source.map(Layer::as_str)).or_insert(0) += 1;
            // Every value that the recount knows is permitted by both, or by neither.
            for value in domain(effective.key) {
                let against = effective.bounds.against(effective.key, &value).map(|(layer, _)| *layer);
                assert_eq!(against, now.holder(&value), "seed {seed}: who stands against {name} = {value}");
            }
        }
    }
    // The trees were worth it.
    assert!(held > 1_000 && contradicted > 50, "{held} values held, {contradicted} contradictions");
    assert_eq!(sources.len(), 6, "{sources:?}");
}

#[test]
fn a_write_is_refused_exactly_where_it_passes_a_bound() {
    let (mut refused, mut granted) = (0, 0);
    for seed in 0..TREES {
        let (mut random, environment) = (Seeded::new(seed + 1_000_000), kind(seed));
        let layers = draw_layers(&mut random);
        let place = 1 + draw(&mut random, LAYERS.len() - 1);
        let (wider, layer) = (layers[..place].to_vec(), LAYERS[place]);
        for _ in 0..8 {
            let key = &schema::keys()[draw(&mut random, schema::keys().len())];
            let domain = domain(key);
            if domain.is_empty() || !key.is_for(layer) {
                continue;
            }
            let value = domain[draw(&mut random, domain.len())].clone();
            let before = Document::default();
            let mut after = before.clone();
            after.values.insert(key.name.clone(), value.clone());
            let said = key.name != "test_mode" || environment == Environment::Development;
            let holder = recount(environment, key, &wider, &[]).holder(&value).filter(|_| said);
            match (permit(&[environment], &wider, layer, [&before, &after], &[key]), holder) {
                (Err(Problem::SettingHeld(name, named, _)), Some(holder)) => {
                    refused += 1;
                    assert_eq!((name.as_str(), named), (key.name.as_str(), holder.as_str()), "seed {seed}: {value}");
                }
                (Err(Problem::ParamInvalid(..)), None) | (Ok(()), None) => granted += 1,
                (outcome, holder) => panic!("seed {seed}: {} = {value} in the {layer} layer: {outcome:?}, held by {holder:?}", key.name),
            }
        }
    }
    assert!(refused > 500 && granted > 1_000, "{refused} refused, {granted} granted");
}

#[test]
fn an_organization_tightens_what_is_left_to_it_and_nothing_else() {
    let document = |values: Value, rules: Value| Document::read(values.as_object().expect("values"), rules.as_object().expect("rules")).expect("a document");
    let organization = document(json!({ "session": { "lifetime": 500, "multi": true }, "display": { "primary_color": "#123456" } }), json!({}));
    let instance = document(json!({ "session": { "lifetime": 900 } }), json!({ "session.lifetime": { "lock": true } }));
    let layers = vec![(Layer::Instance, instance.clone()), (Layer::Organization, organization)];
    let resolved = resolve(&layers, Environment::Production);
    assert_eq!((resolved.settings.session.lifetime, resolved.settings.session.multi), (500, false));
    assert_eq!(resolved.settings.display.primary_color.as_deref(), Some("#123456"));
    let multi = resolved.key("session.multi").expect("a key");
    assert_eq!((multi.source, multi.left_out[0].why), (None, Why::NotTheirs));

    let wider = vec![(Layer::Instance, instance)];
    let write = |values: Value| {
        let after = document(values, json!({}));
        let changed: Vec<_> = schema::keys().iter().filter(|key| after.values.contains_key(&key.name)).collect();
        permit(&[Environment::Production], &wider, Layer::Organization, [&Document::default(), &after], &changed)
    };
    assert!(write(json!({ "session": { "lifetime": 899 } })).is_ok());
    assert!(matches!(write(json!({ "session": { "lifetime": 901 } })), Err(Problem::SettingHeld(_, "instance", _))));
    assert!(matches!(write(json!({ "session": { "multi": true } })), Err(Problem::ParamInvalid(..))));
}

/// A session without a limit of inactivity is the loosest that there can be: a lock lets layers below set one, and a bound brings one.
#[test]
fn what_has_no_limit_is_looser_than_every_number() {
    let document = |values: Value, rules: Value| Document::read(values.as_object().expect("values"), rules.as_object().expect("rules")).expect("a document");
    let patience = |layers: &Layers| resolve(layers, Environment::Production).settings.session.inactivity;
    let write = |wider: &Layers, seconds: u64| {
        let after = document(json!({ "session": { "inactivity": seconds } }), json!({}));
        permit(&[Environment::Production], wider, Layer::Instance, [&Document::default(), &after], &[schema::find("session.inactivity").expect("a key")])
    };
    let below = |seconds: u64| (Layer::Instance, document(json!({ "session": { "inactivity": seconds } }), json!({})));

    let locked = vec![(Layer::Blueprint, document(json!({}), json!({ "session.inactivity": { "lock": true } })))];
    assert_eq!(patience(&locked), None);
    assert!(write(&locked, 3_600).is_ok(), "whatever is set is tighter");
    assert_eq!(patience(&[locked, vec![below(3_600)]].concat()), Some(3_600));

    let bounded = vec![(Layer::Blueprint, document(json!({}), json!({ "session.inactivity": { "max": 86_400 } })))];
    assert_eq!(patience(&bounded), Some(86_400), "nobody is without a limit where there is one");
    assert!(write(&bounded, 3_600).is_ok());
    assert!(matches!(write(&bounded, 86_401), Err(Problem::SettingHeld(..))));
    assert_eq!(patience(&[bounded, vec![below(90_000)]].concat()), Some(86_400));

    let least = vec![(Layer::Blueprint, document(json!({}), json!({ "session.inactivity": { "min": 3_600 } })))];
    assert_eq!(patience(&least), None, "no limit is above every least one");
    assert!(matches!(write(&least, 600), Err(Problem::SettingHeld(..))));

    let set = vec![(Layer::Blueprint, document(json!({ "session": { "inactivity": 7_200 } }), json!({ "session.inactivity": { "lock": true } })))];
    assert!(write(&set, 3_600).is_ok());
    assert!(matches!(write(&set, 7_201), Err(Problem::SettingHeld(..))));
}
