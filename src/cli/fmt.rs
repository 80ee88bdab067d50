//! `runbook fmt`: files of the library in the house's style. Never writes a text that means something else, and never half a file.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use similar::TextDiff;

use super::context::Context;
use super::failure::{Exit, Failure};
use crate::library::{INVENTORY_ORDER, POLICY_ORDER};
use crate::runbook::RUNBOOK_ORDER;
use crate::text::{Diagnostics, FormatError, MAX_FILE_BYTES, Order, Source, decode, format};

/// Lines around a change that a diff shows.
const AROUND: usize = 3;

/// What is done with a text that is not in the style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Write,
    Check,
    /// Shown; and told by the exit status where `--check` stands beside it.
    Diff {
        check: bool,
    },
}

impl Manner {
    /// From `--check` and `--diff`.
    pub fn of(check: bool, diff: bool) -> Self {
        match (check, diff) {
            (check, true) => Manner::Diff { check },
            (true, false) => Manner::Check,
            (false, false) => Manner::Write,
        }
    }
}

#[derive(Debug, Serialize)]
struct FmtJson<'a> {
    files: &'a [FileJson],
}

#[derive(Debug, Serialize)]
struct FileJson {
    file: String,
    result: Outcome,
    /// Why it was refused.
    message: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Unchanged,
    Formatted,
    WouldChange,
    Refused,
}

/// `runbook fmt [NAME|FILE…]`
pub fn fmt(context: &Context, names: &[String], manner: Manner) -> Result<Exit, Failure> {
    if names == ["-"] {
        return standard_input(context, manner);
    }
    let paths = paths(context, names)?;
    let mut files = Vec::new();
    for path in &paths {
        files.push(one(context, path, manner)?);
    }
    match context.output {
        super::args::Output::Json => context.print_json(&FmtJson { files: &files }),
        super::args::Output::Text => say(context, &files, manner),
    }
    Ok(exit(&files, manner))
}

fn exit(files: &[FileJson], manner: Manner) -> Exit {
    let any = |outcome| files.iter().any(|file| file.result == outcome);
    let strict = matches!(manner, Manner::Check | Manner::Diff { check: true });
    if any(Outcome::Refused) || (strict && any(Outcome::WouldChange)) { Exit::Failed } else { Exit::Ok }
}

fn say(context: &Context, files: &[FileJson], manner: Manner) {
    for file in files {
        match (file.result, &file.message) {
            (Outcome::Formatted, _) => context.write_out(&format!("formatted {}\n", file.file)),
            (Outcome::WouldChange, _) if matches!(manner, Manner::Diff { .. }) => {} // the diff has said it
            (Outcome::WouldChange, _) => context.write_out(&format!("to format {}\n", file.file)),
            (Outcome::Refused, Some(message)) => context.talk(&format!("{message}\n")),
            (Outcome::Refused, None) | (Outcome::Unchanged, _) => {}
        }
    }
    if !context.quiet {
        let counts = [(Outcome::Formatted, "formatted"), (Outcome::WouldChange, "to format"), (Outcome::Refused, "left as they are")];
        let counted = counts.map(|(outcome, words)| (files.iter().filter(|file| file.result == outcome).count(), words));
        let said: Vec<String> = counted.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}")).collect();
        let said = if said.is_empty() { "all in the house's style".to_owned() } else { said.join(", ") };
        context.talk(&format!("{} file{}: {said}\n", files.len(), if files.len() == 1 { "" } else { "s" }));
    }
}

/// What is meant by the names: runbooks of the library, or files wherever they are.
fn paths(context: &Context, names: &[String]) -> Result<Vec<PathBuf>, Failure> {
    if names.iter().any(|name| name == "-") {
        return Err(Failure::usage("`-` is standard input and stands alone"));
    }
    if names.is_empty() {
        return whole_library(&context.library_folder()?);
    }
    names.iter().map(|name| path_of(context, name)).collect()
}

