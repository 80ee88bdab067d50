//! Problems as one SARIF 2.1.0 log, for code scanning and editors. Only shapes them; its field names are the standard's.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Places, severity_word};
use crate::cli::explain::{Explanation, explanations};
use crate::text::{Diagnostic, Diagnostics};

/// The log: one run of this program, every rule that it found something for, and a result for each problem.
pub fn log(problems: &Diagnostics, places: &Places) -> Value {
    let sorted = problems.sorted();
    let mut rules: BTreeMap<&str, usize> = sorted.iter().map(|problem| (problem.code, 0)).collect();
    rules.values_mut().enumerate().for_each(|(index, place)| *place = index);
    let described: Vec<Value> = rules.keys().map(|code| rule(code)).collect();
    let results: Vec<Value> = sorted.iter().map(|problem| result(problem, rules[problem.code], places)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "runbook", "version": env!("CARGO_PKG_VERSION"), "rules": described}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// The code's line in the table of rules; every code has an explanation, which a test watches.
fn rule(code: &str) -> Value {
    match explanations().find(|explanation| explanation.code == code) {
        Some(Explanation { name, meaning, fix, .. }) => json!({
            "id": code,
            "name": name,
            "shortDescription": {"text": meaning},
            "help": {"text": fix},
            "helpUri": format!("docs/lint.md#{}", code.to_lowercase()),
        }),
        None => json!({"id": code}),
    }
}

fn result(problem: &Diagnostic, index: usize, places: &Places) -> Value {
    let message = match &problem.help {
        Some(help) => format!("{}: {help}", problem.message),
        None => problem.message.clone(),
    };
    json!({
        "ruleId": problem.code,
        "ruleIndex": index,
        "level": severity_word(problem.severity),
        "message": {"text": message},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(&places.of(problem))},
            "region": region(problem),
        }}],
    })
}

fn region(problem: &Diagnostic) -> Value {
    let ((line, column), (end_line, end_column)) = (problem.position(), problem.source.position(problem.span.end));
    let end = if (end_line, end_column) < (line, column) { (line, column) } else { (end_line, end_column) };
    json!({"startLine": line, "startColumn": column, "endLine": end.0, "endColumn": end.1})
}

/// A relative reference (RFC 3986), or a `file:` URI where the path is absolute.
fn uri(path: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(byte);
    let shown: String = path.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect();
    if path.starts_with('/') { format!("file://{shown}") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_uri() {
        assert_eq!(uri("runbooks/a b.yaml"), "runbooks/a%20b.yaml");
        assert_eq!(uri("/x/é.yaml"), "file:///x/%C3%A9.yaml");
    }
}
