//! What a transport is to do with one permit, checked to be sayable to a shell. Never touches a host.

use std::time::Duration;

use super::transport::{StopLevel, StopSignal};
use crate::base::{Bytes, Digest, HostName, RunId, Secrets, StepId};
use crate::engine::{Begin, Permit, Task};
use crate::event::{Mode, Part, Place};

/// Tenths of a second between TERM and KILL: time enough for a database to flush, short enough for a person who waits.
pub(super) const GRACE_TENTHS: u32 = if cfg!(test) { 10 } else { 50 };

/// A key and what the claim script adds to it must fit into a file's name of 255 bytes.
const LONGEST_KEY: usize = 170;

/// How long reading a secret may take, on a host or here: it is one small file, or a store of passwords that asks a card.
pub(super) const READING: Duration = Duration::from_secs(30);

/// A permit, spent.
pub(super) struct Order {
    pub run: RunId,
    pub epoch: u32,
    /// The attempt's name within its run on the target.
    pub key: String,
    pub script: Bytes,
    /// What the script asks for by name.
    pub secrets: Secrets,
    pub sends: Digest,
    pub shell: String,
    /// A user, or `-`.
    pub user: String,
    pub limit: Duration,
    pub mode: Mode,
    pub begin: Begin,
    pub place: Place,
}

/// The name of an attempt within its run on the target, safe as a file's name. The host is part of it: two names of one machine are two
/// hosts, and each does what it was approved for.
pub(super) fn key(step: &StepId, host: &HostName, part: Part, attempt: u32) -> String {
    let key = format!("{step}+{host}.{}.{attempt}", part.as_str()); // neither a step nor a host has a plus in its name
    match key.get(..LONGEST_KEY) {
        Some(beginning) => format!("{beginning}+{}", &Digest::of(key.as_bytes()).to_string()[..32]),
        None => key,
    }
}

impl Order {
    /// Spends a permit.
    ///
    /// # Errors
    /// A sentence that says what of it cannot be sent.
    pub fn spend(permit: Permit) -> Result<Self, String> {
        Self::of(permit.task(), permit.begin(), permit.secrets().clone())
    }

    /// Reads a file that holds a secret of this attempt, as the attempt's user and in its place. Leaves no trace.
    ///
    /// # Errors
    /// As [`Order::spend`].
    pub fn reading(permit: &Permit, path: &str) -> Result<Self, String> {
        let order = Self::of(permit.task(), Begin::Start, Secrets::default())?;
        let script = Bytes::from(format!("exec cat -- '{}'\n", path.replace('\'', "'\\''")));
        let (sends, shell) = (Digest::of(script.as_slice()), "sh".to_owned());
        Ok(Self { script, sends, shell, limit: READING, mode: Mode::Direct, ..order })
    }

    fn of(task: &Task, begin: Begin, secrets: Secrets) -> Result<Self, String> {
        let command = task.command();
        let user = command.r#become.clone().unwrap_or_else(|| "-".to_owned());
        if !is_word(&command.shell) {
            return Err(format!("expected a shell such as sh or bash, got {:?}", command.shell));
        }
        if command.r#become.is_some() && !is_word(&user) {
            return Err(format!("expected the name of a user to become, got {user:?}"));
        }
        if command.script.as_slice().contains(&0) {
            return Err("the script holds a NUL byte, which no shell can run".to_owned());
        }
        let place = task.action.place.clone().ok_or("the host was not reached when the step was rendered, so nobody approved a place")?;
        Ok(Self {
            run: task.run.clone(),
            epoch: task.epoch,
            key: key(&task.step, task.host(), task.part, task.attempt),
            script: command.script.clone(),
            secrets,
            sends: command.sends(),
            shell: command.shell.clone(),
            user,
            limit: Duration::from_millis(task.action.timeout.as_millis()),
            mode: task.mode(),
            begin,
            place,
        })
    }
}

/// Whether a text is one plain word to every shell and no option.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b'/' | b'+'))
}

/// Seconds as `sleep` takes them: whole where they are whole, since only most `sleep`s take fractions.
pub(super) fn seconds(limit: Duration) -> String {
    match limit.subsec_millis() {
        0 => limit.as_secs().to_string(),
        millis => format!("{}.{millis:03}", limit.as_secs()),
    }
}

/// Returns when what runs shall be ended; never where nobody can ask for it any more.
pub(super) async fn killed(stop: Option<StopSignal>) {
    if let Some(mut stop) = stop
        && stop.wait_for(|level| *level >= StopLevel::Kill).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}
