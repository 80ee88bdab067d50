//! The single source of truth: what happened, in the past tense, and the port by which it becomes durable.
//! Never decides anything and never does I/O.

mod entry;
mod evidence;
mod outcome;
mod pulse;
mod stage;

pub use entry::{AppendError, AppendLog, Entry, Head};
pub use evidence::{Artifact, ArtifactSource, EvidenceNeed, KeptArtifact, KeptFile, MAX_FILES, Truncation, is_whole};
pub use outcome::{Judgement, NotStarted, Outcome, Signaller, Stream};
pub use pulse::Pulse;
pub use stage::{
    Action, AnswerAsked, Attempts, CANNOT_KNOW, Command, Effect, HostKey, Mode, OnFailure, Parse, Part, Place, Reading, Retry, Stage,
    StageWork, Until, WOULD_RUN,
};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::base::{Bytes, Digest, GateNo, HostName, Period, Person, RunId, StepId, Timestamp};

/// One thing that happened in a run. In a journal it is a JSON object tagged by `kind`; variants stand in the order of a run's life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The run exists: by whom, of what, under which rules. Always the first.
    RunOpened(Box<RunOpened>),
    /// A host answered and proved its key; nothing was run there yet.
    HostReached { host: HostName, place: Place },
    /// A host could not be reached, or its key was not the known one.
    HostUnreachable { host: HostName, why: String },
    /// A step was rendered; from now on it is final.
    StagePrepared { stage: Box<Stage> },
    /// A step was left out: by its `when`, or because a person said so.
    StepSkipped { step: StepId, why: String },
    /// A step could not be rendered, or selected no host or the wrong number of them; nothing of it ran. Also a loop or a call that cannot begin.
    StepRefused { step: StepId, why: String },
    /// A loop was reached: from now on its turns are final.
    TurnsPlanned { block: StepId, turns: Vec<LoopTurn> },
    /// The turns that have not begun run in another order: what must go last has moved. Each number is there once, from 1.
    TurnsReordered { block: StepId, order: Vec<u32> },
    /// Before a turn: what decides the order is looked at again, by a step that only looks and that ran before the loop.
    LookRepeated { block: StepId, turn: u32, step: StepId },
    /// Another runbook is called, with these parameters.
    CallBegan { block: StepId, runbook: String, parameters: BTreeMap<String, Bytes> },
    /// A signed request for approval lies in `approvals/`.
    GateOpened { gate: GateNo, asks: Box<GateAsks> },
    /// A signed approval counts; `instead_of` names in whose place, where a substitute gave it.
    ApprovalGiven { gate: GateNo, person: Person, key: String, document: Digest, instead_of: Option<String> },
    /// A document was offered that does not count, and why.
    ApprovalRefused { gate: Option<GateNo>, document: Digest, why: String },
    /// A signed denial: final for this request.
    ApprovalDenied { gate: GateNo, person: Person, key: String, document: Digest, sentence: String },
    /// Nobody answered in time; a new request may be opened when the run is resumed.
    GateExpired { gate: GateNo },
    /// The intent to send; durable before the first byte leaves. `sends` is the SHA-256 of the script.
    ActionStarted { step: StepId, host: HostName, part: Part, attempt: u32, action: Digest, sends: Digest, gate: Option<GateNo> },
    /// The intent to ask a host again about an attempt that was started before: attaches, never starts twice.
    ActionReattached { step: StepId, host: HostName, part: Part, attempt: u32 },
    /// What a capture kept of a host: its files are durable. `manifest` is the SHA-256 of the `manifest.json` beside them.
    EvidenceKept { step: StepId, host: HostName, attempt: u32, manifest: Digest, artifacts: Vec<KeptArtifact> },
    /// What became of an attempt.
    ActionEnded { step: StepId, host: HostName, part: Part, attempt: u32, ended: Box<Ended> },
    /// A wait began and lasts until this time.
    WaitBegan { step: StepId, until: Timestamp },
    /// A step has failed, and what has completed is undone, newest first.
    RollbackBegan { step: StepId },
    /// The runbook itself ends the run, in a sentence.
    RunConcluded { step: StepId, verdict: Verdict, sentence: String },
    /// A person wants what is still held to be given back.
    ReleaseBegan { person: Person },
    /// A person gave back by hand what is held on these hosts: nothing is run for it any more.
    ReleasedByHand { step: StepId, hosts: Vec<HostName>, person: Person, remark: String },
    /// A person answered a question of the runbook or of the engine.
    PersonAnswered { step: StepId, person: Person, answer: Answer },
    /// A line of the scribe.
    NoteAdded { person: Person, text: String },
    /// The runner stopped before the end; the run can be resumed.
    RunInterrupted { why: Interruption },
    /// A runner goes on with this run. Attempts that had started and not ended are asked again.
    RunResumed { person: Person, epoch: u32, machine: String },
    /// The end; `seal` names the document that the person who ran it signed over all lines before.
    RunClosed { verdict: Verdict, seal: Option<Digest> },
}

