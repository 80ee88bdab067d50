//! What is said about two revisions: each edit of one runbook against its sentences.

use super::{Revision, Weight, compare};
use crate::library::{Inventory, read_inventory};
use crate::runbook::{Runbook, read};
use crate::text::{Colour, Source};

const INVENTORY: &str = "hosts: {db-1: {groups: [db]}, db-2: {groups: [db]}, web-1: {groups: [web]}}\n";

const OLD: &str = "\
runbook: a
title: A
parameters:
  unit: {type: string, default: pg, pattern: '[a-z]+'}
targets: {primary: db-1}
rules: [{require: unit != 'x', message: no}]
steps:
  - name: Save
    hosts: primary
    capture: {log: {file: /var/log/pg.log}}
  - name: Purge
    hosts: primary
    gate: {approvals: 2, from: [dba], expires: 10m}
    run: |
      stop {{ unit }}
      purge
    effect: destructive
    evidence: save
    undo: restore
    timeout: 1m
  - name: Around
    hosts: db
    timeout: 10s
    gate: {approvals: 2, from: [[dba], [ic]]}
    steps:
      - {name: One, run: one, env: {A: x}}
      - {name: Two, run: two, expect: exit_code == 0}
    rescue:
      - {name: Say so, manual: Tell them.}
  - name: Look
    hosts: primary
    check: pg_isready
    timeout: 5s
";

fn runbook(text: &str) -> Runbook {
    let (runbook, problems) = read(&Source::new("a.yaml", text), "a");
    runbook.unwrap_or_else(|| panic!("{}", problems.render(Colour::Plain)))
}

fn inventory(text: &str) -> Inventory {
    read_inventory(&Source::new("inventory.yaml", text)).0.unwrap()
}

