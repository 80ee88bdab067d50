//! The shipped `restart-db` restarts a real PostgreSQL whose postmaster is stopped, over a real sshd, after bob approved what he was shown.
//! Needs root, sudo and Debian's package postgresql.

#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lab::sshd::{Sshd, signal};
use lab::{Lab, shown, until};

/// A throw-away cluster, run by the user postgres, stopped when it is dropped.
struct Cluster {
    dir: tempfile::TempDir,
    bin: PathBuf,
    port: u16,
}

impl Cluster {
    fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Self { dir, bin: newest_bin(), port };
        let owned = Command::new("chown").arg("postgres").arg(cluster.dir.path()).status().unwrap();
        assert!(owned.success(), "this test runs as root and needs the user postgres of Debian's package");
        cluster.does(&["initdb", "-D", &cluster.data(), "-A", "trust", "-U", "postgres", "--no-sync"]);
        let options = format!("-p {port} -c listen_addresses= -c unix_socket_directories={}", cluster.dir.path().display());
        std::fs::write(cluster.dir.path().join("options"), &options).unwrap();
        let settings = format!("port = {port}\nlisten_addresses = ''\nunix_socket_directories = '{}'\n", cluster.dir.path().display());
        let file = Path::new(&cluster.data()).join("postgresql.auto.conf");
        std::fs::write(&file, settings).unwrap();
        cluster.does(&["pg_ctl", "start", "-w", "-D", &cluster.data(), "-l", &cluster.log()]);
        cluster
    }

    fn data(&self) -> String {
        self.dir.path().join("data").display().to_string()
    }

    fn log(&self) -> String {
        self.dir.path().join("server.log").display().to_string()
    }

    fn postmaster(&self) -> u32 {
        let text = std::fs::read_to_string(Path::new(&self.data()).join("postmaster.pid")).unwrap_or_default();
        text.lines().next().and_then(|line| line.trim().parse().ok()).unwrap_or(0)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("sudo");
        command.args(["-n", "-u", "postgres", "--"]).arg(self.bin.join(words[0])).args(&words[1..]).current_dir("/");
        command
    }

    fn does(&self, words: &[&str]) {
        let log = std::fs::File::create(self.dir.path().join("command.log")).unwrap();
        let mut command = self.command(words);
        command.stdout(log.try_clone().unwrap()).stderr(log); // a server would keep a pipe open
        let status = command.status().unwrap();
        assert!(status.success(), "{words:?}: {}", std::fs::read_to_string(self.dir.path().join("command.log")).unwrap_or_default());
    }

    fn select_one(&self) -> Output {
        let (port, dir) = (self.port.to_string(), self.dir.path().display().to_string());
        let psql = self.command(&["psql", "-h", &dir, "-p", &port, "-d", "postgres", "-XAtc", "select 1"]);
        let mut limited = Command::new("timeout"); // a stopped server keeps its clients waiting
        limited.args(["-k", "1", "5"]).arg(psql.get_program()).args(psql.get_args()).current_dir("/").output().unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let postmaster = self.postmaster();
        if postmaster > 1 {
            signal(postmaster, "CONT");
            signal(postmaster, "QUIT"); // an immediate shutdown
        }
    }
}

fn newest_bin() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("this test needs a PostgreSQL server: install postgresql");
    versions.filter_map(|entry| entry.ok()).map(|entry| entry.path().join("bin")).filter(|bin| bin.join("postgres").exists()).max().unwrap()
}

fn lab(cluster: &Cluster) -> Lab {
    let mut lab = Lab::new();
    let sshd = Sshd::start("");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/restart-db.yaml");
    std::fs::copy(shipped, lab.path("runbooks/restart-db.yaml")).unwrap();
    let (config, spool) = (sshd.client_config(), cluster.dir.path().join("spool"));
    lab.write(
        "runbooks/team/inventory.yaml",
        &format!(
            "ssh: {{config: {config}}}\nhosts:\n  db-primary: {{environment: production, groups: [db], spool: {}}}\n",
            spool.display()
        ),
    );
    lab.sshd = Some(sshd);
    lab
}

#[test]
fn restart_db_restarts_a_real_server_that_is_stopped_after_bob_approved_what_he_saw() {
    let cluster = Cluster::start();
    let lab = lab(&cluster);
    assert_eq!(String::from_utf8_lossy(&cluster.select_one().stdout).trim(), "1");
    let before = cluster.postmaster();
    signal(before, "STOP");
    assert!(!cluster.select_one().status.success(), "a stopped postmaster answers nothing");
    let parameters = [
        "manager=pg_ctl".to_owned(),
        format!("bin={}", cluster.bin.display()),
        format!("data={}", cluster.data()),
        format!("log={}", cluster.log()),
        format!("socket={}", cluster.dir.path().display()),
        format!("port={}", cluster.port),
    ];
    let mut args = vec!["restart-db"];
    parameters.iter().for_each(|parameter| args.extend(["-p", parameter]));
    let mut exec = lab.start_exec(&args);
    let waiting = lab.gate(&mut exec);
    let shown_to_bob = approve_as_bob(&lab, &waiting);
    let document = std::fs::read_to_string(&waiting.request).unwrap();
    assert_eq!(unwrapped(&shown_to_bob), document, "what bob was shown is what he signed");
    let status = lab::until_within(std::time::Duration::from_secs(180), "the end of the run", || exec.try_wait().unwrap());
    assert!(status.success(), "{}", lab.said());
    assert_eq!(String::from_utf8_lossy(&cluster.select_one().stdout).trim(), "1");
    let after = until("a new postmaster", || Some(cluster.postmaster()).filter(|pid| *pid > 0));
    assert_ne!(before, after);
    let (ours, theirs, said) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{said}");
    assert!(said.contains("anchored"), "{said}");
}

fn approve_as_bob(lab: &Lab, waiting: &lab::Waiting) -> String {
    let approved = lab.approve("bob", waiting);
    assert!(approved.status.success(), "{}", shown(&approved));
    let said = String::from_utf8_lossy(&approved.stdout).into_owned();
    let begin = said.find("runbook request, version 1").unwrap();
    let end = said.find(&format!("end: check {}\n", waiting.check)).unwrap() + format!("end: check {}\n", waiting.check).len();
    said[begin..end].to_owned()
}

/// Long lines are continued behind a backslash where a person reads them.
fn unwrapped(text: &str) -> String {
    text.replace(" \\\n", "")
}
