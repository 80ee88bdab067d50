//! Alice wants to run a production change alone. Each way that we could think of, against the real binary: refused, said, and nothing run.

#[path = "support/forger.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod forger;
#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;

use std::process::Child;

use forger::{APPROVE, Forger, count};
use lab::sshd::signal;
use lab::{Lab, Waiting, shown, until};
use runbook::approval::Approval;
use runbook::base::{GateNo, Period};

/// A change behind a gate with these words; bob alone is `sre`.
fn lab_with(gate: &str) -> Lab {
    let lab = Lab::with_hosts(&["db"], "production");
    write_restart(&lab, gate);
    lab.write("state", "wedged\n");
    lab
}

fn write_restart(lab: &Lab, gate: &str) {
    let file = lab.path("state");
    let text = "steps:\n  - name: Restart\n    hosts: db\n    GATErun: echo well >> FILE\n    timeout: 10s\n";
    lab.runbook("restart", &text.replace("GATE", gate).replace("FILE", &file.display().to_string()));
}

fn open_gate(gate: &str) -> (Lab, Child, Waiting) {
    let lab = lab_with(gate);
    let mut exec = lab.start_exec(&["restart"]);
    let waiting = lab.gate(&mut exec);
    (lab, exec, waiting)
}

fn by_bob() -> (Lab, Child, Waiting) {
    open_gate("gate: {approvals: 1, from: [sre]}\n    ")
}

/// Interrupts a runner and waits for its end.
fn interrupt(lab: &Lab, exec: &mut Child) {
    signal(exec.id(), "INT");
    assert_eq!(lab.finish(exec), 7, "{}", lab.said());
}

fn refused(answer: &(String, String), why: &str) {
    assert!(answer.0 == "approval_refused" && answer.1.contains(why), "expected a refusal with {why:?}, got {answer:?}");
}

#[test]
fn alice_cannot_approve_herself_and_nobody_can_lend_her_a_name() {
    let (lab, mut exec, waiting) = by_bob();
    let herself = lab.approve("alice", &waiting);
    assert!(herself.status.code() == Some(3) && shown(&herself).contains("cannot answer it as well"), "{}", shown(&herself));
    let borrowed =
        lab.runbook_as("alice", &["approve", &waiting.run, "--check", &waiting.check, "--as", "bob@example.com"]).output().unwrap();
    assert_ne!(borrowed.status.code(), Some(0), "{}", shown(&borrowed));
    let forger = Forger::at(&lab, &waiting);
    refused(&forger.offer(&forger.approval("alice", "alice"), "alice"), "alice@example.com runs this and cannot approve it as well");
    refused(&forger.offer(&forger.approval("bob", "alice"), "alice"), "is the requester's own");
    refused(&forger.offer(&forger.approval("bob", "bob"), "alice"), "belongs to alice@example.com, not to bob@example.com");
    refused(&forger.offer(&forger.approval("bob", "carol"), "carol"), "belongs to carol@example.com, not to bob@example.com");
    refused(&forger.offer(&forger.approval("mallory", "mallory"), "mallory"), "mallory@example.com is not in allowed_signers");
    refused(&forger.offer(&forger.approval("bob", "mallory"), "mallory"), "is not in allowed_signers");
    refused(&forger.offer(&forger.approval("carol", "carol"), "carol"), "carol@example.com is not among those that this gate needs");
    assert_eq!((lab.read("state").as_str(), count(&forger.folder, "approval_given")), ("wedged\n", 0));
    lab.approve("bob", &waiting);
    assert_eq!(lab.finish(&mut exec), 0, "{}", lab.said());
    assert_eq!(lab.read("state"), "wedged\nwell\n");
    let (ours, theirs, said) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{said}");
}

type Change = fn(&mut Approval);

