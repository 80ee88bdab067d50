//! A runbook made ready to run: every step with what it inherits, gates numbered, blocks as a tree. Never renders a template.

use std::collections::{BTreeMap, HashMap};

use super::files;
use super::flow::{self, FlowBlock, Node};
use super::params::Parameters;
use crate::base::{Bytes, GateNo, HostName, Period, Person, StepId};
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
    pub mode: RunMode,
    /// Answers to a person's steps that were given beforehand.
    pub answers: BTreeMap<StepId, Answer>,
    /// Every step that does something itself, in the order written; blocks are in `flow`.
    pub steps: Vec<ProgramStep>,
    /// The order in which they run.
    pub flow: Vec<Node>,
    /// What runs where a step has failed after the point of no return.
    pub after_no_return: Vec<Node>,
    pub gates: BTreeMap<GateNo, ProgramGate>,
    /// The runbook itself, then each call of another one.
    pub frames: Vec<Frame>,
    /// Files of the library's `scripts/`, by their path in it.
    pub scripts: BTreeMap<String, Bytes>,
    /// All that lie there.
    pub script_names: Vec<String>,
    pub broken_calls: Vec<flow::BrokenCall>,
    index: HashMap<String, StepNo>,
}

/// A step's place in [`Program::steps`].
pub type StepNo = usize;

/// A runbook in which steps stand: its parameters and names are its own.
#[derive(Debug, Clone)]
pub struct Frame {
    pub runbook: Runbook,
    /// The step that calls it; `None` for the outermost.
    pub call: Option<Call>,
}

/// A call of another runbook.
#[derive(Debug, Clone)]
pub struct Call {
    /// The calling step, in no loop's turn yet.
    pub step: StepId,
    /// How many loops are around the call.
    pub depth: usize,
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

/// On which way of a run a step stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reached {
    /// On the way that is taken when all goes well.
    #[default]
    Always,
    /// In this option of a choice.
    IfChosen(String),
    /// Where something has failed: in this block, or past the point of no return.
    AfterFailure(Option<String>),
}

impl Reached {
    /// The way of what stands further in: what answers a failure is reached after that failure alone, whatever is chosen there.
    pub fn within(&self, inner: Reached) -> Self {
        match (self, &inner) {
            (Reached::AfterFailure(_), Reached::IfChosen(_)) => self.clone(),
            (Reached::Always | Reached::IfChosen(_) | Reached::AfterFailure(_), _) => inner,
        }
    }

    /// When that is, in words; nothing where it always is.
    pub fn words(&self) -> Option<String> {
        match self {
            Reached::Always => None,
            Reached::IfChosen(option) => Some(format!("only if \"{option}\" is chosen")),
            Reached::AfterFailure(Some(block)) => Some(format!("only if something in \"{block}\" fails")),
            Reached::AfterFailure(None) => Some("only if it fails past the point of no return".to_owned()),
        }
    }
}

/// What a step is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// As the author wrote it.
    Written,
    /// Takes what a block needs; the other step gives it back.
    Acquire { release: StepId },
    /// Gives back what the other step took.
    Release { acquire: StepId },
    /// Looks, every so often, at what people notice. It stands in no block.
    Symptom { every: Period },
    /// Looks at what the other step will change, so that it can be shown before it is done. Nobody wrote it.
    Before { of: StepId },
    /// Waits until what the other step asked for has come about. Nobody wrote it, and it is shown like any step.
    After { of: StepId },
}

/// One step, with what it inherits from its blocks. In a loop it stands for all its turns, until the engine makes one of them of it.
#[derive(Debug, Clone)]
pub struct ProgramStep {
    pub id: StepId,
    /// `3`, or `4.2` within a block.
    pub number: String,
    pub step: Step,
    pub role: Role,
    /// The look that comes first, and without which it cannot be rendered.
    pub before: Option<StepNo>,
    /// The wait for what it brings about, which follows it.
    pub after: Option<StepNo>,
    pub effect: Effect,
    /// The gate that covers it, if one is needed.
    pub gate: GateNo,
    /// All of these must hold: its blocks' and its own.
    pub whens: Vec<Spanned<String>>,
    pub on_failure: OnFailure,
    pub road: Road,
    /// Which of the program's frames it stands in.
    pub frame: usize,
    /// The loops around it, outermost first.
    pub loops: Vec<StepId>,
    /// Its hosts are those of the batch, where a block rolls over hosts.
    pub takes_batch: bool,
    /// It stands in a block's `rescue` or `always`, or gives back what a block has taken: it answers to what has failed.
    pub is_aftermath: bool,
    pub reached: Reached,
    /// Its failure is not the run's: its author goes on without it, or a block's rescue answers it.
    pub is_answered: bool,
    /// Once it has begun nothing is rolled back any more.
    pub no_return: bool,
    /// A rehearsal leaves it out: `in_drill: skip`, its own or a block's around it.
    pub is_left_out_in_drills: bool,
    /// The turn that it is made for.
    pub turn: Turn,
}

