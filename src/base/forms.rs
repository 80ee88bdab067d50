//! The forms in which a secret may be printed: as it is, and as programs encode and quote it. Never decides what is a secret.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, PAD};

use super::printable::{ascii, escaped};

/// A line of a secret of several lines is a secret of its own from this length on: a shorter one, such as `}`, would hide half of what is printed.
const LINE: usize = 8;

/// How long the lines are into which `base64`, `openssl base64` and `xxd -p` break what they print.
const BASE64_LINES: [usize; 2] = [76, 64];
const HEX_LINE: usize = 60;

/// What the characters of a text become; `None` where they stay.
type Escape = fn(char) -> Option<String>;

/// Every form of a value that is at least `shortest` bytes long.
pub(super) fn forms(value: &[u8], shortest: usize) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::new();
    of_one(value, &mut forms);
    let lines: Vec<&[u8]> = value.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    if lines.len() > 1 {
        lines.into_iter().filter(|line| line.trim_ascii().len() >= LINE).for_each(|line| of_one(line.trim_ascii(), &mut forms));
    }
    forms.retain(|form| form.len() >= shortest);
    forms
}

fn of_one(value: &[u8], forms: &mut BTreeSet<Vec<u8>>) {
    forms.insert(value.to_vec());
    base64(value, forms);
    hexadecimal(value, forms);
    url(value, forms);
    shell(value, forms);
    forms.extend([escaped(value).into_bytes(), ascii(value).into_bytes()]);
    if let Ok(text) = std::str::from_utf8(value) {
        json(text, forms);
    }
}

/// Alone, and within a longer text at each of its three places: `user:password` in a header is one.
fn base64(value: &[u8], forms: &mut BTreeSet<Vec<u8>>) {
    for alphabet in [&STANDARD, &URL_SAFE] {
        let padded = GeneralPurpose::new(alphabet, PAD).encode(value).into_bytes();
        forms.extend(BASE64_LINES.iter().filter_map(|length| in_lines(&padded, *length)));
        forms.insert(padded);
        let bare = GeneralPurpose::new(alphabet, NO_PAD);
        forms.insert(bare.encode(value).into_bytes());
        for before in 0..3 {
            let text = bare.encode([&vec![0; before], value].concat()).into_bytes();
            // what is made of these bytes alone, without the bits of what stands before and behind
            let (from, to) = ((before * 8).div_ceil(6), (before + value.len()) * 8 / 6);
            let own = &text[from.min(to)..to];
            forms.insert(own.to_vec());
            if before == 0 {
                forms.extend(BASE64_LINES.iter().filter_map(|length| in_lines(own, *length)));
            }
        }
    }
}

fn hexadecimal(value: &[u8], forms: &mut BTreeSet<Vec<u8>>) {
    for digits in [b"0123456789abcdef", b"0123456789ABCDEF"] {
        let text: Vec<u8> = value.iter().flat_map(|byte| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]).collect();
        forms.extend(in_lines(&text, HEX_LINE));
        forms.insert(text);
    }
}

/// A text broken into lines; `None` where it fits into one.
fn in_lines(text: &[u8], length: usize) -> Option<Vec<u8>> {
    (text.len() > length).then(|| text.chunks(length).collect::<Vec<_>>().join(&b'\n'))
}

/// What stays as it is differs: in a component, in a path, in a form.
fn url(value: &[u8], forms: &mut BTreeSet<Vec<u8>>) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let encoded = |stays: &dyn Fn(u8) -> bool, upper: bool| -> Vec<u8> {
        let one = |&byte: &u8| match (stays(byte), upper) {
            (true, _) => vec![byte],
            (false, true) => format!("%{byte:02X}").into_bytes(),
            (false, false) => format!("%{byte:02x}").into_bytes(),
        };
        value.iter().flat_map(one).collect()
    };
    let spaces = |text: Vec<u8>| String::from_utf8_lossy(&text).replace("%20", "+").into_bytes();
    for upper in [true, false] {
        forms.insert(encoded(&|byte| plain(byte) || byte == b'~', upper)); // RFC 3986
        forms.insert(encoded(&|byte| plain(byte) || b"~/".contains(&byte), upper)); // Python's quote
        forms.insert(encoded(&|byte| plain(byte) || b"~!*'()".contains(&byte), upper)); // JavaScript's encodeURIComponent
        forms.insert(encoded(&|byte| plain(byte) || b"~!*'();/?:@&=+$,#".contains(&byte), upper)); // its encodeURI
        forms.insert(spaces(encoded(&|byte| plain(byte) || byte == b'*', upper))); // a form of HTML
        forms.insert(spaces(encoded(&|byte| plain(byte) || byte == b'~', upper))); // Python's quote_plus, Go's QueryEscape
    }
}

