//! One foreground `ssh -M -N` that we own: it ends with us, however we end, and its log says the true cause. Never outlives the runner.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use openssh::Session;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::pipe::Pipe;
use crate::base::escaped;
use crate::event::{HostKey, Place};

/// Runs `ssh` and kills it when our end of its standard input closes: even a killed runner leaves no connection behind.
const KEEPER: &str = "exec 3<&0; \"$@\" </dev/null 3<&- & p=$!
{ read -r _; kill \"$p\"; } <&3 2>/dev/null & w=$!
exec 3<&-; wait \"$p\"; kill \"$w\" 2>/dev/null";

/// What is asked of every connection, a run's or a look's, besides what the operator's configuration says: nothing but the command goes over
/// it, and nobody is asked anything.
pub const PRECAUTIONS: [&str; 11] = [
    "-T",
    "-oBatchMode=yes",
    "-oStrictHostKeyChecking=yes",
    "-oForwardAgent=no",
    "-oForwardX11=no",
    "-oClearAllForwardings=yes",
    "-oPermitLocalCommand=no",
    "-oRemoteCommand=none",
    "-oUpdateHostKeys=no",
    "-oEscapeChar=none",
    "-oTunnel=no",
];

/// What makes it one that carries sessions, and says how it comes about.
const MASTER: [&str; 6] = ["-v", "-M", "-N", "-oControlPersist=no", "-oStdinNull=yes", "-oLogLevel=DEBUG1"];

/// Lines of a cause that are worth showing.
const CAUSES: usize = 6;

/// Numbers the sockets of this process.
static SOCKETS: AtomicU64 = AtomicU64::new(0);

/// A living connection.
pub(super) struct Master {
    place: Place,
    session: Arc<Session>,
    _keeper: Child,
    /// Open as long as we live and want it to.
    _leash: Option<ChildStdin>,
    _sockets: Arc<TempDir>,
    listeners: Vec<JoinHandle<()>>,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum Failed {
    /// The other end closed it before it proved its key: worth another try.
    Dropped { why: String },
    /// Everything else.
    Refused { why: String },
}

/// What the log has said.
#[derive(Debug, Clone, Default)]
struct Progress {
    connected: bool,
    key: Option<String>,
    ready: bool,
}

type Causes = Arc<Mutex<Vec<String>>>;

impl Master {
    /// Connects, and returns when the connection carries sessions.
    ///
    /// # Errors
    /// [`Failed`], with what `ssh` itself and the servers on the way say.
    pub async fn start(
        sockets: Arc<TempDir>,
        options: &[String],
        (destination, login): (&[String], &str),
        withheld: &[String],
    ) -> Result<Self, Failed> {
        let number = SOCKETS.fetch_add(1, Ordering::Relaxed);
        let (socket, log) = (sockets.path().join(format!("m{number}")), sockets.path().join(format!("l{number}")));
        let own = |error: std::io::Error| Failed::Refused { why: format!("ssh cannot be started: {error}") };
        rustix::fs::mkfifoat(rustix::fs::CWD, &log, rustix::fs::Mode::RWXU).map_err(|error| own(error.into()))?;
        let reader = pipe::OpenOptions::new().open_receiver(&log).map_err(own)?;
        // Without a writer, the log would be at its end before `ssh` opens it.
        let writer = pipe::OpenOptions::new().open_sender(&log).map_err(own)?;
        let command = keeper(&socket, &log, options, destination);
        let mut keeper = without(command, withheld).spawn().map_err(own)?;
        // Waiting would close it.
        let leash = keeper.stdin.take();
        let (causes, (tell, mut progress)) = (Causes::default(), watch::channel(Progress::default()));
        let stderr = keeper.stderr.take().map(|stderr| tokio::spawn(keep_causes(stderr, causes.clone())));
        let mut listeners = vec![tokio::spawn(read_log(reader, tell, causes.clone()))];
        listeners.extend(stderr);
        let ready = tokio::select! {
            ready = progress.wait_for(|progress| progress.ready) => ready.is_ok(),
            _ = keeper.wait() => false,
        };
        if !ready {
            drop(writer);
            return Err(failed(listeners, &progress, &causes).await);
        }
        let key = progress.borrow().key.clone();
        let key = key.ok_or_else(|| Failed::Refused { why: "ssh did not say which host key was proven".to_owned() })?;
        let place = Place { login: login.to_owned(), key: HostKey(key) };
        let session = Arc::new(Session::resume_mux(socket.into_boxed_path(), None));
        Ok(Self { place, session, _keeper: keeper, _leash: leash, _sockets: sockets, listeners })
    }

    /// Where it leads.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Whether `ssh` still answers; a silent network shows only after its `ServerAlive` limits.
    pub async fn lives(&self) -> bool {
        self.session.check().await.is_ok()
    }

    /// A shell: `exec /bin/sh` is read alike by every log-in shell.
    ///
    /// # Errors
    /// What `ssh` says; nothing was sent to a shell.
    pub async fn shell(&self) -> Result<Pipe, String> {
        let mut command = self.session.clone().arc_raw_command("exec /bin/sh");
        command.stdin(openssh::Stdio::piped()).stdout(openssh::Stdio::piped()).stderr(openssh::Stdio::piped());
        let mut child = command.spawn().await.map_err(|error| causes_of(&error))?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin().take(), child.stdout().take(), child.stderr().take()) else {
            return Err("a session without pipes".to_owned());
        };
        let place = self.place.clone();
        Ok(Pipe { stdin: Box::new(stdin), stdout: Box::new(stdout), stderr: Box::new(stderr), place, held: Box::new(child) })
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.listeners.iter().for_each(JoinHandle::abort);
    }
}

fn keeper(socket: &std::path::Path, log: &PathBuf, options: &[String], destination: &[String]) -> Command {
    // `%` begins a token in a control path.
    let path = socket.to_string_lossy().replace('%', "%%");
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", KEEPER, "runbook-connection", "ssh"])
        .args(PRECAUTIONS)
        .args(MASTER)
        .arg(format!("-oControlPath={path}"))
        .arg("-E")
        .arg(log);
    command.args(options).args(destination);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    command
}

/// A command that does not inherit these variables.
pub(super) fn without(mut command: Command, variables: &[String]) -> Command {
    variables.iter().for_each(|name| {
        command.env_remove(name);
    });
    command
}

fn causes_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

async fn failed(listeners: Vec<JoinHandle<()>>, progress: &watch::Receiver<Progress>, causes: &Causes) -> Failed {
    for listener in listeners {
        // A listener that was cancelled has nothing more to say.
        let _ = listener.await;
    }
    let said = causes.lock().unwrap_or_else(PoisonError::into_inner).join("; ");
    let why = if said.is_empty() { "ssh ended without a word".to_owned() } else { said };
    let progress = progress.borrow();
    if progress.connected && progress.key.is_none() { Failed::Dropped { why } } else { Failed::Refused { why } }
}

/// Follows the log of our own `ssh`, which no server and no bastion can write lines of their own to.
async fn read_log(from: pipe::Receiver, tell: watch::Sender<Progress>, causes: Causes) {
    let mut lines = BufReader::new(from).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let Some(said) = line.strip_prefix("debug1: ") else {
            keep(&causes, &line);
            continue;
        };
        tell.send_modify(|progress| {
            progress.connected |= said.starts_with("Connection established") || said.starts_with("Executing proxy command");
            if let Some(key) = said.strip_prefix("Server host key: ").and_then(|key| key.split_whitespace().nth(1))
                && !progress.ready
            {
                progress.key = Some(key.to_owned());
            }
            progress.ready |= said.starts_with("Entering interactive session");
        });
    }
}

/// Keeps what bastions and banners say.
async fn keep_causes(from: impl AsyncRead + Unpin, causes: Causes) {
    let mut lines = BufReader::new(from).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        keep(&causes, &String::from_utf8_lossy(&line));
    }
}

fn keep(causes: &Causes, line: &str) {
    let line = line.trim();
    let noise = ["debug1:", "OpenSSH_", "Authenticated to", "Transferred:", "Bytes per second"];
    if line.is_empty() || noise.iter().any(|noise| line.starts_with(noise)) {
        return;
    }
    let mut causes = causes.lock().unwrap_or_else(PoisonError::into_inner);
    causes.push(escaped(line.as_bytes()));
    if causes.len() > CAUSES {
        causes.remove(0);
    }
}
