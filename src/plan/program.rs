//! A runbook made ready to run: blocks flattened, common words inherited, gates numbered. Never renders a template.

use std::collections::BTreeMap;

use super::params::Parameters;
use crate::base::{GateNo, Person, StepId};
use crate::event::{Answer, Effect, OnFailure, RunMode};
use crate::library::{Inventory, Policy, Roster};
use crate::runbook::{Gate, Runbook, Step, Work};
use crate::text::Spanned;

/// Everything that is fixed when a run is opened.
#[derive(Debug, Clone)]
pub struct Program {
    pub runbook: Runbook,
    pub inventory: Inventory,
    pub policy: Policy,
    pub roster: Roster,
    pub parameters: Parameters,
    pub requester: Person,
    pub presence: Presence,
    /// Answers to manual steps that were given beforehand.
    pub answers: BTreeMap<StepId, Answer>,
    /// Steps in the order in which they run; blocks are gone.
    pub steps: Vec<ProgramStep>,
    pub gates: BTreeMap<GateNo, ProgramGate>,
}

/// Whether somebody can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// A person sits at the terminal.
    Attended,
    /// Nobody answers but approvers.
    Unattended,
}

/// What shall happen with a step when it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Road {
    /// It runs.
    Carry,
    /// It is shown only, with this reason: the road of a dry run for what changes something.
    Withhold(&'static str),
}

/// One step of the flattened runbook, with what it inherits from its blocks.
#[derive(Debug, Clone)]
pub struct ProgramStep {
    pub id: StepId,
    /// `3`, or `4.2` within a block.
    pub number: String,
    pub step: Step,
    pub effect: Effect,
    /// The gate that covers it, if one is needed.
    pub gate: GateNo,
    /// All of these must hold: its blocks' and its own.
    pub whens: Vec<Spanned<String>>,
    pub on_failure: OnFailure,
    pub road: Road,
}

/// A gate before steps, or the place of one that the policy may ask for.
#[derive(Debug, Clone)]
pub struct ProgramGate {
    /// The step or block that it stands on.
    pub name: String,
    /// What the author asks; the policy's floor is added when the hosts are known.
    pub asks: Option<Gate>,
    /// In order; never empty.
    pub covers: Vec<StepId>,
}

/// What [`Program::new`] takes beside the runbook.
#[derive(Debug, Clone)]
pub struct Setting {
    pub inventory: Inventory,
    pub policy: Policy,
    pub roster: Roster,
    pub parameters: Parameters,
    pub requester: Person,
    pub presence: Presence,
    pub mode: RunMode,
}

impl Program {
    /// Flattens a runbook for a run in this setting.
    pub fn new(runbook: Runbook, setting: Setting) -> Self {
        let mut flat = Flat { steps: Vec::new(), gates: BTreeMap::new() };
        let outermost = Inherited { whens: Vec::new(), gate: None, words: None, on_failure: None };
        flat.steps_of(&runbook.steps, "", &outermost);
        let Flat { mut steps, gates } = flat;
        if setting.mode == RunMode::DryRun {
            withhold(&mut steps);
        }
        let Setting { inventory, policy, roster, parameters, requester, presence, .. } = setting;
        Self { runbook, inventory, policy, roster, parameters, requester, presence, answers: BTreeMap::new(), steps, gates }
    }

    /// The step of this id.
    pub fn step(&self, id: &StepId) -> Option<&ProgramStep> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// Names and selectors of `targets:`.
    pub fn targets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.runbook.targets.iter().map(|(name, selector)| (name.value.as_str(), selector.value.as_str()))
    }
}

struct Flat {
    steps: Vec<ProgramStep>,
    gates: BTreeMap<GateNo, ProgramGate>,
}

struct Inherited {
    whens: Vec<Spanned<String>>,
    gate: Option<GateNo>,
    /// The nearest block's own words, already with those of the blocks around it.
    words: Option<Step>,
    on_failure: Option<OnFailure>,
}

