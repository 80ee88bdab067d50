//! Changes a real record in every way that a hand or a disk can, and asks both verifiers. Never accepts a change that is not noticed, nor a line
//! that is not the right one.

#[path = "record/made.rs"]
mod record;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use record::{Made, Plot, make};
use runbook::audit::{Level, Options, Report, Status, verify};
use runbook::effects::SshKeygen;
use runbook::event::Head;
use runbook::journal::{Store, read_bytes};

fn judge(made: &Made, seen: Option<Head>) -> Report {
    let roster = |_: &[u8]| Ok(made.roster.clone());
    verify(made.folder.path(), &Options { roster_of: &roster, rules_of: None, own_signers: None, seen, ledger: &[], other: &SshKeygen })
}

fn said(report: &Report) -> String {
    let status = match report.status {
        Status::Proven => "proven",
        Status::Tampered => "tampered",
        Status::Damaged => "damaged",
    };
    let line = report.problem().and_then(|problem| problem.line);
    format!("{status} {}", line.map_or("-".to_owned(), |line| line.to_string()))
}

/// What the Python verifier says of each of these journals in the run's folder, in one process.
fn python(folder: &Path, journals: &[Vec<u8>]) -> Vec<String> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let script = "import sys; sys.dont_write_bytecode = True; sys.path.insert(0, sys.argv[1]); import verify_record\n\
                  data = sys.stdin.buffer\n\
                  while size := data.read(8):\n\
                  \x20   report = verify_record.verify(sys.argv[2], journal=data.read(int.from_bytes(size, 'big')))\n\
                  \x20   print(report['status'], report['line'] or '-')\n";
    let mut child =
        Command::new("python3").args(["-c", script]).arg(docs).arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let all: Vec<u8> = journals.iter().flat_map(|journal| [&(journal.len() as u64).to_be_bytes()[..], journal].concat()).collect();
    let feeder = std::thread::spawn(move || stdin.write_all(&all).unwrap());
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Both verifiers on each journal; they must agree. Leaves the folder as it was.
fn both(made: &Made, journals: &[Vec<u8>]) -> Vec<String> {
    let whole = fs::read(made.folder.journal()).unwrap();
    let ours: Vec<String> = journals
        .iter()
        .map(|journal| {
            fs::write(made.folder.journal(), journal).unwrap();
            said(&judge(made, None))
        })
        .collect();
    fs::write(made.folder.journal(), whole).unwrap();
    for (index, (ours, theirs)) in ours.iter().zip(python(made.folder.path(), journals)).enumerate() {
        assert_eq!(*ours, theirs, "the verifiers disagree about journal {index}");
    }
    ours
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
}

#[test]
fn a_record_that_nobody_touched_is_proven_by_both() {
    let made = make(&Plot { captures: true, ..Plot::default() });
    let report = judge(&made, None);
    assert!(report.levels.iter().all(|level| level.reached), "{report:#?}");
    let anchored = report.level(Level::Anchored).unwrap();
    assert_eq!(anchored.facts, [format!("anchored up to line {} by alice@example.com", report.head.seq - 1)]);
    let whole = fs::read(made.folder.journal()).unwrap();
    assert_eq!(both(&made, &[whole]), ["proven -"]);
}

#[test]
fn a_substitute_who_waited_is_accepted_by_both() {
    let made = make(&Plot { bob_stands_in_after: Some(1), ..Plot::default() });
    assert_eq!(both(&made, &[fs::read(made.folder.journal()).unwrap()]), ["proven -"]);
}

#[test]
fn every_flipped_byte_is_noticed_at_its_line() {
    let made = make(&Plot::default());
    let whole = fs::read(made.folder.journal()).unwrap();
    let line_of = |at: usize| 1 + whole[..at].iter().filter(|&&byte| byte == b'\n').count() as u64;
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        bytes
    };
    for at in 0..whole.len() {
        let reading = read_bytes(&flipped(at), 0);
        let line = reading.damage.map(|damage| damage.line).or(reading.torn.map(|torn| torn.line));
        assert_eq!(line, Some(line_of(at)), "byte {at}");
    }
    let journals: Vec<Vec<u8>> = (0..whole.len()).map(flipped).collect();
    for (at, said) in both(&made, &journals).into_iter().enumerate() {
        assert_eq!(said, format!("damaged {}", line_of(at)), "byte {at}");
    }
}

