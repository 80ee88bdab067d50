//! What an author may write, as types. Holds templates and expressions as text with their places; never renders one.

use crate::base::{Period, StepId};
use crate::event::{Effect, OnFailure, Parse};
use crate::text::{Source, Span, Spanned};

/// A runbook as it was read: complete and well-formed, its templates not yet looked into.
#[derive(Debug, Clone)]
pub struct Runbook {
    pub source: Source,
    /// Equal to the file's stem.
    pub name: Spanned<String>,
    pub title: String,
    /// Markdown.
    pub description: Option<String>,
    pub owner: Option<String>,
    /// `YYYY-MM-DD`, checked.
    pub reviewed: Option<Spanned<String>>,
    pub links: Vec<(String, String)>,
    pub parameters: Vec<Parameter>,
    pub secrets: Vec<Secret>,
    /// Names for selectors, in the order written.
    pub targets: Vec<(Spanned<String>, Spanned<String>)>,
    pub rules: Vec<RuleText>,
    pub symptoms: Vec<Symptom>,
    pub steps: Vec<Step>,
    /// What is done where a step has failed after the point of no return; empty where nothing is said.
    pub after_no_return: Vec<Step>,
}

/// A value that no record, report or command line may hold.
#[derive(Debug, Clone)]
pub struct Secret {
    pub name: Spanned<String>,
    pub origin: SecretOrigin,
}

/// Where a secret is fetched when it is first needed.
#[derive(Debug, Clone)]
pub enum SecretOrigin {
    /// A variable of the operator's environment.
    Env(Spanned<String>),
    /// A file on the operator's machine; a trailing newline is dropped.
    File(Spanned<String>),
    /// A command on the operator's machine that prints it, such as `pass show db`: program and arguments, no shell.
    Command(Vec<Spanned<String>>),
    /// Asked for at the terminal.
    Prompt,
    /// A file on the hosts that need it: read there when an attempt begins, and given to steps on those hosts alone.
    OnHost { hosts: Spanned<String>, file: Spanned<String> },
}

/// A condition across parameters.
#[derive(Debug, Clone)]
pub struct RuleText {
    /// An expression over parameters.
    pub require: Spanned<String>,
    /// Shown when it does not hold.
    pub message: String,
}

/// What people notice, looked at before, during and after a run.
#[derive(Debug, Clone)]
pub struct Symptom {
    /// Also the slug of its id.
    pub name: Spanned<String>,
    pub id: StepId,
    pub hosts: Spanned<String>,
    pub check: Spanned<String>,
    /// An expression; without one the symptom is cleared by exit status 0.
    pub expect: Option<Spanned<String>>,
    pub every: Option<Spanned<Period>>,
    pub timeout: Option<Spanned<Period>>,
}

/// A value that is given when the runbook is run.
#[derive(Debug, Clone)]
pub struct Parameter {
    pub name: Spanned<String>,
    pub kind: ParameterKind,
    /// The default as written; `None` makes the parameter required.
    pub default: Option<Spanned<String>>,
    /// Whole match, in the linear-time syntax of the crate `regex`; it compiles.
    pub pattern: Option<Spanned<String>>,
    pub min: Option<Spanned<String>>,
    pub max: Option<Spanned<String>>,
    pub description: Option<String>,
}

/// What a parameter's text must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterKind {
    String,
    Integer,
    Number,
    Boolean,
    Duration,
    Bytes,
    Enum {
        values: Vec<String>,
    },
    /// A host's name in the inventory.
    Host,
    /// A selector.
    Hosts,
}

