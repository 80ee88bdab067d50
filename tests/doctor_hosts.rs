//! `runbook doctor` with hosts: over a real throw-away sshd, what is ready, what is not, and what to do about it. Runs no step.

#[path = "support/lab.rs"]
#[allow(dead_code)] // other tests use the rest of it
mod lab;

use std::path::Path;

use lab::sshd::{Sshd, user};
use lab::{Lab, shown};
use serde_json::Value;

/// A look and a change, as root.
const CARE: &str = "steps:\n  - {name: Look, hosts: all-of-them, check: uptime, become: root, timeout: 5s}\n  \
    - {name: Change, hosts: all-of-them, run: 'sort x | uniq', effect: idempotent, timeout: 5s}\n  \
    - {name: Look again, hosts: all-of-them, check: uptime, timeout: 5s}\n";

/// What doctor says, as text and as JSON, with its exit status.
struct Said {
    text: String,
    json: Value,
    status: i32,
}

fn doctor(lab: &Lab, words: &[&str]) -> Said {
    let words = [&["doctor"], words].concat();
    let text = lab.run_as("alice", &words);
    let json = lab.run_as("alice", &[words.as_slice(), &["--output", "json"]].concat());
    assert_eq!(text.status.code(), json.status.code(), "{}{}", shown(&text), shown(&json));
    Said {
        status: text.status.code().unwrap_or(-1),
        json: serde_json::from_slice(&json.stdout).unwrap_or_else(|error| panic!("{error}: {}", shown(&json))),
        text: shown(&text),
    }
}

impl Said {
    /// The findings of a check, about a host where one is named.
    fn found(&self, check: &str, host: Option<&str>) -> Vec<&Value> {
        let all = self.json["checks"].as_array().unwrap();
        all.iter().filter(|found| found["check"] == check && host.is_none_or(|host| found["host"] == host)).collect()
    }

    /// The only finding of a check about a host: its status and all of its words, which the text says, too.
    fn only(&self, check: &str, host: &str) -> (String, String) {
        let found = self.found(check, Some(host));
        let [only] = found.as_slice() else { panic!("expected one {check} about {host}:\n{}", self.text) };
        let (says, remedy) = (only["says"].as_str().unwrap(), only["remedy"].as_str().unwrap_or(""));
        for line in [says].into_iter().chain(remedy.lines()) {
            let room = line.contains(" MiB for claims"); // which changes from one look to the next
            assert!(room || self.text.contains(line), "the text does not say {line:?}:\n{}", self.text);
        }
        (only["status"].as_str().unwrap().to_owned(), format!("{says}\n{remedy}"))
    }

    fn is_well(&self, host: &str) {
        let line = self.text.lines().find(|line| line.starts_with(&format!("ok    {host}")));
        assert!(line.is_some_and(|line| line.contains(&format!("logs in as {}", user()))), "{host} is not well:\n{}", self.text);
        assert_eq!(self.only("host", host).0, "ok");
    }
}

/// A lab whose log-ins find programs in its `bin` alone: these of the machine, and what the test puts there.
fn behind_own_programs(hosts: &[&str], programs: &[&str]) -> Lab {
    let lab = Lab::new();
    std::fs::create_dir(lab.path("bin")).unwrap();
    for program in programs {
        let folders = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
        let found = folders.iter().map(|folder| Path::new(folder).join(program)).find(|path| path.exists());
        std::os::unix::fs::symlink(found.unwrap_or_else(|| panic!("{program} is not on this machine")), lab.path("bin").join(program))
            .unwrap();
    }
    let sshd = Sshd::start(&format!("MaxSessions 50\nSetEnv SHLVL=2 PATH={}", lab.path("bin").display()));
    lab.behind(sshd, hosts, "production")
}

const NEEDED: [&str; 9] = ["id", "true", "tail", "tr", "df", "sha256sum", "uptime", "sort", "sh"];

/// `sudo` that becomes whoever it is already.
const WILLING: &str = "while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"";

#[test]
fn a_host_that_is_well_takes_one_line() {
    let lab = behind_own_programs(&["web-1", "web-2"], &[NEEDED.as_slice(), &["uniq"]].concat());
    lab.program("bin/sudo", WILLING);
    lab.runbook("care", CARE);
    for words in [["--all"], ["care"]] {
        let said = doctor(&lab, &words);
        assert_eq!(said.status, 0, "{}", said.text);
        said.is_well("web-1");
        said.is_well("web-2");
        let (_, says) = said.only("host", "web-1");
        assert!(says.contains("becomes root, all 3 commands are there") && says.contains("MiB for claims"), "{says}");
        assert_eq!(said.found("gates", None)[0]["status"], "ok");
        assert!(said.text.contains("\nready: "), "{}", said.text);
    }
    assert!(!lab.path("spool").exists(), "doctor leaves nothing on a host");
}

