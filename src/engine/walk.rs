//! The way forward through blocks, loops, choices and calls. Decides which step is next; what a step needs is `leaf`'s.

use std::cell::Cell;
use std::collections::BTreeSet;

use super::decide::{Directive, Question};
use super::held::held;
use super::leaf::has_begun;
use super::progress::settled_results;
use super::state::{BlockState, LeftOut, State};
use super::turns::{in_turn, scope};
use crate::base::{HostName, StepId, Timestamp};
use crate::event::{Answer, CANNOT_KNOW, Event, LoopTurn, RunMode, Verdict};
use crate::plan::{
    Bracket, FlowBlock, Node, Presence, Program, ProgramStep, ReleaseWhen, Repeats, Road, StepNo, call_parameters, holds, looks_for_last,
    select, turns_of,
};

/// Where a step or a block stands.
#[derive(Debug)]
pub(in crate::engine) enum Standing {
    /// The next step may be reached.
    Settled,
    /// These come first.
    Open(Vec<Directive>),
    /// What follows is not reached.
    Broken(Breach),
}

/// Why what follows is not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Breach {
    Failed,
    Denied,
    /// The runbook ended the run itself.
    Concluded(Verdict),
}

/// One look at a run.
pub(in crate::engine) struct Walk<'a> {
    pub program: &'a Program,
    pub state: &'a State,
    pub now: Timestamp,
    /// What is open is within an uninterruptible block that has begun.
    uninterruptible: Cell<bool>,
}

impl<'a> Walk<'a> {
    pub fn new(program: &'a Program, state: &'a State, now: Timestamp) -> Self {
        Self { program, state, now, uninterruptible: Cell::new(false) }
    }

    pub fn is_uninterruptible(&self) -> bool {
        self.uninterruptible.get()
    }

    /// Whether the point of no return was passed.
    pub fn is_past_return(&self) -> bool {
        let begun = |(id, known)| has_begun(known) && self.program.step(id).is_some_and(|step| step.no_return);
        self.state.steps.iter().any(begun)
    }

    /// One after another, until one is open or broken.
    pub fn forward(&self, nodes: &[Node], turns: &[u32]) -> Standing {
        for node in nodes {
            match self.node(node, turns) {
                Standing::Settled => {}
                other => return other,
            }
        }
        Standing::Settled
    }

    fn node(&self, node: &Node, turns: &[u32]) -> Standing {
        match node {
            Node::Step(number) => self.leaf(&self.step(*number, turns)),
            Node::Choice { step, options } => self.choice(*step, options, turns),
            Node::Block(block) => self.block(block, turns),
        }
    }

    pub fn step(&self, number: StepNo, turns: &[u32]) -> ProgramStep {
        in_turn(self.state, &self.program.steps[number], turns)
    }

    fn choice(&self, step: StepNo, options: &[(String, Vec<Node>)], turns: &[u32]) -> Standing {
        let step = self.step(step, turns);
        let standing = self.leaf(&step);
        if !matches!(standing, Standing::Settled) {
            return standing;
        }
        if self.is_dry() {
            let ways = options.iter().map(|(_, nodes)| self.forward(nodes, turns));
            return ways.into_iter().find(|way| matches!(way, Standing::Open(_))).unwrap_or(Standing::Settled);
        }
        match self.chosen(&step.id, options) {
            Some(nodes) => self.forward(nodes, turns),
            None => Standing::Settled, // left out by its `when`
        }
    }

