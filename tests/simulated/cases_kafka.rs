//! `kafka-rolling-restart` as it ships, on scripted brokers: the controller goes last wherever it is, and one failure stops the roll.

use std::collections::BTreeMap;

use crate::simulation::scripted::{Facts, Scripted, known, prints};
use crate::simulation::shipped::{Shipped, changes, gates, phrase, ran, ran_of, results, run, verdict};
use runbook::engine::HostResult;
use runbook::event::{Event, StageWork};

const LAGGING: &str = "Topic: orders\tPartition: 0\tLeader: 1\tReplicas: 1,2,3\tIsr: 1,2";

/// Five brokers in sync; this one is the controller.
fn brokers(controller: &str) -> Scripted {
    Scripted::default()
        .fact("controller", controller)
        .does("tools-1", "kafka-metadata-quorum.sh", |facts, _| prints(&known(facts, "controller")))
        .says("*", "systemctl is-active kafka", "active\n")
        .says("tools-1", "test -x /opt/kafka/bin/kafka-leader-election.sh", "")
        .says("*", "--under-replicated-partitions", "")
        .says("tools-1", "amtool silence add", "d8a5b4c2\n")
        .says("*", "systemctl restart kafka", "")
        .says("tools-1", "kafka-leader-election.sh --bootstrap-server", "")
}

fn restart() -> Shipped {
    Shipped::new("kafka-rolling-restart").given("reason", "new certificates").given("settle", "2m").done("look-at-the-dashboard", &[])
}

fn restarts(ended: &crate::simulation::Ended) -> Vec<String> {
    ran_of(ended, &["restart-it"]).iter().map(|word| word.split(' ').next_back().unwrap().to_owned()).collect()
}

#[test]
fn every_broker_is_restarted_and_the_controller_is_the_last() {
    let scenario = restart().on(brokers("kafka-2\n"));
    let ended = run(&scenario);
    assert_eq!(verdict(&ended), "recovered");
    assert_eq!(restarts(&ended), ["kafka-1", "kafka-3", "kafka-4", "kafka-5", "kafka-2"]);
    let first: Vec<String> = ran(&ended).into_iter().filter(|word| word.contains("@1")).collect();
    let expected = [
        "it-runs@1 kafka-1",
        "the-script-for-the-election-is-there@1 tools-1",
        "all-replicas-are-in-sync@1 kafka-1",
        "silence-its-alert@1 tools-1",
        "restart-it@1 kafka-1",
        "it-is-in-sync-again@1 kafka-1",
        "let-it-lead-again@1 tools-1",
    ];
    assert_eq!(first, expected);
}

#[test]
fn the_list_of_brokers_is_what_one_gate_asks_for_and_the_excluded_one_is_not_in_it() {
    let scenario = restart().given("brokers", "kafka & !kafka-3").on(brokers("kafka-2\n"));
    let ended = run(&scenario);
    assert_eq!((verdict(&ended).as_str(), gates(&ended)), ("recovered", 1));
    assert_eq!(restarts(&ended), ["kafka-1", "kafka-4", "kafka-5", "kafka-2"]);
    let asked = ended.journal.iter().find_map(|entry| match &entry.event {
        Event::GateOpened { asks, .. } => Some(asks.covers.iter().filter(|step| step.base() == "restart-it").count()),
        _ => None,
    });
    assert_eq!(asked, Some(4));
}

#[test]
fn the_person_is_given_a_link_that_is_made_of_the_parameters() {
    let scenario = restart().given("cluster", "orders").on(brokers("kafka-2\n"));
    let ended = run(&scenario);
    let stage = ended.state.steps[&"look-at-the-dashboard".parse().unwrap()].stage.clone().unwrap();
    let StageWork::Manual { instructions, .. } = stage.work else { panic!("{stage:?}") };
    assert!(instructions.contains("https://grafana.example.com/d/kafka?var-cluster=orders&from=now-3h"), "{instructions}");
}

/// From kafka-2 to kafka-5, once kafka-3 was restarted.
#[test]
fn a_controller_that_moves_while_rolling_is_still_the_last() {
    let moving = brokers("kafka-2\n").does("kafka-3", "systemctl restart kafka", |facts: &mut Facts, _| {
        facts.insert("controller".to_owned(), "kafka-5\n".to_owned());
        prints("")
    });
    let ended = run(&restart().on(moving));
    assert_eq!(verdict(&ended), "recovered");
    assert_eq!(restarts(&ended), ["kafka-1", "kafka-3", "kafka-4", "kafka-2", "kafka-5"]);
}

#[test]
fn a_broker_that_never_gets_in_sync_stops_the_roll_and_the_others_are_not_started() {
    let stuck = brokers("kafka-5\n")
        .does("kafka-3", "systemctl restart kafka", |facts: &mut Facts, _| {
            facts.insert("kafka-3".to_owned(), LAGGING.to_owned());
            prints("")
        })
        .does("*", "--under-replicated-partitions", |facts, _| prints(&known(facts, "kafka-3")));
    let scenario = restart().on(stuck);
    let ended = run(&scenario);
    assert_eq!(verdict(&ended), "failed");
    let of = |step: &str| results(&scenario, &ended, step).into_iter().collect::<BTreeMap<_, _>>();
    let expected = [
        ("kafka-1", HostResult::Ok),
        ("kafka-2", HostResult::Ok),
        ("kafka-3", HostResult::Ok),
        ("kafka-4", HostResult::NotStarted),
        ("kafka-5", HostResult::NotStarted),
    ];
    assert_eq!(of("restart-it"), expected.map(|(host, result)| (host.to_owned(), result)).into());
    assert_eq!(of("it-is-in-sync-again")["kafka-3"], HostResult::Failed);
    let looks = ended.state.steps[&"it-is-in-sync-again@3".parse().unwrap()].attempts.values().map(Vec::len).sum::<usize>();
    assert!((30..=31).contains(&looks), "thirty tries, thirty seconds apart, got {looks}");
    assert!(ran_of(&ended, &["let-it-lead-again"]).iter().all(|word| !word.starts_with("let-it-lead-again@3")));
}

#[test]
fn a_dry_run_says_what_cannot_be_known_before_and_changes_nothing() {
    let scenario = restart().dry().on(brokers("kafka-2\n"));
    let ended = run(&scenario);
    assert_eq!(changes(&scenario, &ended), Vec::<String>::new());
    let said = |step: &str| phrase(&scenario, &ended, step);
    assert_eq!(said("restart-it@1").as_deref(), Some("would run"));
    assert_eq!(said("it-is-in-sync-again@1").as_deref(), Some("cannot know before"));
    assert_eq!(said("all-replicas-are-in-sync@1"), None, "this one can be known, and is");
    assert!(ran(&ended).contains(&"all-replicas-are-in-sync@1 kafka-1".to_owned()));
    assert!(!ran(&ended).iter().any(|word| word.starts_with("it-is-in-sync-again")));
    assert!(ended.state.gates.is_empty(), "nobody is asked where nothing is changed");
}

#[test]
fn less_than_two_minutes_between_two_brokers_are_refused() {
    let library = crate::simulation::shipped::library();
    let runbook = crate::simulation::shipped::read_shipped(&library, "kafka-rolling-restart");
    let given = [("reason", "new certificates"), ("settle", "90s")].map(|(name, value)| (name.to_owned(), value.into()));
    let problems = runbook::plan::Parameters::resolve(&runbook, &given.into(), &library.inventory).unwrap_err();
    assert!(problems.iter().any(|problem| problem.to_string().contains("settle") && problem.to_string().contains("2m")), "{problems:?}");
}
