//! `fail-over-gitlab` as it ships, on scripted hosts: one way back before the point of no return, another way after it, and what is remembered.

use crate::simulation::scripted::{Facts, Scripted, known, prints};
use crate::simulation::shipped::{Shipped, changes, gates, holds, ran, run, verdict};
use runbook::drill::Reply;
use runbook::engine::{Question, Task, Way};
use runbook::event::Answer;

const CHANGE: &[(&str, &str)] = &[("change", "https://git.example.com/infra/merge/7")];

/// Names that lead as they do, until they are swapped.
fn names(facts: &mut Facts, task: &Task) -> Reply {
    let script = task.command().script.to_string();
    let swapped = known(facts, "names") == "swapped";
    let of = |standby: bool| if standby == swapped { "10.0.0.1\n" } else { "10.0.0.2\n" };
    let asked = [("A git.example.com", false), ("A git-standby.example.com", true)];
    prints(&asked.into_iter().filter(|(name, _)| script.contains(name)).map(|(_, standby)| of(standby)).collect::<String>())
}

/// The service on git-1, and runners 3, 5 and 8 that take jobs. A new one, 9, comes while they are paused.
fn hosts() -> Scripted {
    let runners = |facts: &mut Facts, _: &Task| match known(facts, "runners").as_str() {
        "" => prints("3\n5\n8\n"),
        _ => prints("9\n"),
    };
    let remember = |word: &'static str| {
        move |facts: &mut Facts, task: &Task| {
            let script = task.command().script.to_string();
            facts.insert("runners".to_owned(), format!("{word} {script}"));
            prints("")
        }
    };
    Scripted::default()
        .does("tools-1", "dig +short A", names)
        .says("git-2", "hostname -I", "10.0.0.2 172.17.0.1 \n")
        .says("*", "df --output=pcent", "31")
        .says("*", "puppet config print agent_disabled_lockfile", "")
        .does("tools-1", "runners/all?paused=false", runners)
        .does("tools-1", "--field paused=true", remember("paused"))
        .does("tools-1", "--field paused=false", remember("unpaused"))
        .says("tools-1", "amtool silence", "")
        .says("*", "puppet agent --disable", "")
        .says("*", "puppet agent --enable", "")
        .says("git-1", "gitlab-ctl stop puma", "")
        .says("git-1", "gitlab-ctl start sidekiq", "")
        .says("git-1", "systemctl stop gitlab-backup.timer", "")
        .says("git-1", "systemctl start gitlab-backup.timer", "")
        .says("git-1", "gitlab-backup create BACKUP=failover", "")
        .says("git-1", "rm -f /var/opt/gitlab/backups/failover_gitlab_backup.tar", "")
        .says("git-1", "rsync --archive", "")
        .says("*", "sha256sum /var/opt/gitlab/backups", "8f14e45f  /var/opt/gitlab/backups/failover_gitlab_backup.tar\n")
        .exits("git-2", "puppet agent --test", 2, "")
        .sets("git-2", "gitlab-backup restore BACKUP=failover", "names", "swapped")
        .says("git-2", "/-/readiness", "")
}

fn fail_over() -> Shipped {
    let shipped = Shipped::new("fail-over-gitlab").given("reason", "failing hardware");
    shipped.done("merge-the-change-of-roles", CHANGE).done("merge-the-swap-of-the-names", CHANGE)
}

#[test]
fn the_service_moves_and_exactly_the_runners_that_were_paused_take_jobs_again() {
    let scenario = fail_over().on(hosts());
    let ended = run(&scenario);
    assert_eq!((verdict(&ended).as_str(), gates(&ended), holds(&ended)), ("recovered", 1, Vec::new()));
    let unpaused = &ended.state.steps[&"fail-over.release".parse().unwrap()].stage.clone().unwrap();
    let script = unpaused.work.commands()[0].command.script.to_string();
    assert!(script.contains("for id in 3 5 8; do") && script.contains("paused=false"), "{script}");
    let expected = [
        "fail-over.acquire tools-1",
        "silence-the-alerts tools-1",
        "with-the-agents-paused.acquire git-1",
        "with-the-agents-paused.acquire git-2",
        "stop-the-service git-1",
        "lock-the-nightly-backup git-1",
        "back-up git-1",
        "copy-the-backup git-1",
        "configure-it git-2",
        "restore git-2",
        "with-the-agents-paused.release git-1",
        "with-the-agents-paused.release git-2",
        "fail-over.release tools-1",
    ];
    assert_eq!(changes(&scenario, &ended), expected);
}

