//! Runners that die while people decide, people who stop runs, and runners that meet. A run that has two runners must not exist.

use std::process::Command;
use std::time::Duration;

use super::killing::{
    Bob, Death, HOSTS, Record, STEPS, assert_well, at_once, freeze, go_to_the_end, go_until, kill, marks, process_of, resume_to_the_end,
    start_three, three_hosts,
};
use super::lab::sshd::signal;
use super::lab::{Lab, PATIENCE, shown, until};

/// What a step does where the run is stopped while it is at work: longer than a slow machine needs to hear a signal.
const SHORT: &str = "sleep 2";
/// A step that would outlast every test.
const FOR_EVER: &str = "sleep 3600";
/// The grace between TERM and KILL is five seconds; the rest is a slow machine's.
const SECONDS_TO_DIE: Duration = Duration::from_secs(20);

/// A run that waits at its gate and that nobody has answered.
fn at_the_gate(lab: &Lab) -> (std::process::Child, Record) {
    let (mut runner, record) = start_three(lab);
    until("the gate", || {
        assert_eq!(runner.try_wait().unwrap(), None, "{}", lab.said());
        (record.count("gate_opened") == 1).then_some(())
    });
    (runner, record)
}

/// A run that was approved and whose first step is at work on all hosts.
fn at_work(lab: &Lab, bob: &mut Bob) -> (std::process::Child, Record) {
    let (mut runner, record) = start_three(lab);
    let begun = || HOSTS.iter().all(|host| process_of(lab, host, "one").is_some());
    assert_eq!(go_until(lab, &mut runner, &record, bob, begun), None, "{}", lab.said());
    (runner, record)
}

