//! The port to hosts. An implementation tells outcomes truthfully, `unknown` included; it never decides what runs.

use std::future::Future;
use std::pin::Pin;

use crate::base::{HostName, RunId, SecretValue, StepId};
use crate::engine::Permit;
use crate::event::{Outcome, Part, Place};

/// A future on the heap, so that transports can be chosen at run time.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Takes output as it arrives. It must not block for long: the target's command waits while we do not read.
pub trait OutputSink: Send {
    /// More bytes of standard output.
    fn stdout(&mut self, bytes: &[u8]);
    /// More bytes of standard error.
    fn stderr(&mut self, bytes: &[u8]);
}

/// How hard a run is being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopLevel {
    /// Not at all.
    GoOn,
    /// What runs may finish; nothing new starts. Transports need do nothing.
    Finish,
    /// What runs is ended on the targets: TERM, then KILL, to the whole process group.
    Kill,
}

/// Tells a transport when the level changes.
pub type StopSignal = tokio::sync::watch::Receiver<StopLevel>;

/// A host as a transport knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub name: HostName,
    pub way: Way,
    /// The folder under which claims lie; `$HOME/.local/state/runbook-claims` where it is `None`.
    pub spool: Option<String>,
}

/// How a host is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Through the operator's OpenSSH; what is `None` is left to its configuration.
    Ssh { address: String, port: Option<u16>, user: Option<String> },
    /// On this machine.
    Local,
}

/// A host that could not be reached, in a sentence that names the true cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unreached {
    pub why: String,
}

/// Hosts to run actions on.
pub trait Transport: Send + Sync {
    /// Connects where there is no connection, and says where it leads: log-in and proven host key. Runs nothing there.
    /// Within a run it is called before anything is started on that host, and never after: it may mark the host as untouched by the run.
    /// Callers may ask for many hosts at once; the transport bounds what a host or bastion must bear.
    fn reach<'a>(&'a self, host: &'a HostName) -> BoxFuture<'a, Result<Place, Unreached>>;

    /// Carries out one attempt and says what became of it. Output is given to `out` in full before this returns; what was sent before
    /// a lost connection is not given twice. A host that now proves another key than `action.place` names is `NeverStarted`.
    fn run<'a>(&'a self, permit: Permit, out: &'a mut dyn OutputSink, stop: StopSignal) -> BoxFuture<'a, Outcome>;

    /// Reads a file on the attempt's host that holds a secret of it, as the attempt's user; a newline at its end is dropped. Nothing of it is
    /// stored on the way. It is a part of the attempt, so it needs the attempt's permit, and spends it not.
    ///
    /// # Errors
    /// A sentence with the cause.
    fn read_secret<'a>(&'a self, permit: &'a Permit, path: &'a str, stop: StopSignal) -> BoxFuture<'a, Result<SecretValue, String>> {
        let (host, _) = (permit.task().host(), stop);
        Box::pin(async move { Err(format!("{host} has no file {path}")) })
    }

    /// The outcome is durable: the target may forget the attempt's output, but never that it was claimed. Failures do not matter.
    fn forget<'a>(&'a self, host: &'a HostName, run: &'a RunId, step: &'a StepId, part: Part, attempt: u32) -> BoxFuture<'a, ()>;

    /// Ends connections. Work on targets is not touched.
    fn close(&self) -> BoxFuture<'_, ()>;
}
