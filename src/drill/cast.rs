//! A scenario and its runbook made into a program: whether they fit, with a caret where they do not. Runs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::answers::Special;
use super::scenario::{ExpectedStep, Fault, HostScript, Rule, Said, Scenario};
use crate::base::{Bytes, HostName, Person};
use crate::event::{RunMode, played_key};
use crate::library::{Inventory, Policy, Roster, Selector, Signer};
use crate::plan::{Parameters, Presence, Program, Role, Setting, Shelf, check};
use crate::runbook::{Runbook, Work};
use crate::text::{Diagnostics, Reader, Spanned, did_you_mean};

/// Rules in the order written, each with the hosts that it is for.
pub(super) type HostRules = Vec<(BTreeSet<HostName>, Rule)>;

/// What is rehearsed, and by whom.
#[derive(Clone)]
pub struct Cast {
    pub scenario: Scenario,
    pub(super) program: Arc<Program>,
    pub(super) hosts: BTreeMap<HostName, HostScript>,
    pub(super) rules: HostRules,
    pub(super) specials: BTreeMap<String, Special>,
}

/// What a library gives to a drill.
pub struct Team<'a> {
    pub inventory: &'a Inventory,
    pub policy: &'a Policy,
}

/// Who takes part where hosts are real: people with their own keys.
pub struct Real<'a> {
    pub roster: &'a Roster,
    pub requester: &'a Person,
    pub presence: Presence,
}

impl Cast {
    /// Makes a scenario ready; all that does not fit is told at once. Everybody in the policy has a key in a drill.
    ///
    /// # Errors
    /// Problems of the scenario (RB602), or of the runbook with these parameters.
    pub fn new(scenario: Scenario, runbook: Runbook, team: &Team<'_>, shelf: Shelf) -> Result<Self, Diagnostics> {
        Self::made(scenario, runbook, team, shelf, None)
    }

    /// The same for real hosts: what the scenario says of them must be ours to do.
    ///
    /// # Errors
    /// As [`Cast::new`].
    pub fn live(scenario: Scenario, runbook: Runbook, team: &Team<'_>, shelf: Shelf, real: &Real<'_>) -> Result<Self, Diagnostics> {
        Self::made(scenario, runbook, team, shelf, Some(real))
    }

    fn made(scenario: Scenario, runbook: Runbook, team: &Team<'_>, shelf: Shelf, real: Option<&Real<'_>>) -> Result<Self, Diagnostics> {
        let mut reader = Reader::new(&scenario.source);
        let parameters = parameters(&mut reader, &scenario, &runbook, team.inventory);
        let requester = match real {
            None => requester(&mut reader, &scenario, team.policy),
            Some(real) => {
                check_ours(&mut reader, &scenario, real.requester);
                Some(real.requester.clone())
            }
        };
        let (hosts, rules) = hosts(&mut reader, &scenario, team.inventory);
        check_people(&mut reader, &scenario, team.policy);
        check_steps(&mut reader, &scenario, &runbook);
        check_hosts(&mut reader, &scenario, team.inventory);
        check_said(&mut reader, &scenario, &runbook);
        let (Some(parameters), Some(requester)) = (parameters, requester) else { return Err(reader.diagnostics) };
        let setting = Setting {
            inventory: team.inventory.clone(),
            policy: team.policy.clone(),
            roster: real.map_or_else(|| roster(team.policy), |real| real.roster.clone()),
            parameters,
            requester,
            presence: real.map_or(Presence::Attended, |real| real.presence),
            mode: real.map_or(RunMode::Drill, |_| RunMode::LiveDrill),
            shelf,
        };
        let program = Program::new(runbook, setting);
        let mut found = reader.diagnostics;
        found.extend(check(&program).only(crate::text::Severity::Error));
        if found.has_errors() {
            return Err(found);
        }
        let specials = specials(&program);
        Ok(Self { scenario, program: Arc::new(program), hosts, rules, specials })
    }

    /// What is rehearsed.
    pub fn program(&self) -> &Program {
        &self.program
    }
}

fn wrong(reader: &mut Reader, place: &Spanned<String>, message: String, help: String) {
    reader.error("RB602", place.span, message).label("not there").help(help);
}

fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match did_you_mean(name, known.clone()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are {}", known.collect::<Vec<_>>().join(", ")),
    }
}

