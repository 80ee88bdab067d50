//! The command texts of a runbook as shells would get them: each distinct one is parsed once, and handed out once to a program that judges scripts. Starts no process.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::thread;

use super::Report;
use super::allow::Allowances;
use super::neutral::neutral;
use super::rules::{SHELL_SYNTAX, SHELLCHECK};
use super::syntax::{Dialect, Flaw, STACK, flaw};
use crate::runbook::{Runbook, Step, TextKind, Work};
use crate::text::{Diagnostic, Diagnostics, Spanned};

/// Texts of less than this together are parsed before a second thread has begun.
const WORTH_A_THREAD: usize = 8 << 10;

/// A command text, its templates replaced by plain words of the same length.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Script {
    pub shell: ScriptShell,
    pub text: String,
}

/// The shells that such a program knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScriptShell {
    Sh,
    Bash,
}

/// What a program says about a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Such as `SC2086`.
    pub code: String,
    pub message: String,
    /// From 1; columns count characters.
    pub line: usize,
    pub column: usize,
}

/// Every distinct script of a runbook.
pub fn scripts(runbook: &Runbook) -> Vec<Script> {
    let mut all: Vec<Script> = texts(runbook).into_iter().map(|(_, _, dialect, text)| Script { shell: shell_of(dialect), text }).collect();
    all.sort();
    all.dedup();
    all
}

/// The remarks as warnings at their places, but those that a comment allows.
pub fn remarked(runbook: &Runbook, remarks: &BTreeMap<Script, Vec<Remark>>) -> Diagnostics {
    let (source, allowances) = (&runbook.source, Allowances::read(&runbook.source));
    let mut found = Diagnostics::new();
    for (step, written, dialect, text) in texts(runbook) {
        if allowances.allows(source, SHELLCHECK.code, step.span) {
            continue;
        }
        let script = Script { shell: shell_of(dialect), text };
        for remark in remarks.get(&script).into_iter().flatten() {
            let at = byte_at(&script.text, remark.line, remark.column);
            let length = script.text[at..].chars().next().map_or(0, char::len_utf8);
            let span = source.place_in_value(written.span, &written.value, (at, at + length));
            let message = format!("{}: {}", remark.code, remark.message);
            let mut diagnostic = Diagnostic::new(SHELLCHECK.severity, SHELLCHECK.code, source, span, message);
            let help = format!("{}'s own page explains it: https://www.shellcheck.net/wiki/{0}", remark.code);
            diagnostic.label("shellcheck").help(help);
            found.push(diagnostic);
        }
    }
    found
}

/// Each command text that its shell could not read.
pub(super) fn check(report: &mut Report<'_>, runbook: &Runbook) {
    let texts = texts(runbook);
    let mut distinct: Vec<(Dialect, &str)> = texts.iter().map(|(_, _, dialect, text)| (*dialect, text.as_str())).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let flaws = flaws_of(&distinct);
    for (step, written, dialect, text) in &texts {
        let Some(flaw) = flaws.get(&(*dialect, text.as_str())) else { continue };
        let whole = written.span;
        let span = flaw.at.map_or(whole, |part| report.source.place_in_value(whole, &written.value, part));
        let shell = if *dialect == Dialect::Bash { "bash" } else { "sh" };
        let help = match flaw.bash_reads_it {
            true => "bash reads this and sh does not: write `shell: bash` beside it, where every host has bash, or write it without",
            false => "try it on your own machine: `sh -n` reads a file without running it",
        };
        report.add(&SHELL_SYNTAX, Some(step), span, format!("{shell} cannot read this: {}", flaw.what), "", help);
    }
}

/// The texts that have a flaw; on as many threads as are of use, each with the stack that the parser needs.
fn flaws_of<'t>(distinct: &[(Dialect, &'t str)]) -> BTreeMap<(Dialect, &'t str), Flaw> {
    let size: usize = distinct.iter().map(|(_, text)| text.len()).sum();
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = (size / WORTH_A_THREAD + 1).min(cores);
    let judge = |part: &[(Dialect, &'t str)]| {
        let found = part.iter().filter_map(|&(dialect, text)| Some(((dialect, text), flaw(text, dialect)?)));
        found.collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let parts = distinct.chunks(distinct.len().div_ceil(threads).max(1));
        let started = parts.map(|part| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, move || judge(part)));
        let started: Vec<_> = started.flatten().collect(); // no thread to be had: its texts stay unjudged, as with a shell that is not known
        started.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    })
}

type Text<'r> = (&'r Step, &'r Spanned<String>, Dialect, String);

/// Every command text whose shell is known, in the order written. The way back and what belongs to no `run` or `check` is for `sh`.
fn texts(runbook: &Runbook) -> Vec<Text<'_>> {
    let mut texts = Vec::new();
    for step in runbook.all_steps() {
        let shell = match &step.work {
            Work::Run { shell, .. } | Work::Check { shell, .. } => shell.as_ref().map(|shell| shell.value.as_str()),
            Work::Script { .. } | Work::Capture { .. } | Work::Put(_) | Work::Reboot | Work::Manual { .. } | Work::Choose { .. } => None,
            Work::Wait { .. } | Work::Call { .. } | Work::Conclude { .. } | Work::Block(_) => None,
        };
        for (text, _) in step.texts().into_iter().filter(|(_, kind)| *kind == TextKind::Command) {
            let way_back = step.undo.as_ref().is_some_and(|undo| undo.span == text.span);
            let dialect = Dialect::of(shell.filter(|_| !way_back));
            texts.extend(dialect.map(|dialect| (step, text, dialect, neutral(&text.value))));
        }
    }
    texts
}

fn shell_of(dialect: Dialect) -> ScriptShell {
    match dialect {
        Dialect::Posix => ScriptShell::Sh,
        Dialect::Bash => ScriptShell::Bash,
    }
}

fn byte_at(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = &text[start..];
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
}
