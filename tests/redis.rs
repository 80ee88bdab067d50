//! The shipped `redis-fail-over` over a real sshd, on a real Sentinel setup: three sentinels, a master, a replica. Its password is nowhere; a
//! runner that is killed between setting a limit and setting it back leaves a run that lists what is held and gives it back.
//! Needs Debian's package redis-server.

#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use lab::sshd::{Sshd, signal};
use lab::{Lab, shown, until};

/// In no other file, command line or output than where Redis and the runbook's secret read it.
const PASSWORD: &str = "correct-horse'battery staple";
/// The inventory's names are the addresses that Sentinel announces; each Redis listens on its own, all on one port.
const HOSTS: [&str; 2] = ["127.0.0.11", "127.0.0.12"];

/// Servers that are ended, by process id, when it is dropped.
struct Cluster {
    dir: tempfile::TempDir,
    servers: Vec<Child>,
    port: u16,
    sentinel_port: u16,
}

impl Cluster {
    fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("redis").tempdir().unwrap();
        let mut cluster = Self { dir, servers: Vec::new(), port: free_port(HOSTS[0]), sentinel_port: 0 };
        std::fs::write(cluster.dir.path().join("password"), format!("{PASSWORD}\n")).unwrap();
        for host in HOSTS {
            cluster.redis(host);
        }
        let ports: Vec<u16> = (0..3).map(|_| cluster.sentinel()).collect();
        cluster.sentinel_port = ports[0];
        until("three sentinels that know one another and the replica", || {
            let master = cluster.ask(cluster.sentinel_port, &["SENTINEL", "MASTER", "carts"]);
            let has = |name: &str, value: &str| master.contains(&format!("{name}\n{value}\n"));
            (has("flags", "master") && has("num-other-sentinels", "2") && has("num-slaves", "1")).then_some(())
        });
        cluster.online();
        cluster
    }

    /// The replica is in step with its master.
    fn online(&self) {
        until("a replica in step", || self.redis_cli(HOSTS[0], &["INFO", "replication"]).contains("state=online").then_some(()));
    }

    fn redis(&mut self, host: &str) {
        let folder = self.dir.path().join(host);
        std::fs::create_dir(&folder).unwrap();
        let quoted = format!("\"{PASSWORD}\"");
        let mut text = format!(
            "bind {host}\nport {}\ndir {}\nsave \"\"\nrequirepass {quoted}\nmasterauth {quoted}\nreplica-announce-ip {host}\nlogfile redis.log\n\
             repl-diskless-sync-delay 0\nenable-protected-configs yes\n",
            self.port,
            folder.display()
        );
        if host != HOSTS[0] {
            text.push_str(&format!("replicaof {} {}\n", HOSTS[0], self.port));
        }
        self.serve(&folder.join("redis.conf"), &text, &[]);
        until("redis", || self.redis_cli(host, &["PING"]).contains("PONG").then_some(()));
    }

    fn sentinel(&mut self) -> u16 {
        let port = free_port("127.0.0.1");
        let folder = self.dir.path().join(format!("sentinel-{port}"));
        std::fs::create_dir(&folder).unwrap();
        let text = format!(
            "bind 127.0.0.1\nport {port}\ndir {}\nlogfile sentinel.log\nsentinel monitor carts {} {} 2\nsentinel auth-pass carts \"{PASSWORD}\"\n\
             sentinel down-after-milliseconds carts 600000\nsentinel failover-timeout carts 20000\n",
            folder.display(),
            HOSTS[0],
            self.port
        );
        self.serve(&folder.join("sentinel.conf"), &text, &["--sentinel"]);
        port
    }

    fn serve(&mut self, file: &Path, text: &str, more: &[&str]) {
        std::fs::write(file, text).unwrap();
        let mut command = Command::new("redis-server");
        command.arg(file).args(more).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.servers.push(command.spawn().expect("this test needs a Redis server: install redis-server"));
    }

    fn redis_cli(&self, host: &str, words: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.env("REDISCLI_AUTH", PASSWORD).args(["-h", host, "-p", &self.port.to_string()]).args(words);
        String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
    }

    fn ask(&self, sentinel: u16, words: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &sentinel.to_string()]).args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn limit(&self, host: &str) -> String {
        let limit = self.redis_cli(host, &["CONFIG", "GET", "client-output-buffer-limit"]);
        limit.lines().nth(1).unwrap_or_default().to_owned()
    }

    /// The master that was: it answers nothing, so that the new one has no replica in step.
    fn stop_old_master(&self) {
        signal(self.servers[0].id(), "STOP");
    }

    fn go_on_old_master(&self) {
        signal(self.servers[0].id(), "CONT");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill(); // it may have ended already
            let _ = server.wait();
        }
    }
}

fn free_port(address: &str) -> u16 {
    TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port()
}

