//! Which names a step's templates and expressions ask for. Never looks a value up.

use std::collections::BTreeSet;

use super::template::{names_in_expression, names_in_template};
use crate::runbook::{Step, TextKind};
use crate::text::Spanned;

/// Every template of a step as it is rendered, with whether it is command text.
pub fn templates_of(step: &Step) -> Vec<(&Spanned<String>, TemplateKind)> {
    let kind = |kind| match kind {
        TextKind::Command => Some(TemplateKind::Command),
        TextKind::Plain => Some(TemplateKind::Plain),
        TextKind::Expression | TextKind::Judgement => None,
    };
    step.texts().into_iter().filter_map(|(text, of)| Some((text, kind(of)?))).collect()
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
