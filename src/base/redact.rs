//! The one redactor: every secret, in every form of `forms`, becomes `[secret:NAME]` before it is stored, shown or sent. Never holds more of a
//! stream than the longest form.

use std::fmt;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use zeroize::Zeroizing;

use super::forms::forms;

/// Shorter secrets are refused: hiding every `1` would hide what happened, and finding three letters by trying is no work.
pub(super) const SHORTEST: usize = 4;

/// Longer ones are refused: a key or a token has a few thousand bytes, and each has some fifty forms.
const LONGEST: usize = 16 << 10;

/// A value that cannot be kept out of what is printed; the sentence follows the secret's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedactorError {
    #[error("is empty")]
    Empty,
    #[error(
        "has {0} bytes; expected at least {SHORTEST}, since it could not be told from what a host prints anyway. Give it a longer value"
    )]
    TooShort(usize),
    #[error("has {0} bytes; expected at most {LONGEST}. Let the step read a file of this size on its host")]
    TooLong(usize),
    #[error("holds a NUL byte, which no environment variable can. Keep it encoded, and decode it in the step")]
    Nul,
    #[error("reads like the mark {0} that stands for it. Give it another value")]
    LikeItsMark(String),
    #[error("cannot be looked for: {0}")]
    Unsearchable(String),
}

/// What stands for a secret wherever it was found, or would be.
pub fn mark(name: &str) -> String {
    format!("[secret:{name}]")
}

/// Finds secrets. Without any it lets everything pass.
#[derive(Clone, Default)]
pub struct Redactor {
    search: Option<AhoCorasick>,
    /// By form.
    marks: Vec<String>,
    longest: usize,
}

impl Redactor {
    /// Whether a value can be kept out of what is printed.
    ///
    /// # Errors
    /// See [`RedactorError`].
    pub fn can_hide(name: &str, value: &[u8]) -> Result<(), RedactorError> {
        let mark = mark(name);
        match value.len() {
            0 => Err(RedactorError::Empty),
            _ if value.contains(&0) => Err(RedactorError::Nul),
            short if short < SHORTEST => Err(RedactorError::TooShort(short)),
            long if long > LONGEST => Err(RedactorError::TooLong(long)),
            length if mark.as_bytes().windows(length).any(|part| part == value) => Err(RedactorError::LikeItsMark(mark)),
            _ => Ok(()),
        }
    }

    /// Looks for these values, each under its name. Where two have a form in common, the first one's name is shown.
    ///
    /// # Errors
    /// See [`RedactorError`].
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, RedactorError> {
        let (mut patterns, mut marks) = (Vec::new(), Vec::new());
        for (name, value) in secrets {
            Self::can_hide(name, value)?;
            let forms = forms(value, SHORTEST);
            marks.extend(std::iter::repeat_n(mark(name), forms.len()));
            patterns.extend(forms.into_iter().map(Zeroizing::new));
        }
        let longest = patterns.iter().map(|form| form.len()).max().unwrap_or(0);
        let built = (!patterns.is_empty()).then(|| {
            let mut builder = AhoCorasick::builder();
            builder.match_kind(MatchKind::LeftmostLongest).kind(Some(AhoCorasickKind::ContiguousNFA));
            builder.build(patterns.iter().map(|form| form.as_slice()))
        });
        let search = built.transpose().map_err(|error| RedactorError::Unsearchable(error.to_string()))?;
        Ok(Self { search, marks, longest })
    }

    /// Whether it knows no secret.
    pub fn is_idle(&self) -> bool {
        self.search.is_none()
    }

    /// Bytes that are complete.
    pub fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        self.pass(bytes, 0, &mut |part| out.extend_from_slice(part));
        out
    }

    /// A sentence that is complete.
    pub fn text(&self, text: &str) -> String {
        if self.search.is_none() {
            return text.to_owned();
        }
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }

    /// Gives on what is certain of these bytes, where `open` says how many at their end may be the beginning of more; how many were given on.
    fn pass(&self, bytes: &[u8], open: usize, give: &mut dyn FnMut(&[u8])) -> usize {
        let certain = bytes.len().saturating_sub(open); // a form that begins before this is whole
        let mut from = 0;
        for found in self.search.iter().flat_map(|search| search.find_iter(bytes)) {
            if found.start() >= certain {
                break;
            }
            give(&bytes[from..found.start()]);
            give(self.marks[found.pattern().as_usize()].as_bytes());
            from = found.end();
        }
        if from < certain {
            give(&bytes[from..certain]);
        }
        from.max(certain)
    }
}

/// What is looked for is never told.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} forms)", self.marks.len())
    }
}

/// One stream on its way through a redactor. However it is cut into parts, the same bytes come out.
pub struct Redacting {
    redactor: Arc<Redactor>,
    held: Zeroizing<Vec<u8>>,
}

impl Redacting {
    /// A stream that begins.
    pub fn new(redactor: Arc<Redactor>) -> Self {
        Self { redactor, held: Zeroizing::default() }
    }

    /// More of it; gives on what is certain.
    pub fn feed(&mut self, bytes: &[u8], mut give: impl FnMut(&[u8])) {
        if self.redactor.search.is_none() {
            return give(bytes);
        }
        self.held.extend_from_slice(bytes);
        let gone = self.redactor.pass(&self.held, self.redactor.longest - 1, &mut give);
        self.held.drain(..gone);
    }

    /// The stream has ended: gives on the rest.
    pub fn end(&mut self, mut give: impl FnMut(&[u8])) {
        let held = std::mem::take(&mut self.held);
        self.redactor.pass(&held, 0, &mut give);
    }
}

#[cfg(test)]
mod tests;
