//! A scenario out of a record: what hosts answered, what people said and how it ended, as a file that replays it. Judges nothing of it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::compare::{held_steps, in_order, undone_steps, verdict};
use crate::base::{HostName, Period, StepId};
use crate::engine::{State, settled_results};
use crate::event::{Answer, ArtifactSource, Ended, Entry, Event, Interruption, NotStarted, Outcome, Part, Signaller};

/// Where the bytes of a record lie.
pub trait Recorded {
    /// What an attempt printed, both streams, as far as they were stored.
    fn output(&self, step: &StepId, host: &HostName, attempt: u32, part: Part) -> (Vec<u8>, Vec<u8>);

    /// A file that a capture kept, by the name that the journal gives it.
    fn kept(&self, step: &StepId, host: &HostName, attempt: u32, file: &str) -> Option<Vec<u8>>;
}

/// The bytes of a file, or of an output, that a scenario bears; more is left out, and said so.
const MOST: usize = 64 << 10;

/// One answer of a host.
struct Answered {
    command: String,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    outcome: Outcome,
    took: Period,
}

/// The scenario that replays a run: its text, and remarks about what it cannot bear to the byte. `None` where the record has no beginning.
pub fn scenario_of(entries: &[Entry], state: &State, recorded: &dyn Recorded) -> Option<(String, Vec<String>)> {
    let (at, opened) = state.opened.as_ref()?;
    let mut pen = Pen::default();
    pen.line(
        0,
        "# What a run met, made from its record. Rules are whole commands; make them pieces of commands where the runbook has changed.",
    );
    pen.line(0, &format!("drill: {}", opened.runbook));
    let day: String = at.to_string().chars().take(10).collect();
    pen.line(0, &format!("title: {}", quoted(&format!("As it was on {day}, in run {}", opened.run.short()))));
    if !opened.parameters.is_empty() {
        pen.line(0, "parameters:");
        opened.parameters.iter().for_each(|(name, value)| pen.line(1, &format!("{name}: {}", quoted(&value.to_string()))));
    }
    pen.line(0, &format!("runs_as: {}", opened.requester));
    pen.line(0, &format!("begins: {}", quoted(&at.to_string())));
    hosts(&mut pen, entries, state, recorded);
    people(&mut pen, entries);
    stop(&mut pen, entries);
    expectations(&mut pen, entries, state);
    Some((pen.text, pen.remarks))
}

/// Writes lines, and remembers what it could not write as it was.
#[derive(Default)]
struct Pen {
    text: String,
    remarks: Vec<String>,
}

impl Pen {
    fn line(&mut self, depth: usize, line: &str) {
        let _ = writeln!(self.text, "{}{line}", "  ".repeat(depth)); // writing to a text cannot fail
    }

    /// Bytes as a text that a scenario can bear; what it cannot is replaced, and remarked.
    fn bearable(&mut self, bytes: &[u8], what: &str) -> String {
        let short = &bytes[..bytes.len().min(MOST)];
        let text = String::from_utf8_lossy(short);
        let plain =
            |c: char| if c == '\n' || c == '\t' || !crate::base::escaped(c.to_string().as_bytes()).starts_with("<U+") { c } else { '?' };
        let made: String = text.chars().map(plain).collect();
        if made.as_bytes() != bytes {
            self.remarks.push(format!("{what} is not replayed to the byte: it is too long, or has characters that no scenario bears"));
        }
        made
    }
}

/// A text in double quotes, as YAML and JSON read it alike.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn hosts(pen: &mut Pen, entries: &[Entry], state: &State, recorded: &dyn Recorded) {
    let mut answers: BTreeMap<HostName, Vec<Answered>> = BTreeMap::new();
    let mut files: BTreeMap<HostName, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    for entry in entries {
        match &entry.event {
            Event::ActionEnded { step, host, part, attempt, ended } => {
                answers.entry(host.clone()).or_default().extend(answered(state, (step, host, *part, *attempt), ended, recorded));
            }
            Event::EvidenceKept { step, host, attempt, artifacts, .. } => {
                for (source, bytes) in kept(state, (step, host, *attempt), artifacts, recorded) {
                    match source {
                        Source::File(path) => drop(files.entry(host.clone()).or_default().insert(path, bytes)),
                        Source::Command(command) => answers.entry(host.clone()).or_default().push(printed(command, bytes)),
                    }
                }
            }
            Event::HostUnreachable { host, .. } => drop(answers.entry(host.clone()).or_default()),
            _ => {}
        }
    }
    pen.line(0, "hosts:");
    for (host, answers) in answers {
        pen.line(1, &format!("{host}:"));
        let reached = matches!(state.hosts.get(&host), Some(crate::engine::HostFact::Reached(_)));
        if !reached {
            pen.line(2, "down: true");
            continue;
        }
        if let Some(files) = files.remove(&host) {
            pen.line(2, "files:");
            for (path, bytes) in files {
                let text = pen.bearable(&bytes, &format!("{path} on {host}"));
                pen.line(3, &format!("{}: {}", quoted(&path), quoted(&text)));
            }
        }
        pen.line(2, "rules:");
        rules(pen, &host, answers);
    }
}