#[test]
fn every_line_that_is_dropped_doubled_or_swapped_is_noticed() {
    let made = make(&Plot { captures: true, ..Plot::default() });
    let all = lines(&fs::read(made.folder.journal()).unwrap());
    let (mut journals, mut expected) = (Vec::new(), Vec::new());
    for at in 0..all.len() {
        let mut dropped = all.clone();
        dropped.remove(at);
        journals.push(dropped.concat());
        let last = at + 1 == all.len();
        expected.push(format!("{} {}", if last { "damaged" } else { "tampered" }, at + 1));
        let mut doubled = all.clone();
        doubled.insert(at, all[at].clone());
        journals.push(doubled.concat());
        expected.push(format!("tampered {}", at + 2));
        if !last {
            let mut swapped = all.clone();
            swapped.swap(at, at + 1);
            journals.push(swapped.concat());
            expected.push(format!("tampered {}", at + 1));
        }
    }
    assert_eq!(both(&made, &journals), expected);
}

#[test]
fn a_tail_cut_at_any_byte_is_noticed() {
    let made = make(&Plot::default());
    let whole = fs::read(made.folder.journal()).unwrap();
    let cuts: Vec<usize> = (0..whole.len()).collect();
    let journals: Vec<Vec<u8>> = cuts.iter().map(|&cut| whole[..cut].to_vec()).collect();
    for (cut, said) in cuts.iter().zip(both(&made, &journals)) {
        assert!(!said.starts_with("proven"), "cut at {cut}");
    }
    for cut in 0..whole.len() {
        let reading = read_bytes(&whole[..cut], 0);
        let clean = cut == 0 || whole[cut - 1] == b'\n';
        assert_eq!((reading.damage, reading.torn.is_none()), (None, clean), "cut at {cut}");
    }
}

#[test]
fn a_clean_cut_at_a_line_is_tampering_by_the_word_of_who_signed_more() {
    let made = make(&Plot::default());
    let all = lines(&fs::read(made.folder.journal()).unwrap());
    let journals: Vec<Vec<u8>> = (1..all.len() - 1).map(|kept| all[..kept].concat()).collect();
    for said in both(&made, &journals) {
        assert!(said.starts_with("tampered"), "{said}");
    }
}

#[test]
fn what_this_machine_saw_before_must_still_be_there() {
    let made = make(&Plot::default());
    let head = judge(&made, None).head;
    assert_eq!(judge(&made, Some(head)).status, Status::Proven);
    let report = judge(&made, Some(Head { seq: head.seq + 1, ..head }));
    assert_eq!(said(&report), format!("tampered {}", head.seq + 1));
}

#[test]
fn every_file_that_is_changed_or_missing_is_noticed() {
    let made = make(&Plot { captures: true, ..Plot::default() });
    for name in [
        "inputs/policy.yaml",
        "inputs/allowed_signers",
        "output/look/db.1.out",
        "evidence/save/db.1/logs/001-a_b.log",
        "evidence/save/db.1/who",
        "evidence/save/db.1/manifest.json",
        "approvals/gate-1-approval.txt",
        "approvals/seal.txt.sig",
    ] {
        let path = made.folder.path().join(name);
        let kept = fs::read(&path).unwrap();
        let whole = fs::read(made.folder.journal()).unwrap();
        let mut changed = kept.clone();
        changed[kept.len() / 2] ^= 1;
        fs::write(&path, changed).unwrap();
        assert_ne!(both(&made, std::slice::from_ref(&whole)), ["proven -"], "{name} changed");
        fs::remove_file(&path).unwrap();
        assert_ne!(both(&made, &[whole]), ["proven -"], "{name} missing");
        fs::write(&path, kept).unwrap();
    }
}

