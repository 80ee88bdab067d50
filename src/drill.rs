//! Hosts that do not exist, for rehearsals and for the engine's own tests. Never kinder than the real ones.

mod simulated;

pub use simulated::{Break, Reply, SimulatedClock, SimulatedHosts, System};
