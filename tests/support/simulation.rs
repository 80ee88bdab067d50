//! A world without anything real: random runbooks, simulated hosts, a journal in memory that can fail at any line.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use runbook::base::{Bytes, Digest, GateNo, HostName, Person, StepId, Timestamp};
use runbook::drill::{Break, Forgetful, Nobody, Reply, SimulatedClock, SimulatedHosts};
use runbook::effects::{BoxFuture, Clock, StopLevel};
use runbook::engine::{Life, Question, State, Task};
use runbook::event::{Answer, AppendError, AppendLog, Effect, Entry, Event, GateAsks, Head, Inputs, Rules, RunMode, RunOpened, Verdict};
use runbook::library::{Connection, Host, Inventory, Policy, Roster, Signer};
use runbook::plan::{Asked, Parameters, Presence, Program, SecretUse, Setting, Shelf, asked};
use runbook::runner::{
    Asker, Ending, Fetched, GateTrouble, Gatekeeper, Journal, Recorder, RunError, Runner, SecretSource, SecretTrouble, World as RunnerWorld,
};
use runbook::text::{Colour, Source};

#[path = "invariants.rs"]
mod invariants;
#[path = "random_runbook.rs"]
mod random_runbook;
#[path = "scripted.rs"]
pub mod scripted;
#[path = "shipped.rs"]
pub mod shipped;

use random_runbook::Dice;

/// A runbook and how its hosts behave, from one seed.
pub struct Scenario {
    pub text: String,
    pub seed: u64,
    pub hosts: u64,
    down: Option<u64>,
    pub program: Program,
    /// How a command answers, where the seed does not say it.
    answers: Option<Arc<Behaviour>>,
    /// What the person at the terminal says to each failure, in turn.
    person: Vec<Answer>,
}

type Behaviour = dyn Fn(&Task) -> Reply + Send + Sync;

impl Scenario {
    /// This runbook, with a person at the terminal who answers so.
    pub fn attended(text: &str, answers: impl Fn(&Task) -> Reply + Send + Sync + 'static, person: Vec<Answer>) -> Self {
        let mut program = program(text, inventory(1));
        program.presence = Presence::Attended;
        Self { text: text.to_owned(), seed: 0, hosts: 1, down: None, program, answers: Some(Arc::new(answers)), person }
    }

    /// This runbook on so many hosts, with nobody at the terminal.
    pub fn unattended(text: &str, hosts: u64, answers: impl Fn(&Task) -> Reply + Send + Sync + 'static) -> Self {
        let program = program(text, inventory(hosts));
        Self { text: text.to_owned(), seed: 0, hosts, down: None, program, answers: Some(Arc::new(answers)), person: Vec::new() }
    }

    /// This program, with a person at the terminal where there is one in it, who answers so.
    pub fn of(program: Program, answers: impl Fn(&Task) -> Reply + Send + Sync + 'static, person: Vec<Answer>) -> Self {
        let text = program.runbook.source.text().to_owned();
        Self { text, seed: 0, hosts: 0, down: None, program, answers: Some(Arc::new(answers)), person }
    }

    /// The same as a dry run.
    pub fn dry(mut self) -> Self {
        let Program { runbook, inventory, policy, roster, parameters, requester, presence, .. } = self.program;
        let (mode, shelf) = (RunMode::DryRun, Shelf::default());
        self.program = Program::new(runbook, Setting { inventory, policy, roster, parameters, requester, presence, mode, shelf });
        self
    }

    /// What a person would say at the terminal is said beforehand.
    pub fn answered(mut self, step: &str, answer: Answer) -> Self {
        self.program.answers.insert(step.parse().unwrap(), answer);
        self
    }

    /// What is run.
    pub fn program(&self) -> &Program {
        &self.program
    }

    pub fn random(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let hosts = 1 + dice.below(3);
        let text = random_runbook::text(&mut dice);
        let down = dice.one_in(8).then(|| dice.below(hosts));
        let program = program(&text, inventory(hosts));
        Self { text, seed, hosts, down, program, answers: None, person: Vec::new() }
    }

    /// Whether the answer of a command is good, bad or lost depends on the seed, the step, the host and the attempt alone.
    fn reply(seed: u64, task: &Task) -> Reply {
        let mut key = seed;
        for byte in format!("{}/{}/{:?}/{}", task.step, task.host(), task.part, task.attempt).bytes() {
            key = key.wrapping_mul(31).wrapping_add(u64::from(byte));
        }
        let mut dice = Dice::new(key);
        let breaks = match dice.below(14) {
            0 => Some(Break::Before),
            1 => Some(Break::During),
            2 => Some(Break::Amnesia),
            _ => None,
        };
        let code = if dice.one_in(5) { 1 } else { 0 };
        let takes = runbook::base::Period::from_millis(dice.below(5) * 100);
        Reply { code, stdout: b"x\n".to_vec(), takes, breaks, ..Reply::default() }
    }
}

