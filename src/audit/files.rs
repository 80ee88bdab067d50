//! Whether the files lie there as the journal names them. Never judges what they say.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::base::{Digest, Digester};
use crate::event::{Ended, Entry, Event, Inputs, Outcome, Stream};

use super::evidence::Evidence;
use super::report::{Findings, Severity};

/// Bytes read at once while hashing.
const BUFFER: usize = 64 << 10;

pub(super) fn check(evidence: &Evidence<'_>) -> Findings {
    let mut findings = Findings::default();
    if let Some(why) = &evidence.unreadable {
        findings.problem(Severity::Damaged, None, why.clone());
    }
    let mut outputs = 0u32;
    for entry in &evidence.reading.entries {
        match &entry.event {
            Event::RunOpened(opened) => inputs(evidence, entry, &opened.inputs, &mut findings),
            Event::ActionEnded { .. } if is_superseded(evidence, entry) => {}
            Event::ActionEnded { step, host, part, attempt, ended } => {
                let (out, err) = evidence.folder.output_paths(step, host, *attempt, *part);
                outputs += output(entry, ended, [&out, &err], &mut findings);
            }
            Event::GateOpened { asks, .. } => document(evidence, entry, &asks.request, "request", &mut findings),
            Event::ApprovalGiven { document: digest, .. } => document(evidence, entry, digest, "approval", &mut findings),
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
    findings.fact(format!("{inputs} inputs, {} documents, {outputs} output files", evidence.documents.len()));
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
