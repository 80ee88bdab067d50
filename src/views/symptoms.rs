//! What became of each symptom: there before, cleared when and after which step, there in the end. Derived from the looks on record.

use serde::Serialize;

use super::page::{Line, Tone};
use crate::base::{HostName, Timestamp};
use crate::engine::{Attempt, Phase, State, step_of};
use crate::event::Judgement;
use crate::plan::{Program, ProgramStep, Role};

/// One symptom on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SymptomJson {
    pub name: String,
    pub host: HostName,
    /// Whether it was there at the first look; `null` where nobody could look.
    pub before: Option<bool>,
    /// Whether it was there at the last look.
    pub after: Option<bool>,
    /// The first look from which on it was gone, where it had been there.
    pub cleared_at: Option<Timestamp>,
    /// The step that had begun most recently then.
    pub after_step: Option<String>,
    pub looks: usize,
}

/// All symptoms of a run.
pub fn symptoms(program: &Program, state: &State) -> Vec<SymptomJson> {
    let all = program.steps.iter().filter(|step| matches!(step.role, Role::Symptom { .. }));
    all.flat_map(|step| on_hosts(program, state, step)).collect()
}

fn on_hosts(program: &Program, state: &State, step: &ProgramStep) -> Vec<SymptomJson> {
    let known = state.step(&step.id);
    let actions = known.stage.iter().flat_map(|stage| stage.work.commands());
    let of = |action: &crate::event::Action| {
        let attempts = known.attempts.get(&action.host).map_or(&[][..], Vec::as_slice);
        let looks: Vec<(Timestamp, bool)> = attempts.iter().filter_map(look).collect();
        let gone_from = looks.iter().rposition(|(_, is_there)| *is_there).map_or(0, |last| last + 1);
        let was_there = looks.iter().any(|(_, is_there)| *is_there);
        let cleared_at = looks.get(gone_from).map(|(at, _)| *at).filter(|_| was_there);
        SymptomJson {
            name: step.step.name.value.clone(),
            host: action.host.clone(),
            before: looks.first().map(|(_, is_there)| *is_there),
            after: looks.last().map(|(_, is_there)| *is_there),
            cleared_at,
            after_step: cleared_at.and_then(|at| last_step_before(program, state, at)),
            looks: looks.len(),
        }
    };
    actions.map(of).collect()
}

/// When it was looked at, and whether the symptom was there.
fn look(attempt: &Attempt) -> Option<(Timestamp, bool)> {
    match &attempt.phase {
        Phase::Ended { ended, .. } => Some((attempt.started, ended.judgement != Judgement::Met)),
        Phase::Running | Phase::Orphaned | Phase::Lost => None,
    }
}

fn last_step_before(program: &Program, state: &State, at: Timestamp) -> Option<String> {
    let mut latest: Option<(Timestamp, String)> = None;
    for (id, known) in &state.steps {
        let Some(step) = step_of(program, state, id).filter(|step| !matches!(step.role, Role::Symptom { .. })) else { continue };
        for attempt in known.attempts.values().flatten() {
            let began = attempt.started;
            if began <= at && latest.as_ref().is_none_or(|(known, _)| *known < began) {
                latest = Some((began, format!("{} {}", step.number, step.step.name.value)));
            }
        }
    }
    latest.map(|(_, step)| step)
}

/// The same for people, a line each.
pub fn symptom_lines(all: &[SymptomJson]) -> Vec<Line> {
    let line = |symptom: &SymptomJson| {
        let (tone, word) = match (symptom.before, symptom.after, symptom.cleared_at) {
            (None, None, _) => (Tone::Quiet, "could not be looked at".to_owned()),
            (_, Some(true), _) => (Tone::Bad, "still there".to_owned()),
            (_, _, Some(at)) => {
                let after = symptom.after_step.as_ref().map_or(String::new(), |step| format!(", after {step}"));
                (Tone::Good, format!("cleared at {}{after}", at.time_of_day()))
            }
            (_, _, None) => (Tone::Quiet, "was not there".to_owned()),
        };
        Line::new().plain(format!("symptom \"{}\" on {}: ", symptom.name, symptom.host)).with(tone, word)
    };
    all.iter().map(line).collect()
}