fn parameters(reader: &mut Reader, scenario: &Scenario, runbook: &Runbook, inventory: &Inventory) -> Option<Parameters> {
    let known = || runbook.parameters.iter().map(|parameter| parameter.name.value.as_str());
    for (name, (place, _)) in &scenario.parameters {
        if !known().any(|other| other == name) {
            let message = format!("{} has no parameter `{name}`", runbook.name.value);
            wrong(reader, place, message, meant(name, known()));
        }
    }
    let given: BTreeMap<String, Bytes> = scenario.parameters.iter().map(|(name, (_, value))| (name.clone(), value.clone())).collect();
    let resolved = Parameters::resolve(runbook, &given, inventory).map_err(|problems| problems.iter().map(ToString::to_string).collect());
    let kept = resolved.and_then(|parameters| parameters.keep_rules(runbook).map(|()| parameters));
    match kept {
        Ok(parameters) => Some(parameters),
        Err(problems) => {
            let problems: Vec<String> = problems;
            let is_told = reader.diagnostics.has_errors();
            for problem in problems.into_iter().filter(|_| !is_told) {
                wrong(reader, &scenario.runbook, problem, "give it under `parameters:`".to_owned());
            }
            None
        }
    }
}

fn requester(reader: &mut Reader, scenario: &Scenario, policy: &Policy) -> Option<Person> {
    let people = &policy.rules.people;
    match &scenario.runs_as {
        None => people.keys().next().cloned(),
        Some(person) if people.contains_key(&person.value) => Some(person.value.clone()),
        Some(person) => {
            let place = Spanned { value: person.value.to_string(), span: person.span };
            let message = format!("{} is not in the policy", person.value);
            wrong(reader, &place, message, meant(person.value.as_str(), people.keys().map(Person::as_str)));
            None
        }
    }
}

/// On real hosts only what is lost on our side can be made to happen, and whoever runs it is there.
fn check_ours(reader: &mut Reader, scenario: &Scenario, requester: &Person) {
    if let Some(other) = scenario.runs_as.as_ref().filter(|person| person.value != *requester) {
        let place = Spanned { value: other.value.to_string(), span: other.span };
        let message = format!("this scenario is run by {}, and you are {requester}", other.value);
        wrong(reader, &place, message, format!("{} drills it on real hosts, or another scenario is taken", other.value));
    }
    let theirs = |rule: &Rule| match rule.fault {
        Some(Fault::After) => Some("breaks: after"),
        Some(Fault::Stalls) => Some("breaks: stalls"),
        Some(Fault::Full) => Some("breaks: full"),
        Some(Fault::Reboots(_)) => Some("reboots"),
        Some(Fault::Before | Fault::During | Fault::Runner(_)) | None => None,
    };
    for (selector, script) in &scenario.hosts {
        if let Some(word) = script.rules.iter().find_map(theirs) {
            let message = format!("`{word}` is done by hosts, and on real ones nobody can say that they do it");
            let help = "on real hosts there are `breaks: before`, `during` and `runner`, and `down: true`; leave out the rest, or drill with played hosts";
            wrong(reader, selector, message, help.to_owned());
        }
    }
}

fn hosts(reader: &mut Reader, scenario: &Scenario, inventory: &Inventory) -> (BTreeMap<HostName, HostScript>, HostRules) {
    let (mut hosts, mut rules): (BTreeMap<HostName, HostScript>, HostRules) = Default::default();
    for (selector, script) in &scenario.hosts {
        let selected = Selector::parse(&selector.value).and_then(|parsed| parsed.resolve(inventory, &[]));
        let selected: BTreeSet<HostName> = match selected {
            Ok(selected) => selected.into_iter().collect(),
            Err(error) => {
                wrong(reader, selector, error.to_string(), "name a host, a group, or a selector of the library's inventory".to_owned());
                continue;
            }
        };
        for host in &selected {
            let known = hosts.entry(host.clone()).or_default();
            known.down |= script.down;
            known.files.extend(script.files.clone());
        }
        rules.extend(script.rules.iter().map(|rule| (selected.clone(), rule.clone())));
    }
    (hosts, rules)
}

fn check_people(reader: &mut Reader, scenario: &Scenario, policy: &Policy) {
    for approver in scenario.approvals.iter().flatten() {
        if !policy.rules.people.contains_key(&approver.person.value) {
            let place = Spanned { value: approver.person.value.to_string(), span: approver.person.span };
            let known = policy.rules.people.keys().map(Person::as_str);
            wrong(reader, &place, format!("{} is not in the policy", approver.person.value), meant(&place.value, known));
        }
    }
}

