//! Trials of the judge and of the documents' texts, with keys made in memory.

use proptest::prelude::*;
use ssh_key::private::Ed25519Keypair;
use ssh_key::{HashAlg, LineEnding, PrivateKey};

use super::*;
use crate::base::{Digest, GateNo, Period, Person, Timestamp};
use crate::event::{Effect, Head, Instead, Verdict};
use crate::library::{Roster, Signer};

const DOMAIN: &str = "example.com";
const NOW: i64 = 1_764_000_000_000_000;

struct NoOtherKeys;

impl OtherKeys for NoOtherKeys {
    fn verify(&self, _: &Signer, _: &str, _: &[u8], _: &str) -> Result<bool, String> {
        Err("no ssh-keygen here".to_owned())
    }
}

fn person(name: &str) -> Person {
    format!("{name}@example.com").parse().unwrap()
}

fn key(name: &str) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(Digest::of(name.as_bytes()).as_bytes()))
}

fn print_of(name: &str) -> String {
    key(name).fingerprint(HashAlg::Sha256).to_string()
}

fn signer(name: &str, line: usize) -> Signer {
    Signer {
        person: person(name),
        key: key(name).public_key().to_openssh().unwrap(),
        fingerprint: print_of(name),
        namespaces: vec!["runbook-*@example.com".to_owned()],
        valid_after: None,
        valid_before: None,
        line,
    }
}

fn roster() -> Roster {
    Roster { signers: ["alice", "bob", "carol", "dave"].iter().zip(1..).map(|(name, line)| signer(name, line)).collect() }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(NOW + seconds * 1_000_000)
}

fn head(seq: u64) -> Head {
    Head { seq, sum: Digest::of(&seq.to_be_bytes()) }
}

fn request() -> Request {
    let digest = Digest::of(b"file");
    Request {
        body: Body {
            run: "01J9ABCDEFGHJKMNPQRSTVK7QM".parse().unwrap(),
            gate: GateNo(3),
            name: "Restart \"the\" server".to_owned(),
            round: None,
            requester: person("alice"),
            requester_key: print_of("alice"),
            runbook: "restart-db".to_owned(),
            runbook_digest: digest,
            hosts_from: None,
            revision: Some("1f2e3d4 (clean)".to_owned()),
            inventory: digest,
            policy: digest,
            signers: digest,
            journal: head(7),
            nonce: "ABCDEFGH".repeat(4),
            issued: at(-60),
            expires: at(840),
            slots: vec![vec![person("bob"), person("carol")]],
            instead: None,
            ask: Some("Is the standby caught up?".to_owned()),
            covers: Covers { steps: 1, hosts: 1, effects: [(Effect::Once, 1)].into() },
            plan: vec!["step 3 restart \"Restart\" once, at most 1 attempt".to_owned(), "  $ systemctl restart x".to_owned()],
        },
    }
}

fn sign(name: &str, kind: Kind, text: &str) -> String {
    key(name).sign(&namespace(kind, DOMAIN), HashAlg::Sha512, text.as_bytes()).unwrap().to_pem(LineEnding::LF).unwrap()
}

fn approval_by(name: &str) -> Approval {
    Approval::for_request(&request(), person(name), print_of(name), head(8), at(-30))
}

