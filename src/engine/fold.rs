//! `State::after`: how each event changes the state, and which events cannot follow. An illegal event is refused
//! before it is written, and is tampering when it is read.

use std::collections::BTreeSet;

use super::held::held;
use super::legal::check;
use super::progress::{HostResult, settled_results};
use super::state::{
    Attempt, BlockState, Concluded, GateAnswer, GateState, GivenApproval, HostFact, LeftOut, Life, Phase, State, StepState,
};
use crate::base::{GateNo, HostName, Person, StepId, Timestamp, filled, with_substitutes};
use crate::event::{Answer, Attempts, Effect, Event, Interruption, Mode, Part, Stage, StageWork};

/// An event that cannot follow what happened before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Illegal {
    pub why: String,
}

impl State {
    /// Takes in an event that happened at this time.
    ///
    /// # Errors
    /// An event that cannot follow; the state is as before then.
    pub fn after(&mut self, at: Timestamp, event: &Event) -> Result<(), Illegal> {
        check(self, Some(at), event)?;
        self.latest = Some(at);
        self.apply(at, event);
        Ok(())
    }

    /// Whether an event may follow; of what depends on its time [`State::after`] alone can tell.
    ///
    /// # Errors
    /// Why it may not.
    pub fn allows(&self, event: &Event) -> Result<(), Illegal> {
        check(self, None, event)
    }

