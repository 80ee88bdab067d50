//! A rehearsal: the runner of real runs, in a world where nothing is real. The journal says that it is a drill from its first line on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use super::actors::{LivePeople, ScriptedGates, ScriptedPeople, Turns};
use super::answers::{Answers, Injected, Seen, Then, Unanswered};
use super::cast::Cast;
use super::guess::Guess;
use super::record::{Forgetful, Nobody, StandIns};
use super::scenario::Otherwise;
use super::simulated::{SimulatedClock, SimulatedHosts};
use super::stopping::{Asked, Finger, Watching};
use super::unused::Used;
use crate::base::{Digest, Period, RunId};
use crate::effects::{Clock, StopLevel};
use crate::engine::State;
use crate::event::{AppendLog, Entry, Event, Inputs, RunMode, RunOpened, played_key};
use crate::journal::Memory;
use crate::plan::Program;
use crate::runner::{Asker, Recorder, RunError, Runner, Watcher, World};

/// Runners that may be killed in one drill before it is given up.
pub const MOST_RUNNERS: u32 = 20;

/// What there is to say then.
pub(super) fn too_many_killed() -> String {
    format!("{MOST_RUNNERS} runners were killed, and the run is not over: `times: 1` beside `breaks: runner` kills one, on each host")
}

/// How often a drill looks whether somebody has answered a gate: seconds cost nothing there, and each look some work.
const LOOK_EVERY: Period = Period::from_secs(1);

/// Where no gate is open, whatever happens wakes the runner by itself.
const IDLE_EVERY: Period = Period::from_secs(3600);

/// Whose time a drill takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Its own: hours pass in no time.
    Simulated,
    /// Everybody's.
    Real,
}

/// What differs from one rehearsal of a cast to another.
struct Chance<'a> {
    seed: u64,
    then: Then,
    live: Option<&'a dyn LivePeople>,
}

/// What people have done so far, whichever runner it was.
#[derive(Default)]
struct Had {
    turns: Turns,
    /// Somebody has pressed Ctrl-C.
    pressed: Arc<AtomicBool>,
}

/// What came of a rehearsal.
#[derive(Debug)]
pub struct Rehearsal {
    pub run: RunId,
    pub state: State,
    pub entries: Vec<Entry>,
    /// The journal, as a file has it.
    pub journal: Vec<u8>,
    /// How long it took by its own clock.
    pub took: Period,
    /// Commands that no rule knew.
    pub unanswered: BTreeSet<Unanswered>,
    /// Commands that were sent to hosts.
    pub sent: BTreeSet<String>,
    /// What of the scenario was of use.
    pub used: Used,
    /// Why the runner could not go on, where it could not.
    pub trouble: Option<String>,
}

impl Cast {
    /// Rehearses it once. `seed` makes the run's id, and nothing else is left to chance: two rehearsals with one seed are alike to the byte.
    /// Where something is injected it goes wrong on top of what the scenario says.
    ///
    /// # Errors
    /// Where this machine gives no runtime.
    pub fn rehearse(&self, seed: u64, injected: Option<Injected>, pace: Pace) -> Result<Rehearsal, std::io::Error> {
        let then = injected.as_ref().map_or(Then::Stop, |injected| injected.then);
        self.rehearsed(&Chance { seed, then, live: None }, injected, pace)
    }

    /// The same with real people in the place of those of the scenario.
    ///
    /// # Errors
    /// Where this machine gives no runtime.
    pub fn rehearse_with(&self, people: &dyn LivePeople, seed: u64, pace: Pace) -> Result<Rehearsal, std::io::Error> {
        self.rehearsed(&Chance { seed, then: Then::Stop, live: Some(people) }, None, pace)
    }

    fn rehearsed(&self, chance: &Chance<'_>, injected: Option<Injected>, pace: Pace) -> Result<Rehearsal, std::io::Error> {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time();
        if pace == Pace::Simulated {
            builder.start_paused(true);
        }
        let runtime = builder.build()?;
        let (memory, seen, people) = (Memory::default(), Arc::new(Mutex::new(Seen::default())), Had::default());
        let trouble = runtime.block_on(self.play(chance, injected, (&memory, &seen, &people)));
        let entries = memory.entries();
        let took = entries.first().zip(entries.last()).map_or(Period::default(), |(first, last)| last.at.since(first.at));
        let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
        let (run, journal) = (self.run_id(chance.seed), memory.bytes());
        let used = Used::of(&self.scenario, &seen, (&people.turns, &people.pressed), chance.live.is_some());
        Ok(Rehearsal { run, state: fold(&entries), entries, journal, took, unanswered: seen.unanswered, sent: seen.sent, used, trouble })
    }

