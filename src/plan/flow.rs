//! The tree of blocks, loops, choices and calls, and the steps in it with what they inherit. Never looks at what has happened.

mod looked;

use std::collections::BTreeMap;

use super::program::{Call, Frame, ProgramGate, ProgramStep, Reached, Road, Role, StepNo, Turn};
use crate::base::{GateNo, Period, StepId};
use crate::event::{Effect, OnFailure};
use crate::runbook::{Block, BracketText, ChoiceText, ForEachText, Gate, InDrill, RetryText, Runbook, Serial, Step, Symptom, Work};

pub use crate::runbook::ReleaseWhen;
use crate::text::{Span, Spanned};

/// How often a release is tried: what is held must be given back, and giving it back twice does no harm.
const RELEASE_ATTEMPTS: u32 = 3;

/// How often a symptom is looked at when nothing is said: often enough to tell which step cleared it, seldom enough to cost nothing.
const SYMPTOM_EVERY: Period = Period::from_secs(10);

/// Bytes of each look at a symptom that are stored: it is looked at hundreds of times.
const SYMPTOM_OUTPUT: u64 = 4 << 10;

/// One place in the order of a run.
#[derive(Debug, Clone)]
pub enum Node {
    Step(StepNo),
    /// A person chooses, then the steps of that option run.
    Choice {
        step: StepNo,
        options: Vec<(String, Vec<Node>)>,
    },
    Block(Box<FlowBlock>),
}

/// A block, a loop or a call.
#[derive(Debug, Clone)]
pub struct FlowBlock {
    /// The block itself as a step: its id, conditions, hosts and place. It is never run.
    pub head: ProgramStep,
    pub repeats: Repeats,
    pub bracket: Option<Bracket>,
    /// How many of the program's steps stand before it.
    pub before: StepNo,
    pub steps: Vec<Node>,
    pub rescue: Vec<Node>,
    pub always: Vec<Node>,
    pub uninterruptible: bool,
}

/// How often a block runs, and over what.
#[derive(Debug, Clone)]
pub enum Repeats {
    Once,
    /// The steps of a called runbook: which frame they stand in.
    Called(usize),
    ForEach(ForEachText),
    Rolling {
        /// Sizes of the batches; the last one serves all that follow.
        serial: Vec<Serial>,
        /// A selector, possibly a template, of what goes last.
        last: Option<Spanned<String>>,
        /// How many hosts may fail over all batches.
        max_failures: u32,
        /// The step that waits between two batches.
        pause: Option<StepNo>,
    },
}

/// What is taken before a block and given back after it.
#[derive(Debug, Clone)]
pub struct Bracket {
    pub acquire: StepNo,
    pub release: StepNo,
    pub when: ReleaseWhen,
}

/// What [`flatten`] makes of a runbook.
pub struct Flat {
    pub steps: Vec<ProgramStep>,
    pub gates: BTreeMap<GateNo, ProgramGate>,
    pub frames: Vec<Frame>,
    pub broken_calls: Vec<BrokenCall>,
    pub flow: Vec<Node>,
    pub after_no_return: Vec<Node>,
}

/// A call that leads nowhere.
#[derive(Debug, Clone)]
pub struct BrokenCall {
    /// The runbook in which it is written.
    pub frame: usize,
    pub place: Span,
    pub why: String,
}

/// The runbook and all that it calls as one tree.
pub fn flatten(runbook: &Runbook, called: &BTreeMap<String, Runbook>) -> Flat {
    let frames = vec![Frame { runbook: runbook.clone(), call: None }];
    let mut flat =
        Flat { steps: Vec::new(), gates: BTreeMap::new(), frames, broken_calls: Vec::new(), flow: Vec::new(), after_no_return: Vec::new() };
    let mut builder = Builder { flat: &mut flat, called, calling: vec![runbook.name.value.clone()] };
    let flow = builder.nodes(&runbook.steps, "", &Around::default());
    let prefix = format!("{}.", runbook.steps.len() + 1);
    let after = builder.nodes(&runbook.after_no_return, &prefix, &Around { reached: Reached::AfterFailure(None), ..Around::default() });
    builder.symptoms(runbook);
    (flat.flow, flat.after_no_return) = (flow, after);
    flat
}

