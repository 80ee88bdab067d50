//! The chaos sweep: each step of a rehearsal that goes well is made to fail once, and what the runbook makes of it is a row. Judges no row.

use serde::Serialize;

use super::answers::{Injected, Injection};
use super::cast::Cast;
use super::compare::{held_steps, in_order, undone_steps, verdict};
use super::rehearse::{Pace, Rehearsal};
use crate::base::StepId;
use crate::event::{Answer, Effect, Event, Part};

/// What a runbook makes of one failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The step that went wrong, in its turn.
    pub step: String,
    /// `fails`: it exits with 1. `lost`: the connection is lost while it runs.
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
        let mut rows = Vec::new();
        for (step, effect) in steps_of(&well) {
            let faults = [Some(("fails", Injection::Fails)), (effect > Effect::Read).then_some(("lost", Injection::Lost))];
            for (word, fault) in faults.into_iter().flatten() {
                let injected = Injected { step: step.clone(), part: Part::Main, fault };
                let rehearsal = self.rehearse(seed, Some(injected), Pace::Simulated)?;
                rows.push(row(&step, word, &well, &rehearsal));
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
    let decided = |answer: &Answer| matches!(answer, Answer::Stop | Answer::Retry | Answer::GoOn | Answer::RollBack | Answer::Keep);
    let asked = rehearsal.entries.iter().any(|entry| matches!(&entry.event, Event::PersonAnswered { answer, .. } if decided(answer)));
    let needs_person = asked || !held.is_empty() || matches!(verdict.as_str(), "needs_person" | "gate_expired" | "escalated");
    Row { step: step.to_string(), fault, verdict, answers_with, undone, held, needs_person }
}
