//! The system layer of the settings, as it stands in the tables `[settings]` and `[settings_rules]` of the file.
//!
//! A key is its dotted name. TOML has two ways to write one, in one word (`"session.lifetime" = 600`) and as tables (`session.lifetime = 600`,
//! `[settings.session]`); both mean the same in both tables.

use super::file::Fault;
use domain::settings::{Document, above, schema};
use foundation::Problem;
use serde_json::{Map, Value};
use toml::Table;

/// Reads the layer.
///
/// # Errors
/// The key, and what is wrong with it.
pub(super) fn read(values: Option<Table>, rules: Option<Table>) -> Result<Document, Fault> {
    let mut tree = Map::new();
    spread(&json(values), "", &mut tree)?;
    let mut flat = Map::new();
    gather(&json(rules), "", &mut flat)?;
    let document = Document::read(&tree, &flat).map_err(fault)?;
    above::check_system(&document).map_err(fault)?;
    Ok(document)
}

fn json(table: Option<Table>) -> Map<String, Value> {
    serde_json::to_value(table.unwrap_or_default()).ok().and_then(|value| value.as_object().cloned()).unwrap_or_default()
}

/// Lays values into a tree, names of several steps too.
fn spread(values: &Map<String, Value>, path: &str, tree: &mut Map<String, Value>) -> Result<(), Fault> {
    for (name, value) in values {
        let path = joined(path, name);
        match value {
            Value::Object(inner) if schema::find(&path).is_none() => spread(inner, &path, tree)?,
            value => {
                if put(tree, &path, value.clone()).is_none() {
                    return Err(twice("settings", &path));
                }
            }
        }
    }
    Ok(())
}

fn put(tree: &mut Map<String, Value>, path: &str, value: Value) -> Option<()> {
    match path.split_once('.') {
        Some((step, rest)) => put(tree.entry(step).or_insert_with(|| Value::Object(Map::new())).as_object_mut()?, rest, value),
        None => tree.insert(path.to_owned(), value).is_none().then_some(()),
    }
}

/// Collects rules by the whole names of their keys.
fn gather(rules: &Map<String, Value>, path: &str, flat: &mut Map<String, Value>) -> Result<(), Fault> {
    for (name, rule) in rules {
        let path = joined(path, name);
        match rule {
            Value::Object(inner) if schema::find(&path).is_none() && schema::under(&path).next().is_some() => gather(inner, &path, flat)?,
            rule => {
                if flat.insert(path.clone(), rule.clone()).is_some() {
                    return Err(twice("settings_rules", &path));
                }
            }
        }
    }
    Ok(())
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn twice(table: &str, key: &str) -> Fault {
    Fault { key: format!("{table}.{key}"), why: "is said twice, as a word with dots and as a table: say it once".to_owned() }
}

/// What a layer refuses, as what is wrong with a key of the file.
fn fault(problem: Problem) -> Fault {
    let facts = problem.facts();
    let param = facts.param.as_deref().unwrap_or_default().to_owned();
    let key = match param.strip_prefix("rules.") {
        Some(rule) => format!("settings_rules.{rule}"),
        None => format!("settings.{param}"),
    };
    let why = match problem {
        Problem::ParamUnknown(_) => "is no setting: docs/settings.md names them all".to_owned(),
        Problem::ParamInvalid(_, why) => why.into_owned(),
        Problem::ParamFormat(_, what) => format!("must be {what}"),
        _ => format!("does not fit: {}", facts.long_message),
    };
    Fault { key, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(text: &str) -> Result<Document, Fault> {
        let mut table = text.parse::<Table>().expect("TOML");
        let mut take = |name: &str| table.remove(name).and_then(|value| value.as_table().cloned());
        read(take("settings"), take("settings_rules"))
    }

    #[test]
    fn a_key_may_be_one_word_or_tables() {
        let by_tables = layer("[settings.session]\nlifetime = 600\n[settings_rules.session]\nlifetime = { max = 900 }\n").expect("tables");
        let spellings = [
            "[settings]\n\"session.lifetime\" = 600\n[settings_rules]\n\"session.lifetime\" = { max = 900 }\n",
            "[settings]\nsession.lifetime = 600\n[settings_rules]\nsession.lifetime = { max = 900 }\n",
            "[settings]\nsession = { lifetime = 600 }\n[settings_rules]\nsession.lifetime.max = 900\n",
        ];
        for text in spellings {
            assert!(layer(text).expect(text) == by_tables, "{text}");
        }
        assert_eq!((by_tables.values.len(), by_tables.rules.len()), (1, 1));
    }

    #[test]
    fn what_does_not_fit_is_named_as_it_stands_in_the_file() {
        for (text, key) in [
            ("[settings]\n\"sesion.lifetime\" = 600\n", "settings.sesion"),
            ("[settings]\n\"session.lifetime\" = 1\n", "settings.session.lifetime"),
            ("[settings]\n\"session.lifetime\" = 600\nsession.lifetime = 600\n", "settings.session.lifetime"),
            ("[settings]\ndevelopment_origin = \"javascript:alert(1)\"\n", "settings.development_origin"),
            ("[settings_rules]\nsession.livetime = { max = 900 }\n", "settings_rules.session.livetime"),
            ("[settings_rules]\nsession.lifetime = { maximum = 900 }\n", "settings_rules.session.lifetime"),
            ("[settings_rules]\n\"session.lifetime\" = { max = 900 }\nsession.lifetime = { max = 900 }\n", "settings_rules.session.lifetime"),
        ] {
            assert_eq!(layer(text).expect_err(text).key, key, "{text}");
        }
    }
}
