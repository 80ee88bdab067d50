//! What a run would do as far as that can be known before it: steps rendered from the parameters alone, gates with who may fill them.
//! Reaches no host and decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::expand::{call_parameters, turns_of};
use super::flow::{FlowBlock, Node, Repeats};
use super::gates::{Asked, DEFAULT_EXPIRY, GateError, asked, floor};
use super::names::names_to_render;
use super::program::{Program, ProgramGate, ProgramStep, Role, StepNo, Turn};
use super::render::{RenderError, prepare};
use super::template::{Scope, holds, names_in_expression};
use crate::base::{GateNo, Period, StepId, ascii};
use crate::event::{Effect, LoopTurn, Stage};
use crate::runbook::Work;

/// A run before it begins.
#[derive(Debug)]
pub struct Outline<'p> {
    pub program: &'p Program,
    /// All steps in their order.
    pub steps: Vec<OutlinedStep>,
    /// The gates that would open, in their order.
    pub gates: Vec<OutlinedGate<'p>>,
}

/// One step of it; in a loop whose turns are known already, one turn of it.
#[derive(Debug)]
pub struct OutlinedStep {
    pub step: ProgramStep,
    /// The gate that it would stand behind.
    pub gate: Option<GateNo>,
    pub shape: Shape,
    /// What it waits for: names that earlier steps register, for its text or for its `when`, and what a loop gives it.
    pub waits_for: Vec<String>,
}

/// How far a step is known.
#[derive(Debug)]
pub enum Shape {
    /// To the byte, but for the hosts' keys.
    Rendered(Box<Stage>),
    /// But for what is found on its hosts, which is looked at first: the stage names them and holds no command.
    AfterLook { stage: Box<Stage>, lines: Vec<String> },
    /// Its `when` does not hold with these parameters.
    LeftOut { why: String },
    /// As a template, in lines like those of a stage; it is rendered when its names are known.
    Later { lines: Vec<String> },
}

/// One gate of it.
#[derive(Debug)]
pub struct OutlinedGate<'p> {
    pub number: GateNo,
    pub gate: &'p ProgramGate,
    /// The steps that it would cover; never empty.
    pub covers: Vec<StepId>,
    pub expires: Period,
    pub who: Who,
}

/// Who may approve.
#[derive(Debug)]
pub enum Who {
    /// One list an approval, of different people, and who may stand in.
    Slots(Asked),
    /// Only the policy asks for it, and how many it asks depends on hosts that are not known yet.
    WhenReached,
    /// Nobody could satisfy it.
    Nobody(GateError),
}

/// A step that cannot be rendered, whatever is found out on the way.
#[derive(Debug, thiserror::Error)]
#[error("step {number} \"{name}\": {source}")]
pub struct OutlineError {
    pub number: String,
    pub name: String,
    pub source: RenderError,
}

/// The outline of a program.
///
/// # Errors
/// All steps that could never run as they are written.
pub fn outline(program: &Program) -> Result<Outline<'_>, Vec<OutlineError>> {
    let scope = Scope::new(program.parameters.given(), []);
    let mut draft = Draft { program, registered: registered_names(program), steps: Vec::new(), problems: Vec::new() };
    draft.nodes(&program.flow, &Known { scope: scope.clone(), turns: Vec::new(), turn: Turn::default() });
    draft.nodes(&program.after_no_return, &Known { scope, turns: Vec::new(), turn: Turn::default() });
    let Draft { steps, problems, .. } = draft;
    if !problems.is_empty() {
        return Err(problems);
    }
    let gates = outlined_gates(program, &steps);
    Ok(Outline { program, steps, gates })
}

/// The gates over these steps.
pub(super) fn outlined_gates<'p>(program: &'p Program, steps: &[OutlinedStep]) -> Vec<OutlinedGate<'p>> {
    program.gates.iter().filter_map(|(number, gate)| outlined_gate(program, *number, gate, steps)).collect()
}

/// One step with these values, outside of the flow.
pub(super) fn outlined(program: &Program, step: &ProgramStep, scope: &Scope) -> Result<OutlinedStep, RenderError> {
    Draft { program, registered: registered_names(program), steps: Vec::new(), problems: Vec::new() }.outlined(step, scope)
}

/// What is known at a place of the flow before the run: the parameters of the runbook that it stands in, and the loops' turns so far.
#[derive(Clone)]
struct Known {
    scope: Scope,
    turns: Vec<u32>,
    turn: Turn,
}

struct Draft<'p> {
    program: &'p Program,
    registered: BTreeSet<&'p str>,
    steps: Vec<OutlinedStep>,
    problems: Vec<OutlineError>,
}