    fn apply(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::RunOpened(opened) => {
                self.runners.push(opened.requester.clone());
                self.opened = Some((at, (**opened).clone()));
                self.epoch = 1;
                self.life = Life::Running;
            }
            Event::HostReached { host, place } => {
                self.hosts.insert(host.clone(), HostFact::Reached(place.clone()));
            }
            Event::HostUnreachable { host, why } => {
                self.hosts.insert(host.clone(), HostFact::Unreachable(why.clone()));
            }
            Event::StagePrepared { stage } => self.prepared(stage),
            Event::TurnsPlanned { block, .. }
            | Event::TurnsReordered { block, .. }
            | Event::LookRepeated { block, .. }
            | Event::CallBegan { block, .. } => self.block_changed(block, event),
            Event::StepSkipped { step, why } => self.touched(step).left_out = Some(LeftOut::Skipped(why.clone())),
            Event::StepRefused { step, why } => {
                let withheld_before = self.withheld.len();
                let known = self.touched(step);
                (known.left_out, known.withheld_before) = (Some(LeftOut::Refused(why.clone())), withheld_before);
            }
            Event::GateOpened { gate, .. }
            | Event::ApprovalGiven { gate, .. }
            | Event::ApprovalDenied { gate, .. }
            | Event::GateExpired { gate } => self.gate_changed(*gate, event),
            Event::ApprovalRefused { .. } | Event::NoteAdded { .. } => {}
            Event::ActionStarted { step, host, part, attempt, .. } => self.started(at, step, host, *part, *attempt),
            Event::ActionReattached { step, host, part, attempt } => self.set_phase(step, host, *part, *attempt, Phase::Running),
            Event::EvidenceKept { step, host, attempt, artifacts, .. } => {
                self.touched(step).evidence.insert((host.clone(), *attempt), artifacts.clone());
            }
            Event::ActionEnded { step, host, part, attempt, ended } => {
                self.set_phase(step, host, *part, *attempt, Phase::Ended { at, ended: ended.clone() });
            }
            Event::WaitBegan { step, until } => self.touched(step).wait_until = Some(*until),
            Event::RollbackBegan { step } => self.rollback = Some(step.clone()),
            Event::RunConcluded { step, verdict, sentence } => {
                self.concluded = Some(Concluded { step: step.clone(), verdict: *verdict, sentence: sentence.clone() });
            }
            Event::ReleaseBegan { .. } => self.release_began(),
            Event::ReleasedByHand { step, hosts, .. } => self.touched(step).by_hand.extend(hosts.iter().cloned()),
            Event::PersonAnswered { step, person, answer } => self.answered(step, person, answer),
            Event::RunInterrupted { why } => {
                if let Interruption::Held { verdict } = why {
                    self.ending = Some(*verdict);
                }
                self.life = Life::Interrupted(why.clone());
            }
            Event::RunResumed { person, epoch, .. } => self.resumed(at, person, *epoch),
            Event::RunClosed { verdict, .. } => self.life = Life::Closed(*verdict),
        }
    }

    /// Loops and calls.
    fn block_changed(&mut self, block: &StepId, event: &Event) {
        match (event, self.blocks.get_mut(block)) {
            (Event::TurnsPlanned { turns, .. }, _) => {
                let order = (1..).take(turns.len()).collect();
                self.blocks.insert(block.clone(), BlockState::Loop { turns: turns.clone(), order, looked: BTreeSet::new() });
            }
            (Event::TurnsReordered { order: new, .. }, Some(BlockState::Loop { order, .. })) => order.clone_from(new),
            (Event::LookRepeated { turn, step, .. }, Some(BlockState::Loop { looked, .. })) => {
                looked.insert((*turn, step.clone()));
                self.look_again(step);
            }
            (Event::CallBegan { parameters, .. }, _) => {
                self.blocks.insert(block.clone(), BlockState::Call { parameters: parameters.clone() });
            }
            (_, _) => {} // `apply` sends no other event here, and `legal` none for a block that is not there
        }
    }

    /// What becomes of a gate.
    fn gate_changed(&mut self, gate: GateNo, event: &Event) {
        match (event, self.gates.get_mut(&gate)) {
            (Event::GateOpened { asks, .. }, _) => {
                let opened = GateState { asks: (**asks).clone(), approvals: Vec::new(), answer: GateAnswer::Awaited };
                self.gates.insert(gate, opened);
            }
            (Event::ApprovalGiven { person, key, document, instead_of, .. }, Some(open)) => {
                let (person, key, instead_of) = (person.clone(), key.clone(), instead_of.clone());
                open.approvals.push(GivenApproval { person, key, document: *document, instead_of });
                open.settle();
            }
            (Event::ApprovalDenied { person, sentence, .. }, Some(open)) => {
                open.answer = GateAnswer::Denied { person: person.clone(), sentence: sentence.clone() };
            }
            (Event::GateExpired { .. }, Some(open)) => open.answer = GateAnswer::Expired,
            (_, _) => {} // `apply` sends no other event here, and `legal` none for a gate that is not open
        }
    }

    fn touched(&mut self, step: &StepId) -> &mut StepState {
        self.steps.entry(step.clone()).or_default()
    }

    fn prepared(&mut self, stage: &Stage) {
        let withheld_before = self.withheld.len();
        if let StageWork::Withheld { .. } = &stage.work {
            self.withheld.push(stage.step.clone());
        }
        let step = self.touched(&stage.step);
        (step.round, step.withheld_before) = (stage.round, withheld_before);
        step.stage = Some(stage.clone());
    }

    fn started(&mut self, at: Timestamp, step: &StepId, host: &HostName, part: Part, number: u32) {
        let step = self.touched(step);
        let round = if part == Part::Undo { step.undo_round } else { step.round };
        let attempt = Attempt { part, number, round, started: at, phase: Phase::Running };
        step.attempts.entry(host.clone()).or_default().push(attempt);
    }

    fn set_phase(&mut self, step: &StepId, host: &HostName, part: Part, number: u32, phase: Phase) {
        let attempts = self.touched(step).attempts.entry(host.clone()).or_default();
        if let Some(attempt) = attempts.iter_mut().find(|attempt| attempt.part == part && attempt.number == number) {
            attempt.phase = phase;
        }
    }

    fn answered(&mut self, id: &StepId, person: &Person, answer: &Answer) {
        let given = Some((person.clone(), answer.clone()));
        let is_undoing = self.rollback.is_some();
        let step = self.touched(id);
        match answer {
            Answer::Retry if is_undoing => step.undo_round += 1,
            Answer::Retry => {
                self.try_again(id);
                self.look_before_again(id);
            }
            Answer::GoOn if step.stage.as_ref().is_some_and(|stage| stage.gate.is_some()) => {
                step.is_passed_over = true;
                self.try_again(id);
            }
            Answer::Undone { .. } | Answer::Release | Answer::Keep => step.unwound = given,
            Answer::Done { .. } | Answer::NotDone { .. } | Answer::Chosen { .. } => step.answer = given,
            Answer::GoOn | Answer::Stop | Answer::RollBack => step.answer = given,
        }
    }

    /// What went well stays; the rest is rendered and, behind a gate, asked for again.
    fn try_again(&mut self, id: &StepId) {
        let step = self.touched(id);
        step.left_out = None;
        step.answer = None;
        let Some(stage) = step.stage.take() else { return };
        let well = |result: &HostResult| matches!(result, HostResult::Ok | HostResult::Skipped);
        step.done_before.extend(settled_results(&stage, step).into_iter().filter(|(_, result)| well(result)));
        let gate = stage.gate;
        step.past.push(stage);
        if let Some(gate) = gate.and_then(|gate| self.gates.get_mut(&gate)) {
            gate.answer = GateAnswer::Withdrawn;
        }
        self.forget_unreachable();
    }

    /// What a step will change is looked at anew when the step is tried again.
    fn look_before_again(&mut self, id: &StepId) {
        let before = id.part("before").map(|before| before.at(&id.turns()));
        if let Some(before) = before.filter(|before| self.steps.contains_key(before)) {
            self.look_again(&before);
        }
    }

    /// From now on only what is held is given back; a release that had failed is tried anew.
    fn release_began(&mut self) {
        self.is_releasing = true;
        for release in held(self).into_iter().map(|held| held.release).collect::<BTreeSet<_>>() {
            let known = self.step(&release);
            let failed = known.stage.as_ref().is_some_and(|stage| settled_results(stage, &known).iter().any(|(_, result)| result.is_bad()));
            if failed || known.left_out.is_some() || known.was_last_try() {
                self.try_again(&release);
            }
        }
    }

    /// What it found before no longer counts.
    fn look_again(&mut self, id: &StepId) {
        let step = self.touched(id);
        step.past.extend(step.stage.take());
        step.done_before.clear();
        step.left_out = None;
        step.answer = None;
    }

    fn forget_unreachable(&mut self) {
        self.hosts.retain(|_, fact| matches!(fact, HostFact::Reached(_)));
    }

    /// A new runner: what was under way is asked about, what had expired may be asked again, its own approvals are dropped.
    fn resumed(&mut self, at: Timestamp, person: &Person, epoch: u32) {
        self.epoch = epoch;
        self.life = Life::Running;
        if !self.runners.contains(person) {
            self.runners.push(person.clone());
        }
        self.forget_unreachable();
        for step in self.steps.values_mut() {
            step.orphan();
        }
        let unbegun = |step: &StepId| self.steps.get(step).is_none_or(|step| step.attempts.values().all(Vec::is_empty));
        for gate in self.gates.values_mut() {
            gate.drop_approvals_of(person);
            if gate.answer == GateAnswer::Approved && at >= gate.asks.expires && gate.asks.covers.iter().all(unbegun) {
                gate.answer = GateAnswer::Withdrawn; // an approval for tonight is not kept for another night
            }
        }
    }
}