impl ProgramStep {
    /// Whether it is a command on hosts, and neither time, a person's part nor a conclusion.
    pub fn is_command(&self) -> bool {
        !matches!(self.step.work, Work::Wait { .. } | Work::Manual { .. } | Work::Choose { .. } | Work::Conclude { .. })
    }

    /// Whether an author wrote it, or words of it: what is made beside such a step has nothing of its own that could be wrong.
    pub fn is_written(&self) -> bool {
        match self.role {
            Role::Written | Role::Acquire { .. } | Role::Release { .. } | Role::Symptom { .. } => true,
            Role::Before { .. } | Role::After { .. } => false,
        }
    }
}

/// What a turn of the loops around a step gives it; nothing outside of loops.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Turn {
    pub item: Option<serde_json::Value>,
    pub batch: Option<Vec<HostName>>,
}

/// A gate before steps, or the place of one that the policy may ask for.
#[derive(Debug, Clone)]
pub struct ProgramGate {
    /// The step or block that it stands on.
    pub name: String,
    /// What the author asks; the policy's floor is added when the hosts are known.
    pub asks: Option<Gate>,
    /// In order; never empty. Each stands for its turns where it is in a loop.
    pub covers: Vec<StepId>,
    /// How many loops are around the gate: it is asked once for each of their turns.
    pub depth: usize,
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
    pub shelf: Shelf,
}

/// The other files of the library that a runbook uses.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    /// Runbooks that are called, by name.
    pub runbooks: BTreeMap<String, Runbook>,
    /// Files of `scripts/`, by their path in it.
    pub scripts: BTreeMap<String, Bytes>,
    /// All that lie there, whether they are used or not.
    pub script_names: Vec<String>,
}

impl Program {
    /// Makes a runbook ready for a run in this setting.
    pub fn new(runbook: Runbook, setting: Setting) -> Self {
        let flow::Flat { mut steps, mut gates, frames, broken_calls, flow, after_no_return } =
            flow::flatten(&runbook, &setting.shelf.runbooks);
        steps.iter_mut().for_each(|step| files::inline_templates(&mut step.step, &setting.shelf.scripts));
        if setting.mode == RunMode::DryRun {
            super::withhold::withhold(&mut steps, &mut gates);
        }
        let index = steps.iter().enumerate().map(|(number, step)| (step.id.as_str().to_owned(), number)).collect();
        let Setting { inventory, policy, roster, parameters, requester, presence, mode, shelf } = setting;
        let answers = BTreeMap::new();
        Self {
            runbook,
            inventory,
            policy,
            roster,
            parameters,
            requester,
            presence,
            mode,
            answers,
            steps,
            flow,
            after_no_return,
            gates,
            frames,
            scripts: shelf.scripts,
            script_names: shelf.script_names,
            broken_calls,
            index,
        }
    }

    /// The step of this id, whatever turn of a loop it names.
    pub fn step(&self, id: &StepId) -> Option<&ProgramStep> {
        self.index.get(id.base()).map(|number| &self.steps[*number])
    }

    /// Every block, loop and call, each before what it holds.
    pub fn blocks(&self) -> Vec<&FlowBlock> {
        flow::blocks(&self.flow).into_iter().chain(flow::blocks(&self.after_no_return)).collect()
    }

    /// Names and selectors of `targets:` in the runbook that a step stands in.
    pub fn targets(&self, frame: usize) -> impl Iterator<Item = (&str, &str)> {
        self.frames[frame].runbook.targets.iter().map(|(name, selector)| (name.value.as_str(), selector.value.as_str()))
    }

    /// The number of the step of this id, whatever turn of a loop it names.
    pub fn number_of(&self, id: &StepId) -> Option<StepNo> {
        self.index.get(id.base()).copied()
    }

    /// The parameters of a called runbook as they were recorded when the call began; nothing where they no longer fit it.
    pub fn called_parameters(&self, frame: usize, written: &BTreeMap<String, Bytes>) -> Parameters {
        Parameters::resolve(&self.frames[frame].runbook, written, &self.inventory).unwrap_or_default()
    }
}
