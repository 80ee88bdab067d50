//! `runbook lint`: every problem of the library and its runbooks, with file, line, caret and remedy. Changes nothing.

use serde::Serialize;

use super::args::Output;
use super::context::{Context, open_library};
use super::failure::{Exit, Failure};
use super::opening::examine;
use crate::library::LibraryError;
use crate::runbook::{RULES, Rule};
use crate::text::{Diagnostic, Diagnostics, Severity, did_you_mean};

/// `runbook lint [NAMES…]`, `runbook lint --explain CODE`
pub fn lint(context: &Context, names: &[String], explain: Option<&str>) -> Result<Exit, Failure> {
    if let Some(code) = explain {
        return explain_rule(context, code);
    }
    let (problems, looked_at) = match gather(context, names) {
        Ok(found) => found,
        Err(Trouble::OwnFiles(problems)) => (problems, 0),
        Err(Trouble::Other(failure)) => return Err(failure),
    };
    match context.output {
        Output::Text => say(context, &problems, looked_at),
        Output::Json => context.print_json(&json(&problems)),
    }
    Ok(if problems.has_errors() { Exit::Failed } else { Exit::Ok })
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

/// All problems, and how many runbooks were looked at.
fn gather(context: &Context, names: &[String]) -> Result<(Diagnostics, usize), Trouble> {
    let library = open_library(&context.library_folder()?)?;
    let mut problems = library.warnings.clone();
    let names = if names.is_empty() { library.names()? } else { names.to_vec() };
    for name in &names {
        let name = name.strip_suffix(".yaml").unwrap_or(name);
        match library.runbook(name) {
            Ok(file) => problems.extend(examine(context, &library, &file.source, name)?.problems),
            Err(LibraryError::Invalid(found)) => problems.extend(found),
            Err(other) => return Err(other.into()),
        }
    }
    Ok((problems, names.len()))
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

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

#[derive(Serialize)]
struct RuleJson {
    code: &'static str,
    name: &'static str,
    severity: &'static str,
    why: &'static str,
}

fn explain_rule(context: &Context, code: &str) -> Result<Exit, Failure> {
    let asked = code.to_ascii_uppercase();
    let Some(rule) = RULES.iter().find(|rule| rule.code == asked || rule.name == code) else { return Err(no_such_rule(code)) };
    let Rule { code, name, severity, why } = *rule;
    let severity = severity_word(severity);
    match context.output {
        Output::Json => context.print_json(&RuleJson { code, name, severity, why }),
        Output::Text => context.write_out(&format!(
            "{code} {name} ({severity})\n\n{why}\n\nTo allow it on one step, write above the step or in it:\n\n  # runbook: allow {code} because …\n"
        )),
    }
    Ok(Exit::Ok)
}

fn no_such_rule(code: &str) -> Failure {
    let all: Vec<String> = RULES.iter().map(|rule| format!("{} {}", rule.code, rule.name)).collect();
    let meant = did_you_mean(code, RULES.iter().flat_map(|rule| [rule.code, rule.name]));
    let meant = meant.map_or_else(String::new, |meant| format!(" Did you mean {meant}?"));
    Failure::usage(format!("there is no lint rule {code:?}.{meant} The rules are:\n  {}", all.join("\n  ")))
}
