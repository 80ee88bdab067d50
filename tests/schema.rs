//! The JSON Schemas against the readers: the same words, the same verdicts wherever a schema can tell. Runs nothing.

#[path = "docs/examples.rs"]
#[allow(dead_code, reason = "of the examples only their text and kind are needed here")]
mod examples;
#[path = "schema/words.rs"]
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use examples::{Kind, examples_in, runbook_around};
use jsonschema::Validator;
use runbook::drill::{read_scenario, scenario_schema};
use runbook::library::{inventory_schema, policy_schema, read_inventory, read_policy};
use runbook::runbook::{read, schema};
use runbook::text::Source;
use serde_json::{Value, json};
use words::{Words, words_of_reader, words_of_schema};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn validator(schema: &Value) -> Validator {
    jsonschema::draft7::new(schema).expect("a schema")
}

/// What a schema says against a text; `None` where it is no YAML of one document.
fn problems(validator: &Validator, text: &str) -> Option<Vec<String>> {
    let value: Value = serde_yaml::from_str(text).ok()?;
    Some(validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect())
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

/// The scenarios that ship.
fn scenarios() -> Vec<PathBuf> {
    let folders = fs::read_dir(root().join("runbooks/drills")).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<PathBuf> = folders.flat_map(|folder| files(folder.to_str().unwrap())).collect();
    assert!(found.len() > 50, "{found:?}");
    found
}

fn everything() -> Value {
    serde_yaml::from_str(&fs::read_to_string(root().join("tests/malformed/accepted/everything.yaml")).unwrap()).unwrap()
}

const INVENTORY: &str = "hosts: {a: {address: x, groups: [g]}, b: {connection: local}}\ngroups: {g: {hosts: [a]}}\nssh: {config: x}\n";
const POLICY: &str = "domain: example.com\npeople: {alice@example.com: {groups: [dba]}}\nenvironments: {lab: {read: {approvals: 0}, once: {approvals: 1}}}\ndeny: [{command: x, why: y}]\ndrills: {within: 30d, unchanged: true}\n";

const SCENARIO: &str = "drill: a
title: A
parameters: {x: 1}
runs_as: alice@example.com
begins: 2026-11-24T04:00:00Z
otherwise: unknown
hosts:
  a: [{on: x, is: y, says: z, if: {b: 1}, sets: {b: 2}, breaks: runner, follows: false}]
  b: {down: true, files: {/x: y}, rules: [{on: [x, y], exits: 1}]}
people: {a: {done: {ticket: 1}}, b: [{done: {ticket: 1}}, retry]}
stops: {at: a, now: true}
approvals: [bob@example.com, {by: bob@example.com, after: 10m}]
expect:
  {verdict: failed, steps: {a: ok, b: {h: failed}}, order: [a, {b: h}], undone: [], held: [{a: x}], record: [x], never: [y], within: 1m}
";

/// Compares all words, map by map: those that a reader takes, told by itself, and those that the schema describes.
fn same_words(schema: &Value, root: &str, document: &Value, problems: &dyn Fn(&str) -> Vec<(String, String)>) {
    let reader: Words = words_of_reader(schema, root, document, problems);
    let described = words_of_schema(schema, root);
    assert_eq!(reader, described, "the reader's words are on the left");
}

#[test]
fn a_schema_has_every_word_that_the_reader_takes_and_no_other() {
    same_words(&schema(), "Runbook", &everything(), &|text| said(read(&Source::new("everything.yaml", text), "everything").1));
    let inventory = serde_yaml::from_str(INVENTORY).unwrap();
    same_words(&inventory_schema(), "Inventory", &inventory, &|text| said(read_inventory(&Source::new("inventory.yaml", text)).1));
    let policy = serde_yaml::from_str(POLICY).unwrap();
    same_words(&policy_schema(), "Policy", &policy, &|text| said(read_policy(&Source::new("policy.yaml", text)).1));
    let scenario = serde_yaml::from_str(SCENARIO).unwrap();
    same_words(&scenario_schema(), "Scenario", &scenario, &|text| said(read_scenario(&Source::new("a.yaml", text), "a").1));
}

fn said(problems: runbook::text::Diagnostics) -> Vec<(String, String)> {
    problems.iter().map(|problem| (problem.message.clone(), problem.help.clone().unwrap_or_default())).collect()
}

#[test]
fn every_word_is_explained_in_a_sentence_with_an_example() {
    let scenario = (scenario_schema(), "Scenario");
    for (schema, root) in [(schema(), "Runbook"), (inventory_schema(), "Inventory"), (policy_schema(), "Policy"), scenario] {
        for (map, words) in words_of_schema(&schema, root) {
            for word in words {
                let described = words::description(&schema, root, &map, &word);
                assert!(described.contains(&format!("`{word}:")), "{map}.{word} has no example: {described:?}");
            }
        }
    }
}

#[test]
fn what_the_reader_accepts_the_schema_accepts() {
    let (runbook, inventory, policy) = (validator(&schema()), validator(&inventory_schema()), validator(&policy_schema()));
    let scenario = validator(&scenario_schema());
    let mut findings = Vec::new();
    let mut accept = |validator: &Validator, place: String, text: &str| {
        let problems = problems(validator, text).unwrap_or_else(|| vec!["no YAML".to_owned()]);
        findings.extend(problems.into_iter().map(|problem| format!("{place}: {problem}")));
    };
    for path in [files("tests/malformed/accepted"), files("runbooks"), files("tests/malformed/lint")].concat() {
        let text = fs::read_to_string(&path).unwrap();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(read(&Source::new("x.yaml", &text), stem).0.is_some(), "{stem} is not accepted by the reader");
        accept(&runbook, path.display().to_string(), &text);
    }
    accept(&inventory, "inventory".to_owned(), &fs::read_to_string(root().join("runbooks/team/inventory.yaml")).unwrap());
    accept(&policy, "policy".to_owned(), &fs::read_to_string(root().join("runbooks/team/policy.yaml")).unwrap());
    for path in scenarios() {
        accept(&scenario, path.display().to_string(), &fs::read_to_string(&path).unwrap());
    }
    accept(&scenario, "every word".to_owned(), SCENARIO);
    for page in files("docs").into_iter().chain([root().join("README.md")]).filter(|path| path.extension().is_some_and(|end| end == "md")) {
        for example in examples_in(&page.display().to_string(), &fs::read_to_string(&page).unwrap()) {
            let place = format!("{}:{}", example.path, example.line);
            match example.kind {
                Kind::Runbook => accept(&runbook, place, &example.text),
                Kind::Steps => accept(&runbook, place, &runbook_around(&example.text)),
                Kind::Top => accept(&runbook, place, &format!("{}{}", runbook_around("  - {name: x, manual: y}\n"), example.text)),
                Kind::Inventory => accept(&inventory, place, &example.text),
                Kind::Policy => accept(&policy, place, &example.text),
                Kind::Elsewhere => accept(&inventory, place, &example.text),
                Kind::Drill => accept(&scenario, place, &example.text),
            }
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// What a schema cannot see, and the malformed files that it therefore lets pass.
const PASSES: [(&str, &[&str]); 9] = [
    (
        "it is given values, not text: aliases are resolved, and of equal keys there is one",
        &["runbook/anchor", "runbook/doubled-key", "runbook/doubled-key-far-apart", "inventory/same-host-twice"],
    ),
    (
        "it is given the number or flag, not its digits or letters",
        &["runbook/flag-in-capitals", "runbook/max-failures-octal", "runbook/put-mode-in-python", "runbook/put-mode-of-nines"],
    ),
    (
        "it has no rule for characters that nobody sees; they are refused wherever they stand",
        &[
            "runbook/bidi-override",
            "runbook/escape-sequence",
            "runbook/lone-carriage-returns",
            "runbook/no-break-space",
            "runbook/zero-width-space",
        ],
    ),
    (
        "it does not compare one value with another",
        &[
            "runbook/default-above-max",
            "runbook/enum-default-misspelt",
            "runbook/expect-hosts-the-wrong-way-round",
            "runbook/gate-with-fewer-approvals-than-slots",
            "runbook/max-below-min",
            "runbook/pattern-refuses-the-default",
            "inventory/groups-disagree",
            "policy/heavier-effect-asks-fewer",
        ],
    ),
    ("it does not compute: an amount has several units", &["runbook/max-output-of-two-gib"]),
    (
        "it does not look from one place of a file at another",
        &[
            "runbook/after-no-return-without-a-point",
            "runbook/evidence-names-no-capture",
            "runbook/gate-within-a-gated-block",
            "runbook/point-of-no-return-twice",
            "runbook/register-twice",
            "runbook/same-id",
            "inventory/group-is-a-host",
            "inventory/group-named-twice",
            "inventory/group-of-unknown-hosts",
        ],
    ),
    (
        "a block around it may say which hosts",
        &["runbook/acquire-nowhere", "runbook/rolling-without-hosts", "runbook/step-without-hosts", "runbook/wait-until-without-hosts"],
    ),
    ("the pattern is not its own but the author's", &["runbook/parse-regex-unclosed", "runbook/pattern-with-look-ahead"]),
    (
        "it sees no other files",
        &["runbook/name-of-another-file", "inventory/hosts-from-a-program-that-fails", "inventory/hosts-from-nowhere"],
    ),
];

#[test]
fn a_malformed_file_is_refused_wherever_a_schema_can_see_it() {
    let passes: BTreeMap<&str, &str> = PASSES.into_iter().flat_map(|(why, names)| names.iter().map(move |name| (*name, why))).collect();
    let mut findings = Vec::new();
    for (folder, schema) in
        [("runbook", schema()), ("inventory", inventory_schema()), ("policy", policy_schema()), ("scenario", scenario_schema())]
    {
        let validator = validator(&schema);
        for path in files(&format!("tests/malformed/{folder}")) {
            let name = format!("{folder}/{}", path.file_stem().unwrap().to_str().unwrap());
            let text = String::from_utf8(fs::read(&path).unwrap()).ok();
            // what is no YAML of one document never comes to a schema
            let refused = text.and_then(|text| problems(&validator, &text)).is_none_or(|problems| !problems.is_empty());
            match (refused, passes.get(name.as_str())) {
                (true, None) | (false, Some(_)) => {}
                (true, Some(why)) => findings.push(format!("{name} is refused now, although {why}")),
                (false, None) => findings.push(format!("{name} passes: say in the table why a schema cannot see it")),
            }
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// One mistake each, which both refuse.
#[test]
fn single_mistakes_are_seen_by_both() {
    let mistakes = [
        "run: true",
        "run: 5",
        "run: x, timeout: 5",
        "run: x, timeout: soon",
        "run: x, check: y",
        "name: only",
        "wait: 30",
        "wait: {until: x}",
        "run: x, gate: {approvals: 0}",
        "run: x, gate: {from: []}",
        "run: x, gate: {from: [dba, [ic]]}",
        "run: x, gate: {instead: {of: dba, by: ic}}",
        "run: x, evidence: save",
        "run: x, effect: twice",
        "run: x, retry: 0",
        "run: x, timeuot: 5s",
        "run: x, why:",
        "run: x, max_output: 50",
        "run: x, env: {1A: y}",
        "check: x, effect: once",
        "check: x, until: {within: 5s}, retry: 3",
        "capture: {}",
        "capture: {a: {run: x, file: /y}}",
        "capture: {a: {file: y}}",
        "put: {to: /x}",
        "put: {to: /x, content: a, file: b}",
        "put: {to: x, content: a}",
        "conclude: {recovered: a, escalate: b}",
        "choose: x",
        "choose: x, options: {a: {}}",
        "steps: []",
        "steps: [{name: y, manual: z}], acquire: x",
        "steps: [{name: y, manual: z}], for_each: [a], rolling: {serial: 1}",
        "steps: [{name: y, manual: z}], rolling: {serial: 0}",
        "steps: [{name: y, manual: z}], for_each: some",
        "reboot: false",
    ];
    let validator = validator(&schema());
    let mut findings = Vec::new();
    for mistake in mistakes {
        let name = if mistake.starts_with("name") { "" } else { "name: x, " };
        let text = format!("runbook: a\ntitle: A\nsteps:\n  - name: around\n    hosts: db\n    steps:\n      - {{{name}{mistake}}}\n");
        let read = read(&Source::new("a.yaml", &text), "a").0.is_some();
        let passed = problems(&validator, &text).is_some_and(|problems| problems.is_empty());
        findings.extend((read || passed).then(|| format!("{mistake}: read {read}, passed {passed}")));
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// One mistake each in a scenario: the reader refuses it, and so does the schema. What is right beside it, both take.
#[test]
fn single_mistakes_in_scenarios_are_seen_by_both() {
    let mistakes = [
        "expect: {verdict: fine}",
        "expect: {says: x}",
        "hosts: {a: [{says: x}]}",
        "hosts: {a: [{on: x, breaks: sometimes}]}",
        "hosts: {a: [{on: x, follows: false}]}",
        "hosts: {a: [{on: x, breaks: during, follows: true}]}",
        "hosts: {a: [{on: x, exits: 300}]}",
        "hosts: {a: [{on: x, times: 0}]}",
        "hosts: {a: [{on: x, takes: soon}]}",
        "hosts: {a: [{on: x, stdout: y}]}",
        "hosts: {a: {down: maybe}}",
        "hosts: {a: {rules: []}}",
        "hosts: {a: x}",
        "people: {a: {done: x}}",
        "people: {a: {facts: {}}}",
        "people: [a]",
        "stops: {now: true}",
        "stops: {at: x, now: soon}",
        "stops: [a]",
        "approvals: bob@example.com",
        "approvals: [bob]",
        "approvals: [{after: 10m}]",
        "begins: tonight",
        "runs_as: alice",
        "otherwise: well",
        "expect: {verdict: failed, steps: {a: fine}}",
        "expect: {verdict: failed, steps: {a: {h: fine}}}",
        "expect: {verdict: failed, order: [{a: h, b: h}]}",
        "expect: {verdict: failed, order: [{}]}",
        "expect: {verdict: failed, held: a}",
        "expect: {verdict: failed, held: [{a: [x]}]}",
        "expect: {verdict: failed, record: x}",
        "expect: {verdict: failed, within: 5}",
    ];
    let right = [
        "hosts: {a: []}",
        "hosts: {a: [{on: x, breaks: runner, follows: true}, {is: y, reboots: 40s, newline: false}]}",
        "hosts: {a: {}}",
        "people: {a: [], b: not-done}",
        "stops: a",
        "approvals: []",
        "expect: {verdict: held, order: [], held: [a, {b: x}], steps: {}}",
    ];
    let validator = validator(&scenario_schema());
    let mut findings = Vec::new();
    for (line, is_right) in mistakes.map(|line| (line, false)).into_iter().chain(right.map(|line| (line, true))) {
        let expect = if line.starts_with("expect") { "" } else { "expect: {verdict: recovered}\n" };
        let text = format!("drill: a\ntitle: A\n{expect}{line}\n");
        let read = read_scenario(&Source::new("a.yaml", &text), "a").0.is_some();
        let passed = problems(&validator, &text).is_some_and(|problems| problems.is_empty());
        findings.extend((read != is_right || passed != is_right).then(|| format!("{line}: read {read}, passed {passed}")));
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// A right value for each word that a step may have beside its name.
fn values() -> Vec<(&'static str, Value)> {
    let step = json!([{ "name": "y", "manual": "z" }]);
    vec![
        ("run", json!("x")),
        ("script", json!("x.sh")),
        ("check", json!("x")),
        ("capture", json!({ "a": { "run": "x" } })),
        ("put", json!({ "to": "/x", "content": "y" })),
        ("reboot", json!(true)),
        ("manual", json!("x")),
        ("choose", json!("x")),
        ("wait", json!("5s")),
        ("wait", json!({ "until": "x", "within": "5s" })),
        ("call", json!("other")),
        ("conclude", json!({ "recovered": "x" })),
        ("steps", step),
        ("shell", json!("bash")),
        ("answers", json!({ "ticket": { "type": "string" } })),
        ("with", json!({ "unit": "x" })),
        ("rescue", json!([{ "name": "r", "manual": "z" }])),
        ("always", json!([{ "name": "a", "manual": "z" }])),
        ("rolling", json!({ "serial": 1 })),
        ("for_each", json!(["a"])),
        ("uninterruptible", json!(true)),
        ("expect_hosts", json!(1)),
        ("gate", json!({ "approvals": 1 })),
        ("effect", json!("read")),
        ("become", json!("ops")),
        ("env", json!({ "A": "b" })),
        ("cwd", json!("/x")),
        ("timeout", json!("5s")),
        ("retry", json!(1)),
        ("parse", json!("int")),
        ("expect", json!("true")),
        ("until", json!({ "within": "5s" })),
        ("done_when", json!("x")),
        ("on_failure", json!("stop")),
        ("max_output", json!("1MB")),
        ("max_failures", json!(1)),
        ("undo", json!("x")),
        ("in_drill", json!("skip")),
        ("point_of_no_return", json!(true)),
        ("when", json!("true")),
        ("why", json!("x")),
        ("id", json!("an-id")),
    ]
}

/// Each action with each word: what one takes, the other takes. `hosts` stands on a block around it.
#[test]
fn reader_and_schema_agree_which_words_fit_which_action() {
    let validator = validator(&schema());
    let values = values();
    let (actions, words) = values.split_at(13);
    let mut findings = Vec::new();
    for (action, value) in actions {
        for (word, given) in words.iter().chain(actions).filter(|(word, _)| word != action) {
            let mut step = json!({ "name": "x", *action: value, *word: given });
            if *action == "choose" {
                step["options"] = json!({ "a": {}, "b": {} });
            }
            let document = json!({ "runbook": "a", "title": "A", "steps": [{ "name": "around", "hosts": "db", "steps": [step] }] });
            let taken = read(&Source::new("a.yaml", &document.to_string()), "a").0.is_some();
            if taken != validator.is_valid(&document) {
                findings
                    .push(format!("{action} {value} with {word} {given}: the reader {}", if taken { "takes it" } else { "refuses it" }));
            }
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}
