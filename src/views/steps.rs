//! The steps of a run as people look at them: one summary a step, in the runbook's order. Derives everything from the state.

use std::collections::BTreeMap;

use super::foretold::foretold;
use super::page::{Line, Tone};
use crate::base::{HostName, Period, StepId};
use crate::engine::{Foreseen, HostResult, LeftOut, Life, Phase, Progress, State, StepState, is_spent, progress, unfolded};
use crate::event::{Answer, Outcome, Part, RunMode, StageWork, Until};
use crate::plan::{Program, ProgramStep, Reached, Role, said};

/// How a step looks from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepLook {
    NotReached,
    Underway,
    Waiting,
    Ok,
    Skipped,
    Failed,
    /// Nobody knows what became of it.
    Unknown,
    /// A dry run stops short of it.
    Withheld,
}

/// One step's state in few words.
#[derive(Debug, Clone)]
pub struct StepSummary {
    pub id: StepId,
    pub number: String,
    pub name: String,
    pub look: StepLook,
    /// Every selected host, with its result where that is settled; in the inventory's order.
    pub hosts: Vec<HostSummary>,
    /// What to say in one phrase: why it was skipped, how it failed, how it ended.
    pub phrase: Option<String>,
    /// From the first start to the last end.
    pub took: Option<Period>,
    /// What a dry run says of it.
    pub foreseen: Option<Foreseen>,
}

/// One host's part in a step.
#[derive(Debug, Clone)]
pub struct HostSummary {
    pub host: HostName,
    pub result: Option<HostResult>,
    pub exit_code: Option<i32>,
    /// Starts of the step's own command.
    pub attempts: u32,
    /// Why it is bad, where it is.
    pub why: Option<String>,
    /// What a dry run says of the step there.
    pub foreseen: Option<Foreseen>,
}

/// All steps of a run.
pub fn steps(program: &Program, state: &State) -> Vec<StepSummary> {
    unfolded(program, state).iter().map(|step| summary(state, step)).collect()
}

/// Those that are worth a line: what answers only to a failure, or was not chosen, is shown where it was touched.
pub fn steps_to_show(program: &Program, state: &State) -> Vec<ProgramStep> {
    let is_dry = is_dry(state);
    let is_plain = |step: &ProgramStep| step.reached == Reached::Always || state.steps.contains_key(&step.id) || is_dry;
    unfolded(program, state).into_iter().filter(is_plain).collect()
}

/// One step of a run.
pub fn summary(state: &State, step: &ProgramStep) -> StepSummary {
    let known = state.step(&step.id);
    let over = matches!(state.life, Life::Closed(_));
    let hosts = match (&step.turn.batch, &known.stage) {
        (Some(batch), None) if over && step.takes_batch && known.left_out.is_none() => batch.iter().map(not_started).collect(),
        (Some(_) | None, _) => host_summaries(&known, over),
    };
    let hosts = match (&step.role, &known.stage.as_ref().map(|stage| &stage.work)) {
        (Role::After { .. }, Some(StageWork::Commands { until: Some(until), .. })) => {
            hosts.into_iter().map(|host| not_back(host, until)).collect()
        }
        (
            Role::Written | Role::Acquire { .. } | Role::Release { .. } | Role::Symptom { .. } | Role::Before { .. } | Role::After { .. },
            _,
        ) => hosts,
    };
    let look = look(state, &known, &hosts);
    let phrase = phrase(&known, &hosts, look);
    let (id, number, name, took) = (step.id.clone(), step.number.clone(), name(step), took(&known));
    let summary = StepSummary { id, number, name, look, hosts, phrase, took, foreseen: None };
    if is_dry(state) { foretold(state, step, &known, summary) } else { summary }
}

fn is_dry(state: &State) -> bool {
    state.opened.as_ref().is_some_and(|(_, opened)| opened.mode == RunMode::DryRun)
}

/// The step's name, and in a loop what its turn is for.
fn name(step: &ProgramStep) -> String {
    let name = &step.step.name.value;
    match &step.turn.item {
        Some(serde_json::Value::String(item)) => format!("{name} · {item}"),
        Some(item) => format!("{name} · {item}"),
        None => name.clone(),
    }
}

/// A host that was asked to restart and did not come back.
fn not_back(host: HostSummary, until: &Until) -> HostSummary {
    let why = host.why.map(|why| format!("it has not come back from a restart within {}; the last look: {why}", until.within));
    HostSummary { why, ..host }
}

