//! `runbook list`: the runbooks of the library, each with its owner and its last run. Judges no record; without a store it lists all the same.

mod last_runs;

use std::collections::BTreeMap;

use serde::Serialize;

use super::args::Output;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::last_drills::LastDrill;
use super::opening::{Opened, examine};
use crate::base::Digest;
use crate::library::{Library, LibraryError};
use crate::text::{Diagnostics, Severity};
use crate::views::{Line, Page, Tone};
use last_runs::{LastRun, last_runs};

#[derive(Serialize)]
struct ListJson {
    runbooks: Vec<Listed>,
}

/// One runbook of the list.
#[derive(Serialize)]
struct Listed {
    name: String,
    /// `null` where the runbook does not read.
    title: Option<String>,
    owner: Option<String>,
    last_run: Option<LastRun>,
    /// `null` where it was never drilled.
    last_drill: Option<LastDrill>,
    /// Errors and warnings.
    problems: usize,
    #[serde(skip)]
    first_error: Option<String>,
}

/// `runbook list`
pub fn list(context: &Context) -> Result<Exit, Failure> {
    let library = context.library()?;
    let names = library.names()?;
    let mut last_runs = context.store().and_then(|store| last_runs(&store, &names)).unwrap_or_else(|failure| {
        context.talk(&format!("warning: last runs are not known: {}\n", failure.message));
        BTreeMap::new()
    });
    let drills = super::last_drills::lines(context.store().ok().as_ref());
    let listed = |name: &String| {
        let mut listed = listed(context, &library, name)?;
        let revision = library.runbook(name).map(|file| Digest::of(file.source.text().as_bytes()));
        listed.last_drill = revision.ok().and_then(|revision| LastDrill::of(&drills, name, &revision));
        listed.last_run = last_runs.remove(name);
        Ok(listed)
    };
    let runbooks: Vec<Listed> = names.iter().map(listed).collect::<Result<_, Failure>>()?;
    match context.output {
        Output::Json => context.print_json(&ListJson { runbooks }),
        Output::Text if runbooks.is_empty() => context.talk(&format!("there is no runbook in {} yet\n", library.root().display())),
        Output::Text => context.print(&page(&runbooks)),
    }
    Ok(Exit::Ok)
}

fn listed(context: &Context, library: &Library, name: &str) -> Result<Listed, Failure> {
    let opened = match library.runbook(name) {
        Ok(file) => examine(context, library, &file.source, name)?,
        Err(LibraryError::Invalid(problems)) => Opened { runbook: None, problems },
        Err(other) => return Ok(unreadable(name, &other)),
    };
    let first_error = opened.runbook.is_none().then(|| first_error(&opened.problems));
    let (title, owner) = opened.runbook.map_or((None, None), |runbook| (Some(runbook.title), runbook.owner));
    Ok(Listed { name: name.to_owned(), title, owner, last_run: None, last_drill: None, problems: opened.problems.len(), first_error })
}

fn unreadable(name: &str, error: &LibraryError) -> Listed {
    Listed {
        name: name.to_owned(),
        title: None,
        owner: None,
        last_run: None,
        last_drill: None,
        problems: 1,
        first_error: Some(error.to_string()),
    }
}

fn first_error(problems: &Diagnostics) -> String {
    let errors = problems.only(Severity::Error);
    errors.sorted().first().map_or_else(String::new, |error| format!("line {}: {}", error.position().0, error.message))
}

fn page(runbooks: &[Listed]) -> Page {
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let name_width = width(&mut runbooks.iter().map(|runbook| runbook.name.chars().count()));
    let title_width = width(&mut runbooks.iter().filter_map(|runbook| Some(runbook.title.as_ref()?.chars().count())));
    let owner_width = width(&mut runbooks.iter().filter_map(|runbook| Some(runbook.owner.as_ref()?.chars().count())));
    let columns = (name_width + 2, name_width + title_width + 4, name_width + title_width + owner_width + 6);
    Page::from(runbooks.iter().map(|runbook| line(runbook, columns)).collect::<Vec<_>>())
}

fn line(runbook: &Listed, (title_at, owner_at, run_at): (usize, usize, usize)) -> Line {
    let line = Line::new().with(Tone::Strong, runbook.name.clone()).column(title_at);
    let Some(title) = &runbook.title else {
        return line.with(Tone::Bad, format!("does not read: {}", runbook.first_error.as_deref().unwrap_or_default()));
    };
    let line = line.plain(title.clone()).column(owner_at).with(Tone::Quiet, runbook.owner.clone().unwrap_or_default()).column(run_at);
    let line = match &runbook.last_run {
        None => line.with(Tone::Quiet, "never run"),
        Some(run) => line.with(if run.is_good() { Tone::Good } else { Tone::Waits }, run.in_words()),
    };
    let line = match &runbook.last_drill {
        None => line.with(Tone::Quiet, ", never drilled"),
        Some(drill) => line.plain(", ").with(drill.tone(), drill.in_words()),
    };
    match runbook.problems {
        0 => line,
        1 => line.with(Tone::Waits, "  1 problem, see runbook lint"),
        several => line.with(Tone::Waits, format!("  {several} problems, see runbook lint")),
    }
}
