//! Settings as they are shown.

use crate::{
    plans::Plan,
    settings::{
        Run,
        above::{Applied, Stored},
        instance::Changed,
        resolve::{Effective, Resolved, Why},
        rules::Bound,
    },
};
use foundation::WorkspaceId;
use serde_json::{Map, Value, json};

/// Every key: its value, the layer whose word it is, who locks and bounds it, and what does not count.
pub fn effective_settings((resolved, version): &(Resolved, i64)) -> Value {
    let keys: Map<String, Value> = resolved.keys.iter().map(|effective| (effective.key.name.clone(), explained(effective))).collect();
    json!({ "object": "effective_settings", "config_version": version.to_string(), "settings": keys })
}

fn explained(effective: &Effective) -> Value {
    let open = |value: &Value| if effective.key.secret { Value::Null } else { value.clone() };
    let bounds: Vec<Value> = effective
        .bounds
        .0
        .iter()
        .map(|(layer, bound)| match bound {
            Bound::AtLeast(least) => json!({ "layer": layer.as_str(), "min": least }),
            Bound::AtMost(most) => json!({ "layer": layer.as_str(), "max": most }),
            Bound::OneOf(words) => json!({ "layer": layer.as_str(), "allowed": words }),
            Bound::Only(only) => json!({ "layer": layer.as_str(), "only": open(only) }),
        })
        .collect();
    let left_out: Vec<Value> = effective
        .left_out
        .iter()
        .map(|out| {
            let (reason, held_by) = match out.why {
                Why::HeldBy(layer) => ("held", Some(layer.as_str())),
                Why::NotTheirs => ("not_for_organizations", None),
                Why::NotInLive => ("development_only", None),
                Why::Contradicts => ("contradiction", None),
            };
            json!({ "layer": out.layer.as_str(), "value": open(&out.value), "reason": reason, "held_by": held_by })
        })
        .collect();
    json!({
        "value": open(&effective.value),
        "source": effective.source.map_or("default", |layer| layer.as_str()),
        "locked_by": effective.locked_by.map(|layer| layer.as_str()),
        "bounds": bounds,
        "left_out": left_out,
    })
}

/// The configuration as it is.
pub fn config((resolved, version): &(Resolved, i64), sections: Option<&[String]>) -> Value {
    let mut body = resolved.shown(sections);
    body.insert("config_version".to_owned(), version.to_string().into());
    Value::Object(body)
}

/// What a change of the configuration has come to, in some sections.
pub fn changed_config(changed: &Changed, run: Run, sections: &[String]) -> Value {
    json!({
        "config_version": changed.version.to_string(),
        "dry_run": run == Run::Dry,
        "before": changed.before.shown(Some(sections)),
        "after": changed.after.shown(Some(sections)),
        "affected_users": changed.affected,
    })
}

/// A workspace's blueprint after a change; of a trial, which instances it would change.
pub fn changed_blueprint(workspace: WorkspaceId, applied: &Applied) -> Value {
    with_reach(blueprint(workspace, &applied.stored), applied)
}

/// A plan after a change; of a trial, which instances it would change.
pub fn changed_plan((changed, applied): &(Plan, Applied)) -> Value {
    with_reach(plan(changed), applied)
}

fn with_reach(mut body: Value, applied: &Applied) -> Value {
    if let Some(reach) = &applied.reach {
        body["dry_run"] = true.into();
        body["affected_instances"] = json!({ "changed": reach.changed, "looked_at": reach.looked_at, "complete": reach.complete });
    }
    body
}

/// A workspace's blueprint.
pub fn blueprint(workspace: WorkspaceId, stored: &Stored) -> Value {
    json!({
        "object": "blueprint",
        "workspace_id": workspace,
        "settings": stored.document.shown(),
        "rules": stored.document.rule_map(),
        "version": stored.version.to_string(),
        "updated_at": stored.updated_at,
    })
}

/// A plan.
pub fn plan(plan: &Plan) -> Value {
    let settings_updated = plan.settings.updated_at.unwrap_or(plan.updated_at);
    json!({
        "object": "plan",
        "id": plan.id,
        "name": plan.name,
        "slug": plan.slug,
        "settings": plan.settings.document.shown(),
        "rules": plan.settings.document.rule_map(),
        "version": plan.settings.version.to_string(),
        "created_at": plan.created_at,
        "updated_at": plan.updated_at.max(settings_updated),
    })
}
