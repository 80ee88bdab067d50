//! What is given to `command`, `shell`, `raw` and `pause`, in whichever of Ansible's forms. Renders nothing.

use std::sync::LazyLock;

use regex::Regex;

use super::{entries, get, items, text};
use crate::text::Node;

/// An argument within a free-form text.
static WITHIN: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a constant, and a test uses it")]
    Regex::new(r#"(?:^|\s)(chdir|creates|removes|executable|stdin|warn|stdin_add_newline|strip_empty_ends)=("[^"]*"|'[^']*'|\S+)"#)
        .expect("a pattern that compiles")
});

/// A command with what belongs to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    pub(super) command: String,
    pub(super) chdir: Option<String>,
    pub(super) creates: Option<String>,
    pub(super) removes: Option<String>,
    pub(super) executable: Option<String>,
    pub(super) stdin: Option<String>,
}

/// Of a task's module and its `args:`; `None` where there is no command.
pub(super) fn arguments(module: &Node, args: Option<&Node>) -> Option<Arguments> {
    let mut arguments = Arguments::default();
    if let Some(free) = text(module) {
        for found in WITHIN.captures_iter(free) {
            arguments.set(&found[1], found[2].trim_matches(['"', '\'']));
        }
        arguments.command = WITHIN.replace_all(free, "").trim().to_owned();
    }
    for (key, value) in entries(module).iter().chain(args.map_or(&[][..], entries)) {
        match (text(key), text(value)) {
            (Some("cmd" | "_raw_params"), Some(command)) => command.trim().clone_into(&mut arguments.command),
            (Some(name), Some(value)) => arguments.set(name, value),
            (Some("argv"), None) => arguments.command = items(value).iter().filter_map(text).map(word).collect::<Vec<_>>().join(" "),
            (Some(_), None) | (None, _) => {}
        }
    }
    Some(arguments).filter(|arguments| !arguments.command.is_empty())
}

impl Arguments {
    fn set(&mut self, name: &str, value: &str) {
        let value = Some(value.to_owned());
        match name {
            "chdir" => self.chdir = value,
            "creates" => self.creates = value,
            "removes" => self.removes = value,
            "executable" => self.executable = value,
            "stdin" => self.stdin = value,
            _ => {} // how Ansible prints it
        }
    }
}

/// One word of a shell; a template is quoted when it is rendered.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | ':' | '=' | ',' | '@' | '%' | '+');
    if text.contains("{{") || (!text.is_empty() && text.chars().all(plain)) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The length of a pause; `None` where a person ends it.
pub(super) fn pause(module: &Node) -> Option<String> {
    let of = |name: &str, unit: &str| {
        let free = text(module)
            .and_then(|free| free.split_whitespace().find_map(|word| word.strip_prefix(&format!("{name}=")).map(str::to_owned)));
        let value = get(module, name).and_then(text).map(str::to_owned).or(free)?;
        let number = value.parse::<u32>().ok().filter(|number| *number > 0)?;
        Some(format!("{number}{unit}"))
    };
    of("seconds", "s").or_else(|| of("minutes", "m"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Diagnostics, Source, parse};

    fn of(yaml: &str) -> Option<Arguments> {
        let document = parse(&Source::new("x", yaml), &mut Diagnostics::new()).unwrap();
        arguments(get(&document.root, "shell").unwrap(), get(&document.root, "args"))
    }

    #[test]
    fn arguments_are_found_in_all_three_places() {
        let expected =
            Arguments { command: "make all".into(), chdir: Some("/srv".into()), creates: Some("/srv/a b".into()), ..Arguments::default() };
        assert_eq!(of("shell: make all chdir=/srv creates='/srv/a b'\n"), Some(expected.clone()));
        assert_eq!(of("shell: {cmd: make all, chdir: /srv, creates: /srv/a b}\n"), Some(expected.clone()));
        assert_eq!(of("shell: make all\nargs: {chdir: /srv, creates: /srv/a b}\n"), Some(expected));
        assert_eq!(of("shell: {argv: [echo, \"it's\", \"{{ x }}\"]}\n").unwrap().command, "echo 'it'\\''s' {{ x }}");
        assert_eq!(of("shell: {chdir: /srv}\n"), None);
    }
}