#[test]
fn a_run_that_broke_a_rule_is_judged_so_at_the_line_that_did() {
    let plots = [
        ("nobody approved", Plot { nobody_approves: true, ..Plot::default() }, "tampered 7"),
        ("the requester approved", Plot { requester_approves: true, ..Plot::default() }, "tampered 7"),
        ("the approval came after the start", Plot { approval_after_start: true, ..Plot::default() }, "tampered 7"),
        ("other bytes were sent", Plot { other_bytes_are_sent: true, ..Plot::default() }, "tampered 8"),
        ("it was started once more", Plot { started_twice: true, ..Plot::default() }, "tampered 10"),
        ("no gate was opened", Plot { gate_is_left_out: true, ..Plot::default() }, "tampered 6"),
        ("another plan was shown", Plot { another_plan_was_shown: true, ..Plot::default() }, "tampered 6"),
        ("the host had not been reached", Plot { place_is_unknown: true, ..Plot::default() }, "tampered 8"),
        ("the gate asked for two", Plot { gate_asks_two: true, ..Plot::default() }, "tampered 8"),
        ("the policy asked for two", Plot { floor_of_two: true, ..Plot::default() }, "tampered 8"),
        ("its evidence came later", Plot { captures: true, evidence_comes_later: true, ..Plot::default() }, "tampered 8"),
        ("one alone waived the evidence", Plot { evidence_is_waived_by_one: true, ..Plot::default() }, "tampered 8"),
        ("evidence was only claimed", Plot { captures: true, evidence_is_claimed: true, ..Plot::default() }, "tampered 12"),
        ("other evidence was kept than asked for", Plot { captures: true, other_evidence_is_kept: true, ..Plot::default() }, "tampered 12"),
        ("the substitute came too early", Plot { bob_stands_in_after: Some(2), ..Plot::default() }, "tampered 7"),
        (
            "the substitute was not called one",
            Plot { bob_stands_in_after: Some(1), substitute_is_not_called_one: true, ..Plot::default() },
            "tampered 7",
        ),
    ];
    for (what, plot, expected) in plots {
        let made = make(&plot);
        let report = judge(&made, None);
        assert_eq!(said(&report), expected, "{what}: {report:#?}");
        assert!(!report.level(Level::Authority).unwrap().reached, "{what}");
        let theirs = python(made.folder.path(), &[fs::read(made.folder.journal()).unwrap()]);
        assert!(theirs[0].starts_with("tampered"), "{what}: {theirs:?}");
    }
}

/// Runs the script as an auditor does: exit status and what it printed.
fn as_auditor(folder: &Path, more: &[&str]) -> (Option<i32>, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join("verify_record.py");
    let output = Command::new("python3").arg("-B").arg(script).arg(folder).args(more).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn an_auditor_gets_the_same_answer_with_an_exit_status() {
    let made = make(&Plot::default());
    let (code, text) = as_auditor(made.folder.path(), &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("anchored    reached      anchored up to line 9 by alice@example.com") && text.ends_with("proven\n"), "{text}");
    let own = made.root.path().join("own_signers");
    fs::write(&own, made.roster.signers.iter().map(|signer| format!("{} {}\n", signer.person, signer.key)).collect::<String>()).unwrap();
    assert_eq!(as_auditor(made.folder.path(), &["--signers", own.to_str().unwrap()]).0, Some(0));
    fs::write(&own, format!("{} {}\n", made.roster.signers[0].person, made.roster.signers[0].key)).unwrap();
    let (code, text) = as_auditor(made.folder.path(), &["--signers", own.to_str().unwrap(), "--json"]);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, &report["status"], &report["line"]),
        (Some(6), &"tampered".into(), &7.into()),
        "who approved is not in the auditor's own list"
    );
}

#[test]
fn a_line_can_be_checked_with_sha256sum_as_the_format_says() {
    let made = make(&Plot::default());
    let recipe = "{ printf 'runbook-journal-v1\\n'; sed -n 6p journal.jsonl | tr -d '\\n' | head -c -74; } | sha256sum";
    let output = Command::new("sh").args(["-c", recipe]).current_dir(made.folder.path()).output().unwrap();
    let reading = read_bytes(&fs::read(made.folder.journal()).unwrap(), 0);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}  -\n", reading.entries[5].sum));
}

#[test]
fn a_run_that_the_ledger_knows_and_whose_folder_is_gone_is_tampering() {
    let made = make(&Plot::default());
    let ledger = Store::open(&made.root.path().join("store")).unwrap().ledger().unwrap();
    fs::remove_dir_all(made.folder.path()).unwrap();
    let roster = |_: &[u8]| Ok(made.roster.clone());
    let options = Options { roster_of: &roster, rules_of: None, own_signers: None, seen: None, ledger: &ledger, other: &SshKeygen };
    assert_eq!(said(&verify(made.folder.path(), &options)), "tampered -");
    assert_eq!(said(&judge(&made, None)), "damaged -");
}

#[test]
fn rules_that_are_not_those_of_the_policy_are_noticed() {
    let made = make(&Plot::default());
    let (roster, rules) = (|_: &[u8]| Ok(made.roster.clone()), |_: &[u8]| Ok(runbook::event::Rules::default()));
    let options = Options { roster_of: &roster, rules_of: Some(&rules), own_signers: None, seen: None, ledger: &[], other: &SshKeygen };
    assert_eq!(said(&verify(made.folder.path(), &options)), "tampered 1");
}
