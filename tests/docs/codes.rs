//! Every code that the program can print, and whether its example trips it. Judges the explanations; contacts nobody.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use runbook::base::Period;
use runbook::cli::{Example, Explanation};
use runbook::library::{read_allowed_signers, read_inventory, read_policy};
use runbook::runbook::{LintPolicy, lint, read};
use runbook::text::{Colour, Diagnostics, Source};

use crate::examples::{Team, checked, lint_policy, runbook_around};

/// Every `RBnnn` that stands in quotes in the program's source, but those of tests.
pub fn codes_in_source(root: &Path) -> BTreeSet<String> {
    let mut paths = Vec::new();
    collect(&root.join("src"), &mut paths);
    let tables = root.join("src/cli/explain");
    let texts = paths.iter().filter(|path| !path.starts_with(&tables)).map(|path| fs::read_to_string(path).unwrap());
    texts.flat_map(|text| codes_in(&text)).filter(|code| code != "RB999").collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn codes_in(text: &str) -> Vec<String> {
    let quoted = text.match_indices("\"RB").filter_map(|(at, _)| text.get(at + 1..at + 7));
    let whole = quoted.filter(|code| code.ends_with('"') && code[2..5].bytes().all(|c| c.is_ascii_digit()));
    whole.map(|code| code[..5].to_owned()).collect()
}

/// What is wrong with an explanation's example: it must trip its own code.
pub fn problem_of(explanation: &Explanation, team: &Team) -> Option<String> {
    let found = found_in(explanation, team)?;
    let trips = found.iter().any(|problem| problem.code == explanation.code);
    (!trips)
        .then(|| format!("the example of {} does not trip it:\n{}\n{}", explanation.code, explanation.example, found.render(Colour::Plain)))
}

fn found_in(explanation: &Explanation, team: &Team) -> Option<Diagnostics> {
    let text = explanation.example;
    let source = Source::new("example", &format!("{text}\n"));
    match explanation.kind {
        Example::Words => None,
        Example::Runbook => Some(of_runbook(text, team)),
        Example::Steps => Some(of_runbook(&runbook_around(text), team)),
        Example::Top => Some(of_runbook(&format!("runbook: example\ntitle: T\n{text}\nsteps:\n- {{name: x, manual: y}}"), team)),
        Example::Inventory => Some(read_inventory(&source).1),
        Example::Policy => Some(read_policy(&source).1),
        Example::Signers => {
            let policy = "domain: example.com\npeople:\n  alice@example.com: {groups: [dba]}\n";
            let people = read_policy(&Source::new("policy", policy)).0.unwrap().rules.people;
            Some(read_allowed_signers(&source, "example.com", &people).1)
        }
    }
}

fn of_runbook(text: &str, team: &Team) -> Diagnostics {
    let (runbook, mut problems) = read(&Source::new("runbooks/example.yaml", &format!("{text}\n")), "example");
    if let Some(runbook) = runbook {
        let review = Some(Period::from_secs(180 * 86_400));
        problems.extend(lint(&runbook, &LintPolicy { review, ..lint_policy(team) }));
        problems.extend(checked(runbook, team));
    }
    problems
}
