//! What of a scenario never mattered: rules that answered nothing, people whom nobody asked, a stop that never came. A remark, and never a difference.

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use super::actors::Turns;
use super::answers::Seen;
use super::cast::Cast;
use super::rehearse::Rehearsal;
use super::scenario::{Rule, Scenario};
use crate::text::Span;

/// What was of use in a rehearsal.
#[derive(Debug, Default)]
pub struct Used {
    /// Rules by their numbers, in the order written.
    pub rules: BTreeSet<usize>,
    /// Steps, as `people:` names them, at which somebody said what is written there.
    pub people: BTreeSet<String>,
    /// Whether somebody stopped the run.
    pub stop: bool,
}

impl Used {
    /// What was. Real people say and do what they like: then nothing of what is written for them is told.
    pub(super) fn of(scenario: &Scenario, seen: &Seen, (turns, pressed): (&Turns, &AtomicBool), is_live: bool) -> Self {
        let turns = turns.lock().unwrap_or_else(PoisonError::into_inner);
        let said = turns.keys().filter(|(_, fitting)| *fitting > 0).map(|(step, _)| step.clone());
        let all = scenario.people.iter().map(|(step, _)| step.value.clone());
        let people = if is_live { all.collect() } else { said.collect() };
        Self { rules: seen.used.keys().map(|(number, _)| *number).collect(), people, stop: is_live || pressed.load(Ordering::Relaxed) }
    }
}

/// Something that never mattered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unused {
    /// Its line in the scenario's file, from 1; `None` where the scenario is no file.
    pub line: Option<usize>,
    /// What stands there: `on: systemctl restart`, `people: look-at-the-dashboard`.
    pub what: String,
}

/// All of it, line by line.
pub fn unused(cast: &Cast, rehearsal: &Rehearsal) -> Vec<Unused> {
    let scenario = &cast.scenario;
    let at = |span: Span, what: String| Unused { line: Some(scenario.source.position(span.start).0), what };
    let rules = cast.rules.iter().enumerate().filter(|(number, _)| !rehearsal.used.rules.contains(number));
    let people = scenario.people.iter().map(|(step, _)| step).filter(|step| !rehearsal.used.people.contains(&step.value));
    let rules = rules.map(|(_, (_, rule))| at(rule.at, words(rule)));
    let people = people.map(|step| at(step.span, format!("people: {}", step.value)));
    let stop = scenario.stops.iter().filter(|_| !rehearsal.used.stop);
    let stop = stop.map(|stop| at(stop.at.span, format!("stops: {}", stop.at.value)));
    let mut found: Vec<Unused> = rules.chain(people).chain(stop).collect();
    found.sort_by_key(|unused| unused.line);
    found
}

/// Of a scenario that was made from a record: the commands that were sent then and to no host now, and who was asked then and is not now.
/// That one is sent fewer times is nothing.
pub fn no_longer_met(cast: &Cast, rehearsal: &Rehearsal) -> Vec<Unused> {
    let met = rehearsal.used.rules.iter().filter_map(|number| cast.rules.get(*number));
    let mut told: BTreeSet<String> = met.map(|(_, rule)| words(rule)).collect();
    let all = unused(cast, rehearsal).into_iter().filter(|unused| told.insert(unused.what.clone()));
    all.map(|unused| Unused { line: None, ..unused }).collect()
}

fn words(rule: &Rule) -> String {
    match &rule.is {
        Some(whole) => format!("is: {}", whole.trim_end()),
        None => format!("on: {}", rule.on.join(", ")),
    }
}
