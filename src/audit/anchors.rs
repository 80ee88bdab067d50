//! How far somebody else vouches for the journal's length. Never takes the journal's own word for it.

use crate::approval::{Kind, judge_request, judge_seal, namespace, verify};
use crate::event::{Event, Head};
use crate::library::Roster;

use super::evidence::{Evidence, Options, Paper};
use super::report::{Findings, Severity};

struct Anchor {
    head: Head,
    by: String,
}

pub(super) fn check(evidence: &Evidence<'_>, options: &Options<'_>) -> Findings {
    let mut findings = Findings::default();
    let mut anchors: Vec<Anchor> =
        options.seen.iter().map(|head| Anchor { head: *head, by: "what this machine saw before".to_owned() }).collect();
    anchors.extend(evidence.ledger.iter().map(|line| Anchor { head: line.head, by: "the ledger".to_owned() }));
    if let (true, Ok(roster)) = (evidence.is_signed(), evidence.roster(options)) {
        anchors.extend(signed(evidence, options, &roster));
        unsealed(evidence, &mut findings);
    }
    anchors.retain(|anchor| anchor.head.seq > 0);
    anchors.sort_by_key(|anchor| anchor.head.seq);
    for anchor in anchors.iter().filter(|anchor| !evidence.reading.holds(anchor.head)) {
        let Head { seq, sum } = anchor.head;
        let what =
            format!("{} names line {seq} with sum {sum}, and the journal does not hold it: lines were removed or rewritten", anchor.by);
        findings.problem(Severity::Tampered, Some(seq), what);
    }
    match anchors.last() {
        Some(anchor) => findings.fact(format!("anchored up to line {} by {}", anchor.head.seq, anchor.by)),
        None => {
            findings.short = true;
            findings.fact("nothing anchors this record: a cut at its end could not be seen".to_owned());
        }
    }
    findings
}

/// Documents whose signatures are good. Others say nothing: anybody can write a text.
fn signed(evidence: &Evidence<'_>, options: &Options<'_>, roster: &Roster) -> Vec<Anchor> {
    let mut anchors = Vec::new();
    for document in evidence.documents.values() {
        let (Some(paper), Some(signature)) = (Paper::read(document), &document.signature) else { continue };
        let (run, head) = paper.anchor();
        if Some(run) == evidence.run.as_ref()
            && let Some(by) = signer_of(&paper, &document.text, signature, evidence, options, roster)
        {
            anchors.push(Anchor { head, by });
        }
    }
    anchors
}

fn signer_of(
    paper: &Paper,
    text: &[u8],
    signature: &str,
    evidence: &Evidence<'_>,
    options: &Options<'_>,
    roster: &Roster,
) -> Option<String> {
    let domain = &evidence.opened()?.rules.domain;
    let other = options.other;
    let answer =
        |person, kind, at| verify(roster, person, &namespace(kind, domain), text, signature, at, other).ok().map(|_| person.to_string());
    match paper {
        Paper::Request(request) => {
            judge_request(request, signature, roster, domain, request.body.issued, other).ok().map(|counted| counted.person.to_string())
        }
        Paper::Approval(approval) => answer(&approval.approver, Kind::Approval, approval.body.issued),
        Paper::Denial(denial) => answer(&denial.person, Kind::Denial, denial.body.issued),
        Paper::Seal(seal) => judge_seal(seal, signature, roster, domain, seal.issued, other).ok().map(|counted| counted.person.to_string()),
    }
}

/// A seal over the journal's last line belongs to a `run_closed` that is no longer, or not yet, there.
fn unsealed(evidence: &Evidence<'_>, findings: &mut Findings) {
    let head = evidence.reading.head();
    let closed = evidence.reading.entries.last().is_some_and(|entry| matches!(entry.event, Event::RunClosed { .. }));
    let sealed =
        evidence.documents.values().filter_map(Paper::read).any(|paper| matches!(paper, Paper::Seal(_)) && paper.anchor().1 == head);
    if sealed && !closed {
        let what = "a seal was signed over the line before, and run_closed is missing: the end was cut off, or the runner died just then and the run \
                    must be resumed";
        findings.problem(Severity::Damaged, Some(head.seq + 1), what.to_owned());
    }
}
