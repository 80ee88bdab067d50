//! `runbook resume`: one event, then the same loop. Goes on only with what the run was opened with.

use std::sync::Arc;

use super::args::ResumeArgs;
use super::context::Context;
use super::drift::{Copy, between, changes};
use super::failure::{Exit, Failure};
use super::opening::{Purpose, program};
use super::proof::proven;
use super::secrets::Origins;
use super::session::{Goal, Session};
use crate::base::Digest;
use crate::effects::{Clock, Identity, SystemClock, machine_name};
use crate::engine::{Life, State};
use crate::event::{AppendLog, Event, Inputs, RunMode, RunOpened};
use crate::journal::{JournalWriter, RunFolder, Store};
use crate::library::{Inventory, Library, Policy, Roster, read_allowed_signers, read_inventory, read_policy};
use crate::plan::{Presence, Program, Shelf};
use crate::runbook::{Runbook, read};
use crate::runner::{Drift, Recorder};
use crate::text::{Diagnostics, Source, decode};

/// `runbook resume RUN`
pub fn resume(context: &Context, args: &ResumeArgs) -> Result<Exit, Failure> {
    let store = context.store()?;
    let folder = store.find(&args.run)?;
    let (writer, state) = reopen(context, &folder)?;
    let opened = opening_of(&state, &folder)?;
    if let Life::Closed(verdict) = state.life {
        let said = verdict.as_str();
        return Err(Failure::usage(format!("run {} is closed ({said}); nothing is left to resume", opened.run.short())));
    }
    let mut again = again(context, folder, writer, state, args.approved_copy)?;
    again.program.answers = super::beforehand::answers(&args.answers, &again.program)?;
    let resumed = vec![again.resumed()];
    again.work(context, &store, Goal::Run, resumed)
}

/// A run that its requester has opened again, with all that it works by.
pub struct Again {
    folder: RunFolder,
    writer: JournalWriter,
    pub state: State,
    pub program: Program,
    pub identity: Identity,
    drift: Drift<'static>,
    secrets: Arc<Origins>,
}

impl Again {
    /// The line with which every new runner begins.
    pub fn resumed(&self) -> Event {
        Event::RunResumed { person: self.identity.person.clone(), epoch: self.state.epoch + 1, machine: machine_name() }
    }

    /// Works on it, with these lines first.
    pub fn work(self, context: &Context, store: &Store, goal: Goal, first: Vec<Event>) -> Result<Exit, Failure> {
        let Self { folder, writer, state, program, identity, drift, secrets } = self;
        let session = Session { store, folder, program: &program, key: identity.key, drift, secrets, goal, drill: None };
        let begin =
            |recorder: &mut Recorder<'_>| first.into_iter().try_for_each(|event| recorder.append(event)).map_err(Failure::recording);
        session.work(context, writer, state, begin)
    }
}

/// Checks all that must hold before anybody goes on with a reopened run.
///
/// # Errors
/// Another person or key than the requester's, a library that has changed, a record that other hands wrote.
pub fn again(context: &Context, folder: RunFolder, writer: JournalWriter, state: State, approved_copy: bool) -> Result<Again, Failure> {
    let opened = opening_of(&state, &folder)?.clone();
    let copies = Copies::read(&folder, &opened)?;
    let identity = same_person(context.identity(&copies.roster)?, &opened)?;
    let library = context.library()?;
    let copy = if approved_copy { Copy::ApprovedIsEnough } else { Copy::MustBeCurrent };
    unchanged(&library, &opened, copy)?;
    let presence = if context.is_attended() { Presence::Attended } else { Presence::Unattended };
    let purpose = Purpose { mode: opened.mode, presence, requester: opened.requester.clone() };
    let Copies { runbook, shelf, inventory, policy, roster } = copies;
    let program = program(context, (inventory, policy, roster), (runbook, shelf), &opened.parameters, purpose)?;
    proven(context, &folder, &program, writer.head())?;
    let secrets = Arc::new(Origins::ask(context, &program)?);
    let drift = between(library.root().to_owned(), opened, copy);
    Ok(Again { folder, writer, state, program, identity, drift, secrets })
}

/// Who sits here, where that is the run's requester with the key that it was opened with.
///
/// # Errors
/// Where it is somebody else.
pub fn requester(context: &Context, folder: &RunFolder, opened: &RunOpened) -> Result<Identity, Failure> {
    same_person(context.identity(&Copies::read(folder, opened)?.roster)?, opened)
}

/// Opens a run's journal for writing, with the state that it makes.
///
/// # Errors
/// Where another process runs it, or the record is damaged.
pub fn reopen(context: &Context, folder: &RunFolder) -> Result<(JournalWriter, State), Failure> {
    let run = folder.path().file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
    let seen =
        run.as_ref().map(|run| context.seen()?.newest(run).map_err(|error| Failure::new(Exit::Tampered, error))).transpose()?.flatten();
    let anchored = run.as_ref().map_or(Ok(0), |run| crate::audit::anchored_line(folder, run, seen))?;
    let (writer, reading) = JournalWriter::open(folder.path(), anchored, Box::new(|| SystemClock.now()))?;
    if let Some(torn) = &reading.torn {
        context.talk(&format!("line {} was torn when the last runner ended ({}); it was moved to journal.torn-<n>\n", torn.line, torn.why));
    }
    if let (Some(run), Some(seen)) = (&run, seen)
        && !reading.holds(seen)
    {
        return Err(Failure::new(
            Exit::Tampered,
            format!("run {run}: line {} was seen here before, and the record no longer holds it", seen.seq),
        ));
    }
    let mut state = State::default();
    for entry in &reading.entries {
        state.after(entry.at, &entry.event).map_err(|illegal| Failure::new(Exit::Tampered, format!("line {}: {illegal}", entry.seq)))?;
    }
    Ok((writer, state))
}

