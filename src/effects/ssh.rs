//! The road over the operator's own OpenSSH. Never weakens what its configuration asks for, and never asks a person anything.

use std::collections::HashMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use super::master::{Failed, Master, without};
use super::pipe::{NoShell, Pipe, Road};
use super::station::chance;
use super::transport::{BoxFuture, Unreached};
use crate::base::escaped;
use crate::event::Place;

/// Connections that may be set up at once through one address or bastion: sshd's default `MaxStartups 10:30:100` drops the eleventh.
const SETTING_UP: usize = 8;

/// Tries of one connection, where the server closed it before it proved its key: what `MaxStartups` does.
const TRIES: u32 = 5;

/// The longest pause before the second try; it doubles.
const JITTER_MILLIS: u64 = 400;

/// A connection is not set up for longer than this; a hardware key waits for a finger meanwhile.
const CONNECT: Duration = Duration::from_secs(45);

/// Reading the operator's configuration takes 10 ms; an `exec` in a `Match` may take longer.
const CONFIGURATION: Duration = Duration::from_secs(15);

/// Opening a session on a living connection.
const SESSION: Duration = Duration::from_secs(20);

/// Silence that we bear before a connection counts as lost, unless the operator bears less.
const ALIVE: (u32, u32) = (5, 3);

/// The longest path of a control socket that OpenSSH and all systems take, with the suffix that `ssh` adds while it binds.
const SOCKET_PATH: usize = 90;

/// What all hosts of a run share.
pub(super) struct SshHouse {
    config: Option<String>,
    /// Variables of our environment that `ssh` must not have: its configuration may send them on.
    withheld: Vec<String>,
    sockets: Mutex<Option<Arc<TempDir>>>,
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// One host behind OpenSSH.
pub(super) struct SshRoad {
    house: Arc<SshHouse>,
    address: String,
    port: Option<u16>,
    user: Option<String>,
    master: AsyncMutex<Option<Arc<Master>>>,
}

/// What `ssh -G` says of a host.
#[derive(Debug, Clone)]
struct Settings {
    login: String,
    /// Whom a connection set-up burdens.
    door: String,
    alive_options: Vec<String>,
}

impl SshHouse {
    pub fn new(config: Option<String>, withheld: Vec<String>) -> Self {
        Self { config, withheld, sockets: Mutex::new(None), gates: Mutex::new(HashMap::new()) }
    }

    /// A new socket's folder: 0700, and short enough; goes with the run.
    fn sockets(&self) -> Result<Arc<TempDir>, Unreached> {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(dir) = sockets.as_ref() {
            return Ok(dir.clone());
        }
        let fits = |dir: &PathBuf| dir.as_os_str().len() + 40 <= SOCKET_PATH;
        let parent = [std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from), Some(std::env::temp_dir())];
        let parent = parent.into_iter().flatten().find(|dir| dir.is_dir() && fits(dir)).unwrap_or_else(|| PathBuf::from("/tmp"));
        let made = tempfile::Builder::new().prefix("rb").permissions(Permissions::from_mode(0o700)).tempdir_in(&parent);
        let dir =
            made.map_err(|error| Unreached { why: format!("no folder for connections can be made in {}: {error}", parent.display()) })?;
        Ok(sockets.insert(Arc::new(dir)).clone())
    }

    fn gate(&self, door: &str) -> Arc<Semaphore> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.entry(door.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(SETTING_UP))).clone()
    }
}

impl SshRoad {
    pub fn new(house: Arc<SshHouse>, address: String, port: Option<u16>, user: Option<String>) -> Self {
        Self { house, address, port, user, master: AsyncMutex::new(None) }
    }

    /// The options that say where to, and the address, which can never be taken for an option.
    fn destination(&self) -> Vec<String> {
        let mut words = Vec::new();
        words.extend(self.house.config.iter().flat_map(|file| ["-F".to_owned(), file.clone()]));
        words.extend(self.port.iter().flat_map(|port| ["-p".to_owned(), port.to_string()]));
        words.extend(self.user.iter().flat_map(|user| ["-l".to_owned(), user.clone()]));
        words.extend(["--".to_owned(), self.address.clone()]);
        words
    }

    /// Where a connection would go, as `host:port`, by the operator's configuration alone; `None` where `ssh` cannot say.
    pub async fn endpoint(&self) -> Option<String> {
        let login = self.settings().await.ok()?.login;
        login.rsplit_once('@').map(|(_, endpoint)| endpoint.to_ascii_lowercase())
    }

