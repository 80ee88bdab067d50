//! What a record proves, level by level, judged again from the files alone. Never changes a record, never trusts the engine, never falls over.

#![allow(clippy::disallowed_methods, reason = "reads the files of a record; nothing else")]

mod anchors;
mod authority;
mod evidence;
mod files;
mod report;
mod signatures;

pub use evidence::{Options, Reader, anchored_line};
pub use report::{Level, LevelReport, Problem, Report, Severity, Status};

use std::path::Path;

use crate::journal::LineFault;

use evidence::Evidence;
use report::Findings;

/// Judges the record in a run's folder.
pub fn verify(folder: &Path, options: &Options<'_>) -> Report {
    let evidence = match Evidence::gather(folder, options) {
        Ok(evidence) => evidence,
        Err(problem) => return Report::without_record(problem),
    };
    let mut report = Report::about(evidence.run.clone(), evidence.reading.head());
    let (parsed, chain) = lines(&evidence);
    let sound = parsed.is_sound() && chain.is_sound();
    report.add(Level::Parsed, parsed);
    report.add(Level::Chain, chain);
    report.add(Level::Files, if sound { files::check(&evidence) } else { Findings::not_judged() });
    report.add(Level::Signatures, if sound { signatures::check(&evidence, options) } else { Findings::not_judged() });
    report.add(Level::Authority, if sound { authority::check(&evidence, options) } else { Findings::not_judged() });
    report.add(Level::Anchored, if sound { anchors::check(&evidence, options) } else { Findings::not_judged() });
    report
}

/// The first two levels: every line can be read, and each follows the one before.
fn lines(evidence: &Evidence<'_>) -> (Findings, Findings) {
    let reading = &evidence.reading;
    let (mut parsed, mut chain) = (Findings::default(), Findings::default());
    parsed.fact(format!("{} lines", reading.entries.len()));
    chain.fact(format!("up to line {} with sum {}", reading.head().seq, reading.head().sum));
    if let Some(torn) = &reading.torn {
        parsed.fact(format!(
            "line {} is torn ({} bytes, {}): it was never acknowledged, and is moved away on resume",
            torn.line, torn.bytes, torn.why
        ));
    }
    if reading.entries.is_empty() && reading.damage.is_none() {
        parsed.problem(Severity::Damaged, Some(1), "the journal has no whole line".to_owned());
    }
    if let Some(damage) = &reading.damage {
        let (level, severity) = match &damage.fault {
            LineFault::NotAscii { .. } | LineFault::NoSum { .. } => (&mut parsed, Severity::Damaged),
            LineFault::NotUnderstood { .. } | LineFault::NotCanonical => (&mut parsed, Severity::Tampered),
            LineFault::WrongSum { .. } => (&mut chain, Severity::Damaged),
            LineFault::WrongSeq { .. } | LineFault::WrongPrev { .. } => (&mut chain, Severity::Tampered),
        };
        level.problem(severity, Some(damage.line), damage.fault.to_string());
    }
    (parsed, chain)
}
