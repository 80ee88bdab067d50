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
