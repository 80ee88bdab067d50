//! What a capture sends, taken apart and kept in the run's folder. Never judges it, and never believes a host about more than its own files.

use std::sync::Arc;

use super::ports::{Capture, CaptureError, Captured};
use crate::base::{Person, Redacting, Redactor, Timestamp};
use crate::effects::{FileEnd, Frame, Frames, OutputSink};
use crate::engine::{Ready, Task};
use crate::event::{Event, MAX_FILES, Part, Stream};
use crate::journal::{About, Beginning, EvidenceFiles, OutputError, OutputFiles, RunFolder};
use crate::plan::{DEFAULT_MAX_OUTPUT, Seen};

/// Bytes that a capture leaves free for the run itself: what it needs to start steps, and to record them, until its end.
pub const ROOM_LEFT: u64 = 32 << 20;

/// The evidence of one attempt, with what its script says besides.
pub struct EvidenceCapture {
    frames: Frames,
    kept: Kept,
}

/// What comes out of the frames.
struct Kept {
    files: EvidenceFiles,
    /// Standard error, and the words of the script between the files.
    output: OutputFiles,
    redactor: Arc<Redactor>,
    /// The file that is being taken in, and what stands between files.
    content: Redacting,
    between: Redacting,
    spoke: Spoke,
}

/// What has come so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spoke {
    Nothing,
    Frames,
    Done,
}

/// Bytes of evidence that an attempt may keep.
pub fn evidence_of(task: &Task) -> u64 {
    let keeps = if task.part == Part::Main { task.action.keeps.as_slice() } else { &[] };
    keeps.iter().fold(0, |sum, artifact| sum.saturating_add(artifact.most))
}

/// Those whose evidence fits where so many bytes are free, and the first that does not.
pub fn that_fit(ready: Vec<Ready>, free: u64) -> (Vec<Ready>, Option<Task>) {
    let mut room = free.saturating_sub(ROOM_LEFT);
    let (mut fitting, mut left) = (Vec::new(), None);
    for ready in ready {
        match room.checked_sub(evidence_of(ready.task())) {
            Some(rest) => {
                room = rest;
                fitting.push(ready);
            }
            None => left = left.or_else(|| Some(ready.task().clone())),
        }
    }
    (fitting, left)
}

/// The line that says what a capture kept.
pub fn kept_by(task: &Task, captured: &Captured) -> Option<Event> {
    let (manifest, artifacts) = captured.kept.clone()?;
    Some(Event::EvidenceKept { step: task.step.clone(), host: task.host().clone(), attempt: task.attempt, manifest, artifacts })
}

fn storing(error: OutputError) -> CaptureError {
    CaptureError { path: error.path, source: error.source }
}

impl EvidenceCapture {
    /// A place for what this attempt keeps.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn open(folder: &RunFolder, task: &Task, by: &Person, at: Timestamp) -> Result<Self, CaptureError> {
        let (step, host) = (task.step.clone(), task.host().clone());
        let output = OutputFiles::create(folder, &step, &host, task.attempt, Part::Main, DEFAULT_MAX_OUTPUT).map_err(storing)?;
        let place = task.action.place.clone();
        let about = About { run: task.run.clone(), step, host, place, attempt: task.attempt, by: by.clone(), at };
        let files = EvidenceFiles::create(folder, about, task.action.keeps.clone(), ROOM_LEFT).map_err(storing)?;
        Ok(Self { frames: Frames::default(), kept: Kept::new(files, output, Arc::new(Redactor::default())) })
    }

    fn captured(self) -> Result<Captured, OutputError> {
        let Self { mut frames, mut kept } = self;
        frames.end(|frame| kept.take(&frame));
        kept.end_content();
        kept.between.end(|bytes| kept.output.stdout(bytes));
        let (stdout, stderr) = kept.output.finish()?;
        let found = match kept.spoke {
            Spoke::Nothing => {
                kept.files.abandon()?;
                None
            }
            Spoke::Frames | Spoke::Done => Some(kept.files.finish()?),
        };
        Ok(Captured { stdout, stderr, kept: found, seen: Seen::default(), trouble: None })
    }
}

impl OutputSink for EvidenceCapture {
    fn stdout(&mut self, bytes: &[u8]) {
        let Self { frames, kept } = self;
        frames.feed(bytes, |frame| kept.take(&frame));
    }

    fn stderr(&mut self, bytes: &[u8]) {
        self.kept.output.stderr(bytes);
    }
}

impl Kept {
    fn new(files: EvidenceFiles, output: OutputFiles, redactor: Arc<Redactor>) -> Self {
        let [content, between] = [&redactor, &redactor].map(|redactor| Redacting::new(Arc::clone(redactor)));
        Self { files, output, redactor, content, between, spoke: Spoke::Nothing }
    }

    fn take(&mut self, frame: &Frame<'_>) {
        match frame {
            Frame::Stray(bytes) => return self.stray(bytes),
            Frame::Output { artifact } => {
                self.files.begin(*artifact, Beginning { name: None, size: None, mtime: None, most: None });
            }
            Frame::File { artifact, name, size, mtime, most } => {
                let name = self.redactor.bytes(name);
                self.files.begin(*artifact, Beginning { name: Some(&name), size: *size, mtime: *mtime, most: *most });
            }
            Frame::Bytes(bytes) => {
                let Self { files, content, .. } = self;
                files.came(bytes.len() as u64);
                content.feed(bytes, |bytes| files.bytes(bytes));
            }
            Frame::End(end) => self.ended(*end),
            Frame::TooMany { artifact, count } => {
                let why = format!("{count} files match, the first {MAX_FILES} are kept: write a narrower pattern");
                self.files.trouble(*artifact, why);
            }
            Frame::Done => {
                self.spoke = Spoke::Done;
                return;
            }
        }
        self.spoke = Spoke::Frames;
    }

    fn ended(&mut self, end: FileEnd) {
        self.end_content();
        match end {
            FileEnd::Read { code, size } => self.files.end(code, size),
            FileEnd::Gone => self.files.refused("there is no such file, or none that matches"),
            FileEnd::Special => self.files.refused("it is no plain file"),
            FileEnd::Denied => self.files.refused("this user may not read it"),
        }
    }

    /// A secret that a file ends in is hidden, and none goes over into the next.
    fn end_content(&mut self) {
        let mut content = std::mem::replace(&mut self.content, Redacting::new(Arc::clone(&self.redactor)));
        content.end(|bytes| self.files.bytes(bytes));
    }

    fn stray(&mut self, bytes: &[u8]) {
        let Self { output, between, .. } = self;
        between.feed(bytes, |bytes| output.stdout(bytes));
        if self.spoke == Spoke::Frames {
            self.files.trouble_of_all("the host said something in between that cannot be read");
        }
    }
}

impl Capture for EvidenceCapture {
    fn hides(&mut self, redactor: &Arc<Redactor>) -> bool {
        let Kept { redactor: own, content, between, .. } = &mut self.kept;
        (*content, *between) = (Redacting::new(Arc::clone(redactor)), Redacting::new(Arc::clone(redactor)));
        *own = Arc::clone(redactor);
        true
    }

    fn progress(&self) -> Option<String> {
        Some(self.kept.files.progress().unwrap_or_default())
    }

    fn finish(self: Box<Self>) -> Captured {
        self.captured().unwrap_or_else(|error| Captured {
            stdout: Stream::empty(),
            stderr: Stream::empty(),
            kept: None,
            seen: Seen::default(),
            trouble: Some(storing(error)),
        })
    }
}