impl Draft<'_> {
    fn nodes(&mut self, nodes: &[Node], known: &Known) {
        for node in nodes {
            match node {
                Node::Step(number) => self.step(*number, known),
                Node::Choice { step, options } => {
                    self.step(*step, known);
                    options.iter().for_each(|(_, nodes)| self.nodes(nodes, known));
                }
                Node::Block(block) => self.block(block, known),
            }
        }
    }

    /// A loop or a call that depends on what is found out on the way is shown once, as a template.
    fn block(&mut self, block: &FlowBlock, known: &Known) {
        let head = at(&block.head, known);
        match &block.repeats {
            Repeats::Once => self.body(block, known),
            Repeats::Called(frame) => {
                let parameters = call_parameters(self.program, &head, *frame, &known.scope).unwrap_or_default();
                self.body(block, &Known { scope: Scope::new(parameters.given(), []).within(&known.turn), ..known.clone() });
            }
            Repeats::ForEach(_) | Repeats::Rolling { .. } => match turns_of(self.program, block, &head, &known.scope) {
                Err(_) => self.body(block, known),
                Ok(turns) => turns.into_iter().zip(1..).for_each(|(turn, number)| {
                    let mut within = known.clone();
                    within.turns.push(number);
                    match turn {
                        LoopTurn::Item(item) => within.turn.item = Some(item),
                        LoopTurn::Batch(hosts) => within.turn.batch = Some(hosts),
                    }
                    within.scope = known.scope.within(&within.turn);
                    self.body(block, &within);
                }),
            },
        }
    }

    fn body(&mut self, block: &FlowBlock, known: &Known) {
        block.bracket.iter().for_each(|bracket| self.step(bracket.acquire, known));
        [&block.steps, &block.rescue, &block.always].into_iter().for_each(|part| self.nodes(part, known));
        block.bracket.iter().for_each(|bracket| self.step(bracket.release, known));
    }

    fn step(&mut self, number: StepNo, known: &Known) {
        let step = at(&self.program.steps[number], known);
        match self.outlined(&step, &known.scope) {
            Ok(outlined) => self.steps.push(outlined),
            Err(source) => {
                let (number, name) = (step.number.clone(), step.step.name.value.clone());
                self.problems.push(OutlineError { number, name, source });
            }
        }
    }

    /// What is registered, what a loop gives, and what a caller gives that is not known yet.
    fn is_found_out(&self, name: &str, scope: &Scope) -> bool {
        self.registered.contains(name) || (!scope.defines(name) && name != "host")
    }

    fn outlined(&self, step: &ProgramStep, scope: &Scope) -> Result<OutlinedStep, RenderError> {
        let authored = self.program.gates.get(&step.gate).is_some_and(|gate| gate.asks.is_some());
        let secrets = &self.program.frames[step.frame].runbook.secrets;
        let is_secret = |name: &String| secrets.iter().any(|secret| secret.name.value == *name);
        let is_awaited = |name: &String| !is_secret(name) && self.is_found_out(name, scope);
        let in_whens = step.whens.iter().flat_map(|when| names_in_expression(&when.value).unwrap_or_default());
        let to_render = names_to_render(&step.step);
        let rolls_later = step.takes_batch && step.turn.batch.is_none();
        let is_later = rolls_later || to_render.iter().any(is_awaited);
        let waits: BTreeSet<String> = to_render.into_iter().chain(in_whens).filter(is_awaited).collect();
        let of = |gate: Option<GateNo>, shape| OutlinedStep { step: step.clone(), gate, shape, waits_for: waits.into_iter().collect() };
        if let Some(why) = left_out(step, scope) {
            return Ok(of(None, Shape::LeftOut { why }));
        }
        if is_later {
            let gate = (authored || step.effect != Effect::Read).then_some(step.gate);
            return Ok(of(gate, Shape::Later { lines: template_lines(step) }));
        }
        let mut stage = prepare(self.program, step, scope, &BTreeMap::new(), None, 1)?;
        stage.gate = (authored || floor(&self.program.policy.rules, &stage) > 0).then_some(step.gate);
        if let (Some(before), Some(lines)) = (step.before, sketched_lines(self.program, step, scope, &stage)?) {
            let look = ProgramStep { turn: step.turn.clone(), ..self.program.steps[before].clone() };
            prepare(self.program, &look, scope, &BTreeMap::new(), None, 1)?;
            return Ok(of(stage.gate, Shape::AfterLook { stage: Box::new(stage), lines }));
        }
        Ok(of(stage.gate, Shape::Rendered(Box::new(stage))))
    }
}