/// A step or a block, with the words common to all.
#[derive(Debug, Clone)]
pub struct Step {
    /// The slug of the name unless given; unique in the runbook.
    pub id: StepId,
    pub name: Spanned<String>,
    /// Prose shown beside the step.
    pub why: Option<String>,
    /// A selector, possibly a template.
    pub hosts: Option<Spanned<String>>,
    pub expect_hosts: Option<Spanned<HostCount>>,
    /// An expression.
    pub when: Option<Spanned<String>>,
    pub gate: Option<Gate>,
    /// As written; `None` leaves the action's own: see [`Step::effect`].
    pub effect: Option<Spanned<Effect>>,
    /// The user to become; possibly a template.
    pub r#become: Option<Spanned<String>>,
    /// Names are checked; values are possibly templates.
    pub env: Vec<(Spanned<String>, Spanned<String>)>,
    pub cwd: Option<Spanned<String>>,
    /// A duration, possibly a template.
    pub timeout: Option<Spanned<String>>,
    pub retry: Option<RetryText>,
    pub register: Option<Spanned<String>>,
    pub parse: Option<Spanned<Parse>>,
    /// An expression.
    pub expect: Option<Spanned<String>>,
    pub until: Option<UntilText>,
    /// A command that only looks.
    pub done_when: Option<Spanned<String>>,
    pub on_failure: Option<Spanned<OnFailure>>,
    /// Bytes.
    pub max_output: Option<Spanned<u64>>,
    /// How many hosts may fail before the step has failed.
    pub max_failures: Option<Spanned<u32>>,
    /// The way back: of a command a command, of a person's work instructions.
    pub undo: Option<Spanned<String>>,
    pub evidence: Option<EvidenceText>,
    pub in_drill: Option<Spanned<InDrill>>,
    /// `point_of_no_return: true`: once this has begun nothing is rolled back any more.
    pub no_return: Option<Span>,
    pub work: Work,
    /// Where the step begins in its file.
    pub span: Span,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Work {
    Run {
        command: Spanned<String>,
        shell: Option<Spanned<String>>,
    },
    /// A file of the library's `scripts/`, sent as it is.
    Script {
        file: Spanned<String>,
        shell: Option<Spanned<String>>,
    },
    Check {
        command: Spanned<String>,
        shell: Option<Spanned<String>>,
    },
    Capture {
        artifacts: Vec<ArtifactText>,
    },
    Put(Box<PutText>),
    Reboot,
    Manual {
        instructions: Spanned<String>,
        /// The typed facts that the person must give back.
        answers: Vec<Parameter>,
    },
    Choose {
        question: Spanned<String>,
        options: Vec<ChoiceText>,
    },
    /// A duration, possibly a template.
    Wait {
        period: Spanned<String>,
    },
    Call {
        runbook: Spanned<String>,
        /// Values, possibly templates, for the called runbook's parameters.
        with: Vec<(Spanned<String>, Spanned<String>)>,
    },
    Conclude {
        conclusion: Conclusion,
        /// Possibly a template.
        sentence: Spanned<String>,
    },
    Block(Box<Block>),
}

/// Steps that belong together.
#[derive(Debug, Clone, Default)]
pub struct Block {
    pub steps: Vec<Step>,
    /// Runs when a step of the block has failed.
    pub rescue: Vec<Step>,
    /// Runs in the end, however the block went.
    pub always: Vec<Step>,
    pub rolling: Option<RollingText>,
    pub for_each: Option<ForEachText>,
    pub bracket: Option<BracketText>,
    /// A person's wish to stop waits until the block is over.
    pub uninterruptible: bool,
}

/// The whole block on one batch of hosts after another.
#[derive(Debug, Clone)]
pub struct RollingText {
    /// Sizes of the batches; the last one serves all that follow.
    pub serial: Vec<Spanned<Serial>>,
    /// Between two batches.
    pub pause: Option<Spanned<String>>,
    /// How many hosts may fail before no further batch is begun.
    pub max_failures: Option<Spanned<u32>>,
    /// A selector, possibly a template, of what goes last, in a batch of its own; asked again before each batch.
    pub last: Option<Spanned<String>>,
    pub span: Span,
}

/// How many hosts a batch has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serial {
    Count(u32),
    /// Of all hosts of the block, rounded down, at least one.
    Percent(u32),
}

/// The whole block once for each item, which its steps call `item`.
#[derive(Debug, Clone)]
pub enum ForEachText {
    /// `{{ expression }}`, a list.
    Template(Spanned<String>),
    List(Vec<Spanned<String>>),
}

/// Something that is taken before the block and given back after it.
#[derive(Debug, Clone)]
pub struct BracketText {
    pub acquire: Spanned<String>,
    pub release: Spanned<String>,
    pub release_when: ReleaseWhen,
    pub span: Span,
}

/// When a bracket is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseWhen {
    /// Only where the block went well; else it stays held until a person releases it.
    Success,
    Always,
    /// A person says where the block failed.
    Ask,
}

/// One way that a person may choose.
#[derive(Debug, Clone)]
pub struct ChoiceText {
    pub name: Spanned<String>,
    pub why: Option<String>,
    pub steps: Vec<Step>,
}

/// How a runbook ends itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    Recovered,
    NoAction,
    Escalate,
}

/// One artifact of a capture.
#[derive(Debug, Clone)]
pub struct ArtifactText {
    /// Safe as a file's name.
    pub name: Spanned<String>,
    pub origin: ArtifactOrigin,
    /// Bytes of the end that are kept; `None` keeps what the whole program's limit allows.
    pub last: Option<Spanned<u64>>,
}

/// What an artifact holds.
#[derive(Debug, Clone)]
pub enum ArtifactOrigin {
    /// What a command prints.
    Run(Spanned<String>),
    /// A file, or files by a pattern of the shell; possibly a template.
    File(Spanned<String>),
}

