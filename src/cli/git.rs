//! Asks the `git` of a library about its files. Never changes a repository.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::failure::Failure;

/// A commit that a person named.
#[derive(Debug, Clone)]
pub struct Commit {
    pub id: String,
    /// As it was named.
    pub named: String,
}

/// The commit that a name means.
///
/// # Errors
/// Where there is no git, no repository, or no such commit.
pub fn commit(folder: &Path, named: &str) -> Result<Commit, Failure> {
    let top = git(folder, &["rev-parse", "--show-toplevel"])?;
    if !top.status.success() {
        let said = format!("{} is in no git repository, so there is no revision {named:?} of it. ", folder.display());
        return Err(Failure::usage(said + "Name two files, or a runbook and a file: runbook diff old.yaml new.yaml"));
    }
    let asked = format!("{named}^{{commit}}");
    let found = git(folder, &["rev-parse", "--verify", "--quiet", "--end-of-options", &asked])?;
    if !found.status.success() {
        let said = format!("the repository of {} has no revision {named:?}. ", folder.display());
        return Err(Failure::usage(said + "Expected a commit, a branch or a tag: `git log --oneline` shows them"));
    }
    Ok(Commit { id: String::from_utf8_lossy(&found.stdout).trim().to_owned(), named: named.to_owned() })
}

/// A file at a commit; `./` before the path means from this folder on. `None` where it was not there.
///
/// # Errors
/// Where git cannot be started.
pub fn file_at(folder: &Path, commit: &Commit, path: &str) -> Result<Option<Vec<u8>>, Failure> {
    let shown = git(folder, &["show", "--no-textconv", "--end-of-options", &format!("{}:{path}", commit.id)])?;
    Ok(shown.status.success().then_some(shown.stdout))
}

/// The last commit that changed a file, in short, and whether the file differs from it. `None` without a repository that knows it.
pub fn last_change(folder: &Path, file: &str) -> Option<(String, bool)> {
    let log = git(folder, &["log", "-1", "--format=%h", "--", file]).ok()?;
    let revision = String::from_utf8_lossy(&log.stdout).trim().to_owned();
    let status = git(folder, &["status", "--porcelain", "--", file]).ok()?;
    (log.status.success() && !revision.is_empty()).then_some((revision, !status.stdout.is_empty()))
}

fn git(folder: &Path, words: &[&str]) -> Result<Output, Failure> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).arg("--no-pager").args(words).stdin(Stdio::null());
    command.env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C");
    command.output().map_err(|error| Failure::usage(format!("git could not be started: {error}. Install it, or compare two files")))
}

impl Commit {
    /// The name with the commit that it meant: a branch moves on.
    pub fn said(&self) -> String {
        let short: String = self.id.chars().take(10).collect();
        if self.id.starts_with(&self.named) { short } else { format!("{} ({short})", self.named) }
    }
}
