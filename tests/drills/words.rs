//! The words of scenarios one by one: what each expects, what it says where it differs, and where it does not fit. No host is ever contacted.

use std::fs;

use serde_json::Value;

use crate::json;
use crate::lab::{Lab, shown};

const ROLL: &str = "steps:
  - name: Look
    manual: Look at the dashboard.
  - name: One after another
    hosts: web
    rolling: {serial: 1}
    timeout: 1m
    steps:
      - {name: Restart it, run: systemctl restart nginx}
      - {name: It answers, check: probe}
  - name: Without alarms
    hosts: web-1
    timeout: 1m
    become: root
    acquire: silence --add
    steps:
      - {name: Reload, run: reload}
    release: |
      silence --remove
  - {name: In the end, hosts: web, check: probe --all, timeout: 10s}
";

/// Two web servers, a runbook that restarts them in turn and then silences alarms for a while, and this scenario of it.
fn lab(scenario: &str) -> Lab {
    let lab = Lab::new();
    lab.write("runbooks/team/inventory.yaml", "hosts: {web-1: {groups: [web]}, web-2: {groups: [web]}}\n");
    lab.runbook("roll", ROLL);
    fs::create_dir_all(lab.path("runbooks/drills/roll")).unwrap();
    lab.write("runbooks/drills/roll/night.yaml", &format!("drill: roll\ntitle: A night\n{scenario}"));
    lab
}

/// Everything does what it shall.
const WELL: &str = "people: {look: done}
hosts:
  web:
    - {on: systemctl restart, takes: 4s}
    - {on: probe}
    - {on: silence}
    - {on: reload, takes: 2s}
";

/// The drill of this scenario, as JSON.
fn drilled(scenario: &str) -> Value {
    let report = json(&lab(scenario).run_as("alice", &["drill", "roll", "--output", "json"]));
    report["drills"][0].clone()
}

/// What differs, a line each.
fn differences(scenario: &str) -> Vec<String> {
    let drilled = drilled(scenario);
    let word = |difference: &Value, key: &str| difference[key].as_str().unwrap().to_owned();
    let line = |one: &Value| format!("{}: {} / {}", word(one, "what"), word(one, "expected"), word(one, "got"));
    drilled["differences"].as_array().unwrap().iter().map(line).collect()
}

/// What is said of a scenario that does not fit.
fn refused(scenario: &str) -> String {
    let lab = lab(scenario);
    let drill = lab.run_as("alice", &["drill", "roll"]);
    assert_eq!(drill.status.code(), Some(2), "{}", shown(&drill));
    shown(&drill).replace(&lab.dir.path().display().to_string(), "")
}

const NOTHING: [&str; 0] = [];

#[test]
fn the_order_of_steps_is_told_host_by_host() {
    let order = |order: &str| differences(&format!("{WELL}expect: {{verdict: recovered, order: [{order}]}}\n"));
    assert_eq!(order("look, {restart-it: web-1}, {it-answers: web-1}, {restart-it: web-2}, in-the-end"), NOTHING);
    assert_eq!(order("restart-it, {in-the-end: web-1}, {in-the-end: web-2}"), NOTHING);
    assert_eq!(order("in-the-end, {in-the-end: web-2}").len(), 1, "a step without a host is all of it");
    let ran = "look, restart-it@1 on web-1, it-answers@1 on web-1, restart-it@2 on web-2, it-answers@2 on web-2, \
               without-alarms.acquire on web-1, reload on web-1, without-alarms.release on web-1, in-the-end on web-1, in-the-end on web-2";
    assert_eq!(order("{restart-it: web-2}, {restart-it: web-1}"), [format!("order: restart-it on web-2, restart-it on web-1 / {ran}")]);
}

#[test]
fn hosts_that_are_none_of_the_inventory_are_told_with_their_places() {
    insta::assert_snapshot!(
        "hosts_of_expectations",
        refused(
            "expect:\n  verdict: recovered\n  steps: {it-answers: {web-3: ok, \"not a host\": ok}}\n  order: [{restart-it: wbe-1}, {restrat-it: web-1}]\n"
        )
    );
    insta::assert_snapshot!(
        "shapes_of_expectations",
        refused("expect: {verdict: recovered, order: [{restart-it: web-1, it-answers: web-1}, {}], held: [{a: b, c: d}], record: x}\n")
    );
}

