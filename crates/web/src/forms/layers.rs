//! What a layer of settings above the instances is given, and whether it is only to be tried.

use crate::input::Input;
use domain::settings::{Change, Expected, Extent, Run, above::Wanted};
use foundation::Problem;

/// Reads `settings` and `rules` of the blueprint or a plan.
///
/// # Errors
/// [`Problem::ParamFormat`]; what [`Change::read`] refuses.
pub fn layer_change(input: &Input, extent: Extent, expected: Expected, run: Run) -> Result<Wanted, Problem> {
    let change = Change::read(&input.object("settings")?.unwrap_or_default(), &input.object("rules")?.unwrap_or_default())?;
    Ok(Wanted { change, extent, expected, run })
}

/// Whether the change is only tried, by the query's `dry_run`.
///
/// # Errors
/// [`Problem::ParamFormat`], also where it has no value: a real change is not to be had by a slip.
pub fn run(query: &Input) -> Result<Run, Problem> {
    Ok(if query.switch("dry_run")? == Some(true) { Run::Dry } else { Run::Real })
}
