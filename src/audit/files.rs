//! Whether the files lie there as the journal names them. Never judges what they say.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::base::{Digest, Digester, HostName, StepId};
use crate::event::{Ended, Entry, Event, Inputs, KeptArtifact, Outcome, RunMode, Stream};
use crate::journal::RunFolder;

use super::evidence::Evidence;
use super::report::{Findings, Severity, Wrong};

/// Bytes read at once while hashing.
const BUFFER: usize = 64 << 10;

pub(super) fn check(evidence: &Evidence<'_>) -> Findings {
    let mut findings = Findings::default();
    if let Some(why) = &evidence.unreadable {
        findings.problem(Severity::Damaged, None, why.clone());
    }
    if evidence.opened().is_some_and(|opened| opened.mode == RunMode::Drill) {
        findings.fact("a drill: its journal is all that there is".to_owned());
        return findings;
    }
    let (mut outputs, mut kept) = (0u32, 0u32);
    for entry in &evidence.reading.entries {
        match &entry.event {
            Event::RunOpened(opened) => inputs(evidence, entry, &opened.inputs, &mut findings),
            Event::ActionEnded { .. } if is_superseded(evidence, entry) => {}
            Event::ActionEnded { step, host, part, attempt, ended } => {
                let (out, err) = evidence.folder.output_paths(step, host, *attempt, *part);
                outputs += output(entry, ended, [&out, &err], &mut findings);
            }
            Event::EvidenceKept { step, host, attempt, manifest, artifacts } => {
                let named = Named { folder: &evidence.folder, step, host, attempt: *attempt };
                kept += named.check(entry, manifest, artifacts, &mut findings);
            }
            Event::GateOpened { asks, .. } => document(evidence, entry, &asks.request, "request", &mut findings),
            Event::ApprovalGiven { document: digest, .. } => document(evidence, entry, digest, "approval", &mut findings),
            Event::ApprovalDenied { key, .. } if evidence.is_played(key) => {}
            Event::ApprovalDenied { document: digest, .. } => document(evidence, entry, digest, "denial", &mut findings),
            Event::RunClosed { seal: Some(digest), .. } => document(evidence, entry, digest, "seal", &mut findings),
            Event::HostReached { .. } | Event::HostUnreachable { .. } | Event::StagePrepared { .. } | Event::StepSkipped { .. } => {}
            Event::StepRefused { .. } | Event::ApprovalRefused { .. } | Event::GateExpired { .. } | Event::ActionStarted { .. } => {}
            Event::ActionReattached { .. } | Event::WaitBegan { .. } | Event::PersonAnswered { .. } | Event::NoteAdded { .. } => {}
            Event::RunInterrupted { .. } | Event::RunResumed { .. } | Event::RunClosed { seal: None, .. } => {}
            Event::TurnsPlanned { .. } | Event::TurnsReordered { .. } | Event::LookRepeated { .. } | Event::CallBegan { .. } => {}
            Event::RollbackBegan { .. } | Event::RunConcluded { .. } | Event::ReleaseBegan { .. } | Event::ReleasedByHand { .. } => {}
        }
    }
    let inputs = 4 + evidence.opened().map_or(0, |opened| opened.inputs.files.len());
    findings.fact(format!("{inputs} inputs, {} documents, {outputs} output files, {kept} files of evidence", evidence.documents.len()));
    findings
}

/// An attempt whose outcome was unknown was asked about again: its files are those of the last answer.
fn is_superseded(evidence: &Evidence<'_>, entry: &Entry) -> bool {
    let Event::ActionEnded { step, host, part, attempt, ended } = &entry.event else { return false };
    if !matches!(ended.outcome, Outcome::Unknown { .. }) {
        return false;
    }
    let later = usize::try_from(entry.seq).ok().and_then(|seq| evidence.reading.entries.get(seq..)).unwrap_or_default();
    later.iter().any(|entry| match &entry.event {
        Event::ActionEnded { step: s, host: h, part: p, attempt: a, .. } => (s, h, p, a) == (step, host, part, attempt),
        _ => false, // only the end of the same attempt is asked about
    })
}

