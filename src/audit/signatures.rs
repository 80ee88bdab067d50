//! Whether each document that the journal names is signed by whom it names, and says what the journal says of it. Never judges whether it sufficed.

use crate::approval::{Approval, Denial, Kind, Refusal, Request, Seal, judge_request, judge_seal, namespace, verify};
use crate::base::{Digest, Person};
use crate::event::{Entry, Event, GateAsks, RunOpened, Verdict};
use crate::library::Roster;

use super::evidence::{Evidence, Options};
use super::report::{Findings, Severity, Wrong};

struct Bench<'a> {
    evidence: &'a Evidence<'a>,
    opened: &'a RunOpened,
    roster: Roster,
    options: &'a Options<'a>,
}

pub(super) fn check(evidence: &Evidence<'_>, options: &Options<'_>) -> Findings {
    let mut findings = Findings::default();
    let Some(opened) = evidence.opened() else {
        findings.problem(Severity::Tampered, Some(1), "the first line opens no run".to_owned());
        return findings;
    };
    if !evidence.is_signed() {
        findings.fact("a drill: nothing real was touched, and nobody signed".to_owned());
        return findings;
    }
    let roster = match evidence.roster(options) {
        Ok(roster) => roster,
        Err(why) => {
            findings.problem(Severity::Damaged, Some(1), format!("allowed_signers cannot be used: {why}"));
            return findings;
        }
    };
    findings.fact(match options.own_signers {
        Some(_) => "judged by your own allowed_signers".to_owned(),
        None => "judged by the record's own copy of allowed_signers; give yours to rest on nothing of the record".to_owned(),
    });
    let bench = Bench { evidence, opened, roster, options };
    let mut signed = 0u32;
    for entry in &evidence.reading.entries {
        match bench.entry(entry) {
            Ok(checked) => signed += u32::from(checked),
            Err(Wrong { severity, what }) => findings.problem(severity, Some(entry.seq), what),
        }
    }
    findings.fact(format!("{signed} signatures"));
    findings
}

impl Bench<'_> {
    /// Whether the line names a document, which then is good.
    fn entry(&self, entry: &Entry) -> Result<bool, Wrong> {
        match &entry.event {
            Event::GateOpened { gate, asks } => self.request(entry, *gate, asks),
            Event::ApprovalGiven { person, key, document, .. } => self.answer(entry, Kind::Approval, person, key, document),
            Event::ApprovalDenied { key, .. } if self.evidence.is_played(key) => Ok(false),
            Event::ApprovalDenied { person, key, document, .. } => self.answer(entry, Kind::Denial, person, key, document),
            Event::RunClosed { verdict, seal: Some(seal) } => self.seal(entry, *verdict, seal),
            Event::RunOpened(_) | Event::HostReached { .. } | Event::HostUnreachable { .. } | Event::StagePrepared { .. } => Ok(false),
            Event::StepSkipped { .. } | Event::StepRefused { .. } | Event::ApprovalRefused { .. } | Event::GateExpired { .. } => Ok(false),
            Event::ActionStarted { .. } | Event::ActionReattached { .. } | Event::ActionEnded { .. } | Event::WaitBegan { .. } => Ok(false),
            Event::PersonAnswered { .. } | Event::NoteAdded { .. } | Event::RunInterrupted { .. } | Event::RunResumed { .. } => Ok(false),
            Event::RunClosed { seal: None, .. } | Event::EvidenceKept { .. } => Ok(false),
            Event::TurnsPlanned { .. } | Event::TurnsReordered { .. } | Event::LookRepeated { .. } | Event::CallBegan { .. } => Ok(false),
            Event::RollbackBegan { .. } | Event::RunConcluded { .. } | Event::ReleaseBegan { .. } | Event::ReleasedByHand { .. } => {
                Ok(false)
            }
        }
    }

    fn document(&self, digest: &Digest) -> Result<(&str, &str), Wrong> {
        self.evidence
            .signed_document(digest)
            .ok_or_else(|| Wrong::missing(format!("the signed document with sha256 {digest} is not in approvals/")))
    }

    fn request(&self, entry: &Entry, gate: crate::base::GateNo, asks: &GateAsks) -> Result<bool, Wrong> {
        let (text, signature) = self.document(&asks.request)?;
        let request = Request::parse(text).map_err(|error| format!("the request: {error}"))?;
        let body = &request.body;
        let same = body.gate == gate
            && (&body.nonce, body.journal, &body.slots, &body.instead) == (&asks.nonce, asks.journal, &asks.slots, &asks.instead)
            && (body.issued, body.expires) == (asks.issued.whole_seconds(), asks.expires.whole_seconds())
            && request.check() == asks.check
            && (&body.run, &body.runbook, &body.revision) == (&self.opened.run, &self.opened.runbook, &self.opened.revision)
            && body.hosts_from == self.opened.hosts_from
            && body.runbook_digest == self.opened.inputs.runbook
            && (body.inventory, body.policy, body.signers)
                == (self.opened.inputs.inventory, self.opened.inputs.policy, self.opened.inputs.signers);
        if !same {
            return Err("the request says something else than the journal".to_owned().into());
        }
        let judged = judge_request(&request, signature, &self.roster, &self.opened.rules.domain, entry.at, self.options.other);
        judged.map(|_| true).map_err(|refusal| format!("the request does not count: {refusal}").into())
    }

    fn answer(&self, entry: &Entry, kind: Kind, person: &Person, key: &str, digest: &Digest) -> Result<bool, Wrong> {
        let (text, signature) = self.document(digest)?;
        let (named, named_key) = match kind {
            Kind::Denial => Denial::parse(text).map(|denial| (denial.person, denial.person_key)),
            Kind::Approval | Kind::Request | Kind::Seal => Approval::parse(text).map(|approval| (approval.approver, approval.approver_key)),
        }
        .map_err(|error| format!("the document of {person}: {error}"))?;
        if named != *person || named_key != key {
            return Err(format!("the journal says {person} with {key}, the document {named} with {named_key}").into());
        }
        let namespace = namespace(kind, &self.opened.rules.domain);
        match verify(&self.roster, person, &namespace, text.as_bytes(), signature, entry.at, self.options.other) {
            Ok(signed) if signed == key => Ok(true),
            Ok(signed) => Err(format!("{person} signed with {signed}, the document names {key}").into()),
            Err(error) => Err(format!("the signature of {person} does not count: {error}").into()),
        }
    }

    fn seal(&self, entry: &Entry, verdict: Verdict, digest: &Digest) -> Result<bool, Wrong> {
        let (text, signature) = self.document(digest)?;
        let seal = Seal::parse(text).map_err(|error| format!("the seal: {error}"))?;
        if seal.run != self.opened.run
            || seal.verdict != verdict
            || seal.journal.seq.checked_add(1) != Some(entry.seq)
            || seal.journal.sum != entry.prev
        {
            return Err("the seal says something else than the journal".to_owned().into());
        }
        let judged: Result<_, Refusal> =
            judge_seal(&seal, signature, &self.roster, &self.opened.rules.domain, entry.at, self.options.other);
        judged.map(|_| true).map_err(|refusal| format!("the seal does not count: {refusal}").into())
    }
}
