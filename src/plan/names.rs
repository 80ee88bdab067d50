//! Which names a step's templates and expressions ask for. Never looks a value up.

use std::collections::BTreeSet;

use super::template::{names_in_expression, names_in_template};
use crate::runbook::{Step, Work};
use crate::text::Spanned;

/// Every template of a step as it is rendered, with whether it is command text.
pub fn templates_of(step: &Step) -> Vec<(&Spanned<String>, TemplateKind)> {
    use TemplateKind::{Command, Plain};
    let mut all = Vec::new();
    match &step.work {
        Work::Run { command, .. } | Work::Check { command, .. } => all.push((command, Command)),
        Work::Manual { instructions } => all.push((instructions, Plain)),
        Work::Wait { period } => all.push((period, Plain)),
        Work::Block { .. } => {}
    }
    all.extend(step.done_when.iter().map(|text| (text, Command)));
    all.extend([&step.hosts, &step.r#become, &step.cwd, &step.timeout].into_iter().flatten().map(|text| (text, Plain)));
    all.extend(step.env.iter().map(|(_, value)| (value, Plain)));
    if let Some(until) = &step.until {
        all.extend([Some(&until.within), until.every.as_ref()].into_iter().flatten().map(|text| (text, Plain)));
    }
    if let Some(retry) = &step.retry {
        all.extend(retry.delay.iter().map(|text| (text, Plain)));
    }
    all
}

/// How a template is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateKind {
    /// Values become shell words.
    Command,
    /// Values are inserted as they are.
    Plain,
}

/// All names that a step needs before or while it runs; templates that are not well-formed ask for none.
pub fn names_of(step: &Step, whens: &[Spanned<String>]) -> BTreeSet<String> {
    let templates = templates_of(step).into_iter().map(|(text, _)| names_in_template(&text.value));
    let expressions = whens.iter().chain(&step.expect).map(|text| names_in_expression(&text.value));
    templates.chain(expressions).flat_map(Result::unwrap_or_default).collect()
}

/// The names that rendering a step asks for: all but those of `when` and `expect`.
pub fn names_to_render(step: &Step) -> BTreeSet<String> {
    templates_of(step).into_iter().flat_map(|(text, _)| names_in_template(&text.value).unwrap_or_default()).collect()
}
