//! The only writer of a journal: one process, one lock, one sync a batch. Never writes again after a write or a sync has failed, and never
//! changes a line.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::base::Timestamp;
use crate::event::{AppendError, AppendLog, Entry, Event, Head};

use super::disk::{Disk, RealDisk, open_append, read_plain, sync_parent, write_new};
use super::line::encode;
use super::reader::{Damage, Reading, Torn, read_bytes};

/// Bytes that must stay free besides what the caller announces, before anything is started: room for the lines that say how it ended.
pub const RESERVE: u64 = 4 << 20;
/// Bytes of a journal that are read: 4 GiB, beyond any run and below what would exhaust a machine that runs it.
const MAX_JOURNAL: u64 = 4 << 30;
/// Torn tails kept beside a journal: each is one crash, and a run that crashed a thousand times needs a person.
const MAX_TORN: u32 = 1000;

/// Says what time it is.
pub type Clock = Box<dyn Fn() -> Timestamp + Send>;

/// Appends to one journal, whose lock it holds as long as it lives.
pub struct JournalWriter {
    path: PathBuf,
    disk: Box<dyn Disk>,
    clock: Clock,
    head: Head,
    announced: u64,
    poisoned: bool,
    _lock: File,
}

/// A journal could not be opened for writing.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("another process is running {path}: its lock is taken. Watch it with `runbook watch`, or stop it first")]
    Locked { path: String },
    #[error("the record at {path} is damaged, {damage}. It is read-only; run `runbook verify` on it")]
    Damaged { path: String, damage: Damage },
    #[error("cannot open the record at {path}: {source}")]
    Unusable { path: String, source: io::Error },
}

impl JournalWriter {
    /// Opens the journal in a run's folder, new or old, with what it already says. A torn tail is moved to `journal.torn-<n>`; `anchored`
    /// is the highest line number that a document or a memory names.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing was changed then.
    pub fn open(folder: &Path, anchored: u64, clock: Clock) -> Result<(Self, Reading), OpenError> {
        let path = folder.join("journal.jsonl");
        let unusable = |source| OpenError::Unusable { path: path.display().to_string(), source };
        let lock = take_lock(folder)?;
        let mode = super::disk::mode_of(folder).map_err(unusable)? & 0o644;
        let file = open_append(&path, mode).map_err(unusable)?;
        let bytes = read_plain(&path, MAX_JOURNAL).map_err(unusable)?;
        let reading = read_bytes(&bytes, anchored);
        if let Some(damage) = &reading.damage {
            return Err(OpenError::Damaged { path: path.display().to_string(), damage: damage.clone() });
        }
        if let Some(torn) = &reading.torn {
            set_aside(folder, &file, &bytes[reading.good..], torn, mode).map_err(unusable)?;
        }
        sync_parent(&path).map_err(unusable)?;
        let writer =
            Self { path, disk: Box::new(RealDisk::new(file)), clock, head: reading.head(), announced: 0, poisoned: false, _lock: lock };
        Ok((writer, reading))
    }

    /// Announces that what is started next may have to store this many bytes of output; holds until the next call.
    pub fn reserve(&mut self, bytes: u64) {
        self.announced = bytes;
    }

    /// Puts another disk under the writer.
    #[cfg(test)]
    fn on(mut self, disk: Box<dyn Disk>) -> Self {
        self.disk = disk;
        self
    }

    fn failed(&self, source: io::Error) -> AppendError {
        AppendError::Failed { path: self.path.display().to_string(), source }
    }

    fn check_room(&self, events: &[Event], bytes: u64) -> Result<(), AppendError> {
        let needed = if events.iter().any(starts_something) { bytes.saturating_add(RESERVE).saturating_add(self.announced) } else { bytes };
        let free = self.disk.free().map_err(|source| self.failed(source))?;
        if free >= needed {
            return Ok(());
        }
        let path = self.path.parent().unwrap_or(&self.path).display().to_string();
        Err(AppendError::NoRoom { path, free_mib: free >> 20, needed_mib: needed.div_ceil(1 << 20) })
    }

    fn lines(&self, events: &[Event]) -> Result<(Vec<u8>, Vec<Entry>), AppendError> {
        let (mut bytes, mut entries, mut head) = (Vec::new(), Vec::new(), self.head);
        for event in events {
            let (line, entry) =
                encode(head, (self.clock)(), event.clone()).map_err(|fault| AppendError::Illegal { why: fault.to_string() })?;
            bytes.extend_from_slice(&line);
            bytes.push(b'\n');
            head = entry.head();
            entries.push(entry);
        }
        Ok((bytes, entries))
    }
}

