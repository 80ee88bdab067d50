//! The steps of a runbook in their order, each with its place and with what its blocks give it. Never renders a template.

use crate::base::StepId;
use crate::event::Effect;
use crate::runbook::{Gate, Runbook, Step, Work};

/// One step at its place.
pub struct Placed<'r> {
    /// Its index among all.
    pub at: usize,
    /// `3`, or `4.2` within a block.
    pub number: String,
    /// As its author wrote it.
    pub written: &'r Step,
    /// With the words that count for it where it does not say them itself.
    pub step: Step,
    /// Its own gate, or that of the nearest block.
    pub gate: Option<&'r Gate>,
    /// Its blocks' conditions and its own.
    pub whens: Vec<&'r str>,
    pub parent: Option<usize>,
    pub section: Section<'r>,
}

/// Which list of its block a step stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Section<'r> {
    Steps,
    Rescue,
    Always,
    Option(&'r str),
    AfterNoReturn,
}

/// Every step of a runbook, each before what it holds.
pub fn placed(runbook: &Runbook) -> Vec<Placed<'_>> {
    let mut all = Vec::new();
    gather(&mut all, &runbook.steps, "", None, &Section::Steps);
    gather(&mut all, &runbook.after_no_return, &format!("{}.", runbook.steps.len() + 1), None, &Section::AfterNoReturn);
    all
}

fn gather<'r>(all: &mut Vec<Placed<'r>>, steps: &'r [Step], prefix: &str, parent: Option<usize>, section: &Section<'r>) {
    for (index, written) in steps.iter().enumerate() {
        let (at, number) = (all.len(), format!("{prefix}{}", index + 1));
        let around = parent.map(|parent| &all[parent]);
        let mut whens = around.map_or(Vec::new(), |around| around.whens.clone());
        whens.extend(written.when.as_ref().map(|when| when.value.as_str()));
        let gate = written.gate.as_ref().or_else(|| around.and_then(|around| around.gate));
        let step = inherit(written, around.map(|around| &around.step));
        all.push(Placed { at, number: number.clone(), written, step, gate, whens, parent, section: section.clone() });
        match &written.work {
            Work::Block(block) => {
                gather(all, &block.steps, &format!("{number}."), Some(at), &Section::Steps);
                gather(all, &block.rescue, &format!("{number}.rescue."), Some(at), &Section::Rescue);
                gather(all, &block.always, &format!("{number}.always."), Some(at), &Section::Always);
            }
            Work::Choose { options, .. } => {
                for (index, option) in options.iter().enumerate() {
                    let section = Section::Option(&option.name.value);
                    gather(all, &option.steps, &format!("{number}.{}.", index + 1), Some(at), &section);
                }
            }
            Work::Run { .. } | Work::Script { .. } | Work::Check { .. } | Work::Capture { .. } | Work::Put(_) | Work::Reboot => {}
            Work::Manual { .. } | Work::Wait { .. } | Work::Call { .. } | Work::Conclude { .. } => {}
        }
    }
}

/// The words of a block that count for the steps within.
fn inherit(written: &Step, around: Option<&Step>) -> Step {
    let mut step = written.clone();
    let Some(around) = around else { return step };
    step.hosts = step.hosts.or_else(|| around.hosts.clone());
    step.r#become = step.r#become.or_else(|| around.r#become.clone());
    step.cwd = step.cwd.or_else(|| around.cwd.clone());
    step.timeout = step.timeout.or_else(|| around.timeout.clone());
    step.on_failure = step.on_failure.or_else(|| around.on_failure.clone());
    let missing: Vec<_> = around.env.iter().filter(|(name, _)| !step.env.iter().any(|(own, _)| own.value == name.value)).cloned().collect();
    step.env.extend(missing);
    step
}

impl Placed<'_> {
    /// The step as a sentence begins with it.
    pub fn said(&self) -> String {
        let what = if self.written.is_block() { "block" } else { "step" };
        format!("{what} {} \"{}\"", self.number, self.written.name.value)
    }

    /// Whether it does something itself, or takes hosts one after another, or holds something.
    pub fn acts(&self) -> bool {
        match &self.written.work {
            Work::Block(block) => block.rolling.is_some() || block.bracket.is_some(),
            Work::Run { .. } | Work::Script { .. } | Work::Check { .. } | Work::Capture { .. } | Work::Put(_) | Work::Reboot => true,
            Work::Manual { .. } | Work::Choose { .. } | Work::Wait { .. } | Work::Call { .. } | Work::Conclude { .. } => true,
        }
    }

    /// Whether somebody looked, decided or was rescued here.
    pub fn protects(&self) -> bool {
        let looks = matches!(self.written.work, Work::Check { .. } | Work::Capture { .. } | Work::Manual { .. } | Work::Choose { .. });
        looks || matches!(self.section, Section::Rescue | Section::Always | Section::AfterNoReturn)
    }

    /// Whether it destroys information.
    pub fn is_destructive(&self) -> bool {
        self.written.effect() == Some(Effect::Destructive)
    }

    /// Whether it stands in this block, however deep.
    pub fn is_within(&self, block: usize, all: &[Placed<'_>]) -> bool {
        self.parent.is_some_and(|parent| parent == block || all[parent].is_within(block, all))
    }

    /// What it does itself, without its way back, its evidence and the look at what is done already: those are words of their own.
    pub fn work_lines(&self) -> Vec<String> {
        let mut own = self.written.clone();
        (own.undo, own.done_when, own.evidence) = (None, None, None);
        if let Work::Block(block) = &mut own.work {
            block.bracket = None; // told as a word of the block
        }
        own.written_lines()
    }

    /// Where it runs, with which promise, and behind what.
    pub fn in_short(&self) -> String {
        let on = self.step.hosts.as_ref().map(|hosts| format!("on {}", hosts.value));
        let effect = self.written.effect().map(|effect| effect.to_string());
        let gate = self.gate.map(|gate| format!("behind a gate of {}", gate.approvals.value));
        let none = (self.gate.is_none() && self.written.effect().is_some_and(|effect| effect != Effect::Read))
            .then(|| "without a gate of its own".to_owned());
        let said: Vec<String> = [on, effect, gate, none].into_iter().flatten().collect();
        if said.is_empty() || self.written.is_block() { String::new() } else { format!(": {}", said.join(", ")) }
    }

    /// Where it stands.
    pub fn place(&self, all: &[Placed<'_>]) -> String {
        let before = all[..self.at].iter().rev().find(|other| other.parent == self.parent && other.section == self.section);
        let block = self.parent.map(|parent| all[parent].said());
        let list = match (&self.section, block) {
            (Section::Steps, None) => String::new(),
            (Section::AfterNoReturn, _) => " among the steps after the point of no return".to_owned(),
            (Section::Rescue, Some(block)) => format!(" in the rescue of {block}"),
            (Section::Always, Some(block)) => format!(" in what {block} does in the end"),
            (Section::Option(name), Some(block)) => format!(" in the option `{name}` of {block}"),
            (Section::Steps | Section::Rescue | Section::Always | Section::Option(_), block) => {
                format!(" in {}", block.unwrap_or_default())
            }
        };
        match before {
            Some(before) => format!("after {}{list}", before.said()),
            None => format!("first{list}"),
        }
    }

    /// Its block's id and its list, for comparing places.
    pub fn home<'a>(&'a self, all: &'a [Placed<'_>]) -> (Option<&'a StepId>, &'a Section<'a>) {
        (self.parent.map(|parent| &all[parent].written.id), &self.section)
    }
}
