//! When symptoms are looked at: before anything else, every so often while the run goes on, and once more at its end. Never holds up a
//! step, and never counts as one.

use super::decide::Directive;
use super::leaf::next_attempt;
use super::permit::Begin;
use super::state::{Attempt, Phase, StepState};
use super::walk::Walk;
use crate::base::Timestamp;
use crate::event::{Action, Part, Stage};
use crate::plan::{ProgramStep, Role};

impl Walk<'_> {
    /// What comes before the first step: each symptom is looked at once. `None` where that is done.
    pub fn looked_before(&self) -> Option<Vec<Directive>> {
        let mut directives = Vec::new();
        let mut is_open = false;
        for (step, known) in self.symptoms() {
            match &known.stage {
                None => directives.extend(self.ready_stage(step)),
                Some(stage) => {
                    for action in reached(stage) {
                        match last(&known, action) {
                            None => directives.push(self.look(stage, &known, action)),
                            Some(attempt) => is_open |= attempt.phase == Phase::Running && known.attempts[&action.host].len() == 1,
                        }
                    }
                }
            }
        }
        (is_open || !directives.is_empty()).then_some(directives)
    }

    /// What comes beside the steps: looks that are due, and when the next one is.
    pub fn looks_meanwhile(&self) -> Vec<Directive> {
        let mut directives = Vec::new();
        for (step, known) in self.symptoms() {
            let (Role::Symptom { every }, Some(stage)) = (&step.role, &known.stage) else { continue };
            for action in reached(stage) {
                let due = match last(&known, action).map(|attempt| (&attempt.phase, attempt.started)) {
                    Some((Phase::Running, _)) => continue,
                    Some((_, started)) => started.after(*every),
                    None => self.now,
                };
                directives.push(if due <= self.now { self.look(stage, &known, action) } else { Directive::WaitUntil(due) });
            }
        }
        directives
    }

    /// Whether a symptom is being looked at just now.
    pub fn is_looking(&self) -> bool {
        let running = |known: &StepState| known.attempts.values().flatten().any(|attempt| attempt.phase == Phase::Running);
        self.symptoms().iter().any(|(_, known)| running(known))
    }

    /// What comes before the end: each symptom is looked at once more after the last thing that was done. `None` where that is done.
    pub fn looked_after(&self) -> Option<Vec<Directive>> {
        let done = self.last_deed();
        let mut directives = Vec::new();
        let mut is_open = false;
        for (_, known) in self.symptoms() {
            let Some(stage) = &known.stage else { continue };
            for action in reached(stage) {
                match last(&known, action) {
                    Some(attempt) if attempt.phase == Phase::Running => is_open = true,
                    Some(attempt) if done.is_none_or(|done| attempt.started >= done) => {}
                    Some(_) | None => directives.push(self.look(stage, &known, action)),
                }
            }
        }
        (is_open || !directives.is_empty()).then_some(directives)
    }

    /// The symptoms that can be looked at: one that cannot be rendered, or that the policy wants approved, is left in peace.
    fn symptoms(&self) -> Vec<(&ProgramStep, StepState)> {
        let all = self.program.steps.iter().filter(|step| matches!(step.role, Role::Symptom { .. }));
        let known = all.map(|step| (step, self.state.step(&step.id)));
        known.filter(|(_, known)| known.left_out.is_none() && known.stage.as_ref().is_none_or(|stage| stage.gate.is_none())).collect()
    }

    fn look(&self, stage: &Stage, known: &StepState, action: &Action) -> Directive {
        self.start(stage, action, (Part::Main, next_attempt(known, action, Part::Main)), Begin::Start)
    }

    /// When the last command of a step ended.
    fn last_deed(&self) -> Option<Timestamp> {
        let is_step = |id| self.program.step(id).is_none_or(|step| !matches!(step.role, Role::Symptom { .. }));
        let attempts = self.state.steps.iter().filter(|(id, _)| is_step(id)).flat_map(|(_, known)| known.attempts.values().flatten());
        let ends = attempts.filter_map(|attempt| match &attempt.phase {
            Phase::Ended { at, .. } => Some(*at),
            Phase::Running | Phase::Orphaned | Phase::Lost => None,
        });
        ends.max()
    }
}

fn reached(stage: &Stage) -> impl Iterator<Item = &Action> {
    stage.work.commands().iter().filter(|action| action.place.is_some())
}

fn last<'a>(known: &'a StepState, action: &Action) -> Option<&'a Attempt> {
    known.attempts.get(&action.host).and_then(|attempts| attempts.last())
}
