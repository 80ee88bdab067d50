//! Where runs lie, and the ledger that misses a deleted one. Never removes anything.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::{Digest, Person, RunId, Timestamp};
use crate::event::{AppendError, AppendLog, Entry, Event, Head, RunOpened};

use super::disk::{PRIVATE, make_dir, mode_of, open_append, read_plain, sync_parent, write_new};
use super::folder::{FolderError, RunFolder, input_name};
use super::writer::{Clock, JournalWriter, OpenError};

/// Bytes of a ledger that are read: 256 MiB, a million lines; bounds what a stranger can make us hold.
const MAX_LEDGER: u64 = 256 << 20;

/// A store of runs.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    /// Permission bits of run folders.
    mode: u32,
}

/// What a run is made from: the event that opens it and the bytes of the files it works by, copied into `inputs/`.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its `inputs` are set from the bytes below.
    pub opened: RunOpened,
    pub runbook: Vec<u8>,
    pub inventory: Vec<u8>,
    pub policy: Vec<u8>,
    pub signers: Vec<u8>,
    /// Other files of the library, by their path in it.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// One line of `ledger.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerLine {
    pub at: Timestamp,
    pub run: RunId,
    pub what: LedgerEvent,
    pub person: Person,
    /// The newest point of the journal then; line 0 where the run was about to be opened.
    pub head: Head,
}

/// One line of `drills.jsonl`: what came of a drill. Drills lie apart from runs, and no run is ever looked for among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillLine {
    /// When it was drilled, by the real clock.
    pub at: Timestamp,
    /// The name of its folder in `drills/`.
    pub drill: String,
    pub person: Option<Person>,
    pub runbook: String,
    /// SHA-256 of the runbook's bytes.
    pub revision: Digest,
    pub scenario: String,
    /// The other inventory whose hosts it ran on; `None` where hosts were played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts_from: Option<String>,
    /// Whether it went as the scenario expects.
    pub passed: bool,
    pub verdict: String,
    /// By the drill's own clock.
    pub took_ms: u64,
}

/// What the ledger keeps of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerEvent {
    Opened,
    TakenOver,
    Closed,
    Reviewed,
}

/// The store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{path}: {source}. The record needs a folder that you may write to: give one with --store")]
    Io { path: String, source: io::Error },
    #[error("no run answers to {asked:?} in {path}; `runbook runs` lists them")]
    NoSuchRun { asked: String, path: String },
    #[error("{asked:?} may mean {}; say more of it", .runs.iter().map(RunId::to_string).collect::<Vec<_>>().join(" or "))]
    Ambiguous { asked: String, runs: Vec<RunId> },
    #[error("{path}, line {line}: {why}")]
    Ledger { path: String, line: usize, why: String },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Folder(#[from] FolderError),
}

