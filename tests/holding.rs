//! What a run has taken on real hosts and not given back: listed with the command that gives it back, and given back once, or said to be by hand.

#[path = "support/forger.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod forger;
#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;

use forger::{count, events};
use lab::sshd::signal;
use lab::{Lab, shown, until};
use serde_json::Value;

/// A silence around a step; what happens on the hosts is written into `log`.
fn lab_with(hosts: &[&str], environment: &str, words: &str, work: &str, release: &str) -> Lab {
    let lab = Lab::with_hosts(hosts, environment);
    let text = format!(
        "steps:
  - name: Silence
    hosts: all
    timeout: 30s
    acquire: echo taken >> DIR/log
    release: {release}
{words}    steps:
      - name: Work
        run: {work}
"
    );
    lab.runbook("bracket", &text.replace("DIR", &lab.dir.path().display().to_string()));
    lab
}

const GIVES_BACK: &str = "echo given >> DIR/log";

fn held(lab: &Lab) -> Vec<Value> {
    lab.runs()[0]["held"].as_array().unwrap().clone()
}

fn proven(lab: &Lab) {
    let (ours, theirs, said) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{said}");
}

#[test]
fn a_run_whose_runner_was_killed_lists_what_it_holds_and_gives_it_back_once() {
    let work = "touch DIR/at-work; while [ ! -e DIR/go ]; do sleep 0.05; done";
    let lab = lab_with(&["db"], "production", "    gate: {approvals: 1}\n", work, GIVES_BACK);
    let mut exec = lab.start_exec(&["bracket"]);
    let waiting = lab.gate(&mut exec);
    assert!(lab.approve("bob", &waiting).status.success());
    until("the step to be at work", || lab.path("at-work").exists().then_some(()));
    signal(exec.id(), "KILL");
    exec.wait().unwrap();
    lab.write("go", "");

    let found = held(&lab);
    assert_eq!((found.len(), found[0]["host"].as_str(), found[0]["certainty"].as_str()), (1, Some("db"), Some("held")));
    let dir = lab.dir.path().display();
    assert!(found[0]["command"].as_str().unwrap().trim_end().ends_with(&format!("echo given >> {dir}/log")), "{}", found[0]);
    assert!(found[0]["next"].as_str().unwrap().starts_with("runbook release "), "{}", found[0]);
    for verb in [&["runs"][..], &["log", "latest"], &["list"]] {
        let said = shown(&lab.run_as("alice", verb));
        assert!(said.contains("held on db: Acquire: Silence") || said.contains("still holds something"), "{verb:?}: {said}");
    }
    let stopped = lab.run_as("alice", &["stop", "latest"]);
    assert!(stopped.status.code() == Some(4) && shown(&stopped).contains("runbook release"), "{}", shown(&stopped));
    let by_bob = lab.run_as("bob", &["release", "latest"]);
    assert_eq!(by_bob.status.code(), Some(3), "{}", shown(&by_bob));

    let released = lab.run_as("alice", &["release", "latest"]);
    assert_eq!(released.status.code(), Some(0), "{}", shown(&released));
    assert!(shown(&released).contains("work was at work on db"), "{}", shown(&released));
    assert_eq!((lab.read("log").as_str(), held(&lab).len()), ("taken\ngiven\n", 0));
    assert_eq!((lab.runs()[0]["state"].as_str(), lab.runs()[0]["verdict"].as_str()), (Some("closed"), Some("stopped")));
    let again = lab.run_as("alice", &["release", "latest"]);
    assert!(again.status.success() && shown(&again).contains("holds nothing"), "{}", shown(&again));
    assert_eq!((lab.read("log").as_str(), count(&lab.run_folder(), "gate_opened")), ("taken\ngiven\n", 1));
    proven(&lab);
}