/// The answers to one command from the last to the first: the last counts for ever, each before it once.
fn rules(pen: &mut Pen, host: &HostName, answers: Vec<Answered>) {
    let mut by_command: Vec<(String, Vec<Answered>)> = Vec::new();
    for answer in answers {
        match by_command.iter_mut().find(|(command, _)| *command == answer.command) {
            Some((_, same)) => same.push(answer),
            None => by_command.push((answer.command.clone(), vec![answer])),
        }
    }
    for (command, answers) in by_command {
        let last = answers.len() - 1;
        for (number, answer) in answers.into_iter().enumerate().rev() {
            let is = pen.bearable(command.as_bytes(), &format!("a command on {host}"));
            pen.line(3, &format!("- is: {}", quoted(&is)));
            if number != last {
                pen.line(4, "times: 1");
            }
            rule(pen, host, &answer);
        }
    }
}

fn rule(pen: &mut Pen, host: &HostName, answer: &Answered) {
    for (word, bytes) in [("says", &answer.stdout), ("complains", &answer.stderr)] {
        if !bytes.is_empty() {
            let text = pen.bearable(bytes, &format!("what {host} printed"));
            pen.line(4, &format!("{word}: {}", quoted(&text)));
        }
    }
    if !answer.stdout.is_empty() && !answer.stdout.ends_with(b"\n") {
        pen.line(4, "newline: false");
    }
    if answer.took.as_millis() > 0 {
        pen.line(4, &format!("takes: {}", answer.took));
    }
    match &answer.outcome {
        Outcome::Exited { code: 0 } => {}
        Outcome::Exited { code } => pen.line(4, &format!("exits: {code}")),
        Outcome::Signalled { by: Signaller::Timeout, .. } => pen.line(4, "breaks: stalls"),
        Outcome::Signalled { .. } => pen.line(4, "exits: 143 # it was ended by a signal"),
        Outcome::NeverStarted { cause: NotStarted::Unreachable, .. } => pen.line(4, "breaks: before"),
        Outcome::NeverStarted { .. } => pen.line(4, "breaks: full"),
        Outcome::Unknown { .. } => pen.line(4, "breaks: after"),
    }
}

fn answered(
    state: &State,
    (step, host, part, attempt): (&StepId, &HostName, Part, u32),
    ended: &Ended,
    recorded: &dyn Recorded,
) -> Option<Answered> {
    let stage = state.steps.get(step)?.stage.as_ref()?;
    let action = stage.work.actions().iter().find(|action| action.host == *host)?;
    if part == Part::Main && !action.keeps.is_empty() {
        return None; // its artifacts are said one by one
    }
    let command = String::from_utf8_lossy(action.part(part)?.script.as_slice()).into_owned();
    let (stdout, stderr) = recorded.output(step, host, attempt, part);
    Some(Answered { command, stdout, stderr, outcome: ended.outcome.clone(), took: ended.took_ms })
}

enum Source {
    File(String),
    Command(String),
}

fn kept(
    state: &State,
    (step, host, attempt): (&StepId, &HostName, u32),
    artifacts: &[crate::event::KeptArtifact],
    recorded: &dyn Recorded,
) -> Vec<(Source, Vec<u8>)> {
    let Some(stage) = state.steps.get(step).and_then(|known| known.stage.as_ref()) else { return Vec::new() };
    let Some(action) = stage.work.actions().iter().find(|action| action.host == *host) else { return Vec::new() };
    let mut found = Vec::new();
    for artifact in artifacts {
        let Some(asked) = action.keeps.iter().find(|asked| asked.name == artifact.name) else { continue };
        let bytes = artifact.files.first().and_then(|file| recorded.kept(step, host, attempt, &file.file)).unwrap_or_default();
        found.push(match &asked.source {
            ArtifactSource::Command(command) => (Source::Command(String::from_utf8_lossy(command.as_slice()).into_owned()), bytes),
            ArtifactSource::File(path) | ArtifactSource::Files(path) => (Source::File(path.to_string()), bytes),
        });
    }
    found
}

