//! The difference that writing a file makes, line by line, as people approve it. Never shortens one: what is too long is told by its digest.

use similar::TextDiff;

use crate::base::{Bytes, Digest};

/// Lines on either side beyond which no comparison is tried: it takes as many steps as the product of both, and nobody reads it.
const MAX_LINES: usize = 3_000;
/// Lines around a change that are shown with it.
const CONTEXT: usize = 3;

/// A file as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plan) struct Seen {
    pub digest: Digest,
    pub size: u64,
    /// Four octal digits.
    pub mode: String,
    /// `uid:gid`.
    pub owner: String,
    /// What it holds, where it is not too large to be read.
    pub content: Option<Bytes>,
}

/// A file as it is to be.
#[derive(Debug)]
pub(in crate::plan) struct Wanted<'a> {
    pub to: &'a str,
    pub content: &'a [u8],
    pub mode: &'a str,
    /// `None`: that of whoever writes it.
    pub owner: Option<&'a str>,
}

/// What will be different, one element a line.
pub(in crate::plan) fn difference(seen: Option<&Seen>, wanted: &Wanted<'_>) -> Vec<String> {
    let Wanted { to, content, mode, owner } = wanted;
    let owner = owner.map_or(String::new(), |owner| format!(", owner {owner}"));
    let becomes = format!("{} bytes, mode {mode}{owner}", content.len());
    let Some(seen) = seen else {
        let mut lines = vec![format!("{to} is not there yet; new: {becomes}")];
        lines.extend(changed_lines(&Bytes::default(), content).unwrap_or_else(|| vec![format!("sha256 {}", Digest::of(content))]));
        return lines;
    };
    let was = format!("{} bytes, mode {}, owner {}", seen.size, seen.mode, seen.owner);
    if seen.digest == Digest::of(content) {
        return vec![format!("{to} holds this already: {was}; will be: {becomes}")];
    }
    let mut lines = vec![format!("{to} changes: {was}; will be: {becomes}")];
    let compared = seen.content.as_ref().and_then(|old| changed_lines(old, content));
    lines.extend(compared.unwrap_or_else(|| vec![format!("sha256 {} becomes {}", seen.digest, Digest::of(content))]));
    lines
}

/// A unified difference; `None` where one of them is no text, or too long to compare.
fn changed_lines(old: &Bytes, new: &[u8]) -> Option<Vec<String>> {
    let (old, new) = (text(old.as_slice())?, text(new)?);
    let unified = TextDiff::from_lines(old, new).unified_diff().context_radius(CONTEXT).to_string();
    Some(unified.strip_suffix('\n').unwrap_or(&unified).split('\n').filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

fn text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let fits = bytes.len() <= super::looks::LOOK_LIMIT && text.matches('\n').count() <= MAX_LINES && !text.contains('\0');
    fits.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(content: &[u8]) -> Seen {
        let (mode, owner) = ("0644".to_owned(), "0:0".to_owned());
        Seen { digest: Digest::of(content), size: content.len() as u64, mode, owner, content: Some(Bytes::from(content.to_vec())) }
    }

    fn shown(old: Option<&[u8]>, new: &[u8]) -> Vec<String> {
        let seen = old.map(seen);
        difference(seen.as_ref(), &Wanted { to: "/etc/x", content: new, mode: "0600", owner: Some("app") })
    }

    #[test]
    fn a_change_is_shown_line_by_line() {
        assert_eq!(
            shown(Some(b"a\nb\nc\n"), b"a\nB\nc\nd"),
            [
                "/etc/x changes: 6 bytes, mode 0644, owner 0:0; will be: 7 bytes, mode 0600, owner app",
                "@@ -1,3 +1,4 @@",
                " a",
                "-b",
                "+B",
                " c",
                "+d",
                "\\ No newline at end of file"
            ]
        );
        assert_eq!(shown(None, b"a\n"), ["/etc/x is not there yet; new: 2 bytes, mode 0600, owner app", "@@ -0,0 +1 @@", "+a"]);
        assert!(shown(Some(b"a\n"), b"a\n")[0].starts_with("/etc/x holds this already: 2 bytes, mode 0644"));
    }

    #[test]
    fn what_is_no_text_or_too_long_is_told_by_its_digest() {
        let digest = |bytes: &[u8]| Digest::of(bytes).to_string();
        assert_eq!(shown(Some(b"a\n"), b"\xff\n")[1], format!("sha256 {} becomes {}", digest(b"a\n"), digest(b"\xff\n")));
        let long = "x\n".repeat(MAX_LINES + 1);
        assert_eq!(shown(None, long.as_bytes())[1], format!("sha256 {}", digest(long.as_bytes())));
    }
}
