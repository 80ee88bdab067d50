//! The verbs that read, as people and programs meet them: whole transcripts of the binary. Contacts no host; the demonstration meets only its own.

#[path = "verbs/formatting.rs"]
mod formatting;
#[path = "verbs/lab.rs"]
mod lab;
#[path = "verbs/linting.rs"]
mod linting;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use lab::Lab;

/// Both people of the policy.
const PEOPLE: [&str; 2] = ["alice", "bob"];

#[test]
fn list_names_every_runbook_and_says_which_does_not_read() {
    let lab = Lab::with_people(&PEOPLE);
    assert_snapshot!("list", lab.transcript(&["list"]));
    assert_snapshot!("list_json", lab.json(&["list"]));
    assert_snapshot!("list_without_a_library", lab.transcript(&["list", "--library", "nowhere"]));
}

#[test]
fn show_is_a_page_to_read() {
    let lab = Lab::with_people(&PEOPLE);
    assert_snapshot!("show", lab.transcript(&["show", "move-leader"]));
    assert_snapshot!("show_json", lab.json(&["show", "move-leader"]));
    assert_snapshot!("show_misspelt", lab.transcript(&["show", "move-lader"]));
    assert_snapshot!("show_broken", lab.transcript(&["show", "broken"]));
}

#[test]
fn lint_tells_every_problem_and_fails_on_errors() {
    let lab = Lab::with_people(&PEOPLE);
    assert_snapshot!("lint", lab.transcript(&["lint"]));
    assert_snapshot!("lint_json", lab.json(&["lint"]));
    assert_snapshot!("lint_of_a_good_one", lab.transcript(&["lint", "move-leader"]));
    assert_snapshot!("lint_of_none", lab.transcript(&["lint", "nothing"]));
}

#[test]
fn lint_tells_what_is_wrong_with_the_librarys_own_files() {
    let lab = Lab::with_people(&PEOPLE);
    lab.write("team/inventory.yaml", "hosts:\n  db-1: {adress: 10.0.0.1}\n");
    assert_snapshot!("lint_of_a_bad_inventory", lab.transcript(&["lint"]));
}

#[test]
fn plan_shows_what_would_run_and_what_it_waits_for() {
    let lab = Lab::with_people(&PEOPLE);
    let words = ["plan", "move-leader", "-p", "to=db-2", "-p", "note=it's $(late)"];
    assert_snapshot!("plan", lab.transcript(&words));
    let as_alice = ["plan", "move-leader", "-p", "to=db-2", "-p", "quick=true", "--as", "alice@example.com"];
    assert_snapshot!("plan_as_alice", lab.transcript(&as_alice));
    assert_snapshot!("plan_json", lab.json(&as_alice));
    assert!(!lab.path("state").exists(), "a plan records nothing");
}

#[test]
fn plan_tells_all_that_is_missing_or_wrong_at_once() {
    let lab = Lab::with_people(&PEOPLE);
    assert_snapshot!("plan_without_values", lab.transcript(&["plan", "move-leader", "-p", "pause=1h", "-p", "too=db-2"]));
    assert_snapshot!("plan_json_without_values", lab.json(&["plan", "move-leader"]));
    assert_snapshot!("plan_given_twice", lab.transcript(&["plan", "move-leader", "-p", "to=db-1", "-p", "to=db-2"]));
    lab.write(
        "odd.yaml",
        "runbook: odd\ntitle: Odd\nparameters: {where: {type: hosts}, user: {type: string}}\nsteps:\n  - {name: one, hosts: \"{{ where }}\", check: uptime, timeout: 5s}\n  \
         - {name: two, hosts: db-1, become: \"{{ user }}\", check: uptime, timeout: 5s}\n",
    );
    assert_snapshot!("plan_that_cannot_be", lab.transcript(&["plan", "odd", "-p", "where=nobody", "-p", "user=-x"]));
}

#[test]
fn a_value_of_any_bytes_is_planned_to_the_byte() {
    let lab = Lab::with_people(&PEOPLE);
    let value = OsStr::from_bytes(b"note=\xff'\n$x");
    let words = [OsStr::new("plan"), OsStr::new("move-leader"), OsStr::new("-p"), OsStr::new("to=db-2"), OsStr::new("-p"), value];
    let output = lab.command(&words).args(["--output", "json"]).output().unwrap();
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let action = &plan["steps"][1]["actions"][0];
    assert_eq!(action["command"], "set -e<U+000A>logger -- '<0xFF>'\\''<U+000A>$x'<U+000A>");
    assert_eq!(action["script_base64"], "c2V0IC1lCmxvZ2dlciAtLSAn/ydcJycKJHgnCg==");
}

#[test]
fn a_gate_that_nobody_could_pass_is_told_by_the_plan() {
    let lab = Lab::with_people(&["alice"]);
    let words = ["plan", "move-leader", "-p", "to=db-2", "--as", "alice@example.com"];
    assert!(
        lab.transcript(&words)
            .contains("nobody can approve it: the gate on \"Move it\" needs 1 different people besides alice@example.com")
    );
    assert!(lab.json(&words).contains("\"slots\": null"));
}

/// A machine's own versions and sizes, as words.
fn on_any_machine(transcript: &str) -> String {
    let version = regex::Regex::new(r"OpenSSH[^\n\x22]*").unwrap();
    let room = regex::Regex::new(r"\d+ MiB").unwrap();
    room.replace_all(&version.replace_all(transcript, "[version]"), "[room]").into_owned()
}

