//! A way to a host: proves where it leads and opens shells there. Never knows what the shells are told.

use tokio::io::{AsyncRead, AsyncWrite};

use super::transport::{BoxFuture, Unreached};
use crate::event::Place;

/// A `/bin/sh` on a host that reads what we write. Dropping it closes the connection's ends; what the shell started goes on.
pub(super) struct Pipe {
    pub stdin: Box<dyn AsyncWrite + Send + Sync + Unpin>,
    pub stdout: Box<dyn AsyncRead + Send + Sync + Unpin>,
    pub stderr: Box<dyn AsyncRead + Send + Sync + Unpin>,
    /// Where it leads, as proven by the connection that carries it.
    pub place: Place,
    /// What must live as long as the pipe.
    pub held: Box<dyn Send + Sync>,
}

/// Why there is no shell. Nothing was sent in any of these cases.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum NoShell {
    /// No connection, with the true cause.
    #[error("{0}")]
    Unreached(#[from] Unreached),
    /// The host is connected and takes no further session now (sshd's `MaxSessions`).
    #[error("{host} takes no further session on this connection: {why}")]
    Full { host: String, why: String },
    /// The host answers, and its log-in runs no shell.
    #[error("the log-in on {host} runs no shell: expected /bin/sh, got {got}")]
    Closed { host: String, got: String },
}

/// One host's road.
pub(super) trait Road: Send + Sync {
    /// Connects where there is no living connection, and says where it leads.
    fn reach(&self) -> BoxFuture<'_, Result<Place, Unreached>>;

    /// Opens a shell, over a new connection where the old one is dead.
    fn shell(&self) -> BoxFuture<'_, Result<Pipe, NoShell>>;

    /// Opens a shell over a connection of its own, for what cannot wait until the host takes another session.
    fn shell_apart(&self) -> BoxFuture<'_, Result<Pipe, NoShell>>;

    /// Whether the connection lives, as far as this machine knows.
    fn lives(&self) -> BoxFuture<'_, bool>;

    /// Ends the connection.
    fn close(&self) -> BoxFuture<'_, ()>;
}
