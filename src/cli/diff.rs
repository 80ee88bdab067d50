//! `runbook diff`: two revisions of a runbook compared in meaning. Reads files and git, and writes nothing.

use std::path::Path;

use super::args::Output;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::git::{Commit, commit, file_at};
use crate::base::{Digest, StepId};
use crate::library::{Inventory, read_inventory};
use crate::plan::{Revision, compare};
use crate::runbook::{Runbook, read};
use crate::text::{Diagnostics, Severity, Source, decode};
use crate::views::{DiffJson, RevisionJson, difference_page};

/// What a person named.
#[derive(Debug, PartialEq, Eq)]
enum Named<'a> {
    /// A runbook of the library as it lies there.
    Working(&'a str),
    File(&'a Path),
    /// A runbook of the library, or of the whole repository where it has a path, at a revision.
    At {
        runbook: &'a str,
        revision: &'a str,
    },
}

/// A revision that was read.
struct Found {
    said: RevisionJson,
    runbook: Runbook,
    inventory: Inventory,
}

/// `runbook diff A [B]`
pub fn diff(context: &Context, first: &str, second: Option<&str>) -> Result<Exit, Failure> {
    let (old, new) = match second {
        Some(second) => (named(first, name_in(second))?, named(second, name_in(first))?),
        None => match named(first, None)? {
            Named::At { runbook, revision } => (Named::At { runbook, revision }, Named::Working(stem(runbook))),
            Named::Working(name) => (Named::At { runbook: name, revision: "HEAD" }, Named::Working(name)),
            Named::File(path) => {
                let said = format!("expected a second runbook to compare {} with", path.display());
                return Err(Failure::usage(said));
            }
        },
    };
    let (old, new) = (find(context, &old)?, find(context, &new)?);
    let side = |found: &'_ Found| -> RevisionJson { found.said.clone() };
    let changes = compare(
        Revision { runbook: &old.runbook, inventory: &old.inventory },
        Revision { runbook: &new.runbook, inventory: &new.inventory },
    );
    match context.output {
        Output::Text => context.print(&difference_page(&old.said, &new.said, &changes)),
        Output::Json => context.print_json(&DiffJson { old: side(&old), new: side(&new), equal: changes.is_empty(), changes: &changes }),
    }
    Ok(if changes.is_empty() { Exit::Ok } else { Exit::Failed })
}

/// What a word means. `other` is the runbook's name on the other side, for `REVISION:` alone.
fn named<'a>(word: &'a str, other: Option<&'a str>) -> Result<Named<'a>, Failure> {
    let path = Path::new(word);
    if (word.contains('/') || word.ends_with(".yaml")) && path.is_file() {
        return Ok(Named::File(path));
    }
    if let Some((runbook, revision)) = word.split_once('@').filter(|(name, revision)| is_name(name) && !revision.is_empty()) {
        return Ok(Named::At { runbook, revision });
    }
    match word.split_once(':') {
        Some((revision, "")) => match other {
            Some(runbook) => Ok(Named::At { runbook, revision }),
            None => Err(Failure::usage(format!("expected a runbook after {word}, such as {word}restart-db"))),
        },
        Some((revision, runbook)) => Ok(Named::At { runbook, revision }),
        None => Ok(Named::Working(word.strip_suffix(".yaml").unwrap_or(word))),
    }
}

/// The runbook that a word names, where it names one of the library.
fn name_in(word: &str) -> Option<&str> {
    let name = word.split('@').next().unwrap_or(word);
    let name = if is_name(name) { name } else { word.split_once(':').map_or("", |(_, path)| path) };
    (!name.is_empty()).then_some(name)
}

fn is_name(text: &str) -> bool {
    text.parse::<StepId>().is_ok_and(|name| name.is_written())
}

fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.strip_suffix(".yaml").unwrap_or(file)
}

fn find(context: &Context, named: &Named<'_>) -> Result<Found, Failure> {
    match named {
        Named::Working(name) => {
            let library = context.library()?;
            let file = library.runbook(name)?;
            found("the working copy".to_owned(), (&file.source, &file.bytes), name, library.inventory, context)
        }
        Named::File(path) => {
            let bytes = std::fs::read(path).map_err(|error| Failure::usage(format!("{} could not be read: {error}", path.display())))?;
            let source = decode(&path.display().to_string(), &bytes).map_err(|problems| refused(context, problems))?;
            let inventory = context.library().map_or_else(|_| Inventory::only_local(), |library| library.inventory);
            let name = written_name(&source);
            found(path.display().to_string(), (&source, &bytes), &name, inventory, context)
        }
        Named::At { runbook, revision } => at(context, runbook, revision),
    }
}