fn inventory(hosts: u64) -> Inventory {
    let host = |index| {
        let name: HostName = format!("h{index}").parse().unwrap();
        let connection = Connection::Ssh { address: name.to_string(), port: None, user: None };
        (name.clone(), Host { name, environment: "production".to_owned(), connection, spool: None })
    };
    let local = HostName::local();
    let here = Host { name: local.clone(), environment: "production".to_owned(), connection: Connection::Local, spool: None };
    Inventory { hosts: (0..hosts).map(host).chain([(local, here)]).collect(), ..Inventory::default() }
}

fn program(text: &str, inventory: Inventory) -> Program {
    let source = Source::new("random.yaml", text);
    let (read, problems) = runbook::runbook::read(&source, "random");
    let Some(runbook) = read else { panic!("{text}\n{}", problems.render(Colour::Plain)) };
    let parameters = Parameters::resolve(&runbook, &BTreeMap::<String, Bytes>::new(), &inventory).unwrap();
    let policy = Policy { rules: rules(), ..Policy::default() };
    let (requester, presence, mode) = (person("alice"), Presence::Unattended, RunMode::Real);
    Program::new(runbook, Setting { inventory, policy, roster: roster(), parameters, requester, presence, mode, shelf: Shelf::default() })
}

pub fn person(name: &str) -> Person {
    format!("{name}@example.com").parse().unwrap()
}

fn rules() -> Rules {
    let floors = BTreeMap::from([(Effect::Read, 0), (Effect::Idempotent, 0), (Effect::Once, 1), (Effect::Destructive, 2)]);
    let floors = BTreeMap::from([("production".to_owned(), floors)]);
    Rules { domain: "example.com".to_owned(), people: BTreeMap::new(), floors, evidence: BTreeSet::new() }
}

fn roster() -> Roster {
    let signer = |name: &str| Signer {
        person: person(name),
        key: format!("ssh-ed25519 {name}"),
        fingerprint: format!("SHA256:{name}"),
        namespaces: Vec::new(),
        valid_after: None,
        valid_before: None,
        line: 1,
    };
    Roster { signers: vec![signer("alice"), signer("bob"), signer("carol"), signer("dave")] }
}

/// What alice asks a new runner for, in this order.
#[derive(Debug, Clone, Copy)]
pub enum Wish {
    GoOn,
    Release,
}

/// Hosts and a journal that outlive every runner.
pub struct World<'a> {
    scenario: &'a Scenario,
    hosts: Arc<SimulatedHosts>,
    journal: Arc<Mutex<Vec<Entry>>>,
    asked: Arc<Mutex<Vec<Question>>>,
}

/// What is left when no runner works any more.
pub struct Ended {
    pub journal: Vec<Entry>,
    pub state: State,
    /// What the person at the terminal was asked, in order.
    pub asked: Vec<Question>,
    hosts: Arc<SimulatedHosts>,
}

impl<'a> World<'a> {
    pub fn new(scenario: &'a Scenario) -> Self {
        let seed = scenario.seed;
        let down = scenario.down.map(|index| format!("h{index}").parse().unwrap());
        let answers = scenario.answers.clone();
        let reply = move |task: &Task| answers.as_ref().map_or_else(|| Scenario::reply(seed, task), |answers| answers(task));
        let hosts = Arc::new(SimulatedHosts::new(down, reply));
        Self { scenario, hosts, journal: Arc::default(), asked: Arc::default() }
    }