#[test]
fn plain_doctor_contacts_nobody_and_names_ask_about_their_hosts_alone() {
    let lab = Lab::with_hosts(&["web-1", "web-2"], "production");
    lab.write("runbooks/team/inventory.yaml", &lab.read("runbooks/team/inventory.yaml").replace("web-2: {", "web-2: {port: 1, "));
    lab.runbook("one", "steps: [{name: Look, hosts: web-1, check: uptime, timeout: 5s}]\n");
    let plain = doctor(&lab, &[]);
    assert!(plain.status == 0 && !plain.text.contains("web-"), "{}", plain.text);
    let named = doctor(&lab, &["one"]);
    assert_eq!(named.status, 0, "{}", named.text);
    named.is_well("web-1");
    assert!(!named.text.contains("web-2"), "{}", named.text);
    assert_eq!(doctor(&lab, &["--all"]).status, 1);
    let unknown = lab.run_as("alice", &["doctor", "onee"]);
    assert!(unknown.status.code() == Some(2) && shown(&unknown).contains("there is no runbook \"onee\""), "{}", shown(&unknown));
    assert_eq!(lab.run_as("alice", &["doctor", "--links"]).status.code(), Some(2));
}

#[test]
fn hosts_that_cannot_be_reached_known_or_logged_in_to_do_not_hold_up_the_others() {
    let lab = Lab::with_hosts(&["closed", "locked", "nameless", "stranger", "web-1"], "production");
    let inventory = lab.read("runbooks/team/inventory.yaml");
    let inventory = inventory.replace("closed: {", "closed: {port: 1, ").replace("locked: {", "locked: {user: nobody-of-that-name, ");
    lab.write("runbooks/team/inventory.yaml", &inventory);
    let sshd = lab.sshd.as_ref().unwrap();
    sshd.write_client("Host stranger\n  UserKnownHostsFile /dev/null\nHost nameless\n  HostName nowhere.invalid");
    let said = doctor(&lab, &["--all"]);
    assert_eq!(said.status, 1, "{}", said.text);
    said.is_well("web-1");
    let config = sshd.client_config();
    let (status, words) = said.only("reach", "closed");
    assert!(status == "bad" && words.contains("Connection refused"), "{words}");
    assert!(words.contains(&format!("ssh -v -oBatchMode=yes -F {config} -p 1 closed true")), "{words}");
    let (_, words) = said.only("host key", "stranger");
    assert!(words.contains("not known") && words.contains("ssh-keygen -lf"), "{words}");
    assert!(words.contains(&format!("ssh -oStrictHostKeyChecking=ask -F {config} stranger true")), "{words}");
    let (_, words) = said.only("log-in", "locked");
    assert!(
        words.contains("Permission denied") && words.contains("ssh-add -l") && words.contains("-l nobody-of-that-name locked true"),
        "{words}"
    );
    let (_, words) = said.only("reach", "nameless");
    assert!(words.contains("leads nowhere") && words.contains("`address:`"), "{words}");
    assert!(said.text.contains("not ready: ") && said.json["bad"] == 4, "{}", said.text);
}

#[test]
fn a_key_that_has_changed_is_no_unknown_key() {
    let lab = Lab::with_hosts(&["web-1"], "production");
    let dir = lab.sshd.as_ref().unwrap().dir().to_owned();
    let other = std::fs::read_to_string(dir.join("user_key.pub")).unwrap();
    std::fs::write(dir.join("known_hosts"), format!("* {other}")).unwrap();
    let (_, words) = doctor(&lab, &["--all"]).only("host key", "web-1");
    assert!(words.contains("another one than is known") && words.contains("find out why") && words.contains("ssh-keygen -"), "{words}");
}

