//! Loops, choices, calls and conclusions on simulated hosts: what runs, in which turn, on which hosts, and what is left.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::simulation::{Ended, Scenario, World};
use runbook::drill::Reply;
use runbook::engine::{HostResult, Life, Task};
use runbook::event::{Answer, Event, Interruption, Part};

fn fine(_: &Task) -> Reply {
    Reply::default()
}

fn says(stdout: &str) -> Reply {
    Reply { stdout: stdout.as_bytes().to_vec(), ..Reply::default() }
}

fn fails() -> Reply {
    Reply { code: 1, ..Reply::default() }
}

/// What ended well or badly (`!`), in the order of the journal, with its hosts.
fn ran(ended: &Ended) -> Vec<String> {
    let mut words = Vec::new();
    for entry in &ended.journal {
        if let Event::ActionEnded { step, host, ended, part, .. } = &entry.event {
            let failed = if ended.judgement == runbook::event::Judgement::Met { "" } else { "!" };
            let undo = if *part == Part::Undo { "~" } else { "" };
            words.push(format!("{undo}{step}{failed} {host}"));
        }
    }
    words
}

fn verdict(ended: &Ended) -> String {
    match &ended.state.life {
        Life::Closed(verdict) => verdict.as_str().to_owned(),
        Life::Interrupted(Interruption::NeedsPerson { why, .. }) => format!("needs a person: {why}"),
        other => format!("{other:?}"),
    }
}

fn steps(text: &str) -> String {
    format!("runbook: random\ntitle: Turns\nsteps:\n{text}")
}

/// Killed at any line and resumed, it comes to the same end with every host in the same place.
fn survives(scenario: &Scenario) {
    let whole = World::new(scenario).run_to_the_end(None);
    for line in 2..whole.journal.len() {
        let ended = World::new(scenario).run_to_the_end(Some(line));
        ended.check(scenario, &format!("killed at line {line}"));
        assert_eq!(verdict(&ended), verdict(&whole), "killed at line {line}");
    }
}

