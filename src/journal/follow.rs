//! Follows a journal that another process may be writing. Never yields a line that is not right and never writes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::event::{Entry, Head};

use super::disk::open_plain;
use super::line::{LineFault, decode};

/// Yields new entries of a journal each time it is asked.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    file: File,
    offset: u64,
    head: Head,
}

/// The journal cannot be followed further.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    #[error("cannot read {path}: {source}")]
    Unreadable { path: String, source: io::Error },
    #[error("{path}, line {line}: {fault}. Run `runbook verify` on it")]
    Damaged { path: String, line: u64, fault: LineFault },
}

impl Follower {
    /// Follows from the first line on.
    ///
    /// # Errors
    /// Where the file is not there, is no plain file or is a link.
    pub fn open(path: &Path) -> Result<Self, FollowError> {
        let unreadable = |source| FollowError::Unreadable { path: path.display().to_string(), source };
        Ok(Self { path: path.to_owned(), file: open_plain(path).map_err(unreadable)?, offset: 0, head: Head::START })
    }

    /// The newest entry that was yielded.
    pub fn head(&self) -> Head {
        self.head
    }

    /// All lines that were completed since the last call; none where there is nothing new. A last line that is wrong is waited for:
    /// it may be torn, and the writer moves it away.
    ///
    /// # Errors
    /// Where a line is wrong and another follows it.
    pub fn poll(&mut self) -> Result<Vec<Entry>, FollowError> {
        let bytes = self.read_new().map_err(|source| FollowError::Unreadable { path: self.path.display().to_string(), source })?;
        let mut entries = Vec::new();
        let mut rest = &bytes[..];
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            match decode(&rest[..end], self.head) {
                Ok(entry) => {
                    self.head = entry.head();
                    self.offset += end as u64 + 1;
                    entries.push(entry);
                }
                Err(_) if end + 1 == rest.len() => break,
                Err(fault) => {
                    let path = self.path.display().to_string();
                    return Err(FollowError::Damaged { path, line: self.head.seq + 1, fault });
                }
            }
            rest = &rest[end + 1..];
        }
        Ok(entries)
    }

    /// All bytes from the offset on.
    fn read_new(&mut self) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::base::Timestamp;
    use crate::event::Event;
    use crate::journal::encode;

    #[test]
    fn a_follower_yields_whole_lines_only_and_stops_at_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let (mut lines, mut head) = (Vec::new(), Head::START);
        for text in ["a", "b", "c"] {
            let event = Event::NoteAdded { person: "alice@example.com".parse().unwrap(), text: text.to_owned() };
            let (mut line, entry) = encode(head, Timestamp::from_micros(0), event).unwrap();
            line.push(b'\n');
            (head, lines) = (entry.head(), [lines, vec![line]].concat());
        }
        fs::write(&path, [&lines[0][..], &lines[1][..20]].concat()).unwrap();
        let mut follower = Follower::open(&path).unwrap();
        assert_eq!((follower.poll().unwrap().len(), follower.poll().unwrap().len()), (1, 0));
        fs::write(&path, lines[..2].concat()).unwrap();
        assert_eq!(follower.poll().unwrap().len(), 1);
        fs::write(&path, [&lines[0][..], &lines[1], &lines[0], &lines[2]].concat()).unwrap();
        assert!(matches!(follower.poll(), Err(FollowError::Damaged { line: 3, .. })));
    }
}
