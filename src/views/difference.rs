//! Two revisions of a runbook compared, for people and for programs. Never compares; that is the plan's.

use serde::Serialize;

use super::page::{Line, Page, Tone};
use crate::base::Digest;
use crate::plan::{Change, Weight};

/// A revision as people are told of it; a promise to programs.
#[derive(Debug, Clone, Serialize)]
pub struct RevisionJson {
    pub runbook: String,
    /// `the working copy`, a file, or a revision of git.
    pub revision: String,
    /// Of the file.
    pub digest: Digest,
}

/// What `diff --output json` prints.
#[derive(Debug, Serialize)]
pub struct DiffJson<'c> {
    pub old: RevisionJson,
    pub new: RevisionJson,
    /// Whether both mean the same, however they are written.
    pub equal: bool,
    pub changes: &'c [Change],
}

/// What `diff` prints.
pub fn difference_page(old: &RevisionJson, new: &RevisionJson, changes: &[Change]) -> Page {
    let names = if old.runbook == new.runbook { old.runbook.clone() } else { format!("{} → {}", old.runbook, new.runbook) };
    let mut page = Page::new();
    page.push(Line::new().with(Tone::Strong, format!("{names} · {} → {}", old.revision, new.revision)));
    let dangerous = changes.iter().filter(|change| change.weight == Weight::Dangerous).count();
    let tone = if dangerous > 0 { Tone::Bad } else { Tone::Quiet };
    page.push(Line::new().with(tone, in_short(changes.len(), dangerous, old.digest == new.digest)));
    page.lines.extend(difference_lines(changes));
    page
}

fn in_short(all: usize, dangerous: usize, same_bytes: bool) -> String {
    let said = match (all, same_bytes) {
        (0, true) => "the same, to the byte".to_owned(),
        (0, false) => "the same in meaning, written in another way".to_owned(),
        (1, _) => "1 difference".to_owned(),
        (several, _) => format!("{several} differences"),
    };
    if dangerous > 0 { format!("{said}, {dangerous} to look at twice") } else { said }
}

/// The differences alone, those to look at twice first.
pub fn difference_lines(changes: &[Change]) -> Vec<Line> {
    let parts = [
        (Weight::Dangerous, "look twice", "! ", Tone::Bad),
        (Weight::Different, "different", "· ", Tone::Plain),
        (Weight::Words, "words for people", "· ", Tone::Quiet),
    ];
    let mut lines = Vec::new();
    for (weight, title, mark, tone) in parts {
        let mut of_it = changes.iter().filter(|change| change.weight == weight).peekable();
        if of_it.peek().is_some() {
            lines.extend([Line::new(), Line::new().with(Tone::Strong, title)]);
        }
        for change in of_it {
            lines.push(Line::new().plain("  ").with(tone, format!("{mark}{}", change.sentence)));
            lines.extend(change.lines.iter().map(|line| toned(line)));
        }
    }
    lines
}

fn toned(line: &str) -> Line {
    let tone = match line.as_bytes().first() {
        Some(b'+') => Tone::Good,
        Some(b'-') => Tone::Bad,
        Some(_) | None => Tone::Quiet,
    };
    Line::new().plain("      ").with(tone, line)
}
