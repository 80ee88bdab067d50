//! The only loop: decide, perform, record, tell the views. Decides nothing itself.

mod desk;
mod evidence;
mod files;
mod flight;
mod hiding;
mod ports;
mod recorder;
mod run;
mod vault;

pub use desk::{Desk, Drift};
pub use files::RunFiles;
pub use ports::{
    Asker, Capture, CaptureError, Captured, Fetched, GateTrouble, Gatekeeper, Journal, Recording, SecretSource, SecretTrouble, Watcher,
};
pub use recorder::Recorder;
pub use run::{Ending, LOOK_EVERY, RunError, Runner, World};
