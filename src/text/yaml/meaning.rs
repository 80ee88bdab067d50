//! What each scalar of a text means: the second crate is asked, and a text in which the two see different things is refused.

use super::{Node, ScalarKind, Value};
use crate::text::{Diagnostics, Source, Span};

/// Kinds for a text that is refused already, so that its other problems can be told in the same go.
pub(super) fn guess_kinds(node: &mut Node) {
    match &mut node.value {
        Value::Scalar(scalar) if scalar.quoted => {}
        Value::Scalar(scalar) => {
            scalar.kind = match scalar.text.as_str() {
                "" | "~" | "null" => ScalarKind::Null,
                "true" | "false" => ScalarKind::Bool,
                text if text.bytes().all(|c| c.is_ascii_digit()) => ScalarKind::Int,
                _ => ScalarKind::Text,
            };
        }
        Value::List(items) => items.iter_mut().for_each(guess_kinds),
        Value::Map(entries) => entries.iter_mut().for_each(|(_, value)| guess_kinds(value)),
    }
}

/// Asks the second crate what each scalar means; `None` and an error where the two see different things.
pub(super) fn settle_kinds(source: &Source, root: &mut Node, diagnostics: &mut Diagnostics) -> Option<()> {
    let help = "write it in a simpler way: quote texts, indent by two spaces, one key a line";
    match serde_yaml::from_str::<serde_yaml::Value>(source.text()) {
        Ok(meaning) => match settle(root, &meaning) {
            Ok(()) => Some(()),
            Err(span) => {
                diagnostics.error("RB009", source, span, "YAML readers disagree about what this means").help(help);
                None
            }
        },
        Err(error) => {
            let at = error.location().map_or(0, |location| location.index()).min(source.text().len());
            let message = format!("YAML readers disagree about whether this can be read: {error}");
            diagnostics.error("RB009", source, Span { start: at, end: at }, message).help(help);
            None
        }
    }
}

fn settle(node: &mut Node, meaning: &serde_yaml::Value) -> Result<(), Span> {
    use serde_yaml::Value as Meaning;
    let span = node.span;
    match (&mut node.value, meaning) {
        (Value::Scalar(scalar), Meaning::String(text)) if scalar.text == *text => scalar.kind = ScalarKind::Text,
        (Value::Scalar(scalar), Meaning::Tagged(_)) if scalar.kind == ScalarKind::Null => {} // blanked by parse_lenient
        (Value::Scalar(scalar), Meaning::Null) if !scalar.quoted => scalar.kind = ScalarKind::Null,
        (Value::Scalar(scalar), Meaning::Bool(_)) if !scalar.quoted => scalar.kind = ScalarKind::Bool,
        (Value::Scalar(scalar), Meaning::Number(number)) if !scalar.quoted => {
            scalar.kind = if number.is_f64() { ScalarKind::Float } else { ScalarKind::Int };
        }
        (Value::List(items), Meaning::Sequence(meanings)) if items.len() == meanings.len() => {
            for (item, meaning) in items.iter_mut().zip(meanings) {
                settle(item, meaning)?;
            }
        }
        (Value::Map(entries), Meaning::Mapping(meanings)) if entries.len() == meanings.len() => {
            for ((key, value), (key_meaning, meaning)) in entries.iter_mut().zip(meanings) {
                settle(key, key_meaning)?;
                settle(value, meaning)?;
            }
        }
        _ => return Err(span), // two parsers of others: every other pair is a disagreement
    }
    Ok(())
}
