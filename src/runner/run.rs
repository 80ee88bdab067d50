//! One runner's work on one run, from where the state stands to its end or interruption. Never decides, verifies or renders.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::evidence::{ROOM_LEFT, evidence_of, kept_by, that_fit};
use super::flight::{Flight, Flights, Landed};
use super::hiding;
use super::ports::{Asker, Capture, CaptureError, Captured, GateTrouble, Gatekeeper, Recording, SecretSource, SecretTrouble};
use super::recorder::Recorder;
use super::vault::{Needs, Standing, Vault};
use crate::base::{GateNo, HostName, Period, StepId, Timestamp};
use crate::effects::{BoxFuture, Clock, StopLevel, StopSignal, Transport};
use crate::engine::{Directive, Permit, Question, Ready, State, Task, decide, may_stop, scope, step_of};
use crate::event::{Answer, AppendError, AppendLog, Ended, Event, Interruption, Judgement, Outcome, Part, Pulse, Verdict};
use crate::plan::{Program, Scope, SecretUse, judge, judge_capture, said, secrets_of};

/// How often a real run looks whether an answer to a gate, or a wish to stop, has arrived: a person does not notice, a disk does not either.
pub const LOOK_EVERY: Period = Period::from_millis(150);
/// Room that must be free before any action starts: its lines, the outcome, the end of the run.
const ROOM_FOR_RUN: u64 = 16 << 20;
/// Room that must be free for the output of each action that starts.
const ROOM_PER_ACTION: u64 = 1 << 20;

/// Everything impure that a run needs.
pub struct World<'a> {
    pub transport: Arc<dyn Transport + 'a>,
    pub clock: Arc<dyn Clock + 'a>,
    pub recording: Arc<dyn Recording + 'a>,
    pub gatekeeper: Box<dyn Gatekeeper + 'a>,
    pub asker: Box<dyn Asker + 'a>,
    pub secrets: Arc<dyn SecretSource + 'a>,
    pub stop: StopSignal,
    /// How often to look whether an answer to a gate has arrived.
    pub look_every: Period,
    /// How often to look about where no gate is open.
    pub idle_every: Period,
}

/// How a runner's work ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    Closed(Verdict),
    /// The run can be resumed.
    Interrupted(Interruption),
}

/// Why a runner could not go on. The run can be resumed when the cause is mended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Record(#[from] AppendError),
    #[error(transparent)]
    Output(#[from] CaptureError),
    #[error(transparent)]
    Gate(#[from] GateTrouble),
    /// A step has begun and needs a secret for what is left of it.
    #[error(transparent)]
    Secret(#[from] SecretTrouble),
    /// Nothing was started: the evidence might not fit.
    #[error(
        "not started: {free_mib} MiB free in {path}, and {step} may keep up to {needed_mib} MiB of evidence of {host}, with {spare_mib} MiB left for \
         the run itself. Free some space there, or say with `last:` how much of each artifact's end suffices and start anew; a store elsewhere is \
         named by --store. Then resume the run"
    )]
    NoRoomForEvidence { path: String, free_mib: u64, needed_mib: u64, spare_mib: u64, step: StepId, host: HostName },
}

/// Works on one run.
pub struct Runner<'a> {
    program: &'a Program,
    recorder: Recorder<'a>,
    world: World<'a>,
    flights: Flights<'a>,
    vault: Vault,
    /// Bytes that captures under way may still keep.
    evidence_coming: u64,
    pulses: (UnboundedSender<Pulse>, UnboundedReceiver<Pulse>),
    forgetting: FuturesUnordered<BoxFuture<'a, ()>>,
    /// A person left a question open that nothing can go on without.
    gave_up: Option<Interruption>,
}

/// What the loop waits for beside what is under way.
#[derive(Default)]
struct Awaited {
    until: Option<Timestamp>,
    gate: Option<GateNo>,
    question: Option<Question>,
    ending: Option<Ending>,
    /// Something was recorded: decide again before waiting.
    moved: bool,
}

