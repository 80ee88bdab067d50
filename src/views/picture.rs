//! The picture of a run while it goes on, and the blocks that plain output shares with it. Knows no cursor.

use super::page::{Line, Tone};
use super::steps::{HostSummary, StepLook, StepSummary, hosts_in_short, seconds};
use crate::base::{GateNo, HostName, Person, StepId, Timestamp};
use crate::engine::{Certainty, GateState, Held, Life, Phase, State, held};
use crate::event::{Command, Interruption, StageWork, Verdict};
use crate::plan::{Program, kept_lines, stage_lines};

/// The first line: what runs, and whose run it is.
pub fn header(program: &Program, state: &State, width: usize) -> Line {
    let right = state.opened.as_ref().map_or_else(String::new, |(_, opened)| {
        let word = if opened.mode.is_drill() { "drill" } else { "run" };
        format!("{word} {} · {}", opened.run.short(), opened.requester.as_str().split('@').next().unwrap_or_default())
    });
    let title = format!("{} · {}", program.runbook.name.value, program.runbook.title);
    let column = width.saturating_sub(right.chars().count());
    let title = super::page::fit(&title, column.saturating_sub(2));
    Line::new().with(Tone::Strong, title).column(column).with(Tone::Quiet, right)
}

/// What an open gate asks, and what to tell a colleague.
pub fn gate_block(state: &State, gate: GateNo, open: &GateState, now: Timestamp) -> Vec<Line> {
    let Some((_, opened)) = &state.opened else { return Vec::new() };
    let left = open.asks.expires.since(now);
    let given: Vec<String> = open.approvals.iter().map(|given| in_whose_place(&given.person, given.instead_of.as_deref())).collect();
    let given = if given.is_empty() { String::new() } else { format!(" · has {}", given.join(", ")) };
    let minutes = left.as_millis() / 60_000;
    let expires = format!("{minutes}:{:02}", left.as_millis() / 1000 % 60);
    let asks = format!("gate {gate}: {} besides {} · expires in {expires}{given}", who(open), opened.requester);
    let mut lines = vec![Line::new().plain("      ").with(Tone::Waits, asks)];
    lines.extend(substitutes(open, now).map(|who| Line::new().plain("      ").with(Tone::Waits, who)));
    for step in &open.asks.covers {
        let stage = state.steps.get(step).and_then(|step| step.stage.as_ref());
        let mut commands = stage.map(stage_lines).unwrap_or_default();
        if commands.iter().any(|line| line.starts_with("  | ")) {
            commands.retain(|line| !line.starts_with("  $ ") && !line.starts_with("  ~ ")); // the difference says it; the request has both
        }
        lines.extend(commands.into_iter().skip(1).map(|line| Line::new().plain("    ").with(tone_in_gate(&line), readable(&line))));
    }
    let ask = Line::new().plain("      ask a colleague to run:  ").with(Tone::Strong, format!("runbook approve {}", opened.run.short()));
    lines.push(ask);
    lines
}

/// How a line of a plan looks: commands, and what a difference adds and takes away.
pub(in crate::views) fn tone_of(line: &str) -> Tone {
    match line.get(..5) {
        Some("  | +") => Tone::Good,
        Some("  | -") => Tone::Bad,
        Some(head) if head.starts_with("  $ ") => Tone::Command,
        Some(_) | None => Tone::Plain,
    }
}

fn tone_in_gate(line: &str) -> Tone {
    if line.starts_with("  | ") { tone_of(line) } else { Tone::Command }
}

/// What a step would make different on its hosts, where a dry run has looked at them.
pub fn differences(state: &State, step: &StepSummary) -> Vec<Line> {
    let stage = state.steps.get(&step.id).and_then(|step| step.stage.as_ref());
    let Some(StageWork::Withheld { actions, .. }) = stage.map(|stage| &stage.work) else { return Vec::new() };
    let mut lines = Vec::new();
    for (host, shows) in actions.iter().filter_map(|action| Some((&action.host, action.shows.as_ref()?))) {
        lines.push(Line::new().plain("      ").with(Tone::Quiet, host.to_string()));
        for line in shows.as_slice().split(|&byte| byte == b'\n') {
            let tone = tone_of(&format!("  | {}", crate::base::ascii(line)));
            lines.push(Line::new().plain("        ").with(tone, line));
        }
    }
    lines
}

/// A line of a document as people write it; what it hides is escaped again when the line is rendered.
fn readable(line: &str) -> Vec<u8> {
    crate::base::from_ascii(line).unwrap_or_else(|| line.as_bytes().to_vec())
}

/// `carol@example.com for dba`, where she stands in.
pub fn in_whose_place(person: &Person, instead_of: Option<&str>) -> String {
    instead_of.map_or_else(|| person.to_string(), |of| format!("{person} for {of}"))
}

/// Who else may approve, and when.
fn substitutes(open: &GateState, now: Timestamp) -> Option<String> {
    let instead = open.asks.instead.as_ref()?;
    let left = instead.from.since(now).as_millis().div_ceil(1000);
    let when = if left == 0 { "now".to_owned() } else { format!("in {}:{:02}", left / 60, left % 60) };
    Some(format!("{when} also {}, in the place of {}", one_of(&instead.by), instead.of))
}

