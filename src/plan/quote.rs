//! Puts values into command text as shell words. The only file that quotes for a shell; it refuses every place that has no safe form.

use super::lexer::{Lexer, Spot};

/// What a template left where a value goes: `MARK`, the value's index, `MARK`. A source text cannot hold this character.
pub const MARK: char = '\u{1}';

/// A value on its way into a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Insert {
    /// One shell word, or a part of one.
    Word(Vec<u8>),
    /// A number: the only thing that may stand within `$(( ))`.
    Number(String),
    /// As many words.
    Words(Vec<Vec<u8>>),
    /// As it is: the author asked for `| raw`.
    Raw(Vec<u8>),
}

/// A place in a command where a value cannot stand safely.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a value cannot stand {place}: {remedy}")]
pub struct QuoteError {
    pub place: &'static str,
    pub remedy: &'static str,
}

impl QuoteError {
    pub(super) fn new(place: &'static str, remedy: &'static str) -> Self {
        Self { place, remedy }
    }
}

/// Replaces each mark in a rendered template by its value, quoted for where it stands.
///
/// # Errors
/// A value in a place that has no safe form, a value with a NUL byte, or a text whose quotes do not end.
pub fn insert(text: &str, values: &[Insert]) -> Result<Vec<u8>, QuoteError> {
    let mut lexer = Lexer::new();
    let mut out = Vec::with_capacity(text.len());
    for (index, piece) in text.split(MARK).enumerate() {
        if index % 2 == 0 {
            lexer.text(piece, &mut out)?;
            continue;
        }
        let next = text_after(text, index);
        match piece.parse::<usize>().ok().and_then(|index| values.get(index)) {
            Some(value) => place(value, &mut lexer, next, &mut out)?,
            None => return Err(QuoteError::new("where the template marks none", "remove the control character U+0001 from the text")),
        }
    }
    lexer.end()?;
    Ok(out)
}

/// A whole word for a bare place.
///
/// # Errors
/// A NUL byte.
pub fn quoted(bytes: &[u8]) -> Result<Vec<u8>, QuoteError> {
    let mut out = Vec::new();
    word(bytes, Spot::Bare { begins_word: true }, &mut out)?;
    Ok(out)
}

/// The same, but `*`, `?` and what stands in brackets stay what they are to a shell.
///
/// # Errors
/// A NUL byte.
pub fn quoted_pattern(text: &str) -> Result<Vec<u8>, QuoteError> {
    let (mut out, mut literal, mut in_brackets) = (Vec::new(), String::new(), false);
    for (at, c) in text.char_indices() {
        let opens = c == '[' && !in_brackets && text[at..].contains(']');
        let special = matches!(c, '*' | '?') || opens || (in_brackets && matches!(c, ']' | '!' | '^' | '-'));
        in_brackets = opens || (in_brackets && c != ']');
        if !special {
            literal.push(c);
            continue;
        }
        end_literal(&mut literal, &mut out)?;
        out.push(c as u8); // one of the ASCII characters above
    }
    end_literal(&mut literal, &mut out)?;
    Ok(out)
}

fn end_literal(literal: &mut String, out: &mut Vec<u8>) -> Result<(), QuoteError> {
    let bytes = std::mem::take(literal).into_bytes();
    if bytes.is_empty() { Ok(()) } else { word(&bytes, Spot::Bare { begins_word: false }, out) }
}

/// Whether a shell would look for files by it.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?']) || text.find('[').is_some_and(|at| text[at..].contains(']'))
}

/// The first character after the mark with this index among the pieces.
fn text_after(text: &str, index: usize) -> Option<char> {
    text.split(MARK).nth(index + 1).and_then(|piece| piece.chars().next())
}

fn place(value: &Insert, lexer: &mut Lexer, next: Option<char>, out: &mut Vec<u8>) -> Result<(), QuoteError> {
    let spot = lexer.spot()?;
    let start = out.len();
    match (value, spot) {
        (Insert::Raw(bytes), _) => {
            out.extend_from_slice(bytes);
            return Ok(());
        }
        (Insert::Number(digits), Spot::Arithmetic) => out.extend_from_slice(digits.as_bytes()),
        (Insert::Word(_) | Insert::Words(_), Spot::Arithmetic) => {
            return Err(QuoteError::new("within $(( )) unless it is a number", "use a parameter of type integer, or the filter int"));
        }
        (Insert::Number(digits), spot) => word(digits.as_bytes(), spot, out)?,
        (Insert::Word(bytes), spot) => word(bytes, spot, out)?,
        (Insert::Words(words), Spot::Bare { begins_word: true }) if next.is_none_or(ends_word) => {
            for (index, bytes) in words.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                word(bytes, spot, out)?;
            }
        }
        (Insert::Words(_), _) => {
            return Err(QuoteError::new(
                "here as a list",
                "a list becomes several words, so let it stand alone between blanks, or join it: {{ names | join(\",\") }}",
            ));
        }
    }
    let inserted = out[start..].to_vec();
    lexer.inserted(&inserted)
}

fn ends_word(c: char) -> bool {
    c.is_ascii_whitespace() || matches!(c, ';' | '&' | '|' | ')')
}

fn word(bytes: &[u8], spot: Spot, out: &mut Vec<u8>) -> Result<(), QuoteError> {
    if bytes.contains(&0) {
        return Err(QuoteError::new("in a command when it holds a NUL byte", "no shell can hold one; pass it another way"));
    }
    match spot {
        Spot::Bare { .. } | Spot::Arithmetic => bare(bytes, out),
        Spot::Double => escape(bytes, b"\\\"$`", out),
        Spot::Single => single(bytes, out),
        Spot::HereDocument { literal } => return here_document(bytes, literal, out),
    }
    Ok(())
}

