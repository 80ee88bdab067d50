//! `runbook lint --explain CODE`: what each code means, an example that trips it, and the way out. Judges nothing itself.

mod drills;
mod habits;
mod reading;
mod team;
mod within;

use serde::Serialize;

use super::args::Output;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::lint::severity_word;
use crate::runbook::RULES;
use crate::text::did_you_mean;

/// A code, explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Explanation {
    pub code: &'static str,
    /// Two or three words with dashes.
    pub name: &'static str,
    /// One or two sentences.
    pub meaning: &'static str,
    /// What trips it.
    pub example: &'static str,
    #[serde(skip)]
    pub kind: Example,
    pub fix: &'static str,
}

/// What an example is a piece of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Example {
    /// A whole runbook.
    Runbook,
    /// Lines at the top of a runbook.
    Top,
    /// Its steps.
    Steps,
    Inventory,
    Policy,
    Signers,
    /// What is too long, or cannot be shown: said in words.
    Words,
}

/// All of them, by code.
pub fn explanations() -> impl Iterator<Item = &'static Explanation> {
    reading::READING.iter().chain(&habits::HABITS).chain(&team::TEAM).chain(&within::WITHIN).chain(&drills::DRILLS)
}

/// An explanation; the order is that of a person's questions: what, where from, and how out of it.
const fn code(
    code: &'static str,
    name: &'static str,
    meaning: &'static str,
    (kind, example): (Example, &'static str),
    fix: &'static str,
) -> Explanation {
    Explanation { code, name, meaning, example, kind, fix }
}

#[derive(Serialize)]
struct ExplanationJson {
    #[serde(flatten)]
    explanation: Explanation,
    /// `null` where the code is used for errors and warnings, or is no lint rule.
    severity: Option<&'static str>,
    /// Whether a comment with a reason may allow it.
    can_be_allowed: bool,
}

/// `runbook lint --explain CODE`
pub fn explain(context: &Context, asked: &str) -> Result<Exit, Failure> {
    let upper = asked.to_ascii_uppercase();
    let found = explanations().find(|explanation| explanation.code == upper || explanation.name == asked.to_ascii_lowercase());
    let Some(explanation) = found else { return Err(no_such_code(asked)) };
    let rule = RULES.iter().find(|rule| rule.code == explanation.code);
    let severity = rule.map(|rule| severity_word(rule.severity));
    match context.output {
        Output::Json => context.print_json(&ExplanationJson { explanation: *explanation, severity, can_be_allowed: rule.is_some() }),
        Output::Text => context.write_out(&page(explanation, severity)),
    }
    Ok(Exit::Ok)
}

fn page(explanation: &Explanation, severity: Option<&str>) -> String {
    let Explanation { code, name, meaning, example, fix, .. } = explanation;
    let severity = severity.map_or_else(String::new, |severity| format!(" ({severity})"));
    let shown: String = example.lines().map(|line| format!("  {line}").trim_end().to_owned() + "\n").collect();
    let mut page = format!("{code} {name}{severity}\n\n{meaning}\n\nFor example:\n\n{shown}\nWhat to do: {fix}\n");
    if RULES.iter().any(|rule| rule.code == *code) {
        page.push_str(&format!("\nTo allow it on one step, write above the step or in it:\n\n  # runbook: allow {code} because …\n"));
    }
    page
}

fn no_such_code(asked: &str) -> Failure {
    let meant = did_you_mean(asked, explanations().flat_map(|explanation| [explanation.code, explanation.name]));
    let meant = meant.map_or_else(String::new, |meant| format!(" Did you mean {meant}?"));
    let all: Vec<String> = RULES.iter().map(|rule| format!("{} {}", rule.code, rule.name)).collect();
    Failure::usage(format!(
        "there is no code {asked:?}.{meant} The lint rules are:\n  {}\nand docs/lint.md lists every other code",
        all.join("\n  ")
    ))
}
