//! The only loop: decide, perform, record, tell the views. Decides nothing itself.

mod desk;
mod files;
mod flight;
mod ports;
mod recorder;
mod run;

pub use desk::{Desk, Drift};
pub use files::RunFiles;
pub use ports::{Asker, Capture, CaptureError, Captured, GateTrouble, Gatekeeper, Journal, Recording, Watcher};
pub use recorder::Recorder;
pub use run::{Ending, RunError, Runner, World};