fn lab(cluster: &Cluster) -> Lab {
    let mut lab = Lab::new();
    let sshd = Sshd::start("MaxSessions 50");
    let shipped = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/redis-fail-over.yaml")).unwrap();
    let password = cluster.dir.path().join("password").display().to_string();
    lab.write("runbooks/redis-fail-over.yaml", &shipped.replace("/etc/redis/password", &password));
    let (config, spool) = (sshd.client_config(), lab.path("spool").display().to_string());
    let host = |name: &str, group: &str| format!("  {name}: {{environment: production, groups: [{group}], spool: {spool}}}\n");
    let hosts = [host(HOSTS[0], "redis"), host(HOSTS[1], "redis"), host("sentinel-1", "sentinel")].concat();
    lab.write("runbooks/team/inventory.yaml", &format!("ssh: {{config: {config}}}\nhosts:\n{hosts}"));
    lab.sshd = Some(sshd);
    lab
}

fn words(cluster: &Cluster) -> Vec<String> {
    let (port, sentinel) = (cluster.port.to_string(), cluster.sentinel_port.to_string());
    ["redis-fail-over", "-p", "cluster=carts", "-p", &format!("port={port}"), "-p", &format!("sentinel_port={sentinel}")]
        .map(str::to_owned)
        .to_vec()
}

fn start(lab: &Lab, cluster: &Cluster) -> Child {
    let words = words(cluster);
    lab.start_exec(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Fails over with the old master stopped, and waits until the limit is lifted on the new one.
fn until_lifted(lab: &Lab, cluster: &Cluster, exec: &mut Child, before: &str) {
    let first = lab.gate(exec);
    cluster.stop_old_master();
    assert!(lab.approve("bob", &first).status.success());
    let second = lab.next_gate(exec, &[&first.check]);
    let asked = std::fs::read_to_string(&second.request).unwrap();
    let command = format!("CONFIG SET client-output-buffer-limit '{before}'");
    assert!(asked.contains(&command), "what gives it back is shown and approved:\n{asked}");
    assert!(lab.approve("bob", &second).status.success());
    until("the limit is lifted", || cluster.limit(HOSTS[1]).contains("slave 0 0 0").then_some(()));
    see_no_password_among_processes();
}

/// As anybody on the host would look.
fn see_no_password_among_processes() {
    let listed = Command::new("ps").args(["-eww", "-o", "args="]).output().unwrap();
    assert!(!String::from_utf8_lossy(&listed.stdout).contains(PASSWORD), "the password stands on a command line");
}

fn no_password_in(lab: &Lab, outputs: &[&Output]) {
    for folder in ["store", "spool", "state-alice", "state-bob"] {
        for file in files_below(&lab.path(folder)) {
            let bytes = std::fs::read(&file).unwrap();
            let found = bytes.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
            assert!(!found, "the password is in {}", file.display());
        }
    }
    let said = lab.said() + &outputs.iter().map(|output| shown(output)).collect::<String>();
    assert!(!said.contains(PASSWORD), "the password was said");
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else if path.is_file() {
                vec![path]
            } else {
                Vec::new()
            }
        })
        .collect()
}

#[test]
fn a_cluster_fails_over_and_its_limit_is_what_it_was() {
    let cluster = Cluster::start();
    let lab = lab(&cluster);
    let before = cluster.limit(HOSTS[1]);
    let mut exec = start(&lab, &cluster);
    until_lifted(&lab, &cluster, &mut exec, &before);
    cluster.go_on_old_master();
    assert_eq!(lab.finish(&mut exec), 0, "{}", lab.said());
    assert_eq!(cluster.limit(HOSTS[1]), before);
    assert!(cluster.redis_cli(HOSTS[1], &["INFO", "replication"]).contains("role:master"), "the other one is the master now");
    let (ours, theirs, said) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{said}");
    no_password_in(&lab, &[]);
}

#[test]
fn a_runner_that_is_killed_between_set_and_set_back_leaves_what_gives_it_back() {
    let cluster = Cluster::start();
    let lab = lab(&cluster);
    let before = cluster.limit(HOSTS[1]);
    let mut exec = start(&lab, &cluster);
    until_lifted(&lab, &cluster, &mut exec, &before);
    exec.kill().unwrap();
    exec.wait().unwrap();
    let listed = lab.run_as("alice", &["runs"]);
    let command = format!("CONFIG SET client-output-buffer-limit '{before}'");
    assert!(shown(&listed).contains(&command) && shown(&listed).contains("runbook release"), "{}", shown(&listed));
    assert_eq!(lab.runs()[0]["held"][0]["host"].as_str(), Some(HOSTS[1]), "{:?}", lab.runs()[0]);
    cluster.go_on_old_master();
    let released = lab.run_as("alice", &["release", "latest"]);
    assert_eq!(released.status.code(), Some(0), "{}", shown(&released));
    assert_eq!(cluster.limit(HOSTS[1]), before);
    assert!(lab.runs()[0]["held"].as_array().is_some_and(Vec::is_empty), "{:?}", lab.runs()[0]);
    let (ours, theirs, said) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{said}");
    no_password_in(&lab, &[&listed, &released]);
}
