//! Waits until a run's own runner has judged a document that was dropped into its inbox. Judges nothing itself.

use std::time::{Duration, Instant};

use crate::base::Digest;
use crate::event::Event;
use crate::journal::{Follower, RunFolder, runner_of};

/// How long to wait for a runner that is there: it looks several times a second.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often to look.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What the runner said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// In whose place, where the signer stood in.
    Counted {
        instead_of: Option<String>,
    },
    Refused(String),
    Nothing,
}

/// What became of this document.
pub fn await_verdict(folder: &RunFolder, document: Digest) -> Heard {
    let Ok(mut follower) = Follower::open(&folder.journal()) else { return Heard::Nothing };
    let began = Instant::now();
    loop {
        let entries = follower.poll().unwrap_or_default(); // a broken journal answers nothing; `verify` says why
        if let Some(heard) = entries.iter().find_map(|entry| heard(&entry.event, document)) {
            return heard;
        }
        if runner_of(folder.path()).is_none() || began.elapsed() > PATIENCE {
            return Heard::Nothing;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn heard(event: &Event, wanted: Digest) -> Option<Heard> {
    match event {
        Event::ApprovalGiven { document, instead_of, .. } if *document == wanted => Some(Heard::Counted { instead_of: instead_of.clone() }),
        Event::ApprovalDenied { document, .. } if *document == wanted => Some(Heard::Counted { instead_of: None }),
        Event::ApprovalRefused { document, why, .. } if *document == wanted => Some(Heard::Refused(why.clone())),
        _ => None, // only the answer to one document is waited for
    }
}