impl Flat {
    fn steps_of(&mut self, steps: &[Step], prefix: &str, inherited: &Inherited) {
        for (index, step) in steps.iter().enumerate() {
            let number = format!("{prefix}{}", index + 1);
            let step = inherit(step, inherited.words.as_ref());
            let gate = inherited.gate.or_else(|| self.gate_on(&step));
            let whens = inherited.whens.iter().chain(&step.when).cloned().collect();
            let on_failure = step.on_failure.as_ref().map(|word| word.value).or(inherited.on_failure);
            match &step.work {
                Work::Block { steps } => {
                    let steps = steps.clone();
                    self.steps_of(&steps, &format!("{number}."), &Inherited { whens, gate, words: Some(step), on_failure });
                }
                Work::Run { .. } | Work::Check { .. } | Work::Manual { .. } | Work::Wait { .. } => {
                    self.leaf(step, number, gate, whens, on_failure);
                }
            }
        }
    }

    /// A new gate where the author wrote one.
    fn gate_on(&mut self, step: &Step) -> Option<GateNo> {
        step.gate.as_ref().map(|gate| self.open_gate(step, Some(gate.clone())))
    }

    fn open_gate(&mut self, step: &Step, asks: Option<Gate>) -> GateNo {
        let gate = GateNo(u32::try_from(self.gates.len() + 1).unwrap_or(u32::MAX)); // at most 1,000 steps, so at most 1,000 gates
        self.gates.insert(gate, ProgramGate { name: step.name.value.clone(), asks, covers: Vec::new() });
        gate
    }

    fn leaf(&mut self, step: Step, number: String, gate: Option<GateNo>, whens: Vec<Spanned<String>>, on_failure: Option<OnFailure>) {
        let effect = step.effect().unwrap_or(Effect::Once);
        let gate = gate.unwrap_or_else(|| self.open_gate(&step, None));
        if let Some(gate) = self.gates.get_mut(&gate) {
            gate.covers.push(step.id.clone());
        }
        let on_failure = on_failure.unwrap_or(OnFailure::Ask);
        self.steps.push(ProgramStep { id: step.id.clone(), number, step, effect, gate, whens, on_failure, road: Road::Carry });
    }
}

/// A step with what it does not say itself and its block says.
fn inherit(step: &Step, block: Option<&Step>) -> Step {
    let mut step = step.clone();
    let Some(block) = block else { return step };
    step.hosts = step.hosts.or_else(|| block.hosts.clone());
    step.r#become = step.r#become.or_else(|| block.r#become.clone());
    step.cwd = step.cwd.or_else(|| block.cwd.clone());
    step.timeout = step.timeout.or_else(|| block.timeout.clone());
    let own: Vec<&str> = step.env.iter().map(|(name, _)| name.value.as_str()).collect();
    let more: Vec<_> = block.env.iter().filter(|(name, _)| !own.contains(&name.value.as_str())).cloned().collect();
    step.env.splice(0..0, more);
    step
}

/// A dry run runs only what reads; a read that asks for the result of a step that is not run cannot be known before.
fn withhold(steps: &mut [ProgramStep]) {
    let mut unknown: Vec<String> = Vec::new();
    for step in steps {
        let depends = super::names::names_of(&step.step, &step.whens).iter().any(|name| unknown.contains(name));
        step.road = match (&step.step.work, step.effect) {
            _ if depends => Road::Withhold("cannot know before"),
            (Work::Wait { .. }, _) => Road::Withhold("would wait"),
            (Work::Manual { .. }, _) => Road::Withhold("would ask a person"),
            (Work::Run { .. } | Work::Check { .. } | Work::Block { .. }, Effect::Read) => Road::Carry,
            (Work::Run { .. } | Work::Check { .. } | Work::Block { .. }, Effect::Idempotent | Effect::Once | Effect::Destructive) => {
                Road::Withhold("would run")
            }
        };
        step.on_failure = OnFailure::Continue;
        if let (Road::Withhold(_), Some(register)) = (step.road, &step.step.register) {
            unknown.push(register.value.clone());
        }
    }
}