    pub fn chosen<'n>(&self, step: &StepId, options: &'n [(String, Vec<Node>)]) -> Option<&'n [Node]> {
        match self.state.step(step).answer {
            Some((_, Answer::Chosen { option })) => options.iter().find(|(name, _)| *name == option).map(|(_, nodes)| nodes.as_slice()),
            Some(_) | None => None,
        }
    }

    pub fn is_dry(&self) -> bool {
        self.program.mode == RunMode::DryRun
    }

    fn block(&self, block: &FlowBlock, turns: &[u32]) -> Standing {
        let standing = match &block.repeats {
            Repeats::Once => self.body(block, turns),
            Repeats::Called(frame) => self.called(block, *frame, turns),
            Repeats::ForEach(_) | Repeats::Rolling { .. } => self.repeated(block, turns),
        };
        if block.uninterruptible && matches!(standing, Standing::Open(_)) && self.has_any_begun(block, turns) {
            self.uninterruptible.set(true);
        }
        standing
    }

    fn called(&self, block: &FlowBlock, frame: usize, turns: &[u32]) -> Standing {
        let head = in_turn(self.state, &block.head, turns);
        if let Some(standing) = self.left_out(&head) {
            return standing;
        }
        if self.state.blocks.contains_key(&head.id) {
            return self.body(block, turns);
        }
        let event = match call_parameters(self.program, &head, frame, &scope(self.program, self.state, &head)) {
            Ok(parameters) => {
                let runbook = self.program.frames[frame].runbook.name.value.clone();
                Event::CallBegan { block: head.id, runbook, parameters: parameters.written() }
            }
            Err(error) => Event::StepRefused { step: head.id, why: error.to_string() },
        };
        Standing::Open(vec![Directive::Record(event)])
    }

    /// What follows where a loop or a call was left out, by its condition or because it cannot begin.
    fn left_out(&self, head: &ProgramStep) -> Option<Standing> {
        match self.state.step(&head.id).left_out {
            Some(LeftOut::Skipped(_)) => return Some(Standing::Settled),
            Some(LeftOut::Refused(_)) => return Some(self.failed(head, &self.state.step(&head.id))),
            None => {}
        }
        let has_begun = self.state.blocks.contains_key(&head.id);
        if has_begun { None } else { self.skip(head).map(|event| Standing::Open(vec![Directive::Record(event)])) }
    }

    fn repeated(&self, block: &FlowBlock, turns: &[u32]) -> Standing {
        let head = in_turn(self.state, &block.head, turns);
        if let Some(standing) = self.left_out(&head) {
            return standing;
        }
        let Some(BlockState::Loop { order, .. }) = self.state.blocks.get(&head.id) else {
            return Standing::Open(vec![Directive::Record(self.plan_turns(block, &head))]);
        };
        for (place, turn) in order.iter().enumerate() {
            let within: Vec<u32> = turns.iter().copied().chain([*turn]).collect();
            if let Some(directive) = self.reordered(block, &head, order, place) {
                return Standing::Open(vec![directive]);
            }
            if let Repeats::Rolling { pause: Some(pause), .. } = &block.repeats
                && place > 0
            {
                match self.leaf(&self.step(*pause, &within)) {
                    Standing::Settled => {}
                    other => return other,
                }
            }
            match self.body(block, &within) {
                Standing::Settled if !self.is_dry() && self.is_over_budget(block, &head, turns.len(), &order[..=place]) => {
                    return Standing::Broken(Breach::Failed);
                }
                Standing::Settled => {}
                other => return other,
            }
        }
        Standing::Settled
    }

    /// The turns of a loop that is reached.
    pub fn plan_turns(&self, block: &FlowBlock, head: &ProgramStep) -> Event {
        match turns_of(self.program, block, head, &scope(self.program, self.state, head)) {
            Ok(turns) if turns.is_empty() => {
                Event::StepSkipped { step: head.id.clone(), why: "there is nothing to repeat it for".to_owned() }
            }
            Ok(turns) => Event::TurnsPlanned { block: head.id.clone(), turns },
            Err(error) => Event::StepRefused { step: head.id.clone(), why: error.to_string() },
        }
    }

    /// Before a batch begins: what must go last is looked at again, and goes behind all that have not begun.
    fn reordered(&self, block: &FlowBlock, head: &ProgramStep, order: &[u32], place: usize) -> Option<Directive> {
        let Repeats::Rolling { last: Some(last), .. } = &block.repeats else { return None };
        let Some(BlockState::Loop { turns: planned, looked, .. }) = self.state.blocks.get(&head.id) else { return None };
        let turns = head.id.turns();
        let turn = order[place];
        let has_begun = self.has_any_begun(block, &turns.iter().copied().chain([turn]).collect::<Vec<_>>());
        if self.is_dry() || place == 0 || place + 1 == order.len() || has_begun {
            return None;
        }
        for look in looks_for_last(self.program, head, last) {
            let step = look.id.at(&turns[..look.loops.len().min(turns.len())]);
            let is_gated = self.state.step(&step).stage.is_some_and(|stage| stage.gate.is_some());
            if !is_gated && !looked.contains(&(turn, step.clone())) {
                return Some(Directive::Record(Event::LookRepeated { block: head.id.clone(), turn, step }));
            }
        }
        let scope = scope(self.program, self.state, &self.newest_turn(head, &turns, order, place));
        let hosts = select(self.program, head.frame, last, &scope).ok()?;
        let batch = |turn: &u32| match planned.get(*turn as usize - 1) {
            Some(LoopTurn::Batch(batch)) => batch.as_slice(),
            Some(LoopTurn::Item(_)) | None => &[],
        };
        let (later, sooner): (Vec<u32>, Vec<u32>) =
            order[place..].iter().partition(|turn| batch(turn).iter().any(|host| hosts.contains(host)));
        let in_company = later.iter().find(|turn| !batch(turn).iter().all(|host| hosts.contains(host)));
        if let Some(turn) = in_company.filter(|_| !sooner.is_empty()) {
            return self.moved_into_company(head, *turn, &hosts);
        }
        let new: Vec<u32> = order[..place].iter().copied().chain(sooner).chain(later).collect();
        (new != order).then(|| Directive::Record(Event::TurnsReordered { block: head.id.clone(), order: new }))
    }

    /// What must go last alone has come into a batch with others, which was planned, and perhaps approved, as one.
    fn moved_into_company(&self, head: &ProgramStep, turn: u32, hosts: &[HostName]) -> Option<Directive> {
        let names: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
        let why = format!(
            "{} must go last in a batch of its own now, and batch {turn} was planned with others; write `serial: 1`, or start the rest anew",
            names.join(", ")
        );
        Some(Directive::Record(Event::StepRefused { step: head.id.clone(), why }))
    }

    /// The block's head as its newest turn that has begun sees it: what was found out there decides what goes last.
    fn newest_turn(&self, head: &ProgramStep, turns: &[u32], order: &[u32], place: usize) -> ProgramStep {
        let mut within = head.clone();
        within.loops.push(head.id.at(&[]));
        match place.checked_sub(1).and_then(|before| order.get(before)) {
            Some(turn) => in_turn(self.state, &within, &turns.iter().copied().chain([*turn]).collect::<Vec<_>>()),
            None => within,
        }
    }

    /// Whether more hosts have failed in these turns, which are over, than the block that rolls bears. What fails in a later one is a person's to
    /// decide first.
    fn is_over_budget(&self, block: &FlowBlock, head: &ProgramStep, depth: usize, over: &[u32]) -> bool {
        let Repeats::Rolling { max_failures, .. } = &block.repeats else { return false };
        let mut failed: BTreeSet<HostName> = BTreeSet::new();
        for (id, known) in &self.state.steps {
            let within = self
                .program
                .step(id)
                .is_some_and(|step| step.takes_batch && step.loops.get(depth).is_some_and(|block| *block == head.id.at(&[])));
            let theirs = id.turns();
            let is_over = theirs.get(depth).is_some_and(|turn| over.contains(turn));
            if let Some(stage) = known.stage.as_ref().filter(|_| within && is_over && theirs.starts_with(&head.id.turns())) {
                failed.extend(settled_results(stage, known).into_iter().filter(|(_, result)| result.is_bad()).map(|(host, _)| host));
            }
        }
        failed.len() > *max_failures as usize
    }

    /// Hosts of a batch that have failed in an earlier step of it: what follows leaves them out. A dry run goes on looking.
    pub fn dropped(&self, step: &ProgramStep) -> BTreeSet<HostName> {
        if !step.takes_batch || step.is_aftermath || self.is_dry() {
            return BTreeSet::new();
        }
        let turns = step.id.turns();
        let of_turn = |id: &StepId| {
            *id != step.id
                && id.turns() == turns
                && self.program.step(id).is_some_and(|other| other.takes_batch && other.loops == step.loops)
        };
        let stages = self.state.steps.iter().filter(|(id, _)| of_turn(id)).filter_map(|(_, known)| Some((known.stage.as_ref()?, known)));
        let results = stages.flat_map(|(stage, known)| settled_results(stage, known));
        results.filter(|(_, result)| result.is_bad()).map(|(host, _)| host).collect()
    }

    /// Whether anything within has begun.
    pub fn has_any_begun(&self, block: &FlowBlock, turns: &[u32]) -> bool {
        let parts = block.steps.iter().chain(&block.rescue).chain(&block.always);
        let acquire = block.bracket.as_ref().map(|bracket| bracket.acquire);
        acquire.is_some_and(|number| self.step_has_begun(number, turns)) || parts.into_iter().any(|node| self.node_has_begun(node, turns))
    }

    fn node_has_begun(&self, node: &Node, turns: &[u32]) -> bool {
        match node {
            Node::Step(number) => self.step_has_begun(*number, turns),
            Node::Choice { step, options } => {
                self.step_has_begun(*step, turns)
                    || options.iter().flat_map(|(_, nodes)| nodes).any(|node| self.node_has_begun(node, turns))
            }
            Node::Block(block) => self.has_any_begun(block, turns),
        }
    }

    /// In these turns, or in any turn of a loop that is further in.
    fn step_has_begun(&self, number: StepNo, turns: &[u32]) -> bool {
        let base = self.program.steps[number].id.as_str();
        let of_turn = |id: &StepId| id.base() == base && id.turns().starts_with(turns);
        self.state.steps.iter().any(|(id, known)| of_turn(id) && has_begun(known))
    }

    /// A block once, or one turn of it: what it takes, its steps or their rescue, its end, and what it gives back.
    fn body(&self, block: &FlowBlock, turns: &[u32]) -> Standing {
        let course = self.course(block, turns);
        if matches!(course, Standing::Open(_)) {
            return course;
        }
        match self.closing(block, turns, &course) {
            Standing::Settled => course,
            Standing::Broken(_) if matches!(course, Standing::Broken(_)) => course,
            other => other,
        }
    }

    fn course(&self, block: &FlowBlock, turns: &[u32]) -> Standing {
        if let Some(bracket) = &block.bracket {
            match self.acquired(bracket, turns) {
                Standing::Settled => {}
                other => return other,
            }
        }
        match self.forward(&block.steps, turns) {
            Standing::Broken(Breach::Failed) if !block.rescue.is_empty() => self.forward(&block.rescue, turns),
            other => other,
        }
    }

    /// Nothing is taken before it is known how it is given back.
    fn acquired(&self, bracket: &Bracket, turns: &[u32]) -> Standing {
        let (acquire, release) = (self.step(bracket.acquire, turns), self.step(bracket.release, turns));
        let (taking, giving) = (self.state.step(&acquire.id), self.state.step(&release.id));
        let is_left_out = taking.left_out.is_some() || (!has_begun(&taking) && self.skip(&acquire).is_some());
        match (&giving.left_out, &giving.stage) {
            (Some(LeftOut::Refused(_)), _) => self.failed(&release, &giving),
            (None, None) if !is_left_out => Standing::Open(self.ready_stage(&release)),
            (Some(LeftOut::Skipped(_)) | None, _) => self.leaf(&acquire),
        }
    }

    /// What runs however the block went.
    fn closing(&self, block: &FlowBlock, turns: &[u32], course: &Standing) -> Standing {
        let always = match course {
            _ if self.is_dry() => self.forward(&block.always, turns),
            Standing::Broken(_) if !self.has_any_begun(block, turns) => Standing::Settled, // what was never begun needs no end
            Standing::Settled | Standing::Broken(_) | Standing::Open(_) => self.forward(&block.always, turns),
        };
        if matches!(always, Standing::Open(_)) {
            return always;
        }
        let released = match &block.bracket {
            Some(bracket) => self.released(bracket, turns, matches!(course, Standing::Settled)),
            None => Standing::Settled,
        };
        if matches!(released, Standing::Settled) { always } else { released }
    }

    /// Gives back what a bracket holds, where that is wanted now.
    pub fn released(&self, bracket: &Bracket, turns: &[u32], went_well: bool) -> Standing {
        let release = self.step(bracket.release, turns);
        let known = self.state.step(&release.id);
        let holds = held(self.state).iter().any(|held| held.release == release.id);
        if !holds && !self.is_dry() && !has_begun(&known) && known.left_out.is_none() && known.stage.is_some() {
            let why = "nothing is held".to_owned();
            return Standing::Open(vec![Directive::Record(Event::StepSkipped { step: release.id, why })]);
        }
        match (bracket.when, went_well, &known.unwound) {
            (ReleaseWhen::Success, false, _) | (ReleaseWhen::Ask, false, Some((_, Answer::Keep))) => Standing::Settled,
            (ReleaseWhen::Ask, false, None) if holds => match self.program.presence {
                Presence::Attended => Standing::Open(vec![Directive::Ask(Question::Release { step: release.id })]),
                Presence::Unattended => Standing::Settled, // held until a person releases it
            },
            (ReleaseWhen::Success | ReleaseWhen::Always | ReleaseWhen::Ask, _, _) => self.leaf(&release),
        }
    }

    /// A step whose `when` does not hold is left out, and one that its author keeps out of drills; one whose `when` has no value is refused. Of what
    /// cannot be known before, a dry run does not know that either.
    pub fn skip(&self, step: &ProgramStep) -> Option<Event> {
        if step.is_left_out_in_drills && self.program.mode.is_drill() {
            return Some(Event::StepSkipped { step: step.id.clone(), why: "left out in a drill".to_owned() });
        }
        if step.whens.is_empty() || step.road == Road::Withhold(CANNOT_KNOW) {
            return None;
        }
        let scope = scope(self.program, self.state, step);
        for when in &step.whens {
            match holds(&when.value, &scope) {
                Ok(true) => {}
                Ok(false) => return Some(Event::StepSkipped { step: step.id.clone(), why: format!("not so: {}", when.value) }),
                Err(error) => return Some(Event::StepRefused { step: step.id.clone(), why: format!("when: {error}") }),
            }
        }
        None
    }
}
