//! What all documents have in common: the first line, fixed keys in fixed order, the check code. Never accepts a text that it would not write.

use std::str::FromStr;

use crate::base::{Digest, Timestamp, ascii, from_ascii};

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Request,
    Approval,
    Denial,
    Seal,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::Request, Kind::Approval, Kind::Denial, Kind::Seal];

    /// The document's first line.
    pub fn first_line(self) -> &'static str {
        match self {
            Kind::Request => "runbook request, version 1",
            Kind::Approval => "runbook approval, version 1",
            Kind::Denial => "runbook denial, version 1",
            Kind::Seal => "runbook seal, version 1",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Kind::Request => "request",
            Kind::Approval => "approve",
            Kind::Denial => "deny",
            Kind::Seal => "seal",
        }
    }
}

/// What kind of document a text says it is.
pub fn kind_of(text: &str) -> Option<Kind> {
    let first = text.lines().next()?;
    Kind::ALL.into_iter().find(|kind| kind.first_line() == first)
}

/// The namespace that a document of this kind is signed in, such as `runbook-approve-v1@example.com`.
pub fn namespace(kind: Kind, domain: &str) -> String {
    format!("runbook-{}-v1@{domain}", kind.verb())
}

/// The text is not one that this program writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}, got {got:?}. The document was changed, or it is of another version")]
pub struct ParseDocumentError {
    /// From 1.
    pub line: usize,
    pub expected: String,
    pub got: String,
}

/// Characters of a line that an error shows.
const SHOWN: usize = 120;
/// Crockford's base 32: no letter that looks like a digit.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Six characters from the first 30 bits of the SHA-256 of a text.
pub fn check_code(text: &str) -> String {
    let digest = Digest::of(text.as_bytes());
    let [a, b, c, d, ..] = *digest.as_bytes();
    let bits = u32::from_be_bytes([a, b, c, d]);
    (0..6u32).map(|n| char::from(CROCKFORD[(bits >> (27 - 5 * n) & 31) as usize])).collect()
}

/// Adds the last line.
pub(super) fn ended(mut text: String) -> String {
    let code = check_code(&text);
    text.push_str(&format!("end: check {code}\n"));
    text
}

/// The code in a document's last line; empty where the text is no document.
pub(super) fn code_of(text: &str) -> String {
    text.trim_end().rsplit_once("end: check ").map_or(String::new(), |(_, code)| code.to_owned())
}

/// A sentence or a name between quotation marks, or `-` where there is none.
pub(super) fn quoted(text: Option<&str>) -> String {
    text.map_or("-".to_owned(), |text| format!("\"{}\"", ascii(text.as_bytes())))
}

/// Reads what [`quoted`] writes.
pub(super) fn unquoted(text: &str) -> Option<Option<String>> {
    if text == "-" {
        return Some(None);
    }
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    Some(Some(unescaped(inner)?))
}

/// Reads what `ascii` writes of a text.
pub(super) fn unescaped(text: &str) -> Option<String> {
    String::from_utf8(from_ascii(text)?).ok()
}

/// A point in time as documents show it, to the second.
pub(super) fn seconds(text: &str) -> Option<Timestamp> {
    let at: Timestamp = text.parse().ok()?;
    (at.to_seconds() == text).then_some(at)
}

/// A digest as documents show it.
pub(super) fn sha256(text: &str) -> Option<Digest> {
    text.strip_prefix("sha256:")?.parse().ok()
}

/// Reads a text line by line.
pub(super) struct Lines<'a> {
    lines: Vec<&'a str>,
    next: usize,
}

impl<'a> Lines<'a> {
    /// Begins a document of this kind.
    pub(super) fn of(kind: Kind, text: &'a str) -> Result<Self, ParseDocumentError> {
        let mut lines = Self { lines: text.split('\n').collect(), next: 0 };
        lines.must_be_printable()?;
        lines.exactly(kind.first_line())?;
        Ok(lines)
    }

    /// A document is shown as it is: a byte that moves a cursor or turns a line around would show something else than is signed.
    fn must_be_printable(&self) -> Result<(), ParseDocumentError> {
        let hidden = |line: &&str| line.bytes().any(|byte| !(b' '..=b'~').contains(&byte));
        match self.lines.iter().position(hidden) {
            Some(index) => Err(self.at(index + 1, "printable ASCII, with everything else escaped")),
            None => Ok(()),
        }
    }

    fn exactly(&mut self, expected: &str) -> Result<(), ParseDocumentError> {
        if self.peek() == expected {
            self.next += 1;
            Ok(())
        } else {
            Err(self.refused(expected))
        }
    }

    /// The rest of a line that begins with `key: `.
    pub(super) fn field(&mut self, key: &str) -> Result<&'a str, ParseDocumentError> {
        match self.optional(key) {
            Some(value) => Ok(value),
            None => Err(self.refused(&format!("`{key}: …`"))),
        }
    }

    /// As [`Lines::field`], where the next line has this key.
    pub(super) fn optional(&mut self, key: &str) -> Option<&'a str> {
        let value = self.peek().strip_prefix(key)?.strip_prefix(": ")?;
        self.next += 1;
        Some(value)
    }

    /// A field that `read` understands.
    pub(super) fn read<T>(&mut self, key: &str, expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, ParseDocumentError> {
        let value = self.field(key)?;
        read(value).ok_or_else(|| self.at(self.next, &format!("`{key}: ` and {expected}")))
    }

    /// A field that its type parses.
    pub(super) fn parsed<T: FromStr>(&mut self, key: &str, expected: &str) -> Result<T, ParseDocumentError> {
        self.read(key, expected, |value| value.parse().ok())
    }

    /// All lines that begin with `| `, without that.
    pub(super) fn plan(&mut self) -> Vec<String> {
        let rest = self.lines.get(self.next..).unwrap_or(&[]);
        let plan: Vec<String> = rest.iter().map_while(|line| line.strip_prefix("| ")).map(str::to_owned).collect();
        self.next += plan.len();
        plan
    }

    /// The whole text must be what would be written of what was read.
    pub(super) fn must_equal(self, written: &str) -> Result<(), ParseDocumentError> {
        let mut expected = written.split('\n');
        for (index, line) in self.lines.iter().enumerate() {
            match expected.next() {
                Some(wanted) if wanted == *line => {}
                Some(wanted) => return Err(self.at(index + 1, wanted)),
                None => return Err(self.at(index + 1, "the end of the document")),
            }
        }
        expected.next().map_or(Ok(()), |wanted| Err(self.at(self.lines.len() + 1, wanted)))
    }

    fn peek(&self) -> &'a str {
        self.lines.get(self.next).copied().unwrap_or("")
    }

    fn refused(&self, expected: &str) -> ParseDocumentError {
        self.at(self.next + 1, expected)
    }

    fn at(&self, line: usize, expected: &str) -> ParseDocumentError {
        let got = line.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or("");
        ParseDocumentError { line, expected: expected.chars().take(SHOWN).collect(), got: got.chars().take(SHOWN).collect() }
    }
}
