//! What a tired person reads when a file is wrong: every file under `tests/malformed` against its messages. Never looks inside the reader.
//!
//! The messages of a folder are one snapshot, to be read from top to bottom. A new file needs no line of code: write it, look at its message.

#[path = "malformed/cases.rs"]
mod cases;
#[path = "malformed/words.rs"]
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

use cases::{Case, cases, files_of, root, single};
use runbook::library::{Library, SMALLEST_POLICY, Selector, read_inventory};
use runbook::runbook::{LintPolicy, lint, read};
use runbook::text::{Colour, Diagnostics, Source, Span, decode};

/// Compares the messages about each file of a folder with its snapshot. Each must say something.
fn messages(folder: &str) {
    page(folder, cases(folder).into_iter().map(|case| (case.path, case.found)));
}

fn page(folder: &str, found: impl Iterator<Item = (String, Diagnostics)>) {
    let mut page = String::new();
    for (path, found) in found {
        let text = found.render(Colour::Plain);
        let text = if text.is_empty() { "(nothing is said)".to_owned() } else { text };
        page.push_str(&format!("=== {path}\n{text}\n\n"));
    }
    let name = format!("malformed_{}", folder.replace('/', "_"));
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, { insta::assert_snapshot!(name, page) });
}

fn nothing(findings: &[String], advice: &str) {
    assert!(findings.is_empty(), "{advice}\n\n{}\n", findings.join("\n\n"));
}

fn policy() -> LintPolicy {
    let deny = vec![("redis-cli keys".to_owned(), "it blocks the server while it walks all keys".to_owned())];
    let today = "2026-11-22T03:00:00Z".parse().unwrap();
    LintPolicy { deny, changing: Vec::new(), review: None, today }
}

#[test]
fn a_malformed_runbook_is_refused_in_words_that_help() {
    messages("runbook");
}

#[test]
fn a_runbook_that_is_wrong_within_its_library_is_refused_in_words_that_help() {
    messages("plan");
}

#[test]
fn a_malformed_inventory_is_refused_in_words_that_help() {
    messages("inventory");
}

#[test]
fn a_malformed_source_of_hosts_is_refused_in_words_that_help() {
    messages("sources");
}

#[test]
fn a_malformed_policy_is_refused_in_words_that_help() {
    messages("policy");
}

#[test]
fn a_malformed_scenario_is_refused_in_words_that_help() {
    messages("scenario");
}

#[test]
fn a_malformed_list_of_signers_is_refused_in_words_that_help() {
    messages("signers");
}

#[test]
fn many_mistakes_in_one_file_are_told_at_once() {
    ["many/runbook", "many/inventory", "many/policy", "many/signers"].into_iter().for_each(messages);
}

#[test]
fn a_runbook_that_goes_wrong_at_night_is_told_by_lint() {
    let mut names: Vec<String> = files_of(&root().join("lint")).into_iter().map(|(name, _)| name).collect();
    names.sort();
    let found = names.iter().map(|name| {
        let stem = name.trim_end_matches(".yaml");
        let source = runbook_file("lint", stem);
        let (runbook, diagnostics) = read(&source, stem);
        let found = lint(&runbook.unwrap_or_else(|| panic!("{}", diagnostics.render(Colour::Plain))), &policy());
        (format!("lint/{stem}.yaml"), found)
    });
    page("lint", found);
}

fn runbook_file(folder: &str, stem: &str) -> Source {
    let bytes = fs::read(root().join(folder).join(format!("{stem}.yaml"))).unwrap();
    decode(&format!("runbooks/{stem}.yaml"), &bytes).unwrap()
}

#[test]
fn a_malformed_selector_is_refused_with_a_caret_in_its_file() {
    let inventory = read_inventory(&Source::new("inventory", "hosts: {db-1: {groups: [db]}, db-2: {groups: [db]}}")).0.unwrap();
    let source = runbook_file("selector", "selectors");
    let runbook = read(&source, "selectors").0.unwrap();
    let mut found = Diagnostics::new();
    for step in &runbook.steps {
        let hosts = step.hosts.as_ref().unwrap();
        let resolved = Selector::parse(&hosts.value).and_then(|selector| selector.resolve(&inventory, &[("loop", "loop, db")]));
        found.push(resolved.unwrap_err().diagnostic(&source, hosts.span));
    }
    page("selector", [("selector/selectors.yaml".to_owned(), found)].into_iter());
}

