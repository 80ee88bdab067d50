//! Whether a shell could read a text at all: the only file that names the shell parser. Never runs a text, and says nothing about one that it may not follow.

use brush_parser::{ParseError, ParserOptions, SourcePosition, Token, TokenizerError, parse_tokens, uncached_tokenize_str};

use super::nesting::{Nesting, Part, Suspect, nesting};

/// The shells whose grammar is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Dialect {
    /// POSIX `sh`: dash, busybox ash, ksh.
    Posix,
    Bash,
}

/// What a shell would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flaw {
    /// As in "… does not end".
    pub(super) what: String,
    /// Bytes of the text; `None` where only the whole text can be meant.
    pub(super) at: Option<(usize, usize)>,
    /// Whether `bash` would read what `sh` does not.
    pub(super) bash_reads_it: bool,
}

/// Substitutions in one text; the tokenizer keeps its place in each on the stack.
const MAX_EXPANSIONS: usize = 2_000;

/// The least stack on which a text within the bounds of this file and of [`Nesting`] is read, built for tests included.
pub(super) const STACK: usize = 64 << 20;

impl Dialect {
    /// The dialect of `shell:`; `None` for shells that are not known here.
    pub(super) fn of(shell: Option<&str>) -> Option<Self> {
        match shell.unwrap_or("sh").rsplit('/').next() {
            Some("sh" | "dash" | "ash") => Some(Dialect::Posix),
            Some("bash") => Some(Dialect::Bash),
            Some(_) | None => None,
        }
    }

    fn options(self) -> ParserOptions {
        let posix = self == Dialect::Posix;
        ParserOptions { posix_mode: posix, sh_mode: posix, enable_extended_globbing: !posix, ..ParserOptions::default() }
    }
}

/// The first thing in a text that its shell would refuse. To be called with [`STACK`] at hand.
pub(super) fn flaw(text: &str, dialect: Dialect) -> Option<Flaw> {
    if text.matches(['$', '`']).count() > MAX_EXPANSIONS {
        return None;
    }
    let found = flaw_in(text, dialect)?;
    let bash_reads_it = dialect == Dialect::Posix && flaw_in(text, Dialect::Bash).is_none();
    Some(Flaw { bash_reads_it, ..found })
}

fn flaw_in(text: &str, dialect: Dialect) -> Option<Flaw> {
    let options = dialect.options();
    let ended = format!("{text}\n"); // a here-document may end with the text
    let tokens = match uncached_tokenize_str(&ended, &options.tokenizer_options()) {
        Ok(tokens) => tokens,
        Err(error) => return Some(unended(text, &error)),
    };
    let Nesting::Bearable { suspect } = nesting(tokens.iter().map(token_of)) else { return None };
    let error = parse_tokens(&tokens, &options).err()?;
    let (what, at) = match (&error, suspect) {
        (_, Some((Suspect::Stray(word), index))) => (format!("`{word}` ends nothing here"), word_at(text, index, word)),
        (_, Some((Suspect::Swallowed(word), index))) => (format!("a `;` is missing before `{word}`"), word_at(text, index, word)),
        (ParseError::ParsingNear(place), _) => refused(text, &tokens, place),
        (ParseError::ParsingAtEndOfInput | ParseError::Tokenizing { .. }, Some((Suspect::Open(word), index))) => {
            (format!("`{word}` has no {}", closing(word)), word_at(text, index, word))
        }
        (ParseError::ParsingAtEndOfInput | ParseError::Tokenizing { .. }, None) => {
            ("the text ends where more is expected".to_owned(), last_line(text))
        }
    };
    Some(Flaw { what, at, bash_reads_it: false })
}

/// A part that the grammar has no place for.
fn refused(text: &str, tokens: &[Token], place: &SourcePosition) -> (String, Option<(usize, usize)>) {
    match tokens.iter().find(|token| token.location().start.index == place.index).map(Token::to_str).filter(|word| !word.trim().is_empty())
    {
        Some(word) => (format!("`{word}` cannot stand here"), word_at(text, place.index, word)),
        None => {
            let at = byte_of(text, place.index);
            ("more is expected before the end of this line".to_owned(), last_line(&text[..at]))
        }
    }
}

fn word_at(text: &str, index: usize, word: &str) -> Option<(usize, usize)> {
    let at = byte_of(text, index);
    Some((at, (at + word.len()).min(text.len())))
}

/// Word or operator, and where it begins in characters.
fn token_of(token: &Token) -> (Part<'_>, usize) {
    let part = match token {
        Token::Operator(text, _) => Part::Operator(text),
        Token::Word(text, _) => Part::Word(text),
    };
    (part, token.location().start.index)
}

fn closing(word: &str) -> &'static str {
    match word {
        "if" => "`fi`",
        "case" => "`esac`",
        "do" | "for" | "while" | "until" | "select" => "`done`",
        "{" => "`}`",
        "(" => "`)`",
        _ => "end",
    }
}

