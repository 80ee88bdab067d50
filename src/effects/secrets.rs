//! Where secrets are kept on the operator's machine: a variable, a file, a program that prints one. Never shows, logs or keeps a value.

use std::fs::Metadata;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::feed::{Read, without_newline};
use super::order::READING;
use super::transport::OutputSink;
use crate::base::{Secret, SecretValue, escaped};
use crate::event::{Outcome, Signaller};

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// A variable of our own environment.
    Env(String),
    /// A file; `~/` at the beginning is the home folder.
    File(String),
    /// A program and its arguments; no shell is between.
    Command(Vec<String>),
}

/// Why a secret cannot be had; the sentence follows its name.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("cannot be fetched: the variable {0} is not set. Set it in the environment that runbook is started from")]
    NotSet(String),
    #[error("cannot be fetched: {path}: {source}")]
    File { path: String, source: std::io::Error },
    #[error("cannot be fetched: {program} cannot be started: {source}")]
    NotStarted { program: String, source: std::io::Error },
    #[error("cannot be fetched: {program} {says}")]
    Command { program: String, says: String },
    #[error("cannot be fetched: no answer of {from} within {} s", READING.as_secs())]
    TimedOut { from: String },
}

/// Fetches a secret; a newline at the end of a file, or of what a program prints, is no part of it.
///
/// # Errors
/// See [`SecretError`].
pub async fn fetch_secret(place: &SecretPlace) -> Result<SecretValue, SecretError> {
    let (fetched, from) = match place {
        SecretPlace::Env(name) => return of_variable(name),
        SecretPlace::File(path) => (timeout(READING, of_file(path.clone())).await, path.clone()),
        SecretPlace::Command(words) => (timeout(READING, of_command(words)).await, words.first().cloned().unwrap_or_default()),
    };
    fetched.map_err(|_| SecretError::TimedOut { from })?
}

/// Whether a secret could be fetched, as far as that can be said without fetching it; what should be mended about its place. Runs no program.
///
/// # Errors
/// See [`SecretError`].
pub fn look_for_secret(place: &SecretPlace) -> Result<Option<String>, SecretError> {
    match place {
        SecretPlace::Env(name) => of_variable(name).map(|_| None),
        SecretPlace::Command(_) => Ok(None),
        SecretPlace::File(path) => {
            let failed = |source| SecretError::File { path: path.clone(), source };
            let found = std::fs::File::open(expanded(path)).and_then(|file| file.metadata()).map_err(failed)?;
            Ok(openness(path, &found))
        }
    }
}

/// Others than the owner can read it: said, not refused, since some systems hand out secrets in such files.
fn openness(path: &str, found: &Metadata) -> Option<String> {
    let mode = found.permissions().mode() & 0o777;
    (found.is_file() && mode & 0o077 != 0).then(|| format!("{path} is open to others (mode {mode:04o}): chmod 600 {path}"))
}

fn of_variable(name: &str) -> Result<SecretValue, SecretError> {
    let value = std::env::var_os(name).ok_or_else(|| SecretError::NotSet(name.to_owned()))?;
    Ok(Secret::new(value.into_vec()))
}

async fn of_file(path: String) -> Result<SecretValue, SecretError> {
    let full = expanded(&path);
    let read = tokio::task::spawn_blocking(move || std::fs::read(full)).await;
    let read = read.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    read.map(|bytes| without_newline(Secret::new(bytes))).map_err(|source| SecretError::File { path, source })
}

async fn of_command(words: &[String]) -> Result<SecretValue, SecretError> {
    let (program, arguments) = words.split_first().map_or(("", &[][..]), |(program, rest)| (program.as_str(), rest));
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let not_started = |source| SecretError::NotStarted { program: program.to_owned(), source };
    let mut child = command.spawn().map_err(not_started)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut read = Read::default();
    take_in(stdout, stderr, &mut read).await;
    let status = child.wait().await.map_err(not_started)?;
    let says = |said: String| format!("ended with {}{}", words_of(status), if said.is_empty() { said } else { format!(": {said}") });
    let failed = |said: String| SecretError::Command { program: program.to_owned(), says: says(said) };
    read.value(&outcome_of(status)).map_err(failed)
}

/// Both streams, at the same time, to their ends.
async fn take_in(stdout: Option<impl AsyncRead + Unpin>, stderr: Option<impl AsyncRead + Unpin>, read: &mut Read) {
    let (Some(mut stdout), Some(mut stderr)) = (stdout, stderr) else { return };
    let (mut first, mut second) = (Secret::new(vec![0; 4096]), vec![0; 4096]);
    let mut open = [true, true];
    while open[0] || open[1] {
        tokio::select! {
            got = stdout.read(first.expose_mut()), if open[0] => match got {
                Ok(length) if length > 0 => read.stdout(&first.expose()[..length]),
                Ok(_) | Err(_) => open[0] = false,
            },
            got = stderr.read(&mut second), if open[1] => match got {
                Ok(length) if length > 0 => read.stderr(&second[..length]),
                Ok(_) | Err(_) => open[1] = false,
            },
        }
    }
}

fn outcome_of(status: ExitStatus) -> Outcome {
    match status.code() {
        Some(code) => Outcome::Exited { code },
        None => Outcome::Signalled { signal: String::new(), by: Signaller::Host },
    }
}

fn words_of(status: ExitStatus) -> String {
    status.code().map_or_else(|| escaped(status.to_string().as_bytes()), |code| format!("exit status {code}"))
}

/// `~/` at the beginning is the operator's home.
fn expanded(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        (Some(_) | None, _) => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> SecretPlace {
        SecretPlace::Command(words.iter().map(|word| (*word).to_owned()).collect())
    }

    async fn value(place: &SecretPlace) -> Vec<u8> {
        fetch_secret(place).await.unwrap().expose().clone()
    }

    #[tokio::test]
    async fn a_newline_at_the_end_is_no_part_of_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret").display().to_string();
        std::fs::write(&path, "a b\n\n").unwrap();
        assert_eq!(value(&SecretPlace::File(path.clone())).await, b"a b\n");
        assert_eq!(value(&command(&["printf", "%s\\n", "$HOME `id`"])).await, b"$HOME `id`");
        assert!(look_for_secret(&SecretPlace::File(path.clone())).unwrap().unwrap().contains("chmod 600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(look_for_secret(&SecretPlace::File(path)).unwrap(), None);
    }

    #[tokio::test]
    async fn what_cannot_be_fetched_says_why() {
        for (place, says) in [
            (command(&["sh", "-c", "echo no key is unlocked >&2; echo half; exit 3"]), "sh ended with exit status 3: no key is unlocked"),
            (command(&["sh", "-c", "head -c 70000 /dev/zero"]), "expected at most 65536 bytes, got 70000"),
            (command(&["no-such-program"]), "no-such-program cannot be started: No such file"),
            (SecretPlace::File("/no/such/file".to_owned()), "/no/such/file: No such file"),
            (SecretPlace::Env("RUNBOOK_NO_SUCH_VARIABLE".to_owned()), "the variable RUNBOOK_NO_SUCH_VARIABLE is not set"),
        ] {
            let why = fetch_secret(&place).await.unwrap_err().to_string();
            assert!(why.starts_with("cannot be fetched: ") && why.contains(says) && !why.contains("half"), "{why}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_that_never_answers_is_given_up_and_ended() {
        let why = fetch_secret(&command(&["sleep", "1000"])).await.unwrap_err().to_string();
        assert_eq!(why, "cannot be fetched: no answer of sleep within 30 s");
    }
}
