//! The seal: the person who ran it signs the whole journal when the run closes. Never says more than how it ended and where.

use crate::base::{Digest, Person, RunId, Timestamp};
use crate::event::{Head, Verdict};

use super::body::{fingerprint, journal};
use super::document::{Kind, Lines, ParseDocumentError, ended, seconds};

/// A seal over a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    pub run: RunId,
    pub verdict: Verdict,
    /// The last point before `run_closed`.
    pub journal: Head,
    pub person: Person,
    /// `SHA256:…`
    pub person_key: String,
    /// Whole seconds.
    pub issued: Timestamp,
}

impl Seal {
    /// The document's text.
    pub fn render(&self) -> String {
        ended(format!(
            "{}\nrun: {}\nverdict: {}\njournal: {} {}\nperson: {}\nperson-key: {}\nissued: {}\n",
            Kind::Seal.first_line(),
            self.run,
            self.verdict.as_str(),
            self.journal.seq,
            self.journal.sum,
            self.person,
            self.person_key,
            self.issued.to_seconds()
        ))
    }

    /// Reads a text that [`Seal::render`] wrote.
    ///
    /// # Errors
    /// Any other text, with the first line that differs.
    pub fn parse(text: &str) -> Result<Self, ParseDocumentError> {
        let mut lines = Lines::of(Kind::Seal, text)?;
        let seal = Self {
            run: lines.parsed("run", "a run id")?,
            verdict: lines.read("verdict", "a verdict", verdict)?,
            journal: journal(&mut lines)?,
            person: lines.parsed("person", "a person")?,
            person_key: lines.read("person-key", "a fingerprint", fingerprint)?,
            issued: lines.read("issued", "a time in UTC", seconds)?,
        };
        lines.must_equal(&seal.render())?;
        Ok(seal)
    }

    /// SHA-256 of the text: what `run_closed` names.
    pub fn digest(&self) -> Digest {
        Digest::of(self.render().as_bytes())
    }
}

fn verdict(text: &str) -> Option<Verdict> {
    Verdict::ALL.into_iter().find(|verdict| verdict.as_str() == text)
}
