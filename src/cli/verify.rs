//! `runbook verify`: what a record proves, level by level. Never a bare "OK".

use std::path::Path;

use serde::Serialize;

use super::args::{LevelArg, Output};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::past::{Past, find};
use crate::audit::{Level, Options, Report, Status, verify as audit};
use crate::effects::SshKeygen;
use crate::event::{Rules, RunMode};
use crate::journal::RunFolder;
use crate::library::{Roster, read_allowed_signers, read_policy};
use crate::text::{Source, decode};
use crate::views::{Line, Page, Tone};

#[derive(Serialize)]
struct VerifyJson<'a> {
    exit_status: u8,
    /// An event that cannot follow: the record was not written by this program alone.
    illegal: Option<&'a str>,
    #[serde(flatten)] // the report's own fields, side by side with the exit status
    report: &'a Report,
}

/// What is asked of a record, beside that nothing contradicts it.
pub struct Wanted {
    pub level: Option<LevelArg>,
    /// That it is of a real run.
    pub real: bool,
}

/// `runbook verify RUN`
pub fn verify(context: &Context, run: &str, wanted: &Wanted, signers: Option<&Path>) -> Result<Exit, Failure> {
    let folder = find(context, run)?;
    let own = signers.map(std::fs::read).transpose().map_err(|error| Failure::usage(format!("--signers cannot be read: {error}")))?;
    let report = audited(context, &folder, own.as_deref())?;
    let past = Past::read(folder).ok();
    let mode = past.as_ref().and_then(|past| past.opened().ok().map(|(_, opened)| opened.mode));
    let unreal = mode.filter(|mode| wanted.real && *mode != RunMode::Real);
    let illegal = past.and_then(|past| past.broken).filter(|_| report.status == Status::Proven);
    let exit = if unreal.is_some() { Exit::Tampered } else { exit_of(&report, illegal.as_deref(), wanted.level) };
    match context.output {
        Output::Json => context.print_json(&VerifyJson { exit_status: exit.code(), illegal: illegal.as_deref(), report: &report }),
        Output::Text => {
            let mut page = page(&report, illegal.as_deref(), wanted.level);
            page.lines.extend(unreal.map(|mode| Line::new().with(Tone::Bad, format!("this is no real run: it is {}", of_mode(mode)))));
            context.print(&page);
        }
    }
    Ok(exit)
}

fn of_mode(mode: RunMode) -> &'static str {
    match mode {
        RunMode::Real => "one",
        RunMode::DryRun => "a dry run, in which only looks were allowed",
        RunMode::Drill => "a drill, in which nothing real was touched",
        RunMode::LiveDrill => "a drill, on hosts of another environment",
    }
}

/// What a run's record proves to this reader, by these signers or by its own copy.
///
/// # Errors
/// Where the reader's own memory cannot be used.
pub fn audited(context: &Context, folder: &RunFolder, own: Option<&[u8]>) -> Result<Report, Failure> {
    let seen = match folder.path().file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok()) {
        Some(run) => context.seen()?.newest(&run).map_err(|error| Failure::new(Exit::Tampered, error))?,
        None => None,
    };
    let ledger = context.store().ok().and_then(|store| store.ledger().ok()).unwrap_or_default();
    let rules = rules_of_copy(folder);
    let options = Options {
        roster_of: &|bytes| roster_of(bytes, rules.as_ref()),
        rules_of: Some(&rules_of),
        own_signers: own,
        seen,
        ledger: &ledger,
        other: &SshKeygen,
    };
    Ok(audit(folder.path(), &options))
}

fn exit_of(report: &Report, illegal: Option<&str>, asked: Option<LevelArg>) -> Exit {
    let reached = asked.is_none_or(|asked| report.levels.iter().filter(|level| level.level <= level_of(asked)).all(|level| level.reached));
    match (report.status, illegal, reached) {
        (Status::Proven, None, true) => Exit::Ok,
        (Status::Proven, _, _) | (Status::Tampered | Status::Damaged, _, _) => Exit::Tampered,
    }
}

fn level_of(asked: LevelArg) -> Level {
    match asked {
        LevelArg::Parsed => Level::Parsed,
        LevelArg::Chain => Level::Chain,
        LevelArg::Files => Level::Files,
        LevelArg::Signatures => Level::Signatures,
        LevelArg::Authority => Level::Authority,
        LevelArg::Anchored => Level::Anchored,
    }
}

/// The rules of the record's own copy of the policy.
fn rules_of_copy(folder: &RunFolder) -> Option<Rules> {
    rules_of(&folder.input("policy.yaml").ok()?).ok()
}

fn rules_of(bytes: &[u8]) -> Result<Rules, String> {
    let source = source_of("policy.yaml", bytes)?;
    let (policy, problems) = read_policy(&source);
    policy.map(|policy| policy.rules).ok_or_else(|| problems.render(crate::text::Colour::Plain))
}

fn roster_of(bytes: &[u8], rules: Option<&Rules>) -> Result<Roster, String> {
    let source = source_of("allowed_signers", bytes)?;
    let rules = rules.ok_or("the copy of policy.yaml cannot be read, so the signatures' namespaces are not known")?;
    let (roster, problems) = read_allowed_signers(&source, &rules.domain, &rules.people);
    roster.ok_or_else(|| problems.render(crate::text::Colour::Plain))
}

fn source_of(name: &str, bytes: &[u8]) -> Result<Source, String> {
    decode(name, bytes).map_err(|problems| problems.render(crate::text::Colour::Plain))
}

fn page(report: &Report, illegal: Option<&str>, asked: Option<LevelArg>) -> Page {
    let mut page = Page::new();
    for level in &report.levels {
        let (mark, tone) = match (level.reached, &level.problem) {
            (true, _) => ("✓", Tone::Good),
            (false, Some(_)) => ("✗", Tone::Bad),
            (false, None) => ("-", Tone::Waits),
        };
        let name = word(level.level);
        page.push(Line::new().with(tone, mark).plain(format!(" {name:<11}")).plain(level.facts.join("; ")));
        if let Some(problem) = &level.problem {
            let place = problem.line.map_or(String::new(), |line| format!("line {line}: "));
            page.push(Line::new().plain("    ").with(Tone::Bad, format!("{place}{}", problem.what)));
        }
    }
    if let Some(illegal) = illegal {
        page.push(Line::new().with(Tone::Bad, format!("an event that cannot follow: {illegal}")));
    }
    let verdict = match (report.status, illegal) {
        (Status::Proven, None) => Line::new().with(Tone::Good, "proven as far as the levels say; nothing contradicts the record"),
        (Status::Proven | Status::Tampered, _) => Line::new().with(Tone::Bad, "tampered: the record contradicts itself"),
        (Status::Damaged, _) => Line::new().with(Tone::Bad, "damaged: a part of the record is missing or broken"),
    };
    page.push(verdict);
    if let Some(asked) = asked.filter(|asked| report.levels.iter().any(|level| level.level <= level_of(*asked) && !level.reached)) {
        page.push(Line::new().with(Tone::Bad, format!("the level asked for is not reached: {}", word(level_of(asked)))));
    }
    page
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Parsed => "parsed",
        Level::Chain => "chain",
        Level::Files => "files",
        Level::Signatures => "signatures",
        Level::Authority => "authority",
        Level::Anchored => "anchored",
    }
}
