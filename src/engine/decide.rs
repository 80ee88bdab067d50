//! What happens next. Pure: the same program, state and time give the same directives, at every point of every run.

use std::collections::BTreeMap;

use super::gates;
use super::permit::{Begin, Ready, Task};
use super::progress::{HostResult, Progress, progress};
use super::state::{HostFact, LeftOut, Life, State, StepState};
use crate::base::{GateNo, HostName, StepId, Timestamp};
use crate::event::{Action, Answer, Event, Interruption, OnFailure, Part, Place, Stage, StageWork, Verdict};
use crate::plan::{Presence, Program, ProgramStep, RenderError, Road, Scope, holds, hosts_of, on_failure_unattended, prepare};

/// What the runner shall do now.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a handful live at a time, and the large one is moved once")]
pub enum Directive {
    /// This follows from the state alone.
    Record(Event),
    /// Reach this host.
    Connect(HostName),
    /// Write, sign and record a request for these steps.
    OpenGate(GateNo),
    /// Take in approvals and denials until this time.
    AwaitApprovals(GateNo, Timestamp),
    /// Record the intent, then run it.
    Start(Ready),
    /// Ask the person at the terminal.
    Ask(Question),
    /// Look again at this time.
    WaitUntil(Timestamp),
    /// End this runner; the run can be resumed.
    Interrupt(Interruption),
    /// End the run.
    Close(Verdict),
}

/// What a person is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// To do something and say so.
    Manual { step: StepId, instructions: String },
    /// A step failed: how to go on.
    AfterFailure { step: StepId },
}

/// Where a step stands.
pub(in crate::engine) enum Standing {
    /// The next step may be reached.
    Settled,
    /// These come first.
    Open(Vec<Directive>),
}

/// What happens next in a run. Empty where nothing is left to decide, and while all that can be done is under way.
pub fn decide(program: &Program, state: &State, now: Timestamp) -> Vec<Directive> {
    if state.life != Life::Running {
        return Vec::new();
    }
    for step in &program.steps {
        match stand(program, state, step, now) {
            Standing::Settled => {}
            Standing::Open(directives) => return directives,
        }
    }
    vec![Directive::Close(Verdict::Recovered)]
}

fn stand(program: &Program, state: &State, step: &ProgramStep, now: Timestamp) -> Standing {
    let known = state.step(&step.id);
    match (&known.left_out, &known.stage) {
        (Some(LeftOut::Skipped(_)), _) => Standing::Settled,
        (Some(LeftOut::Refused(_)), _) => failed(program, step, &known),
        (None, _) if !has_begun(&known) => match skip(program, state, step) {
            Some(event) => Standing::Open(vec![Directive::Record(event)]),
            None => enter(program, state, step, &known, now),
        },
        (None, _) => enter(program, state, step, &known, now),
    }
}

fn has_begun(known: &StepState) -> bool {
    known.round > 1 || !known.attempts.is_empty() || known.wait_until.is_some() || known.answer.is_some()
}

/// A step whose `when` does not hold is left out; one whose `when` has no value is refused.
fn skip(program: &Program, state: &State, step: &ProgramStep) -> Option<Event> {
    if step.whens.is_empty() || step.road != Road::Carry {
        return None;
    }
    let scope = state.scope(&program.parameters);
    let (id, outcomes) = (step.id.clone(), step.whens.iter().map(|when| (when, holds(&when.value, &scope))));
    for (when, outcome) in outcomes {
        match outcome {
            Ok(true) => {}
            Ok(false) => return Some(Event::StepSkipped { step: id, why: format!("not so: {}", when.value) }),
            Err(error) => return Some(Event::StepRefused { step: id, why: format!("when: {error}") }),
        }
    }
    None
}

fn enter(program: &Program, state: &State, step: &ProgramStep, known: &StepState, now: Timestamp) -> Standing {
    let Some(stage) = &known.stage else { return Standing::Open(ready_stage(program, state, step)) };
    if let Some(gate) = stage.gate.filter(|gate| !state.is_approved(*gate) || !gates::covers(state, *gate, &step.id))
        && wants_to_begin(stage, known, now)
    {
        return Standing::Open(gates::approach(program, state, gate, now));
    }
    match &stage.work {
        StageWork::Commands { actions, .. } => commands(program, state, step, (stage, actions, known), now),
        StageWork::Manual { instructions } => manual(program, step, known, instructions),
        StageWork::Wait { period } => Standing::Open(match known.wait_until {
            None => vec![Directive::Record(Event::WaitBegan { step: step.id.clone(), until: now.after(*period) })],
            Some(until) if until > now => vec![Directive::WaitUntil(until)],
            Some(_) => return Standing::Settled,
        }),
        StageWork::Withheld { .. } => Standing::Settled,
    }
}