#[test]
fn what_bob_signed_for_something_else_does_not_count_here() {
    let (lab, mut exec, waiting) = by_bob();
    let forger = Forger::at(&lab, &waiting);
    let later = |approval: &mut Approval, seconds| approval.body.issued = approval.body.issued.after(Period::from_secs(seconds));
    let changes: [(Change, &str); 8] = [
        (|a| a.body.run = "01J9ABCDEFGHJKMNPQRSTVK7QM".parse().unwrap(), "it is for run 01J9"),
        (|a| a.body.gate = GateNo(7), "it is for gate 7"),
        (|a| a.body.nonce = "Z".repeat(32), "it answers another request for this gate"),
        (|a| a.request = runbook::base::Digest::ZERO, "it answers another request for this gate"),
        (|a| a.body.plan.iter_mut().for_each(|line| *line = line.replace("echo well", "true")), "it is not what was asked: line"),
        (|a| a.body.plan.iter_mut().for_each(|line| *line = line.replace("on db", "on web")), "it is not what was asked: line"),
        (|a| a.body.expires = a.body.expires.after(Period::from_secs(86_400)), "it is not what was asked: line"),
        (|a| a.body.journal.seq += 1, "which our journal does not hold"),
    ];
    for (change, why) in changes {
        let mut approval = forger.approval("bob", "bob");
        change(&mut approval);
        refused(&forger.offer(&approval, "bob"), why);
    }
    for (seconds, why) in [(300, "before the request or in the future"), (86_400, "the request ended at")] {
        let mut approval = forger.approval("bob", "bob");
        later(&mut approval, seconds);
        refused(&forger.offer(&approval, "bob"), why);
    }
    let text = forger.approval("bob", "bob").render();
    refused(&forger.offer_signed(&text, &forger.sign("bob", "git", &text)), "it was made for git");
    let mut moved = forger.approval("bob", "bob");
    later(&mut moved, 1);
    refused(&forger.offer_signed(&moved.render(), &forger.sign("bob", APPROVE, &text)), "the document was changed after it was signed");
    let hidden = text.replace("echo well", "\u{1b}[8mecho well");
    refused(&forger.offer_signed(&hidden, &forger.sign("bob", APPROVE, &hidden)), "expected printable ASCII");
    assert_eq!((lab.read("state").as_str(), count(&forger.folder, "approval_given")), ("wedged\n", 0));
    interrupt(&lab, &mut exec);
    assert_eq!(lab.verify().0, 0, "{}", lab.verify().2);
}

#[test]
fn one_person_counts_once_with_however_many_copies_and_keys() {
    let lab = lab_with("gate: {approvals: 2}\n    ");
    let signers = ["alice", "bob", "carol"].map(|person| lab.signer(person, person)).concat();
    lab.write("runbooks/team/allowed_signers", &(signers + &lab.signer("bob", "mallory")));
    let mut exec = lab.start_exec(&["restart"]);
    let waiting = lab.gate(&mut exec);
    let forger = Forger::at(&lab, &waiting);
    let approval = forger.approval("bob", "bob");
    assert_eq!(forger.offer(&approval, "bob").0, "approval_given");
    refused(&forger.offer(&approval, "bob"), "has approved this already");
    refused(&forger.offer(&forger.approval("bob", "mallory"), "mallory"), "has approved this already");
    assert_eq!(lab.read("state"), "wedged\n");
    lab.approve("carol", &waiting);
    assert_eq!(lab.finish(&mut exec), 0, "{}", lab.said());
}

#[test]
fn an_approval_of_an_earlier_opening_of_the_gate_does_not_open_it_again() {
    let (lab, mut exec, waiting) = open_gate("gate: {approvals: 1, expires: 3s}\n    ");
    let forger = Forger::at(&lab, &waiting);
    let approval = forger.approval("bob", "bob");
    assert_eq!(lab.finish(&mut exec), 3, "{}", lab.said());
    let mut resumed = lab.start("alice", &["resume", &waiting.run]);
    lab.next_gate(&mut resumed, &[&waiting.check]);
    refused(&forger.offer(&approval, "bob"), "it answers another request for this gate");
    assert_eq!(lab.finish(&mut resumed), 3, "{}", lab.said());
    assert_eq!(lab.read("state"), "wedged\n");
}