/// What was opened and does not end.
fn unended(text: &str, error: &TokenizerError) -> Flaw {
    let (what, place) = match error {
        TokenizerError::UnterminatedSingleQuote(place) => ("a single quote does not end", Some(place)),
        TokenizerError::UnterminatedDoubleQuote(place) => ("a double quote does not end", Some(place)),
        TokenizerError::UnterminatedAnsiCQuote(place) => ("`$'` does not end", Some(place)),
        TokenizerError::UnterminatedBackquote(place) => ("a backquote does not end", Some(place)),
        TokenizerError::UnterminatedExtendedGlob(place) => ("a pattern with parentheses does not end", Some(place)),
        TokenizerError::UnterminatedEscapeSequence => ("the text ends with a backslash", None),
        TokenizerError::UnterminatedVariable => ("`${` has no `}`", None),
        TokenizerError::UnterminatedCommandSubstitution | TokenizerError::UnterminatedExpansion => ("`$(` has no `)`", None),
        TokenizerError::MissingHereTagForDocumentBody | TokenizerError::MissingHereTag(_) => ("`<<` is followed by no word", None),
        TokenizerError::UnterminatedHereDocuments(..) => ("a here-document does not end: no line is its word alone", None),
        TokenizerError::FailedDecoding | TokenizerError::ReadError(_) => ("the text cannot be read", None),
    };
    let opener = match error {
        TokenizerError::UnterminatedVariable => text.rfind("${").map(|at| (at, at + 2)),
        TokenizerError::UnterminatedCommandSubstitution | TokenizerError::UnterminatedExpansion => text.find("$(").map(|at| (at, at + 2)),
        TokenizerError::UnterminatedHereDocuments(..) => text.find("<<").map(|at| (at, at + 2)),
        _ => place.map(|place| place_of(text, place)), // a type of another crate: what has a place says it
    };
    Flaw { what: what.to_owned(), at: opener, bash_reads_it: false }
}

fn place_of(text: &str, place: &SourcePosition) -> (usize, usize) {
    let at = byte_of(text, place.index);
    (at, text[at..].chars().next().map_or(at, |c| at + c.len_utf8()))
}

/// The parser counts characters.
fn byte_of(text: &str, index: usize) -> usize {
    text.char_indices().nth(index).map_or(text.len(), |(at, _)| at)
}

fn last_line(text: &str) -> Option<(usize, usize)> {
    let end = text.trim_end().len();
    let start = text[..end].rfind('\n').map_or(0, |at| at + 1);
    (start < end).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(text: &str) -> String {
        flaw(text, Dialect::Posix).map_or(String::new(), |flaw| {
            let marked = flaw.at.map_or("?", |(start, end)| &text[start..end]);
            format!("{} [{marked}]{}", flaw.what, if flaw.bash_reads_it { " bash" } else { "" })
        })
    }

    #[test]
    fn what_a_shell_cannot_read_is_told_with_its_place() {
        for (text, expected) in [
            ("if test -e x; then rm x", "`if` has no `fi` [if]"),
            ("for x in a; do b\n", "`do` has no `done` [do]"),
            ("a || { b; c }", "`{` has no `}` [{]"),
            ("(cd x && ls", "`(` has no `)` [(]"),
            ("a\nb ;; c", "`;;` cannot stand here [;;]"),
            ("a; fi", "`fi` ends nothing here [fi]"),
            ("if a; then b; done", "`done` ends nothing here [done]"),
            ("é 'b", "a single quote does not end [']"),
            ("echo \"it", "a double quote does not end [\"]"),
            ("echo $(date", "`$(` has no `)` [$(]"),
            ("cat <<E\nx\n", "a here-document does not end: no line is its word alone [<<]"),
            ("if a then b; fi", "a `;` is missing before `then` [then]"),
            ("for x in a b do c; done", "a `;` is missing before `do` [do]"),
            ("a |", "the text ends where more is expected [a |]"),
            ("a=(1 2)", "`(` cannot stand here [(] bash"),
            ("diff <(a) <(b)", "`(` cannot stand here [(] bash"),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }

    #[test]
    fn what_shells_read_is_left_in_peace() {
        for text in [
            "cat <<E\nx\nE",
            "case $x in a|b) c;; *) d;; esac",
            "[ \"$(df --output=pcent / | tail -n 1 | tr -dc 0-9)\" -lt 90 ] && echo ok",
            "f() { a; }\nf",
            "a &\nwait",
            "x=`date`; echo ${x%%:*} $((1 + 2))",
            "while read -r line; do echo \"$line\"; done < /etc/hosts",
            "awk '{print $1}' x | sed 's/a/b/'",
            "",
            "# only a comment",
            "psql <<'SQL'\nselect '(';\nSQL\nls",
            "if ! a; then b; elif c; then d; else e; fi",
        ] {
            assert_eq!(said(text), "", "{text}");
        }
        assert_eq!(flaw("a=(1 2); [[ $x =~ ^a ]] && diff <(b) <(c) <<<x", Dialect::Bash), None);
    }

    #[test]
    fn texts_that_nobody_wrote_cost_neither_the_stack_nor_the_day() {
        let openers = [
            "(",
            "( ",
            "((",
            "{ ",
            "$(",
            "\"$(",
            "${x:-",
            "`",
            "if ",
            "if a;then ",
            "case x in a) ",
            "[[ ( ",
            "f() { ",
            "f() ( ",
            "<( ",
            "a=( ",
            "! ",
            "coproc ",
        ];
        let work = move || {
            for (opener, count) in openers.iter().flat_map(|opener| [12, 60, 1_000, 10_000].map(|count| (opener, count))) {
                for dialect in [Dialect::Posix, Dialect::Bash] {
                    flaw(&opener.repeat(count), dialect);
                }
            }
        };
        std::thread::Builder::new().stack_size(STACK).spawn(work).unwrap().join().unwrap();
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "([-ab$(){}<>|&;'\"`\\\\#! \né\\[\\]]|if |then |fi|case | in |esac|do |done|<<E\n|\nE\n){0,40}") {
            flaw(&text, Dialect::Posix);
            flaw(&text, Dialect::Bash);
        }
    }
}