/// Reaches the hosts of a step, then renders it.
pub(in crate::engine) fn ready_stage(program: &Program, state: &State, step: &ProgramStep) -> Vec<Directive> {
    let scope = state.scope(&program.parameters);
    let refused = |error: RenderError| vec![Directive::Record(Event::StepRefused { step: step.id.clone(), why: error.to_string() })];
    let hosts = match (hosts_of(program, step, &scope), step.road) {
        (Ok(hosts), Road::Carry) => hosts,
        (Ok(_) | Err(_), Road::Withhold(_)) => Vec::new(),
        (Err(error), Road::Carry) => return refused(error),
    };
    let unmet: Vec<Directive> = hosts.iter().filter(|host| !state.hosts.contains_key(*host)).cloned().map(Directive::Connect).collect();
    if !unmet.is_empty() {
        return unmet;
    }
    match rendered(program, state, step, &scope) {
        Ok(stage) => vec![Directive::Record(Event::StagePrepared { stage: Box::new(stage) })],
        Err(error) => refused(error),
    }
}

/// Whether a stage is what the program makes of its step now: other hands could have written anything into a record.
pub fn is_as_rendered(program: &Program, state: &State, stage: &Stage) -> bool {
    let made = |step| rendered(program, state, step, &state.scope(&program.parameters));
    program.step(&stage.step).is_some_and(|step| made(step).is_ok_and(|made| made == *stage))
}

fn rendered(program: &Program, state: &State, step: &ProgramStep, scope: &Scope) -> Result<Stage, RenderError> {
    let place = |(host, fact): (&HostName, &HostFact)| match fact {
        HostFact::Reached(place) => Some((host.clone(), place.clone())),
        HostFact::Unreachable(_) => None,
    };
    let places: BTreeMap<HostName, Place> = state.hosts.iter().filter_map(place).collect();
    let known = state.step(&step.id);
    let mut stage = prepare(program, step, scope, &places, None, known.round + 1)?;
    stage.gate = gates::gate_of(program, step, &stage);
    if let StageWork::Commands { actions, .. } = &mut stage.work {
        actions.retain(|action| !known.done_before.contains_key(&action.host));
    }
    Ok(stage)
}

/// Whether something of a step is still to begin: what is over, or is only asked about, needs no approval any more.
fn wants_to_begin(stage: &Stage, known: &StepState, now: Timestamp) -> bool {
    match &stage.work {
        StageWork::Commands { actions, .. } => {
            let table = table(stage, actions, known);
            let next = |(_, progress): &(&Action, Progress)| matches!(progress, Progress::Next(_) | Progress::NotBefore(..));
            bad(&table) <= stage.max_failures && table.iter().any(next)
        }
        StageWork::Manual { .. } => known.answer.is_none(),
        StageWork::Wait { .. } => known.wait_until.is_none_or(|until| until > now),
        StageWork::Withheld { .. } => false,
    }
}

fn table<'a>(stage: &Stage, actions: &'a [Action], known: &StepState) -> Vec<(&'a Action, Progress)> {
    actions.iter().map(|action| (action, progress(stage, action, known))).collect()
}

fn bad(table: &[(&Action, Progress)]) -> u32 {
    let bad = table.iter().filter(|(_, progress)| matches!(progress, Progress::Settled(result) if result.is_bad()));
    u32::try_from(bad.count()).unwrap_or(u32::MAX)
}

