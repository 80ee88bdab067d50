//! What a command may print so that its step is content: tried, one text after another, against the step's own expectation. Knows no command.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::{Map, Value, json};

use super::simulated::{Kept, Reply};
use crate::base::{Bytes, HostName, Period};
use crate::engine::{State, Task, scope, step_of};
use crate::event::{ArtifactSource, Judgement, Outcome, Parse, Part, Stage, StageWork};
use crate::journal::Memory;
use crate::library::Inventory;
use crate::plan::{Program, Scope, Seen, check_parameter, judge};
use crate::runbook::{Parameter, ParameterKind};

/// A value that a parameter takes, where one is found: a runbook that nobody gave parameters can be rehearsed all the same.
pub fn value_for(parameter: &Parameter, inventory: &Inventory) -> Option<Bytes> {
    let hosts = inventory.hosts.keys().map(HostName::as_str);
    let pattern = parameter.pattern.as_ref().and_then(|pattern| example(&pattern.value));
    let bounds = [&parameter.min, &parameter.max].into_iter().flatten().map(|bound| bound.value.clone());
    let values = if let ParameterKind::Enum { values } = &parameter.kind { values.clone() } else { Vec::new() };
    let plain = ["1", "x", "true", "1m", "1MB"].map(str::to_owned);
    let tries = values.into_iter().chain(pattern).chain(bounds).chain(plain).chain(hosts.map(str::to_owned));
    tries.map(|text| Bytes::from(text.as_str())).find(|text| check_parameter(parameter, text, inventory).is_ok())
}

/// Guesses for the steps of one program.
pub(super) struct Guess {
    program: Arc<Program>,
    /// The state so far, and how many lines it is made of.
    folded: Mutex<(State, usize)>,
}

impl Guess {
    /// For one rehearsal of this program.
    pub fn new(program: Arc<Program>) -> Self {
        Self { program, folded: Mutex::default() }
    }

    /// An answer with which the step goes well, or a plain success where none was found: then the step fails, and says what it expected.
    pub fn reply(&self, memory: &Memory, task: &Task) -> Reply {
        match task.part {
            Part::Look => return Reply { code: 1, ..Reply::default() }, // not in place yet: the step runs
            Part::Undo => return Reply::default(),
            Part::Main => {}
        }
        if !task.action.keeps.is_empty() {
            return Reply { kept: Some(kept(task)), ..Reply::default() };
        }
        self.content(memory, task).unwrap_or_default()
    }

    fn content(&self, memory: &Memory, task: &Task) -> Option<Reply> {
        let (stage, scope) = self.judged(memory, task)?;
        let StageWork::Commands { parse, expect, .. } = &stage.work else { return None };
        let texts = candidates(parse.as_ref(), expect.as_deref().unwrap_or_default(), task);
        let content = |code: i32, text: &String| is_met(&stage, &scope, task, code, text).then(|| printing(code, text));
        [0, 1].into_iter().find_map(|code| texts.iter().find_map(|text| content(code, text)))
    }

    /// An answer with which the step fails: it exits with 1, or, where that is what the step expects, in another way.
    pub fn wrong(&self, memory: &Memory, task: &Task) -> Reply {
        let fails = printing(1, "");
        let Some((stage, scope)) = self.judged(memory, task) else { return fails };
        let ways = [(1, ""), (0, ""), (0, "something else\n"), (2, "")];
        ways.into_iter().find(|(code, text)| !is_met(&stage, &scope, task, *code, text)).map_or(fails, |(code, text)| printing(code, text))
    }

    /// By what the attempt will be judged.
    fn judged(&self, memory: &Memory, task: &Task) -> Option<(Stage, Scope)> {
        let mut folded = self.folded.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, lines) = &mut *folded;
        for entry in memory.since(*lines) {
            state.after(entry.at, &entry.event).ok()?;
            *lines += 1;
        }
        let stage = state.steps.get(&task.step)?.stage.clone()?;
        let step = step_of(&self.program, state, &task.step)?;
        let scope = scope(&self.program, state, &step);
        Some((stage, scope))
    }
}

fn is_met(stage: &Stage, scope: &Scope, task: &Task, code: i32, text: &str) -> bool {
    let seen = Seen { stdout: text.as_bytes().to_vec(), stderr: Vec::new() };
    judge(stage, task.host(), &Outcome::Exited { code }, &seen, Period::default(), scope).0 == Judgement::Met
}

fn printing(code: i32, text: &str) -> Reply {
    Reply { code, stdout: text.as_bytes().to_vec(), ..Reply::default() }
}

/// Each artifact has something in it.
fn kept(task: &Task) -> Vec<Kept> {
    let of = |source: &ArtifactSource| match source {
        ArtifactSource::Command(_) => None,
        ArtifactSource::File(path) | ArtifactSource::Files(path) => Some(path.to_string()),
    };
    task.action.keeps.iter().map(|artifact| Kept { path: of(&artifact.source), bytes: b"as it was\n".to_vec(), code: 0 }).collect()
}

