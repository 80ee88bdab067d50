//! What people are asked while a run goes on, at a terminal and beforehand, and what a rollback shows them: the binary as they meet it, on this
//! machine as its own host.

#[allow(dead_code)] // each test file uses its part of it
#[path = "verbs/lab.rs"]
mod lab;

use std::process::Command;

use lab::Lab;

const TEXT: &str = "runbook: ask
title: Ask people
steps:
  - {name: Tag it, hosts: here, run: echo tag, undo: echo untag, timeout: 10s}
  - name: Merge
    manual: Merge the change.
    answers:
      ticket: {type: string, pattern: \"OPS-[0-9]+\", description: The ticket}
      count: {type: integer}
    register: change
    undo: Revert the change.
  - name: Which
    choose: Which way?
    options:
      well: {why: It is well}
      back: {steps: [{name: Go back, hosts: here, run: echo back, timeout: 10s}]}
  - {name: Few, hosts: here, check: \"test {{ change.count }} -lt 3\", timeout: 10s}
";

fn lab() -> Lab {
    let lab = Lab::with_people(&["alice", "bob"]);
    let spool = lab.path("spool").display().to_string();
    lab.write("team/inventory.yaml", &format!("hosts:\n  here: {{connection: local, environment: staging, spool: {spool}}}\n"));
    lab.write("ask.yaml", TEXT);
    lab
}

fn exec(lab: &Lab, more: &[&str]) -> Command {
    let key = lab.key("alice").display().to_string();
    let words = ["exec", "ask", "--as", "alice@example.com", "--key", &key];
    lab.command(&[&words[..], more].concat())
}

/// What the binary says on a terminal where these lines are typed, and its exit status.
fn typed(lab: &Lab, command: &Command, lines: &str) -> (String, Option<i32>) {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line: Vec<String> = words.map(|word| format!("'{}'", word.to_string_lossy())).collect();
    let file = lab.path("typed");
    std::fs::write(&file, lines).unwrap();
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &line.join(" "), "/dev/null"]).current_dir(command.get_current_dir().unwrap());
    terminal.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TERM", "dumb");
    let output = terminal.stdin(std::fs::File::open(file).unwrap()).output().unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

/// Every one of these, in this order.
fn in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("expected {part:?} further down in\n{text}"));
        rest = &rest[at + part.len()..];
    }
}

fn proven(lab: &Lab) {
    let verify = lab.command(&["verify", "latest"]).output().unwrap();
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stdout));
    let run = String::from_utf8(lab.command(&["runs", "--latest"]).output().unwrap().stdout).unwrap();
    let folder = lab.path("state/runbook/runs").join(run.trim());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verify_record.py");
    let other = Command::new("python3").arg(script).arg(folder).output().unwrap();
    assert!(other.status.success(), "{}{}", String::from_utf8_lossy(&other.stdout), String::from_utf8_lossy(&other.stderr));
}

#[test]
fn each_question_is_asked_once_and_a_wrong_answer_is_asked_again() {
    let lab = lab();
    let lines = "done by me\nOPS\nOPS-12\nseven\n7\nneither\nwell\nrollback\ndone reverted\n";
    let (said, status) = typed(&lab, &exec(&lab, &[]), lines);
    let parts = [
        "done? (done, or not and why)",
        "ticket: The ticket (text like OPS-[0-9]+)",
        "expected text that matches `OPS-[0-9]+` as a whole, got \"OPS\"",
        "count: (a whole number)",
        "expected a whole number, got \"seven\"",
        "well: It is well",
        "which? (well, back)",
        "which? (well, back)",
        "\"Few\" failed. How to go on? (retry; skip; rollback, which undoes what has completed; stop)",
        "undo \"Merge\":\r\nRevert the change.",
        "undone? (done, or stop)",
        "tag-it on here (undo): exit status 0",
        "rolled back",
    ];
    in_order(&said, &parts);
    assert_eq!(status, Some(1), "{said}");
    proven(&lab);
}

#[test]
fn without_a_terminal_the_run_waits_for_each_answer_and_says_how_to_give_it() {
    let lab = lab();
    let waits = exec(&lab, &[]).output().unwrap();
    let said = String::from_utf8_lossy(&waits.stdout).into_owned();
    assert_eq!(waits.status.code(), Some(4), "{said}");
    in_order(&said, &["--answer merge=done --answer merge.ticket=… --answer merge.count=…"]);
    let key = lab.key("alice").display().to_string();
    let resume = |more: &[&str]| {
        let words = ["resume", "latest", "--as", "alice@example.com", "--key", &key];
        let output = lab.command(&[&words[..], more].concat()).output().unwrap();
        (format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)), output.status.code())
    };
    let (said, status) = resume(&["--answer", "merge=done", "--answer", "merge.ticket=OPS"]);
    assert!(status == Some(2) && said.contains("expected text that matches"), "{said}");
    let (said, status) = resume(&["--answer", "merge=done", "--answer", "merge.ticket=OPS-1"]);
    assert!(status == Some(2) && said.contains("add --answer merge.count=…"), "{said}");
    let facts = ["--answer", "merge=done", "--answer", "merge.ticket=OPS-1", "--answer", "merge.count=2"];
    let (said, status) = resume(&facts);
    assert!(status == Some(4) && said.contains("--answer which=well|back"), "{said}");
    let (said, status) = resume(&["--answer", "which=bakc"]);
    assert!(status == Some(2) && said.contains("which=well|back"), "{said}");
    let (said, status) = resume(&["--answer", "which=back"]);
    assert_eq!(status, Some(0), "{said}");
    in_order(&said, &["Which  back", "Go back", "recovered"]);
    proven(&lab);
}
