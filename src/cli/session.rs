//! One runner at work, from the command line: hosts, signals, views and the exit status around the loop. Shared by `exec` and `resume`.

use std::sync::Arc;

use tokio::sync::watch;

use super::asking::Terminal;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::past::earlier_runs;
use super::secrets::Origins;
use super::watching::{LiveWatcher, PlainWatcher, Region, Where};
use crate::base::RunId;
use crate::drill::Interference;
use crate::effects::{Hosts, KeyAtHand, StopLevel, SystemClock, Target, Transport, Way};
use crate::engine::{Life, State, held};
use crate::event::{Effect, Interruption, RunMode, Verdict};
use crate::journal::{JournalWriter, RunFolder, Store, read_bytes};
use crate::library::{Connection, Host, Inventory};
use crate::plan::Program;
use crate::runner::{Desk, Drift, Ending, LOOK_EVERY, Recorder, RunError, RunFiles, Runner, SecretSource, Watcher, World};
use crate::views::{run_json, would_take, would_take_line};

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// The runbook.
    Run,
    /// That nothing is held any more, however the run ends.
    Release,
}

/// What a session works on.
pub struct Session<'a> {
    pub store: &'a Store,
    pub folder: RunFolder,
    pub program: &'a Program,
    pub key: Option<KeyAtHand>,
    pub drift: Drift<'a>,
    pub secrets: Arc<Origins>,
    pub goal: Goal,
    /// What a drill on real hosts adds.
    pub drill: Option<&'a Interference<'a>>,
}

/// How a runner's work ended, and how the run stands then; `None` where a drill has killed the runner.
pub type Worked = Option<(Result<Ending, RunError>, State)>;

impl Session<'_> {
    /// Works until the run is closed or interrupted, shows it, and says how it ended. `begin` records the line with which this runner begins.
    ///
    /// # Errors
    /// Where the record, a gate or the output failed; the run can be resumed.
    pub fn work(
        self,
        context: &Context,
        writer: JournalWriter,
        state: State,
        begin: impl FnOnce(&mut Recorder<'_>) -> Result<(), Failure>,
    ) -> Result<Exit, Failure> {
        let Some((result, state)) = self.runner(context, writer, state, begin)? else { return Ok(Exit::Interrupted) };
        let exit = match result {
            Ok(_) if self.goal == Goal::Release && held(&state).is_empty() => Exit::Ok,
            Ok(ending) => exit_of(&ending),
            Err(error) => return Err(self.explain(error)),
        };
        let is_dry = self.program.mode == RunMode::DryRun && matches!(state.life, Life::Closed(_));
        let takes = is_dry.then(|| would_take(self.program, &state, &earlier_runs(self.store, &self.program.runbook.name.value)));
        match (context.output, takes) {
            (super::args::Output::Json, takes) => context.print_json(&run_json(self.program, &state, exit.code(), takes)),
            (super::args::Output::Text, Some(takes)) => context.print(&crate::views::Page::from(vec![would_take_line(&takes)])),
            (super::args::Output::Text, None) => {}
        }
        Ok(exit)
    }

    /// One runner's work, shown while it goes on.
    ///
    /// # Errors
    /// Where the record failed before or after it.
    pub fn runner(
        &self,
        context: &Context,
        writer: JournalWriter,
        state: State,
        begin: impl FnOnce(&mut Recorder<'_>) -> Result<(), Failure>,
    ) -> Result<Worked, Failure> {
        self.remember(context, &state)?; // from the first line on: what this machine saw cannot be rewritten behind its back
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| Failure::recording(format!("the runner cannot start: {error}")))?;
        let worked = runtime.block_on(self.run(context, writer, state, begin))?;
        runtime.shutdown_background(); // a prompt that nobody answered must not hold the process
        if let Some((_, state)) = &worked {
            self.remember(context, state)?;
        }
        Ok(worked)
    }

    async fn run(
        &self,
        context: &Context,
        writer: JournalWriter,
        state: State,
        begin: impl FnOnce(&mut Recorder<'_>) -> Result<(), Failure>,
    ) -> Result<Worked, Failure> {
        let region = Region::default();
        let (stop, stopped) = watch::channel(StopLevel::GoOn);
        let watcher = self.watcher(context, &region);
        let watcher = match self.drill {
            Some(drill) => drill.watching(watcher, stop.clone()),
            None => watcher,
        };
        let mut recorder = Recorder::new(Box::new(writer), state, watcher);
        begin(&mut recorder)?;
        let run = recorder.state().opened.as_ref().map(|(_, opened)| opened.run.clone());
        let signals = tokio::spawn(super::signals::listen(stop.clone()));
        let world = World {
            transport: self.hosts(run) as Arc<dyn Transport>,
            clock: Arc::new(SystemClock),
            recording: Arc::new(RunFiles { folder: self.folder.clone() }),
            gatekeeper: Box::new(Desk::new(self.folder.clone(), self.program.requester.clone(), self.key.clone(), self.unmoved())),
            asker: Box::new(Terminal::new(region, self.program)),
            secrets: Arc::clone(&self.secrets) as Arc<dyn SecretSource>,
            stop: stopped,
            look_every: LOOK_EVERY,
            idle_every: LOOK_EVERY,
        };
        let worked = match self.drill {
            None => Some(Runner::new(self.program, recorder, world).work().await),
            Some(drill) => tokio::select! {
                ended = Runner::new(self.program, recorder, drill.around(world, stop)).work() => Some(ended),
                () = drill.killed() => None,
            },
        };
        signals.abort();
        Ok(worked)
    }

    fn unmoved(&self) -> Drift<'_> {
        Box::new(|| (self.drift)())
    }

    fn watcher<'w>(&'w self, context: &Context, region: &Region) -> Box<dyn Watcher + 'w> {
        match context.output {
            super::args::Output::Json if context.quiet => Box::new(PlainWatcher::new(self.program, &self.folder, Where::Nowhere)),
            super::args::Output::Json => Box::new(PlainWatcher::new(self.program, &self.folder, Where::Stderr)),
            super::args::Output::Text if context.is_attended() => {
                Box::new(LiveWatcher::new(self.program, &self.folder, context.colour(), region.clone()))
            }
            super::args::Output::Text => Box::new(PlainWatcher::new(self.program, &self.folder, Where::Stdout)),
        }
    }

    fn hosts(&self, run: Option<RunId>) -> Arc<Hosts> {
        let (mut targets, config) = roads(&self.program.inventory);
        if self.program.mode.is_drill() {
            // whoever goes on with a drill, and however, has no way into production
            let may_be_reached =
                |target: &Target| self.program.inventory.hosts.get(&target.name).is_some_and(|host| !host.is_in_production());
            targets.retain(may_be_reached);
        }
        let changes = self.program.steps.iter().any(|step| step.effect > Effect::Read && step.road == crate::plan::Road::Carry);
        let lines = self.drill.map(Interference::lines);
        Hosts::over(targets, config, run.filter(|_| changes), (super::secrets::variables(self.program), lines))
    }

    /// The newest point of the journal goes into the reader's memory, and a closed run into the ledger.
    fn remember(&self, context: &Context, state: &State) -> Result<(), Failure> {
        let bytes = std::fs::read(self.folder.journal())
            .map_err(|error| Failure::recording(format!("the journal cannot be read again: {error}")))?;
        let reading = read_bytes(&bytes, 0);
        let Some((_, opened)) = &state.opened else { return Ok(()) };
        context.seen()?.remember(&opened.run, &reading).map_err(|error| Failure::new(Exit::Tampered, error))?;
        if matches!(state.life, Life::Closed(_)) {
            self.store.note_closed(opened, context.now(), reading.head())?;
        }
        Ok(())
    }

    /// What to say of it, and how to go on.
    pub fn explain(&self, error: RunError) -> Failure {
        let name = self.folder.path().file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let short = name.parse::<RunId>().map_or(name, |run| run.short());
        let exit = match &error {
            RunError::Record(_) | RunError::Output(_) | RunError::NoRoomForEvidence { .. } => Exit::Recording,
            RunError::Gate(_) | RunError::Secret(_) => Exit::Refused,
        };
        Failure::new(exit, format!("{error}\nresume it with:  runbook resume {short}"))
    }
}

