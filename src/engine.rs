//! Decides what happens next, from the program and what has happened. Touches nothing: no clock, no file, no host.

mod decide;
mod fold;
mod gates;
mod legal;
mod permit;
mod progress;
mod state;

pub use decide::{Directive, Question, decide, is_as_rendered};
pub use fold::Illegal;
pub use gates::covered;
pub use permit::{Begin, Permit, Ready, Task};
pub use progress::{HostResult, Progress, progress, settled_results};
pub use state::{Attempt, GateAnswer, GateState, HostFact, LeftOut, Life, Phase, State, StepState};
