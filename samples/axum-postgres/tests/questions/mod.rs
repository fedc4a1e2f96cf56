//! Questions by chance, from `samples/questions.json`.

use serde_json::Value;

/// Asks on and on. The same seed gives the same texts.
pub struct Questions {
    state: u64,
    victim: String,
    ids: Vec<String>,
    templates: Value,
    changes: Vec<String>,
}

impl Questions {
    /// About rows of somebody else's. `version` is PostgreSQL's.
    pub fn new(seed: u64, victim: &str, ids: Vec<String>, version: u32) -> Questions {
        let templates: Value = serde_json::from_str(include_str!("../../../questions.json")).expect("JSON");
        let mut changes = texts(&templates["change"]);
        if version >= 150_000 {
            changes.extend(texts(&templates["change_from_15"]));
        }
        Questions { state: seed, victim: victim.to_owned(), ids, templates, changes }
    }

    /// The next one.
    pub fn next(&mut self) -> String {
        let (table, column) = [("notes", "body"), ("projects", "name")][self.below(2)];
        let list = if self.below(100) < 65 { texts(&self.templates["select"]) } else { self.changes.clone() };
        let conditions = texts(&self.templates["where"]);
        let (template, condition) = (list[self.below(list.len())].clone(), conditions[self.below(conditions.len())].clone());
        let mut text = template.replace("{where}", &condition).replace("{t}", table).replace("{text}", column);
        while text.contains("{id}") {
            let place = self.below(self.ids.len());
            text = text.replacen("{id}", &format!("'{}'", self.ids[place]), 1);
        }
        text.replace("{victim}", &format!("'{}'", self.victim)).replace("{n}", &self.below(20).to_string())
    }

    fn below(&mut self, most: usize) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.state >> 33).expect("31 bits") % most
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().expect("a list").iter().map(|text| text.as_str().expect("text").to_owned()).collect()
}