fn one_of(people: &[Person]) -> String {
    let names: Vec<&str> = people.iter().map(Person::as_str).collect();
    match names.as_slice() {
        [] => "nobody yet".to_owned(), // who runs it is left out, and a substitute may come
        few if few.len() <= 4 => format!("one of {}", few.join(", ")),
        many => format!("one of {} people", many.len()),
    }
}

fn who(open: &GateState) -> String {
    let slots: Vec<String> = open.asks.slots.iter().map(|slot| one_of(slot)).collect();
    slots.join(" and ")
}

/// What the current step is doing: elapsed time, and each busy host's last line of output, a few of them.
pub fn now_running(state: &State, step: &StepSummary, last_lines: &[(StepId, HostName, Vec<u8>)], now: Timestamp) -> Vec<Line> {
    const HOSTS_SHOWN: usize = 4; // more would push the gate and the failures off an 80×24 screen
    let Some(known) = state.steps.get(&step.id) else { return Vec::new() };
    let running = |host: &&HostSummary| {
        let attempts = known.attempts.get(&host.host);
        attempts.and_then(|attempts| attempts.last()).filter(|attempt| attempt.phase == Phase::Running).is_some()
    };
    let started = |host: &HostName| known.attempts.get(host).and_then(|attempts| attempts.last()).map(|attempt| attempt.started);
    let mut lines = Vec::new();
    for host in step.hosts.iter().filter(running).take(HOSTS_SHOWN) {
        let elapsed = started(&host.host).map_or_else(String::new, |at| seconds(now.since(at)));
        let line = last_lines.iter().find(|(id, name, _)| *id == step.id && *name == host.host).map_or(&[][..], |(.., line)| line);
        lines.push(Line::new().plain("      ").with(Tone::Quiet, format!("{} {elapsed}  ", host.host)).plain(line));
    }
    if let Some(until) = known.wait_until.filter(|until| *until > now) {
        lines.push(
            Line::new().plain("      ").with(Tone::Quiet, format!("until {}, {} left", until.time_of_day(), seconds(until.since(now)))),
        );
    }
    lines
}

/// A failed step: the command, why, and the end of what it printed.
pub fn failure(state: &State, step: &StepSummary, tail_of: &dyn Fn(&StepId, &HostName) -> Vec<Vec<u8>>) -> Vec<Line> {
    const HOSTS_SHOWN: usize = 3; // the exceptions that tell the story; the log has all
    const SCRIPT_LINES: usize = 5; // enough to know which command it was; the plan has all
    let mut lines = Vec::new();
    if !matches!(step.look, StepLook::Failed | StepLook::Unknown) {
        return lines;
    }
    if let Some(phrase) = step.phrase.as_ref().filter(|_| step.hosts.is_empty()) {
        lines.push(Line::new().plain("      ").with(Tone::Bad, phrase.clone()));
    }
    let stage = state.steps.get(&step.id).and_then(|step| step.stage.as_ref());
    let bad: Vec<&HostSummary> = step.hosts.iter().filter(|host| host.result.is_some_and(crate::engine::HostResult::is_bad)).collect();
    for host in bad.iter().take(HOSTS_SHOWN) {
        let result = host.result.map_or("", crate::engine::HostResult::as_str);
        let why = host.why.clone().or_else(|| unreached(state, &host.host)).unwrap_or_default();
        lines.push(Line::new().plain("      ").with(Tone::Bad, format!("{}: {result}", host.host)).plain(format!("  {why}")));
        if let Some(StageWork::Commands { actions, .. }) = stage.map(|stage| &stage.work)
            && let Some(action) = actions.iter().find(|action| action.host == host.host && action.shows.is_none())
        {
            let keeps = kept_lines(action).into_iter().map(|line| Line::new().plain("        * ").with(Tone::Command, line));
            lines.extend(keeps.take(SCRIPT_LINES));
            let script = action.command.script.as_slice().trim_ascii_end().split(|&byte| byte == b'\n');
            let shown = if action.keeps.is_empty() { SCRIPT_LINES } else { 0 }; // how a host sends evidence says nothing of what was wrong
            lines.extend(script.take(shown).map(|line| Line::new().plain("        $ ").with(Tone::Command, line)));
        }
        lines.extend(tail_of(&step.id, &host.host).into_iter().map(|line| Line::new().plain("        ").with(Tone::Quiet, line)));
    }
    if bad.len() > HOSTS_SHOWN {
        lines.push(Line::new().plain(format!("      and {} more hosts", bad.len() - HOSTS_SHOWN)));
    }
    lines
}

fn unreached(state: &State, host: &HostName) -> Option<String> {
    match state.hosts.get(host) {
        Some(crate::engine::HostFact::Unreachable(why)) => Some(why.clone()),
        Some(crate::engine::HostFact::Reached(_)) | None => None,
    }
}

