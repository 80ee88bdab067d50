//! `runbook show`: a runbook as a page to read, or as a handout for the day without the program. What would run is `plan`'s to say.

mod handout;
mod history;
mod json;
mod page;
mod steps;

use std::collections::BTreeMap;

use serde::Serialize;

use super::args::{Output, ShowArgs};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::opening::{given, parameter_failure, sound_runbook, whoever_runs_it};
use crate::base::Digest;
use crate::event::RunMode;
use crate::library::Library;
use crate::plan::{Parameters, Presence, Program, Setting, outline_by_hand, scopes};
use crate::runbook::Runbook;
use crate::views::{Line, Tone};
use handout::{Edition, handout};
use steps::Called;

/// `runbook show NAME`
pub fn show(context: &Context, args: &ShowArgs) -> Result<Exit, Failure> {
    let library = context.library()?;
    let runbook = sound_runbook(context, &library, &args.name)?;
    if !args.markdown && !args.parameters.parameters.is_empty() {
        return Err(Failure::usage(
            "a runbook is shown as it is written: values go into the handout, with --markdown, or into `runbook plan`",
        ));
    }
    if args.markdown {
        return show_handout(context, library, runbook, args);
    }
    let runbooks = if args.all { super::shelf::from_library(&library, &runbook)?.shelf.runbooks } else { BTreeMap::new() };
    let called = Called { runbooks: &runbooks };
    let history = history::history(context.store().ok().as_ref(), &runbook.name.value);
    match context.output {
        Output::Text => {
            let mut page = page::page(&runbook, &called);
            if !history.is_empty() {
                page.lines.extend([Line::new(), Line::new().with(Tone::Strong, "History")]);
                page.lines.extend(history::lines(&history));
            }
            context.print(&page);
        }
        Output::Json => context.print_json(&ShowJson { runbook: json::show_json(&runbook, &called), history }),
    }
    Ok(Exit::Ok)
}

/// What `show --output json` prints.
#[derive(Serialize)]
struct ShowJson<R> {
    #[serde(flatten)] // the runbook's own fields
    runbook: R,
    /// The newest runs and drills, oldest first.
    history: Vec<history::PastRun>,
}

/// What `show --markdown --output json` prints.
#[derive(Serialize)]
struct HandoutJson<'h> {
    runbook: &'h str,
    /// Of the runbook's file.
    digest: Digest,
    markdown: &'h str,
}

fn show_handout(context: &Context, library: Library, runbook: Runbook, args: &ShowArgs) -> Result<Exit, Failure> {
    let name = runbook.name.value.clone();
    let edition = edition(context, &library, &name)?;
    let given = given(&args.parameters)?;
    let parameters =
        Parameters::resolve_what_is_there(&runbook, &given, &library.inventory).map_err(|problems| parameter_failure(&problems))?;
    let shelf = super::shelf::from_library(&library, &runbook)?.shelf;
    let requester = whoever_runs_it(&library.policy)?;
    let Library { inventory, policy, roster, .. } = library;
    let (presence, mode) = (Presence::Attended, RunMode::Real);
    let program = Program::new(runbook, Setting { inventory, policy, roster, parameters, requester, presence, mode, shelf });
    let scopes = scopes(&program);
    let text = handout(&outline_by_hand(&program, &scopes), &scopes, &edition);
    match context.output {
        Output::Text => context.write_out(&text),
        Output::Json => context.print_json(&HandoutJson { runbook: &name, digest: edition.digest, markdown: &text }),
    }
    Ok(Exit::Ok)
}

fn edition(context: &Context, library: &Library, name: &str) -> Result<Edition, Failure> {
    let file = library.runbook(name)?;
    let change = super::git::last_change(library.root(), &format!("{name}.yaml"));
    Ok(Edition {
        made: context.now().to_seconds(),
        file: file.source.name().to_owned(),
        digest: Digest::of(&file.bytes),
        revision: change.as_ref().map(|(revision, _)| revision.clone()),
        is_changed: change.is_some_and(|(_, is_changed)| is_changed),
    })
}
