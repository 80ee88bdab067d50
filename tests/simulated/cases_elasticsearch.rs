//! `elasticsearch-rolling-restart` as it ships, on scripted nodes: what is acknowledged must be so, and what is held off is given back.

use crate::simulation::scripted::{Facts, Scripted, known, prints};
use crate::simulation::shipped::{Shipped, findings, holds, library, ran, ran_of, results, run, timeline, verdict};
use crate::simulation::{Scenario, Wish, World};
use runbook::engine::HostResult;
use runbook::event::Event;
use runbook::text::{Colour, Source};

const BEGUN: &str = "2026-11-22T03:00:00Z";
const GREEN: &str = r#"{"cluster_name":"main","status":"green","timed_out":false}"#;

fn setting(value: &str) -> String {
    let persistent = if value.is_empty() { String::new() } else { format!(r#""cluster.routing.allocation.enable":"{value}""#) };
    format!(r#"{{"persistent":{{{persistent}}},"transient":{{}}}}"#)
}

/// Three nodes that were started the day before; the settings are the cluster's.
fn nodes() -> Scripted {
    Scripted::default()
        .says("*", "/_cluster/health", GREEN)
        .does("*", "/_cluster/settings?flat_settings=true", |facts, _| prints(&setting(&known(facts, "allocation"))))
        .does("*", "\"primaries\"", |facts: &mut Facts, _| {
            facts.insert("allocation".to_owned(), "primaries".to_owned());
            prints("true\n")
        })
        .does("*", "allocation.enable\": null", |facts: &mut Facts, _| {
            facts.remove("allocation");
            prints("true\n")
        })
        .does("*", "/_nodes/_local/jvm", |facts, task| match known(facts, task.host().as_str()).as_str() {
            "" => prints("2026-11-21T08:00:00Z\n"),
            started => prints(started),
        })
        .sets("*", "systemctl stop elasticsearch", "down", "yes")
        .does("*", "systemctl start elasticsearch", |facts: &mut Facts, task| {
            facts.insert(task.host().to_string(), "2026-11-22T03:10:00Z\n".to_owned());
            prints("")
        })
        .says("*", "--max-time 5 http://127.0.0.1:9200/", "")
}

fn restart(hosts: Scripted) -> Scenario {
    Shipped::new("elasticsearch-rolling-restart").given("begun", BEGUN).on(hosts)
}

#[test]
fn one_node_after_another_is_restarted_while_allocation_is_held_off() {
    let ended = run(&restart(nodes()));
    assert_eq!((verdict(&ended).as_str(), holds(&ended)), ("recovered", Vec::new()));
    let of = |turn: &str| ran(&ended).into_iter().filter(|word| word.contains(turn)).collect::<Vec<_>>();
    let expected = |turn: u32| {
        [
            "when-it-was-started",
            "without-allocation.acquire",
            "allocation-is-held-off",
            "stop-it",
            "start-it",
            "it-answers-on-its-port",
            "without-allocation.release",
            "allocation-is-on-again",
            "it-is-green-again",
        ]
        .map(|step| format!("{step}@{turn} es-{turn}"))
    };
    assert_eq!([of("@1"), of("@2"), of("@3")], [1, 2, 3].map(|turn| expected(turn).to_vec()));
}

#[test]
fn a_second_run_goes_on_where_the_first_stopped() {
    let scenario = restart(nodes().fact("es-1", "2026-11-22T03:05:00Z\n"));
    let ended = run(&scenario);
    assert_eq!(verdict(&ended), "recovered");
    assert_eq!(ran_of(&ended, &["stop-it", "without-allocation.acquire"]).len(), 4, "two nodes, two steps");
    assert_eq!(ran_of(&ended, &["stop-it"]), ["stop-it@2 es-2", "stop-it@3 es-3"]);
    assert!(timeline(&ended).contains(&"skipped stop-it@1: not so: started.stdout < begun".to_owned()), "{:#?}", timeline(&ended));
}

/// A transient setting is in force, whatever the persistent one says.
#[test]
fn a_setting_that_is_acknowledged_and_not_effective_fails_before_anything_is_stopped() {
    let overridden =
        r#"{"persistent":{"cluster.routing.allocation.enable":"primaries"},"transient":{"cluster.routing.allocation.enable":"all"}}"#;
    let all = r#"{"persistent":{},"transient":{"cluster.routing.allocation.enable":"all"}}"#;
    let stubborn = nodes().does("*", "/_cluster/settings?flat_settings=true", move |facts, _| {
        prints(if known(facts, "allocation").is_empty() { all } else { overridden })
    });
    let ended = run(&restart(stubborn));
    assert_eq!((verdict(&ended).as_str(), holds(&ended)), ("failed", Vec::new()));
    let expected = ["without-allocation.acquire@1 es-1", "allocation-is-held-off@1! es-1", "without-allocation.release@1 es-1"];
    assert_eq!(ran(&ended)[ran(&ended).len() - 3..], expected);
    assert_eq!(ran_of(&ended, &["stop-it"]), Vec::<String>::new());
}

#[test]
fn a_setting_that_is_not_acknowledged_fails_and_nothing_is_held() {
    let ended = run(&restart(nodes().exits("*", "\"primaries\"", 1, "false\n")));
    assert_eq!((verdict(&ended).as_str(), holds(&ended)), ("failed", Vec::new()));
    assert_eq!(ran(&ended).last().unwrap(), "without-allocation.acquire@1! es-1");
}

#[test]
fn a_cluster_that_answers_green_after_its_time_is_out_is_not_green() {
    let late = nodes().says("*", "wait_for_status=green", r#"{"cluster_name":"main","status":"green","timed_out":true}"#);
    let scenario = restart(late);
    let ended = run(&scenario);
    assert_eq!(verdict(&ended), "failed");
    let stopped = results(&scenario, &ended, "stop-it");
    assert_eq!(
        stopped.iter().map(|(_, result)| *result).collect::<Vec<_>>(),
        [HostResult::Ok, HostResult::NotStarted, HostResult::NotStarted]
    );
}

#[test]
fn what_a_runner_that_died_has_held_off_is_listed_with_its_command_and_can_be_given_back() {
    let scenario = restart(nodes());
    let whole = run(&scenario);
    let taken = |event: &Event| matches!(event, Event::ActionEnded { step, .. } if step.as_str() == "without-allocation.acquire@1");
    let line = whole.journal.iter().position(|entry| taken(&entry.event)).unwrap() + 1;
    let scenario = restart(nodes());
    let world = World::new(&scenario);
    let died = world.one(Some(line), &[]);
    let held = holds(&died);
    assert_eq!(held.len(), 1, "{held:?}");
    assert!(
        held[0].starts_with("without-allocation.acquire@1 es-1: ") && held[0].contains("\"cluster.routing.allocation.enable\": null"),
        "{held:?}"
    );
    let released = world.one(None, &[Wish::GoOn, Wish::Release]);
    assert_eq!(holds(&released), Vec::<String>::new());
    assert_eq!(ran(&released).last().unwrap(), "without-allocation.release@1 es-1");
    assert_eq!(ran_of(&released, &["stop-it"]), Vec::<String>::new());
}

#[test]
fn a_time_out_of_three_hundred_years_is_told_by_lint() {
    let library = library();
    let shipped = library.runbook("elasticsearch-rolling-restart").unwrap().source;
    assert!(findings(&library, &shipped, "elasticsearch-rolling-restart").is_empty());
    let absurd = shipped.text().replacen("timeout: 15m", "timeout: 10000000000s", 1);
    let absurd = Source::new("runbooks/elasticsearch-rolling-restart.yaml", &absurd);
    let told = findings(&library, &absurd, "elasticsearch-rolling-restart").render(Colour::Plain);
    assert!(told.contains("error[RB219]") && told.contains("never comes"), "{told}");
}
