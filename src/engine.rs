//! Decides what happens next, from the program and what has happened. Touches nothing: no clock, no file, no host.

mod decide;
mod evidence;
mod fold;
mod foresee;
mod gates;
mod held;
mod leaf;
mod legal;
mod length;
mod looks;
mod permit;
mod progress;
mod state;
mod symptoms;
mod turns;
mod unwind;
mod walk;

pub use decide::{Directive, Question, Way, decide, may_stop};
pub use fold::Illegal;
pub use foresee::{Foreseen, foreseen, is_after_a_withheld_change};
pub use held::{Certainty, Held, held};
pub use leaf::is_as_rendered;
pub use length::{Length, at_most};
pub use permit::{Begin, Permit, Ready, Task};
pub use progress::{HostResult, Progress, is_spent, progress, settled_results};
pub use state::{Attempt, BlockState, Concluded, GateAnswer, GateState, GivenApproval, HostFact, LeftOut, Life, Phase, State, StepState};
pub use turns::{scope, step_of, unfolded};
