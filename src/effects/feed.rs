//! How a step's secrets travel: as assignments that its own shell reads from a pipe, and as what a host prints of a file. Never logs or stores one.

use super::transport::OutputSink;
use crate::base::{Secret, SecretValue, Secrets, escaped};
use crate::event::Outcome;

/// More is no secret that a step could be given: what follows is not kept.
const MOST: usize = 64 << 10;

/// So much of what a host says about a failure is shown.
const SAID: usize = 300;

/// These bytes one after another, in memory that is overwritten when it is given up and never moved before.
pub(super) fn joined(parts: &[&[u8]]) -> SecretValue {
    let mut all = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    parts.iter().for_each(|part| all.extend_from_slice(part));
    Secret::new(all)
}

/// One word for a POSIX shell, in single quotes.
pub(super) fn quoted(bytes: &[u8]) -> SecretValue {
    let quotes = bytes.iter().filter(|&&byte| byte == b'\'').count();
    let mut word = Vec::with_capacity(bytes.len() + 3 * quotes + 2);
    word.push(b'\'');
    for &byte in bytes {
        match byte {
            b'\'' => word.extend_from_slice(b"'\\''"),
            other => word.push(other),
        }
    }
    word.push(b'\'');
    Secret::new(word)
}

/// A line for each secret that sets its variable; nothing where there are none.
pub(super) fn assignments(secrets: &Secrets) -> SecretValue {
    secrets
        .iter()
        .fold(joined(&[]), |all, (variable, value)| joined(&[all.expose(), variable.as_bytes(), b"=", quoted(value).expose(), b"\n"]))
}

/// The same for the claim script, which knows by its end that all of it has arrived.
pub(super) fn framed(secrets: &Secrets, nonce: &str) -> SecretValue {
    match secrets.is_empty() {
        true => joined(&[]),
        false => joined(&[assignments(secrets).expose(), b"#", nonce.as_bytes(), b"\n"]),
    }
}

/// What a host prints of a file that holds a secret.
pub(super) struct Read {
    value: SecretValue,
    said: Vec<u8>,
    length: usize,
}

impl Default for Read {
    fn default() -> Self {
        Self { value: Secret::new(Vec::with_capacity(MOST)), said: Vec::new(), length: 0 }
    }
}

impl OutputSink for Read {
    fn stdout(&mut self, bytes: &[u8]) {
        let room = MOST.saturating_sub(self.value.expose().len()).min(bytes.len());
        self.value.expose_mut().extend_from_slice(&bytes[..room]);
        self.length += bytes.len();
    }

    fn stderr(&mut self, bytes: &[u8]) {
        let room = SAID.saturating_sub(self.said.len()).min(bytes.len());
        self.said.extend_from_slice(&bytes[..room]);
    }
}

impl Read {
    /// The value, where reading it went well.
    pub fn value(self, outcome: &Outcome) -> Result<SecretValue, String> {
        match outcome {
            Outcome::Exited { code: 0 } if self.length > MOST => Err(format!("expected at most {MOST} bytes, got {}", self.length)),
            Outcome::Exited { code: 0 } => Ok(without_newline(self.value)),
            Outcome::Exited { .. } => Err(escaped(self.said.trim_ascii())),
            Outcome::Signalled { .. } => Err("it could not be read in time".to_owned()),
            Outcome::NeverStarted { why, .. } | Outcome::Unknown { why } => Err(why.clone()),
        }
    }
}

/// A file and a command end their text with a newline, which is no part of it.
pub(super) fn without_newline(mut value: SecretValue) -> SecretValue {
    if value.expose().last() == Some(&b'\n') {
        value.expose_mut().pop();
    }
    value
}
