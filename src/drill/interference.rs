//! What a drill on real hosts adds to a run: connections that are lost and runners that are killed, on our side alone; denials; what people say by
//! script. Plays no host, and approves nothing.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::watch::Sender;

use super::actors::{ScriptedPeople, Turns};
use super::answers::{Seen, Then, fitting, text_of};
use super::cast::Cast;
use super::rehearse::{Rehearsal, fold, too_many_killed};
use super::scenario::{Afterwards, Fault};
use super::stopping::{Asked, Finger, Watching};
use super::unused::Used;
use crate::base::{Digest, GateNo, HostName, Period, RunId, SecretValue, StepId, Timestamp};
use crate::effects::{BoxFuture, Lines, OutputSink, StopLevel, StopSignal, Transport, Unreached, Upon};
use crate::engine::{Begin, GateAnswer, Permit, Question, State, Task};
use crate::event::{Answer, Entry, Event, GateAsks, Head, Outcome, Part, Place, Verdict, played_key};
use crate::library::Host;
use crate::plan::Program;
use crate::runner::{Asker, GateTrouble, Gatekeeper, Watcher, World};

/// A scenario on real hosts. It outlives its runners, of whom some may be killed.
pub struct Interference<'a> {
    cast: &'a Cast,
    lines: Lines,
    seen: Mutex<Seen>,
    killed: Arc<Notify>,
    /// Whether people are themselves, whatever the scenario says.
    is_live: bool,
    turns: Turns,
    /// The one who runs it has pressed Ctrl-C.
    pressed: Arc<AtomicBool>,
}

impl<'a> Interference<'a> {
    /// What this scenario does to a run on real hosts, and, where people are not live, says in it.
    pub fn new(cast: &'a Cast, is_live: bool) -> Self {
        let lines = Lines::default();
        cast.hosts.iter().filter(|(_, host)| host.down).for_each(|(name, _)| lines.cut(name));
        let (seen, killed, turns, pressed) = (Mutex::default(), Arc::default(), Turns::default(), Arc::default());
        Self { cast, lines, seen, killed, is_live, turns, pressed }
    }

    /// The lines over which hosts must be reached.
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// Who sees the run, and presses Ctrl-C where the scenario says so.
    pub fn watching<'w>(&self, eyes: Box<dyn Watcher + 'w>, signal: Sender<StopLevel>) -> Box<dyn Watcher + 'w> {
        Box::new(Watching { finger: self.finger(signal), eyes })
    }

    fn finger(&self, signal: Sender<StopLevel>) -> Finger {
        let stop = self.cast.scenario.stops.clone().filter(|_| !self.is_live);
        Finger { stop, signal, pressed: Arc::clone(&self.pressed) }
    }

    /// A run's world, with what the scenario does to it.
    pub fn around<'w>(&'w self, world: World<'w>, signal: Sender<StopLevel>) -> World<'w> {
        let scenario = &self.cast.scenario;
        let program: &Program = &self.cast.program;
        let scripted = (!self.is_live).then(|| ScriptedPeople {
            program,
            said: scenario.people.iter().map(|(step, said)| (step.value.clone(), said.clone())).collect(),
            as_expected: false,
            then: Then::Stop,
            turns: Arc::clone(&self.turns),
        });
        World {
            transport: Arc::new(Lossy { hosts: world.transport, with: self }),
            gatekeeper: Box::new(Denying { desk: world.gatekeeper, with: self }),
            asker: match scripted {
                Some(scripted) => {
                    Box::new(Asked { finger: self.finger(signal), person: Box::new(ScenarioFirst { scripted, person: world.asker }) })
                }
                None => world.asker,
            },
            ..world
        }
    }

    /// Whether nobody goes on after a runner was killed.
    pub fn is_left(&self) -> bool {
        self.seen().is_left
    }

    /// Returns when the scenario kills the runner.
    pub async fn killed(&self) {
        self.killed.notified().await;
    }

    /// What came of it, by its record; `is_endless` where runner after runner was killed.
    pub fn rehearsal(&self, run: RunId, entries: Vec<Entry>, journal: Vec<u8>, is_endless: bool) -> Rehearsal {
        let trouble = is_endless.then(too_many_killed);
        let took = entries.first().zip(entries.last()).map_or(Period::default(), |(first, last)| last.at.since(first.at));
        let seen = std::mem::take(&mut *self.seen());
        let used = Used::of(&self.cast.scenario, &seen, (&self.turns, &self.pressed), self.is_live);
        Rehearsal { run, state: fold(&entries), entries, journal, took, unanswered: seen.unanswered, sent: seen.sent, used, trouble }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_production(&self, host: &HostName) -> bool {
        self.cast.program.inventory.hosts.get(host).is_none_or(Host::is_in_production)
    }

    /// What goes wrong around this attempt, by the rule that fits it.
    fn fault(&self, task: &Task) -> (Option<usize>, Option<Fault>) {
        let (text, mut seen) = (text_of(task), self.seen());
        seen.sent.insert(text.clone());
        match fitting(&self.cast.rules, &seen, task.host(), &text) {
            Some((number, rule)) => {
                seen.uses(number, task);
                seen.is_left |= rule.fault == Some(Fault::Runner(Afterwards::Left));
                (Some(number), rule.fault)
            }
            None => (None, None),
        }
    }

    fn interfere(&self, task: &Task, fault: Fault) {
        let (host, sends) = (task.host(), task.command().sends());
        match fault {
            Fault::Before => self.lines.cut(host),
            Fault::During => self.lines.once_begun(host, sends, Upon::Cut),
            Fault::Runner(_) => self.lines.once_begun(host, sends, Upon::Tell(Arc::clone(&self.killed))),
            Fault::After | Fault::Stalls | Fault::Full | Fault::Reboots(_) => {} // what hosts do is theirs
        }
    }

    /// What others may wait for has happened: as far as is known here where the connection was lost.
    fn ended(&self, task: &Task, rule: Option<usize>, outcome: &Outcome) {
        let mut seen = self.seen();
        let has_run = match outcome {
            Outcome::Exited { .. } | Outcome::Unknown { .. } => true,
            Outcome::Signalled { .. } | Outcome::NeverStarted { .. } => false,
        };
        if let Some(number) = rule.filter(|_| has_run) {
            seen.facts.extend(self.cast.rules[number].1.sets.clone());
        }
        if matches!(outcome, Outcome::Exited { code: 0 } | Outcome::Unknown { .. }) {
            seen.run.push((task.host().clone(), text_of(task)));
        }
    }

    /// The denial that the scenario wants given by now.
    fn denial(&self, state: &State, now: Timestamp) -> Option<Event> {
        if self.is_live {
            return None;
        }
        let (gate, open) = state.gates.iter().find(|(_, gate)| gate.answer == GateAnswer::Awaited)?;
        let denies = |approver: &super::scenario::Approver| {
            let sentence = approver.denies.clone().filter(|_| now >= open.asks.issued.after(approver.after))?;
            let person = approver.person.value.clone();
            Some(Event::ApprovalDenied { gate: *gate, key: played_key(&person), person, document: Digest::ZERO, sentence })
        };
        self.cast.scenario.approvals.iter().flatten().filter_map(denies).find(|event| state.allows(event).is_ok())
    }
}

