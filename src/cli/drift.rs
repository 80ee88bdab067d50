//! Whether the team's library still says what a run was opened with. Says what changed; never decides what follows.

use std::path::{Path, PathBuf};

use super::context::open_library;
use crate::base::Digest;
use crate::event::RunOpened;
use crate::runner::Drift;

/// Whether a runbook that changed since may be gone on with as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copy {
    MustBeCurrent,
    ApprovedIsEnough,
}

/// A check of this library, to be asked whenever an approval is counted.
pub fn between(root: PathBuf, opened: RunOpened, copy: Copy) -> Drift<'static> {
    Box::new(move || {
        let changes = changes(&root, &opened);
        changes.iter().find(|change| !change.is_passed_over(copy)).map(|change| change.said().to_owned())
    })
}

/// Everything that changed, in words; empty where nothing did.
pub fn changes(root: &Path, opened: &RunOpened) -> Vec<Change> {
    let (runbook, inputs) = (&opened.runbook, &opened.inputs);
    let library = match open_library(root, opened.hosts_from.as_deref()) {
        Ok(library) => library,
        Err(error) => return vec![Change::Team(format!("the library can no longer be read ({error})"))],
    };
    let mut changes = Vec::new();
    match library.runbook(runbook) {
        Ok(file) if Digest::of(&file.bytes) == inputs.runbook => {}
        Ok(_) => changes.push(Change::Runbook(format!("the runbook {runbook}.yaml changed"))),
        Err(_) => changes.push(Change::Runbook(format!("the runbook {runbook}.yaml is gone"))),
    }
    for (path, digest) in &inputs.files {
        match library.file(path) {
            Ok(Some(bytes)) if Digest::of(&bytes) == *digest => {}
            Ok(Some(_)) => changes.push(Change::Runbook(format!("{path}, which it uses, changed"))),
            Ok(None) | Err(_) => changes.push(Change::Runbook(format!("{path}, which it uses, is gone"))),
        }
    }
    let hosts = library.hosts_path();
    let inventory = if library.host_sources.is_empty() { hosts } else { format!("what {hosts} and its hosts_from say") };
    let team = [
        (inventory.as_str(), &library.inventory_file, inputs.inventory),
        ("team/policy.yaml", &library.policy_file, inputs.policy),
        ("team/allowed_signers", &library.signers_file, inputs.signers),
    ];
    let moved = team.into_iter().filter(|(_, file, digest)| Digest::of(&file.bytes) != *digest);
    changes.extend(moved.map(|(name, ..)| Change::Team(format!("{name} changed"))));
    changes
}

/// A difference between the library and a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The runbook itself: the approved copy may be gone on with.
    Runbook(String),
    /// Who may approve, what must be approved, or where it runs.
    Team(String),
}

impl Change {
    /// In words.
    pub fn said(&self) -> &str {
        match self {
            Change::Runbook(said) | Change::Team(said) => said,
        }
    }
}

impl Change {
    /// Whether a run may go on in spite of it.
    pub fn is_passed_over(&self, copy: Copy) -> bool {
        match (self, copy) {
            (Change::Runbook(_), Copy::ApprovedIsEnough) => true,
            (Change::Runbook(_), Copy::MustBeCurrent) | (Change::Team(_), _) => false,
        }
    }
}