#[test]
fn a_target_that_is_the_primary_already_is_refused_before_any_change() {
    let scenario = fail_over().on(hosts().says("git-2", "hostname -I", "10.0.0.1 \n"));
    let ended = run(&scenario);
    assert_eq!((verdict(&ended).as_str(), gates(&ended), changes(&scenario, &ended).len()), ("failed", 0, 0));
    assert_eq!(ran(&ended).last().unwrap(), "the-target-is-not-the-primary! git-2");
}

#[test]
fn a_disk_that_is_too_full_on_either_host_is_refused_before_any_change() {
    let scenario = fail_over().on(hosts().says("git-2", "df --output=pcent", "40"));
    let ended = run(&scenario);
    assert_eq!((verdict(&ended).as_str(), changes(&scenario, &ended).len()), ("failed", 0));
}

#[test]
fn a_failure_before_the_point_of_no_return_is_rolled_back_newest_first() {
    let answers = [Answer::RollBack, Answer::Release, Answer::Release];
    let scenario = fail_over().attended(&answers).on(hosts().exits("git-1", "rsync --archive", 23, ""));
    let ended = run(&scenario);
    assert_eq!((verdict(&ended).as_str(), holds(&ended)), ("rolled_back", Vec::new()));
    let Some(Question::AfterFailure { step, ways }) = ended.asked.first() else { panic!("{:?}", ended.asked) };
    assert_eq!((step.as_str(), ways.contains(&Way::RollBack)), ("copy-the-backup", true));
    let back = [
        "copy-the-backup! git-1",
        "~back-up git-1",
        "~lock-the-nightly-backup git-1",
        "~stop-the-service git-1",
        "with-the-agents-paused.release git-1",
        "with-the-agents-paused.release git-2",
        "~silence-the-alerts tools-1",
        "fail-over.release tools-1",
    ];
    let all = ran(&ended);
    assert_eq!(all[all.len() - back.len()..], back);
}

#[test]
fn a_failure_after_it_goes_another_way_and_asks_another_question() {
    let chosen = Answer::Chosen { option: "stay-down".to_owned() };
    let answers = [Answer::Stop, Answer::Keep, Answer::Keep, chosen];
    let scenario = fail_over().attended(&answers).done("put-up-the-page", &[]).on(hosts().exits("git-2", "gitlab-backup restore", 1, ""));
    let ended = run(&scenario);
    let Some(Question::AfterFailure { step, ways }) = ended.asked.first() else { panic!("{:?}", ended.asked) };
    assert_eq!((step.as_str(), ways.contains(&Way::RollBack)), ("restore", false));
    let Some(Question::Choose { question, options, .. }) = ended.asked.last() else { panic!("{:?}", ended.asked) };
    assert!(question.contains("There is no way back to git-1"), "{question}");
    assert_eq!(options.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["finish-by-hand", "stay-down"]);
    assert!(!ran(&ended).iter().any(|word| word.starts_with('~')), "nothing is undone");
    assert_eq!(verdict(&ended), "held failed");
    let held: Vec<String> = holds(&ended).iter().filter_map(|line| line.split(':').next().map(str::to_owned)).collect();
    assert_eq!(held, ["fail-over.acquire tools-1", "with-the-agents-paused.acquire git-1", "with-the-agents-paused.acquire git-2"]);
}

/// The names do not swap: after a try again the person goes on without, for which the gate is asked once more.
#[test]
fn names_that_are_not_swapped_are_looked_at_again_or_passed_over_behind_the_gate() {
    let stuck = hosts().says("git-2", "gitlab-backup restore BACKUP=failover", "");
    let ended = run(&fail_over().attended(&[Answer::Retry, Answer::GoOn]).on(stuck));
    assert_eq!((verdict(&ended).as_str(), holds(&ended)), ("recovered", Vec::new()));
    let Some(Question::AfterFailure { step, ways }) = ended.asked.first() else { panic!("{:?}", ended.asked) };
    assert_eq!((step.as_str(), ways.as_slice()), ("the-names-are-swapped", [Way::Retry, Way::GoOn, Way::Stop].as_slice()));
    assert_eq!(gates(&ended), 3, "once for all, once to look again, once to go on without");
}