/// A runbook of git, with the inventory of the same commit.
fn at(context: &Context, runbook: &str, revision: &str) -> Result<Found, Failure> {
    let folder = context.library_folder()?;
    let commit = commit(&folder, revision)?;
    let path = if runbook.contains('/') || runbook.ends_with(".yaml") { runbook.to_owned() } else { format!("./{runbook}.yaml") };
    let Some(bytes) = file_at(&folder, &commit, &path)? else {
        let said = format!("there is no {} at {}", path.trim_start_matches("./"), commit.said());
        return Err(Failure::usage(said + ": was it called something else then? Name it as REVISION:NAME"));
    };
    let source =
        decode(&format!("{}@{}", path.trim_start_matches("./"), commit.named), &bytes).map_err(|problems| refused(context, problems))?;
    let (inventory, remark) = inventory_at(context, &folder, &commit, &path)?;
    let name = written_name(&source);
    found(format!("{}{remark}", commit.said()), (&source, &bytes), &name, inventory, context)
}

/// The inventory of a commit, and what is to be said of it: what other tools knew then nobody can ask any more.
fn inventory_at(context: &Context, folder: &Path, commit: &Commit, path: &str) -> Result<(Inventory, &'static str), Failure> {
    let beside = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let path = format!("{beside}/team/inventory.yaml");
    let Some(bytes) = file_at(folder, commit, path.trim_start_matches('/'))? else { return Ok((Inventory::only_local(), "")) };
    let source = decode(&format!("team/inventory.yaml@{}", commit.named), &bytes).map_err(|problems| refused(context, problems))?;
    if source.text().lines().any(|line| line.starts_with("hosts_from:")) {
        return Ok((context.library()?.inventory, ", hosts as they are now"));
    }
    let (inventory, problems) = read_inventory(&source);
    inventory.map(|inventory| (inventory, "")).ok_or_else(|| refused(context, problems))
}

/// The name that a file gives itself: it may lie under another one.
fn written_name(source: &Source) -> String {
    let written = source.text().lines().find_map(|line| line.strip_prefix("runbook:"));
    let word = written.and_then(|rest| rest.split_whitespace().next()).unwrap_or_default();
    let word = word.trim_matches(['"', '\'']);
    if word.is_empty() { stem(source.name()).to_owned() } else { word.to_owned() }
}

fn found(
    revision: String,
    (source, bytes): (&Source, &[u8]),
    name: &str,
    inventory: Inventory,
    context: &Context,
) -> Result<Found, Failure> {
    let (runbook, problems) = read(source, name);
    let runbook = runbook.ok_or_else(|| refused(context, problems))?;
    Ok(Found { said: RevisionJson { runbook: name.to_owned(), revision, digest: Digest::of(bytes) }, runbook, inventory })
}

fn refused(context: &Context, problems: Diagnostics) -> Failure {
    Failure::usage(problems.only(Severity::Error).render(context.diagnostics_colour()))
}

#[cfg(test)]
mod tests {
    use super::{Named, name_in, named};

    #[test]
    fn a_revision_is_named_in_the_ways_of_git() {
        assert_eq!(named("restart-db", None).unwrap(), Named::Working("restart-db"));
        assert_eq!(named("restart-db@v1", None).unwrap(), Named::At { runbook: "restart-db", revision: "v1" });
        assert_eq!(named("restart-db@HEAD@{1}", None).unwrap(), Named::At { runbook: "restart-db", revision: "HEAD@{1}" });
        assert_eq!(named("v1:", name_in("restart-db")).unwrap(), Named::At { runbook: "restart-db", revision: "v1" });
        assert_eq!(named("v1:", name_in("v2:other")).unwrap(), Named::At { runbook: "other", revision: "v1" });
        assert_eq!(named("HEAD~2:runbooks/x.yaml", None).unwrap(), Named::At { runbook: "runbooks/x.yaml", revision: "HEAD~2" });
        assert!(named("v1:", None).is_err());
    }
}
