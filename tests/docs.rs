//! The documents say what the program does: examples are read, words are there, generated pages are up to date. Contacts nothing.
//!
//! `RUNBOOK_UPDATE_DOCS=1 cargo test --test docs` writes the generated pages anew.

#[path = "docs/codes.rs"]
mod codes;
#[path = "docs/examples.rs"]
mod examples;
#[path = "docs/reference.rs"]
mod reference;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use examples::{Example, Kind, Team, examples_in, problems_of};
use runbook::cli::explanations;
use runbook::runbook::RULES;

fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn nothing(findings: &[String], advice: &str) {
    assert!(findings.is_empty(), "{advice}\n{}\n", findings.join("\n"));
}

/// Compares a page with what the program says, or writes it.
fn generated(path: &str, expected: &str) {
    if std::env::var_os("RUNBOOK_UPDATE_DOCS").is_some_and(|value| value == "1") {
        fs::write(root().join(path), expected).unwrap();
    }
    let found = fs::read_to_string(root().join(path)).unwrap_or_default();
    let line = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    let line = line.unwrap_or_else(|| found.lines().count().min(expected.lines().count()));
    assert!(
        found == expected,
        "{path}:{} is not what the program says.\n  found    {:?}\n  expected {:?}\nwrite it anew: RUNBOOK_UPDATE_DOCS=1 cargo test --test docs",
        line + 1,
        found.lines().nth(line),
        expected.lines().nth(line)
    );
}

#[test]
fn the_reference_of_commands_is_what_the_command_line_says() {
    generated("docs/commands.md", &reference::commands());
}

#[test]
fn the_pages_of_lint_rules_and_codes_are_what_lint_says() {
    generated("docs/lint.md", &reference::lint());
}

#[test]
fn every_code_is_explained_and_every_explanation_is_of_a_code() {
    let used = codes::codes_in_source(&root());
    let explained: Vec<&str> = explanations().map(|explanation| explanation.code).collect();
    let missing: Vec<String> = used.iter().filter(|code| !explained.contains(&code.as_str())).cloned().collect();
    nothing(&missing, "these codes have no explanation: write one in src/cli/explain/");
    let unused: Vec<String> = explained.iter().filter(|code| !used.contains(**code)).map(|code| (*code).to_owned()).collect();
    nothing(&unused, "nothing prints these codes:");
    assert!(explained.is_sorted_by(|one, other| one < other), "the explanations are sorted by their codes, each once");
    let names: BTreeSet<&str> = explanations().map(|explanation| explanation.name).collect();
    assert_eq!(names.len(), explained.len(), "each name is there once");
    let rules: Vec<String> = RULES
        .iter()
        .filter(|rule| !explanations().any(|known| known.code == rule.code && known.name == rule.name))
        .map(|rule| rule.code.to_owned())
        .collect();
    nothing(&rules, "a rule and its explanation have one name:");
}

#[test]
fn every_explanations_example_trips_its_code() {
    let team = Team::of(&examples_in("docs/language.md", &page("docs/language.md")));
    let findings: Vec<String> = explanations().filter_map(|explanation| codes::problem_of(explanation, &team)).collect();
    nothing(&findings, "an example must show what it is an example of:");
}

#[test]
fn the_schema_of_a_runbook_is_what_the_program_says() {
    let schema = serde_json::to_string_pretty(&runbook::runbook::schema()).unwrap();
    generated("docs/runbook.schema.json", &(schema + "\n"));
}

#[test]
fn every_example_of_the_language_guide_is_read_and_planned() {
    let guide = page("docs/language.md");
    let examples = examples_in("docs/language.md", &guide);
    let team = Team::of(&examples);
    let findings: Vec<String> = examples.iter().flat_map(|example| problems_of(example, &team)).collect();
    nothing(&findings, "an example of the guide is refused:");
    let whole = examples.iter().filter(|example| example.kind == Kind::Runbook).count();
    assert!(whole >= 3 && examples.len() > 20, "the guide has {} examples, {whole} of them whole runbooks", examples.len());
}

#[test]
fn every_example_of_the_other_pages_is_read() {
    let guide = page("docs/language.md");
    let team = Team::of(&examples_in("docs/language.md", &guide));
    let mut findings = Vec::new();
    for path in ["README.md", "docs/approvals.md", "docs/editors-and-reviews.md"] {
        for example in examples_in(path, &page(path)) {
            findings.extend(problems_of(&example, &team));
        }
    }
    nothing(&findings, "an example is refused:");
}

