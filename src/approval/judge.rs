//! Who counts: each offered document is judged against our own request. Never counts a document that it would not have written itself.

use std::collections::BTreeSet;

use crate::base::{Digest, GateNo, Period, Person, RunId, Timestamp, filled_slots, with_substitutes};
use crate::event::Head;
use crate::library::Roster;

use super::answer::{Approval, Denial};
use super::body::Body;
use super::document::{Kind, ParseDocumentError, namespace};
use super::request::Request;
use super::seal::Seal;
use super::sshsig::{OtherKeys, SignatureError, verify};

/// How far another machine's clock may be ahead of ours: two minutes, more than NTP needs and less than any gate lasts.
const CLOCK_SKEW: Period = Period::from_secs(120);

/// All that a judgement rests on.
pub struct Bench<'a> {
    /// Our own request, not one that came with the document.
    pub request: &'a Request,
    pub roster: &'a Roster,
    /// Ends the namespaces.
    pub domain: &'a str,
    /// When it is judged.
    pub now: Timestamp,
    /// Whether a point lies on our journal.
    pub holds: &'a dyn Fn(Head) -> bool,
    /// Who counts already for this request.
    pub counted: &'a [Counted],
    pub other: &'a dyn OtherKeys,
}

/// A person who counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    pub person: Person,
    /// `SHA256:…`
    pub key: String,
    /// SHA-256 of the document.
    pub document: Digest,
    /// In whose place, where it counts as a substitute's.
    pub instead_of: Option<String>,
}

/// A document that does not count, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it is not a document of this program: {0}")]
    NotADocument(#[from] ParseDocumentError),
    #[error("it is for run {got}, not for {expected}")]
    OtherRun { expected: RunId, got: RunId },
    #[error("it is for gate {got}, not for gate {expected}")]
    OtherGate { expected: GateNo, got: GateNo },
    #[error("it answers another request for this gate (nonce {got}); a new one was made since: show and sign that")]
    OtherRequest { got: String },
    #[error("it is not what was asked: {0}")]
    Edited(ParseDocumentError),
    #[error("{person} runs this and cannot approve it as well: another person must")]
    Requester { person: Person },
    #[error("the key {key} is the requester's own: another person must sign")]
    RequesterKey { key: String },
    #[error("{person} is not in allowed_signers")]
    UnknownSigner { person: Person },
    #[error("the signature of {person} does not count: {source}")]
    Signature { person: Person, source: SignatureError },
    #[error("it is signed with the key {got} and names {named}")]
    OtherKey { named: String, got: String },
    #[error("{person} is not among those that this gate needs")]
    NotInSlot { person: Person },
    #[error("{person} would fill a place that others fill already; the gate still needs somebody else")]
    NoOpenSlot { person: Person },
    #[error(
        "{person} may sign in the place of {of} from {from} on, by both clocks, and this was signed or came before: it must be given anew then"
    )]
    TooEarly { person: Person, of: String, from: String },
    #[error("{person} has approved this already, and a person counts once")]
    Twice { person: Person },
    #[error("the request ended at {expired}: open the gate again")]
    Expired { expired: String },
    #[error("it says that it was written at {issued}, before the request or in the future: is the clock of {person} right?")]
    NotThen { person: Person, issued: String },
    #[error("it was written against line {seq} with sum {sum}, which our journal does not hold: {person} saw another record")]
    OtherJournal { person: Person, seq: u64, sum: Digest },
}

/// Who signs, with which key, seeing and when.
struct Signed<'a> {
    person: &'a Person,
    key: &'a str,
    body: &'a Body,
    request: Digest,
}

/// Whether an offered approval counts.
///
/// # Errors
/// See [`Refusal`].
pub fn judge_approval(bench: &Bench<'_>, text: &str, signature: &str) -> Result<Counted, Refusal> {
    let offered = Approval::parse(text)?;
    let signed = Signed { person: &offered.approver, key: &offered.approver_key, body: &offered.body, request: offered.request };
    about_this(bench, &signed)?;
    let (person, key) = (offered.approver.clone(), offered.approver_key.clone());
    let ours = Approval::for_request(bench.request, person, key, offered.body.journal, offered.body.issued).render();
    same_text(&ours, text)?;
    by_another(bench, &signed)?;
    let counted = by_roster(bench, &signed, Kind::Approval, text, signature)?;
    let instead_of = fills_a_slot(bench, &signed)?;
    in_time(bench, &signed)?;
    Ok(Counted { instead_of, ..counted })
}

