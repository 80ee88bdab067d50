//! How long a runbook took to recover, run by run and drill by drill, the newest last, with a bar each. Judges no record.

use serde::Serialize;

use crate::base::{Period, RunId, Timestamp};
use crate::cli::past::Past;
use crate::engine::Life;
use crate::event::RunMode;
use crate::journal::Store;
use crate::views::{Line, Tone};

/// Runs and drills that are shown, and runs that are looked through for them.
const SHOWN: usize = 10;
const LOOKED_THROUGH: usize = 200;
/// Signs of the longest bar.
const BAR: u64 = 24;

/// One run, or one drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PastRun {
    pub at: Timestamp,
    /// The scenario of a drill; `null` for a real run.
    pub drill: Option<String>,
    /// The other inventory of a drill on real hosts; elsewhere `null`.
    pub hosts_from: Option<String>,
    pub verdict: String,
    pub took_ms: u64,
}

/// The newest of a runbook, oldest first.
pub fn history(store: Option<&Store>, runbook: &str) -> Vec<PastRun> {
    let Some(store) = store else { return Vec::new() };
    let runs = store.list().unwrap_or_default();
    let mut all: Vec<PastRun> = runs.iter().take(LOOKED_THROUGH).filter_map(|run| of_run(store, run, runbook)).take(SHOWN).collect();
    let drills = store.drills().unwrap_or_default();
    let of_drill = |line: crate::journal::DrillLine| {
        let crate::journal::DrillLine { at, scenario, hosts_from, verdict, took_ms, .. } = line;
        PastRun { at, drill: Some(scenario), hosts_from, verdict, took_ms }
    };
    all.extend(drills.into_iter().filter(|line| line.runbook == runbook).map(of_drill));
    all.sort_by_key(|past| past.at);
    all.split_off(all.len().saturating_sub(SHOWN))
}

fn of_run(store: &Store, run: &RunId, runbook: &str) -> Option<PastRun> {
    let past = Past::read(store.find(run.as_str()).ok()?).ok()?;
    let (at, opened) = past.opened().ok()?;
    let Life::Closed(verdict) = past.state.life else { return None };
    let is_theirs = opened.runbook == runbook && opened.mode == RunMode::Real;
    let took_ms = past.state.latest?.since(at).as_millis();
    is_theirs.then(|| PastRun { at, drill: None, hosts_from: None, verdict: verdict.as_str().to_owned(), took_ms })
}

/// A line each.
pub fn lines(history: &[PastRun]) -> Vec<Line> {
    let longest = history.iter().map(|past| past.took_ms).max().unwrap_or(0).max(1);
    let line = |past: &PastRun| {
        let day: String = past.at.to_string().chars().take(10).collect();
        let took = if past.took_ms < 1000 { Period::from_millis(past.took_ms) } else { Period::from_secs(past.took_ms / 1000) };
        let tone = if matches!(past.verdict.as_str(), "recovered" | "no_action") { Tone::Good } else { Tone::Waits };
        let bar = "█".repeat(usize::try_from(past.took_ms * BAR / longest).unwrap_or(0).max(1));
        let whose = past.hosts_from.as_ref().map_or(String::new(), |name| format!(" on the hosts of {name}"));
        let what = past.drill.as_ref().map_or("run".to_owned(), |scenario| format!("drill {scenario}{whose}"));
        let line = Line::new().plain(format!("  {day}  ")).with(tone, past.verdict.replace('_', " ")).column(26).plain(took.to_string());
        line.column(36).with(tone, bar).column(62).with(Tone::Quiet, what)
    };
    history.iter().map(line).collect()
}
