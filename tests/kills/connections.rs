//! The connection dies in the middle of a step; the runner lives. Nothing may be lost, and nothing may run twice.

use std::process::Child;

use super::killing::{Bob, HOSTS, assert_well, go_to_the_end, go_until, marks, start_three, three_hosts};
use super::lab::Lab;
use super::lab::sshd::{children, signal};

/// At work until the test lets it go: the fault is always in its middle.
const WORK: &str = "until test -e DIR/go.STEP; do sleep 0.1; done";

/// Runs the three steps, and does something to the connections while each of two is at work on all hosts. A fault says what it killed.
fn with_faults(fault: impl Fn(&Lab, &Child) -> Vec<u32>) {
    let lab = three_hosts(WORK);
    let ((mut runner, record), mut bob) = (start_three(&lab), Bob::default());
    lab.write("counts/go.three", "");
    for step in ["one", "two"] {
        let begun = || HOSTS.iter().all(|host| !marks(&lab, host, step).is_empty());
        assert_eq!(go_until(&lab, &mut runner, &record, &mut bob, begun), None, "{}", lab.said());
        let killed = fault(&lab, &runner);
        assert!(killed.len() >= HOSTS.len(), "there was nothing to kill: {killed:?}");
        lab.write(&format!("counts/go.{step}"), "");
    }
    assert_eq!(go_to_the_end(&lab, &mut runner, &record, &mut bob), 0, "{}\n{}", lab.said(), record.text());
    assert_well(&lab, &record, "after the faults");
    assert_eq!((record.count("run_resumed"), record.count("action_started")), (0, 9), "{:?}", record.kinds());
}

#[test]
fn a_target_whose_ssh_sessions_are_killed_in_mid_step_loses_no_outcome() {
    with_faults(|lab, _| {
        let sessions = lab.sshd.as_ref().unwrap().sessions();
        sessions.iter().for_each(|pid| signal(*pid, "KILL"));
        sessions
    });
}

#[test]
fn a_runner_whose_connections_are_killed_in_mid_step_loses_no_outcome() {
    with_faults(|_, runner| {
        let keepers = children(runner.id(), "sh");
        let masters: Vec<u32> = keepers.iter().flat_map(|keeper| children(*keeper, "ssh")).collect();
        masters.iter().for_each(|pid| signal(*pid, "KILL"));
        masters
    });
}
