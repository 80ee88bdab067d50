//! Mallory can write into a run's folder. Each forgery against the real binary: noticed before anything runs, and the run stays alive.

#[path = "support/forger.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod forger;
#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;

use std::path::Path;
use std::process::{Child, Command};

use forger::{Forger, count, events};
use lab::sshd::signal;
use lab::{Lab, Waiting, shown};
use runbook::base::{Bytes, Digest, GateNo, Timestamp};
use runbook::event::{Answer, AppendLog, Attempts, Effect, Event, Interruption, Stage, StageWork};
use runbook::journal::JournalWriter;
use runbook::plan::action_digest;

fn open_gate() -> (Lab, Child, Waiting) {
    let lab = Lab::with_hosts(&["db"], "production");
    let text = "steps:\n  - name: Restart\n    hosts: db\n    run: echo well >> FILE\n    timeout: 10s\n";
    lab.runbook("restart", &text.replace("FILE", &lab.path("state").display().to_string()));
    lab.write("state", "wedged\n");
    let mut exec = lab.start_exec(&["restart"]);
    let waiting = lab.gate(&mut exec);
    (lab, exec, waiting)
}

fn interrupted() -> (Lab, Waiting) {
    let (lab, mut exec, waiting) = open_gate();
    signal(exec.id(), "INT");
    assert_eq!(lab.finish(&mut exec), 7, "{}", lab.said());
    (lab, waiting)
}

/// Appends lines with right sums, as anybody can who can write there.
fn forge(folder: &Path, events: Vec<Event>) {
    let clock = || Timestamp::from_micros(jiff::Timestamp::now().as_microsecond());
    let (mut writer, _) = JournalWriter::open(folder, 0, Box::new(clock)).unwrap();
    let resumed = Event::RunResumed { person: "alice@example.com".parse().unwrap(), epoch: 2, machine: "console".to_owned() };
    let ended = Event::RunInterrupted { why: Interruption::Asked };
    writer.append_all([vec![resumed], events, vec![ended]].concat()).unwrap();
}

/// Resuming is refused as tampering for this reason, and nothing was run.
fn is_not_gone_on_with(lab: &Lab, waiting: &Waiting, why: &str) {
    let resumed = lab.run_as("alice", &["resume", &waiting.run]);
    let said = shown(&resumed);
    assert!(resumed.status.code() == Some(6) && said.contains(why), "{said}");
    assert_eq!(lab.read("state"), "wedged\n");
}

#[test]
fn an_approval_that_nobody_signed_is_not_gone_on_with() {
    let (lab, waiting) = interrupted();
    let forger = Forger::at(&lab, &waiting);
    let (person, key) = ("bob@example.com".parse().unwrap(), forger.approval("bob", "bob").approver_key);
    forge(
        &forger.folder,
        vec![Event::ApprovalGiven { gate: forger.request.body.gate, person, key, document: Digest::of(b"none"), instead_of: None }],
    );
    is_not_gone_on_with(&lab, &waiting, "nothing was run");
}

#[test]
fn a_command_that_the_runbook_does_not_give_is_not_gone_on_with() {
    let (lab, waiting) = interrupted();
    let folder = lab.run_folder();
    let prepared = events(&folder).into_iter().find(|event| event["kind"] == "stage_prepared").unwrap();
    let mut stage: Stage = serde_json::from_value(prepared["stage"].clone()).unwrap();
    (stage.effect, stage.attempts, stage.gate, stage.round) = (Effect::Read, Attempts::Free, None::<GateNo>, 2);
    let mut evil = stage.clone();
    if let StageWork::Commands { actions, .. } = &mut evil.work {
        actions[0].command.script = Bytes::from(format!("echo evil >> {}\n", lab.path("state").display()).as_str());
        (stage.work, stage.name) = (evil.work.clone(), stage.name.clone());
    }
    if let StageWork::Commands { actions, .. } = &mut evil.work {
        actions[0].digest = action_digest(&stage, &actions[0]);
    }
    let again = Event::PersonAnswered { step: evil.step.clone(), person: "alice@example.com".parse().unwrap(), answer: Answer::Retry };
    forge(&folder, vec![again, Event::StagePrepared { stage: Box::new(evil) }]);
    is_not_gone_on_with(&lab, &waiting, "is not prepared as the run's runbook says");
}

