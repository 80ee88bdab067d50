//! Who watches a run: plain lines for pipes and files, a live picture for a terminal. A watcher that fails never stops a run.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::{HostName, StepId, Timestamp};
use crate::engine::{GateAnswer, Life, State};
use crate::event::{Entry, Event, Part, Pulse};
use crate::journal::RunFolder;
use crate::plan::{Program, ProgramStep};
use crate::runner::Watcher;
use crate::views::{
    Colour, Line, Page, StepLook, StepSummary, differences, ending, failure, gate_block, header, now_running, steps_to_show, summary,
    summary_line, symptom_lines, symptoms, timeline_line,
};

/// Columns where no terminal says otherwise.
const PLAIN_WIDTH: usize = 80;
/// Lines of a failed step's standard error that are shown; the log has all.
const TAIL_LINES: usize = 6;
/// Bytes of output that are looked at for them.
const TAIL_BYTES: u64 = 4096;

/// Where plain lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    Stdout,
    Stderr,
    Nowhere,
}

/// Which steps were shown as over.
struct Told<'a> {
    program: &'a Program,
    folder: &'a RunFolder,
    steps: BTreeSet<StepId>,
    width: usize,
}

impl<'a> Told<'a> {
    fn new(program: &'a Program, folder: &'a RunFolder, width: usize) -> Self {
        Self { program, folder, steps: BTreeSet::new(), width }
    }

    /// What is worth saying now that this entry is on record.
    fn lines(&mut self, entry: &Entry, state: &State) -> Vec<Line> {
        match &entry.event {
            Event::RunOpened(_) => vec![header(self.program, state, self.width)],
            Event::RunResumed { .. } => vec![header(self.program, state, self.width), timeline_line(entry)],
            Event::ApprovalGiven { .. }
            | Event::ApprovalRefused { .. }
            | Event::ApprovalDenied { .. }
            | Event::GateExpired { .. }
            | Event::HostUnreachable { .. }
            | Event::PersonAnswered { .. }
            | Event::TurnsReordered { .. }
            | Event::RollbackBegan { .. }
            | Event::RunConcluded { .. }
            | Event::ReleaseBegan { .. }
            | Event::ReleasedByHand { .. }
            | Event::ActionEnded { part: Part::Undo, .. }
            | Event::NoteAdded { .. } => {
                let mut lines = self.over(state);
                lines.push(Line::new().plain("      ").plain(timeline_line(entry).render(Colour::Never, None)));
                lines
            }
            Event::RunInterrupted { .. } | Event::RunClosed { .. } => self.end(entry.at, state),
            Event::HostReached { .. }
            | Event::StagePrepared { .. }
            | Event::StepSkipped { .. }
            | Event::StepRefused { .. }
            | Event::GateOpened { .. }
            | Event::ActionStarted { .. }
            | Event::ActionReattached { .. }
            | Event::EvidenceKept { .. }
            | Event::ActionEnded { .. }
            | Event::TurnsPlanned { .. }
            | Event::LookRepeated { .. }
            | Event::CallBegan { .. }
            | Event::WaitBegan { .. } => self.over(state),
        }
    }

    /// Steps that are over and were not shown yet, in order, up to the first that is not over.
    fn over(&mut self, state: &State) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut untold: Vec<ProgramStep> = steps_to_show(self.program, state);
        untold.retain(|step| !self.steps.contains(&step.id));
        for step in &untold {
            let seen = summary(state, step);
            if !is_over(seen.look) {
                break;
            }
            self.steps.insert(step.id.clone());
            lines.push(summary_line(&seen, self.width));
            lines.extend(self.failure(state, &seen));
            lines.extend(differences(state, &seen));
        }
        lines
    }

    fn failure(&self, state: &State, step: &StepSummary) -> Vec<Line> {
        failure(state, step, &|step, host| self.tail(state, step, host))
    }

    fn end(&mut self, now: Timestamp, state: &State) -> Vec<Line> {
        let mut lines = self.over(state);
        let summaries: Vec<StepSummary> = steps_to_show(self.program, state).iter().map(|step| summary(state, step)).collect();
        for seen in summaries.iter().filter(|seen| !self.steps.contains(&seen.id)) {
            lines.push(summary_line(seen, self.width));
            if is_over(seen.look) {
                lines.extend(self.failure(state, seen));
                lines.extend(differences(state, seen));
            }
        }
        lines.extend(symptom_lines(&symptoms(self.program, state)));
        lines.extend(ending(state, &summaries, now));
        lines
    }

    /// The last lines of standard error, or of standard output where there is none.
    fn tail(&self, state: &State, step: &StepId, host: &HostName) -> Vec<Vec<u8>> {
        let attempts = state.steps.get(step).and_then(|step| step.attempts.get(host));
        let Some(last) = attempts.and_then(|attempts| attempts.iter().rev().find(|attempt| attempt.part == Part::Main)) else {
            return Vec::new();
        };
        let (out, err) = self.folder.output_paths(step, host, last.number, Part::Main);
        let bytes = [err, out].iter().filter_map(|path| super::tail::of_file(path, TAIL_BYTES)).find(|bytes| !bytes.is_empty());
        let bytes = bytes.unwrap_or_default();
        let lines: Vec<&[u8]> = bytes.trim_ascii_end().split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].iter().map(|line| line.to_vec()).collect()
    }
}

fn is_over(look: StepLook) -> bool {
    match look {
        StepLook::Ok | StepLook::Skipped | StepLook::Failed | StepLook::Unknown | StepLook::Withheld => true,
        StepLook::NotReached | StepLook::Underway | StepLook::Waiting => false,
    }
}

