//! `runbook drill` as people use it: scenarios, differences, sweeps, JUnit; and that nothing of a drill is ever taken for real.

#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;
#[path = "drills/words.rs"]
mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use lab::{Lab, shown};
use runbook::drill::{Cast, Pace, Team, read_scenario};
use runbook::library::Library;
use runbook::plan::Shelf;
use runbook::runbook::read;
use runbook::text::{Colour, Source};
use serde_json::Value;

const RESTART: &str = "parameters: {unit: {type: string, default: nginx}}
steps:
  - name: Look
    hosts: db
    check: probe
    expect: stdout == \"up\"
    timeout: 10s
  - name: Restart
    hosts: db
    run: systemctl restart {{ unit }}
    undo: systemctl start {{ unit }}-old
    on_failure: rollback
    timeout: 1m
  - name: Wait
    wait: 30m
  - name: It answers
    hosts: db
    check: probe --deep
    on_failure: rollback
    timeout: 10s
";

/// A library with one runbook and this scenario of it. No host of it is ever contacted: it has no server.
fn lab(scenario: &str) -> Lab {
    let lab = Lab::new();
    lab.write("runbooks/team/inventory.yaml", "hosts:\n  db: {}\n");
    lab.runbook("restart", RESTART);
    fs::create_dir_all(lab.path("runbooks/drills/restart")).unwrap();
    lab.write("runbooks/drills/restart/night.yaml", &format!("drill: restart\ntitle: A night\n{scenario}"));
    lab
}

const WELL: &str = "hosts:
  db:
    - {on: probe, says: up}
    - {on: systemctl restart, takes: 4s}
";

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", shown(output)))
}

#[test]
fn a_drill_goes_as_expected_and_half_an_hour_takes_no_time() {
    let lab = lab(&format!(
        "{WELL}expect: {{verdict: recovered, steps: {{restart: ok, wait: ok}}, order: [look, restart, it-answers], held: [], undone: [], within: 31m}}\n"
    ));
    let drill = lab.run_as("alice", &["drill", "restart"]);
    assert!(drill.status.success(), "{}", shown(&drill));
    assert!(shown(&drill).contains("✓ restart/night  recovered after 30m"), "{}", shown(&drill));
    let report = json(&lab.run_as("alice", &["drill", "restart", "--output", "json"]));
    let took = report["drills"][0]["took_ms"].as_u64().unwrap();
    assert!((1_804_000..1_830_000).contains(&took), "{report}");
}

#[test]
fn what_differs_is_shown_with_what_was_expected() {
    let scenario = "hosts:
  db:
    - {on: probe, says: up}
    - {on: systemctl restart}
    - {on: --deep, exits: 1}
    - {on: systemctl start, takes: 2s}
expect:
  verdict: recovered
  steps: {restart: failed, it-answers: {db: ok}}
  undone: []
  order: [it-answers, restart]
  never: [nginx-old]
  says: well again
  within: 5m
";
    let lab = lab(scenario);
    let drill = lab.run_as("alice", &["drill", "restart"]);
    assert_eq!(drill.status.code(), Some(1), "{}", shown(&drill));
    let report = json(&lab.run_as("alice", &["drill", "restart", "--output", "json"]));
    let differences: Vec<(String, String, String)> = report["drills"][0]["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|difference| {
            let word = |key: &str| difference[key].as_str().unwrap().to_owned();
            (word("what"), word("expected"), word("got"))
        })
        .collect();
    let said: Vec<String> = differences.iter().map(|(what, expected, got)| format!("{what}: {expected} / {got}")).collect();
    assert_eq!(
        said[..7],
        [
            "verdict: recovered / rolled_back",
            "step restart on db: failed / ok",
            "step it-answers on db: ok / failed",
            "undone:  / restart",
            "says: well again / ",
            "order: it-answers, restart / look, restart, it-answers",
            "never: no command with \"nginx-old\" / systemctl start nginx-old",
        ]
    );
    assert!(said[7].starts_with("within: 5m / 30m"), "{said:?}");
    assert!(shown(&drill).contains("expected  recovered\n      got       rolled_back"), "{}", shown(&drill));
}

#[test]
fn a_command_that_no_rule_knows_is_told() {
    let lab = lab("hosts: {db: [{on: probe, says: up}]}\nexpect: {verdict: failed}\n");
    let drill = shown(&lab.run_as("alice", &["drill", "restart"]));
    assert!(drill.contains("a rule for its command, or `otherwise: as_expected`"), "{drill}");
    assert!(drill.contains("none for: systemctl restart nginx"), "{drill}");
}

