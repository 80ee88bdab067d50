//! What one step needs next: its condition, its stage, its gate, its commands, a person's answer. Never looks at other steps.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::{Directive, Question, Way};
use super::evidence::refusal;
use super::gates;
use super::looks::looks;
use super::permit::{Begin, Ready, Task};
use super::progress::{HostResult, Progress, is_spent, progress, settled_results};
use super::state::{HostFact, LeftOut, State, StepState};
use super::turns::{scope, step_of};
use super::walk::{Breach, Standing, Walk};
use crate::base::{HostName, RunId, Timestamp};
use crate::event::{Action, Answer, Event, Interruption, OnFailure, Part, Place, Stage, StageWork, WOULD_RUN};
use crate::plan::{Presence, Program, ProgramStep, RenderError, Road, Role, Scope, hosts_of, on_failure_unattended, prepare};

/// Whether anything of a step has begun, in any round.
pub(in crate::engine) fn has_begun(known: &StepState) -> bool {
    known.round > 1 || !known.attempts.is_empty() || known.wait_until.is_some() || known.answer.is_some()
}

/// Whether a stage is what the program makes of its step now: other hands could have written anything into a record.
pub fn is_as_rendered(program: &Program, state: &State, stage: &Stage) -> bool {
    let made = |step: ProgramStep| rendered(program, state, &step, &scope(program, state, &step));
    step_of(program, state, &stage.step).is_some_and(|step| made(step).is_ok_and(|made| made == *stage))
}

fn rendered(program: &Program, state: &State, step: &ProgramStep, scope: &Scope) -> Result<Stage, RenderError> {
    let place = |(host, fact): (&HostName, &HostFact)| match fact {
        HostFact::Reached(place) => Some((host.clone(), place.clone())),
        HostFact::Unreachable(_) => None,
    };
    let places: BTreeMap<HostName, Place> = state.hosts.iter().filter_map(place).collect();
    let known = state.step(&step.id);
    let looked = looks(program, state, step, known.round + 1).map(|looks| scope.having_looked(looks));
    let mut stage = prepare(program, step, looked.as_ref().unwrap_or(scope), &places, None, known.round + 1)?;
    if let StageWork::Commands { actions, .. } = &mut stage.work {
        actions.retain(|action| !known.done_before.contains_key(&action.host));
    }
    stage.gate = gates::gate_of(program, step, &stage);
    if let (true, StageWork::Commands { actions, .. }) = (known.is_passed_over, &stage.work) {
        stage.work = StageWork::Skip { why: "it failed, and what follows goes on without it".to_owned(), actions: actions.clone() };
    }
    Ok(stage)
}

pub(in crate::engine) type Table<'a> = Vec<(&'a Action, Progress)>;

/// How far each host is; hosts that are left out are over before they begin.
pub(in crate::engine) fn table<'a>(stage: &Stage, actions: &'a [Action], known: &StepState, left_out: &BTreeSet<HostName>) -> Table<'a> {
    let of = |action: &Action| match progress(stage, action, known) {
        Progress::Next(_) if left_out.contains(&action.host) => Progress::Settled(HostResult::NotStarted),
        progress => progress,
    };
    actions.iter().map(|action| (action, of(action))).collect()
}

fn bad(table: &Table<'_>) -> u32 {
    let bad = table.iter().filter(|(_, progress)| matches!(progress, Progress::Settled(result) if result.is_bad()));
    u32::try_from(bad.count()).unwrap_or(u32::MAX)
}

pub(in crate::engine) fn running(table: &Table<'_>) -> usize {
    table.iter().filter(|(_, progress)| *progress == Progress::Running).count()
}

pub(in crate::engine) fn run_of(state: &State) -> RunId {
    // A running state has been opened: see `legal`.
    state.opened.as_ref().map_or_else(|| unreachable!("a run that was never opened decides nothing"), |(_, opened)| opened.run.clone())
}

pub(in crate::engine) fn next_attempt(known: &StepState, action: &Action, part: Part) -> u32 {
    let before = known.attempts.get(&action.host).map_or(0, |attempts| attempts.iter().filter(|attempt| attempt.part == part).count());
    u32::try_from(before + 1).unwrap_or(u32::MAX)
}