impl AppendLog for JournalWriter {
    fn append_all(&mut self, events: Vec<Event>) -> Result<Vec<Entry>, AppendError> {
        if self.poisoned {
            return Err(self.failed(io::Error::other("an earlier write or sync failed")));
        }
        let (bytes, entries) = self.lines(&events)?;
        self.check_room(&events, bytes.len() as u64)?;
        self.poisoned = true; // until both have succeeded
        self.disk.write(&bytes).and_then(|()| self.disk.sync()).map_err(|source| self.failed(source))?;
        self.poisoned = false;
        self.head = entries.last().map_or(self.head, Entry::head);
        Ok(entries)
    }

    fn head(&self) -> Head {
        self.head
    }
}

/// Whether room for what must follow is needed before this is recorded.
fn starts_something(event: &Event) -> bool {
    match event {
        Event::RunOpened(_) | Event::GateOpened { .. } | Event::ActionStarted { .. } | Event::ActionReattached { .. } => true,
        Event::RunResumed { .. } | Event::WaitBegan { .. } => true,
        Event::HostReached { .. } | Event::HostUnreachable { .. } | Event::StagePrepared { .. } | Event::StepSkipped { .. } => false,
        Event::StepRefused { .. } | Event::ApprovalGiven { .. } | Event::ApprovalRefused { .. } | Event::ApprovalDenied { .. } => false,
        Event::GateExpired { .. } | Event::ActionEnded { .. } | Event::PersonAnswered { .. } | Event::NoteAdded { .. } => false,
        Event::RunInterrupted { .. } | Event::RunClosed { .. } | Event::EvidenceKept { .. } => false,
        Event::TurnsPlanned { .. } | Event::TurnsReordered { .. } | Event::LookRepeated { .. } | Event::CallBegan { .. } => false,
        Event::RollbackBegan { .. } | Event::RunConcluded { .. } | Event::ReleaseBegan { .. } | Event::ReleasedByHand { .. } => false,
    }
}

fn take_lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join("lock");
    let unusable = |source| OpenError::Unusable { path: path.display().to_string(), source };
    let mode = super::disk::mode_of(folder).map_err(unusable)? & 0o644;
    let lock = open_append(&path, mode).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => {
            lock.set_len(0).and_then(|()| writeln!(&lock, "{}", std::process::id())).map_err(unusable)?;
            Ok(lock)
        }
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: folder.display().to_string() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// The process that has the journal of this run open for writing; `None` where no process has.
pub fn runner_of(folder: &Path) -> Option<u32> {
    let mut lock = super::disk::open_plain(&folder.join("lock")).ok()?;
    match lock.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            lock.read_to_string(&mut pid).ok()?;
            pid.trim().parse().ok()
        }
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

