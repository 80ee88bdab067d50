//! `fmt` as people and hooks call it. Contacts no host.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use insta::assert_snapshot;
use runbook::text::{Diagnostics, Node, Source, Value, parse};

use crate::PEOPLE;
use crate::lab::Lab;

const ODD: &str = "title: \"Odd\"\nrunbook: odd\nsteps:\n- name: Look # at it\n  check: |\n      uptime\n  timeout: 5s\n  hosts: db-1\n";

fn lab() -> Lab {
    let lab = Lab::with_people(&PEOPLE);
    for name in ["broken", "look", "move-leader"] {
        fs::remove_file(lab.library().join(format!("{name}.yaml"))).unwrap();
    }
    for file in ["team/inventory.yaml", "team/policy.yaml"] {
        assert_eq!(lab.command(&["fmt", &format!("runbooks/{file}")]).output().unwrap().status.code(), Some(0));
    }
    lab.write("odd.yaml", ODD);
    lab
}

fn odd(lab: &Lab) -> String {
    fs::read_to_string(lab.library().join("odd.yaml")).unwrap()
}

#[test]
fn a_library_is_written_in_the_houses_style_once() {
    let lab = lab();
    fs::set_permissions(lab.library().join("odd.yaml"), fs::Permissions::from_mode(0o640)).unwrap();
    assert_snapshot!("fmt_check", lab.transcript(&["fmt", "--check"]));
    assert_snapshot!("fmt_diff", lab.transcript(&["fmt", "--diff", "odd"]));
    assert_eq!(odd(&lab), ODD, "neither writes");
    assert_snapshot!("fmt", lab.transcript(&["fmt"]));
    assert_snapshot!("fmt_written", odd(&lab));
    assert_eq!(fs::metadata(lab.library().join("odd.yaml")).unwrap().permissions().mode() & 0o777, 0o640);
    assert_snapshot!("fmt_again", lab.transcript(&["fmt", "--check"]));
    assert_eq!(fs::read_dir(lab.library()).unwrap().count(), 2, "no other file is left there");
}

#[test]
fn a_file_that_cannot_be_formatted_is_left_and_the_others_are_not() {
    let lab = lab();
    lab.write("digits.yaml", "runbook: digits\ntitle: T\nsteps:\n  - name: x\n    run: |2\n       y\n");
    lab.write("no-yaml.yaml", "runbook: [\n");
    assert_snapshot!("fmt_refused", lab.transcript(&["fmt"]));
    assert_snapshot!("fmt_refused_json", lab.json(&["fmt"]));
    assert_snapshot!("fmt_of_none", lab.transcript(&["fmt", "nothing"]));
}

#[test]
fn standard_input_goes_to_standard_output() {
    let lab = lab();
    let mut child = lab.command(&["fmt", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(ODD.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(lab.command(&["fmt", "odd"]).output().unwrap().status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), odd(&lab));
}

fn text<'n>(hook: &'n Node, key: &str) -> Option<&'n str> {
    let Value::Map(entries) = &hook.value else { panic!("a hook is a map") };
    let found = entries.iter().find(|(name, _)| matches!(&name.value, Value::Scalar(scalar) if scalar.text == key))?;
    match &found.1.value {
        Value::Scalar(scalar) => Some(&scalar.text),
        Value::List(_) | Value::Map(_) => None,
    }
}

#[test]
fn the_hooks_before_a_commit_work_as_they_are_written() {
    let written = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml")).unwrap();
    let document = parse(&Source::new(".pre-commit-hooks.yaml", &written), &mut Diagnostics::new()).unwrap();
    let Value::List(hooks) = document.root.value else { panic!("a list of hooks") };
    assert_eq!(hooks.iter().map(|hook| text(hook, "id").unwrap()).collect::<Vec<_>>(), ["runbook-fmt", "runbook-lint"]);
    let lab = lab();
    for hook in &hooks {
        assert!(text(hook, "name").is_some() && text(hook, "language") == Some("system"));
        let files = regex::Regex::new(text(hook, "files").unwrap()).unwrap();
        let changed: Vec<&str> = ["runbooks/odd.yaml", "runbooks/team/policy.yaml", "runbooks/drills/odd/a.yaml", "README.md"]
            .into_iter()
            .filter(|path| files.is_match(path))
            .collect();
        assert!(changed.starts_with(&["runbooks/odd.yaml", "runbooks/team/policy.yaml"]) && !changed.contains(&"README.md"));
        let entry: Vec<&str> = text(hook, "entry").unwrap().split(' ').collect();
        assert_eq!(entry[0], "runbook");
        let given = if text(hook, "pass_filenames") == Some("false") { Vec::new() } else { changed };
        let output = lab.command(&[&entry[1..], &given].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(odd(&lab).starts_with("runbook: odd\n"), "the first hook has written it");
}
