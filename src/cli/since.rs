//! What a runbook says otherwise than when it was last approved: its copy in this run against its copy in that one. Trusts no copy that is not
//! what its record says, and then says nothing.

use super::past::Past;
use crate::approval::Request;
use crate::base::Digest;
use crate::journal::RunFolder;
use crate::library::{Inventory, read_inventory};
use crate::plan::{Change, Revision, Weight, compare};
use crate::runbook::{Runbook, read};
use crate::text::{Source, decode};
use crate::views::{Line, Tone};

/// Sentences that are shown; `runbook diff` has all.
const SENTENCES: usize = 12;

/// The differences in a line each, those to look at twice first; none where a copy cannot be read.
pub fn since(folder: &RunFolder, request: &Request, then: &Past) -> Vec<Line> {
    let changes = changes(folder, request, then).unwrap_or_default();
    let told: Vec<&Change> = changes.iter().filter(|change| change.weight != Weight::Words).collect();
    if told.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![Line::new().with(Tone::Quiet, "what the runbook says otherwise since then:")];
    lines.extend(told.iter().take(SENTENCES).map(|change| match change.weight {
        Weight::Dangerous => Line::new().plain("  ").with(Tone::Bad, format!("! {}", change.sentence)),
        Weight::Different | Weight::Words => Line::new().plain("  ").plain(format!("· {}", change.sentence)),
    }));
    if told.len() > SENTENCES {
        lines.push(Line::new().with(Tone::Quiet, format!("  and {} more differences", told.len() - SENTENCES)));
    }
    lines
}

fn changes(folder: &RunFolder, request: &Request, then: &Past) -> Option<Vec<Change>> {
    let body = &request.body;
    let (_, opened) = then.opened().ok()?;
    let old = copies(&then.folder, &body.runbook, opened.inputs.runbook, opened.inputs.inventory)?;
    let new = copies(folder, &body.runbook, body.runbook_digest, body.inventory)?;
    Some(compare(Revision { runbook: &old.0, inventory: &old.1 }, Revision { runbook: &new.0, inventory: &new.1 }))
}

fn copies(folder: &RunFolder, name: &str, runbook: Digest, inventory: Digest) -> Option<(Runbook, Inventory)> {
    let runbook = read(&copy(folder, "runbook.yaml", runbook)?, name).0?;
    let inventory = match copy(folder, "inventory.yaml", inventory)? {
        empty if empty.text().is_empty() => Inventory::only_local(),
        source => read_inventory(&source).0?,
    };
    Some((runbook, inventory))
}

fn copy(folder: &RunFolder, name: &str, digest: Digest) -> Option<Source> {
    let bytes = folder.input(name).ok().filter(|bytes| Digest::of(bytes) == digest)?;
    if bytes.is_empty() { Some(Source::new(name, "")) } else { decode(name, &bytes).ok() }
}
