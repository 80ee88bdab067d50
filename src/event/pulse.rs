//! Progress that may be lost: what a picture shows and no decision uses. Never recorded.

use crate::base::{HostName, StepId};

/// A sign of life between two events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulse {
    /// A host printed this; the last complete or growing line, at most a few hundred bytes, unescaped.
    Printed { step: StepId, host: HostName, line: Vec<u8> },
    /// Something to tell the person at the terminal, in one sentence.
    Said { sentence: String },
}
