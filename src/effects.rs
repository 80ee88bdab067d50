//! Everything that touches the world for a run: hosts, signatures, prompts, clocks. Runs nothing without a `Permit`.

mod clock;
mod identity;
mod signing;
mod transport;

pub use clock::{Clock, SystemClock};
pub use identity::{Claimed, Identity, KeyAtHand, WhoError, who_am_i};
pub use signing::{SignError, SigningKey, SshKeygen, fingerprint_of, sign};
pub use transport::{BoxFuture, OutputSink, StopLevel, StopSignal, Target, Transport, Unreached, Way};