fn path_of(context: &Context, name: &str) -> Result<PathBuf, Failure> {
    let given = PathBuf::from(name);
    if given.is_file() {
        return Ok(given);
    }
    let is_path = name.contains('/');
    let named = context.library_folder().ok().map(|root| root.join(format!("{}.yaml", name.strip_suffix(".yaml").unwrap_or(name))));
    match named.filter(|path| !is_path && path.is_file()) {
        Some(path) => Ok(path),
        None => Err(Failure::usage(format!("there is no file {name:?}, and no runbook of that name. `runbook list` shows all runbooks"))),
    }
}

/// Its runbooks, and the team's own files, whether or not they can be used.
fn whole_library(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = written_in(root)?;
    let team = root.join("team");
    if team.is_dir() {
        paths.extend(written_in(&team)?);
    }
    Ok(paths)
}

/// The YAML files of a folder, sorted.
fn written_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| Failure::usage(format!("{} could not be read: {error}", folder.display())))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "yaml") && path.is_file());
    paths.sort();
    Ok(paths)
}

fn order_of(path: &Path) -> &'static Order {
    let in_team = path.parent().is_some_and(|folder| folder.ends_with("team"));
    match path.file_name().and_then(|name| name.to_str()) {
        Some("policy.yaml") if in_team => &POLICY_ORDER,
        Some(_) if in_team => &INVENTORY_ORDER,
        Some(_) | None => &RUNBOOK_ORDER,
    }
}

fn one(context: &Context, path: &Path, manner: Manner) -> Result<FileJson, Failure> {
    let here = std::env::current_dir().unwrap_or_default();
    let name = path.strip_prefix(&here).unwrap_or(path).display().to_string();
    let io = |error: std::io::Error| Failure::usage(format!("{name}: {error}"));
    let limit = MAX_FILE_BYTES as u64 + 1; // one more, so that a longer file is seen to be longer
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(io)?.take(limit).read_to_end(&mut bytes).map_err(io)?;
    let (before, after) = match formatted(&name, &bytes, order_of(path)) {
        Ok(texts) => texts,
        Err(error) => return Ok(FileJson { file: name, result: Outcome::Refused, message: Some(error.to_string()) }),
    };
    let result = match manner {
        _ if before == after => Outcome::Unchanged,
        Manner::Write => {
            replace(path, &after).map_err(io)?;
            Outcome::Formatted
        }
        Manner::Check => Outcome::WouldChange,
        Manner::Diff { .. } => {
            show_diff(context, &name, &before, &after);
            Outcome::WouldChange
        }
    };
    Ok(FileJson { file: name, result, message: None })
}

fn formatted(name: &str, bytes: &[u8], order: &'static Order) -> Result<(String, String), FormatError> {
    let source: Source = decode(name, bytes).map_err(|problems: Diagnostics| FormatError::Unreadable(problems))?;
    let after = format(&source, order)?;
    Ok((source.text().to_owned(), after))
}

/// For people only: JSON has one object.
fn show_diff(context: &Context, name: &str, before: &str, after: &str) {
    if context.output == super::args::Output::Text {
        let diff = TextDiff::from_lines(before, after);
        context.write_out(&diff.unified_diff().context_radius(AROUND).header(name, name).to_string());
    }
}

/// The whole file or none of it: written beside it, synced, and renamed over it. A link stays one; permissions stay.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let target = path.canonicalize()?;
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".fmt-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::metadata(&target)?.permissions())?;
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|error| error.error)?;
    fs::File::open(folder)?.sync_all()
}

fn standard_input(context: &Context, manner: Manner) -> Result<Exit, Failure> {
    let mut bytes = Vec::new();
    let limit = MAX_FILE_BYTES as u64 + 1;
    std::io::stdin().take(limit).read_to_end(&mut bytes).map_err(|error| Failure::usage(format!("standard input: {error}")))?;
    let (before, after) = formatted("standard input", &bytes, &RUNBOOK_ORDER).map_err(|error| Failure::new(Exit::Failed, error))?;
    match manner {
        Manner::Write => context.write_out(&after),
        Manner::Check => {}
        Manner::Diff { .. } => show_diff(context, "standard input", &before, &after),
    }
    let strict = matches!(manner, Manner::Check | Manner::Diff { check: true });
    Ok(if strict && before != after { Exit::Failed } else { Exit::Ok })
}
