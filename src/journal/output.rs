//! Output of one attempt on disk: all of it hashed and counted, a head and a tail of it stored. Never holds more than a buffer in memory, and
//! never stops taking output in: a failed disk is remembered and told at the end.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::base::{Digest, Digester, HostName, StepId};
use crate::event::{Part, Stream};

use super::disk::{create_new, sync_parent};
use super::folder::RunFolder;

/// Bytes copied at once when the tail is put behind the head.
const BUFFER: usize = 64 << 10;

/// How often one attempt may be collected again; each time is a runner that died.
const MAX_EARLIER: u32 = 100;

/// The two output files of one attempt.
pub struct OutputFiles {
    out: Sink,
    err: Sink,
}

/// Output could not be stored; the attempt's end must not be recorded as if it had been.
#[derive(Debug, thiserror::Error)]
#[error("the output at {path} could not be stored: {source}")]
pub struct OutputError {
    pub path: String,
    pub source: io::Error,
}

impl OutputFiles {
    /// Makes the files of one attempt. Of each stream the first and the last `max_output` bytes will be stored.
    ///
    /// # Errors
    /// Where they cannot be made.
    pub fn create(
        folder: &RunFolder,
        step: &StepId,
        host: &HostName,
        attempt: u32,
        part: Part,
        max_output: u64,
    ) -> Result<Self, OutputError> {
        let failed = |source| OutputError { path: folder.path().join("output").display().to_string(), source };
        let (out, err, mode) = folder.make_output(step, host, attempt, part).map_err(failed)?;
        Ok(Self { out: Sink::create(out, max_output, mode)?, err: Sink::create(err, max_output, mode)? })
    }

    /// More bytes of standard output.
    pub fn stdout(&mut self, bytes: &[u8]) {
        self.out.take(bytes);
    }

    /// More bytes of standard error.
    pub fn stderr(&mut self, bytes: &[u8]) {
        self.err.take(bytes);
    }

    /// Makes both files durable and says what they hold: standard output and standard error.
    ///
    /// # Errors
    /// The first thing that failed since the files were made.
    pub fn finish(self) -> Result<(Stream, Stream), OutputError> {
        Ok((self.out.finish()?, self.err.finish()?))
    }
}

/// What an earlier reader of the same attempt stored is kept beside what is collected now.
pub(super) fn put_earlier_aside(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    let name = |n: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".earlier-{n}"));
        PathBuf::from(name)
    };
    let free = (1..=MAX_EARLIER).map(name).find(|path| fs::symlink_metadata(path).is_err());
    fs::rename(path, free.ok_or_else(|| io::Error::other("it was collected a hundred times already"))?)
}

/// One stream. Beyond the head, bytes go round in a second file that holds the newest `max` of them.
struct Sink {
    path: PathBuf,
    head: File,
    ring: Option<File>,
    max: u64,
    mode: u32,
    bytes: u64,
    all: Digester,
    failed: Option<io::Error>,
}

impl Sink {
    fn create(path: PathBuf, max: u64, mode: u32) -> Result<Self, OutputError> {
        let failed = |source| OutputError { path: path.display().to_string(), source };
        put_earlier_aside(&path).map_err(failed)?;
        let head = create_new(&path, mode).map_err(failed)?;
        Ok(Self { path, head, ring: None, max, mode, bytes: 0, all: Digester::new(), failed: None })
    }

    fn take(&mut self, bytes: &[u8]) {
        self.all.update(bytes);
        let room = usize::try_from(self.max.saturating_sub(self.bytes)).unwrap_or(usize::MAX).min(bytes.len());
        let (head, tail) = bytes.split_at(room);
        if self.failed.is_none() {
            let stored = self.head.write_all(head).and_then(|()| self.store_tail(tail, self.bytes + head.len() as u64));
            self.failed = stored.err();
        }
        self.bytes += bytes.len() as u64;
    }