fn host_summaries(known: &StepState, over: bool) -> Vec<HostSummary> {
    let Some(StageWork::Commands { actions, .. } | StageWork::Withheld { actions, .. }) = known.stage.as_ref().map(|stage| &stage.work)
    else {
        return Vec::new();
    };
    let mut hosts: BTreeMap<HostName, Option<HostResult>> =
        known.done_before.iter().map(|(host, result)| (host.clone(), Some(*result))).collect();
    let budget_spent = known.stage.as_ref().is_some_and(|stage| {
        let settled = actions.iter().map(|action| progress(stage, action, known));
        is_spent(stage, settled.filter(|progress| matches!(progress, Progress::Settled(result) if result.is_bad())).count())
    });
    for (stage, action) in known.stage.iter().flat_map(|stage| actions.iter().map(move |action| (stage, action))) {
        let result = match progress(stage, action, known) {
            Progress::Settled(result) => Some(result),
            Progress::Next(_) if (over || budget_spent || known.left_out.is_some()) && untouched(known, &action.host) => {
                Some(HostResult::NotStarted)
            }
            Progress::Next(_) | Progress::NotBefore(..) if over => Some(HostResult::Failed),
            Progress::Running | Progress::Orphaned(..) if over => Some(HostResult::Unknown),
            Progress::Next(_) | Progress::NotBefore(..) | Progress::Running | Progress::Orphaned(..) => None,
        };
        hosts.insert(action.host.clone(), result);
    }
    hosts.into_iter().map(|(host, result)| host_summary(known, host, result)).collect()
}

/// A host of a batch that was never begun.
fn not_started(host: &HostName) -> HostSummary {
    HostSummary { host: host.clone(), result: Some(HostResult::NotStarted), exit_code: None, attempts: 0, why: None, foreseen: None }
}

fn untouched(known: &StepState, host: &HostName) -> bool {
    known.attempts.get(host).is_none_or(Vec::is_empty)
}

fn host_summary(known: &StepState, host: HostName, result: Option<HostResult>) -> HostSummary {
    let attempts = known.attempts.get(&host).map_or(&[][..], Vec::as_slice);
    let ended = attempts.iter().rev().find_map(|attempt| match &attempt.phase {
        Phase::Ended { ended, .. } if attempt.part == Part::Main || attempts.len() == 1 => Some(ended),
        Phase::Ended { .. } | Phase::Running | Phase::Orphaned | Phase::Lost => None,
    });
    let exit_code = ended.and_then(|ended| match ended.outcome {
        Outcome::Exited { code } => Some(code),
        Outcome::Signalled { .. } | Outcome::NeverStarted { .. } | Outcome::Unknown { .. } => None,
    });
    let mains = attempts.iter().filter(|attempt| attempt.part == Part::Main).count();
    let why = result.filter(|result| result.is_bad()).and_then(|_| match ended.map(|ended| (&ended.judgement, &ended.outcome)) {
        Some((crate::event::Judgement::Missed { why }, _)) => Some(why.clone()),
        Some((crate::event::Judgement::Met, outcome)) => Some(said(outcome)),
        None => None,
    });
    HostSummary { host, result, exit_code, attempts: u32::try_from(mains).unwrap_or(u32::MAX), why, foreseen: None }
}

fn look(state: &State, known: &StepState, hosts: &[HostSummary]) -> StepLook {
    match (&known.left_out, &known.stage) {
        (Some(LeftOut::Skipped(_)), _) => return StepLook::Skipped,
        (Some(LeftOut::Refused(_)), _) => return StepLook::Failed,
        (None, None) => return StepLook::NotReached,
        (None, Some(_)) => {}
    }
    let Some(stage) = &known.stage else { return StepLook::NotReached };
    match &stage.work {
        StageWork::Withheld { .. } => StepLook::Withheld,
        StageWork::Manual { .. } | StageWork::Choose { .. } => match &known.answer {
            None => StepLook::Waiting,
            Some((_, Answer::Done { .. } | Answer::Chosen { .. } | Answer::GoOn)) => StepLook::Ok,
            Some((_, Answer::NotDone { .. } | Answer::Retry | Answer::Stop | Answer::RollBack)) => StepLook::Failed,
            Some((_, Answer::Undone { .. } | Answer::Release | Answer::Keep)) => StepLook::Failed,
        },
        StageWork::Conclude { .. } => match &state.concluded {
            Some(concluded) if concluded.step == stage.step => StepLook::Ok,
            Some(_) | None => StepLook::NotReached,
        },
        StageWork::Skip { .. } => StepLook::Waiting,
        StageWork::Wait { .. } => wait_look(state, known),
        StageWork::Commands { .. } => hosts_look(state, known, hosts),
    }
}

/// A wait is over when something happened after it.
fn wait_look(state: &State, known: &StepState) -> StepLook {
    match known.wait_until {
        None => StepLook::Underway,
        Some(until) if state.latest.is_some_and(|latest| latest >= until) => StepLook::Ok,
        Some(_) => StepLook::Waiting,
    }
}

fn hosts_look(state: &State, known: &StepState, hosts: &[HostSummary]) -> StepLook {
    let any = |wanted: HostResult| hosts.iter().any(|host| host.result == Some(wanted));
    let Some(stage) = &known.stage else { return StepLook::NotReached };
    let bad = hosts.iter().filter(|host| host.result.is_some_and(HostResult::is_bad)).count();
    if hosts.iter().any(|host| host.result.is_none()) {
        let waits = stage.gate.is_some_and(|gate| !state.is_approved(gate));
        return if waits { StepLook::Waiting } else { StepLook::Underway };
    }
    if any(HostResult::Unknown) && stage.effect > crate::event::Effect::Read {
        return StepLook::Unknown;
    }
    if bad > stage.max_failures as usize {
        return StepLook::Failed;
    }
    if any(HostResult::Ok) {
        return StepLook::Ok;
    }
    if any(HostResult::Skipped) { StepLook::Skipped } else { StepLook::NotReached }
}

