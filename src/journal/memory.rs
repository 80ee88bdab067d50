//! A journal in memory, for drills: the lines of a real one, to the byte, and nothing on a disk until somebody keeps them. It can die at any line.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::line::encode;
use crate::base::Timestamp;
use crate::event::{AppendError, AppendLog, Entry, Event, Head};

/// The lines of a drill; they outlive every runner that writes them.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    written: Arc<Mutex<Written>>,
}

#[derive(Debug, Default)]
struct Written {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// The runner that writes is gone: nothing is taken from it any more.
    dead: bool,
}

impl Memory {
    /// All lines so far, as a journal's file has them.
    pub fn bytes(&self) -> Vec<u8> {
        self.written().bytes.clone()
    }

    /// The same as entries.
    pub fn entries(&self) -> Vec<Entry> {
        self.written().entries.clone()
    }

    /// Those after the first `lines`.
    pub fn since(&self, lines: usize) -> Vec<Entry> {
        self.written().entries.get(lines..).map_or_else(Vec::new, <[Entry]>::to_vec)
    }

    /// From now on the runner that writes is taken for dead, until another one begins.
    pub fn kill(&self) {
        self.written().dead = true;
    }

    /// A new runner begins: whether the last one was killed.
    pub fn revive(&self) -> bool {
        std::mem::take(&mut self.written().dead)
    }

    /// Writes at the end of these lines, with the times of this clock.
    pub fn writer<'c>(&self, clock: impl Fn() -> Timestamp + Send + 'c) -> MemoryWriter<'c> {
        MemoryWriter { memory: self.clone(), clock: Box::new(clock) }
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes lines into [`Memory`].
pub struct MemoryWriter<'c> {
    memory: Memory,
    clock: Box<dyn Fn() -> Timestamp + Send + 'c>,
}

impl AppendLog for MemoryWriter<'_> {
    fn append_all(&mut self, events: Vec<Event>) -> Result<Vec<Entry>, AppendError> {
        let mut written = self.memory.written();
        if written.dead {
            let source = std::io::Error::other("the runner was killed, as the scenario says");
            return Err(AppendError::Failed { path: "memory".to_owned(), source });
        }
        let mut new = Vec::new();
        for event in events {
            let head = written.entries.last().map_or(Head::START, Entry::head);
            let (line, entry) = encode(head, (self.clock)(), event).map_err(|fault| AppendError::Illegal { why: fault.to_string() })?;
            written.bytes.extend_from_slice(&line);
            written.bytes.push(b'\n');
            written.entries.push(entry.clone());
            new.push(entry);
        }
        Ok(new)
    }

    fn head(&self) -> Head {
        self.memory.written().entries.last().map_or(Head::START, Entry::head)
    }
}
