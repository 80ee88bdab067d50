//! The manifest beside a host's evidence: what was asked for, what was there, what was kept. Never reads one back: the journal says what counts.

use serde::Serialize;

use crate::base::{Bytes, Digest, HostName, Person, RunId, StepId, Timestamp};
use crate::event::{ArtifactSource, Place, Truncation};

/// A manifest: a promise to programs.
#[derive(Serialize)]
pub(super) struct ManifestJson<'a> {
    pub(super) version: u32,
    pub(super) run: &'a RunId,
    pub(super) step: &'a StepId,
    pub(super) host: &'a HostName,
    pub(super) place: Option<&'a Place>,
    pub(super) attempt: u32,
    pub(super) captured_by: &'a Person,
    pub(super) captured_at: Timestamp,
    pub(super) artifacts: Vec<ArtifactJson>,
}

#[derive(Serialize)]
pub(super) struct ArtifactJson {
    pub(super) name: String,
    pub(super) source: ArtifactSource,
    pub(super) last: Option<u64>,
    pub(super) most: u64,
    pub(super) files: Vec<FileJson>,
    pub(super) trouble: Option<String>,
}

#[derive(Clone, Serialize)]
pub(super) struct FileJson {
    pub(super) file: String,
    /// Its name on the host; the command's for an output.
    pub(super) from: Bytes,
    /// Bytes that were there when it was opened, and when it was read.
    pub(super) size: Option<u64>,
    pub(super) size_after: Option<u64>,
    /// Seconds after 1970.
    pub(super) mtime: Option<i64>,
    /// Bytes that came, and those that are kept: they differ where it is truncated, and where secrets are hidden in it.
    pub(super) came: u64,
    pub(super) bytes: u64,
    pub(super) sha256: Digest,
    pub(super) truncated: Option<Truncation>,
    /// Exit status of the command, or of what read the file.
    pub(super) exit_status: Option<i32>,
}

/// What of a file is wrong, if anything.
pub(super) fn said(file: &FileJson) -> Option<String> {
    let size = file.size.map_or(String::new(), |size| format!(" of {size}"));
    match file.truncated {
        Some(Truncation::Asked) => None,
        Some(Truncation::Limit) => {
            Some(format!("only {}{size} bytes are kept: write `last:` to say how much of its end suffices", file.bytes))
        }
        Some(Truncation::Room) => Some(format!("only {}{size} bytes are kept: the disk of the record must keep some room", file.bytes)),
        Some(Truncation::CutOff) => Some(format!("it was cut off after {} bytes", file.bytes)),
        None => match file.size {
            Some(size) if size > file.came => Some(format!("it shrank while it was read: {size} bytes were there, {} came", file.came)),
            Some(_) | None => None,
        },
    }
}
