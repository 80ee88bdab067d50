//! Starting runbooks and bringing them in, as people and programs meet it: whole transcripts of the binary. Contacts no host.

#[path = "verbs/lab.rs"]
mod lab;

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use lab::Lab;

/// A file of `tests/authoring`, put into the lab's folder.
fn bring(lab: &Lab, name: &str) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/authoring").join(name);
    fs::copy(from, lab.path(name)).unwrap();
}

fn lab() -> Lab {
    let lab = Lab::with_people(&["alice", "bob"]);
    fs::remove_file(lab.library().join("broken.yaml")).unwrap();
    lab
}

#[test]
fn a_markdown_page_becomes_a_draft_that_is_printed() {
    let lab = lab();
    bring(&lab, "failover.md");
    assert_snapshot!("import_markdown", lab.transcript(&["import", "failover.md"]));
    assert_eq!(fs::read_dir(lab.library()).unwrap().count(), 3, "nothing is written");
}

#[test]
fn a_draft_is_written_once_and_linted() {
    let lab = lab();
    bring(&lab, "failover.md");
    assert_snapshot!("import_write", lab.transcript(&["import", "failover.md", "--write", "failover"]));
    let written = fs::read_to_string(lab.library().join("failover.yaml")).unwrap();
    assert!(written.starts_with("# yaml-language-server: $schema=.schema/runbook.json\n"), "{written}");
    assert_snapshot!("import_write_again", lab.transcript(&["import", "failover.md", "--write", "failover"]));
    assert_eq!(fs::read_to_string(lab.library().join("failover.yaml")).unwrap(), written);
    assert_snapshot!("import_write_json", lab.json(&["import", "failover.md", "--write", "again"]));
}

#[test]
fn a_playbook_becomes_a_draft_by_what_stands_in_it() {
    let lab = lab();
    bring(&lab, "restart.yml");
    fs::rename(lab.path("restart.yml"), lab.path("restart.txt")).unwrap();
    assert_snapshot!("import_playbook", lab.transcript(&["import", "restart.txt", "--write", "restart-api"]));
    fs::write(lab.path("anchors.yml"), "- hosts: db\n  vars: &v {a: b}\n  tasks: []\n").unwrap();
    assert_snapshot!("import_playbook_with_anchors", lab.transcript(&["import", "anchors.yml"]));
}

#[test]
fn what_cannot_be_a_draft_is_told() {
    let lab = lab();
    fs::write(lab.path("prose.md"), "# Only prose\n\nNothing to do.\n\n```sql\nselect 1\n```\n").unwrap();
    fs::write(lab.path("other.yaml"), "key: value\nmore: [1, 2]\n").unwrap();
    lab.write("mine.yaml", "# mine\nrunbook: mine\n");
    fs::write(lab.path("latin"), b"caf\xe9\n").unwrap();
    fs::write(lab.path("old.txt"), "runbook approval, version 0\n").unwrap();
    fs::write(lab.path("old.txt.sig"), "x\n").unwrap();
    for (name, file) in [
        ("import_prose", "prose.md"),
        ("import_other_yaml", "other.yaml"),
        ("import_a_runbook", "runbooks/mine.yaml"),
        ("import_no_text", "latin"),
        ("import_no_file", "nowhere.md"),
        ("import_a_folder", "runbooks"),
        ("import_a_document_of_another_version", "old.txt"),
    ] {
        assert_snapshot!(name, lab.transcript(&["import", file]));
    }
}

#[test]
fn new_writes_each_template_lint_clean_and_never_over_a_file() {
    let lab = lab();
    assert_snapshot!("new_list", lab.transcript(&["new", "--list"]));
    assert_snapshot!("new_list_json", lab.json(&["new", "--list"]));
    let given = ["--title", "Try: it's \"new\"", "--owner", "web", "--hosts", "db & !db-2"];
    for template in ["look", "restart", "rolling", "disk", "manual", "database"] {
        let name = format!("try-{template}");
        let words = [&["new", &name, "--from", template], &given[..]].concat();
        let said = lab.transcript(&words);
        assert!(said.contains("lint      0 errors, 0 warnings\n") && said.ends_with("--- status 0\n"), "{said}");
        let planned = lab.transcript(&["plan", &name]);
        assert!(planned.ends_with("--- status 0\n"), "{planned}");
        let before = fs::read_to_string(lab.library().join(format!("{name}.yaml"))).unwrap();
        let again = lab.transcript(&words);
        assert!(again.contains("is there already, and nothing was changed") && again.ends_with("--- status 2\n"), "{again}");
        assert_eq!(fs::read_to_string(lab.library().join(format!("{name}.yaml"))).unwrap(), before);
    }
    assert_snapshot!("new", lab.transcript(&[&["new", "restart-it", "--from", "restart"], &given[..]].concat()));
    assert_snapshot!("new_json", lab.json(&[&["new", "restart-them", "--from", "restart"], &given[..4], &["--hosts", "nobody"]].concat()));
}