#[test]
fn a_release_that_fails_leaves_it_listed_and_asks_for_approval_again() {
    let release = "test -e DIR/mended && echo given >> DIR/log";
    let lab = lab_with(&["db"], "production", "    gate: {approvals: 1}\n", "'true'", release);
    let mut exec = lab.start_exec(&["bracket"]);
    let waiting = lab.gate(&mut exec);
    assert!(lab.approve("bob", &waiting).status.success());
    assert_eq!(lab.finish(&mut exec), 4, "{}", lab.said());
    assert!(lab.said().contains("held on db") && lab.said().contains("next:  runbook release"), "{}", lab.said());
    let mut checks = vec![waiting.check];
    for (expected, left) in [(4, 1), (0, 0)] {
        let mut releasing = lab.start("alice", &["release", "latest"]);
        let before: Vec<&str> = checks.iter().map(String::as_str).collect();
        let waiting = lab.next_gate(&mut releasing, &before);
        let asked = std::fs::read_to_string(&waiting.request).unwrap();
        assert!(asked.contains("covers: 1 steps, 1 hosts") && asked.contains("Release: Silence"), "{asked}");
        assert!(lab.approve("bob", &waiting).status.success());
        assert_eq!(lab.finish(&mut releasing), expected, "{}", lab.said());
        assert_eq!(held(&lab).len(), left);
        checks.push(waiting.check);
        lab.write("mended", "");
    }
    assert_eq!(lab.read("log"), "taken\ngiven\n");
    proven(&lab);
}

#[test]
fn what_a_person_gives_back_by_hand_is_on_record_and_ends_the_run() {
    let lab = lab_with(&["web-1", "web-2"], "staging", "    release_when: success\n", "'false'", GIVES_BACK);
    let mut exec = lab.start_exec(&["bracket"]);
    assert_eq!(lab.finish(&mut exec), 4, "{}", lab.said());
    assert_eq!((held(&lab).len(), lab.runs()[0]["state"].as_str()), (2, Some("waiting_for_person")));
    let by_hand = |more: &[&str]| lab.run_as("alice", &[&["release", "latest", "--by-hand", "lifted it in the console"], more].concat());
    let other = by_hand(&["--host", "db"]);
    assert!(other.status.code() == Some(2) && shown(&other).contains("something is on web-1, web-2"), "{}", shown(&other));
    let one = by_hand(&["--host", "web-2"]);
    assert!(one.status.code() == Some(4) && shown(&one).contains("held on web-1"), "{}", shown(&one));
    let somebody_else = lab.run_as("bob", &["release", "latest", "--by-hand", "me too"]);
    assert_eq!(somebody_else.status.code(), Some(3), "{}", shown(&somebody_else));
    let all = by_hand(&[]);
    assert!(all.status.success() && shown(&all).contains("it is closed: failed"), "{}", shown(&all));
    assert_eq!(lab.read("log"), "taken\ntaken\n");
    let said: Vec<Value> = events(&lab.run_folder()).into_iter().filter(|event| event["kind"] == "released_by_hand").collect();
    assert_eq!((said.len(), said[0]["hosts"][0].as_str(), said[1]["hosts"][0].as_str()), (2, Some("web-2"), Some("web-1")));
    assert_eq!(said[0]["remark"].as_str(), Some("lifted it in the console"));
    proven(&lab);
}

#[test]
fn what_is_kept_for_a_person_to_decide_is_given_back_when_asked_and_the_result_is_one_object() {
    let lab = lab_with(&["db"], "staging", "    release_when: ask\n", "'false'", GIVES_BACK);
    let ended = lab.run_as("alice", &["exec", "bracket", "--output", "json", "--quiet"]);
    let result: Value = serde_json::from_slice(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", shown(&ended)));
    assert_eq!((ended.status.code(), result["held"][0]["release"].as_str()), (Some(4), Some("silence.release")));
    let released = lab.run_as("alice", &["release", "latest", "--output", "json", "--quiet"]);
    let result: Value = serde_json::from_slice(&released.stdout).unwrap_or_else(|error| panic!("{error}: {}", shown(&released)));
    assert_eq!((released.status.code(), result["verdict"].as_str()), (Some(0), Some("failed")));
    assert_eq!(result["held"].as_array().map(Vec::len), Some(0));
    assert_eq!(lab.read("log"), "taken\ngiven\n");
    proven(&lab);
}