impl<'a> Runner<'a> {
    /// A runner for a run whose journal already says `run_opened`, or `run_resumed`.
    pub fn new(program: &'a Program, mut recorder: Recorder<'a>, world: World<'a>) -> Self {
        let vault = Vault::default();
        recorder.hide(vault.clone());
        Self {
            program,
            recorder,
            world,
            flights: Flights::new(),
            vault,
            evidence_coming: 0,
            pulses: unbounded_channel(),
            forgetting: FuturesUnordered::new(),
            gave_up: None,
        }
    }

    /// Works until the run is closed or interrupted.
    ///
    /// # Errors
    /// See [`RunError`]. What was under way on hosts goes on there and can be collected by resuming.
    pub async fn work(mut self) -> (Result<Ending, RunError>, State) {
        let result = self.go().await;
        while self.forgetting.next().await.is_some() {}
        self.world.transport.close().await;
        (result, self.recorder.state().clone())
    }

    async fn go(&mut self) -> Result<Ending, RunError> {
        loop {
            let stopping = self.is_stopping();
            if stopping && self.flights.running() == 0 {
                return self.interrupt(Interruption::Asked);
            }
            if let Some(why) = self.gave_up.take() {
                return self.interrupt(why);
            }
            let directives = if stopping { Vec::new() } else { decide(self.program, self.recorder.state(), self.world.clock.now()) };
            let awaited = self.perform(directives)?;
            if let Some(ending) = awaited.ending {
                return Ok(ending);
            }
            if !awaited.moved {
                self.wait(awaited).await?;
            }
        }
    }

    /// A first wish to stop waits for the end of an uninterruptible block; a second one waits for nothing.
    fn is_stopping(&mut self) -> bool {
        let level = *self.world.stop.borrow_and_update();
        match level {
            StopLevel::GoOn => false,
            StopLevel::Finish => may_stop(self.program, self.recorder.state(), self.world.clock.now()),
            StopLevel::Kill => true,
        }
    }

    fn perform(&mut self, directives: Vec<Directive>) -> Result<Awaited, RunError> {
        let mut awaited = Awaited::default();
        let mut ready = Vec::new();
        for directive in directives {
            tracing::trace!(?directive, "decided");
            match directive {
                Directive::Record(event) => {
                    self.recorder.append(event)?;
                    awaited.moved = true;
                }
                Directive::Connect(host) => self.flights.connect(Arc::clone(&self.world.transport), host),
                Directive::OpenGate(gate, covers) => {
                    self.open_gate(gate, &covers)?;
                    awaited.moved = true;
                }
                Directive::AwaitApprovals(gate, expires) => {
                    self.fetch_ahead(gate);
                    awaited.gate = Some(gate);
                    awaited.until = Some(awaited.until.map_or(expires, |until| until.min(expires)));
                }
                Directive::Start(decision) => ready.push(decision),
                Directive::Ask(question) => awaited.question = Some(question),
                Directive::WaitUntil(at) => awaited.until = Some(awaited.until.map_or(at, |until| until.min(at))),
                Directive::Interrupt(why) => awaited.ending = Some(self.interrupt(why)?),
                Directive::Close(verdict) => awaited.ending = Some(self.close(verdict)?),
            }
        }
        let ready = self.that_fit(ready)?;
        let (ready, refused) = self.with_secrets(ready)?;
        awaited.moved |= refused || !ready.is_empty();
        self.start(ready)?;
        Ok(awaited)
    }

    fn open_gate(&mut self, gate: GateNo, covers: &[StepId]) -> Result<(), RunError> {
        let (head, now) = (self.recorder.head(), self.world.clock.now());
        tracing::debug!(%gate, "opening");
        let asks = self.world.gatekeeper.open((gate, covers), self.program, self.recorder.state(), head, now)?;
        Ok(self.recorder.append(Event::GateOpened { gate, asks: Box::new(asks) })?)
    }

    fn interrupt(&mut self, why: Interruption) -> Result<Ending, RunError> {
        self.recorder.append(Event::RunInterrupted { why: why.clone() })?;
        Ok(Ending::Interrupted(why))
    }

