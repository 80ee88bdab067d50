//! `runbook drill --from RUN`: a run over a real sshd is recorded, made into a scenario and drilled: the same steps, outcomes and output.

#[path = "support/forger.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod forger;
#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;

use std::fs;
use std::path::Path;

use forger::events;
use lab::{Lab, shown};
use serde_json::Value;

/// What ended: step, host, part, attempt, outcome, judgement and the sums of what was printed.
fn ended(folder: &Path) -> Vec<String> {
    let of = |event: &Value| {
        let ended = &event["ended"];
        let sums = [&ended["stdout"]["sha256"], &ended["stderr"]["sha256"]];
        format!(
            "{} {} {} {} {} {} {sums:?}",
            event["step"], event["host"], event["part"], event["attempt"], ended["outcome"], ended["judgement"]
        )
    };
    events(folder).iter().filter(|event| event["kind"] == "action_ended").map(of).collect()
}

/// What was kept: step, host, artifact, and the length and sum of its file.
fn kept(folder: &Path) -> Vec<String> {
    let of = |event: &Value| {
        let artifact = |artifact: &Value| {
            let files = artifact["files"].as_array().unwrap();
            let files: Vec<String> = files.iter().map(|file| format!("{} {} {}", file["file"], file["bytes"], file["sha256"])).collect();
            format!("{} {} {} {files:?} {}", event["step"], event["host"], artifact["name"], artifact["trouble"])
        };
        event["artifacts"].as_array().unwrap().iter().map(artifact).collect::<Vec<_>>()
    };
    events(folder).iter().filter(|event| event["kind"] == "evidence_kept").flat_map(of).collect()
}

fn verdict(folder: &Path) -> Value {
    events(folder).last().unwrap()["verdict"].clone()
}

const STEPS: &str = "parameters: {greeting: {type: string}}
steps:
  - {name: greet, hosts: all-of-them, check: \"printf %s {{ greeting }}; echo to $0 >&2\", timeout: 20s, register: said}
  - name: grows
    hosts: db-1
    check: \"echo x >>COUNT; wc -l <COUNT\"
    expect: value >= 3
    parse: int
    until: {within: 30s, every: 1s}
    timeout: 20s
  - {name: keep, hosts: db-1, timeout: 20s, capture: {state: {file: FILE}, words: {run: \"echo kept; echo twice\"}}}
  - name: change
    hosts: all-of-them
    run: |
      echo one
      echo 'two  three'
    undo: echo undone
    timeout: 20s
  - {name: ask, manual: Look at it., answers: {ticket: {type: string}}, register: answer}
  - {name: place, hosts: db-2, timeout: 20s, put: {to: PUT, content: \"{{ answer.ticket }}\\n\"}}
  - name: breaks
    hosts: db-2
    check: echo no; exit 3
    on_failure: rollback
    timeout: 20s
";

#[test]
fn a_recorded_run_is_replayed_with_the_same_steps_outcomes_and_output() {
    let lab = Lab::with_hosts(&["db-1", "db-2"], "production");
    lab.write("file", "what there was\nand more");
    let at = |name: &str| lab.path(name).display().to_string();
    let steps = STEPS.replace("COUNT", &at("count")).replace("FILE", &at("file")).replace("PUT", &at("put"));
    let allowed = steps.replace("  - name: grows\n", "  # runbook: allow RB201 because the count is the test's own\n  - name: grows\n");
    lab.runbook("night", &allowed);
    let words = ["night", "-p", "greeting=it's 5 o'clock", "--answer", "ask=done", "--answer", "ask.ticket=OPS 7"];
    let mut exec = lab.start_exec(&words);
    let mut passed: Vec<String> = Vec::new();
    let status = loop {
        let before: Vec<&str> = passed.iter().map(String::as_str).collect();
        match lab.gate_or_end(&mut exec, &before) {
            Err(status) => break status,
            Ok(gate) => {
                assert!(lab.approve("bob", &gate).status.success());
                passed.push(gate.check);
            }
        }
    };
    let real = lab.run_folder();
    assert_eq!((status, verdict(&real)), (1, "rolled_back".into()), "{}", lab.said());

    let drill = lab.run_as("alice", &["drill", "--from", "latest", "--write", "the-night", "--output", "json"]);
    let report: Value = serde_json::from_slice(&drill.stdout).unwrap_or_else(|error| panic!("{error}: {}", shown(&drill)));
    assert!(drill.status.success(), "{report}\n{}", lab.read("runbooks/drills/night/the-night.yaml"));
    assert!(!shown(&drill).contains("not replayed"), "{}", shown(&drill));
    let drilled = lab.path("store/drills").join(report["drills"][0]["drill"].as_str().unwrap());
    assert_eq!(ended(&drilled), ended(&real));
    assert_eq!((kept(&drilled), kept(&real).len()), (kept(&real), 2));
    assert_eq!(verdict(&drilled), verdict(&real));
    let again = lab.run_as("alice", &["drill", "night"]);
    assert!(again.status.success() && shown(&again).contains("night/the-night"), "{}", shown(&again));

    // the runbook is changed: the same night goes otherwise, and that is shown
    lab.write("runbooks/night.yaml", &lab.read("runbooks/night.yaml").replace("on_failure: rollback", "on_failure: continue"));
    let changed = lab.run_as("alice", &["drill", "night"]);
    assert_eq!(changed.status.code(), Some(1), "{}", shown(&changed));
    assert!(shown(&changed).contains("expected  rolled_back"), "{}", shown(&changed));
    assert!(fs::read_dir(lab.path("store/runs")).unwrap().count() == 1, "no drill is a run");
}
