//! A step in one turn of the loops around it, and the names that its templates may use there. Never decides.

use std::collections::{BTreeMap, BTreeSet};

use super::progress::{HostResult, settled_results};
use super::state::{BlockState, LeftOut, Phase, State, StepState};
use crate::base::{Bytes, HostName, StepId};
use crate::event::{Answer, LoopTurn, Part, RunMode};
use crate::plan::{FlowBlock, Given, Node, Program, ProgramStep, Registered, RegisteredHost, Role, Scope, Turn, typed_facts};

/// The step of this id: its turn filled in, where it is in loops.
pub fn step_of(program: &Program, state: &State, id: &StepId) -> Option<ProgramStep> {
    Some(in_turn(state, program.step(id)?, &id.turns()))
}

/// A step, or a block's head, in these turns of the loops around it, outermost first.
pub(in crate::engine) fn in_turn(state: &State, step: &ProgramStep, turns: &[u32]) -> ProgramStep {
    let mut made = step.clone();
    if turns.is_empty() {
        return made;
    }
    made.id = step.id.at(turns);
    made.turn = Turn::default();
    for (depth, block) in step.loops.iter().enumerate().take(turns.len()) {
        match turn_of(state, &block.at(&turns[..depth]), turns[depth]) {
            Some(LoopTurn::Item(item)) => made.turn.item = Some(item.clone()),
            Some(LoopTurn::Batch(hosts)) => made.turn.batch = Some(hosts.clone()),
            None => {}
        }
    }
    made
}

/// A turn of a loop that was reached.
fn turn_of<'a>(state: &'a State, block: &StepId, turn: u32) -> Option<&'a LoopTurn> {
    match state.blocks.get(block) {
        Some(BlockState::Loop { turns, .. }) => turns.get(usize::try_from(turn).ok()?.checked_sub(1)?),
        Some(BlockState::Call { .. }) | None => None,
    }
}

/// Every step of a run in the order of its course: those of loops once for each turn, where the turns are known.
pub fn unfolded(program: &Program, state: &State) -> Vec<ProgramStep> {
    let mut steps = Vec::new();
    unfold(program, state, &program.flow, &[], &mut steps);
    unfold(program, state, &program.after_no_return, &[], &mut steps);
    steps
}

fn unfold(program: &Program, state: &State, nodes: &[Node], turns: &[u32], steps: &mut Vec<ProgramStep>) {
    for node in nodes {
        match node {
            Node::Step(number) => steps.push(in_turn(state, &program.steps[*number], turns)),
            Node::Choice { step, options } => {
                steps.push(in_turn(state, &program.steps[*step], turns));
                options.iter().for_each(|(_, nodes)| unfold(program, state, nodes, turns, steps));
            }
            Node::Block(block) => unfold_block(program, state, block, turns, steps),
        }
    }
}

fn unfold_block(program: &Program, state: &State, block: &FlowBlock, turns: &[u32], steps: &mut Vec<ProgramStep>) {
    let all: Vec<Vec<u32>> = match state.blocks.get(&block.head.id.at(turns)) {
        Some(BlockState::Loop { order, .. }) => order.iter().map(|turn| turns.iter().copied().chain([*turn]).collect()).collect(),
        Some(BlockState::Call { .. }) | None => vec![turns.to_vec()],
    };
    for turns in all {
        let bracket = block.bracket.as_ref();
        steps.extend(bracket.map(|bracket| in_turn(state, &program.steps[bracket.acquire], &turns)));
        [&block.steps, &block.rescue, &block.always].into_iter().for_each(|part| unfold(program, state, part, &turns, steps));
        steps.extend(bracket.map(|bracket| in_turn(state, &program.steps[bracket.release], &turns)));
    }
}

/// The names that a step's templates and expressions may use: the parameters of its runbook, results registered in it, and its turn.
pub fn scope(program: &Program, state: &State, step: &ProgramStep) -> Scope {
    let turns = step.id.turns();
    let called = match &program.frames[step.frame].call {
        None => None,
        Some(call) => match state.blocks.get(&call.step.at(&turns[..call.depth.min(turns.len())])) {
            Some(BlockState::Call { parameters }) => Some(program.called_parameters(step.frame, parameters)),
            Some(BlockState::Loop { .. }) | None => Some(program.called_parameters(step.frame, &BTreeMap::new())),
        },
    };
    let parameters = called.as_ref().unwrap_or(&program.parameters);
    let mut results = results(program, state, step.frame, &turns);
    for name in passed_over(program, state, step, &turns) {
        results.entry(name).or_insert(Registered { is_left_out: true, ..Registered::default() });
    }
    Scope::new(parameters.given(), &results).within(&step.turn)
}

