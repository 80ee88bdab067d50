//! A team in a temporary folder: people with keys, a library, a store, a throw-away sshd, and the real binary run as a person would.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

#[path = "sshd.rs"]
pub mod sshd;

use sshd::Sshd;

/// How long anything that was asked for may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The shipped policy's floors, and a group for everybody.
pub const POLICY: &str = "domain: example.com
people:
  alice@example.com: {groups: [dba]}
  bob@example.com: {groups: [sre]}
  carol@example.com: {groups: [ic]}
environments:
  production:
    idempotent: {approvals: 1}
    once: {approvals: 1}
    destructive: {approvals: 2}
  staging:
    idempotent: {approvals: 0}
    once: {approvals: 0}
    destructive: {approvals: 1}
";

/// Room for many sessions of one machine, and a log-in whose shell reads no rc files, whosever machine this is.
const SERVER: &str = "MaxSessions 50\nMaxStartups 100\nSetEnv SHLVL=2";

/// A team.
pub struct Lab {
    pub dir: TempDir,
    pub sshd: Option<Sshd>,
}

/// A gate that waits.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub run: String,
    pub check: String,
    pub request: PathBuf,
}

impl Lab {
    /// Alice, bob and carol with keys; no hosts but this machine, which counts as production.
    pub fn new() -> Self {
        let lab = Self { dir: tempfile::Builder::new().prefix("lab").tempdir().unwrap(), sshd: None };
        std::fs::create_dir_all(lab.path("runbooks/team")).unwrap();
        for person in ["alice", "bob", "carol", "mallory"] {
            lab.keygen(person);
        }
        lab.write("runbooks/team/policy.yaml", POLICY);
        lab.write("runbooks/team/allowed_signers", &["alice", "bob", "carol"].map(|person| lab.signer(person, person)).concat());
        lab.write(
            "runbooks/team/inventory.yaml",
            &format!("hosts:\n  local: {{connection: local, spool: {}}}\n", lab.path("spool").display()),
        );
        lab
    }

    /// The same with these hosts, all of them one throw-away sshd, in this environment.
    pub fn with_hosts(hosts: &[&str], environment: &str) -> Self {
        Self::new().behind(Sshd::start(SERVER), hosts, environment)
    }

    /// The same behind this server.
    pub fn behind(mut self, sshd: Sshd, hosts: &[&str], environment: &str) -> Self {
        let lab = &mut self;
        let mut text = format!("ssh: {{config: {}}}\nhosts:\n", sshd.client_config());
        for host in hosts {
            let spool = lab.path("spool");
            text.push_str(&format!("  {host}: {{environment: {environment}, groups: [all-of-them], spool: {}}}\n", spool.display()));
        }
        lab.write("runbooks/team/inventory.yaml", &text);
        lab.sshd = Some(sshd);
        self
    }