/// A file that is written.
#[derive(Debug, Clone)]
pub struct PutText {
    pub content: PutContent,
    /// An absolute path, possibly a template.
    pub to: Spanned<String>,
    /// Octal digits.
    pub mode: Option<Spanned<String>>,
    /// `user` or `user:group`, possibly a template.
    pub owner: Option<Spanned<String>>,
}

/// What is written.
#[derive(Debug, Clone)]
pub enum PutContent {
    /// As it stands, values inserted.
    Content(Spanned<String>),
    /// A file of the library's `scripts/`, as it is.
    File(Spanned<String>),
    /// A file of the library's `scripts/`, values inserted.
    Template(Spanned<String>),
}

/// What must have been kept before information is destroyed.
#[derive(Debug, Clone)]
pub enum EvidenceText {
    /// Ids of `capture` steps of this runbook, from the same host.
    From(Vec<Spanned<String>>),
    /// None, with the reason; asks a gate of two.
    Waived { reason: Spanned<String> },
}

/// What a drill does with a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InDrill {
    Run,
    Skip,
}

/// How many hosts a selector must name, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostCount {
    pub min: u32,
    pub max: u32,
}

/// What an author asks of a gate; the policy can only add to it.
#[derive(Debug, Clone)]
pub struct Gate {
    /// People besides the one who runs it.
    pub approvals: Spanned<u32>,
    /// One list a slot, each of groups or people; one list alone serves every slot. Empty: anyone on the roster.
    pub from: Vec<Vec<Spanned<String>>>,
    pub instead: Option<InsteadText>,
    pub expires: Option<Spanned<Period>>,
    pub ask: Option<String>,
    pub span: Span,
}

/// Who may sign for whom when those do not answer in time.
#[derive(Debug, Clone)]
pub struct InsteadText {
    /// A group or person of `from`.
    pub of: Spanned<String>,
    /// A group or person.
    pub by: Spanned<String>,
    /// Counted from when the request was issued.
    pub after: Spanned<Period>,
    pub span: Span,
}

/// `retry:` as written.
#[derive(Debug, Clone)]
pub struct RetryText {
    pub attempts: Spanned<u32>,
    pub delay: Option<Spanned<String>>,
    pub backoff: Option<Spanned<u32>>,
}

/// `until:` as written.
#[derive(Debug, Clone)]
pub struct UntilText {
    pub within: Spanned<String>,
    pub every: Option<Spanned<String>>,
    pub healthy: Option<Spanned<u32>>,
}

impl Step {
    /// The effect that the author promises: what is written, or else `once` for what changes something or is done by a person,
    /// `idempotent` for `put`, `read` for what only looks. Blocks and calls have none of their own.
    pub fn effect(&self) -> Option<Effect> {
        let own = match self.work {
            Work::Run { .. } | Work::Script { .. } | Work::Manual { .. } | Work::Reboot => Effect::Once,
            Work::Put(_) => Effect::Idempotent,
            Work::Check { .. } | Work::Capture { .. } | Work::Wait { .. } | Work::Choose { .. } | Work::Conclude { .. } => Effect::Read,
            Work::Block(_) | Work::Call { .. } => return None,
        };
        Some(self.effect.as_ref().map_or(own, |effect| effect.value))
    }

    /// The steps within, in the order written: a block's, its rescue's and its end's, or those of all options.
    pub fn children(&self) -> Vec<&Step> {
        match &self.work {
            Work::Block(block) => block.steps.iter().chain(&block.rescue).chain(&block.always).collect(),
            Work::Choose { options, .. } => options.iter().flat_map(|option| &option.steps).collect(),
            Work::Run { .. } | Work::Script { .. } | Work::Check { .. } | Work::Capture { .. } | Work::Put(_) | Work::Reboot => Vec::new(),
            Work::Manual { .. } | Work::Wait { .. } | Work::Call { .. } | Work::Conclude { .. } => Vec::new(),
        }
    }

    /// Whether it holds other steps and does nothing itself.
    pub fn is_block(&self) -> bool {
        matches!(self.work, Work::Block(_))
    }
}

impl Runbook {
    /// Every step and block, each before what it holds; those after the point of no return last.
    pub fn all_steps(&self) -> Vec<&Step> {
        fn gather<'s>(step: &'s Step, all: &mut Vec<&'s Step>) {
            all.push(step);
            step.children().into_iter().for_each(|child| gather(child, all));
        }
        let mut all = Vec::new();
        self.steps.iter().chain(&self.after_no_return).for_each(|step| gather(step, &mut all));
        all
    }
}
