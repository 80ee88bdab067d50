//! `runbook import`: what came as a file, told apart by what stands in it, and handed to who takes it in. Judges nothing itself.

mod answer;
mod draft;

use std::io::Read;
use std::path::Path;

use super::context::Context;
use super::failure::{Exit, Failure};
use crate::text::{MAX_FILE_BYTES, Source, decode};

/// `runbook import FILE [--write NAME]`
pub fn import(context: &Context, file: &Path, write: Option<&str>) -> Result<Exit, Failure> {
    let source = read(file)?;
    match (is_document(source.text()), write) {
        (true, None) => answer::deliver(context, file, source.text()),
        (true, Some(_)) => Err(Failure::usage("--write is for drafts, and this is a signed document: leave it out")),
        (false, write) => draft::import(context, file, &source, write),
    }
}

/// Of any version, so that a wrong one is told as such.
fn is_document(text: &str) -> bool {
    text.lines().next().is_some_and(|first| first.starts_with("runbook ") && first.contains(", version "))
}

fn read(file: &Path) -> Result<Source, Failure> {
    let unreadable = |error: std::io::Error| Failure::usage(format!("{}: {error}", file.display()));
    if !std::fs::metadata(file).map_err(unreadable)?.is_file() {
        return Err(Failure::usage(format!("{} is no file. Expected a signed document, a Markdown page or a playbook", file.display())));
    }
    let mut bytes = Vec::new();
    let limit = MAX_FILE_BYTES as u64 + 1; // one more, so that a longer file is seen to be longer
    std::fs::File::open(file).map_err(unreadable)?.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    decode(&file.display().to_string(), &bytes).map_err(|problems| Failure::usage(problems.render(crate::text::Colour::Plain)))
}
