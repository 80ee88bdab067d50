//! What came of a rehearsal against what its scenario expects: each difference with what was expected and what there was. Never rehearses.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cast::Cast;
use super::rehearse::Rehearsal;
use super::scenario::{Expected, ExpectedStep, Listed};
use crate::base::{HostName, StepId};
use crate::engine::{LeftOut, Life, State, held};
use crate::event::{Answer, Entry, Event, Interruption, Judgement, Part, StageWork};
use crate::text::Spanned;
use crate::views::{Colour, StepLook, StepSummary, steps, timeline_line};

/// How the step of a block is called that takes something; what is held may be called by the block's own name.
const TAKES: &str = ".acquire";

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What differs: `verdict`, `step restart-it on db-1`, `undone`.
    pub what: String,
    pub expected: String,
    pub got: String,
}

/// All differences; empty where the drill went as expected.
pub fn compare(cast: &Cast, rehearsal: &Rehearsal) -> Vec<Difference> {
    let expected = &cast.scenario.expected;
    let mut found = causes(rehearsal);
    let mut differ = |what: String, expected: String, got: String| {
        if expected != got {
            found.push(Difference { what, expected, got });
        }
    };
    differ("verdict".to_owned(), expected.verdict.value.clone(), verdict(&rehearsal.state));
    let summaries = steps(cast.program(), &rehearsal.state);
    for (step, wanted) in &expected.steps {
        for (what, wanted, got) in of_step(&summaries, rehearsal, &step.value, wanted) {
            differ(what, wanted, got);
        }
    }
    if let Some(undone) = &expected.undone {
        differ("undone".to_owned(), listed(undone), undone_steps(&rehearsal.entries).join(", "));
    }
    if let Some(wanted) = &expected.held {
        let mut names: Vec<String> = wanted.iter().map(|listed| block_of(&listed.step.value)).collect();
        names.dedup(); // with one piece, and with another
        differ("held".to_owned(), names.join(", "), held_steps(&rehearsal.state).join(", "));
        found.extend(of_commands(wanted, &rehearsal.state));
    }
    found.extend(of_record(&expected.record, &rehearsal.entries));
    found.extend(of_words(expected, rehearsal));
    found
}

/// What explains the rest: commands that no rule knew, and a runner that could not go on.
fn causes(rehearsal: &Rehearsal) -> Vec<Difference> {
    let unanswered = rehearsal.unanswered.iter().map(|unanswered| Difference {
        what: format!("step {} on {}", unanswered.step, unanswered.host),
        expected: "a rule for its command, or `otherwise: as_expected`".to_owned(),
        got: format!("none for: {}", unanswered.command.trim()),
    });
    let trouble = rehearsal.trouble.iter().map(|trouble| Difference {
        what: "the run".to_owned(),
        expected: "comes to its end".to_owned(),
        got: trouble.clone(),
    });
    unanswered.chain(trouble).collect()
}

/// What would be given back by another command than by one with this piece.
fn of_commands(wanted: &[Listed], state: &State) -> Vec<Difference> {
    let mut found = Vec::new();
    for (listed, piece) in wanted.iter().filter_map(|listed| Some((listed, listed.of_it.as_ref()?))) {
        let name = block_of(&listed.step.value);
        for held in held(state).iter().filter(|held| block_of(held.acquire.as_str()) == name) {
            let command = held.command.as_ref().map(|command| String::from_utf8_lossy(command.script.as_slice()).trim().to_owned());
            if !command.as_ref().is_some_and(|command| command.contains(piece.value.trim())) {
                let expected = format!("{name} on {} is given back by a command with {:?}", held.host, piece.value.trim());
                let got = command.unwrap_or_else(|| "no command that is known".to_owned());
                found.push(Difference { what: "held".to_owned(), expected, got });
            }
        }
    }
    found
}

/// Pieces that stand in no line of the timeline, as `log` shows it.
fn of_record(pieces: &[Spanned<String>], entries: &[Entry]) -> Vec<Difference> {
    let lines: Vec<String> = entries.iter().map(|entry| timeline_line(entry).render(Colour::Never, None)).collect();
    let missing = pieces.iter().filter(|piece| !lines.iter().any(|line| line.contains(&piece.value)));
    let difference = |piece: &Spanned<String>| Difference {
        what: "record".to_owned(),
        expected: format!("a line with {:?}", piece.value),
        got: format!("none of {} lines", lines.len()),
    };
    missing.map(difference).collect()
}

