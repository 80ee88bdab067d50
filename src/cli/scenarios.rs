//! The scenarios of a library: read, and made to fit their runbooks. Rehearses none.

use super::failure::Failure;
use crate::drill::{Cast, Scenario, Team, read_scenario};
use crate::library::{Library, LibraryError};
use crate::runbook::Runbook;
use crate::text::Diagnostics;

/// The scenarios of a runbook, and all that is wrong with any of them as files.
///
/// # Errors
/// Where they cannot be listed or read.
pub fn scenarios(library: &Library, name: &str) -> Result<(Vec<Scenario>, Diagnostics), LibraryError> {
    let mut found = Diagnostics::new();
    let mut scenarios = Vec::new();
    for (stem, file) in library.scenarios(name)? {
        let (scenario, problems) = read_scenario(&file.source, &stem);
        found.extend(problems);
        scenarios.extend(scenario);
    }
    for other in scenarios.iter().filter(|scenario: &&Scenario| scenario.runbook.value != name) {
        let message = format!("this scenario lies in the folder of {name}");
        let mistake = found.error("RB602", &other.source, other.runbook.span, message);
        mistake.label("another runbook").help(format!("write `drill: {name}`, or move the file"));
    }
    Ok((scenarios, found))
}

/// Refuses scenarios in folders of runbooks that are not there: a runbook that was renamed must not lose its drills unnoticed.
///
/// # Errors
/// Each such scenario, with its place.
pub fn homeless(library: &Library, names: &[String]) -> Result<(), Diagnostics> {
    let mut found = Diagnostics::new();
    for name in library.drilled().iter().filter(|name| !names.contains(name)) {
        let files = library.scenarios(name).unwrap_or_default();
        for scenario in files.into_iter().filter_map(|(stem, file)| read_scenario(&file.source, &stem).0) {
            let mistake = found.error("RB602", &scenario.source, scenario.runbook.span, format!("there is no runbook {name}"));
            mistake.label("rehearses nothing").help(format!("rename the folder drills/{name}, or remove it"));
        }
    }
    if found.has_errors() { Err(found) } else { Ok(()) }
}

/// A scenario with its runbook, ready to be rehearsed; or all that does not fit.
///
/// # Errors
/// Where a file that the runbook uses cannot be read.
pub fn cast(library: &Library, runbook: &Runbook, scenario: Scenario) -> Result<Result<Cast, Diagnostics>, Failure> {
    let team = Team { inventory: &library.inventory, policy: &library.policy };
    let shelf = super::shelf::from_library(library, runbook)?.shelf;
    Ok(Cast::new(scenario, runbook.clone(), &team, shelf))
}