/// How a reopened run was opened. No anchor names a line of a journal without any, or [`reopen`] had refused it: its runner died too early.
///
/// # Errors
/// Where it has no line: nothing was started, and nothing can go on; or where it is a drill, which nobody goes on with.
pub fn opening_of<'s>(state: &'s State, folder: &RunFolder) -> Result<&'s RunOpened, Failure> {
    let name = folder.path().file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let never = || {
        Failure::usage(format!(
            "run {name} has no line: its runner ended while it was being opened, and nothing was started. Start it anew with:  runbook exec"
        ))
    };
    let opened = state.opened.as_ref().map(|(_, opened)| opened).ok_or_else(never)?;
    match opened.mode {
        RunMode::Real | RunMode::DryRun | RunMode::LiveDrill => Ok(opened),
        RunMode::Drill => Err(Failure::usage(format!(
            "{name} is the journal of a drill: nothing of it is real, and nothing goes on. Drill again with:  runbook drill {}",
            opened.runbook
        ))),
    }
}

/// The copies that a run works by.
struct Copies {
    runbook: Runbook,
    shelf: Shelf,
    inventory: Inventory,
    policy: Policy,
    roster: Roster,
}

impl Copies {
    fn read(folder: &RunFolder, opened: &RunOpened) -> Result<Self, Failure> {
        let Inputs { runbook, inventory, policy, signers, .. } = opened.inputs;
        let (policy, problems) = read_policy(&copy(folder, "policy.yaml", policy)?);
        let policy = sound(policy, &problems)?;
        let (inventory, problems) = match copy(folder, "inventory.yaml", inventory)? {
            empty if empty.text().is_empty() => (Some(Inventory::only_local()), Diagnostics::new()),
            source => read_inventory(&source),
        };
        let inventory = sound(inventory, &problems)?;
        let (roster, problems) =
            read_allowed_signers(&copy(folder, "allowed_signers", signers)?, &policy.rules.domain, &policy.rules.people);
        let roster = sound(roster, &problems)?;
        let (runbook, problems) = read(&copy(folder, "runbook.yaml", runbook)?, &opened.runbook);
        let runbook = sound(runbook, &problems)?;
        let shelf = super::shelf::from_record(folder, opened, &runbook)?.shelf;
        Ok(Self { runbook, shelf, inventory, policy, roster })
    }
}

fn copy(folder: &RunFolder, name: &str, digest: Digest) -> Result<Source, Failure> {
    let bytes = folder.input(name)?;
    if Digest::of(&bytes) != digest {
        return Err(Failure::new(Exit::Tampered, format!("inputs/{name} is not what the run was opened with")));
    }
    if bytes.is_empty() {
        return Ok(Source::new(name, ""));
    }
    decode(name, &bytes).map_err(|problems| Failure::new(Exit::Tampered, problems.render(crate::text::Colour::Plain)))
}

fn sound<T>(value: Option<T>, problems: &Diagnostics) -> Result<T, Failure> {
    value.ok_or_else(|| Failure::new(Exit::Tampered, problems.render(crate::text::Colour::Plain)))
}

/// A run is gone on with by who opened it, with the same key: its requests are in that name.
fn same_person(identity: Identity, opened: &RunOpened) -> Result<Identity, Failure> {
    let Identity { person, key, .. } = &identity;
    if *person != opened.requester {
        return Err(Failure::refused(format!(
            "run {} is {}'s, and you are {person}: only its requester can go on with it. Start a new run, or ask {}",
            opened.run.short(),
            opened.requester,
            opened.requester
        )));
    }
    match (&opened.requester_key, key.as_ref().map(|key| &key.fingerprint)) {
        (Some(wanted), got) if got != Some(wanted) => {
            Err(Failure::refused(format!("the run was opened with the key {wanted}: give that one with --key, or load it into the agent")))
        }
        (Some(_) | None, _) => Ok(identity),
    }
}

fn unchanged(library: &Library, opened: &RunOpened, copy: Copy) -> Result<(), Failure> {
    let changes = changes(library.root(), opened);
    let against: Vec<&str> = changes.iter().filter(|change| !change.is_passed_over(copy)).map(super::drift::Change::said).collect();
    if against.is_empty() {
        return Ok(());
    }
    let only_runbook = changes.iter().all(|change| change.is_passed_over(Copy::ApprovedIsEnough));
    let remedy = match only_runbook {
        true => "to go on with the copy that was approved:  --approved-copy",
        false => "start a new run; this one can be closed with:  runbook stop",
    };
    Err(Failure::refused(format!("since run {} was opened, {}; {remedy}", opened.run.short(), against.join(", and "))))
}