#[test]
fn copies_that_were_edited_and_journals_that_were_cut_are_not_gone_on_with() {
    let (lab, waiting) = interrupted();
    let folder = lab.run_folder();
    for name in ["runbook.yaml", "policy.yaml", "inventory.yaml", "allowed_signers"] {
        let path = folder.join("inputs").join(name);
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{before}# changed\n")).unwrap();
        is_not_gone_on_with(&lab, &waiting, "is not what the run was opened with");
        std::fs::write(&path, before).unwrap();
    }
    let journal = std::fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    let kept: String = journal.split_inclusive('\n').take_while(|line| !line.contains("gate_opened")).collect();
    std::fs::write(folder.join("journal.jsonl"), kept).unwrap();
    is_not_gone_on_with(&lab, &waiting, "was seen here before");
}

#[test]
fn a_cut_journal_is_refused_by_the_machine_of_whoever_saw_more() {
    let (lab, mut exec, waiting) = open_gate();
    assert_eq!(lab.run_as("bob", &["approve", &waiting.run, "--check", "AAAAAA"]).status.code(), Some(3)); // bob looked at it
    let path = lab.run_folder().join("journal.jsonl");
    let journal = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, journal.replace("\"machine\":\"", "\"machine\":\"x")).unwrap();
    assert_eq!(lab.approve("bob", &waiting).status.code(), Some(6));
    assert_eq!(lab.run_as("bob", &["verify", &waiting.run]).status.code(), Some(6));
    std::fs::write(&path, journal).unwrap();
    std::fs::write(&waiting.request, std::fs::read_to_string(&waiting.request).unwrap().replace("echo well", "true")).unwrap();
    let replaced = lab.approve("bob", &waiting);
    assert!(replaced.status.code() == Some(6) && shown(&replaced).contains("the request is not in approvals/"), "{}", shown(&replaced));
    assert_eq!(lab.read("state"), "wedged\n");
    signal(exec.id(), "INT");
    lab.finish(&mut exec);
}

#[test]
fn a_flood_a_pipe_a_link_and_a_huge_file_neither_end_the_run_nor_fill_its_record() {
    let (lab, mut exec, waiting) = open_gate();
    let inbox = lab.run_folder().join("inbox");
    assert!(Command::new("mkfifo").arg(inbox.join("0-pipe.txt")).status().unwrap().success());
    std::os::unix::fs::symlink("/etc/passwd", inbox.join("0-link.txt")).unwrap();
    std::fs::File::create(inbox.join("0-huge.txt")).unwrap().set_len(1 << 30).unwrap();
    for name in ["0-pipe", "0-link", "0-huge"] {
        std::fs::write(inbox.join(format!("{name}.txt.sig")), "no signature").unwrap();
    }
    for number in 0..4900 {
        std::fs::write(inbox.join(format!("1-{number}.txt.sig")), "no signature").unwrap();
        std::fs::write(inbox.join(format!("1-{number}.txt")), format!("garbage {number}")).unwrap();
    }
    lab.approve("bob", &waiting);
    assert_eq!(lab.finish(&mut exec), 0, "{}", lab.said());
    assert_eq!((lab.read("state").as_str(), count(&lab.run_folder(), "approval_refused")), ("wedged\nwell\n", 100));
    assert_eq!(lab.verify().0, 0, "{}", lab.verify().2);
}

#[test]
fn a_copied_store_cannot_run_it_a_second_time() {
    let (lab, mut exec, waiting) = open_gate();
    let copied = Command::new("cp").arg("-a").arg(lab.path("store")).arg(lab.path("copy")).status().unwrap();
    assert!(copied.success() && lab.approve("bob", &waiting).status.success());
    assert_eq!(lab.finish(&mut exec), 0, "{}", lab.said());
    let in_copy = lab.path("copy").display().to_string();
    let remembered = lab.run_as("alice", &["resume", &waiting.run, "--store", &in_copy]);
    assert_eq!(remembered.status.code(), Some(6), "{}", shown(&remembered));
    std::fs::remove_dir_all(lab.path("state-alice")).unwrap();
    let from = lab.run_folder().join("inbox");
    assert!(Command::new("cp").arg("-a").arg(from).arg(lab.path("copy/runs").join(&waiting.run)).status().unwrap().success());
    let again = lab.run_as("alice", &["resume", &waiting.run, "--store", &in_copy]);
    assert_eq!(lab.read("state"), "wedged\nwell\n", "{}", shown(&again));
}