    /// A path in the team's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file of the team's folder.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Reads one.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Writes a program of the team's folder: the text of a shell script.
    pub fn program(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        self.write(name, &format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(self.path(name), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Writes a runbook.
    pub fn runbook(&self, name: &str, text: &str) {
        self.write(&format!("runbooks/{name}.yaml"), &format!("runbook: {name}\ntitle: A test\n{text}"));
    }

    fn keygen(&self, name: &str) {
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(self.path(name)).status();
        assert!(made.is_ok_and(|status| status.success()), "ssh-keygen makes a key");
    }

    /// A line of `allowed_signers` for a person with the key of this name.
    pub fn signer(&self, person: &str, key: &str) -> String {
        let public = self.read(&format!("{key}.pub"));
        let key: Vec<&str> = public.split_whitespace().take(2).collect();
        format!("{person}@example.com namespaces=\"runbook-*@example.com\" {}\n", key.join(" "))
    }

    /// The binary, as this person, in this team.
    pub fn runbook_as(&self, person: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runbook"));
        command.args(args).current_dir(self.dir.path()).stdin(Stdio::null());
        for name in ["RUNBOOK_LIBRARY", "RUNBOOK_AS", "RUNBOOK_KEY", "SSH_AUTH_SOCK"] {
            command.env_remove(name);
        }
        command.env("RUNBOOK_STORE", self.path("store")).env("XDG_STATE_HOME", self.path(&format!("state-{person}"))).env("NO_COLOR", "1");
        command.args(["--as", &format!("{person}@example.com"), "--key"]).arg(self.path(person));
        command
    }

    /// Runs it to its end.
    pub fn run_as(&self, person: &str, args: &[&str]) -> Output {
        self.runbook_as(person, args).output().unwrap()
    }

    /// Starts `exec` as alice, its words in `exec.out` and `exec.err`.
    pub fn start_exec(&self, args: &[&str]) -> Child {
        self.start("alice", &[&["exec"], args].concat())
    }

    /// Starts the binary in the background, its words in `exec.out` and `exec.err`.
    pub fn start(&self, person: &str, args: &[&str]) -> Child {
        let file = |name: &str| std::fs::File::create(self.path(name)).unwrap();
        self.runbook_as(person, args).stdout(file("exec.out")).stderr(file("exec.err")).spawn().unwrap()
    }

    /// What the background process said.
    pub fn said(&self) -> String {
        format!("{}{}", self.read("exec.out"), self.read("exec.err"))
    }

    /// The runs, newest first, as `runs --output json` gives them.
    pub fn runs(&self) -> Vec<Value> {
        let output = self.run_as("alice", &["runs", "--output", "json"]);
        let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", shown(&output)));
        value["runs"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until a run waits at a gate that was not there before (by its check code).
    pub fn next_gate(&self, child: &mut Child, before: &[&str]) -> Waiting {
        let ended = |status| panic!("exec ended with {status} before its gate:\n{}", self.said());
        self.gate_or_end(child, before).unwrap_or_else(ended)
    }

    /// The same, or the exit status of the process where it ends before.
    pub fn gate_or_end(&self, child: &mut Child, before: &[&str]) -> Result<Waiting, i32> {
        until("a gate", || {
            if let Ok(Some(status)) = child.try_wait() {
                return Some(Err(status.code().unwrap_or(-1)));
            }
            let runs = self.runs();
            let gate =
                runs.iter().find_map(|run| Some((run["run"].as_str()?, run["gate"]["check"].as_str()?, run["gate"]["request"].as_str()?)));
            let (run, check, request) = gate.filter(|(_, check, _)| !before.contains(check))?;
            Some(Ok(Waiting { run: run.to_owned(), check: check.to_owned(), request: PathBuf::from(request) }))
        })
    }

    /// Waits for the first gate.
    pub fn gate(&self, child: &mut Child) -> Waiting {
        self.next_gate(child, &[])
    }

    /// Approves as this person, by the check code.
    pub fn approve(&self, person: &str, waiting: &Waiting) -> Output {
        self.run_as(person, &["approve", &waiting.run, "--check", &waiting.check])
    }

    /// Waits for a process, with a limit.
    pub fn finish(&self, child: &mut Child) -> i32 {
        let status = until("the end of the run", || child.try_wait().unwrap());
        status.code().unwrap_or(-1)
    }

    /// The folder of the newest run.
    pub fn run_folder(&self) -> PathBuf {
        let output = self.run_as("alice", &["runs", "--latest"]);
        self.path("store/runs").join(String::from_utf8_lossy(&output.stdout).trim())
    }

    /// Both verifiers' exit status for the newest run: ours, and the independent one.
    pub fn verify(&self) -> (i32, i32, String) {
        let ours = self.run_as("alice", &["verify", "latest", "--level", "anchored"]);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verify_record.py");
        let theirs = Command::new("python3").arg(script).arg(self.run_folder()).output().unwrap();
        (ours.status.code().unwrap_or(-1), theirs.status.code().unwrap_or(-1), format!("{}{}", shown(&ours), shown(&theirs)))
    }
}

/// Waits until something is there, with a limit; looks ten times a second.
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, look)
}

/// The same with another limit.
pub fn until_within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < patience, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(100)); // between two looks at a condition
    }
}

/// Everything a process said, for the message of a failed test.
pub fn shown(output: &Output) -> String {
    format!("{}{}(status {})", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr), output.status)
}