    /// Runs; where it is killed, once, at a line (the line is durable, the runner never learns of it) resumes until nothing moves any more.
    pub fn run_to_the_end(&self, crash_at: Option<usize>) -> Ended {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let program = &self.scenario.program;
            let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new("2026-11-22T03:00:00Z".parse().unwrap()));
            let first = self.one_runner(program, &clock, crash_at, &[]).await;
            if crash_at.is_some() && matches!(first, Err(RunError::Record(_))) {
                for _ in 0..2 {
                    let resumed = self.one_runner(program, &clock, None, &[Wish::GoOn]).await;
                    match resumed {
                        Ok(Ending::Interrupted(_)) => {}
                        Ok(Ending::Closed(_)) => break,
                        Err(error) => panic!("seed {}: {error}\n{}", self.scenario.seed, self.scenario.text),
                    }
                }
            } else if let Err(error) = first {
                panic!("seed {}: {error}\n{}", self.scenario.seed, self.scenario.text);
            }
        });
        self.ended()
    }

    fn ended(&self) -> Ended {
        let journal = self.journal.lock().unwrap().clone();
        let asked = self.asked.lock().unwrap().clone();
        Ended { state: fold(&journal), journal, asked, hosts: Arc::clone(&self.hosts) }
    }

    /// One runner, killed at a line where one is said; nobody resumes after it. It begins anew, or does what alice asks.
    pub fn one(&self, crash_at: Option<usize>, wishes: &[Wish]) -> Ended {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let latest = fold(&self.journal.lock().unwrap()).latest;
        let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new(latest.unwrap_or("2026-11-22T03:00:00Z".parse().unwrap())));
        let result = runtime.block_on(self.one_runner(&self.scenario.program, &clock, crash_at, wishes));
        assert!(crash_at.is_some() || result.is_ok(), "{result:?}");
        self.ended()
    }

    async fn one_runner(
        &self,
        program: &Program,
        clock: &Arc<dyn Clock>,
        crash_at: Option<usize>,
        wishes: &[Wish],
    ) -> Result<Ending, RunError> {
        let state = fold(&self.journal.lock().unwrap());
        if matches!(state.life, Life::Closed(verdict) if verdict != Verdict::Stopped) {
            return Ok(Ending::Closed(Verdict::Recovered));
        }
        let journal = MemoryJournal { entries: Arc::clone(&self.journal), clock: Arc::clone(clock), crash_at, dead: false };
        let mut recorder = Recorder::new(Box::new(journal), state.clone(), Box::new(Nobody));
        if state.life == Life::Unborn {
            recorder.append(opened(program))?;
        }
        for wish in wishes {
            let person = person("alice");
            recorder.append(match wish {
                Wish::GoOn => Event::RunResumed { person, epoch: state.epoch + 1, machine: "here".to_owned() },
                Wish::Release => Event::ReleaseBegan { person },
            })?;
        }
        let (_keep, stop) = tokio::sync::watch::channel(StopLevel::GoOn);
        let world = RunnerWorld {
            transport: Arc::clone(&self.hosts) as Arc<dyn runbook::effects::Transport>,
            clock: Arc::clone(clock),
            recording: Arc::new(Forgetful),
            gatekeeper: Box::new(Yes),
            asker: Box::new(Answers { left: self.scenario.person.clone(), asked: Arc::clone(&self.asked) }),
            secrets: Arc::new(NoSecrets),
            stop,
            look_every: runbook::runner::LOOK_EVERY,
            idle_every: runbook::runner::LOOK_EVERY,
        };
        Runner::new(program, recorder, world).work().await.0
    }
}

/// The random runbooks name none.
struct NoSecrets;

impl SecretSource for NoSecrets {
    fn fetch<'a>(&'a self, wanted: SecretUse<'a>) -> BoxFuture<'a, Result<Fetched, SecretTrouble>> {
        let why = format!("there is no {}", wanted.secret.name.value);
        Box::pin(async { Err(SecretTrouble { why }) })
    }
}

fn fold(entries: &[Entry]) -> State {
    let mut state = State::default();
    for entry in entries {
        state.after(entry.at, &entry.event).unwrap_or_else(|illegal| panic!("line {}: {illegal}", entry.seq));
    }
    state
}

fn opened(program: &Program) -> Event {
    let nothing = Digest::of(b"");
    Event::RunOpened(Box::new(RunOpened {
        run: "01J9ABCDEFGHJKMNPQRSTVK7QM".parse().unwrap(),
        mode: program.mode,
        runbook: program.runbook.name.value.clone(),
        title: program.runbook.title.clone(),
        requester: program.requester.clone(),
        requester_key: Some("SHA256:alice".to_owned()),
        machine: "here".to_owned(),
        parameters: BTreeMap::new(),
        hosts_from: None,
        inputs: Inputs { runbook: nothing, inventory: nothing, policy: nothing, signers: nothing, files: BTreeMap::new() },
        revision: None,
        rules: program.policy.rules.clone(),
        version: "0".to_owned(),
    }))
}

impl Ended {
    pub fn is_closed(&self) -> bool {
        matches!(self.state.life, Life::Closed(_))
    }