    fn close(&mut self, verdict: Verdict) -> Result<Ending, RunError> {
        let (head, now) = (self.recorder.head(), self.world.clock.now());
        let seal = match self.world.gatekeeper.seal(self.recorder.state(), verdict, head, now) {
            Ok(seal) => seal,
            Err(trouble) => {
                self.recorder.pulse(&Pulse::Said { sentence: format!("the end of the run is not signed: {trouble}") });
                None
            }
        };
        self.recorder.append(Event::RunClosed { verdict, seal })?;
        Ok(Ending::Closed(verdict))
    }

    /// Without the captures whose evidence has no room beside what is coming already: they start when others have ended.
    fn that_fit(&self, ready: Vec<Ready>) -> Result<Vec<Ready>, RunError> {
        if ready.iter().all(|ready| evidence_of(ready.task()) == 0) {
            return Ok(ready);
        }
        let (free, path) = self.world.recording.free()?;
        let (fitting, left) = that_fit(ready, free.saturating_sub(self.evidence_coming));
        match left {
            Some(task) if fitting.is_empty() && self.flights.running() == 0 => {
                let (free_mib, spare_mib, needed_mib) = (free >> 20, ROOM_LEFT >> 20, evidence_of(&task).div_ceil(1 << 20));
                let (step, host) = (task.step.clone(), task.host().clone());
                Err(RunError::NoRoomForEvidence { path, free_mib, needed_mib, spare_mib, step, host })
            }
            Some(_) | None => Ok(fitting),
        }
    }

    /// While people are asked, what lies behind their gate is fetched: a store of passwords may ask, too.
    fn fetch_ahead(&mut self, gate: GateNo) {
        let covers = self.recorder.state().gates.get(&gate).map_or(Vec::new(), |open| open.asks.covers.clone());
        let wanted = covers.iter().filter_map(|step| self.program.step(step)).flat_map(|step| secrets_of(self.program, step));
        for wanted in wanted.collect::<Vec<_>>() {
            self.fetch(wanted, true);
        }
    }

    fn fetch(&mut self, wanted: SecretUse<'a>, early: bool) {
        if self.vault.begin(&wanted, early) {
            tracing::debug!(secret = %wanted.secret.name.value, "fetching");
            self.flights.fetch(Arc::clone(&self.world.secrets), wanted);
        }
    }

    /// What may start now, since its secrets are at hand; those of the rest are fetched. Whether a step was refused for want of one.
    fn with_secrets(&mut self, ready: Vec<Ready>) -> Result<(Vec<(Ready, Needs)>, bool), RunError> {
        let (mut able, mut refused) = (Vec::new(), BTreeSet::new());
        for decision in ready {
            let step = decision.task().step.clone();
            if refused.contains(&step) {
                continue;
            }
            match self.vault.standing(self.program, decision.task()) {
                Standing::AtHand(needs) => able.push((decision, needs)),
                Standing::Lacks(all) => all.into_iter().for_each(|wanted| self.fetch(wanted, false)),
                Standing::Failed(why) => {
                    let event = Event::StepRefused { step: step.clone(), why: why.clone() };
                    self.recorder.state().allows(&event).map_err(|_| SecretTrouble { why })?;
                    self.recorder.append(event)?;
                    refused.insert(step);
                }
            }
        }
        Ok((able, !refused.is_empty()))
    }

    fn start(&mut self, ready: Vec<(Ready, Needs)>) -> Result<(), RunError> {
        if ready.is_empty() {
            return Ok(());
        }
        self.recorder.reserve(ROOM_FOR_RUN + ROOM_PER_ACTION * ready.len() as u64)?;
        let captures = ready.iter().map(|(ready, _)| self.capture(ready.task())).collect::<Result<Vec<_>, _>>()?;
        let (ready, needs): (Vec<Ready>, Vec<Needs>) = ready.into_iter().unzip();
        let permits = Permit::obtain(ready, &mut self.recorder)?;
        for (((permit, _), capture), needs) in permits.into_iter().zip(captures).zip(needs) {
            self.evidence_coming = self.evidence_coming.saturating_add(evidence_of(permit.task()));
            tracing::debug!(step = %permit.task().step, host = %permit.task().host(), attempt = permit.task().attempt, "starting");
            self.flights.run(Flight {
                transport: Arc::clone(&self.world.transport),
                permit,
                capture,
                clock: Arc::clone(&self.world.clock),
                stop: self.world.stop.clone(),
                pulses: self.pulses.0.clone(),
                needs,
                vault: self.vault.clone(),
            });
        }
        Ok(())
    }

