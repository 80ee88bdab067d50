//! Reads parameters, and checks each against itself: a default that its own rules refuse is an error here, not at night. Never asks for a value.

use super::super::{Parameter, ParameterKind};
use super::names::{Names, is_identifier};
use super::words;
use crate::base::Period;
use crate::text::{Fields, Node, Reader, Scalar, Spanned, Value, did_you_mean, parse_bytes};

const KINDS: [&str; 9] = ["string", "integer", "number", "boolean", "duration", "bytes", "enum", "host", "hosts"];

/// Other tools' names for the same kinds.
const FOREIGN_KINDS: [(&str, &str); 10] = [
    ("str", "string"),
    ("text", "string"),
    ("int", "integer"),
    ("float", "number"),
    ("bool", "boolean"),
    ("size", "bytes"),
    ("time", "duration"),
    ("period", "duration"),
    ("choice", "enum"),
    ("select", "enum"),
];

/// A compiled pattern may take this many bytes; the parameter's text is then matched in linear time.
const MAX_PATTERN: usize = 1 << 20;

pub(super) fn read(reader: &mut Reader, node: &Node, names: &mut Names) -> Vec<Parameter> {
    let example = "`parameters: {unit: {type: string, default: postgresql}}`";
    let Some(mut fields) = reader.fields(node, "`parameters`", example) else { return Vec::new() };
    let mut parameters = Vec::new();
    for (name, node) in fields.rest() {
        names.give(reader, &name, "parameter");
        parameters.extend(read_one(reader, name, node));
    }
    parameters
}

/// The facts that a manual step asks for: each like a parameter, with names of their own.
pub(super) fn read_answers(reader: &mut Reader, node: &Node) -> Vec<Parameter> {
    let example = "`answers: {ticket: {type: string}}`";
    let Some(mut fields) = reader.fields(node, "`answers`", example) else { return Vec::new() };
    let mut parameters = Vec::new();
    for (name, node) in fields.rest() {
        if !is_identifier(&name.value) {
            let message = format!("`{}` cannot name an answer", name.value);
            let help = "use letters, digits and underscores, not beginning with a digit, as in `ticket`";
            reader.error("RB120", name.span, message).label("expressions could not use it").help(help);
        }
        parameters.extend(read_one(reader, name, node));
    }
    parameters
}

fn read_one(reader: &mut Reader, name: Spanned<String>, node: &Node) -> Option<Parameter> {
    let example = format!("`{}: {{type: string}}`", name.value);
    let mut fields = reader.fields(node, format!("`{}`", name.value), &example)?;
    let kind = read_kind(reader, &mut fields);
    let [default, min, max] = ["default", "min", "max"].map(|key| {
        let node = fields.optional(key)?;
        reader.as_written(node, &format!("`{key}`"))
    });
    let pattern = fields.optional("pattern").and_then(|node| reader.text(node, "`pattern`"));
    let description = fields.optional("description").and_then(|node| reader.text(node, "`description`")).map(|text| text.value);
    check_required(reader, &mut fields, default.is_some(), kind.as_ref());
    fields.finish(reader, &words::PARAMETER);
    let parameter = Parameter { name, kind: kind?, default, pattern, min, max, description };
    check_pattern(reader, &parameter);
    if check_bounds(reader, &parameter) {
        check_default(reader, &parameter);
    }
    Some(parameter)
}

fn read_kind(reader: &mut Reader, fields: &mut Fields<'_>) -> Option<ParameterKind> {
    let values = fields.optional("values");
    let node = fields.required("type", "type: string")?;
    let word = reader.text(node, "`type`")?;
    if word.value != "enum"
        && let Some(values) = values
    {
        let message = format!("`values` does not fit `type: {}`", word.value);
        reader.error("RB122", values.span, message).label("only for an enum").help("write `type: enum`, or remove `values:`");
    }
    let kind = match word.value.as_str() {
        "string" => ParameterKind::String,
        "integer" => ParameterKind::Integer,
        "number" => ParameterKind::Number,
        "boolean" => ParameterKind::Boolean,
        "duration" => ParameterKind::Duration,
        "bytes" => ParameterKind::Bytes,
        "host" => ParameterKind::Host,
        "hosts" => ParameterKind::Hosts,
        "enum" => ParameterKind::Enum { values: read_values(reader, fields, values)? },
        other => {
            let foreign = FOREIGN_KINDS.iter().find(|(word, _)| *word == other).map(|(_, ours)| *ours);
            let help = match foreign.or_else(|| did_you_mean(other, KINDS)) {
                Some(meant) => format!("did you mean `type: {meant}`?"),
                None => format!("known types: {}", KINDS.join(", ")),
            };
            reader.error("RB122", word.span, format!("there is no type `{other}`")).label("unknown type").help(help);
            return None;
        }
    };
    Some(kind)
}