#[test]
fn without_a_scenario_each_step_fails_in_turn() {
    let lab = lab("expect: {verdict: recovered}\n");
    fs::remove_file(lab.path("runbooks/drills/restart/night.yaml")).unwrap();
    let report = json(&lab.run_as("alice", &["drill", "restart", "--output", "json"]));
    let rows: Vec<String> = report["sweeps"][0]["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {} {} undone {} person {}", row["step"], row["fault"], row["verdict"], row["undone"], row["needs_person"]))
        .collect();
    let expected = [
        "look fails failed undone [] person true",
        "restart fails rolled_back undone [] person false",
        "restart lost needs_person undone [] person true",
        "it-answers fails rolled_back undone [restart] person false",
    ];
    assert_eq!(rows.iter().map(|row| row.replace('"', "")).collect::<Vec<_>>(), expected, "{report}");
}

#[test]
fn a_sweep_on_what_does_not_end_well_says_so_and_why() {
    let lab = lab("expect: {verdict: recovered}\n");
    fs::remove_file(lab.path("runbooks/drills/restart/night.yaml")).unwrap();
    lab.write(
        "runbooks/restart.yaml",
        &lab.read("runbooks/restart.yaml").replace("stdout == \"up\"", "stdout == \"up\" and stdout == \"down\""),
    );
    let sweep = lab.run_as("alice", &["drill", "restart"]);
    assert_eq!(sweep.status.code(), Some(1), "{}", shown(&sweep));
    assert!(shown(&sweep).contains("it says little") && shown(&sweep).contains("look: "), "{}", shown(&sweep));
}