    fn capture(&self, task: &Task) -> Result<Box<dyn Capture>, CaptureError> {
        if task.part == Part::Main && !task.action.keeps.is_empty() {
            let by = self.recorder.state().runners.last().unwrap_or(&self.program.requester);
            return self.world.recording.keep(task, by, self.world.clock.now());
        }
        let stage = self.recorder.state().steps.get(&task.step).and_then(|step| step.stage.as_ref());
        let max_output = stage.map_or(crate::plan::DEFAULT_MAX_OUTPUT, |stage| stage.max_output);
        self.world.recording.open(&task.step, task.host(), task.part, task.attempt, max_output)
    }

    async fn wait(&mut self, awaited: Awaited) -> Result<(), RunError> {
        let clock = Arc::clone(&self.world.clock);
        self.recorder.tick(clock.now());
        let every = if awaited.gate.is_some() { self.world.look_every } else { self.world.idle_every };
        let look = clock.now().after(every);
        let wake = awaited.until.map_or(look, |until| until.min(look));
        let asked = awaited.question.clone();
        let mut stop = self.world.stop.clone();
        let event = {
            let answer = answer(self.world.asker.as_mut(), asked.as_ref(), self.recorder.state());
            tokio::select! {
                biased; // the same run makes the same journal; nothing here can starve the rest, for each branch is followed by a decision
                Ok(()) = stop.changed() => Woken::Time,
                answer = answer => Woken::Answered(answer),
                // a person who is being asked is asked once: what a line was typed for must not be dropped for anything else
                landed = self.flights.next(), if asked.is_none() => Woken::Landed(landed),
                Some(pulse) = self.pulses.1.recv(), if asked.is_none() => Woken::Pulse(pulse),
                () = clock.until(wake), if asked.is_none() => Woken::Time,
                Some(()) = self.forgetting.next(), if asked.is_none() => Woken::Time,
            }
        };
        match event {
            Woken::Landed(landed) => self.landed(landed),
            Woken::Pulse(pulse) => {
                self.recorder.pulse(&pulse);
                Ok(())
            }
            Woken::Answered(answer) => self.answered(awaited.question, answer),
            Woken::Time if awaited.gate.is_some() => self.arrivals(),
            Woken::Time => Ok(()),
        }
    }

    /// Records what has ended, as many as have, with one sync.
    fn landed(&mut self, first: Landed) -> Result<(), RunError> {
        let mut landed = vec![first];
        while let Some(next) = self.flights.landed_already() {
            landed.push(next);
        }
        let mut events = Vec::new();
        let mut kept = Vec::new();
        let mut ended = Vec::new();
        let mut trouble = None;
        for landed in landed {
            match landed {
                Landed::Reached { host, outcome: Ok(place) } => events.push(Event::HostReached { host, place }),
                Landed::Reached { host, outcome: Err(unreached) } => events.push(Event::HostUnreachable { host, why: unreached.why }),
                Landed::Fetched { key, outcome } => {
                    for sentence in self.vault.fetched(key, outcome) {
                        self.recorder.pulse(&Pulse::Said { sentence });
                    }
                }
                Landed::Ended { task, outcome, captured, took } => {
                    let outcome = hiding::outcome(&self.vault.redactor(), outcome);
                    self.evidence_coming = self.evidence_coming.saturating_sub(evidence_of(&task));
                    kept.extend(kept_by(&task, &captured));
                    let (event, failed) = self.ended(&task, outcome, captured, took);
                    events.push(event);
                    ended.push(task);
                    trouble = trouble.or(failed);
                }
            }
        }
        if !kept.is_empty() {
            self.recorder.append_all(kept)?; // first: the end of a capture rests on it
        }
        if !events.is_empty() {
            self.recorder.append_all(events)?;
        }
        for task in ended {
            self.forget(*task);
        }
        trouble.map_or(Ok(()), |trouble| Err(trouble.into()))
    }

