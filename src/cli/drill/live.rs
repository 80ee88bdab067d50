//! Real people at the terminal in a drill: they are asked as in a real run, and speak for whoever may approve. Signs nothing.

use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::base::{GateNo, Person, printable};
use crate::cli::asking::Terminal;
use crate::cli::context::Context;
use crate::cli::watching::Region;
use crate::drill::LivePeople;
use crate::engine::{GateState, State};
use crate::event::{Entry, Pulse};
use crate::plan::{Program, stage_lines};
use crate::runner::{Asker, Watcher};
use crate::views::{Line, Page, Tone, timeline_line};

/// Whoever sits here plays everybody.
pub(super) struct AtTheTerminal<'c> {
    pub context: &'c Context,
    pub program: &'c Program,
    /// The input is at its end: nobody is asked any more.
    pub gone: AtomicBool,
}

impl LivePeople for AtTheTerminal<'_> {
    fn asker<'a>(&'a self, program: &'a Program) -> Box<dyn Asker + 'a> {
        Box::new(Terminal::new(Region::default(), program))
    }

    fn gate(&self, gate: GateNo, open: &GateState, state: &State) -> Option<(Person, Option<String>)> {
        if self.gone.load(Ordering::Relaxed) {
            return None;
        }
        let may: Vec<&Person> = open.asks.slots.iter().flatten().collect();
        let left: Vec<&Person> = may.into_iter().filter(|person| open.approvals.iter().all(|given| given.person != **person)).collect();
        let person = (*left.first()?).clone();
        let stages = open.asks.covers.iter().filter_map(|step| state.steps.get(step)?.stage.as_ref());
        let mut page: Page = stages.flat_map(stage_lines).map(|line| Line::new().with(Tone::Command, line)).collect::<Vec<_>>().into();
        let ask = self.program.gates.get(&gate).and_then(|gate| gate.asks.as_ref()?.ask.as_ref());
        page.lines.extend(ask.map(|ask| Line::new().with(Tone::Waits, ask.trim().to_owned())));
        self.context.print(&page);
        match line(&format!("gate {gate}: do you approve as {person}? (yes, or why not) ")).as_deref().map(str::trim) {
            None => {
                self.gone.store(true, Ordering::Relaxed);
                None
            }
            Some("") => None,
            Some("yes") => Some((person, None)),
            Some(why) => Some((person, Some(why.to_owned()))),
        }
    }

    fn watcher(&self) -> Box<dyn Watcher + '_> {
        Box::new(Timeline { context: self.context })
    }
}

/// Asks, and reads one line; `None` at the end of input. A drill's clock stands still meanwhile.
fn line(question: &str) -> Option<String> {
    let mut out = std::io::stdout().lock();
    out.write_all(printable(question.as_bytes()).as_bytes()).and_then(|()| out.flush()).ok()?;
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line).ok()?;
    (read > 0).then_some(line)
}

/// Prints the timeline as it grows.
struct Timeline<'c> {
    context: &'c Context,
}

impl Watcher for Timeline<'_> {
    fn entry(&mut self, entry: &Entry, _: &State) {
        self.context.print(&Page::from(vec![timeline_line(entry)]));
    }

    fn pulse(&mut self, _: &Pulse, _: &State) {}

    fn tick(&mut self, _: &State, _: crate::base::Timestamp) {}
}