#[test]
fn what_was_made_to_fail_has_not_happened() {
    let lab = lab(
        "otherwise: as_expected\nhosts:\n  db:\n    - {on: probe, says: up}\n    - {on: --deep, exits: 1}\n    - {on: --deep, after: systemctl restart, says: well}\nexpect: {verdict: recovered}\n",
    );
    let steps = lab.read("runbooks/restart.yaml").replacen("on_failure: rollback", "on_failure: continue", 1);
    lab.write("runbooks/restart.yaml", &steps);
    let report = json(&lab.run_as("alice", &["drill", "restart", "--sweep", "--output", "json"]));
    let row = |step: &str, fault: &str| {
        let rows = report["sweeps"][0]["rows"].as_array().unwrap();
        rows.iter().find(|row| row["step"] == step && row["fault"] == fault).unwrap()["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!((row("restart", "fails").as_str(), row("restart", "lost").as_str()), ("rolled_back", "recovered"), "{report}");
}

#[test]
fn scenarios_of_a_runbook_that_is_gone_are_told() {
    let lab = lab(&format!("{WELL}expect: {{verdict: recovered}}\n"));
    fs::rename(lab.path("runbooks/drills/restart"), lab.path("runbooks/drills/restart-old")).unwrap();
    for words in [&["drill", "--all"][..], &["lint"]] {
        let said = lab.run_as("alice", words);
        assert!(!said.status.success() && shown(&said).contains("there is no runbook restart-old"), "{}", shown(&said));
    }
}

#[test]
fn people_and_faults_are_played() {
    let silent = lab(&format!("{WELL}approvals: []\nexpect: {{verdict: gate_expired, steps: {{restart: not_started}}, within: 20m}}\n"));
    let denied = lab(&format!("{WELL}approvals: [{{by: bob@example.com, denies: not tonight}}]\nexpect: {{verdict: denied}}\n"));
    let late = lab(&format!("{WELL}approvals: [{{by: bob@example.com, after: 14m}}]\nexpect: {{verdict: recovered, within: 45m}}\n"));
    let killed =
        lab(&format!("{WELL}    - {{on: systemctl restart, breaks: runner}}\nexpect: {{verdict: recovered, steps: {{restart: ok}}}}\n"));
    let lost = lab(&format!(
        "{WELL}    - {{on: systemctl restart, breaks: after}}\nexpect: {{verdict: needs_person, steps: {{restart: unknown}}}}\n"
    ));
    let full = lab(&format!("{WELL}    - {{on: systemctl restart, breaks: full}}\nexpect: {{verdict: rolled_back, undone: []}}\n"));
    let hangs = lab(&format!("{WELL}    - {{on: systemctl restart, breaks: stalls}}\nexpect: {{verdict: rolled_back, within: 2m}}\n"));
    let down = lab("hosts: {db: {down: true}}\nexpect: {verdict: failed, steps: {look: unreachable}}\n");
    for lab in [silent, denied, late, killed, lost, full, hangs, down] {
        let drill = lab.run_as("alice", &["drill", "restart", "--log"]);
        assert!(drill.status.success(), "{}\n{}", lab.read("runbooks/drills/restart/night.yaml"), shown(&drill));
    }
}

#[test]
fn a_scenario_that_does_not_fit_is_refused_with_its_places() {
    let lab = lab("parameters: {unti: nginx}
runs_as: mallory@example.com
hosts: {web: [{on: x}]}
people: {look: done, restrat: retry}
approvals: [eve@example.com]
expect: {verdict: recovered, held: [loook]}
");
    insta::assert_snapshot!(
        "does_not_fit",
        shown(&lab.run_as("alice", &["drill", "restart"])).replace(&lab.dir.path().display().to_string(), "")
    );
    lab.write(
        "runbooks/drills/restart/night.yaml",
        "drill: restart\ntitle: A night\nhosts: {db: [{on: x, stdout: y, breaks: sometimes}]}\nbegins: tonight\nexpect: {verdict: fine, result: ok}\n",
    );
    insta::assert_snapshot!(
        "misspelt",
        shown(&lab.run_as("alice", &["drill", "restart"])).replace(&lab.dir.path().display().to_string(), "")
    );
    let none = lab.run_as("alice", &["drill", "restart", "--scenario", "day"]);
    assert_eq!(none.status.code(), Some(2), "{}", shown(&none));
}

#[test]
fn junit_has_a_case_for_each_scenario() {
    let lab = lab(&format!("{WELL}expect: {{verdict: failed}}\n"));
    lab.write("runbooks/drills/restart/day.yaml", &format!("drill: restart\ntitle: A day\n{WELL}expect: {{verdict: recovered}}\n"));
    let drill = lab.run_as("alice", &["drill", "--all", "--junit", "drills.xml"]);
    assert_eq!(drill.status.code(), Some(1), "{}", shown(&drill));
    let xml = lab.read("drills.xml");
    assert!(xml.contains("tests=\"2\"") && xml.contains("failures=\"1\""), "{xml}");
    assert!(
        xml.contains("<testcase name=\"day\" classname=\"restart\"") && xml.contains("verdict: expected failed, got recovered"),
        "{xml}"
    );
}

#[test]
fn a_drill_is_never_taken_for_a_run() {
    let lab = lab(&format!("{WELL}expect: {{verdict: recovered}}\n"));
    let report = json(&lab.run_as("alice", &["drill", "restart", "--output", "json"]));
    let kept = lab.path("store/drills").join(report["drills"][0]["drill"].as_str().unwrap());
    assert!(kept.join("journal.jsonl").is_file());
    assert!(fs::read_to_string(kept.join("journal.jsonl")).unwrap().lines().next().unwrap().contains("\"mode\":\"drill\""));
    assert!(lab.runs().is_empty(), "{:?}", lab.runs());
    let name = report["drills"][0]["drill"].as_str().unwrap();
    assert!(shown(&lab.run_as("alice", &["log", name])).contains("(drill)"), "it is found by its name");
    let as_a_drill = shown(&lab.run_as("alice", &["verify", name]));
    assert!(as_a_drill.contains("a drill: its journal is all that there is") && as_a_drill.contains("proven"), "{as_a_drill}");
    for words in [["resume", "latest"], ["log", "latest"]] {
        assert_eq!(lab.run_as("alice", &words).status.code(), Some(2));
    }
    // somebody carries it over into the runs
    let run = "01KDVVCRG02XSZWQ4VQJHEY3PW";
    let there = lab.path("store/runs").join(run);
    fs::create_dir_all(&there).unwrap();
    fs::copy(kept.join("journal.jsonl"), there.join("journal.jsonl")).unwrap();
    let resumed = lab.run_as("alice", &["resume", run]);
    assert!(!resumed.status.success() && shown(&resumed).contains("drill"), "{}", shown(&resumed));
    let verified = lab.run_as("alice", &["verify", run, "--real"]);
    assert_eq!(verified.status.code(), Some(6), "{}", shown(&verified));
    assert!(shown(&verified).contains("this is no real run: it is a drill"), "{}", shown(&verified));
    for words in [["release", run], ["stop", run]] {
        assert!(!lab.run_as("alice", &words).status.success());
    }
    let listed = shown(&lab.run_as("alice", &["runs"]));
    assert!(listed.contains("(drill)"), "{listed}");
    let listed = json(&lab.run_as("alice", &["list", "--output", "json"]));
    assert!(listed["runbooks"][0]["last_run"].is_null(), "{listed}");
}

#[test]
fn real_people_play_themselves() {
    let lab = lab(&format!("{WELL}    - {{on: --deep, exits: 1, times: 1}}\nexpect: {{verdict: recovered}}\n"));
    let steps = RESTART
        .replacen("on_failure: rollback", "on_failure: ask", 1)
        .replace("    on_failure: rollback\n    timeout: 10s\n", "    timeout: 10s\n");
    lab.runbook("restart", &steps);
    let play = |said: &str| {
        let mut drill = lab.runbook_as("alice", &["drill", "restart", "--live-people"]);
        let mut child = drill
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), said.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let well = play("yes\nretry\n");
    assert!(well.status.success(), "{}", shown(&well));
    let words = shown(&well);
    assert!(words.contains("do you approve as bob@example.com?") && words.contains("\"It answers\" failed. How to go on?"), "{words}");
    assert!(words.contains("$ systemctl restart nginx"), "what stands behind the gate is shown: {words}");
    let denied = play("not tonight\n");
    assert!(denied.status.code() == Some(1) && shown(&denied).contains("got       denied"), "{}", shown(&denied));
    let silent = play("");
    assert!(silent.status.code() == Some(1) && shown(&silent).contains("got       gate_expired"), "{}", shown(&silent));
    let for_programs = lab.run_as("alice", &["drill", "restart", "--live-people", "--output", "json"]);
    let error = json(&for_programs);
    assert!(for_programs.status.code() == Some(2) && error["error"]["message"].as_str().unwrap().contains("take one of them"), "{error}");
}

#[test]
fn show_has_the_history_of_drills_as_a_chart() {
    let lab = lab(&format!("{WELL}expect: {{verdict: recovered}}\n"));
    assert!(!shown(&lab.run_as("alice", &["show", "restart"])).contains("History"));
    lab.run_as("alice", &["drill", "restart"]);
    let page = shown(&lab.run_as("alice", &["show", "restart"]));
    assert!(page.contains("History\n") && page.contains("recovered") && page.contains("30m") && page.contains("█  drill night"), "{page}");
    let history = json(&lab.run_as("alice", &["show", "restart", "--output", "json"]))["history"].clone();
    assert_eq!((history[0]["drill"].as_str(), history[0]["verdict"].as_str()), (Some("night"), Some("recovered")), "{history}");
}

#[test]
fn the_policy_can_ask_for_a_drill_before_a_run() {
    let lab = lab(&format!("{WELL}expect: {{verdict: recovered}}\n"));
    let policy = lab.read("runbooks/team/policy.yaml");
    lab.write("runbooks/team/policy.yaml", &format!("{policy}drills: {{within: 30d, unchanged: true}}\n"));
    let refused = |why: &str| {
        let exec = lab.run_as("alice", &["exec", "restart"]);
        assert!(
            exec.status.code() == Some(3) && shown(&exec).contains(why) && shown(&exec).contains("runbook drill restart"),
            "{}",
            shown(&exec)
        );
    };
    refused("it was never drilled here");
    assert!(lab.run_as("alice", &["drill", "restart"]).status.success());
    let exec = lab.run_as("alice", &["exec", "restart"]);
    assert!(exec.status.code() != Some(3), "drilled, it is begun, and finds no host: {}", shown(&exec));
    assert!(shown(&exec).contains("drilled 20"), "{}", shown(&exec));
    lab.write("runbooks/restart.yaml", &lab.read("runbooks/restart.yaml").replace("wait: 30m", "wait: 31m"));
    refused("it has changed since its last drill");
    lab.write("runbooks/drills/restart/night.yaml", &format!("drill: restart\ntitle: A night\n{WELL}expect: {{verdict: failed}}\n"));
    assert_eq!(lab.run_as("alice", &["drill", "restart"]).status.code(), Some(1));
    refused("its last drill did not go as expected");
}

/// The same scenario, rehearsed with a seed.
fn rehearsed(lab: &Lab, seed: u64) -> Vec<u8> {
    let library = Library::open(&lab.path("runbooks")).unwrap();
    let source = |path: PathBuf| Source::new("x.yaml", &fs::read_to_string(path).unwrap());
    let (runbook, problems) = read(&source(lab.path("runbooks/restart.yaml")), "restart");
    let (scenario, _) = read_scenario(&source(lab.path("runbooks/drills/restart/night.yaml")), "night");
    let team = Team { inventory: &library.inventory, policy: &library.policy };
    let runbook = runbook.unwrap_or_else(|| panic!("{}", problems.render(Colour::Plain)));
    let cast =
        Cast::new(scenario.unwrap(), runbook, &team, Shelf::default()).unwrap_or_else(|found| panic!("{}", found.render(Colour::Plain)));
    cast.rehearse(seed, None, Pace::Simulated).unwrap().journal
}

#[test]
fn one_seed_makes_one_journal_to_the_byte() {
    let lab = lab(&format!("{WELL}expect: {{verdict: recovered}}\n"));
    let first = rehearsed(&lab, 7);
    assert!(!first.is_empty() && first == rehearsed(&lab, 7));
    assert!(first != rehearsed(&lab, 8), "another seed, another run");
}

#[test]
fn the_library_that_ships_is_drilled_and_goes_as_expected() {
    let lab = Lab::new();
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
    let drill = lab.run_as("alice", &["drill", "--all", "--library", library.to_str().unwrap()]);
    assert!(drill.status.success(), "{}", shown(&drill));
    assert!(!shown(&drill).contains("never used"), "a scenario says nothing that never matters: {}", shown(&drill));
}