#[test]
fn what_never_mattered_is_remarked_and_is_no_difference() {
    let scenario = "people: {look: done, in-the-end: retry}
hosts:
  web:
    - {on: systemctl restart, takes: 4s}
    - {on: probe, exits: 3}
    - {on: probe}
    - {on: silence}
    - {on: reload}
    - {on: [apt-get, upgrade]}
    - is: systemctl stop nginx
  web-2:
    - {on: reload}
expect: {verdict: recovered}
";
    let report = drilled(scenario);
    assert_eq!(report["ok"], true, "{report}");
    let unused: Vec<String> =
        report["unused"].as_array().unwrap().iter().map(|one| format!("{} {}", one["line"], one["what"].as_str().unwrap())).collect();
    assert_eq!(unused, ["3 people: in-the-end", "7 on: probe", "11 on: apt-get, upgrade", "12 is: systemctl stop nginx", "14 on: reload",]);
    let lab = lab(scenario);
    let text = shown(&lab.run_as("alice", &["drill", "roll"]));
    assert!(text.contains("\n    never used: line 7, on: probe\n") && text.contains("1 drill as expected"), "{text}");
    let sweep = shown(&lab.run_as("alice", &["drill", "roll", "--sweep"]));
    assert_eq!(sweep.matches("never used").count(), 5, "a sweep tells none: {sweep}");
}

#[test]
fn what_somebody_would_say_matters_where_they_are_asked() {
    let failing = WELL.replace("people: {look: done}", "people: {look: done, reload: stop, without-alarms.release: keep}");
    let scenario = format!("{failing}    - {{on: reload, exits: 1}}\nexpect: {{verdict: failed, steps: {{reload: failed}}}}\n");
    let report = drilled(&scenario);
    let unused: Vec<&str> = report["unused"].as_array().unwrap().iter().map(|one| one["what"].as_str().unwrap()).collect();
    assert_eq!(unused, ["people: without-alarms.release", "on: reload"], "the release goes well, and one rule hides another: {report}");
}

#[test]
fn each_artifact_of_a_capture_is_answered_by_a_rule_of_its_own() {
    let rules = "    - {on: ps -e, says: a process, takes: 2s}\n    - {on: ss -l, says: a socket, takes: 3s}\n";
    let lab = lab(&format!("{WELL}{rules}expect: {{verdict: recovered}}\n"));
    let kept = "  - {name: Keep, hosts: web-2, timeout: 20s, capture: {processes: {run: ps -e}, sockets: {run: ss -l}}}\n";
    lab.runbook("roll", &format!("{ROLL}{kept}"));
    let report = json(&lab.run_as("alice", &["drill", "roll", "--output", "json"]));
    assert_eq!((&report["ok"], &report["drills"][0]["unused"]), (&true.into(), &serde_json::json!([])), "{report}");
}

#[test]
fn one_who_presses_ctrl_c_stops_the_run_when_what_runs_has_ended() {
    let stops = |stops: &str, expect: &str| differences(&format!("{WELL}stops: {stops}\nexpect: {{verdict: interrupted, {expect}}}\n"));
    assert_eq!(stops("restart-it@2", "steps: {restart-it@2: ok, it-answers@2: not_started, reload: not_started}, held: []"), NOTHING);
    assert_eq!(stops("reload", "steps: {reload: ok, without-alarms.release: not_started}, held: [without-alarms]"), NOTHING);
    assert_eq!(stops("look", "steps: {look: not_started, restart-it: not_started}"), NOTHING);
    let now = "steps: {reload: failed, without-alarms.release: not_started}, held: [without-alarms.acquire], within: 10s";
    assert_eq!(stops("{at: reload, now: true}", now), NOTHING);
    assert_eq!(stops("{at: without-alarms.acquire, now: true}", "held: [without-alarms]"), NOTHING, "it may be held");
    assert_eq!(stops("{at: restart-it, now: false}", "steps: {restart-it: {web-1: ok, web-2: not_started}}"), NOTHING);
}

#[test]
fn a_stop_at_a_step_that_never_ran_is_remarked_and_one_of_no_step_refused() {
    let failing = WELL.replace("{on: probe}", "{on: probe, exits: 1}").replace("look: done", "look: done, it-answers: stop");
    let failing = failing.replace("    - {on: silence}\n    - {on: reload, takes: 2s}\n", "");
    let report = drilled(&format!("{failing}stops: reload\nexpect: {{verdict: failed}}\n"));
    assert_eq!(
        (&report["ok"], &report["unused"]),
        (&true.into(), &serde_json::json!([{ "line": 8, "what": "stops: reload" }])),
        "{report}"
    );
    insta::assert_snapshot!(
        "stops_nowhere",
        refused(&format!("{WELL}stops: {{at: relaod, now: true}}\nexpect: {{verdict: interrupted}}\n"))
    );
    insta::assert_snapshot!("stops_misspelt", refused(&format!("{WELL}stops: {{step: reload}}\nexpect: {{verdict: interrupted}}\n")));
}