/// One turn of a loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoopTurn {
    /// Of `for_each`.
    Item(serde_json::Value),
    /// Of `rolling`; never empty.
    Batch(Vec<HostName>),
}

/// What a run is: see [`Event::RunOpened`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunOpened {
    pub run: RunId,
    pub mode: RunMode,
    /// The runbook's name, and its title.
    pub runbook: String,
    pub title: String,
    pub requester: Person,
    /// Fingerprint (`SHA256:…`) of the key that the requester will sign with; `None` where no key is at hand, which only runs without gates allow.
    pub requester_key: Option<String>,
    /// The machine that the runner works on.
    pub machine: String,
    /// The parameters as rendered text, by name.
    pub parameters: BTreeMap<String, Bytes>,
    /// Whose hosts these are where they are not the library's own: the name of another inventory of its `team/`. Said by live drills alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts_from: Option<String>,
    /// SHA-256 of the files that the run works by; copies lie in `inputs/`.
    pub inputs: Inputs,
    /// The git revision of the library, such as `1f2e3d4 (clean)`.
    pub revision: Option<String>,
    /// The policy's rules in force, so that a verifier needs no YAML.
    pub rules: Rules,
    /// The version of this program.
    pub version: String,
}

/// Whether anything of a run is real.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunMode {
    /// Every step runs.
    Real,
    /// Only `read` steps run.
    DryRun,
    /// Nothing real is touched.
    Drill,
    /// Every step runs, on hosts that are there to be rehearsed on: those of [`RunOpened::hosts_from`].
    LiveDrill,
}

impl RunMode {
    /// Whether it is a rehearsal, on played hosts or on real ones.
    pub fn is_drill(self) -> bool {
        match self {
            Self::Drill | Self::LiveDrill => true,
            Self::Real | Self::DryRun => false,
        }
    }
}

/// How the keys of people begin whose part a drill plays: `drill:alice@example.com`, in the place of a fingerprint. Nobody signs with one.
const PLAYED: &str = "drill:";

/// The key of somebody whose part a drill plays.
pub fn played_key(person: &Person) -> String {
    format!("{PLAYED}{person}")
}

/// Whether this is the key of somebody whose part a drill plays.
pub fn is_played(key: &str) -> bool {
    key.starts_with(PLAYED)
}

/// SHA-256 of each file that a run works by, as its bytes lay on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    pub runbook: Digest,
    pub inventory: Digest,
    pub policy: Digest,
    pub signers: Digest,
    /// Other files of the library, by their path in it: runbooks that are called, and scripts.
    pub files: BTreeMap<String, Digest>,
}

/// What the policy asks, in full.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Ends the signatures' namespaces.
    pub domain: String,
    /// People and their groups.
    pub people: BTreeMap<Person, Vec<String>>,
    /// For each environment, the number of people besides the requester that a step of each effect needs.
    /// What is not named has the floor of `production`.
    pub floors: BTreeMap<String, BTreeMap<Effect, u32>>,
    /// Environments in which a destructive step says what evidence it needs, or that none can be kept.
    pub evidence: BTreeSet<String>,
}

