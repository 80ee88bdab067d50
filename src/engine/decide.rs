//! What happens next: the whole course of a run, from the program and what has happened. Pure: the same program, state and time give the
//! same directives, at every point of every run.

use super::held::held;
use super::permit::Ready;
use super::state::{Life, State};
use super::walk::{Breach, Standing, Walk};
use crate::base::{GateNo, HostName, StepId, Timestamp};
use crate::event::{AnswerAsked, Event, Interruption, RunMode, Verdict};
use crate::plan::Program;

/// What the runner shall do now.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a handful live at a time, and the large one is moved once")]
pub enum Directive {
    /// This follows from the state alone.
    Record(Event),
    /// Reach this host.
    Connect(HostName),
    /// Write, sign and record a request for these steps, all of which are prepared.
    OpenGate(GateNo, Vec<StepId>),
    /// Take in approvals and denials until this time.
    AwaitApprovals(GateNo, Timestamp),
    /// Record the intent, then run it.
    Start(Ready),
    /// Ask the person at the terminal.
    Ask(Question),
    /// Look again at this time.
    WaitUntil(Timestamp),
    /// End this runner; the run can be resumed.
    Interrupt(Interruption),
    /// End the run.
    Close(Verdict),
}

/// What a person is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// To do something and say so, and to give back these facts.
    Manual { step: StepId, instructions: String, answers: Vec<AnswerAsked> },
    /// To pick one of these: each a name, and what it is for.
    Choose { step: StepId, question: String, options: Vec<(String, Option<String>)> },
    /// A step failed: how to go on.
    AfterFailure { step: StepId, ways: Vec<Way> },
    /// To undo by hand what a person did.
    UndoManual { step: StepId, instructions: String },
    /// An undo failed: how to go on.
    AfterFailedUndo { step: StepId },
    /// Whether to give back now what this step would.
    Release { step: StepId },
}

impl Question {
    /// The step that it is about.
    pub fn step(&self) -> &StepId {
        match self {
            Question::Manual { step, .. } | Question::Choose { step, .. } | Question::AfterFailure { step, .. } => step,
            Question::UndoManual { step, .. } | Question::AfterFailedUndo { step } | Question::Release { step } => step,
        }
    }
}

/// A way out of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Retry,
    /// Go on without it; where it stands behind a gate, that gate is asked.
    GoOn,
    RollBack,
    Stop,
}

/// What happens next in a run. Empty where nothing is left to decide, and while all that can be done is under way.
pub fn decide(program: &Program, state: &State, now: Timestamp) -> Vec<Directive> {
    if state.life != Life::Running {
        return Vec::new();
    }
    let walk = Walk::new(program, state, now);
    if let Some(directives) = walk.looked_before() {
        return directives;
    }
    let mut next = course(&walk);
    let is_end = |directive: &Directive| matches!(directive, Directive::Close(_) | Directive::Interrupt(Interruption::Held { .. }));
    if next.iter().any(is_end) {
        return walk.looked_after().unwrap_or(next);
    }
    let asks = |directive: &Directive| matches!(directive, Directive::Interrupt(_) | Directive::Ask(_));
    match next.iter().any(asks) {
        // a person is not interrupted by a look that ends, and is asked once
        true if walk.is_looking() => Vec::new(),
        true => next,
        false => {
            next.extend(walk.looks_meanwhile());
            next
        }
    }
}

/// The steps themselves.
fn course(walk: &Walk<'_>) -> Vec<Directive> {
    let (program, state) = (walk.program, walk.state);
    if state.is_releasing {
        return match walk.release_all() {
            Standing::Open(directives) => directives,
            Standing::Settled | Standing::Broken(_) => end(state, state.ending.unwrap_or(Verdict::Stopped)),
        };
    }
    if state.rollback.is_some() {
        return match walk.backward(&program.flow, &[]) {
            Standing::Open(directives) => directives,
            Standing::Settled => end(state, Verdict::RolledBack),
            Standing::Broken(_) => end(state, Verdict::Failed),
        };
    }
    match walk.forward(&program.flow, &[]) {
        Standing::Settled | Standing::Broken(Breach::Concluded(_)) if walk.would_fail() => end(state, Verdict::Failed),
        Standing::Settled => end(state, Verdict::Recovered),
        Standing::Open(directives) => directives,
        Standing::Broken(Breach::Concluded(verdict)) => end(state, verdict),
        Standing::Broken(Breach::Denied) => end(state, Verdict::Denied),
        Standing::Broken(Breach::Failed) if walk.is_past_return() => match walk.forward(&program.after_no_return, &[]) {
            Standing::Open(directives) => directives,
            Standing::Settled | Standing::Broken(_) => end(state, Verdict::Failed),
        },
        Standing::Broken(Breach::Failed) => end(state, Verdict::Failed),
    }
}

/// Whether a person's wish to stop is heeded now, or only when an uninterruptible block is over.
pub fn may_stop(program: &Program, state: &State, now: Timestamp) -> bool {
    if state.is_releasing {
        return true; // no block goes on any more
    }
    let walk = Walk::new(program, state, now);
    let waits = |directive: &Directive| match directive {
        Directive::AwaitApprovals(..) | Directive::Ask(_) | Directive::Interrupt(_) | Directive::Close(_) => true,
        Directive::Record(_) | Directive::Connect(_) | Directive::OpenGate(..) | Directive::Start(_) | Directive::WaitUntil(_) => false,
    };
    match walk.forward(&program.flow, &[]) {
        Standing::Open(directives) => !walk.is_uninterruptible() || directives.iter().any(waits),
        Standing::Settled | Standing::Broken(_) => true,
    }
}

/// A run does not end while it holds something: it waits for a person who gives that back. A dry run holds nothing.
fn end(state: &State, verdict: Verdict) -> Vec<Directive> {
    let is_dry = state.opened.as_ref().is_some_and(|(_, opened)| opened.mode == RunMode::DryRun);
    match is_dry || held(state).is_empty() {
        true => vec![Directive::Close(verdict)],
        false => vec![Directive::Interrupt(Interruption::Held { verdict })],
    }
}
