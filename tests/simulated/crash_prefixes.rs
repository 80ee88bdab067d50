//! Random runbooks on simulated hosts, with the runner killed at every line of every journal and resumed: nothing runs twice that must not,
//! nothing runs unapproved or unrecorded, and every host is named once in the result.

use crate::simulation::{Scenario, World};
use runbook::event::{Effect, Event};

/// The issue asks for at least a thousand; `RUNBOOK_CRASH_RUNS` makes it a longer campaign.
fn runs() -> u64 {
    std::env::var("RUNBOOK_CRASH_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(1_000)
}

#[test]
fn a_run_killed_at_any_line_goes_on_without_repeating_what_must_not_be_repeated() {
    let mut prefixes = 0;
    let mut resumed_to_the_end = 0;
    for seed in 0..runs() {
        let scenario = Scenario::random(seed);
        let whole = World::new(&scenario).run_to_the_end(None);
        for crash_at in 1..=whole.journal.len() {
            let world = World::new(&scenario);
            let ended = world.run_to_the_end(Some(crash_at));
            ended.check(&scenario, &format!("seed {seed}, killed at line {crash_at}"));
            prefixes += 1;
            resumed_to_the_end += usize::from(ended.is_closed());
        }
    }
    assert!(prefixes > 10_000, "expected many prefixes, got {prefixes}");
    assert!(resumed_to_the_end > prefixes / 4, "most runs should come to an end, got {resumed_to_the_end} of {prefixes}");
}

/// `RUNBOOK_RANDOM_RUNS` makes it a longer campaign.
#[test]
fn a_run_that_nobody_kills_keeps_what_must_hold_of_every_run() {
    let runs = std::env::var("RUNBOOK_RANDOM_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(2_000);
    let mut ended_well = 0;
    for seed in 0..runs {
        let scenario = Scenario::random(seed);
        let ended = World::new(&scenario).run_to_the_end(None);
        ended.check(&scenario, &format!("seed {seed}"));
        ended_well += u64::from(ended.is_closed());
    }
    assert!(ended_well > runs / 4, "most runs should come to an end, got {ended_well} of {runs}");
}

#[test]
fn the_same_seed_gives_the_same_journal() {
    for seed in 0..20 {
        let scenario = Scenario::random(seed);
        let journals = [World::new(&scenario).run_to_the_end(None).journal, World::new(&scenario).run_to_the_end(None).journal];
        assert_eq!(journals[0], journals[1], "seed {seed}");
    }
}

#[test]
fn a_random_scenario_covers_what_the_property_is_about() {
    let scenarios: Vec<Scenario> = (0..200).map(Scenario::random).collect();
    let starts = |effect: Effect| scenarios.iter().any(|scenario| scenario.text.contains(&format!("effect: {effect}")));
    assert!(starts(Effect::Once) && starts(Effect::Idempotent) && starts(Effect::Read));
    let flow = ["rolling:", "for_each:", "acquire:", "rescue:", "always:", "undo:", "on_failure: rollback"];
    for word in ["retry:", "until:", "done_when:", "gate:", "steps:", "on_failure: continue", "max_failures:"].into_iter().chain(flow) {
        assert!(scenarios.iter().any(|scenario| scenario.text.contains(word)), "{word}");
    }
}

/// The first step behind the gate went well, the second fails once: only the second, and what follows it, is asked for and run again.
#[test]
fn a_retry_behind_a_gate_asks_again_for_what_is_left_and_repeats_nothing_that_went_well() {
    const TEXT: &str = "runbook: random
title: A retry
steps:
  - name: block
    hosts: all
    gate: {approvals: 1}
    steps:
      - {name: first, run: change, effect: once}
      - {name: second, run: change, effect: once}
      - {name: third, run: change, effect: once}
";
    let fails_once = |task: &runbook::engine::Task| runbook::drill::Reply {
        code: i32::from(task.step.as_str() == "second" && task.attempt == 1),
        ..runbook::drill::Reply::default()
    };
    let scenario = Scenario::attended(TEXT, fails_once, vec![runbook::event::Answer::Retry]);
    let ended = World::new(&scenario).run_to_the_end(None);
    assert!(ended.is_closed());
    let starts = ended.starts_on("h0");
    assert_eq!(starts, ["first 1", "second 1", "second 2", "third 1"]);
    let covered: Vec<usize> = ended
        .journal
        .iter()
        .filter_map(|entry| match &entry.event {
            runbook::event::Event::GateOpened { asks, .. } => Some(asks.covers.len()),
            _ => None,
        })
        .collect();
    assert_eq!(covered, [3, 2], "the second request covers the second and the third step");
}

/// Skipping what a gate protects is asked at that gate: nothing of it runs again, and what follows does.
#[test]
fn a_failed_step_behind_a_gate_is_passed_over_only_when_people_agree() {
    const TEXT: &str = "runbook: random
title: No way around
steps:
  - {name: gated, hosts: all, run: change, effect: once}
  - {name: after, hosts: all, check: look}
";
    let fails = |task: &runbook::engine::Task| runbook::drill::Reply {
        code: i32::from(task.step.as_str() == "gated"),
        ..runbook::drill::Reply::default()
    };
    let scenario = Scenario::attended(TEXT, fails, vec![runbook::event::Answer::GoOn]);
    let ended = World::new(&scenario).run_to_the_end(None);
    assert!(ended.is_closed());
    assert_eq!(ended.starts_on("h0"), ["gated 1", "after 1"]);
    let told: Vec<&str> = ended
        .journal
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::GateOpened { .. } => Some("asked"),
            Event::PersonAnswered { .. } => Some("go on"),
            Event::ApprovalGiven { .. } => Some("agreed"),
            Event::StepSkipped { .. } => Some("passed over"),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["asked", "agreed", "go on", "asked", "agreed", "passed over"]);
}
