//! A signed answer that came as a file goes into its run's inbox. Judges nothing: the runner does.

use std::path::Path;

use serde::Serialize;

use crate::approval::{Approval, Denial};
use crate::base::{Digest, Person, RunId};
use crate::cli::answer::beside;
use crate::cli::args::Output;
use crate::cli::context::Context;
use crate::cli::delivery::{Heard, await_verdict};
use crate::cli::failure::{Exit, Failure};

#[derive(Serialize)]
struct ImportJson {
    run: RunId,
    person: Person,
    /// `counted`, `refused`, or `delivered` where no runner has looked at it yet.
    state: &'static str,
    why: Option<String>,
}

/// Delivers the document `text`, which lies in `file` with its signature beside it.
///
/// # Errors
/// Where it is no answer, or the run did not count it.
pub(super) fn deliver(context: &Context, file: &Path, text: &str) -> Result<Exit, Failure> {
    let signature = beside(file);
    let unreadable = |error| Failure::usage(format!("{}: {error}", signature.display()));
    let signature = std::fs::read_to_string(&signature).map_err(unreadable)?;
    let (run, person, word) = match (Approval::parse(text), Denial::parse(text)) {
        (Ok(approval), _) => (approval.body.run, approval.approver, "approval"),
        (Err(_), Ok(denial)) => (denial.body.run, denial.person, "denial"),
        (Err(error), Err(_)) => return Err(Failure::usage(format!("{} is no approval and no denial: {error}", file.display()))),
    };
    let folder = context.store()?.find(run.as_str())?;
    let digest = Digest::of(text.as_bytes());
    let name = format!("{word}.{}.{}", person.as_str().replace(['@', '+'], "-"), &digest.to_string()[..8]);
    folder.drop_document(&name, text.as_bytes(), &signature)?;
    let (state, why) = match await_verdict(&folder, digest) {
        Heard::Counted { .. } => ("counted", None),
        Heard::Refused(why) => ("refused", Some(why)),
        Heard::Nothing => ("delivered", None),
    };
    match (context.output, &why) {
        (Output::Json, _) => context.print_json(&ImportJson { run, person, state, why: why.clone() }),
        (Output::Text, Some(why)) => return Err(Failure::refused(format!("the run did not count it: {why}"))),
        (Output::Text, None) => context.write_out(&format!("the {word} of {person} was {state} (run {})\n", run.short())),
    }
    Ok(if why.is_some() { Exit::Refused } else { Exit::Ok })
}