/// The sessions of the processes that a step runs in on all hosts.
fn sessions(lab: &Lab, step: &str) -> Vec<String> {
    let session = |host: &&str| {
        let pid = process_of(lab, host, step).unwrap();
        let output = Command::new("ps").args(["-o", "sid=", "-p", &pid.to_string()]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let found: Vec<String> = HOSTS.iter().map(session).collect();
    assert!(found.iter().all(|session| !session.is_empty()), "the step is not at work: {found:?}");
    found
}

/// Whether anything lives of these sessions.
fn lives(sessions: &[String]) -> bool {
    let output = Command::new("ps").args(["-eo", "sid=,stat="]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().any(|line| {
        let mut words = line.split_whitespace();
        let (session, stat) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        !stat.starts_with('Z') && sessions.iter().any(|known| known == session)
    })
}

fn assert_ended_by_a_stop(lab: &Lab, record: &Record) {
    let ended = record.all("action_ended");
    assert_eq!(ended.len(), HOSTS.len(), "{}", record.text());
    for event in ended {
        let outcome = &event["ended"]["outcome"];
        assert_eq!((outcome["outcome"].as_str(), outcome["by"].as_str()), (Some("signalled"), Some("stop")), "{event}");
    }
    let last = record.events().last().cloned().unwrap();
    assert_eq!(last["kind"], "run_interrupted", "{}", lab.said());
    assert!(HOSTS.iter().all(|host| marks(lab, host, "one") == ["begun"] && marks(lab, host, "two").is_empty()));
}

#[test]
fn an_approval_given_while_nobody_runs_the_run_is_found_by_the_next_runner() {
    let (lab, mut bob) = (three_hosts("true"), Bob::default());
    let (mut runner, record) = at_the_gate(&lab);
    kill(&mut runner, Death::After(Duration::ZERO));
    bob.look(&lab, &record);
    bob.done(&lab);
    assert_eq!(record.count("approval_given"), 0, "nobody reads the inbox");
    assert_eq!(resume_to_the_end(&lab, &record, &mut bob), 0, "{}", lab.said());
    assert_well(&lab, &record, "killed at the gate");
    assert_eq!((bob.answers(), record.count("gate_opened")), (1, 1));
}

#[test]
fn an_approval_that_lay_unread_when_the_runner_died_counts_once() {
    let (lab, mut bob) = (three_hosts("true"), Bob::default());
    let (mut runner, record) = at_the_gate(&lab);
    freeze(&runner);
    bob.look(&lab, &record);
    bob.done(&lab);
    kill(&mut runner, Death::After(Duration::ZERO));
    assert_eq!(record.count("approval_given"), 0, "it was frozen");
    assert_eq!(resume_to_the_end(&lab, &record, &mut bob), 0, "{}", lab.said());
    assert_well(&lab, &record, "killed with an unread approval");
    assert_eq!((bob.answers(), record.count("approval_given")), (1, 1));
}

#[test]
fn a_runner_killed_while_it_connects_leaves_no_connection_and_no_doubt() {
    let lab = three_hosts("true");
    for millis in [0, 30, 60, 90, 120, 150] {
        super::killing::forget_counts(&lab);
        let ((mut runner, record), mut bob) = (start_three(&lab), Bob::default());
        assert_eq!(go_until(&lab, &mut runner, &record, &mut bob, || record.lines() >= 1), None, "{}", lab.said());
        kill(&mut runner, Death::After(Duration::from_millis(millis)));
        let config = lab.sshd.as_ref().unwrap().client_config();
        until("the end of the dead runner's connections", || (!any_process_names(&config)).then_some(()));
        assert_eq!(resume_to_the_end(&lab, &record, &mut bob), 0, "after {millis} ms: {}", lab.said());
        assert_well(&lab, &record, &format!("killed {millis} ms after it was opened"));
    }
}

fn any_process_names(word: &str) -> bool {
    let output = Command::new("ps").args(["-ww", "-eo", "stat=,args="]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().any(|line| line.contains(word) && !line.starts_with('Z'))
}

#[test]
fn a_run_has_one_runner_at_a_time() {
    let (lab, mut bob) = (three_hosts("true"), Bob::default());
    let (mut runner, record) = at_the_gate(&lab);
    let refused = lab.run_as("alice", &["resume", &record.run()]);
    assert_eq!(refused.status.code(), Some(3), "while exec runs: {}", shown(&refused));
    assert!(shown(&refused).contains("another process"), "{}", shown(&refused));
    kill(&mut runner, Death::After(Duration::ZERO));
    let mut rivals = [(); 2].map(|()| lab.start("alice", &["resume", &record.run()]));
    let ended = at_once("the end of one of them", || {
        let ended: Vec<Option<i32>> = rivals.iter_mut().map(|rival| rival.try_wait().unwrap().and_then(|status| status.code())).collect();
        ended.iter().any(Option::is_some).then_some(ended)
    });
    assert_eq!(ended.iter().flatten().collect::<Vec<_>>(), [&3], "one is refused and one goes on: {}", lab.said());
    let winner = &mut rivals[usize::from(ended[0].is_some())];
    assert_eq!(go_to_the_end(&lab, winner, &record, &mut bob), 0, "{}", lab.said());
    assert_well(&lab, &record, "two resumed it");
    assert_eq!(record.count("run_resumed"), 1);
}

#[test]
fn one_ctrl_c_lets_finish_what_runs_and_the_run_goes_on_later() {
    let (lab, mut bob) = (three_hosts(SHORT), Bob::default());
    let (mut runner, record) = at_work(&lab, &mut bob);
    signal(runner.id(), "INT");
    assert_eq!(go_to_the_end(&lab, &mut runner, &record, &mut bob), 7, "{}", lab.said());
    assert!(HOSTS.iter().all(|host| marks(&lab, host, "one") == ["begun", "ended"] && marks(&lab, host, "two").is_empty()));
    assert_eq!(record.count("action_ended"), HOSTS.len());
    assert_eq!(resume_to_the_end(&lab, &record, &mut bob), 0, "{}", lab.said());
    assert_well(&lab, &record, "interrupted once");
    assert_eq!(record.count("action_started"), HOSTS.len() * STEPS.len());
}

#[test]
fn one_ctrl_c_at_a_gate_leaves_the_question_open_and_it_may_be_answered_before_the_run_is_resumed() {
    let (lab, mut bob) = (three_hosts("true"), Bob::default());
    let (mut runner, record) = at_the_gate(&lab);
    signal(runner.id(), "INT");
    assert_eq!(until("the end of the runner", || runner.try_wait().unwrap()).code(), Some(7), "{}", lab.said());
    bob.look(&lab, &record);
    bob.done(&lab);
    assert_eq!(resume_to_the_end(&lab, &record, &mut bob), 0, "{}", lab.said());
    assert_well(&lab, &record, "interrupted at the gate");
    assert_eq!(record.count("gate_opened"), 1);
}

#[test]
fn two_ctrl_c_end_what_runs_on_the_hosts_and_the_record_says_so() {
    let (lab, mut bob) = (three_hosts(FOR_EVER), Bob::default());
    let (mut runner, record) = at_work(&lab, &mut bob);
    let sessions = sessions(&lab, "one");
    signal(runner.id(), "INT");
    signal(runner.id(), "TERM"); // another signal, so that the two are not merged into one
    let began = std::time::Instant::now();
    at_once("the end of the step on all hosts", || (!lives(&sessions)).then_some(()));
    assert!(began.elapsed() < SECONDS_TO_DIE.min(PATIENCE), "it took {:?}", began.elapsed());
    assert_eq!(go_to_the_end(&lab, &mut runner, &record, &mut bob), 7, "{}", lab.said());
    assert_ended_by_a_stop(&lab, &record);
    assert_eq!(resume_to_the_end(&lab, &record, &mut bob), 1, "what was stopped has failed: {}", lab.said());
    assert_eq!(record.count("action_started"), HOSTS.len(), "it is not begun again");
}

#[test]
fn a_stop_from_elsewhere_is_one_ctrl_c() {
    let (lab, mut bob) = (three_hosts(SHORT), Bob::default());
    let (mut runner, record) = at_work(&lab, &mut bob);
    let stopped = lab.run_as("alice", &["stop", &record.run()]);
    assert!(stopped.status.success() && shown(&stopped).contains("interrupted"), "{}", shown(&stopped));
    assert_eq!(go_to_the_end(&lab, &mut runner, &record, &mut bob), 7, "{}", lab.said());
    assert_eq!(resume_to_the_end(&lab, &record, &mut bob), 0, "{}", lab.said());
    assert_well(&lab, &record, "stopped from elsewhere");
}

#[test]
fn a_stop_now_from_elsewhere_ends_what_runs_on_the_hosts() {
    let (lab, mut bob) = (three_hosts(FOR_EVER), Bob::default());
    let (mut runner, record) = at_work(&lab, &mut bob);
    let sessions = sessions(&lab, "one");
    let stopped = lab.run_as("alice", &["stop", &record.run(), "--now"]);
    assert!(stopped.status.success() && shown(&stopped).contains("interrupted"), "{}", shown(&stopped));
    assert!(!lives(&sessions), "the step lives on");
    assert_eq!(go_to_the_end(&lab, &mut runner, &record, &mut bob), 7, "{}", lab.said());
    assert_ended_by_a_stop(&lab, &record);
}

#[test]
fn a_run_that_nobody_runs_is_closed_by_stop_and_not_resumed() {
    let lab = three_hosts("true");
    let (mut runner, record) = at_the_gate(&lab);
    kill(&mut runner, Death::After(Duration::ZERO));
    let stopped = lab.run_as("alice", &["stop", &record.run()]);
    assert!(stopped.status.success() && record.is_closed(), "{}", shown(&stopped));
    let late = lab.run_as("alice", &["resume", &record.run()]);
    assert_eq!(late.status.code(), Some(2), "{}", shown(&late));
    let (ours, theirs, said) = super::killing::verify(&lab, &record);
    assert_eq!((ours, theirs), (0, 0), "{said}");
}
