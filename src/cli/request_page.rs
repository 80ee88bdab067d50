//! What a second person is shown before the document itself: risky lines, what differs from the last approved run, what differs here.
//! The document is shown by its own bytes, never by a summary.

use std::collections::{BTreeMap, BTreeSet};

use super::context::Context;
use super::last_drills::LastDrill;
use super::past::Past;
use super::since::since;
use crate::approval::{Request, risky};
use crate::base::Digest;
use crate::event::{Event, StageWork};
use crate::journal::RunFolder;
use crate::library::Library;
use crate::plan::stage_lines;
use crate::views::{Line, Page, Tone};

/// Runs that are looked at for the last approved one.
const LOOKED_AT: usize = 100;
/// Lines of the difference that are shown; the document has all.
const DIFFERENT_LINES: usize = 20;

/// The lines above the document.
pub fn page(context: &Context, library: &Library, request: &Request, folder: Option<&RunFolder>) -> String {
    let mut lines = Vec::new();
    let risks = risky(&request.body.plan);
    if !risks.is_empty() {
        lines.push(Line::new().with(Tone::Bad, "look twice:"));
        lines.extend(
            risks.into_iter().map(|(line, why)| Line::new().plain("  ").with(Tone::Command, line).with(Tone::Quiet, format!("  ({why})"))),
        );
    }
    lines.extend(one_machine(&request.body.plan).into_iter().map(|what| Line::new().with(Tone::Bad, what)));
    lines.extend(drilled(request));
    lines.extend(here(context, library, request).into_iter().map(|what| Line::new().with(Tone::Waits, what)));
    lines.push(rehearsed(context, request));
    if let Some(folder) = folder {
        lines.extend(since_last(context, request, folder));
    }
    lines.push(Line::new());
    let colour = if context.output == super::args::Output::Text { context.colour() } else { crate::views::Colour::Never };
    Page::from(lines).render(colour, None)
}

/// Whether this very revision was drilled, as far as is known here.
fn rehearsed(context: &Context, request: &Request) -> Line {
    let drills = super::last_drills::lines(context.store().ok().as_ref());
    match LastDrill::of(&drills, &request.body.runbook, &request.body.runbook_digest) {
        None => Line::new().with(Tone::Waits, "never drilled, as far as is known here"),
        Some(last) => Line::new().with(last.tone(), last.in_words()),
    }
}

/// Names of the plan that lead to one and the same log-in: each does its work there.
fn one_machine(plan: &[String]) -> Vec<String> {
    let mut places: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, place) in plan.iter().filter_map(|line| line.trim_start().strip_prefix("on ")?.split_once(" = ")) {
        places.entry(place.split(", ").next().unwrap_or(place)).or_default().insert(name);
    }
    let twice = places.into_values().filter(|names| names.len() > 1);
    twice
        .map(|names| {
            format!("one machine by several names, which does the work for each: {}", names.into_iter().collect::<Vec<_>>().join(", "))
        })
        .collect()
}

/// What is approved is a rehearsal: said first, and on whose hosts.
fn drilled(request: &Request) -> Option<Line> {
    let hosts_from = request.body.hosts_from.as_ref()?;
    let what = format!("a drill: it runs on the hosts of {hosts_from}, and on these for real");
    Some(Line::new().with(Tone::Waits, what))
}

/// Where the approver's own library says something else than the requester's.
fn here(context: &Context, library: &Library, request: &Request) -> Vec<String> {
    let body = &request.body;
    let drilled = body.hosts_from.as_ref().map(|name| (name, context.library_on(Some(name)).ok()));
    let library = match &drilled {
        None => library,
        Some((_, Some(library))) => library,
        Some((name, None)) => return vec![format!("note: your library has no {name}, whose hosts these are")],
    };
    let hosts = library.hosts_path();
    let files = [
        (hosts.as_str(), &library.inventory_file, body.inventory),
        ("team/policy.yaml", &library.policy_file, body.policy),
        ("team/allowed_signers", &library.signers_file, body.signers),
    ];
    let differs = files.into_iter().filter(|(_, file, digest)| Digest::of(&file.bytes) != *digest);
    differs.map(|(name, ..)| format!("note: your {name} is not the requester's")).collect()
}

