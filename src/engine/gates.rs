//! The way up to a gate and through it: everything behind it is rendered before anybody is asked. Never verifies a signature.

use super::decide::{Directive, ready_stage};
use super::progress::{HostResult, Progress, progress};
use super::state::{GateAnswer, LeftOut, State};
use crate::base::{GateNo, HostName, StepId, Timestamp};
use crate::event::{Event, Interruption, Stage, StageWork, Verdict};
use crate::plan::{Program, ProgramGate, ProgramStep, Road, floor, slots};

/// The gate that a rendered step stands behind: the author's, or the policy's own where it asks for one.
pub(in crate::engine) fn gate_of(program: &Program, step: &ProgramStep, stage: &Stage) -> Option<GateNo> {
    let authored = program.gates.get(&step.gate).is_some_and(|gate| gate.asks.is_some());
    let needed = authored || floor(&program.policy.rules, stage) > 0;
    (needed && step.road == Road::Carry).then_some(step.gate)
}

/// Whether the opened gate names a step.
pub(in crate::engine) fn covers(state: &State, gate: GateNo, step: &StepId) -> bool {
    state.gates.get(&gate).is_some_and(|gate| gate.asks.covers.contains(step))
}

/// What comes before the steps of a gate that is not approved.
pub(in crate::engine) fn approach(program: &Program, state: &State, gate: GateNo, now: Timestamp) -> Vec<Directive> {
    match state.gates.get(&gate).map(|open| (&open.answer, open.asks.expires)) {
        Some((GateAnswer::Awaited, expires)) if now >= expires => vec![Directive::Record(Event::GateExpired { gate })],
        Some((GateAnswer::Awaited, expires)) => vec![Directive::AwaitApprovals(gate, expires)],
        Some((GateAnswer::Denied { .. }, _)) => vec![Directive::Close(Verdict::Denied)],
        Some((GateAnswer::Expired, _)) => vec![Directive::Interrupt(Interruption::GateExpired { gate })],
        Some((GateAnswer::Withdrawn | GateAnswer::Approved, _)) | None => open(program, state, gate),
    }
}

fn open(program: &Program, state: &State, gate: GateNo) -> Vec<Directive> {
    let Some(wanted) = program.gates.get(&gate) else { return Vec::new() };
    for step in wanted.covers.iter().filter_map(|id| program.step(id)) {
        let known = state.step(&step.id);
        match (&known.left_out, &known.stage) {
            (Some(LeftOut::Skipped(_)), _) => {}
            (Some(LeftOut::Refused(why)), _) => {
                return refused(state, wanted, format!("\"{}\" behind the same gate: {why}", step.step.name.value));
            }
            (None, None) => return ready_stage(program, state, step),
            (None, Some(stage)) => {
                if let Some(host) = unreachable_beyond_budget(stage, state) {
                    return refused(
                        state,
                        wanted,
                        format!("{host} cannot be reached, and \"{}\" behind the same gate needs it", stage.name),
                    );
                }
            }
        }
    }
    match slots(program, wanted, &covered(state, wanted)) {
        Ok(_) => vec![Directive::OpenGate(gate)],
        Err(error) => refused(state, wanted, error.to_string()),
    }
}

fn unreachable_beyond_budget(stage: &Stage, state: &State) -> Option<HostName> {
    let StageWork::Commands { actions, .. } = &stage.work else { return None };
    let known = state.step(&stage.step);
    let unreachable = |action: &&crate::event::Action| progress(stage, action, &known) == Progress::Settled(HostResult::Unreachable);
    let hosts: Vec<_> = actions.iter().filter(unreachable).collect();
    (hosts.len() > stage.max_failures as usize).then(|| hosts.first().map(|action| action.host.clone())).flatten()
}

/// Nothing behind the gate may run: the first step that is left says why.
fn refused(state: &State, wanted: &ProgramGate, why: String) -> Vec<Directive> {
    let first = wanted.covers.iter().find(|step| state.step(step).left_out.is_none());
    first.map(|step| Directive::Record(Event::StepRefused { step: step.clone(), why })).into_iter().collect()
}

/// The stages that a request for this gate must show: all that it covers and that are not over.
pub fn covered<'a>(state: &'a State, gate: &ProgramGate) -> Vec<&'a Stage> {
    let open = |step: &StepId| {
        let known = state.steps.get(step)?;
        let stage = known.stage.as_ref()?;
        (known.left_out.is_none() && !is_over(stage, state)).then_some(stage)
    };
    gate.covers.iter().filter_map(open).collect()
}

fn is_over(stage: &Stage, state: &State) -> bool {
    let known = state.step(&stage.step);
    match &stage.work {
        StageWork::Commands { actions, .. } => {
            !actions.is_empty()
                && actions
                    .iter()
                    .all(|action| matches!(progress(stage, action, &known), Progress::Settled(result) if result != HostResult::Unreachable))
        }
        StageWork::Manual { .. } => known.answer.is_some(),
        StageWork::Wait { .. } => known.wait_until.is_some_and(|until| state.latest.is_some_and(|latest| latest >= until)),
        StageWork::Withheld { .. } => true,
    }
}
