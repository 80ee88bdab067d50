//! Dry runs on simulated hosts: which of the three answers each step and each host gets, and when a dry run says that the run would fail.

use crate::simulation::{Ended, Scenario, World};
use runbook::drill::Reply;
use runbook::engine::{Foreseen, HostResult, Life, Task};
use runbook::event::{Event, Part};
use runbook::views::{StepSummary, steps};

/// A look ends so: `refuses` names the commands that say no, by what they contain.
fn hosts(refuses: &'static [&'static str]) -> impl Fn(&Task) -> Reply + Send + Sync + 'static {
    move |task| {
        let said = format!("{} {}", task.command().script.as_str().unwrap().trim(), task.host());
        let code = u32::from(refuses.iter().any(|word| said.contains(word)));
        Reply { code: code.try_into().unwrap(), stdout: b"old\n".to_vec(), ..Reply::default() }
    }
}

fn dry(text: &str, refuses: &'static [&'static str]) -> (Scenario, Ended) {
    let text = format!("runbook: random\ntitle: Dry\nsteps:\n{text}");
    let scenario = Scenario::unattended(&text, 2, hosts(refuses)).dry();
    let ended = World::new(&scenario).run_to_the_end(None);
    ended.check(&scenario, "dry");
    let started = |event: &Event| match event {
        Event::ActionStarted { step, part, .. } => {
            *part == Part::Main && ended.state.step(step).stage.unwrap().effect > runbook::event::Effect::Read
        }
        _ => false,
    };
    assert!(!ended.journal.iter().any(|entry| started(&entry.event)), "a dry run changes nothing");
    assert!(ended.asked.is_empty() && ended.state.gates.is_empty(), "and asks nobody");
    (scenario, ended)
}

fn step((scenario, ended): &(Scenario, Ended), id: &str) -> StepSummary {
    steps(&scenario.program, &ended.state).into_iter().find(|step| step.id.as_str() == id).unwrap_or_else(|| panic!("no {id}"))
}

fn says(run: &(Scenario, Ended), id: &str) -> (Option<Foreseen>, String) {
    let step = step(run, id);
    (step.foreseen, step.phrase.unwrap_or_default())
}

fn verdict(run: &(Scenario, Ended)) -> &'static str {
    match run.1.state.life {
        Life::Closed(verdict) => verdict.as_str(),
        _ => "open",
    }
}

const CANNOT: &str = "cannot know before: it would be looked at after a change that was not made";

#[test]
fn each_host_is_asked_whether_it_is_done_there_already() {
    let run = dry("  - {name: tune, hosts: all, run: tune, done_when: tuned, effect: idempotent}\n", &["tuned h1"]);
    assert_eq!(says(&run, "tune"), (Some(Foreseen::WouldRun), "would run on h1; would skip h0 (already in place)".to_owned()));
    let of: Vec<_> = step(&run, "tune").hosts.iter().map(|host| (host.host.to_string(), host.result, host.foreseen)).collect();
    assert_eq!(of[0], ("h0".to_owned(), Some(HostResult::Skipped), Some(Foreseen::WouldSkip)));
    assert_eq!(of[1], ("h1".to_owned(), Some(HostResult::NotStarted), Some(Foreseen::WouldRun)));
    let run = dry("  - {name: tune, hosts: h0, run: tune, done_when: tuned, effect: idempotent}\n", &[]);
    assert_eq!((says(&run, "tune"), verdict(&run)), ((Some(Foreseen::WouldSkip), "would skip: already in place".to_owned()), "recovered"));
}

