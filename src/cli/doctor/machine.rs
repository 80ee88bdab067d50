//! What a machine needs: the OpenSSH client, and a store that can be written. Never contacts a host.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Finding;
use crate::cli::context::Context;

/// Less room than this, and one talkative night may fill the disk: two hundred hosts times the output that is kept of a step.
const LITTLE_ROOM: u64 = 1 << 30;

/// Programs that everything needs.
pub(super) fn programs() -> Vec<Finding> {
    const REMEDY: &str = "install the OpenSSH client (Debian: apt-get install openssh-client), 8.7 or newer";
    let ssh = match said("ssh", &["-V"]) {
        Some(version) => Finding::ok("ssh", version),
        None => Finding::bad("ssh", "there is no ssh here", REMEDY),
    };
    // ssh-keygen has no option for its version: it comes with ssh, and that it signs is tried below
    let keygen = match said("ssh-keygen", &["-?"]) {
        Some(_) => Finding::ok("ssh-keygen", "is there"),
        None => Finding::bad("ssh-keygen", "there is no ssh-keygen here", REMEDY),
    };
    vec![ssh, keygen]
}

/// The first line that a program prints, made safe; `None` where there is no such program.
fn said(program: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(program).args(words).stdin(Stdio::null()).output().ok()?;
    let bytes = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    let first = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    Some(crate::base::escaped(first.trim_ascii()))
}

/// Whether runs can be recorded.
pub(super) fn store(context: &Context) -> Vec<Finding> {
    const REMEDY: &str = "name a folder that you may write to, by --store DIR or RUNBOOK_STORE";
    let store = match context.store() {
        Ok(store) => store,
        Err(failure) => return vec![Finding::bad("store", "cannot be used", failure.message)],
    };
    let root = store.root();
    if let Err(error) = probe(root) {
        return vec![Finding::bad("store", format!("nothing can be written to {}: {error}", root.display()), REMEDY)];
    }
    vec![Finding::ok("store", format!("{} can be written", root.display())), room(root)]
}

/// Writes and syncs a file as the journal does; it is gone afterwards.
fn probe(root: &Path) -> std::io::Result<()> {
    let mut file = tempfile::tempfile_in(root)?;
    file.write_all(b"runbook doctor\n")?;
    file.sync_all()
}

/// Bytes that are left for us where this folder is.
///
/// # Errors
/// Where its file system does not say.
pub(super) fn left(folder: &Path) -> std::io::Result<u64> {
    let found = rustix::fs::statvfs(folder)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

fn room(root: &Path) -> Finding {
    match left(root) {
        Err(error) => Finding::warn("room", format!("how much is left is not known: {error}"), "look with df"),
        Ok(left) => {
            let says = format!("{} MiB are left for the record", left >> 20);
            if left < LITTLE_ROOM {
                Finding::warn("room", says, "make room, or name another store by --store DIR")
            } else {
                Finding::ok("room", says)
            }
        }
    }
}
