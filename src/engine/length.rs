//! How long a step may take at most, from what is declared of it. Never looks at how long anything took.

use std::collections::BTreeMap;

use super::state::State;
use super::turns::scope;
use crate::base::Period;
use crate::event::{Retry, Stage, StageWork};
use crate::plan::{Program, ProgramStep, Road, prepare};

/// What a step may take at most: its commands, and what it waits because it says so. Gates and people are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Length {
    pub work: Period,
    pub waits: Period,
}

/// The length of a step, whether a dry run withholds it or not; `None` where it cannot be rendered before.
pub fn at_most(program: &Program, state: &State, step: &ProgramStep) -> Option<Length> {
    let carried = ProgramStep { road: Road::Carry, ..step.clone() };
    let stage = prepare(program, &carried, &scope(program, state, step), &BTreeMap::new(), None, 1).ok()?;
    Some(match &stage.work {
        StageWork::Wait { period } => Length { work: Period::default(), waits: *period },
        StageWork::Commands { .. } => Length { work: Period::from_millis(commands(&stage)), waits: Period::default() },
        StageWork::Manual { .. } | StageWork::Choose { .. } | StageWork::Conclude { .. } => Length::default(),
        StageWork::Skip { .. } | StageWork::Withheld { .. } => Length::default(),
    })
}

/// In milliseconds.
fn commands(stage: &Stage) -> u64 {
    let StageWork::Commands { actions, until, retry, .. } = &stage.work else { return 0 };
    let one = actions.iter().map(|action| action.timeout.as_millis()).max().unwrap_or(0);
    let looks = if actions.iter().any(|action| action.done_when.is_some()) { one } else { 0 };
    let host = match (until, retry) {
        (Some(until), _) => until.within.as_millis().saturating_add(one), // the last look may begin just before its end
        (None, Some(retry)) => tries(retry, one.saturating_add(looks)),
        (None, None) => one.saturating_add(looks),
    };
    let rounds = actions.len().div_ceil(usize::from(stage.in_flight.get()));
    host.saturating_mul(u64::try_from(rounds).unwrap_or(u64::MAX))
}

fn tries(retry: &Retry, one: u64) -> u64 {
    let mut delay = retry.delay.as_millis();
    let mut whole = one;
    for _ in 1..retry.attempts {
        whole = whole.saturating_add(delay).saturating_add(one);
        delay = delay.saturating_mul(u64::from(retry.backoff.max(1)));
    }
    whole
}