/// The difference to the newest run of this runbook in which something was approved.
fn since_last(context: &Context, request: &Request, folder: &RunFolder) -> Vec<Line> {
    let Some((past, when, old)) = last_approved(context, request) else {
        return vec![Line::new().with(Tone::Quiet, "this runbook was not approved here before")];
    };
    let without_prefix = |line: &String| line.strip_prefix("| ").unwrap_or(line).to_owned();
    let new: Vec<String> = request.body.plan.iter().map(without_prefix).collect();
    let added = new.iter().filter(|line| !old.contains(line)).map(|line| (Tone::Good, format!("  + {line}")));
    let removed = old.iter().filter(|line| !new.contains(line)).map(|line| (Tone::Bad, format!("  - {line}")));
    let different: Vec<(Tone, String)> = removed.chain(added).collect();
    let otherwise = since(folder, request, &past);
    if different.is_empty() {
        let same = Line::new().with(Tone::Quiet, format!("the same lines were approved on {when}"));
        return std::iter::once(same).chain(otherwise).collect();
    }
    let mut lines = vec![Line::new().with(Tone::Quiet, format!("what differs from what was approved on {when}:"))];
    let more = different.len().saturating_sub(DIFFERENT_LINES);
    lines.extend(different.into_iter().take(DIFFERENT_LINES).map(|(tone, text)| Line::new().with(tone, text)));
    if more > 0 {
        lines.push(Line::new().with(Tone::Quiet, format!("  and {more} more lines")));
    }
    lines.extend(otherwise);
    lines
}

fn last_approved(context: &Context, request: &Request) -> Option<(Past, String, Vec<String>)> {
    let store = context.store().ok()?;
    let runs = if request.body.hosts_from.is_some() { store.list_live_drills() } else { store.list() }.ok()?;
    let others = runs.iter().filter(|run| **run != request.body.run).take(LOOKED_AT);
    others.filter_map(|run| Past::read(store.find(run.as_str()).ok()?).ok()).find_map(|past| {
        let (when, lines) = approved_lines(&past, request)?;
        Some((past, when, lines))
    })
}

fn approved_lines(past: &Past, request: &Request) -> Option<(String, Vec<String>)> {
    let (_, opened) = past.opened().ok()?;
    if (&opened.runbook, &opened.hosts_from) != (&request.body.runbook, &request.body.hosts_from) {
        return None; // what was agreed to in a drill was agreed to for its hosts
    }
    let approved =
        past.entries.iter().rev().find(|entry| matches!(&entry.event, Event::ApprovalGiven { gate, .. } if *gate == request.body.gate))?;
    let covers = &past.state.gates.get(&request.body.gate)?.asks.covers;
    let stages = covers.iter().filter_map(|step| past.state.steps.get(step)?.stage.as_ref());
    let lines = stages.filter(|stage| !matches!(stage.work, StageWork::Withheld { .. })).flat_map(stage_lines).collect();
    Some((approved.at.to_seconds(), lines))
}

/// The document for a terminal: nothing cut, long lines continued behind a backslash.
pub fn wrapped(text: &str) -> String {
    let width = crossterm::terminal::size().map_or(100, |(columns, _)| usize::from(columns.max(40))) - 2;
    let mut out = String::new();
    for line in text.lines() {
        let mut rest = line;
        while rest.len() > width {
            let (head, tail) = rest.split_at(width); // the document is ASCII
            out.push_str(head);
            out.push_str(" \\\n");
            rest = tail;
        }
        out.push_str(rest);
        out.push('\n');
    }
    out
}
