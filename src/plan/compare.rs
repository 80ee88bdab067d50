//! Two revisions of a runbook compared in meaning: what differs, in sentences, the most dangerous first. Never looks at how they are written.

mod gate;
mod hosts;
mod pairs;
mod placed;
mod step;
mod top;

use serde::Serialize;

use crate::base::StepId;
use crate::library::Inventory;
use crate::runbook::Runbook;
use pairs::{Pairs, pairs};
use placed::{Placed, placed};

/// A runbook with the inventory that its selectors mean.
#[derive(Debug, Clone, Copy)]
pub struct Revision<'a> {
    pub runbook: &'a Runbook,
    pub inventory: &'a Inventory,
}

/// How much a difference deserves a second look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Something protects less than before, or reaches further.
    Dangerous,
    /// Something else is done than before.
    Different,
    /// Only the prose for people.
    Words,
}

/// In which way a thing differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    Removed,
    Weaker,
    Changed,
    Stronger,
    Added,
    Moved,
    Renamed,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub weight: Weight,
    /// What differs: `gate`, `hosts`, `step`, `parameter`, or a word of a step such as `timeout`.
    pub what: &'static str,
    pub how: How,
    /// The steps that it is about, by the new ids where there are such.
    pub steps: Vec<StepId>,
    /// A whole sentence, its subject included.
    pub sentence: String,
    /// Lines with `- ` before what was and `+ ` before what is; lines around them begin with two blanks.
    pub lines: Vec<String>,
}

/// What comes first among equally heavy differences; what is not here comes after, in the order of the runbook.
const ORDER: [&str; 9] = ["gate", "effect", "undo", "evidence", "hosts", "step", "action", "command", "rule"];

/// A difference of one step, not yet told together with equal ones of other steps.
struct StepChange {
    weight: Weight,
    what: &'static str,
    how: How,
    /// What is said after one step, and after several.
    one: String,
    many: String,
    lines: Vec<String>,
}

/// Words that depend on how many steps a sentence is about.
#[derive(Clone, Copy)]
struct Verbs {
    is: &'static str,
    has: &'static str,
    runs: &'static str,
    needs: &'static str,
    does: &'static str,
}

const ONE: Verbs = Verbs { is: "is", has: "has", runs: "runs", needs: "needs", does: "does" };
const MANY: Verbs = Verbs { is: "are", has: "have", runs: "run", needs: "need", does: "do" };

impl StepChange {
    fn new(weight: Weight, what: &'static str, how: How, said: impl Fn(Verbs) -> String) -> Self {
        Self { weight, what, how, one: said(ONE), many: said(MANY), lines: Vec::new() }
    }

    fn with_lines(self, lines: Vec<String>) -> Self {
        Self { lines, ..self }
    }

    fn is_same(&self, other: &StepChange) -> bool {
        (self.what, self.how, &self.one, &self.lines) == (other.what, other.how, &other.one, &other.lines)
    }
}

/// All differences from the old revision to the new one; none where both mean the same.
pub fn compare(old: Revision<'_>, new: Revision<'_>) -> Vec<Change> {
    let (before, after) = (placed(old.runbook), placed(new.runbook));
    let pairs = pairs(&before, &after);
    let mut changes: Vec<(usize, Change)> = top::changes(old.runbook, new.runbook).into_iter().map(|change| (0, change)).collect();
    changes.extend(step_changes(old, new, (&before, &after), &pairs));
    changes.extend(removed(&before, &pairs));
    changes.extend(added(&after, &pairs));
    let rank = |what: &str| ORDER.iter().position(|other| *other == what).unwrap_or(ORDER.len());
    changes.sort_by_key(|(place, change)| (change.weight, rank(change.what), *place));
    changes.into_iter().map(|(_, change)| change).collect()
}

/// Differences of the steps that both have, each with its place; equal ones told once.
fn step_changes(
    old: Revision<'_>,
    new: Revision<'_>,
    (before, after): (&[Placed<'_>], &[Placed<'_>]),
    pairs: &Pairs,
) -> Vec<(usize, Change)> {
    let mut told: Vec<(StepChange, Vec<&Placed<'_>>)> = Vec::new();
    for (one, other) in &pairs.both {
        let (one, other) = (&before[*one], &after[*other]);
        let mut found = step::changes(one, other);
        found.extend(gate::changes(one, other));
        found.extend(hosts::changes(one, (old.runbook, old.inventory), other, (new.runbook, new.inventory)));
        found.extend(pairs.moved.contains(&other.at).then(|| moved(other, after)));
        for change in found {
            match told.iter_mut().find(|(same, _)| same.is_same(&change)) {
                Some((_, steps)) => steps.push(other),
                None => told.push((change, vec![other])),
            }
        }
    }
    told.into_iter().map(|(change, steps)| (steps[0].at, together(change, &steps))).collect()
}

fn together(change: StepChange, steps: &[&Placed<'_>]) -> Change {
    let sentence = match steps {
        [only] => format!("{} {}", only.said(), change.one),
        several => format!("steps {} {}", list(several.iter().map(|step| step.number.as_str())), change.many),
    };
    let ids = steps.iter().map(|step| step.step.id.clone()).collect();
    Change { weight: change.weight, what: change.what, how: change.how, steps: ids, sentence, lines: change.lines }
}

fn moved(step: &Placed<'_>, all: &[Placed<'_>]) -> StepChange {
    let place = step.place(all);
    StepChange::new(Weight::Different, "step", How::Moved, |verbs| format!("{} at another place now: {place}", verbs.is))
}

/// Steps that are gone; what was within them is gone with them.
fn removed(before: &[Placed<'_>], pairs: &Pairs) -> Vec<(usize, Change)> {
    let gone: Vec<&Placed<'_>> = before.iter().filter(|step| pairs.new_of(step.at).is_none()).collect();
    let outer = gone.iter().filter(|step| step.parent.is_none_or(|parent| pairs.new_of(parent).is_some()));
    let tell = |step: &&Placed<'_>| {
        let within = gone.iter().filter(|other| other.is_within(step.at, before)).count();
        let protects = gone.iter().any(|other| (other.at == step.at || other.is_within(step.at, before)) && other.protects());
        let weight = if protects { Weight::Dangerous } else { Weight::Different };
        let sentence = format!("{} is gone{}", step.said(), with_what_is_within(within));
        let lines = step.work_lines().into_iter().map(|line| format!("- {line}")).collect();
        (step.at, Change { weight, what: "step", how: How::Removed, steps: vec![step.step.id.clone()], sentence, lines })
    };
    outer.map(tell).collect()
}

/// Steps that are new, each with what it does.
fn added(after: &[Placed<'_>], pairs: &Pairs) -> Vec<(usize, Change)> {
    let new = after.iter().filter(|step| pairs.old_of(step.at).is_none());
    let tell = |step: &Placed<'_>| {
        let weight = if step.is_destructive() { Weight::Dangerous } else { Weight::Different };
        let sentence = format!("{} is new{}", step.said(), step.in_short());
        let lines = step.work_lines().into_iter().map(|line| format!("+ {line}")).collect();
        (step.at, Change { weight, what: "step", how: How::Added, steps: vec![step.step.id.clone()], sentence, lines })
    };
    new.map(tell).collect()
}

fn with_what_is_within(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => ", and the step within it".to_owned(),
        several => format!(", and the {several} steps within it"),
    }
}

/// `a`, `a and b`, `a, b and c`.
fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    match names.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests;