fn phrase(known: &StepState, hosts: &[HostSummary], look: StepLook) -> Option<String> {
    match (&known.left_out, &known.stage.as_ref().map(|stage| &stage.work)) {
        (Some(LeftOut::Skipped(why) | LeftOut::Refused(why)), _) => return Some(why.clone()),
        (None, Some(StageWork::Withheld { says, .. })) => return Some(says.clone()),
        (None, Some(StageWork::Conclude { sentence, .. })) => return Some(sentence.trim().to_owned()),
        (None, Some(StageWork::Choose { .. })) => {
            return match &known.answer {
                Some((_, Answer::Chosen { option })) => Some(option.clone()),
                Some(_) | None => None,
            };
        }
        (None, _) => {}
    }
    let bad: Vec<&HostSummary> = hosts.iter().filter(|host| host.result.is_some_and(HostResult::is_bad)).collect();
    match (bad.as_slice(), look) {
        ([], StepLook::Skipped) => Some("already in place".to_owned()),
        ([], _) => exits(hosts),
        ([one], _) => Some(one.why.clone().unwrap_or_else(|| one.result.map_or("", HostResult::as_str).to_owned())),
        (several, _) => Some(format!("{} of {} hosts failed", several.len(), hosts.len())),
    }
}

/// The exit status where one that is not 0 was expected.
fn exits(hosts: &[HostSummary]) -> Option<String> {
    let codes: Vec<i32> = hosts.iter().filter_map(|host| host.exit_code).filter(|code| *code != 0).collect();
    codes.first().map(|code| format!("exit status {code}"))
}

fn took(known: &StepState) -> Option<Period> {
    let attempts: Vec<_> = known.attempts.values().flatten().collect();
    let first = attempts.iter().map(|attempt| attempt.started).min()?;
    let last = attempts.iter().filter_map(|attempt| match &attempt.phase {
        Phase::Ended { at, .. } => Some(*at),
        Phase::Running | Phase::Orphaned | Phase::Lost => None,
    });
    last.max().map(|last| last.since(first))
}

/// The step in one line: mark, number, name, hosts, phrase, time.
pub fn summary_line(step: &StepSummary, width: usize) -> Line {
    let (mark, tone) = mark(step.look);
    let name_column = 8 + width.saturating_sub(60) / 2;
    let mut line =
        Line::new().plain("  ").with(tone, mark).plain(format!(" {} ", step.number)).with(name_tone(step.look), step.name.clone());
    if !step.hosts.is_empty() {
        line = line.column(name_column + 30).with(Tone::Quiet, hosts_in_short(&step.hosts));
    }
    if let Some(phrase) = &step.phrase {
        line = line.plain("  ").with(if tone == Tone::Good { Tone::Quiet } else { tone }, phrase.clone());
    }
    match step.took {
        Some(took) => line.plain("  ").with(Tone::Quiet, seconds(took)),
        None => line,
    }
}

/// A name, a few names, or a count.
pub fn hosts_in_short(hosts: &[HostSummary]) -> String {
    match hosts {
        [] => String::new(),
        few if few.len() <= 2 => few.iter().map(|host| host.host.as_str()).collect::<Vec<_>>().join(", "),
        many => {
            let done = many.iter().filter(|host| host.result.is_some()).count();
            if done == many.len() { format!("{} hosts", many.len()) } else { format!("{done} of {} hosts", many.len()) }
        }
    }
}

/// As people say it: `0.1s`, `12s`, `3m20s`.
pub fn seconds(period: Period) -> String {
    match period.as_millis() {
        millis if millis < 10_000 => format!("{}.{}s", millis / 1000, millis % 1000 / 100),
        millis => Period::from_secs(millis / 1000).to_string(),
    }
}

fn name_tone(look: StepLook) -> Tone {
    match look {
        StepLook::NotReached | StepLook::Skipped => Tone::Quiet,
        StepLook::Underway | StepLook::Waiting | StepLook::Ok | StepLook::Failed | StepLook::Unknown | StepLook::Withheld => Tone::Plain,
    }
}

fn mark(look: StepLook) -> (&'static str, Tone) {
    match look {
        StepLook::NotReached => ("·", Tone::Quiet),
        StepLook::Underway => ("▸", Tone::Strong),
        StepLook::Waiting => ("⏸", Tone::Waits),
        StepLook::Ok => ("✓", Tone::Good),
        StepLook::Skipped => ("-", Tone::Quiet),
        StepLook::Failed => ("✗", Tone::Bad),
        StepLook::Unknown => ("?", Tone::Bad),
        StepLook::Withheld => ("○", Tone::Waits),
    }
}