fn read_values(reader: &mut Reader, fields: &mut Fields<'_>, node: Option<&Node>) -> Option<Vec<String>> {
    let Some(node) = node else {
        reader.error("RB122", fields.span(), "an enum has no `values`").help("add `values: [a, b]`");
        return None;
    };
    let mut values: Vec<String> = Vec::new();
    for item in reader.list(node, "`values`", "`values: [a, b]`")? {
        let value = reader.as_written(item, "a value")?;
        if values.contains(&value.value) {
            reader.error("RB122", value.span, format!("the value `{}` is there twice", value.value)).label("again").help("name it once");
        }
        values.push(value.value);
    }
    Some(values)
}

fn check_required(reader: &mut Reader, fields: &mut Fields<'_>, defaulted: bool, kind: Option<&ParameterKind>) {
    let Some(node) = fields.optional("required") else { return };
    let written = match &node.value {
        Value::Scalar(Scalar { text, .. }) => text.as_str(),
        Value::List(_) | Value::Map(_) => "",
    };
    match (written, defaulted) {
        ("true", false) | ("false", true) => {}
        ("true", true) => {
            let message = "a required parameter has a default";
            reader.error("RB123", node.span, message).help("remove `required:` or `default:`; without a default it is required");
        }
        ("false", false) => {
            let message = "a parameter that may be left out has no default";
            let help = match kind {
                Some(ParameterKind::String | ParameterKind::Host | ParameterKind::Hosts) => "add `default: \"\"`, or the value it has then",
                Some(_) | None => "add `default:` with the value it has then",
            };
            reader.error("RB123", node.span, message).help(help);
        }
        _ => {
            reader.error("RB123", node.span, "`required` is true or false").help("without a default a parameter is required");
        }
    }
}

fn check_pattern(reader: &mut Reader, parameter: &Parameter) {
    let Some(pattern) = &parameter.pattern else { return };
    if parameter.kind != ParameterKind::String {
        let help = "only a string has a pattern; numbers, durations and bytes have `min:` and `max:`";
        reader.error("RB122", pattern.span, "`pattern` does not fit this type").help(help);
        return;
    }
    let compiled = regex::RegexBuilder::new(&format!("^(?:{})$", pattern.value)).size_limit(MAX_PATTERN).build();
    match (compiled, &parameter.default) {
        (Err(_), _) => {
            let why = regex::Regex::new(&pattern.value).err().map_or("it is too large".to_owned(), |error| last_line(&error.to_string()));
            let message = format!("the pattern cannot be used: {why}");
            reader.error("RB124", pattern.span, message).label("no pattern").help(remedy_for_pattern(&why));
        }
        (Ok(regex), Some(default)) if !regex.is_match(&default.value) => {
            let message = format!("the default {:?} does not match the pattern", default.value);
            let label = format!("expected {}", pattern.value);
            reader.error("RB125", default.span, message).label(label).help("the pattern must match the whole text");
        }
        (Ok(_), _) => {}
    }
}

/// What to do about a regular expression that the crate refuses for this reason.
pub(super) fn remedy_for_pattern(why: &str) -> &'static str {
    match why.contains("look-around") || why.contains("backreference") {
        true => "look-around and back references are not there: matching takes linear time",
        false => "mend it; a sign that stands for itself has a backslash before it: `\\(`, `\\[`, `\\.`",
    }
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned()
}

