//! `lint` beyond the plain list of problems: explanations, annotations, SARIF, ShellCheck. Contacts no host.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use serde_json::Value;

use crate::PEOPLE;
use crate::lab::Lab;

const SCRIPTED: &str = "runbook: scripted\ntitle: A command of several lines\nsteps:\n  - name: Look\n    hosts: db-1\n    timeout: 5s\n    check: |\n      cd /var/log\n      ls {{ host }}\n      rm -f $1 # only to be found\n";

#[test]
fn lint_explains_every_code() {
    let lab = Lab::new();
    assert_snapshot!("explain", lab.transcript(&["lint", "--explain", "RB201"]));
    assert_snapshot!("explain_json", lab.json(&["lint", "--explain", "read-changes"]));
    assert_snapshot!("explain_no_rule", lab.transcript(&["lint", "--explain", "rb320"]));
    assert_snapshot!("explain_unknown", lab.transcript(&["lint", "--explain", "shel-syntax"]));
}

#[test]
fn lint_annotates_a_pull_request() {
    let lab = Lab::with_people(&PEOPLE);
    assert_snapshot!("github", lab.transcript(&["lint", "--output", "github"]));
}

#[test]
fn lint_writes_a_sarif_log() {
    let lab = Lab::with_people(&PEOPLE);
    let output = lab.command(&["lint", "broken", "look", "--output", "sarif"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let log: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    for result in log["runs"][0]["results"].as_array().unwrap() {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(rule["shortDescription"]["text"].is_string(), "{rule}");
    }
    assert_snapshot!("sarif", serde_json::to_string_pretty(&log).unwrap());
}

#[test]
fn what_only_the_library_can_say_is_allowed_by_a_comment_as_well() {
    let lab = Lab::with_people(&PEOPLE);
    let text = |parameter: &str, gate: &str| {
        format!(
            "runbook: x\ntitle: X\nparameters:\n{parameter}  unit: {{type: string}}\nsteps:\n{gate}  - name: Look\n    hosts: db-1\n    gate: {{approvals: 9}}\n    check: uptime\n    timeout: 5s\n"
        )
    };
    lab.write("x.yaml", &text("", ""));
    let said = lab.transcript(&["lint", "x"]);
    assert!(said.contains("[RB212]") && said.contains("[RB506]") && said.contains("0 errors, 2 warnings"), "{said}");
    lab.write("x.yaml", &text("  # runbook: allow RB212 because a script gives it\n", "  # runbook: allow RB506 because the team grows\n"));
    assert!(lab.transcript(&["lint", "x"]).contains("0 errors, 0 warnings"));
}

#[test]
fn annotations_are_of_lint_alone() {
    let lab = Lab::with_people(&PEOPLE);
    for words in [["list", "--output", "github"], ["doctor", "--output", "sarif"]] {
        let output = lab.command(&words).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("is for `runbook lint` alone: expected text or json"), "{said}");
    }
    let both = lab.command(&["lint", "--explain", "RB201", "--output", "sarif"]).output().unwrap();
    assert_eq!(both.status.code(), Some(2));
}

/// A `shellcheck` that does this.
fn with_shellcheck(lab: &Lab, script: &str) -> String {
    let folder = lab.path("programs");
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join("shellcheck");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:/usr/bin:/bin", folder.display())
}

fn lint_with(lab: &Lab, path: &str, more: &[&str]) -> (String, String, Option<i32>) {
    let output = lab.command(&[&["lint", "scripted"], more].concat()).env("PATH", path).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap(), output.status.code())
}

#[test]
fn what_shellcheck_says_stands_at_the_line_of_the_runbook() {
    let lab = Lab::with_people(&PEOPLE);
    lab.write("scripted.yaml", &SCRIPTED.replace("rm -f", "printf '%s'"));
    let (text, said, status) = lint_with(&lab, &std::env::var("PATH").unwrap(), &[]);
    assert_eq!((said.as_str(), status), ("", Some(0)));
    assert!(text.contains("warning[RB215]: SC2086: Double quote"), "{text}");
    assert!(text.contains("--> runbooks/scripted.yaml:10:19"), "{text}");
    assert!(text.contains("1 runbook: 0 errors, 1 warning\n"), "neither `cd` nor the template is a remark: {text}");
    let allowed =
        SCRIPTED.replace("rm -f", "printf '%s'").replace("  - name", "  # runbook: allow shellcheck because it is one word\n  - name");
    lab.write("scripted.yaml", &allowed);
    assert!(lint_with(&lab, &std::env::var("PATH").unwrap(), &[]).0.contains("0 warnings"));
}

#[test]
fn a_shellcheck_that_is_not_there_or_not_wanted_is_no_failure() {
    let lab = Lab::with_people(&PEOPLE);
    lab.write("scripted.yaml", &SCRIPTED.replace("rm -f", "printf '%s'"));
    let good = "1 runbook: 0 errors, 0 warnings\n".to_owned();
    assert_eq!(lint_with(&lab, "/nowhere", &[]), (good.clone(), String::new(), Some(0)));
    let bad = with_shellcheck(&lab, "echo nonsense; exit 3");
    let (text, said, status) = lint_with(&lab, &bad, &[]);
    assert_eq!((&text, status), (&good, Some(0)));
    assert!(said.starts_with("note: without ShellCheck's remarks: its answer could not be read"), "{said}");
    assert_eq!(lint_with(&lab, &bad, &["--no-shellcheck"]), (good, String::new(), Some(0)));
}