/// Says each thing once, in lines that stay.
pub struct PlainWatcher<'a> {
    told: Told<'a>,
    to: Where,
}

impl<'a> PlainWatcher<'a> {
    /// Writes there.
    pub fn new(program: &'a Program, folder: &'a RunFolder, to: Where) -> Self {
        Self { told: Told::new(program, folder, PLAIN_WIDTH), to }
    }

    fn say(&self, lines: Vec<Line>) {
        let text = Page::from(lines).render(Colour::Never, None);
        // A reader that has gone away must not stop a run.
        let _ = match self.to {
            Where::Stdout => std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush()),
            Where::Stderr => std::io::stderr().write_all(text.as_bytes()),
            Where::Nowhere => Ok(()),
        };
    }
}

impl Watcher for PlainWatcher<'_> {
    fn entry(&mut self, entry: &Entry, state: &State) {
        let mut lines = self.told.lines(entry, state);
        if let Event::GateOpened { gate, asks } = &entry.event
            && let Some(open) = state.gates.get(gate)
        {
            let first = asks.covers.first().and_then(|step| self.told.program.step(step));
            lines.extend(first.map(|step| summary_line(&summary(state, step), PLAIN_WIDTH)));
            lines.extend(gate_block(state, *gate, open, entry.at));
        }
        if !lines.is_empty() {
            self.say(lines);
        }
    }

    fn pulse(&mut self, pulse: &Pulse, _state: &State) {
        if let Pulse::Said { sentence } = pulse {
            self.say(vec![Line::new().plain(sentence.clone())]);
        }
    }

    fn tick(&mut self, _state: &State, _now: Timestamp) {}
}

/// How many lines at the bottom of the screen are painted over and over.
#[derive(Debug, Clone, Default)]
pub struct Region {
    lines: Arc<Mutex<usize>>,
}

impl Region {
    /// What is painted now stays; painting begins anew below.
    pub fn leave(&self) {
        self.set(0);
    }

    fn set(&self, lines: usize) -> usize {
        std::mem::replace(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner), lines)
    }
}

/// A picture of what goes on, above the prompt; what is over scrolls away as lines that stay.
pub struct LiveWatcher<'a> {
    told: Told<'a>,
    colour: Colour,
    region: Region,
    last_lines: Vec<(StepId, HostName, Vec<u8>)>,
    painted: Option<Timestamp>,
}

impl<'a> LiveWatcher<'a> {
    /// Paints on standard output.
    pub fn new(program: &'a Program, folder: &'a RunFolder, colour: Colour, region: Region) -> Self {
        Self { told: Told::new(program, folder, width()), colour, region, last_lines: Vec::new(), painted: None }
    }

    /// Clears the region, writes lines that stay, paints the region again.
    fn paint(&mut self, stay: Vec<Line>, state: &State, now: Timestamp) {
        let (columns, rows) = size();
        self.told.width = columns;
        let mut page: Vec<Line> = self.underway(state, now);
        page.truncate(rows.saturating_sub(2));
        let painted = self.region.set(page.len());
        let mut text = if painted > 0 { format!("\x1b[{painted}A\r\x1b[J") } else { String::new() };
        text.push_str(&Page::from(stay).render(self.colour, None)); // what stays is whole: a terminal wraps it
        text.push_str(&Page::from(page).render(self.colour, Some(columns)));
        let _ = std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush()); // a closed terminal must not stop a run
        self.painted = Some(now);
    }

    fn underway(&self, state: &State, now: Timestamp) -> Vec<Line> {
        if state.life != Life::Running {
            return Vec::new();
        }
        let mut lines = Vec::new();
        let program = self.told.program;
        for step in steps_to_show(program, state).iter().filter(|step| !self.told.steps.contains(&step.id)) {
            let seen = summary(state, step);
            lines.push(summary_line(&seen, self.told.width));
            lines.extend(now_running(state, &seen, &self.last_lines, now));
            let waits =
                state.gates.iter().find(|(_, open)| open.answer == GateAnswer::Awaited && open.asks.covers.first() == Some(&step.id));
            if let Some((gate, open)) = waits {
                lines.extend(gate_block(state, *gate, open, now));
            }
        }
        lines
    }
}

impl Watcher for LiveWatcher<'_> {
    fn entry(&mut self, entry: &Entry, state: &State) {
        let stay = self.told.lines(entry, state);
        if !stay.is_empty() || matches!(entry.event, Event::GateOpened { .. }) {
            self.paint(stay, state, entry.at);
        }
    }

    fn pulse(&mut self, pulse: &Pulse, state: &State) {
        match pulse {
            Pulse::Printed { step, host, line } => {
                self.last_lines.retain(|(id, name, _)| id != step || name != host);
                self.last_lines.push((step.clone(), host.clone(), line.clone()));
            }
            Pulse::Said { sentence } => {
                let now = self.painted.unwrap_or_else(|| Timestamp::from_micros(0));
                self.paint(vec![Line::new().plain(sentence.clone())], state, now);
            }
        }
    }

    fn tick(&mut self, state: &State, now: Timestamp) {
        const PAINT_EVERY_MS: u64 = 100; // faster is not seen, and costs the terminal
        if self.painted.is_none_or(|painted| now.since(painted).as_millis() >= PAINT_EVERY_MS) {
            self.paint(Vec::new(), state, now);
        }
    }
}

fn size() -> (usize, usize) {
    match crossterm::terminal::size() {
        Ok((columns, rows)) if columns > 0 && rows > 0 => (usize::from(columns.max(20)), usize::from(rows.max(4))),
        Ok(_) | Err(_) => (PLAIN_WIDTH, 24), // a terminal that does not know its own size
    }
}

fn width() -> usize {
    size().0
}