/// Whether an offered denial counts, and its sentence. Whoever may approve may deny; nothing else is asked.
///
/// # Errors
/// See [`Refusal`].
pub fn judge_denial(bench: &Bench<'_>, text: &str, signature: &str) -> Result<(Counted, String), Refusal> {
    let offered = Denial::parse(text)?;
    let signed = Signed { person: &offered.person, key: &offered.person_key, body: &offered.body, request: offered.request };
    about_this(bench, &signed)?;
    let (person, key) = (offered.person.clone(), offered.person_key.clone());
    let ours = Denial::for_request(bench.request, person, key, offered.body.journal, offered.body.issued, &offered.because).render();
    same_text(&ours, text)?;
    by_another(bench, &signed)?;
    let counted = by_roster(bench, &signed, Kind::Denial, text, signature)?;
    in_a_slot(bench, &signed)?;
    in_time(bench, &signed)?;
    Ok((counted, offered.because))
}

/// Whether a request is signed by the requester that it names, with the key that it names. Whose request it should be is the caller's to compare.
///
/// # Errors
/// See [`Refusal`].
pub fn judge_request(
    request: &Request,
    signature: &str,
    roster: &Roster,
    domain: &str,
    at: Timestamp,
    other: &dyn OtherKeys,
) -> Result<Counted, Refusal> {
    let (person, key, text) = (&request.body.requester, &request.body.requester_key, request.render());
    signed_by(roster, person, key, &namespace(Kind::Request, domain), &text, signature, at, other)
}

/// Whether a seal is signed by the person that it names, with the key that it names.
///
/// # Errors
/// See [`Refusal`].
pub fn judge_seal(
    seal: &Seal,
    signature: &str,
    roster: &Roster,
    domain: &str,
    at: Timestamp,
    other: &dyn OtherKeys,
) -> Result<Counted, Refusal> {
    signed_by(roster, &seal.person, &seal.person_key, &namespace(Kind::Seal, domain), &seal.render(), signature, at, other)
}

fn about_this(bench: &Bench<'_>, signed: &Signed<'_>) -> Result<(), Refusal> {
    let (ours, theirs) = (&bench.request.body, signed.body);
    if theirs.run != ours.run {
        return Err(Refusal::OtherRun { expected: ours.run.clone(), got: theirs.run.clone() });
    }
    if theirs.gate != ours.gate {
        return Err(Refusal::OtherGate { expected: ours.gate, got: theirs.gate });
    }
    if theirs.nonce != ours.nonce || signed.request != bench.request.digest() {
        return Err(Refusal::OtherRequest { got: theirs.nonce.clone() });
    }
    Ok(())
}

/// Byte for byte; says the first line that differs.
fn same_text(ours: &str, theirs: &str) -> Result<(), Refusal> {
    if ours == theirs {
        return Ok(());
    }
    let mut theirs_lines = theirs.split('\n');
    for (index, wanted) in ours.split('\n').enumerate() {
        let got = theirs_lines.next().unwrap_or("");
        if wanted != got {
            return Err(Refusal::Edited(ParseDocumentError { line: index + 1, expected: wanted.to_owned(), got: got.to_owned() }));
        }
    }
    let line = ours.split('\n').count() + 1;
    Err(Refusal::Edited(ParseDocumentError { line, expected: "the end of the document".to_owned(), got: String::new() }))
}

fn by_another(bench: &Bench<'_>, signed: &Signed<'_>) -> Result<(), Refusal> {
    if *signed.person == bench.request.body.requester {
        return Err(Refusal::Requester { person: signed.person.clone() });
    }
    if signed.key == bench.request.body.requester_key {
        return Err(Refusal::RequesterKey { key: signed.key.to_owned() });
    }
    Ok(())
}

fn by_roster(bench: &Bench<'_>, signed: &Signed<'_>, kind: Kind, text: &str, signature: &str) -> Result<Counted, Refusal> {
    let namespace = namespace(kind, bench.domain);
    signed_by(bench.roster, signed.person, signed.key, &namespace, text, signature, bench.now, bench.other)
}

