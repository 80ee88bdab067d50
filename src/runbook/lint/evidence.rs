//! The rule about what is kept before information is destroyed. Never looks into a command, and knows hosts by the author's words alone.

use super::rules::NO_EVIDENCE;
use super::{Leaf, Report};
use crate::event::Effect;
use crate::runbook::Work;

/// A destructive step names its evidence, or waives it with a reason, or a capture from the same hosts stands before it.
pub(super) fn check(report: &mut Report<'_>, leaves: &[Leaf<'_>]) {
    for (index, leaf) in leaves.iter().enumerate() {
        let keeps = |before: &Leaf<'_>| matches!(before.step.work, Work::Capture { .. }) && before.hosts == leaf.hosts;
        if leaf.effect() != Effect::Destructive || leaf.step.evidence.is_some() || leaves[..index].iter().any(keeps) {
            continue;
        }
        let span = leaf.step.effect.as_ref().map_or(leaf.step.name.span, |effect| effect.span);
        let message = "this destroys information, and nothing of it is kept before".to_owned();
        let help = "add a step with `capture:` on the same hosts before it, and name it: `evidence: STEP`; or say why none is needed";
        report.add(&NO_EVIDENCE, Some(leaf.step), span, message, "no evidence", help);
    }
}
