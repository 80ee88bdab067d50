//! What to say about a text that is no YAML: the parser's words made plain, and what was probably meant. Never decides whether it is YAML.

/// The sentence and what to do next. `info` is what the parser says, `written` the line where it stopped.
pub(super) fn explained(info: &str, written: &str) -> (String, String) {
    let line = written.trim();
    if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|mark| line.starts_with(mark)) {
        let help = "keep one of the two sides, and remove the lines that begin with `<<<<<<<`, `=======` and `>>>>>>>`";
        return ("the marks of a merge conflict are in this file".to_owned(), help.to_owned());
    }
    let (message, help) = match () {
        () if written.contains(": {{") || written.contains("- {{") => {
            ("this is not YAML", "a value that begins with `{{` must be quoted: `key: \"{{ name }}\"`".to_owned())
        }
        () if line.contains(",,") => ("a comma with nothing before it", "remove it".to_owned()),
        () if info.contains("simple key expected") => ("this line is no `key: value`", of_no_key(line)),
        () if info.contains("mapping values are not allowed") && line.matches(": ").count() > 1 => {
            ("a second `: ` in one line", "a value that contains `: ` must be quoted, or written below as a block after `|`".to_owned())
        }
        () if info.contains("mapping values are not allowed") || info.contains("expected '-' indicator") => (
            "this line does not stand in line with the keys above it",
            "indent the keys of one step alike; a line below a key that has a value already goes no deeper".to_owned(),
        ),
        () if info.contains("',' or '}'") || info.contains("',' or ']'") => {
            ("a bracket of the line above is not closed", "close what `{` and `[` have opened, and put commas between".to_owned())
        }
        () if info.contains("unclosed bracket") => ("this bracket is not closed", "close it: `{…}`, `[…]`".to_owned()),
        () if info.contains("mismatched bracket") => {
            ("this bracket is closed by another kind", "close `[` by `]` and `{` by `}`, the inner one first".to_owned())
        }
        () if info.contains("unclosed quote") => (
            "this quote is not closed",
            "end the text by the same quote; one within the text is written `\\\"` in \"…\", and `''` in '…'".to_owned(),
        ),
        () if info.contains("trailing content") => (
            "something follows the quoted text",
            "write a quote within \"…\" as `\\\"`, or put the whole text below as a block after `|`".to_owned(),
        ),
        () if info.contains("escape character") => (
            "a backslash that YAML does not know in \"…\"",
            "double it (`\\\\`), or write the text in '…', where it stands for itself".to_owned(),
        ),
        () if info.contains("unexpected character") => (
            "a value cannot begin with this sign",
            "quote the value: \"…\"; a command of any kind can stand below as a block after `|`".to_owned(),
        ),
        () => ("this is not YAML", "look at the indentation, the quotes and the brackets of this line and of the one above".to_owned()),
    };
    let message = if message == "this is not YAML" { format!("{message}: {info}") } else { message.to_owned() };
    (message, help)
}

/// A line that should have been a key and its value.
fn of_no_key(line: &str) -> String {
    let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    match (line.split_once(':'), line.split_once(' ')) {
        (Some((key, value)), _) if is_word(key) && !value.is_empty() => format!("put a space after the colon: `{key}: {value}`"),
        (None, Some((key, value))) if is_word(key) && !value.trim().contains(' ') => {
            format!("put a colon after the key: `{key}: {}`; text of several lines stands deeper than its key, after `|`", value.trim())
        }
        (None, None) if is_word(line) => format!("write it to its end: `{line}: …`, or remove it"),
        (Some(_) | None, _) => "text of several lines stands deeper than its key, which ends in `|`".to_owned(),
    }
}
