//! The one sanitizer: turns hostile bytes into text that a terminal, a log or a reader can be shown.
//! It never drops anything silently, and what it escapes can be told from what was there.

/// Text safe to show to a person: newlines and tabs pass, every other control, bidi or invisible character is shown as `<U+202E>`,
/// every byte that is no UTF-8 as `<0xFF>`.
pub fn printable(bytes: &[u8]) -> String {
    render(bytes, |c| c == '\n' || c == '\t' || is_plain(c))
}

/// One line of text, injectively: as [`printable`], but newlines and tabs are escaped, too, and so is a `<` that
/// could be read as the start of an escape. Two different byte strings never look the same.
pub fn escaped(bytes: &[u8]) -> String {
    injective(bytes, is_plain)
}

/// One line of ASCII, injectively: as [`escaped`], but every character outside of ASCII is escaped as well. What documents are made of.
pub fn ascii(bytes: &[u8]) -> String {
    injective(bytes, |c| matches!(c, ' '..='~'))
}

/// The bytes that [`ascii`] was given; `None` where it never gives such a line.
pub fn from_ascii(line: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("<U+").into_iter().chain(rest.find("<0x")).min() {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let end = rest[at..].find('>')? + at;
        let digits = &rest[at + 3..end];
        if rest[at..].starts_with("<U+") {
            let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        }
        rest = &rest[end + 1..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    (ascii(&bytes) == line).then_some(bytes)
}

/// Whether a character shows itself and nothing else: no control, no bidi, no invisible character, no private use.
pub fn is_plain(c: char) -> bool {
    !matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
        | '\u{1680}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2000}'..='\u{200f}'
        | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' | '\u{2800}' | '\u{3000}' | '\u{3164}'
        | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffc}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}')
        && (c as u32) & 0xfffe != 0xfffe
}

fn injective(bytes: &[u8], passes: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        if rest.starts_with(b"<U+") || rest.starts_with(b"<0x") {
            out.push_str("<U+003C>");
            rest = &rest[1..];
            continue;
        }
        let next = rest[1..].iter().position(|&byte| byte == b'<').map_or(rest.len(), |at| at + 1);
        out.push_str(&render(&rest[..next], &passes));
        rest = &rest[next..];
    }
    out
}

fn render(bytes: &[u8], passes: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if passes(c) {
                out.push(c);
            } else {
                out.push_str(&format!("<U+{:04X}>", c as u32));
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("<0x{byte:02X}>"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_bidi_marks_are_shown_not_sent() {
        assert_eq!(printable(b"a\x1b]52;c;x\x07\nb"), "a<U+001B>]52;c;x<U+0007>\nb");
        assert_eq!(printable("x\u{202e}y".as_bytes()), "x<U+202E>y");
        assert_eq!(printable(b"\xff\x9b"), "<0xFF><0x9B>");
    }

    #[test]
    fn what_looks_like_an_escape_is_told_from_one() {
        assert_eq!(escaped(b"<U+001B>"), "<U+003C>U+001B>");
        assert_eq!(escaped(b"\x1b"), "<U+001B>");
        assert_eq!(escaped(b"<0xFF>"), "<U+003C>0xFF>");
        assert_eq!(escaped(b"a<b <<E"), "a<b <<E");
    }

    #[test]
    fn every_byte_string_comes_back_from_its_ascii_form() {
        let all: Vec<u8> = (0..=255).collect();
        for bytes in [&all[..], "é<U+00E9>\u{202e}".as_bytes(), b"<0x<0xFF>\xff", b""] {
            let line = ascii(bytes);
            assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            assert_eq!(from_ascii(&line).as_deref(), Some(bytes), "{line}");
        }
        assert_eq!(from_ascii("<U+0041>"), None);
    }
}
