//! Evidence off real hosts, over a real sshd: what is hard to name, to read or to keep, and disks that are full at either end. Needs root, for
//! file systems of their own.

#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;
#[path = "support/tmpfs.rs"]
mod tmpfs;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use lab::{Lab, shown, until};
use serde_json::Value;
use tmpfs::Tmpfs;

/// A lab with one host of staging, and this capture in a runbook `save`.
fn lab(capture: &str) -> Lab {
    let lab = Lab::with_hosts(&["db"], "staging");
    save(&lab, capture, "");
    lab
}

fn save(lab: &Lab, capture: &str, more: &str) {
    lab.runbook("save", &format!("steps:\n  # runbook: allow RB201 because what these write is the test itself\n  - name: Save\n    hosts: db\n    timeout: 60s\n    capture: {capture}\n{more}"));
}

/// The artifacts that the newest run kept, by name, as `log --evidence` gives them.
fn artifacts(lab: &Lab) -> Vec<Value> {
    let output = lab.run_as("alice", &["log", "latest", "--evidence", "--output", "json"]);
    let all: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", shown(&output)));
    all.as_array().unwrap().iter().flat_map(|kept| kept["artifacts"].as_array().cloned().unwrap()).collect()
}

fn files(artifact: &Value) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = artifact["files"].as_array().unwrap().iter().map(|file| PathBuf::from(file["path"].as_str().unwrap()));
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn assert_proven(lab: &Lab) {
    let (ours, theirs, said) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{said}");
}

#[test]
fn files_of_every_name_arrive_to_the_byte_and_both_verifiers_know_them() {
    let lab = lab("{}");
    let dir = lab.path("logs");
    fs::create_dir(&dir).unwrap();
    let bytes: Vec<u8> = (0..200_000u32).flat_map(|n| n.to_le_bytes()).collect();
    let names = ["a b.log", "it's $(id) `x`.log", "new\nline.log", "-rf.log", "*.log", "\u{1b}]0;x.log"];
    names.iter().for_each(|name| fs::write(dir.join(name), &bytes).unwrap());
    fs::write(dir.join("single"), b"no newline at the end").unwrap();
    symlink(dir.join("single"), dir.join("link")).unwrap();
    let at = dir.display();
    save(
        &lab,
        &format!(
            "\n      all: {{file: \"{at}/*.log\"}}\n      one: {{file: {at}/link}}\n      end: {{file: \"{at}/a b.log\", last: 100B}}\n      \
             out: {{run: \"seq 1 100000\", last: 12B}}\n      load: {{file: /proc/loadavg}}\n"
        ),
        "",
    );
    let exec = lab.run_as("alice", &["exec", "save"]);
    assert_eq!(exec.status.code(), Some(0), "{}", shown(&exec));
    let kept = artifacts(&lab);
    let all = files(&kept[0]);
    assert_eq!(all.len(), names.len());
    assert!(all.iter().all(|(path, content)| *content == bytes && path.to_str().unwrap().is_ascii()), "each is whole, under a plain name");
    assert_eq!(files(&kept[1])[0].1, b"no newline at the end");
    assert_eq!(files(&kept[2])[0].1, bytes[bytes.len() - 100..]);
    assert_eq!(files(&kept[3])[0].1, b"99999\n100000\n"[1..]);
    assert!(!files(&kept[4])[0].1.is_empty(), "a file whose size the system does not say");
    assert_eq!(kept[2]["files"][0]["truncated"], "asked");
    let manifest: Value = serde_json::from_slice(&fs::read(lab.run_folder().join("evidence/save/db.1/manifest.json")).unwrap()).unwrap();
    assert_eq!((&manifest["captured_by"], &manifest["host"]), (&"alice@example.com".into(), &"db".into()));
    assert_proven(&lab);
}

