//! `runbook log RUN --evidence`: what a run's captures kept, and where it lies. Reads records only; whether the files are what was kept is `verify`'s.

use std::path::PathBuf;

use serde::Serialize;

use super::args::Output;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::past::{Past, find};
use crate::base::{Digest, HostName, StepId, Timestamp};
use crate::event::{Entry, Event, KeptArtifact, KeptFile, Truncation};
use crate::views::{Line, Page, Tone};

/// What was kept of one host: a promise to programs.
#[derive(Serialize)]
struct KeptJson {
    step: StepId,
    host: HostName,
    attempt: u32,
    at: Timestamp,
    folder: PathBuf,
    manifest: Digest,
    artifacts: Vec<ArtifactJson>,
}

#[derive(Serialize)]
struct ArtifactJson {
    name: String,
    files: Vec<FileJson>,
    /// Why it is not what was asked for.
    trouble: Option<String>,
}

#[derive(Serialize)]
struct FileJson {
    path: PathBuf,
    bytes: u64,
    /// Bytes that were there, where the host said so.
    size: Option<u64>,
    sha256: Digest,
    truncated: Option<Truncation>,
}

/// `runbook log RUN --evidence`
pub fn kept(context: &Context, run: &str) -> Result<Exit, Failure> {
    let past = Past::read(find(context, run)?)?;
    past.opened()?;
    let all: Vec<KeptJson> = past.entries.iter().filter_map(|entry| of_entry(&past, entry)).collect();
    match context.output {
        Output::Json => context.print_json(&all),
        Output::Text if all.is_empty() => context.print(&Page::from(vec![Line::new().plain("this run kept no evidence")])),
        Output::Text => context.print(&all.iter().flat_map(lines).collect::<Vec<_>>().into()),
    }
    Ok(if past.broken.is_some() { Exit::Tampered } else { Exit::Ok })
}

fn of_entry(past: &Past, entry: &Entry) -> Option<KeptJson> {
    let Event::EvidenceKept { step, host, attempt, manifest, artifacts } = &entry.event else { return None };
    let folder = past.folder.evidence_path(step, host, *attempt);
    let file = |file: &KeptFile| {
        let path = past.folder.evidence_file(step, host, *attempt, &file.file)?;
        Some(FileJson { path, bytes: file.bytes, size: file.size, sha256: file.sha256, truncated: file.truncated })
    };
    let artifact = |kept: &KeptArtifact| ArtifactJson {
        name: kept.name.clone(),
        files: kept.files.iter().filter_map(file).collect(),
        trouble: kept.trouble.clone(),
    };
    let artifacts = artifacts.iter().map(artifact).collect();
    Some(KeptJson { step: step.clone(), host: host.clone(), attempt: *attempt, at: entry.at, folder, manifest: *manifest, artifacts })
}

fn lines(kept: &KeptJson) -> Vec<Line> {
    let attempt = if kept.attempt > 1 { format!(", attempt {}", kept.attempt) } else { String::new() };
    let mut lines = vec![Line::new().with(Tone::Strong, format!("{} on {}{attempt}", kept.step, kept.host))];
    for artifact in &kept.artifacts {
        let files = artifact
            .files
            .iter()
            .map(|file| Line::new().plain(format!("  {:24} {:>24}  {}", artifact.name, amount(file), file.path.display())));
        lines.extend(files);
        let trouble = artifact.trouble.as_ref().map(|why| Line::new().with(Tone::Bad, format!("  {:24} not whole: {why}", artifact.name)));
        lines.extend(trouble);
    }
    lines
}

fn amount(file: &FileJson) -> String {
    match (file.size, file.truncated) {
        (Some(size), Some(_)) if size > file.bytes => format!("{} of {size} bytes", file.bytes),
        (Some(_) | None, _) => format!("{} bytes", file.bytes),
    }
}