/// Within JSON's double quotes, as common writers escape it; a reader of Rust's or YAML's quoted strings finds the same.
fn json(text: &str, forms: &mut BTreeSet<Vec<u8>>) {
    let escapes: [Escape; 6] = [
        json_escape,
        |c| json_escape(c).or_else(|| (c == '/').then(|| "\\/".to_owned())),
        |c| json_escape(c).or_else(|| "<>&\u{2028}\u{2029}".contains(c).then(|| unicode(c))), // Go
        |c| json_escape(c).or_else(|| (!c.is_ascii() || c == '\u{7f}').then(|| unicode(c))),
        |c| json_escape(c).or_else(|| (!c.is_ascii() || "<>&'".contains(c)).then(|| unicode(c))), // Ruby, .NET, PHP's hex flags
        |c| Some(c.escape_debug().to_string()).filter(|_| c != '\''),                             // what `{:?}` makes of it in Rust
    ];
    for escape in escapes {
        let form = with_escapes(text, escape);
        forms.insert(upper_digits(&form).into_bytes());
        forms.insert(form.into_bytes());
    }
}

fn json_escape(c: char) -> Option<String> {
    match c {
        '"' => Some("\\\"".to_owned()),
        '\\' => Some("\\\\".to_owned()),
        '\u{8}' => Some("\\b".to_owned()),
        '\u{c}' => Some("\\f".to_owned()),
        '\n' => Some("\\n".to_owned()),
        '\r' => Some("\\r".to_owned()),
        '\t' => Some("\\t".to_owned()),
        '\0'..='\u{1f}' => Some(unicode(c)),
        _ => None,
    }
}

/// `\uXXXX`, and two of them for what does not fit into one.
fn unicode(c: char) -> String {
    c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// The digits of each `\uXXXX` in upper case.
fn upper_digits(text: &str) -> String {
    let mut pieces = text.split("\\u");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |all, piece| {
        let at = piece.char_indices().nth(4).map_or(piece.len(), |(at, _)| at);
        all + "\\u" + &piece[..at].to_ascii_uppercase() + &piece[at..]
    })
}

fn with_escapes(text: &str, escape: Escape) -> String {
    text.chars().map(|c| escape(c).unwrap_or_else(|| c.to_string())).collect()
}

/// Within a shell's quotes, without the outermost ones: those are not ours to hide.
fn shell(value: &[u8], forms: &mut BTreeSet<Vec<u8>>) {
    let replaced = |escape: &dyn Fn(u8) -> Option<Vec<u8>>| -> Vec<u8> {
        value.iter().flat_map(|&byte| escape(byte).unwrap_or_else(|| vec![byte])).collect()
    };
    forms.insert(replaced(&|byte| (byte == b'\'').then(|| b"'\\''".to_vec()))); // bash, busybox, our own quoting
    forms.insert(replaced(&|byte| (byte == b'\'').then(|| b"'\"'\"'".to_vec()))); // Python's shlex
    forms.insert(runs_of_quotes(value)); // dash
    forms.insert(replaced(&|byte| b"\"\\$`".contains(&byte).then(|| vec![b'\\', byte]))); // within double quotes
    forms.insert(replaced(&|byte| {
        let harmless = byte.is_ascii_alphanumeric() || b"_-./:@%+,=^~".contains(&byte) || byte >= 0x80;
        (!harmless).then(|| if byte == b'\n' { b"$'\\n'".to_vec() } else { vec![b'\\', byte] })
    })); // printf %q
    for high in [false, true] {
        forms.insert(replaced(&|byte| ansi_c(byte, high))); // $'…'
    }
}

/// `it'"'"'s`, and a run of quotes within one pair.
fn runs_of_quotes(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, &byte) in value.iter().enumerate() {
        let quote = |at: Option<usize>| at.and_then(|at| value.get(at)) == Some(&b'\'');
        match byte {
            b'\'' => {
                out.extend_from_slice(if quote(index.checked_sub(1)) { b"" } else { b"'\"" });
                out.push(b'\'');
                out.extend_from_slice(if quote(index.checked_add(1)) { b"" } else { b"\"'" });
            }
            other => out.push(other),
        }
    }
    out
}

fn ansi_c(byte: u8, high: bool) -> Option<Vec<u8>> {
    let text = match byte {
        b'\n' => "\\n",
        b'\r' => "\\r",
        b'\t' => "\\t",
        b'\\' => "\\\\",
        b'\'' => "\\'",
        0x1b => "\\E",
        0x07 => "\\a",
        0x08 => "\\b",
        0x0b => "\\v",
        0x0c => "\\f",
        control if control < 0x20 || control == 0x7f || (high && control >= 0x80) => return Some(format!("\\{control:03o}").into_bytes()),
        _ => return None,
    };
    Some(text.as_bytes().to_vec())
}
