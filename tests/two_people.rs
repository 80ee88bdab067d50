//! Two people, one gate, over a real sshd: the run that everything else widens.

#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;

use lab::{Lab, shown, until};

const RESTART: &str = "steps:
  - name: Look
    hosts: db
    check: cat TARGET/state
    expect: stdout == \"wedged\"
    timeout: 10s
  - name: Restart
    hosts: db
    run: echo well > TARGET/state
    timeout: 10s
  - name: It answers
    hosts: db
    check: cat TARGET/state
    expect: stdout == \"well\"
    until: {within: 5s, every: 1s, healthy: 2}
    timeout: 10s
";

fn lab() -> Lab {
    let lab = Lab::with_hosts(&["db"], "production");
    lab.runbook("restart", &RESTART.replace("TARGET", &lab.dir.path().display().to_string()));
    lab.write("state", "wedged\n");
    lab
}

#[test]
fn what_a_second_person_approved_runs_and_both_verifiers_say_so() {
    let lab = lab();
    let mut exec = lab.start_exec(&["restart"]);
    let waiting = lab.gate(&mut exec);
    assert_eq!(lab.read("state"), "wedged\n");
    let approved = lab.approve("bob", &waiting);
    assert!(approved.status.success(), "{}", shown(&approved));
    let document = std::fs::read_to_string(&waiting.request).unwrap();
    assert!(shown(&approved).contains(&format!("end: check {}", waiting.check)), "{}", shown(&approved));
    assert!(document.contains(&format!("|   $ echo well > {}/state\n", lab.dir.path().display())), "{document}");
    assert_eq!(lab.finish(&mut exec), 0, "{}", lab.said());
    assert_eq!(lab.read("state"), "well\n");
    let (ours, theirs, said) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{said}");
}

#[test]
fn who_approves_again_sees_what_the_runbook_says_otherwise() {
    let lab = lab();
    let mut exec = lab.start_exec(&["restart"]);
    let waiting = lab.gate(&mut exec);
    assert!(lab.approve("bob", &waiting).status.success());
    assert_eq!(lab.finish(&mut exec), 0, "{}", lab.said());
    lab.write("state", "wedged\n");
    let weaker =
        RESTART.replace("    expect: stdout == \"well\"\n", "").replace("    timeout: 10s\n  - name: It", "    timeout: 20s\n  - name: It");
    lab.runbook("restart", &weaker.replace("TARGET", &lab.dir.path().display().to_string()));
    let mut exec = lab.start_exec(&["restart"]);
    let waiting = lab.gate(&mut exec);
    let said = shown(&lab.approve("bob", &waiting));
    let otherwise = "what the runbook says otherwise since then:\n  ! step 3 \"It answers\" has no `expect` any more, before `stdout == \"well\"`\n  \u{b7} step 2 \"Restart\" now has `timeout: 20s`, before `10s`\n";
    assert!(said.contains(otherwise), "{said}");
    lab.finish(&mut exec);
}

#[test]
fn a_denial_ends_the_run_and_nothing_was_changed() {
    let lab = lab();
    let mut exec = lab.start_exec(&["restart"]);
    let waiting = lab.gate(&mut exec);
    let without = lab.run_as("bob", &["deny", &waiting.run]);
    assert_eq!(without.status.code(), Some(2), "{}", shown(&without));
    let denied = lab.run_as("bob", &["deny", &waiting.run, "--because", "the standby is not caught up"]);
    assert!(denied.status.success(), "{}", shown(&denied));
    assert_eq!(lab.finish(&mut exec), 3, "{}", lab.said());
    assert!(lab.said().contains("denied by bob@example.com: the standby is not caught up"), "{}", lab.said());
    assert_eq!(lab.read("state"), "wedged\n");
    assert_eq!(lab.verify().0, 0, "{}", lab.verify().2);
}

#[test]
fn an_approval_travels_as_a_file() {
    let lab = lab();
    let mut exec = lab.start_exec(&["restart"]);
    let waiting = lab.gate(&mut exec);
    std::fs::create_dir(lab.path("mail")).unwrap();
    std::fs::copy(&waiting.request, lab.path("mail/request.txt")).unwrap();
    std::fs::copy(waiting.request.with_extension("txt.sig"), lab.path("mail/request.txt.sig")).unwrap();
    let approved = lab.run_as("bob", &["approve", "mail/request.txt", "--check", &waiting.check]);
    assert!(approved.status.success(), "{}", shown(&approved));
    let imported = lab.run_as("alice", &["import", "mail/approval.txt"]);
    assert!(imported.status.success(), "{}", shown(&imported));
    assert_eq!(lab.finish(&mut exec), 0, "{}", lab.said());
    assert_eq!(lab.read("state"), "well\n");
}

#[test]
fn the_result_of_a_run_is_one_json_object() {
    let lab = lab();
    let mut exec = lab.start_exec(&["restart", "--output", "json"]);
    let waiting = lab.gate(&mut exec);
    lab.approve("bob", &waiting);
    assert_eq!(lab.finish(&mut exec), 0, "{}", lab.said());
    let result: serde_json::Value = serde_json::from_str(&lab.read("exec.out")).unwrap();
    assert_eq!((result["verdict"].as_str(), result["exit_status"].as_u64()), (Some("recovered"), Some(0)));
    assert_eq!(result["run"].as_str(), Some(waiting.run.as_str()));
    let restart = &result["steps"][1];
    assert_eq!(restart["id"].as_str(), Some("restart"));
    assert_eq!(restart["hosts"][0]["host"].as_str(), Some("db"));
    assert_eq!((restart["hosts"][0]["result"].as_str(), restart["hosts"][0]["exit_code"].as_i64()), (Some("ok"), Some(0)));
    assert_eq!(restart["hosts"][0]["attempts"].as_u64(), Some(1));
    assert_eq!(result["steps"][2]["hosts"][0]["attempts"].as_u64(), Some(2));
}

#[test]
fn a_gate_that_expires_is_asked_again_when_the_run_is_resumed() {
    let lab = lab();
    let text = RESTART.replace("TARGET", &lab.dir.path().display().to_string());
    lab.runbook("restart", &text.replace("  - name: Restart\n", "  - name: Restart\n    gate: {approvals: 1, expires: 1s}\n"));
    let mut exec = lab.start_exec(&["restart"]);
    assert_eq!(lab.finish(&mut exec), 3, "{}", lab.said());
    assert!(lab.said().contains("expired"), "{}", lab.said());
    let late = lab.run_as("bob", &["approve", "latest", "--check", "AAAAAA"]);
    assert_eq!(late.status.code(), Some(2), "{}", shown(&late));
    let mut resumed = lab.start("alice", &["resume", "latest"]);
    until("a second request, or the second expiry", || resumed.try_wait().unwrap());
    assert_eq!(lab.read("state"), "wedged\n");
    let (ours, theirs, said) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{said}");
}

#[test]
fn a_dry_run_runs_what_reads_and_nothing_else() {
    let lab = lab();
    let dry = lab.run_as("alice", &["exec", "restart", "--dry-run"]);
    assert_eq!(dry.status.code(), Some(0), "{}", shown(&dry));
    let said = shown(&dry);
    assert!(said.contains("would run") && said.contains("cannot know before") && said.contains("nothing was changed"), "{said}");
    assert_eq!(lab.read("state"), "wedged\n");
}
