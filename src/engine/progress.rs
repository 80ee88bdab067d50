//! How far one host is within one stage: from its attempts and the stage's rules alone. Never asks what time it is.

use super::state::{Attempt, Phase, StepState};
use crate::base::{HostName, Period, Timestamp};
use crate::event::{Action, Attempts, Effect, Ended, Judgement, NotStarted, OnFailure, Outcome, Part, Retry, Stage, StageWork, Until};

/// A host's part in a step's result. Every selected host has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HostResult {
    Ok,
    /// Its work was already in place.
    Skipped,
    Failed,
    Unreachable,
    Unknown,
    NotStarted,
}

/// Whether so many bad hosts keep further ones from being started. Where the author goes on whatever happens, and names no number, none do.
pub fn is_spent(stage: &Stage, bad: usize) -> bool {
    let goes_on = stage.on_failure == OnFailure::Continue && stage.max_failures == 0;
    !goes_on && bad > stage.max_failures as usize
}

impl HostResult {
    /// Whether it counts against the failure budget.
    pub fn is_bad(self) -> bool {
        match self {
            HostResult::Failed | HostResult::Unreachable | HostResult::Unknown => true,
            HostResult::Ok | HostResult::Skipped | HostResult::NotStarted => false,
        }
    }

    /// The result in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            HostResult::Ok => "ok",
            HostResult::Skipped => "skipped",
            HostResult::Failed => "failed",
            HostResult::Unreachable => "unreachable",
            HostResult::Unknown => "unknown",
            HostResult::NotStarted => "not_started",
        }
    }
}

/// How far a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// This part may start as soon as there is room.
    Next(Part),
    /// This part may start at this time.
    NotBefore(Timestamp, Part),
    Running,
    /// This attempt must be asked about.
    Orphaned(Part, u32),
    Settled(HostResult),
}

/// How far a host is within its stage's current round.
pub fn progress(stage: &Stage, action: &Action, step: &StepState) -> Progress {
    if let Some(result) = step.done_before.get(&action.host) {
        return Progress::Settled(*result);
    }
    if action.place.is_none() {
        return Progress::Settled(HostResult::Unreachable);
    }
    in_round(stage, action, step)
}

/// How far a host is within the round of this stage, whatever came before or after it.
pub(in crate::engine) fn in_round(stage: &Stage, action: &Action, step: &StepState) -> Progress {
    let all = step.attempts.get(&action.host).map_or(&[][..], Vec::as_slice);
    let of_round = |attempt: &&Attempt| attempt.round == stage.round && attempt.part != Part::Undo && attempt.phase != Phase::Lost;
    let round: Vec<&Attempt> = all.iter().filter(of_round).collect();
    match round.last().map(|last| (last, &last.phase)) {
        None => Progress::Next(first_part(action)),
        Some((_, Phase::Running)) => Progress::Running,
        Some((last, Phase::Orphaned)) => Progress::Orphaned(last.part, last.number),
        Some((_, Phase::Lost)) => Progress::Next(first_part(action)), // filtered out above
        Some((last, Phase::Ended { at, ended })) => match last.part {
            Part::Look => after_look(stage, &round, ended),
            Part::Main | Part::Undo => after_main(stage, action, &round, *at, ended), // an undo is no part of a round
        },
    }
}

/// What went well and has a way back: each host's action with the stage that it is of, whatever round that was.
pub fn completed(step: &StepState) -> Vec<(&Stage, &Action)> {
    let stages = step.past.iter().chain(&step.stage).filter(|stage| stage.effect > Effect::Read);
    let actions = stages.flat_map(|stage| stage.work.commands().iter().map(move |action| (stage, action)));
    let went_well = |(stage, action): &(&Stage, &Action)| in_round(stage, action, step) == Progress::Settled(HostResult::Ok);
    actions.filter(|(_, action)| action.undo.is_some()).filter(went_well).collect()
}

/// How far the way back of a completed action is.
pub fn undoing(action: &Action, step: &StepState) -> Progress {
    let all = step.attempts.get(&action.host).map_or(&[][..], Vec::as_slice);
    let of_round = |attempt: &&Attempt| attempt.part == Part::Undo && attempt.round == step.undo_round && attempt.phase != Phase::Lost;
    match all.iter().rfind(of_round).map(|last| (last, &last.phase)) {
        None | Some((_, Phase::Lost)) => Progress::Next(Part::Undo),
        Some((_, Phase::Running)) => Progress::Running,
        Some((last, Phase::Orphaned)) => Progress::Orphaned(Part::Undo, last.number),
        Some((_, Phase::Ended { ended, .. })) if ended.judgement == Judgement::Met => Progress::Settled(HostResult::Ok),
        Some((_, Phase::Ended { ended, .. })) => Progress::Settled(bad(ended)),
    }
}

