//! All that a verification looks at, read once. Never writes, and never reads what is not in the run's folder.

use std::collections::BTreeMap;
use std::path::Path;

use crate::approval::{Approval, Denial, OtherKeys, Request, Seal};
use crate::base::{Digest, RunId};
use crate::event::{Event, Head, Rules, RunMode, RunOpened, is_played};
use crate::journal::{Document, FolderError, LedgerLine, Reading, RunFolder, read_bytes};
use crate::library::Roster;

use super::report::{Problem, Severity};

/// Reads a file's bytes, or says in a sentence why they cannot be used.
pub type Reader<'a, T> = dyn Fn(&[u8]) -> Result<T, String> + 'a;

/// What the verification may use besides the folder.
pub struct Options<'a> {
    /// Reads `allowed_signers`.
    pub roster_of: &'a Reader<'a, Roster>,
    /// Reads the rules out of `policy.yaml`; without it they are taken as the journal says them.
    pub rules_of: Option<&'a Reader<'a, Rules>>,
    /// The reader's own `allowed_signers`, to be used instead of the record's copy.
    pub own_signers: Option<&'a [u8]>,
    /// The newest point that the reader ever saw of this run.
    pub seen: Option<Head>,
    /// The store's ledger; empty where the folder came alone.
    pub ledger: &'a [LedgerLine],
    pub other: &'a dyn OtherKeys,
}

/// A run's folder in memory.
pub(super) struct Evidence<'a> {
    pub(super) folder: RunFolder,
    pub(super) reading: Reading,
    pub(super) run: Option<RunId>,
    pub(super) documents: BTreeMap<Digest, Document>,
    /// Lines of the ledger that are about this run.
    pub(super) ledger: Vec<&'a LedgerLine>,
    /// Problems met while reading documents.
    pub(super) unreadable: Option<String>,
}

/// A document that says where the journal stood.
pub(super) enum Paper {
    Request(Request),
    Approval(Approval),
    Denial(Denial),
    Seal(Seal),
}

impl Paper {
    pub(super) fn read(document: &Document) -> Option<Self> {
        let text = std::str::from_utf8(&document.text).ok()?;
        let request = || Request::parse(text).ok().map(Self::Request);
        let approval = || Approval::parse(text).ok().map(Self::Approval);
        let denial = || Denial::parse(text).ok().map(Self::Denial);
        request().or_else(approval).or_else(denial).or_else(|| Seal::parse(text).ok().map(Self::Seal))
    }

    /// Of which run, and where its journal stood.
    pub(super) fn anchor(&self) -> (&RunId, Head) {
        match self {
            Paper::Request(request) => (&request.body.run, request.body.journal),
            Paper::Approval(approval) => (&approval.body.run, approval.body.journal),
            Paper::Denial(denial) => (&denial.body.run, denial.body.journal),
            Paper::Seal(seal) => (&seal.run, seal.journal),
        }
    }
}

impl<'a> Evidence<'a> {
    pub(super) fn gather(path: &Path, options: &Options<'a>) -> Result<Self, Problem> {
        let damaged = |what: String| Problem { severity: Severity::Damaged, line: None, what };
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<RunId>().ok());
        let in_ledger = |run: &RunId| options.ledger.iter().any(|line| line.run == *run);
        let folder = RunFolder::open(path).map_err(|error| match &name {
            Some(run) if in_ledger(run) => {
                Problem { severity: Severity::Tampered, line: None, what: format!("run {run} is in the ledger and its folder is missing") }
            }
            Some(_) | None => damaged(error.to_string()),
        })?;
        let bytes = std::fs::read(folder.journal()).map_err(|error| damaged(format!("{}: {error}", folder.journal().display())))?;
        let (documents, unreadable) = match folder.documents() {
            Ok(documents) => (documents, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let first = read_bytes(&bytes, 0);
        let run = opened(&first).map(|opened| opened.run.clone()).or(name);
        let ledger: Vec<_> = options.ledger.iter().filter(|line| Some(&line.run) == run.as_ref()).collect();
        let remembered = options.seen.map(|head| head.seq).into_iter().chain(ledger.iter().map(|line| line.head.seq)).max();
        let anchored = run.as_ref().map_or(0, |run| named_by(&documents, run)).max(remembered.unwrap_or(0));
        let documents = documents.into_iter().map(|document| (document.digest(), document)).collect();
        Ok(Self { folder, reading: read_bytes(&bytes, anchored), run, documents, ledger, unreadable })
    }

    /// What opened the run.
    pub(super) fn opened(&self) -> Option<&RunOpened> {
        opened(&self.reading)
    }

    /// Whether documents of this run are real: in a drill nobody signs.
    pub(super) fn is_signed(&self) -> bool {
        self.opened().is_some_and(|opened| opened.mode != RunMode::Drill)
    }

    /// Whether a denial is one that a drill on real hosts played: nobody signed it, and it lets nothing run.
    pub(super) fn is_played(&self, key: &str) -> bool {
        is_played(key) && self.opened().is_some_and(|opened| opened.mode == RunMode::LiveDrill)
    }

    /// A document and its signature, by the digest of its text.
    pub(super) fn signed_document(&self, digest: &Digest) -> Option<(&str, &str)> {
        let document = self.documents.get(digest)?;
        Some((std::str::from_utf8(&document.text).ok()?, document.signature.as_deref()?))
    }

    /// The people and keys by which signatures are judged, and whether they are the reader's own.
    pub(super) fn roster(&self, options: &Options<'_>) -> Result<Roster, String> {
        match options.own_signers {
            Some(bytes) => (options.roster_of)(bytes),
            None => (options.roster_of)(&self.folder.input("allowed_signers").map_err(|error| error.to_string())?),
        }
    }
}

/// The highest line of a run's journal that its documents or the reader's memory name: what [`crate::journal::JournalWriter::open`] must not take
/// for torn.
///
/// # Errors
/// Where the documents cannot be read.
pub fn anchored_line(folder: &RunFolder, run: &RunId, seen: Option<Head>) -> Result<u64, FolderError> {
    Ok(named_by(&folder.documents()?, run).max(seen.map_or(0, |head| head.seq)))
}

fn named_by(documents: &[Document], run: &RunId) -> u64 {
    let papers = documents.iter().filter_map(Paper::read);
    papers.filter(|paper| paper.anchor().0 == run).map(|paper| paper.anchor().1.seq).max().unwrap_or(0)
}

fn opened(reading: &Reading) -> Option<&RunOpened> {
    if let Event::RunOpened(opened) = &reading.entries.first()?.event { Some(opened) } else { None }
}