/// What nobody can say at a step is no option of it, and no fact that it asks for.
fn check_said(reader: &mut Reader, scenario: &Scenario, runbook: &Runbook) {
    for (step, said) in &scenario.people {
        let base = step.value.split('@').next().unwrap_or_default();
        let work = runbook.all_steps().into_iter().find(|known| known.id.as_str() == base).map(|known| &known.work);
        let options: Vec<&str> = match work {
            Some(Work::Choose { options, .. }) => options.iter().map(|option| option.name.value.as_str()).collect(),
            Some(_) | None => Vec::new(),
        };
        let facts: Vec<&str> = match work {
            Some(Work::Manual { answers, .. }) => answers.iter().map(|asked| asked.name.value.as_str()).collect(),
            Some(_) | None => Vec::new(),
        };
        for word in said {
            match word {
                Said::Done { facts: given } => {
                    for other in given.keys().filter(|name| !facts.contains(&name.as_str())) {
                        wrong(reader, step, format!("nobody is asked for {other:?} there"), meant(other, facts.iter().copied()));
                    }
                }
                Said::Option(name) if !options.contains(&name.as_str()) => {
                    let words = ["done", "not-done", "retry", "skip", "rollback", "stop", "release", "keep", "silent"];
                    let known = options.iter().copied().chain(words);
                    wrong(reader, step, format!("nobody can say {name:?} there"), meant(name, known));
                }
                Said::Option(_) | Said::NotDone | Said::Retry | Said::Skip => {}
                Said::Rollback | Said::Stop | Said::Release | Said::Keep | Said::Silent => {}
            }
        }
    }
}

/// Steps that a scenario names must be there, with or without the turn of a loop.
fn check_steps(reader: &mut Reader, scenario: &Scenario, runbook: &Runbook) {
    let parts = ["", ".acquire", ".release", ".before", ".after", ".pause"];
    let steps = runbook.all_steps();
    let ids: Vec<String> = steps.iter().flat_map(|step| parts.map(|part| format!("{}{part}", step.id))).collect();
    let calls = runbook.all_steps().into_iter().any(|step| matches!(step.work, Work::Call { .. }));
    let expected = &scenario.expected;
    let lists = [&expected.order, &expected.held].into_iter().flatten().flatten().map(|listed| &listed.step);
    let lists = lists.chain(expected.undone.iter().flatten());
    let stopped = scenario.stops.iter().map(|stop| &stop.at);
    let named = scenario.people.iter().map(|(step, _)| step).chain(stopped).chain(expected.steps.iter().map(|(step, _)| step)).chain(lists);
    let named: Vec<Spanned<String>> = named.cloned().collect();
    for step in named {
        let base = step.value.split('@').next().unwrap_or_default();
        if !calls && !ids.iter().any(|id| id == base) {
            let message = format!("{} has no step `{base}`", runbook.name.value);
            let known = ids.iter().map(String::as_str).filter(|id| !id.contains('.'));
            wrong(reader, &step, message, meant(base, known));
        }
    }
}

/// Hosts of which something is expected are hosts of the inventory.
fn check_hosts(reader: &mut Reader, scenario: &Scenario, inventory: &Inventory) {
    let by_host = scenario.expected.steps.iter().flat_map(|(_, results)| match results {
        ExpectedStep::All(_) => &[][..],
        ExpectedStep::Hosts(hosts) => hosts,
    });
    let in_order = scenario.expected.order.iter().flatten().filter_map(|listed| listed.of_it.as_ref());
    let known = || inventory.hosts.keys().map(HostName::as_str);
    for host in by_host.map(|(host, _)| host).chain(in_order) {
        if !known().any(|name| name == host.value) {
            let help = did_you_mean(&host.value, known()).map(|meant| format!("did you mean `{meant}`?"));
            let help = help.unwrap_or_else(|| "name a host of the library's inventory".to_owned());
            wrong(reader, host, format!("{:?} is no host of the inventory", host.value), help);
        }
    }
}

/// Everybody in the policy, with a key that only a drill knows.
fn roster(policy: &Policy) -> Roster {
    let signer = |person: &Person| Signer {
        person: person.clone(),
        key: played_key(person),
        fingerprint: played_key(person),
        namespaces: vec!["runbook-*".to_owned()],
        valid_after: None,
        valid_before: None,
        line: 1,
    };
    Roster { signers: policy.rules.people.keys().map(signer).collect() }
}

/// The steps whose commands are this program's own, not the author's.
fn specials(program: &Program) -> BTreeMap<String, Special> {
    let special = |step: &crate::plan::ProgramStep| {
        let special = match (&step.step.work, &step.role) {
            (Work::Put(put), Role::Before { .. }) => Special::LooksAt(put.to.value.clone()),
            (Work::Put(_), _) => Special::Writes,
            (Work::Reboot, Role::Before { .. }) => Special::SaysStart,
            (Work::Reboot, Role::After { .. }) => Special::SeeksAnother,
            (Work::Reboot, _) => Special::Restarts,
            _ => return None,
        };
        Some((step.id.base().to_owned(), special))
    };
    program.steps.iter().filter_map(special).collect()
}
