//! Keeps the journal and the state in step: what is legal is appended, what is appended is folded and told. Never decides.

use super::hiding;
use super::ports::{Journal, Watcher};
use super::vault::Vault;
use crate::base::Timestamp;
use crate::engine::State;
use crate::event::{AppendError, AppendLog, Entry, Event, Head, Pulse};

/// The journal, the state that its lines make, and who watches.
pub struct Recorder<'a> {
    journal: Box<dyn Journal + 'a>,
    state: State,
    watcher: Box<dyn Watcher + 'a>,
    vault: Vault,
}

impl<'a> Recorder<'a> {
    /// Goes on from a state that is the fold of what the journal holds.
    pub fn new(journal: Box<dyn Journal + 'a>, state: State, watcher: Box<dyn Watcher + 'a>) -> Self {
        Self { journal, state, watcher, vault: Vault::default() }
    }

    /// From now on nothing of what is in this vault is recorded or told.
    pub(super) fn hide(&mut self, vault: Vault) {
        self.vault = vault;
    }

    /// What has happened so far.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Appends one event.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub fn append(&mut self, event: Event) -> Result<(), AppendError> {
        self.append_all(vec![event]).map(|_| ())
    }

    /// See [`Journal::reserve`].
    ///
    /// # Errors
    /// [`AppendError::NoRoom`].
    pub fn reserve(&mut self, bytes: u64) -> Result<(), AppendError> {
        self.journal.reserve(bytes)
    }

    /// Lets the watcher show that time passes.
    pub fn tick(&mut self, now: Timestamp) {
        self.watcher.tick(&self.state, now);
    }

    /// Shows progress that may be lost.
    pub fn pulse(&mut self, pulse: &Pulse) {
        let hide = self.vault.redactor();
        match pulse {
            Pulse::Said { sentence } if !hide.is_idle() => self.watcher.pulse(&Pulse::Said { sentence: hide.text(sentence) }, &self.state),
            Pulse::Said { .. } | Pulse::Printed { .. } => self.watcher.pulse(pulse, &self.state), // what is printed was hidden on its way
        }
    }
}

impl AppendLog for Recorder<'_> {
    /// Events of one batch are independent of each other: each must be legal now.
    fn append_all(&mut self, mut events: Vec<Event>) -> Result<Vec<Entry>, AppendError> {
        let hide = self.vault.redactor();
        if !hide.is_idle() {
            events = events.into_iter().map(|event| hiding::event(&hide, event)).collect();
        }
        for event in &events {
            self.state.allows(event).map_err(|illegal| AppendError::Illegal { why: illegal.why })?;
        }
        let entries = self.journal.append_all(events)?;
        for entry in &entries {
            self.state.after(entry.at, &entry.event).map_err(|illegal| AppendError::Illegal { why: illegal.why })?;
            self.watcher.entry(entry, &self.state);
        }
        Ok(entries)
    }

    fn head(&self) -> Head {
        self.journal.head()
    }
}