/// Texts worth a try, the likeliest first.
fn candidates(parse: Option<&Parse>, expression: &str, task: &Task) -> Vec<String> {
    let words = literals(expression);
    let numbers: BTreeSet<i64> = numbers(expression).into_iter().flat_map(|number| [number, number + 1, number - 1]).collect();
    let mut texts: Vec<String> = match parse {
        None => vec![String::new()],
        Some(Parse::Int) => vec!["0\n".to_owned()],
        Some(Parse::Json) => vec![format!("{}\n", object(expression)), "{}\n".to_owned(), "[]\n".to_owned()],
        Some(Parse::Lines | Parse::Csv | Parse::Pairs | Parse::Regex(_)) => vec![String::new()],
    };
    if let Some(Parse::Regex(pattern)) = parse {
        texts.extend(example(pattern));
    }
    texts.extend(words.iter().map(|word| format!("{word}\n")));
    texts.extend(words.iter().filter_map(|word| example(word)).map(|text| format!("{text}\n")));
    texts.extend(numbers.iter().map(|number| format!("{number}\n")));
    texts.push(format!("{}\n", task.host()));
    texts.push(format!("{}\n", words.join("\n")));
    texts.extend(numbers.iter().map(|number| "a\n".repeat(usize::try_from(*number).unwrap_or(0).min(100))));
    texts
}

/// The texts in quotes.
fn literals(expression: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(at) = rest.find(['"', '\'']) {
        let quote = &rest[at..=at];
        let Some(end) = rest[at + 1..].find(quote) else { break };
        found.push(rest[at + 1..at + 1 + end].replace("\\\\", "\\"));
        rest = &rest[at + end + 2..];
    }
    found
}

/// The whole numbers outside of quotes.
fn numbers(expression: &str) -> Vec<i64> {
    let outside: String = expression.split(['"', '\'']).step_by(2).collect::<Vec<_>>().join(" ");
    outside.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
}

/// An object in which each path that begins with `value.` and is compared with something is that.
fn object(expression: &str) -> Value {
    let mut root = Value::Object(Map::new());
    for part in expression.split(" and ").flat_map(|part| part.split(" or ")) {
        let Some((path, value)) = compared(part.trim().trim_matches(['(', ')'])) else { continue };
        let mut place = &mut root;
        for name in path.split('.').filter(|name| !name.is_empty()) {
            let Value::Object(map) = place else { break };
            place = map.entry(name.to_owned()).or_insert_with(|| Value::Object(Map::new()));
        }
        *place = value;
    }
    root
}

fn compared(part: &str) -> Option<(String, Value)> {
    let (path, value) = match part.split_once("==") {
        Some((path, value)) => (path.trim(), value.trim()),
        None => match part.split_once(" in [") {
            Some((path, values)) => (path.trim(), values.split([',', ']']).next().unwrap_or_default().trim()),
            None => (part.trim_start_matches("not ").trim(), if part.starts_with("not ") { "false" } else { "true" }),
        },
    };
    let path = path.strip_prefix("value").or_else(|| path.strip_prefix("json"))?.replace("[\"", ".").replace("\"]", "");
    let text = value.trim_matches(['"', '\'']);
    let value = if text == value { serde_json::from_str(value).unwrap_or_else(|_| json!(text)) } else { json!(text) };
    Some((path, value))
}

/// A short text that a pattern matches; `None` where it is no pattern.
fn example(pattern: &str) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut text = Vec::new();
    fill(&hir, &mut text)?;
    String::from_utf8(text).ok()
}

fn fill(hir: &Hir, text: &mut Vec<u8>) -> Option<()> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.extend_from_slice(&literal.0),
        HirKind::Class(Class::Unicode(class)) => {
            let plain = class.iter().find(|range| range.start() >= '0' && range.start() <= 'z').or_else(|| class.iter().next())?;
            text.extend_from_slice(plain.start().encode_utf8(&mut [0; 4]).as_bytes());
        }
        HirKind::Class(Class::Bytes(class)) => text.push(class.iter().next()?.start()),
        HirKind::Repetition(repetition) => (0..repetition.min).try_for_each(|_| fill(&repetition.sub, text))?,
        HirKind::Capture(capture) => fill(&capture.sub, text)?,
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| fill(part, text))?,
        HirKind::Alternation(ways) => fill(ways.first()?, text)?,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_an_example_that_it_matches() {
        for pattern in ["^kafka-[0-9]+$", "LeaderId: *([0-9]+)", "role:master", "^(a|b){2}.c?$", "(?i)ok"] {
            let text = example(pattern).unwrap();
            assert!(regex::Regex::new(pattern).unwrap().is_match(&text), "{pattern}: {text:?}");
        }
        assert_eq!(example("("), None);
    }

    #[test]
    fn an_object_has_what_an_expression_compares() {
        let made =
            object("value.acknowledged and value.persistent[\"cluster\"].enable == \"none\" and value.timed_out == false and value.n == 3");
        assert_eq!(made, json!({"acknowledged": true, "persistent": {"cluster": {"enable": "none"}}, "timed_out": false, "n": 3}));
    }
}
