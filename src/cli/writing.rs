//! Puts a new runbook into the library, whole or not at all and never over a file, and says what lint thinks of it. Changes no file that is there.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::Serialize;

use super::context::Context;
use super::failure::Failure;
use super::opening::examine;
use crate::base::StepId;
use crate::library::LibraryError;
use crate::text::{Diagnostic, Diagnostics, Severity};
use crate::views::{Line, Page, Tone};

/// The first line of a runbook that editors check by the schema: as the language server for YAML reads it, from the file's own folder on.
pub const MODELINE: &str = "# yaml-language-server: $schema=.schema/runbook.json\n";

/// A runbook that was written.
pub struct Written {
    pub name: String,
    /// Its path, as the library was named.
    pub file: String,
    pub problems: Diagnostics,
    /// Whether the schema of the first line is there.
    has_schema: bool,
}

/// One problem; its field names are a promise.
#[derive(Serialize)]
pub struct ProblemJson {
    code: &'static str,
    severity: &'static str,
    /// From 1.
    line: usize,
    message: String,
    help: Option<String>,
}

/// Writes `NAME.yaml` and lints it.
///
/// # Errors
/// Where the name is no name, a file has it already, or the library cannot be read or written.
pub fn write_new(context: &Context, name: &str, text: &str) -> Result<Written, Failure> {
    let name = name.strip_suffix(".yaml").unwrap_or(name);
    check_name(name)?;
    let library = context.library()?;
    let path = library.root().join(format!("{name}.yaml"));
    put(library.root(), &path, text)?;
    let problems = match library.runbook(name) {
        Ok(file) => examine(context, &library, &file.source, name)?.problems,
        Err(LibraryError::Invalid(problems)) => problems,
        Err(other) => return Err(other.into()),
    };
    let has_schema = library.root().join(".schema/runbook.json").exists();
    Ok(Written { name: name.to_owned(), file: path.display().to_string(), problems, has_schema })
}

/// Whether a runbook can have this name.
///
/// # Errors
/// With the name that was probably meant.
pub fn check_name(name: &str) -> Result<(), Failure> {
    if name.parse::<StepId>().is_ok() {
        return Ok(());
    }
    let meant = StepId::slug(name).map_or_else(String::new, |slug| format!(". Did you mean `{slug}`?"));
    Err(Failure::usage(format!("{name:?} cannot be a runbook's name: expected lower-case letters, digits and single dashes{meant}")))
}

fn put(root: &Path, path: &Path, text: &str) -> Result<(), Failure> {
    let unwritable = |error: std::io::Error| Failure::usage(format!("{} could not be written: {error}", path.display()));
    let taken =
        || Failure::usage(format!("{} is there already, and nothing was changed. Choose another name, or edit that file", path.display()));
    if path.symlink_metadata().is_ok() {
        return Err(taken());
    }
    // as any editor would make it: what the umask leaves of rw for all
    let permissions = std::fs::Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().prefix(".new-").permissions(permissions).tempfile_in(root).map_err(unwritable)?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(unwritable)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Err(taken()),
        Err(error) => Err(unwritable(error.error)),
    }
}

impl Written {
    /// Says where it lies, what lint found, and what to type next.
    pub fn say(&self, context: &Context) {
        let mut page = Page::new();
        page.push(Line::new().with(Tone::Good, "written").column(10).plain(self.file.clone()));
        page.push(Line::new().with(Tone::Strong, "lint").column(10).plain(self.counted()));
        page.lines.extend(self.findings());
        for (command, why) in self.next() {
            page.push(Line::new().with(Tone::Strong, "next").column(10).with(Tone::Command, command).column(46).with(Tone::Quiet, why));
        }
        context.print(&page);
    }

    /// A line for each kind of problem: `runbook lint` shows the carets.
    fn findings(&self) -> Vec<Line> {
        let mut kinds: Vec<(&Diagnostic, Vec<String>)> = Vec::new();
        for problem in self.problems.sorted() {
            let line = problem.position().0.to_string();
            match kinds.iter_mut().find(|(known, _)| (known.code, &known.message) == (problem.code, &problem.message)) {
                Some((_, lines)) => lines.push(line),
                None => kinds.push((problem, vec![line])),
            }
        }
        let said = |(problem, lines): &(&Diagnostic, Vec<String>)| {
            let (tone, word) = match problem.severity {
                Severity::Error => (Tone::Bad, "error"),
                Severity::Warning => (Tone::Waits, "warning"),
            };
            let places = if lines.len() == 1 { "line" } else { "lines" };
            Line::new().with(tone, format!("  {word}")).column(10).plain(format!(
                "{} {} ({places} {})",
                problem.code,
                problem.message,
                lines.join(", ")
            ))
        };
        kinds.iter().map(said).collect()
    }

    /// The commands that are worth typing now, each with its reason.
    pub fn next(&self) -> Vec<(String, &'static str)> {
        let name = &self.name;
        let mut next = Vec::new();
        if !self.problems.is_empty() {
            next.push((format!("runbook lint {name}"), "every problem with its place and its remedy"));
        }
        next.push((format!("runbook show {name}"), "as who runs it will read it"));
        next.push((format!("runbook plan {name}"), "what would run, to the byte"));
        if !self.has_schema {
            next.push(("runbook schema --write".to_owned(), "what your editor checks it by"));
        }
        next
    }

    fn counted(&self) -> String {
        let of = |severity| self.problems.iter().filter(|problem| problem.severity == severity).count();
        let plural = |count: usize, word: &str| if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") };
        format!("{}, {}", plural(of(Severity::Error), "error"), plural(of(Severity::Warning), "warning"))
    }
}

/// Problems for programs.
pub fn problems_json(problems: &Diagnostics) -> Vec<ProblemJson> {
    let json = |problem: &&Diagnostic| ProblemJson {
        code: problem.code,
        severity: match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        line: problem.position().0,
        message: problem.message.clone(),
        help: problem.help.clone(),
    };
    problems.sorted().iter().map(json).collect()
}
