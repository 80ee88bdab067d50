//! The runbooks that ship, with the inventory and the policy that ship, on scripted hosts; and what came of a run, in words. Runs nothing itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use runbook::base::Bytes;
use runbook::engine::{HostResult, Life};
use runbook::event::{Answer, Effect, Event, Interruption, Judgement, Part, RunMode};
use runbook::library::Library;
use runbook::plan::{Parameters, Presence, Program, Setting, Shelf, check};
use runbook::runbook::{LintPolicy, Runbook, lint, read};
use runbook::text::{Colour, Diagnostics, Source};
use runbook::views::timeline_line;

use super::scripted::Scripted;
use super::{Ended, Scenario, World, person, roster};

/// Where they lie.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks")
}

/// The library that ships.
pub fn library() -> Library {
    Library::open(&folder()).unwrap()
}

/// A shipped runbook that is about to run.
pub struct Shipped {
    name: String,
    given: BTreeMap<String, Bytes>,
    mode: RunMode,
    person: Option<Vec<Answer>>,
    beforehand: Vec<(String, Answer)>,
}

impl Shipped {
    /// With nobody at the terminal.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), given: BTreeMap::new(), mode: RunMode::Real, person: None, beforehand: Vec::new() }
    }

    pub fn given(mut self, name: &str, value: &str) -> Self {
        self.given.insert(name.to_owned(), Bytes::from(value));
        self
    }

    pub fn dry(mut self) -> Self {
        self.mode = RunMode::DryRun;
        self
    }

    /// A person sits at the terminal, and answers questions so, in turn.
    pub fn attended(mut self, answers: &[Answer]) -> Self {
        self.person = Some(answers.to_vec());
        self
    }

    /// A step of a person is done, and gives back these facts.
    pub fn done(mut self, step: &str, facts: &[(&str, &str)]) -> Self {
        let facts = facts.iter().map(|(name, value)| ((*name).to_owned(), Bytes::from(*value))).collect();
        self.beforehand.push((step.to_owned(), Answer::Done { remark: String::new(), facts }));
        self
    }

    /// On these hosts.
    pub fn on(self, hosts: Scripted) -> Scenario {
        let library = library();
        let runbook = read_shipped(&library, &self.name);
        let presence = if self.person.is_some() { Presence::Attended } else { Presence::Unattended };
        let program = program(&library, runbook, &self.given, (presence, self.mode));
        let scenario = Scenario::of(program, hosts.behaviour(), self.person.unwrap_or_default());
        self.beforehand.into_iter().fold(scenario, |scenario, (step, answer)| scenario.answered(&step, answer))
    }
}

/// A shipped runbook as it is read.
pub fn read_shipped(library: &Library, name: &str) -> Runbook {
    let source = library.runbook(name).unwrap().source;
    let (runbook, problems) = read(&source, name);
    runbook.unwrap_or_else(|| panic!("{}", problems.render(Colour::Plain)))
}

/// Each person of the policy has a key.
fn program(library: &Library, runbook: Runbook, given: &BTreeMap<String, Bytes>, (presence, mode): (Presence, RunMode)) -> Program {
    let (inventory, policy) = (library.inventory.clone(), library.policy.clone());
    let parameters = Parameters::resolve(&runbook, given, &inventory).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(parameters.keep_rules(&runbook), Ok(()));
    let requester = person("alice");
    Program::new(runbook, Setting { inventory, policy, roster: roster(), parameters, requester, presence, mode, shelf: Shelf::default() })
}

/// All that reading, lint and the check within the shipped library find in a text.
pub fn findings(library: &Library, source: &Source, name: &str) -> Diagnostics {
    let (runbook, mut found) = read(source, name);
    let Some(runbook) = runbook else { return found };
    let policy = &library.policy;
    let today = "2026-11-22T03:00:00Z".parse().unwrap();
    let lint_policy = LintPolicy { deny: policy.deny.clone(), changing: policy.changing.clone(), review: policy.review, today };
    found.extend(lint(&runbook, &lint_policy));
    let parameters = Parameters::defaults(&runbook, &library.inventory);
    let (inventory, policy, requester) = (library.inventory.clone(), policy.clone(), person("whoever-runs-it"));
    let (presence, mode, shelf) = (Presence::Unattended, RunMode::Real, Shelf::default());
    let setting = Setting { inventory, policy, roster: roster(), parameters, requester, presence, mode, shelf };
    found.extend(check(&Program::new(runbook, setting)));
    found
}

