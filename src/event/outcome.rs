//! What hosts do. Errors of our own are `Result`s elsewhere; an outcome is never an error.

use serde::{Deserialize, Serialize};

use crate::base::Digest;

/// What became of one attempt on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// The command ended by itself with this status, 0 to 255.
    Exited { code: i32 },
    /// The command was ended by this signal (`TERM`), and nothing of it is left.
    Signalled { signal: String, by: Signaller },
    /// Certainly not one byte of the command ran.
    NeverStarted { cause: NotStarted, why: String },
    /// Nobody can say: it may have run, in whole or in part, and may be running still.
    Unknown { why: String },
}

/// Who sent the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signaller {
    /// Somebody on the host, or the command itself.
    Host,
    /// The step's time-out.
    Timeout,
    /// A person who stopped the run.
    Stop,
}

/// Why nothing ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotStarted {
    /// No connection.
    Unreachable,
    /// The host answered and cannot, or must not, run it: another key, no spool, no digest tool, a newer epoch.
    Refused,
}

/// One stream of output: all of it is counted and hashed, the stored part lies in `output/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// Bytes received.
    pub bytes: u64,
    /// SHA-256 of all bytes received.
    pub sha256: Digest,
    /// Bytes stored: the head and, where it was longer than the step's `max_output`, the tail.
    pub stored: u64,
    /// SHA-256 of the stored file; equal to `sha256` where all was stored.
    pub file: Digest,
}

impl Stream {
    /// A stream without a byte.
    pub fn empty() -> Self {
        let nothing = Digest::of(b"");
        Self { bytes: 0, sha256: nothing, stored: 0, file: nothing }
    }
}

/// Whether a result is what its step expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "judged", rename_all = "snake_case", deny_unknown_fields)]
pub enum Judgement {
    /// As expected: exit status 0 where the step says nothing else.
    Met,
    /// Not as expected, with the sentence that says so.
    Missed { why: String },
}