/// What the blocks around a step give it.
#[derive(Debug, Clone, Default)]
struct Around {
    whens: Vec<Spanned<String>>,
    gate: Option<GateNo>,
    /// The nearest block's own words, already with those of the blocks around it.
    words: Option<Step>,
    on_failure: Option<OnFailure>,
    frame: usize,
    /// The calling step, within a call.
    call: Option<StepId>,
    loops: Vec<StepId>,
    takes_batch: bool,
    /// Of the block that rolls: how many hosts may fail.
    budget: Option<Spanned<u32>>,
    is_aftermath: bool,
    reached: Reached,
    /// A block's rescue answers what fails here.
    is_rescued: bool,
    no_return: bool,
    is_left_out_in_drills: bool,
}

struct Builder<'a> {
    flat: &'a mut Flat,
    called: &'a BTreeMap<String, Runbook>,
    /// Names of the runbooks that are being called, the outermost first.
    calling: Vec<String>,
}

impl Builder<'_> {
    fn nodes(&mut self, steps: &[Step], prefix: &str, around: &Around) -> Vec<Node> {
        let mut nodes = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            let Some(node) = self.node(step, format!("{prefix}{}", index + 1), around) else { continue };
            let follows = match &node {
                Node::Step(number) => self.flat.steps[*number].after,
                Node::Choice { .. } | Node::Block(_) => None,
            };
            nodes.push(node);
            nodes.extend(follows.map(Node::Step));
        }
        nodes
    }

    /// `None` where an id would be too long: told as a broken call.
    fn node(&mut self, written: &Step, number: String, around: &Around) -> Option<Node> {
        let step = self.inherit(written, around)?;
        let mut inner = Around { words: Some(step.clone()), ..around.clone() };
        inner.takes_batch = around.takes_batch && written.hosts.is_none();
        inner.whens.extend(step.when.clone());
        inner.on_failure = step.on_failure.as_ref().map(|word| word.value).or(around.on_failure);
        inner.no_return |= step.no_return.is_some();
        inner.is_left_out_in_drills = step.in_drill.as_ref().map_or(around.is_left_out_in_drills, |word| word.value == InDrill::Skip);
        inner.gate = around.gate.or_else(|| self.gate_on(&step, around));
        match &written.work {
            Work::Block(block) => self.block(&step, block, number, inner).map(|block| Node::Block(Box::new(block))),
            Work::Call { runbook, .. } => self.call(&step, runbook, number, inner).map(|block| Node::Block(Box::new(block))),
            Work::Choose { options, .. } => {
                let chooser = self.leaf(step, number.clone(), &inner, Role::Written);
                let nodes = |(index, option): (usize, &ChoiceText)| {
                    let around = Around { reached: inner.reached.within(Reached::IfChosen(option.name.value.clone())), ..inner.clone() };
                    (option.name.value.clone(), self.nodes(&option.steps, &format!("{number}.{}.", index + 1), &around))
                };
                Some(Node::Choice { step: chooser, options: options.iter().enumerate().map(nodes).collect() })
            }
            Work::Put(_) => Some(Node::Step(self.leaf_after_look(step, number, &inner)?)),
            Work::Reboot => Some(Node::Step(self.reboot(step, number, &inner)?)),
            Work::Run { .. } | Work::Script { .. } | Work::Check { .. } | Work::Capture { .. } => {
                Some(Node::Step(self.leaf(step, number, &inner, Role::Written)))
            }
            Work::Manual { .. } | Work::Wait { .. } | Work::Conclude { .. } => {
                Some(Node::Step(self.leaf(step, number, &inner, Role::Written)))
            }
        }
    }

    fn block(&mut self, step: &Step, block: &Block, number: String, mut inner: Around) -> Option<FlowBlock> {
        let before = self.flat.steps.len();
        let head = self.head(step, number.clone(), &inner);
        if block.for_each.is_some() || block.rolling.is_some() {
            inner.loops.push(step.id.clone());
        }
        if let Some(rolling) = &block.rolling {
            (inner.takes_batch, inner.budget) = (true, rolling.max_failures.clone());
        }
        let outer_failure = inner.on_failure;
        if !block.rescue.is_empty() && step.on_failure.is_none() {
            inner.on_failure = Some(OnFailure::Stop); // what fails here is answered by the rescue
        }
        let repeats = match (&block.for_each, &block.rolling) {
            (Some(items), _) => Repeats::ForEach(items.clone()),
            (None, Some(rolling)) => {
                let pause = rolling.pause.as_ref().and_then(|period| self.pause(step, period, &number, &inner));
                let serial = rolling.serial.iter().map(|size| size.value).collect();
                let max_failures = rolling.max_failures.as_ref().map_or(0, |word| word.value);
                Repeats::Rolling { serial, last: rolling.last.clone(), max_failures, pause }
            }
            (None, None) => Repeats::Once,
        };
        let bracket = match &block.bracket {
            Some(bracket) => Some(self.bracket(step, bracket, &number, &inner)?),
            None => None,
        };
        let rescued = Around { is_rescued: inner.is_rescued || !block.rescue.is_empty(), ..inner.clone() };
        let steps = self.nodes(&block.steps, &format!("{number}."), &rescued);
        let outer = Around { on_failure: outer_failure, is_aftermath: true, ..inner.clone() };
        let after = Reached::AfterFailure(Some(step.name.value.clone()));
        let saving = Around { reached: inner.reached.within(after), ..outer.clone() };
        let rescue = self.nodes(&block.rescue, &format!("{number}.rescue."), &saving);
        let always = self.nodes(&block.always, &format!("{number}.always."), &outer);
        Some(FlowBlock { head, repeats, bracket, before, steps, rescue, always, uninterruptible: block.uninterruptible })
    }

    /// The steps of another runbook: its names, parameters and gates are its own.
    fn call(&mut self, step: &Step, runbook: &Spanned<String>, number: String, inner: Around) -> Option<FlowBlock> {
        let head = self.head(step, number.clone(), &inner);
        let broken = |why: String| BrokenCall { frame: inner.frame, place: runbook.span, why };
        let Some(called) = self.called.get(&runbook.value) else {
            self.flat
                .broken_calls
                .push(broken(format!("there is no runbook `{}` in this library, or it has errors of its own", runbook.value)));
            return None;
        };
        if self.calling.contains(&runbook.value) {
            self.flat.broken_calls.push(broken(format!("`{}` calls itself: {} → {0}", runbook.value, self.calling.join(" → "))));
            return None;
        }
        let frame = self.flat.frames.len();
        let call = Some(Call { step: step.id.clone(), depth: inner.loops.len() });
        self.flat.frames.push(Frame { runbook: called.clone(), call });
        self.calling.push(runbook.value.clone());
        let before = self.flat.steps.len();
        let around = Around {
            on_failure: inner.on_failure,
            frame,
            call: Some(step.id.clone()),
            loops: inner.loops.clone(),
            reached: inner.reached,
            is_rescued: inner.is_rescued,
            no_return: inner.no_return,
            is_left_out_in_drills: inner.is_left_out_in_drills,
            ..Around::default()
        };
        let steps = self.nodes(&called.steps, &format!("{number}."), &around);
        self.calling.pop();
        let (rescue, always) = (Vec::new(), Vec::new());
        Some(FlowBlock { head, repeats: Repeats::Called(frame), bracket: None, before, steps, rescue, always, uninterruptible: false })
    }

    fn bracket(&mut self, block: &Step, bracket: &BracketText, number: &str, inner: &Around) -> Option<Bracket> {
        let (acquire, release) = (block.id.part("acquire")?, block.id.part("release")?);
        let gate = inner.gate.or_else(|| Some(self.open_gate(&block.name.value, None, inner)));
        let inner = Around { gate, ..inner.clone() };
        let name = |word: &str| Spanned { value: format!("{word}: {}", block.name.value), span: block.name.span };
        let taking = command_step(block, acquire.clone(), name("Acquire"), bracket.acquire.clone());
        let mut giving = command_step(block, release.clone(), name("Release"), bracket.release.clone());
        giving.effect = Some(Spanned { value: Effect::Idempotent, span: bracket.release.span });
        let attempts = Spanned { value: RELEASE_ATTEMPTS, span: bracket.release.span };
        giving.retry = Some(RetryText { attempts, delay: None, backoff: None });
        let acquire_no = self.leaf(taking, format!("{number}.acquire"), &inner, Role::Acquire { release });
        // a host that has failed gives back what it holds all the same
        let inner = Around { on_failure: Some(OnFailure::Stop), is_aftermath: true, ..inner };
        let release_no = self.leaf(giving, format!("{number}.release"), &inner, Role::Release { acquire });
        Some(Bracket { acquire: acquire_no, release: release_no, when: bracket.release_when })
    }

    fn pause(&mut self, block: &Step, period: &Spanned<String>, number: &str, inner: &Around) -> Option<StepNo> {
        let mut step = command_step(block, block.id.part("pause")?, block.name.clone(), period.clone());
        step.name.value = format!("Pause: {}", block.name.value);
        (step.work, step.hosts) = (Work::Wait { period: period.clone() }, None);
        Some(self.leaf(step, format!("{number}.pause"), inner, Role::Written))
    }

    /// Symptoms are looked at beside the steps: they stand in no block, and after all of them.
    fn symptoms(&mut self, runbook: &Runbook) {
        for (index, symptom) in runbook.symptoms.iter().enumerate() {
            let every = symptom.every.as_ref().map_or(SYMPTOM_EVERY, |every| every.value);
            let step = symptom_step(symptom);
            self.leaf(step, format!("s{}", index + 1), &Around::default(), Role::Symptom { every });
        }
    }

    /// A new gate where the author wrote one.
    fn gate_on(&mut self, step: &Step, around: &Around) -> Option<GateNo> {
        step.gate.as_ref().map(|gate| self.open_gate(&step.name.value, Some(gate.clone()), around))
    }

    fn open_gate(&mut self, name: &str, asks: Option<Gate>, around: &Around) -> GateNo {
        let gate = GateNo(u32::try_from(self.flat.gates.len() + 1).unwrap_or(u32::MAX)); // far fewer: files have at most 1,000 steps
        let depth = around.loops.len();
        self.flat.gates.insert(gate, ProgramGate { name: name.to_owned(), asks, covers: Vec::new(), depth });
        gate
    }

    fn leaf(&mut self, step: Step, number: String, around: &Around, role: Role) -> StepNo {
        let gate = around.gate.unwrap_or_else(|| self.open_gate(&step.name.value, None, around));
        if let Some(gate) = self.flat.gates.get_mut(&gate) {
            gate.covers.push(step.id.clone());
        }
        let step = ProgramStep { gate, role, ..self.head(&step, number, around) };
        self.flat.steps.push(step);
        self.flat.steps.len() - 1
    }

    fn head(&self, step: &Step, number: String, around: &Around) -> ProgramStep {
        ProgramStep {
            id: step.id.clone(),
            number,
            step: step.clone(),
            role: Role::Written,
            before: None,
            after: None,
            effect: step.effect().unwrap_or(Effect::Read),
            gate: around.gate.unwrap_or(GateNo(0)),
            whens: around.whens.clone(),
            on_failure: around.on_failure.unwrap_or(OnFailure::Ask),
            road: Road::Carry,
            frame: around.frame,
            loops: around.loops.clone(),
            takes_batch: around.takes_batch,
            is_aftermath: around.is_aftermath,
            reached: around.reached.clone(),
            is_answered: around.is_rescued || around.on_failure == Some(OnFailure::Continue),
            no_return: around.no_return,
            is_left_out_in_drills: around.is_left_out_in_drills,
            turn: Turn::default(),
        }
    }

    /// A step with what it does not say itself and its block says.
    fn inherit(&mut self, written: &Step, around: &Around) -> Option<Step> {
        let mut step = written.clone();
        if let Some(call) = &around.call {
            let Some(id) = step.id.within(call) else {
                self.flat.broken_calls.push(BrokenCall {
                    frame: around.frame,
                    place: step.name.span,
                    why: "the ids of this step and of its callers are too long together".to_owned(),
                });
                return None;
            };
            step.id = id;
        }
        if around.takes_batch && step.hosts.is_none() && step.max_failures.is_none() {
            step.max_failures = around.budget.clone();
        }
        let Some(block) = &around.words else { return Some(step) };
        step.hosts = step.hosts.or_else(|| block.hosts.clone());
        step.r#become = step.r#become.or_else(|| block.r#become.clone());
        step.cwd = step.cwd.or_else(|| block.cwd.clone());
        step.timeout = step.timeout.or_else(|| block.timeout.clone());
        step.in_drill = step.in_drill.or_else(|| block.in_drill.clone());
        let own: Vec<&str> = step.env.iter().map(|(name, _)| name.value.as_str()).collect();
        let more: Vec<_> = block.env.iter().filter(|(name, _)| !own.contains(&name.value.as_str())).cloned().collect();
        step.env.splice(0..0, more);
        Some(step)
    }
}

