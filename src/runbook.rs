//! What an author wrote: its syntax, its reading with all problems at once, and lint. Never looks at an inventory and never runs anything.

mod lint;
mod read;
mod syntax;
mod texts;
mod written;

pub use lint::{LintPolicy, RULES, Rule, first_change, lint, lint_scripts, simple_commands};
pub use read::read;
pub use syntax::{
    ArtifactOrigin, ArtifactText, Block, BracketText, ChoiceText, Conclusion, EvidenceText, ForEachText, Gate, HostCount, InDrill,
    InsteadText, Parameter, ParameterKind, PutContent, PutText, ReleaseWhen, RetryText, RollingText, RuleText, Runbook, Secret,
    SecretOrigin, Serial, Step, Symptom, UntilText, Work,
};
pub use texts::TextKind;
