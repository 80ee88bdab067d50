//! The newest real run of each runbook, from the store's journals. Never judges a record: that is `verify`'s work.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::{RunId, Timestamp};
use crate::cli::failure::Failure;
use crate::engine::{State, held};
use crate::event::{Entry, Event, RunMode};
use crate::journal::{Follower, RunFolder, Store};

/// Journals that are looked into, newest first: enough for any team's month, and read in less than a second.
const MOST_RUNS: usize = 200;

/// The last run of a runbook.
#[derive(Debug, Serialize)]
pub struct LastRun {
    pub run: RunId,
    /// `null` where it has no end yet.
    pub verdict: Option<&'static str>,
    /// When it ended, or the newest time that its journal tells.
    pub at: Timestamp,
    /// How many things it has taken and not given back.
    pub held: usize,
}

impl LastRun {
    /// Whether it ended as it should.
    pub fn is_good(&self) -> bool {
        self.verdict == Some("recovered") && self.held == 0
    }

    /// `recovered 2026-11-22`
    pub fn in_words(&self) -> String {
        let day: String = self.at.to_string().chars().take(10).collect();
        let holds = if self.held == 0 { "" } else { ", still holds something: runbook runs" };
        format!("{} {day}{holds}", self.verdict.unwrap_or("not over"))
    }
}

/// The last run of each of these runbooks, among the newest [`MOST_RUNS`] runs. A journal that cannot be read is left out.
///
/// # Errors
/// Where the store cannot be listed.
pub fn last_runs(store: &Store, names: &[String]) -> Result<BTreeMap<String, LastRun>, Failure> {
    let mut found = BTreeMap::new();
    for run in store.list()?.into_iter().take(MOST_RUNS) {
        if names.iter().all(|name| found.contains_key(name)) {
            break;
        }
        if let Some((name, last)) = look(store, &run) {
            found.entry(name).or_insert(last);
        }
    }
    Ok(found)
}

fn look(store: &Store, run: &RunId) -> Option<(String, LastRun)> {
    let folder = RunFolder::open(&store.root().join("runs").join(run.as_str())).ok()?; // the store's own layout; `find` would list all each time
    let entries = Follower::open(&folder.journal()).ok()?.poll().ok()?;
    let Some(Entry { event: Event::RunOpened(opened), .. }) = entries.first() else { return None };
    if opened.mode != RunMode::Real {
        return None;
    }
    let verdict = entries.iter().rev().find_map(verdict_of);
    let at = entries.last().map(|entry| entry.at)?;
    let mut state = State::default();
    let _ = entries.iter().try_for_each(|entry| state.after(entry.at, &entry.event)); // `runs` and `verify` say what is wrong with a record
    Some((opened.runbook.clone(), LastRun { run: run.clone(), verdict, at, held: held(&state).len() }))
}

fn verdict_of(entry: &Entry) -> Option<&'static str> {
    if let Event::RunClosed { verdict, .. } = &entry.event { Some(verdict.as_str()) } else { None }
}
