//! `runbook plan`: what would run, to the byte, without contacting a host. Records nothing.

use super::args::ParameterArgs;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::opening::{Purpose, ask_for_missing, given, program, sound_runbook, whoever_runs_it};
use crate::event::RunMode;
use crate::plan::{OutlineError, Presence, outline};
use crate::views::{outline_page, plan_json};

/// `runbook plan NAME -p name=value`
pub fn plan(context: &Context, name: &str, parameters: &ParameterArgs) -> Result<Exit, Failure> {
    let library = context.library()?;
    let runbook = sound_runbook(context, &library, name)?;
    let given = ask_for_missing(context, &runbook, given(parameters)?, &library.inventory)?;
    let known = context.identity(&library.roster).ok().map(|identity| identity.person); // a plan needs nobody: gates say so
    let requester = match &known {
        Some(person) => person.clone(),
        None => whoever_runs_it(&library.policy)?,
    };
    let purpose = Purpose { mode: RunMode::Real, presence: Presence::Unattended, requester };
    let shelf = super::shelf::from_library(&library, &runbook)?.shelf;
    let program = program(context, (library.inventory, library.policy, library.roster), (runbook, shelf), &given, purpose)?;
    let outline = outline(&program).map_err(|problems| outline_failure(&problems))?;
    match context.output {
        super::args::Output::Text => context.print(&outline_page(&outline, known.as_ref())),
        super::args::Output::Json => context.print_json(&plan_json(&outline, known.as_ref())),
    }
    Ok(Exit::Ok)
}

fn outline_failure(problems: &[OutlineError]) -> Failure {
    let sentences: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::usage(sentences.join("\nerror: "))
}
