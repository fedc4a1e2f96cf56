//! Settings: the blueprint, and the configuration of each instance.

use domain::{
    applications, bodies,
    keys::Scope,
    settings::{
        self, Expected, Extent,
        above::{self, Wanted},
        config::{self, Clearing, ConfigChange},
    },
};
use foundation::Problem;
use serde_json::{Map, Value};
use web::{Answer, IfMatch, Input, Place, PlatformCall, Query, forms};

/// The workspace's blueprint.
pub async fn blueprint(call: PlatformCall) -> Answer {
    let workspace = call.workspace();
    call.read(Scope::ApplicationsRead, |tx| Box::pin(above::blueprint(tx, workspace)), |stored| bodies::blueprint(workspace, stored)).await
}

/// Changes parts of the blueprint.
pub async fn update_blueprint(call: PlatformCall, Query(query): Query, IfMatch(expected): IfMatch, input: Input) -> Answer {
    change_blueprint(&call, forms::layer_change(&input, Extent::Parts, expected, forms::run(&query)?)?, &input).await
}

/// Replaces the blueprint.
pub async fn replace_blueprint(call: PlatformCall, Query(query): Query, IfMatch(expected): IfMatch, input: Input) -> Answer {
    change_blueprint(&call, forms::layer_change(&input, Extent::Whole, expected, forms::run(&query)?)?, &input).await
}

async fn change_blueprint(call: &PlatformCall, wanted: Wanted, input: &Input) -> Answer {
    input.only(&["settings", "rules"])?;
    let workspace = call.workspace();
    call.write_or_try(
        Scope::ApplicationsManage,
        wanted.run,
        |tx| Box::pin(above::change_blueprint(tx, workspace, &wanted)),
        |applied| bodies::changed_blueprint(workspace, applied),
    )
    .await
}

/// Every key of an instance's settings, with where it comes from and who holds it.
pub async fn effective(call: PlatformCall, place: Place) -> Answer {
    let workspace = call.workspace();
    call.read(Scope::ApplicationsRead, |tx| Box::pin(settings::explained_of(tx, workspace, place.application, place.which)), bodies::effective_settings).await
}

/// The configuration, or some keys of it.
pub async fn config(call: PlatformCall, place: Place, Query(query): Query) -> Answer {
    let sections = config::check_sections(query.texts("keys")?)?;
    let workspace = call.workspace();
    call.read(
        Scope::ApplicationsRead,
        |tx| Box::pin(settings::explained_of(tx, workspace, place.application, place.which)),
        |found| bodies::config(found, sections.as_deref()),
    )
    .await
}

/// The JSON Schema of the configuration, or of some keys of it.
pub async fn config_schema(call: PlatformCall, place: Place, Query(query): Query) -> Answer {
    let sections = config::check_sections(query.texts("keys")?)?;
    let workspace = call.workspace();
    call.read(
        Scope::ApplicationsRead,
        |tx| Box::pin(applications::instance(tx, workspace, place.application, place.which)),
        |_| config::schema_of(sections.as_deref()),
    )
    .await
}

/// Changes parts of the configuration.
pub async fn update_config(call: PlatformCall, place: Place, Query(query): Query, IfMatch(expected): IfMatch, input: Input) -> Answer {
    let sections = config::check_sections(query.texts("keys")?)?;
    change_config(&call, &place, sections, wanted(&query, Extent::Parts, expected, input)?).await
}

/// Replaces the configuration; every key must be there.
pub async fn replace_config(call: PlatformCall, place: Place, Query(query): Query, IfMatch(expected): IfMatch, input: Input) -> Answer {
    change_config(&call, &place, None, wanted(&query, Extent::Whole, expected, input)?).await
}

/// Without a list of sections, those that the change names are shown.
async fn change_config(call: &PlatformCall, place: &Place, sections: Option<Vec<String>>, wanted: ConfigChange) -> Answer {
    let sections = sections.unwrap_or_else(|| wanted.values.keys().cloned().collect());
    let workspace = call.workspace();
    call.write_or_try(
        Scope::ApplicationsManage,
        wanted.run,
        |tx| Box::pin(config::change_of(tx, workspace, place.application, place.which, &wanted)),
        |changed| bodies::changed_config(changed, wanted.run, &sections),
    )
    .await
}

fn wanted(query: &Input, extent: Extent, expected: Expected, input: Input) -> Result<ConfigChange, Problem> {
    let clearing = if query.switch("destructive")? == Some(true) { Clearing::Allowed } else { Clearing::Refused };
    let mut values: Map<String, Value> = input.document()?;
    let named = config::take_version(&mut values)?;
    Ok(ConfigChange { values, extent, clearing, run: forms::run(query)?, expected: [expected, named] })
}