#[expect(clippy::too_many_arguments, reason = "one call of `verify` and what the document itself names")]
fn signed_by(
    roster: &Roster,
    person: &Person,
    named: &str,
    namespace: &str,
    text: &str,
    signature: &str,
    at: Timestamp,
    other: &dyn OtherKeys,
) -> Result<Counted, Refusal> {
    if !roster.signers.iter().any(|signer| signer.person == *person) {
        return Err(Refusal::UnknownSigner { person: person.clone() });
    }
    let key = verify(roster, person, namespace, text.as_bytes(), signature, at, other)
        .map_err(|source| Refusal::Signature { person: person.clone(), source })?;
    if key != named {
        return Err(Refusal::OtherKey { named: named.to_owned(), got: key });
    }
    Ok(Counted { person: person.clone(), key, document: Digest::of(text.as_bytes()), instead_of: None })
}

/// Who may stand in is asked, too, if later: and may deny at any time.
fn in_a_slot(bench: &Bench<'_>, signed: &Signed<'_>) -> Result<(), Refusal> {
    let body = &bench.request.body;
    let standing_in = body.instead.iter().flat_map(|instead| &instead.by);
    if body.slots.iter().flatten().chain(standing_in).any(|person| person == signed.person) {
        Ok(())
    } else {
        Err(Refusal::NotInSlot { person: signed.person.clone() })
    }
}

/// Whether it fills a slot that is open, and in whose place where it is a substitute's. Who is asked in their own right is no substitute.
fn fills_a_slot(bench: &Bench<'_>, signed: &Signed<'_>) -> Result<Option<String>, Refusal> {
    in_a_slot(bench, signed)?;
    let person = signed.person.clone();
    if bench.counted.iter().any(|counted| counted.person == person) {
        return Err(Refusal::Twice { person });
    }
    if adds(bench, &person, false) {
        return Ok(None);
    }
    match bench.request.body.instead.as_ref().filter(|instead| instead.by.contains(&person)) {
        Some(instead) if adds(bench, &person, true) => {
            // No allowance for clocks: it could only make the wait shorter. The runner's own clock has measured all of it.
            let early = signed.body.issued < instead.from || bench.now < instead.from;
            let (of, from) = (instead.of.clone(), instead.from.to_seconds());
            if early { Err(Refusal::TooEarly { person, of, from }) } else { Ok(Some(instead.of.clone())) }
        }
        Some(_) | None => Err(Refusal::NoOpenSlot { person }),
    }
}

/// Whether one more slot is filled when this person counts, too.
fn adds(bench: &Bench<'_>, person: &Person, stands_in: bool) -> bool {
    let body = &bench.request.body;
    let numbers = body.instead.as_ref().map_or(&[][..], |instead| &instead.slots);
    let mut people: BTreeSet<Person> = bench.counted.iter().map(|counted| counted.person.clone()).collect();
    let standing_in = bench.counted.iter().filter(|counted| counted.instead_of.is_some()).map(|counted| counted.person.clone());
    let mut substitutes: BTreeSet<Person> = standing_in.collect();
    let before = filled_slots(&with_substitutes(&body.slots, numbers, &substitutes), &people);
    people.insert(person.clone());
    substitutes.extend(stands_in.then(|| person.clone()));
    filled_slots(&with_substitutes(&body.slots, numbers, &substitutes), &people) > before
}

fn in_time(bench: &Bench<'_>, signed: &Signed<'_>) -> Result<(), Refusal> {
    let (request, person) = (&bench.request.body, signed.person.clone());
    let issued = signed.body.issued;
    if bench.now > request.expires || issued > request.expires {
        return Err(Refusal::Expired { expired: request.expires.to_seconds() });
    }
    if issued > bench.now.after(CLOCK_SKEW) || issued.after(CLOCK_SKEW) < request.issued {
        return Err(Refusal::NotThen { person, issued: issued.to_seconds() });
    }
    let Head { seq, sum } = signed.body.journal;
    if !(bench.holds)(signed.body.journal) || seq < request.journal.seq {
        return Err(Refusal::OtherJournal { person, seq, sum });
    }
    Ok(())
}
