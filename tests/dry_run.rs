//! A dry run against real hosts, audited on the hosts' side: the server's own wrapper keeps every byte that a session is sent before a shell
//! sees it. Only what reads arrives; the real run afterwards shows that the audit would have seen the rest. Restarts nothing: its hosts find a
//! `reboot` that only writes down that it was asked for.

#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use lab::sshd::Sshd;
use lab::{Lab, shown};
use serde_json::Value;

/// Keeps what a session is sent, in the order in which it comes, and hands it on to the command that was asked for. It is there before
/// anything of ours is, and knows nothing of it.
const AUDIT: &str = r#"
PATH=@BIN@:/usr/bin:/bin:/usr/sbin:/sbin; export PATH
log=@AUDIT@/$$
printf '%s\n' "$SSH_ORIGINAL_COMMAND" >"$log"
mkfifo "$log.pipe"
exec 3<&0
tee "$log.pipe" <&3 >>"$log" &
/bin/sh -c "$SSH_ORIGINAL_COMMAND" <"$log.pipe"
status=$?
kill $! 2>/dev/null
rm -f "$log.pipe"
exit $status
"#;

/// Markers of what only looks, each in one command.
const READS: [&str; 8] = [
    "reads-who",
    "reads-done-when",
    "reads-evidence",
    "reads-in-the-block",
    "reads-in-the-batch",
    "reads-in-the-option",
    "reads-always",
    "reads-at-the-end",
];

/// Markers of what changes something and is on the way of the real run of this test.
const CHANGES: [&str; 11] = [
    "changes-the-file",
    "changes-by-run",
    "changes-back-again",
    "changes-by-script",
    "changes-and-destroys",
    "changes-and-takes",
    "changes-and-gives-back",
    "changes-in-the-block",
    "changes-in-the-batch",
    "changes-in-the-option",
    "it was looked at, and is not restarted again", // the wish for a restart
];

/// What is not on that way: another option, and what answers a failure that does not come.
const NEVER: [&str; 2] = ["changes-in-the-other-option", "changes-to-the-rescue"];

const POLICY: &str = "domain: example.com
people:
  alice@example.com: {groups: [dba]}
  bob@example.com: {groups: [sre]}
environments:
  production: {idempotent: {approvals: 1}}
  staging:
    idempotent: {approvals: 0}
    once: {approvals: 0}
    destructive: {approvals: 0}
";

const MIXED: &str = r#"steps:
  - {name: Who, hosts: web-2, timeout: 20s, check: "echo reads-who; cat @T@/version", register: who}
  - name: Tune
    hosts: web
    timeout: 20s
    effect: idempotent
    run: echo changes-by-run >>@T@/tuned-{{ host }}
    done_when: ": reads-done-when; test -e @T@/tuned-{{ host }}"
    undo: echo changes-back-again >>@T@/undone
  - {name: Page, hosts: web-1, timeout: 20s, put: {to: @T@/page.conf, content: "changes-the-file\nworkers 4\n"}}
  - {name: Fix, hosts: db-1, timeout: 20s, script: fix.sh}
  - {name: Newer, hosts: db-1, timeout: 20s, when: "'never' in who.stdout", run: "echo changes-if-newer >>@T@/newer"}
  - name: Keep
    hosts: db-1
    timeout: 20s
    capture: {rows.txt: {run: ": reads-evidence; cat @T@/rows", last: 1MB}}
  - {name: Destroy, hosts: db-1, timeout: 20s, effect: destructive, evidence: keep, run: ": changes-and-destroys; rm @T@/rows"}
  - name: Quiet
    hosts: db-1
    timeout: 20s
    acquire: ": changes-and-takes; touch @T@/quiet"
    release: ": changes-and-gives-back; rm @T@/quiet"
    steps:
      - {name: Held, check: ": reads-in-the-block; test -e @T@/quiet"}
      - {name: Work, run: "echo changes-in-the-block >>@T@/worked"}
    rescue:
      - {name: Save, run: "echo changes-to-the-rescue >>@T@/saved"}
    always:
      - {name: Look after it, check: ": reads-always"}
  - name: One after another
    hosts: web
    timeout: 20s
    rolling: {serial: 1}
    steps:
      - {name: Ready, check: ": reads-in-the-batch {{ host }}; test -e @T@/version"}
      - {name: Restart it, run: "echo changes-in-the-batch {{ host }} >>@T@/restarted"}
  - name: Which way
    choose: Which way?
    options:
      left:
        steps:
          - {name: See, hosts: web-1, timeout: 20s, check: ": reads-in-the-option"}
          - {name: Turn left, hosts: web-1, timeout: 20s, run: "echo changes-in-the-option >>@T@/turned"}
      right:
        steps:
          - {name: Turn right, hosts: web-1, timeout: 20s, run: "echo changes-in-the-other-option >>@T@/turned"}
  - {name: Settle, wait: 1s}
  - {name: Anew, hosts: web-2, timeout: 2s, reboot: true, on_failure: continue}
  - name: All is as it was
    hosts: web-1
    timeout: 20s
    check: ": reads-at-the-end; test ! -e @T@/worked"
    on_failure: rollback
