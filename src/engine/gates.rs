//! The way up to a gate and through it: everything behind it is rendered before anybody is asked. Never verifies a signature.

use super::decide::Directive;
use super::held::held;
use super::progress::{HostResult, Progress, is_spent, progress};
use super::state::{BlockState, GateAnswer, LeftOut, State};
use super::turns::in_turn;
use super::walk::{Breach, Standing, Walk};
use crate::base::{GateNo, HostName, StepId};
use crate::event::{Effect, Event, Interruption, Stage, StageWork};
use crate::plan::{FlowBlock, Program, ProgramGate, ProgramStep, Repeats, Road, Role, asked, floor};

/// The gate that a rendered step stands behind: the author's, or the policy's own where it asks for one.
pub(in crate::engine) fn gate_of(program: &Program, step: &ProgramStep, stage: &Stage) -> Option<GateNo> {
    let authored = program.gates.get(&step.gate).is_some_and(|gate| gate.asks.is_some());
    let asked = match step.role {
        // what gives back is shown and approved together with what takes
        Role::Release { .. } => floor(&program.policy.rules, &Stage { effect: Effect::Once, ..stage.clone() }),
        Role::Written | Role::Acquire { .. } | Role::Symptom { .. } | Role::Before { .. } | Role::After { .. } => {
            floor(&program.policy.rules, stage)
        }
    };
    let needed = authored || asked > 0;
    (needed && step.road == Road::Carry).then_some(step.gate)
}

/// Whether the opened gate names a step.
pub(in crate::engine) fn covers(state: &State, gate: GateNo, step: &StepId) -> bool {
    state.gates.get(&gate).is_some_and(|gate| gate.asks.covers.contains(step))
}