fn printed(command: String, stdout: Vec<u8>) -> Answered {
    Answered { command, stdout, stderr: Vec::new(), outcome: Outcome::Exited { code: 0 }, took: Period::default() }
}

fn people(pen: &mut Pen, entries: &[Entry]) {
    let mut said: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut opened = None;
    let mut approvals: Vec<(String, Period, Option<String>)> = Vec::new();
    for entry in entries {
        let mut approved = |person: &crate::base::Person, denies: Option<String>| {
            let after = opened.map_or(Period::default(), |opened| entry.at.since(opened));
            if !approvals.iter().any(|(known, _, _)| *known == person.to_string()) {
                approvals.push((person.to_string(), after, denies));
            }
        };
        match &entry.event {
            Event::GateOpened { .. } => opened = Some(entry.at),
            Event::ApprovalGiven { person, .. } => approved(person, None),
            Event::ApprovalDenied { person, sentence, .. } => approved(person, Some(sentence.clone())),
            Event::PersonAnswered { step, answer, .. } => said.entry(step.to_string()).or_default().push(answer_words(answer)),
            _ => {}
        }
    }
    if !said.is_empty() {
        pen.line(0, "people:");
        said.iter().for_each(|(step, answers)| pen.line(1, &format!("{}: [{}]", quoted(step), answers.join(", "))));
    }
    pen.line(0, if approvals.is_empty() { "approvals: []" } else { "approvals:" });
    for (person, after, denies) in approvals {
        let after = if after.as_millis() > 0 { format!(", after: {after}") } else { String::new() };
        let denies = denies.map_or(String::new(), |why| format!(", denies: {}", quoted(&why)));
        pen.line(1, &format!("- {{by: {person}{after}{denies}}}"));
    }
}

/// Where somebody stopped it and nobody went on: while the last step ran that began.
fn stop(pen: &mut Pen, entries: &[Entry]) {
    if !matches!(entries.last().map(|last| &last.event), Some(Event::RunInterrupted { why: Interruption::Asked })) {
        return;
    }
    let last = entries.iter().rev().find_map(|entry| match &entry.event {
        Event::ActionStarted { step, part: Part::Main, .. } | Event::WaitBegan { step, .. } => Some(step),
        _ => None,
    });
    let was_ended = entries.iter().any(|entry| match &entry.event {
        Event::ActionEnded { ended, .. } => matches!(ended.outcome, Outcome::Signalled { by: Signaller::Stop, .. }),
        _ => false,
    });
    let now = if was_ended { ", now: true" } else { "" };
    last.iter().for_each(|step| pen.line(0, &format!("stops: {{at: {}{now}}}", quoted(step.as_str()))));
}

fn answer_words(answer: &Answer) -> String {
    match answer {
        Answer::Done { facts, .. } if facts.is_empty() => "done".to_owned(),
        Answer::Done { facts, .. } => {
            let facts: Vec<String> = facts.iter().map(|(name, value)| format!("{name}: {}", quoted(&value.to_string()))).collect();
            format!("{{done: {{{}}}}}", facts.join(", "))
        }
        Answer::NotDone { .. } => "not-done".to_owned(),
        Answer::Chosen { option } => quoted(option),
        Answer::Retry => "retry".to_owned(),
        Answer::GoOn => "skip".to_owned(),
        Answer::Stop => "stop".to_owned(),
        Answer::RollBack => "rollback".to_owned(),
        Answer::Undone { .. } => "done".to_owned(),
        Answer::Release => "release".to_owned(),
        Answer::Keep => "keep".to_owned(),
    }
}

fn expectations(pen: &mut Pen, entries: &[Entry], state: &State) {
    pen.line(0, "expect:");
    pen.line(1, &format!("verdict: {}", verdict(state)));
    let results: Vec<(String, String)> = state
        .steps
        .iter()
        .filter(|(id, _)| !id.base().ends_with(".before")) // a look that a step asks for is no step of its own
        .filter_map(|(id, known)| {
            let results = settled_results(known.stage.as_ref()?, known);
            let hosts: Vec<String> = results.into_iter().map(|(host, result)| format!("{host}: {}", result.as_str())).collect();
            (!hosts.is_empty()).then(|| (id.to_string(), hosts.join(", ")))
        })
        .collect();
    if !results.is_empty() {
        pen.line(1, "steps:");
        results.iter().for_each(|(step, hosts)| pen.line(2, &format!("{}: {{{hosts}}}", quoted(step))));
    }
    for (word, names) in [("order", in_order(entries)), ("undone", undone_steps(entries)), ("held", held_steps(state))] {
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        pen.line(1, &format!("{word}: [{}]", names.join(", ")));
    }
}
