//! Rules over the files that `script:` steps send: what holds for a command's text holds for a file's. Never judges a step's other words.

use std::collections::BTreeMap;

use super::allow::Allowances;
use super::changing::{changes, matches_words};
use super::rules::{DENIED, READ_CHANGES, Rule};
use super::shell::{Simple, commands};
use crate::base::Bytes;
use crate::event::Effect;
use crate::runbook::{Runbook, Step, Work};
use crate::text::{Diagnostic, Diagnostics, Source, Span};

/// Looks through the files that a runbook's steps send: for commands that the policy forbids, and for changes in what is called `read`.
/// A finding stands at its place in the file; it is allowed by a comment on the step.
pub fn lint_scripts(runbook: &Runbook, deny: &[(String, String)], changing: &[String], scripts: &BTreeMap<String, Bytes>) -> Diagnostics {
    let allowances = Allowances::read(&runbook.source);
    let mut found = Diagnostics::new();
    for step in runbook.all_steps() {
        let Work::Script { file, .. } = &step.work else { continue };
        let Some(text) = scripts.get(&file.value).and_then(Bytes::as_str) else { continue };
        let sent = Sent { runbook, step, source: Source::new(&format!("scripts/{}", file.value), text), commands: commands(text) };
        for (rule, span, message, help) in sent.denied(deny).into_iter().chain(sent.changing(changing)) {
            if !allowances.allows(&runbook.source, rule.code, step.span) {
                let mut diagnostic = Diagnostic::new(rule.severity, rule.code, &sent.source, span, message);
                diagnostic.label(sent.used_by()).help(help);
                found.push(diagnostic);
            }
        }
    }
    found
}

type Finding = (&'static Rule, Span, String, String);

/// A file with the step that sends it.
struct Sent<'r> {
    runbook: &'r Runbook,
    step: &'r Step,
    source: Source,
    commands: Vec<Simple>,
}

impl Sent<'_> {
    fn used_by(&self) -> String {
        format!("sent by \"{}\" of {}", self.step.name.value, self.runbook.name.value)
    }

    fn place(&self, command: &Simple) -> Span {
        let whole = Span { start: 0, end: self.source.text().len() };
        let first_line = Span { start: 0, end: self.source.text().find('\n').unwrap_or(whole.end) };
        let (all, name) = (command.words.join(" "), command.words.first().map_or("", String::as_str));
        let found = [all.as_str(), name].into_iter().map(|words| self.source.find_within(whole, words)).find(|span| *span != whole);
        found.unwrap_or(first_line)
    }

    fn denied(&self, deny: &[(String, String)]) -> Vec<Finding> {
        let of = |(pattern, why): &(String, String)| {
            let command = self.commands.iter().find(|command| matches_words(command, pattern))?;
            let help = "use another command; `deny:` in team/policy.yaml says which are forbidden".to_owned();
            Some((&DENIED, self.place(command), format!("the policy forbids `{pattern}`: {why}"), help))
        };
        deny.iter().filter_map(of).collect()
    }

    fn changing(&self, more: &[String]) -> Option<Finding> {
        if self.step.effect() != Some(Effect::Read) {
            return None;
        }
        let (command, why) = self.commands.iter().find_map(|command| Some((command, changes(command, more)?)))?;
        let help = "remove `effect: read`; where it truly only looks, say so on the step: `# runbook: allow RB201 because …`".to_owned();
        Some((&READ_CHANGES, self.place(command), format!("this step is called read, but {why}"), help))
    }
}