#[test]
fn what_is_in_place_is_not_known_after_a_change_on_the_same_host() {
    let text = "  - {name: one, hosts: h0, run: one}
  - {name: two, hosts: \"h0,h1\", run: two, done_when: tuned, effect: idempotent}
  - {name: check, hosts: h1, check: look}
";
    let run = dry(text, &["look"]);
    assert_eq!(says(&run, "two").1, "would skip h1 (already in place); cannot know before on h0");
    assert_eq!(says(&run, "check"), (Some(Foreseen::CannotKnow), format!("{CANNOT} (now: exit status 1)")), "seen from another host");
}

#[test]
fn what_could_not_be_kept_would_not_be_destroyed() {
    let text = "  - {name: keep, hosts: all, capture: {rows: {run: dump}}, on_failure: continue}
  - {name: purge, hosts: all, run: purge, effect: destructive, evidence: keep}
";
    let run = dry(text, &["h1"]);
    let of: Vec<_> = step(&run, "purge").hosts.iter().map(|host| (host.host.to_string(), host.result, host.foreseen)).collect();
    assert!(
        of.iter().all(|(_, result, foreseen)| (*result, *foreseen) == (Some(HostResult::Failed), None)),
        "{of:?} {:?}",
        says(&run, "purge")
    );
    assert_eq!(verdict(&run), "failed");
}

#[test]
fn a_step_that_is_in_place_is_no_change() {
    let text = "  - {name: one, hosts: h0, run: one, done_when: tuned, effect: idempotent}
  - {name: check, hosts: h0, check: look}
";
    let run = dry(text, &["look"]);
    assert_eq!((says(&run, "check").1.as_str(), verdict(&run)), ("exit status 1", "failed"));
}

#[test]
fn a_check_that_fails_before_any_change_fails_the_dry_run_and_one_after_it_does_not() {
    let before = dry("  - {name: check, hosts: h0, check: look}\n  - {name: change, hosts: h0, run: change}\n", &["look"]);
    assert_eq!((verdict(&before), says(&before, "change").1.as_str()), ("failed", "would run"));
    let after = dry("  - {name: change, hosts: h0, run: change}\n  - {name: check, hosts: h0, check: look}\n", &["look"]);
    assert_eq!((verdict(&after), says(&after, "check").1), ("recovered", format!("{CANNOT} (now: exit status 1)")));
    assert_eq!(step(&after, "check").hosts[0].result, Some(HostResult::Unknown), "it is not called failed");
    let fine = dry("  - {name: change, hosts: h0, run: change}\n  - {name: check, hosts: h0, check: look}\n", &[]);
    assert_eq!((verdict(&fine), says(&fine, "check").0), ("recovered", Some(Foreseen::WouldRun)));
}

#[test]
fn a_failure_that_is_answered_fails_no_dry_run() {
    let goes_on = dry("  - {name: check, hosts: h0, check: look, on_failure: continue}\n", &["look"]);
    assert_eq!(verdict(&goes_on), "recovered");
    let text = "  - name: try
    hosts: h0
    steps: [{name: check, check: look}, {name: load, run: load}]
    rescue: [{name: save, run: save}]
  - {name: last, hosts: h0, check: other}
";
    let rescued = dry(text, &["look"]);
    assert_eq!((verdict(&rescued), says(&rescued, "save").1.as_str()), ("recovered", "only if something in \"try\" fails"));
    assert_eq!(says(&rescued, "last").0, Some(Foreseen::WouldRun));
}

#[test]
fn options_are_looked_at_and_said_to_be_options() {
    let text = "  - name: way
    choose: Which way?
    options:
      left: {steps: [{name: see, hosts: h0, check: look}, {name: turn, hosts: h0, run: turn}, {name: end left, conclude: {no_action: left}}]}
      right: {steps: [{name: end right, conclude: {escalate: right}}]}
";
    let run = dry(text, &["look"]);
    assert_eq!(verdict(&run), "recovered", "nobody has chosen it");
    assert_eq!(says(&run, "turn"), (Some(Foreseen::CannotKnow), "only if \"left\" is chosen: would run".to_owned()));
    assert_eq!(says(&run, "see").1, "only if \"left\" is chosen: exit status 1");
    assert_eq!(says(&run, "end-right").1, "only if \"right\" is chosen: would end the run");
}

#[test]
fn a_condition_is_decided_where_it_is_known_and_only_there() {
    let text = "  - {name: see, hosts: h0, check: version, register: seen}
  - {name: old, hosts: h0, when: \"'old' in seen.stdout\", run: upgrade}
  - {name: new, hosts: h0, when: \"'new' in seen.stdout\", run: downgrade}
  - {name: again, hosts: h0, check: version, register: again}
  - {name: still, hosts: h0, when: \"'new' in again.stdout\", run: mend}
";
    let run = dry(text, &[]);
    assert_eq!(says(&run, "old"), (Some(Foreseen::WouldRun), "would run".to_owned()));
    assert_eq!(says(&run, "new"), (Some(Foreseen::WouldSkip), "would skip: not so: 'new' in seen.stdout".to_owned()));
    assert_eq!(says(&run, "still"), (Some(Foreseen::CannotKnow), "cannot know before".to_owned()), "it was seen before the upgrade");
}

#[test]
fn a_loop_over_what_nobody_knows_stops_nothing() {
    let text = "  - {name: make, hosts: h0, run: make, register: made}
  - {name: each, hosts: h0, for_each: \"{{ made.stdout }}\", steps: [{name: use it, run: \"use {{ item }}\"}]}
  - {name: roll, hosts: all, rolling: {serial: 1}, steps: [{name: fine, check: look}, {name: bump, run: bump}]}
  - {name: last, hosts: h0, check: other}
";
    let run = dry(text, &["look"]);
    assert_eq!(verdict(&run), "recovered");
    assert_eq!(says(&run, "use-it"), (Some(Foreseen::CannotKnow), "cannot know before".to_owned()));
    assert_eq!((says(&run, "bump@2").1.as_str(), says(&run, "last").0), ("would run", Some(Foreseen::WouldRun)));
}

#[test]
fn a_step_that_could_not_be_prepared_is_told_and_not_called_would_run() {
    let text = "  - {name: one, hosts: all, expect_hosts: 7, run: one}\n  - {name: two, hosts: h0, run: two}\n";
    let run = dry(text, &[]);
    assert!(says(&run, "one").1.contains("expected 7 hosts"), "{:?}", says(&run, "one"));
    assert_eq!((verdict(&run), says(&run, "two").1.as_str()), ("failed", "would run"));
}

#[test]
fn a_dry_run_that_is_killed_at_any_line_is_resumed_to_the_same_end() {
    let text = "  - {name: see, hosts: all, check: look}
  - {name: tune, hosts: all, run: tune, done_when: tuned, effect: idempotent}
  - {name: check, hosts: all, check: other}
";
    let whole = dry(text, &["tuned h1", "other"]);
    for line in 2..whole.1.journal.len() {
        let ended = World::new(&whole.0).run_to_the_end(Some(line));
        ended.check(&whole.0, &format!("killed at line {line}"));
        let all = |ended: &Ended| steps(&whole.0.program, &ended.state).into_iter().map(|step| (step.id, step.phrase)).collect::<Vec<_>>();
        assert_eq!(all(&ended), all(&whole.1), "killed at line {line}");
    }
}
