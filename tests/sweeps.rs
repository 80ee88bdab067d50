//! The chaos sweep over every runbook that ships is a table that somebody has read; and mistakes that are planted into these runbooks are
//! pointed at, by the sweep, by a scenario or by lint.

#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lab::{Lab, shown};
use serde_json::Value;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &there),
            false => assert!(fs::copy(entry.path(), there).is_ok()),
        }
    }
}

/// A team with a copy of the library that ships.
fn lab() -> Lab {
    let lab = Lab::new();
    copy(&shipped(), &lab.path("runbooks"));
    lab
}

/// What programs are told; nothing where the runbook is not sound.
fn json(lab: &Lab, words: &[&str]) -> Value {
    let output = lab.run_as("alice", &[words, &["--output", "json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", shown(&output)))
}

fn words(value: &Value) -> String {
    value.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(", ")
}

/// The rows of a sweep, a line each.
fn rows(report: &Value) -> Vec<String> {
    let row = |row: &Value| {
        let list = |word: &str, value: &Value| if words(value).is_empty() { String::new() } else { format!("; {word} {}", words(value)) };
        let back = &row["rolled_back"];
        let back = if back.is_null() {
            String::new()
        } else {
            format!(
                "; rolled back: {}{}{}",
                back["verdict"].as_str().unwrap(),
                list("undone", &back["undone"]),
                list("held", &back["held"])
            )
        };
        let person = if row["needs_person"] == true { "; a person" } else { "" };
        let lists = [list("then", &row["answers_with"]), list("undone", &row["undone"]), list("held", &row["held"])].concat();
        format!(
            "{} {}: {}{lists}{person}{back}",
            row["step"].as_str().unwrap(),
            row["fault"].as_str().unwrap(),
            row["verdict"].as_str().unwrap()
        )
    };
    report["sweeps"][0]["rows"].as_array().map(|rows| rows.iter().map(row).collect()).unwrap_or_default()
}

#[test]
fn each_failure_of_each_runbook_that_ships_comes_to_what_the_table_says() {
    let lab = lab();
    let mut page = String::new();
    for name in runbook::library::Library::open(&lab.path("runbooks")).unwrap().names().unwrap() {
        let report = json(&lab, &["drill", &name, "--sweep"]);
        let sweep = &report["sweeps"][0];
        assert_eq!(sweep["unanswered"].as_array().map(Vec::len), Some(0), "{name}: {sweep}");
        page.push_str(&format!(
            "=== {name}, on top of {}: {}\n{}\n\n",
            sweep["scenario"].as_str().unwrap(),
            sweep["verdict"].as_str().unwrap(),
            rows(&report).join("\n")
        ));
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, { insta::assert_snapshot!("sweeps", page) });
}

fn in_lint(lab: &Lab, name: &str) -> BTreeSet<String> {
    let lint = json(lab, &["lint", name, "--no-shellcheck"]);
    let problem = |problem: &Value| format!("lint {}: {}", problem["code"].as_str().unwrap(), problem["message"].as_str().unwrap());
    lint["problems"].as_array().unwrap().iter().map(problem).collect()
}

fn in_scenarios(lab: &Lab, name: &str) -> BTreeSet<String> {
    let report = json(lab, &["drill", name]);
    let mut found = BTreeSet::new();
    for drilled in report["drills"].as_array().into_iter().flatten() {
        for difference in drilled["differences"].as_array().into_iter().flatten() {
            let [what, expected, got] = ["what", "expected", "got"].map(|key| difference[key].as_str().unwrap());
            found.insert(format!("drill {}: {what}: expected {expected}, got {got}", drilled["scenario"].as_str().unwrap()));
        }
    }
    found
}

fn in_sweep(lab: &Lab, name: &str) -> BTreeSet<String> {
    rows(&json(lab, &["drill", name, "--sweep"])).into_iter().map(|row| format!("sweep {row}")).collect()
}

/// A mistake: in which runbook, what is written in the place of what, and what a finding about it must name.
struct Plant {
    runbook: &'static str,
    from: &'static str,
    to: &'static str,
    points_at: &'static str,
}

const fn plant(runbook: &'static str, from: &'static str, to: &'static str, points_at: &'static str) -> Plant {
    Plant { runbook, from, to, points_at }
}

const PLANTS: [Plant; 26] = [
    // an undo removed
    plant(
        "drain-patroni-replica",
        "        undo: |\n          mv {{ config }}.before-drain {{ config }}\n          systemctl reload patroni\n",
        "",
        "undone add-the-tags",
    ),
    plant("drain-patroni-replica", "        undo: systemctl start patroni\n", "", "undone"),
    plant("fail-over-gitlab", "                undo: systemctl start gitlab-backup.timer\n", "", "lock-the-nightly-backup"),
    plant("fail-over-gitlab", "                undo: rm -f {{ backups }}/failover_gitlab_backup.tar\n", "", "back-up"),
    // a release removed
    plant(
        "redis-fail-over",
        "    release: redis-cli -h {{ host }} -p {{ port }} CONFIG SET client-output-buffer-limit {{ limit.value[1] }} | grep -Fx OK\n",
        "",
        "release",
    ),
    plant("drain-patroni-replica", "    release: sudo -n puppet agent --enable\n", "", "release"),
    // given back only where all went well, or without asking
    plant(
        "redis-fail-over",
        "    timeout: 30s\n    acquire:",
        "    timeout: 30s\n    release_when: success\n    acquire:",
        "held without-a-limit-until-they-have-caught-up",
    ),
    plant("fail-over-gitlab", "        release_when: ask\n        acquire: sudo", "        acquire: sudo", "with-the-agents-paused"),
    // what changes something and says that it only looks passes no gate
    plant(
        "rolling-restart",
        "    run: systemctl restart {{ unit }}\n    effect: idempotent\n    become: root\n    timeout: 2m\n",
        "    run: systemctl restart {{ unit }}\n    effect: read\n    become: root\n    timeout: 2m\n",
        "lint",
    ),
    // a check removed, or made weaker
    plant(
        "rolling-restart",
        "  - name: The canary answers\n    hosts: canary\n    check: curl -fsS -o /dev/null --max-time 5 \"http://127.0.0.1:{{ port }}{{ health }}\"\n    timeout: 10s\n    until: {within: \"{{ within }}\", every: 2s, healthy: 3}\n\n",
        "",
        "the-canary-answers",
    ),
    plant(
        "elasticsearch-rolling-restart",
        "    expect: value.timed_out == false and value.status == \"green\"\n\n  - name: Nobody",
        "    expect: value.status == \"green\"\n\n  - name: Nobody",
        "the-cluster-is-green",
    ),
    plant(
        "drain-patroni-replica",
        "      and value | selectattr(\"Role\", \"eq\", \"Leader\") | map(attribute=\"Member\") | first != target\n",
        "",
        "drill the-target-leads",
    ),
    plant("drain-patroni-replica", "    expect: stdout == target\n", "", "drill the-target-is-not-the-last"),
    // a failure that is passed over
    plant(
        "kafka-rolling-restart",
        "        until: {within: 15m, every: 30s}\n",
        "        until: {within: 15m, every: 30s}\n        on_failure: continue\n",
        "it-is-in-sync-again",
    ),
    plant(
        "restart-db",
        "    expect: stdout | matches(\"^f\")\n",
        "    expect: stdout | matches(\"^f\")\n    on_failure: continue\n",
        "it-is-a-primary-still",
    ),
    plant(
        "redis-fail-over",
        "    run: redis-cli -p {{ sentinel_port }} SENTINEL FAILOVER {{ cluster }}\n",
        "    run: redis-cli -p {{ sentinel_port }} SENTINEL FAILOVER {{ cluster }}\n    on_failure: continue\n",
        "fail-over",
    ),
    // evidence gone, or of something else
    plant("disk-full", "    register: old_logs\n    evidence: save-the-logs\n", "    register: old_logs\n", "lint"),
    plant(
        "disk-full",
        "    register: old_logs\n    evidence: save-the-logs\n",
        "    register: old_logs\n    evidence: save-what-is-installed\n",
        "drill only-one-approves-the-deletion",
    ),
    // the roll
    plant("kafka-rolling-restart", ", last: \"{{ controller.stdout }}\"", "", "drill the-controller-moves-while-rolling"),
    plant("kafka-rolling-restart", "rolling: {serial: 1,", "rolling: {serial: 5,", "restart-it"),
    plant("rolling-restart", "    rolling: {serial: 1}\n", "    rolling: {serial: 2}\n", "restart-it"),
    // a rescue, the way on, the substitute, the end
    plant(
        "drain-patroni-replica",
        "            expect: stdout == \"0\"\n            until: {within: 5m, every: 10s}\n        rescue:\n",
        "            expect: stdout == \"0\"\n            until: {within: 5m, every: 10s}\n        always:\n",
        "those-that-linger-do-nothing",
    ),
    plant("drain-patroni-replica", "        on_failure: continue\n", "", "stop-patroni"),
    plant("fail-over-gitlab", "            point_of_no_return: true\n", "", "no_return"),
    plant("roll-back-deployment", "      instead: {of: dba, by: ic, after: 10m}\n", "", "drill nobody-of-the-dbas-answers"),
    plant(
        "etcd-members-down",
        "    when: nodes.value | selectattr(\"operator\", \"eq\", \"Working\") | list | length > 0\n",
        "    when: nodes.value | selectattr(\"operator\", \"eq\", \"Done\") | list | length > 0\n",
        "works on , and",
    ),
];

/// Where a mistake may be pointed at, the quickest first.
const LOOKS: [fn(&Lab, &str) -> BTreeSet<String>; 3] = [in_lint, in_scenarios, in_sweep];

/// Whether what is said of a runbook changes by a plant in a place that names it; else what changed.
fn is_pointed_at(sound: &Lab, planted: &Lab, plant: &Plant) -> Result<(), Vec<String>> {
    let mut differs = Vec::new();
    for look in LOOKS {
        let (before, now) = (look(sound, plant.runbook), look(planted, plant.runbook));
        let new: Vec<String> = now.symmetric_difference(&before).cloned().collect();
        if new.iter().any(|line| line.contains(plant.points_at)) {
            return Ok(());
        }
        differs.extend(new);
    }
    Err(differs)
}

#[test]
fn planted_mistakes_are_pointed_at() {
    let sound = lab();
    let mut missed = Vec::new();
    for plant in &PLANTS {
        let lab = lab();
        let file = format!("runbooks/{}.yaml", plant.runbook);
        let text = lab.read(&file);
        let planted = text.replacen(plant.from, plant.to, 1);
        assert_ne!(planted, text, "{}: {:?} is not there", plant.runbook, plant.from);
        lab.write(&file, &planted);
        if let Err(differs) = is_pointed_at(&sound, &lab, plant) {
            missed.push(format!("{}: {:?} → {:?}: {differs:#?}", plant.runbook, plant.from, plant.to));
        }
    }
    assert!(missed.is_empty(), "{} of {} are not pointed at:\n{}", missed.len(), PLANTS.len(), missed.join("\n"));
}