impl Walk<'_> {
    /// What comes before a step whose gate does not let it through yet.
    pub fn approach(&self, gate: GateNo, step: &ProgramStep) -> Standing {
        let open = self.state.gates.get(&gate).filter(|_| covers(self.state, gate, &step.id));
        let directive = match open.map(|open| (&open.answer, open.asks.expires)) {
            Some((GateAnswer::Awaited, expires)) if self.now >= expires => Directive::Record(Event::GateExpired { gate }),
            Some((GateAnswer::Awaited, expires)) => Directive::AwaitApprovals(gate, expires),
            Some((GateAnswer::Denied { .. }, _)) => return Standing::Broken(Breach::Denied),
            Some((GateAnswer::Expired, _)) => Directive::Interrupt(Interruption::GateExpired { gate }),
            Some((GateAnswer::Withdrawn | GateAnswer::Approved, _)) | None => return Standing::Open(self.open_gate(gate, step)),
        };
        Standing::Open(vec![directive])
    }

    fn open_gate(&self, gate: GateNo, step: &ProgramStep) -> Vec<Directive> {
        let Some(wanted) = self.program.gates.get(&gate) else { return Vec::new() };
        let steps = match self.behind(wanted, &step.id.turns()) {
            Ok(steps) => steps,
            Err(directives) => return directives,
        };
        let steps: Vec<ProgramStep> = steps.into_iter().filter(|step| self.may_still_run(step)).collect();
        for step in &steps {
            let known = self.state.step(&step.id);
            match (&known.left_out, &known.stage) {
                (Some(LeftOut::Skipped(_)), _) => {}
                (Some(LeftOut::Refused(why)), _) => {
                    return self.refused(&steps, format!("\"{}\" behind the same gate: {why}", step.step.name.value));
                }
                (None, None) => return self.ready_stage(step),
                (None, Some(stage)) => {
                    if let Some(host) = unreachable_beyond_budget(stage, self.state) {
                        let why = format!("{host} cannot be reached, and \"{}\" behind the same gate needs it", stage.name);
                        return self.refused(&steps, why);
                    }
                }
            }
        }
        let covers: Vec<StepId> = steps.iter().map(|step| step.id.clone()).filter(|step| is_to_be_asked(self.state, step)).collect();
        let stages: Vec<&Stage> = covers.iter().filter_map(|step| self.state.steps.get(step)?.stage.as_ref()).collect();
        match asked(self.program, wanted, &stages) {
            Ok(_) => vec![Directive::OpenGate(gate, covers)],
            Err(error) => self.refused(&steps, error.to_string()),
        }
    }

    /// Where only what is held is given back, nobody is asked for anything else.
    fn may_still_run(&self, step: &ProgramStep) -> bool {
        !self.state.is_releasing || held(self.state).iter().any(|held| held.release == step.id)
    }

    /// The steps behind a gate, in the turns of the loops around it; those of loops behind the gate in all of their turns.
    ///
    /// # Errors
    /// What must be known first: the turns of a loop.
    fn behind(&self, gate: &ProgramGate, turns: &[u32]) -> Result<Vec<ProgramStep>, Vec<Directive>> {
        let turns = &turns[..gate.depth.min(turns.len())];
        let mut steps = Vec::new();
        for step in gate.covers.iter().filter_map(|id| self.program.step(id)) {
            steps.extend(self.in_all_turns(step, turns.to_vec())?);
        }
        Ok(steps)
    }

    fn in_all_turns(&self, step: &ProgramStep, turns: Vec<u32>) -> Result<Vec<ProgramStep>, Vec<Directive>> {
        let Some(block) = step.loops.get(turns.len()) else { return Ok(vec![in_turn(self.state, step, &turns)]) };
        let id = block.at(&turns);
        if self.state.step(&id).left_out.is_some() {
            return Ok(Vec::new());
        }
        let Some(BlockState::Loop { turns: planned, .. }) = self.state.blocks.get(&id) else {
            return Err(self.loop_of(block, &turns).into_iter().map(Directive::Record).collect());
        };
        let mut steps = Vec::new();
        for turn in (1..).take(planned.len()) {
            steps.extend(self.in_all_turns(step, turns.iter().copied().chain([turn]).collect())?);
        }
        Ok(steps)
    }

    /// What plans the turns of a loop that stands behind a gate.
    fn loop_of(&self, block: &StepId, turns: &[u32]) -> Option<Event> {
        let is_loop = |block: &&FlowBlock| matches!(block.repeats, Repeats::ForEach(_) | Repeats::Rolling { .. });
        let found = self.program.blocks().into_iter().filter(is_loop).find(|found| found.head.id == *block)?;
        let head = in_turn(self.state, &found.head, turns);
        Some(self.skip(&head).unwrap_or_else(|| self.plan_turns(found, &head)))
    }

    /// Nothing behind the gate may run: the first step that is left says why.
    fn refused(&self, steps: &[ProgramStep], why: String) -> Vec<Directive> {
        let first = steps.iter().find(|step| self.state.step(&step.id).left_out.is_none());
        first.map(|step| Directive::Record(Event::StepRefused { step: step.id.clone(), why })).into_iter().collect()
    }
}

fn unreachable_beyond_budget(stage: &Stage, state: &State) -> Option<HostName> {
    let known = state.step(&stage.step);
    let unreachable = |action: &&crate::event::Action| progress(stage, action, &known) == Progress::Settled(HostResult::Unreachable);
    let hosts: Vec<_> = stage.work.commands().iter().filter(unreachable).collect();
    is_spent(stage, hosts.len()).then(|| hosts.first().map(|action| action.host.clone())).flatten()
}

/// Whether a request must show a step: it is prepared, not left out, and not over.
fn is_to_be_asked(state: &State, step: &StepId) -> bool {
    let known = state.step(step);
    known.left_out.is_none() && known.stage.as_ref().is_some_and(|stage| !is_over(stage, state))
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
        StageWork::Manual { .. } | StageWork::Choose { .. } => known.answer.is_some(),
        StageWork::Wait { .. } => known.wait_until.is_some_and(|until| state.latest.is_some_and(|latest| latest >= until)),
        StageWork::Skip { .. } | StageWork::Conclude { .. } => false,
        StageWork::Withheld { .. } => true,
    }
}
