//! The shipped `restart-db` against a real PostgreSQL whose postmaster is stopped in its tracks. Ends the server that it started.

#[path = "verbs/lab.rs"]
#[allow(dead_code, reason = "the tests of the verbs use the rest of it")]
mod lab;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lab::Lab;

/// Longer than the runbook takes on a loaded machine: ten seconds for the shutdown that does not come, three connections of five.
const WITHIN: Duration = Duration::from_secs(180);

/// A throw-away cluster that listens on a socket only.
struct Cluster {
    folder: tempfile::TempDir,
    programs: PathBuf,
    user: String,
    port: u16,
}

impl Cluster {
    fn start() -> Self {
        let programs = programs();
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        let me = said(Command::new("id").arg("-un"));
        let user = if me == "root" { "postgres".to_owned() } else { me }; // PostgreSQL refuses to run as root
        fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let cluster = Self { folder, programs, user, port };
        fs::create_dir(cluster.home()).unwrap();
        if cluster.user == "postgres" {
            assert!(Command::new("chown").arg("postgres").arg(cluster.home()).status().unwrap().success());
        }
        let data = cluster.data().display().to_string();
        cluster.run("initdb", &["-D", &data, "-A", "trust", "-N"]);
        let home = cluster.home().display().to_string();
        let lines = format!("port={port}\nunix_socket_directories='{home}'\nlisten_addresses=''\n");
        cluster.shell(&format!("printf '%s' \"$0\" >>{data}/postgresql.conf"), &lines);
        let log = cluster.log().display().to_string();
        cluster.run("pg_ctl", &["start", "-D", &data, "-l", &log, "-w"]);
        cluster
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn data(&self) -> PathBuf {
        self.home().join("data")
    }

    fn log(&self) -> PathBuf {
        self.home().join("log")
    }

    fn as_user(&self) -> Command {
        let mut command = Command::new("sudo");
        command.args(["-n", "-u", &self.user, "--"]).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn run(&self, program: &str, words: &[&str]) {
        assert!(self.as_user().arg(self.programs.join(program)).args(words).status().unwrap().success(), "{program}");
    }

    fn shell(&self, text: &str, word: &str) {
        assert!(self.as_user().args(["sh", "-c", text, word]).status().unwrap().success(), "{text}");
    }

    fn postmaster(&self) -> String {
        let mut command = self.as_user();
        command.args(["head", "-n", "1"]).arg(self.data().join("postmaster.pid")).stdout(Stdio::piped());
        said(&mut command)
    }

    /// The server's log.
    fn told(&self) -> String {
        said(self.as_user().arg("cat").arg(self.log()).stdout(Stdio::piped()))
    }

    fn answers(&self) -> bool {
        let mut command = self.as_user();
        command.arg(self.programs.join("psql")).args(["-h", &self.home().display().to_string(), "-p", &self.port.to_string()]);
        command.args(["-d", "postgres", "-XAtc", "select 1"]).env("PGCONNECT_TIMEOUT", "5").stdout(Stdio::piped());
        said(&mut command) == "1"
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stop = "kill -s CONT $(head -n 1 $0/postmaster.pid); \"$1/pg_ctl\" stop -D $0 -m immediate -w";
        // the server may be gone already
        let _ = self.as_user().args(["sh", "-c", stop]).arg(self.data()).arg(&self.programs).stderr(Stdio::null()).status();
    }
}

/// The newest PostgreSQL on this machine.
fn programs() -> PathBuf {
    let mut versions: Vec<PathBuf> =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().map(|entry| entry.unwrap().path().join("bin")).collect();
    versions.retain(|folder| folder.join("initdb").is_file());
    versions.sort();
    versions.pop().unwrap_or_else(|| {
        let found = said(Command::new("sh").args(["-c", "command -v initdb"]));
        assert!(!found.is_empty(), "this test needs PostgreSQL's own programs: install postgresql");
        Path::new(&found).parent().unwrap().to_owned()
    })
}

fn said(command: &mut Command) -> String {
    String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned()
}

/// A lab whose library is the shipped one, with the host on this machine.
fn shipped() -> Lab {
    let lab = Lab::with_people(&["alice", "bob"]);
    for name in ["restart-db.yaml", "team/policy.yaml"] {
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks").join(name), lab.library().join(name)).unwrap();
    }
    let spool = lab.library().canonicalize().unwrap().with_file_name("spool");
    let inventory = format!("hosts:\n  db-primary: {{connection: local, environment: production, spool: {}}}\n", spool.display());
    lab.write("team/inventory.yaml", &inventory);
    lab
}

/// The check code of the run that waits.
fn check_code(lab: &Lab, alice: &mut Child) -> String {
    let begun = Instant::now();
    loop {
        let output = lab.command(&["runs", "--output", "json"]).output().unwrap();
        let runs: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        if let Some(check) = runs["runs"][0]["gate"]["check"].as_str() {
            return check.to_owned();
        }
        assert!(alice.try_wait().unwrap().is_none(), "the run ended before its gate");
        assert!(begun.elapsed() < WITHIN, "the run does not come to its gate");
        std::thread::yield_now();
    }
}

#[test]
fn a_wedged_postgresql_is_restarted_behind_a_gate_and_answers_again() {
    let (cluster, lab) = (Cluster::start(), shipped());
    let before = cluster.postmaster();
    assert!(cluster.as_user().args(["kill", "-s", "STOP", &before]).status().unwrap().success());
    let values = [
        "manager=pg_ctl".to_owned(),
        format!("user={}", cluster.user),
        format!("socket={}", cluster.home().display()),
        format!("port={}", cluster.port),
        format!("bin={}", cluster.programs.display()),
        format!("data={}", cluster.data().display()),
        format!("log={}", cluster.log().display()),
    ];
    let mut exec = lab.command(&["exec", "restart-db", "--as", "alice@example.com", "--output", "json", "--quiet"]);
    exec.arg("--key").arg(lab.key("alice")).args(values.iter().flat_map(|value| ["-p", value]));
    let mut alice = exec.stdout(Stdio::piped()).spawn().unwrap();
    let check = check_code(&lab, &mut alice);
    assert_eq!(cluster.postmaster(), before, "nothing is restarted before the approval");
    let key = lab.key("bob").display().to_string();
    let approved = lab.command(&["approve", "--as", "bob@example.com", "--key", &key, "--check", &check]).output().unwrap();
    assert!(approved.status.success(), "{}", String::from_utf8_lossy(&approved.stderr));
    let output = alice.wait_with_output().unwrap();
    let run: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((run["verdict"].as_str(), output.status.code()), (Some("recovered"), Some(0)), "{run:#}\n{}", cluster.told());
    assert_ne!(cluster.postmaster(), before, "the postmaster is another process");
    assert!(cluster.answers());
    assert!(lab.command(&["verify", "latest"]).output().unwrap().status.success());
}
