//! What a tired person reads when a file is wrong: every file under `tests/malformed` against its messages. Never looks inside the reader.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use runbook::library::{Selector, read_allowed_signers, read_inventory, read_policy};
use runbook::runbook::{LintPolicy, lint, read};
use runbook::text::{Colour, Diagnostics, Source, decode};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/malformed").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Compares the messages about each file of a folder with its snapshot. Each must say something.
fn messages(folder: &str, shown: &str, read: impl Fn(&Source, &str) -> Diagnostics) {
    for path in files(folder) {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let bytes = fs::read(&path).unwrap();
        let name = shown.replace("NAME", stem);
        let found = match decode(&name, &bytes) {
            Ok(source) => read(&source, stem),
            Err(diagnostics) => diagnostics,
        };
        let text = found.render(Colour::Plain);
        assert!(!text.is_empty(), "nothing is said about {}", path.display());
        insta::with_settings!({ snapshot_suffix => stem, omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(folder, text);
        });
    }
}

fn policy() -> LintPolicy {
    let deny = vec![("redis-cli keys".to_owned(), "it blocks the server while it walks all keys".to_owned())];
    let today = "2026-11-22T03:00:00Z".parse().unwrap();
    LintPolicy { deny, changing: Vec::new(), review: None, today }
}

#[test]
fn a_malformed_runbook_is_refused_in_words_that_help() {
    messages("runbook", "runbooks/NAME.yaml", |source, stem| {
        let (runbook, diagnostics) = read(source, stem);
        assert!(runbook.is_none() && diagnostics.has_errors(), "{stem} is accepted");
        diagnostics
    });
}

#[test]
fn a_runbook_that_goes_wrong_at_night_is_told_by_lint() {
    messages("lint", "runbooks/NAME.yaml", |source, stem| {
        let (runbook, diagnostics) = read(source, stem);
        lint(&runbook.unwrap_or_else(|| panic!("{}", diagnostics.render(Colour::Plain))), &policy())
    });
}

#[test]
fn a_malformed_inventory_is_refused_in_words_that_help() {
    messages("inventory", "runbooks/team/inventory.yaml", |source, _| read_inventory(source).1);
}

#[test]
fn a_malformed_policy_is_refused_in_words_that_help() {
    messages("policy", "runbooks/team/policy.yaml", |source, _| read_policy(source).1);
}

#[test]
fn a_malformed_list_of_signers_is_refused_in_words_that_help() {
    let policy = read_policy(&Source::new("policy", "domain: example.com\npeople: {carol@example.com: {groups: [ic]}}\n")).0.unwrap();
    messages("signers", "runbooks/team/allowed_signers", |source, _| read_allowed_signers(source, "example.com", &policy.rules.people).1);
}

#[test]
fn a_malformed_selector_is_refused_with_a_caret_in_its_file() {
    let inventory = read_inventory(&Source::new("inventory", "hosts: {db-1: {groups: [db]}, db-2: {groups: [db]}}")).0.unwrap();
    messages("selector", "runbooks/NAME.yaml", |source, stem| {
        let runbook = read(source, stem).0.unwrap();
        let mut found = Diagnostics::new();
        for step in &runbook.steps {
            let hosts = step.hosts.as_ref().unwrap();
            let resolved = Selector::parse(&hosts.value).and_then(|selector| selector.resolve(&inventory, &[("loop", "loop, db")]));
            found.push(resolved.unwrap_err().diagnostic(source, hosts.span));
        }
        found
    });
}

/// How long a large runbook takes; run it with `cargo test --release --test malformed -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, not a fact"]
fn a_thousand_steps_are_read_and_linted_fast() {
    let mut text = String::from("runbook: big\ntitle: A thousand steps\nsteps:\n");
    for n in 0..1000 {
        text.push_str(&format!(
            "  - name: Step {n}\n    hosts: \"db & !db-{n}\"\n    run: |\n      systemctl restart unit-{n} && test -e \"/var/{n}\" || echo $(date) >> /var/log/x\n    timeout: 90s\n"
        ));
    }
    let source = Source::new("runbooks/big.yaml", &text);
    let started = Instant::now();
    let (runbook, diagnostics) = read(&source, "big");
    let reading = started.elapsed();
    let found = lint(&runbook.unwrap_or_else(|| panic!("{}", diagnostics.render(Colour::Plain))), &policy());
    println!("{} bytes: read in {reading:?}, linted in {:?}, {} findings", text.len(), started.elapsed() - reading, found.len());
}
