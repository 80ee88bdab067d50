//! A draft as values: steps and what was left out, in the order of the source. Knows no YAML and no Markdown.

use std::collections::BTreeSet;

use crate::base::StepId;

/// The host that steps are drafted on where the source names none: no inventory has it, so that lint and plan ask for a real one.
pub const NAMELESS: &str = "not-named-yet";

/// The draft of a runbook.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// The runbook's name: a slug.
    pub name: String,
    pub title: String,
    /// Markdown.
    pub description: String,
    pub owner: Option<String>,
    pub parameters: Vec<Parameter>,
    pub entries: Vec<Entry>,
}

/// A value that the source leaves open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    pub default: Option<String>,
    pub description: String,
}

/// A step, or what could not become one.
#[derive(Debug, Clone)]
pub enum Entry {
    Step(Step),
    LeftOut(LeftOut),
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    pub name: String,
    /// Where the name makes no id, or one that is taken.
    pub id: Option<String>,
    /// The line of the source, from 1.
    pub line: usize,
    pub why: String,
    /// A selector; the hosts are not known where there is none.
    pub hosts: Option<String>,
    pub action: Action,
    /// Other words of the step, in the order to be written.
    pub words: Vec<(&'static str, Value)>,
    /// What belongs to the step and could not be said in it.
    pub left_out: Vec<LeftOut>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Check(String),
    Run(String),
    Manual(String),
    Wait(String),
}

impl Action {
    /// The word of the language.
    pub fn word(&self) -> &'static str {
        match self {
            Action::Check(_) => "check",
            Action::Run(_) => "run",
            Action::Manual(_) => "manual",
            Action::Wait(_) => "wait",
        }
    }
}

/// The value of another word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    /// Names and values: `env`.
    Map(Vec<(String, String)>),
    /// Written as it is: numbers, lengths of time, small maps of them.
    Plain(String),
}

/// What the draft does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Of the source, from 1.
    pub line: usize,
    /// What it is, in a few words.
    pub what: String,
    /// As it stood there; may be empty.
    pub text: String,
}

impl Draft {
    /// The steps alone.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Step(step) => Some(step),
            Entry::LeftOut(_) => None,
        })
    }

    /// All that the draft does not say, by line.
    pub fn left_out(&self) -> Vec<&LeftOut> {
        let mut all: Vec<&LeftOut> = Vec::new();
        for entry in &self.entries {
            match entry {
                Entry::Step(step) => all.extend(&step.left_out),
                Entry::LeftOut(left_out) => all.push(left_out),
            }
        }
        all.sort_by_key(|left_out| left_out.line);
        all
    }

    /// Gives each step an id of its own: by its name where that will do.
    pub(super) fn settle_ids(&mut self) {
        let mut taken: BTreeSet<String> = BTreeSet::new();
        for entry in &mut self.entries {
            let Entry::Step(step) = entry else { continue };
            let slug = StepId::slug(&step.name).map(|id| id.to_string());
            let base = slug.clone().unwrap_or_else(|| "step".to_owned());
            let base: String = base.chars().take(90).collect(); // an id has 100 characters at most, and a number follows
            let numbered = (2..).map(|n| format!("{}-{n}", base.trim_end_matches('-')));
            let id = slug.into_iter().chain(numbered).find(|id| !taken.contains(id)).unwrap_or(base);
            step.id = StepId::slug(&step.name).is_none_or(|slug| slug.as_str() != id).then(|| id.clone());
            taken.insert(id);
        }
    }
}

impl Step {
    /// A step that says nothing but its action yet.
    pub(super) fn new(name: impl Into<String>, line: usize, action: Action) -> Self {
        Self { name: name.into(), id: None, line, why: String::new(), hosts: None, action, words: Vec::new(), left_out: Vec::new() }
    }
}

impl LeftOut {
    pub(super) fn new(line: usize, what: impl Into<String>, text: impl Into<String>) -> Self {
        Self { line, what: what.into(), text: text.into() }
    }
}
