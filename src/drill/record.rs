//! The output and the evidence of a drill: counted and hashed as in a real run, and kept nowhere.

use std::sync::Arc;

use crate::base::{Digest, HostName, Person, Redactor, Secret, StepId, Timestamp};
use crate::effects::{BoxFuture, FileEnd, Frame, Frames, OutputSink};
use crate::engine::{State, Task};
use crate::event::{Entry, KeptArtifact, KeptFile, Part, Pulse, Stream};
use crate::plan::{READING_LIMIT, SecretUse, Seen};
use crate::runner::{Capture, CaptureError, Captured, Fetched, Recording, SecretSource, SecretTrouble, Watcher};

/// Takes in everything and keeps nothing.
pub struct Forgetful;

impl Recording for Forgetful {
    fn open(&self, _: &StepId, _: &HostName, _: Part, _: u32, _: u64) -> Result<Box<dyn Capture>, CaptureError> {
        Ok(Box::new(Counted::default()))
    }

    fn keep(&self, task: &Task, _: &Person, _: Timestamp) -> Result<Box<dyn Capture>, CaptureError> {
        let names = task.action.keeps.iter().map(|keep| keep.name.clone()).collect();
        Ok(Box::new(Evidence { names, stream: Vec::new() }))
    }

    fn free(&self) -> Result<(u64, String), CaptureError> {
        Ok((u64::MAX, "nowhere".to_owned()))
    }
}

/// What an attempt printed, as far as expressions see it, and its sums.
#[derive(Default)]
struct Counted {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl OutputSink for Counted {
    fn stdout(&mut self, bytes: &[u8]) {
        self.stdout.extend_from_slice(bytes);
    }

    fn stderr(&mut self, bytes: &[u8]) {
        self.stderr.extend_from_slice(bytes);
    }
}

impl Capture for Counted {
    fn hides(&mut self, _: &Arc<Redactor>) -> bool {
        false
    }

    fn progress(&self) -> Option<String> {
        None
    }

    fn finish(self: Box<Self>) -> Captured {
        let stream = |bytes: &[u8]| Stream { bytes: bytes.len() as u64, sha256: Digest::of(bytes), stored: 0, file: Digest::of(b"") };
        let (stdout, stderr) = (stream(&self.stdout), stream(&self.stderr));
        let seen = |mut bytes: Vec<u8>| {
            bytes.truncate(READING_LIMIT + 1); // one more than is read: too much stays too much
            bytes
        };
        let seen = Seen { stdout: seen(self.stdout), stderr: seen(self.stderr) };
        Captured { stdout, stderr, kept: None, seen, trouble: None }
    }
}

/// The frames of a capture, judged and not stored.
struct Evidence {
    names: Vec<String>,
    stream: Vec<u8>,
}

impl OutputSink for Evidence {
    fn stdout(&mut self, bytes: &[u8]) {
        self.stream.extend_from_slice(bytes);
    }

    fn stderr(&mut self, _bytes: &[u8]) {}
}

impl Capture for Evidence {
    fn hides(&mut self, _: &Arc<Redactor>) -> bool {
        false
    }

    fn progress(&self) -> Option<String> {
        None
    }

    fn finish(self: Box<Self>) -> Captured {
        let mut artifacts: Vec<KeptArtifact> = Vec::new();
        let mut content = Vec::new();
        Frames::default().feed(&self.stream, |frame| match frame {
            Frame::Bytes(bytes) => content.extend_from_slice(bytes),
            Frame::End(end) => {
                let bytes = std::mem::take(&mut content);
                let Some(name) = self.names.get(artifacts.len()) else { return };
                let whole = matches!(end, FileEnd::Read { code: 0, .. });
                artifacts.push(KeptArtifact {
                    name: name.clone(),
                    files: vec![kept_file(name, &bytes)],
                    trouble: (!whole).then(|| "it failed".to_owned()),
                });
            }
            Frame::Output { .. } | Frame::File { .. } | Frame::TooMany { .. } | Frame::Done | Frame::Stray(_) => {}
        });
        let kept = (artifacts.len() == self.names.len()).then_some((Digest::ZERO, artifacts));
        Captured { stdout: Stream::empty(), stderr: Stream::empty(), kept, seen: Seen::default(), trouble: None }
    }
}

/// An artifact of one file, as the record of a real run has it.
fn kept_file(name: &str, bytes: &[u8]) -> KeptFile {
    let (length, sha256) = (bytes.len() as u64, Digest::of(bytes));
    KeptFile { file: name.to_owned(), bytes: length, sha256, size: Some(length), truncated: None }
}

/// A drill's secrets have values that say what they are.
pub(super) struct StandIns;

impl SecretSource for StandIns {
    fn fetch<'a>(&'a self, wanted: SecretUse<'a>) -> BoxFuture<'a, Result<Fetched, SecretTrouble>> {
        let value = format!("stand-in-for-{}", wanted.secret.name.value);
        Box::pin(async move { Ok(Fetched { value: Secret::new(value.into_bytes()), remarks: Vec::new() }) })
    }
}

/// Nobody watches.
pub struct Nobody;

impl Watcher for Nobody {
    fn entry(&mut self, _: &Entry, _: &State) {}
    fn pulse(&mut self, _: &Pulse, _: &State) {}
    fn tick(&mut self, _: &State, _: Timestamp) {}
}
