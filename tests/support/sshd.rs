//! A throw-away `sshd` on loopback for tests: own keys, own folder, own port; ends what it started, by process id, when it is dropped.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long `sshd` may take to listen.
const LISTENING: Duration = Duration::from_secs(10);

/// A running server and a client configuration that reaches it as `target`.
pub struct Sshd {
    dir: TempDir,
    port: u16,
    server: Option<Child>,
    options: String,
    /// A file or folder that its sessions see at another place.
    seen: Option<(PathBuf, &'static str)>,
}

impl Sshd {
    /// Starts a server with these additional lines of `sshd_config`.
    pub fn start(options: &str) -> Self {
        Self::start_in(options, None)
    }

    /// Starts one whose sessions see this file or folder at that place: in a mount namespace of its own, which only root can have.
    pub fn start_seeing(options: &str, what: PathBuf, at: &'static str) -> Self {
        Self::start_in(options, Some((what, at)))
    }

    /// Starts the server anew, on the same port: as after a restart of its machine.
    pub fn start_anew(&mut self) {
        self.serve();
    }

    fn start_in(options: &str, seen: Option<(PathBuf, &'static str)>) -> Self {
        let dir = tempfile::Builder::new().prefix("sshd").tempdir().expect("a temporary folder");
        for name in ["host_key", "user_key"] {
            keygen(&dir.path().join(name));
        }
        std::fs::copy(dir.path().join("user_key.pub"), dir.path().join("authorized_keys")).expect("a copy of the key");
        let mut sshd = Self { dir, port: free_port(), server: None, options: options.to_owned(), seen };
        sshd.write_client("");
        sshd.serve();
        sshd
    }

    /// The folder that holds all of it.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The client's configuration file.
    pub fn client_config(&self) -> String {
        self.dir.path().join("ssh_config").to_string_lossy().into_owned()
    }

    /// Writes the client's configuration anew, with lines that go first.
    pub fn write_client(&self, first: &str) {
        let dir = self.dir.path().display();
        let known = std::fs::read_to_string(self.dir.path().join("host_key.pub")).expect("the host's key");
        std::fs::write(self.dir.path().join("known_hosts"), format!("* {known}")).expect("known_hosts");
        let text = format!(
            "{first}\nHost *\n  HostName 127.0.0.1\n  Port {}\n  User {}\n  IdentityFile {dir}/user_key\n  IdentitiesOnly yes\n  \
             UserKnownHostsFile {dir}/known_hosts\n  GlobalKnownHostsFile /dev/null\n  KexAlgorithms curve25519-sha256\n",
            self.port,
            user()
        );
        std::fs::write(self.dir.path().join("ssh_config"), text).expect("ssh_config");
    }

    /// The fingerprint of its host key, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        let output = Command::new("ssh-keygen").arg("-lf").arg(self.dir.path().join("host_key.pub")).output().expect("ssh-keygen");
        String::from_utf8_lossy(&output.stdout).split_whitespace().nth(1).expect("a fingerprint").to_owned()
    }

    /// Puts another host key in place, which the client trusts as well, and starts the server anew on the same port.
    pub fn change_host_key(&mut self) {
        self.stop();
        for name in ["host_key", "host_key.pub"] {
            std::fs::remove_file(self.dir.path().join(name)).expect("the old key");
        }
        keygen(&self.dir.path().join("host_key"));
        self.write_client("");
        self.serve();
    }

    /// The process ids of the sessions' servers: all that the listener started, and what those started, as far as they are `sshd`.
    pub fn sessions(&self) -> Vec<u32> {
        let listener = self.server.as_ref().map_or(0, Child::id);
        let mut found = children(listener, "sshd");
        let grandchildren: Vec<u32> = found.iter().flat_map(|pid| children(*pid, "sshd")).collect();
        found.extend(grandchildren);
        found
    }

    fn serve(&mut self) {
        let dir = self.dir.path().display();
        let config = format!(
            "{}\nPort {}\nListenAddress 127.0.0.1\nHostKey {dir}/host_key\nAuthorizedKeysFile {dir}/authorized_keys\nPidFile none\n\
             StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nLogLevel ERROR\n",
            self.options, self.port
        );
        std::fs::write(self.dir.path().join("sshd_config"), config).expect("sshd_config");
        // Where Debian's sshd separates privileges; harmless where it does not.
        std::fs::create_dir_all("/run/sshd").expect("the folder /run/sshd, which sshd asks for");
        let sshd = ["/usr/sbin/sshd", "/usr/bin/sshd", "/sbin/sshd"].into_iter().find(|path| Path::new(path).exists());
        let sshd = sshd.expect("these tests need an OpenSSH server: install openssh-server");
        let log = std::fs::File::create(self.dir.path().join("sshd.log")).expect("a log");
        let mut command = match &self.seen {
            None => Command::new(sshd),
            Some((what, at)) => {
                let mut command = Command::new("unshare");
                let bound = "mount --bind \"$0\" \"$1\" && shift && exec \"$@\"";
                command.args(["-m", "sh", "-c", bound]).arg(what).arg(at).arg(sshd);
                command
            }
        };
        command.arg("-D").arg("-e").arg("-f").arg(self.dir.path().join("sshd_config"));
        self.server = Some(command.stdin(Stdio::null()).stderr(log).spawn().expect("sshd starts"));
        self.wait_until_listening();
    }

    fn wait_until_listening(&self) {
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = || std::fs::read_to_string(self.dir.path().join("sshd.log")).unwrap_or_default();
            assert!(begun.elapsed() < LISTENING, "sshd does not listen: {}", log());
            std::thread::yield_now();
        }
    }

    /// Ends the server and its sessions.
    pub fn stop(&mut self) {
        let sessions = self.sessions();
        if let Some(mut server) = self.server.take() {
            // It may have ended by itself.
            let _ = server.kill();
            let _ = server.wait();
        }
        sessions.into_iter().for_each(|pid| signal(pid, "KILL"));
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Sends a signal to a process; one that is gone does not matter.
pub fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill").args(["-s", name, &pid.to_string()]).stderr(Stdio::null()).status();
}

/// The children of a process that have this name.
pub fn children(parent: u32, name: &str) -> Vec<u32> {
    let output = Command::new("ps").args(["-eo", "pid=,ppid=,comm="]).output().expect("ps");
    let lines = BufReader::new(output.stdout.as_slice()).lines().map_while(Result::ok);
    let child = |line: String| {
        let mut words = line.split_whitespace();
        let (pid, of, comm) = (words.next()?.parse().ok()?, words.next()?.parse::<u32>().ok()?, words.next()?);
        (of == parent && comm == name).then_some(pid)
    };
    lines.filter_map(child).collect()
}

/// The user who runs the tests.
pub fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn keygen(file: &PathBuf) {
    let status = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file).status().expect("ssh-keygen");
    assert!(status.success(), "ssh-keygen made no key");
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port").port()
}