impl StepState {
    /// Only the newest attempt on a host is asked about: what came before it was settled when it began.
    fn orphan(&mut self) {
        let stages: Vec<Stage> = self.past.iter().chain(&self.stage).cloned().collect();
        let (round, undo_round) = (self.round, self.undo_round);
        for (host, attempts) in &mut self.attempts {
            let of_host = |stage: &&Stage| stage.work.startable().iter().any(|action| action.host == *host);
            let Some(stage) = stages.iter().rev().find(of_host) else { continue };
            let is_current = |attempt: &Attempt| attempt.round == if attempt.part == Part::Undo { undo_round } else { round };
            let open = |attempt: &&mut Attempt| attempt.phase == Phase::Running || (is_current(attempt) && attempt.is_unknown());
            let claimed = stage.work.startable().iter().any(|action| action.host == *host && action.mode == Mode::Claim);
            if let Some(attempt) = attempts.last_mut().filter(open) {
                let asks = claimed && attempt.part != Part::Look && stage.effect != Effect::Read;
                attempt.phase = if asks { Phase::Orphaned } else { Phase::Lost };
            }
        }
    }
}

impl StepState {
    /// Whether nobody knows what became of an attempt behind which this round has no other.
    fn was_last_try(&self) -> bool {
        let Some(Stage { attempts: Attempts::AtMost(most), round, .. }) = &self.stage else { return false };
        let mains = |attempts: &[Attempt]| attempts.iter().filter(|attempt| attempt.part == Part::Main && attempt.round == *round).count();
        self.attempts
            .values()
            .any(|attempts| attempts.last().is_some_and(|last| last.phase == Phase::Orphaned) && mains(attempts) >= *most as usize)
    }
}

impl Attempt {
    fn is_unknown(&self) -> bool {
        matches!(&self.phase, Phase::Ended { ended, .. } if matches!(ended.outcome, crate::event::Outcome::Unknown { .. }))
    }
}

impl GateState {
    fn settle(&mut self) {
        let people: BTreeSet<Person> = self.approvals.iter().map(|given| given.person.clone()).collect();
        let standing_in = self.approvals.iter().filter(|given| given.instead_of.is_some());
        let substitutes: BTreeSet<Person> = standing_in.map(|given| given.person.clone()).collect();
        let numbers = self.asks.instead.as_ref().map_or(&[][..], |instead| &instead.slots);
        if filled(&with_substitutes(&self.asks.slots, numbers, &substitutes), &people) {
            self.answer = GateAnswer::Approved;
        }
    }

    fn drop_approvals_of(&mut self, person: &Person) {
        let before = self.approvals.len();
        self.approvals.retain(|given| given.person != *person);
        if self.approvals.len() < before && self.answer == GateAnswer::Approved {
            self.answer = GateAnswer::Withdrawn;
        }
        if self.answer == GateAnswer::Expired {
            self.answer = GateAnswer::Withdrawn;
        }
    }
}