    /// Stores bytes that begin at this offset of the stream, beyond the head.
    fn store_tail(&mut self, mut bytes: &[u8], offset: u64) -> io::Result<()> {
        if bytes.is_empty() || self.max == 0 {
            return Ok(());
        }
        let skipped = bytes.len().saturating_sub(usize::try_from(self.max).unwrap_or(usize::MAX));
        bytes = &bytes[skipped..]; // what the ring would overwrite at once
        let mut at = (offset + skipped as u64 - self.max) % self.max;
        let ring = match &mut self.ring {
            Some(ring) => ring,
            none => none.insert(create_new(&ring_path(&self.path), self.mode)?),
        };
        while !bytes.is_empty() {
            let room = usize::try_from(self.max - at).unwrap_or(usize::MAX).min(bytes.len());
            ring.seek(SeekFrom::Start(at))?;
            ring.write_all(&bytes[..room])?;
            bytes = &bytes[room..];
            at = 0;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Stream, OutputError> {
        let path = self.path.display().to_string();
        let finished = match self.failed.take() {
            Some(error) => Err(error),
            None => self.settle(),
        };
        let (stored, file) = finished.map_err(|source| OutputError { path, source })?;
        Ok(Stream { bytes: self.bytes, sha256: self.all.finish(), stored, file })
    }

    /// Puts the tail behind the head in its right order, syncs, and hashes the file as it was stored.
    fn settle(&mut self) -> io::Result<(u64, Digest)> {
        let stored_head = self.bytes.min(self.max);
        let stored_tail = (self.bytes - stored_head).min(self.max);
        if let Some(mut ring) = self.ring.take() {
            let oldest = if self.bytes - stored_head > self.max { (self.bytes - stored_head) % self.max } else { 0 };
            copy_range(&mut ring, &mut self.head, oldest, stored_tail - oldest.min(stored_tail))?;
            copy_range(&mut ring, &mut self.head, 0, oldest)?;
        }
        self.head.sync_all()?;
        if fs::exists(ring_path(&self.path))? {
            fs::remove_file(ring_path(&self.path))?;
        }
        sync_parent(&self.path)?;
        Ok((stored_head + stored_tail, digest_of(&mut self.head)?))
    }
}

fn ring_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tail");
    PathBuf::from(name)
}

fn copy_range(from: &mut File, to: &mut File, start: u64, length: u64) -> io::Result<()> {
    from.seek(SeekFrom::Start(start))?;
    let copied = io::copy(&mut from.take(length), to)?;
    if copied == length {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stored tail is shorter than what was written"))
    }
}

/// Read back from the file, so that the record names what is there.
pub(super) fn digest_of(file: &mut File) -> io::Result<Digest> {
    file.seek(SeekFrom::Start(0))?;
    let (mut digester, mut buffer) = (Digester::new(), vec![0; BUFFER]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(digester.finish()),
            read => digester.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(max: u64, chunks: &[&[u8]]) -> (Stream, Vec<u8>) {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::open(root.path()).unwrap();
        let (step, host) = ("restart".parse().unwrap(), "db".parse().unwrap());
        let mut files = OutputFiles::create(&folder, &step, &host, 1, Part::Main, max).unwrap();
        chunks.iter().for_each(|chunk| files.stdout(chunk));
        let (out, err) = files.finish().unwrap();
        assert_eq!(err, Stream::empty());
        let (path, _) = folder.output_paths(&step, &host, 1, Part::Main);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 2, "only the two files stay");
        (out, fs::read(path).unwrap())
    }

    #[test]
    fn head_and_tail_are_stored_and_everything_is_counted_and_hashed() {
        let text: Vec<u8> = (0..200u8).collect();
        for max in [0usize, 1, 3, 7, 50, 99, 100, 101, 150, 199, 200, 300] {
            for chunk in [1, 2, 5, 64, 200] {
                let (out, stored) = store(max as u64, &text.chunks(chunk).collect::<Vec<_>>());
                let expected = if max * 2 >= text.len() { text.clone() } else { [&text[..max], &text[text.len() - max..]].concat() };
                assert_eq!(stored, expected, "max {max}, chunks of {chunk}");
                assert_eq!(
                    (out.bytes, out.sha256, out.stored, out.file),
                    (200, Digest::of(&text), stored.len() as u64, Digest::of(&stored))
                );
            }
        }
    }

    #[test]
    fn a_disk_that_fails_is_told_at_the_end_and_output_is_still_taken_in() {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::open(root.path()).unwrap();
        let (step, host) = ("restart".parse().unwrap(), "db".parse().unwrap());
        let mut files = OutputFiles::create(&folder, &step, &host, 1, Part::Main, 10).unwrap();
        fs::write(ring_path(&folder.output_paths(&step, &host, 1, Part::Main).0), b"in the way").unwrap();
        files.stdout(&[b'x'; 100]);
        files.stdout(b"more");
        assert!(files.finish().unwrap_err().to_string().contains("could not be stored"));
    }
}
