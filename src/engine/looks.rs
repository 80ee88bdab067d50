//! The look at what a step will change, which comes before the step is rendered. Never looks at other steps.

use super::decide::Directive;
use super::leaf::run_of;
use super::state::{Attempt, Phase, State};
use super::walk::{Standing, Walk};
use crate::event::{Ended, Event, Judgement, NotStarted, Outcome};
use crate::plan::{Found, Looks, Program, ProgramStep, said};

/// What the look before a step has found, where it has one.
pub(in crate::engine) fn looks(program: &Program, state: &State, step: &ProgramStep, round: u32) -> Option<Looks> {
    let before = state.step(&program.steps[step.before?].id.at(&step.id.turns()));
    let newest =
        |attempts: &'_ [Attempt]| attempts.last().filter(|attempt| attempt.round == before.round).map(|attempt| attempt.phase.clone());
    let found = before.attempts.iter().filter_map(|(host, attempts)| match newest(attempts) {
        Some(Phase::Ended { ended, .. }) => Some((host.clone(), found(&ended)?)),
        Some(Phase::Running | Phase::Orphaned | Phase::Lost) | None => None,
    });
    Some(Looks { run: run_of(state), round, found: found.collect() })
}

/// What one host's look says; a host that was not reached says nothing.
fn found(ended: &Ended) -> Option<Found> {
    match (&ended.outcome, &ended.judgement, &ended.reading) {
        (_, Judgement::Met, Some(reading)) => Some(Found::Said(reading.stdout.clone())),
        (Outcome::Exited { .. }, _, Some(reading)) => Some(Found::Refused(reading.stderr.to_string().trim_end().to_owned())),
        (Outcome::NeverStarted { cause: NotStarted::Unreachable, .. }, ..) => None,
        (outcome, ..) => Some(Found::Refused(said(outcome))),
    }
}

impl Walk<'_> {
    /// What comes before a step can be rendered: the look at what it will change. A look that failed is no end, but part of what is rendered.
    pub fn look_first(&self, step: &ProgramStep) -> Option<Vec<Directive>> {
        match self.leaf(&self.step(step.before?, &step.id.turns())) {
            Standing::Open(directives) => Some(directives),
            Standing::Settled => None,
            Standing::Broken(_) => {
                let why = "nobody may look at what it would change".to_owned();
                Some(vec![Directive::Record(Event::StepRefused { step: step.id.clone(), why })])
            }
        }
    }
}
