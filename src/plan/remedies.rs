//! What to do about a template or an expression that is wrong: the words for a person. Never decides whether one is wrong.

use super::template::TemplateError;
use crate::text::did_you_mean;

/// Filters that people look for, Jinja's and ours.
const FILTERS: [&str; 22] = [
    "bytes", "default", "duration", "first", "float", "int", "join", "last", "length", "list", "lower", "map", "matches", "max", "min",
    "reject", "replace", "select", "sort", "split", "trim", "upper",
];

/// What is wrong, as a sentence.
pub(super) fn sentence(error: &TemplateError, kind: Written) -> String {
    match (error, kind) {
        (TemplateError::Wrong { message, .. }, Written::Template) => format!("this template cannot be read: {message}"),
        (TemplateError::Wrong { message, .. }, Written::Expression) => format!("this expression cannot be read: {message}"),
        (TemplateError::Undefined { .. } | TemplateError::Quote(_), _) => error.to_string(),
    }
}

/// What stands at the caret, and what to do next.
pub(super) fn remedy(text: &str, error: &TemplateError, kind: Written) -> (&'static str, String) {
    match error {
        TemplateError::Quote(_) => {
            ("this value has no safe form here", "move the value, or put it into a variable: `env: {NAME: \"{{ … }}\"}`".to_owned())
        }
        TemplateError::Undefined { .. } => ("not defined", "define it under parameters:, or register: it in a step before".to_owned()),
        TemplateError::Wrong { message, .. } => match kind {
            Written::Template => ("here", of_template(text, message)),
            Written::Expression => ("here", of_expression(text, message)),
        },
    }
}

/// How a text was meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Template,
    Expression,
}

fn of_template(text: &str, message: &str) -> String {
    if let Some(help) = unknown_operation(message) {
        return help;
    }
    if text.matches("{{").count() > text.matches("}}").count() {
        return "close it with `}}`; two braces for the shell are written `{{ \"{{\" }}`".to_owned();
    }
    if text.matches("{%").count() > text.matches("%}").count() {
        return "close it with `%}`".to_owned();
    }
    if text.contains("{#") && !text.contains("#}") {
        return "`{#` begins a comment of templates; for the shell it is written `{{ \"{#\" }}`".to_owned();
    }
    "write a value as `{{ name }}`; in commands there are `{% if %}` and `{% for %}` besides".to_owned()
}

fn of_expression(text: &str, message: &str) -> String {
    if let Some(help) = unknown_operation(message) {
        return help;
    }
    let bare = without_texts(text);
    let is_single = |at: usize| {
        let (before, after) = (bare[..at].chars().last(), bare[at + 1..].chars().next());
        after != Some('=') && !matches!(before, Some('=' | '!' | '<' | '>'))
    };
    let help = if bare.contains("{{") {
        "an expression is written without `{{ }}`"
    } else if bare.contains("&&") || bare.contains("||") {
        "write `and`, `or` and `not`"
    } else if bare.match_indices('=').any(|(at, _)| is_single(at)) {
        "compare with `==`"
    } else if bare.contains("!") && !bare.contains("!=") {
        "write `not` in place of `!`"
    } else {
        "write such as `value > 5 and stdout == \"1\"`; docs/language.md has all of it under Expressions"
    };
    help.to_owned()
}

/// The name of the filter or test that is not there.
pub(super) fn unknown_filter(message: &str) -> Option<&str> {
    message.strip_prefix("filter ").or_else(|| message.strip_prefix("test "))?.strip_suffix(" is unknown")
}

fn unknown_operation(message: &str) -> Option<String> {
    let name = unknown_filter(message)?;
    Some(match did_you_mean(name, FILTERS) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("a value in a command is quoted by itself; known filters: {}", FILTERS.join(", ")),
    })
}

/// The expression with its quoted texts blanked.
fn without_texts(text: &str) -> String {
    let mut quote = None;
    let blank = |c: char| match (quote, c) {
        (Some(open), c) if c == open => {
            quote = None;
            ' '
        }
        (Some(_), _) => ' ',
        (None, '"' | '\'') => {
            quote = Some(c);
            ' '
        }
        (None, c) => c,
    };
    text.chars().map(blank).collect()
}

/// What other tools call a value that this one has by another name.
pub(super) fn foreign_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "inventory_hostname" | "ansible_host" | "hostname" | "node" => "the host's name is `host`",
        "rc" | "status" | "exit_status" | "returncode" => "write `exit_code` in `expect:`, or `NAME.exit_code` of a registered result",
        "stdout" | "stderr" | "exit_code" | "lines" | "json" | "value" | "seconds" => {
            "it is this step's own result, in `expect:` alone; write `NAME.…` of a result that an earlier step has registered"
        }
        "steps" | "needs" | "inputs" | "vars" | "params" | "parameters" | "results" => {
            "names stand by themselves: `{{ unit }}`, `probe.stdout`"
        }
        "env" | "ansible_env" => "nothing is taken from the environment: give it as a parameter",
        "secrets" => "name a secret itself, as the whole of a variable: `env: {PGPASSWORD: \"{{ db_password }}\"}`",
        _ => return None, // every other name is the author's own
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_of_another_language_is_answered_and_one_within_a_text_is_not() {
        assert_eq!(of_expression("a = 1", ""), "compare with `==`");
        assert_eq!(of_expression("a == \"é=1\" && b", ""), "write `and`, `or` and `not`");
        assert_eq!(of_expression("{{ a }}", ""), "an expression is written without `{{ }}`");
        assert!(of_expression("a <= 1 and b == '{{ = && }}' or", "").starts_with("write such as"));
    }
}
