//! What the loop needs of the world, so that drills and tests can give it another one. Holds no behaviour.

use std::sync::Arc;

use crate::base::{Digest, GateNo, HostName, Person, Redactor, SecretValue, StepId, Timestamp};
use crate::effects::{BoxFuture, OutputSink};
use crate::engine::{Question, State, Task};
use crate::event::{Answer, AppendError, AppendLog, Entry, Event, GateAsks, Head, KeptArtifact, Part, Pulse, Stream, Verdict};
use crate::plan::{Program, SecretUse, Seen};

/// A journal that can say beforehand whether there is room.
pub trait Journal: AppendLog + Send {
    /// Refuses when fewer than this many bytes are free for what the next actions will leave behind.
    ///
    /// # Errors
    /// [`AppendError::NoRoom`]; nothing was started then.
    fn reserve(&mut self, bytes: u64) -> Result<(), AppendError>;
}

/// Where output goes.
pub trait Recording: Send + Sync {
    /// Opens a place for the output of one attempt; what an earlier reader of the same attempt left there is replaced.
    ///
    /// # Errors
    /// Where the place cannot be made.
    fn open(&self, step: &StepId, host: &HostName, part: Part, attempt: u32, max_output: u64) -> Result<Box<dyn Capture>, CaptureError>;

    /// Opens a place for the evidence that one attempt of a capture keeps, run by this person from now on.
    ///
    /// # Errors
    /// Where the place cannot be made.
    fn keep(&self, task: &Task, by: &Person, at: Timestamp) -> Result<Box<dyn Capture>, CaptureError>;

    /// Bytes that are free there, and where that is.
    ///
    /// # Errors
    /// Where the disk does not say.
    fn free(&self) -> Result<(u64, String), CaptureError>;
}

/// Takes in the output of one attempt.
pub trait Capture: OutputSink {
    /// Hides secrets in standard output by itself, where it takes that apart; whether it does.
    fn hides(&mut self, redactor: &Arc<Redactor>) -> bool;

    /// What arrives, in a phrase; `None` where its last line says that.
    fn progress(&self) -> Option<String>;

    /// Makes it durable and says what there was.
    fn finish(self: Box<Self>) -> Captured;
}

/// What an attempt printed.
#[derive(Debug)]
pub struct Captured {
    pub stdout: Stream,
    pub stderr: Stream,
    /// What a capture kept: the digest of its manifest, and each artifact. `None` where nothing came of it, and for every other step.
    pub kept: Option<(Digest, Vec<KeptArtifact>)>,
    /// The beginning of both, for expressions.
    pub seen: Seen,
    /// Set where not all that should be stored could be.
    pub trouble: Option<CaptureError>,
}

/// Output could not be stored.
#[derive(Debug, thiserror::Error)]
#[error("the output could not be stored in {path}: {source}. Free some space or mend the disk, then resume the run")]
pub struct CaptureError {
    pub path: String,
    pub source: std::io::Error,
}

/// Documents and people's answers to gates.
pub trait Gatekeeper: Send {
    /// Writes and signs a request of this gate for these steps, all of which are prepared.
    ///
    /// # Errors
    /// Where it cannot be signed or stored; the run can be resumed.
    fn open(
        &mut self,
        gate: (GateNo, &[StepId]),
        program: &Program,
        state: &State,
        head: Head,
        now: Timestamp,
    ) -> Result<GateAsks, GateTrouble>;

    /// What has arrived since the last time, judged: approvals, denials, refusals. A document it returns is durable already.
    fn arrived(&mut self, program: &Program, state: &State, now: Timestamp) -> Vec<Event>;

    /// Signs the end of a run; `None` where no key is at hand.
    ///
    /// # Errors
    /// Where a key is at hand and cannot sign.
    fn seal(&mut self, state: &State, verdict: Verdict, head: Head, now: Timestamp) -> Result<Option<Digest>, GateTrouble>;
}

/// A gate that cannot be opened, in a sentence with its remedy.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct GateTrouble {
    pub why: String,
}

/// Where secrets come from that are kept on the operator's side.
pub trait SecretSource: Send + Sync {
    /// Fetches one. Never asked for one that lies on a host.
    fn fetch<'a>(&'a self, wanted: SecretUse<'a>) -> BoxFuture<'a, Result<Fetched, SecretTrouble>>;
}

/// A secret, and what somebody should know about where it lies.
#[derive(Debug)]
pub struct Fetched {
    pub value: SecretValue,
    pub remarks: Vec<String>,
}

/// A secret that cannot be had, in a sentence with its cause.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct SecretTrouble {
    pub why: String,
}

/// The person at the terminal.
pub trait Asker: Send {
    /// Asks, and waits for the answer. `None` where there is none (end of input); that is never a yes.
    fn ask<'a>(&'a mut self, question: &'a Question, state: &'a State) -> BoxFuture<'a, Option<Answer>>;
}

/// Sees what happens: a picture, plain lines, JSON. A watcher that fails never stops a run.
pub trait Watcher: Send {
    /// This is on record now, and the state with it.
    fn entry(&mut self, entry: &Entry, state: &State);

    /// This may be shown.
    fn pulse(&mut self, pulse: &Pulse, state: &State);

    /// Time has passed: several times a second while the run waits.
    fn tick(&mut self, state: &State, now: Timestamp);
}
