//! Follows a POSIX shell text just far enough to say in which kind of place its end lies
//! (POSIX.1-2017, Shell Command Language, 2.2 Quoting, 2.3 Token Recognition). Where it is not sure, it says so and nothing may be inserted.

use super::quote::QuoteError;

/// The kind of place where a value would stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spot {
    /// Outside of quotes; whether a new word begins here.
    Bare {
        begins_word: bool,
    },
    Double,
    Single,
    /// Within `$(( ))`.
    Arithmetic,
    /// `literal` where the delimiter was quoted.
    HereDocument {
        literal: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Mode {
    Bare,
    /// `( )` outside of quotes.
    Paren,
    /// `$( )`.
    Substitution,
    Double,
    Single,
    /// `$'…'`, which only some shells know.
    Dollar,
    Backtick,
    /// `${ }`.
    Parameter,
    /// `$(( ))` with the number of open parentheses.
    Arithmetic(u32),
    Comment,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Here {
    delimiter: Vec<u8>,
    literal: bool,
    strip_tabs: bool,
}

/// The state of the reading.
pub struct Lexer {
    modes: Vec<Mode>,
    /// A backslash or a dollar sign was the last character.
    pending: Option<u8>,
    /// The word that is being read, and the words of this command before it.
    word: Vec<u8>,
    words: Vec<Vec<u8>>,
    /// The same of the commands around this one: those with an open `(` or `$(`.
    outer: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
    /// Here-documents whose bodies begin at the next newline; the first is being read when `body` is set.
    heres: Vec<Here>,
    body: bool,
    /// The line of a here-document so far, and whether a value stands in it.
    line: Vec<u8>,
    line_holds_value: bool,
    /// A delimiter is being read: `<<` or `<<-` were seen.
    delimiter: Option<Here>,
    delimiter_quote: Option<u8>,
    /// From here on the reading is not sure.
    doubt: Option<QuoteError>,
    last: u8,
}

const REWRITE: &str = "write that part otherwise, or pass the value with env: and use \"$NAME\"";

impl Lexer {
    pub fn new() -> Self {
        Self {
            modes: vec![Mode::Bare],
            pending: None,
            word: Vec::new(),
            words: Vec::new(),
            outer: Vec::new(),
            heres: Vec::new(),
            body: false,
            line: Vec::new(),
            line_holds_value: false,
            delimiter: None,
            delimiter_quote: None,
            doubt: None,
            last: b'\n',
        }
    }

    /// Reads literal text and passes it on.
    pub fn text(&mut self, text: &str, out: &mut Vec<u8>) -> Result<(), QuoteError> {
        for &byte in text.as_bytes() {
            self.byte(byte)?;
        }
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// Where a value would stand now.
    pub fn spot(&self) -> Result<Spot, QuoteError> {
        if let Some(doubt) = &self.doubt {
            return Err(doubt.clone());
        }
        if self.body {
            let literal = self.heres.first().is_some_and(|here| here.literal);
            return match self.pending {
                Some(_) => Err(QuoteError::new("right after a backslash or a dollar sign", "put the value elsewhere in the line")),
                None => Ok(Spot::HereDocument { literal }),
            };
        }
        if self.delimiter.is_some() {
            return Err(QuoteError::new("as the delimiter of a here-document", "use a fixed word such as EOF"));
        }
        if self.pending.is_some() && *self.mode() != Mode::Single {
            return Err(QuoteError::new("right after a backslash or a dollar sign", "put quotes or a blank between"));
        }
        self.nested_shell()?;
        match self.mode() {
            Mode::Bare | Mode::Paren | Mode::Substitution => Ok(Spot::Bare { begins_word: self.word.is_empty() }),
            Mode::Double => Ok(Spot::Double),
            Mode::Single => Ok(Spot::Single),
            Mode::Arithmetic(_) => Ok(Spot::Arithmetic),
            Mode::Dollar => Err(QuoteError::new("within $'…'", "use plain quotes")),
            Mode::Backtick => Err(QuoteError::new("within `…`", "use $(…)")),
            Mode::Parameter => Err(QuoteError::new("within ${…}", "set a shell variable first: name={{ value }}")),
            Mode::Comment => Err(QuoteError::new("in a comment", "remove it from the comment")),
        }
    }

    /// Takes note of a value that was inserted.
    pub fn inserted(&mut self, bytes: &[u8]) -> Result<(), QuoteError> {
        if self.body {
            self.line.extend_from_slice(bytes);
            self.line_holds_value = true;
        } else {
            self.word.extend_from_slice(bytes);
            self.word.push(b'v'); // an empty value is a word, too
        }
        self.last = b'v';
        Ok(())
    }

    /// The text ends here.
    pub fn end(mut self) -> Result<(), QuoteError> {
        if self.body {
            self.end_of_line()?;
        }
        match self.mode() {
            Mode::Bare | Mode::Comment => Ok(()), // an open here-document ends with the text
            Mode::Paren
            | Mode::Substitution
            | Mode::Double
            | Mode::Single
            | Mode::Dollar
            | Mode::Backtick
            | Mode::Parameter
            | Mode::Arithmetic(_) => Err(QuoteError::new("in a text with an open quote or parenthesis", "close it")),
        }
    }

    fn mode(&self) -> &Mode {
        self.modes.last().unwrap_or(&Mode::Bare)
    }

    fn byte(&mut self, byte: u8) -> Result<(), QuoteError> {
        if self.body {
            return self.body_byte(byte);
        }
        if self.delimiter.is_some() {
            if self.delimiter_byte(byte) {
                return Ok(());
            }
            self.delimiter_done();
        }
        match self.mode().clone() {
            Mode::Bare | Mode::Paren | Mode::Substitution => self.bare_byte(byte)?,
            Mode::Double => self.double_byte(byte),
            Mode::Single => self.ends_at(byte, b'\''),
            Mode::Dollar => self.escaped_ends_at(byte, b'\''),
            Mode::Backtick => self.escaped_ends_at(byte, b'`'),
            Mode::Parameter => self.parameter_byte(byte),
            Mode::Arithmetic(depth) => self.arithmetic_byte(byte, depth),
            Mode::Comment if byte == b'\n' => {
                self.modes.pop();
                self.bare_byte(byte)?;
            }
            Mode::Comment => {}
        }
        self.last = byte;
        Ok(())
    }

    fn bare_byte(&mut self, byte: u8) -> Result<(), QuoteError> {
        if let Some(pending) = self.pending.take() {
            self.word.push(pending);
            if pending == b'\\' {
                self.word.push(byte);
                return Ok(());
            }
            if self.dollar(byte) {
                return Ok(());
            }
        }
        match byte {
            b'\\' | b'$' => self.pending = Some(byte),
            b'\'' => self.open(Mode::Single),
            b'"' => self.open(Mode::Double),
            b'`' => self.open(Mode::Backtick),
            b'#' if self.word.is_empty() => self.modes.push(Mode::Comment),
            b'(' if self.last == b'(' && matches!(self.mode(), Mode::Paren | Mode::Substitution) => self.arithmetic(),
            b'(' => self.open(Mode::Paren),
            b')' => self.close_paren(),
            b'<' if self.last == b'<' && self.word.is_empty() => {
                self.delimiter = Some(Here { delimiter: Vec::new(), literal: false, strip_tabs: false });
            }
            b'\n' => {
                self.end_command();
                self.body = !self.heres.is_empty();
            }
            b'&' if matches!(self.last, b'<' | b'>') => {}
            b';' | b'&' | b'|' => self.end_command(),
            b' ' | b'\t' | b'<' | b'>' => self.end_word(),
            other => self.word.push(other),
        }
        Ok(())
    }

    /// A dollar sign came before: whether this byte opens something.
    fn dollar(&mut self, byte: u8) -> bool {
        match byte {
            b'(' => self.open(Mode::Substitution),
            b'{' => self.open(Mode::Parameter),
            b'\'' if *self.mode() != Mode::Double => self.open(Mode::Dollar),
            b'#' | b'$' | b'?' | b'!' | b'*' | b'@' | b'-' => self.word.push(byte),
            _ => return false,
        }
        true
    }

    fn open(&mut self, mode: Mode) {
        self.word.push(b'q'); // even an empty quotation makes a word
        if matches!(mode, Mode::Paren | Mode::Substitution) {
            self.outer.push((std::mem::take(&mut self.word), std::mem::take(&mut self.words)));
        }
        self.modes.push(mode);
    }

    fn close_paren(&mut self) {
        self.end_command();
        if matches!(self.mode(), Mode::Paren | Mode::Substitution) {
            self.modes.pop();
            (self.word, self.words) = self.outer.pop().unwrap_or_default();
        }
    }

    /// `((` or `$((`: numbers only, even where it is a subshell within a subshell.
    fn arithmetic(&mut self) {
        self.modes.pop();
        (self.word, self.words) = self.outer.pop().unwrap_or_default();
        self.modes.push(Mode::Arithmetic(2));
    }

    fn double_byte(&mut self, byte: u8) {
        self.word.push(byte);
        match self.pending.take() {
            Some(b'$') if byte == b'(' || byte == b'{' => {
                self.dollar(byte);
            }
            Some(b'\\') => {}
            _ => match byte {
                b'"' => {
                    self.modes.pop();
                }
                b'\\' | b'$' => self.pending = Some(byte),
                b'`' => self.open(Mode::Backtick),
                _ => {}
            },
        }
    }

    fn ends_at(&mut self, byte: u8, end: u8) {
        self.word.push(byte);
        if byte == end {
            self.modes.pop();
        }
    }

    fn escaped_ends_at(&mut self, byte: u8, end: u8) {
        if self.pending.take().is_none() {
            match byte {
                b'\\' => self.pending = Some(byte),
                _ => self.ends_at(byte, end),
            }
        }
    }

    /// `${…}` with anything but a plain expansion inside is not followed further.
    fn parameter_byte(&mut self, byte: u8) {
        match byte {
            b'}' => {
                self.modes.pop();
            }
            b'"' | b'\'' | b'`' | b'\\' | b'{' | b'(' => self.doubts("after a ${…} that holds quotes or braces", REWRITE),
            _ => {}
        }
    }

    fn arithmetic_byte(&mut self, byte: u8, depth: u32) {
        let depth = match byte {
            b'(' => depth + 1,
            b')' => depth - 1,
            b'"' | b'\'' | b'`' | b'\\' | b'#' => {
                self.doubts("after a $((…)) that holds quotes", REWRITE);
                depth
            }
            _ => depth,
        };
        self.modes.pop();
        if depth > 0 {
            self.modes.push(Mode::Arithmetic(depth));
        }
    }

    fn doubts(&mut self, place: &'static str, remedy: &'static str) {
        self.doubt.get_or_insert(QuoteError::new(place, remedy));
    }

    fn end_word(&mut self) {
        if !self.word.is_empty() {
            let word = std::mem::take(&mut self.word);
            if word == b"case" && self.modes.contains(&Mode::Substitution) {
                self.doubts("after a `case` within $(…)", REWRITE);
            }
            self.words.push(word);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.words.clear();
    }

    /// A value in a text that another shell reads again would be quoted once and read twice.
    fn nested_shell(&self) -> Result<(), QuoteError> {
        let name = |word: &Vec<u8>| word.rsplit(|&byte| byte == b'/').next().map(<[u8]>::to_vec).unwrap_or_default();
        let names: Vec<Vec<u8>> = self.words.iter().map(name).collect();
        let any = |wanted: &[&str]| names.iter().any(|name| wanted.iter().any(|word| word.as_bytes() == name.as_slice()));
        let remedy = "pass it as an argument: sh -c '… \"$1\" …' sh {{ value }}";
        let after_c = self.words.last().is_some_and(|last| last.starts_with(b"-") && last.ends_with(b"c"));
        if after_c && any(&["sh", "bash", "dash", "ash", "ksh", "zsh", "su", "busybox"]) {
            return Err(QuoteError::new("in a text that a second shell reads (sh -c)", remedy));
        }
        let wrapped = any(&["sudo", "exec", "time", "nohup", "command", "env", "timeout", "nice", "builtin"]);
        let runs = |wanted: &str| names.first().is_some_and(|name| name == wanted.as_bytes()) || (wrapped && any(&[wanted]));
        if runs("eval") {
            return Err(QuoteError::new("after eval", "run the command without eval"));
        }
        if runs("ssh") {
            return Err(QuoteError::new(
                "in a command for ssh, which a second shell reads",
                "name that host in hosts: and run the command there",
            ));
        }
        Ok(())
    }

    fn delimiter_byte(&mut self, byte: u8) -> bool {
        let Some(here) = &mut self.delimiter else { return false };
        match (self.delimiter_quote, byte) {
            (Some(quote), byte) if byte == quote => self.delimiter_quote = None,
            (Some(b'\\'), byte) => {
                here.delimiter.push(byte);
                self.delimiter_quote = None;
            }
            (Some(_), byte) => here.delimiter.push(byte),
            (None, b'<') if here.delimiter.is_empty() => {
                self.delimiter = None; // `<<<`, a here-string: an ordinary word follows
                return true;
            }
            (None, b'-') if here.delimiter.is_empty() && self.last == b'<' => here.strip_tabs = true,
            (None, b' ' | b'\t') if here.delimiter.is_empty() => {}
            (None, b'\'' | b'"' | b'\\') => {
                here.literal = true;
                self.delimiter_quote = Some(byte);
            }
            (None, b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b')' | b'>') => return false,
            (None, byte) => here.delimiter.push(byte),
        }
        self.last = byte;
        true
    }

    fn delimiter_done(&mut self) {
        if let Some(here) = self.delimiter.take() {
            self.heres.push(here);
        }
    }

    fn body_byte(&mut self, byte: u8) -> Result<(), QuoteError> {
        if byte == b'\n' {
            if self.pending.take() == Some(b'\\') {
                self.doubts("after a line of a here-document that goes on in the next", REWRITE);
            }
            return self.end_of_line();
        }
        let literal = self.heres.first().is_some_and(|here| here.literal);
        let pending = self.pending.take();
        match byte {
            b'\\' | b'$' if !literal && pending != Some(b'\\') => self.pending = Some(byte),
            b'(' | b'{' if pending == Some(b'$') => self.doubts("after a $ expansion in a here-document", REWRITE),
            b'`' if !literal && pending != Some(b'\\') => self.doubts("after a backtick in a here-document", REWRITE),
            _ => {}
        }
        self.line.push(byte);
        Ok(())
    }

    fn end_of_line(&mut self) -> Result<(), QuoteError> {
        let line = std::mem::take(&mut self.line);
        let holds_value = std::mem::take(&mut self.line_holds_value);
        let Some(here) = self.heres.first() else { return Ok(()) };
        let tabs = if here.strip_tabs { line.iter().take_while(|&&byte| byte == b'\t').count() } else { 0 };
        if line[tabs..] != here.delimiter[..] {
            return Ok(());
        }
        if holds_value {
            return Err(QuoteError::new("where it would end the here-document", "use another delimiter"));
        }
        self.heres.remove(0);
        self.body = !self.heres.is_empty();
        self.last = b'\n';
        Ok(())
    }
}