/// Whether the bounds can be kept: with others no default is right, and saying so would be noise.
fn check_bounds(reader: &mut Reader, parameter: &Parameter) -> bool {
    let bounds: Vec<&Spanned<String>> = [&parameter.min, &parameter.max].into_iter().flatten().collect();
    let mut measured = Vec::new();
    for bound in bounds {
        match measure(&parameter.kind, &bound.value) {
            Measure::Amount(amount) => measured.push(amount),
            Measure::Unordered => {
                let help = "only integers, numbers, durations and bytes have `min:` and `max:`";
                reader.error("RB122", bound.span, "this bound does not fit the type").label("nothing to compare").help(help);
            }
            Measure::Wrong(expected) => {
                let message = format!("this bound is {expected}, got {:?}", bound.value);
                let help = "write the bound as values of this type are written";
                reader.error("RB125", bound.span, message).label(format!("expected {expected}")).help(help);
            }
        }
    }
    if let ([low, high], Some(max)) = (measured.as_slice(), &parameter.max)
        && parameter.min.is_some()
        && low > high
    {
        reader.error("RB125", max.span, "`max` is below `min`: no value could be right").label("below `min`").help("swap them");
        return false;
    }
    true
}

fn check_default(reader: &mut Reader, parameter: &Parameter) {
    let Some(default) = &parameter.default else { return };
    let wrong =
        |expected: String| (format!("the default {:?} is not what the parameter takes", default.value), format!("expected {expected}"));
    let problem = match (&parameter.kind, measure(&parameter.kind, &default.value)) {
        (_, Measure::Wrong(expected)) => Some(wrong(expected.to_owned())),
        (kind, Measure::Amount(amount)) => outside(parameter, kind, amount).map(wrong),
        (ParameterKind::Boolean, _) if !matches!(default.value.as_str(), "true" | "false") => Some(wrong("true or false".into())),
        (ParameterKind::Enum { values }, _) if !values.contains(&default.value) => Some(wrong(format!("one of {}", values.join(", ")))),
        (ParameterKind::Host | ParameterKind::Hosts, _) if !default.value.is_empty() && default.value.trim().is_empty() => {
            Some(wrong("a host, or nothing at all".into()))
        }
        (_, Measure::Unordered) => None,
    };
    if let Some((message, label)) = problem {
        let help = match (&parameter.kind, default.value.to_lowercase().as_str()) {
            (ParameterKind::Boolean, "yes" | "on" | "y" | "1") => "write `default: true`".to_owned(),
            (ParameterKind::Boolean, "no" | "off" | "n" | "0") => "write `default: false`".to_owned(),
            (ParameterKind::Enum { values }, _) => match did_you_mean(&default.value, values.iter().map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "write one of `values:`, or add it there".to_owned(),
            },
            (_, _) => "write a default that keeps the parameter's own rules, or none: then a value must be given".to_owned(),
        };
        reader.error("RB125", default.span, message).label(label).help(help);
    }
}

fn outside(parameter: &Parameter, kind: &ParameterKind, amount: f64) -> Option<String> {
    let bound = |text: &Option<Spanned<String>>| match text.as_ref().map(|text| measure(kind, &text.value)) {
        Some(Measure::Amount(bound)) => Some(bound),
        Some(Measure::Unordered | Measure::Wrong(_)) | None => None,
    };
    let below = bound(&parameter.min).is_some_and(|min| amount < min);
    let above = bound(&parameter.max).is_some_and(|max| amount > max);
    let said = |text: &Option<Spanned<String>>| text.as_ref().map_or(String::new(), |text| text.value.clone());
    match (below, above) {
        (true, _) => Some(format!("at least {}", said(&parameter.min))),
        (_, true) => Some(format!("at most {}", said(&parameter.max))),
        (false, false) => None,
    }
}

enum Measure {
    /// Compares as a number.
    Amount(f64),
    /// This kind has no order.
    Unordered,
    /// What the text should have been.
    Wrong(&'static str),
}

fn measure(kind: &ParameterKind, text: &str) -> Measure {
    let (amount, expected) = match kind {
        ParameterKind::Integer => (text.parse::<i64>().ok().map(|number| number as f64), "a whole number"),
        ParameterKind::Number => (text.parse::<f64>().ok().filter(|number| number.is_finite()), "a number"),
        ParameterKind::Duration => {
            (text.parse::<Period>().ok().map(|period| period.as_millis() as f64), "a duration with its unit, such as 90s or 10m")
        }
        ParameterKind::Bytes => (parse_bytes(text).map(|bytes| bytes as f64), "an amount with its unit, such as 64KiB or 50MB"),
        ParameterKind::String | ParameterKind::Boolean | ParameterKind::Enum { .. } | ParameterKind::Host | ParameterKind::Hosts => {
            return Measure::Unordered;
        }
    };
    amount.map_or(Measure::Wrong(expected), Measure::Amount)
}