    /// The names that a step's expressions may use now.
    fn scope(&self, step: &StepId) -> Scope {
        let state = self.recorder.state();
        step_of(self.program, state, step).map_or_else(Scope::default, |step| scope(self.program, state, &step))
    }

    fn ended(&self, task: &Task, outcome: Outcome, captured: Captured, took: Period) -> (Event, Option<CaptureError>) {
        tracing::debug!(step = %task.step, host = %task.host(), attempt = task.attempt, ?outcome, "ended");
        let Captured { stdout, stderr, kept, seen, trouble } = captured;
        let state = self.recorder.state();
        let stage = state.steps.get(&task.step).and_then(|step| step.stage.as_ref());
        let (judgement, reading) = match (task.part, stage) {
            (Part::Main, Some(_)) if !task.action.keeps.is_empty() => {
                let kept = kept.map(|(_, artifacts)| artifacts).unwrap_or_default();
                (judge_capture(&outcome, &kept), None)
            }
            (Part::Main, Some(stage)) => judge(stage, task.host(), &outcome, &seen, took, &self.scope(&task.step)),
            (Part::Look | Part::Main | Part::Undo, _) => (looked(&outcome), None),
        };
        let ended = Box::new(Ended { outcome, stdout, stderr, took_ms: took, judgement, reading });
        let (step, host) = (task.step.clone(), task.host().clone());
        (Event::ActionEnded { step, host, part: task.part, attempt: task.attempt, ended }, trouble)
    }

    /// The outcome is durable: the target need not keep it any longer.
    fn forget(&mut self, task: Task) {
        let transport = Arc::clone(&self.world.transport);
        let claimed = task.mode() == crate::event::Mode::Claim;
        if claimed {
            self.forgetting.push(Box::pin(async move {
                transport.forget(task.host(), &task.run, &task.step, task.part, task.attempt).await;
            }));
        }
    }

    fn arrivals(&mut self) -> Result<(), RunError> {
        let now = self.world.clock.now();
        for event in self.world.gatekeeper.arrived(self.program, self.recorder.state(), now) {
            self.recorder.append(event)?;
        }
        Ok(())
    }

    /// No answer is never a yes: a manual step is not done, a failed step stops the run.
    fn answered(&mut self, question: Option<Question>, answer: Option<Answer>) -> Result<(), RunError> {
        let Some(question) = question else { return Ok(()) };
        let step = question.step().clone();
        let otherwise = match question {
            Question::Manual { .. } | Question::Choose { .. } => Answer::NotDone { remark: String::new() },
            Question::AfterFailure { .. } => Answer::Stop,
            Question::Release { .. } => Answer::Keep,
            Question::UndoManual { .. } | Question::AfterFailedUndo { .. } if matches!(answer, None | Some(Answer::Stop)) => {
                self.gave_up =
                    Some(Interruption::NeedsPerson { why: format!("{step} is not undone; resume the run to go on undoing"), step });
                return Ok(());
            }
            Question::UndoManual { .. } | Question::AfterFailedUndo { .. } => Answer::Stop,
        };
        let state = self.recorder.state();
        let person = state.runners.last().cloned().unwrap_or_else(|| self.program.requester.clone());
        Ok(self.recorder.append(Event::PersonAnswered { step, person, answer: answer.unwrap_or(otherwise) })?)
    }
}

#[expect(clippy::large_enum_variant, reason = "one lives at a time, and is taken apart at once")]
enum Woken {
    Landed(Landed),
    Pulse(Pulse),
    Answered(Option<Answer>),
    Time,
}

async fn answer(asker: &mut dyn Asker, question: Option<&Question>, state: &State) -> Option<Answer> {
    match question {
        Some(question) => asker.ask(question, state).await,
        None => std::future::pending().await,
    }
}

fn looked(outcome: &Outcome) -> Judgement {
    match outcome {
        Outcome::Exited { code: 0 } => Judgement::Met,
        Outcome::Exited { .. } | Outcome::Signalled { .. } | Outcome::NeverStarted { .. } | Outcome::Unknown { .. } => {
            Judgement::Missed { why: said(outcome) }
        }
    }
}
