//! What a run has taken is given back once, by `release`, whenever its runner died and however often that is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::simulation::{Ended, Scenario, Wish, World};
use runbook::drill::Reply;
use runbook::engine::{Life, Task, held};
use runbook::event::{Answer, Event, Interruption, Part, Verdict};

const RELEASE: [Wish; 2] = [Wish::GoOn, Wish::Release];

const NESTED: &str = "runbook: random
title: A lock within a silence
steps:
  - name: silenced
    hosts: all
    acquire: silence
    release: unsilence
    WHEN
    steps:
      - name: locked
        acquire: lock
        release: unlock
        steps:
          - {name: work, run: work}
      - {name: after, run: after}
";

/// Commands of these steps fail.
fn scenario(when: &str, failing: &'static [&'static str]) -> Scenario {
    let code = move |task: &Task| i32::from(task.part == Part::Main && failing.contains(&task.step.as_str()));
    let text = NESTED.replace("    WHEN\n", when);
    Scenario::unattended(&text, 1, move |task| Reply { code: code(task), ..Reply::default() })
}

fn what_is_held(ended: &Ended) -> Vec<String> {
    held(&ended.state).iter().map(|held| held.acquire.to_string()).collect()
}

fn starts(ended: &Ended, step: &str) -> usize {
    ended.starts_on("h0").iter().filter(|start| start.starts_with(&format!("{step} "))).count()
}

/// Steps that were started after somebody had asked for what is held to be given back.
fn started_while_releasing(ended: &Ended) -> Vec<String> {
    let began = ended.journal.iter().position(|entry| matches!(entry.event, Event::ReleaseBegan { .. })).unwrap();
    let started = ended.journal[began..].iter().filter_map(|entry| match &entry.event {
        Event::ActionStarted { step, .. } => Some(step.to_string()),
        _ => None,
    });
    started.collect()
}

#[test]
fn what_a_killed_run_holds_is_given_back_once_and_nothing_else_is_begun() {
    let scenario = scenario("", &[]);
    let whole = World::new(&scenario).run_to_the_end(None);
    let mut released = 0;
    for line in 2..whole.journal.len() {
        let world = World::new(&scenario);
        let killed = what_is_held(&world.one(Some(line), &[]));
        if killed.is_empty() {
            continue;
        }
        let ended = world.one(None, &RELEASE);
        assert_eq!(ended.state.life, Life::Closed(Verdict::Stopped), "killed at line {line}");
        assert!(what_is_held(&ended).is_empty(), "killed at line {line}");
        for bracket in ["silenced", "locked"] {
            let (taken, given) = (starts(&ended, &format!("{bracket}.acquire")), starts(&ended, &format!("{bracket}.release")));
            assert!(taken <= 1 && given == taken, "killed at line {line}: {bracket} was taken {taken} times and given back {given} times");
        }
        let also = started_while_releasing(&ended).into_iter().find(|step| !step.ends_with(".release"));
        assert_eq!(also, None, "killed at line {line}");
        released += 1;
    }
    assert!(released > 8, "expected many lines, got {released}");
}

#[test]
fn a_release_that_is_killed_at_any_line_is_asked_for_again_and_gives_back_once() {
    let scenario = scenario("", &[]);
    let line = killed_at_work(&scenario);
    let whole = World::new(&scenario);
    whole.one(Some(line), &[]);
    let all = whole.one(None, &RELEASE).journal.len();
    for second in line + 3..all {
        let world = World::new(&scenario);
        world.one(Some(line), &[]);
        if what_is_held(&world.one(Some(second), &RELEASE)).is_empty() {
            continue;
        }
        let ended = world.one(None, &RELEASE);
        assert!(what_is_held(&ended).is_empty(), "killed again at line {second}");
        assert_eq!((starts(&ended, "locked.release"), starts(&ended, "silenced.release")), (1, 1), "killed again at line {second}");
    }
}

/// The line after which the step within both brackets is at work.
fn killed_at_work(scenario: &Scenario) -> usize {
    let whole = World::new(scenario).run_to_the_end(None);
    let at_work = |event: &Event| matches!(event, Event::ActionStarted { step, .. } if step.as_str() == "work");
    whole.journal.iter().position(|entry| at_work(&entry.event)).unwrap() + 1
}

#[test]
fn what_is_kept_after_a_failure_is_listed_and_ends_the_run_as_it_went_when_it_is_given_back() {
    for when in ["    release_when: success\n", "    release_when: ask\n"] {
        let scenario = scenario(when, &["after"]);
        let world = World::new(&scenario);
        let failed = world.one(None, &[]);
        assert_eq!(failed.state.life, Life::Interrupted(Interruption::Held { verdict: Verdict::Failed }), "{when}");
        assert_eq!(what_is_held(&failed), ["silenced.acquire"], "{when}");
        let command = held(&failed.state).remove(0).command.unwrap();
        assert_eq!(command.script.as_str().map(str::trim_end), Some("unsilence"), "{when}");
        let ended = world.one(None, &RELEASE);
        assert_eq!((ended.state.life.clone(), starts(&ended, "silenced.release")), (Life::Closed(Verdict::Failed), 1), "{when}");
        assert_eq!(starts(&ended, "after"), 1, "{when}");
    }
}

#[test]
fn a_person_who_is_asked_keeps_it_or_gives_it_back() {
    let text = NESTED.replace("    WHEN\n", "    release_when: ask\n    on_failure: stop\n");
    let fails = |task: &Task| Reply { code: i32::from(task.step.as_str() == "after"), ..Reply::default() };
    for (answer, kept) in [(Answer::Keep, 1), (Answer::Release, 0)] {
        let ended = World::new(&Scenario::attended(&text, fails, vec![answer.clone()])).one(None, &[]);
        assert_eq!(what_is_held(&ended).len(), kept, "{answer:?}");
    }
}

#[test]
fn what_cannot_be_given_back_is_still_held_keeps_nothing_else_and_is_asked_for_again() {
    let mended = Arc::new(AtomicBool::new(false));
    let is_mended = Arc::clone(&mended);
    let text = NESTED.replace("    WHEN\n", "    gate: {approvals: 1}\n");
    let scenario = Scenario::unattended(&text, 1, move |task| {
        let fails = task.step.as_str() == "work" || (task.step.as_str() == "locked.release" && !is_mended.load(Ordering::SeqCst));
        Reply { code: i32::from(fails), ..Reply::default() }
    });
    let world = World::new(&scenario);
    let failed = world.one(None, &[]);
    assert_eq!(what_is_held(&failed), ["locked.acquire"], "the outer bracket is given back all the same");
    let again = world.one(None, &RELEASE);
    assert_eq!(again.state.life, Life::Interrupted(Interruption::Held { verdict: Verdict::Failed }));
    mended.store(true, Ordering::SeqCst);
    let ended = world.one(None, &RELEASE);
    assert_eq!(ended.state.life, Life::Closed(Verdict::Failed));
    let asked: Vec<Vec<String>> = ended.journal.iter().filter_map(|entry| covers(&entry.event)).collect();
    assert_eq!((asked[0].len(), &asked[1..]), (6, &[vec!["locked.release".to_owned()], vec!["locked.release".to_owned()]][..]));
}

fn covers(event: &Event) -> Option<Vec<String>> {
    match event {
        Event::GateOpened { asks, .. } => Some(asks.covers.iter().map(ToString::to_string).collect()),
        _ => None,
    }
}
