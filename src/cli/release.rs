//! `runbook release`: gives back what a run still holds, by its own commands or, said by a person, by hand. Goes on with nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::args::{Output, ReleaseArgs};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::resume::{again, opening_of, reopen, requester};
use super::session::Goal;
use super::stop::seal;
use crate::base::{HostName, Person, RunId, StepId};
use crate::engine::{Held, Life, Phase, State, held};
use crate::event::{AppendLog, Event, Verdict};
use crate::journal::{JournalWriter, RunFolder, Store};
use crate::plan::Role;
use crate::runner::Desk;
use crate::views::{Colour, HeldJson, Line, Page, held_json, held_lines};

#[derive(Serialize)]
struct ReleaseJson {
    run: RunId,
    /// `closed`, or `open` where something is left to do or to give back.
    state: &'static str,
    /// What was given back by hand just now: each step that would have done it, with its hosts.
    by_hand: BTreeMap<StepId, Vec<HostName>>,
    held: Vec<HeldJson>,
}

/// `runbook release RUN`
pub fn release(context: &Context, args: &ReleaseArgs) -> Result<Exit, Failure> {
    let store = context.store()?;
    let folder = store.find(&args.run)?;
    let (writer, state) = reopen(context, &folder)?;
    let run = opening_of(&state, &folder)?.run.clone();
    if held(&state).is_empty() {
        tell(context, &run, &state, BTreeMap::new());
        return Ok(Exit::Ok);
    }
    if let Life::Closed(verdict) = state.life {
        return Err(Failure::usage(format!("run {} is closed ({}): give back by hand what it held", run.short(), verdict.as_str())));
    }
    match &args.by_hand {
        Some(sentence) => by_hand(context, &store, (folder, writer, state), args, sentence),
        None => {
            let again = again(context, folder, writer, state, args.approved_copy)?;
            again.at_work().into_iter().for_each(|what| context.talk(&what));
            let began = vec![again.resumed(), Event::ReleaseBegan { person: again.identity.person.clone() }];
            again.work(context, &store, Goal::Release, began)
        }
    }
}

impl super::resume::Again {
    /// Steps beside those that take and give back, of which nobody knows whether they still run on a host.
    fn at_work(&self) -> Vec<String> {
        let is_open = |phase: &Phase| match phase {
            Phase::Running | Phase::Orphaned => true,
            Phase::Lost | Phase::Ended { .. } => false,
        };
        let is_written = |step: &StepId| self.program.step(step).is_some_and(|step| step.role == Role::Written);
        let steps = self.state.steps.iter().filter(|(step, _)| is_written(step));
        let attempts = steps.flat_map(|(step, known)| known.attempts.iter().map(move |(host, attempts)| (step, host, attempts)));
        let open = attempts.filter(|(.., attempts)| attempts.last().is_some_and(|last| is_open(&last.phase)));
        open.map(|(step, host, _)| format!("note: {step} was at work on {host} when the last runner ended, and may be at work still\n"))
            .collect()
    }
}

/// Records that a person has given it back, and ends the run where that was all that was left to do.
fn by_hand(
    context: &Context,
    store: &Store,
    (folder, mut writer, mut state): (RunFolder, JournalWriter, State),
    args: &ReleaseArgs,
    sentence: &str,
) -> Result<Exit, Failure> {
    if sentence.trim().is_empty() {
        return Err(Failure::usage("say in a sentence how it was given back: --by-hand \"…\""));
    }
    let opened = opening_of(&state, &folder)?.clone();
    let identity = requester(context, &folder, &opened)?;
    let given = chosen(&held(&state), &args.hosts)?;
    record(&mut writer, &mut state, &given, &identity.person, sentence.trim())?;
    let is_over = state.is_releasing || state.ending.is_some();
    if is_over && held(&state).is_empty() && !state.is_anything_running() {
        let desk = Desk::new(folder, identity.person, identity.key, Box::new(|| None));
        let verdict = state.ending.unwrap_or(Verdict::Stopped);
        seal(context, store, (&mut writer, desk), &state, verdict)?;
        state.life = Life::Closed(verdict);
    }
    tell(context, &opened.run, &state, given);
    Ok(if held(&state).is_empty() { Exit::Ok } else { Exit::NeedsPerson })
}

/// What is held on these hosts, or all of it: each step that would give it back, with its hosts.
fn chosen(all: &[Held], hosts: &[String]) -> Result<BTreeMap<StepId, Vec<HostName>>, Failure> {
    let holding: BTreeSet<&str> = all.iter().map(|held| held.host.as_str()).collect();
    if let Some(other) = hosts.iter().find(|host| !holding.contains(host.as_str())) {
        let known: Vec<&str> = holding.into_iter().collect();
        let message = format!("nothing is held on {}; something is on {}", crate::base::escaped(other.as_bytes()), known.join(", "));
        return Err(Failure::usage(message));
    }
    let mut chosen: BTreeMap<StepId, Vec<HostName>> = BTreeMap::new();
    for held in all.iter().filter(|held| hosts.is_empty() || hosts.iter().any(|host| *host == held.host.as_str())) {
        chosen.entry(held.release.clone()).or_default().push(held.host.clone());
    }
    Ok(chosen)
}

fn record(
    writer: &mut JournalWriter,
    state: &mut State,
    given: &BTreeMap<StepId, Vec<HostName>>,
    person: &Person,
    remark: &str,
) -> Result<(), Failure> {
    let event = |(step, hosts): (&StepId, &Vec<HostName>)| Event::ReleasedByHand {
        step: step.clone(),
        hosts: hosts.clone(),
        person: person.clone(),
        remark: remark.to_owned(),
    };
    let events: Vec<Event> = given.iter().map(event).collect();
    events.iter().try_for_each(|event| state.allows(event)).map_err(Failure::refused)?;
    let entries = writer.append_all(events).map_err(Failure::recording)?;
    entries.iter().try_for_each(|entry| state.after(entry.at, &entry.event)).map_err(Failure::recording)
}

fn tell(context: &Context, run: &RunId, state: &State, by_hand: BTreeMap<StepId, Vec<HostName>>) {
    let left = held(state);
    let short = run.short();
    if context.output == Output::Json {
        let stands = if matches!(state.life, Life::Closed(_)) { "closed" } else { "open" };
        context.print_json(&ReleaseJson { run: run.clone(), state: stands, by_hand, held: held_json(&left, &short) });
        return;
    }
    context.print(&Page::from(held_lines(&left)));
    context.write_out(&match (left.is_empty(), &state.life) {
        (false, _) => format!("next:  runbook release {short}\n"),
        (true, Life::Closed(verdict)) => format!("run {short} holds nothing; it is closed: {}\n", verdict.said()),
        (true, Life::Unborn | Life::Running | Life::Interrupted(_)) => {
            format!("run {short} holds nothing; go on with:  runbook resume {short}\nor close it with:  runbook stop {short}\n")
        }
    });
}

/// What is held, why that is in the way, and how it is given back: for whom asks for something else.
pub fn first(all: &[Held], short: &str, instead_of: &str) -> Failure {
    let lines: Vec<Line> = held_lines(all).into_iter().map(|line| line.indented(2)).collect();
    let lines = Page::from(lines).render(Colour::Never, None);
    let message = format!(
        "run {short} still holds something, so {instead_of}:\n{lines}give it back with:  runbook release {short}\nor, when you have done so:  runbook release {short} --by-hand \"…\""
    );
    Failure::new(Exit::NeedsPerson, message)
}