const ROLLING: &str = "  - {name: leader, hosts: h0, check: who leads, register: leader}
  - name: roll
    hosts: all
    rolling: {serial: 1, last: \"{{ leader.stdout }}\"}
    steps:
      - {name: silence, hosts: local, run: \"silence {{ batch }}\", effect: idempotent}
      - {name: restart, run: restart}
      - {name: in sync, check: in sync}
";

#[test]
fn what_must_go_last_goes_last_in_a_batch_of_its_own() {
    let leads = |task: &Task| if task.step.base() == "leader" { says("h1\n") } else { fine(task) };
    let scenario = Scenario::unattended(&steps(ROLLING), 3, leads);
    let ended = World::new(&scenario).run_to_the_end(None);
    let restarts: Vec<String> = ran(&ended).into_iter().filter(|word| word.starts_with("restart")).collect();
    assert_eq!(restarts, ["restart@1 h0", "restart@2 h2", "restart@3 h1"]);
    assert_eq!(verdict(&ended), "recovered");
    survives(&scenario);
}

/// The leader moves as soon as a host was restarted: from h1 to h2 after the first batch.
#[test]
fn what_must_go_last_is_still_last_when_it_moves_while_rolling() {
    let looks = AtomicUsize::new(0);
    let leads = move |task: &Task| match task.step.base() {
        "leader" => says(if looks.fetch_add(1, Ordering::SeqCst) == 0 { "h1\n" } else { "h2\n" }),
        _ => fine(task),
    };
    let scenario = Scenario::unattended(&steps(ROLLING), 4, leads);
    let ended = World::new(&scenario).run_to_the_end(None);
    let restarts: Vec<String> = ran(&ended).into_iter().filter(|word| word.starts_with("restart")).collect();
    assert_eq!(restarts, ["restart@1 h0", "restart@3 h3", "restart@4 h1", "restart@2 h2"]);
    assert!(ended.journal.iter().any(|entry| matches!(&entry.event, Event::TurnsReordered { .. })));
}

#[test]
fn one_failure_stops_the_roll_and_the_rest_is_not_started() {
    let stuck = |task: &Task| match (task.step.base(), task.host().as_str()) {
        ("in-sync", "h2") => fails(),
        ("leader", _) => says("h4\n"),
        _ => fine(task),
    };
    let scenario = Scenario::unattended(&steps(ROLLING), 5, stuck);
    let ended = World::new(&scenario).run_to_the_end(None);
    assert_eq!(verdict(&ended), "failed");
    let results: BTreeMap<String, HostResult> = runbook::views::steps(&scenario.program, &ended.state)
        .into_iter()
        .filter(|step| step.id.base() == "restart")
        .flat_map(|step| step.hosts)
        .map(|host| (host.host.to_string(), host.result.unwrap()))
        .collect();
    let expected = [
        ("h0", HostResult::Ok),
        ("h1", HostResult::Ok),
        ("h2", HostResult::Ok),
        ("h3", HostResult::NotStarted),
        ("h4", HostResult::NotStarted),
    ];
    assert_eq!(results, expected.map(|(host, result)| (host.to_owned(), result)).into());
    survives(&scenario);
}

#[test]
fn batches_have_the_sizes_that_serial_says_and_a_failed_host_takes_no_further_part() {
    let text = "  - name: roll
    hosts: all
    rolling: {serial: [1, 50%], max_failures: 1}
    steps:
      - {name: one, run: one}
      - {name: two, run: two}
";
    let scenario = Scenario::unattended(&steps(text), 4, |task: &Task| match (task.step.base(), task.host().as_str()) {
        ("one", "h1") => fails(),
        _ => fine(task),
    });
    let ended = World::new(&scenario).run_to_the_end(None);
    assert_eq!(ran(&ended), ["one@1 h0", "two@1 h0", "one@2! h1", "one@2 h2", "two@2 h2", "one@3 h3", "two@3 h3"]);
    assert_eq!(verdict(&ended), "recovered");
}

#[test]
fn one_gate_on_a_rolling_block_covers_all_batches_and_one_within_is_asked_for_each() {
    let count = |text: &str| {
        let ended = World::new(&Scenario::unattended(&steps(text), 3, fine)).run_to_the_end(None);
        assert_eq!(verdict(&ended), "recovered");
        let asked = |entry: &&runbook::event::Entry| matches!(&entry.event, Event::GateOpened { .. });
        ended.journal.iter().filter(asked).count()
    };
    let block = "  - name: roll\n    hosts: all\n    rolling: {serial: 1}\n";
    assert_eq!(count(&format!("{block}    gate: {{approvals: 1}}\n    steps:\n      - {{name: one, run: one}}\n")), 1);
    assert_eq!(count(&format!("{block}    steps:\n      - {{name: one, run: one, gate: {{approvals: 1}}}}\n")), 3);
}

#[test]
fn a_loop_runs_once_for_each_item_that_was_found() {
    let text = "  - {name: find, hosts: h0, check: find, register: found, parse: lines}
  - name: each
    hosts: h0
    for_each: \"{{ found.value }}\"
    steps:
      - {name: mend, run: \"mend {{ item }}\", register: mended}
      - {name: see, check: \"see {{ item }} {{ mended.exit_code }}\"}
";
    let found = |task: &Task| if task.step.base() == "find" { says("a b\n$(c)\n") } else { fine(task) };
    let scenario = Scenario::unattended(&steps(text), 1, found);
    let ended = World::new(&scenario).run_to_the_end(None);
    assert_eq!(ran(&ended), ["find h0", "mend@1 h0", "see@1 h0", "mend@2 h0", "see@2 h0"]);
    let script = |id: &str| {
        let known = &ended.state.steps[&id.parse::<runbook::base::StepId>().unwrap()];
        known.stage.as_ref().unwrap().work.commands()[0].command.script.to_string()
    };
    assert_eq!((script("mend@1").as_str(), script("see@2").as_str()), ("mend 'a b'<U+000A>", "see '$(c)' 0<U+000A>"));
    survives(&scenario);
}

#[test]
fn a_loop_over_nothing_is_left_out() {
    let text = "  - {name: find, hosts: h0, check: find, register: found, parse: lines}
  - {name: each, hosts: h0, for_each: \"{{ found.value }}\", steps: [{name: mend, run: \"mend {{ item }}\"}]}
  - {name: after, hosts: h0, check: look}
";
    let ended = World::new(&Scenario::unattended(&steps(text), 1, fine)).run_to_the_end(None);
    assert_eq!((ran(&ended), verdict(&ended)), (vec!["find h0".to_owned(), "after h0".to_owned()], "recovered".to_owned()));
}

const CHOICE: &str = "  - name: which
    choose: Which way?
    register: way
    options:
      keep: {why: It is well.}
      back:
        steps:
          - {name: go back, hosts: h0, run: back}
  - {name: after, hosts: h0, check: \"look {{ way.value }}\"}
";

#[test]
fn in_every_batch_a_person_is_asked_about_a_failure() {
    let text = "runbook: random
title: Turns
steps:
  - {name: roll, hosts: all, rolling: {serial: 1}, steps: [{name: restart, run: restart}, {name: look, check: look}]}
";
    for turn in ["restart@1", "restart@2", "restart@3"] {
        let stumbles = move |task: &Task| if task.step.as_str() == turn && task.attempt == 1 { fails() } else { fine(task) };
        let mut program = Scenario::unattended(text, 3, fine).program;
        program.presence = runbook::plan::Presence::Attended;
        let ended = World::new(&Scenario::of(program, stumbles, vec![Answer::Retry])).run_to_the_end(None);
        assert_eq!((ended.asked.len(), verdict(&ended)), (1, "recovered".to_owned()), "{turn}");
    }
}

#[test]
fn a_person_chooses_and_only_that_way_is_gone() {
    let scenario = Scenario::unattended(&steps(CHOICE), 1, fine);
    let chosen = |option: &str| Answer::Chosen { option: option.to_owned() };
    let waits = World::new(&scenario).run_to_the_end(None);
    assert!(verdict(&waits).contains("resume the run on a terminal, or with --answer which=keep|back"), "{}", verdict(&waits));
    let back = Scenario::unattended(&steps(CHOICE), 1, fine).answered("which", chosen("back"));
    assert_eq!(ran(&World::new(&back).run_to_the_end(None)), ["go-back h0", "after h0"]);
    let keep = Scenario::unattended(&steps(CHOICE), 1, fine).answered("which", chosen("keep"));
    assert_eq!(ran(&World::new(&keep).run_to_the_end(None)), ["after h0"]);
    survives(&back);
}

#[test]
fn what_the_run_went_past_is_known_as_skipped() {
    let text = "  - name: which
    choose: Which way?
    options: {keep: {}, back: {steps: [{name: go back, hosts: h0, run: back, register: back}]}}
  - name: try
    hosts: h0
    steps: [{name: load, run: load, register: loaded}]
    rescue: [{name: mend, run: mend, register: mended}]
    always: [{name: say, check: \"say {{ loaded.skipped }} {{ mended.skipped }}\"}]
  - {name: find, hosts: h0, check: find, register: found, parse: lines}
  - {name: each, hosts: h0, for_each: \"{{ found.value }}\", steps: [{name: fix, run: \"fix {{ item }}\", register: fixed}]}
  - {name: none, hosts: h0, when: back.skipped and mended.skipped and fixed.skipped, check: look}
  - {name: some, hosts: h0, when: not back.skipped or not mended.skipped, check: look}
";
    let chosen = |option: &str| Answer::Chosen { option: option.to_owned() };
    let keep = Scenario::unattended(&steps(text), 1, fine).answered("which", chosen("keep"));
    assert_eq!(ran(&World::new(&keep).run_to_the_end(None)), ["load h0", "say h0", "find h0", "none h0"]);
    let loads_badly = |task: &Task| if task.step.base() == "load" { fails() } else { fine(task) };
    let back = Scenario::unattended(&steps(text), 1, loads_badly).answered("which", chosen("back"));
    assert_eq!(ran(&World::new(&back).run_to_the_end(None)), ["go-back h0", "load! h0", "mend h0", "say h0", "find h0", "some h0"]);
    survives(&back);
}

#[test]
fn what_a_person_gives_back_is_typed_and_used() {
    let text = "  - name: merge
    manual: Merge it.
    answers: {hosts: {type: integer}, ticket: {type: string}}
    register: change
  - {name: many, hosts: h0, when: change.hosts > 1, check: \"look {{ change.ticket }}\"}
  - {name: few, hosts: h0, when: change.hosts <= 1, check: look}
";
    let facts = BTreeMap::from([("hosts".to_owned(), "12".into()), ("ticket".to_owned(), "OPS 7".into())]);
    let scenario = Scenario::unattended(&steps(text), 1, fine).answered("merge", Answer::Done { remark: String::new(), facts });
    let ended = World::new(&scenario).run_to_the_end(None);
    assert_eq!(ran(&ended), ["many h0"]);
}

#[test]
fn a_conclusion_ends_the_run_with_its_verdict_and_what_is_open_ends_properly() {
    let text = "  - name: look
    hosts: h0
    acquire: pause
    release: resume
    steps:
      - {name: upgrade, check: is it, register: upgrade}
      - {name: it is, when: upgrade.stdout == \"yes\", conclude: {no_action: \"An upgrade is under way on {{ upgrade.stdout }}\"}}
      - {name: never, run: never}
";
    let yes = |task: &Task| if task.step.base() == "upgrade" { says("yes\n") } else { fine(task) };
    let scenario = Scenario::unattended(&steps(text), 1, yes);
    let ended = World::new(&scenario).run_to_the_end(None);
    assert_eq!(ran(&ended), ["look.acquire h0", "upgrade h0", "look.release h0"]);
    assert_eq!(verdict(&ended), "no_action");
    let sentence = ended.state.concluded.as_ref().map(|concluded| concluded.sentence.as_str());
    assert_eq!(sentence, Some("An upgrade is under way on yes"));
    survives(&scenario);
}

const NO_RETURN: &str = "runbook: random
title: Turns
steps:
  - {name: stop, hosts: h0, run: stop, undo: start, on_failure: rollback}
  - {name: copy, hosts: h0, run: copy, on_failure: rollback}
  - {name: switch, hosts: h0, run: switch, point_of_no_return: true, on_failure: rollback}
  - {name: see, hosts: h0, check: see, on_failure: rollback}
after_no_return:
  - {name: tell, hosts: h0, check: tell}
";

#[test]
fn before_the_point_of_no_return_it_is_undone_and_after_it_goes_on_another_way() {
    let failing = |name: &'static str| {
        let reply = move |task: &Task| if task.part == Part::Main && task.step.as_str() == name { fails() } else { fine(task) };
        let scenario = Scenario::unattended(NO_RETURN, 1, reply);
        survives(&scenario);
        let ended = World::new(&scenario).run_to_the_end(None);
        (ran(&ended).join(", "), verdict(&ended))
    };
    assert_eq!(failing("copy"), ("stop h0, copy! h0, ~stop h0".to_owned(), "rolled_back".to_owned()));
    assert_eq!(failing("switch"), ("stop h0, copy h0, switch! h0, tell h0".to_owned(), "failed".to_owned()));
    assert_eq!(failing("see"), ("stop h0, copy h0, switch h0, see! h0, tell h0".to_owned(), "failed".to_owned()));
}

#[test]
fn an_undo_that_fails_stops_the_way_back_and_needs_a_person() {
    let text = "  - {name: one, hosts: h0, run: one, undo: unone, on_failure: rollback}
  - {name: two, hosts: h0, run: two, undo: untwo, on_failure: rollback}
  - {name: three, hosts: h0, run: three, on_failure: rollback}
";
    let reply = |task: &Task| match (task.step.as_str(), task.part) {
        ("three", Part::Main) | ("two", Part::Undo) => fails(),
        _ => fine(task),
    };
    let ended = World::new(&Scenario::unattended(&steps(text), 1, reply)).run_to_the_end(None);
    assert_eq!(ran(&ended), ["one h0", "two h0", "three! h0", "~two! h0"]);
    assert!(verdict(&ended).contains("could not be undone on h0 by: untwo") && verdict(&ended).contains("--answer two.undo=done"));
}

#[test]
fn a_failed_step_of_several_hosts_is_undone_where_it_went_well() {
    let text = "  - {name: one, hosts: all, run: one, undo: unone, on_failure: rollback}\n";
    let reply = |task: &Task| if task.part == Part::Main && task.host().as_str() == "h1" { fails() } else { fine(task) };
    let ended = World::new(&Scenario::unattended(&steps(text), 3, reply)).run_to_the_end(None);
    assert_eq!(ran(&ended).iter().filter(|word| word.starts_with('~')).cloned().collect::<Vec<_>>(), ["~one h0", "~one h2"]);
    assert_eq!(verdict(&ended), "rolled_back");
}

/// It is there before, is looked at beside the steps, clears with the second of three steps, and is looked at once more after the last.
#[test]
fn a_symptom_is_looked_at_before_during_and_after_and_the_end_says_what_cleared_it() {
    let text = "runbook: random
title: Turns
symptoms:
  queries answered: {hosts: h0, check: probe, every: 10s}
steps:
  - {name: save, hosts: h0, run: save}
  - {name: restart, hosts: h0, run: restart}
  - {name: warm up, wait: 1m}
  - {name: tidy, hosts: h0, run: tidy}
";
    let restarted = std::sync::atomic::AtomicBool::new(false);
    let reply = move |task: &Task| {
        let takes = runbook::base::Period::from_secs(5);
        match task.step.base() {
            "queries-answered.symptom" => Reply { code: i32::from(!restarted.load(Ordering::SeqCst)), ..Reply::default() },
            "restart" => {
                restarted.store(true, Ordering::SeqCst);
                Reply { takes, ..Reply::default() }
            }
            _ => Reply { takes, ..Reply::default() },
        }
    };
    let scenario = Scenario::unattended(text, 1, reply);
    let ended = World::new(&scenario).run_to_the_end(None);
    let words = ran(&ended);
    assert_eq!(words[0], "queries-answered.symptom! h0");
    assert_eq!(words.last().unwrap(), "queries-answered.symptom h0");
    let symptoms = runbook::views::symptoms(&scenario.program, &ended.state);
    let [symptom] = symptoms.as_slice() else { panic!("{symptoms:?}") };
    assert_eq!((symptom.before, symptom.after, symptom.after_step.as_deref()), (Some(true), Some(false), Some("2 restart")));
    assert!((7..=10).contains(&symptom.looks), "a look every ten seconds of about 75, got {}", symptom.looks);
}

/// Each host of a batch holds something of its own; the one that fails gives it back as the others do.
#[test]
fn a_host_that_has_failed_in_its_batch_gives_back_what_it_holds() {
    let text = "  - name: roll
    hosts: all
    rolling: {serial: 2, max_failures: 1}
    steps:
      - name: paused
        acquire: pause
        release: resume
        steps:
          - {name: one, run: one}
          - {name: two, run: two}
";
    let scenario = Scenario::unattended(&steps(text), 2, |task: &Task| match (task.step.base(), task.host().as_str()) {
        ("one", "h1") => fails(),
        _ => fine(task),
    });
    let ended = World::new(&scenario).run_to_the_end(None);
    let expected =
        ["paused.acquire@1 h0", "paused.acquire@1 h1", "one@1 h0", "one@1! h1", "two@1 h0", "paused.release@1 h0", "paused.release@1 h1"];
    assert_eq!(ran(&ended), expected);
    assert_eq!(verdict(&ended), "recovered");
    survives(&scenario);
}

/// A dry run waits for nothing that a change would bring about; a look that comes before the change is taken.
#[test]
fn a_dry_run_asks_for_what_only_looks_where_that_is_what_the_gate_is_for() {
    let text = "  - {name: heavy, hosts: h0, check: scan, gate: {approvals: 1}}
  - name: both
    hosts: h0
    gate: {approvals: 1}
    steps: [{name: light, check: look}, {name: change, run: change}]
";
    let ended = World::new(&Scenario::unattended(&steps(text), 1, fine).dry()).run_to_the_end(None);
    let asked: Vec<String> = ended.state.gates.values().flat_map(|gate| gate.asks.covers.clone()).map(|step| step.to_string()).collect();
    assert_eq!((ran(&ended), asked), (vec!["heavy h0".to_owned(), "light h0".to_owned()], vec!["heavy".to_owned()]));
}

#[test]
fn a_dry_run_does_not_wait_for_what_only_the_change_would_bring_about() {
    let text = "  - {name: before, hosts: h0, check: look, until: {within: 1m}}
  - {name: change, hosts: h0, run: change}
  - {name: now, hosts: h0, check: look}
  - {name: after, hosts: h0, check: look, until: {within: 1m}}
";
    let scenario = Scenario::unattended(&steps(text), 1, fine).dry();
    let ended = World::new(&scenario).run_to_the_end(None);
    assert_eq!(ran(&ended), ["before h0", "now h0"]);
    let after = runbook::views::steps(&scenario.program, &ended.state).into_iter().find(|step| step.id.as_str() == "after");
    assert_eq!(after.unwrap().phrase.as_deref(), Some("cannot know before"));
}