/// Keeps a torn tail's bytes durably under another name before it is cut off.
fn set_aside(folder: &Path, journal: &File, tail: &[u8], torn: &Torn, mode: u32) -> io::Result<()> {
    for n in 1..=MAX_TORN {
        match write_new(&folder.join(format!("journal.torn-{n}")), tail, mode) {
            Ok(()) => return cut(folder, journal, torn),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("there are a thousand torn tails already"))
}

fn cut(folder: &Path, journal: &File, torn: &Torn) -> io::Result<()> {
    let keep = journal.metadata()?.len().saturating_sub(torn.bytes as u64);
    let file = OpenOptions::new().write(true).open(folder.join("journal.jsonl"))?;
    file.set_len(keep)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::event::Part;

    #[derive(Default)]
    struct Told {
        written: Vec<u8>,
        writes: usize,
        fail_write: bool,
        fail_sync: bool,
        free: u64,
    }

    #[derive(Clone)]
    struct FaultyDisk(Arc<Mutex<Told>>);

    impl Disk for FaultyDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
            let mut told = self.0.lock().unwrap();
            told.writes += 1;
            if told.fail_write {
                told.written.extend_from_slice(&bytes[..bytes.len() / 2]);
                return Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
            }
            told.written.extend_from_slice(bytes);
            Ok(())
        }

        fn sync(&mut self) -> io::Result<()> {
            if self.0.lock().unwrap().fail_sync { Err(io::Error::other("input/output error")) } else { Ok(()) }
        }

        fn free(&self) -> io::Result<u64> {
            Ok(self.0.lock().unwrap().free)
        }
    }

    fn clock() -> Clock {
        Box::new(|| Timestamp::from_micros(1_764_000_000_000_000))
    }

    fn note(text: &str) -> Event {
        Event::NoteAdded { person: "alice@example.com".parse().unwrap(), text: text.to_owned() }
    }

    fn start() -> Event {
        let digest = crate::base::Digest::of(b"x");
        let (step, host) = ("restart".parse().unwrap(), "db".parse().unwrap());
        Event::ActionStarted { step, host, part: Part::Main, attempt: 1, action: digest, sends: digest, gate: None }
    }

    fn faulty(folder: &Path, told: Told) -> (JournalWriter, FaultyDisk) {
        let disk = FaultyDisk(Arc::new(Mutex::new(told)));
        (JournalWriter::open(folder, 0, clock()).unwrap().0.on(Box::new(disk.clone())), disk)
    }

    #[test]
    fn a_failed_sync_ends_writing_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, disk) = faulty(folder.path(), Told { fail_sync: true, free: u64::MAX, ..Told::default() });
        let said = writer.append_all(vec![note("a")]).unwrap_err().to_string();
        assert!(said.contains("could not be written") && said.contains("input/output error"), "{said}");
        disk.0.lock().unwrap().fail_sync = false;
        assert!(matches!(writer.append_all(vec![note("b")]), Err(AppendError::Failed { .. })));
        assert_eq!((disk.0.lock().unwrap().writes, writer.head()), (1, Head::START));
    }

    #[test]
    fn a_read_only_disk_gets_no_second_line_after_half_of_one() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, disk) = faulty(folder.path(), Told { fail_write: true, free: u64::MAX, ..Told::default() });
        assert!(matches!(writer.append_all(vec![note("a")]), Err(AppendError::Failed { .. })));
        disk.0.lock().unwrap().fail_write = false;
        assert!(matches!(writer.append_all(vec![note("b")]), Err(AppendError::Failed { .. })));
        let reading = read_bytes(&disk.0.lock().unwrap().written, 0);
        assert_eq!((reading.entries.len(), reading.damage), (0, None));
    }

    #[test]
    fn a_full_disk_refuses_the_step_before_it_starts_and_says_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, disk) = faulty(folder.path(), Told { free: 12 << 20, ..Told::default() });
        writer.reserve(43 << 20);
        let said = writer.append_all(vec![start()]).unwrap_err().to_string();
        assert!(
            said.starts_with("not started: 12 MiB free in ") && said.contains("needs 48 MiB") && said.contains("Free some space"),
            "{said}"
        );
        assert_eq!(disk.0.lock().unwrap().writes, 0);
        writer.append_all(vec![note("an outcome needs only its own room")]).unwrap();
        disk.0.lock().unwrap().free = 64 << 20;
        writer.append_all(vec![start()]).unwrap();
    }

    #[test]
    fn one_run_has_one_writer() {
        let folder = tempfile::tempdir().unwrap();
        let first = JournalWriter::open(folder.path(), 0, clock()).unwrap();
        assert!(matches!(JournalWriter::open(folder.path(), 0, clock()), Err(OpenError::Locked { .. })));
        drop(first);
        JournalWriter::open(folder.path(), 0, clock()).unwrap();
    }

    #[test]
    fn a_torn_tail_is_kept_aside_and_the_chain_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _) = JournalWriter::open(folder.path(), 0, clock()).unwrap();
        writer.append_all(vec![note("a"), note("b")]).unwrap();
        drop(writer);
        let journal = folder.path().join("journal.jsonl");
        let whole = std::fs::read(&journal).unwrap();
        std::fs::write(&journal, &whole[..whole.len() - 5]).unwrap();
        let (mut writer, reading) = JournalWriter::open(folder.path(), 0, clock()).unwrap();
        assert_eq!((reading.entries.len(), reading.torn.map(|torn| torn.line)), (1, Some(2)));
        writer.append_all(vec![note("c")]).unwrap();
        let reading = read_bytes(&std::fs::read(&journal).unwrap(), 0);
        assert_eq!((reading.entries.len(), reading.torn, reading.damage), (2, None, None));
        let aside = std::fs::read(folder.path().join("journal.torn-1")).unwrap();
        assert!(!aside.is_empty() && whole.windows(aside.len()).any(|part| part == aside));
    }

    #[test]
    fn a_damaged_record_is_never_opened_for_writing() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _) = JournalWriter::open(folder.path(), 0, clock()).unwrap();
        writer.append_all(vec![note("a"), note("b")]).unwrap();
        drop(writer);
        let journal = folder.path().join("journal.jsonl");
        let mut bytes = std::fs::read(&journal).unwrap();
        bytes[20] ^= 1;
        std::fs::write(&journal, &bytes).unwrap();
        assert!(matches!(JournalWriter::open(folder.path(), 0, clock()), Err(OpenError::Damaged { damage: Damage { line: 1, .. }, .. })));
        assert_eq!(std::fs::read(&journal).unwrap(), bytes);
    }
}
