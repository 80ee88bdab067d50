//! What has happened so far: the fold of all events. There is no other state; resuming, watching and verifying use this one.

use std::collections::BTreeMap;

use super::progress::{HostResult, settled_results};
use crate::base::{Digest, GateNo, HostName, Person, StepId, Timestamp};
use crate::event::{Answer, Ended, GateAsks, Interruption, Part, Place, RunOpened, Stage, Verdict};
use crate::plan::{Registered, RegisteredHost, Scope};

/// A run, as its events tell it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    pub opened: Option<(Timestamp, RunOpened)>,
    pub epoch: u32,
    /// Everyone who has run it, the requester first: none of them may approve.
    pub runners: Vec<Person>,
    pub hosts: BTreeMap<HostName, HostFact>,
    pub steps: BTreeMap<StepId, StepState>,
    pub gates: BTreeMap<GateNo, GateState>,
    pub life: Life,
    /// When the newest event happened.
    pub latest: Option<Timestamp>,
}

/// Where a run stands in its life.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Life {
    /// Not opened yet.
    #[default]
    Unborn,
    Running,
    Interrupted(Interruption),
    Closed(Verdict),
}

/// What is known of a host.
#[derive(Debug, Clone, PartialEq)]
pub enum HostFact {
    Reached(Place),
    Unreachable(String),
}

/// One step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepState {
    /// As rendered for the current round.
    pub stage: Option<Stage>,
    /// The current round; 0 before the first.
    pub round: u32,
    /// Hosts that an earlier round has settled well.
    pub done_before: BTreeMap<HostName, HostResult>,
    pub left_out: Option<LeftOut>,
    pub attempts: BTreeMap<HostName, Vec<Attempt>>,
    pub wait_until: Option<Timestamp>,
    /// The last answer that a person gave in this round.
    pub answer: Option<(Person, Answer)>,
}

/// Why a step does not run.
#[derive(Debug, Clone, PartialEq)]
pub enum LeftOut {
    Skipped(String),
    Refused(String),
}

/// One start of one command on one host.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    pub part: Part,
    /// From 1, over all rounds.
    pub number: u32,
    pub round: u32,
    pub started: Timestamp,
    pub phase: Phase,
}

/// How far an attempt is.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    Running,
    /// Its runner is gone; the target may know what became of it.
    Orphaned,
    /// Its runner is gone and nobody knows; it changed nothing.
    Lost,
    Ended {
        at: Timestamp,
        ended: Box<Ended>,
    },
}

/// One gate.
#[derive(Debug, Clone, PartialEq)]
pub struct GateState {
    pub asks: GateAsks,
    /// Person, key and document of each approval that counts.
    pub approvals: Vec<(Person, String, Digest)>,
    pub answer: GateAnswer,
}

/// Whether a gate is still open.
#[derive(Debug, Clone, PartialEq)]
pub enum GateAnswer {
    Awaited,
    Approved,
    Denied {
        person: Person,
        sentence: String,
    },
    Expired,
    /// What it covered must be asked again.
    Withdrawn,
}

impl State {
    /// The state of a step; an untouched one where nothing happened yet.
    pub fn step(&self, step: &StepId) -> StepState {
        self.steps.get(step).cloned().unwrap_or_default()
    }

    /// Whether a gate lets its steps through.
    pub fn is_approved(&self, gate: GateNo) -> bool {
        self.gates.get(&gate).is_some_and(|gate| gate.answer == GateAnswer::Approved)
    }

    /// Whether a person may have a failed step passed over: only what no gate protects.
    pub fn may_be_skipped(&self, step: &StepId) -> bool {
        self.steps.get(step).and_then(|step| step.stage.as_ref()).is_some_and(|stage| stage.gate.is_none())
    }

    /// Whether anything may be at work on a host.
    pub fn is_anything_running(&self) -> bool {
        self.steps.values().flat_map(|step| step.attempts.values().flatten()).any(|attempt| attempt.phase == Phase::Running)
    }

    /// The names that templates may use: these parameters, and the registered results so far.
    pub fn scope(&self, parameters: &crate::plan::Parameters) -> Scope {
        let registered: BTreeMap<String, Registered> = self.steps.values().filter_map(registered).collect();
        Scope::new(parameters.given(), &registered)
    }

    /// The requester: who opened the run.
    pub fn requester(&self) -> Option<&Person> {
        self.runners.first()
    }
}

/// The name and the result of a step that registers one and has a settled host.
fn registered(step: &StepState) -> Option<(String, Registered)> {
    let stage = step.stage.as_ref()?;
    let name = stage.register.clone()?;
    let hosts: BTreeMap<HostName, RegisteredHost> = settled_results(stage, step)
        .into_iter()
        .map(|(host, result)| {
            let last = step.attempts.get(&host).and_then(|attempts| attempts.iter().rev().find(|attempt| attempt.part == Part::Main));
            let ended = last.and_then(|attempt| match &attempt.phase {
                Phase::Ended { ended, .. } => Some(ended),
                Phase::Running | Phase::Orphaned | Phase::Lost => None,
            });
            let ok = matches!(result, HostResult::Ok | HostResult::Skipped);
            let outcome = ended.map(|ended| ended.outcome.clone());
            (host, RegisteredHost { ok, outcome, reading: ended.and_then(|ended| ended.reading.clone()) })
        })
        .collect();
    (!hosts.is_empty()).then_some((name, Registered { hosts }))
}