/// What a scenario comes to.
pub fn run(scenario: &Scenario) -> Ended {
    World::new(scenario).run_to_the_end(None)
}

/// What ended, in the order of the journal, with its host: a failed attempt has a `!`, an undo a `~`; looks that were repeated are told once.
pub fn ran(ended: &Ended) -> Vec<String> {
    let mut words = Vec::new();
    for entry in &ended.journal {
        if let Event::ActionEnded { step, host, ended, part, .. } = &entry.event {
            let failed = if ended.judgement == Judgement::Met { "" } else { "!" };
            let undo = if *part == Part::Undo { "~" } else { "" };
            words.push(format!("{undo}{step}{failed} {host}"));
        }
    }
    words.dedup();
    words
}

/// The steps of these names (without their turns) that ran.
pub fn ran_of(ended: &Ended, steps: &[&str]) -> Vec<String> {
    let base = |word: &str| word.split(['@', '!', ' ']).next().unwrap_or_default().to_owned();
    ran(ended).into_iter().filter(|word| steps.contains(&base(word).as_str())).collect()
}

/// What has changed something: nothing else is started without a gate.
pub fn changes(scenario: &Scenario, ended: &Ended) -> Vec<String> {
    let changing = |word: &String| {
        let id = word.trim_start_matches('~').split(['!', ' ']).next().unwrap_or_default();
        scenario.program.step(&id.parse().unwrap()).is_some_and(|step| step.effect > Effect::Read)
    };
    ran(ended).into_iter().filter(changing).collect()
}

/// How it ended, in a word.
pub fn verdict(ended: &Ended) -> String {
    match &ended.state.life {
        Life::Closed(verdict) => verdict.as_str().to_owned(),
        Life::Interrupted(Interruption::Held { verdict }) => format!("held {}", verdict.as_str()),
        Life::Interrupted(Interruption::NeedsPerson { why, .. }) => format!("needs a person: {why}"),
        other => format!("{other:?}"),
    }
}

/// The result of each host in all turns of a step.
pub fn results(scenario: &Scenario, ended: &Ended, step: &str) -> Vec<(String, HostResult)> {
    let steps = runbook::views::steps(&scenario.program, &ended.state);
    let hosts = steps.into_iter().filter(|summary| summary.id.base() == step).flat_map(|summary| summary.hosts);
    hosts.map(|host| (host.host.to_string(), host.result.unwrap())).collect()
}

/// What a step is said to be, in its one phrase.
pub fn phrase(scenario: &Scenario, ended: &Ended, step: &str) -> Option<String> {
    let steps = runbook::views::steps(&scenario.program, &ended.state);
    steps.into_iter().find(|summary| summary.id.as_str() == step).unwrap_or_else(|| panic!("no step {step}")).phrase
}

/// The timeline as people read it, without the times of day.
pub fn timeline(ended: &Ended) -> Vec<String> {
    let lines = ended.journal.iter().map(|entry| timeline_line(entry).render(runbook::views::Colour::Never, None));
    lines.map(|line| line.split_once("  ").map_or(line.clone(), |(_, text)| text.trim_end().to_owned())).collect()
}

/// What is held in the end: the step that took it, where, and the command that gives it back.
pub fn holds(ended: &Ended) -> Vec<String> {
    let command = |held: &runbook::engine::Held| held.command.as_ref().map_or(String::new(), |command| command.script.to_string());
    runbook::engine::held(&ended.state).iter().map(|held| format!("{} {}: {}", held.acquire, held.host, command(held))).collect()
}

/// How many gates were opened.
pub fn gates(ended: &Ended) -> usize {
    ended.journal.iter().filter(|entry| matches!(entry.event, Event::GateOpened { .. })).count()
}
