//! A run that was recorded: its entries and the state that they make. Never writes.

use std::path::Path;

use serde::Serialize;

use super::failure::{Exit, Failure};
use crate::base::{Person, Timestamp};
use crate::engine::{GateAnswer, GateState, Life, State, held};
use crate::event::{Entry, Instead, Interruption, RunMode, RunOpened};
use crate::journal::{Follower, RunFolder, Store, runner_of};
use crate::views::{Earlier, HeldJson, Line, Tone, held_json, held_lines};

/// A run's record, read and folded.
pub struct Past {
    pub folder: RunFolder,
    pub entries: Vec<Entry>,
    pub state: State,
    /// Where the journal cannot be read on from.
    pub broken: Option<String>,
}

/// What `runs` says of a run: a promise to programs.
#[derive(Debug, Serialize)]
pub struct RunLine {
    pub run: String,
    pub short: String,
    pub runbook: String,
    pub title: String,
    /// `real`, `dry_run`, `drill`, `live_drill`.
    pub mode: RunMode,
    /// The other inventory whose hosts a live drill runs on.
    pub hosts_from: Option<String>,
    /// `running`, `waiting_for_approval`, `waiting_for_person`, `interrupted`, `closed`.
    pub state: &'static str,
    pub verdict: Option<&'static str>,
    pub requester: Person,
    pub opened: Timestamp,
    /// When the newest line was written.
    pub latest: Timestamp,
    pub gate: Option<GateLine>,
    /// What it has taken and not given back.
    pub held: Vec<HeldJson>,
    /// Why the record cannot be read to its end, where it cannot.
    pub broken: Option<String>,
}

/// An open gate.
#[derive(Debug, Serialize)]
pub struct GateLine {
    pub gate: u32,
    pub check: String,
    pub expires: Timestamp,
    /// One list an approval: who may give it.
    pub needs: Vec<Vec<Person>>,
    /// Who may stand in, in the place of whom, for which of `needs` (from 1), and from when on.
    pub instead: Option<Instead>,
    pub has: Vec<Person>,
    /// Those of them who count as substitutes.
    pub stood_in: Vec<Person>,
    /// The request's file; its signature lies beside it as FILE.sig.
    pub request: Option<String>,
}

