//! What is destroyed was kept before, on simulated hosts: whatever fails, wherever the runner is killed, and whoever writes the journal.

#[path = "support/simulation.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod simulation;

use runbook::drill::Reply;
use runbook::engine::{State, Task};
use runbook::event::{Event, EvidenceNeed};
use simulation::{Ended, Scenario, World};

const PURGE: &str = "runbook: random\ntitle: Purge\nsteps:
  - name: save
    hosts: h0
    capture: {server.log: {file: /var/log/server.log}, who: {run: id}}
    on_failure: continue
  - name: purge
    hosts: h0
    run: purge
    effect: destructive
    evidence: save
    on_failure: continue
";

const IN_TURNS: &str = "runbook: random\ntitle: Purge\nsteps:
  - name: each
    hosts: h0
    for_each: [a, b]
    steps:
      - name: save
        capture: {item: {file: \"/var/{{ item }}\"}}
      - name: purge
        run: purge {{ item }}
        effect: destructive
        evidence: save
";

fn well(_: &Task) -> Reply {
    Reply { stdout: b"kept".to_vec(), ..Reply::default() }
}

fn nothing_is_kept(task: &Task) -> Reply {
    Reply { code: i32::from(!task.action.keeps.is_empty()), ..Reply::default() }
}

fn run(text: &str, answers: fn(&Task) -> Reply) -> Ended {
    World::new(&Scenario::attended(text, answers, Vec::new())).run_to_the_end(None)
}

fn kinds(ended: &Ended) -> Vec<String> {
    let kind = |event: &Event| serde_json::to_value(event).unwrap()["kind"].as_str().unwrap().to_owned();
    ended.journal.iter().map(|entry| kind(&entry.event)).collect()
}

/// Where the journal stops making sense; `None` where it does to its end.
fn broken(events: impl IntoIterator<Item = Event>, ended: &Ended) -> Option<String> {
    let mut state = State::default();
    let at = ended.journal[0].at;
    events.into_iter().find_map(|event| state.after(at, &event).err()).map(|illegal| illegal.why)
}

fn events(ended: &Ended) -> Vec<Event> {
    ended.journal.iter().map(|entry| entry.event.clone()).collect()
}

#[test]
fn evidence_is_on_record_before_its_capture_has_ended_and_that_before_anything_is_destroyed() {
    let ended = run(PURGE, well);
    let kinds = kinds(&ended);
    let kept = kinds.iter().position(|kind| kind == "evidence_kept").unwrap();
    assert_eq!(kinds[kept + 1], "action_ended");
    assert!(kinds.iter().rposition(|kind| kind == "action_started").unwrap() > kept);
    assert_eq!(ended.starts_on("h0"), ["save 1", "purge 1"]);
}

#[test]
fn without_evidence_nothing_is_destroyed_and_nobody_is_asked_to_approve_it() {
    let ended = run(PURGE, nothing_is_kept);
    assert_eq!(ended.starts_on("h0"), ["save 1"]);
    assert!(!kinds(&ended).contains(&"gate_opened".to_owned()));
    let refused = ended.journal.iter().find_map(|entry| match &entry.event {
        Event::StepRefused { step, why } => Some(format!("{step}: {why}")),
        _ => None, // only the refusal is looked for
    });
    let refused = refused.unwrap();
    assert!(refused.contains("purge: it destroys information, and save kept no whole evidence of h0"), "{refused}");
    assert!(refused.contains("server.log, who") && refused.contains("evidence: {waive: "), "{refused}");
}

#[test]
fn a_capture_that_is_left_out_kept_nothing() {
    let ended = run(&PURGE.replace("    on_failure: continue\n  - name: purge", "    when: 1 > 2\n  - name: purge"), well);
    assert!(ended.starts_on("h0").is_empty());
}

#[test]
fn each_turn_of_a_loop_needs_its_own_evidence() {
    let ended = run(IN_TURNS, well);
    assert_eq!(ended.starts_on("h0"), ["save@1 1", "purge@1 1", "save@2 1", "purge@2 1"]);
    let stage = ended.state.steps[&"purge@2".parse().unwrap()].stage.clone().unwrap();
    assert_eq!(stage.evidence, EvidenceNeed::From(vec!["save@2".parse().unwrap()]));
    let second_save =
        |event: &Event| matches!(event, Event::EvidenceKept { step, .. } | Event::ActionEnded { step, .. } if step.as_str() == "save@2");
    let why = broken(events(&ended).into_iter().filter(|event| !second_save(event)), &ended).unwrap();
    assert!(why.contains("save@2"), "{why}");
}

#[test]
fn a_journal_that_destroys_before_it_keeps_or_only_claims_to_have_kept_is_refused() {
    let ended = run(PURGE, well);
    assert_eq!(broken(events(&ended), &ended), None);
    let claimed = events(&ended).into_iter().filter(|event| !matches!(event, Event::EvidenceKept { .. }));
    assert!(broken(claimed, &ended).unwrap().contains("its evidence is not on record"));
    let other = events(&ended).into_iter().map(|event| match event {
        Event::EvidenceKept { step, host, attempt, manifest, mut artifacts } => {
            artifacts.pop();
            Event::EvidenceKept { step, host, attempt, manifest, artifacts }
        }
        event => event,
    });
    assert!(broken(other, &ended).unwrap().contains("other evidence"));
    let waived = events(&ended).into_iter().map(|event| match event {
        Event::GateOpened { gate, mut asks } => {
            asks.slots.truncate(1);
            Event::GateOpened { gate, asks }
        }
        event => event,
    });
    assert!(broken(waived, &ended).unwrap().contains("fewer people"));
}

#[test]
fn a_runner_killed_at_any_line_destroys_nothing_that_was_not_kept_in_full() {
    for text in [PURGE, IN_TURNS] {
        let scenario = Scenario::attended(text, well, Vec::new());
        let whole = World::new(&scenario).run_to_the_end(None);
        for line in 1..=whole.journal.len() {
            let ended = World::new(&scenario).run_to_the_end(Some(line));
            ended.check(&scenario, &format!("killed at line {line}"));
            assert_eq!(broken(events(&ended), &ended), None, "killed at line {line}");
        }
    }
}
