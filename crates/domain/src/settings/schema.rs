//! The JSON Schema of the tree, made from its types, doc comments, defaults and marks.

use super::Settings;
use schemars::generate::SchemaSettings;
use serde_json::Value;
use std::sync::LazyLock;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let generator = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true).into_generator();
    generator.into_root_schema_for::<Settings>().to_value()
});

/// The schema of a whole document, without references.
pub fn schema() -> &'static Value {
    &SCHEMA
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
