//! One step, rendered: final, digestable, the thing that people approve. Never holds a template of a command.

use std::fmt;
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use super::{Artifact, EvidenceNeed, Verdict};
use crate::base::{Bytes, Digest, GateNo, HostName, Period, StepId};

/// What a dry run says of a step that it withholds: a change that would be made.
pub const WOULD_RUN: &str = "would run";
/// Of one that rests on what a withheld step would have found or brought about.
pub const CANNOT_KNOW: &str = "cannot know before";

/// One step as it will run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    pub step: StepId,
    /// As people count: `3`, or `4.2` within a block.
    pub number: String,
    pub name: String,
    pub why: Option<String>,
    pub effect: Effect,
    pub gate: Option<GateNo>,
    /// 1, and one more each time a person has it tried again after a failure.
    pub round: u32,
    /// How often each action may be started in this round.
    pub attempts: Attempts,
    pub work: StageWork,
    /// What later steps call the result.
    pub register: Option<String>,
    /// What must have been kept before it starts.
    pub evidence: EvidenceNeed,
    /// The step that gives back what this one takes: until that has gone well, it is held.
    pub releases: Option<StepId>,
    pub on_failure: OnFailure,
    /// Hosts at work at once.
    pub in_flight: NonZeroU16,
    /// How many hosts may fail, be unreachable or unknown before no further host is started and the step has failed.
    pub max_failures: u32,
    /// Bytes of each output stream to store at the head, and as many at the tail.
    pub max_output: u64,
}

/// What a stage does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "snake_case", deny_unknown_fields)]
pub enum StageWork {
    /// Commands, one an action; every host at most once.
    Commands {
        actions: Vec<Action>,
        parse: Option<Parse>,
        /// The expression that the result must satisfy; without one, exit status 0.
        expect: Option<String>,
        until: Option<Until>,
        retry: Option<Retry>,
    },
    /// A person does it, gives back these facts, and may be asked to undo it.
    Manual { instructions: String, answers: Vec<AnswerAsked>, undo: Option<String> },
    /// A person picks one of these, each a name and what it is for.
    Choose { question: String, options: Vec<(String, Option<String>)> },
    /// Time passes.
    Wait { period: Period },
    /// The runbook ends the run.
    Conclude { verdict: Verdict, sentence: String },
    /// A step that failed behind a gate is passed over, if people agree: nothing of it runs.
    Skip { why: String, actions: Vec<Action> },
    /// A dry run stops short of it: said to the reader, never run.
    Withheld { says: String, actions: Vec<Action> },
}

impl StageWork {
    /// The actions that it names, whether they run or are only shown.
    pub fn actions(&self) -> &[Action] {
        match self {
            StageWork::Commands { actions, .. } | StageWork::Skip { actions, .. } | StageWork::Withheld { actions, .. } => actions,
            StageWork::Manual { .. } | StageWork::Choose { .. } | StageWork::Wait { .. } | StageWork::Conclude { .. } => &[],
        }
    }

    /// The actions of which something may be started: of what a dry run withholds, the look whether it is done already.
    pub fn startable(&self) -> &[Action] {
        match self {
            StageWork::Commands { actions, .. } | StageWork::Withheld { actions, .. } => actions,
            StageWork::Skip { .. } | StageWork::Manual { .. } | StageWork::Choose { .. } => &[],
            StageWork::Wait { .. } | StageWork::Conclude { .. } => &[],
        }
    }

    /// The actions that may run.
    pub fn commands(&self) -> &[Action] {
        match self {
            StageWork::Commands { actions, .. } => actions,
            StageWork::Skip { .. } | StageWork::Withheld { .. } => &[],
            StageWork::Manual { .. } | StageWork::Choose { .. } | StageWork::Wait { .. } | StageWork::Conclude { .. } => &[],
        }
    }
}

/// A fact that a person must give back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerAsked {
    pub name: String,
    /// What it must be, in words: `text`, `whole number`, `one of a, b`.
    pub expects: String,
    pub description: Option<String>,
}

