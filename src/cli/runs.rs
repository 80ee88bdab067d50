//! `runbook runs`: the runs of the store, newest first. Reads records only.

use serde::Serialize;

use super::args::Output;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::past::{Past, RunLine};
use crate::base::{Person, RunId, escaped};
use crate::journal::Store;
use crate::views::{Line, Page, Tone, of_mode, seconds};

#[derive(Serialize)]
struct RunsJson {
    runs: Vec<RunLine>,
    /// Drills on real hosts that are not over: they may wait for somebody, or hold something.
    drills: Vec<RunLine>,
    /// Runs that the ledger knows and whose folders are gone.
    missing: Vec<String>,
}

/// `runbook runs`
pub fn runs(context: &Context, latest: bool) -> Result<Exit, Failure> {
    let store = context.store()?;
    let ids = store.list()?;
    if latest && context.output == Output::Text {
        let newest = ids.first().ok_or_else(|| Failure::usage("there is no run yet; `runbook exec NAME` makes one"))?;
        context.write_out(&format!("{newest}\n"));
        return Ok(Exit::Ok);
    }
    let runs = read(context, &store, ids.iter().take(if latest { 1 } else { usize::MAX }));
    let drills = if latest { Vec::new() } else { store.list_live_drills()? };
    let mut drills = read(context, &store, drills.iter());
    drills.retain(|(line, held)| line.state != "closed" || !held.is_empty());
    let missing: Vec<String> = store.missing()?.iter().map(ToString::to_string).collect();
    match context.output {
        Output::Json => {
            let lines = |read: Vec<Read>| read.into_iter().map(|(line, _)| line).collect();
            context.print_json(&RunsJson { runs: lines(runs), drills: lines(drills), missing });
        }
        Output::Text => context.print(&page(&runs, &drills, &missing)),
    }
    Ok(Exit::Ok)
}

/// A run, and what it still holds.
type Read = (RunLine, Vec<Line>);

/// What can be read of these; of the rest that it cannot.
fn read<'a>(context: &Context, store: &Store, ids: impl Iterator<Item = &'a RunId>) -> Vec<Read> {
    let one = |id: &RunId| {
        let past = store.find(id.as_str()).map_err(Failure::from).and_then(Past::read);
        match past.and_then(|past| Ok((past.line()?, past.held_lines()))) {
            Ok(read) => Some(read),
            Err(failure) => {
                context.talk(&format!("warning: run {id} cannot be read: {}\n", failure.message));
                None
            }
        }
    };
    ids.filter_map(one).collect()
}

fn page(runs: &[Read], drills: &[Read], missing: &[String]) -> Page {
    let mut page = Page::new();
    if runs.is_empty() && drills.is_empty() && missing.is_empty() {
        page.push(Line::new().plain("no run yet; `runbook exec NAME` makes one"));
    }
    for (line, held) in runs.iter().chain(drills) {
        page.push(row(line));
        page.lines.extend(held.iter().map(|line| line.clone().indented(2)));
        if let Some(gate) = &line.gate {
            let ask = format!("  gate {} waits for an approval, check {}:  runbook approve {}", gate.gate, gate.check, line.short);
            page.push(Line::new().with(Tone::Waits, ask));
            page.lines.extend(gate.instead.as_ref().map(|instead| {
                let by: Vec<&str> = instead.by.iter().map(Person::as_str).collect();
                let who =
                    format!("    from {} on also one of {}, in the place of {}", instead.from.to_seconds(), by.join(", "), instead.of);
                Line::new().with(Tone::Waits, who)
            }));
        }
        if let Some(broken) = &line.broken {
            page.push(Line::new().with(Tone::Bad, format!("  the record is broken: {broken}; runbook verify {}", line.short)));
        }
    }
    for run in missing {
        page.push(Line::new().with(Tone::Bad, format!("{run}  missing: the ledger knows it, and its folder is gone")));
    }
    page
}

fn row(line: &RunLine) -> Line {
    let tone = match (line.state, line.verdict) {
        ("closed", Some("recovered")) => Tone::Good,
        ("closed", _) => Tone::Bad,
        _ => Tone::Waits,
    };
    let word = line.verdict.unwrap_or(line.state).replace('_', " ");
    let mode = of_mode(line.mode, line.hosts_from.as_deref());
    let took = seconds(line.latest.since(line.opened));
    Line::new()
        .with(Tone::Strong, line.short.clone())
        .plain("  ")
        .with(Tone::Quiet, line.opened.to_seconds())
        .plain("  ")
        .plain(format!("{:<24}", escaped(line.runbook.as_bytes())))
        .plain("  ")
        .with(tone, format!("{word:<20}"))
        .plain(format!("  {took:>7}  {}{mode}", line.requester))
}
