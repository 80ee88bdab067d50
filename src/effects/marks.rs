//! Finds our own lines in a stream that a step writes to as well. Holds back no more than one line.

/// Splits a stream at lines that begin with a nonce.
pub(super) struct Marks {
    nonce: Vec<u8>,
    held: Vec<u8>,
}

/// A part of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// The step's.
    Bytes(&'a [u8]),
    /// Ours: the line without nonce and newline.
    Mark(&'a str),
}

/// No line of ours is longer.
const LONGEST: usize = 8 * 1024;

impl Marks {
    /// Looks for lines of this nonce.
    pub fn new(nonce: &str) -> Self {
        Self { nonce: nonce.as_bytes().to_vec(), held: Vec::new() }
    }

    /// Takes in more of the stream and tells what is certain.
    pub fn feed(&mut self, bytes: &[u8], mut found: impl FnMut(Found<'_>)) {
        self.held.extend_from_slice(bytes);
        let mut from = 0;
        loop {
            let rest = &self.held[from..];
            let Some(at) = position(rest, &self.nonce) else {
                // The beginning of a nonce may be at the end.
                let certain = rest.len().saturating_sub(self.nonce.len() - 1);
                tell(&rest[..certain], &mut found);
                from += certain;
                break;
            };
            let line = &rest[at + self.nonce.len()..];
            let Some(end) = line.iter().position(|&byte| byte == b'\n').or((line.len() > LONGEST).then_some(LONGEST)) else {
                tell(&rest[..at], &mut found);
                from += at;
                break;
            };
            tell(&rest[..at], &mut found);
            found(Found::Mark(std::str::from_utf8(&line[..end]).unwrap_or("unreadable").trim()));
            from += at + self.nonce.len() + end + 1;
        }
        self.held.drain(..from.min(self.held.len()));
    }

    /// The stream has ended: what was held back is the step's.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

fn tell(bytes: &[u8], found: &mut impl FnMut(Found<'_>)) {
    if !bytes.is_empty() {
        found(Found::Bytes(bytes));
    }
}

fn position(hay: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = hay[from..].iter().position(|&byte| byte == first).map(|at| at + from) {
        if hay[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_lines_are_found_wherever_the_stream_is_cut() {
        let stream = b"noise\nN0NCE begin 7\nstep N0NC\n\xff\0N0NCE end exited 0\nlate";
        for cut in 0..stream.len() {
            let (mut marks, mut bytes, mut lines) = (Marks::new("N0NCE"), Vec::new(), Vec::new());
            for part in [&stream[..cut], &stream[cut..]] {
                marks.feed(part, |found| match found {
                    Found::Bytes(part) => bytes.extend_from_slice(part),
                    Found::Mark(line) => lines.push(line.to_owned()),
                });
            }
            bytes.extend(marks.rest());
            assert_eq!(bytes, b"noise\nstep N0NC\n\xff\0late", "cut at {cut}");
            assert_eq!(lines, ["begin 7", "end exited 0"], "cut at {cut}");
        }
    }
}
