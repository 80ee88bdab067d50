//! What a run has taken and not given back yet. Derived from the state alone; never gives anything back.

use super::progress::{HostResult, Progress, in_round, progress};
use super::state::{Phase, State, StepState};
use crate::base::{HostName, StepId, Timestamp};
use crate::event::{Action, Command, Outcome, Part, Stage};

/// Something that is held on a host.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The step that took it, as people call it.
    pub name: String,
    pub acquire: StepId,
    /// The step that gives it back.
    pub release: StepId,
    pub host: HostName,
    pub certainty: Certainty,
    /// What gives it back, as it was approved; `None` where that was never rendered.
    pub command: Option<Command>,
    /// When taking it began.
    pub since: Timestamp,
}

/// Whether it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// It was taken.
    Held,
    /// Nobody can say whether it was taken.
    MayBeHeld,
}

/// All that is held, what was taken first first.
pub fn held(state: &State) -> Vec<Held> {
    let mut all: Vec<Held> = state.steps.iter().flat_map(|(id, known)| held_by(state, id, known)).collect();
    all.sort_by(|one, other| (one.since, &one.acquire, &one.host).cmp(&(other.since, &other.acquire, &other.host)));
    all
}

fn held_by(state: &State, id: &StepId, known: &StepState) -> Vec<Held> {
    let stages = known.past.iter().chain(&known.stage);
    let takes = stages.filter_map(|stage| Some((stage, stage.releases.as_ref()?)));
    let actions = takes.flat_map(|(stage, release)| stage.work.commands().iter().map(move |action| (stage, release, action)));
    let found = actions.filter_map(|(stage, release, action)| {
        let certainty = certainty(stage, action, known)?;
        let giving = state.step(release);
        if is_given_back(&giving, &action.host) {
            return None;
        }
        let command = giving.past.iter().chain(&giving.stage).rev().find_map(|stage| command_on(stage, &action.host));
        let begun = known.attempts.get(&action.host)?.iter().find(|attempt| attempt.part == Part::Main)?;
        let (name, since) = (stage.name.clone(), begun.started);
        Some(Held { name, acquire: id.clone(), release: release.clone(), host: action.host.clone(), certainty, command, since })
    });
    found.collect()
}

fn certainty(stage: &Stage, action: &Action, known: &StepState) -> Option<Certainty> {
    match progress(stage, action, known) {
        Progress::Settled(HostResult::Ok) => Some(Certainty::Held),
        Progress::Settled(HostResult::Failed) if was_cut_off(action, known) => Some(Certainty::MayBeHeld),
        Progress::Settled(HostResult::Unknown) | Progress::Running | Progress::Orphaned(..) => Some(Certainty::MayBeHeld),
        Progress::Settled(HostResult::Skipped | HostResult::Failed | HostResult::Unreachable | HostResult::NotStarted) => None,
        Progress::Next(_) | Progress::NotBefore(..) => None,
    }
}

/// A command that a signal ended may have taken it before.
fn was_cut_off(action: &Action, known: &StepState) -> bool {
    let attempts = known.attempts.get(&action.host).map_or(&[][..], Vec::as_slice);
    attempts.iter().rev().find(|attempt| attempt.part == Part::Main).is_some_and(|last| match &last.phase {
        Phase::Ended { ended, .. } => matches!(ended.outcome, Outcome::Signalled { .. }),
        Phase::Running | Phase::Orphaned | Phase::Lost => false,
    })
}

/// In whatever round: what was asked about late tells of the round in which it began.
fn is_given_back(giving: &StepState, host: &HostName) -> bool {
    let went_well = |stage: &Stage| {
        let action = stage.work.commands().iter().find(|action| action.host == *host);
        action.is_some_and(|action| in_round(stage, action, giving) == Progress::Settled(HostResult::Ok))
    };
    giving.by_hand.contains(host)
        || giving.done_before.get(host) == Some(&HostResult::Ok)
        || giving.past.iter().chain(&giving.stage).any(went_well)
}

fn command_on(stage: &Stage, host: &HostName) -> Option<Command> {
    stage.work.actions().iter().find(|action| action.host == *host).map(|action| action.command.clone())
}
