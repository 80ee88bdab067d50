//! Rules about a runbook as a whole: what comes after what, and what is never used. Never looks into a command.

use std::collections::HashSet;

use super::rules::{GATES_IN_A_ROW, REVIEW_OVERDUE, UNUSED_REGISTER, UNVERIFIED};
use super::{Leaf, LintPolicy, Report};
use crate::base::{Period, Timestamp};
use crate::event::Effect;
use crate::runbook::{PutContent, Runbook, Step, Work};

/// As the language guide says: from here on people approve without reading.
const TIRING: usize = 5;

pub(super) fn check(report: &mut Report<'_>, runbook: &Runbook, leaves: &[Leaf<'_>], policy: &LintPolicy) {
    check_verified(report, leaves);
    check_used(report, runbook);
    check_gates(report, &runbook.steps.iter().collect::<Vec<_>>());
    check_review(report, runbook, policy);
}

/// One warning: on the last change that no check follows.
fn check_verified(report: &mut Report<'_>, leaves: &[Leaf<'_>]) {
    let changes = |leaf: &Leaf<'_>| leaf.contacts_hosts() && leaf.effect() != Effect::Read;
    let last_change = leaves.iter().rposition(changes);
    let last_check = leaves.iter().rposition(|leaf| matches!(leaf.step.work, Work::Check { .. }));
    if let Some(at) = last_change.filter(|at| last_check.is_none_or(|check| check < *at)) {
        let step = leaves[at].step;
        let message = "nothing looks whether this change has helped".to_owned();
        let help = "add a step with `check:` after it, with `until: {within: 2m}` where it takes a while; where nothing could tell, say so: `# runbook: allow RB202 because …`";
        report.add(&UNVERIFIED, Some(step), step.name.span, message, "no check follows", help);
    }
}

fn check_used(report: &mut Report<'_>, runbook: &Runbook) {
    let is_template = |step: &&Step| matches!(&step.work, Work::Put(put) if matches!(put.content, PutContent::Template(_)));
    if runbook.all_steps().iter().any(is_template) {
        return; // what that file uses is not seen here; the check within the library says what nothing uses
    }
    let mut used = HashSet::new();
    runbook.targets.iter().for_each(|(_, selector)| words_of(&selector.value, &mut used));
    runbook.all_steps().into_iter().for_each(|step| use_step(step, &mut used));
    runbook.rules.iter().for_each(|rule| words_of(&rule.require.value, &mut used));
    for symptom in &runbook.symptoms {
        [Some(&symptom.hosts), Some(&symptom.check), symptom.expect.as_ref()]
            .into_iter()
            .flatten()
            .for_each(|text| words_of(&text.value, &mut used));
    }
    check_registers(report, runbook, &used);
}

fn check_registers(report: &mut Report<'_>, runbook: &Runbook, used: &HashSet<String>) {
    for step in runbook.all_steps() {
        if let Some(register) = step.register.as_ref().filter(|register| !used.contains(&register.value)) {
            let message = format!("nothing uses the result `{}`", register.value);
            let help = "remove `register:`; the output is on record in any case";
            report.add(&UNUSED_REGISTER, Some(step), register.span, message, "never used", help);
        }
    }
}

/// Every identifier that a template or expression of the step, or its prose, may use.
fn use_step(step: &Step, used: &mut HashSet<String>) {
    step.texts().into_iter().for_each(|(text, _)| words_of(&text.value, used));
    let prose = [step.why.as_deref(), step.gate.as_ref().and_then(|gate| gate.ask.as_deref())];
    prose.into_iter().flatten().for_each(|text| words_of(text, used));
}

fn words_of(text: &str, used: &mut HashSet<String>) {
    used.extend(text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty()).map(str::to_owned));
}

fn check_gates(report: &mut Report<'_>, steps: &[&Step]) {
    let gated = |step: &&&Step| step.gate.is_some() && step.children().is_empty();
    let mut rest = steps;
    while let Some(start) = rest.iter().position(|step| gated(&step)) {
        let row = rest[start..].iter().take_while(gated).count();
        if row >= TIRING {
            let step = rest[start];
            let message = format!("{row} steps in a row have a gate each");
            let help = "put them into a block, `steps:`, with one gate, where they need no look in between";
            report.add(&GATES_IN_A_ROW, Some(step), step.name.span, message, "the first of them", help);
        }
        rest = &rest[start + row..];
    }
    steps.iter().for_each(|step| check_gates(report, &step.children()));
}

fn check_review(report: &mut Report<'_>, runbook: &Runbook, policy: &LintPolicy) {
    let Some(limit) = policy.review else { return };
    let Some(reviewed) = &runbook.reviewed else {
        let message = "this runbook does not say when it was last reviewed".to_owned();
        let help = "read it, then write `reviewed: YYYY-MM-DD` with today's date";
        report.add(&REVIEW_OVERDUE, None, runbook.name.span, message, "no `reviewed:`", help);
        return;
    };
    let Ok(day) = format!("{}T00:00:00Z", reviewed.value).parse::<Timestamp>() else { return };
    let age = policy.today.since(day);
    if age > limit {
        let days = |period: Period| period.as_millis() / 86_400_000;
        let message = format!("the last review was {} days ago, the policy allows {}", days(age), days(limit));
        let help = "read it once more, mend it, and write today's date";
        report.add(&REVIEW_OVERDUE, None, reviewed.span, message, "overdue", help);
    }
}
