//! `runbook drill --hosts-from` over a real sshd: behind real gates, with connections cut, runners killed and approvals denied on our side, and
//! nothing of it ever taken for a real run.

#[path = "support/forger.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod forger;
#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use forger::{count, events};
use lab::sshd::Sshd;
use lab::{Lab, Waiting, shown, until};
use serde_json::Value;

/// Looks, changes behind a gate, looks again. `MARK` is where the change leaves its traces.
const STEPS: &str = "steps:
  - {name: Look, hosts: db-1, check: echo up, timeout: 20s}
  - name: Change
    hosts: db-1
    gate: {approvals: 1, from: [sre]}
    run: echo changed >>MARK; sleep 1; echo done
    timeout: 20s
  - {name: Look again, hosts: all-of-them, check: test -s MARK, timeout: 20s}
";

/// The library's own hosts lead nowhere; those of team/staging.yaml are a throw-away sshd.
fn lab(scenario: &str) -> Lab {
    let lab = Lab::new().behind(Sshd::start("MaxSessions 50\nMaxStartups 100\nSetEnv SHLVL=2"), &["db-1", "db-2"], "staging");
    fs::rename(lab.path("runbooks/team/inventory.yaml"), lab.path("runbooks/team/staging.yaml")).unwrap();
    let own = "hosts:\n  db-1: {address: 127.0.0.9, port: 9, groups: [all-of-them]}\n  db-2: {address: 127.0.0.9, port: 10, groups: [all-of-them]}\n";
    lab.write("runbooks/team/inventory.yaml", own);
    lab.runbook("mend", &STEPS.replace("MARK", &mark(&lab).display().to_string()));
    fs::create_dir_all(lab.path("runbooks/drills/mend")).unwrap();
    lab.write("runbooks/drills/mend/night.yaml", &format!("drill: mend\ntitle: A night\n{scenario}"));
    lab
}

fn mark(lab: &Lab) -> PathBuf {
    lab.path("mark")
}

fn json(text: &str) -> Value {
    text.lines().find_map(|line| serde_json::from_str(line).ok()).unwrap_or_else(|| panic!("no JSON: {text}"))
}

/// The drill's folder, once it is there.
fn folder(lab: &Lab) -> PathBuf {
    until("the drill's folder", || fs::read_dir(lab.path("store/live-drills")).ok()?.next()).unwrap().path()
}

/// A drill in the background, up to its gate.
fn up_to_gate(lab: &Lab, args: &[&str]) -> (Child, Waiting) {
    let mut drill = lab.start("alice", &[&["drill", "mend", "--hosts-from", "staging", "--output", "json"], args].concat());
    let waiting = until("a gate", || {
        assert!(drill.try_wait().unwrap().is_none(), "the drill ended before its gate: {}", lab.said());
        let runs = json(&String::from_utf8_lossy(&lab.run_as("alice", &["runs", "--output", "json"]).stdout));
        assert_eq!(runs["runs"], Value::Array(Vec::new()), "a drill is no run");
        let open = runs["drills"].as_array()?.first()?.clone();
        let word = |value: &Value| value.as_str().map(str::to_owned);
        Some(Waiting { run: word(&open["run"])?, check: word(&open["gate"]["check"])?, request: word(&open["gate"]["request"])?.into() })
    });
    (drill, waiting)
}

/// The same with bob's approval, to its end: the exit status and the report.
fn drilled(lab: &Lab, args: &[&str]) -> (i32, Value) {
    let (mut drill, waiting) = up_to_gate(lab, args);
    let approved = lab.approve("bob", &waiting);
    assert!(approved.status.success(), "{}", shown(&approved));
    let status = lab.finish(&mut drill);
    (status, json(&lab.read("exec.out"))["drills"][0].clone())
}