"#;

struct Audited {
    lab: Lab,
}

impl Audited {
    fn new() -> Self {
        let lab = Lab::new();
        for folder in ["audit", "target", "runbooks/scripts"] {
            fs::create_dir_all(lab.path(folder)).unwrap();
        }
        let (bin, audit) = (lab.path("bin").display().to_string(), lab.path("audit").display().to_string());
        for name in ["reboot", "systemctl", "shutdown"] {
            lab.program(&format!("bin/{name}"), &format!("echo \"{name} $*\" >>{}", lab.path("asked").display()));
        }
        lab.program("audit.sh", &AUDIT.replace("@BIN@", &bin).replace("@AUDIT@", &audit));
        let options = format!("MaxSessions 50\nMaxStartups 100\nSetEnv SHLVL=2\nForceCommand {}", lab.path("audit.sh").display());
        let lab = lab.behind(Sshd::start(&options), &["web-1", "web-2", "db-1"], "staging");
        let inventory = lab.read("runbooks/team/inventory.yaml");
        let inventory: String = inventory
            .lines()
            .map(|line| if line.trim_start().starts_with("web-") { line.replace("all-of-them", "web") } else { line.to_owned() } + "\n")
            .collect();
        lab.write("runbooks/team/inventory.yaml", &inventory);
        lab.write("runbooks/team/policy.yaml", POLICY);
        lab.write("runbooks/scripts/fix.sh", &format!("echo changes-by-script >>{}\n", lab.path("target/fixed").display()));
        lab.runbook("mixed", &MIXED.replace("@T@", &lab.path("target").display().to_string()));
        for (name, text) in [("version", "7\n"), ("page.conf", "workers 2\n"), ("rows", "1\n2\n"), ("tuned-web-2", "")] {
            lab.write(&format!("target/{name}"), text);
        }
        Self { lab }
    }

    /// All that the hosts' sessions were sent so far.
    fn arrived(&self) -> String {
        let files = fs::read_dir(self.lab.path("audit")).unwrap().map(|entry| entry.unwrap());
        let regular = files.filter(|entry| entry.file_type().unwrap().is_file());
        regular.map(|entry| String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned()).collect()
    }

    /// Everything of the hosts that runs could change: names, kinds, times, owners, contents.
    fn snapshot(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        ["target", "spool", "asked"].iter().for_each(|name| look_into(&self.lab.path(name), &mut found));
        found
    }

    fn dry(&self, more: &[&str]) -> String {
        let output = self.lab.run_as("alice", &[&["exec", "mixed", "--dry-run"], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
        if more.is_empty() { shown(&output) } else { String::from_utf8(output.stdout).unwrap() }
    }
}

fn look_into(path: &Path, found: &mut BTreeMap<String, String>) {
    let Ok(about) = fs::symlink_metadata(path) else { return };
    let times = (about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec());
    let content = if about.is_file() { fs::read(path).unwrap() } else { Vec::new() };
    let said = format!("{:o} {} {} {times:?} {content:?}", about.mode(), about.uid(), about.ino());
    found.insert(path.display().to_string(), said);
    for entry in fs::read_dir(path).into_iter().flatten() {
        look_into(&entry.unwrap().path(), found);
    }
}

fn missing<'a>(markers: &[&'a str], text: &str) -> Vec<&'a str> {
    markers.iter().filter(|marker| !text.contains(**marker)).copied().collect()
}

