//! One entry of a journal as one line of the timeline. Every event has its line; none is summed up.

use super::page::{Line, Tone};
use super::steps::seconds;
use crate::event::{
    Answer, Ended, Entry, Event, GateAsks, Interruption, Judgement, KeptArtifact, LoopTurn, Part, RunMode, Truncation, is_played,
};
use crate::plan::said;

/// The line of one entry: time of day, what happened.
pub fn timeline_line(entry: &Entry) -> Line {
    let line = Line::new().with(Tone::Quiet, entry.at.time_of_day()).plain("  ");
    let (tone, text) = words(&entry.event);
    line.with(tone, text)
}

fn words(event: &Event) -> (Tone, String) {
    match event {
        Event::RunOpened(opened) => {
            let mode = of_mode(opened.mode, opened.hosts_from.as_deref());
            (Tone::Strong, format!("{} opened run {} of {}{mode}", opened.requester, opened.run, opened.runbook))
        }
        Event::HostReached { host, place } => (Tone::Quiet, format!("reached {host}: {} {}", place.login, place.key)),
        Event::HostUnreachable { host, why } => (Tone::Bad, format!("cannot reach {host}: {why}")),
        Event::StagePrepared { stage } => (Tone::Quiet, format!("prepared {} \"{}\"", stage.number, stage.name)),
        Event::TurnsPlanned { block, turns } => (Tone::Quiet, format!("{block} has {} turns: {}", turns.len(), turns_of(turns))),
        Event::TurnsReordered { block, order } => {
            let order: Vec<String> = order.iter().map(u32::to_string).collect();
            (Tone::Waits, format!("the turns of {block} go on in the order {}: what must go last has moved", order.join(", ")))
        }
        Event::LookRepeated { block, turn, step } => (Tone::Quiet, format!("looks at {step} again before turn {turn} of {block}")),
        Event::CallBegan { block, runbook, parameters } => (
            Tone::Plain,
            format!("{block} calls {runbook}{}", parameters.iter().map(|(name, value)| format!(" {name}={value}")).collect::<String>()),
        ),
        Event::StepSkipped { step, why } => (Tone::Plain, format!("skipped {step}: {why}")),
        Event::StepRefused { step, why } => (Tone::Bad, format!("refused {step}: {why}")),
        Event::GateOpened { gate, asks } => (Tone::Waits, format!("gate {gate} opened {}", asked_of(asks))),
        Event::ApprovalGiven { gate, person, instead_of, .. } => {
            (Tone::Good, format!("{person} approved gate {gate}{}", as_substitute(instead_of.as_deref())))
        }
        Event::ApprovalRefused { why, .. } => (Tone::Bad, format!("a document does not count: {why}")),
        Event::ApprovalDenied { gate, person, key, sentence, .. } => {
            (Tone::Bad, format!("{person} denied gate {gate}{}: {sentence}", of_key(key)))
        }
        Event::GateExpired { gate } => (Tone::Waits, format!("gate {gate} expired")),
        Event::ActionStarted { step, host, part, attempt, .. } => {
            (Tone::Plain, format!("started {step} on {host}{}{}", of_part(*part), of_attempt(*attempt)))
        }
        Event::ActionReattached { step, host, .. } => (Tone::Waits, format!("asked {host} what became of {step}")),
        Event::EvidenceKept { step, host, artifacts, .. } => {
            (tone_of_kept(artifacts), format!("{step} kept of {host}: {}", kept(artifacts)))
        }
        Event::ActionEnded { step, host, part, ended, .. } => {
            (tone_of(ended, *part), format!("{step} on {host}{}: {}", of_part(*part), end_of(ended)))
        }
        Event::WaitBegan { step, until } => (Tone::Plain, format!("{step} waits until {}", until.time_of_day())),
        Event::RollbackBegan { step } => (Tone::Bad, format!("{step} failed: what has completed is undone, newest first")),
        Event::RunConcluded { verdict, sentence, .. } => {
            (if verdict.is_good() { Tone::Good } else { Tone::Bad }, format!("concluded: {}. {}", verdict.said(), sentence.trim()))
        }
        Event::ReleaseBegan { person } => (Tone::Strong, format!("{person} gives back what is held")),
        Event::ReleasedByHand { step, hosts, person, remark } => {
            (Tone::Plain, format!("{person} did {step} by hand on {}: {remark}", hosts_of(hosts)))
        }
        Event::PersonAnswered { step, person, answer } => (Tone::Plain, format!("{person} answered {step}: {}", answer_of(answer))),
        Event::NoteAdded { person, text } => (Tone::Plain, format!("{person} noted: {text}")),
        Event::RunInterrupted { why } => (Tone::Waits, format!("interrupted: {}", interruption_of(why))),
        Event::RunResumed { person, epoch, machine } => (Tone::Strong, format!("{person} resumed it on {machine} (epoch {epoch})")),
        Event::RunClosed { verdict, seal } => {
            let sealed = if seal.is_some() { "" } else { ", not signed" };
            (if verdict.is_good() { Tone::Good } else { Tone::Bad }, format!("closed: {}{sealed}", verdict.said()))
        }
    }
}