fn inputs(evidence: &Evidence<'_>, entry: &Entry, inputs: &Inputs, findings: &mut Findings) {
    let named = [
        ("runbook.yaml", inputs.runbook),
        ("inventory.yaml", inputs.inventory),
        ("policy.yaml", inputs.policy),
        ("allowed_signers", inputs.signers),
    ];
    let others = inputs.files.iter().map(|(path, digest)| (path.as_str(), *digest, evidence.folder.input_file(digest)));
    let all = named.map(|(name, digest)| (name, digest, evidence.folder.input(name))).into_iter().chain(others);
    for (name, digest, read) in all {
        match read {
            Ok(bytes) if Digest::of(&bytes) == digest => {}
            Ok(bytes) => {
                let what = format!("inputs/{name}: expected sha256 {digest}, got {}", Digest::of(&bytes));
                findings.problem(Severity::Tampered, Some(entry.seq), what);
            }
            Err(error) => findings.problem(Severity::Damaged, Some(entry.seq), error.to_string()),
        }
    }
}

fn document(evidence: &Evidence<'_>, entry: &Entry, digest: &Digest, kind: &str, findings: &mut Findings) {
    if !evidence.is_signed() {
        return;
    }
    match evidence.documents.get(digest) {
        Some(document) if document.signature.is_some() => {}
        Some(document) => {
            findings.problem(
                Severity::Damaged,
                Some(entry.seq),
                format!("the {kind} approvals/{}.txt has no signature beside it", document.name),
            );
        }
        None => findings.problem(Severity::Damaged, Some(entry.seq), format!("the {kind} with sha256 {digest} is not in approvals/")),
    }
}

fn output(entry: &Entry, ended: &Ended, paths: [&Path; 2], findings: &mut Findings) -> u32 {
    let mut found = 0;
    for (stream, path) in [&ended.stdout, &ended.stderr].into_iter().zip(paths) {
        match hash(path) {
            Ok((bytes, digest)) if bytes == stream.stored && digest == stream.file => found += 1,
            Ok((bytes, digest)) => {
                let what = format!(
                    "{}: expected {} bytes, sha256 {}, got {bytes} bytes, sha256 {digest}",
                    path.display(),
                    stream.stored,
                    stream.file
                );
                findings.problem(Severity::Tampered, Some(entry.seq), what);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && *stream == Stream::empty() => {}
            Err(error) => findings.problem(Severity::Damaged, Some(entry.seq), format!("{}: {error}", path.display())),
        }
    }
    found
}

/// The evidence that one line names.
struct Named<'a> {
    folder: &'a RunFolder,
    step: &'a StepId,
    host: &'a HostName,
    attempt: u32,
}

impl Named<'_> {
    /// How many files of it lie there as they were kept.
    fn check(&self, entry: &Entry, manifest: &Digest, artifacts: &[KeptArtifact], findings: &mut Findings) -> u32 {
        let files = artifacts.iter().flat_map(|artifact| &artifact.files).map(|file| (file.file.as_str(), Some(file.bytes), file.sha256));
        let mut found = 0;
        for (name, bytes, digest) in files.chain([("manifest.json", None, *manifest)]) {
            match self.compare(name, bytes, &digest) {
                Ok(()) => found += 1,
                Err(Wrong { severity, what }) => findings.problem(severity, Some(entry.seq), what),
            }
        }
        found
    }

    fn compare(&self, name: &str, bytes: Option<u64>, digest: &Digest) -> Result<(), Wrong> {
        let path = self.folder.evidence_file(self.step, self.host, self.attempt, name);
        let path = path.ok_or_else(|| format!("evidence cannot have the name {name:?}"))?;
        let parents = [self.folder.evidence_path(self.step, self.host, self.attempt), path.parent().unwrap_or(&path).to_owned()];
        let is_folder = |path: &PathBuf| std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
        match hash(&path) {
            Err(error) => Err(Wrong::missing(format!("{}: {error}", path.display()))),
            Ok((length, got)) if got == *digest && bytes.is_none_or(|bytes| bytes == length) && parents.iter().all(is_folder) => Ok(()),
            Ok((length, got)) => Err(format!("{}: expected sha256 {digest}, got {length} bytes, sha256 {got}", path.display()).into()),
        }
    }
}

fn hash(path: &Path) -> io::Result<(u64, Digest)> {
    if !std::fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "expected a plain file, got something else"));
    }
    let (mut file, mut digester, mut bytes, mut buffer) = (File::open(path)?, Digester::new(), 0, vec![0; BUFFER]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((bytes, digester.finish())),
            read => {
                digester.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
}
