//! Which steps of a dry run are shown only, and why, as far as the runbook alone tells. Never looks at what has happened.

use std::collections::BTreeMap;

use super::names::names_of;
use super::program::{ProgramGate, ProgramStep, Reached, Road, Role};
use super::template::names_in_expression;
use crate::base::GateNo;
use crate::event::{CANNOT_KNOW, Effect, OnFailure, WOULD_RUN};
use crate::runbook::Work;

/// A dry run runs only what reads. A read that asks for the result of a step that is not run cannot be known before; nor can one that waits for
/// something to become so (`until:`) after a change that is not made: what it would see now is what was there before the change; nor whether a
/// condition holds that asks for what was seen after such a change.
/// A gate that covers a change is there for the change, and nobody is asked; one that covers nothing but reads is asked.
pub fn withhold(steps: &mut [ProgramStep], gates: &mut BTreeMap<GateNo, ProgramGate>) {
    for step in steps.iter().filter(|step| step.effect > Effect::Read) {
        gates.entry(step.gate).and_modify(|gate| gate.asks = None);
    }
    let (mut unknown, mut stale): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut is_changed = false;
    for step in steps {
        let depends = names_of(&step.step, &step.whens).iter().any(|name| unknown.contains(name));
        let asks = |name: &String| stale.contains(name);
        let is_stale = step.whens.iter().any(|when| names_in_expression(&when.value).unwrap_or_default().iter().any(asks));
        let awaits_change = is_changed && step.step.until.is_some();
        is_changed |= step.effect > Effect::Read;
        step.road = match depends || is_stale || awaits_change {
            true => Road::Withhold(CANNOT_KNOW),
            false => road(step),
        };
        step.on_failure = OnFailure::Continue;
        match (step.road, &step.step.register) {
            (Road::Withhold(_), Some(register)) => unknown.push(register.value.clone()),
            (Road::Carry, Some(register)) if is_changed => stale.push(register.value.clone()),
            (Road::Carry, Some(_)) | (Road::Carry | Road::Withhold(_), None) => {}
        }
    }
}

/// What becomes of a step that rests on nothing unknown.
fn road(step: &ProgramStep) -> Road {
    match (&step.step.work, step.effect) {
        (Work::Reboot, Effect::Read) if matches!(step.role, Role::After { .. }) => Road::Withhold("would wait"),
        (Work::Wait { .. }, _) => Road::Withhold("would wait"),
        (Work::Manual { .. } | Work::Choose { .. }, _) => Road::Withhold("would ask a person"),
        (Work::Conclude { .. }, _) if step.reached != Reached::Always => Road::Withhold("would end the run"),
        (_, Effect::Read) => Road::Carry,
        (_, Effect::Idempotent | Effect::Once | Effect::Destructive) => Road::Withhold(WOULD_RUN),
    }
}
