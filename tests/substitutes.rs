//! Somebody else signs when who is asked does not answer: not before the time, never the runner, and the record says who it was.

#[path = "support/forger.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod forger;
#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;

use forger::{Forger, count, events};
use lab::sshd::signal;
use lab::{Lab, POLICY, shown, until};
use runbook::base::{Digest, Timestamp};
use runbook::event::{AppendLog, Event};
use runbook::journal::JournalWriter;

/// A change for which bob is asked, and carol stands in after a while.
fn lab_with(after: &str) -> Lab {
    let lab = Lab::with_hosts(&["db"], "production");
    let gate = format!("{{approvals: 1, from: [sre], instead: {{of: sre, by: ic, after: {after}}}}}");
    let file = lab.path("state");
    let text = format!("steps:\n  - name: Restart\n    hosts: db\n    gate: {gate}\n    run: echo well >> {}\n", file.display());
    lab.runbook("restart", &format!("{text}    timeout: 10s\n"));
    lab
}

#[test]
fn a_substitute_signs_after_the_time_and_the_record_says_so() {
    let lab = lab_with("4s");
    let mut exec = lab.start_exec(&["restart"]);
    let waiting = lab.gate(&mut exec);
    let early = lab.approve("carol", &waiting);
    assert!(early.status.code() == Some(3) && shown(&early).contains("may sign in the place of sre from"), "{}", shown(&early));
    let forger = Forger::at(&lab, &waiting);
    let by_hand = forger.approval("carol", "carol");
    let (kind, why) = forger.offer(&by_hand, "carol");
    assert!(kind == "approval_refused" && why.contains("must be given anew then"), "{kind}: {why}");
    assert!(lab.said().contains("also one of carol@example.com, in the place of sre"), "{}", lab.said());
    assert_eq!(lab.runs()[0]["gate"]["instead"]["by"][0].as_str(), Some("carol@example.com"));
    let approved = until("the time of carol", || Some(lab.approve("carol", &waiting)).filter(|output| output.status.success()));
    assert!(shown(&approved).contains("in the place of sre; the run has counted it"), "{}", shown(&approved));
    assert_eq!(lab.finish(&mut exec), 0, "{}", lab.said());
    assert_eq!(lab.read("state"), "well\n");
    let given: Vec<_> = events(&forger.folder).into_iter().filter(|event| event["kind"] == "approval_given").collect();
    assert_eq!((given.len(), given[0]["instead_of"].as_str()), (1, Some("sre")));
    let log = shown(&lab.run_as("alice", &["log", "latest"]));
    assert!(log.contains("carol@example.com approved gate 1 in the place of sre, as a substitute"), "{log}");
    let (ours, theirs, said) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{said}");
}

#[test]
fn who_is_asked_approves_at_once_and_is_no_substitute() {
    let lab = lab_with("10m");
    let mut exec = lab.start_exec(&["restart"]);
    let waiting = lab.gate(&mut exec);
    assert!(lab.approve("bob", &waiting).status.success());
    assert_eq!(lab.finish(&mut exec), 0, "{}", lab.said());
    let folder = lab.run_folder();
    let given = events(&folder).into_iter().find(|event| event["kind"] == "approval_given").unwrap();
    assert!(given["instead_of"].is_null(), "{given}");
    assert_eq!(lab.verify().0, 0, "{}", lab.verify().2);
}

#[test]
fn what_was_signed_too_early_is_not_counted_later_either() {
    let lab = lab_with("3s");
    let mut exec = lab.start_exec(&["restart"]);
    let waiting = lab.gate(&mut exec);
    let forger = Forger::at(&lab, &waiting);
    assert_eq!(forger.offer(&forger.approval("carol", "carol"), "carol").0, "approval_refused");
    signal(exec.id(), "INT");
    assert_eq!(lab.finish(&mut exec), 7, "{}", lab.said());
    let from = forger.request.body.instead.as_ref().unwrap().from.as_micros();
    until("the time of carol", || (jiff::Timestamp::now().as_microsecond() > from).then_some(()));
    let mut resumed = lab.start("alice", &["resume", &waiting.run]);
    until("the old approval to be judged again", || (count(&forger.folder, "approval_refused") == 2).then_some(()));
    assert_eq!((lab.read("state").as_str(), count(&forger.folder, "approval_given")), ("", 0));
    assert!(lab.approve("carol", &waiting).status.success());
    assert_eq!(lab.finish(&mut resumed), 0, "{}", lab.said());
    let (ours, theirs, said) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{said}");
}