#[test]
fn what_is_no_file_of_the_library_is_refused_in_words_that_help() {
    let folder = tempfile::tempdir().unwrap();
    let runbooks = folder.path().join("runbooks");
    fs::create_dir_all(runbooks.join("team")).unwrap();
    fs::create_dir_all(runbooks.join("a-folder.yaml")).unwrap();
    fs::write(runbooks.join("team/policy.yaml"), SMALLEST_POLICY).unwrap();
    fs::write(runbooks.join("other-suffix.yml"), "x").unwrap();
    std::os::unix::fs::symlink("../../outside.yaml", runbooks.join("leads-nowhere.yaml")).unwrap();
    let library = Library::open(&runbooks).unwrap();
    let mut said = String::new();
    for name in ["a-folder", "other-suffix", "leads-nowhere", "Not A Name", "restart-db"] {
        let error = library.runbook(name).unwrap_err().to_string();
        said.push_str(&format!("{name}: {}\n", error.replace(folder.path().to_str().unwrap(), "")));
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, { insta::assert_snapshot!("malformed_no_files", said) });
}

#[test]
fn there_are_many_malformed_files_and_each_is_refused() {
    let all = single();
    assert!(all.len() >= 60, "{} files", all.len());
    let accepted: Vec<String> = all.iter().filter(|case| !case.found.has_errors()).map(|case| case.path.clone()).collect();
    nothing(&accepted, "these files are not refused:");
}

#[test]
fn one_mistake_gives_one_message() {
    let several = |case: &Case| (case.found.len() > 1).then(|| format!("{}\n{}", case.path, case.found.render(Colour::Plain)));
    nothing(&single().iter().filter_map(several).collect::<Vec<_>>(), "each of these files has one mistake, and more is said about it:");
}

/// Problems of a whole file, which have no place in it: too long, empty, not there.
const OF_WHOLE_FILES: [&str; 3] = ["RB002", "RB008", "RB409"];

#[test]
fn every_message_says_where_and_what_to_do_next() {
    let mut findings = Vec::new();
    let many = ["many/runbook", "many/inventory", "many/policy", "many/signers"].into_iter().flat_map(cases);
    for case in single().into_iter().chain(many) {
        for problem in case.found.iter() {
            let is_placed = problem.span != Span::default() && problem.span.end <= problem.source.text().len();
            let helps = problem.help.as_ref().is_some_and(|help| !help.trim().is_empty());
            if !helps || !(is_placed || OF_WHOLE_FILES.contains(&problem.code)) {
                findings.push(format!("{}\n{}", case.path, problem.render(Colour::Plain)));
            }
        }
    }
    nothing(&findings, "these messages leave a tired person alone:");
}

#[test]
fn the_misuse_of_every_word_is_refused() {
    let maps = ["many/runbook", "many/inventory", "many/policy"].into_iter().flat_map(cases);
    let known: BTreeSet<String> =
        maps.filter(|case| case.path.ends_with("unknown-key-in-every-map.yaml")).flat_map(|case| words::known(&case.found)).collect();
    assert!(known.len() > 100, "{known:?}");
    let all = single();
    let mut findings: Vec<String> = Vec::new();
    for word in &known {
        let Some((_, path)) = words::MISUSED.iter().find(|(misused, _)| misused == word) else {
            findings.push(format!("`{word}` has no malformed file: write one, and add it to tests/malformed/words.rs"));
            continue;
        };
        let said = all.iter().find(|case| case.path == *path).map(|case| case.found.render(Colour::Plain)).unwrap_or_default();
        if !said.contains(word.as_str()) {
            findings.push(format!("{path} says nothing about `{word}`:\n{said}"));
        }
    }
    let gone = words::MISUSED.iter().filter(|(word, _)| !known.contains(*word));
    findings.extend(gone.map(|(word, _)| format!("no reader knows `{word}`")));
    nothing(&findings, "words and malformed files do not match:");
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