/// The end: the verdict, how long it took, what is worth typing next.
pub fn ending(state: &State, steps: &[StepSummary], now: Timestamp) -> Vec<Line> {
    let Some((began, opened)) = &state.opened else { return Vec::new() };
    let run = opened.run.short();
    let took = seconds(now.since(*began));
    let (tone, word) = match &state.life {
        Life::Closed(Verdict::Failed) if opened.mode == crate::event::RunMode::DryRun => {
            (Tone::Bad, "dry run: it would fail; nothing was changed".to_owned())
        }
        Life::Closed(Verdict::Recovered) if opened.mode == crate::event::RunMode::DryRun => {
            (Tone::Good, "dry run: nothing was changed".to_owned())
        }
        Life::Closed(Verdict::Recovered) => (Tone::Good, format!("recovered{}", conclusion(state))),
        Life::Interrupted(Interruption::Held { verdict }) => (Tone::Bad, format!("{}, and something is still held", verdict.said())),
        Life::Closed(verdict @ Verdict::NoAction) => (Tone::Good, format!("{}{}", verdict.said(), conclusion(state))),
        Life::Closed(verdict @ Verdict::Escalated) => (Tone::Bad, format!("{}{}", verdict.said(), conclusion(state))),
        Life::Closed(verdict @ (Verdict::Failed | Verdict::RolledBack | Verdict::Stopped)) => (Tone::Bad, verdict.said()),
        Life::Closed(Verdict::Denied) => (Tone::Bad, format!("denied{}", denial(state))),
        Life::Interrupted(Interruption::Asked) => (Tone::Waits, "interrupted; nothing is lost".to_owned()),
        Life::Interrupted(Interruption::GateExpired { gate }) => (Tone::Waits, format!("gate {gate} expired without enough approvals")),
        Life::Interrupted(Interruption::NeedsPerson { why, .. }) => (Tone::Bad, format!("needs a person: {why}")),
        Life::Running | Life::Unborn => (Tone::Bad, "the runner ended early; nothing is lost".to_owned()),
    };
    let mut lines = vec![Line::new().with(tone, word).with(Tone::Quiet, format!("  {took}"))];
    let failed =
        steps.iter().filter(|step| step.look == StepLook::Failed).map(|step| format!("{} {}", step.number, hosts_in_short(&step.hosts)));
    let failed: Vec<String> = failed.collect();
    if !failed.is_empty() && matches!(state.life, Life::Closed(Verdict::Recovered)) {
        lines.push(Line::new().plain(format!("steps that failed and were passed over: {}", failed.join("; "))));
    }
    lines.extend(held_lines(&held(state)));
    let holds = !held(state).is_empty();
    let next = match state.life {
        Life::Interrupted(Interruption::Held { .. }) => format!("runbook release {run}    runbook log {run}"),
        Life::Running | Life::Interrupted(_) if holds && state.is_releasing => format!("runbook release {run}    runbook log {run}"),
        Life::Running | Life::Interrupted(_) if holds => format!("runbook resume {run}    runbook release {run}    runbook log {run}"),
        Life::Closed(_) => format!("runbook log {run}    runbook verify {run}"),
        Life::Unborn | Life::Running | Life::Interrupted(_) => format!("runbook resume {run}    runbook log {run}"),
    };
    lines.push(Line::new().plain("next:  ").with(Tone::Command, next));
    lines
}

/// The runbook's own sentence.
fn conclusion(state: &State) -> String {
    state.concluded.as_ref().map_or(String::new(), |concluded| format!(": {}", concluded.sentence.trim()))
}

/// What is still held: what, where, and how it is given back.
pub fn held_lines(all: &[Held]) -> Vec<Line> {
    let mut lines = Vec::new();
    for held in all {
        let sure = match held.certainty {
            Certainty::Held => "held",
            Certainty::MayBeHeld => "may be held",
        };
        let (name, host) = (&held.name, &held.host);
        lines.push(Line::new().with(Tone::Waits, format!("{sure} on {host}: {name}, since {}", held.since.to_seconds())));
        lines.extend(held.command.iter().flat_map(giving_back));
    }
    lines
}

/// A command as a person would have to type it: whose rights it needs, and its lines below each other.
fn giving_back(command: &Command) -> Vec<Line> {
    let user = command.r#become.as_ref().map_or(String::new(), |user| format!("as {user}, "));
    let first = format!("  given back {user}by  ");
    let beginnings = std::iter::once(first.clone()).chain(std::iter::repeat(" ".repeat(first.chars().count())));
    let script = command.script.as_slice().trim_ascii_end().split(|&byte| byte == b'\n');
    script.zip(beginnings).map(|(line, begins)| Line::new().plain(format!("{begins}$ ")).with(Tone::Command, line)).collect()
}

fn denial(state: &State) -> String {
    let denied = state.gates.values().find_map(|gate| match &gate.answer {
        crate::engine::GateAnswer::Denied { person, sentence } => Some(format!(" by {person}: {sentence}")),
        crate::engine::GateAnswer::Awaited
        | crate::engine::GateAnswer::Approved
        | crate::engine::GateAnswer::Expired
        | crate::engine::GateAnswer::Withdrawn => None,
    });
    denied.unwrap_or_default()
}
