//! The shipped `disk-full` over a real sshd, on a file system that is really full: the logs leave it before any of them is deleted, the ladder
//! stops at the first rung that frees enough, and what it says each rung freed is what it freed. `systemctl`, `apt-get` and `dpkg-query` under
//! `sudo` are the test's own. Needs root, for that file system and a mount namespace.

#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;
#[path = "support/tmpfs.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod tmpfs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use lab::sshd::Sshd;
use lab::{Lab, Waiting, shown, until};
use tmpfs::Tmpfs;

const MIB: u64 = 1 << 20;
const HOUR: u64 = 3600;

/// What the runbook calls its rungs, in their order. The disk is so made that each of them frees its number of MiB.
const RUNGS: [(&str, u64); 7] = [
    ("the restart of logger", 1),
    ("headers of other kernels", 2),
    ("packages that nothing needs", 3),
    ("logs older than two days", 4),
    ("temporary files", 5),
    ("logs older than ten minutes", 6),
    ("the restart of what held deleted files", 7),
];

/// A host whose disk has not one byte left. The processes that hold deleted files open are ended, by process id, when it is dropped.
struct Host<'a> {
    team: PathBuf,
    disk: Tmpfs<'a>,
    holders: Vec<Child>,
}

impl<'a> Host<'a> {
    fn full(team: &Path, at: &'a Path) -> Self {
        let mut host = Self { team: team.to_owned(), disk: Tmpfs::mount(at, "48m"), holders: Vec::new() };
        for folder in ["log/app", "tmp", "packages"] {
            fs::create_dir_all(at.join(folder)).unwrap();
        }
        let size = |rung: usize| RUNGS[rung].1 * MIB;
        host.deleted("logger", size(0));
        host.file("packages/headers", size(1), 0);
        host.file("packages/unneeded", size(2), 0);
        host.file("log/app/old.log", size(3), 72 * HOUR);
        host.file("tmp/old", size(4), 48 * HOUR);
        host.file("log/young.log", size(5), HOUR);
        host.deleted("held", size(6));
        host.file("log/now.log", MIB, 0);
        host.file("tmp/new", MIB, 0);
        assert!(fs::write(at.join("data"), vec![0; 48 << 20]).is_err(), "it is full now");
        assert_eq!(host.disk.free(), 0);
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.team.join("full").join(name)
    }

    /// A file of this size, neither read nor written for so many seconds; its bytes do not shrink much when they are packed.
    fn file(&self, name: &str, size: u64, age: u64) {
        let mut state = size ^ age;
        let bytes: Vec<u8> = (0..size)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
                (state >> 33) as u8
            })
            .collect();
        fs::write(self.path(name), bytes).unwrap();
        let then = SystemTime::now() - Duration::from_secs(age);
        fs::File::options()
            .write(true)
            .open(self.path(name))
            .unwrap()
            .set_times(fs::FileTimes::new().set_accessed(then).set_modified(then))
            .unwrap();
    }

    /// A file that is deleted and takes its room until the unit of this name ends.
    fn deleted(&mut self, unit: &str, size: u64) {
        self.file(unit, size, 0);
        let child =
            Command::new("tail").args(["-n", "0", "-f"]).arg(self.path(unit)).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let files = format!("/proc/{}/fd", child.id());
        let opened = |path: &Path| {
            fs::read_dir(&files).ok()?.flatten().find(|entry| fs::read_link(entry.path()).is_ok_and(|to| to == path)).map(|_| ())
        };
        until("the file to be open", || opened(&self.path(unit)));
        fs::remove_file(self.path(unit)).unwrap();
        fs::write(self.team.join(format!("{unit}.pid")), child.id().to_string()).unwrap();
        self.holders.push(child);
    }

    fn is_there(&self, name: &str) -> bool {
        self.path(name).exists()
    }
}

impl Drop for Host<'_> {
    fn drop(&mut self) {
        for holder in &mut self.holders {
            let _ = holder.kill(); // it may have ended already
            let _ = holder.wait();
        }
    }
}

