//! `put:` and its look on simulated hosts: what runs in which order, and nothing twice, whenever the runner dies.

use crate::simulation::{Scenario, World};
use runbook::drill::Reply;
use runbook::engine::Task;
use runbook::event::{Answer, Event};

const PUTS: &str = "runbook: random
title: Two files behind one gate
steps:
  - name: both
    hosts: all
    gate: {approvals: 1}
    steps:
      - {name: one, put: {to: /etc/one, content: x}}
      - {name: two, put: {to: /etc/two, content: y}}
";

/// Nothing is there yet; a command that writes fails as `fails` says.
fn hosts(fails: fn(&Task) -> bool) -> impl Fn(&Task) -> Reply + Send + Sync + 'static {
    move |task: &Task| match task.step.as_str().ends_with(".before") {
        true => Reply { stdout: b"absent\n".to_vec(), ..Reply::default() },
        false => Reply { code: i32::from(fails(task)), ..Reply::default() },
    }
}

#[test]
fn everything_behind_a_gate_is_looked_at_before_anybody_is_asked() {
    let scenario = Scenario::unattended(PUTS, 2, hosts(|_| false));
    let whole = World::new(&scenario).run_to_the_end(None);
    assert!(whole.is_closed());
    assert_eq!(whole.starts_on("h1"), ["one.before 1", "two.before 1", "one 1", "two 1"]);
    let gate = whole.journal.iter().position(|entry| matches!(entry.event, Event::GateOpened { .. })).unwrap();
    let started = |entry: &&runbook::event::Entry| matches!(entry.event, Event::ActionStarted { .. });
    assert_eq!(whole.journal[..gate].iter().filter(started).count(), 4, "two looks on two hosts");
    for crash_at in 1..=whole.journal.len() {
        let ended = World::new(&scenario).run_to_the_end(Some(crash_at));
        assert!(ended.is_closed(), "killed at line {crash_at}");
        ended.check(&scenario, &format!("killed at line {crash_at}"));
    }
}

#[test]
fn a_put_that_is_tried_again_is_looked_at_again() {
    let scenario = Scenario::attended(PUTS, hosts(|task| task.step.as_str() == "one" && task.attempt == 1), vec![Answer::Retry]);
    let ended = World::new(&scenario).run_to_the_end(None);
    assert!(ended.is_closed());
    assert_eq!(ended.starts_on("h0"), ["one.before 1", "two.before 1", "one 1", "one.before 2", "one 2", "two 1"]);
}