/// Both verifiers' exit status, and what they say.
fn verified(lab: &Lab) -> (Option<i32>, Option<i32>, String) {
    let folder = folder(lab);
    let ours = lab.run_as("alice", &["verify", folder.to_str().unwrap(), "--level", "authority"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verify_record.py");
    let theirs = Command::new("python3").arg(script).arg(&folder).output().unwrap();
    (ours.status.code(), theirs.status.code(), shown(&ours) + &shown(&theirs))
}

fn drill(lab: &Lab, args: &[&str]) -> Output {
    lab.run_as("alice", &[&["drill", "mend", "--hosts-from"], args].concat())
}

#[test]
fn it_runs_for_real_elsewhere_behind_real_gates_and_is_never_a_run() {
    let lab =
        lab("expect: {verdict: recovered, steps: {change: {db-1: ok}, look-again: ok}, order: [look, change], never: [rm], within: 5m}\n");
    let (mut drill, waiting) = up_to_gate(&lab, &["--scenario", "night"]);
    let page = shown(&lab.run_as("bob", &["approve", &waiting.run, "--check", "AAAAAA"]));
    assert!(page.contains("a drill: it runs on the hosts of staging") && page.contains("drill: on the hosts of \"staging\""), "{page}");
    assert!(!page.contains("is not the requester's"), "bob has the same staging: {page}");
    assert!(shown(&lab.run_as("bob", &["approve", "--check", &waiting.check])).contains("the run has counted it"));
    assert_eq!(lab.finish(&mut drill), 0, "{}", lab.said());
    let report = json(&lab.read("exec.out"));
    assert_eq!((&report["ok"], &report["drills"][0]["hosts_from"]), (&Value::Bool(true), &Value::from("staging")), "{report}");
    assert_eq!(fs::read_to_string(mark(&lab)).unwrap(), "changed\n");
    let (ours, theirs, said) = verified(&lab);
    assert_eq!((ours, theirs), (Some(0), Some(0)), "{said}");
    assert!(said.contains("a drill on the hosts of staging"), "{said}");

    let real = lab.run_as("alice", &["verify", &waiting.run, "--real"]);
    assert!(real.status.code() == Some(6) && shown(&real).contains("a drill, on hosts of another environment"), "{}", shown(&real));
    let listed = json(&shown(&lab.run_as("alice", &["list", "--output", "json"])));
    assert!(listed["runbooks"][0]["last_run"].is_null(), "{listed}");
    assert_eq!(listed["runbooks"][0]["last_drill"]["passed"], true, "{listed}");
    let shows = shown(&lab.run_as("alice", &["show", "mend"]));
    assert!(shows.contains("drill night on the hosts of staging"), "{shows}");
    let runs = json(&shown(&lab.run_as("alice", &["runs", "--output", "json"])));
    let none = Value::Array(Vec::new());
    assert_eq!((&runs["runs"], &runs["drills"], &runs["missing"]), (&none, &none, &none), "it is over, and was no run");
    assert!(shown(&lab.run_as("alice", &["log", "latest"])).contains("no run answers"));
    assert!(shown(&lab.run_as("alice", &["log", &waiting.run])).contains("of mend (drill on the hosts of staging)"));
    let resumed = lab.run_as("alice", &["resume", &waiting.run]);
    assert!(resumed.status.code() == Some(2) && shown(&resumed).contains("is closed"), "{}", shown(&resumed));
}

#[test]
fn a_killed_runner_is_followed_by_another_and_the_change_is_made_once() {
    let lab = lab("hosts:\n  db-1:\n    - {on: echo changed, breaks: runner}\nexpect: {verdict: recovered, steps: {change: ok}}\n");
    let (status, report) = drilled(&lab, &["--scenario", "night"]);
    assert_eq!((status, &report["ok"]), (0, &Value::Bool(true)), "{report} {}", lab.said());
    assert_eq!(fs::read_to_string(mark(&lab)).unwrap(), "changed\n", "once");
    let folder = folder(&lab);
    assert_eq!((count(&folder, "run_resumed"), count(&folder, "action_reattached")), (1, 1));
    let (ours, theirs, said) = verified(&lab);
    assert_eq!((ours, theirs), (Some(0), Some(0)), "{said}");
}

#[test]
fn a_connection_is_lost_while_the_change_goes_on_and_nobody_is_told_that_it_went_well() {
    let scenario = "hosts:\n  db-1:\n    - {on: echo changed, breaks: during}\nexpect: {verdict: needs_person, steps: {change: unknown, look-again: not_started}}\n";
    let lab = lab(scenario);
    let (status, report) = drilled(&lab, &["--scenario", "night"]);
    assert_eq!((status, &report["ok"]), (0, &Value::Bool(true)), "{report} {}", lab.said());
    assert_eq!(fs::read_to_string(mark(&lab)).unwrap(), "changed\n", "it went on there");
    let log = shown(&lab.run_as("alice", &["log", folder(&lab).to_str().unwrap()]));
    assert!(log.contains("the drill has cut the connection"), "{log}");

    // the line is mended with the drill, which goes on as a drill, and asks the host again
    let run = folder(&lab).file_name().unwrap().to_str().unwrap().to_owned();
    let resumed = lab.run_as("alice", &["resume", &run]);
    assert!(resumed.status.success(), "{}", shown(&resumed));
    assert_eq!(fs::read_to_string(mark(&lab)).unwrap(), "changed\n", "once");
    assert_eq!(events(&folder(&lab))[0]["mode"], "live_drill");
    assert!(lab.runs().is_empty(), "and it is no run");
}

#[test]
fn a_killed_runner_whom_nobody_follows_leaves_what_can_be_gone_on_with() {
    let lab = lab("hosts:\n  db-1:\n    - {on: echo changed, breaks: runner, follows: false}\nexpect: {verdict: interrupted}\n");
    let (status, report) = drilled(&lab, &["--scenario", "night"]);
    assert_eq!((status, &report["ok"]), (0, &Value::Bool(true)), "{report} {}", lab.said());
    let runs = json(&shown(&lab.run_as("alice", &["runs", "--output", "json"])));
    assert_eq!(runs["drills"][0]["state"], "interrupted", "it is not over: {runs}");
    let resumed = lab.run_as("alice", &["resume", report["drill"].as_str().unwrap()]);
    assert!(resumed.status.success(), "{}", shown(&resumed));
    assert_eq!(fs::read_to_string(mark(&lab)).unwrap(), "changed\n", "once");
}

#[test]
fn a_look_whose_runner_is_killed_is_made_again() {
    let lab = lab(
        "hosts:\n  db-1:\n    - {on: echo up, breaks: runner, times: 1}\nexpect: {verdict: recovered, steps: {look: ok, change: ok}}\n",
    );
    let (status, report) = drilled(&lab, &["--scenario", "night"]);
    assert_eq!((status, &report["ok"]), (0, &Value::Bool(true)), "{report} {}", lab.said());
    assert_eq!(count(&folder(&lab), "run_resumed"), 1);

    let scenario = lab.read("runbooks/drills/mend/night.yaml").replace(", times: 1", "");
    lab.write("runbooks/drills/mend/night.yaml", &scenario);
    let endless = drill(&lab, &["staging", "--scenario", "night"]);
    assert!(endless.status.code() == Some(1) && shown(&endless).contains("`times: 1` beside `breaks: runner`"), "{}", shown(&endless));
}

#[test]
fn whoever_runs_it_presses_ctrl_c() {
    let lab = lab("stops: change\nexpect: {verdict: interrupted, steps: {change: ok, look-again: not_started}}\n");
    let (status, report) = drilled(&lab, &["--scenario", "night"]);
    assert_eq!((status, &report["ok"]), (0, &Value::Bool(true)), "{report} {}", lab.said());
    assert_eq!(fs::read_to_string(mark(&lab)).unwrap(), "changed\n");
}

#[test]
fn a_connection_is_lost_before_the_change_begins() {
    let lab =
        lab("hosts:\n  db-1:\n    - {on: echo changed, breaks: before}\nexpect: {verdict: failed, steps: {change: {db-1: unreachable}}}\n");
    let (status, report) = drilled(&lab, &["--scenario", "night"]);
    assert_eq!((status, &report["ok"]), (0, &Value::Bool(true)), "{report} {}", lab.said());
    assert!(!mark(&lab).exists());
}

#[test]
fn a_denial_that_is_played_stops_it_and_is_no_forgery() {
    let lab = lab("approvals: [{by: bob@example.com, denies: not tonight}]\nexpect: {verdict: denied, steps: {change: not_started}}\n");
    let denied = drill(&lab, &["staging", "--scenario", "night"]);
    assert!(denied.status.success(), "{}", shown(&denied));
    assert!(shown(&denied).contains("✓ mend/night") && !mark(&lab).exists(), "{}", shown(&denied));
    let log = shown(&lab.run_as("alice", &["log", folder(&lab).to_str().unwrap()]));
    assert!(log.contains("bob@example.com denied gate 2 (played): not tonight"), "{log}");
    let (ours, theirs, said) = verified(&lab);
    assert_eq!((ours, theirs), (Some(0), Some(0)), "{said}");
}

#[test]
fn a_host_that_is_kept_down_is_not_reached_and_what_differs_is_told() {
    let lab = lab("hosts: {db-1: {down: true}}\nexpect: {verdict: recovered}\n");
    let drill = drill(&lab, &["staging", "--scenario", "night"]);
    assert_eq!(drill.status.code(), Some(1), "{}", shown(&drill));
    assert!(shown(&drill).contains("expected  recovered\n      got       failed"), "{}", shown(&drill));
    assert!(shown(&drill).contains("the drill has cut the connection"), "{}", shown(&drill));
}

#[test]
fn what_answers_itself_is_not_played_and_without_a_scenario_all_is_as_expected() {
    let lab = lab("hosts: {db-1: [{on: echo up, says: down, exits: 1}]}\nexpect: {verdict: failed}\n");
    let (status, report) = drilled(&lab, &["--scenario", "night"]);
    assert_eq!((status, &report["differences"][0]["got"]), (1, &Value::from("recovered")), "{report}");
    assert!(lab.said().contains("note: 1 answer of the scenario is not played"), "{}", lab.said());
    fs::remove_dir_all(lab.path("store/live-drills")).unwrap();
    let (status, report) = drilled(&lab, &[]);
    assert_eq!((status, &report["scenario"]), (0, &Value::from("as-expected")), "{report}");
}

#[test]
fn a_drill_never_runs_where_people_are_served() {
    let lab = lab("expect: {verdict: recovered}\n");
    let refused = |args: &[&str], status: i32, piece: &str| {
        let output = drill(&lab, args);
        assert!(output.status.code() == Some(status) && shown(&output).contains(piece), "{args:?}: {}", shown(&output));
    };
    refused(&["stagin"], 2, "Did you mean `staging`?");
    refused(&["staging", "--all"], 2, "cannot be used with");
    refused(&["staging", "--scenario", "dawn"], 2, "it has night");
    let staging = lab.read("runbooks/team/staging.yaml");
    lab.write("runbooks/team/staging.yaml", &staging.replacen("environment: staging, ", "", 1));
    refused(&["staging"], 3, "team/staging.yaml has db-1 in production, and a drill runs nothing there");
    lab.write("runbooks/team/staging.yaml", &staging);

    // another name, another configuration of ssh, and the same machine
    let config = lab.sshd.as_ref().unwrap().client_config();
    lab.write("runbooks/team/inventory.yaml", &format!("ssh: {{config: {config}}}\nhosts: {{db-1: {{address: primary}}, db-2: {{}}}}\n"));
    refused(&["staging"], 3, "and so does db-1 of team/inventory.yaml, in production");
    // and by another spelling of its address
    let port = lab.sshd.as_ref().unwrap().port();
    lab.write(
        "runbooks/team/inventory.yaml",
        &format!("hosts: {{db-1: {{address: localhost, port: {port}}}, db-2: {{address: 127.0.0.9}}}}\n"),
    );
    refused(&["staging"], 3, "and so does db-1 of team/inventory.yaml, in production");
    assert!(!lab.path("store/live-drills").exists(), "nothing was opened");

    lab.write("runbooks/team/inventory.yaml", "hosts: {db-1: {address: 127.0.0.9}, db-2: {address: 127.0.0.9}}\n");
    lab.runbook("mend", "steps: [{name: Here, hosts: local, check: echo here, timeout: 5s}]\n");
    let here = drill(&lab, &["staging"]);
    assert!(
        here.status.code() == Some(1) && shown(&here).contains("local is in production, and a drill runs nothing there"),
        "{}",
        shown(&here)
    );
    // nor where such a drill is resumed
    lab.runbook("mend", "steps:\n  - {name: Pause, wait: 1s}\n  - {name: Here, hosts: local, check: echo here, timeout: 5s}\n");
    lab.write("runbooks/drills/mend/night.yaml", "drill: mend\ntitle: A night\nstops: pause\nexpect: {verdict: interrupted}\n");
    let report = json(&shown(&drill(&lab, &["staging", "--scenario", "night", "--output", "json"])));
    assert_eq!(report["ok"], true, "{report}");
    let resumed = lab.run_as("alice", &["resume", report["drills"][0]["drill"].as_str().unwrap()]);
    assert!(shown(&resumed).contains("local is no host that this run may reach") && !resumed.status.success(), "{}", shown(&resumed));
    lab.runbook("mend", "steps: [{name: Here, hosts: local, check: echo here, timeout: 5s}]\n");
    lab.write("runbooks/team/staging.yaml", &format!("{staging}  local: {{environment: staging}}\n"));
    assert!(drill(&lab, &["staging"]).status.success());
}

#[test]
fn what_only_hosts_can_do_is_refused_on_real_ones() {
    let lab = lab("hosts: {db-1: [{on: echo up, breaks: stalls}]}\nexpect: {verdict: failed}\n");
    let output = drill(&lab, &["staging", "--scenario", "night"]);
    assert!(output.status.code() == Some(2) && shown(&output).contains("`breaks: stalls` is done by hosts"), "{}", shown(&output));
    lab.write("runbooks/drills/mend/night.yaml", "drill: mend\ntitle: A night\nruns_as: carol@example.com\nexpect: {verdict: failed}\n");
    let output = drill(&lab, &["staging", "--scenario", "night"]);
    assert!(output.status.code() == Some(2) && shown(&output).contains("is run by carol@example.com"), "{}", shown(&output));
    let output = lab.run_as("alice", &["drill", "mend", "-p", "x=y"]);
    assert!(output.status.code() == Some(2) && shown(&output).contains("-p goes with --hosts-from"), "{}", shown(&output));
}