#[test]
fn doctor_says_what_is_ready_and_what_to_do_about_the_rest() {
    let lab = Lab::with_people(&PEOPLE);
    std::fs::remove_file(lab.library().join("broken.yaml")).unwrap();
    let key = lab.key("alice").display().to_string();
    let as_alice = ["doctor", "--as", "alice@example.com", "--key", &key];
    assert_snapshot!("doctor", on_any_machine(&lab.transcript(&as_alice)));
    assert_snapshot!("doctor_json", on_any_machine(&lab.json(&as_alice)));
    let other = lab.key("bob").display().to_string();
    assert_snapshot!(
        "doctor_with_the_key_of_another",
        on_any_machine(&lab.transcript(&["doctor", "--as", "alice@example.com", "--key", &other]))
    );
}

#[test]
fn doctor_finds_what_is_missing() {
    let lab = Lab::new();
    assert_snapshot!("doctor_of_a_new_library", on_any_machine(&lab.transcript(&["doctor"])));
    std::fs::write(lab.path("file"), "").unwrap();
    assert_snapshot!("doctor_without_anything", on_any_machine(&lab.transcript(&["doctor", "--library", "nowhere", "--store", "file"])));
}

#[test]
fn the_demonstration_recovers_its_service_and_proves_it() {
    let lab = Lab::new();
    let output = lab.command(&["demo", "--dir", "stage"]).output().unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{told}");
    for line in [
        "bob   | | step 3 restart-the-service \"Restart the service\" once, at most 1 attempt",
        "bob@example.com approved gate 3",
        "alice | recovered",
        "The service answers again.",
        "nothing contradicts the record",
    ] {
        assert!(told.contains(line), "{line:?} is not in\n{told}");
    }
    assert!(told.contains("over SSH: a throw-away sshd on 127.0.0.1") || told.contains("reached without SSH, since"), "{told}");
    let stage = lab.path("stage").display().to_string();
    assert_eq!(living(&stage), Vec::<String>::new(), "the demonstration left something running");
    let last = lab.json(&["list", "--library", &format!("{stage}/runbooks"), "--store", &format!("{stage}/store")]);
    assert!(last.contains("\"verdict\": \"recovered\""), "{last}");
}

#[test]
fn a_demonstration_that_is_killed_leaves_nothing_running() {
    const LIMIT: Duration = Duration::from_secs(60); // a loaded machine takes some seconds for each of the two
    let lab = Lab::new();
    let stage = lab.path("stage").display().to_string();
    let mut demo = lab.command(&["demo", "--dir", "stage"]).stdout(Stdio::null()).spawn().unwrap();
    within(LIMIT, "Alice's run begins", || lab.path("stage/people/pid").exists());
    assert!(!living(&stage).is_empty());
    demo.kill().unwrap();
    demo.wait().unwrap();
    within(LIMIT, "everything ends", || living(&stage).is_empty());
}

/// Waits for a condition.
fn within(limit: Duration, what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn the_demonstration_never_takes_a_folder_that_has_something_in_it() {
    let lab = Lab::new();
    assert_snapshot!("demo_in_a_full_folder", lab.transcript(&["demo", "--dir", "runbooks"]));
}

/// Command lines of living processes that name this folder.
fn living(folder: &str) -> Vec<String> {
    let output = std::process::Command::new("ps").args(["-eo", "pid=,args="]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.contains(folder)).map(str::to_owned).collect()
}

#[test]
fn every_shipped_runbook_is_clean() {
    use runbook::library::Library;
    use runbook::plan::{Parameters, Presence, Program, Setting, Shelf, check};
    use runbook::runbook::{LintPolicy, lint, read};
    let library = Library::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks")).unwrap();
    assert!(
        library.warnings.iter().all(|warning| warning.code == "RB409"),
        "nobody has a key in a library that is shipped, and no more is wrong"
    );
    let names = library.names().unwrap();
    assert_eq!(
        names,
        [
            "disk-full",
            "disk-space",
            "drain-patroni-replica",
            "elasticsearch-rolling-restart",
            "etcd-members-down",
            "fail-over-gitlab",
            "kafka-rolling-restart",
            "redis-fail-over",
            "restart-db",
            "roll-back-deployment",
            "rolling-restart"
        ]
    );
    for name in names {
        let (read_runbook, mut problems) = read(&library.runbook(&name).unwrap().source, &name);
        let author = read_runbook.unwrap_or_else(|| panic!("{}", problems.render(runbook::text::Colour::Plain)));
        // the day on which they were reviewed: a test must not go wrong by itself in half a year
        let today = "2026-11-23T00:00:00Z".parse().unwrap();
        let policy = library.policy.clone();
        problems.extend(lint(&author, &LintPolicy { deny: policy.deny, changing: policy.changing, review: policy.review, today }));
        let setting = Setting {
            inventory: library.inventory.clone(),
            policy: library.policy.clone(),
            roster: library.roster.clone(),
            parameters: Parameters::defaults(&author, &library.inventory),
            requester: "alice@example.com".parse().unwrap(),
            presence: Presence::Unattended,
            mode: runbook::event::RunMode::Real,
            shelf: Shelf::default(),
        };
        problems.extend(check(&Program::new(author, setting)));
        assert!(problems.is_empty(), "{}", problems.render(runbook::text::Colour::Plain));
    }
}
