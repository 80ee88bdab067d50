//! `runbook exec`: opens a run and works on it. Opens nothing before everything that can be checked was checked.

use std::collections::BTreeMap;

use super::args::{ExecArgs, Output};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::last_drills::LastDrill;
use super::opening::{Purpose, ask_for_missing, given, program, sound_runbook};
use super::secrets::Origins;
use super::session::Session;
use crate::base::Digest;
use crate::effects::{Identity, git_revision, machine_name};
use crate::engine::State;
use crate::event::{Effect, Inputs, RunMode, RunOpened};
use crate::journal::{DrillLine, NewRun};
use crate::library::Library;
use crate::plan::{Presence, Program, Road};
use crate::views::{Line, Page, Tone};

/// `runbook exec NAME`
pub fn exec(context: &Context, args: &ExecArgs) -> Result<Exit, Failure> {
    let library = context.library()?;
    let runbook = sound_runbook(context, &library, &args.name)?;
    let source = library.runbook(&runbook.name.value)?;
    let identity = context.identity(&library.roster)?;
    let given = ask_for_missing(context, &runbook, given(&args.parameters)?, &library.inventory)?;
    let mode = if args.dry_run { RunMode::DryRun } else { RunMode::Real };
    let presence = if context.is_attended() { Presence::Attended } else { Presence::Unattended };
    let purpose = Purpose { mode, presence, requester: identity.person.clone() };
    let team = (library.inventory.clone(), library.policy.clone(), library.roster.clone());
    let taken = super::shelf::from_library(&library, &runbook)?;
    let mut program = program(context, team, (runbook, taken.shelf), &given, purpose)?;
    program.answers = super::beforehand::answers(&args.answers, &program)?;
    needs_key(&program, &identity)?;
    if mode == RunMode::Real {
        needs_drill(context, &program)?;
    }
    if mode == RunMode::DryRun && !context.quiet {
        super::secrets::tell_of_all(context, &program);
    }
    let secrets = std::sync::Arc::new(Origins::ask(context, &program)?);
    let store = context.store()?;
    let new = new_run(&program, &identity, &library, (source.bytes, taken.files));
    let (folder, writer, entry) = store.create_run(new, Box::new(|| crate::effects::Clock::now(&crate::effects::SystemClock)))?;
    let mut state = State::default();
    state.after(entry.at, &entry.event).map_err(Failure::recording)?;
    let (_, opened) = state.opened.clone().ok_or_else(|| Failure::recording("the run was not opened"))?;
    let drift = super::drift::between(library.root().to_owned(), opened, super::drift::Copy::MustBeCurrent);
    let (goal, drill) = (super::session::Goal::Run, None);
    let session = Session { store: &store, folder, program: &program, key: identity.key, drift, secrets, goal, drill };
    if context.output == Output::Text || !context.quiet {
        super::session::introduce(context, &program, &state);
        drilled(context, &program, &super::last_drills::lines(Some(&store)));
    }
    session.work(context, writer, state, |_| Ok(()))
}

/// The team may ask that a runbook was rehearsed before it runs. A drill takes a second: who is refused can drill at once.
fn needs_drill(context: &Context, program: &Program) -> Result<(), Failure> {
    let Some(duty) = &program.policy.drills else { return Ok(()) };
    let runbook = &program.runbook;
    let name = &runbook.name.value;
    let last =
        LastDrill::of(&super::last_drills::lines(context.store().ok().as_ref()), name, &Digest::of(runbook.source.text().as_bytes()));
    let why = match &last {
        None => Some("it was never drilled here".to_owned()),
        Some(last) if !last.passed => Some(format!("its last drill did not go as expected ({})", last.in_words())),
        Some(last) if duty.unchanged && last.changed_since => Some("it has changed since its last drill".to_owned()),
        Some(last) => {
            let old = duty.within.filter(|within| context.now() > last.at.after(*within));
            old.map(|within| format!("its last drill is longer ago than {within} ({})", last.in_words()))
        }
    };
    why.map_or(Ok(()), |why| {
        Err(Failure::refused(format!("{name} is not run: {why}, and the policy asks for that. Drill it:  runbook drill {name}")))
    })
}

/// Whether it was rehearsed: an undrilled runbook looks undrilled before anybody is asked to approve it.
fn drilled(context: &Context, program: &Program, drills: &[DrillLine]) {
    let runbook = &program.runbook;
    let last = LastDrill::of(drills, &runbook.name.value, &Digest::of(runbook.source.text().as_bytes()));
    let line = match &last {
        None => Line::new().with(Tone::Waits, "  never drilled"),
        Some(last) => Line::new().plain("  ").with(last.tone(), last.in_words()),
    };
    if context.output == Output::Text {
        context.print(&Page::from(vec![line]));
    }
}

/// What a run of this program, or a drill on real hosts, is made from: with the bytes of the runbook and of what it uses.
pub fn new_run(
    program: &Program,
    identity: &Identity,
    library: &Library,
    (runbook, files): (Vec<u8>, BTreeMap<String, Vec<u8>>),
) -> NewRun {
    NewRun {
        opened: opened(program, identity, library),
        runbook,
        inventory: library.inventory_file.bytes.clone(),
        policy: library.policy_file.bytes.clone(),
        signers: library.signers_file.bytes.clone(),
        files,
    }
}

/// What the journal's first line will say.
fn opened(program: &Program, identity: &Identity, library: &Library) -> RunOpened {
    let nothing = Digest::of(b""); // replaced by the store, from the copies that it makes
    let run = ulid::Ulid::generate().to_string();
    RunOpened {
        run: run.parse().unwrap_or_else(|_| unreachable!("a ULID is a run id")),
        mode: program.mode,
        runbook: program.runbook.name.value.clone(),
        title: program.runbook.title.clone(),
        requester: identity.person.clone(),
        requester_key: identity.key.as_ref().map(|key| key.fingerprint.clone()),
        machine: machine_name(),
        parameters: program.parameters.written(),
        hosts_from: library.hosts_from.clone(),
        inputs: Inputs { runbook: nothing, inventory: nothing, policy: nothing, signers: nothing, files: BTreeMap::new() },
        revision: git_revision(library.root()),
        rules: program.policy.rules.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// A run that may open a gate needs a key to sign the request: said now, not at the gate.
pub fn needs_key(program: &Program, identity: &Identity) -> Result<(), Failure> {
    let gated = program.steps.iter().any(|step| {
        let authored = program.gates.get(&step.gate).is_some_and(|gate| gate.asks.is_some());
        step.road == Road::Carry && (authored || step.effect > Effect::Read)
    });
    match (&identity.key, gated) {
        (None, true) => Err(Failure::refused(format!(
            "{} has no key at hand, and this runbook may open a gate, for which the request must be signed. Give one with --key FILE, or load it into the agent",
            identity.person
        ))),
        (Some(_), _) | (None, false) => Ok(()),
    }
}
