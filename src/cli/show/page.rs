//! A runbook as people read it: prose first, then parameters, secrets, rules, symptoms, then its steps. Renders no template.

use super::steps::Called;
use crate::cli::secrets;
use crate::runbook::{Gate, Parameter, ParameterKind, RuleText, Runbook, Symptom};
use crate::views::{Line, Page, Tone};

/// The whole page, with the steps of the runbooks that it calls where they are given.
pub fn page(runbook: &Runbook, called: &Called<'_>) -> Page {
    let mut page = Page::new();
    page.push(Line::new().with(Tone::Strong, format!("{} · {}", runbook.name.value, runbook.title)));
    let reviewed = runbook.reviewed.as_ref().map_or("never reviewed".to_owned(), |date| format!("reviewed {}", date.value));
    let owner = runbook.owner.as_ref().map_or(String::new(), |owner| format!("owned by {owner}, "));
    page.push(Line::new().with(Tone::Quiet, format!("{owner}{reviewed}")));
    if let Some(description) = &runbook.description {
        page.push(Line::new());
        page.lines.extend(description.trim_end().lines().map(|line| Line::new().plain(line)));
    }
    section(&mut page, "Links", runbook.links.iter().map(|(name, link)| format!("{name}: {link}")).collect());
    section(&mut page, "Parameters", runbook.parameters.iter().map(parameter).collect());
    section(&mut page, "Secrets", runbook.secrets.iter().map(secrets::words).collect());
    section(&mut page, "Rules", runbook.rules.iter().map(rule).collect());
    section(&mut page, "Symptoms", runbook.symptoms.iter().map(symptom).collect());
    section(&mut page, "Targets", runbook.targets.iter().map(|(name, hosts)| format!("{}: {}", name.value, hosts.value)).collect());
    page.push(Line::new());
    page.push(Line::new().with(Tone::Strong, "Steps"));
    called.steps(&mut page, &runbook.steps, "", "  ");
    if !runbook.after_no_return.is_empty() {
        page.push(Line::new());
        page.push(Line::new().with(Tone::Strong, "After the point of no return, where a step failed"));
        called.steps(&mut page, &runbook.after_no_return, &format!("{}.", runbook.steps.len() + 1), "  ");
    }
    page
}

fn rule(rule: &RuleText) -> String {
    format!("{}, or: {}", rule.require.value.trim(), rule.message.trim())
}

fn symptom(symptom: &Symptom) -> String {
    let mut said = format!("{}: $ {} on {}", symptom.name.value, symptom.check.value.trim(), symptom.hosts.value);
    said += &symptom.expect.as_ref().map_or(String::new(), |expect| format!(", cleared by {}", expect.value.trim()));
    said += &symptom.every.as_ref().map_or(String::new(), |every| format!(", every {}", every.value));
    said + &symptom.timeout.as_ref().map_or(String::new(), |timeout| format!(", for at most {}", timeout.value))
}

fn section(page: &mut Page, title: &str, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    page.push(Line::new());
    page.push(Line::new().with(Tone::Strong, title));
    page.lines.extend(lines.into_iter().map(|line| Line::new().plain(format!("  {line}"))));
}

/// A parameter, or an answer of a person, in a line.
pub fn parameter(parameter: &Parameter) -> String {
    let default = parameter.default.as_ref().map_or("required".to_owned(), |default| format!("default {}", default.value));
    let mut words = vec![kind(&parameter.kind), default];
    words.extend(parameter.pattern.as_ref().map(|pattern| format!("matches {}", pattern.value)));
    words.extend(parameter.min.as_ref().map(|min| format!("at least {}", min.value)));
    words.extend(parameter.max.as_ref().map(|max| format!("at most {}", max.value)));
    let description = parameter.description.as_ref().map_or(String::new(), |text| format!(" · {}", text.trim()));
    format!("{}: {}{description}", parameter.name.value, words.join(", "))
}

/// The word of a parameter's type.
pub fn kind(kind: &ParameterKind) -> String {
    let word = match kind {
        ParameterKind::String => "string",
        ParameterKind::Integer => "integer",
        ParameterKind::Number => "number",
        ParameterKind::Boolean => "boolean",
        ParameterKind::Duration => "duration",
        ParameterKind::Bytes => "bytes",
        ParameterKind::Enum { values } => return format!("one of {}", values.join(", ")),
        ParameterKind::Host => "host",
        ParameterKind::Hosts => "hosts",
    };
    word.to_owned()
}

/// A gate in sentences.
pub fn gate_words(gate: &Gate) -> Vec<String> {
    let from = match gate.from.as_slice() {
        [] => "of anybody on the roster".to_owned(),
        [only] => format!("of {}", names(only)),
        several => several.iter().map(|list| format!("one of {}", names(list))).collect::<Vec<_>>().join(" and "),
    };
    let people = if gate.approvals.value == 1 { "one other person".to_owned() } else { format!("{} other people", gate.approvals.value) };
    let expires = gate.expires.as_ref().map_or(String::new(), |expires| format!(", within {}", expires.value));
    let mut lines = vec![format!("gate: needs {people} {from}{expires}; the policy may ask more")];
    lines.extend(gate.instead.iter().map(|instead| {
        format!("after {} without an answer {} may sign in the place of {}", instead.after.value, instead.by.value, instead.of.value)
    }));
    lines.extend(gate.ask.iter().map(|ask| format!("asks: {}", ask.trim())));
    lines
}

fn names(list: &[crate::text::Spanned<String>]) -> String {
    list.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join(", ")
}