/// A team, and a folder of its own for the programs that `sudo` finds first.
fn lab() -> Lab {
    let lab = Lab::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/disk-full.yaml");
    fs::copy(shipped, lab.path("runbooks/disk-full.yaml")).unwrap();
    let at = lab.dir.path().display();
    let programs = [
        (
            "systemctl",
            format!(
                "pid=$(cat {at}/$2.pid) && kill $pid && until ! [ -e /proc/$pid ] || grep -q '^State:.Z' /proc/$pid/status; do :; done"
            ),
        ),
        ("dpkg-query", "echo linux-headers-4.0.0-1-amd64".to_owned()),
        ("apt-get", format!("case $1 in purge) rm {at}/full/packages/headers;; autoremove) rm {at}/full/packages/unneeded;; esac")),
    ];
    programs.into_iter().for_each(|(name, text)| lab.program(&format!("sbin/{name}"), &text));
    lab
}

/// The host's server, started once its disk is there.
fn served(lab: Lab) -> Lab {
    let sshd = Sshd::start_seeing("MaxSessions 50\nSetEnv SHLVL=2", lab.path("sbin"), "/usr/local/sbin");
    lab.behind(sshd, &["db"], "production")
}

/// Climbs until so many MiB are free: how it ended, how many gates bob and carol let it through, and what was said that each rung freed.
fn climb(lab: &Lab, need: u64, more: &[&str]) -> (i32, usize, Vec<String>) {
    let at = |name: &str| lab.path("full").join(name).display().to_string();
    let given = [
        format!("mount={}", lab.path("full").display()),
        format!("need={need}MiB"),
        format!("logs={}", at("log")),
        format!("scratch={}", at("tmp")),
    ];
    let words: Vec<&str> = given.iter().flat_map(|given| ["-p", given]).chain(more.iter().copied()).collect();
    let mut exec = lab.start_exec(&[&["disk-full", "-p", "at=db"], words.as_slice()].concat());
    let mut passed: Vec<Waiting> = Vec::new();
    let status = loop {
        let before: Vec<&str> = passed.iter().map(|gate| gate.check.as_str()).collect();
        let gate = match lab.gate_or_end(&mut exec, &before) {
            Ok(gate) => gate,
            Err(status) => break status,
        };
        let needs = lab.runs()[0]["gate"]["needs"].as_array().unwrap().len();
        for person in &["bob", "carol"][..needs] {
            let approved = lab.approve(person, &gate);
            assert!(approved.status.success(), "{}", shown(&approved));
        }
        passed.push(gate);
    };
    let said = lab.run_as("alice", &["log", "latest", "--output-of", "what-each-rung-freed"]);
    let said = String::from_utf8(said.stdout).unwrap();
    let (ours, theirs, words) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{words}\n{}", lab.said());
    (status, passed.len(), said.lines().skip(1).map(str::to_owned).collect()) // the first names the host
}

/// What these rungs free, as the runbook says it.
fn freed(rungs: &[usize]) -> Vec<String> {
    rungs.iter().map(|rung| format!("{}: {}", RUNGS[*rung].0, RUNGS[*rung].1 * MIB)).collect()
}

#[test]
fn the_ladder_ends_at_the_first_rung_that_frees_enough_and_says_what_each_freed() {
    let lab = lab();
    let at = lab.path("full");
    let host = Host::full(lab.dir.path(), &at);
    let young = fs::read(at.join("log/young.log")).unwrap();
    let old = fs::read(at.join("log/app/old.log")).unwrap();
    let lab = served(lab);
    let (status, gates, said) = climb(&lab, 9, &["-p", "packages=false"]);
    assert_eq!((status, gates), (0, 2), "{}", lab.said());
    assert_eq!(said, freed(&[3, 4]));
    assert!(lab.said().contains(&format!("{} bytes are free on db:{}", 9 * MIB, at.display())), "{}", lab.said());
    assert_eq!(host.disk.free(), 9 * MIB);
    let there =
        ["log/app/old.log", "tmp/old", "log/young.log", "log/now.log", "tmp/new", "packages/headers"].map(|name| host.is_there(name));
    assert_eq!(there, [false, false, true, true, true, true]);
    let kept = lab.path("kept");
    fs::create_dir(&kept).unwrap();
    let packed = lab.run_folder().join("evidence/save-the-logs/db.1").join("logs.tar.gz");
    let unpacked = Command::new("tar").arg("-xzf").arg(&packed).arg("-C").arg(&kept).status().unwrap();
    assert!(unpacked.success());
    let below = |name: &str| fs::read(kept.join(at.strip_prefix("/").unwrap()).join(name)).unwrap();
    assert!(below("log/app/old.log") == old && below("log/young.log") == young, "what was deleted, and what was not yet, is in the record");
}

