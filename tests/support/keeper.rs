//! Evidence without files, for simulated hosts. Touches nothing real.

use std::sync::Arc;

use runbook::base::{Digest, Redactor};
use runbook::effects::{FileEnd, Frame, Frames, OutputSink};
use runbook::engine::Task;
use runbook::event::{KeptArtifact, Stream};
use runbook::plan::Seen;
use runbook::runner::{Capture, Captured};

/// Keeps evidence nowhere, and says what it would have kept.
pub struct Keeper {
    names: Vec<String>,
    stream: Vec<u8>,
}

impl Keeper {
    /// For what this attempt of a capture is to keep.
    pub fn new(task: &Task) -> Self {
        Self { names: task.action.keeps.iter().map(|keep| keep.name.clone()).collect(), stream: Vec::new() }
    }
}

impl OutputSink for Keeper {
    fn stdout(&mut self, bytes: &[u8]) {
        self.stream.extend_from_slice(bytes);
    }

    fn stderr(&mut self, _bytes: &[u8]) {}
}

impl Capture for Keeper {
    fn hides(&mut self, _: &Arc<Redactor>) -> bool {
        false
    }

    fn progress(&self) -> Option<String> {
        None
    }

    fn finish(self: Box<Self>) -> Captured {
        let mut artifacts: Vec<KeptArtifact> = Vec::new();
        Frames::default().feed(&self.stream, |frame| {
            if let Frame::End(end) = frame {
                let whole = matches!(end, FileEnd::Read { code: 0, .. });
                let name = self.names[artifacts.len()].clone();
                artifacts.push(KeptArtifact { name, files: Vec::new(), trouble: (!whole).then(|| "it failed".to_owned()) });
            }
        });
        let kept = (artifacts.len() == self.names.len()).then_some((Digest::ZERO, artifacts));
        Captured { stdout: Stream::empty(), stderr: Stream::empty(), kept, seen: Seen::default(), trouble: None }
    }
}
