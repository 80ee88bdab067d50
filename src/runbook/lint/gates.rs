//! Rules about where gates stand. Never looks into a command, and never asks who could pass a gate.

use super::rules::GATE_TOO_LATE;
use super::{Leaf, Report};
use crate::event::Effect;
use crate::runbook::{Gate, Work};

/// A gate on what only looks, or on what is lighter than the destruction before it, comes too late: the change before it, which has no gate,
/// is what it should protect. One warning a gate. A change that the author gated, wherever its gate stands, is left in peace.
pub(super) fn check(report: &mut Report<'_>, leaves: &[Leaf<'_>]) {
    let mut at = 0;
    while let Some(leaf) = leaves.get(at) {
        let Some((gate, on)) = leaf.gate else {
            at += 1;
            continue;
        };
        let covered = leaves[at..].iter().take_while(|leaf| is_behind(leaf, gate)).count();
        let behind = &leaves[at..at + covered];
        let heaviest = behind.iter().map(weight).max().unwrap_or(Effect::Read);
        let before = leaves[..at].iter().rev().find(|leaf| is_change(leaf)).filter(|leaf| leaf.gate.is_none());
        if let Some(change) = before.filter(|change| is_too_late(change.effect(), heaviest)) {
            let name = &change.step.name.value;
            let stands = if heaviest == Effect::Read { "on what only looks" } else { "on the lighter step" };
            let message = format!("this gate stands {stands}, and the change before it, \"{name}\", has none");
            let help = format!("move `gate:` to \"{name}\", or put both into a block, `steps:`, with this gate");
            report.add(&GATE_TOO_LATE, Some(on), gate.span, message, "asks when it has happened", &help);
        }
        at += covered.max(1);
    }
}

fn is_behind(leaf: &Leaf<'_>, gate: &Gate) -> bool {
    leaf.gate.is_some_and(|(other, _)| other.span == gate.span)
}

fn is_too_late(change: Effect, heaviest: Effect) -> bool {
    heaviest == Effect::Read || (change == Effect::Destructive && heaviest < Effect::Destructive)
}

/// How much a gate before this may have to protect. What a called runbook does is not known here, so a gate before it is in its place.
fn weight(leaf: &Leaf<'_>) -> Effect {
    match leaf.step.work {
        Work::Call { .. } => Effect::Destructive,
        Work::Block(_) => Effect::Once, // a bracket takes something
        Work::Run { .. } | Work::Script { .. } | Work::Check { .. } | Work::Capture { .. } | Work::Put(_) | Work::Reboot => leaf.effect(),
        Work::Manual { .. } | Work::Choose { .. } | Work::Wait { .. } | Work::Conclude { .. } => leaf.effect(),
    }
}

/// What a person does is asked of that person already.
fn is_change(leaf: &Leaf<'_>) -> bool {
    match leaf.step.work {
        Work::Run { .. } | Work::Script { .. } | Work::Put(_) | Work::Reboot => leaf.effect() != Effect::Read,
        Work::Check { .. } | Work::Capture { .. } | Work::Manual { .. } | Work::Choose { .. } | Work::Wait { .. } => false,
        Work::Call { .. } | Work::Conclude { .. } | Work::Block(_) => false,
    }
}
