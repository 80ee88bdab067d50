//! `script:`, `put:` and `reboot:` as a person uses them: the real binary on hosts of a throw-away sshd, and what is said when they are misused.

#[allow(dead_code)] // each test file uses its part of it
#[path = "support/lab.rs"]
mod lab;

use lab::{Lab, shown};

/// A team with one host in staging, and a folder for what its steps write.
fn staging() -> Lab {
    let lab = Lab::with_hosts(&["web-1"], "staging");
    std::fs::create_dir_all(lab.path("runbooks/scripts/db")).unwrap();
    std::fs::create_dir_all(lab.path("etc")).unwrap();
    lab
}

fn said(lab: &Lab, args: &[&str]) -> String {
    shown(&lab.run_as("alice", args))
}

/// All of these stand in what was said.
fn holds(said: &str, expected: &[&str]) {
    for text in expected {
        assert!(said.contains(text), "expected {text:?} in\n{said}");
    }
}

#[test]
fn a_script_is_sent_as_it_lies_in_the_library() {
    let lab = staging();
    let file = "#!/bin/sh\n# {{ this }} is no template\nfalse\nprintf '%s\\n' \"$KEEP\" \"$(pwd)\" 'it'\\''s sent'";
    lab.write("runbooks/scripts/db/purge.sh", file);
    lab.runbook(
        "purge",
        "steps:\n  - {name: Purge, hosts: web-1, script: db/purge.sh, cwd: /, env: {KEEP: \"a b\"}, timeout: 20s, register: purge,\n     \
         expect: \"lines == ['a b', '/', \\\"it's sent\\\"]\"}\n  - {name: Look, hosts: web-1, check: \"test {{ purge.lines | length }} = 3\", timeout: 20s}\n",
    );
    let plan = said(&lab, &["plan", "purge"]);
    holds(&plan, &["$ export KEEP='a b'", "$ cd -- / || exit 1", "$ #!/bin/sh", "$ # {{ this }} is no template", "it'\\''s sent'"]);
    let output = lab.run_as("alice", &["exec", "purge"]);
    assert!(output.status.success(), "{}", shown(&output));
    let (ours, theirs, words) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{words}");
}

#[test]
fn a_file_that_cannot_be_sent_so_is_refused_before_anything_runs() {
    let lab = staging();
    lab.write("runbooks/scripts/db/purge.sh", "ls\n");
    lab.write("runbooks/scripts/bash.sh", "#!/usr/bin/env bash\nls\n");
    lab.write("runbooks/scripts/nul.sh", "ls\0\n");
    let step = |name: &str, file: &str| format!("  - {{name: {name}, hosts: web-1, script: {file}, timeout: 5s}}\n");
    let steps = [step("gone", "db/purg.sh"), step("bash", "bash.sh"), step("nul", "nul.sh"), step("fine", "db/purge.sh")].concat();
    lab.runbook("wrong", &format!("steps:\n{steps}"));
    for verb in ["lint", "plan", "exec"] {
        let said = said(&lab, &[verb, "wrong"]);
        holds(
            &said,
            &["RB512", "there is no file scripts/db/purg.sh", "did you mean `db/purge.sh`?", "RB513", "asks for bash", "`shell: bash`"],
        );
        holds(&said, &["this file holds NUL bytes"]);
        assert!(!said.contains("status exit status: 0"), "{said}");
    }
    assert!(lab.runs().is_empty(), "nothing was run");
}

#[test]
fn lint_looks_into_scripts() {
    let lab = staging();
    let policy = format!("{}deny:\n  - {{command: redis-cli keys, why: it blocks the server}}\n", lab::POLICY);
    lab.write("runbooks/team/policy.yaml", &policy);
    lab.write("runbooks/scripts/look.sh", "uptime\nrm -f /tmp/x\nredis-cli -h db keys '*'\n");
    let runbook =
        |comment: &str| format!("steps:\n{comment}  - {{name: Look, hosts: web-1, script: look.sh, effect: read, timeout: 5s}}\n");
    lab.runbook("look", &runbook(""));
    let found = said(&lab, &["lint", "look"]);
    holds(&found, &["RB201", "scripts/look.sh:2:1", "this step is called read, but `rm -f` changes something", "sent by \"Look\" of look"]);
    holds(&found, &["RB207", "scripts/look.sh:3:1", "the policy forbids `redis-cli keys`"]);
    assert!(!lab.run_as("alice", &["exec", "look"]).status.success(), "an error of lint keeps it from running");
    lab.runbook("look", &runbook("  # runbook: allow RB201 because the file is ours\n"));
    let allowed = said(&lab, &["lint", "look"]);
    assert!(!allowed.contains("RB201") && allowed.contains("RB207"), "{allowed}");
}
