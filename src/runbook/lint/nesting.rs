//! Follows which compound commands of a text are open, so that a parser is not sent deeper than it can go. Never says that a text is wrong.

/// A part of a shell text, as its tokenizer cuts it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'t> {
    Operator(&'t str),
    Word(&'t str),
}

/// How deep a text goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Nesting {
    /// A parser can follow it. Where it fails, this is the likeliest reason.
    Bearable { suspect: Option<(Suspect, usize)> },
    /// Deeper than people write.
    TooDeep,
}

/// What may be wrong with a text that a parser refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suspect {
    /// This word ends nothing that is open.
    Stray(&'static str),
    /// This word stands where no command begins, so that it is an argument of the command before it.
    Swallowed(&'static str),
    /// The innermost compound command that does not end.
    Open(&'static str),
}

/// Levels of anything; each takes some kilobytes of the parser's stack.
const MAX_DEPTH: usize = 100;

/// Levels of parentheses and `case`: where a text is wrong, the parser's time doubles with each.
const MAX_RETRIED: usize = 12;

/// Words that open a compound command, and the word that closes it; nothing closes `coproc`, which is one only in bash.
const COMPOUND: [(&str, &str); 10] = [
    ("if", "fi"),
    ("case", "esac"),
    ("do", "done"),
    ("{", "}"),
    ("[[", "]]"),
    ("for", "do"),
    ("while", "do"),
    ("until", "do"),
    ("select", "do"),
    ("coproc", ""),
];

/// Words after which a command begins.
const LEADING: [&str; 11] = ["then", "else", "elif", "do", "if", "while", "until", "!", "{", "time", "coproc"];

/// Words and operators with their places.
pub(super) fn nesting<'t>(parts: impl Iterator<Item = (Part<'t>, usize)>) -> Nesting {
    let mut state = State { open: Vec::new(), suspect: None, begins: true };
    for (part, at) in parts {
        match part {
            Part::Operator("(") => state.open.push(("(", at)),
            Part::Operator(")") => _ = state.close("("), // that of a pattern of `case` closes nothing
            Part::Operator(_) => {}
            Part::Word(word) => state.follow(word, at),
        }
        state.begins = match part {
            Part::Operator(operator) => !operator.starts_with(['<', '>']),
            Part::Word("in") => true, // a pattern of `case`, as if it were a command
            Part::Word(word) => COMPOUND.iter().any(|(_, end)| *end == word) || (state.begins && LEADING.contains(&word)),
        };
        let retried = state.open.iter().filter(|(opener, _)| matches!(*opener, "(" | "case")).count();
        if state.open.len() > MAX_DEPTH || retried > MAX_RETRIED {
            return Nesting::TooDeep;
        }
    }
    let open = state.open.pop().map(|(opener, at)| (Suspect::Open(opener), at));
    Nesting::Bearable { suspect: state.suspect.or(open) }
}

struct State {
    open: Vec<(&'static str, usize)>,
    /// The first one.
    suspect: Option<(Suspect, usize)>,
    /// Whether a command begins here.
    begins: bool,
}

impl State {
    /// A closer counts only where a command begins: what is not sure makes the text deeper, never flatter.
    fn follow(&mut self, word: &str, at: usize) {
        let closer = COMPOUND.iter().find(|(_, end)| *end == word).map(|(_, end)| *end);
        if let Some(closer) = closer.filter(|closer| self.begins || *closer == "]]") {
            let closed = COMPOUND.iter().filter(|(_, end)| *end == closer).any(|(opener, _)| self.close(opener));
            if !closed && closer != "]]" {
                self.suspect.get_or_insert((Suspect::Stray(closer), at));
            }
        }
        match (word, self.open.last()) {
            ("then", Some(("if", _))) if !self.begins => _ = self.suspect.get_or_insert((Suspect::Swallowed("then"), at)),
            ("do", Some(("for" | "while" | "until", _))) if !self.begins => {
                self.suspect.get_or_insert((Suspect::Swallowed("do"), at));
            }
            _ => {} // words of the shell's author
        }
        self.open.extend(COMPOUND.iter().find(|(opener, _)| *opener == word && self.begins).map(|(opener, _)| (*opener, at)));
    }

    /// Whether this was the innermost one that is open.
    fn close(&mut self, opener: &str) -> bool {
        let closes = self.open.last().is_some_and(|(last, _)| *last == opener);
        if closes {
            self.open.pop();
        }
        closes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> Nesting {
        let words = text.split(' ').enumerate().map(|(at, word)| {
            let operator = word.chars().all(|c| ";()|&<>\n".contains(c));
            (if operator { Part::Operator(word) } else { Part::Word(word) }, at)
        });
        nesting(words)
    }

    #[test]
    fn what_is_likely_wrong_is_known_by_its_word() {
        let bearable = |suspect| Nesting::Bearable { suspect };
        assert_eq!(open("if a ; then b ; fi"), bearable(None));
        assert_eq!(open("for x in a ; do case $x in b ) c ;; esac ; done"), bearable(None));
        assert_eq!(open("while ( a ) ; do { b ; } ; done"), bearable(None));
        assert_eq!(open("if a ; then while b ; do c"), bearable(Some((Suspect::Open("do"), 7))));
        assert_eq!(open("if a ; then while b ; do c ; fi"), bearable(Some((Suspect::Stray("fi"), 10))));
        assert_eq!(open("if a then b ; fi"), bearable(Some((Suspect::Swallowed("then"), 2))));
        assert_eq!(open("{ echo }"), bearable(Some((Suspect::Open("{"), 0))));
        assert_eq!(open("echo if for"), bearable(None));
    }

    #[test]
    fn a_text_deeper_than_people_write_is_left_alone() {
        assert_eq!(open(&"{ ".repeat(200)), Nesting::TooDeep);
        assert_eq!(open(&"( ".repeat(13)), Nesting::TooDeep);
        assert_eq!(open(&"( a ) ; ".repeat(13)), Nesting::Bearable { suspect: None });
    }
}
