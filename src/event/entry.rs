//! An event with its place in the chain, and the port through which events become durable. Never writes a file itself.

use serde::{Deserialize, Serialize};

use super::Event;
use crate::base::{Digest, Timestamp};

/// A point in a journal: the number of its last line and that line's sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    pub seq: u64,
    pub sum: Digest,
}

impl Head {
    /// Before the first line.
    pub const START: Head = Head { seq: 0, sum: Digest::ZERO };
}

/// One line of a journal, its sum already checked or just made.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// From 1.
    pub seq: u64,
    pub at: Timestamp,
    /// The sum of the line before.
    pub prev: Digest,
    pub event: Event,
    /// SHA-256 over this line: see `journal::line`.
    pub sum: Digest,
}

impl Entry {
    /// This entry as a point in the journal.
    pub fn head(&self) -> Head {
        Head { seq: self.seq, sum: self.sum }
    }
}

/// It could not be made durable. The run must end: what cannot be recorded is not executed.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// There is no room for it and for what must follow it; nothing was written.
    #[error(
        "not started: {free_mib} MiB free in {path}, recording this step needs {needed_mib} MiB. Free some space there, then resume the run"
    )]
    NoRoom { path: String, free_mib: u64, needed_mib: u64 },
    /// Writing or syncing failed; after this nothing more is written by this process.
    #[error("the record at {path} could not be written: {source}. Nothing further was started; mend the disk, then resume the run")]
    Failed { path: String, source: std::io::Error },
    /// An event that cannot follow what is recorded: a fault of this program.
    #[error("refused to record an event that cannot follow: {why}")]
    Illegal { why: String },
}

/// Where events become durable. An implementation returns only after `fdatasync` (or, in a simulation, after its equal).
pub trait AppendLog {
    /// Appends all of these in this order with one sync; all or, after a crash, a beginning of them.
    ///
    /// # Errors
    /// See [`AppendError`]; none of them counts as recorded then.
    fn append_all(&mut self, events: Vec<Event>) -> Result<Vec<Entry>, AppendError>;

    /// The newest point of the journal.
    fn head(&self) -> Head;
}
