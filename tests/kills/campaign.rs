//! Kills the runner at each line of a run's journal and around each action, and goes on. The long form is in docs/campaigns.md.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::killing::{
    Bob, Death, Record, assert_printed, assert_well, forget_counts, go_to_line, go_to_the_end, kill, resume_to_the_end, start_three,
    three_hosts, verify,
};
use super::lab::{Lab, shown};

/// Labs that work at the same time: a run waits more than it computes.
const LABS: usize = 4;
/// The moments after a line at which a runner dies, taken in turn. A step takes about 30 ms.
const DEATHS: [Death; 10] = [
    Death::After(Duration::ZERO),
    Death::After(Duration::from_millis(5)),
    Death::Frozen(Duration::from_millis(10)),
    Death::After(Duration::from_millis(1)),
    Death::After(Duration::from_millis(20)),
    Death::Frozen(Duration::ZERO),
    Death::After(Duration::from_millis(2)),
    Death::After(Duration::from_millis(40)),
    Death::After(Duration::from_millis(10)),
    Death::Frozen(Duration::from_millis(20)),
];
/// What a step does between its two marks: long enough that a kill can fall into it.
const WORK: &str = "sleep 0.02";

/// One kill.
#[derive(Debug, Clone, Copy)]
struct Point {
    line: usize,
    death: Death,
    /// Whether the last line is found torn afterwards.
    torn: bool,
}

/// How often each point is repeated, each time with another delay: `RUNBOOK_KILLS=n`.
fn repeats() -> usize {
    std::env::var("RUNBOOK_KILLS").ok().and_then(|number| number.parse().ok()).unwrap_or(1)
}

fn points(lines: usize) -> Vec<Point> {
    let each = |(turn, line): (usize, usize)| {
        let death = DEATHS[(line + turn) % DEATHS.len()];
        Point { line, death, torn: (line + turn).is_multiple_of(5) }
    };
    (0..repeats()).flat_map(|turn| (1..=lines).map(move |line| (turn, line))).map(each).collect()
}

/// A whole run that nobody disturbs: how many lines it has.
fn undisturbed(lab: &Lab) -> usize {
    let ((mut runner, record), mut bob) = (start_three(lab), Bob::default());
    assert_eq!(go_to_the_end(lab, &mut runner, &record, &mut bob), 0, "{}", lab.said());
    assert_well(lab, &record, "undisturbed");
    record.lines()
}

#[test]
fn a_runner_killed_at_any_line_is_gone_on_with_and_every_step_runs_exactly_once() {
    let lines = undisturbed(&three_hosts(WORK));
    let points = points(lines);
    let next = AtomicUsize::new(0);
    let failures: Mutex<Vec<String>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..LABS {
            scope.spawn(|| {
                let mut lab = three_hosts(WORK);
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| die_and_go_on(&lab, *point))) {
                        let words = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                        failures.lock().unwrap().push(format!("{point:?}: {words}"));
                        lab = three_hosts(WORK);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {} kills went wrong\n{}", failures.len(), points.len(), failures.join("\n\n"));
}

fn die_and_go_on(lab: &Lab, point: Point) {
    forget_counts(lab);
    let ((mut runner, record), mut bob) = (start_three(lab), Bob::default());
    if go_to_line(lab, &mut runner, &record, &mut bob, point.line).is_none() {
        kill(&mut runner, point.death);
    }
    bob.done(lab);
    if point.torn && !record.is_closed() {
        tear(&record);
    }
    let what = format!("{point:?}, killed after {} lines", record.lines());
    if record.is_closed() {
        let late = lab.run_as("alice", &["resume", &record.run()]);
        assert_eq!(late.status.code(), Some(2), "{what}: a closed run is not resumed: {}", shown(&late));
    } else {
        let status = resume_to_the_end(lab, &record, &mut bob);
        assert_eq!(status, 0, "{what}:\n{}\n{}\n{}", lab.said(), record.kinds().join("\n"), verify(lab, &record).2);
    }
    assert_well(lab, &record, &what);
    assert_printed(&record, &what);
    assert_eq!(bob.answers(), 1, "{what}: bob was asked more than once");
}

/// So long that most runners die in the middle of it.
const LONG_WORK: &str = "sleep 0.3";
/// More runners than a run can need in which each comes a little further than the one before.
const RUNNERS: usize = 60;

#[test]
fn a_run_whose_runners_die_one_after_another_ends_and_every_step_ran_exactly_once() {
    let (lab, mut bob) = (three_hosts(LONG_WORK), Bob::default());
    let (mut runner, record) = start_three(&lab);
    let mut ended = None;
    for turn in 0..RUNNERS {
        let line = record.lines() + 1 + turn % 6;
        ended = go_to_line(&lab, &mut runner, &record, &mut bob, line);
        if ended.is_some() {
            break;
        }
        kill(&mut runner, DEATHS[turn % DEATHS.len()]);
        bob.done(&lab);
        if record.is_closed() {
            break;
        }
        runner = lab.start("alice", &["resume", &record.run()]);
    }
    bob.done(&lab);
    assert!(ended.is_none_or(|status| status.success()), "{}\n{}", lab.said(), record.kinds().join("\n"));
    let told = record.count("run_resumed") > 5 && record.count("action_reattached") > 0;
    assert!(told, "too few runners died to tell, or none in mid-step: {:?}", record.kinds());
    assert_well(&lab, &record, "many died");
    assert_printed(&record, "many died");
    assert_eq!(bob.answers(), 1);
}

#[test]
fn a_runner_killed_before_its_first_line_stands_in_nobodys_way() {
    let lab = three_hosts("true");
    let dead = (0..RUNNERS).find_map(|_| {
        let (mut runner, record) = start_three(&lab);
        kill(&mut runner, Death::After(Duration::ZERO));
        (record.lines() == 0).then_some(record)
    });
    let dead = dead.expect("one of many is killed before its first line");
    for verb in ["resume", "stop"] {
        let answer = lab.run_as("alice", &[verb, &dead.run()]);
        assert_eq!(answer.status.code(), Some(2), "{}", shown(&answer));
        assert!(shown(&answer).contains("nothing was started"), "{}", shown(&answer));
    }
    let listed = lab.run_as("alice", &["runs"]);
    assert!(listed.status.success(), "{}", shown(&listed));
    undisturbed(&lab);
}

/// Appends half a line, as a runner that dies while it writes leaves it: never acknowledged, so nothing followed from it.
fn tear(record: &Record) {
    let text = record.text();
    let last = text.lines().last().unwrap_or_default();
    let journal = record.folder.join("journal.jsonl");
    std::fs::write(journal, format!("{text}{}", &last[..last.len() / 2])).unwrap();
}