#[test]
fn an_approval_for_tonight_is_not_kept_for_another_night() {
    let lab = Lab::with_hosts(&["db"], "production");
    let run = format!("run: echo well >> {}", lab.path("state").display());
    let text = "steps:\n  - name: Change\n    gate: {approvals: 1, expires: 6s}\n    steps:\n      - name: Settle\n        wait: 10m\n      \
                - name: Restart\n        hosts: db\n        RUN\n        timeout: 10s\n";
    lab.runbook("restart", &text.replace("RUN", &run));
    let mut exec = lab.start_exec(&["restart"]);
    let waiting = lab.gate(&mut exec);
    assert!(lab.approve("bob", &waiting).status.success());
    let folder = lab.run_folder();
    until("the wait behind the gate", || (count(&folder, "wait_began") == 1).then_some(()));
    interrupt(&lab, &mut exec);
    let expires = Forger::at(&lab, &waiting).request.body.expires.as_micros();
    until("the hour that bob approved to pass", || (jiff::Timestamp::now().as_microsecond() > expires).then_some(()));
    let mut resumed = lab.start("alice", &["resume", &waiting.run]);
    lab.next_gate(&mut resumed, &[&waiting.check]);
    interrupt(&lab, &mut resumed);
    assert_eq!((lab.read("state").as_str(), count(&folder, "gate_opened")), ("", 2));
}

#[test]
fn files_that_changed_since_the_run_was_opened_stop_it_when_counting_and_when_resuming() {
    let (lab, mut exec, waiting) = by_bob();
    let forger = Forger::at(&lab, &waiting);
    let files = ["restart.yaml", "team/inventory.yaml", "team/policy.yaml", "team/allowed_signers"].map(|name| format!("runbooks/{name}"));
    for file in &files {
        let before = lab.read(file);
        lab.write(file, &format!("{before}# changed\n"));
        refused(&forger.offer(&forger.approval("bob", "bob"), "bob"), "changed since this run was opened; start a new run");
        lab.write(file, &before);
    }
    let revoked = lab.read(&files[3]).lines().filter(|line| !line.starts_with("bob")).map(|line| format!("{line}\n")).collect::<String>();
    let signers = lab.read(&files[3]);
    lab.write(&files[3], &revoked);
    refused(&forger.offer(&forger.approval("bob", "bob"), "bob"), "team/allowed_signers changed");
    lab.write(&files[3], &signers);
    interrupt(&lab, &mut exec);
    for file in &files {
        let before = lab.read(file);
        lab.write(file, &format!("{before}# changed\n"));
        let resumed = lab.run_as("alice", &["resume", &waiting.run]);
        assert!(resumed.status.code() == Some(3) && shown(&resumed).contains("changed"), "{file}: {}", shown(&resumed));
        lab.write(file, &before);
    }
    assert_eq!(lab.read("state"), "wedged\n");
}

#[test]
fn a_roster_in_which_one_key_or_line_could_be_several_people_is_refused_with_its_place() {
    let lab = lab_with("");
    let good = ["alice", "bob"].map(|person| lab.signer(person, person)).concat();
    let pattern = lab.signer("carol", "carol").replace("carol@", "*@");
    let bare = lab.signer("carol", "carol").replace(" namespaces=\"runbook-*@example.com\"", "");
    let narrow = lab.signer("carol", "carol").replace("runbook-*@", "runbook-*@not-");
    let own_key = lab.signer("mallory", "alice");
    for (line, why) in [
        (pattern, "a pattern"),
        (bare, "namespaces"),
        (narrow, "does not cover"),
        (own_key, "this key is also alice@example.com's, on line 1"),
    ] {
        lab.write("runbooks/team/allowed_signers", &(good.clone() + &line));
        let exec = lab.run_as("alice", &["exec", "restart"]);
        let said = shown(&exec);
        assert!(exec.status.code() == Some(2) && said.contains(why) && said.contains("allowed_signers:3"), "{line}: {said}");
    }
    assert_eq!(lab.read("state"), "wedged\n");
    assert!(lab.runs().is_empty());
}