#[test]
fn sudo_that_asks_for_a_password_is_told_with_the_line_to_write() {
    let lab = behind_own_programs(&["web-1"], &[NEEDED.as_slice(), &["uniq"]].concat());
    lab.program("bin/sudo", "echo 'sudo: a password is required' >&2; exit 1");
    lab.runbook("care", CARE);
    let said = doctor(&lab, &["care"]);
    let (status, words) = said.only("sudo", "web-1");
    assert!(said.status == 1 && status == "bad", "{}", said.text);
    assert!(words.contains("cannot become root: sudo: a password is required; step 1 \"Look\" of care becomes root"), "{words}");
    assert!(words.contains(&format!("{} ALL=(root) NOPASSWD: ALL", user())) && words.contains("'sudo -n -u root true'"), "{words}");
    let found = said.found("sudo", None)[0];
    assert_eq!((found["runbook"].as_str(), found["step"].as_str()), (Some("care"), Some("look")));
}

#[test]
fn sudo_that_is_missing_or_lets_true_alone_is_told() {
    let lab = behind_own_programs(&["web-1"], &[NEEDED.as_slice(), &["uniq"]].concat());
    lab.runbook("care", CARE);
    let (_, words) = doctor(&lab, &["care"]).only("sudo", "web-1");
    assert!(words.contains("sudo is not there") && words.contains("install sudo"), "{words}");
    lab.program("bin/sudo", &format!("case \"$*\" in *true) exit 0 ;; *'-- sh '*) exit 1 ;; esac; {WILLING}"));
    let (_, words) = doctor(&lab, &["care"]).only("sudo", "web-1");
    assert!(words.contains("it lets us run `true` and no `sh`"), "{words}");
}

#[test]
fn a_command_that_is_missing_is_told_with_the_steps_that_call_it() {
    let lab = behind_own_programs(&["web-1"], &NEEDED);
    lab.program("bin/sudo", WILLING);
    lab.runbook("care", &CARE.replace("check: uptime, become", "check: 'hostname; {{ \"x\" }}', become"));
    lab.runbook("other", "steps: [{name: Another look, hosts: all, check: 'uniq /etc/hosts', timeout: 5s}]\n");
    let said = doctor(&lab, &["--all"]);
    assert_eq!(said.status, 1, "{}", said.text);
    let of = |runbook: &str, says: &str| {
        let all = said.found("command", Some("web-1"));
        let found = all.iter().find(|found| found["runbook"] == runbook && found["says"].as_str().unwrap().contains(says));
        let found = found.unwrap_or_else(|| panic!("{says} of {runbook}:\n{}", said.text));
        (
            found["step"].as_str().unwrap().to_owned(),
            found["says"].as_str().unwrap().to_owned(),
            found["remedy"].as_str().unwrap().to_owned(),
        )
    };
    let (step, says, remedy) = of("care", "uniq");
    assert_eq!((step.as_str(), says.as_str()), ("change", "`uniq` is not there; step 2 \"Change\" of care calls it"));
    assert!(remedy.contains("install it there") && remedy.contains("web-1 'command -v uniq; echo \"$PATH\"'"), "{remedy}");
    assert_eq!(of("other", "uniq").0, "another-look");
    assert_eq!(of("care", "hostname").1, "`hostname` is not there for root; step 1 \"Look\" of care calls it");
    assert_eq!(said.found("command", None).len(), 3, "{}", said.text);
    assert!(said.text.contains(&says), "{}", said.text);
}

#[test]
fn a_spool_that_is_closed_or_full_is_told() {
    let lab = behind_own_programs(&["web-1"], &[NEEDED.as_slice(), &["uniq"]].concat());
    lab.program("bin/sudo", WILLING);
    lab.runbook("care", CARE);
    std::fs::remove_file(lab.path("bin/df")).unwrap();
    lab.program("bin/df", "echo Filesystem; echo '/dev/sda1 1000 990 10 99% /'");
    let (status, words) = doctor(&lab, &["care"]).only("spool", "web-1");
    assert!(status == "bad" && words.contains("10 KiB are left") && words.contains("make room") && words.contains("df -h"), "{words}");
    let spool = lab.path("spool").display().to_string();
    lab.write(
        "runbooks/team/inventory.yaml",
        &lab.read("runbooks/team/inventory.yaml").replace(&spool, &format!("{}/claims", lab.path("bin/df").display())),
    );
    std::fs::remove_file(lab.path("bin/df")).unwrap();
    lab.program("bin/df", "echo '/dev/sda1 1000 990 99999 9% /'");
    let (status, words) = doctor(&lab, &["care"]).only("spool", "web-1");
    assert!(status == "bad" && words.contains("bin/df, where step 2") && words.contains("another `spool:`"), "{words}");
}

