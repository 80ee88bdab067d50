//! The shipped `roll-back-deployment` on this machine, with the test's own `jira`, `amtool` and `curl`: the incident manager stands in for the
//! database's on-call ten minutes later and no earlier, the record says that it was a substitute, and nobody stands in on a run of their own.

#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;

use std::fs;
use std::path::Path;
use std::process::Child;

use lab::{Lab, POLICY, Waiting, shown, until};
use runbook::base::Timestamp;

/// The runbook as it ships.
fn shipped() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/roll-back-deployment.yaml")).unwrap()
}

/// Bob runs it, alice is the database's on-call, carol the incident manager; `severity` is the ticket's.
fn lab(runbook: &str, severity: &str) -> Lab {
    let lab = Lab::new();
    lab.write("runbooks/roll-back-deployment.yaml", &runbook.replace("every: 15s", "every: 1s"));
    let programs = [
        ("jira", format!("echo '{{\"fields\": {{\"priority\": {{\"name\": \"{severity}\"}}}}}}'")),
        ("amtool", format!("echo \"$*\" >>{}", lab.path("paged").display())),
        ("curl", "echo v1.4".to_owned()),
    ];
    programs.into_iter().for_each(|(name, text)| lab.program(&format!("bin/{name}"), &text));
    lab
}

/// Starts it as this person, who gives back the link once the roll-back is signed for.
fn start(lab: &Lab, person: &str) -> Child {
    let words = ["exec", "roll-back-deployment", "-p", "ticket=OPS-7", "-p", "service=shop", "-p", "to=v1.4"];
    let answers = ["--answer", "start-the-roll-back=done", "--answer", "start-the-roll-back.link=https://deploy.example.com/7"];
    let path = format!("{}:{}", lab.path("bin").display(), std::env::var("PATH").unwrap());
    let file = |name: &str| fs::File::create(lab.path(name)).unwrap();
    let mut command = lab.runbook_as(person, &[words.as_slice(), answers.as_slice()].concat());
    command.env("PATH", path).stdout(file("exec.out")).stderr(file("exec.err")).spawn().unwrap()
}

/// Lets the page pass, and waits for the gate of the roll-back.
fn paged(lab: &Lab, exec: &mut Child, approver: &str) -> Waiting {
    let page = lab.gate(exec);
    assert!(lab.approve(approver, &page).status.success());
    let waiting = lab.next_gate(exec, &[&page.check]);
    assert!(lab.read("paged").contains("alertname=RollBackAsked severity=page team=ic service=shop ticket=OPS-7"), "{}", lab.read("paged"));
    waiting
}

#[test]
fn the_incident_manager_may_stand_in_after_ten_minutes_and_no_earlier() {
    let lab = lab(&shipped(), "Severity 1");
    let before = jiff::Timestamp::now();
    let mut exec = start(&lab, "bob");
    let waiting = paged(&lab, &mut exec, "alice");
    let instead = &lab.runs()[0]["gate"]["instead"];
    assert_eq!(instead["by"][0].as_str(), Some("carol@example.com"), "{instead}");
    let from: Timestamp = serde_json::from_value(instead["from"].clone()).unwrap();
    let after = std::time::Duration::from_micros(u64::try_from(from.as_micros() - before.as_microsecond()).unwrap());
    // a request's times are whole seconds
    assert!(after.as_secs() >= 599 && after < std::time::Duration::from_secs(600) + lab::PATIENCE, "{after:?}");
    let early = lab.approve("carol", &waiting);
    assert!(early.status.code() == Some(3) && shown(&early).contains("may sign in the place of dba from"), "{}", shown(&early));
    assert!(lab.approve("alice", &waiting).status.success(), "who is asked signs at any time");
    assert_eq!(lab.finish(&mut exec), 0, "{}", lab.said());
    assert!(lab.said().contains("shop is back at v1.4: https://deploy.example.com/7"), "{}", lab.said());
    assert!(!shown(&lab.run_as("bob", &["log", "latest"])).contains("substitute"), "alice was no substitute");
}

#[test]
fn once_the_time_is_over_the_record_says_that_it_was_the_substitute() {
    let soon = shipped().replace("after: 10m", "after: 3s");
    assert_ne!(soon, shipped());
    let lab = lab(&soon, "Severity 2");
    let mut exec = start(&lab, "bob");
    let waiting = paged(&lab, &mut exec, "alice");
    until("the time of carol", || Some(lab.approve("carol", &waiting)).filter(|output| output.status.success()));
    assert_eq!(lab.finish(&mut exec), 0, "{}", lab.said());
    let log = shown(&lab.run_as("bob", &["log", "latest"]));
    assert!(log.contains("carol@example.com approved gate 3 in the place of dba, as a substitute"), "{log}");
    let (ours, theirs, said) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{said}");
}

#[test]
fn an_incident_manager_who_runs_it_is_no_substitute() {
    let lab = lab(&shipped().replace("after: 10m", "after: 1s"), "Severity 1");
    lab.write("runbooks/team/policy.yaml", &POLICY.replace("groups: [sre]", "groups: [sre, ic]"));
    let mut exec = start(&lab, "carol");
    let waiting = paged(&lab, &mut exec, "bob");
    let instead = lab.runs()[0]["gate"]["instead"].clone();
    assert_eq!(instead["by"].as_array().map(Vec::len), Some(1), "bob alone: {instead}");
    let from: Timestamp = serde_json::from_value(instead["from"].clone()).unwrap();
    until("the time of a substitute", || (jiff::Timestamp::now().as_microsecond() > from.as_micros()).then_some(()));
    let refused = lab.approve("carol", &waiting);
    assert!(refused.status.code() == Some(3) && shown(&refused).contains("carol@example.com"), "{}", shown(&refused));
    assert!(lab.approve("bob", &waiting).status.success());
    assert_eq!(lab.finish(&mut exec), 0, "{}", lab.said());
}

#[test]
fn a_ticket_of_less_weight_pages_nobody() {
    let lab = lab(&shipped(), "Severity 3");
    let mut exec = start(&lab, "bob");
    assert_eq!(lab.finish(&mut exec), 1, "{}", lab.said());
    assert_eq!(lab.read("paged"), "");
}