#[test]
fn a_recorded_run_that_was_stopped_is_stopped_again() {
    let lab = lab(&format!("{WELL}stops: {{at: reload, now: true}}\nexpect: {{verdict: interrupted}}\n"));
    let report = json(&lab.run_as("alice", &["drill", "roll", "--output", "json"]));
    let kept = lab.path("store/drills").join(report["drills"][0]["drill"].as_str().unwrap());
    let there = lab.path("store/runs/01KDVVCRG02XSZWQ4VQJHEY3PW");
    fs::create_dir_all(&there).unwrap();
    fs::copy(kept.join("journal.jsonl"), there.join("journal.jsonl")).unwrap();
    let again = json(&lab.run_as("alice", &["drill", "--from", "01KDVVCRG02XSZWQ4VQJHEY3PW", "--write", "again", "--output", "json"]));
    let made = lab.read("runbooks/drills/roll/again.yaml");
    assert_eq!((&again["ok"], &again["drills"][0]["unused"]), (&true.into(), &serde_json::json!([])), "{again}\n{made}");
    assert!(made.contains("\nstops: {at: \"reload\", now: true}\n"), "{made}");
    lab.write("runbooks/roll.yaml", &lab.read("runbooks/roll.yaml").replace("systemctl restart nginx", "systemctl restart httpd"));
    let changed = shown(&lab.run_as("alice", &["drill", "--from", "01KDVVCRG02XSZWQ4VQJHEY3PW"]));
    assert!(changed.contains("    never used: is: systemctl restart nginx\n"), "{changed}");
    assert_eq!(changed.matches("systemctl restart nginx").count(), 1, "on two hosts, and told once: {changed}");
}

#[test]
fn where_nobody_follows_a_killed_runner_the_drill_ends_as_it_was_left() {
    let killed = |rule: &str, expect: &str| {
        drilled(&format!("{WELL}    - {{on: {rule}, breaks: runner, follows: false}}\nexpect: {{verdict: interrupted, {expect}}}\n"))
    };
    let report = killed("reload", "held: [without-alarms], steps: {in-the-end: not_started}, undone: []");
    assert_eq!(report["differences"], serde_json::json!([]), "{report}");
    let report = killed("silence --add", "held: [without-alarms]");
    assert_eq!(report["differences"], serde_json::json!([]), "{report}");
    let rule = "    - {on: reload, breaks: runner, follows: true}\nexpect: {verdict: recovered, held: []}\n";
    assert_eq!(differences(&format!("{WELL}{rule}")), NOTHING);
    insta::assert_snapshot!(
        "follows_nobody",
        refused(
            "hosts: {web: [{on: x, follows: false}, {on: y, breaks: during, follows: true}, {on: z, breaks: runner, follows: nobody}]}\nexpect: {verdict: failed}\n"
        )
    );
}

#[test]
fn pieces_of_the_record_are_looked_for_line_by_line() {
    let record = |record: &str| differences(&format!("{WELL}expect: {{verdict: recovered, record: {record}}}\n"));
    assert_eq!(record("[alice@example.com opened run, 'reload on web-1: exit status 0', 'closed: recovered']"), NOTHING);
    let missing = record("['closed: recovered', in the place of dba]");
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(
        missing[0].starts_with("record: a line with \"in the place of dba\" / none of ") && missing[0].ends_with(" lines"),
        "{missing:?}"
    );
}

#[test]
fn what_is_held_is_given_back_by_this_command() {
    let held = |held: &str| differences(&format!("{WELL}stops: reload\nexpect: {{verdict: interrupted, held: [{held}]}}\n"));
    assert_eq!(held("{without-alarms: silence --remove}"), NOTHING);
    assert_eq!(held("{without-alarms.acquire: --remove}"), NOTHING);
    assert_eq!(
        held("{without-alarms: silence --add}"),
        ["held: without-alarms on web-1 is given back by a command with \"silence --add\" / silence --remove"]
    );
    assert_eq!(held("{reload: silence}"), ["held: reload / without-alarms"]);
    assert!(refused("expect: {verdict: failed, held: [{without-alrams: x}]}\n").contains("has no step `without-alrams`"));
}
