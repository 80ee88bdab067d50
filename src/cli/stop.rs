//! `runbook stop`: what Ctrl-C does, from elsewhere; and the end of a run that nobody runs. Kills nothing on this machine but asks.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use super::args::Output;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::past::Past;
use super::release::first;
use super::resume::{opening_of, reopen};
use crate::base::RunId;
use crate::engine::{Life, State, held};
use crate::event::{AppendLog, Event, Verdict};
use crate::journal::{JournalWriter, RunFolder, Store, runner_of};
use crate::runner::{Desk, Gatekeeper};
use crate::views::{HeldJson, Line, Page, Tone, held_json, held_lines};

/// How long to wait for what runs to finish before leaving it to itself.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Serialize)]
struct StopJson {
    run: RunId,
    /// `stopping` where something still runs to its end, `interrupted`, or `closed`.
    state: &'static str,
    held: Vec<HeldJson>,
}

/// `runbook stop RUN`
pub fn stop(context: &Context, run: &str, now: bool) -> Result<Exit, Failure> {
    let store = context.store()?;
    let folder = store.find(run)?;
    let state = match runner_of(folder.path()) {
        Some(pid) => ask(&folder, pid, now)?,
        None => close(context, &store, &folder)?,
    };
    let past = Past::read(folder)?;
    let run = past.opened()?.1.run.clone();
    let holds = held(&past.state);
    let short = run.short();
    match context.output {
        Output::Json => context.print_json(&StopJson { held: held_json(&holds, &short), run, state }),
        Output::Text => context.write_out(&match state {
            "stopping" => {
                format!("asked; what runs on the hosts may finish first. To end it there, too:  runbook stop {short} --now\n")
            }
            "interrupted" => format!("interrupted; nothing is lost. Go on with:  runbook resume {short}\n"),
            _ => format!("closed run {short} as stopped\n"),
        }),
    }
    if context.output == Output::Text && !holds.is_empty() {
        let next = Line::new().plain("give it back with:  ").with(Tone::Command, format!("runbook release {short}"));
        context.print(&Page::from(held_lines(&holds).into_iter().chain([next]).collect::<Vec<_>>()));
    }
    Ok(Exit::Ok)
}

/// Two different signals, so that the second is never merged with the first.
fn ask(folder: &RunFolder, pid: u32, now: bool) -> Result<&'static str, Failure> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(|| Failure::usage("the lock names no process"))?;
    let send =
        |signal| kill_process(pid, signal).map_err(|error| Failure::refused(format!("its runner cannot be asked: {error}. Is it yours?")));
    send(Signal::INT)?;
    if now {
        send(Signal::TERM)?;
    }
    let began = Instant::now();
    while runner_of(folder.path()).is_some() {
        if began.elapsed() > PATIENCE {
            return Ok("stopping");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok("interrupted")
}

/// Ends a run that nobody runs, signed by its requester where the key is at hand.
fn close(context: &Context, store: &Store, folder: &RunFolder) -> Result<&'static str, Failure> {
    let (mut writer, state) = reopen(context, folder)?;
    let opened = opening_of(&state, folder)?;
    if matches!(state.life, Life::Closed(_)) {
        return Err(Failure::usage(format!("run {} is closed already", opened.run.short())));
    }
    let holds = held(&state);
    if !holds.is_empty() {
        return Err(first(&holds, &opened.run.short(), "it is not closed"));
    }
    if state.is_anything_running() {
        let short = opened.run.short();
        return Err(Failure::new(
            Exit::NeedsPerson,
            format!("run {short} had something at work when its runner ended; resume it first:  runbook resume {short}"),
        ));
    }
    let person = context.identity(&context.library()?.roster)?;
    if person.person != opened.requester {
        return Err(Failure::refused(format!("run {} is {}'s: only its requester can close it", opened.run.short(), opened.requester)));
    }
    let key = person.key.filter(|key| Some(&key.fingerprint) == opened.requester_key.as_ref());
    let desk = Desk::new(folder.clone(), person.person, key, Box::new(|| None));
    seal(context, store, (&mut writer, desk), &state, Verdict::Stopped)?;
    Ok("closed")
}

/// Signs the end of a run where the key is at hand, and closes it.
///
/// # Errors
/// Where something is still at work, or the record fails.
pub fn seal(
    context: &Context,
    store: &Store,
    (writer, mut desk): (&mut JournalWriter, Desk<'_>),
    state: &State,
    verdict: Verdict,
) -> Result<(), Failure> {
    let Some((_, opened)) = &state.opened else { return Ok(()) };
    let seal = desk.seal(state, verdict, writer.head(), context.now()).map_err(Failure::refused)?;
    let closed = Event::RunClosed { verdict, seal };
    state.allows(&closed).map_err(Failure::refused)?;
    writer.append_all(vec![closed]).map_err(Failure::recording)?;
    Ok(store.note_closed(opened, context.now(), writer.head())?)
}
