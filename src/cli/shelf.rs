//! The other files of a library that a runbook uses: runbooks that it calls, scripts that it sends, theirs, and so on. Judges nothing.

use std::collections::BTreeMap;

use super::failure::{Exit, Failure};
use crate::base::{Bytes, Digest};
use crate::event::RunOpened;
use crate::journal::RunFolder;
use crate::library::Library;
use crate::plan::Shelf;
use crate::runbook::{PutContent, Runbook, Work, read};
use crate::text::decode;

/// What a runbook uses beside itself, as it is used and as it lies on disk.
#[derive(Debug, Default)]
pub struct Taken {
    pub shelf: Shelf,
    /// By path within the library: `other.yaml`, `scripts/purge.sh`.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// All that a runbook uses, from a library. What is not there is left out: the check says so with its place.
///
/// # Errors
/// Where a file is there and cannot be read.
pub fn from_library(library: &Library, runbook: &Runbook) -> Result<Taken, Failure> {
    let mut taken = take(runbook, &|path| Ok(library.file(path)?))?;
    taken.shelf.script_names = library.scripts()?;
    Ok(taken)
}

/// The same from the copies that a run was opened with.
///
/// # Errors
/// Where a copy is missing or is not what the run was opened with.
pub fn from_record(folder: &RunFolder, opened: &RunOpened, runbook: &Runbook) -> Result<Taken, Failure> {
    take(runbook, &|path| {
        let Some(digest) = opened.inputs.files.get(path) else { return Ok(None) };
        let bytes = folder.input_file(digest)?;
        match Digest::of(&bytes) == *digest {
            true => Ok(Some(bytes)),
            false => Err(Failure::new(Exit::Tampered, format!("the copy of {path} is not what the run was opened with"))),
        }
    })
}

type ReadFile<'a> = &'a dyn Fn(&str) -> Result<Option<Vec<u8>>, Failure>;

fn take(runbook: &Runbook, file: ReadFile<'_>) -> Result<Taken, Failure> {
    let mut taken = Taken::default();
    let mut open = vec![runbook.clone()];
    while let Some(runbook) = open.pop() {
        for step in runbook.all_steps() {
            if let Some(script) = script_of(&step.work) {
                let path = format!("scripts/{script}");
                if let Some(bytes) = file(&path)? {
                    taken.shelf.scripts.insert(script.to_owned(), Bytes::from(bytes.clone()));
                    taken.files.insert(path, bytes);
                }
            }
            if let Work::Call { runbook: name, .. } = &step.work
                && !taken.shelf.runbooks.contains_key(&name.value)
                && let Some((called, bytes)) = called(&name.value, &runbook, file)?
            {
                taken.files.insert(format!("{}.yaml", name.value), bytes);
                taken.shelf.runbooks.insert(name.value.clone(), called.clone());
                open.push(called);
            }
        }
    }
    Ok(taken)
}

/// It is shown to people as lying beside its caller.
fn called(name: &str, caller: &Runbook, file: ReadFile<'_>) -> Result<Option<(Runbook, Vec<u8>)>, Failure> {
    let path = format!("{name}.yaml");
    let Some(bytes) = file(&path)? else { return Ok(None) };
    let folder = caller.source.name().rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let source = decode(&format!("{folder}{path}"), &bytes).ok();
    Ok(source.and_then(|source| read(&source, name).0).map(|runbook| (runbook, bytes)))
}

fn script_of(work: &Work) -> Option<&str> {
    match work {
        Work::Script { file, .. } => Some(&file.value),
        Work::Put(put) => match &put.content {
            PutContent::File(file) | PutContent::Template(file) => Some(&file.value),
            PutContent::Content(_) => None,
        },
        Work::Run { .. } | Work::Check { .. } | Work::Capture { .. } | Work::Reboot | Work::Manual { .. } | Work::Choose { .. } => None,
        Work::Wait { .. } | Work::Call { .. } | Work::Conclude { .. } | Work::Block(_) => None,
    }
}
