//! From names to a program: reads a runbook in its library, checks it, takes in parameters. Shared by the verbs that plan or run.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use super::args::ParameterArgs;
use super::context::{Context, source_of};
use super::failure::Failure;
use crate::base::{Bytes, Person};
use crate::event::RunMode;
use crate::library::{Inventory, Library, Policy, Roster};
use crate::plan::{ParameterError, Parameters, Presence, Program, Setting, Shelf, check};
use crate::runbook::{LintPolicy, Runbook, lint, read};
use crate::text::{Diagnostics, Severity, Source};

/// A runbook that was read, with the problems that reading and lint found.
pub struct Opened {
    pub runbook: Option<Runbook>,
    pub problems: Diagnostics,
}

/// Reads a runbook and lints it by the library's policy.
pub fn open(context: &Context, policy: &Policy, source: &Source, name: &str) -> Opened {
    let (runbook, mut problems) = read(source, name);
    if let Some(runbook) = &runbook {
        let LintWords { deny, changing } = LintWords::of(policy);
        problems.extend(lint(runbook, &LintPolicy { deny, changing, review: policy.review, today: context.now() }));
    }
    Opened { runbook, problems }
}

struct LintWords {
    deny: Vec<(String, String)>,
    changing: Vec<String>,
}

impl LintWords {
    fn of(policy: &Policy) -> Self {
        Self { deny: policy.deny.clone(), changing: policy.changing.clone() }
    }
}

/// What a program is made for.
pub struct Purpose {
    pub mode: RunMode,
    pub presence: Presence,
    pub requester: Person,
}

/// Who stands for the requester where it is not known who would run it: somebody who is on no roster, so that nobody is left out of a gate.
///
/// # Errors
/// Where the policy's domain makes no address.
pub fn whoever_runs_it(policy: &Policy) -> Result<Person, Failure> {
    format!("whoever-runs-it@{}", policy.rules.domain).parse().map_err(Failure::usage)
}

/// All that can be said of a runbook without running it: its reading, lint, and the check within its library.
pub fn examine(context: &Context, library: &Library, source: &Source, name: &str) -> Result<Opened, Failure> {
    let Opened { runbook, mut problems } = open(context, &library.policy, source, name);
    if let Some(runbook) = &runbook {
        let parameters = Parameters::defaults(runbook, &library.inventory);
        let setting = Setting {
            inventory: library.inventory.clone(),
            policy: library.policy.clone(),
            roster: library.roster.clone(),
            parameters,
            requester: whoever_runs_it(&library.policy)?,
            presence: Presence::Unattended,
            mode: RunMode::Real,
            shelf: super::shelf::from_library(library, runbook)?.shelf,
        };
        problems.extend(check(&Program::new(runbook.clone(), setting)));
    }
    Ok(Opened { runbook, problems })
}

/// A runbook of the library by its name, without an error in it.
///
/// # Errors
/// All of its errors at once.
pub fn sound_runbook(context: &Context, library: &Library, name: &str) -> Result<Runbook, Failure> {
    let name = name.strip_suffix(".yaml").unwrap_or(name);
    let Opened { runbook, problems } = open(context, &library.policy, &source_of(library, name)?, name);
    match runbook {
        Some(runbook) if !problems.has_errors() => Ok(runbook),
        Some(_) | None => Err(Failure::usage(problems.only(Severity::Error).render(context.diagnostics_colour()))),
    }
}

/// A program, checked as far as can be without contacting a host.
///
/// # Errors
/// All problems of parameters, or all errors of the check, at once.
pub fn program(
    context: &Context,
    (inventory, policy, roster): (Inventory, Policy, Roster),
    (runbook, shelf): (Runbook, Shelf),
    given: &BTreeMap<String, Bytes>,
    purpose: Purpose,
) -> Result<Program, Failure> {
    let parameters = Parameters::resolve(&runbook, given, &inventory).map_err(|problems| parameter_failure(&problems))?;
    parameters.keep_rules(&runbook).map_err(|broken| Failure::usage(broken.join("\nerror: ")))?;
    let Purpose { mode, presence, requester } = purpose;
    let program = Program::new(runbook, Setting { inventory, policy, roster, parameters, requester, presence, mode, shelf });
    let problems = check(&program);
    if problems.has_errors() {
        return Err(Failure::usage(problems.only(Severity::Error).render(context.diagnostics_colour())));
    }
    Ok(program)
}

/// All problems of parameters in one failure.
pub fn parameter_failure(problems: &[ParameterError]) -> Failure {
    let sentences: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::usage(sentences.join("\nerror: "))
}

/// `-p name=value` as names and values; a value may be any bytes.
///
/// # Errors
/// Where there is no `=`, or a name is given twice.
pub fn given(args: &ParameterArgs) -> Result<BTreeMap<String, Bytes>, Failure> {
    let mut given = BTreeMap::new();
    for argument in &args.parameters {
        let (name, value) = split(argument)?;
        if given.insert(name.clone(), value).is_some() {
            return Err(Failure::usage(format!("parameter `{name}` is given twice")));
        }
    }
    Ok(given)
}

fn split(argument: &OsString) -> Result<(String, Bytes), Failure> {
    let bytes = argument.as_bytes();
    let expected = || Failure::usage(format!("expected -p NAME=VALUE, got -p {}", crate::base::escaped(bytes)));
    let at = bytes.iter().position(|&byte| byte == b'=').ok_or_else(expected)?;
    let name = std::str::from_utf8(&bytes[..at]).map_err(|_| expected())?;
    Ok((name.to_owned(), Bytes::from(bytes[at + 1..].to_vec())))
}

/// Parameters that are missing are asked for at a terminal; elsewhere they stay missing, and are refused with all other problems.
///
/// # Errors
/// Where the terminal is gone.
pub fn ask_for_missing(
    context: &Context,
    runbook: &Runbook,
    mut given: BTreeMap<String, Bytes>,
    inventory: &Inventory,
) -> Result<BTreeMap<String, Bytes>, Failure> {
    if !context.is_attended() {
        return Ok(given);
    }
    for parameter in runbook.parameters.iter().filter(|parameter| parameter.default.is_none()) {
        let name = &parameter.name.value;
        if given.contains_key(name) {
            continue;
        }
        let about = parameter.description.as_ref().map_or_else(|| name.clone(), |about| format!("{name} ({})", about.trim()));
        let checked = |text: &String| crate::plan::check_parameter(parameter, &Bytes::from(text.as_str()), inventory).map(|_| ());
        let answer = dialoguer::Input::<String>::new().with_prompt(about).validate_with(checked).interact_text();
        given.insert(name.clone(), Bytes::from(answer.map_err(|error| Failure::usage(format!("no value for `{name}`: {error}")))?));
    }
    Ok(given)
}
