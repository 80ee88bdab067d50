//! From bytes to a text that shows itself: no other encoding than UTF-8, no character that cannot be seen. Never mends anything.

use super::{Diagnostics, Source, Span};
use crate::base::{is_plain, printable};

/// A runbook is read by people; one mebibyte is a thousand steps with a page each.
pub const MAX_FILE_BYTES: usize = 1 << 20;

/// After this many hidden characters the file is something else than a runbook, and more messages help nobody.
const MAX_HIDDEN: usize = 20;

/// A source from raw bytes; an error where they are too many, no UTF-8, or begin with a byte order mark.
pub fn decode(name: &str, bytes: &[u8]) -> Result<Source, Diagnostics> {
    let refused = |code, text: &str, span, message: String, help: &str| {
        let mut diagnostics = Diagnostics::new();
        diagnostics.error(code, &Source::new(name, text), span, message).help(help);
        diagnostics
    };
    if bytes.len() > MAX_FILE_BYTES {
        let message = format!("the file has {} bytes, expected at most {MAX_FILE_BYTES} (1 MiB)", bytes.len());
        return Err(refused("RB002", "", Span::default(), message, "split it into several runbooks"));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text.starts_with('\u{feff}') => {
            let help = "save the file as UTF-8 without a byte order mark (BOM)";
            Err(refused("RB003", text, Span { start: 0, end: 3 }, "the file begins with an invisible byte order mark".into(), help))
        }
        Ok(text) => Ok(Source::new(name, text)),
        Err(error) => {
            let good = error.valid_up_to();
            let shown = printable(bytes);
            let start = printable(&bytes[..good]).len();
            let message = format!("the file is not UTF-8: byte {} is 0x{:02X}", good + 1, bytes[good]);
            let is_wide = bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]);
            let help = if is_wide { "this is UTF-16, as Windows calls Unicode: save the file as UTF-8" } else { "save the file as UTF-8" };
            Err(refused("RB001", &shown, Span { start, end: start + 6 }, message, help))
        }
    }
}

/// Refuses characters that do not show themselves and says whether there were any. Newlines pass, alone or after a carriage return, and so do tabs.
pub(crate) fn refuse_hidden(source: &Source, diagnostics: &mut Diagnostics) -> bool {
    let text = source.text();
    let mut returns = 0;
    let hidden = text.char_indices().filter(|&(at, c)| {
        let line_end = c == '\n' || (c == '\r' && text[at..].starts_with("\r\n"));
        returns += usize::from(c == '\r' && !line_end);
        !(is_plain(c) || c == '\t' || line_end || (c == '\r' && returns > 1)) // who ends lines so ends all so: it is told once
    });
    let mut found = false;
    for (at, c) in hidden.take(MAX_HIDDEN) {
        found = true;
        let span = Span { start: at, end: at + c.len_utf8() };
        let message = format!("a character that cannot be seen: U+{:04X}", c as u32);
        diagnostics.error("RB003", source, span, message).label("here").help(remedy_for_hidden(c));
    }
    found
}

fn remedy_for_hidden(c: char) -> &'static str {
    match c {
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            "replace it by an ordinary space; it often comes from a web page"
        }
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "remove it: it can make a line read differently from what runs"
        }
        '\r' => "end lines with a newline, or with carriage return and newline",
        _ => "remove it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Colour;

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_place() {
        let problem = decode("a.yaml", b"a: \xff\n").unwrap_err();
        assert!(problem.render(Colour::Plain).contains("byte 4 is 0xFF"), "{}", problem.render(Colour::Plain));
        assert!(decode("a.yaml", &vec![b'a'; MAX_FILE_BYTES + 1]).is_err());
        assert!(decode("a.yaml", "\u{feff}a: 1".as_bytes()).is_err());
    }
}
