//! Everything that touches the world for a run: hosts, signatures, prompts, clocks. Runs nothing without a `Permit`.

mod claim;
mod direct;
mod ending;
mod host;
mod hosts;
mod local;
mod marks;
mod master;
mod order;
mod pipe;
mod ssh;
mod station;
mod transport;

pub use hosts::Hosts;
pub use transport::{BoxFuture, OutputSink, StopLevel, StopSignal, Target, Transport, Unreached, Way};
