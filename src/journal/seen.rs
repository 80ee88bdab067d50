//! The newest point that a reader ever saw of each run, in the reader's own folder. Never goes back.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::base::RunId;
use crate::event::Head;

use super::disk::{PRIVATE, make_dir, read_plain, sync_dir};
use super::reader::Reading;

/// A number of 20 digits, a space, a sum and a newline.
const MAX_ENTRY: u64 = 90;

/// The reader's memory of runs.
#[derive(Debug, Clone)]
pub struct Seen {
    folder: PathBuf,
}

/// The memory contradicts the record, or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SeenError {
    #[error(
        "run {run}: line {} with sum {} was seen here before, and the record no longer holds it: lines were removed or rewritten", .seen.seq, .seen.sum
    )]
    Contradicted { run: RunId, seen: Head },
    #[error("the memory of runs at {path} cannot be used: {source}")]
    Unusable { path: String, source: io::Error },
}

impl Seen {
    /// The memory in this folder, which is made where it is missing.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self, SeenError> {
        let unusable = |source| SeenError::Unusable { path: folder.display().to_string(), source };
        let parent = folder.parent().unwrap_or(folder);
        if let Some(above) = parent.parent() {
            fs::create_dir_all(above).map_err(unusable)?;
        }
        make_dir(parent, PRIVATE).map_err(unusable)?;
        make_dir(folder, PRIVATE).map_err(unusable)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The newest point that was seen of this run.
    ///
    /// # Errors
    /// Where there is one and it cannot be read: that is not the same as none.
    pub fn newest(&self, run: &RunId) -> Result<Option<Head>, SeenError> {
        match read_plain(&self.path(run), MAX_ENTRY) {
            Ok(bytes) => parse(&bytes).map(Some).ok_or_else(|| {
                self.unusable(run, io::Error::new(io::ErrorKind::InvalidData, "expected a line number and a sum, got something else"))
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unusable(run, error)),
        }
    }

    /// Refuses a record that does not extend what was seen, then remembers its newest point.
    ///
    /// # Errors
    /// See [`SeenError`]; nothing is remembered then.
    pub fn remember(&self, run: &RunId, reading: &Reading) -> Result<(), SeenError> {
        if let Some(seen) = self.newest(run)? {
            if !reading.holds(seen) {
                return Err(SeenError::Contradicted { run: run.clone(), seen });
            }
            if seen.seq >= reading.head().seq {
                return Ok(());
            }
        }
        self.store(run, reading.head()).map_err(|source| self.unusable(run, source))
    }

    fn store(&self, run: &RunId, head: Head) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        writeln!(file, "{} {}", head.seq, head.sum)?;
        file.as_file().sync_all()?;
        file.persist(self.path(run)).map_err(|error| error.error)?;
        sync_dir(&self.folder)
    }

    fn path(&self, run: &RunId) -> PathBuf {
        self.folder.join(run.as_str())
    }

    fn unusable(&self, run: &RunId, source: io::Error) -> SeenError {
        SeenError::Unusable { path: self.path(run).display().to_string(), source }
    }
}

fn parse(bytes: &[u8]) -> Option<Head> {
    let (seq, sum) = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.split_once(' ')?;
    Some(Head { seq: seq.parse().ok()?, sum: sum.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::event::Event;
    use crate::journal::{encode, read_bytes};

    fn journal(texts: &[&str]) -> Reading {
        let (mut bytes, mut head) = (Vec::new(), Head::START);
        for text in texts {
            let event = Event::NoteAdded { person: "alice@example.com".parse().unwrap(), text: (*text).to_owned() };
            let (line, entry) = encode(head, Timestamp::from_micros(0), event).unwrap();
            bytes.extend(line);
            bytes.push(b'\n');
            head = entry.head();
        }
        read_bytes(&bytes, 0)
    }

    #[test]
    fn a_record_that_was_cut_or_rewritten_is_refused_by_who_saw_more() {
        let folder = tempfile::tempdir().unwrap();
        let seen = Seen::open(&folder.path().join("state").join("seen")).unwrap();
        let run: RunId = "01J9ABCDEFGHJKMNPQRSTVK7QM".parse().unwrap();
        seen.remember(&run, &journal(&["a", "b"])).unwrap();
        seen.remember(&run, &journal(&["a", "b", "c"])).unwrap();
        for other in [&["a", "b"][..], &["a", "x", "c"], &["a", "b", "x", "y"], &[]] {
            assert!(matches!(seen.remember(&run, &journal(other)), Err(SeenError::Contradicted { .. })), "{other:?}");
        }
        assert_eq!(seen.newest(&run).unwrap().unwrap().seq, 3);
    }
}
