//! Cuts one line of `allowed_signers` into principal, options and key. Never decides whether they are good.

use crate::text::{Span, Spanned};

/// One line, cut. Places are bytes of the whole file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: usize,
    pub(super) span: Span,
    pub(super) principals: Spanned<String>,
    /// Options by name, lower case, with their value unquoted; `None` for a flag.
    pub(super) options: Vec<(Spanned<String>, Option<Spanned<String>>)>,
    /// `TYPE BASE64`; empty where there is none.
    pub(super) key: Spanned<String>,
}

/// Why a line cannot be cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Uncut {
    pub(super) span: Span,
    pub(super) message: &'static str,
}

/// The lines that hold something, in order.
pub(super) fn cut(text: &str) -> Vec<Result<Line, Uncut>> {
    let mut at = 0;
    let mut lines = Vec::new();
    for (index, raw) in text.split('\n').enumerate() {
        let start = at + raw.len() - raw.trim_start_matches([' ', '\t']).len();
        let content = raw.trim_matches([' ', '\t', '\r']);
        if !content.is_empty() && !content.starts_with('#') {
            lines.push(cut_line(content, start, index + 1));
        }
        at += raw.len() + 1;
    }
    lines
}

fn cut_line(content: &str, start: usize, number: usize) -> Result<Line, Uncut> {
    let span = Span { start, end: start + content.len() };
    let (principals, rest) = word(content, start);
    let (second, after) = word(rest.value, rest.span.start);
    let (options, key) =
        if is_key_type(&second.value) || second.value.is_empty() { (Vec::new(), rest) } else { (cut_options(&second)?, after) };
    let (kind, rest) = word(key.value, key.span.start);
    let (blob, _) = word(rest.value, rest.span.start);
    let key_span = Span { start: kind.span.start, end: if blob.value.is_empty() { kind.span.end } else { blob.span.end } };
    let key = Spanned { value: format!("{} {}", kind.value, blob.value).trim_end().to_owned(), span: key_span };
    Ok(Line { number, span, principals, options, key })
}

pub(super) fn is_key_type(word: &str) -> bool {
    ["ssh-", "sk-ssh-", "sk-ecdsa-", "ecdsa-"].iter().any(|start| word.starts_with(start))
}

/// The first word, quotes kept together, and what follows it after the space.
fn word(text: &str, start: usize) -> (Spanned<String>, Spanned<&str>) {
    let mut quoted = false;
    let mut end = text.len();
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ' ' | '\t' if !quoted => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let rest = text[end..].trim_start_matches([' ', '\t']);
    let rest_start = start + text.len() - rest.len();
    let first = Spanned { value: text[..end].to_owned(), span: Span { start, end: start + end } };
    (first, Spanned { value: rest, span: Span { start: rest_start, end: start + text.len() } })
}

type OptionList = Vec<(Spanned<String>, Option<Spanned<String>>)>;

fn cut_options(list: &Spanned<String>) -> Result<OptionList, Uncut> {
    let mut options = Vec::new();
    let mut rest = list.value.as_str();
    let mut at = list.span.start;
    while !rest.is_empty() {
        let length = rest.find(['=', ',']).unwrap_or(rest.len());
        let name = Spanned { value: rest[..length].to_lowercase(), span: Span { start: at, end: at + length } };
        let mut used = length;
        let mut value = None;
        if let Some(quoted) = rest[length..].strip_prefix('=') {
            let inner = quoted.strip_prefix('"').ok_or(Uncut { span: name.span, message: "an option's value stands in double quotes" })?;
            let close = inner.find('"').ok_or(Uncut { span: list.span, message: "a quote is not closed" })?;
            let from = at + length + 2;
            value = Some(Spanned { value: inner[..close].to_owned(), span: Span { start: from, end: from + close } });
            used = length + 3 + close;
        }
        options.push((name, value));
        rest = &rest[used..];
        at += used;
        if !rest.is_empty() {
            rest = rest
                .strip_prefix(',')
                .ok_or(Uncut { span: Span { start: at, end: at + 1 }, message: "expected a comma between options" })?;
            at += 1;
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_at_spaces_outside_of_quotes() {
        let text = "# c\n\n  a@b namespaces=\"x, y\",valid-after=\"2026Z\",flag ssh-ed25519 AAAA me at home\r\na@b ssh-rsa AAAA\n";
        let lines: Vec<Line> = cut(text).into_iter().map(Result::unwrap).collect();
        assert_eq!((lines[0].number, lines[1].number), (3, 4));
        let options: Vec<(&str, Option<&str>)> =
            lines[0].options.iter().map(|(name, value)| (name.value.as_str(), value.as_ref().map(|value| value.value.as_str()))).collect();
        assert_eq!(options, [("namespaces", Some("x, y")), ("valid-after", Some("2026Z")), ("flag", None)]);
        assert_eq!((lines[0].key.value.as_str(), lines[1].key.value.as_str()), ("ssh-ed25519 AAAA", "ssh-rsa AAAA"));
        let span = lines[0].options[0].1.as_ref().unwrap().span;
        assert_eq!(&text[span.start..span.end], "x, y");
    }

    #[test]
    fn a_line_that_cannot_be_cut_says_why() {
        for line in ["a@b x=y ssh-ed25519 A", "a@b x=\"y ssh-ed25519 A", "a@b x=\"y\"z ssh-ed25519 A"] {
            assert!(cut(line)[0].is_err(), "{line}");
        }
    }
}