/// The hosts of an inventory as transports know them, and the configuration by which they are reached.
pub(super) fn roads(inventory: &Inventory) -> (Vec<Target>, Option<String>) {
    (inventory.hosts.values().map(target).collect(), inventory.ssh_config.as_ref().map(|path| expanded(path)))
}

/// A host of the inventory as transports know it.
fn target(host: &Host) -> Target {
    let way = match &host.connection {
        Connection::Local => Way::Local,
        Connection::Ssh { address, port, user } => Way::Ssh { address: address.clone(), port: *port, user: user.clone() },
    };
    Target { name: host.name.clone(), way, spool: host.spool.clone() }
}

/// `~/` at the beginning is the operator's home.
pub(super) fn expanded(path: &str) -> String {
    match (path.strip_prefix("~/"), std::env::var("HOME")) {
        (Some(rest), Ok(home)) => format!("{home}/{rest}"),
        (Some(_) | None, _) => path.to_owned(),
    }
}

fn exit_of(ending: &Ending) -> Exit {
    match ending {
        Ending::Closed(Verdict::Recovered | Verdict::NoAction) => Exit::Ok,
        Ending::Closed(Verdict::Failed | Verdict::RolledBack | Verdict::Stopped) => Exit::Failed,
        Ending::Closed(Verdict::Escalated) => Exit::NeedsPerson,
        Ending::Closed(Verdict::Denied) => Exit::Refused,
        Ending::Interrupted(Interruption::Asked) => Exit::Interrupted,
        Ending::Interrupted(Interruption::GateExpired { .. }) => Exit::Refused,
        Ending::Interrupted(Interruption::NeedsPerson { .. } | Interruption::Held { .. }) => Exit::NeedsPerson,
    }
}

/// The head line of a run that was just opened: its `run_opened` was recorded before anybody watched.
pub fn introduce(context: &Context, program: &Program, state: &State) {
    let line = crate::views::header(program, state, 80);
    match context.output {
        super::args::Output::Text => context.print(&crate::views::Page::from(vec![line])),
        super::args::Output::Json => context.talk(&(line.render(crate::views::Colour::Never, None) + "\n")),
    }
}
