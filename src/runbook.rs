//! What an author wrote: its syntax, its reading with all problems at once, and lint. Never looks at an inventory and never runs anything.

mod lint;
mod read;
mod syntax;

pub use lint::{LintPolicy, RULES, Rule, lint};
pub use read::read;
pub use syntax::{Gate, HostCount, Parameter, ParameterKind, RetryText, Runbook, Step, UntilText, Work};
