//! The two answers to a request: approval and denial, each with the whole plan again. Never differs from its request in anything that is approved.

use crate::base::{Digest, Person, Timestamp};
use crate::event::Head;

use super::body::{Body, fingerprint};
use super::document::{Kind, Lines, ParseDocumentError, code_of, ended, quoted, sha256, unquoted};
use super::request::Request;

/// A person approves a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// SHA-256 of the request's text.
    pub request: Digest,
    pub approver: Person,
    /// `SHA256:…`
    pub approver_key: String,
    /// As the request's, with the approver's own journal head and time.
    pub body: Body,
}

/// A person denies a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// SHA-256 of the request's text.
    pub request: Digest,
    pub person: Person,
    /// `SHA256:…`
    pub person_key: String,
    /// As the request's, with the person's own journal head and time.
    pub body: Body,
    /// The sentence that says why.
    pub because: String,
}

impl Approval {
    /// The approval of a request by a person who saw the journal up to `journal`.
    pub fn for_request(request: &Request, approver: Person, approver_key: String, journal: Head, issued: Timestamp) -> Self {
        Self { request: request.digest(), approver, approver_key, body: answering(request, journal, issued) }
    }

    /// The document's text.
    pub fn render(&self) -> String {
        ended(format!(
            "{}\n{}request: sha256:{}\napprover: {}\napprover-key: {}\n{}",
            Kind::Approval.first_line(),
            self.body.render_subject(),
            self.request,
            self.approver,
            self.approver_key,
            self.body.render_rest()
        ))
    }

    /// Reads a text that [`Approval::render`] wrote.
    ///
    /// # Errors
    /// Any other text, with the first line that differs.
    pub fn parse(text: &str) -> Result<Self, ParseDocumentError> {
        let mut lines = Lines::of(Kind::Approval, text)?;
        let subject = Body::parse_subject(&mut lines)?;
        let request = lines.read("request", "sha256:…", sha256)?;
        let approver = lines.parsed("approver", "a person")?;
        let approver_key = lines.read("approver-key", "a fingerprint", fingerprint)?;
        let approval = Self { request, approver, approver_key, body: Body::parse_rest(subject, &mut lines)? };
        lines.must_equal(&approval.render())?;
        Ok(approval)
    }

    /// The six characters of its last line.
    pub fn check(&self) -> String {
        code_of(&self.render())
    }
}

impl Denial {
    /// The denial of a request by a person who saw the journal up to `journal`.
    pub fn for_request(request: &Request, person: Person, person_key: String, journal: Head, issued: Timestamp, because: &str) -> Self {
        Self { request: request.digest(), person, person_key, body: answering(request, journal, issued), because: because.to_owned() }
    }

    /// The document's text.
    pub fn render(&self) -> String {
        ended(format!(
            "{}\n{}request: sha256:{}\ndenied-by: {}\ndenied-by-key: {}\nbecause: {}\n{}",
            Kind::Denial.first_line(),
            self.body.render_subject(),
            self.request,
            self.person,
            self.person_key,
            quoted(Some(&self.because)),
            self.body.render_rest()
        ))
    }

    /// Reads a text that [`Denial::render`] wrote.
    ///
    /// # Errors
    /// Any other text, with the first line that differs.
    pub fn parse(text: &str) -> Result<Self, ParseDocumentError> {
        let mut lines = Lines::of(Kind::Denial, text)?;
        let subject = Body::parse_subject(&mut lines)?;
        let request = lines.read("request", "sha256:…", sha256)?;
        let person = lines.parsed("denied-by", "a person")?;
        let person_key = lines.read("denied-by-key", "a fingerprint", fingerprint)?;
        let because = lines.read("because", "a sentence between quotation marks", |text| unquoted(text)?)?;
        let denial = Self { request, person, person_key, because, body: Body::parse_rest(subject, &mut lines)? };
        lines.must_equal(&denial.render())?;
        Ok(denial)
    }
}

fn answering(request: &Request, journal: Head, issued: Timestamp) -> Body {
    Body { journal, issued: issued.whole_seconds(), ..request.body.clone() }
}