impl Store {
    /// The store at this folder, made for its owner alone where it is missing. A root that others can enter makes a shared store:
    /// its runs can be read alike, and documents can be dropped into their `inbox/`.
    ///
    /// # Errors
    /// Where the folder cannot be made or is a link.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let io = |source| StoreError::Io { path: root.display().to_string(), source };
        if let Some(parent) = root.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(io)?;
        }
        make_dir(root, PRIVATE).map_err(io)?;
        let mode = PRIVATE | (mode_of(root).map_err(io)? & 0o055);
        Ok(Self { root: root.to_owned(), mode })
    }

    /// The folder of all runs.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes a run: its line in the ledger is durable before anything else, its inputs before `run_opened`. A drill on real hosts is made alike, apart
    /// from all runs, and the ledger does not know it.
    ///
    /// # Errors
    /// Where anything could not be made durable; what was made by then stays and is reported as an empty run.
    pub fn create_run(&self, mut new: NewRun, clock: Clock) -> Result<(RunFolder, JournalWriter, Entry), StoreError> {
        let (run, person) = (new.opened.run.clone(), new.opened.requester.clone());
        let home = if new.opened.mode.is_drill() { self.live_drills() } else { self.runs() };
        if !new.opened.mode.is_drill() {
            self.note(&LedgerLine { at: clock(), run: run.clone(), what: LedgerEvent::Opened, person, head: Head::START })?;
        }
        let path = home.join(run.as_str());
        self.make_folders(&path, &new).map_err(|source| StoreError::Io { path: path.display().to_string(), source })?;
        new.opened.inputs = crate::event::Inputs {
            runbook: Digest::of(&new.runbook),
            inventory: Digest::of(&new.inventory),
            policy: Digest::of(&new.policy),
            signers: Digest::of(&new.signers),
            files: new.files.iter().map(|(path, bytes)| (path.clone(), Digest::of(bytes))).collect(),
        };
        let (mut writer, _) = JournalWriter::open(&path, 0, clock)?;
        let entries = writer.append_all(vec![Event::RunOpened(Box::new(new.opened))])?;
        let entry = entries.into_iter().next().ok_or_else(|| AppendError::Illegal { why: "nothing was appended".to_owned() })?;
        Ok((RunFolder::open(&path)?, writer, entry))
    }

    /// Appends a line to the ledger and returns when it is durable.
    ///
    /// # Errors
    /// Where it could not be written or synced.
    pub fn note(&self, line: &LedgerLine) -> Result<(), StoreError> {
        let path = self.ledger_path();
        let io = |source| StoreError::Io { path: path.display().to_string(), source };
        let mut text = serde_json::to_vec(line).map_err(|error| io(error.into()))?;
        text.push(b'\n');
        let mut file = open_append(&path, self.mode & 0o644).map_err(io)?;
        file.lock().map_err(io)?;
        file.write_all(&text).and_then(|()| file.sync_all()).and_then(|()| sync_parent(&path)).map_err(io)
    }

    /// Notes in the ledger where the journal of a run stands now that it is closed. The ledger knows no drill.
    ///
    /// # Errors
    /// As [`Store::note`].
    pub fn note_closed(&self, opened: &RunOpened, at: Timestamp, head: Head) -> Result<(), StoreError> {
        if opened.mode.is_drill() {
            return Ok(());
        }
        let (run, person) = (opened.run.clone(), opened.requester.clone());
        self.note(&LedgerLine { at, run, what: LedgerEvent::Closed, person, head })
    }

    /// Keeps the journal of a drill whose hosts were played, and the line about it.
    ///
    /// # Errors
    /// Where it could not be written.
    pub fn keep_drill(&self, line: &DrillLine, journal: &[u8]) -> Result<(), StoreError> {
        let folder = self.drill_folders().join(&line.drill);
        let io = |source| StoreError::Io { path: folder.display().to_string(), source };
        make_dir(&self.drill_folders(), self.mode).and_then(|()| make_dir(&folder, self.mode)).map_err(io)?;
        write_new(&folder.join("journal.jsonl"), journal, self.mode & 0o644).map_err(io)?;
        self.note_drill(line)
    }

    /// Keeps the line about a drill whose folder is there already.
    ///
    /// # Errors
    /// Where it could not be written.
    pub fn note_drill(&self, line: &DrillLine) -> Result<(), StoreError> {
        let path = self.drills_path();
        let io = |source| StoreError::Io { path: path.display().to_string(), source };
        let mut text = serde_json::to_vec(line).map_err(|error| io(error.into()))?;
        text.push(b'\n');
        let mut file = open_append(&path, self.mode & 0o644).map_err(io)?;
        file.lock().map_err(io)?;
        file.write_all(&text).map_err(io)
    }

    /// What came of all drills, oldest first. A line that cannot be understood is left out: nothing hangs on a drill.
    ///
    /// # Errors
    /// Where the file is there and cannot be read.
    pub fn drills(&self) -> Result<Vec<DrillLine>, StoreError> {
        let path = self.drills_path();
        let bytes = match read_plain(&path, MAX_LEDGER) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            bytes => bytes.map_err(|source| StoreError::Io { path: path.display().to_string(), source })?,
        };
        Ok(bytes.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }

    fn drills_path(&self) -> PathBuf {
        self.root.join("drills.jsonl")
    }

    /// All lines of the ledger, oldest first. A last line without its newline was never acknowledged and is left out.
    ///
    /// # Errors
    /// Where another line cannot be understood.
    pub fn ledger(&self) -> Result<Vec<LedgerLine>, StoreError> {
        let path = self.ledger_path();
        let bytes = match read_plain(&path, MAX_LEDGER) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            bytes => bytes.map_err(|source| StoreError::Io { path: path.display().to_string(), source })?,
        };
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let lines = bytes[..whole].split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let understood = |(index, line)| {
            let wrong =
                |error: serde_json::Error| StoreError::Ledger { path: path.display().to_string(), line: index + 1, why: error.to_string() };
            serde_json::from_slice(line).map_err(wrong)
        };
        lines.enumerate().map(understood).collect()
    }

    /// The runs whose folders are there, newest first.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn list(&self) -> Result<Vec<RunId>, StoreError> {
        list(&self.runs())
    }

    /// The drills on real hosts whose folders are there, newest first.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn list_live_drills(&self) -> Result<Vec<RunId>, StoreError> {
        list(&self.live_drills())
    }

    /// The one run that a person means: its id, its short form, a beginning of it, or `latest`. Where no run answers, a drill may.
    ///
    /// # Errors
    /// Where none or several answer.
    pub fn find(&self, asked: &str) -> Result<RunFolder, StoreError> {
        if asked == "latest" {
            let newest = self.list()?.into_iter().next();
            return newest.map_or_else(|| Err(self.no_such(asked)), |run| Ok(RunFolder::open(&self.runs().join(run.as_str()))?));
        }
        for home in [self.runs(), self.live_drills(), self.drill_folders()] {
            let mut runs = list(&home)?;
            runs.retain(|run| run.answers_to(asked));
            match &runs[..] {
                [run] => return Ok(RunFolder::open(&home.join(run.as_str()))?),
                [] => {}
                [..] => return Err(StoreError::Ambiguous { asked: asked.to_owned(), runs }),
            }
        }
        Err(self.no_such(asked))
    }

    /// Runs that the ledger knows and that have no folder any more.
    ///
    /// # Errors
    /// Where ledger or folder cannot be read.
    pub fn missing(&self) -> Result<Vec<RunId>, StoreError> {
        let there = self.list()?;
        let mut missing: Vec<RunId> = self.ledger()?.into_iter().map(|line| line.run).filter(|run| !there.contains(run)).collect();
        missing.sort();
        missing.dedup();
        Ok(missing)
    }

    fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    fn no_such(&self, asked: &str) -> StoreError {
        StoreError::NoSuchRun { asked: asked.to_owned(), path: self.root.display().to_string() }
    }

    /// Where drills lie whose hosts were played.
    fn drill_folders(&self) -> PathBuf {
        self.root.join("drills")
    }

    /// Where drills lie that ran on real hosts.
    fn live_drills(&self) -> PathBuf {
        self.root.join("live-drills")
    }

    fn ledger_path(&self) -> PathBuf {
        self.root.join("ledger.jsonl")
    }

    fn make_folders(&self, path: &Path, new: &NewRun) -> io::Result<()> {
        if let Some(home) = path.parent() {
            make_dir(home, self.mode)?;
        }
        if fs::symlink_metadata(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "this run exists already"));
        }
        make_dir(path, self.mode)?;
        for folder in ["inputs", "approvals", "output", "evidence"] {
            make_dir(&path.join(folder), self.mode)?;
        }
        make_dir(&path.join("inbox"), inbox_mode(self.mode))?;
        let inputs = [
            ("runbook.yaml", &new.runbook),
            ("inventory.yaml", &new.inventory),
            ("policy.yaml", &new.policy),
            ("allowed_signers", &new.signers),
        ];
        let inside = path.join("inputs");
        inputs.into_iter().try_for_each(|(name, bytes)| write_new(&inside.join(name), bytes, self.mode & 0o644))?;
        let others: BTreeMap<Digest, &Vec<u8>> = new.files.values().map(|bytes| (Digest::of(bytes), bytes)).collect();
        others.into_iter().try_for_each(|(digest, bytes)| write_new(&inside.join(input_name(&digest)), bytes, self.mode & 0o644))
    }
}