/// How a run differs from a real one, in parentheses.
pub fn of_mode(mode: RunMode, hosts_from: Option<&str>) -> String {
    match mode {
        RunMode::Real => String::new(),
        RunMode::DryRun => " (dry run)".to_owned(),
        RunMode::Drill => " (drill)".to_owned(),
        RunMode::LiveDrill => format!(" (drill on the hosts of {})", hosts_from.unwrap_or("nobody")),
    }
}

fn asked_of(asks: &GateAsks) -> String {
    format!("for {} approvals, until {}, check {}", asks.slots.len(), asks.expires.time_of_day(), asks.check)
}

/// Whether a part in a drill was played.
fn of_key(key: &str) -> &'static str {
    if is_played(key) { " (played)" } else { "" }
}

fn tone_of_kept(artifacts: &[KeptArtifact]) -> Tone {
    if artifacts.iter().all(|artifact| artifact.trouble.is_none()) { Tone::Good } else { Tone::Bad }
}

fn kept(artifacts: &[KeptArtifact]) -> String {
    artifacts.iter().map(kept_of).collect::<Vec<_>>().join(", ")
}

fn kept_of(artifact: &KeptArtifact) -> String {
    let bytes: u64 = artifact.files.iter().map(|file| file.bytes).sum();
    let files = match artifact.files.as_slice() {
        [] => return format!("{} (nothing: {})", artifact.name, artifact.trouble.as_deref().unwrap_or("no file")),
        [file] if file.truncated == Some(Truncation::Asked) => ", its end".to_owned(),
        [_] => String::new(),
        many => format!(" in {} files", many.len()),
    };
    let trouble = artifact.trouble.as_ref().map_or(String::new(), |why| format!(", not whole: {why}"));
    format!("{} ({bytes} bytes{files}{trouble})", artifact.name)
}

fn as_substitute(instead_of: Option<&str>) -> String {
    instead_of.map_or(String::new(), |of| format!(" in the place of {of}, as a substitute"))
}

fn hosts_of(hosts: &[crate::base::HostName]) -> String {
    hosts.iter().map(crate::base::HostName::as_str).collect::<Vec<_>>().join(", ")
}

fn of_part(part: Part) -> &'static str {
    match part {
        Part::Look => " (done already?)",
        Part::Main => "",
        Part::Undo => " (undo)",
    }
}

fn of_attempt(attempt: u32) -> String {
    if attempt > 1 { format!(", attempt {attempt}") } else { String::new() }
}

fn tone_of(ended: &Ended, part: Part) -> Tone {
    match (&ended.judgement, part) {
        (Judgement::Met, _) => Tone::Good,
        (Judgement::Missed { .. }, Part::Look) => Tone::Plain,
        (Judgement::Missed { .. }, Part::Main | Part::Undo) => Tone::Bad,
    }
}

fn end_of(ended: &Ended) -> String {
    let outcome = said(&ended.outcome);
    let judged = match &ended.judgement {
        Judgement::Met => String::new(),
        Judgement::Missed { why } if *why == outcome => String::new(),
        Judgement::Missed { why } => format!(" ({why})"),
    };
    let (out, err) = (ended.stdout.bytes, ended.stderr.bytes);
    format!("{outcome}{judged} after {}, {out} bytes out, {err} bytes err", seconds(ended.took_ms))
}

fn answer_of(answer: &Answer) -> String {
    match answer {
        Answer::Done { remark, facts } => {
            let facts: Vec<String> = facts.iter().map(|(name, value)| format!("; {name}={value}")).collect();
            let remark = if remark.is_empty() { String::new() } else { format!(": {remark}") };
            format!("done{remark}{}", facts.concat())
        }
        Answer::NotDone { remark } if remark.is_empty() => "not done".to_owned(),
        Answer::NotDone { remark } => format!("not done: {remark}"),
        Answer::Retry => "try again".to_owned(),
        Answer::GoOn => "go on".to_owned(),
        Answer::Stop => "stop".to_owned(),
        Answer::Chosen { option } => format!("chose {option}"),
        Answer::RollBack => "roll back".to_owned(),
        Answer::Undone { remark } if remark.is_empty() => "undone by hand".to_owned(),
        Answer::Undone { remark } => format!("undone by hand: {remark}"),
        Answer::Release => "release it".to_owned(),
        Answer::Keep => "keep it held".to_owned(),
    }
}

fn interruption_of(why: &Interruption) -> String {
    match why {
        Interruption::Asked => "a person asked for it".to_owned(),
        Interruption::GateExpired { gate } => format!("gate {gate} expired"),
        Interruption::NeedsPerson { why, .. } => why.clone(),
        Interruption::Held { verdict } => format!("over but for what it holds: {}", verdict.said()),
    }
}

fn turns_of(turns: &[LoopTurn]) -> String {
    let turn = |turn: &LoopTurn| match turn {
        LoopTurn::Item(serde_json::Value::String(text)) => text.clone(),
        LoopTurn::Item(item) => item.to_string(),
        LoopTurn::Batch(hosts) => hosts_of(hosts).replace(", ", "+"),
    };
    turns.iter().map(turn).collect::<Vec<_>>().join(", ")
}