/// Each host whose part is over, with its result.
pub fn settled_results(stage: &Stage, step: &StepState) -> Vec<(HostName, HostResult)> {
    let StageWork::Commands { actions, .. } = &stage.work else { return Vec::new() };
    let of_action = |action: &Action| match progress(stage, action, step) {
        Progress::Settled(result) => Some((action.host.clone(), result)),
        Progress::Next(_) | Progress::NotBefore(..) | Progress::Running | Progress::Orphaned(..) => None,
    };
    let mut results: Vec<_> = step.done_before.iter().map(|(host, result)| (host.clone(), *result)).collect();
    results.extend(actions.iter().filter(|action| !step.done_before.contains_key(&action.host)).filter_map(of_action));
    results
}

fn first_part(action: &Action) -> Part {
    if action.done_when.is_some() { Part::Look } else { Part::Main }
}

/// After `done_when`: exit status 0 says that the work is in place. After a main command whose outcome is not known, it is what decides.
fn after_look(stage: &Stage, round: &[&Attempt], ended: &Ended) -> Progress {
    let main_came_before = round.iter().any(|attempt| attempt.part == Part::Main);
    match (&ended.outcome, main_came_before) {
        (Outcome::Exited { code: 0 }, false) => Progress::Settled(HostResult::Skipped),
        (Outcome::Exited { code: 0 }, true) => Progress::Settled(HostResult::Ok),
        (Outcome::Exited { .. }, false) => Progress::Next(Part::Main),
        (Outcome::Exited { .. }, true) if may_start_again(stage, round) => Progress::Next(Part::Main),
        (Outcome::Exited { .. }, true) => Progress::Settled(HostResult::Failed),
        (Outcome::NeverStarted { cause: NotStarted::Unreachable, .. }, false) => Progress::Settled(HostResult::Unreachable),
        (_, false) => Progress::Settled(HostResult::Failed),
        (_, true) => Progress::Settled(HostResult::Unknown),
    }
}

fn after_main(stage: &Stage, action: &Action, round: &[&Attempt], at: Timestamp, ended: &Ended) -> Progress {
    let StageWork::Commands { until, retry, .. } = &stage.work else { return Progress::Settled(HostResult::Failed) };
    let met = ended.judgement == Judgement::Met;
    if let Some(until) = until {
        return repeated(until, round, at, met).unwrap_or(Progress::Settled(bad(ended)));
    }
    if met {
        return Progress::Settled(HostResult::Ok);
    }
    let unknown = matches!(ended.outcome, Outcome::Unknown { .. });
    if unknown && action.done_when.is_some() {
        return Progress::Next(Part::Look);
    }
    match retry {
        Some(retry) if mains(round) < retry.attempts && may_start_again(stage, round) => {
            Progress::NotBefore(at.after(delay(retry, mains(round))), first_part(action))
        }
        Some(_) | None => Progress::Settled(bad(ended)),
    }
}

/// Looks again until it holds as often in a row as asked, or until there is no time left.
fn repeated(until: &Until, round: &[&Attempt], at: Timestamp, met: bool) -> Option<Progress> {
    let in_a_row = round.iter().rev().take_while(|attempt| is_met(attempt)).count();
    if met && in_a_row >= until.healthy as usize {
        return Some(Progress::Settled(HostResult::Ok));
    }
    let next = at.after(until.every);
    let deadline = round.first()?.started.after(until.within);
    (next <= deadline).then_some(Progress::NotBefore(next, Part::Main))
}

fn is_met(attempt: &Attempt) -> bool {
    matches!(&attempt.phase, Phase::Ended { ended, .. } if ended.judgement == Judgement::Met)
}

fn mains(round: &[&Attempt]) -> u32 {
    u32::try_from(round.iter().filter(|attempt| attempt.part == Part::Main).count()).unwrap_or(u32::MAX)
}

fn may_start_again(stage: &Stage, round: &[&Attempt]) -> bool {
    match stage.attempts {
        Attempts::Free => true,
        Attempts::AtMost(most) => mains(round) < most,
    }
}

fn delay(retry: &Retry, attempts: u32) -> Period {
    let factor = u64::from(retry.backoff.max(1)).saturating_pow(attempts.saturating_sub(1));
    Period::from_millis(retry.delay.as_millis().saturating_mul(factor))
}

fn bad(ended: &Ended) -> HostResult {
    match &ended.outcome {
        Outcome::NeverStarted { cause: NotStarted::Unreachable, .. } => HostResult::Unreachable,
        Outcome::Unknown { .. } => HostResult::Unknown,
        Outcome::Exited { .. } | Outcome::Signalled { .. } | Outcome::NeverStarted { cause: NotStarted::Refused, .. } => HostResult::Failed,
    }
}
