//! Ends what a demonstration started, whatever becomes of this process: a shell of its own that waits for our end of a pipe to close.
//! Never ends a process whose command line does not name the demonstration's folder.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::scene::cannot;
use crate::cli::failure::Failure;

/// Reads until the end of its input, then ends the processes whose ids lie in the folder's files.
const WATCH: &str = r#"trap '' HUP INT TERM
cat >/dev/null
for file in "$1/people/pid" "$1/service/pid" "$1/ssh/pid"; do
  pid=$(cat "$file" 2>/dev/null) || continue
  case $(ps -o args= -p "$pid" 2>/dev/null) in
    *"$1"*) kill -s KILL -- "-$pid" 2>/dev/null || kill -s KILL "$pid" ;;
  esac
done
"#;

/// As long as it lives, what was started may run.
pub(super) struct Guard {
    shell: Child,
}

impl Guard {
    /// Watches over the processes of this folder.
    pub(super) fn watch(root: &Path) -> Result<Self, Failure> {
        let mut command = Command::new("sh");
        command.args(["-c", WATCH, "guard"]).arg(root).process_group(0); // so that Ctrl-C does not reach it
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { shell: command.spawn().map_err(cannot("a guard"))? })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait(); // what it could not end is not ours to end
    }
}
