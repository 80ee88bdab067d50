//! Everything that touches the world for a run: hosts, signatures, prompts, clocks. Runs nothing without a `Permit`.

mod clock;
mod transport;

pub use clock::{Clock, SystemClock};
pub use transport::{BoxFuture, OutputSink, StopLevel, StopSignal, Target, Transport, Unreached, Way};
