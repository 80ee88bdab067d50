//! The course of a run through blocks, brackets, rescue, end and undo: a failure at every step of one runbook, against a table that was
//! written by hand, and again with the runner killed at every line.

use std::collections::BTreeMap;

use crate::simulation::{Ended, Scenario, World};
use runbook::drill::Reply;
use runbook::engine::{Life, Task, held};
use runbook::event::{Answer, Event, Interruption, Part};

const TEXT: &str = "runbook: random
title: A course with everything
steps:
  - name: all of it
    hosts: all
    on_failure: rollback
    steps:
      - {name: look, check: look}
      - {name: tag, run: tag, undo: untag}
      - name: paused
        acquire: pause
        release: resume
        steps:
          - {name: stop, run: stop, undo: start}
          - name: moved
            steps:
              - {name: migrate, run: migrate, undo: migrate back}
            rescue:
              - {name: fallback, run: fallback, undo: fallback back}
            always:
              - {name: report, check: report}
          - {name: write, run: write}
      - {name: merge, manual: Merge it., undo: Revert it.}
      - name: silenced
        acquire: silence
        release: unsilence
        release_when: success
        steps:
          - {name: switch, run: switch, undo: switch back}
          - {name: verify, check: verify}
      - {name: finish, run: finish, undo: unfinish}
";

/// What fails; what runs then, in order (`~` undoes); how it ends; what is held.
const ORACLE: [(&str, &str, &str, &str); 15] = [
    (
        "nothing",
        "look tag paused.acquire stop migrate report write paused.release merge silenced.acquire switch verify silenced.release finish",
        "recovered",
        "",
    ),
    ("look", "look!", "rolled_back", ""),
    ("tag", "look tag!", "rolled_back", ""),
    ("paused.acquire", "look tag paused.acquire! ~tag", "rolled_back", ""),
    ("stop", "look tag paused.acquire stop! paused.release ~tag", "rolled_back", ""),
    (
        "migrate",
        "look tag paused.acquire stop migrate! fallback report write paused.release merge silenced.acquire switch verify silenced.release finish",
        "recovered",
        "",
    ),
    ("migrate fallback", "look tag paused.acquire stop migrate! fallback! report ~stop paused.release ~tag", "rolled_back", ""),
    ("report", "look tag paused.acquire stop migrate report! ~migrate ~stop paused.release ~tag", "rolled_back", ""),
    ("migrate report", "look tag paused.acquire stop migrate! fallback report! ~fallback ~stop paused.release ~tag", "rolled_back", ""),
    ("write", "look tag paused.acquire stop migrate report write! ~migrate ~stop paused.release ~tag", "rolled_back", ""),
    // a release that fails is tried three times; then the run stops, without undoing what went well: what is held is listed
    (
        "paused.release",
        "look tag paused.acquire stop migrate report write paused.release! paused.release! paused.release!",
        "held failed",
        "paused.acquire",
    ),
    (
        "silenced.acquire",
        "look tag paused.acquire stop migrate report write paused.release merge silenced.acquire! ~merge ~migrate ~stop ~tag",
        "rolled_back",
        "",
    ),
    (
        "switch",
        "look tag paused.acquire stop migrate report write paused.release merge silenced.acquire switch! ~merge ~migrate ~stop ~tag",
        "held rolled_back",
        "silenced.acquire",
    ),
    (
        "verify",
        "look tag paused.acquire stop migrate report write paused.release merge silenced.acquire switch verify! ~switch ~merge ~migrate ~stop ~tag",
        "held rolled_back",
        "silenced.acquire",
    ),
    (
        "finish",
        "look tag paused.acquire stop migrate report write paused.release merge silenced.acquire switch verify silenced.release finish! ~switch ~merge ~migrate ~stop ~tag",
        "rolled_back",
        "",
    ),
];

fn scenario(failing: &str) -> Scenario {
    let failing: Vec<String> = failing.split(' ').map(str::to_owned).collect();
    let answers = move |task: &Task| Reply {
        code: i32::from(task.part == Part::Main && failing.contains(&task.step.to_string())),
        ..Reply::default()
    };
    let done = Answer::Done { remark: String::new(), facts: BTreeMap::new() };
    Scenario::unattended(TEXT, 1, answers).answered("merge", done).answered("merge.undo", Answer::Undone { remark: String::new() })
}

/// What ran, in the order of the journal: a failed step has a `!`, an undo a `~`.
fn ran(ended: &Ended) -> String {
    let mut words = Vec::new();
    for entry in &ended.journal {
        match &entry.event {
            Event::ActionEnded { step, part: Part::Undo, .. } => words.push(format!("~{step}")),
            Event::ActionEnded { step, ended, .. } => {
                let failed = ended.judgement != runbook::event::Judgement::Met;
                words.push(format!("{step}{}", if failed { "!" } else { "" }));
            }
            Event::PersonAnswered { step, answer: Answer::Done { .. }, .. } => words.push(step.to_string()),
            Event::PersonAnswered { step, answer: Answer::Undone { .. }, .. } => words.push(format!("~{step}")),
            _ => {}
        }
    }
    words.join(" ")
}

fn verdict(ended: &Ended) -> String {
    match &ended.state.life {
        Life::Closed(verdict) => verdict.as_str().to_owned(),
        Life::Interrupted(Interruption::Held { verdict }) => format!("held {}", verdict.as_str()),
        other => format!("{other:?}"),
    }
}

fn holds(ended: &Ended) -> String {
    held(&ended.state).iter().map(|held| held.acquire.to_string()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_failure_at_any_step_runs_undoes_and_holds_what_the_table_says() {
    let mut wrong = Vec::new();
    for (failing, expected, how, held) in ORACLE {
        let ended = World::new(&scenario(failing)).run_to_the_end(None);
        let got = (ran(&ended), verdict(&ended), holds(&ended));
        if got != (expected.to_owned(), how.to_owned(), held.to_owned()) {
            wrong.push(format!("{failing}:\n  expected {expected} | {how} | {held}\n  got      {} | {} | {}", got.0, got.1, got.2));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What `always` and `release` promise survives the runner: killed at any line and resumed, the same things have run, and the run ends the same.
#[test]
fn a_run_killed_at_any_line_still_runs_its_ends_and_gives_back_what_it_took() {
    let mut prefixes = 0;
    for (failing, expected, how, held) in ORACLE {
        let scenario = scenario(failing);
        let whole = World::new(&scenario).run_to_the_end(None);
        for line in 2..whole.journal.len() {
            let ended = World::new(&scenario).run_to_the_end(Some(line));
            let what = format!("{failing}, killed at line {line}");
            ended.check(&scenario, &what);
            let (mut ran, mut expected): (Vec<String>, Vec<String>) = (words(&ran(&ended)), words(expected));
            // a look whose runner died is looked at again; everything else happens as it would have
            ran.dedup();
            expected.dedup();
            assert_eq!((ran, verdict(&ended), holds(&ended)), (expected, how.to_owned(), held.to_owned()), "{what}");
            prefixes += 1;
        }
    }
    assert!(prefixes > 300, "expected many prefixes, got {prefixes}");
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}