#[test]
fn a_cron_job_needs_to_be_nobody() {
    let lab = Lab::with_hosts(&["web-1"], "production");
    let status = |words: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_runbook"));
        command.arg("doctor").args(words).current_dir(lab.dir.path()).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", lab.dir.path());
        command.output().unwrap()
    };
    let said = status(&["--all"]);
    assert!(said.status.code() == Some(0) && shown(&said).contains("warn  who am I"), "{}", shown(&said));
    assert_eq!(status(&[]).status.code(), Some(1), "whoever sits there is asked for");
    assert_eq!(status(&["--all", "--as", "alice@example.com"]).status.code(), Some(1), "who is named must be able to sign");
}

#[test]
fn scripts_count_and_what_only_a_run_knows_is_not_taken_for_ready() {
    let lab = Lab::new();
    std::fs::create_dir(lab.path("runbooks/scripts")).unwrap();
    lab.write("runbooks/scripts/mend.sh", "#!/bin/sh\nif command -v maybe-there; then maybe-there; fi\nno-such-tool-anywhere --now\n");
    let text = "parameters: {where: {type: hosts}}\nsteps:\n  - {name: Mend, hosts: local, script: mend.sh, effect: read, timeout: 5s}\n  \
        - {name: Elsewhere, hosts: '{{ where }}', check: uptime, timeout: 5s}\n";
    lab.runbook("mend", text);
    let said = doctor(&lab, &["mend"]);
    let (_, words) = said.only("command", "local");
    assert!(words.contains("`no-such-tool-anywhere` is not there; step 1 \"Mend\" of mend calls it"), "{words}");
    let [unknown] = said.found("unknown", None)[..] else { panic!("{}", said.text) };
    assert_eq!((unknown["step"].as_str(), unknown["status"].as_str()), (Some("elsewhere"), Some("ok")));
    assert!(said.text.contains("only a run knows its hosts: step 2 \"Elsewhere\" of mend"), "{}", said.text);
}

/// In so many days, as `allowed_signers` writes it.
fn in_days(days: i64) -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days)).strftime("%Y%m%dZ").to_string()
}

#[test]
fn keys_that_end_and_gates_that_nobody_could_pass_are_told() {
    let lab = Lab::new();
    let until = |person: &str, days| {
        lab.signer(person, person).replace(" namespaces=", &format!(" valid-before=\"{}\",namespaces=", in_days(days)))
    };
    lab.write("runbooks/team/allowed_signers", &[lab.signer("alice", "alice"), until("bob", -3), until("carol", 10)].concat());
    lab.runbook("mend", "steps:\n  - {name: Mend, hosts: local, run: sync, gate: {approvals: 1, from: [sre]}, timeout: 5s}\n  - {name: Look, hosts: local, check: uptime, timeout: 5s}\n");
    let said = doctor(&lab, &["mend"]);
    assert_eq!(said.status, 1, "{}", said.text);
    let [gate] = said.found("gates", None)[..] else { panic!("{}", said.text) };
    assert_eq!((gate["status"].as_str(), gate["runbook"].as_str(), gate["step"].as_str()), (Some("bad"), Some("mend"), Some("mend")));
    assert!(
        said.text.contains("the gate on \"Mend\" needs 1 different people")
            && gate["remedy"].as_str().unwrap().contains("team/allowed_signers")
    );
    let keys: Vec<&str> = said.found("keys", None).iter().filter_map(|found| found["says"].as_str()).collect();
    assert!(
        keys.len() == 2 && keys[0].contains("of carol@example.com ends on") && keys[1].contains("bob@example.com has no key"),
        "{keys:?}"
    );
    lab.runbook("tidy", "steps: [{name: Tidy, hosts: local, run: sync, timeout: 5s}]\n");
    assert_eq!(doctor(&lab, &["tidy"]).found("gates", None)[0]["status"], "ok", "carol could sign");
    lab.write("runbooks/team/allowed_signers", &[lab.signer("alice", "alice"), until("bob", -3), until("carol", -1)].concat());
    let asked_by_policy = doctor(&lab, &["tidy"]);
    assert_eq!(asked_by_policy.found("gates", None)[0]["status"], "bad", "{}", asked_by_policy.text);
    lab.write("runbooks/team/allowed_signers", &["alice", "bob", "carol"].map(|person| lab.signer(person, person)).concat());
    let said = doctor(&lab, &["mend"]);
    assert!(
        said.status == 0 && said.found("gates", None)[0]["status"] == "ok" && said.found("keys", None)[0]["status"] == "ok",
        "{}",
        said.text
    );
    assert!(said.text.contains("local        this machine, all 2 commands are there"), "{}", said.text);
}

