//! What has happened so far: the fold of all events. There is no other state; resuming, watching and verifying use this one.

use std::collections::{BTreeMap, BTreeSet};

use super::progress::HostResult;
use crate::base::{Bytes, Digest, GateNo, HostName, Person, StepId, Timestamp};
use crate::event::{Answer, Ended, GateAsks, Interruption, KeptArtifact, LoopTurn, Part, Place, RunOpened, Stage, Verdict};

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
    /// What a dry run has withheld, in order.
    pub withheld: Vec<StepId>,
    /// Loops that were reached, and calls that began.
    pub blocks: BTreeMap<StepId, BlockState>,
    /// The step whose failure began the rollback.
    pub rollback: Option<StepId>,
    /// How the runbook itself ended the run.
    pub concluded: Option<Concluded>,
    /// Nothing is done any more but giving back what is held.
    pub is_releasing: bool,
    /// How the run ends when nothing is held any more.
    pub ending: Option<Verdict>,
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

/// The end that the runbook itself came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concluded {
    pub step: StepId,
    pub verdict: Verdict,
    pub sentence: String,
}

/// A loop or a call.
#[derive(Debug, Clone, PartialEq)]
pub enum BlockState {
    /// The turns, and the order in which they run, each number from 1.
    Loop {
        turns: Vec<LoopTurn>,
        order: Vec<u32>,
        /// Before which turn which step was looked at again.
        looked: BTreeSet<(u32, StepId)>,
    },
    Call {
        parameters: BTreeMap<String, Bytes>,
    },
}

/// One step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepState {
    /// As rendered for the current round.
    pub stage: Option<Stage>,
    /// As rendered for earlier rounds.
    pub past: Vec<Stage>,
    /// The current round; 0 before the first.
    pub round: u32,
    /// The current round of undoing it, from 1.
    pub undo_round: u32,
    /// It failed behind a gate, and a person wants to go on without it: asked for at that gate.
    pub is_passed_over: bool,
    /// Hosts that an earlier round has settled well.
    pub done_before: BTreeMap<HostName, HostResult>,
    pub left_out: Option<LeftOut>,
    /// How many steps a dry run had withheld when this one was reached.
    pub withheld_before: usize,
    pub attempts: BTreeMap<HostName, Vec<Attempt>>,
    pub wait_until: Option<Timestamp>,
    /// The last answer that a person gave in this round.
    pub answer: Option<(Person, Answer)>,
    /// That a person has undone it by hand, or wants it released or kept.
    pub unwound: Option<(Person, Answer)>,
    /// What each attempt of a capture kept of a host.
    pub evidence: BTreeMap<(HostName, u32), Vec<KeptArtifact>>,
    /// Hosts on which a person gave back by hand what it would give back.
    pub by_hand: BTreeSet<HostName>,
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
    /// The step's round, or the round of undoing it.
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
    /// What counts, in the order in which it came.
    pub approvals: Vec<GivenApproval>,
    pub answer: GateAnswer,
}

/// An approval that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenApproval {
    pub person: Person,
    /// `SHA256:…`
    pub key: String,
    pub document: Digest,
    /// In whose place, where a substitute gave it.
    pub instead_of: Option<String>,
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

    /// Whether anything may be at work on a host.
    pub fn is_anything_running(&self) -> bool {
        self.steps.values().flat_map(|step| step.attempts.values().flatten()).any(|attempt| attempt.phase == Phase::Running)
    }

    /// The requester: who opened the run.
    pub fn requester(&self) -> Option<&Person> {
        self.runners.first()
    }
}
