//! `runbook lint`: every problem of the library and its runbooks, with file, line, caret and remedy. Changes nothing.

mod annotations;
mod sarif;
mod shellcheck;

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::Asked;
use super::context::{Context, open_library};
use super::failure::{Exit, Failure};
use super::opening::examine;
use crate::library::{Library, LibraryError};
use crate::runbook::{Runbook, remarked, scripts};
use crate::text::{Diagnostic, Diagnostics, Severity};
use shellcheck::{Asked as Shellcheck, shellcheck};

/// `runbook lint [NAMES…]`
pub fn lint(context: &Context, asked: Asked, names: &[String], no_shellcheck: bool) -> Result<Exit, Failure> {
    let found = match gather(context, names) {
        Ok(Gathered { mut problems, runbooks, looked_at }) => {
            if !no_shellcheck {
                problems.extend(what_shellcheck_says(context, &runbooks));
            }
            Ok((problems, looked_at))
        }
        Err(Trouble::OwnFiles(problems)) => Ok((problems, 0)),
        Err(Trouble::Other(failure)) => Err(failure),
    };
    let (problems, looked_at) = found?;
    match asked {
        Asked::Text => say(context, &problems, looked_at),
        Asked::Json => context.print_json(&json(&problems)),
        Asked::Github => context.write_out(&annotations::page(&problems, &places(context)?)),
        Asked::Sarif => context.print_json(&sarif::log(&problems, &places(context)?)),
    }
    Ok(if problems.has_errors() { Exit::Failed } else { Exit::Ok })
}

struct Gathered {
    problems: Diagnostics,
    runbooks: Vec<Runbook>,
    looked_at: usize,
}

enum Trouble {
    /// The library's own files are wrong, so that its runbooks cannot be judged.
    OwnFiles(Diagnostics),
    Other(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Trouble::Other(failure)
    }
}

impl From<LibraryError> for Trouble {
    fn from(error: LibraryError) -> Self {
        match error {
            LibraryError::Invalid(problems) => Trouble::OwnFiles(problems),
            other => Trouble::Other(other.into()),
        }
    }
}

/// All problems, and the runbooks that could be read.
fn gather(context: &Context, names: &[String]) -> Result<Gathered, Trouble> {
    let library = open_library(&context.library_folder()?, None)?;
    let mut problems = library.warnings.clone();
    problems.extend(in_other_hosts(&library)?);
    if names.is_empty() {
        problems.extend(super::scenarios::homeless(&library, &library.names()?).err().unwrap_or_default());
    }
    let names = if names.is_empty() { library.names()? } else { names.iter().filter_map(|name| name_of(&library, name)).collect() };
    let mut runbooks = Vec::new();
    for name in &names {
        match library.runbook(name) {
            Ok(file) => {
                let opened = examine(context, &library, &file.source, name)?;
                let is_sound = !opened.problems.has_errors();
                problems.extend(opened.problems);
                if let Some(runbook) = opened.runbook.as_ref().filter(|_| is_sound) {
                    problems.extend(in_scenarios(&library, runbook)?);
                }
                runbooks.extend(opened.runbook);
            }
            Err(LibraryError::Invalid(found)) => problems.extend(found),
            Err(other) => return Err(other.into()),
        }
    }
    Ok(Gathered { problems, runbooks, looked_at: names.len() })
}

/// All that is wrong with the hosts of other environments.
fn in_other_hosts(library: &Library) -> Result<Diagnostics, Trouble> {
    let mut found = Diagnostics::new();
    for name in library.other_hosts() {
        match open_library(library.root(), Some(&name)) {
            Ok(_) => {}
            Err(LibraryError::Invalid(problems)) => found.extend(problems),
            Err(other) => return Err(other.into()),
        }
    }
    Ok(found)
}

/// All that is wrong with the scenarios of a runbook that is sound itself.
fn in_scenarios(library: &Library, runbook: &Runbook) -> Result<Diagnostics, Trouble> {
    let (scenarios, mut found) = super::scenarios::scenarios(library, &runbook.name.value)?;
    for scenario in scenarios.into_iter().filter(|scenario| scenario.runbook.value == runbook.name.value) {
        if let Err(problems) = super::scenarios::cast(library, runbook, scenario)? {
            found.extend(problems);
        }
    }
    Ok(found)
}

