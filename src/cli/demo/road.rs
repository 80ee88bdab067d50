//! How the demonstration reaches its host: over a throw-away `sshd` on 127.0.0.1 where one is installed and lets us in, else locally.
//! Never uses a person's own keys, configuration or known hosts.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::scene::{Scene, cannot, make_key};
use crate::cli::failure::Failure;

/// How long the server may take until it lets us in.
const LETS_IN_WITHIN: Duration = Duration::from_secs(10);
/// How often to try.
const EVERY: Duration = Duration::from_millis(100);
/// Where servers lie that no person's path names.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin"];

/// The road.
pub(super) enum Road {
    /// Over SSH, to this server.
    Ssh(Server),
    /// On this machine, and why not by SSH.
    Local { why: String },
}

/// A throw-away server; the guard ends its group.
pub(super) struct Server {
    process: Child,
    port: u16,
}

impl Road {
    /// The best road that there is.
    pub(super) fn find(scene: &Scene) -> Result<Self, Failure> {
        let Some(program) = installed() else { return Ok(Road::Local { why: "no sshd is installed".to_owned() }) };
        let folder = scene.root.join("ssh");
        let server = serve(scene, &program, &folder)?;
        match await_entry(&folder) {
            Ok(()) => Ok(Road::Ssh(server)),
            Err(why) => Ok(Road::Local { why }),
        }
    }

    /// `ssh` or `local`.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Road::Ssh(_) => "ssh",
            Road::Local { .. } => "local",
        }
    }

    /// Which road it is.
    pub(super) fn in_words(&self) -> String {
        match self {
            Road::Ssh(server) => format!("The host db-primary is reached over SSH: a throw-away sshd on 127.0.0.1, port {}\n", server.port),
            Road::Local { why } => format!("The host db-primary is this machine itself, reached without SSH, since {why}\n"),
        }
    }

    /// The inventory by which `db-primary` is reached.
    pub(super) fn inventory(&self, root: &Path) -> String {
        let plain = |path: &Path| path.to_str().is_some_and(|text| text.bytes().all(|c| c.is_ascii_alphanumeric() || b"/.-_".contains(&c)));
        let spool = root.join("spool");
        let spool = if plain(&spool) { format!(", spool: {}", spool.display()) } else { String::new() };
        match self {
            Road::Ssh(_) => {
                let config = serde_json::Value::from(root.join("ssh/config").display().to_string());
                format!("hosts:\n  db-primary: {{environment: production{spool}}}\nssh: {{config: {config}}}\n")
            }
            Road::Local { .. } => format!("hosts:\n  db-primary: {{connection: local, environment: production{spool}}}\n"),
        }
    }
}

fn installed() -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join("sshd")).find(|path| path.is_file())
}

fn serve(scene: &Scene, program: &Path, folder: &Path) -> Result<Server, Failure> {
    for name in ["host_key", "user_key"] {
        make_key(&folder.join(name))?;
    }
    fs::copy(folder.join("user_key.pub"), folder.join("authorized_keys")).map_err(cannot("a key"))?;
    let host_key = fs::read_to_string(folder.join("host_key.pub")).map_err(cannot("a key"))?;
    let port = free_port()?;
    let dir = folder.display();
    scene.write("ssh/known_hosts", &format!("* {host_key}"))?;
    scene.write(
        "ssh/sshd_config",
        &format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey \"{dir}/host_key\"\nAuthorizedKeysFile \"{dir}/authorized_keys\"\nPidFile none\n\
             StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nLogLevel ERROR\n"
        ),
    )?;
    scene.write(
        "ssh/config",
        &format!(
            "Host *\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile \"{dir}/user_key\"\n  IdentitiesOnly yes\n  IdentityAgent none\n  \
             UserKnownHostsFile \"{dir}/known_hosts\"\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  BatchMode yes\n"
        ),
    )?;
    let log = File::create(folder.join("sshd.log")).map_err(cannot("a log"))?;
    let mut command = Command::new(program);
    command.arg("-D").arg("-e").arg("-f").arg(folder.join("sshd_config")).process_group(0);
    let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().map_err(cannot("an SSH server"))?;
    scene.write("ssh/pid", &format!("{}\n", process.id()))?;
    Ok(Server { process, port })
}

fn free_port() -> Result<u16, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(cannot("a port"))?;
    Ok(listener.local_addr().map_err(cannot("a port"))?.port())
}

/// Logs in until it succeeds.
fn await_entry(folder: &Path) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let mut command = Command::new("ssh");
        command.arg("-F").arg(folder.join("config")).args(["-o", "ConnectTimeout=5", "db-primary", "true"]);
        let output = command.stdin(Stdio::null()).output().map_err(|error| format!("ssh could not be started: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        if begun.elapsed() > LETS_IN_WITHIN {
            let last = output.stderr.trim_ascii().split(|&byte| byte == b'\n').next_back().unwrap_or_default().to_vec();
            return Err(format!("a throw-away sshd does not let us in: {}", crate::base::escaped(last.trim_ascii())));
        }
        std::thread::sleep(EVERY);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait(); // only so that no zombie is left
    }
}
