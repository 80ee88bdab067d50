//! Whether the secrets that the library's runbooks name are where they say. Looks at variables and files; runs no program and shows no value.

use super::Finding;
use crate::cli::context::Context;
use crate::cli::secrets::{Found, look, words};
use crate::library::Library;
use crate::runbook::{Secret, read};

/// What is wrong with a secret, or that nothing is; nothing at all where no runbook names one.
pub(super) fn findings(context: &Context) -> Vec<Finding> {
    let Some(library) = context.library_folder().ok().and_then(|root| Library::open(&root).ok()) else { return Vec::new() };
    let secrets = secrets(&library);
    let mut findings: Vec<Finding> = secrets.iter().filter_map(|(runbook, secret)| trouble(runbook, secret)).collect();
    let later = secrets.iter().filter(|(_, secret)| matches!(look(secret), Found::Later(_))).count();
    let there = secrets.len() - later - findings.len();
    if there + later > 0 {
        let later = if later == 0 { String::new() } else { format!(", {later} can only be tried when needed: runbook exec --dry-run") };
        findings.push(Finding::ok("secrets", format!("{there} can be fetched{later}")));
    }
    findings
}

/// Every secret, with the runbook that names it. What cannot be read is told elsewhere.
fn secrets(library: &Library) -> Vec<(String, Secret)> {
    let names = library.names().unwrap_or_default();
    let of_one = |name: String| {
        let runbook = library.runbook(&name).ok().and_then(|file| read(&file.source, &name).0);
        runbook.into_iter().flat_map(|runbook| runbook.secrets).map(move |secret| (name.clone(), secret))
    };
    names.into_iter().flat_map(of_one).collect()
}

fn trouble(runbook: &str, secret: &Secret) -> Option<Finding> {
    let remedy = format!("{runbook}: {}", words(secret));
    match look(secret) {
        Found::Yes | Found::Later(_) => None,
        Found::ButLook(remark) => Some(Finding::warn("secrets", remark, remedy)),
        Found::No(why) => Some(Finding::warn("secrets", format!("the secret `{}` {why}", secret.name.value), remedy)),
    }
}
