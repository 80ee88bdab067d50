//! Every text of a step that may hold a template or an expression. Never renders one.

use super::{ArtifactOrigin, EvidenceText, ForEachText, PutContent, Step, Work};
use crate::text::Spanned;

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// A template whose values become shell words.
    Command,
    /// A template whose values are inserted as they are.
    Plain,
    /// An expression.
    Expression,
    /// An expression over the step's own result, too.
    Judgement,
}

impl Step {
    /// Every template and expression of a step itself, not of the steps within it.
    pub fn texts(&self) -> Vec<(&Spanned<String>, TextKind)> {
        use TextKind::{Command, Expression, Judgement, Plain};
        let mut all = Vec::new();
        self.work.texts(&mut all);
        all.extend(self.done_when.iter().map(|text| (text, Command)));
        let undo = if matches!(self.work, Work::Manual { .. }) { Plain } else { Command };
        all.extend(self.undo.iter().map(|text| (text, undo)));
        all.extend([&self.hosts, &self.r#become, &self.cwd, &self.timeout].into_iter().flatten().map(|text| (text, Plain)));
        all.extend(self.env.iter().map(|(_, value)| (value, Plain)));
        if let Some(until) = &self.until {
            all.extend([Some(&until.within), until.every.as_ref()].into_iter().flatten().map(|text| (text, Plain)));
        }
        if let Some(retry) = &self.retry {
            all.extend(retry.delay.iter().map(|text| (text, Plain)));
        }
        if let Some(EvidenceText::Waived { reason }) = &self.evidence {
            all.push((reason, Plain));
        }
        all.extend(self.when.iter().map(|text| (text, Expression)));
        all.extend(self.expect.iter().map(|text| (text, Judgement)));
        all
    }
}

impl Work {
    fn texts<'s>(&'s self, all: &mut Vec<(&'s Spanned<String>, TextKind)>) {
        use TextKind::{Command, Plain};
        match self {
            Work::Run { command, .. } | Work::Check { command, .. } => all.push((command, Command)),
            Work::Manual { instructions, .. } => all.push((instructions, Plain)),
            Work::Choose { question, .. } => all.push((question, Plain)),
            Work::Wait { period } => all.push((period, Plain)),
            Work::Conclude { sentence, .. } => all.push((sentence, Plain)),
            Work::Call { with, .. } => all.extend(with.iter().map(|(_, value)| (value, Plain))),
            Work::Capture { artifacts } => all.extend(artifacts.iter().map(|artifact| match &artifact.origin {
                ArtifactOrigin::Run(command) => (command, Command),
                ArtifactOrigin::File(path) => (path, Plain),
            })),
            Work::Put(put) => {
                all.push((&put.to, Plain));
                all.extend(put.owner.iter().map(|text| (text, Plain)));
                if let PutContent::Content(text) = &put.content {
                    all.push((text, Plain));
                }
            }
            Work::Block(block) => {
                if let Some(ForEachText::Template(text)) = &block.for_each {
                    all.push((text, Plain));
                }
                if let Some(rolling) = &block.rolling {
                    all.extend([&rolling.pause, &rolling.last].into_iter().flatten().map(|text| (text, Plain)));
                }
                if let Some(bracket) = &block.bracket {
                    all.extend([(&bracket.acquire, Command), (&bracket.release, Command)]);
                }
            }
            Work::Script { .. } | Work::Reboot => {}
        }
    }
}