#[test]
fn the_guide_has_a_place_for_every_word_of_this_release() {
    let guide = page("docs/language.md");
    let words = [
        "runbook title description owner links reviewed parameters targets steps",
        "type default values pattern min max",
        "run check manual wait shell name id why hosts expect_hosts when gate effect become env cwd timeout retry register parse expect until",
        "capture file last evidence waive done_when on_failure max_output max_failures approvals from expires ask attempts delay backoff within every healthy",
        "answers choose options call with conclude rescue always rolling serial pause last for_each acquire release release_when uninterruptible",
        "undo point_of_no_return after_no_return rules require message symptoms",
        "address user port environment connection spool ssh hosts_from domain people environments review deny changing",
    ];
    let missing: Vec<String> = words
        .iter()
        .flat_map(|words| words.split(' '))
        .filter(|word| {
            !guide.contains(&format!("`{word}:`")) && !guide.contains(&format!("`{word}`")) && !guide.contains(&format!("`{word}: "))
        })
        .map(str::to_owned)
        .collect();
    nothing(&missing, "docs/language.md does not say what these words do:");
}

#[test]
fn the_format_of_the_record_names_every_event() {
    let source = page("src/event.rs");
    let (_, body) = source.split_once("pub enum Event {").expect("the events");
    let (body, _) = body.split_once("\n}").expect("their end");
    let variants = body.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| line.starts_with(char::is_uppercase));
    let names: Vec<String> = variants.filter_map(|line| line.split(|sign: char| !sign.is_alphanumeric()).next()).map(snake_case).collect();
    assert!(names.len() >= 20, "{names:?}");
    let format = page("docs/record-format.md");
    let missing: Vec<String> = names.into_iter().filter(|name| !format.contains(&format!("`{name}`"))).collect();
    nothing(&missing, "docs/record-format.md does not name these events:");
}

/// As serde renames variants: `GateOpened` is `gate_opened`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for sign in name.chars() {
        if sign.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(sign.to_lowercase());
    }
    snake
}

#[test]
fn a_link_between_documents_leads_somewhere() {
    let mut findings = Vec::new();
    for path in markdown() {
        let text = page(&path);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let there = if file.is_empty() { root().join(&path) } else { root().join(&path).parent().unwrap().join(file) };
            let anchors: BTreeSet<String> = fs::read_to_string(&there).unwrap_or_default().lines().filter_map(anchor_of).collect();
            if !there.exists() || (!anchor.is_empty() && !anchors.contains(anchor)) {
                findings.push(format!("{path}: {target}"));
            }
        }
    }
    nothing(&findings, "these links lead nowhere:");
}

/// As GitHub names headings: lower case, spaces as dashes, other signs left out.
fn anchor_of(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let kept = heading.chars().filter(|sign| sign.is_alphanumeric() || matches!(sign, ' ' | '-' | '_'));
    Some(kept.collect::<String>().to_lowercase().replace(' ', "-"))
}

fn markdown() -> Vec<String> {
    let below = |folder: &str| {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let pages = entries.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
        pages.map(|path| path.strip_prefix(root()).unwrap().display().to_string()).collect::<Vec<_>>()
    };
    [below("."), below("docs"), below("docs/decisions")].concat()
}

#[test]
fn no_document_knows_the_machine_that_it_was_written_on() {
    let mut findings = Vec::new();
    for path in markdown() {
        let text = page(&path);
        let marks = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
        findings.extend(marks.iter().filter(|mark| text.contains(*mark)).map(|mark| format!("{path}: {mark}")));
        let strangers = text.split_whitespace().filter(|word| word.contains('@') && word.contains('.') && !is_known(word));
        findings.extend(strangers.map(|word| format!("{path}: {word}")));
    }
    nothing(&findings, "a document is for every reader:");
}

/// Addresses of the examples, namespaces, and log-ins at addresses of the examples.
fn is_known(word: &str) -> bool {
    ["@example.com", "@DOMAIN", "@10.0.0.", "restart@2"].iter().any(|known| word.contains(known)) || word.contains("[a-z0-9@")
}

#[test]
fn examples_are_found_with_their_lines_and_kinds() {
    let text = "# A\n\n```yaml\nrunbook: a\n```\n\n```\nno yaml\n```\n\n```yaml\n- name: x\n  wait: 1s\n```\n";
    let found: Vec<(usize, Kind)> = examples_in("a.md", text).iter().map(|example: &Example| (example.line, example.kind)).collect();
    assert_eq!(found, [(4, Kind::Runbook), (12, Kind::Steps)]);
}