impl Walk<'_> {
    /// What a step needs next.
    pub fn leaf(&self, step: &ProgramStep) -> Standing {
        let known = self.state.step(&step.id);
        match (&known.left_out, has_begun(&known)) {
            (Some(LeftOut::Skipped(_)), _) => Standing::Settled,
            (Some(LeftOut::Refused(_)), _) => self.failed(step, &known),
            // what was taken is given back, whatever has become of the condition under which it was taken
            (None, false) if matches!(step.role, Role::Release { .. }) && known.stage.is_some() => self.enter(step, &known),
            (None, false) => match self.skip(step) {
                Some(event) => Standing::Open(vec![Directive::Record(event)]),
                None => self.enter(step, &known),
            },
            (None, true) => self.enter(step, &known),
        }
    }

    fn enter(&self, step: &ProgramStep, known: &StepState) -> Standing {
        let Some(stage) = &known.stage else { return Standing::Open(self.ready_stage(step)) };
        if let Some(why) = refusal(self.state, stage, known) {
            return Standing::Open(vec![Directive::Record(Event::StepRefused { step: step.id.clone(), why })]);
        }
        if let Some(gate) = stage.gate.filter(|gate| !self.state.is_approved(*gate) || !gates::covers(self.state, *gate, &step.id))
            && self.wants_to_begin(step, stage, known)
        {
            return self.approach(gate, step);
        }
        match &stage.work {
            StageWork::Commands { actions, .. } => self.commands(step, (stage, actions, known)),
            StageWork::Manual { instructions, answers, .. } => {
                let (step_id, instructions, answers) = (step.id.clone(), instructions.clone(), answers.clone());
                self.person(step, known, Question::Manual { step: step_id, instructions, answers })
            }
            StageWork::Choose { question, options } => {
                let (step_id, question, options) = (step.id.clone(), question.clone(), options.clone());
                self.person(step, known, Question::Choose { step: step_id, question, options })
            }
            StageWork::Wait { period } => match known.wait_until {
                None => {
                    let event = Event::WaitBegan { step: step.id.clone(), until: self.now.after(*period) };
                    Standing::Open(vec![Directive::Record(event)])
                }
                Some(until) if until > self.now => Standing::Open(vec![Directive::WaitUntil(until)]),
                Some(_) => Standing::Settled,
            },
            StageWork::Conclude { verdict, sentence } => match &self.state.concluded {
                Some(concluded) if concluded.step == step.id => Standing::Broken(Breach::Concluded(concluded.verdict)),
                Some(_) | None => {
                    let event = Event::RunConcluded { step: step.id.clone(), verdict: *verdict, sentence: sentence.clone() };
                    Standing::Open(vec![Directive::Record(event)])
                }
            },
            StageWork::Skip { why, .. } => {
                Standing::Open(vec![Directive::Record(Event::StepSkipped { step: step.id.clone(), why: format!("agreed: {why}") })])
            }
            StageWork::Withheld { actions, .. } => self.looks_whether_done(step, (stage, actions, known)),
        }
    }

    /// Whether something of a step is still to begin: what is over, or is only asked about, needs no approval any more.
    fn wants_to_begin(&self, step: &ProgramStep, stage: &Stage, known: &StepState) -> bool {
        match &stage.work {
            StageWork::Commands { actions, .. } => {
                let table = table(stage, actions, known, &self.left_out_hosts(step));
                let next = |(_, progress): &(&Action, Progress)| matches!(progress, Progress::Next(_) | Progress::NotBefore(..));
                !is_spent(stage, bad(&table) as usize) && table.iter().any(next)
            }
            StageWork::Manual { .. } | StageWork::Choose { .. } => known.answer.is_none(),
            StageWork::Wait { .. } => known.wait_until.is_none_or(|until| until > self.now),
            StageWork::Skip { .. } => true,
            StageWork::Conclude { .. } | StageWork::Withheld { .. } => false,
        }
    }

    /// Reaches the hosts of a step, then renders it.
    pub fn ready_stage(&self, step: &ProgramStep) -> Vec<Directive> {
        if let Some(directives) = self.look_first(step) {
            return directives;
        }
        let scope = scope(self.program, self.state, step);
        let refused = |error: RenderError| vec![Directive::Record(Event::StepRefused { step: step.id.clone(), why: error.to_string() })];
        let hosts = match (hosts_of(self.program, step, &scope), step.road) {
            (Ok(hosts), Road::Carry) => hosts,
            (Ok(hosts), Road::Withhold(WOULD_RUN)) if step.step.done_when.is_some() => hosts, // whether it is done already is looked at
            (Ok(_) | Err(_), Road::Withhold(_)) => Vec::new(),
            (Err(error), Road::Carry) => return refused(error),
        };
        let unmet = hosts.iter().filter(|host| !self.state.hosts.contains_key(*host)).cloned().map(Directive::Connect);
        let unmet: Vec<Directive> = unmet.collect();
        if !unmet.is_empty() {
            return unmet;
        }
        match rendered(self.program, self.state, step, &scope) {
            Ok(stage) => vec![Directive::Record(Event::StagePrepared { stage: Box::new(stage) })],
            Err(error) => refused(error),
        }
    }

    fn commands(&self, step: &ProgramStep, (stage, actions, known): (&Stage, &[Action], &StepState)) -> Standing {
        let table = table(stage, actions, known, &self.left_out_hosts(step));
        let over = is_spent(stage, bad(&table) as usize);
        let mut room = usize::from(stage.in_flight.get()) - running(&table).min(usize::from(stage.in_flight.get()));
        let mut directives = Vec::new();
        let mut earliest: Option<Timestamp> = None;
        for (action, progress) in &table {
            let start = match progress {
                Progress::Orphaned(part, attempt) => Some((*part, *attempt, Begin::Reattach)),
                Progress::Next(part) if !over && room > 0 => Some((*part, next_attempt(known, action, *part), Begin::Start)),
                Progress::NotBefore(at, part) if !over && *at <= self.now && room > 0 => {
                    Some((*part, next_attempt(known, action, *part), Begin::Start))
                }
                Progress::NotBefore(at, _) if !over && *at > self.now => {
                    earliest = Some(earliest.map_or(*at, |earlier| earlier.min(*at)));
                    None
                }
                Progress::Next(_) | Progress::NotBefore(..) | Progress::Running | Progress::Settled(_) => None,
            };
            if let Some((part, attempt, begin)) = start {
                room = room.saturating_sub(1);
                directives.push(self.start(stage, action, (part, attempt), begin));
            }
        }
        directives.extend(earliest.map(Directive::WaitUntil));
        if !directives.is_empty() || running(&table) > 0 {
            return Standing::Open(directives);
        }
        self.settled(step, stage, known, &table)
    }

    pub fn start(&self, stage: &Stage, action: &Action, (part, attempt): (Part, u32), begin: Begin) -> Directive {
        let (run, epoch, step) = (run_of(self.state), self.state.epoch, stage.step.clone());
        let task = Task { run, epoch, step, part, attempt, action: action.clone(), gate: stage.gate };
        Directive::Start(Ready::new(task, begin))
    }

    /// Hosts that take no part: what failed earlier in a batch, and where a release finds nothing to give back.
    pub fn left_out_hosts(&self, step: &ProgramStep) -> BTreeSet<HostName> {
        let mut hosts = self.dropped(step);
        if let Role::After { of } = &step.role {
            let known = self.state.step(&of.at(&step.id.turns()));
            let results = known.stage.iter().flat_map(|stage| settled_results(stage, &known));
            hosts.extend(results.filter(|(_, result)| *result != HostResult::Ok).map(|(host, _)| host));
        }
        if let Role::Release { .. } = &step.role {
            let held: BTreeSet<HostName> =
                super::held::held(self.state).into_iter().filter(|held| held.release == step.id).map(|held| held.host).collect();
            let known = self.state.step(&step.id);
            let actions = known.stage.iter().flat_map(|stage| stage.work.commands());
            hosts.extend(actions.map(|action| action.host.clone()).filter(|host| !held.contains(host)));
        }
        hosts
    }

    /// Every host has its result: the step is over, or failed, or nobody knows.
    fn settled(&self, step: &ProgramStep, stage: &Stage, known: &StepState, table: &Table<'_>) -> Standing {
        let unknown = table.iter().find(|(_, progress)| *progress == Progress::Settled(HostResult::Unknown));
        let is_answered = matches!(known.answer, Some((_, Answer::Stop | Answer::RollBack))) || step.on_failure == OnFailure::Continue;
        match unknown {
            Some((action, _)) if stage.effect > crate::event::Effect::Read && !is_answered => {
                let why = format!("what became of \"{}\" on {} is not known", stage.name, action.host);
                self.needs_person(step, why)
            }
            Some(_) | None if bad(table) > stage.max_failures => self.failed(step, known),
            Some(_) | None => Standing::Settled,
        }
    }

    pub fn needs_person(&self, step: &ProgramStep, why: String) -> Standing {
        Standing::Open(vec![Directive::Interrupt(Interruption::NeedsPerson { step: step.id.clone(), why })])
    }

    /// What follows a failure.
    pub fn failed(&self, step: &ProgramStep, known: &StepState) -> Standing {
        if self.is_dry() {
            return Standing::Settled; // it goes on looking; how the run would end is said at its end
        }
        let on_failure = match self.program.presence {
            Presence::Attended => step.on_failure,
            Presence::Unattended => on_failure_unattended(step.on_failure),
        };
        match (&known.answer, on_failure) {
            (Some((_, Answer::GoOn)), _) | (_, OnFailure::Continue) => Standing::Settled,
            (Some((_, Answer::RollBack)), _) => self.roll_back(step),
            (Some((_, Answer::Stop)), _) | (_, OnFailure::Stop) => Standing::Broken(Breach::Failed),
            (_, OnFailure::Rollback) => self.roll_back(step),
            (_, OnFailure::Ask) => {
                let ways = self.ways_out(known);
                Standing::Open(vec![Directive::Ask(Question::AfterFailure { step: step.id.clone(), ways })])
            }
        }
    }

    fn ways_out(&self, known: &StepState) -> Vec<Way> {
        let mut ways = vec![Way::Retry];
        ways.extend(known.stage.is_some().then_some(Way::GoOn));
        ways.extend(self.can_roll_back().then_some(Way::RollBack));
        ways.push(Way::Stop);
        ways
    }

    /// Undoing begins from here on: once, and past the point of no return never.
    fn roll_back(&self, step: &ProgramStep) -> Standing {
        if self.is_past_return() || self.is_dry() || self.state.rollback.is_some() {
            return Standing::Broken(Breach::Failed);
        }
        Standing::Open(vec![Directive::Record(Event::RollbackBegan { step: step.id.clone() })])
    }

    /// A person's part: what was answered beforehand, or is asked now; without anybody to ask, the run waits.
    fn person(&self, step: &ProgramStep, known: &StepState, question: Question) -> Standing {
        match &known.answer {
            Some((_, Answer::Done { .. } | Answer::GoOn | Answer::Chosen { .. })) => return Standing::Settled,
            Some(_) => return self.failed(step, known),
            None => {}
        }
        let beforehand = self.program.answers.get(&step.id).or_else(|| self.program.answers.get(&step.id.at(&[])));
        if let Some(answer) = beforehand {
            let (person, answer) = (self.program.requester.clone(), answer.clone());
            return Standing::Open(vec![Directive::Record(Event::PersonAnswered { step: step.id.clone(), person, answer })]);
        }
        if self.program.presence == Presence::Attended {
            return Standing::Open(vec![Directive::Ask(question)]);
        }
        let (does, hint) = match &question {
            Question::Choose { options, .. } => {
                let names: Vec<&str> = options.iter().map(|(name, _)| name.as_str()).collect();
                ("chosen", names.join("|"))
            }
            Question::Manual { answers, .. } if answers.is_empty() => ("done", "done".to_owned()),
            Question::Manual { answers, .. } => {
                let more: Vec<String> = answers.iter().map(|asked| format!(" --answer {}.{}=…", step.id, asked.name)).collect();
                ("done", format!("done{}", more.concat()))
            }
            Question::AfterFailure { .. } | Question::UndoManual { .. } => ("answered", "…".to_owned()),
            Question::AfterFailedUndo { .. } | Question::Release { .. } => ("answered", "…".to_owned()),
        };
        let name = &step.step.name.value;
        self.needs_person(
            step,
            format!("\"{name}\" is {does} by a person: resume the run on a terminal, or with --answer {}={hint}", step.id),
        )
    }
}
