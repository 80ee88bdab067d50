//! A scenario out of a recorded run: reads its record, and writes the file where that is asked. Changes no record.

use std::fs;

use crate::base::{HostName, RunId, StepId};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::past::{Past, find};
use crate::drill::{Recorded, scenario_of};
use crate::event::Part;
use crate::journal::RunFolder;
use crate::library::Library;

/// A scenario that replays a run.
pub(super) struct Made {
    pub run: RunId,
    pub text: String,
    /// What it cannot replay as it was.
    pub remarks: Vec<String>,
}

/// The bytes in a run's folder.
struct InFolder(RunFolder);

impl Recorded for InFolder {
    fn output(&self, step: &StepId, host: &HostName, attempt: u32, part: Part) -> (Vec<u8>, Vec<u8>) {
        let (out, err) = self.0.output_paths(step, host, attempt, part);
        (fs::read(out).unwrap_or_default(), fs::read(err).unwrap_or_default())
    }

    fn kept(&self, step: &StepId, host: &HostName, attempt: u32, file: &str) -> Option<Vec<u8>> {
        fs::read(self.0.evidence_file(step, host, attempt, file)?).ok()
    }
}

/// Makes it.
///
/// # Errors
/// Where there is no such run, or its record has no beginning.
pub(super) fn scenario(context: &Context, run: &str) -> Result<Made, Failure> {
    let folder = find(context, run)?;
    let past = Past::read(folder.clone())?;
    let run = past.opened()?.1.run.clone();
    let made = scenario_of(&past.entries, &past.state, &InFolder(folder));
    let (text, remarks) = made.ok_or_else(|| Failure::usage(format!("run {} has no beginning", run.short())))?;
    Ok(Made { run, text, remarks })
}

/// Writes it into the library, where nothing lies yet.
///
/// # Errors
/// Where the name is none, a file is there, or nothing can be written.
pub(super) fn write(context: &Context, library: &Library, runbook: &str, name: &str, text: &str) -> Result<(), Failure> {
    if name.is_empty() || !name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-') {
        return Err(Failure::usage(format!("{name:?} cannot be a scenario's name: use lower-case letters, digits and dashes")));
    }
    let folder = library.root().join("drills").join(runbook);
    let file = folder.join(format!("{name}.yaml"));
    let failed = |error: std::io::Error| Failure::usage(format!("{} cannot be written: {error}", file.display()));
    fs::create_dir_all(&folder).map_err(failed)?;
    let mut made = fs::File::create_new(&file).map_err(failed)?;
    std::io::Write::write_all(&mut made, text.as_bytes()).map_err(failed)?;
    context.talk(&format!("written: {}\n", file.display()));
    Ok(())
}