    /// What was really started on a host, in order: step and attempt.
    pub fn starts_on(&self, host: &str) -> Vec<String> {
        let starts = self.hosts.starts(&host.parse().unwrap());
        starts.into_iter().map(|(step, _, attempt)| format!("{step} {attempt}")).collect()
    }
}

/// A journal in memory. Killed at a line, that line is durable and nothing after it.
struct MemoryJournal {
    entries: Arc<Mutex<Vec<Entry>>>,
    clock: Arc<dyn Clock>,
    crash_at: Option<usize>,
    dead: bool,
}

impl AppendLog for MemoryJournal {
    fn append_all(&mut self, events: Vec<Event>) -> Result<Vec<Entry>, AppendError> {
        let killed = || AppendError::Failed { path: "memory".to_owned(), source: std::io::Error::other("killed") };
        let mut written = Vec::new();
        for event in events {
            let Head { seq, sum: prev } = self.head();
            if self.dead || self.crash_at.is_some_and(|line| seq as usize >= line) {
                self.dead = true;
                return Err(killed());
            }
            let at: Timestamp = self.clock.now();
            let sum = Digest::of(format!("{prev}{at}{}", serde_json::to_string(&event).unwrap()).as_bytes());
            let entry = Entry { seq: seq + 1, at, prev, event, sum };
            self.entries.lock().unwrap().push(entry.clone());
            written.push(entry);
        }
        if self.crash_at.is_some_and(|line| self.head().seq as usize >= line) {
            self.dead = true;
            return Err(killed());
        }
        Ok(written)
    }

    fn head(&self) -> Head {
        self.entries.lock().unwrap().last().map_or(Head::START, Entry::head)
    }
}

impl Journal for MemoryJournal {
    fn reserve(&mut self, _bytes: u64) -> Result<(), AppendError> {
        Ok(())
    }
}

/// Approves at once, as the first person who may for each place in turn.
struct Yes;

/// Who fills the place of this number, when those before it are filled.
fn approver(slots: &[Vec<Person>], place: usize) -> Person {
    let mut chosen: Vec<Person> = Vec::new();
    for slot in &slots[..=place] {
        chosen.push(slot.iter().find(|person| !chosen.contains(person)).unwrap().clone());
    }
    chosen.remove(place)
}

impl Gatekeeper for Yes {
    fn open(
        &mut self,
        (gate, covers): (GateNo, &[StepId]),
        program: &Program,
        state: &State,
        head: Head,
        now: Timestamp,
    ) -> Result<GateAsks, GateTrouble> {
        let covered: Vec<&runbook::event::Stage> = covers.iter().filter_map(|step| state.steps.get(step)?.stage.as_ref()).collect();
        let Asked { slots, instead } =
            asked(program, &program.gates[&gate], &covered).map_err(|error| GateTrouble { why: error.to_string() })?;
        let expires = now.after(runbook::plan::DEFAULT_EXPIRY);
        let nonce = format!("{:032}", head.seq);
        Ok(GateAsks {
            request: Digest::ZERO,
            nonce,
            check: "AAAAAA".to_owned(),
            journal: head,
            issued: now,
            expires,
            slots,
            instead: instead.map(|instead| instead.for_request(now)),
            covers: covers.to_vec(),
        })
    }

    fn arrived(&mut self, _program: &Program, state: &State, _now: Timestamp) -> Vec<Event> {
        let open = state.gates.iter().find(|(_, gate)| gate.answer == runbook::engine::GateAnswer::Awaited);
        open.map(|(gate, open)| {
            let person = approver(&open.asks.slots, open.approvals.len());
            let name = person.as_str().split('@').next().unwrap_or_default();
            Event::ApprovalGiven { gate: *gate, key: format!("SHA256:{name}"), person, document: Digest::ZERO, instead_of: None }
        })
        .into_iter()
        .collect()
    }

    fn seal(&mut self, _state: &State, _verdict: Verdict, _head: Head, _now: Timestamp) -> Result<Option<Digest>, GateTrouble> {
        Ok(None)
    }
}

/// Answers in turn, then no more; and remembers what was asked.
struct Answers {
    left: Vec<Answer>,
    asked: Arc<Mutex<Vec<Question>>>,
}

impl Asker for Answers {
    fn ask<'a>(&'a mut self, question: &'a Question, _state: &'a State) -> BoxFuture<'a, Option<Answer>> {
        self.asked.lock().unwrap().push(question.clone());
        let answer = if self.left.is_empty() { None } else { Some(self.left.remove(0)) };
        Box::pin(async { answer })
    }
}