#[test]
fn only_what_reads_arrives_at_the_hosts_and_the_audit_would_have_seen_the_rest() {
    let audited = Audited::new();
    let before = audited.snapshot();
    let said = audited.dry(&[]);
    let arrived = audited.arrived();
    assert_eq!(missing(&READS, &arrived), Vec::<&str>::new(), "each look was made\n{said}");
    let came: Vec<&str> = [CHANGES.as_slice(), &NEVER].concat().into_iter().filter(|marker| arrived.contains(marker)).collect();
    assert_eq!(came, Vec::<&str>::new(), "no change arrived");
    assert_eq!(audited.snapshot(), before, "nothing on the hosts is otherwise, and no claim lies there");
    assert!(!audited.lab.path("spool").exists());
    let (ours, theirs, words) = audited.lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{words}");

    let real = audited.lab.run_as("alice", &["exec", "mixed", "--answer", "which-way=left"]);
    assert!(shown(&real).contains("rolled back"), "{}", shown(&real));
    let arrived = audited.arrived();
    assert_eq!(missing(&CHANGES, &arrived), Vec::<&str>::new(), "the audit sees what changes something\n{}", shown(&real));
    assert!(NEVER.iter().all(|marker| !arrived.contains(marker)));
    assert_ne!(audited.snapshot(), before, "and so does the look at the hosts' files");
}

#[test]
fn each_step_and_each_host_gets_one_of_three_answers() {
    let audited = Audited::new();
    let said = audited.dry(&[]);
    for line in [
        "-workers 2",
        "+workers 4",
        "would run on web-1; would skip web-2 (already in place)",
        "would skip: not so: 'never' in who.stdout",
        "cannot know before: it would be looked at after a change that was not made (now: exit status 1)",
        "only if something in \"Quiet\" fails",
        "only if \"left\" is chosen: would run",
        "only if \"right\" is chosen: would run",
        "would wait",
        "dry run: nothing was changed",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    let json: Value = serde_json::from_str(&audited.dry(&["--output", "json", "--quiet"])).unwrap();
    assert_eq!(json["verdict"], "recovered");
    let of = |id: &str| json["steps"].as_array().unwrap().iter().find(|step| step["id"] == id).unwrap_or_else(|| panic!("{id}: {json}"));
    for (id, foreseen) in [
        ("who", "would_run"),
        ("page", "would_run"),
        ("tune", "would_run"),
        ("newer", "would_skip"),
        ("destroy", "would_run"),
        ("held", "cannot_know"),
        ("save", "cannot_know"),
        ("turn-left", "cannot_know"),
        ("restart-it@2", "would_run"),
        ("settle", "would_run"),
        ("all-is-as-it-was", "would_run"),
    ] {
        assert_eq!(of(id)["foreseen"], foreseen, "{id}: {}", of(id));
    }
    let hosts = |id: &str| {
        of(id)["hosts"].as_array().unwrap().iter().map(|host| (host["host"].clone(), host["foreseen"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(hosts("tune"), [("web-1".into(), "would_run".into()), ("web-2".into(), "would_skip".into())]);
    assert_eq!(of("held")["hosts"][0]["result"], "unknown", "not called failed: the change that it looks for was not made");
}

#[test]
fn a_check_that_fails_before_any_change_fails_the_dry_run() {
    let audited = Audited::new();
    fs::remove_file(audited.lab.path("target/version")).unwrap();
    let output = audited.lab.run_as("alice", &["exec", "mixed", "--dry-run"]);
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    assert!(shown(&output).contains("dry run: it would fail; nothing was changed"), "{}", shown(&output));
}

#[test]
fn a_dry_run_says_how_long_the_run_would_take() {
    let audited = Audited::new();
    let said = audited.dry(&[]);
    assert!(said.contains("would take at most "), "{said}");
    let declared = serde_json::from_str::<Value>(&audited.dry(&["--output", "json", "--quiet"])).unwrap()["would_take"].clone();
    assert_eq!((&declared["about_ms"], &declared["waits_ms"]), (&Value::Null, &1000.into()), "{declared}");
    let real = audited.lab.run_as("alice", &["exec", "mixed", "--answer", "which-way=left"]);
    assert!(shown(&real).contains("rolled back"), "{}", shown(&real));
    fs::remove_file(audited.lab.path("target/worked")).unwrap();
    audited.lab.write("target/rows", "1\n");
    let takes = serde_json::from_str::<Value>(&audited.dry(&["--output", "json", "--quiet"])).unwrap()["would_take"].clone();
    assert_eq!((&takes["runs"], &takes["waits_ms"]), (&1.into(), &1000.into()), "{takes}");
    let of = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{takes}"));
    assert!(of(&takes["about_ms"]) > 0 && of(&takes["about_ms"]) < of(&takes["at_most_ms"]), "{takes}");
    let said = audited.dry(&[]);
    assert!(said.contains("would take about ") && said.contains("as in 1 run") && said.contains(", waits 1s, at most "), "{said}");
}
