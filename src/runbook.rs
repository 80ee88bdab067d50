//! What an author wrote: its syntax, its reading with all problems at once, and lint. Never looks at an inventory and never runs anything.

mod read;
mod syntax;

pub use read::read;
pub use syntax::{Gate, HostCount, Parameter, ParameterKind, RetryText, Runbook, Step, UntilText, Work};
