//! The way back: undoing what has completed, newest first, and giving back what is held. Never undoes what did not go well.

use super::decide::{Directive, Question};
use super::held::{Certainty, held};
use super::leaf::next_attempt;
use super::permit::Begin;
use super::progress::{HostResult, Progress, completed, progress, undoing};
use super::state::{BlockState, StepState};
use super::turns::{in_turn, step_of};
use super::walk::{Breach, Standing, Walk};
use crate::event::{Answer, Event, StageWork};
use crate::plan::{FlowBlock, Node, Presence, ProgramStep};

impl Walk<'_> {
    /// One after another from the end, until one is open or broken.
    pub fn backward(&self, nodes: &[Node], turns: &[u32]) -> Standing {
        for node in nodes.iter().rev() {
            let standing = match node {
                Node::Step(number) => self.undo(&self.step(*number, turns)),
                Node::Choice { step, options } => match self.chosen(&self.step(*step, turns).id, options) {
                    Some(nodes) => self.backward(nodes, turns),
                    None => Standing::Settled,
                },
                Node::Block(block) => self.block_back(block, turns),
            };
            match standing {
                Standing::Settled => {}
                other => return other,
            }
        }
        Standing::Settled
    }

    fn block_back(&self, block: &FlowBlock, turns: &[u32]) -> Standing {
        let head = in_turn(self.state, &block.head, turns);
        let Some(BlockState::Loop { order, .. }) = self.state.blocks.get(&head.id) else { return self.body_back(block, turns) };
        for turn in order.iter().rev() {
            let within: Vec<u32> = turns.iter().copied().chain([*turn]).collect();
            match self.body_back(block, &within) {
                Standing::Settled => {}
                other => return other,
            }
        }
        Standing::Settled
    }

    /// What was done within is undone while the block still holds what it took; then its end, then what it holds.
    fn body_back(&self, block: &FlowBlock, turns: &[u32]) -> Standing {
        if !self.has_any_begun(block, turns) {
            return Standing::Settled;
        }
        for part in [&block.rescue, &block.steps] {
            match self.backward(part, turns) {
                Standing::Settled => {}
                other => return other,
            }
        }
        let always = self.forward(&block.always, turns);
        if matches!(always, Standing::Open(_)) {
            return always;
        }
        match &block.bracket {
            Some(bracket) => self.released(bracket, turns, false),
            None => Standing::Settled,
        }
    }

    /// Whether a rollback would change anything, and still may.
    pub fn can_roll_back(&self) -> bool {
        !self.is_past_return()
            && self.state.rollback.is_none()
            && self.state.steps.values().any(|known| !completed(known).is_empty() || manual_undo(known).is_some())
    }

    fn undo(&self, step: &ProgramStep) -> Standing {
        let known = self.state.step(&step.id);
        if let Some((_, Answer::Undone { .. })) = &known.unwound {
            return Standing::Settled;
        }
        if let Some(instructions) = manual_undo(&known) {
            let question = Question::UndoManual { step: step.id.clone(), instructions };
            return self.by_a_person(step, question, "was done by a person, and is undone by one");
        }
        self.undo_commands(step, &known)
    }

    fn undo_commands(&self, step: &ProgramStep, known: &StepState) -> Standing {
        let mut directives = Vec::new();
        let (mut running, mut bad) = (false, None);
        for (stage, action) in completed(known) {
            match undoing(action, known) {
                Progress::Next(part) | Progress::NotBefore(_, part) => {
                    directives.push(self.start(stage, action, (part, next_attempt(known, action, part)), Begin::Start));
                }
                Progress::Orphaned(part, attempt) => directives.push(self.start(stage, action, (part, attempt), Begin::Reattach)),
                Progress::Running => running = true,
                Progress::Settled(HostResult::Ok | HostResult::Skipped | HostResult::NotStarted) => {}
                Progress::Settled(HostResult::Failed | HostResult::Unreachable | HostResult::Unknown) => bad = Some(action),
            }
        }
        match bad {
            _ if running || !directives.is_empty() => Standing::Open(directives),
            None => Standing::Settled,
            Some(action) => {
                let (host, undo) = (&action.host, action.undo.as_ref().map(|undo| undo.script.to_string()).unwrap_or_default());
                let question = Question::AfterFailedUndo { step: step.id.clone() };
                self.by_a_person(step, question, &format!("could not be undone on {host} by: {}", undo.trim_end()))
            }
        }
    }

    /// Nothing older is undone before a person has dealt with it.
    fn by_a_person(&self, step: &ProgramStep, question: Question, why: &str) -> Standing {
        let undo = step.id.part("undo").map(|undo| undo.at(&step.id.turns()));
        if let Some(answer) = undo.as_ref().and_then(|undo| self.program.answers.get(undo)) {
            let (person, answer) = (self.program.requester.clone(), answer.clone());
            return Standing::Open(vec![Directive::Record(Event::PersonAnswered { step: step.id.clone(), person, answer })]);
        }
        match self.program.presence {
            Presence::Attended => Standing::Open(vec![Directive::Ask(question)]),
            Presence::Unattended => {
                let hint = undo.map_or(String::new(), |undo| format!(", or undo it by hand and say --answer {undo}=done"));
                self.needs_person(step, format!("\"{}\" {why}; resume the run on a terminal{hint}", step.step.name.value))
            }
        }
    }

    /// Gives back all that is held, what was taken last first. What cannot be given back keeps nothing else.
    pub fn release_all(&self) -> Standing {
        let asked = self.ask_what_is_held();
        if matches!(asked, Standing::Open(_)) {
            return asked;
        }
        let mut trouble = Standing::Settled;
        for release in held(self.state).into_iter().rev().map(|held| held.release) {
            let standing = step_of(self.program, self.state, &release).map_or(Standing::Broken(Breach::Failed), |step| self.leaf(&step));
            match (standing, &trouble) {
                (Standing::Settled, _) => {}
                (Standing::Open(directives), _) if !is_waiting_for_a_person(&directives) => return Standing::Open(directives),
                (Standing::Open(_) | Standing::Broken(_), Standing::Open(_) | Standing::Broken(_)) => {}
                (standing @ (Standing::Open(_) | Standing::Broken(_)), Standing::Settled) => trouble = standing,
            }
        }
        trouble
    }

    /// Of what was being taken when a runner died the hosts are asked first.
    fn ask_what_is_held(&self) -> Standing {
        let mut directives = Vec::new();
        let mut running = false;
        for unsure in held(self.state).into_iter().filter(|held| held.certainty == Certainty::MayBeHeld) {
            let known = self.state.step(&unsure.acquire);
            let stages = known.past.iter().chain(&known.stage);
            let actions = stages.flat_map(|stage| stage.work.commands().iter().map(move |action| (stage, action)));
            for (stage, action) in actions.filter(|(_, action)| action.host == unsure.host) {
                match progress(stage, action, &known) {
                    Progress::Orphaned(part, attempt) => directives.push(self.start(stage, action, (part, attempt), Begin::Reattach)),
                    Progress::Running => running = true,
                    Progress::Next(_) | Progress::NotBefore(..) | Progress::Settled(_) => {}
                }
            }
        }
        if running || !directives.is_empty() { Standing::Open(directives) } else { Standing::Settled }
    }
}

/// Whether the run could only be interrupted here.
fn is_waiting_for_a_person(directives: &[Directive]) -> bool {
    matches!(directives, [Directive::Interrupt(_)])
}

/// What a person who did this step is to do to undo it.
fn manual_undo(known: &StepState) -> Option<String> {
    match (known.stage.as_ref().map(|stage| &stage.work), &known.answer) {
        (Some(StageWork::Manual { undo: Some(undo), .. }), Some((_, Answer::Done { .. }))) => Some(undo.clone()),
        (Some(_) | None, _) => None,
    }
}
