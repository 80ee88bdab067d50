//! `runbook drill NAME --hosts-from INVENTORY`: a real run on hosts of another environment, with what the scenario breaks on our side, compared with
//! what it expects. Never on hosts in production.

use super::{Drilled, Theatre};
use crate::cli::context::Context;
use crate::cli::drift::{Copy, between};
use crate::cli::exec::{needs_key, new_run};
use crate::cli::failure::Failure;
use crate::cli::opening::given;
use crate::cli::past::Past;
use crate::cli::resume::{opening_of, reopen};
use crate::cli::secrets::Origins;
use crate::cli::session::{Goal, Session, introduce, roads};
use crate::drill::{Cast, Interference, MOST_RUNNERS, Real, Rehearsal, Scenario, Team};
use crate::effects::{Clock, Identity, SystemClock, endpoints, machine_name};
use crate::engine::State;
use crate::event::{Event, RunOpened};
use crate::journal::{JournalWriter, RunFolder, Store};
use crate::library::{Connection, Host, Library};
use crate::plan::{Presence, Program};
use crate::runbook::Runbook;
use crate::runner::Recorder;

/// A drill under way: what its runners share.
struct Stage<'a> {
    context: &'a Context,
    store: &'a Store,
    library: &'a Library,
    program: &'a Program,
    identity: &'a Identity,
    folder: RunFolder,
    interference: &'a Interference<'a>,
}

impl Theatre<'_> {
    /// One scenario on the hosts of another inventory.
    pub(super) fn on_hosts_of(&self, hosts_from: &str, scenario: Scenario, runbook: &Runbook) -> Result<Drilled, Failure> {
        let (context, store) = (self.context, self.context.store()?);
        let library = context.library_on(Some(hosts_from))?;
        away_from_production(&library, self.library)?;
        let identity = context.identity(&library.roster)?;
        let taken = crate::cli::shelf::from_library(&library, runbook)?;
        let mut scenario = scenario;
        scenario.give(given(&self.args.parameters)?);
        let team = Team { inventory: &library.inventory, policy: &library.policy };
        let is_scripted = !self.args.live_people && !scenario.people.is_empty();
        let presence = if is_scripted || context.is_attended() { Presence::Attended } else { Presence::Unattended };
        let real = Real { roster: &library.roster, requester: &identity.person, presence };
        let cast = Cast::live(scenario, runbook.clone(), &team, taken.shelf, &real);
        let cast = cast.map_err(|problems| Failure::usage(problems.render(context.diagnostics_colour())))?;
        let program = cast.program();
        needs_key(program, &identity)?;
        self.tell_what_is_theirs(&cast);
        let new = new_run(program, &identity, &library, (library.runbook(&runbook.name.value)?.bytes, taken.files));
        let (folder, writer, entry) = store.create_run(new, Box::new(|| SystemClock.now()))?;
        let mut state = State::default();
        state.after(entry.at, &entry.event).map_err(Failure::recording)?;
        introduce(context, program, &state);
        let interference = Interference::new(&cast, self.args.live_people);
        let stage = Stage { context, store: &store, library: &library, program, identity: &identity, folder, interference: &interference };
        let rehearsal = stage.play(writer, state)?;
        let drilled = self.compared(&cast, &rehearsal, Some(hosts_from));
        let line = self.line(&drilled, runbook, rehearsal.run.to_string());
        store.note_drill(&line)?;
        let past = Past::read(stage.folder)?;
        let held = past.held_lines();
        held.iter().for_each(|line| context.talk(&(line.render(crate::views::Colour::Never, None) + "\n")));
        Ok(Drilled { drill: Some(line.drill), ..drilled })
    }

    /// What a scenario says that hosts answer is theirs to answer.
    fn tell_what_is_theirs(&self, cast: &Cast) {
        let answers = cast.scenario.hosts.iter().flat_map(|(_, host)| &host.rules).filter(|rule| rule.fault.is_none()).count();
        if answers > 0 && !self.context.quiet {
            let are = if answers == 1 { "answer of the scenario is" } else { "answers of the scenario are" };
            self.context.talk(&format!("note: {answers} {are} not played: these hosts answer for themselves\n"));
        }
    }
}

impl Stage<'_> {
    /// Runners, each going on where the one before was killed.
    fn play(&self, mut writer: JournalWriter, mut state: State) -> Result<Rehearsal, Failure> {
        let opened = opening_of(&state, &self.folder)?.clone();
        let secrets = std::sync::Arc::new(Origins::ask(self.context, self.program)?);
        let mut first: Vec<Event> = Vec::new();
        for _ in 0..MOST_RUNNERS {
            let session = Session {
                store: self.store,
                folder: self.folder.clone(),
                program: self.program,
                key: self.identity.key.clone(),
                drift: between(self.library.root().to_owned(), opened.clone(), Copy::MustBeCurrent),
                secrets: secrets.clone(),
                goal: Goal::Run,
                drill: Some(self.interference),
            };
            let begin =
                |recorder: &mut Recorder<'_>| first.into_iter().try_for_each(|event| recorder.append(event)).map_err(Failure::recording);
            match session.runner(self.context, writer, state, begin)? {
                Some((Ok(_), _)) => return self.recorded(&opened, false),
                Some((Err(error), _)) => return Err(session.explain(error)),
                None if self.interference.is_left() => return self.recorded(&opened, false),
                None => {}
            }
            self.context.talk("the drill has killed the runner; another one goes on\n");
            (writer, state) = reopen(self.context, &self.folder)?;
            let (person, epoch) = (self.identity.person.clone(), state.epoch + 1);
            first = vec![Event::RunResumed { person, epoch, machine: machine_name() }];
        }
        self.recorded(&opened, true)
    }

    fn recorded(&self, opened: &RunOpened, is_endless: bool) -> Result<Rehearsal, Failure> {
        let journal = self.folder.journal();
        let bytes = std::fs::read(&journal).map_err(|error| Failure::recording(format!("{}: {error}", journal.display())))?;
        let entries = Past::read(self.folder.clone())?.entries;
        Ok(self.interference.rehearsal(opened.run.clone(), entries, bytes, is_endless))
    }
}

/// What is rehearsed is never what serves people: no host of the drill is in production, nor where one leads that is.
fn away_from_production(drilled: &Library, own: &Library) -> Result<(), Failure> {
    let path = drilled.hosts_path();
    let is_real = |host: &&Host| host.is_in_production() && host.connection != Connection::Local;
    if let Some(host) = drilled.inventory.hosts.values().find(is_real) {
        let why = format!("{path} has {} in production, and a drill runs nothing there", host.name);
        return Err(Failure::refused(format!("{why}. Say what it is: `environment: staging`")));
    }
    let mut real = own.inventory.clone();
    real.hosts.retain(|_, host| is_real(&&*host));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::usage)?;
    let ((drill, its_config), (real, config)) = (roads(&drilled.inventory), roads(&real));
    let (drill, real) = runtime.block_on(async { (endpoints(drill, its_config).await, endpoints(real, config).await) });
    for (host, places) in &drill {
        let same = real.iter().find_map(|(name, others)| Some((name, places.intersection(others).next()?)));
        if let Some((name, endpoint)) = same {
            let why = format!("{host} of {path} leads to {endpoint}, and so does {name} of {}, in production", own.hosts_path());
            return Err(Failure::refused(format!("{why}: a drill runs nothing there. Give it the address of another machine")));
        }
    }
    Ok(())
}
