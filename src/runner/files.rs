//! Output that goes into a run's folder, and the beginning of it kept for expressions. Never judges it.

use std::sync::Arc;

use super::evidence::EvidenceCapture;
use super::ports::{Capture, CaptureError, Captured, Journal, Recording};
use crate::base::{HostName, Person, Redactor, StepId, Timestamp};
use crate::effects::OutputSink;
use crate::engine::Task;
use crate::event::{AppendError, Part, Stream};
use crate::journal::{JournalWriter, MemoryWriter, OutputFiles, RunFolder};
use crate::plan::{READING_LIMIT, Seen};

impl Journal for JournalWriter {
    fn reserve(&mut self, bytes: u64) -> Result<(), AppendError> {
        JournalWriter::reserve(self, bytes);
        Ok(())
    }
}

impl Journal for MemoryWriter<'_> {
    fn reserve(&mut self, _: u64) -> Result<(), AppendError> {
        Ok(())
    }
}

/// The output files of one run.
#[derive(Debug, Clone)]
pub struct RunFiles {
    pub folder: RunFolder,
}

impl Recording for RunFiles {
    fn open(&self, step: &StepId, host: &HostName, part: Part, attempt: u32, max_output: u64) -> Result<Box<dyn Capture>, CaptureError> {
        let files = OutputFiles::create(&self.folder, step, host, attempt, part, max_output)
            .map_err(|error| CaptureError { path: error.path, source: error.source })?;
        Ok(Box::new(FileCapture { files, seen: Seen::default() }))
    }

    fn keep(&self, task: &Task, by: &Person, at: Timestamp) -> Result<Box<dyn Capture>, CaptureError> {
        Ok(Box::new(EvidenceCapture::open(&self.folder, task, by, at)?))
    }

    fn free(&self) -> Result<(u64, String), CaptureError> {
        let path = self.folder.path().display().to_string();
        self.folder.free().map(|free| (free, path.clone())).map_err(|source| CaptureError { path, source })
    }
}

struct FileCapture {
    files: OutputFiles,
    seen: Seen,
}

/// Keeps one byte more than may be seen, so that too much is told from just enough.
fn keep(kept: &mut Vec<u8>, bytes: &[u8]) {
    let room = (READING_LIMIT + 1).saturating_sub(kept.len());
    kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

impl OutputSink for FileCapture {
    fn stdout(&mut self, bytes: &[u8]) {
        keep(&mut self.seen.stdout, bytes);
        self.files.stdout(bytes);
    }

    fn stderr(&mut self, bytes: &[u8]) {
        keep(&mut self.seen.stderr, bytes);
        self.files.stderr(bytes);
    }
}

impl Capture for FileCapture {
    fn hides(&mut self, _redactor: &Arc<Redactor>) -> bool {
        false
    }

    fn progress(&self) -> Option<String> {
        None
    }

    fn finish(self: Box<Self>) -> Captured {
        let Self { files, seen } = *self;
        match files.finish() {
            Ok((stdout, stderr)) => Captured { stdout, stderr, kept: None, seen, trouble: None },
            Err(error) => {
                let trouble = Some(CaptureError { path: error.path, source: error.source });
                Captured { stdout: Stream::empty(), stderr: Stream::empty(), kept: None, seen, trouble }
            }
        }
    }
}
