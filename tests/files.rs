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

/// Alice's team in production: every change needs another person.
fn production() -> Lab {
    let lab = Lab::with_hosts(&["web-1"], "production");
    std::fs::create_dir_all(lab.path("runbooks/scripts")).unwrap();
    std::fs::create_dir_all(lab.path("etc")).unwrap();
    lab
}

/// Puts `etc/app.conf` on web-1, then looks whether `etc/fails` is not there.
fn put(lab: &Lab, gate: &str, content: &str) {
    let etc = lab.path("etc").display().to_string();
    lab.runbook(
        "put",
        &format!(
            "parameters: {{workers: {{type: integer, default: 4}}}}\nsteps:\n  - name: Configure\n    hosts: web-1\n{gate}    timeout: 20s\n    \
             put:\n      to: {etc}/app.conf\n      content: |\n{content}  - {{name: Look, hosts: web-1, check: test ! -e {etc}/fails, timeout: 20s, \
             on_failure: rollback}}\n"
        ),
    );
}

const CONTENT: &str = "        workers {{ workers }}\n        name \"it's $HOME\"\n";

#[test]
fn an_approver_sees_the_difference_and_what_was_approved_is_written() {
    let lab = production();
    put(&lab, "    gate: {approvals: 1, from: [sre]}\n", CONTENT);
    lab.write("etc/app.conf", "workers 2\nname \"it's $HOME\"\n");
    let mut exec = lab.start_exec(&["put"]);
    let waiting = lab.gate(&mut exec);
    let request = std::fs::read_to_string(&waiting.request).unwrap();
    holds(&request, &["|   | -workers 2\n|   | +workers 4\n|   |  name \"it's $HOME\"\n", "app.conf changes: 28 bytes, mode 0644"]);
    holds(&request, &["|   $ printf %s 'workers 4\n|   $ name \"it'\\''s $HOME\"\n", "|   ~ mv -f \"$old\" \"$to\""]);
    assert!(lab.said().contains("-workers 2"), "whoever runs it sees it, too:\n{}", lab.said());
    assert!(lab.approve("bob", &waiting).status.success());
    assert_eq!(lab.finish(&mut exec), 0, "{}", lab.said());
    assert_eq!(lab.read("etc/app.conf"), "workers 4\nname \"it's $HOME\"\n");
    let (ours, theirs, words) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{words}");
}

#[test]
fn a_file_that_changed_while_the_gate_waited_is_not_overwritten() {
    let lab = production();
    put(&lab, "", CONTENT);
    lab.write("etc/app.conf", "workers 2\n");
    let mut exec = lab.start_exec(&["put"]);
    let waiting = lab.gate(&mut exec);
    lab.write("etc/app.conf", "workers 3\n");
    assert!(lab.approve("bob", &waiting).status.success());
    assert_ne!(lab.finish(&mut exec), 0);
    assert!(lab.said().contains("is not as it was shown"), "{}", lab.said());
    assert_eq!(lab.read("etc/app.conf"), "workers 3\n");
}

#[test]
fn a_put_undoes_itself() {
    let lab = staging();
    put(&lab, "", CONTENT);
    lab.write("etc/app.conf", "workers 2\n");
    lab.write("etc/fails", "");
    let output = lab.run_as("alice", &["exec", "put"]);
    assert!(shown(&output).contains("rolled back"), "{}", shown(&output));
    assert_eq!(lab.read("etc/app.conf"), "workers 2\n");
    assert_eq!(std::fs::read_dir(lab.path("etc")).unwrap().count(), 2, "nothing is left beside it");
    let (ours, theirs, words) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{words}");
}

#[test]
fn a_dry_run_shows_the_difference_and_writes_nothing() {
    let lab = staging();
    put(&lab, "", CONTENT);
    lab.write("etc/app.conf", "workers 2\n");
    let dry = said(&lab, &["exec", "put", "--dry-run"]);
    holds(&dry, &["would run", "-workers 2", "+workers 4", "dry run: nothing was changed"]);
    assert_eq!(lab.read("etc/app.conf"), "workers 2\n");
    let plan = said(&lab, &["plan", "put"]);
    holds(&plan, &["  on web-1, staging, timeout 20s", "app.conf will be: 28 bytes", "  | +workers 4"]);
    let json: serde_json::Value = serde_json::from_slice(&lab.run_as("alice", &["plan", "put", "--output", "json"]).stdout).unwrap();
    let step = &json["steps"][0];
    assert_eq!((step["hosts"][0].as_str(), step["actions"].as_array().map(Vec::len)), (Some("web-1"), Some(0)), "{json}");
    assert!(step["template"].to_string().contains("+workers 4") && json["steps"].as_array().unwrap().len() == 2, "{json}");
}

#[test]
fn a_put_that_cannot_be_is_refused_with_the_reason() {
    let lab = staging();
    put(&lab, "", CONTENT);
    std::os::unix::fs::symlink("/etc/passwd", lab.path("etc/app.conf")).unwrap();
    let refused = said(&lab, &["exec", "put"]);
    holds(&refused, &["web-1: ", "app.conf is a link: name the file that it leads to"]);
    let step = |rest: &str| format!("steps:\n  - {{name: x, hosts: web-1, timeout: 5s, put: {{{rest}}}}}\n");
    for (rest, why) in [
        ("to: /etc/x, file: gone.conf", "there is no file scripts/gone.conf"),
        ("to: /etc/../x, content: y", "expected an absolute path"),
        ("to: /etc/x, content: y, owner: \"a b\"", "expected `user` or `user:group`"),
        ("to: etc/x, content: y", "`to` is an absolute path"),
        ("to: /etc/x, content: \"{{ nobody }}\"", "`nobody` is not defined"),
        ("to: /etc/x, content: y, mode: \"0999\"", "octal digits"),
    ] {
        lab.runbook("wrong", &step(rest));
        holds(&said(&lab, &["plan", "wrong"]), &[why]);
    }
    lab.write("runbooks/scripts/app.j2", "fine\nport {{ prot }}\n");
    lab.runbook("wrong", &step("to: /etc/x, template: app.j2").replace("steps:", "parameters: {port: {type: integer}}\nsteps:"));
    holds(&said(&lab, &["lint", "wrong"]), &["`prot` is not defined", "did you mean `port`?", "nothing uses the parameter `port`"]);
}