fn judge(change: impl FnOnce(&mut Bench<'_>), text: &str, signature: &str) -> Result<Counted, Refusal> {
    let (request, roster, holds) = (request(), roster(), |point: Head| point == head(point.seq) && point.seq <= 9);
    let mut bench =
        Bench { request: &request, roster: &roster, domain: DOMAIN, now: at(0), holds: &holds, counted: &[], other: &NoOtherKeys };
    change(&mut bench);
    judge_approval(&bench, text, signature)
}

fn judge_signed(change: impl FnOnce(&mut Bench<'_>), approval: &Approval, by: &str) -> Result<Counted, Refusal> {
    let text = approval.render();
    judge(change, &text, &sign(by, Kind::Approval, &text))
}

#[test]
fn an_approval_by_another_person_counts() {
    let counted = judge_signed(|_| (), &approval_by("bob"), "bob").unwrap();
    assert_eq!((counted.person, counted.key), (person("bob"), print_of("bob")));
}

#[test]
fn a_signer_whom_the_roster_does_not_know_does_not_count() {
    let refusal = judge_signed(|_| (), &approval_by("mallory"), "mallory").unwrap_err();
    assert!(matches!(refusal, Refusal::UnknownSigner { .. }), "{refusal}");
}

#[test]
fn the_requester_never_approves_by_name_or_by_key() {
    assert!(matches!(judge_signed(|_| (), &approval_by("alice"), "alice"), Err(Refusal::Requester { .. })));
    let borrowed = Approval { approver_key: print_of("alice"), ..approval_by("bob") };
    assert!(matches!(judge_signed(|_| (), &borrowed, "alice"), Err(Refusal::RequesterKey { .. })));
    assert!(matches!(
        judge_signed(|_| (), &approval_by("bob"), "alice"),
        Err(Refusal::Signature { source: SignatureError::OtherPerson { .. }, .. })
    ));
}

#[test]
fn somebody_whom_the_gate_does_not_need_does_not_count() {
    assert!(matches!(judge_signed(|_| (), &approval_by("dave"), "dave"), Err(Refusal::NotInSlot { .. })));
}

#[test]
fn one_person_counts_once_and_a_filled_slot_takes_nobody_else() {
    let counted = |name: &str| [Counted { person: person(name), key: print_of(name), document: Digest::ZERO, instead_of: None }];
    let (bob, carol) = (counted("bob"), counted("carol"));
    let approval = approval_by("bob");
    let text = approval.render();
    let signature = sign("bob", Kind::Approval, &text);
    let (request, roster, holds) = (request(), roster(), |_: Head| true);
    let bench =
        |counted| Bench { request: &request, roster: &roster, domain: DOMAIN, now: at(0), holds: &holds, counted, other: &NoOtherKeys };
    assert!(matches!(judge_approval(&bench(&bob), &text, &signature), Err(Refusal::Twice { .. })));
    assert!(matches!(judge_approval(&bench(&carol), &text, &signature), Err(Refusal::NoOpenSlot { .. })));
}

/// Bob is asked; carol may stand in from ten seconds after now on; dave is asked in his own right for another slot.
fn with_substitute() -> Request {
    let slots = vec![vec![person("bob")], vec![person("dave"), person("carol")]];
    let instead = Some(Instead { of: "dba".to_owned(), slots: vec![1], by: vec![person("carol"), person("erin")], from: at(10) });
    Request { body: Body { slots, instead, ..request().body } }
}

/// What is said of an approval that was written at one second, and came at another, when these count already.
fn substituting(who: &str, issued: i64, now: i64, counted: &[Counted]) -> Result<Option<String>, Refusal> {
    let (request, holds) = (with_substitute(), |_: Head| true);
    let mut roster = roster();
    roster.signers.push(signer("erin", 5));
    let text = Approval::for_request(&request, person(who), print_of(who), head(8), at(issued)).render();
    let (request, roster) = (&request, &roster);
    let bench = Bench { request, roster, domain: DOMAIN, now: at(now), holds: &holds, counted, other: &NoOtherKeys };
    judge_approval(&bench, &text, &sign(who, Kind::Approval, &text)).map(|counted| counted.instead_of)
}

fn counts(name: &str, instead_of: Option<&str>) -> Counted {
    Counted { person: person(name), key: print_of(name), document: Digest::ZERO, instead_of: instead_of.map(str::to_owned) }
}

#[test]
fn a_substitute_counts_from_the_time_on_by_both_clocks_and_is_called_one() {
    let dba = || Ok(Some("dba".to_owned()));
    assert_eq!(substituting("erin", 10, 10, &[]), dba());
    assert_eq!(substituting("erin", 130, 10, &[]), dba(), "the clock of erin may be ahead by two minutes");
    for (issued, now) in [(9, 9), (9, 10), (10, 9), (9, 200), (100, 9)] {
        let refusal = substituting("erin", issued, now, &[]).unwrap_err();
        assert!(matches!(refusal, Refusal::TooEarly { .. }), "{issued} {now}: {refusal}");
        assert!(refusal.to_string().contains(&at(10).to_seconds()), "{refusal}");
    }
}

#[test]
fn who_is_asked_in_their_own_right_is_no_substitute_before_that_place_is_filled() {
    assert_eq!(substituting("bob", 1, 1, &[]), Ok(None));
    assert_eq!(substituting("carol", 20, 20, &[]), Ok(None));
    assert_eq!(substituting("carol", 20, 20, &[counts("dave", None)]), Ok(Some("dba".to_owned())));
    assert!(matches!(substituting("carol", 5, 5, &[counts("dave", None)]), Err(Refusal::TooEarly { .. })));
}

#[test]
fn a_place_is_filled_once_whoever_fills_it() {
    let filled = |who: &str, counted: Counted| matches!(substituting(who, 20, 20, &[counted]), Err(Refusal::NoOpenSlot { .. }));
    assert!(filled("erin", counts("bob", None)));
    assert!(filled("bob", counts("erin", Some("dba"))));
    assert_eq!(substituting("dave", 20, 20, &[counts("carol", Some("dba"))]), Ok(None));
    assert!(matches!(substituting("alice", 20, 20, &[]), Err(Refusal::Requester { .. })));
}

#[test]
fn a_substitute_may_deny_at_any_time() {
    let (request, roster, holds) = (with_substitute(), roster(), |_: Head| true);
    let text = Denial::for_request(&request, person("carol"), print_of("carol"), head(8), at(0), "Not tonight.").render();
    let bench = Bench { request: &request, roster: &roster, domain: DOMAIN, now: at(0), holds: &holds, counted: &[], other: &NoOtherKeys };
    assert!(judge_denial(&bench, &text, &sign("carol", Kind::Denial, &text)).is_ok());
}

#[test]
fn a_request_says_who_may_stand_in_and_when() {
    let text = with_substitute().render();
    let line = format!("instead: of dba in 1 from {} one of carol@example.com erin@example.com\nask: ", at(10).to_seconds());
    assert!(text.contains(&line), "{text}");
    for (wanted, edited) in
        [("in 1 from", "in 01 from"), ("in 1 from", "in 1, from"), ("of dba in", "of dba  in"), ("one of carol", "one of  carol")]
    {
        assert!(Request::parse(&text.replace(wanted, edited)).is_err(), "{edited}");
    }
}

#[test]
fn an_approval_that_comes_or_was_written_too_late_does_not_count() {
    assert!(matches!(judge_signed(|bench| bench.now = at(841), &approval_by("bob"), "bob"), Err(Refusal::Expired { .. })));
    let late = Approval::for_request(&request(), person("bob"), print_of("bob"), head(8), at(841));
    assert!(matches!(judge_signed(|_| (), &late, "bob"), Err(Refusal::Expired { .. })));
}

#[test]
fn an_approval_from_the_future_or_from_before_its_request_does_not_count() {
    for seconds in [200, -300] {
        let approval = Approval::for_request(&request(), person("bob"), print_of("bob"), head(8), at(seconds));
        assert!(matches!(judge_signed(|_| (), &approval, "bob"), Err(Refusal::NotThen { .. })), "{seconds}");
    }
}

#[test]
fn an_approval_of_something_else_cannot_be_replayed() {
    let judged = |change: &dyn Fn(&mut Approval)| {
        let mut approval = approval_by("bob");
        change(&mut approval);
        judge_signed(|_| (), &approval, "bob").unwrap_err()
    };
    assert!(matches!(judged(&|a| a.body.run = "01J9ABCDEFGHJKMNPQRSTVK7QN".parse().unwrap()), Refusal::OtherRun { .. }));
    assert!(matches!(judged(&|a| a.body.gate = GateNo(4)), Refusal::OtherGate { .. }));
    assert!(matches!(judged(&|a| a.body.nonce = "ZZZZZZZZ".repeat(4)), Refusal::OtherRequest { .. }));
    assert!(matches!(judged(&|a| a.request = Digest::ZERO), Refusal::OtherRequest { .. }));
}

#[test]
fn a_plan_that_was_changed_is_told_by_its_line_even_when_signed() {
    let mut approval = approval_by("bob");
    approval.body.plan[1] = "  $ systemctl status x".to_owned();
    let said = judge_signed(|_| (), &approval, "bob").unwrap_err().to_string();
    assert!(said.contains("line 22") && said.contains("restart x") && said.contains("status x"), "{said}");
}

#[test]
fn any_other_text_is_no_document() {
    let text = approval_by("bob").render();
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] ^= 1;
        assert!(Approval::parse(&String::from_utf8(changed).unwrap()).is_err(), "byte {at}");
    }
    for cut in 0..text.len() {
        assert!(Approval::parse(&text[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_signature_of_another_text_namespace_or_shape_does_not_count() {
    let text = approval_by("bob").render();
    let source = |signature: &str| match judge(|_| (), &text, signature) {
        Err(Refusal::Signature { source, .. }) => source,
        other => panic!("{other:?}"),
    };
    assert_eq!(source(&sign("bob", Kind::Approval, "other")), SignatureError::Mismatch);
    assert!(matches!(source(&sign("bob", Kind::Denial, &text)), SignatureError::Namespace { .. }));
    assert!(matches!(source("nonsense"), SignatureError::NotASignature { .. }));
    assert!(matches!(source(&sign("mallory", Kind::Approval, &text)), SignatureError::UnknownKey { .. }));
}

#[test]
fn a_key_that_left_the_roster_or_is_not_valid_now_does_not_count() {
    let (approval, mut without) = (approval_by("bob"), roster());
    let text = approval.render();
    let signature = sign("bob", Kind::Approval, &text);
    let (request, holds) = (request(), |_: Head| true);
    let judge = |roster: &Roster| {
        let bench = Bench { request: &request, roster, domain: DOMAIN, now: at(0), holds: &holds, counted: &[], other: &NoOtherKeys };
        judge_approval(&bench, &text, &signature).unwrap_err()
    };
    without.signers[1] = Signer { person: person("bob"), ..signer("bob-new", 2) };
    assert!(matches!(judge(&without), Refusal::Signature { source: SignatureError::UnknownKey { .. }, .. }));
    let mut ended = roster();
    ended.signers[1].valid_before = Some(NOW / 1_000_000);
    assert!(matches!(judge(&ended), Refusal::Signature { source: SignatureError::NotValidThen { line: 2, .. }, .. }));
    let mut narrow = roster();
    narrow.signers[1].namespaces = vec!["git".to_owned()];
    assert!(matches!(judge(&narrow), Refusal::Signature { source: SignatureError::NotAllowed { .. }, .. }));
}

#[test]
fn an_approver_who_saw_another_record_does_not_count() {
    for journal in [head(10), Head { seq: 8, sum: Digest::ZERO }, head(6)] {
        let approval = Approval::for_request(&request(), person("bob"), print_of("bob"), journal, at(-30));
        assert!(matches!(judge_signed(|_| (), &approval, "bob"), Err(Refusal::OtherJournal { .. })), "{journal:?}");
    }
}

#[test]
fn a_denial_counts_with_its_sentence() {
    let denial = Denial::for_request(&request(), person("bob"), print_of("bob"), head(8), at(-30), "Not before the standby is caught up.");
    let text = denial.render();
    let (request, roster, holds) = (request(), roster(), |_: Head| true);
    let bench = Bench { request: &request, roster: &roster, domain: DOMAIN, now: at(0), holds: &holds, counted: &[], other: &NoOtherKeys };
    let (counted, sentence) = judge_denial(&bench, &text, &sign("bob", Kind::Denial, &text)).unwrap();
    assert_eq!((counted.person, sentence.as_str()), (person("bob"), "Not before the standby is caught up."));
    assert!(judge_denial(&bench, &text, &sign("bob", Kind::Approval, &text)).is_err());
}

#[test]
fn a_request_reads_as_the_design_says() {
    insta::assert_snapshot!(request().render());
}

prop_compose! {
    fn bodies()(
        texts in (".*", ".{0,40}", prop::option::of(".{0,20}"), prop::option::of("\\PC{0,20}")),
        round in prop::option::of(any::<u32>()),
        numbers in (any::<u32>(), any::<u64>(), -60_000_000_000i64..250_000_000_000, any::<u32>(), any::<u32>(), any::<u32>()),
        slots in prop::collection::vec(prop::collection::vec("[a-z]{1,5}", 0..3), 0..3),
        instead in prop::option::of(("[a-z@.-]{1,9}", prop::collection::vec(1u32..9, 1..3), prop::collection::vec("[a-z]{1,5}", 1..3))),
        plan in prop::collection::vec("[ -~]{0,60}", 0..6),
    ) -> Body {
        let (name, runbook, revision, ask) = texts;
        let (gate, seq, second, steps, hosts, count) = numbers;
        let issued = Timestamp::from_micros(second * 1_000_000);
        Body {
            gate: GateNo(gate), name, round, runbook, revision, ask, plan, journal: Head { seq, sum: Digest::of(b"x") }, issued,
            expires: issued.after(Period::from_secs(900)),
            slots: slots.iter().map(|slot| slot.iter().map(|name| person(name)).collect()).collect(),
            instead: instead.map(|(of, slots, by)| {
                Instead { of, slots, by: by.iter().map(|name| person(name)).collect(), from: issued.after(Period::from_secs(600)) }
            }),
            covers: Covers { steps, hosts, effects: if count % 3 == 0 { Default::default() } else { [(Effect::Read, count)].into() } },
            ..request().body
        }
    }
}

proptest! {
    #[test]
    fn every_document_comes_back_from_its_text(body in bodies(), because in ".*", by in "[a-z]{1,9}") {
        let request = Request { body };
        let text = request.render();
        prop_assert!(text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)));
        prop_assert_eq!(&Request::parse(&text).unwrap(), &request);
        let approval = Approval::for_request(&request, person(&by), print_of(&by), head(1), at(1));
        prop_assert_eq!(&Approval::parse(&approval.render()).unwrap(), &approval);
        let denial = Denial::for_request(&request, person(&by), print_of(&by), head(1), at(1), &because);
        prop_assert_eq!(&Denial::parse(&denial.render()).unwrap(), &denial);
        prop_assert!(Denial::parse(&approval.render()).is_err() && Approval::parse(&text).is_err());
        let seal = Seal { run: request.body.run, verdict: Verdict::Failed, journal: head(4), person: person(&by), person_key: print_of(&by), issued: at(0) };
        prop_assert_eq!(&Seal::parse(&seal.render()).unwrap(), &seal);
    }

    #[test]
    fn no_text_makes_a_parser_fall_over(text in ".*", tail in "(\\PC|\n){0,200}") {
        for kind in [Kind::Request, Kind::Approval, Kind::Denial, Kind::Seal] {
            let text = format!("{}\n{text}{tail}", kind.first_line());
            prop_assert!(Request::parse(&text).is_err() && Approval::parse(&text).is_err() && Denial::parse(&text).is_err() && Seal::parse(&text).is_err());
        }
    }
}
