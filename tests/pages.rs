//! `schema`, `show` and `diff`, as people and programs meet them: whole transcripts of the binary. Contacts no host.

#[path = "verbs/lab.rs"]
#[allow(dead_code, reason = "these verbs sign nothing, so nobody's key is asked for")]
mod lab;

use std::process::Command;

use insta::assert_snapshot;
use lab::Lab;

/// Git in the lab's folder, by nobody in particular at a fixed time.
fn git(lab: &Lab, words: &[&str]) {
    let mut command = Command::new("git");
    command.arg("-C").arg(lab.path("")).args(["-c", "user.name=Alice", "-c", "user.email=alice@example.com"]).args(words);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_AUTHOR_DATE", "2026-11-01T00:00:00Z").env("GIT_COMMITTER_DATE", "2026-11-01T00:00:00Z");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The ids of commits, digests of files and times as words.
fn without_ids(transcript: &str) -> String {
    let time = regex::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").unwrap();
    let transcript = &time.replace_all(transcript, "[time]");
    let commit = regex::Regex::new(r"\b[0-9a-f]{10}\b").unwrap();
    let digest = regex::Regex::new(r"\b[0-9a-f]{64}\b").unwrap();
    commit.replace_all(&digest.replace_all(transcript, "[digest]"), "[commit]").into_owned()
}

/// A library in a repository: tagged as it is, then changed.
fn changed() -> Lab {
    let lab = Lab::new();
    git(&lab, &["init", "-q"]);
    git(&lab, &["add", "runbooks"]);
    git(&lab, &["commit", "-q", "-m", "One"]);
    git(&lab, &["tag", "v1"]);
    let path = lab.library().join("move-leader.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let edits = [
        ("from: [dba, sre], expires: 5m", "expires: 1h"),
        ("    hosts: stage-1\n", "    hosts: \"stage-1, db-1\"\n"),
        ("timeout: 1m", "timeout: 2m"),
        ("leaderctl follow", "leaderctl follow --now"),
        ("Clients reconnect", "They reconnect"),
    ];
    let text = edits.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from} is not in\n{text}");
        text.replacen(from, to, 1)
    });
    std::fs::write(&path, text).unwrap();
    lab
}

#[test]
fn diff_tells_what_protects_less_before_all_else() {
    let lab = changed();
    assert_snapshot!("diff", without_ids(&lab.transcript(&["diff", "move-leader"])));
    assert_snapshot!("diff_json", without_ids(&lab.json(&["diff", "move-leader@v1", "move-leader"])));
}

