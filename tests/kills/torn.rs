//! The journal's last line is cut in half, as a machine that lost its power may leave it. Cuts only what a test may cut.

use std::time::Duration;

use super::killing::{Bob, Death, Record, assert_well, go_until, kill, resume_to_the_end, start_three, three_hosts};

/// Cuts the last line in half and says what is left of it.
fn cut(record: &Record) -> String {
    let text = record.text();
    let last = text.lines().last().unwrap();
    let (kept, half) = (&text[..text.len() - last.len() - 1], &last[..last.len() / 2]);
    std::fs::write(record.folder.join("journal.jsonl"), format!("{kept}{half}")).unwrap();
    half.to_owned()
}

/// Kills the runner after the first event of this kind, cuts the last line, and goes on.
fn cut_after(kind: &str) {
    let lab = three_hosts("sleep 0.05");
    let ((mut runner, record), mut bob) = (start_three(&lab), Bob::default());
    let ended = go_until(&lab, &mut runner, &record, &mut bob, || record.count(kind) > 0);
    assert_eq!(ended, None, "{}", lab.said());
    kill(&mut runner, Death::After(Duration::ZERO));
    bob.done(&lab);
    let (half, lines) = (cut(&record), record.lines());
    assert_eq!(resume_to_the_end(&lab, &record, &mut bob), 0, "{kind}: {}\n{}", lab.said(), record.text());
    assert_eq!(std::fs::read_to_string(record.folder.join("journal.torn-1")).unwrap(), half, "{kind}");
    assert!(lab.said().contains(&format!("line {} was torn", lines + 1)), "{}", lab.said());
    assert_well(&lab, &record, kind);
}

#[test]
fn a_start_that_was_torn_from_the_journal_is_not_made_twice() {
    cut_after("action_started");
}

#[test]
fn an_end_that_was_torn_from_the_journal_is_asked_for_again() {
    cut_after("action_ended");
}

#[test]
fn a_host_an_approval_and_a_stage_that_were_torn_from_the_journal_come_again() {
    for kind in ["host_reached", "stage_prepared", "approval_given"] {
        cut_after(kind);
    }
}