#[test]
fn a_journal_in_which_a_substitute_counts_too_early_or_for_nobody_is_not_gone_on_with() {
    for (of, why) in [("sre", "stands in for sre at gate 1 from"), ("dba", "does not ask carol@example.com in the place of dba")] {
        let lab = lab_with("10m");
        let mut exec = lab.start_exec(&["restart"]);
        let waiting = lab.gate(&mut exec);
        signal(exec.id(), "INT");
        assert_eq!(lab.finish(&mut exec), 7, "{}", lab.said());
        let forger = Forger::at(&lab, &waiting);
        let key = forger.approval("carol", "carol").approver_key;
        let (gate, person, instead_of) = (forger.request.body.gate, "carol@example.com".parse().unwrap(), Some(of.to_owned()));
        let clock = || Timestamp::from_micros(jiff::Timestamp::now().as_microsecond());
        let (mut writer, _) = JournalWriter::open(&forger.folder, 0, Box::new(clock)).unwrap();
        let resumed = Event::RunResumed { person: "alice@example.com".parse().unwrap(), epoch: 2, machine: "console".to_owned() };
        let given = Event::ApprovalGiven { gate, person, key, document: Digest::of(b"none"), instead_of };
        writer.append_all(vec![resumed, given]).unwrap();
        drop(writer);
        let resumed = lab.run_as("alice", &["resume", &waiting.run]);
        assert!(resumed.status.code() == Some(6) && shown(&resumed).contains(why), "{}", shown(&resumed));
        assert_eq!(lab.read("state"), "");
    }
}

#[test]
fn a_substitute_who_runs_it_is_not_asked_and_cannot_sign() {
    let lab = lab_with("1s");
    lab.write("runbooks/team/policy.yaml", &POLICY.replace("groups: [dba]", "groups: [dba, ic]"));
    let mut exec = lab.start_exec(&["restart"]);
    let waiting = lab.gate(&mut exec);
    let forger = Forger::at(&lab, &waiting);
    let instead = forger.request.body.instead.clone().unwrap();
    assert_eq!(instead.by.iter().map(|person| person.as_str()).collect::<Vec<_>>(), ["carol@example.com"]);
    until("the time of a substitute", || (jiff::Timestamp::now().as_microsecond() > instead.from.as_micros()).then_some(()));
    assert_eq!(lab.approve("alice", &waiting).status.code(), Some(3));
    let (kind, why) = forger.offer(&forger.approval("alice", "alice"), "alice");
    assert!(kind == "approval_refused" && why.contains("alice@example.com runs this"), "{kind}: {why}");
    signal(exec.id(), "INT");
    assert_eq!((lab.finish(&mut exec), lab.read("state").as_str()), (7, ""));
}

#[test]
fn a_substitution_that_makes_no_sense_is_told_with_its_place_before_anything_runs() {
    let lab = lab_with("15m");
    let late = shown(&lab.run_as("alice", &["exec", "restart"]));
    assert!(late.contains("error[RB506]") && late.contains("the request ends after 15m"), "{late}");
    let text = lab.read("runbooks/restart.yaml").replace("after: 15m", "after: 1m");
    lab.write("runbooks/restart.yaml", &text.replace("of: sre", "of: dba"));
    let other = shown(&lab.run_as("alice", &["lint", "restart"]));
    assert!(other.contains("`dba` is not asked by this gate") && other.contains("`of` is one of `from`: sre"), "{other}");
    lab.write("runbooks/restart.yaml", &text.replace("by: ic", "by: boss"));
    let unknown = shown(&lab.run_as("alice", &["lint", "restart"]));
    assert!(unknown.contains("asks for `boss`, which is neither a group"), "{unknown}");
    lab.write("runbooks/restart.yaml", &text.replace("by: ic", "by: bob@example.com"));
    let nobody = shown(&lab.run_as("alice", &["lint", "restart"]));
    assert!(nobody.contains("nobody but those of `sre` could sign instead as `bob@example.com`"), "{nobody}");
}