    async fn play(
        &self,
        chance: &Chance<'_>,
        injected: Option<Injected>,
        (memory, seen, had): (&Memory, &Arc<Mutex<Seen>>, &Had),
    ) -> Option<String> {
        let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new(self.scenario.begins));
        let down = self.hosts.iter().filter(|(_, host)| host.down).map(|(name, _)| name.clone());
        let answers = Answers {
            hosts: self.hosts.clone(),
            rules: self.rules.clone(),
            otherwise: self.scenario.otherwise,
            specials: self.specials.clone(),
            injected,
            guess: Guess::new(Arc::clone(&self.program)),
            memory: memory.clone(),
            seen: Arc::clone(seen),
        };
        let hosts = Arc::new(SimulatedHosts::new(down, answers));
        for _ in 0..MOST_RUNNERS {
            let error = match self.one_runner(chance, memory, &clock, &hosts, had).await {
                Ok(()) => return None,
                Err(error) => error,
            };
            if seen.lock().unwrap_or_else(PoisonError::into_inner).is_left {
                return None;
            }
            if !memory.revive() {
                return Some(error.to_string());
            }
        }
        Some(too_many_killed())
    }

    async fn one_runner(
        &self,
        chance: &Chance<'_>,
        memory: &Memory,
        clock: &Arc<dyn Clock>,
        hosts: &Arc<SimulatedHosts>,
        had: &Had,
    ) -> Result<(), RunError> {
        let program: &Program = &self.program;
        let state = fold(&memory.entries());
        let begin = match &state.opened {
            None => Event::RunOpened(Box::new(self.opened(chance.seed))),
            Some(_) => Event::RunResumed { person: program.requester.clone(), epoch: state.epoch + 1, machine: "drill".to_owned() },
        };
        let now = Arc::clone(clock);
        let eyes: Box<dyn Watcher + '_> = chance.live.map_or_else(|| Box::new(Nobody) as Box<dyn Watcher>, LivePeople::watcher);
        let (signal, stop) = tokio::sync::watch::channel(StopLevel::GoOn);
        let finger = Finger { stop: self.scenario.stops.clone(), signal, pressed: Arc::clone(&had.pressed) };
        let watcher = Box::new(Watching { finger: finger.clone(), eyes });
        let mut recorder = Recorder::new(Box::new(memory.writer(move || now.now())), state, watcher);
        recorder.append_all(vec![begin])?;
        let said = self.scenario.people.iter().map(|(step, said)| (step.value.clone(), said.clone())).collect();
        let as_expected = self.scenario.otherwise == Otherwise::AsExpected;
        let turns = Arc::clone(&had.turns);
        let person: Box<dyn Asker + '_> = match chance.live {
            Some(live) => live.asker(program),
            None => Box::new(ScriptedPeople { program, said, as_expected, then: chance.then, turns }),
        };
        let world = World {
            transport: Arc::clone(hosts) as Arc<dyn crate::effects::Transport>,
            clock: Arc::clone(clock),
            recording: Arc::new(Forgetful),
            gatekeeper: Box::new(ScriptedGates { approvals: self.scenario.approvals.clone(), live: chance.live }),
            asker: Box::new(Asked { finger, person }),
            secrets: Arc::new(StandIns),
            stop,
            look_every: LOOK_EVERY,
            idle_every: IDLE_EVERY,
        };
        Runner::new(program, recorder, world).work().await.0.map(|_| ())
    }

    fn run_id(&self, seed: u64) -> RunId {
        let text = format!("{}\n{}\n{seed}", self.program.runbook.source.text(), self.scenario.source.text());
        let digest = Digest::of(text.as_bytes()).to_string();
        let random = digest.get(..20).and_then(|digits| u128::from_str_radix(digits, 16).ok()).unwrap_or(0);
        let millis = u64::try_from(self.scenario.begins.as_micros() / 1000).unwrap_or(0);
        let ulid = ulid::Ulid::from_parts(millis, random).to_string();
        ulid.parse().unwrap_or_else(|_| unreachable!("a ULID is a run id"))
    }

    fn opened(&self, seed: u64) -> RunOpened {
        let program: &Program = &self.program;
        let nothing = Digest::of(b"");
        let runbook = Digest::of(program.runbook.source.text().as_bytes());
        RunOpened {
            run: self.run_id(seed),
            mode: RunMode::Drill,
            runbook: program.runbook.name.value.clone(),
            title: program.runbook.title.clone(),
            requester: program.requester.clone(),
            requester_key: Some(played_key(&program.requester)),
            machine: "drill".to_owned(),
            parameters: program.parameters.written(),
            hosts_from: None,
            inputs: Inputs { runbook, inventory: nothing, policy: nothing, signers: nothing, files: BTreeMap::new() },
            revision: None,
            rules: program.policy.rules.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

pub(super) fn fold(entries: &[Entry]) -> State {
    let mut state = State::default();
    for entry in entries {
        if state.after(entry.at, &entry.event).is_err() {
            break; // what was legal when it was recorded is legal now
        }
    }
    state
}
