//! `cargo bench`: the figures of `docs/performance.md`, measured side by side in one run. Medians, never asserted: machines differ.

#[path = "../support/lab.rs"]
#[allow(dead_code)] // the tests use the rest of it
mod lab;

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lab::sshd::Sshd;
use lab::{Lab, shown};
use serde_json::Value;

fn main() {
    println!("each figure is a median; ratios compare what was measured in this run\n");
    read_steps_against_plain_ssh();
    fifty_hosts();
    start_up();
    lint_a_thousand_steps();
    verify_a_hundred_thousand_lines();
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn timed(mut work: impl FnMut()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn say(what: &str, time: Duration) {
    println!("{what:<64} {:>9.2} ms", time.as_secs_f64() * 1e3);
}

fn steps(count: usize, hosts: &str, step: impl Fn(usize) -> String) -> String {
    let mut text = String::from("steps:\n");
    for index in 0..count {
        let _ = write!(text, "  - name: Step {index}\n    hosts: {hosts}\n{}    timeout: 60s\n", step(index)); // a String takes all
    }
    text
}

fn ok(output: &std::process::Output) {
    assert!(output.status.success(), "{}", shown(output));
}

/// From the start of a step's action to the start of the next step's, as the journal says it.
fn between_starts(lab: &Lab) -> Vec<Duration> {
    let output = lab.run_as("alice", &["log", "latest", "--output", "json"]);
    let log: Value = serde_json::from_slice(&output.stdout).unwrap();
    let starts = log["entries"].as_array().unwrap().iter().filter(|entry| entry["event"]["kind"] == "action_started");
    let times: Vec<jiff::Timestamp> = starts.map(|entry| entry["at"].as_str().unwrap().parse().unwrap()).collect();
    times.windows(2).map(|pair| Duration::try_from(pair[1].duration_since(pair[0])).unwrap()).collect()
}

/// A master of plain `ssh`, ended when it is dropped.
struct Master<'a> {
    sshd: &'a Sshd,
    socket: std::path::PathBuf,
}

impl<'a> Master<'a> {
    fn open(sshd: &'a Sshd) -> Self {
        let master = Self { sshd, socket: sshd.dir().join("m") };
        let opened =
            master.ssh().args(["-M", "-N", "-f", "db"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(opened.success());
        master
    }

    fn ssh(&self) -> Command {
        let mut command = Command::new("ssh");
        command.arg("-F").arg(self.sshd.client_config()).arg("-S").arg(&self.socket);
        command
    }

    fn run(&self, command: &str) -> Duration {
        timed(|| ok(&self.ssh().args(["db", command]).stdin(Stdio::null()).output().unwrap()))
    }
}

impl Drop for Master<'_> {
    fn drop(&mut self) {
        let _ = self.ssh().args(["-O", "exit", "db"]).stderr(Stdio::null()).status(); // it may have ended by itself
    }
}

fn read_steps_against_plain_ssh() {
    let lab = Lab::with_hosts(&["db"], "staging");
    lab.runbook("reads", &steps(100, "db", |_| "    check: echo x\n".to_owned()));
    lab.runbook("claims", &steps(100, "db", |_| "    run: echo x\n".to_owned()));
    let master = Master::open(lab.sshd.as_ref().unwrap());
    let (mut plain, mut reads, mut claims) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        plain.extend((0..34).map(|_| master.run("echo x")));
        ok(&lab.run_as("alice", &["exec", "reads"]));
        reads.extend(between_starts(&lab));
        ok(&lab.run_as("alice", &["exec", "claims"]));
        claims.extend(between_starts(&lab));
    }
    let (plain, read, claim) = (median(plain), median(reads), median(claims));
    say("one `ssh host 'echo x'` over an existing master", plain);
    say("one read step of 100, recorded", read);
    say("one claimed step of 100, recorded", claim);
    println!("{:<64} {:>9.2}", "ratio: read step to plain ssh", read.as_secs_f64() / plain.as_secs_f64());
    println!("{:<64} {:>9.2}\n", "ratio: claimed step to plain ssh", claim.as_secs_f64() / plain.as_secs_f64());
}

fn fifty_hosts() {
    let names: Vec<String> = (0..50).map(|index| format!("h{index}")).collect();
    let lab = Lab::with_hosts(&names.iter().map(String::as_str).collect::<Vec<_>>(), "staging");
    lab.runbook("fleet", &steps(10, "all", |_| "    check: echo x\n".to_owned()));
    lab.runbook("one-step", &steps(1, "all", |_| "    check: echo x\n".to_owned()));
    let connecting = median((0..3).map(|_| timed(|| ok(&lab.run_as("alice", &["exec", "one-step"])))).collect());
    let whole = median((0..3).map(|_| timed(|| ok(&lab.run_as("alice", &["exec", "fleet"])))).collect());
    let master = Master::open(lab.sshd.as_ref().unwrap());
    let plain = median((0..50).map(|_| master.run("echo x")).collect());
    say("1 step on 50 hosts, connecting to each", connecting);
    say("10 steps on 50 hosts, connecting to each", whole);
    say("a further step on 50 hosts", (whole.saturating_sub(connecting)) / 9);
    say("50 times `ssh host 'echo x'` over one master, one after another", plain * 50);
    println!();
}

fn start_up() {
    let lab = Lab::new();
    lab.runbook("small", &steps(5, "local", |_| "    check: echo x\n".to_owned()));
    let run = |args: &[&str]| median((0..30).map(|_| timed(|| ok(&lab.run_as("alice", args)))).collect());
    say("runbook --help", run(&["--help"]));
    say("runbook plan, five steps", run(&["plan", "small"]));
    say("`true`, for comparison", median((0..30).map(|_| timed(|| ok(&Command::new("true").output().unwrap()))).collect()));
    println!();
}

fn lint_a_thousand_steps() {
    let lab = Lab::new();
    lab.runbook("long", &steps(1000, "local", |index| format!("    check: test -e /tmp/x{index} && echo \"found {index}\"\n")));
    let lint = median((0..10).map(|_| timed(|| ok(&lab.run_as("alice", &["lint", "long", "--no-shellcheck"])))).collect());
    say("runbook lint of 1,000 steps, the whole process", lint);
    println!();
}

fn verify_a_hundred_thousand_lines() {
    let lab = Lab::new();
    lab.runbook("many", &steps(1, "local", |_| "    check: echo x\n".to_owned()));
    ok(&lab.run_as("alice", &["exec", "many"]));
    let folder = lab.run_folder();
    let lines = long_journal(&folder);
    std::fs::remove_file(lab.path("store/ledger.jsonl")).unwrap(); // it remembers the short journal, and so does alice
    std::fs::remove_dir_all(lab.path("state-alice")).unwrap();
    let ours = median((0..3).map(|_| timed(|| ok(&lab.run_as("alice", &["verify", "latest", "--level", "chain"])))).collect());
    say(&format!("runbook verify of {lines} lines"), ours);
    let size = std::fs::metadata(folder.join("journal.jsonl")).unwrap().len();
    println!("{:<64} {:>9.1} MB", "that journal's size", size as f64 / 1e6);
}

/// Writes the opened run's journal on with notes until it has 100,000 lines.
fn long_journal(folder: &std::path::Path) -> u64 {
    use runbook::event::{Event, Head};
    let text = std::fs::read(folder.join("journal.jsonl")).unwrap();
    let first: Vec<_> = runbook::journal::read_bytes(&text, 0).entries.into_iter().take(2).collect();
    let mut head: Head = first.last().unwrap().head();
    let end = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 1;
    let mut long = text[..end].to_vec();
    let person: runbook::base::Person = "alice@example.com".parse().unwrap();
    while head.seq < 100_000 {
        let event = Event::NoteAdded {
            person: person.clone(),
            text: format!("note {} of a long night, as long as a line of a journal usually is: {}", head.seq, "x".repeat(200)),
        };
        let (line, entry) = runbook::journal::encode(head, first[0].at, event).unwrap();
        long.extend_from_slice(&line);
        long.push(b'\n');
        head = entry.head();
    }
    std::fs::write(folder.join("journal.jsonl"), long).unwrap();
    std::fs::remove_dir_all(folder.join("approvals")).unwrap();
    std::fs::create_dir(folder.join("approvals")).unwrap();
    head.seq
}