/// What is said where each of these texts is replaced, with a mark before what is dangerous.
fn said(edits: &[(&str, &str)]) -> String {
    let new = edits.iter().fold(OLD.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    between((OLD, INVENTORY), (&new, INVENTORY))
}

fn between((old, old_inventory): (&str, &str), (new, new_inventory): (&str, &str)) -> String {
    let (old, new) = (runbook(old), runbook(new));
    let (old_inventory, new_inventory) = (inventory(old_inventory), inventory(new_inventory));
    let changes = compare(Revision { runbook: &old, inventory: &old_inventory }, Revision { runbook: &new, inventory: &new_inventory });
    let mut out = String::new();
    for change in changes {
        let mark = match change.weight {
            Weight::Dangerous => "! ",
            Weight::Different => "  ",
            Weight::Words => "w ",
        };
        out += &format!("{mark}{}\n", change.sentence);
        out.extend(change.lines.iter().map(|line| format!("      {line}\n")));
    }
    out
}

#[test]
fn another_way_of_writing_is_no_difference() {
    assert_eq!(said(&[]), "");
    let block = "    hosts: db\n    timeout: 10s\n";
    let inner = [
        ("- {name: One, run: one, ", "- {name: One, hosts: db, timeout: 10s, run: one, "),
        ("- {name: Two, ", "- {name: Two, hosts: 'db-1, db-2', timeout: 10s, "),
    ];
    assert_eq!(said(&[(block, "    # nothing\n"), inner[0], inner[1]]), "");
    assert_eq!(said(&[("targets: {primary: db-1}\n", "targets: {primary: db-1}\nx-mine: 1\n")]), "");
}

#[test]
fn what_protects_less_comes_first() {
    insta::assert_snapshot!(said(&[
        ("title: A", "title: B"),
        ("    gate: {approvals: 2, from: [dba], expires: 10m}\n", ""),
        ("    effect: destructive\n    evidence: save\n    undo: restore\n", "    effect: idempotent\n"),
        ("      purge\n", "      purge --all\n"),
        ("targets: {primary: db-1}", "targets: {primary: db}"),
        ("from: [[dba], [ic]]", "from: [dba, sre]"),
        ("    rescue:\n      - {name: Say so, manual: Tell them.}\n", ""),
        ("timeout: 10s", "timeout: 20s"),
        (", expect: exit_code == 0", ""),
        (", pattern: '[a-z]+'", ""),
        ("rules: [{require: unit != 'x', message: no}]\n", ""),
    ]));
}

#[test]
fn a_gate_is_weaker_or_stronger() {
    insta::assert_snapshot!(said(&[("approvals: 2, from: [dba], expires: 10m", "approvals: 1, from: [dba, sre], expires: 1h, instead: {of: dba, by: ic, after: 5m}")]), @r#"
    ! step 2 "Purge" now needs 1 approval, before 2
    ! step 2 "Purge" may now be approved by dba, sre, before by dba
    ! step 2 "Purge" may now be approved for 1h after it was asked, before for 10m
    ! step 2 "Purge" may now be approved in place of others by ic for dba after 5m, before by nobody
    "#);
    insta::assert_snapshot!(said(&[("approvals: 2, from: [dba]", "approvals: 3, from: [[dba], [ic]]"), ("check: pg_isready", "gate: {approvals: 1}\n    check: pg_isready")]), @r#"
    ! step 2 "Purge" may now be approved by one of dba and one of ic, before by dba
      step 2 "Purge" now needs 3 approvals, before 2
      step 4 "Look" is now behind a gate: 1 of anybody on the roster
    "#);
}

#[test]
fn steps_are_found_again_by_id_by_name_and_by_their_work() {
    insta::assert_snapshot!(said(&[
        ("- name: Look\n", "- name: Is it up\n"),
        ("  - name: Save\n", "  - name: First of all\n    manual: Think.\n  - name: Save\n"),
        ("  - name: Around\n", "  - name: Both of them\n"),
    ]), @r#"
      step 1 "First of all" is new: once, without a gate of its own
          + > Think.
      block 4 "Both of them" is what was "Around" (around)
      step 5 "Is it up" is what was "Look" (look)
    "#);
}

#[test]
fn a_step_that_others_overtook_has_moved() {
    let look = "  - name: Look\n    hosts: primary\n    check: pg_isready\n    timeout: 5s\n";
    let moved = OLD.replace(look, "").replace("steps:\n  - name: Save", &format!("steps:\n{look}  - name: Save"));
    insta::assert_snapshot!(between((OLD, INVENTORY), (&moved, INVENTORY)), @r#"  step 1 "Look" is at another place now: first"#);
    let out = OLD.replace("      - {name: Two, run: two, expect: exit_code == 0}\n", "").replace(
        "  - name: Look\n",
        "  - {name: Two, hosts: db, gate: {approvals: 2, from: [[dba], [ic]]}, timeout: 10s, run: two, expect: exit_code == 0}\n  - name: Look\n",
    );
    insta::assert_snapshot!(between((OLD, INVENTORY), (&out, INVENTORY)), @r#"  step 4 "Two" is at another place now: after block 3 "Around""#);
}

#[test]
fn a_group_that_has_grown_is_a_wider_step() {
    let more = INVENTORY.replace("web-1", "db-3: {groups: [db]}, web-1");
    insta::assert_snapshot!(between((OLD, INVENTORY), (OLD, &more)), @"! steps 3.1 and 3.2 now also run on db-3");
    insta::assert_snapshot!(said(&[("hosts: db\n", "hosts: \"{{ unit }}\"\n")]), @"! steps 3.1 and 3.2 now run on `{{ unit }}`, before on `db`: nobody can know before the run whether that is more");
    insta::assert_snapshot!(said(&[("hosts: db\n", "hosts: db & !db-2\n")]), @"  steps 3.1 and 3.2 do not run on db-2 any more");
}

#[test]
fn parameters_are_told_one_by_one() {
    insta::assert_snapshot!(said(&[("  unit: {type: string, default: pg, pattern: '[a-z]+'}\n", "  unit: {type: string, pattern: '[a-z]+'}\n  tries: {type: integer, default: 3}\n")]), @r"
      the parameter `unit` is now required, before its default was `pg`
      the parameter `tries` is new: a whole number, default `3`
    ");
}
