//! What an author wrote: its syntax, its reading with all problems at once, and lint. Never looks at an inventory and never runs anything.

mod lint;
mod order;
mod read;
mod schema;
mod syntax;
mod texts;
mod written;

pub use lint::{
    Allowances, LintPolicy, MIXED_ENVIRONMENTS, RULES, Remark, Rule, SHELLCHECK, Script, ScriptShell, UNFILLABLE_GATE, UNUSED_PARAMETER,
    first_change, lint, lint_scripts, programs_called, remarked, scripts, simple_commands,
};
pub use order::RUNBOOK_ORDER;
pub use read::{is_taken, read};
pub use schema::schema;
pub use syntax::{
    ArtifactOrigin, ArtifactText, Block, BracketText, ChoiceText, Conclusion, EvidenceText, ForEachText, Gate, HostCount, InDrill,
    InsteadText, Parameter, ParameterKind, PutContent, PutText, ReleaseWhen, RetryText, RollingText, RuleText, Runbook, Secret,
    SecretOrigin, Serial, Step, Symptom, UntilText, Work,
};
pub use texts::TextKind;