/// The folders in a folder that are named as runs are, newest first.
fn list(home: &Path) -> Result<Vec<RunId>, StoreError> {
    let io = |source| StoreError::Io { path: home.display().to_string(), source };
    let entries = match fs::read_dir(home) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(io)?,
    };
    let mut runs = Vec::new();
    for entry in entries {
        let entry = entry.map_err(io)?;
        if entry.file_type().map_err(io)?.is_dir() {
            runs.extend(entry.file_name().to_str().and_then(|name| name.parse::<RunId>().ok()));
        }
    }
    runs.sort_by(|one, other| other.cmp(one));
    Ok(runs)
}

/// Who may read the run may drop a document, and nobody may remove what another dropped.
fn inbox_mode(mode: u32) -> u32 {
    let write = (mode & 0o055 & 0o011) << 1;
    if write == 0 { mode } else { mode | write | 0o1000 }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::event::{Inputs, Rules, RunMode};
    use crate::journal::read_bytes;

    fn new_run(id: &str) -> NewRun {
        let nothing = Digest::of(b"");
        let opened = RunOpened {
            run: id.parse().unwrap(),
            mode: RunMode::Real,
            runbook: "restart-db".to_owned(),
            title: "Restart".to_owned(),
            requester: "alice@example.com".parse().unwrap(),
            requester_key: None,
            machine: "console".to_owned(),
            parameters: Default::default(),
            hosts_from: None,
            inputs: Inputs { runbook: nothing, inventory: nothing, policy: nothing, signers: nothing, files: BTreeMap::new() },
            revision: None,
            rules: Rules::default(),
            version: "0.1.0".to_owned(),
        };
        NewRun {
            opened,
            runbook: b"r".to_vec(),
            inventory: b"i".to_vec(),
            policy: b"p".to_vec(),
            signers: b"s".to_vec(),
            files: BTreeMap::new(),
        }
    }

    fn clock() -> Clock {
        Box::new(|| Timestamp::from_micros(1_764_000_000_000_000))
    }

    const FIRST: &str = "01J9ABCDEFGHJKMNPQRSTVK7QM";
    const SECOND: &str = "01J9ABCDEFGHJKMNPQRSTVK7QN";

    #[test]
    fn a_run_is_found_by_what_people_say_and_a_deleted_one_is_missed() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(&root.path().join("store")).unwrap();
        store.create_run(new_run(FIRST), clock()).unwrap();
        let (folder, writer, entry) = store.create_run(new_run(SECOND), clock()).unwrap();
        assert_eq!(store.list().unwrap().iter().map(RunId::as_str).collect::<Vec<_>>(), [SECOND, FIRST]);
        assert_eq!(store.find("latest").unwrap(), folder);
        assert_eq!(store.find("01j9-k7qn").unwrap(), folder);
        assert!(matches!(store.find("01J9"), Err(StoreError::Ambiguous { .. })));
        assert!(matches!(store.find("../x"), Err(StoreError::NoSuchRun { .. })));
        let reading = read_bytes(&fs::read(folder.journal()).unwrap(), 0);
        assert_eq!((reading.entries.len(), writer.head()), (1, entry.head()));
        assert_eq!(folder.input("policy.yaml").unwrap(), b"p");
        fs::remove_dir_all(folder.path()).unwrap();
        assert_eq!(store.missing().unwrap().iter().map(RunId::as_str).collect::<Vec<_>>(), [SECOND]);
    }

    #[test]
    fn a_run_is_private_unless_the_store_is_shared() {
        for (root_mode, run_mode, inbox_mode) in [(0o700, 0o700, 0o700), (0o750, 0o750, 0o1770), (0o755, 0o755, 0o1777)] {
            let root = tempfile::tempdir().unwrap();
            fs::set_permissions(root.path(), fs::Permissions::from_mode(root_mode)).unwrap();
            let (folder, _, _) = Store::open(root.path()).unwrap().create_run(new_run(FIRST), clock()).unwrap();
            assert_eq!(mode_of(folder.path()).unwrap(), run_mode);
            assert_eq!(mode_of(&folder.path().join("inbox")).unwrap(), inbox_mode);
            assert_eq!(mode_of(&folder.path().join("inputs").join("policy.yaml")).unwrap(), run_mode & 0o644);
        }
    }

    #[test]
    fn documents_are_kept_once_and_nothing_follows_a_link() {
        let root = tempfile::tempdir().unwrap();
        let (folder, _, _) = Store::open(root.path()).unwrap().create_run(new_run(FIRST), clock()).unwrap();
        folder.keep_document("gate-1-request", b"text", "sig").unwrap();
        folder.keep_document("gate-1-request", b"text", "sig").unwrap();
        assert!(folder.keep_document("gate-1-request", b"other", "sig").is_err());
        assert!(folder.keep_document("../x", b"", "").is_err());
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("inbox").join("a.txt")).unwrap();
        folder.drop_document("b", b"text", "sig").unwrap();
        assert_eq!(folder.inbox().unwrap().iter().map(|dropped| dropped.name.as_str()).collect::<Vec<_>>(), ["b"]);
        assert_eq!(folder.documents().unwrap().len(), 1);
    }
}
