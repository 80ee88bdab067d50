//! Before a run is gone on with, its record is judged as a stranger's would be: whoever can write to a folder can write lines. Never repairs anything.

use super::context::Context;
use super::failure::{Exit, Failure};
use super::past::Past;
use super::verify::audited;
use crate::audit::{Level, Problem, Severity};
use crate::engine::{State, is_as_rendered};
use crate::event::{Event, Head};
use crate::journal::RunFolder;
use crate::plan::Program;

/// Refuses a record that says of approvals, files or commands what they do not say themselves. `head` is where its journal was opened.
///
/// # Errors
/// With the line, and what is wrong with it.
pub fn proven(context: &Context, folder: &RunFolder, program: &Program, head: Head) -> Result<(), Failure> {
    let report = audited(context, folder, None)?;
    if report.head != head {
        return Err(refused("it changed while it was read"));
    }
    let against = report.levels.iter().find_map(|level| level.problem.as_ref().filter(|problem| counts(level.level, problem)));
    if let Some(Problem { line, what, .. }) = against {
        let place = line.map_or(String::new(), |line| format!("line {line}: "));
        return Err(refused(&format!("{place}{what}")));
    }
    as_rendered(&Past::read(folder.clone())?, program)
}

/// A runner that died between its seal and its last line is resumed: that alone is damage which does not count.
fn counts(level: Level, problem: &Problem) -> bool {
    level < Level::Anchored || problem.severity == Severity::Tampered
}

/// Every step that was prepared is the one that the run's own runbook gives.
fn as_rendered(past: &Past, program: &Program) -> Result<(), Failure> {
    let mut state = State::default();
    for entry in &past.entries {
        if let Event::StagePrepared { stage } = &entry.event
            && !is_as_rendered(program, &state, stage)
        {
            let step = &stage.step;
            return Err(refused(&format!("line {}: {step} is not prepared as the run's runbook says", entry.seq)));
        }
        state.after(entry.at, &entry.event).map_err(|illegal| refused(&format!("line {}: {illegal}", entry.seq)))?;
    }
    Ok(())
}

fn refused(why: &str) -> Failure {
    let remedy = "nothing was run; `runbook verify` says more, and a new run can be started";
    Failure::new(Exit::Tampered, format!("the record cannot be gone on with: {why}. {remedy}"))
}