/// What is compared otherwise than as equal.
fn of_words(expected: &Expected, rehearsal: &Rehearsal) -> Vec<Difference> {
    let mut found = Vec::new();
    if let Some(says) = &expected.says {
        let sentence = rehearsal.state.concluded.as_ref().map_or(String::new(), |concluded| concluded.sentence.clone());
        if !sentence.contains(&says.value) {
            found.push(Difference { what: "says".to_owned(), expected: says.value.clone(), got: sentence });
        }
    }
    found.extend(expected.order.as_ref().and_then(|order| of_order(order, &rehearsal.entries)));
    for piece in &expected.never {
        let sent = rehearsal.sent.iter().find(|sent| sent.contains(&piece.value));
        found.extend(sent.map(|sent| Difference {
            what: "never".to_owned(),
            expected: format!("no command with {:?}", piece.value),
            got: sent.trim().to_owned(),
        }));
    }
    if let Some(within) = expected.within.as_ref().filter(|within| rehearsal.took > within.value) {
        found.push(Difference { what: "within".to_owned(), expected: within.value.to_string(), got: rehearsal.took.to_string() });
    }
    found
}

/// Where steps ran in another order than this.
fn of_order(order: &[Listed], entries: &[Entry]) -> Option<Difference> {
    let ran = host_by_host(entries);
    let mut left = ran.iter().peekable();
    let comes = |listed: &Listed| {
        let is_it = |ran: &&Ran| {
            let on_it = |host: &Spanned<String>| ran.host.is_some_and(|ran| ran.as_str() == host.value);
            is_step(ran.step.as_str(), &listed.step.value) && listed.of_it.as_ref().is_none_or(on_it)
        };
        let found = left.find(is_it);
        if let (Some(found), None) = (found, &listed.of_it) {
            while left.next_if(|next| next.step == found.step).is_some() {} // on all its hosts
        }
        found.is_some()
    };
    if order.iter().all(comes) {
        return None;
    }
    let one = |listed: &Listed| on_host(&listed.step.value, listed.of_it.as_ref().map(|host| host.value.as_str()));
    let expected = order.iter().map(one).collect::<Vec<_>>().join(", ");
    let by_host = ran.iter().map(|ran| on_host(ran.step.as_str(), ran.host.map(HostName::as_str)));
    let got = if order.iter().any(|listed| listed.of_it.is_some()) { by_host.collect() } else { in_order(entries) };
    Some(Difference { what: "order".to_owned(), expected, got: got.join(", ") })
}

fn on_host(step: &str, host: Option<&str>) -> String {
    host.map_or_else(|| step.to_owned(), |host| format!("{step} on {host}"))
}

fn listed(names: &[Spanned<String>]) -> String {
    names.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join(", ")
}

/// How a run stands in the end, in a word. What is still held is said apart.
pub fn verdict(state: &State) -> String {
    match &state.life {
        Life::Closed(verdict) | Life::Interrupted(Interruption::Held { verdict }) => verdict.as_str(),
        Life::Interrupted(Interruption::NeedsPerson { .. }) => "needs_person",
        Life::Interrupted(Interruption::GateExpired { .. }) => "gate_expired",
        Life::Interrupted(Interruption::Asked) | Life::Running | Life::Unborn => "interrupted",
    }
    .to_owned()
}

/// Whether a step of a run is the one that a scenario names, with or without its turn.
pub(super) fn is_step(id: &str, name: &str) -> bool {
    id == name || (!name.contains('@') && id.split('@').next() == Some(name))
}

type Compared = (String, String, String);

