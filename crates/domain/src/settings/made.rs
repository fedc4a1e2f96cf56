//! Trees that were made from equal documents, kept once: most instances say nothing of their own, and have their neighbours' settings.

use super::{
    Allowances, Applied, Document, Settings,
    resolve::{self, Layers},
};
use crate::instances::Environment;
use aws_lc_rs::digest::{Context, SHA256};
use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
};

/// The hash of the documents of the layers, and of the kind of instance.
type Fingerprint = [u8; 32];

/// Trees that somebody still holds, by the documents that they were made from.
#[derive(Default)]
struct Made {
    trees: HashMap<Fingerprint, (Weak<Settings>, Allowances)>,
    /// How many entries there may be before those that nobody holds are thrown out.
    room: usize,
}

/// Entries that are kept without a look at who holds them.
const LEAST_ROOM: usize = 64;

static MADE: LazyLock<Mutex<Made>> = LazyLock::new(Mutex::default);

/// The tree of these layers: one that somebody holds already, or a new one.
pub(super) fn of(layers: &Layers, environment: Environment) -> Applied {
    let fingerprint = fingerprint(layers, environment);
    if let Some((settings, allowances)) = MADE.lock().unwrap_or_else(PoisonError::into_inner).trees.get(&fingerprint)
        && let Some(settings) = settings.upgrade()
    {
        return Applied { settings, allowances: allowances.clone() };
    }
    let resolved = resolve::resolve(layers, environment);
    let allowances = Allowances::of(&resolved);
    let settings = Arc::new(resolved.settings);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if made.trees.len() >= made.room.max(LEAST_ROOM) {
        made.trees.retain(|_, (tree, _)| tree.strong_count() > 0);
        made.room = made.trees.len() * 2;
    }
    made.trees.insert(fingerprint, (Arc::downgrade(&settings), allowances.clone()));
    Applied { settings, allowances }
}

/// The layers' names and all that their documents say. The maps are sorted, so equal documents have equal texts.
fn fingerprint(layers: &Layers, environment: Environment) -> Fingerprint {
    let mut context = Context::new(&SHA256);
    context.update(environment.as_str().as_bytes());
    for (layer, Document { values, rules }) in layers {
        for text in [format!("{layer:?}"), format!("{values:?}"), format!("{rules:?}")] {
            context.update(&text.len().to_le_bytes());
            context.update(text.as_bytes());
        }
    }
    let mut fingerprint = Fingerprint::default();
    fingerprint.copy_from_slice(context.finish().as_ref());
    fingerprint
}

#[cfg(test)]
mod tests {
    use super::{super::Layer, *};
    use serde_json::json;

    const LIVE: Environment = Environment::Production;

    fn layers(name: &str) -> Layers {
        let values = json!({"display": {"support_email": name}});
        vec![(Layer::System, Document::default()), (Layer::Instance, Document::recall(values.as_object().unwrap(), &serde_json::Map::new()))]
    }

    #[test]
    fn equal_documents_have_one_tree_and_others_another() {
        let one = of(&layers("a@one.test"), LIVE).settings;
        assert!(Arc::ptr_eq(&one, &of(&layers("a@one.test"), LIVE).settings));
        let other = of(&layers("b@one.test"), LIVE).settings;
        assert!(!Arc::ptr_eq(&one, &other));
        assert_ne!(*one, *other);
        let development = of(&layers("a@one.test"), Environment::Development).settings;
        assert_ne!(*one, *development, "other defaults hold there");
    }

    #[test]
    fn the_same_words_in_another_layer_are_another_tree() {
        let mut moved = layers("c@one.test");
        let kept = of(&moved, LIVE).settings;
        moved[1].0 = Layer::Blueprint;
        assert!(!Arc::ptr_eq(&kept, &of(&moved, LIVE).settings));
    }

    #[test]
    fn trees_that_nobody_holds_are_thrown_out() {
        for number in 0..1_000 {
            of(&layers(&format!("{number}@many.test")), LIVE);
        }
        assert!(MADE.lock().unwrap().trees.len() < 200);
    }
}
