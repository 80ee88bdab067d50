//! Rules about one step and its commands. Never looks at another step.

use super::changing::{changes, matches_words, repeats_badly};
use super::rules::{ABSURD_TIMEOUT, DENIED, ENDLESS_TIMEOUT, NO_TIMEOUT, NOT_REPEATABLE, OPPOSITE, RAW, READ_CHANGES};
use super::shell::{Simple, commands};
use super::{Leaf, LintPolicy, Look, Report};
use crate::base::Period;
use crate::event::Effect;
use crate::runbook::Work;
use crate::text::Span;

/// Nobody waits longer for one command.
const LONGEST: Period = Period::from_secs(24 * 3600);

/// A restore of a large database takes days; nothing takes this long, and whoever writes it meant another unit.
const ENDLESS: Period = Period::from_secs(30 * 24 * 3600);

/// Words that are found inside their opposites.
const OPPOSITES: [(&str, &str); 22] = [
    ("active", "inactive"),
    ("healthy", "unhealthy"),
    ("running", "not running"),
    ("available", "unavailable"),
    ("reachable", "unreachable"),
    ("connected", "disconnected"),
    ("complete", "incomplete"),
    ("completed", "not completed"),
    ("valid", "invalid"),
    ("mounted", "unmounted"),
    ("locked", "unlocked"),
    ("loaded", "not loaded"),
    ("ready", "not ready"),
    ("ok", "not ok"),
    ("in sync", "not in sync"),
    ("synced", "unsynced"),
    ("success", "unsuccessful"),
    ("successful", "unsuccessful"),
    ("up", "not up, or a word such as backup"),
    ("able", "unable"),
    ("known", "unknown"),
    ("responding", "not responding"),
];

pub(super) fn check(report: &mut Report<'_>, leaf: &Leaf<'_>, policy: &LintPolicy) {
    for (text, span, look) in leaf.commands() {
        let found = commands(text);
        if look == Look::Yes {
            check_look(report, leaf, &found, span, policy);
        }
        if look == Look::No && leaf.effect() == Effect::Idempotent {
            check_repeat(report, leaf, &found, span);
        }
        check_denied(report, leaf, &found, span, policy);
        check_grep(report, leaf, &found, span);
        check_raw(report, leaf, text, span);
    }
    check_expect(report, leaf);
    check_timeout(report, leaf);
}

/// Where a command stands within its text, where its words stand there to the letter; else the whole text.
fn place(report: &Report<'_>, span: Span, command: &Simple) -> Span {
    report.source.find_within(span, &command.words.join(" "))
}

fn check_look(report: &mut Report<'_>, leaf: &Leaf<'_>, found: &[Simple], span: Span, policy: &LintPolicy) {
    let changing = |command: &Simple| Some((place(report, span, command), changes(command, &policy.changing)?));
    let Some((span, why)) = found.iter().find_map(changing) else { return };
    let message = format!("this step is called read, but {why}");
    let help = "write `run:` with its effect; where it truly only looks, say so: `# runbook: allow RB201 because …`";
    report.add(&READ_CHANGES, Some(leaf.step), span, message, "runs without approval, and in a dry run", help);
}

fn check_repeat(report: &mut Report<'_>, leaf: &Leaf<'_>, found: &[Simple], span: Span) {
    let once = |command: &Simple| Some((place(report, span, command), repeats_badly(command)?));
    let Some((span, why)) = found.iter().find_map(once) else { return };
    let message = format!("this step is called idempotent, but {why}");
    let help = "remove `effect:`, so that it never runs twice, or write it so that twice equals once";
    report.add(&NOT_REPEATABLE, Some(leaf.step), span, message, "may run twice", help);
}

fn check_denied(report: &mut Report<'_>, leaf: &Leaf<'_>, found: &[Simple], span: Span, policy: &LintPolicy) {
    for (pattern, why) in &policy.deny {
        if let Some(command) = found.iter().find(|command| matches_words(command, pattern)) {
            let span = place(report, span, command);
            let message = format!("the policy forbids `{pattern}`: {why}");
            let help = "use another command; `deny:` in team/policy.yaml says which are forbidden";
            report.add(&DENIED, Some(leaf.step), span, message, "forbidden", help);
        }
    }
}

