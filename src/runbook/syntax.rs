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
    /// Names for selectors, in the order written.
    pub targets: Vec<(Spanned<String>, Spanned<String>)>,
    pub steps: Vec<Step>,
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
    Check {
        command: Spanned<String>,
        shell: Option<Spanned<String>>,
    },
    Manual {
        instructions: Spanned<String>,
    },
    /// A duration, possibly a template.
    Wait {
        period: Spanned<String>,
    },
    Block {
        steps: Vec<Step>,
    },
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
    pub expires: Option<Spanned<Period>>,
    pub ask: Option<String>,
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
    /// The effect that the author promises: what is written, or else `once` for `run` and `manual`, `read` for `check` and `wait`.
    /// A block has none of its own.
    pub fn effect(&self) -> Option<Effect> {
        let own = match self.work {
            Work::Run { .. } | Work::Manual { .. } => Effect::Once,
            Work::Check { .. } | Work::Wait { .. } => Effect::Read,
            Work::Block { .. } => return None,
        };
        Some(self.effect.as_ref().map_or(own, |effect| effect.value))
    }

    /// The steps within, where this is a block.
    pub fn children(&self) -> &[Step] {
        match &self.work {
            Work::Block { steps } => steps,
            Work::Run { .. } | Work::Check { .. } | Work::Manual { .. } | Work::Wait { .. } => &[],
        }
    }
}
