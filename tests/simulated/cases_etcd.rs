//! `etcd-members-down` as it ships, on a scripted cluster: each branch comes to its conclusion, without a gate, in a dry run as in a run.

use crate::simulation::Ended;
use crate::simulation::scripted::Scripted;
use crate::simulation::shipped::{Shipped, changes, gates, ran, run, timeline, verdict};

const READY: &str = r#"{"name":"master-0","ready":"True","operator":"Done"},{"name":"master-1","ready":"True","operator":"Done"}"#;

fn nodes(third: &str) -> String {
    format!("[{READY},{third}]\n")
}

fn members(health: [bool; 3]) -> String {
    let member =
        |(number, health): (usize, bool)| format!(r#"{{"endpoint":"https://10.0.0.1{number}:2379","health":{health},"took":"9ms"}}"#);
    format!("[{}]\n", health.into_iter().enumerate().map(member).collect::<Vec<_>>().join(","))
}

/// A cluster that answers so.
fn cluster(third: &str, upgrade: &str, health: [bool; 3]) -> Scripted {
    let code = i32::from(health.contains(&false));
    Scripted::default()
        .says("tools-1", "oc get nodes", &nodes(third))
        .says("tools-1", "oc get clusterversion", &format!("{upgrade}\n"))
        .exits("tools-1", "etcdctl endpoint health", code, &members(health))
}

const FINE: &str = r#"{"name":"master-2","ready":"True","operator":"Done"}"#;
const WORKING: &str = r#"{"name":"master-2","ready":"False","operator":"Working"}"#;
const GONE: &str = r#"{"name":"master-2","ready":"Unknown","operator":"Done"}"#;

/// How the third node is, whether an upgrade runs, who is well; the verdict, and what the conclusion says.
const BRANCHES: [(&str, &str, [bool; 3], &str, &str); 6] = [
    (FINE, "True", [true, true, false], "no_action", "The cluster is being upgraded"),
    (WORKING, "False", [true, true, false], "no_action", "The machine-config operator works on master-2"),
    (FINE, "False", [true, true, true], "no_action", "All 3 members answer"),
    (GONE, "False", [false, true, false], "escalated", "Only 1 of 3 members are well, so there is no quorum"),
    (
        GONE,
        "False",
        [true, true, false],
        "escalated",
        "master-2 is not ready, and its member is down with it. Go on with https://wiki.example.com/runbooks/node-not-ready",
    ),
    (FINE, "False", [true, false, true], "escalated", "https://10.0.0.11:2379 does not answer, though every node is ready. Go on with"),
];

#[test]
fn each_branch_comes_to_its_conclusion_without_a_gate_and_the_timeline_says_it() {
    for (third, upgrade, health, how, sentence) in BRANCHES {
        let scenario = Shipped::new("etcd-members-down").on(cluster(third, upgrade, health));
        let ended = run(&scenario);
        assert_eq!((verdict(&ended).as_str(), gates(&ended), changes(&scenario, &ended).len()), (how, 0, 0), "{sentence}");
        let concluded = timeline(&ended).into_iter().find(|line| line.starts_with("concluded: "));
        assert!(concluded.as_ref().is_some_and(|line| line.contains(sentence)), "{sentence}: {concluded:?}");
    }
}

#[test]
fn a_dry_run_is_the_same_as_a_run() {
    for (third, upgrade, health, how, _) in BRANCHES {
        let real = run(&Shipped::new("etcd-members-down").on(cluster(third, upgrade, health)));
        let dry = run(&Shipped::new("etcd-members-down").dry().on(cluster(third, upgrade, health)));
        let told = |ended: &Ended| timeline(ended).split_off(1); // the first line says that it is a dry run
        assert_eq!((ran(&dry), told(&dry), verdict(&dry).as_str()), (ran(&real), told(&real), how));
    }
}

#[test]
fn a_cluster_that_does_not_answer_is_no_conclusion() {
    let dead = Scripted::default().exits("tools-1", "oc get", 1, "");
    let ended = run(&Shipped::new("etcd-members-down").on(dead));
    assert_eq!((verdict(&ended).as_str(), ran(&ended)), ("failed", vec!["status-of-the-nodes! tools-1".to_owned()]));
}