impl Past {
    /// Reads a run's record as far as it is right.
    ///
    /// # Errors
    /// Where there is no journal.
    pub fn read(folder: RunFolder) -> Result<Self, Failure> {
        let mut follower = Follower::open(&folder.journal())?;
        let (entries, mut broken) = match follower.poll() {
            Ok(entries) => (entries, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let mut state = State::default();
        for entry in &entries {
            if let Err(illegal) = state.after(entry.at, &entry.event) {
                broken = Some(format!("line {}: {illegal}", entry.seq));
                break;
            }
        }
        Ok(Self { folder, entries, state, broken })
    }

    /// How it was opened.
    ///
    /// # Errors
    /// Where the record does not say.
    pub fn opened(&self) -> Result<(Timestamp, &RunOpened), Failure> {
        match (&self.state.opened, &self.broken) {
            (Some((at, opened)), _) => Ok((*at, opened)),
            (None, Some(broken)) => Err(Failure::new(Exit::Tampered, broken)),
            (None, None) => Err(Failure::new(Exit::Tampered, format!("{} has no line", self.folder.journal().display()))),
        }
    }

    /// The state in one of the words that `runs` knows.
    pub fn stands(&self) -> &'static str {
        match (&self.state.life, runner_of(self.folder.path())) {
            (Life::Closed(_), _) => "closed",
            (Life::Interrupted(Interruption::NeedsPerson { .. } | Interruption::Held { .. }), None) => "waiting_for_person",
            (Life::Interrupted(_) | Life::Running | Life::Unborn, None) => "interrupted",
            (Life::Interrupted(_) | Life::Running | Life::Unborn, Some(_)) if self.open_gate().is_some() => "waiting_for_approval",
            (Life::Interrupted(_) | Life::Running | Life::Unborn, Some(_)) => "running",
        }
    }

    /// The gate that awaits answers, whether or not anybody runs the run just now: an answer waits in the inbox for the next runner.
    pub fn open_gate(&self) -> Option<(u32, &GateState)> {
        let awaited = self.state.gates.iter().find(|(_, open)| open.answer == GateAnswer::Awaited);
        let open = match self.state.life {
            Life::Running | Life::Interrupted(_) => true,
            Life::Unborn | Life::Closed(_) => false,
        };
        awaited.filter(|_| open).map(|(gate, open)| (gate.0, open))
    }

    /// The file of an open gate's request.
    pub fn request_file(&self, open: &GateState) -> Option<std::path::PathBuf> {
        let documents = self.folder.documents().ok()?;
        let name = documents.iter().find(|document| document.digest() == open.asks.request)?.name.clone();
        Some(self.folder.path().join("approvals").join(format!("{name}.txt")))
    }

    /// What it still holds, and what to type where nobody runs it.
    pub fn held_lines(&self) -> Vec<Line> {
        let all = held(&self.state);
        let mut lines = held_lines(&all);
        if let (false, Some((_, opened)), None) = (all.is_empty(), &self.state.opened, runner_of(self.folder.path())) {
            let next = format!("runbook release {}", opened.run.short());
            lines.push(Line::new().plain("give it back with:  ").with(Tone::Command, next));
        }
        lines
    }

    /// The run in one line.
    ///
    /// # Errors
    /// Where the record does not say how it was opened.
    pub fn line(&self) -> Result<RunLine, Failure> {
        let (at, opened) = self.opened()?;
        let verdict = match self.state.life {
            Life::Closed(verdict) => Some(verdict.as_str()),
            Life::Unborn | Life::Running | Life::Interrupted(_) => None,
        };
        let stands = self.stands();
        let gate = self.open_gate().filter(|_| stands == "waiting_for_approval").map(|(gate, open)| GateLine {
            gate,
            check: open.asks.check.clone(),
            expires: open.asks.expires,
            needs: open.asks.slots.clone(),
            instead: open.asks.instead.clone(),
            has: open.approvals.iter().map(|given| given.person.clone()).collect(),
            stood_in: open.approvals.iter().filter(|given| given.instead_of.is_some()).map(|given| given.person.clone()).collect(),
            request: self.request_file(open).map(|path| path.display().to_string()),
        });
        Ok(RunLine {
            run: opened.run.to_string(),
            short: opened.run.short(),
            runbook: opened.runbook.clone(),
            title: opened.title.clone(),
            mode: opened.mode,
            hosts_from: opened.hosts_from.clone(),
            state: stands,
            verdict,
            requester: opened.requester.clone(),
            opened: at,
            latest: self.state.latest.unwrap_or(at),
            gate,
            held: held_json(&held(&self.state), &opened.run.short()),
            broken: self.broken.clone(),
        })
    }
}

/// A run by what a person typed: a run of the store, or a run's folder.
///
/// # Errors
/// Where neither is there.
pub fn find(context: &super::context::Context, asked: &str) -> Result<RunFolder, Failure> {
    let path = Path::new(asked);
    if asked.contains('/') && path.join("journal.jsonl").exists() {
        return Ok(RunFolder::open(path)?);
    }
    Ok(context.store()?.find(asked)?)
}

/// How many runs are looked through for earlier ones of a runbook, and how many of those count: the newest tell most.
const EARLIER: (usize, u32) = (200, 20);

/// How long the steps of a runbook took in its newest real runs. A record that cannot be read tells nothing.
pub fn earlier_runs(store: &Store, runbook: &str) -> Earlier {
    let mut earlier = Earlier::default();
    for id in store.list().unwrap_or_default().iter().take(EARLIER.0) {
        if earlier.runs() == EARLIER.1 {
            break;
        }
        let Ok(past) = store.find(id.as_str()).map_err(Failure::from).and_then(Past::read) else { continue };
        if past.state.opened.as_ref().is_some_and(|(_, opened)| opened.runbook == runbook) {
            earlier.add(&past.state);
        }
    }
    earlier
}