/// A word that needs no quotes stays as it is, so that people can read it.
pub(super) fn bare(bytes: &[u8], out: &mut Vec<u8>) {
    let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./:@%+,".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(harmless) {
        out.extend_from_slice(bytes);
    } else {
        out.push(b'\'');
        single(bytes, out);
        out.push(b'\'');
    }
}

/// Within single quotes only a single quote ends them: it is set between two such texts.
fn single(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        match byte {
            b'\'' => out.extend_from_slice(b"'\\''"),
            other => out.push(other),
        }
    }
}

fn escape(bytes: &[u8], special: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        if special.contains(&byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

fn here_document(bytes: &[u8], literal: bool, out: &mut Vec<u8>) -> Result<(), QuoteError> {
    if bytes.contains(&b'\n') {
        return Err(QuoteError::new(
            "in a here-document when it holds a newline",
            "set it as env: and write \"$NAME\" with printf instead of the here-document",
        ));
    }
    match literal {
        true => out.extend_from_slice(bytes),
        false => escape(bytes, b"\\$`", out),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_text(text: &str, value: &str) -> Result<String, QuoteError> {
        let text = text.replace("@@", "\u{1}0\u{1}");
        insert(&text, &[Insert::Word(value.as_bytes().to_vec())]).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_value_is_quoted_for_where_it_stands() {
        for (text, value, expected) in [
            ("rm -- @@", "; touch x", "rm -- '; touch x'"),
            ("rm -- @@", "/var/lib/app", "rm -- /var/lib/app"),
            ("echo --name=@@ b", "a b", "echo --name='a b' b"),
            ("echo \"x @@ y\"", "$(id) \"q\" `w` \\", "echo \"x \\$(id) \\\"q\\\" \\`w\\` \\\\ y\""),
            ("echo 'x @@ y'", "it's", "echo 'x it'\\''s y'"),
            ("echo @@", "", "echo ''"),
            ("echo \"$(cat @@)\" @@", "a b", "echo \"$(cat 'a b')\" 'a b'"),
            ("cat <<EOF\nx @@ y\nEOF\necho @@", "$HOME 'q'", "cat <<EOF\nx \\$HOME 'q' y\nEOF\necho '$HOME '\\''q'\\'''"),
            ("cat <<'EOF'\nx @@ y\nEOF\n", "$HOME", "cat <<'EOF'\nx $HOME y\nEOF\n"),
            ("case $x in a) echo @@;; esac", "a b", "case $x in a) echo 'a b';; esac"),
            ("echo $# ${x#y} # it's a comment\necho @@", "a b", "echo $# ${x#y} # it's a comment\necho 'a b'"),
            ("(cd /tmp; ls @@) | wc", "a b", "(cd /tmp; ls 'a b') | wc"),
            ("sh -c 'echo \"$1\"' sh @@", "a b", "sh -c 'echo \"$1\"' sh 'a b'"),
        ] {
            assert_eq!(in_text(text, value).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn places_without_a_safe_form_are_refused() {
        for text in [
            "echo `cat @@`",
            "echo ${x:-@@}",
            "echo \"${x:-@@}\"",
            "echo $((1 + @@))",
            "# about @@",
            "echo \\@@",
            "echo $'@@'",
            "cat <<@@\nx\n@@",
            "cat <<EOF\n@@\nEOF",
            "cat <<EOF\n$(cat @@)\nEOF",
            "sh -c 'rm @@'",
            "bash -lc \"rm @@\"",
            "su -c @@ root",
            "eval rm @@",
            "ssh other \"rm @@\"",
            "echo \"$(case a in a) echo @@;; esac)\"",
            "echo 'unterminated @@",
            "echo \"$(echo @@\"",
            "x=$@@",
        ] {
            assert!(in_text(text, "EOF").is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_becomes_several_words_and_stands_alone() {
        let list = [Insert::Words(vec![b"a b".to_vec(), b"c".to_vec()])];
        assert_eq!(insert("rm -- \u{1}0\u{1};", &list).unwrap(), b"rm -- 'a b' c;");
        assert!(insert("rm --x=\u{1}0\u{1}", &list).is_err());
        assert!(insert("rm \"\u{1}0\u{1}\"", &list).is_err());
        assert!(insert("rm \u{1}0\u{1}.bak", &list).is_err());
    }

    #[test]
    fn a_pattern_stays_one_and_everything_around_it_is_quoted() {
        for (text, expected) in [
            ("/var/log/*.log", "/var/log/*.log"),
            ("/var/log/my app/?[!a-c d].log", "'/var/log/my app/'?[!a-'c d'].log"),
            ("/x/[a", "'/x/[a'"),
            ("/x/$(id)*`w`", "'/x/$(id)'*'`w`'"),
            ("/x/it's", "'/x/it'\\''s'"),
        ] {
            assert_eq!(String::from_utf8(quoted_pattern(text).unwrap()).unwrap(), expected);
        }
        assert_eq!(quoted(b"a b*").unwrap(), b"'a b*'");
    }

    #[test]
    fn numbers_may_be_reckoned_with() {
        assert_eq!(insert("echo $(( \u{1}0\u{1} + 1 ))", &[Insert::Number("41".into())]).unwrap(), b"echo $(( 41 + 1 ))");
    }
}