/// One command on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    pub host: HostName,
    /// The host's environment in the inventory.
    pub environment: String,
    /// `None` before the host was reached: such an action can be shown, never approved or run.
    pub place: Option<Place>,
    pub command: Command,
    /// `done_when`: a look whose exit status 0 says that the work is already in place.
    pub done_when: Option<Command>,
    /// The way back, approved together with the command.
    pub undo: Option<Command>,
    /// What the command will make different, in lines for people: part of the text form that is approved.
    pub shows: Option<Bytes>,
    /// What a capture keeps; nothing on any other step.
    pub keeps: Vec<Artifact>,
    pub timeout: Period,
    pub mode: Mode,
    /// SHA-256 of this action's lines in the text form that is approved: see `plan::text`.
    pub digest: Digest,
}

/// Where an action runs, as proven when the host was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// `ops@10.0.0.5:22`, or `this machine`.
    pub login: String,
    pub key: HostKey,
}

/// The host key's fingerprint as `ssh` prints it, `SHA256:…`, or the machine's id where no SSH is between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostKey(pub String);

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The bytes that a shell is given. Directory and environment are part of the script, so that what is shown is all there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    pub script: Bytes,
    /// `sh`, or the shell that the step asks for.
    pub shell: String,
    /// The user to become through `sudo -n`.
    pub r#become: Option<String>,
}

impl Action {
    /// The command of a part, where it has one.
    pub fn part(&self, part: Part) -> Option<&Command> {
        match part {
            Part::Look => self.done_when.as_ref(),
            Part::Main => Some(&self.command),
            Part::Undo => self.undo.as_ref(),
        }
    }
}

impl Command {
    /// SHA-256 of the script: checked on the target before its first byte runs.
    pub fn sends(&self) -> Digest {
        Digest::of(self.script.as_slice())
    }
}

/// What the author promises about a step; ordered by weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing; may be repeated freely.
    Read,
    /// Running it twice equals running it once.
    Idempotent,
    /// Must not happen twice.
    Once,
    /// As once, and destroys information.
    Destructive,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Effect::Read => "read",
            Effect::Idempotent => "idempotent",
            Effect::Once => "once",
            Effect::Destructive => "destructive",
        })
    }
}

/// How often an action may be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempts {
    /// As often as `until` and `retry` ask: only for what changes nothing.
    Free,
    /// At most this often.
    AtMost(u32),
}

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Attempts::Free => f.write_str("as often as needed"),
            Attempts::AtMost(1) => f.write_str("at most 1 attempt"),
            Attempts::AtMost(most) => write!(f, "at most {most} attempts"),
        }
    }
}

/// Which of an action's commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The `done_when` look.
    Look,
    /// The step's own command.
    Main,
    /// The way back after the step's own command went well.
    Undo,
}

impl Part {
    /// The part in a word, as it stands in names of files and claims.
    pub fn as_str(self) -> &'static str {
        match self {
            Part::Look => "look",
            Part::Main => "main",
            Part::Undo => "undo",
        }
    }
}

/// How a command is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Under the claim script: at most one start an attempt, the outcome outlives the connection.
    Claim,
    /// As it is: an interruption leaves the outcome unknown.
    Direct,
}

/// What to do when a step has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Ask on a terminal; stop elsewhere.
    Ask,
    Stop,
    Continue,
    /// Undo what has completed, newest first.
    Rollback,
}

/// How the output becomes a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parse {
    Json,
    Lines,
    Int,
    Csv,
    Pairs,
    /// Linear-time syntax of the crate `regex`; named groups become a map, one group or none a text.
    Regex(String),
}

/// Repeats a look until it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Until {
    pub within: Period,
    pub every: Period,
    /// How many times in a row it must hold.
    pub healthy: u32,
}

/// Repeats an attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    pub attempts: u32,
    pub delay: Period,
    /// The delay is multiplied by this after each attempt.
    pub backoff: u32,
}

/// What later steps may use of a result. `stdout` and `stderr` are complete, at most 64 KiB each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    pub stdout: Bytes,
    pub stderr: Bytes,
    /// What `parse` made of it.
    pub value: Option<serde_json::Value>,
}
