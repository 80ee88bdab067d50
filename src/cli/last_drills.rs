//! When runbooks were last drilled, how that went, and whether they have changed since: from the store's list of drills. Rehearses nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::{Digest, Timestamp};
use crate::journal::{DrillLine, Store};
use crate::views::Tone;

/// The last drill of each scenario of a runbook, together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastDrill {
    /// The newest of them.
    pub at: Timestamp,
    pub scenarios: usize,
    /// Whether each went as expected when it was last drilled.
    pub passed: bool,
    /// Whether the runbook's file has changed since the newest of them.
    pub changed_since: bool,
}

impl LastDrill {
    /// The last drills of a runbook of this revision; `None` where it was never drilled.
    pub fn of(lines: &[DrillLine], runbook: &str, revision: &Digest) -> Option<Self> {
        let mut newest: BTreeMap<&str, &DrillLine> = BTreeMap::new();
        for line in lines.iter().filter(|line| line.runbook == runbook) {
            newest.insert(&line.scenario, line); // the file is written in the order of time
        }
        let last = newest.values().max_by_key(|line| line.at)?;
        Some(Self {
            at: last.at,
            scenarios: newest.len(),
            passed: newest.values().all(|line| line.passed),
            changed_since: last.revision != *revision,
        })
    }

    /// `drilled 2026-11-24`, and what is to be said beside it.
    pub fn in_words(&self) -> String {
        let day: String = self.at.to_string().chars().take(10).collect();
        let went = if self.passed { "" } else { ", not as expected" };
        let changed = if self.changed_since { ", changed since" } else { "" };
        format!("drilled {day}{went}{changed}")
    }

    /// How it is to be looked at.
    pub fn tone(&self) -> Tone {
        match (self.passed, self.changed_since) {
            (true, false) => Tone::Good,
            (true, true) => Tone::Waits,
            (false, _) => Tone::Bad,
        }
    }
}

/// All drills that the store knows; none where there is no store.
pub fn lines(store: Option<&Store>) -> Vec<DrillLine> {
    store.and_then(|store| store.drills().ok()).unwrap_or_default()
}