/// What a gate asks for: see [`Event::GateOpened`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateAsks {
    /// SHA-256 of the request document.
    pub request: Digest,
    /// 32 characters by chance, new for each opening of a gate.
    pub nonce: String,
    /// The six characters that an approver types.
    pub check: String,
    /// The head of the journal that the request was written against.
    pub journal: Head,
    pub issued: Timestamp,
    pub expires: Timestamp,
    /// One slot an approval: each lists who may fill it; different people fill different slots.
    pub slots: Vec<Vec<Person>>,
    /// Who else may fill some of them, later.
    pub instead: Option<Instead>,
    /// The steps that it covers.
    pub covers: Vec<StepId>,
}

/// Who may approve in the place of somebody who does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instead {
    /// The group or person whose place it is.
    pub of: String,
    /// The slots that they may fill, from 1.
    pub slots: Vec<u32>,
    pub by: Vec<Person>,
    /// What a substitute signs before this counts for nothing; nor does it count before this, by the runner's own clock.
    pub from: Timestamp,
}

/// What became of an attempt: see [`Event::ActionEnded`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    pub outcome: Outcome,
    pub stdout: Stream,
    pub stderr: Stream,
    pub took_ms: Period,
    /// Whether the result is what the step expects.
    pub judgement: Judgement,
    /// What later steps may use of it: kept where the step registers it.
    pub reading: Option<Reading>,
}

/// An answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// A manual step was done; the facts that it asks for.
    Done {
        remark: String,
        facts: BTreeMap<String, Bytes>,
    },
    /// A manual step could not be done.
    NotDone {
        remark: String,
    },
    /// One of the options of a choice.
    Chosen {
        option: String,
    },
    /// After a failure: what failed shall be tried again (under a new gate where there was one).
    Retry,
    /// After a failure: go on without it (under a new gate where there was one).
    GoOn,
    /// After a failure: stop here.
    Stop,
    /// After a failure: undo what has completed, newest first.
    RollBack,
    /// After a failed undo, or of what a person did: it is undone, by hand.
    Undone {
        remark: String,
    },
    /// Whether what is held shall be given back now.
    Release,
    Keep,
}

/// Why a runner stopped before the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case", deny_unknown_fields)]
pub enum Interruption {
    /// A person asked for it.
    Asked,
    /// A gate expired.
    GateExpired { gate: GateNo },
    /// Only a person can say how it goes on.
    NeedsPerson { step: StepId, why: String },
    /// The run is over but for what it still holds; this is how it ends then.
    Held { verdict: Verdict },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every step went as the runbook expects, or the runbook says so.
    Recovered,
    /// The runbook found nothing to do.
    NoAction,
    /// The runbook hands over to people.
    Escalated,
    /// A step failed.
    Failed,
    /// A step failed, and what had completed was undone.
    RolledBack,
    /// A person ended it.
    Stopped,
    /// An approver denied it.
    Denied,
}

impl Verdict {
    /// In the order in which the record names them.
    pub const ALL: [Verdict; 7] = [
        Verdict::Recovered,
        Verdict::NoAction,
        Verdict::Escalated,
        Verdict::Failed,
        Verdict::RolledBack,
        Verdict::Stopped,
        Verdict::Denied,
    ];

    /// As one word, the same everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Recovered => "recovered",
            Verdict::NoAction => "no_action",
            Verdict::Escalated => "escalated",
            Verdict::Failed => "failed",
            Verdict::RolledBack => "rolled_back",
            Verdict::Stopped => "stopped",
            Verdict::Denied => "denied",
        }
    }

    /// As people say it.
    pub fn said(self) -> String {
        self.as_str().replace('_', " ")
    }

    /// Whether the run went as its runbook wants.
    pub fn is_good(self) -> bool {
        match self {
            Verdict::Recovered | Verdict::NoAction => true,
            Verdict::Escalated | Verdict::Failed | Verdict::RolledBack | Verdict::Stopped | Verdict::Denied => false,
        }
    }
}

impl Rules {
    /// Whether a destructive step must say in this environment what evidence it needs. What is not named among the floors has production's rule.
    pub fn asks_evidence(&self, environment: &str) -> bool {
        let named = if self.floors.contains_key(environment) { environment } else { "production" };
        self.evidence.contains(named)
    }
}
