//! One line of a journal, to the byte. Never parses anything before its sum is right.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::ser::{CharEscape, CompactFormatter, Formatter};

use crate::base::{Digest, Digester, Timestamp};
use crate::event::{Entry, Event, Head};

/// What is hashed before a line's bytes, so that a sum means nothing elsewhere.
const DOMAIN: &[u8] = b"runbook-journal-v1\n";
/// The only version of a line.
const VERSION: u32 = 1;
/// `,"sum":"`, 64 digits and `"}`.
const SUFFIX: usize = 74;
/// Bytes that a line may have: 64 MiB, far above the largest stage of a thousand hosts; bounds what a reader holds.
pub const MAX_LINE: usize = 64 << 20;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    #[error("expected printable ASCII only, got byte 0x{byte:02X} at column {column}")]
    NotAscii { byte: u8, column: usize },
    #[error("expected a line that ends in ,\"sum\":\"<64 hexadecimal digits>\"}}, got {bytes} bytes that do not")]
    NoSum { bytes: usize },
    #[error("expected the sum {computed}, got {stored}: the line's bytes were changed")]
    WrongSum { stored: Digest, computed: Digest },
    #[error("its sum is right and it is no journal line that this program knows: {why}")]
    NotUnderstood { why: String },
    #[error("its sum is right and it is not written as this program writes it")]
    NotCanonical,
    #[error("expected line number {expected}, got {got}: lines are missing, doubled or out of order")]
    WrongSeq { expected: u64, got: u64 },
    #[error("expected prev {expected}, got {got}: the lines before were changed")]
    WrongPrev { expected: Digest, got: Digest },
}

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    seq: u64,
    at: Timestamp,
    prev: Digest,
    event: &'a Event,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parsed {
    v: u32,
    seq: u64,
    at: Timestamp,
    prev: Digest,
    event: Event,
    #[serde(rename = "sum")]
    _sum: Digest,
}

/// The next line after `head`, without its newline, and the entry that it says.
///
/// # Errors
/// Where the event would not come back as it is: a fault of whoever made it, such as a value nested too deeply.
pub fn encode(head: Head, at: Timestamp, event: Event) -> Result<(Vec<u8>, Entry), LineFault> {
    let line = render(head, at, &event)?;
    let entry = decode(&line, head)?;
    if entry.event == event { Ok((line, entry)) } else { Err(LineFault::NotCanonical) }
}

/// Reads one line, without its newline, that must follow `head`.
///
/// # Errors
/// See [`LineFault`]; the sum is judged before anything else is read.
pub fn decode(line: &[u8], head: Head) -> Result<Entry, LineFault> {
    if let Some(column) = line.iter().position(|byte| !(b' '..=b'~').contains(byte)) {
        return Err(LineFault::NotAscii { byte: line[column], column: column + 1 });
    }
    let sum = checked_sum(line)?;
    let parsed: Parsed = serde_json::from_slice(line).map_err(|error| LineFault::NotUnderstood { why: error.to_string() })?;
    if parsed.v != VERSION {
        return Err(LineFault::NotUnderstood { why: format!("expected version {VERSION}, got {}", parsed.v) });
    }
    if Some(parsed.seq) != head.seq.checked_add(1) {
        return Err(LineFault::WrongSeq { expected: head.seq.saturating_add(1), got: parsed.seq });
    }
    if parsed.prev != head.sum {
        return Err(LineFault::WrongPrev { expected: head.sum, got: parsed.prev });
    }
    if render(head, parsed.at, &parsed.event)? != line {
        return Err(LineFault::NotCanonical);
    }
    Ok(Entry { seq: parsed.seq, at: parsed.at, prev: parsed.prev, event: parsed.event, sum })
}