/// The name of a runbook that was given by its name or its file. A hook gives every file that changed: those of `team/` are read in any case.
fn name_of(library: &Library, given: &str) -> Option<String> {
    let path = Path::new(given);
    let stem = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".yaml"));
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Some(stem.unwrap_or(given).to_owned());
    };
    let (folder, root) = (folder.canonicalize().ok(), library.root().canonicalize().ok());
    let drilled = || Some(folder.as_ref()?.strip_prefix(root.as_ref()?.join("drills")).ok()?.to_str()?.to_owned());
    if let Some(runbook) = drilled().filter(|name| !name.is_empty()) {
        return Some(runbook);
    }
    match (stem, folder, root) {
        (_, Some(folder), Some(root)) if folder != root && folder.starts_with(&root) => None,
        (Some(stem), Some(folder), Some(root)) if folder == root => Some(stem.to_owned()),
        _ => Some(given.to_owned()), // no runbook of this library: the library says so in its own words
    }
}

fn what_shellcheck_says(context: &Context, runbooks: &[Runbook]) -> Diagnostics {
    let mut all: Vec<_> = runbooks.iter().flat_map(scripts).collect();
    all.sort();
    all.dedup();
    let mut found = Diagnostics::new();
    match shellcheck(&all) {
        Shellcheck::Nothing => {}
        Shellcheck::Said(remarks) => runbooks.iter().for_each(|runbook| found.extend(remarked(runbook, &remarks))),
        Shellcheck::Failed(why) => context.talk(&format!("note: without ShellCheck's remarks: {why}\n")),
    }
    found
}

/// Files as seen from the current folder, which is where programs that read annotations stand.
struct Places {
    /// The folder of the library's own folder, as a path from the current folder.
    above: PathBuf,
}

impl Places {
    /// With forward slashes.
    fn of(&self, problem: &Diagnostic) -> String {
        self.above.join(problem.source.name()).display().to_string()
    }
}

fn places(context: &Context) -> Result<Places, Failure> {
    let root = context.library_folder()?;
    let root = root.canonicalize().unwrap_or(root);
    let above = root.parent().map(Path::to_owned).unwrap_or_default();
    let here = std::env::current_dir().and_then(|folder| folder.canonicalize()).unwrap_or_default();
    Ok(Places { above: above.strip_prefix(&here).map(Path::to_owned).unwrap_or(above) })
}

/// Problems are the result here, so they go to standard output.
fn say(context: &Context, problems: &Diagnostics, looked_at: usize) {
    if !problems.is_empty() {
        let colour = match context.colour() {
            crate::views::Colour::Never => crate::text::Colour::Plain,
            crate::views::Colour::Ansi => crate::text::Colour::Styled,
        };
        context.write_out(&format!("{}\n\n", problems.render(colour)));
    }
    let (errors, warnings) = (count(problems, Severity::Error), count(problems, Severity::Warning));
    let looked_at = if looked_at == 0 { "the library's own files".to_owned() } else { plural(looked_at, "runbook") };
    context.write_out(&format!("{looked_at}: {}, {}\n", plural(errors, "error"), plural(warnings, "warning")));
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

fn count(problems: &Diagnostics, severity: Severity) -> usize {
    problems.iter().filter(|problem| problem.severity == severity).count()
}

#[derive(Serialize)]
struct LintJson<'a> {
    problems: Vec<ProblemJson<'a>>,
    errors: usize,
    warnings: usize,
}

/// One problem; shared with nothing else: its field names are a promise.
#[derive(Serialize)]
struct ProblemJson<'a> {
    code: &'a str,
    severity: &'static str,
    file: &'a str,
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    message: &'a str,
    help: Option<&'a str>,
}

fn json(problems: &Diagnostics) -> LintJson<'_> {
    LintJson {
        problems: problems.sorted().into_iter().map(problem_json).collect(),
        errors: count(problems, Severity::Error),
        warnings: count(problems, Severity::Warning),
    }
}

fn problem_json(problem: &Diagnostic) -> ProblemJson<'_> {
    let (line, column) = problem.position();
    let (code, file, message) = (problem.code, problem.source.name(), problem.message.as_str());
    ProblemJson { code, severity: severity_word(problem.severity), file, line, column, message, help: problem.help.as_deref() }
}

/// As in every output.
pub fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
