//! What a file is, by what stands in it. Never goes by its name.

use crate::text::{Diagnostics, Node, Source, Value, parse_lenient};

/// What can be made into a draft, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Markdown,
    /// Plays, or tasks alone.
    Playbook,
    /// It is one already.
    Runbook,
    /// YAML of another kind.
    OtherYaml,
}

/// The kind of a text.
pub fn kind_of(source: &Source) -> Kind {
    let text = source.text();
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("# ")).unwrap_or("");
    let is_list = ["---", "- name:", "- hosts:"].iter().any(|start| first.starts_with(start));
    let is_page = text.contains("\n```") || text.contains("\n\n## "); // a page may begin with `Owner: database`, too
    let looks_like_yaml = is_list || (is_key(first) && !is_page);
    if !looks_like_yaml {
        return Kind::Markdown;
    }
    let Some(document) = parse_lenient(source, &mut Diagnostics::new()) else {
        // YAML that does not read says so when it is read; a page may have `---` before its own head
        return if is_page { Kind::Markdown } else { Kind::Playbook };
    };
    match &document.root.value {
        Value::Map(_) if has(&document.root, &["runbook"]) => Kind::Runbook,
        Value::List(items) if items.iter().any(|item| has(item, &["hosts", "tasks", "name", "import_playbook", "block"])) => Kind::Playbook,
        Value::Map(_) if is_page => Kind::Markdown, // the lines before a page are YAML, too
        Value::Map(_) | Value::List(_) => Kind::OtherYaml,
        Value::Scalar(_) => Kind::Markdown,
    }
}

fn is_key(line: &str) -> bool {
    line.split_once(':').is_some_and(|(key, rest)| {
        !key.is_empty()
            && key.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'))
            && (rest.is_empty() || rest.starts_with(' '))
    })
}

fn has(node: &Node, keys: &[&str]) -> bool {
    let Value::Map(entries) = &node.value else { return false };
    entries.iter().any(|(key, _)| matches!(&key.value, Value::Scalar(scalar) if keys.contains(&scalar.text.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_stands_in_it() {
        let kind = |text: &str| kind_of(&Source::new("x", text));
        assert_eq!(kind("# Restart\n\nDo this:\n"), Kind::Markdown);
        assert_eq!(kind("---\ntitle: Restart\n---\n\n# Restart\n\n```sh\nls\n```\n"), Kind::Markdown);
        assert_eq!(kind("Restart the thing\n=================\n"), Kind::Markdown);
        assert_eq!(kind("Owner: database\n\n## Steps\n\n- one: two\n"), Kind::Markdown);
        assert_eq!(kind("# comment\n---\n- hosts: db\n  tasks: []\n"), Kind::Playbook);
        assert_eq!(kind("- name: x\n  shell: uptime\n  password: !vault |\n    $ANSIBLE_VAULT\n"), Kind::Playbook);
        assert_eq!(kind("- one\n- two\n"), Kind::Markdown);
        assert_eq!(kind("# c\nrunbook: a\ntitle: A\n"), Kind::Runbook);
        assert_eq!(kind("---\nkey: value\n"), Kind::OtherYaml);
    }
}
