//! Which machine this is and which revision a folder is at. Never changes either.

use std::path::Path;
use std::process::{Command, Stdio};

/// This machine's own name (`uname -n`).
pub fn machine_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The git revision of a folder, such as `1f2e3d4 (clean)`; `None` where it is in no work tree.
pub fn git_revision(folder: &Path) -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").arg("-C").arg(folder).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let revision = git(&["rev-parse", "--short=12", "HEAD"])?;
    let clean = git(&["status", "--porcelain", "--", "."])?.is_empty();
    Some(format!("{revision} ({})", if clean { "clean" } else { "changed" }))
}
