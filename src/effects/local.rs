//! The road to the operator's own machine: a `/bin/sh` in a process group of its own, so that what kills the runner does not kill the work.

use std::process::Stdio;

use tokio::process::Command;

use super::pipe::{NoShell, Pipe, Road};
use super::transport::{BoxFuture, Unreached};
use crate::event::{HostKey, Place};

/// What of the operator's environment a log-in has anyway; the rest stays here.
const LOGIN_VARIABLES: [&str; 7] = ["HOME", "USER", "LOGNAME", "SHELL", "PATH", "LANG", "TZ"];

/// This machine.
pub(super) struct LocalRoad {
    /// The program that stands for `/bin/sh`, and its words.
    shell: &'static [&'static str],
}

impl Default for LocalRoad {
    fn default() -> Self {
        Self { shell: &["/bin/sh"] }
    }
}

impl LocalRoad {
    /// With another shell than `/bin/sh`, for tests of the claim script.
    #[cfg(test)]
    pub fn with_shell(shell: &'static [&'static str]) -> Self {
        Self { shell }
    }

    fn place() -> Place {
        let read = |path: &str| std::fs::read_to_string(path).ok().map(|id| id.trim().to_owned()).filter(|id| !id.is_empty());
        let id = read("/etc/machine-id").unwrap_or_else(node_name);
        Place { login: "this machine".to_owned(), key: HostKey(format!("machine:{id}")) }
    }

    fn open(&self) -> Result<Pipe, NoShell> {
        let mut command = Command::new(self.shell[0]);
        command.args(&self.shell[1..]);
        command.env_clear().envs(LOGIN_VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let refused = |why: String| NoShell::Closed { host: "this machine".to_owned(), got: why };
        let mut child = command.spawn().map_err(|error| refused(error.to_string()))?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
            return Err(refused("a process without pipes".to_owned()));
        };
        let place = Self::place();
        Ok(Pipe { stdin: Box::new(stdin), stdout: Box::new(stdout), stderr: Box::new(stderr), place, held: Box::new(child) })
    }
}

fn node_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

impl Road for LocalRoad {
    fn reach(&self) -> BoxFuture<'_, Result<Place, Unreached>> {
        Box::pin(async { Ok(Self::place()) })
    }

    fn shell(&self) -> BoxFuture<'_, Result<Pipe, NoShell>> {
        Box::pin(async { self.open() })
    }

    fn shell_apart(&self) -> BoxFuture<'_, Result<Pipe, NoShell>> {
        self.shell()
    }

    fn lives(&self) -> BoxFuture<'_, bool> {
        Box::pin(async { true })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}
