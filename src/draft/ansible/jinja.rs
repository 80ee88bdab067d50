//! Ansible's templates and expressions, as far as ours can say the same. What they cannot is kept as it stands, and told.

use std::sync::LazyLock;

use regex::Regex;

use super::{Delegation, Writer};
use crate::draft::command::identifier;
use crate::draft::sheet::LeftOut;

static PLACE: LazyLock<Regex> = LazyLock::new(|| regex(r"\{\{-?\s*(.*?)\s*-?\}\}"));
static NAME: LazyLock<Regex> = LazyLock::new(|| regex(r"^([A-Za-z_][A-Za-z0-9_]*)((?:\.[a-z_]+)?)$"));
static DEFAULT: LazyLock<Regex> = LazyLock::new(|| regex(r#"^([A-Za-z_][A-Za-z0-9_]*)\s*\|\s*default\(\s*['"]?([^'"(){}]*?)['"]?\s*\)$"#));
static WORDS: LazyLock<Regex> = LazyLock::new(|| regex(r#"'[^']*'|"[^"]*"|[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*"#));

/// Names of Ansible's own, which no parameter stands for.
const ANSIBLES: [&str; 10] =
    ["inventory_hostname", "hostvars", "groups", "group_names", "play_hosts", "omit", "lookup", "item", "role_path", "playbook_dir"];
/// What is between the names of an expression that ours understands, too.
const PLAIN_WORDS: [&str; 13] = ["and", "or", "not", "in", "true", "false", "True", "False", "int", "length", "trim", "lower", "upper"];

fn regex(pattern: &str) -> Regex {
    #[expect(clippy::expect_used, reason = "the patterns above are constants, and a test uses each")]
    Regex::new(pattern).expect("a pattern that compiles")
}

/// A name that a parameter can have.
pub(super) fn is_identifier(name: &str) -> bool {
    NAME.is_match(name) && !name.contains('.') && identifier(name) == name.to_lowercase()
}

impl Writer<'_> {
    /// A text with templates, and what of it cannot be rendered here. A plain variable that the file does not define becomes a parameter.
    pub(super) fn rendered(&mut self, text: &str, line: usize) -> (String, Vec<LeftOut>) {
        let mut left_out = Vec::new();
        let mut out = String::new();
        let mut end = 0;
        for found in PLACE.captures_iter(text) {
            let (whole, inner) = (found.get(0).map_or(0..0, |whole| whole.range()), found.get(1).map_or("", |inner| inner.as_str()));
            out.push_str(&text[end..whole.start]);
            end = whole.end;
            match self.place(inner) {
                Some(expression) => out.push_str(&format!("{{{{ {expression} }}}}")),
                None => {
                    left_out.push(LeftOut::new(line, format!("`{}`: this template cannot be rendered here", &text[whole.clone()]), ""));
                    out.push_str(&text[whole]);
                }
            }
        }
        out.push_str(&text[end..]);
        for sign in ["{%", "{#"] {
            if text.contains(sign) {
                left_out.push(LeftOut::new(line, format!("`{sign}`: look whether it means the same here"), ""));
            }
        }
        (out, left_out)
    }

    fn place(&mut self, inner: &str) -> Option<String> {
        let inner = inner.strip_suffix("| quote").or_else(|| inner.strip_suffix("|quote")).unwrap_or(inner).trim(); // ours are quoted anyhow
        if inner == "inventory_hostname" {
            return (self.delegation == Delegation::No).then(|| "host".to_owned()); // of a delegated task it is another host than the one it runs on
        }
        if let Some(found) = DEFAULT.captures(inner) {
            let name = &found[1];
            if is_identifier(name) && !is_ansibles(name) && !self.registered.contains(name) {
                self.parameter(name, Some(&found[2]), "a variable of the playbook");
                return Some(name.to_owned());
            }
        }
        let found = NAME.captures(inner)?;
        let (name, attribute) = (&found[1], &found[2]);
        if self.registered.contains(name) {
            return result(attribute).map(|attribute| format!("{name}{attribute}"));
        }
        if !attribute.is_empty() || is_ansibles(name) || !is_identifier(name) {
            return None;
        }
        self.parameter(name, None, "a variable that the playbook does not define");
        Some(name.to_owned())
    }

    /// An expression of ours that means the same; `own` is the name under which the step's own result goes.
    pub(super) fn expression(&self, text: &str, own: Option<&str>) -> Option<String> {
        let text = text.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
        let known = |name: &str| self.draft.parameters.iter().any(|parameter| parameter.name == name) || self.registered.contains(name);
        let mut fits = !text.is_empty() && !text.contains(['[', '~', '%']);
        let replaced = WORDS.replace_all(text, |found: &regex::Captures<'_>| {
            let word = &found[0];
            if word.starts_with(['\'', '"']) || PLAIN_WORDS.contains(&word) {
                return word.to_owned();
            }
            let (name, attribute) = word.split_once('.').map_or((word, String::new()), |(name, rest)| (name, format!(".{rest}")));
            let ours = match (own == Some(name), known(name)) {
                (true, _) => {
                    result(&attribute).map(|attribute| attribute.trim_start_matches('.').to_owned()).filter(|word| !word.is_empty())
                }
                (false, true) if self.registered.contains(name) => {
                    result(&attribute).filter(|attribute| !attribute.is_empty()).map(|attribute| format!("{name}{attribute}"))
                }
                (false, true) if attribute.is_empty() => Some(name.to_owned()),
                (false, _) => None,
            };
            fits &= ours.is_some();
            ours.unwrap_or_default()
        });
        fits.then(|| replaced.into_owned())
    }
}

fn is_ansibles(name: &str) -> bool {
    name.starts_with("ansible_") || ANSIBLES.contains(&name)
}

/// What a result has, by our words.
fn result(attribute: &str) -> Option<&'static str> {
    match attribute {
        ".stdout" => Some(".stdout"),
        ".stderr" => Some(".stderr"),
        ".rc" => Some(".exit_code"),
        ".stdout_lines" => Some(".lines"),
        _ => None, // `changed`, `failed`, `results` and all else are Ansible's
    }
}