/// The sum that a line carries, where it is the right one for the line's bytes.
fn checked_sum(line: &[u8]) -> Result<Digest, LineFault> {
    let no_sum = || LineFault::NoSum { bytes: line.len() };
    let cut = line.len().checked_sub(SUFFIX).ok_or_else(no_sum)?;
    let (body, suffix) = line.split_at(cut);
    let digits = suffix.strip_prefix(b",\"sum\":\"").and_then(|rest| rest.strip_suffix(b"\"}")).ok_or_else(no_sum)?;
    let stored: Digest = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or_else(no_sum)?;
    let computed = sum_of(body);
    if stored == computed { Ok(stored) } else { Err(LineFault::WrongSum { stored, computed }) }
}

fn sum_of(body: &[u8]) -> Digest {
    let mut digester = Digester::new();
    digester.update(DOMAIN);
    digester.update(body);
    digester.finish()
}

fn render(head: Head, at: Timestamp, event: &Event) -> Result<Vec<u8>, LineFault> {
    let mut line = Vec::with_capacity(512);
    let written = Written { v: VERSION, seq: head.seq.saturating_add(1), at, prev: head.sum, event };
    let mut serializer = serde_json::Serializer::with_formatter(&mut line, AsciiFormatter);
    written.serialize(&mut serializer).map_err(|error| LineFault::NotUnderstood { why: error.to_string() })?;
    line.pop(); // the closing brace comes after the sum
    let sum = sum_of(&line);
    line.extend_from_slice(format!(",\"sum\":\"{sum}\"}}").as_bytes());
    Ok(line)
}

/// Compact JSON in which every character outside of printable ASCII is `\uXXXX`.
struct AsciiFormatter;

impl Formatter for AsciiFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut plain = 0;
        for (at, c) in fragment.char_indices().filter(|(_, c)| !matches!(c, ' '..='~')) {
            writer.write_all(&fragment.as_bytes()[plain..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain = at + c.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[plain..])
    }

    fn write_char_escape<W: ?Sized + io::Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        CompactFormatter.write_char_escape(writer, escape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(text: &str) -> Event {
        Event::NoteAdded { person: "alice@example.com".parse().unwrap(), text: text.to_owned() }
    }

    fn line(text: &str) -> Vec<u8> {
        encode(Head::START, Timestamp::from_micros(1_764_000_000_123_456), note(text)).unwrap().0
    }

    #[test]
    fn a_line_is_written_as_the_design_says() {
        let text = String::from_utf8(line("caf\u{e9} \u{1f600}\u{7f}\n")).unwrap();
        assert_eq!(
            &text[..text.len() - 66],
            format!(
                "{{\"v\":1,\"seq\":1,\"at\":\"2025-11-24T16:00:00.123456Z\",\"prev\":\"{}\",\"event\":{{\"kind\":\"note_added\",\
                 \"person\":\"alice@example.com\",\"text\":\"caf\\u00e9 \\ud83d\\ude00\\u007f\\n\"}},\"sum\":\"",
                Digest::ZERO
            )
        );
    }

    #[test]
    fn what_is_written_comes_back() {
        for text in ["", "\"\\/\u{0}\u{1f}", "é\u{202e}\u{10ffff}"] {
            assert_eq!(decode(&line(text), Head::START).unwrap().event, note(text));
        }
    }

    #[test]
    fn a_line_with_a_right_sum_and_other_spelling_is_refused() {
        let text = String::from_utf8(line("x")).unwrap();
        for (from, to) in [(":\"x\"", ": \"x\""), ("{\"v\":1", "{\"v\":2"), ("\"x\"", "\"\\u0078\""), ("\"v\":1,", "\"v\":1,\"w\":1,")] {
            let changed = text.replacen(from, to, 1);
            let body = &changed.as_bytes()[..changed.len() - SUFFIX];
            let forged = format!("{},\"sum\":\"{}\"}}", std::str::from_utf8(body).unwrap(), sum_of(body));
            let fault = decode(forged.as_bytes(), Head::START).unwrap_err();
            assert!(matches!(fault, LineFault::NotCanonical | LineFault::NotUnderstood { .. }), "{fault}");
        }
    }

    #[test]
    fn nothing_is_understood_before_the_sum_is_right() {
        let mut changed = line("x");
        changed[3] = b'}';
        assert!(matches!(decode(&changed, Head::START), Err(LineFault::WrongSum { .. })));
    }
}
