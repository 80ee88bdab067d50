//! `drain-patroni-replica` as it ships, on scripted members: what is refused before any change, the second look, a lost connection, the way back.

use crate::simulation::Ended;
use crate::simulation::scripted::{Facts, Scripted, known, prints};
use crate::simulation::shipped::{Shipped, changes, findings, gates, holds, library, ran, ran_of, results, run, timeline, verdict};
use runbook::drill::Break;
use runbook::engine::{HostResult, Question, Way};
use runbook::event::{Answer, Event};
use runbook::text::{Colour, Source};

fn member(name: &str, leader: &str) -> String {
    let role = if name == leader { "Leader" } else { "Replica" };
    format!(r#"{{"Cluster":"main","Member":"{name}","Host":"{name}.example.com","Role":"{role}","State":"running","TL":7}}"#)
}

/// Three members, of which this one leads; the target has no client, and goes when it is stopped.
fn cluster(leader: &'static str) -> Scripted {
    let list = move |facts: &mut Facts, _: &runbook::engine::Task| {
        let gone = known(facts, "pg-3") == "stopped";
        let members: Vec<String> =
            ["pg-1", "pg-2", "pg-3"].into_iter().filter(|name| !(gone && *name == "pg-3")).map(|name| member(name, leader)).collect();
        prints(&format!("[{}]\n", members.join(",")))
    };
    let discovery = |facts: &mut Facts, _: &runbook::engine::Task| match known(facts, "tags").as_str() {
        "drained" => prints("pg-1\npg-2\n"),
        _ => prints("pg-1\npg-2\npg-3\n"),
    };
    Scripted::default()
        .does("*", "list --format json main", list)
        .says("*", "sort -V | tail -n 1", "pg-3\n")
        .says("*", "agent_disabled_lockfile", "")
        .sets("pg-3", "puppet agent --disable", "agent", "paused")
        .sets("pg-3", "puppet agent --enable", "agent", "runs")
        .sets("pg-3", "yq -i", "tags", "drained")
        .sets("pg-3", "mv /etc/patroni/config.yml.before-drain", "tags", "as before")
        .does("tools-1", "dig +short SRV", discovery)
        .says("pg-3", "pg_stat_activity", "0\n")
        .says("tools-1", "amtool silence", "d8a5b4c2\n")
        .sets("pg-3", "systemctl stop patroni", "pg-3", "stopped")
        .sets("pg-3", "systemctl start patroni", "pg-3", "running")
}

fn drain(target: &str) -> Shipped {
    let plan = "Plan: 0 to add, 1 to change, 1 to destroy.";
    let shipped = Shipped::new("drain-patroni-replica").given("target", target).given("reason", "a smaller cluster");
    shipped.done("take-it-out-of-the-definition", &[("plan", plan)])
}

#[test]
fn a_replica_is_drained_stopped_and_gone_and_the_agent_runs_again() {
    let ended = run(&drain("pg-3").on(cluster("pg-1")));
    assert_eq!((verdict(&ended).as_str(), gates(&ended), holds(&ended)), ("recovered", 1, Vec::new()));
    let expected = [
        "it-is-not-the-leader-say-the-others pg-1",
        "it-is-not-the-leader-say-the-others pg-2",
        "it-is-the-last-by-number pg-1",
        "it-is-the-last-by-number pg-2",
        "nobody-has-paused-the-agent pg-3",
        "drain-it.acquire pg-3",
        "add-the-tags pg-3",
        "clients-do-not-find-it-any-more tools-1",
        "no-client-is-connected pg-3",
        "silence-its-alert tools-1",
        "stop-patroni pg-3",
        "it-is-gone-say-the-others pg-1",
        "it-is-gone-say-the-others pg-2",
        "drain-it.release pg-3",
    ];
    assert_eq!(ran(&ended), expected);
    let concluded = timeline(&ended).into_iter().find(|line| line.starts_with("concluded: ")).unwrap();
    assert!(concluded.contains("pg-3 is out of main. Plan: 0 to add, 1 to change, 1 to destroy."), "{concluded}");
}

fn is_refused_untouched(ended: &Ended, at: &str) {
    assert_eq!((verdict(ended).as_str(), gates(ended)), ("failed", 0));
    assert_eq!(ran(ended).last().map(|word| word.split(' ').next().unwrap().to_owned()), Some(format!("{at}!")));
}

#[test]
fn a_target_that_is_the_leader_is_refused_before_any_change() {
    let scenario = drain("pg-3").on(cluster("pg-3"));
    let ended = run(&scenario);
    is_refused_untouched(&ended, "it-is-not-the-leader-say-the-others");
    assert_eq!(changes(&scenario, &ended), Vec::<String>::new());
}

#[test]
fn a_target_that_is_not_the_last_by_number_is_refused_before_any_change() {
    let scenario = drain("pg-2").on(cluster("pg-1"));
    let ended = run(&scenario);
    is_refused_untouched(&ended, "it-is-the-last-by-number");
    assert_eq!(changes(&scenario, &ended), Vec::<String>::new());
}

#[test]
fn an_agent_that_somebody_else_has_paused_is_left_alone() {
    let ended = run(&drain("pg-3").on(cluster("pg-1").exits("pg-3", "agent_disabled_lockfile", 1, "")));
    is_refused_untouched(&ended, "nobody-has-paused-the-agent");
}

#[test]
fn of_three_idle_clients_the_second_look_is_taken_and_recorded() {
    let idle = cluster("pg-1").says("pg-3", "pid <> pg_backend_pid()\"", "3\n").says("pg-3", "state <> 'idle'", "0\n");
    let scenario = drain("pg-3").on(idle);
    let ended = run(&scenario);
    assert_eq!(verdict(&ended), "recovered");
    assert_eq!(
        ran_of(&ended, &["no-client-is-connected", "those-that-linger-do-nothing", "stop-patroni"]),
        ["no-client-is-connected! pg-3", "those-that-linger-do-nothing pg-3", "stop-patroni pg-3"]
    );
    let looks = ended.state.steps[&"no-client-is-connected".parse().unwrap()].attempts.values().map(Vec::len).sum::<usize>();
    assert_eq!(looks, 31, "every ten seconds of five minutes");
}

#[test]
fn a_client_that_still_works_is_not_cut_off() {
    let busy = cluster("pg-1").says("pg-3", "pg_stat_activity", "1\n");
    let ended = run(&drain("pg-3").on(busy));
    assert_eq!(verdict(&ended), "held failed");
    assert_eq!(ran_of(&ended, &["those-that-linger-do-nothing", "stop-patroni"]), ["those-that-linger-do-nothing! pg-3"]);
}

#[test]
fn a_stop_during_which_the_connection_is_lost_is_unknown_until_the_other_members_settle_it() {
    let scenario = drain("pg-3").on(cluster("pg-1").breaks("pg-3", "systemctl stop patroni", Break::During));
    let ended = run(&scenario);
    assert_eq!(verdict(&ended), "recovered");
    assert_eq!(results(&scenario, &ended, "stop-patroni"), [("pg-3".to_owned(), HostResult::Unknown)]);
    let others = ["pg-1", "pg-2"].map(|host| (host.to_owned(), HostResult::Ok));
    assert_eq!(results(&scenario, &ended, "it-is-gone-say-the-others"), others);
    let unknown = |line: &String| line.starts_with("stop-patroni on pg-3: outcome unknown");
    assert!(timeline(&ended).iter().any(unknown), "{:#?}", timeline(&ended));
}

#[test]
fn a_stop_that_never_came_about_is_seen_by_the_other_members() {
    let ended = run(&drain("pg-3").on(cluster("pg-1").exits("pg-3", "systemctl stop patroni", 1, "")));
    assert_eq!(verdict(&ended), "held failed");
    assert!(ran(&ended).contains(&"it-is-gone-say-the-others! pg-1".to_owned()));
}

/// Service discovery still gives its name.
fn undrained() -> Scripted {
    cluster("pg-1").says("tools-1", "dig +short SRV", "pg-1\npg-2\npg-3\n")
}

#[test]
fn after_the_tags_a_person_can_turn_back_they_are_undone_and_the_agent_is_offered_for_release() {
    let ended = run(&drain("pg-3").attended(&[Answer::RollBack, Answer::Release]).on(undrained()));
    assert_eq!((verdict(&ended).as_str(), holds(&ended)), ("rolled_back", Vec::new()));
    let Some(Question::AfterFailure { step, ways }) = ended.asked.first() else { panic!("{:?}", ended.asked) };
    assert_eq!((step.as_str(), ways.contains(&Way::RollBack)), ("clients-do-not-find-it-any-more", true));
    assert_eq!(ended.asked[1..], [Question::Release { step: "drain-it.release".parse().unwrap() }]);
    let end = ran(&ended);
    assert_eq!(end[end.len() - 3..], ["clients-do-not-find-it-any-more! tools-1", "~add-the-tags pg-3", "drain-it.release pg-3"]);
}

#[test]
fn an_agent_that_stays_paused_is_listed_with_the_command_that_lets_it_run() {
    let ended = run(&drain("pg-3").attended(&[Answer::RollBack, Answer::Keep]).on(undrained()));
    assert_eq!(verdict(&ended), "held rolled_back");
    assert_eq!(holds(&ended), ["drain-it.acquire pg-3: sudo -n puppet agent --enable<U+000A>"]);
    assert!(ended.journal.iter().any(|entry| matches!(&entry.event, Event::PersonAnswered { answer: Answer::Keep, .. })));
}

#[test]
fn an_answer_of_service_discovery_without_any_name_is_no_absence() {
    let ended = run(&drain("pg-3").on(cluster("pg-1").says("tools-1", "dig +short SRV", "")));
    assert_eq!(verdict(&ended), "held failed");
    assert_eq!(ran(&ended).last().unwrap(), "clients-do-not-find-it-any-more! tools-1");
}

/// `targets:` is the same wherever it is used.
#[test]
fn a_target_that_asks_for_more_than_parameters_is_refused() {
    let library = library();
    let shipped = library.runbook("drain-patroni-replica").unwrap().source;
    let text = shipped.text().replacen("!{{ target }}\"", "!{{ change.plan }}\"", 1);
    let told =
        findings(&library, &Source::new("runbooks/drain-patroni-replica.yaml", &text), "drain-patroni-replica").render(Colour::Plain);
    assert!(told.contains("RB503") && told.contains("a target can use parameters alone"), "{told}");
}