/// `grep active` finds `inactive`, unless whole words or lines are asked for.
fn check_grep(report: &mut Report<'_>, leaf: &Leaf<'_>, found: &[Simple], span: Span) {
    for command in found.iter().filter(|command| matches!(command.name(), "grep" | "egrep" | "fgrep")) {
        let exact = command.arguments().iter().any(|word| {
            matches!(word.as_str(), "--word-regexp" | "--line-regexp" | "--invert-match")
                || (word.starts_with('-') && !word.starts_with("--") && word.contains(['w', 'x', 'v']))
        });
        if exact {
            continue;
        }
        if let Some((word, opposite)) = opposite_of(command.verb()) {
            let message = format!("`grep {word}` also finds `{opposite}`");
            let help = format!("match the whole word or line: `grep -x {word}`, or ask for the state itself");
            report.add(&OPPOSITE, Some(leaf.step), span, message, "passes when it should not", &help);
        }
    }
}

/// `"active" in stdout` is true of `inactive`, too.
fn check_expect(report: &mut Report<'_>, leaf: &Leaf<'_>) {
    let Some(expect) = &leaf.step.expect else { return };
    for (before, after) in expect.value.match_indices(" in ").map(|(at, _)| expect.value.split_at(at)) {
        let before = before.trim_end();
        let negated = before.ends_with(" not");
        let Some(quote) = before.chars().last().filter(|c| matches!(c, '"' | '\'')) else { continue };
        let inner = &before[..before.len() - 1];
        let Some(open) = inner.rfind(quote) else { continue };
        let listed = after.trim_start_matches(" in ").trim_start().starts_with(['[', '(']);
        if let (Some((word, opposite)), false, false) = (opposite_of(&inner[open + 1..]), negated, listed) {
            let message = format!("`\"{word}\" in …` is also true of `{opposite}`");
            let help = format!("compare the whole text, `stdout == \"{word}\"`, or a line of it, `\"{word}\" in lines`");
            let of_lines = after.trim_start_matches(" in ").trim_start().starts_with("lines");
            if !of_lines {
                report.add(&OPPOSITE, Some(leaf.step), expect.span, message, "passes when it should not", &help);
            }
        }
    }
}

fn opposite_of(text: &str) -> Option<(&'static str, &'static str)> {
    let text = text.trim().to_lowercase();
    OPPOSITES.into_iter().find(|(word, _)| *word == text)
}

fn check_raw(report: &mut Report<'_>, leaf: &Leaf<'_>, text: &str, span: Span) {
    let raw = text
        .split("{{")
        .skip(1)
        .filter_map(|rest| rest.split("}}").next())
        .any(|inside| inside.split('|').skip(1).any(|filter| filter.split_whitespace().next() == Some("raw")));
    if raw {
        let help = "remove `| raw`: every value becomes one word of the shell; or say why: `# runbook: allow RB213 because …`";
        report.add(&RAW, Some(leaf.step), span, "`| raw` puts a value into this command without quoting".to_owned(), "unquoted", help);
    }
}

fn check_timeout(report: &mut Report<'_>, leaf: &Leaf<'_>) {
    if leaf.commands().is_empty() && !matches!(leaf.step.work, Work::Script { .. }) {
        return;
    }
    let span = leaf.step.timeout.as_ref().map_or(leaf.step.name.span, |timeout| timeout.span);
    match leaf.timeout.map(str::parse::<Period>) {
        None => {
            let help = "add `timeout:` here or on the block around it, a little longer than it ever took";
            report.add(&NO_TIMEOUT, Some(leaf.step), span, "this step has no time-out".to_owned(), "may hang", help);
        }
        Some(Ok(period)) if period > ENDLESS => {
            let message = format!("a time-out of {period} never comes");
            report.add(&ENDLESS_TIMEOUT, Some(leaf.step), span, message, "longer than thirty days", "write what the step takes at most");
        }
        Some(Ok(period)) if period > LONGEST => {
            let message = format!("a time-out of {period} is none");
            report.add(&ABSURD_TIMEOUT, Some(leaf.step), span, message, "longer than a day", "write what the step takes at most");
        }
        Some(Ok(_) | Err(_)) => {} // a template is the plan's business
    }
}
