//! The request: what a gate asks other people to approve, signed by who runs it. Never holds an answer.

use crate::base::{Digest, GateNo, Person, Timestamp};
use crate::event::{Head, Instead, RunOpened, Stage};

use super::body::{Body, Covers, plan_of};
use super::document::{Kind, Lines, ParseDocumentError, code_of, ended};

/// A request for approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub body: Body,
}

/// What is known when a gate opens.
#[derive(Debug, Clone)]
pub struct Opening<'a> {
    pub opened: &'a RunOpened,
    pub gate: GateNo,
    /// The name of the step or block that the gate stands on.
    pub name: &'a str,
    pub round: u32,
    pub journal: Head,
    /// 32 characters by chance.
    pub nonce: &'a str,
    pub issued: Timestamp,
    pub expires: Timestamp,
    pub slots: Vec<Vec<Person>>,
    pub instead: Option<Instead>,
    pub ask: Option<&'a str>,
    /// The covered stages in their order.
    pub stages: &'a [&'a Stage],
}

impl Request {
    /// The request of a gate; `None` where the run has no key to sign it with.
    pub fn open(opening: Opening<'_>) -> Option<Self> {
        let opened = opening.opened;
        let body = Body {
            run: opened.run.clone(),
            gate: opening.gate,
            name: opening.name.to_owned(),
            round: (opening.round > 1).then_some(opening.round),
            requester: opened.requester.clone(),
            requester_key: opened.requester_key.clone()?,
            runbook: opened.runbook.clone(),
            runbook_digest: opened.inputs.runbook,
            revision: opened.revision.clone(),
            hosts_from: opened.hosts_from.clone(),
            inventory: opened.inputs.inventory,
            policy: opened.inputs.policy,
            signers: opened.inputs.signers,
            journal: opening.journal,
            nonce: opening.nonce.to_owned(),
            issued: opening.issued.whole_seconds(),
            expires: opening.expires.whole_seconds(),
            slots: opening.slots,
            instead: opening.instead.map(|instead| Instead { from: instead.from.whole_seconds(), ..instead }),
            ask: opening.ask.map(str::to_owned),
            covers: Covers::of(opening.stages),
            plan: plan_of(opening.stages),
        };
        Some(Self { body })
    }

    /// The document's text.
    pub fn render(&self) -> String {
        ended(format!("{}\n{}{}", Kind::Request.first_line(), self.body.render_subject(), self.body.render_rest()))
    }

    /// Reads a text that [`Request::render`] wrote.
    ///
    /// # Errors
    /// Any other text, with the first line that differs.
    pub fn parse(text: &str) -> Result<Self, ParseDocumentError> {
        let mut lines = Lines::of(Kind::Request, text)?;
        let subject = Body::parse_subject(&mut lines)?;
        let request = Self { body: Body::parse_rest(subject, &mut lines)? };
        lines.must_equal(&request.render())?;
        Ok(request)
    }

    /// SHA-256 of the text.
    pub fn digest(&self) -> Digest {
        Digest::of(self.render().as_bytes())
    }

    /// The six characters that an approver types.
    pub fn check(&self) -> String {
        code_of(&self.render())
    }
}