fn of_step(summaries: &[StepSummary], rehearsal: &Rehearsal, name: &str, wanted: &ExpectedStep) -> Vec<Compared> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    let mut alone = None;
    for summary in summaries.iter().filter(|summary| is_step(summary.id.as_str(), name)) {
        if matches!(rehearsal.state.step(&summary.id).left_out, Some(LeftOut::Skipped(_))) {
            alone = Some("skipped".to_owned()); // perhaps prepared, behind a gate, and left out when it was reached
            continue;
        }
        for host in &summary.hosts {
            let result = host.result.map_or("not_started", crate::engine::HostResult::as_str);
            all.insert(host.host.to_string(), result.to_owned());
        }
        if summary.hosts.is_empty() {
            alone = Some(without_hosts(summary, rehearsal));
        }
    }
    match wanted {
        ExpectedStep::All(word) if all.is_empty() => {
            vec![(format!("step {name}"), word.value.clone(), alone.unwrap_or_else(|| "not_started".to_owned()))]
        }
        ExpectedStep::All(word) => all.into_iter().map(|(host, got)| (format!("step {name} on {host}"), word.value.clone(), got)).collect(),
        ExpectedStep::Hosts(hosts) => {
            let got = |host: &String| all.get(host).cloned().or_else(|| alone.clone()).unwrap_or_else(|| "not_started".to_owned());
            hosts.iter().map(|(host, word)| (format!("step {name} on {}", host.value), word.value.clone(), got(&host.value))).collect()
        }
    }
}

/// A step that has no host: a person's, a pause, the end; or one that was not reached.
fn without_hosts(summary: &StepSummary, rehearsal: &Rehearsal) -> String {
    let known = rehearsal.state.step(&summary.id);
    let word = match (&known.left_out, known.stage.as_ref().map(|stage| &stage.work), summary.look) {
        (Some(LeftOut::Skipped(_)), ..) => "skipped",
        (Some(LeftOut::Refused(_)), ..) => "failed",
        (None, Some(StageWork::Conclude { .. }), StepLook::Ok) => "concluded",
        (None, _, StepLook::Ok) => "ok",
        (None, _, StepLook::Skipped) => "skipped",
        (None, _, StepLook::Failed) => "failed",
        (None, _, StepLook::Unknown) => "unknown",
        (None, _, StepLook::NotReached | StepLook::Underway | StepLook::Waiting | StepLook::Withheld) => "not_started",
    };
    word.to_owned()
}

/// A step that ran on a host, or that a person answered.
struct Ran<'e> {
    step: &'e StepId,
    host: Option<&'e HostName>,
}

/// What ran, in order; each host of a step once where its attempts follow one another.
fn host_by_host(entries: &[Entry]) -> Vec<Ran<'_>> {
    let mut all: Vec<Ran<'_>> = Vec::new();
    for entry in entries {
        let (step, host) = match &entry.event {
            Event::ActionStarted { step, host, part: Part::Main, .. } => (step, Some(host)),
            Event::PersonAnswered { step, .. } => (step, None),
            _ => continue,
        };
        if !all.iter().rev().take_while(|ran| ran.step == step).any(|ran| ran.host == host) {
            all.push(Ran { step, host });
        }
    }
    all
}

/// The steps that ran, or that a person answered, in order; each once where its hosts and attempts follow one another.
pub fn in_order(entries: &[Entry]) -> Vec<String> {
    let mut steps: Vec<String> = host_by_host(entries).iter().map(|ran| ran.step.to_string()).collect();
    steps.dedup();
    steps
}

/// The steps that were undone, in order.
pub fn undone_steps(entries: &[Entry]) -> Vec<String> {
    let named = entries.iter().filter_map(|entry| match &entry.event {
        Event::ActionEnded { step, part: Part::Undo, ended, .. } if ended.judgement == Judgement::Met => Some(step.to_string()),
        Event::PersonAnswered { step, answer: Answer::Undone { .. }, .. } => Some(step.to_string()),
        _ => None,
    });
    let mut steps: Vec<String> = named.collect();
    steps.dedup();
    steps
}

/// What is held in the end: the steps that took it.
pub fn held_steps(state: &State) -> Vec<String> {
    let mut steps: Vec<String> = held(state).iter().map(|held| block_of(held.acquire.as_str())).collect();
    steps.dedup();
    steps
}

/// The block whose step takes something, with its turn.
fn block_of(step: &str) -> String {
    step.replace(TAKES, "")
}