#[test]
fn what_cannot_be_kept_is_told_fails_the_step_and_spoils_nothing_else() {
    let lab = lab("{}");
    let at = lab.path("logs");
    fs::create_dir(&at).unwrap();
    (0..300).for_each(|n| fs::write(at.join(format!("{n}.log")), b"x").unwrap());
    let at = at.display();
    save(
        &lab,
        &format!(
            "\n      none: {{file: \"{at}/*.nothing\"}}\n      folder: {{file: {at}}}\n      many: {{file: \"{at}/*.log\"}}\n      \
             fails: {{run: \"echo half; exit 3\"}}\n      good: {{file: {at}/7.log}}\n      shrinks: {{run: \"echo well\"}}\n    on_failure: continue\n"
        ),
        "  - name: Purge\n    hosts: db\n    run: touch purged\n    effect: destructive\n    evidence: save\n    timeout: 10s\n",
    );
    let exec = lab.run_as("alice", &["exec", "save"]);
    assert_eq!(exec.status.code(), Some(1), "{}", shown(&exec));
    let said = shown(&exec);
    for words in ["no such file, or none that matches", "no plain file", "300 files match, the first 256 are kept", "exit status 3"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(said.contains("save kept no whole evidence of db (not as asked: none, folder, many, fails;"), "{said}");
    let kept = artifacts(&lab);
    let counts: Vec<usize> = kept.iter().map(|artifact| files(artifact).len()).collect();
    assert_eq!(counts, [0, 0, 256, 1, 1, 1]);
    assert_eq!(files(&kept[3])[0].1, b"half\n");
    assert!(kept[4]["trouble"].is_null() && kept[5]["trouble"].is_null());
    assert!(!lab.path("purged").exists());
    assert_proven(&lab);
}

#[test]
fn a_file_is_told_from_a_pattern_and_a_value_is_never_one() {
    let lab = lab("{}");
    let at = lab.path("logs");
    fs::create_dir(&at).unwrap();
    ["*", "a", "b"].iter().for_each(|name| fs::write(at.join(name), name).unwrap());
    let text = format!(
        "parameters: {{which: {{type: string}}}}\nsteps:\n  - name: Save\n    hosts: db\n    timeout: 20s\n    capture:\n      \
         one: {{file: \"{at}/{{{{ which }}}}\"}}\n",
        at = at.display()
    );
    lab.runbook("save", &text);
    let exec = lab.run_as("alice", &["exec", "save", "-p", "which=*"]);
    assert_eq!(exec.status.code(), Some(0), "{}", shown(&exec));
    assert_eq!(files(&artifacts(&lab)[0]).into_iter().map(|(_, content)| content).collect::<Vec<_>>(), [b"*"]);
}

#[test]
fn a_host_without_a_single_free_byte_still_gives_its_evidence() {
    let lab = lab("{}");
    let spool = lab.path("spool");
    let _full = Tmpfs::mount(&spool, "1m");
    assert!(fs::write(spool.join("fill"), vec![b'x'; 2 << 20]).is_err(), "the file system is full");
    save(&lab, &format!("{{fill: {{file: {}/fill}}}}", spool.display()), "");
    let exec = lab.run_as("alice", &["exec", "save"]);
    assert_eq!(exec.status.code(), Some(0), "{}", shown(&exec));
    let content = &files(&artifacts(&lab)[0])[0].1;
    assert_eq!(*content, fs::read(spool.join("fill")).unwrap());
    assert_proven(&lab);
}

#[test]
fn a_capture_that_might_not_fit_is_not_started_and_goes_on_when_there_is_room() {
    let lab = lab("{log: {file: /etc/passwd}}");
    let store = lab.path("store");
    let disk = Tmpfs::mount(&store, "100m");
    let exec = lab.run_as("alice", &["exec", "save"]);
    assert_eq!(exec.status.code(), Some(5), "{}", shown(&exec));
    let said = shown(&exec);
    assert!(said.contains("not started: ") && said.contains("up to 256 MiB of evidence of db") && said.contains("`last:`"), "{said}");
    disk.remount("size=400m");
    let resumed = lab.run_as("alice", &["resume", "latest"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", shown(&resumed));
    assert_eq!(files(&artifacts(&lab)[0])[0].1, fs::read("/etc/passwd").unwrap());
}

#[test]
fn a_capture_stops_before_it_fills_the_disk_and_says_so() {
    let lab = lab("{}");
    let store = lab.path("store");
    let disk = Tmpfs::mount(&store, "100m");
    // Somebody else fills the disk of the record while the capture is under way.
    let fill = format!("head -c 50000000 /dev/zero > {}/fill; head -c 30000000 /dev/zero", store.display());
    save(&lab, &format!("\n      small: {{run: \"echo before\", last: 1KiB}}\n      big: {{run: \"{fill}\", last: 30MB}}\n"), "");
    let exec = lab.run_as("alice", &["exec", "save"]);
    assert_eq!(exec.status.code(), Some(1), "{}", shown(&exec));
    assert!(shown(&exec).contains("the disk of the record must keep some room"), "{}", shown(&exec));
    let kept = artifacts(&lab);
    assert_eq!((&kept[0]["trouble"], &kept[1]["files"][0]["truncated"]), (&Value::Null, &"room".into()));
    let bytes = kept[1]["files"][0]["bytes"].as_u64().unwrap();
    assert!(bytes > 1 << 20 && bytes < 30_000_000, "{bytes}");
    let free = disk.free();
    assert!(free > 30 << 20, "{free} bytes are left");
    assert_proven(&lab);
}

#[test]
fn a_runner_killed_in_mid_capture_captures_anew_and_the_torn_rest_is_no_evidence() {
    let lab = lab("{}");
    let (begun, go) = (lab.path("begun"), lab.path("go"));
    let slow = format!("echo first; touch {}; until test -e {}; do sleep 0.1; done; echo last", begun.display(), go.display());
    save(&lab, &format!("{{slow: {{run: \"{slow}\"}}}}"), "");
    let mut runner = lab.start_exec(&["save"]);
    until("the capture to begin", || begun.exists().then_some(()));
    runner.kill().unwrap();
    runner.wait().unwrap();
    fs::write(&go, "").unwrap();
    let folder = lab.run_folder().join("evidence/save");
    assert!(folder.join("db.1.partial").exists() && !folder.join("db.1").exists());
    let resumed = lab.run_as("alice", &["resume", "latest"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", shown(&resumed));
    let kept = artifacts(&lab);
    assert_eq!(kept.len(), 1);
    let (path, content) = &files(&kept[0])[0];
    assert_eq!((path, content.as_slice()), (&folder.join("db.2/slow"), &b"first\nlast\n"[..]));
    assert_proven(&lab);
}

#[test]
fn a_secret_in_evidence_is_hidden_and_what_was_kept_is_whole_all_the_same() {
    let lab = lab("{}");
    let file = lab.path("config");
    fs::write(&file, "password = hunter2-hunter2\nport = 5432\nhunter2-hunter2").unwrap();
    let text = format!(
        "secrets: {{pw: {{env: LAB_PASSWORD}}}}\nsteps:\n  - name: Save\n    hosts: db\n    timeout: 20s\n    env: {{PW: \"{{{{ pw }}}}\"}}\n    \
         capture:\n      out: {{run: \"echo it is $PW\"}}\n      config: {{file: {}}}\n",
        file.display()
    );
    lab.runbook("save", &text);
    let exec = lab.runbook_as("alice", &["exec", "save"]).env("LAB_PASSWORD", "hunter2-hunter2").output().unwrap();
    assert_eq!(exec.status.code(), Some(0), "{}", shown(&exec));
    let kept = artifacts(&lab);
    assert_eq!(files(&kept[0])[0].1, b"it is [secret:pw]\n");
    assert_eq!(files(&kept[1])[0].1, b"password = [secret:pw]\nport = 5432\n[secret:pw]");
    assert_proven(&lab);
}

#[test]
fn evidence_is_waived_by_two_others_who_read_why() {
    let lab = Lab::with_hosts(&["db"], "staging");
    let step = "steps:\n  - name: Purge\n    hosts: db\n    run: touch PURGED\n    effect: destructive\n    timeout: 10s\n";
    let step = step.replace("PURGED", &lab.path("purged").display().to_string());
    lab.runbook("purge", &format!("{step}    evidence: {{waive: \"The cache holds nothing of its own.\"}}\n"));
    let mut exec = lab.start_exec(&["purge"]);
    let waiting = lab.gate(&mut exec);
    let request = fs::read_to_string(&waiting.request).unwrap();
    assert!(request.contains("! without evidence, waived: The cache holds nothing of its own."), "{request}");
    assert!(shown(&lab.approve("bob", &waiting)).contains("destroys what is kept nowhere"));
    until("one approval", || (lab.runs()[0]["gate"]["has"].as_array()?.len() == 1).then_some(()));
    assert!(!lab.path("purged").exists());
    lab.approve("carol", &waiting);
    assert_eq!(lab.finish(&mut exec), 0, "{}", lab.said());
    assert!(lab.path("purged").exists());
    assert_proven(&lab);
}

#[test]
fn where_the_policy_asks_for_evidence_a_destructive_step_says_what_it_needs() {
    let lab = Lab::with_hosts(&["db", "other"], "staging");
    lab.write(
        "runbooks/team/policy.yaml",
        &lab::POLICY.replace("destructive: {approvals: 1}", "destructive: {approvals: 1, evidence: required}"),
    );
    let purge =
        |evidence: &str| format!("  - name: Purge\n    hosts: db\n    run: 'true'\n    effect: destructive\n    timeout: 10s\n{evidence}");
    let capture =
        |hosts: &str| format!("  - name: Save\n    hosts: {hosts}\n    timeout: 10s\n    capture: {{a: {{file: /etc/passwd}}}}\n");
    let exec = |text: String| {
        lab.runbook("purge", &format!("steps:\n{text}"));
        let output = lab.run_as("alice", &["exec", "purge"]);
        (output.status.code(), shown(&output))
    };
    let (code, said) = exec(purge(""));
    assert!(code == Some(2) && said.contains("RB515") && said.contains("asks for evidence") && said.contains("staging"), "{said}");
    let (code, said) = exec(format!("{}{}", capture("other"), purge("    evidence: save\n")));
    assert!(code == Some(2) && said.contains("RB518") && said.contains("keeps nothing of db"), "{said}");
    let (code, said) =
        exec(format!("{}{}", capture("'{{ \"db\" }}'"), purge("    evidence: save\n").replace("hosts: db", "hosts: '{{ \"other\" }}'")));
    assert!(code == Some(1) && said.contains("save kept no whole evidence of other (it did not run there)"), "{said}");
}
