//! Everything that touches the world for a run: hosts, signatures, prompts, clocks. Runs nothing without a `Permit`.

#![allow(clippy::disallowed_methods, reason = "this room is the door to hosts, processes and the clock")]

mod claim;
mod clock;
#[cfg(test)]
pub(crate) mod conformance;
#[cfg(test)]
mod conformance_costs;
#[cfg(test)]
mod conformance_faults;
#[cfg(test)]
mod conformance_hostile;
#[cfg(test)]
mod conformance_runs;
#[cfg(test)]
mod conformance_secrets;
mod direct;
mod ending;
mod feed;
mod frames;
mod host;
mod hosts;
mod identity;
mod line;
mod local;
mod marks;
mod master;
mod order;
mod pipe;
mod place;
mod secrets;
mod signing;
mod ssh;
#[cfg(test)]
#[path = "../tests/support/sshd.rs"]
#[allow(dead_code)] // integration tests use the rest of it
pub(crate) mod sshd;
mod station;
mod transport;

pub use clock::{Clock, SystemClock};
pub use frames::{FileEnd, Frame, Frames, framed};
pub use hosts::{Hosts, endpoints};
pub use identity::{Claimed, Identity, KeyAtHand, WhoError, who_am_i};
pub use line::{Lines, Upon};
pub use master::PRECAUTIONS;
pub use place::{git_revision, machine_name};
pub use secrets::{SecretError, SecretPlace, fetch_secret, look_for_secret};
pub use signing::{SignError, SigningKey, SshKeygen, fingerprint_of, sign};
pub use transport::{BoxFuture, OutputSink, StopLevel, StopSignal, Target, Transport, Unreached, Way};
