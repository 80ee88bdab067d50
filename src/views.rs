//! What people and programs are shown: pages that know neither colour nor markup, and the renderers, the only places that escape.
//! Never reads a file and never asks a host.

mod difference;
mod estimate;
mod foretold;
mod markdown;
mod outline;
mod page;
mod picture;
mod results;
mod steps;
mod symptoms;
mod timeline;

pub use difference::{DiffJson, RevisionJson, difference_lines, difference_page};
pub use estimate::{Earlier, WouldTake, would_take, would_take_line};
pub use markdown::{Inline, Markdown};
pub use outline::{PlanActionJson, PlanGateJson, PlanJson, PlanStepJson, outline_page, plan_json};
pub use page::{Colour, Line, Page, Tone, fit};
pub use picture::{differences, ending, failure, gate_block, header, held_lines, now_running};
pub use results::{HeldJson, HostJson, RunJson, StepJson, held_json, run_json};
pub use steps::{HostSummary, StepLook, StepSummary, seconds, steps, steps_to_show, summary, summary_line};
pub use symptoms::{SymptomJson, symptom_lines, symptoms};
pub use timeline::{of_mode, timeline_line};