    async fn settings(&self) -> Result<Settings, Unreached> {
        let mut command = without(Command::new("ssh"), &self.house.withheld);
        command.arg("-G").args(self.destination()).stdin(Stdio::null()).kill_on_drop(true);
        let why = match timeout(CONFIGURATION, command.output()).await {
            Ok(Ok(output)) if output.status.success() => return Ok(Settings::read(&String::from_utf8_lossy(&output.stdout))),
            Ok(Ok(output)) => escaped(String::from_utf8_lossy(&output.stderr).trim().as_bytes()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", CONFIGURATION.as_secs()),
        };
        Err(Unreached { why: format!("ssh cannot say how to reach {}: {why}", self.address) })
    }

    /// The living connection, or a new one.
    async fn master(&self) -> Result<Arc<Master>, Unreached> {
        let mut slot = self.master.lock().await;
        if let Some(master) = slot.as_ref()
            && master.lives().await
        {
            return Ok(master.clone());
        }
        *slot = None;
        Ok(slot.insert(Arc::new(self.fresh().await?)).clone())
    }

    async fn fresh(&self) -> Result<Master, Unreached> {
        let settings = self.settings().await?;
        let made = timeout(CONNECT, self.connect(&settings)).await;
        made.map_err(|_| Unreached { why: format!("{} could not be reached within {} s", self.address, CONNECT.as_secs()) })?
    }

    async fn open_apart(&self) -> Result<Pipe, NoShell> {
        let master = self.fresh().await?;
        let mut pipe = master.shell().await.map_err(|why| NoShell::Full { host: self.address.clone(), why })?;
        pipe.held = Box::new((pipe.held, master));
        Ok(pipe)
    }

    async fn connect(&self, settings: &Settings) -> Result<Master, Unreached> {
        let mut pause = JITTER_MILLIS;
        for last in (0..TRIES).map(|tried| tried + 1 == TRIES) {
            let gate = self.house.gate(&settings.door);
            // The semaphore is never closed: without a permit we would go on all the same.
            let turn = gate.acquire().await.ok();
            match Master::start(
                self.house.sockets()?,
                &settings.alive_options,
                (&self.destination(), &settings.login),
                &self.house.withheld,
            )
            .await
            {
                Ok(master) => return Ok(master),
                Err(Failed::Dropped { .. }) if !last => {}
                Err(Failed::Dropped { why } | Failed::Refused { why }) => {
                    return Err(Unreached { why: format!("{}: {why}", self.address) });
                }
            }
            drop(turn);
            sleep(Duration::from_millis(chance() % pause)).await;
            pause *= 2;
        }
        Err(Unreached { why: format!("{}: no connection", self.address) })
    }

    /// A session; over a new connection where the old one turns out to be dead.
    async fn open(&self) -> Result<Pipe, NoShell> {
        let begun = Instant::now();
        loop {
            let master = self.master().await?;
            let opened = timeout(SESSION, master.shell()).await;
            let why = match opened {
                Ok(Ok(pipe)) => return Ok(pipe),
                Ok(Err(why)) => why,
                Err(_) => format!("no answer within {} s", SESSION.as_secs()),
            };
            if master.lives().await || begun.elapsed() > CONNECT {
                return Err(NoShell::Full { host: self.address.clone(), why });
            }
        }
    }
}

impl Settings {
    fn read(text: &str) -> Self {
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')).unwrap_or("").to_owned();
        let number = |key: &str| value(key).parse::<u32>().unwrap_or(0);
        let login = format!("{}@{}:{}", value("user"), value("hostname"), value("port"));
        let jump = value("proxyjump");
        let bears = number("serveraliveinterval").saturating_mul(number("serveralivecountmax"));
        let weaker = bears == 0 || bears > ALIVE.0 * ALIVE.1;
        let alive = [format!("-oServerAliveInterval={}", ALIVE.0), format!("-oServerAliveCountMax={}", ALIVE.1)];
        let door = if jump.is_empty() || jump == "none" { value("hostname") } else { jump };
        Self { login, door, alive_options: if weaker { alive.to_vec() } else { Vec::new() } }
    }
}

impl Road for SshRoad {
    fn reach(&self) -> BoxFuture<'_, Result<Place, Unreached>> {
        Box::pin(async { Ok(self.master().await?.place().clone()) })
    }

    fn shell(&self) -> BoxFuture<'_, Result<Pipe, NoShell>> {
        Box::pin(self.open())
    }

    fn shell_apart(&self) -> BoxFuture<'_, Result<Pipe, NoShell>> {
        Box::pin(self.open_apart())
    }

    fn lives(&self) -> BoxFuture<'_, bool> {
        Box::pin(async {
            let master = self.master.lock().await.clone();
            match master {
                Some(master) => master.lives().await,
                None => false,
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let master = self.master.lock().await.take();
            drop(master);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_who_bears_less_silence_is_not_overruled() {
        let settings = |interval: u32, count: u32| {
            Settings::read(&format!("user ops\nhostname 10.0.0.5\nport 22\nserveraliveinterval {interval}\nserveralivecountmax {count}\n"))
        };
        assert!(settings(1, 3).alive_options.is_empty());
        assert!(!settings(0, 3).alive_options.is_empty() && !settings(60, 3).alive_options.is_empty());
        assert_eq!(settings(0, 3).login, "ops@10.0.0.5:22");
    }
}
