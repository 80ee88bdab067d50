//! Decides what happens next, from the program and what has happened. Touches nothing: no clock, no file, no host.

mod permit;

pub use permit::{Begin, Permit, Ready, Task};
