//! `runbook log`: the timeline of a run, and what its hosts printed. Reads records only.

use std::path::PathBuf;

use serde::Serialize;

use super::args::Output;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::past::{Past, find};
use crate::base::{StepId, Timestamp, printable};
use crate::engine::held;
use crate::event::{Event, Part};
use crate::views::{Colour, HeldJson, Line, Page, Tone, held_json, timeline_line};

/// Bytes of one output file that are printed; the file itself has all that was stored.
const SHOWN: u64 = 16 << 20;

#[derive(Serialize)]
struct LogJson<'a> {
    run: String,
    entries: Vec<EntryJson<'a>>,
    /// What the run has taken and not given back.
    held: Vec<HeldJson>,
    broken: Option<&'a str>,
}

#[derive(Serialize)]
struct EntryJson<'a> {
    seq: u64,
    at: Timestamp,
    says: String,
    event: &'a Event,
}

/// `runbook log RUN`
pub fn log(context: &Context, run: &str, output_of: Option<&str>) -> Result<Exit, Failure> {
    let past = Past::read(find(context, run)?)?;
    past.opened()?;
    match (output_of, context.output) {
        (Some(step), _) => outputs(context, &past, step)?,
        (None, Output::Text) => context.print(&page(&past)),
        (None, Output::Json) => json(context, &past)?,
    }
    Ok(if past.broken.is_some() { Exit::Tampered } else { Exit::Ok })
}

fn page(past: &Past) -> Page {
    let mut page: Page = past.entries.iter().map(timeline_line).collect::<Vec<_>>().into();
    if let Some(broken) = &past.broken {
        page.push(Line::new().with(Tone::Bad, format!("the record is broken here: {broken}; run `runbook verify` on it")));
    }
    page.lines.extend(past.held_lines());
    page
}

fn json(context: &Context, past: &Past) -> Result<(), Failure> {
    let says = |entry| timeline_line(entry).render(Colour::Never, None).chars().skip("00:00:00  ".len()).collect();
    let entries = past.entries.iter().map(|entry| EntryJson { seq: entry.seq, at: entry.at, says: says(entry), event: &entry.event });
    let run = &past.opened()?.1.run;
    let held = held_json(&held(&past.state), &run.short());
    context.print_json(&LogJson { run: run.to_string(), entries: entries.collect(), held, broken: past.broken.as_deref() });
    Ok(())
}

#[derive(Serialize)]
struct OutputJson {
    host: String,
    attempt: u32,
    part: Part,
    stream: &'static str,
    file: PathBuf,
    /// Hostile bytes escaped.
    text: String,
}

fn outputs(context: &Context, past: &Past, asked: &str) -> Result<(), Failure> {
    let expected = || {
        let known: Vec<&str> = past.state.steps.keys().map(StepId::as_str).collect();
        Failure::usage(format!("expected a step of this run, got {asked:?}; it has: {}", known.join(", ")))
    };
    let step: StepId = asked.parse().map_err(|_| expected())?;
    let known = past.state.steps.get(&step).ok_or_else(expected)?;
    let mut found = Vec::new();
    for (host, attempts) in &known.attempts {
        for attempt in attempts {
            let (out, err) = past.folder.output_paths(&step, host, attempt.number, attempt.part);
            for (stream, file) in [("stdout", out), ("stderr", err)] {
                let text = printable(&super::tail::of_file(&file, SHOWN).unwrap_or_default());
                found.push(OutputJson { host: host.to_string(), attempt: attempt.number, part: attempt.part, stream, file, text });
            }
        }
    }
    match context.output {
        Output::Json => context.print_json(&found),
        Output::Text => found.iter().filter(|output| !output.text.is_empty()).for_each(|output| print_output(context, output)),
    }
    Ok(())
}

fn print_output(context: &Context, output: &OutputJson) {
    let look = if output.part == Part::Look { ", done already?" } else { "" };
    context.print(&Page::from(vec![
        Line::new().with(Tone::Strong, format!("{} {}, attempt {}{look}", output.host, output.stream, output.attempt)),
    ]));
    let newline = if output.text.ends_with('\n') { "" } else { "\n" };
    context.write_out(&format!("{}{newline}", output.text));
}