fn commands(
    program: &Program,
    state: &State,
    step: &ProgramStep,
    (stage, actions, known): (&Stage, &[Action], &StepState),
    now: Timestamp,
) -> Standing {
    let table = table(stage, actions, known);
    let over = bad(&table) > stage.max_failures;
    let mut room = usize::from(stage.in_flight.get()) - running(&table).min(usize::from(stage.in_flight.get()));
    let mut directives = Vec::new();
    let mut earliest: Option<Timestamp> = None;
    for (action, progress) in &table {
        let start = match progress {
            Progress::Orphaned(part, attempt) => Some((*part, *attempt, Begin::Reattach)),
            Progress::Next(part) if !over && room > 0 => Some((*part, next_attempt(known, action, *part), Begin::Start)),
            Progress::NotBefore(at, part) if !over && *at <= now && room > 0 => {
                Some((*part, next_attempt(known, action, *part), Begin::Start))
            }
            Progress::NotBefore(at, _) if !over && *at > now => {
                earliest = Some(earliest.map_or(*at, |earlier| earlier.min(*at)));
                None
            }
            Progress::Next(_) | Progress::NotBefore(..) | Progress::Running | Progress::Settled(_) => None,
        };
        if let Some((part, attempt, begin)) = start {
            room = room.saturating_sub(1);
            let task = Task {
                run: run_of(state),
                epoch: state.epoch,
                step: step.id.clone(),
                part,
                attempt,
                action: (*action).clone(),
                gate: stage.gate,
            };
            directives.push(Directive::Start(Ready::new(task, begin)));
        }
    }
    directives.extend(earliest.map(Directive::WaitUntil));
    if !directives.is_empty() || running(&table) > 0 {
        return Standing::Open(directives);
    }
    settled(program, step, stage, known, &table)
}

fn running(table: &[(&Action, Progress)]) -> usize {
    table.iter().filter(|(_, progress)| *progress == Progress::Running).count()
}

fn run_of(state: &State) -> crate::base::RunId {
    state.opened.as_ref().map_or_else(unreachable_run, |(_, opened)| opened.run.clone())
}

/// A running state has been opened: see `legal`.
fn unreachable_run() -> crate::base::RunId {
    unreachable!("a run that was never opened decides nothing")
}

fn next_attempt(known: &StepState, action: &Action, part: Part) -> u32 {
    let before = known.attempts.get(&action.host).map_or(0, |attempts| attempts.iter().filter(|attempt| attempt.part == part).count());
    u32::try_from(before + 1).unwrap_or(u32::MAX)
}

/// Every host has its result: the step is over, or failed, or nobody knows.
fn settled(program: &Program, step: &ProgramStep, stage: &Stage, known: &StepState, table: &[(&Action, Progress)]) -> Standing {
    let unknown = table.iter().find(|(_, progress)| *progress == Progress::Settled(HostResult::Unknown));
    match unknown {
        Some((action, _)) if stage.effect > crate::event::Effect::Read && !matches!(known.answer, Some((_, Answer::Stop))) => {
            let why = format!("what became of \"{}\" on {} is not known", stage.name, action.host);
            Standing::Open(vec![Directive::Interrupt(Interruption::NeedsPerson { step: step.id.clone(), why })])
        }
        Some(_) | None if bad(table) > stage.max_failures => failed(program, step, known),
        Some(_) | None => Standing::Settled,
    }
}

fn failed(program: &Program, step: &ProgramStep, known: &StepState) -> Standing {
    let on_failure = match program.presence {
        Presence::Attended => step.on_failure,
        Presence::Unattended => on_failure_unattended(step.on_failure),
    };
    match (&known.answer, on_failure) {
        (Some((_, Answer::GoOn)), _) | (_, OnFailure::Continue) => Standing::Settled,
        (Some((_, Answer::Stop)), _) | (_, OnFailure::Stop) => Standing::Open(vec![Directive::Close(Verdict::Failed)]),
        (_, OnFailure::Ask) => Standing::Open(vec![Directive::Ask(Question::AfterFailure { step: step.id.clone() })]),
    }
}

fn manual(program: &Program, step: &ProgramStep, known: &StepState, instructions: &str) -> Standing {
    match (&known.answer, program.presence) {
        (Some((_, Answer::Done { .. } | Answer::GoOn)), _) => Standing::Settled,
        (Some((_, Answer::NotDone { .. } | Answer::Stop | Answer::Retry)), _) => failed(program, step, known),
        (None, _) if program.answers.contains_key(&step.id) => {
            let (person, answer) = (program.requester.clone(), program.answers[&step.id].clone());
            Standing::Open(vec![Directive::Record(Event::PersonAnswered { step: step.id.clone(), person, answer })])
        }
        (None, Presence::Attended) => {
            Standing::Open(vec![Directive::Ask(Question::Manual { step: step.id.clone(), instructions: instructions.to_owned() })])
        }
        (None, Presence::Unattended) => {
            let why = format!(
                "\"{}\" is done by a person: resume the run on a terminal, or with --answer {}=done",
                step.step.name.value, step.id
            );
            Standing::Open(vec![Directive::Interrupt(Interruption::NeedsPerson { step: step.id.clone(), why })])
        }
    }
}
