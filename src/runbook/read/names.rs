//! Names that an author gives to values, and that expressions use. Never lets one name mean two things.

use std::collections::HashMap;

use crate::text::{Reader, Span, Spanned};

/// What expressions and templates already call something: results, the host, and Jinja's own words.
pub(in crate::runbook) const TAKEN: [&str; 27] = [
    "host",
    "hosts",
    "stdout",
    "stderr",
    "exit_code",
    "json",
    "lines",
    "value",
    "seconds",
    "item",
    "batch",
    "run",
    "true",
    "false",
    "none",
    "True",
    "False",
    "None",
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "loop",
    "self",
];

/// Whether expressions and templates call something else by this name, so that no parameter and no register may have it.
pub fn is_taken(name: &str) -> bool {
    TAKEN.contains(&name)
}

/// The names given so far and where.
#[derive(Debug, Default)]
pub(super) struct Names {
    given: HashMap<String, (&'static str, Span)>,
}

impl Names {
    /// Gives this name to a parameter or a register, or says why it cannot have it.
    pub(super) fn give(&mut self, reader: &mut Reader, name: &Spanned<String>, what: &'static str) {
        let help = "use letters, digits and underscores, not beginning with a digit, as in `free_space`";
        if !is_identifier(&name.value) {
            let message = format!("`{}` cannot name a {what}", name.value);
            reader.error("RB120", name.span, message).label("expressions could not use it").help(help);
        } else if is_taken(&name.value) {
            let message = format!("`{}` cannot name a {what}: expressions use it for something else", name.value);
            reader.error("RB120", name.span, message).label("taken").help(format!("say more: `{}_of_…`", name.value));
        } else if let Some((other, span)) = self.given.get(&name.value) {
            let message = format!("the name `{}` is given twice", name.value);
            let label = format!("also a {other} on line {}", reader.line(*span));
            reader.error("RB121", name.span, message).label(label).help("give one of them another name");
        } else {
            self.given.insert(name.value.clone(), (what, name.span));
        }
    }
}

/// `[A-Za-z_][A-Za-z0-9_]*`: what both expressions and environments take.
pub(super) fn is_identifier(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
}

/// Letters, digits, dots, dashes and underscores, not beginning with a dot or a dash.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(['.', '-']) && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_'))
}