#[test]
fn hosts_of_which_the_same_is_to_be_said_stand_together() {
    let lab = Lab::with_hosts(&["web-1", "web-2", "web-3"], "production");
    let text = "steps:\n  - {name: Look, hosts: all-of-them, check: nosuchctl, timeout: 5s}\n  - {name: Mend, hosts: web-2, run: othersuchctl, timeout: 5s}\n";
    lab.runbook("look", text);
    let said = doctor(&lab, &["look"]);
    let bad: Vec<&str> = said.text.lines().filter(|line| line.starts_with("bad   web")).collect();
    assert_eq!(bad, ["bad   web-1, web-3", "bad   web-2"], "{}", said.text);
    assert_eq!(said.text.matches("`nosuchctl` is not there").count(), 2, "{}", said.text);
    assert_eq!(said.found("command", Some("web-3")).len(), 1, "for programs each host has its own: {}", said.json);
}

#[test]
fn one_runbook_is_looked_at_with_its_parameters_and_on_the_hosts_of_another_environment() {
    let lab = Lab::with_hosts(&["db-1", "db-2"], "staging");
    std::fs::rename(lab.path("runbooks/team/inventory.yaml"), lab.path("runbooks/team/staging.yaml")).unwrap();
    lab.write("runbooks/team/inventory.yaml", "hosts: {db-1: {address: 127.0.0.9, port: 9}, db-2: {address: 127.0.0.9, port: 9}}\n");
    lab.runbook("look", "parameters: {target: {type: host}}\nsteps: [{name: Look, hosts: '{{ target }}', check: uptime, timeout: 5s}]\n");
    let unsaid = doctor(&lab, &["look", "--hosts-from", "staging"]);
    assert!(unsaid.text.contains("not looked at, since only a run knows its hosts"), "{}", unsaid.text);
    let said = doctor(&lab, &["look", "-p", "target=db-2", "--hosts-from", "staging"]);
    said.is_well("db-2");
    assert!(said.status == 0 && said.found("host", Some("db-1")).is_empty(), "{}", said.text);
    assert_eq!(doctor(&lab, &["look", "-p", "target=db-2"]).status, 1, "the library's own db-2 leads nowhere");
    let refused = |words: &[&str], piece: &str| {
        let output = lab.run_as("alice", &[&["doctor"], words].concat());
        assert!(output.status.code() == Some(2) && shown(&output).contains(piece), "{words:?}: {}", shown(&output));
    };
    refused(&["look", "-p", "target=db-9"], "db-9");
    refused(&["--all", "-p", "target=db-1", "-p", "x=y"], "x");
    refused(&["-p", "target=db-1"], "-p is for a runbook: name it");
    refused(&["look", "--hosts-from", "stagin"], "Did you mean `staging`?");
    refused(&["--hosts-from", "staging"], "--hosts-from looks at runbooks");
}

#[test]
fn room_for_captures_and_links_are_looked_at() {
    let lab = Lab::new();
    let text = "links: {wiki: wiki/mend, ticket: 'http://127.0.0.1:1/x'}\nsteps: [{name: Keep, hosts: local, capture: {all.txt: {run: uptime, last: 9000TB}}, timeout: 5s}]\n";
    lab.runbook("keep", text);
    let said = doctor(&lab, &["keep"]);
    let room = said.found("room", None);
    let room = room.iter().find(|found| found["runbook"] == "keep").unwrap();
    assert!(said.status == 1 && room["status"] == "bad" && room["step"] == "keep", "{}", said.text);
    let links = said.found("links", None);
    assert!(
        links.len() == 1 && links[0]["status"] == "warn" && links[0]["says"] == "`wiki` of keep is no address: wiki/mend",
        "{}",
        said.text
    );
    lab.runbook("keep", &text.replace("9000TB", "1MB").replace("wiki/mend", "http://127.0.0.1:1/y"));
    assert_eq!(doctor(&lab, &["keep"]).found("links", None)[0]["status"], "ok");
    let asked = doctor(&lab, &["keep", "--links"]);
    assert_eq!(asked.status, 0, "what a link does is a warning: {}", asked.text);
    assert!(asked.found("links", None).iter().all(|found| found["status"] == "warn"), "{}", asked.text);
}