#[test]
fn new_tells_without_a_terminal_all_that_is_missing() {
    let lab = lab();
    assert_snapshot!("new_without_anything", lab.transcript(&["new", "restart-it"]));
    assert_snapshot!("new_manual_needs_no_hosts", lab.transcript(&["new", "tell-them", "--from", "manual"]));
    assert_snapshot!("new_from_nothing", lab.transcript(&["new", "restart-it", "--from", "restrt"]));
    assert_snapshot!("new_of_a_bad_name", lab.transcript(&["new", "Restart_It"]));
    assert!(!lab.library().join("restart-it.yaml").exists());
}

/// Hosts from three places, one of them a program.
fn lab_with_sources() -> Lab {
    use std::os::unix::fs::PermissionsExt;
    let lab = lab();
    lab.write("team/inventory.yaml", "hosts:\n  db-1: {groups: [db]}\nhosts_from: [hosts.ini, ./ec2, ~/.ssh/config]\n");
    lab.write("team/hosts.ini", "[db]\ndb-[1:2] ansible_host=10.0.0.5\nhere ansible_connection=local environment=staging\n");
    lab.write("team/ec2", "#!/bin/sh\necho '{\"_meta\": {\"hostvars\": {}}, \"web\": [\"stage-1\"]}'\n");
    fs::set_permissions(lab.library().join("team/ec2"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(lab.path("home/.ssh")).unwrap();
    fs::write(lab.path("home/.ssh/config"), "Host bastion\n  HostName 10.0.0.1\n").unwrap();
    lab
}

#[test]
fn hosts_of_other_tools_are_hosts_of_the_library() {
    let lab = lab_with_sources();
    lab.write("all.yaml", "runbook: all\ntitle: All\nsteps:\n  - {name: Look, hosts: \"all\", check: uptime, timeout: 5s}\n");
    assert_snapshot!("sources_plan", lab.transcript(&["plan", "all"]));
    let doctor = lab.transcript(&["doctor"]);
    assert!(doctor.contains("hosts        5 besides local: 3 from hosts.ini, 1 from ./ec2, 1 from ~/.ssh/config\n"), "{doctor}");
}

#[test]
fn a_program_that_fails_is_told_with_what_it_said() {
    use std::os::unix::fs::PermissionsExt;
    let lab = lab_with_sources();
    lab.write("team/ec2", "#!/bin/sh\necho 'no token' >&2\nexit 3\n");
    assert_snapshot!("sources_program_failed", lab.transcript(&["lint", "look"]));
    fs::set_permissions(lab.library().join("team/ec2"), fs::Permissions::from_mode(0o775)).unwrap();
    assert_snapshot!("sources_program_of_others", lab.transcript(&["plan", "look"]));
}

#[test]
fn a_source_that_changed_after_a_run_was_opened_is_noticed() {
    let lab = lab_with_sources();
    lab.write(
        "ask.yaml",
        "runbook: ask\ntitle: Ask\nsteps:\n  - {name: Look, hosts: here, check: \"true\", timeout: 5s}\n  - {name: Do, manual: Do it.}\n",
    );
    let key = lab.key("alice").display().to_string();
    let as_alice = ["--as", "alice@example.com", "--key", &key];
    let opened = lab.transcript(&[&["exec", "ask"], &as_alice[..]].concat());
    assert!(opened.ends_with("--- status 4\n"), "{opened}");
    let run = lab.command(&["runs", "--latest"]).output().unwrap();
    let run = String::from_utf8(run.stdout).unwrap().trim().to_owned();
    let folder = lab.path("state/runbook");
    let copy = walk(&folder, &run).join("inputs/inventory.yaml");
    assert_snapshot!("sources_copy", fs::read_to_string(copy).unwrap());

    let moved = "# a remark\n[db]\nhere ansible_connection=local environment=staging\ndb-[1:2] ansible_host=10.0.0.5\n";
    lab.write("team/hosts.ini", &moved.replace("10.0.0.5", "10.0.0.6"));
    let refused = lab.transcript(&[&["resume", &run], &as_alice[..]].concat());
    assert!(
        refused.contains("what team/inventory.yaml and its hosts_from say changed") && refused.ends_with("--- status 3\n"),
        "{refused}"
    );
    lab.write("team/hosts.ini", moved);
    let resumed = lab.transcript(&[&["resume", &run, "--answer", "do=done"], &as_alice[..]].concat());
    assert!(resumed.ends_with("--- status 0\n"), "what says the same in other words is no change\n{resumed}");
}

/// The folder of a run below the store.
fn walk(folder: &Path, run: &str) -> std::path::PathBuf {
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        if next.file_name().is_some_and(|name| name == run) && next.join("inputs").is_dir() {
            return next;
        }
        open.extend(fs::read_dir(&next).into_iter().flatten().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()));
    }
    panic!("no folder of {run} in {}", folder.display())
}
