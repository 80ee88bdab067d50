//! How long the run would take of which a dry run was made: at most, from what is declared; and about, from how long its steps took before.
//! Gates and people are not counted.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::page::{Line, Tone};
use super::steps::{seconds, summary};
use crate::base::{Period, StepId, Timestamp};
use crate::engine::{Foreseen, Phase, State, StepState, at_most, step_of, unfolded};
use crate::event::{Judgement, Part, RunMode};
use crate::plan::{Program, ProgramStep, Reached, Role};

/// How long steps took in earlier real runs.
#[derive(Debug, Default)]
pub struct Earlier {
    runs: u32,
    /// In milliseconds, by the id without its turns.
    took: BTreeMap<String, Vec<u64>>,
}

impl Earlier {
    /// Takes in a run, where it was a real one and a step of it went well.
    pub fn add(&mut self, state: &State) {
        let is_real = state.opened.as_ref().is_some_and(|(_, opened)| opened.mode == RunMode::Real);
        let took: Vec<_> = state.steps.iter().filter_map(|(id, known)| Some((id.base().to_owned(), well(known)?))).collect();
        if !is_real || took.is_empty() {
            return;
        }
        self.runs += 1;
        took.into_iter().for_each(|(id, millis)| self.took.entry(id).or_default().push(millis));
    }

    /// How many runs were taken in.
    pub fn runs(&self) -> u32 {
        self.runs
    }

    fn median(&self, id: &StepId) -> Option<u64> {
        let mut all = self.took.get(id.base())?.clone();
        all.sort_unstable();
        let (low, high) = (all.get((all.len() - 1) / 2)?, all.get(all.len() / 2)?);
        Some(low.midpoint(*high))
    }
}

/// How long its newest round took, from the first start to the last end, where that went well somewhere.
fn well(known: &StepState) -> Option<u64> {
    let round = known.attempts.values().flatten().filter(|attempt| attempt.round == known.round && attempt.part != Part::Undo);
    let mut ends = Vec::new();
    let (mut first, mut went_well) = (None, false);
    for attempt in round {
        first = Some(first.map_or(attempt.started, |first: Timestamp| first.min(attempt.started)));
        if let Phase::Ended { at, ended } = &attempt.phase {
            ends.push(*at);
            went_well |= attempt.part == Part::Main && ended.judgement == Judgement::Met;
        }
    }
    let took = ends.into_iter().max()?.since(first?).as_millis();
    went_well.then_some(took)
}

/// What a dry run says of the length of the run: a promise to programs.
#[derive(Debug, Serialize)]
pub struct WouldTake {
    /// The sum of the steps' medians; `null` where there is no earlier run.
    pub about_ms: Option<Period>,
    /// How many earlier runs that rests on.
    pub runs: u32,
    /// Steps that went well in none of them: not counted.
    pub never_ran: u32,
    /// What `wait:` steps declare; not part of `about_ms`, and part of `at_most_ms`.
    pub waits_ms: Period,
    /// The sum of what is declared: `timeout`, `until`, `retry`, `wait`. Of a choice all options count.
    pub at_most_ms: Period,
    /// Steps whose length cannot be known before: not counted.
    pub unbounded: u32,
}

/// The length of the run, as a dry run has come to know it.
pub fn would_take(program: &Program, state: &State, earlier: &Earlier) -> WouldTake {
    let (mut about, mut waits, mut most) = (0u64, 0u64, 0u64);
    let mut takes = WouldTake {
        about_ms: None,
        runs: earlier.runs,
        never_ran: 0,
        waits_ms: Period::default(),
        at_most_ms: Period::default(),
        unbounded: 0,
    };
    for step in counted(program, state) {
        let is_certain = step.reached == Reached::Always;
        let length = at_most(program, state, &step);
        takes.unbounded += u32::from(length.is_none());
        let length = length.unwrap_or_default();
        most = most.saturating_add(length.work.as_millis()).saturating_add(length.waits.as_millis());
        if !is_certain {
            continue;
        }
        waits = waits.saturating_add(length.waits.as_millis());
        let now = state.steps.get(&step.id).and_then(well); // a look that the dry run took itself
        match earlier.median(&step.id).or(now) {
            Some(millis) => about = about.saturating_add(millis),
            None => takes.never_ran += u32::from(step.is_command()),
        }
    }
    takes.about_ms = (earlier.runs > 0).then_some(Period::from_millis(about));
    (takes.waits_ms, takes.at_most_ms) = (Period::from_millis(waits), Period::from_millis(most));
    takes
}

/// The steps that would run when all goes well, those of options among them; and the looks that come before them.
fn counted(program: &Program, state: &State) -> Vec<ProgramStep> {
    let order = unfolded(program, state);
    let known: BTreeSet<StepId> = order.iter().map(|step| step.id.clone()).collect();
    let beside = state.steps.keys().filter(|id| !known.contains(*id)).filter_map(|id| step_of(program, state, id));
    let steps = order.into_iter().chain(beside.filter(|step| !matches!(step.role, Role::Symptom { .. })));
    let steps = steps.filter(|step| !matches!(step.reached, Reached::AfterFailure(_)));
    steps.filter(|step| summary(state, step).foreseen != Some(Foreseen::WouldSkip)).collect()
}

/// `would take about 4m30s (medians of 3 runs; 2 steps never ran), waits 5m, at most 12m in all`
pub fn would_take_line(takes: &WouldTake) -> Line {
    let steps = |count: u32| if count == 1 { "1 step".to_owned() } else { format!("{count} steps") };
    let about = takes.about_ms.map(|about| {
        let runs = if takes.runs == 1 { "as in 1 run".to_owned() } else { format!("medians of {} runs", takes.runs) };
        let never = if takes.never_ran == 0 { String::new() } else { format!("; {} never ran", steps(takes.never_ran)) };
        format!("about {} ({runs}{never})", seconds(about))
    });
    let waits = (takes.waits_ms > Period::default()).then(|| format!("waits {}", takes.waits_ms));
    let unbounded = (takes.unbounded > 0).then(|| format!("besides {} whose length cannot be known before", steps(takes.unbounded)));
    let most = format!("at most {} in all", seconds(takes.at_most_ms));
    let parts: Vec<String> = match about {
        Some(about) => [Some(about), waits, Some(most), unbounded].into_iter().flatten().collect(),
        None => [Some(most), waits.map(|waits| format!("of which it {waits}")), unbounded].into_iter().flatten().collect(),
    };
    Line::new().with(Tone::Quiet, format!("would take {}", parts.join(", ")))
}
