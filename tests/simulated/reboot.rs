//! `reboot:` on simulated hosts: asked for once, whenever the runner dies, and waited for.

use crate::simulation::{Scenario, World};
use runbook::base::Period;
use runbook::drill::{Reply, System};
use runbook::engine::{Life, Task};
use runbook::event::Verdict;

const REBOOT: &str = "runbook: random
title: A restart
steps:
  - {name: anew, hosts: all, gate: {approvals: 1}, reboot: true, timeout: 2m}
  - {name: look, hosts: all, check: look}
";

/// Hosts that do not answer for so many seconds once they were asked to restart.
fn hosts(down: u64) -> impl Fn(&Task) -> Reply + Send + Sync + 'static {
    move |task: &Task| {
        let system = match task.step.as_str() {
            "anew.before" => System::SaysStart,
            "anew" => System::Restarts { down: Period::from_secs(down) },
            "anew.after" => System::SeeksAnother,
            _ => System::Nothing,
        };
        Reply { system, ..Reply::default() }
    }
}

fn mains(starts: &[String]) -> usize {
    starts.iter().filter(|start| start.starts_with("anew ")).count()
}

#[test]
fn a_host_is_asked_once_and_waited_for_until_it_answers_from_another_start() {
    let scenario = Scenario::unattended(REBOOT, 2, hosts(40));
    let ended = World::new(&scenario).run_to_the_end(None);
    assert_eq!(ended.state.life, Life::Closed(Verdict::Recovered));
    let starts = ended.starts_on("h1");
    assert_eq!((&starts[..2], starts.last().map(String::as_str)), (&["anew.before 1".to_owned(), "anew 1".to_owned()][..], Some("look 1")));
    for crash_at in 1..=ended.journal.len() {
        let ended = World::new(&scenario).run_to_the_end(Some(crash_at));
        assert!(mains(&ended.starts_on("h0")) <= 1 && mains(&ended.starts_on("h1")) <= 1, "killed at line {crash_at}");
        ended.check(&scenario, &format!("killed at line {crash_at}"));
    }
}

#[test]
fn a_host_that_does_not_come_back_fails_the_step_and_what_follows_does_not_run() {
    let scenario = Scenario::unattended(REBOOT, 1, hosts(3600));
    let ended = World::new(&scenario).run_to_the_end(None);
    assert_eq!(ended.state.life, Life::Closed(Verdict::Failed));
    let starts = ended.starts_on("h0");
    assert!(!starts.contains(&"look 1".to_owned()), "{starts:?}");
    let summaries = runbook::views::steps(scenario.program(), &ended.state);
    let said = summaries.iter().find_map(|step| step.phrase.clone().filter(|_| step.id.as_str() == "anew.after")).unwrap();
    assert!(said.starts_with("it has not come back from a restart within 2m; the last look: never started"), "{said}");
}

#[test]
fn nobody_waits_for_a_host_that_was_not_restarted() {
    let fails = |task: &Task| match task.step.as_str() {
        "anew.before" => Reply { system: System::SaysStart, ..Reply::default() },
        step => Reply { code: i32::from(step == "anew"), ..Reply::default() },
    };
    let text = REBOOT.replace("timeout: 2m", "timeout: 2m, on_failure: continue");
    let ended = World::new(&Scenario::unattended(&text, 1, fails)).run_to_the_end(None);
    assert_eq!(ended.starts_on("h0"), ["anew.before 1", "anew 1", "look 1"]);
}