/// Real hosts, to which the connection is lost as the scenario says.
struct Lossy<'a> {
    hosts: Arc<dyn Transport + 'a>,
    with: &'a Interference<'a>,
}

impl Transport for Lossy<'_> {
    fn reach<'a>(&'a self, host: &'a HostName) -> BoxFuture<'a, Result<Place, Unreached>> {
        if self.with.is_production(host) {
            let why =
                format!("{host} is in production, and a drill runs nothing there; where that is not so, say `environment:` of {host}");
            return Box::pin(async { Err(Unreached { why }) });
        }
        self.hosts.reach(host)
    }

    fn run<'a>(&'a self, permit: Permit, out: &'a mut dyn OutputSink, stop: StopSignal) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let task = permit.task().clone();
            let (rule, fault) = if permit.begin() == Begin::Start { self.with.fault(&task) } else { (None, None) };
            fault.into_iter().for_each(|fault| self.with.interfere(&task, fault));
            let outcome = self.hosts.run(permit, out, stop).await;
            if fault.is_some() {
                self.with.lines.mend(task.host());
            }
            self.with.ended(&task, rule, &outcome);
            outcome
        })
    }

    fn read_secret<'a>(&'a self, permit: &'a Permit, path: &'a str, stop: StopSignal) -> BoxFuture<'a, Result<SecretValue, String>> {
        self.hosts.read_secret(permit, path, stop)
    }

    fn forget<'a>(&'a self, host: &'a HostName, run: &'a RunId, step: &'a StepId, part: Part, attempt: u32) -> BoxFuture<'a, ()> {
        self.hosts.forget(host, run, step, part, attempt)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.hosts.close()
    }
}

/// A real desk, at which the scenario denies. What it approves counts nowhere: people approve, or nobody.
struct Denying<'a> {
    desk: Box<dyn Gatekeeper + 'a>,
    with: &'a Interference<'a>,
}

impl Gatekeeper for Denying<'_> {
    fn open(
        &mut self,
        gate: (GateNo, &[StepId]),
        program: &Program,
        state: &State,
        head: Head,
        now: Timestamp,
    ) -> Result<GateAsks, GateTrouble> {
        self.desk.open(gate, program, state, head, now)
    }

    fn arrived(&mut self, program: &Program, state: &State, now: Timestamp) -> Vec<Event> {
        match self.with.denial(state, now) {
            Some(denial) => vec![denial],
            None => self.desk.arrived(program, state, now),
        }
    }

    fn seal(&mut self, state: &State, verdict: Verdict, head: Head, now: Timestamp) -> Result<Option<Digest>, GateTrouble> {
        self.desk.seal(state, verdict, head, now)
    }
}

/// Answers as the scenario says where it says something; elsewhere the person at the terminal is asked.
struct ScenarioFirst<'a> {
    scripted: ScriptedPeople<'a>,
    person: Box<dyn Asker + 'a>,
}

impl Asker for ScenarioFirst<'_> {
    fn ask<'a>(&'a mut self, question: &'a Question, state: &'a State) -> BoxFuture<'a, Option<Answer>> {
        match self.scripted.speaks_at(question.step()) {
            true => self.scripted.ask(question, state),
            false => self.person.ask(question, state),
        }
    }
}