#[test]
fn diff_knows_what_is_the_same() {
    let lab = changed();
    let same = lab.transcript(&["diff", "move-leader@v1", "HEAD:"]);
    assert!(same.contains("the same, to the byte") && same.ends_with("--- status 0\n"), "{same}");
    let path = lab.library().join("look.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("# A remark.\n{text}")).unwrap();
    let same = lab.transcript(&["diff", "look"]);
    assert!(same.contains("the same in meaning, written in another way") && same.ends_with("--- status 0\n"), "{same}");
}

#[test]
fn diff_says_where_hosts_of_the_past_cannot_be_known() {
    let lab = Lab::new();
    let inventory = std::fs::read_to_string(lab.library().join("team/inventory.yaml")).unwrap();
    lab.write("team/inventory.yaml", &format!("{inventory}hosts_from: [hosts.ini]\n"));
    lab.write("team/hosts.ini", "[more]\nweb-9\n");
    git(&lab, &["init", "-q"]);
    git(&lab, &["add", "runbooks"]);
    git(&lab, &["commit", "-q", "-m", "One"]);
    let said = lab.transcript(&["diff", "look"]);
    assert!(said.contains(", hosts as they are now → the working copy\nthe same, to the byte"), "{said}");
}

#[test]
fn diff_says_what_it_cannot_find() {
    let lab = changed();
    assert_snapshot!("diff_of_no_revision", without_ids(&lab.transcript(&["diff", "move-leader@v9"])));
    assert_snapshot!("diff_of_no_file", without_ids(&lab.transcript(&["diff", "v1:nothing", "move-leader"])));
    assert_snapshot!("diff_of_a_broken_one", without_ids(&lab.transcript(&["diff", "broken"])));
    let outside = Lab::new();
    assert_snapshot!("diff_without_a_repository", outside.transcript(&["diff", "look"]));
}

#[test]
fn schema_is_written_where_editors_look_for_it() {
    let lab = Lab::new();
    assert_snapshot!("schema_write", lab.transcript(&["schema", "--write"]));
    assert_snapshot!("schema_write_json", lab.json(&["schema", "policy", "--write"]));
    let written = std::fs::read_to_string(lab.library().join(".schema/runbook.json")).unwrap();
    let printed = lab.command(&["schema"]).output().unwrap();
    assert_eq!(written, String::from_utf8(printed.stdout).unwrap());
    let left: Vec<_> = std::fs::read_dir(lab.library().join(".schema")).unwrap().collect();
    assert_eq!(left.len(), 4, "nothing half-written is left");
    assert!(!lab.transcript(&["list"]).contains("schema"), "a schema is no runbook");
}

/// A library with the runbook that has every word, the one that it calls, and the hosts that both name.
fn with_everything() -> Lab {
    let lab = Lab::new();
    let copy =
        |from: &str, name: &str| lab.write(name, &std::fs::read_to_string(format!("{}/{from}", env!("CARGO_MANIFEST_DIR"))).unwrap());
    copy("tests/malformed/accepted/everything.yaml", "everything.yaml");
    copy("tests/malformed/accepted/restart-db.yaml", "restart-db.yaml");
    lab.write("team/inventory.yaml", "hosts:\n  db-primary: {address: 10.0.0.5, user: ops, port: 2222, groups: [db]}\n  db-standby: {groups: [db]}\n  web-1: {groups: [web]}\n  web-2: {groups: [web]}\nssh: {config: ~/.ssh/config}\n");
    lab
}

#[test]
fn show_has_every_word_of_the_language() {
    let lab = with_everything();
    assert_snapshot!("show_everything", lab.transcript(&["show", "everything"]));
    assert_snapshot!("show_everything_json", lab.json(&["show", "everything"]));
    let all = lab.transcript(&["show", "everything", "--all"]);
    assert!(all.contains("    14.2 Restart the server"), "{all}");
    let json: serde_json::Value =
        serde_json::from_slice(&lab.command(&["show", "everything", "--all", "--output", "json"]).output().unwrap().stdout).unwrap();
    assert_eq!(json["steps"][13]["steps"][1]["number"], "14.2");
}

#[test]
fn show_never_says_more_of_a_secret_than_where_it_is_kept() {
    let lab = with_everything();
    let mut command = lab.command(&["show", "everything", "--markdown"]);
    let output = command.env("PGPASSWORD", "hunter2").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("env PGPASSWORD") && !text.contains("hunter2"), "{text}");
}

#[test]
fn the_handout_serves_without_the_program() {
    let lab = with_everything();
    let words = ["show", "everything", "--markdown", "-p", "standby=db-standby", "-p", "unit=pg@15", "-p", "force=true"];
    let handout = without_ids(&lab.transcript(&words));
    let handout = regex::Regex::new("`[0-9a-f]{16}`").unwrap().replace_all(&handout, "`[sum]`").into_owned();
    assert_snapshot!("handout", handout);
    let too_wide = handout.lines().filter(|line| !line.starts_with("$ runbook") && line.chars().count() > 80);
    assert_eq!(too_wide.collect::<Vec<_>>(), Vec::<&str>::new(), "nothing but a command is wider than a page");
    let json = lab.json(&["show", "everything", "--markdown"]);
    assert!(json.contains("\"markdown\": \"# everything: Every word once\\n"), "{json}");
}

#[test]
fn a_handout_tells_how_it_becomes_stale() {
    let lab = changed();
    let committed = lab.transcript(&["show", "look", "--markdown"]);
    assert!(committed.contains("revision ") && !committed.contains("changes after it"), "{committed}");
    let changed = lab.transcript(&["show", "move-leader", "--markdown"]);
    assert!(changed.replace("\n> ", " ").contains("and changes after it"), "{changed}");
    let digest = runbook::base::Digest::of(&std::fs::read(lab.library().join("look.yaml")).unwrap()).to_string();
    assert!(committed.contains(&digest[..16]), "{committed}");
}

#[test]
fn show_tells_what_it_cannot_do_with_values() {
    let lab = with_everything();
    assert_snapshot!("show_with_values", lab.transcript(&["show", "everything", "-p", "unit=x"]));
    assert_snapshot!("handout_with_wrong_values", lab.transcript(&["show", "everything", "--markdown", "-p", "unit=X!", "-p", "tries=99"]));
    assert_snapshot!("handout_with_unknown_values", lab.transcript(&["show", "everything", "--markdown", "-p", "nobody=x"]));
}