/// A step that runs one command where its block is.
fn command_step(block: &Step, id: StepId, name: Spanned<String>, command: Spanned<String>) -> Step {
    let mut step = block.clone();
    (step.id, step.name) = (id, name);
    (step.when, step.gate, step.why, step.no_return) = (None, None, None, None);
    step.span = Span { ..command.span };
    step.work = Work::Run { command, shell: None };
    step
}

/// A look at a symptom as a step. One that takes long is of no use: the next one is due.
fn symptom_step(symptom: &Symptom) -> Step {
    let every = symptom.every.as_ref().map_or(SYMPTOM_EVERY, |every| every.value);
    let timeout = symptom.timeout.as_ref().map_or(every, |timeout| timeout.value).to_string();
    Step {
        id: symptom.id.clone(),
        name: symptom.name.clone(),
        why: None,
        hosts: Some(symptom.hosts.clone()),
        expect_hosts: None,
        when: None,
        gate: None,
        effect: None,
        r#become: None,
        env: Vec::new(),
        cwd: None,
        timeout: Some(Spanned { value: timeout, span: symptom.name.span }),
        retry: None,
        register: None,
        parse: None,
        expect: symptom.expect.clone(),
        until: None,
        done_when: None,
        on_failure: Some(Spanned { value: OnFailure::Continue, span: symptom.name.span }),
        max_output: Some(Spanned { value: SYMPTOM_OUTPUT, span: symptom.name.span }),
        max_failures: None,
        undo: None,
        evidence: None,
        in_drill: None,
        no_return: None,
        work: Work::Check { command: symptom.check.clone(), shell: None },
        span: symptom.name.span,
    }
}

/// Every loop, call and block, each before what it holds.
pub fn blocks(nodes: &[Node]) -> Vec<&FlowBlock> {
    nodes.iter().flat_map(blocks_of).collect()
}

fn blocks_of(node: &Node) -> Vec<&FlowBlock> {
    match node {
        Node::Step(_) => Vec::new(),
        Node::Choice { options, .. } => options.iter().flat_map(|(_, nodes)| blocks(nodes)).collect(),
        Node::Block(block) => {
            let parts = [&block.steps, &block.rescue, &block.always];
            std::iter::once(&**block).chain(parts.into_iter().flat_map(|part| blocks(part))).collect()
        }
    }
}
