//! The chaos sweep: each step of a rehearsal that goes well is made to fail once, and what the runbook makes of it is a row. Judges no row.

use serde::Serialize;

use super::answers::{Injected, Injection, Then};
use super::cast::Cast;
use super::compare::{held_steps, in_order, undone_steps, verdict};
use super::rehearse::{Pace, Rehearsal};
use super::scenario::Otherwise;
use crate::base::StepId;
use crate::event::{Answer, Effect, Event, Part};

/// What a runbook makes of one failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The step that went wrong, in its turn.
    pub step: String,
    /// `fails`: it ends otherwise than the step expects. `lost`: the connection is lost while it runs.
    pub fault: &'static str,
    /// How the run ends then.
    pub verdict: String,
    /// What runs after it that does not run when all goes well.
    pub answers_with: Vec<String>,
    /// What is undone, in order.
    pub undone: Vec<String>,
    /// What is still held in the end.
    pub held: Vec<String>,
    /// Whether a person must decide something, or go on by hand.
    pub needs_person: bool,
    /// How it ends where that person rolls back, if that can be done.
    pub rolled_back: Option<RolledBack>,
}

/// The way back that a person may choose after a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RolledBack {
    pub verdict: String,
    /// What is undone, in order.
    pub undone: Vec<String>,
    /// What is still held in the end.
    pub held: Vec<String>,
}

/// A rehearsal that goes well, and what becomes of it when each of its steps goes wrong in turn.
#[derive(Debug)]
pub struct Sweep {
    pub well: Rehearsal,
    pub rows: Vec<Row>,
}

impl Cast {
    /// Rehearses once as it is, and once for each step and fault: whatever contacts a host can fail, and what changes something can be lost.
    ///
    /// # Errors
    /// Where this machine gives no runtime.
    pub fn sweep(&self, seed: u64) -> Result<Sweep, std::io::Error> {
        let well = self.rehearse(seed, None, Pace::Simulated)?;
        // what answers a failure, no scenario that goes well has rules for
        let mut chaos = self.clone();
        chaos.scenario.otherwise = Otherwise::AsExpected;
        let mut rows = Vec::new();
        for (step, effect) in steps_of(&well) {
            let faults = [Some(("fails", Injection::Fails)), (effect > Effect::Read).then_some(("lost", Injection::Lost))];
            for (word, fault) in faults.into_iter().flatten() {
                let injected = |then| Some(Injected { step: step.clone(), part: Part::Main, fault, then });
                let rehearsal = chaos.rehearse(seed, injected(Then::Stop), Pace::Simulated)?;
                let mut row = row(&step, word, &well, &rehearsal);
                if was_asked(&rehearsal) {
                    row.rolled_back = rolled_back(&chaos.rehearse(seed, injected(Then::RollBack), Pace::Simulated)?);
                }
                rows.push(row);
            }
        }
        Ok(Sweep { well, rows })
    }
}

/// What ran on hosts, each step once, in order, with its effect.
fn steps_of(well: &Rehearsal) -> Vec<(StepId, Effect)> {
    let mut steps: Vec<(StepId, Effect)> = Vec::new();
    for entry in &well.entries {
        if let Event::ActionStarted { step, part: Part::Main, .. } = &entry.event
            && !steps.iter().any(|(known, _)| known == step)
        {
            let stage = well.state.steps.get(step).and_then(|known| known.stage.as_ref());
            steps.push((step.clone(), stage.map_or(Effect::Read, |stage| stage.effect)));
        }
    }
    steps
}

fn row(step: &StepId, fault: &'static str, well: &Rehearsal, rehearsal: &Rehearsal) -> Row {
    let usual = in_order(&well.entries);
    let answers_with = in_order(&rehearsal.entries).into_iter().filter(|ran| !usual.contains(ran)).collect();
    let (verdict, undone, held) = (verdict(&rehearsal.state), undone_steps(&rehearsal.entries), held_steps(&rehearsal.state));
    let needs_person =
        was_asked(rehearsal) || !held.is_empty() || matches!(verdict.as_str(), "needs_person" | "gate_expired" | "escalated");
    Row { step: step.to_string(), fault, verdict, answers_with, undone, held, needs_person, rolled_back: None }
}

/// Whether a person had to decide how to go on.
fn was_asked(rehearsal: &Rehearsal) -> bool {
    let decided = |answer: &Answer| matches!(answer, Answer::Stop | Answer::Retry | Answer::GoOn | Answer::RollBack | Answer::Keep);
    rehearsal.entries.iter().any(|entry| matches!(&entry.event, Event::PersonAnswered { answer, .. } if decided(answer)))
}

/// `None` where nothing was rolled back.
fn rolled_back(rehearsal: &Rehearsal) -> Option<RolledBack> {
    let began = rehearsal.entries.iter().any(|entry| matches!(entry.event, Event::RollbackBegan { .. }));
    let (undone, held) = (undone_steps(&rehearsal.entries), held_steps(&rehearsal.state));
    began.then(|| RolledBack { verdict: verdict(&rehearsal.state), undone, held })
}