#[test]
fn a_restart_that_frees_enough_deletes_nothing() {
    let lab = lab();
    let at = lab.path("full");
    let host = Host::full(lab.dir.path(), &at);
    let lab = served(lab);
    let (status, gates, said) = climb(&lab, 1, &["-p", "culprit=logger"]);
    assert_eq!((status, gates), (0, 1), "{}", lab.said());
    assert_eq!(said, freed(&[0]));
    assert!(
        ["log/app/old.log", "tmp/old", "log/young.log", "packages/headers", "packages/unneeded"].iter().all(|name| host.is_there(name))
    );
}

#[test]
fn the_last_rung_is_reached_through_all_others_and_what_does_not_suffice_is_handed_on() {
    let lab = lab();
    let at = lab.path("full");
    let _host = Host::full(lab.dir.path(), &at);
    let lab = served(lab);
    let choice =
        ["--answer", "restart-who-holds-them=restart", "--answer", "which-unit-is-it=done", "--answer", "which-unit-is-it.unit=held"];
    let (status, gates, said) = climb(&lab, 29, &[&["-p", "culprit=logger"], choice.as_slice()].concat());
    assert_eq!((status, gates), (4, 7), "{}", lab.said());
    assert_eq!(said, freed(&[0, 1, 2, 3, 4, 5, 6]));
    let told = lab.said();
    assert!(told.contains(&format!("{} bytes are free on db:{}, {} are needed", 28 * MIB, at.display(), 29 * MIB)), "{told}");
    let reported = freed(&[0, 1, 2, 3, 4, 5, 6]).join("; ");
    assert!(told.contains(&reported), "{told}");
    let holders = shown(&lab.run_as("alice", &["log", "latest", "--output-of", "who-holds-deleted-files-open"]));
    assert!(holders.contains("1 tail"), "who holds deleted files open, and how many: {holders}");
}

#[test]
fn logs_that_cannot_be_kept_are_not_deleted() {
    let lab = lab();
    let at = lab.path("full");
    let host = Host::full(lab.dir.path(), &at);
    let store = lab.path("store");
    let _room = Tmpfs::mount(&store, "64m");
    let lab = served(lab);
    let (status, gates, _) = climb(&lab, 9, &["-p", "packages=false"]);
    assert_eq!((status, gates), (5, 0), "{}", lab.said());
    assert!(lab.said().contains("MiB free in") && lab.said().contains("save-the-logs may keep up to 256 MiB"), "{}", lab.said());
    assert!(host.is_there("log/app/old.log") && host.is_there("tmp/old"));
}

#[test]
fn a_host_whose_claims_would_lie_on_the_full_disk_is_looked_at_and_nothing_is_deleted() {
    let lab = lab();
    let at = lab.path("full");
    let host = Host::full(lab.dir.path(), &at);
    let lab = served(lab);
    let (elsewhere, here) = (lab.path("spool").display().to_string(), at.join("spool").display().to_string());
    lab.write("runbooks/team/inventory.yaml", &lab.read("runbooks/team/inventory.yaml").replace(&elsewhere, &here));
    let (status, _, _) = climb(&lab, 9, &["-p", "packages=false"]);
    let said = lab.said();
    assert!(status == 1 && said.contains("never started: ") && said.contains("give this host a spool: with room"), "{said}");
    assert!(host.is_there("log/app/old.log"));
}