#[test]
fn no_wording_of_a_runbook_asks_fewer_people_than_the_policy() {
    let lab = lab_with("gate: {approvals: 0}\n    ");
    let said = |status: i32| {
        let exec = lab.run_as("alice", &["exec", "restart"]);
        assert_eq!(exec.status.code(), Some(status), "{}", shown(&exec));
        shown(&exec)
    };
    assert!(said(2).contains("stops nobody"));
    write_restart(&lab, "gate: {approvals: 1, from: [dba]}\n    ");
    let alone = said(1);
    assert!(alone.contains("those who have a key that counts are too few: nobody"), "{alone}");
    write_restart(&lab, "retry: {attempts: 3}\n    ");
    assert!(said(2).contains("retry"));
    let look = lab.read("runbooks/restart.yaml").replace("retry: {attempts: 3}\n    ", "").replace("run: echo", "check: echo");
    lab.write("runbooks/restart.yaml", &look);
    assert!(said(2).contains("check"));
    write_restart(&lab, "effect: read\n    ");
    assert!(said(2).contains("effect"));
    assert_eq!(lab.read("state"), "wedged\n");
    for (gate, people) in [("", 1), ("effect: destructive\n    gate: {approvals: 1}\n    ", 2)] {
        write_restart(&lab, gate);
        let mut exec = lab.start_exec(&["restart"]);
        let waiting = lab.gate(&mut exec);
        assert_eq!(Forger::at(&lab, &waiting).request.body.slots.len(), people, "{gate}");
        interrupt(&lab, &mut exec);
    }
    assert_eq!(lab.read("state"), "wedged\n");
}

#[test]
fn nobody_opens_a_run_in_the_name_of_another() {
    let lab = lab_with("");
    let mut as_bob = std::process::Command::new(env!("CARGO_BIN_EXE_runbook"));
    as_bob.args(["exec", "restart", "--as", "bob@example.com", "--key"]).arg(lab.path("alice"));
    as_bob.current_dir(lab.dir.path()).env("RUNBOOK_STORE", lab.path("store")).env("XDG_STATE_HOME", lab.path("state-alice"));
    let output = as_bob.stdin(std::process::Stdio::null()).output().unwrap();
    assert!(
        output.status.code() == Some(3) && shown(&output).contains("belongs to alice@example.com, not to bob@example.com"),
        "{}",
        shown(&output)
    );
    assert_eq!(lab.read("state"), "wedged\n");
}

#[test]
fn nothing_is_signed_without_the_code_and_empty_is_never_yes() {
    let (lab, mut exec, waiting) = by_bob();
    let folder = lab.run_folder();
    let dropped = || std::fs::read_dir(folder.join("inbox")).unwrap().count();
    let unattended = lab.run_as("bob", &["approve", &waiting.run]);
    assert!(unattended.status.code() == Some(2) && shown(&unattended).contains("nobody is at a terminal"), "{}", shown(&unattended));
    for code in ["", "AAAAAA", "y", "yes"] {
        let wrong = lab.run_as("bob", &["approve", &waiting.run, "--check", code]);
        assert!(wrong.status.code() == Some(3) && shown(&wrong).contains("nothing was signed"), "{code}: {}", shown(&wrong));
    }
    for typed in ["\n", "y\nyes\nAAAAAA\n", "\u{4}"] {
        lab.write("typed", typed);
        let words = lab.runbook_as("bob", &["approve", &waiting.run]);
        let line: Vec<String> =
            std::iter::once(words.get_program()).chain(words.get_args()).map(|word| word.to_string_lossy().into_owned()).collect();
        let mut terminal = std::process::Command::new("script");
        terminal.args(["-qec", &line.join(" "), "/dev/null"]).current_dir(lab.dir.path());
        terminal
            .envs(words.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .stdin(std::fs::File::open(lab.path("typed")).unwrap());
        let attended = terminal.output().unwrap();
        assert!(attended.status.code() == Some(3) && shown(&attended).contains("nothing was signed"), "{typed:?}: {}", shown(&attended));
    }
    assert_eq!((dropped(), lab.read("state").as_str()), (0, "wedged\n"));
    interrupt(&lab, &mut exec);
}