/// A step, or a block's head, in the turns that are known.
fn at(step: &ProgramStep, known: &Known) -> ProgramStep {
    ProgramStep { id: step.id.at(&known.turns), turn: known.turn.clone(), ..step.clone() }
}

/// The first condition that is known not to hold. One that asks for a result is not known yet.
fn left_out(step: &ProgramStep, scope: &Scope) -> Option<String> {
    let fails = |when: &&crate::text::Spanned<String>| holds(&when.value, scope) == Ok(false);
    step.whens.iter().find(fails).map(|when| format!("not so: {}", when.value))
}

fn registered_names(program: &Program) -> BTreeSet<&str> {
    program.steps.iter().filter_map(|step| step.step.register.as_ref()).map(|name| name.value.as_str()).collect()
}

fn outlined_gate<'p>(program: &'p Program, number: GateNo, gate: &'p ProgramGate, steps: &[OutlinedStep]) -> Option<OutlinedGate<'p>> {
    let behind: Vec<&OutlinedStep> = steps.iter().filter(|step| step.gate == Some(number)).collect();
    let stages: Vec<&Stage> = behind.iter().filter_map(|step| step.stage()).collect();
    let covers: Vec<StepId> = behind.iter().map(|step| step.step.id.clone()).collect();
    let who = match asked(program, gate, &stages) {
        Ok(asked) if asked.slots.is_empty() => Who::WhenReached,
        Ok(asked) => Who::Slots(asked),
        Err(error) => Who::Nobody(error),
    };
    let expires = gate.asks.as_ref().and_then(|asks| asks.expires.as_ref()).map_or(DEFAULT_EXPIRY, |expires| expires.value);
    (!covers.is_empty()).then_some(OutlinedGate { number, gate, covers, expires, who })
}

/// A step whose hosts are looked at first, in the manner of `stage_lines`: which hosts, and what is known.
fn sketched_lines(program: &Program, step: &ProgramStep, scope: &Scope, stage: &Stage) -> Result<Option<Vec<String>>, RenderError> {
    let mut lines =
        vec![format!("step {} {} \"{}\" {}, {}", step.number, step.id, ascii(stage.name.as_bytes()), stage.effect, stage.attempts)];
    for action in stage.work.actions() {
        let scope = scope.on(&action.host);
        let sketch = match &step.step.work {
            Work::Put(put) => super::put::sketch(program, put, &scope)?,
            Work::Reboot => super::reboot::sketch(matches!(step.role, Role::After { .. })),
            Work::Run { .. } | Work::Script { .. } | Work::Check { .. } | Work::Capture { .. } | Work::Manual { .. } => return Ok(None),
            Work::Choose { .. } | Work::Wait { .. } | Work::Call { .. } | Work::Conclude { .. } | Work::Block(_) => return Ok(None),
        };
        let user = action.command.r#become.as_ref().map_or(String::new(), |user| format!(", as {}", ascii(user.as_bytes())));
        lines.push(format!("  on {}, {}{user}, timeout {}", action.host, ascii(action.environment.as_bytes()), action.timeout));
        lines.extend(sketch.iter().map(|line| format!("  | {}", ascii(line.as_bytes()))));
    }
    Ok(Some(lines))
}

/// A step as written, in the manner of `stage_lines`. Never hashed: what is approved is rendered.
pub(super) fn template_lines(step: &ProgramStep) -> Vec<String> {
    let written = |text: &str| ascii(text.as_bytes());
    let name = written(&step.step.name.value);
    let mut lines = vec![format!("step {} {} \"{name}\" {}, not rendered yet", step.number, step.id, step.effect)];
    if let Some(hosts) = &step.step.hosts {
        let user = step.step.r#become.as_ref().map_or(String::new(), |user| format!(", as {}", written(&user.value)));
        let timeout = step.step.timeout.as_ref().map_or(String::new(), |timeout| format!(", timeout {}", written(&timeout.value)));
        lines.push(format!("  on {}{user}{timeout}", written(&hosts.value)));
    }
    lines.extend(step.step.env.iter().map(|(name, value)| format!("  $ export {}={}", name.value, written(&value.value))));
    lines.extend(step.step.cwd.iter().map(|folder| format!("  $ cd -- {}", written(&folder.value))));
    lines.extend(step.step.written_lines().iter().map(|line| format!("  {}", written(line))));
    lines
}

impl OutlinedStep {
    /// The stage, where it is rendered.
    pub fn stage(&self) -> Option<&Stage> {
        match &self.shape {
            Shape::Rendered(stage) | Shape::AfterLook { stage, .. } => Some(stage),
            Shape::LeftOut { .. } | Shape::Later { .. } => None,
        }
    }
}
