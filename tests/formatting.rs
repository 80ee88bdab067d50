//! `runbook fmt`: what it writes means the same, keeps every comment, and is written the same way once more. Contacts nothing.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use runbook::library::{INVENTORY_ORDER, POLICY_ORDER};
use runbook::runbook::RUNBOOK_ORDER;
use runbook::text::{Diagnostics, FormatError, Order, Source, comments, format, parse};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn formatted(text: &str, order: &'static Order) -> Result<String, FormatError> {
    format(&Source::new("a.yaml", text), order)
}

fn runbook(text: &str) -> String {
    formatted(text, &RUNBOOK_ORDER).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Every file of YAML below these folders.
fn files(folders: &[&str]) -> Vec<PathBuf> {
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn order_of(path: &Path) -> &'static Order {
    match path.file_name().and_then(|name| name.to_str()) {
        Some("inventory.yaml") => &INVENTORY_ORDER,
        Some("policy.yaml") => &POLICY_ORDER,
        _ => &RUNBOOK_ORDER,
    }
}

fn fenced(page: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(page)).unwrap();
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.map(str::to_owned).filter(|block| !block.trim_start().starts_with('-')).collect()
}

#[test]
fn every_shipped_file_and_example_keeps_its_meaning_and_stays_as_it_is_formatted() {
    let mut texts: Vec<(String, &'static Order)> = Vec::new();
    for path in files(&["runbooks", "tests/malformed", "tests/verbs/library"]) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        texts.push((text, order_of(&path)));
    }
    for page in ["docs/language.md", "docs/approvals.md", "README.md"] {
        texts.extend(fenced(page).into_iter().map(|text| (text, &RUNBOOK_ORDER)));
    }
    let mut seen = 0;
    for (text, order) in texts {
        match formatted(&text, order) {
            Ok(once) => {
                assert_eq!(formatted(&once, order).unwrap(), once, "formatted twice is not formatted once:\n{once}");
                seen += 1;
            }
            Err(FormatError::Unreadable(_) | FormatError::Unfit { .. }) => {}
            Err(changed @ FormatError::Changed { .. }) => panic!("{changed}\n{text}"),
        }
    }
    assert!(seen > 30, "only {seen} texts were formatted");
}

#[test]
fn the_library_that_ships_is_in_the_houses_style() {
    let odd: Vec<String> = files(&["runbooks"])
        .into_iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == "drills")) // a scenario is no runbook
        .filter(|path| {
            let text = fs::read_to_string(path).unwrap();
            formatted(&text, order_of(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display())) != text
        })
        .map(|path| path.display().to_string())
        .collect();
    assert!(odd.is_empty(), "`runbook fmt` would change these; run it:\n{}", odd.join("\n"));
}

#[test]
fn keys_are_put_in_order_and_comments_go_with_them() {
    let text = "\
# yaml-language-server: $schema=x
title: T
# the name
runbook: a   # beside
steps:
# about one
- run: \"systemctl restart x\"
  timeout: 5s
  # why it is done
  name:     'one'
  x-mine: 1
  gate:
      from: [dba]
      approvals: 1
  # timeout: 9s
- name: two

  hosts:
    \"{{ a }}\"
  check: |
      one
        two
  until: {within: 5m,
    # not long
    every: 2s}
# the end
";
    let expected = "\
# yaml-language-server: $schema=x
# the name
runbook: a   # beside
title: T
steps:
  # about one
  # why it is done
  - name: one
    x-mine: 1
    gate:
      approvals: 1
      from: [dba]
    run: systemctl restart x
    timeout: 5s
    # timeout: 9s

  - name: two

    hosts: \"{{ a }}\"
    check: |
      one
        two
    until: {within: 5m,
      # not long
      every: 2s}
# the end
";
    assert_eq!(runbook(text), expected);
    assert_eq!(runbook(expected), expected);
}

#[test]
fn quotes_stay_where_they_are_needed() {
    for (written, expected) in [
        ("\"plain words\"", "plain words"),
        ("'/var/log'", "/var/log"),
        ("\"no\"", "\"no\""),
        ("\"5\"", "\"5\""),
        ("\"a: b\"", "\"a: b\""),
        ("\"a #b\"", "\"a #b\""),
        ("\"{{ a }}\"", "\"{{ a }}\""),
        ("\"a\\tb\"", "\"a\\tb\""),
        ("'\"active\" in stdout'", "'\"active\" in stdout'"),
        ("\"\"", "\"\""),
        ("\" a\"", "\" a\""),
        ("2026-11-01", "2026-11-01"),
    ] {
        assert_eq!(runbook(&format!("runbook: a\ntitle: {written}\n")), format!("runbook: a\ntitle: {expected}\n"));
    }
}

#[test]
fn aligned_values_stay_aligned() {
    let text = "parameters:\n  unit:   {type: string}\n  within: {type: duration}\n\n  other:     {type: string}\n";
    assert_eq!(runbook(text), text.replace("other:     ", "other: "));
}

#[test]
fn what_cannot_be_moved_safely_is_refused_with_its_line() {
    for (text, words) in [
        ("runbook: a\nsteps:\n  - run: |2\n      x\n", "a block with a number in its header"),
        ("{runbook: a}\n", "a file in braces"),
        ("---\nrunbook: a\n", "a line that begins with `---`"),
        ("- a\n", "a file that is no map"),
    ] {
        let said = formatted(text, &RUNBOOK_ORDER).unwrap_err().to_string();
        assert!(said.contains(words) && said.contains("a.yaml:"), "{said}");
    }
    assert!(matches!(formatted("a: [\n", &RUNBOOK_ORDER), Err(FormatError::Unreadable(_))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    /// The formatter checks itself, so a fault of it shows as a refusal.
    #[test]
    fn what_is_formatted_means_the_same_and_is_formatted_once(lines in proptest::collection::vec((0_usize..4, prop::sample::select(LINES.to_vec())), 1..14)) {
        let text: String = lines.iter().map(|(indent, line)| format!("{}{line}\n", "  ".repeat(*indent))).collect();
        let source = Source::new("a.yaml", &text);
        let mut problems = Diagnostics::new();
        prop_assume!(parse(&source, &mut problems).is_some() && !problems.has_errors());
        match format(&source, &RUNBOOK_ORDER) {
            Ok(once) => {
                let again = format(&Source::new("a.yaml", &once), &RUNBOOK_ORDER);
                prop_assert_eq!(again.map_err(|error| error.to_string()), Ok(once.clone()), "of {}", text);
                prop_assert_eq!(comments(&Source::new("a.yaml", &once)).len(), comments(&source).len());
            }
            Err(FormatError::Unfit { .. }) => {}
            Err(error) => prop_assert!(false, "{error}\n{text}"),
        }
    }
}

const LINES: [&str; 22] = [
    "runbook: a",
    "title: \"b c\"",
    "steps:",
    "- name: one",
    "- name: 'two' # beside",
    "hosts: db",
    "run: |",
    "check: >-",
    "echo a",
    "# comment",
    "",
    "gate:",
    "approvals: 1",
    "from: [dba, sre]",
    "until: {within: 5m}",
    "-",
    "why: a text # not: this",
    "x-own:",
    "- plain",
    "timeout:   5s",
    "name: \"{{ x }}\"",
    "on_failure: ask",
];
