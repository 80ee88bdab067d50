//! The journal's last line is cut in half, as a machine that lost its power may leave it. Cuts only what a test may cut.

use std::time::Duration;

use super::killing::{Bob, Death, HOSTS, Record, assert_well, go_until, kill, marks, resume_to_the_end, start_three, three_hosts};
use super::lab::Lab;

/// Cuts the last line in half and says what is left of it.
fn cut(record: &Record) -> String {
    let text = record.text();
    let last = text.lines().last().unwrap();
    let (kept, half) = (&text[..text.len() - last.len() - 1], &last[..last.len() / 2]);
    std::fs::write(record.folder.join("journal.jsonl"), format!("{kept}{half}")).unwrap();
    half.to_owned()
}

/// Kills the runner as soon as this is so, cuts the last line, and goes on. The kinds of all events in the end.
fn cut_when(what: &str, so: impl Fn(&Lab, &Record) -> bool) -> Vec<String> {
    let lab = three_hosts("sleep 0.3");
    let ((mut runner, record), mut bob) = (start_three(&lab), Bob::default());
    assert_eq!(go_until(&lab, &mut runner, &record, &mut bob, || so(&lab, &record)), None, "{}", lab.said());
    kill(&mut runner, Death::After(Duration::ZERO));
    bob.done(&lab);
    let (half, lines) = (cut(&record), record.lines());
    assert_eq!(resume_to_the_end(&lab, &record, &mut bob), 0, "{what}: {}\n{}", lab.said(), record.text());
    assert_eq!(std::fs::read_to_string(record.folder.join("journal.torn-1")).unwrap(), half, "{what}");
    assert!(lab.said().contains(&format!("line {} was torn", lines + 1)), "{}", lab.said());
    assert_well(&lab, &record, what);
    record.kinds()
}

#[test]
fn a_start_that_was_torn_from_the_journal_is_not_made_twice() {
    let all_begun =
        |lab: &Lab, record: &Record| record.count("action_ended") == 0 && HOSTS.iter().all(|host| marks(lab, host, "one") == ["begun"]);
    let kinds = cut_when("begun, and the last start torn", all_begun);
    let count = |kind| kinds.iter().filter(|known| *known == kind).count();
    assert_eq!((count("action_reattached"), count("action_started")), (2, 9), "{kinds:?}");
}

#[test]
fn an_end_that_was_torn_from_the_journal_is_asked_for_again() {
    let kinds = cut_when("the first end torn", |_, record| record.count("action_ended") > 0);
    assert!(kinds.contains(&"action_reattached".to_owned()), "{kinds:?}");
}

#[test]
fn a_host_an_approval_and_a_stage_that_were_torn_from_the_journal_come_again() {
    for kind in ["host_reached", "stage_prepared", "approval_given"] {
        cut_when(kind, |_, record| record.count(kind) > 0);
    }
}
