//! Whether these runbooks could be run tonight: their hosts, their people, room for what they keep, their links. Runs no step of them.

use std::collections::BTreeSet;

use super::wants::{Use, needs, use_of};
use super::{Finding, hosts, links, machine, people};
use crate::cli::args::DoctorArgs;
use crate::cli::context::{Context, open_library};
use crate::cli::failure::Failure;
use crate::cli::opening::{given, parameter_failure, whoever_runs_it};
use crate::cli::secrets::variables;
use crate::event::RunMode;
use crate::library::{Library, LibraryError};
use crate::plan::{DEFAULT_ARTIFACT, Parameters, Presence, Program, Setting, outline};
use crate::runbook::{Work, read};

/// What a capture leaves free for the run itself, as the runner does.
const ROOM_LEFT: u64 = 32 << 20;

/// Everything about these runbooks, or about all and every host. Nothing where there is no library: that is told elsewhere.
///
/// # Errors
/// Where a runbook is named that is not there, or nothing can be started.
pub(super) fn findings(context: &Context, args: &DoctorArgs) -> Result<Vec<Finding>, Failure> {
    if !args.all && args.names.is_empty() {
        let of_runbooks = [("--links", args.links), ("--hosts-from", args.hosts_from.is_some())];
        return match of_runbooks.into_iter().find(|(_, is_asked)| *is_asked) {
            Some((word, _)) => Err(Failure::usage(format!("{word} looks at runbooks: name some, or all by --all"))),
            None if !args.parameters.parameters.is_empty() => Err(Failure::usage("-p is for a runbook: name it")),
            None => Ok(Vec::new()),
        };
    }
    let opened = context.library_folder().and_then(|root| Ok(open_library(&root, args.hosts_from.as_deref())?));
    let library = match (opened, &args.hosts_from) {
        (Ok(library), _) => library,
        (Err(failure), Some(_)) => return Err(failure),
        (Err(_), None) => return Ok(Vec::new()),
    };
    let today = people::valid_today(&library, context.now());
    let programs = programs(context, &library, args, &today)?;
    let withheld: Vec<String> = programs.iter().flat_map(variables).collect::<BTreeSet<_>>().into_iter().collect();
    let mut findings = Vec::new();
    if !library.roster.signers.is_empty() {
        findings.extend(people::gates(&programs));
        findings.extend(people::keys(&library, &today, context.now()));
    }
    findings.extend(room(context, &programs));
    findings.extend(links::findings(&programs, args.links, &withheld));
    let needs = needs(&programs);
    findings.extend(unknown(&needs.unknown));
    findings.extend(hosts::findings(&library.inventory, &needs.hosts, args.all, &withheld)?);
    Ok(findings)
}

/// The runbooks that are asked for, as whoever sits here would run them, with the defaults where nothing is given. What does not read is told elsewhere.
fn programs(context: &Context, library: &Library, args: &DoctorArgs, today: &crate::library::Roster) -> Result<Vec<Program>, Failure> {
    let requester = match context.identity(&library.roster) {
        Ok(identity) => identity.person,
        Err(_) => whoever_runs_it(&library.policy)?, // told elsewhere
    };
    let names = if args.all { library.names()? } else { args.names.clone() };
    let given = given(&args.parameters)?;
    if !given.is_empty() && names.len() != 1 {
        return Err(Failure::usage("-p is for one runbook: name that alone"));
    }
    let mut programs = Vec::new();
    for name in names.iter().map(|name| name.strip_suffix(".yaml").unwrap_or(name)).collect::<BTreeSet<_>>() {
        let source = match library.runbook(name) {
            Ok(file) => file.source,
            Err(LibraryError::Invalid(_)) => continue,
            Err(_) if args.all => continue,
            Err(error) => return Err(error.into()),
        };
        let (Some(runbook), _) = read(&source, name) else { continue };
        let setting = Setting {
            inventory: library.inventory.clone(),
            policy: library.policy.clone(),
            roster: today.clone(),
            parameters: match given.is_empty() {
                true => Parameters::defaults(&runbook, &library.inventory),
                false => {
                    Parameters::resolve_what_is_there(&runbook, &given, &library.inventory).map_err(|wrong| parameter_failure(&wrong))?
                }
            },
            requester: requester.clone(),
            presence: Presence::Unattended,
            mode: RunMode::Real,
            shelf: crate::cli::shelf::from_library(library, &runbook)?.shelf,
        };
        programs.push(Program::new(runbook, setting));
    }
    Ok(programs)
}

/// What could not be looked at, so that nobody takes it for ready.
fn unknown(uses: &BTreeSet<Use>) -> Option<Finding> {
    let says = "not looked at, since only a run knows its hosts: ";
    if let [only] = uses.iter().collect::<Vec<_>>().as_slice() {
        return Some(Finding::ok("unknown", format!("{says}{}", hosts::shown(uses))).of(Some(only)));
    }
    let runbooks: Vec<&str> = uses.iter().map(|used| used.runbook.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
    let says = says.replace("its", "their");
    (!uses.is_empty()).then(|| Finding::ok("unknown", format!("{says}{} steps of {}", uses.len(), runbooks.join(", "))))
}

/// Whether the store has room for what one host sends in the largest capture: the others wait until it is known what that took.
fn room(context: &Context, programs: &[Program]) -> Option<Finding> {
    let (most, used) = programs.iter().flat_map(captures).max_by_key(|(most, _)| *most)?;
    let store = context.store().ok()?; // told elsewhere
    let (left, mib) = (machine::left(store.root()).ok()?, most.div_ceil(1 << 20));
    let what = format!("step {} \"{}\" of {} keeps up to {mib} MiB of a host", used.number, used.name, used.runbook);
    let remedy = "make room, name another store by --store DIR, or write `last:` on what is kept";
    let finding = match left < most.saturating_add(ROOM_LEFT) {
        true => Finding::bad("room", format!("{} MiB are left, and {what}", left >> 20), remedy),
        false => Finding::ok("room", format!("enough for the largest capture: {what}")),
    };
    Some(finding.of(Some(&used)))
}

/// What each capture keeps of a host at most.
fn captures(program: &Program) -> Vec<(u64, Use)> {
    let outline = outline(program).ok();
    let of = |step: &crate::plan::ProgramStep| {
        let Work::Capture { artifacts } = &step.step.work else { return None };
        let written = artifacts.iter().map(|artifact| artifact.last.as_ref().map_or(DEFAULT_ARTIFACT, |last| last.value));
        let outlined = outline.iter().flat_map(|outline| &outline.steps).filter(|outlined| outlined.step.id.base() == step.id.base());
        let actions = outlined.filter_map(|outlined| outlined.stage()).flat_map(|stage| stage.work.actions());
        let rendered = actions.map(|action| action.keeps.iter().fold(0_u64, |sum, kept| sum.saturating_add(kept.most))).max();
        Some((rendered.unwrap_or_else(|| written.fold(0, u64::saturating_add)), use_of(program, step)))
    };
    program.steps.iter().filter_map(of).collect()
}
