//! Makes a command's template a plain shell text of the same length: what the shell would see, as far as its syntax goes. Never renders a value.

/// The text with each `{{ … }}` as letters, statements and comments as blanks, and of `{% if %}` its first branch alone.
/// Every byte stays where it was, so that a place in it is a place in the template.
pub(super) fn neutral(text: &str) -> String {
    let mut plain = text.as_bytes().to_vec();
    let (mut at, mut branches) = (0, Branches::default());
    while at < plain.len() {
        let Some((end, kind)) = tag(text, at) else {
            branches.blank_if_left_out(&mut plain[at..=at]);
            at += 1;
            continue;
        };
        match kind {
            Tag::Value if branches.is_kept() => plain[at..end].fill(b'v'),
            Tag::Value | Tag::Comment => blank(&mut plain[at..end]),
            Tag::Statement => {
                branches.take(statement_word(&text[at + 2..end]));
                blank(&mut plain[at..end]);
            }
        }
        at = end;
    }
    String::from_utf8(plain).unwrap_or_else(|_| text.to_owned()) // only whole characters are replaced
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    Value,
    Statement,
    Comment,
}

/// Which of the open `if` and `for` are in a branch that is left out.
#[derive(Default)]
struct Branches {
    left_out: Vec<bool>,
}

impl Branches {
    fn take(&mut self, word: &str) {
        match word {
            "if" | "for" => self.left_out.push(false),
            "else" | "elif" => {
                if let Some(last) = self.left_out.last_mut() {
                    *last = true;
                }
            }
            "endif" | "endfor" => {
                self.left_out.pop();
            }
            _ => {} // refused elsewhere: no other statement has a place in a command
        }
    }

    fn is_kept(&self) -> bool {
        !self.left_out.contains(&true)
    }

    fn blank_if_left_out(&self, bytes: &mut [u8]) {
        if !self.is_kept() {
            blank(bytes);
        }
    }
}

/// Line ends stay, so that lines can be counted.
fn blank(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
}

/// The template tag that begins here, with its end.
fn tag(text: &str, at: usize) -> Option<(usize, Tag)> {
    let (kind, close) = match text.as_bytes().get(at..at + 2)? {
        b"{{" => (Tag::Value, "}}"),
        b"{%" => (Tag::Statement, "%}"),
        b"{#" => (Tag::Comment, "#}"),
        _ => return None,
    };
    let inside = &text.as_bytes()[at + 2..];
    let mut quote = None;
    for (offset, &byte) in inside.iter().enumerate() {
        match quote {
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None if inside[offset..].starts_with(close.as_bytes()) => return Some((at + 2 + offset + 2, kind)),
            None if kind != Tag::Comment && matches!(byte, b'"' | b'\'') => quote = Some(byte),
            None => {}
        }
    }
    None
}

fn statement_word(inside: &str) -> &str {
    let inside = inside.trim_start_matches(['-', '+', ' ', '\n', '\t']);
    &inside[..inside.bytes().position(|c| !c.is_ascii_alphabetic()).unwrap_or(inside.len())]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_template_becomes_a_text_of_the_same_length() {
        for (text, expected) in [
            ("rm -- {{ path }}", "rm -- vvvvvvvvvv"),
            ("a {{ b | default(\"}}\") }} c", "a vvvvvvvvvvvvvvvvvvvvvvv c"),
            ("{% if a %}b{% else %}c{% endif %}d", "          b                      d"),
            ("{% for a in b %}\nc {{ a }};\n{% endfor %}", "                \nc vvvvvvv;\n            "),
            ("a {# ' #} b", "a         b"),
            ("echo ${#a} {{", "echo ${#a} {{"),
            ("é {{ é }} é", "é vvvvvvvv é"),
        ] {
            assert_eq!(neutral(text), expected);
        }
    }

    proptest! {
        #[test]
        fn no_byte_is_moved(text in "([{}%# a\n'\"é-]|if|else|endif|\\{\\{|\\}\\}|\\{% |%\\}){0,60}") {
            prop_assert_eq!(neutral(&text).len(), text.len());
        }
    }
}