/// What steps before this one would have registered, had the run not gone past them: another option was chosen, nothing had to be rescued, or
/// what came before them failed. In a dry run nothing is past: it looks at every way.
fn passed_over(program: &Program, state: &State, step: &ProgramStep, turns: &[u32]) -> Vec<String> {
    if program.mode == RunMode::DryRun {
        return Vec::new();
    }
    let from = match &step.role {
        Role::Release { acquire } => acquire.base(), // rendered before anything is taken
        Role::Written | Role::Acquire { .. } | Role::Symptom { .. } | Role::Before { .. } | Role::After { .. } => step.id.base(),
    };
    let reached: BTreeSet<&str> = state.steps.keys().filter(|id| is_of(&id.turns(), turns)).map(StepId::base).collect();
    let before = program.steps.iter().take_while(|other| other.id.base() != from);
    before
        .filter(|other| other.frame == step.frame && !matches!(other.role, Role::Before { .. }) && !reached.contains(other.id.base()))
        .filter_map(|other| Some(other.step.register.as_ref()?.value.clone()))
        .collect()
}

/// Whether one is a turn of the other, or the same.
fn is_of(theirs: &[u32], ours: &[u32]) -> bool {
    theirs.starts_with(ours) || ours.starts_with(theirs)
}

/// What was registered in a frame, as one of its steps sees it: within a loop the own turn's result, else those of all turns together.
fn results(program: &Program, state: &State, frame: usize, turns: &[u32]) -> BTreeMap<String, Registered> {
    let mut results: BTreeMap<String, (bool, Registered)> = BTreeMap::new();
    for (id, known) in &state.steps {
        let Some(step) = program.step(id).filter(|step| step.frame == frame) else { continue };
        let Some((name, result)) = registered(program, step, known) else { continue };
        let theirs = id.turns();
        let is_own = turns.starts_with(&theirs);
        match results.get_mut(&name) {
            None => drop(results.insert(name, (is_own, result))),
            Some((known_own, known)) if is_own == *known_own => known.take_in(result),
            Some(known) if is_own => *known = (true, result),
            Some(_) => {}
        }
    }
    results.into_iter().map(|(name, (_, result))| (name, result)).collect()
}

/// The name and the result of a step that registers one and has a settled host, or a person's answer.
fn registered(program: &Program, step: &ProgramStep, known: &StepState) -> Option<(String, Registered)> {
    if let Role::Before { .. } = &step.role {
        return None;
    }
    let name = step.step.register.as_ref()?.value.clone();
    if let Some(LeftOut::Skipped(_)) = known.left_out {
        return Some((name, Registered { is_left_out: true, ..Registered::default() }));
    }
    let stage = known.stage.as_ref()?;
    let hosts: BTreeMap<HostName, RegisteredHost> =
        settled_results(stage, known).into_iter().map(|(host, result)| (host.clone(), registered_host(known, &host, result))).collect();
    let facts = match &known.answer {
        Some((_, Answer::Done { facts, .. })) => typed_facts(program, step, facts),
        Some((_, Answer::Chosen { option })) => BTreeMap::from([("value".to_owned(), Given::Text(Bytes::from(option.as_str())))]),
        Some(_) | None => BTreeMap::new(),
    };
    (!hosts.is_empty() || !facts.is_empty()).then_some((name, Registered { hosts, facts, is_left_out: false }))
}

fn registered_host(step: &StepState, host: &HostName, result: HostResult) -> RegisteredHost {
    let last = step.attempts.get(host).and_then(|attempts| attempts.iter().rev().find(|attempt| attempt.part == Part::Main));
    let ended = last.and_then(|attempt| match &attempt.phase {
        Phase::Ended { ended, .. } => Some(ended),
        Phase::Running | Phase::Orphaned | Phase::Lost => None,
    });
    let ok = matches!(result, HostResult::Ok | HostResult::Skipped);
    let outcome = ended.map(|ended| ended.outcome.clone());
    RegisteredHost { ok, outcome, reading: ended.and_then(|ended| ended.reading.clone()) }
}
