//! Steps that come with others which nobody wrote: a look before them, a wait after them. Never looks at what has happened.

use super::{Around, BrokenCall, Builder};
use crate::base::StepId;
use crate::event::{Effect, OnFailure};
use crate::plan::program::{Role, StepNo};
use crate::runbook::Step;
use crate::text::Spanned;

/// Without the words that a block gives and such a step does not heed: what it runs is the plan's own.
fn bare(mut step: Step) -> Step {
    (step.env, step.cwd) = (Vec::new(), None);
    step
}

impl Builder<'_> {
    /// A step that is rendered from what a look before it finds. The look is no place in the order: its step asks for it.
    pub(super) fn leaf_after_look(&mut self, step: Step, number: String, inner: &Around) -> Option<StepNo> {
        let id = self.part_of(&step, "before", inner.frame)?;
        let step = bare(step);
        let mut look = step.clone();
        (look.id, look.name.value) = (id, format!("Look before: {}", step.name.value));
        (look.retry, look.undo, look.done_when, look.why) = (None, None, None, None);
        look.effect = Some(Spanned { value: Effect::Read, span: step.span });
        let around = Around { gate: None, whens: Vec::new(), on_failure: Some(OnFailure::Continue), no_return: false, ..inner.clone() };
        let (of, look_number) = (step.id.clone(), format!("{number}.before"));
        let main = self.leaf(step, number, inner, Role::Written);
        let before = self.leaf(look, look_number, &around, Role::Before { of });
        self.flat.steps[main].before = Some(before);
        Some(main)
    }

    /// A restart is two steps: the wish, and the wait for what it brings about.
    pub(super) fn reboot(&mut self, step: Step, number: String, inner: &Around) -> Option<StepNo> {
        let mut back = bare(step.clone());
        back.id = self.part_of(&step, "after", inner.frame)?;
        (back.name.value, back.why) = (format!("Wait until it has started anew: {}", step.name.value), None);
        back.effect = Some(Spanned { value: Effect::Read, span: step.span });
        let (of, back_number) = (step.id.clone(), format!("{number}.after"));
        let main = self.leaf_after_look(step, number, inner)?;
        let after = self.leaf(back, back_number, inner, Role::After { of });
        self.flat.steps[after].before = self.flat.steps[main].before;
        self.flat.steps[main].after = Some(after);
        Some(main)
    }

    fn part_of(&mut self, step: &Step, word: &str, frame: usize) -> Option<StepId> {
        let part = step.id.part(word);
        if part.is_none() {
            let why = "the id of this step is too long".to_owned();
            self.flat.broken_calls.push(BrokenCall { frame, place: step.name.span, why });
        }
        part
    }
}
