//! A run that is killed from outside at a chosen line of its journal and then gone on with. Never asks the program for help to die.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::lab::{Lab, PATIENCE, shown};

/// The hosts of every run here: one machine by three names, so that each claim has to know its own.
pub const HOSTS: [&str; 3] = ["a", "b", "c"];
/// The steps that leave a mark on each host.
pub const STEPS: [&str; 3] = ["one", "two", "three"];
/// Between two looks at a growing file: about the time of one sync, so that few lines pass before their line is seen.
const GLANCE: Duration = Duration::from_micros(200);

/// How a runner dies once its line is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// So much later; 0 is at once.
    After(Duration),
    /// So much later it is frozen, and killed when the hosts have done what they had been sent.
    Frozen(Duration),
}

/// The journal of one run, read while others write it.
pub struct Record {
    pub folder: PathBuf,
}

impl Record {
    /// Its whole lines.
    pub fn text(&self) -> String {
        let text = std::fs::read_to_string(self.folder.join("journal.jsonl")).unwrap_or_default();
        text[..text.rfind('\n').map_or(0, |end| end + 1)].to_owned()
    }

    /// How many lines there are.
    pub fn lines(&self) -> usize {
        std::fs::read(self.folder.join("journal.jsonl")).unwrap_or_default().iter().filter(|&&byte| byte == b'\n').count()
    }

    /// How long it is: cheaper to ask, again and again, than what it says.
    fn bytes(&self) -> u64 {
        std::fs::metadata(self.folder.join("journal.jsonl")).map_or(0, |data| data.len())
    }

    /// The events.
    pub fn events(&self) -> Vec<Value> {
        let event = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"))["event"].clone();
        self.text().lines().map(event).collect()
    }

    /// The kinds of the events, for messages and comparisons.
    pub fn kinds(&self) -> Vec<String> {
        self.events().iter().map(|event| event["kind"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// How many events are of this kind.
    pub fn count(&self, kind: &str) -> usize {
        self.kinds().iter().filter(|known| *known == kind).count()
    }

    /// The events of this kind.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["kind"] == kind).collect()
    }

    /// Whether the run has ended.
    pub fn is_closed(&self) -> bool {
        self.text().lines().last().is_some_and(|line| line.contains(r#""kind":"run_closed""#))
    }

    /// The check code of the gate that waits for an answer.
    fn asked(&self) -> Option<String> {
        let last = self.events().into_iter().rfind(|event| {
            ["gate_opened", "gate_expired", "approval_given", "approval_denied"].iter().any(|kind| event["kind"] == *kind)
        })?;
        last["asks"]["check"].as_str().map(str::to_owned)
    }

    /// The run's identity.
    pub fn run(&self) -> String {
        self.folder.file_name().unwrap().to_string_lossy().into_owned()
    }
}

/// A runbook of three steps on three hosts behind one gate; each marks its beginning, prints its host, works, and marks its end;
/// in `work`, `DIR` and `STEP` stand for the folder of the marks and the step's name.
pub fn three_steps(lab: &Lab, work: &str) {
    let dir = lab.path("counts");
    let step = |name: &str| {
        let file = format!("{}/{{{{ host }}}}.{name}", dir.display());
        let work = work.replace("DIR", &dir.display().to_string()).replace("STEP", name);
        format!(
            "      - name: Step {name}\n        hosts: all-of-them\n        timeout: 60s\n        \
             run: echo begun $$ >> {file}; echo {{{{ host }}}}; {work}; echo ended >> {file}\n"
        )
    };
    lab.runbook("three", &format!("steps:\n  - name: All of it\n    gate: {{approvals: 1}}\n    steps:\n{}", STEPS.map(step).concat()));
    forget_counts(lab);
}

/// A lab with the three hosts and the three steps.
pub fn three_hosts(work: &str) -> Lab {
    let lab = Lab::with_hosts(&HOSTS, "production");
    three_steps(&lab, work);
    lab
}

/// Nothing has been done yet.
pub fn forget_counts(lab: &Lab) {
    // The first time there are none.
    let _ = std::fs::remove_dir_all(lab.path("counts"));
    std::fs::create_dir(lab.path("counts")).unwrap();
}

/// What a step has left on a host: words, the process numbers left out.
pub fn marks(lab: &Lab, host: &str, step: &str) -> Vec<String> {
    let text = lab.read(&format!("counts/{host}.{step}"));
    text.lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
}

/// The process that a step runs in on a host, once it has begun.
pub fn process_of(lab: &Lab, host: &str, step: &str) -> Option<u32> {
    lab.read(&format!("counts/{host}.{step}")).lines().next()?.strip_prefix("begun ")?.parse().ok()
}

/// Every step ran on every host, from its beginning to its end, once.
pub fn assert_exactly_once(lab: &Lab, what: &str) {
    for host in HOSTS {
        for step in STEPS {
            assert_eq!(marks(lab, host, step), ["begun", "ended"], "{what}: step {step} on {host}");
        }
    }
}

/// What each step printed on each host was received whole, by whichever runner.
pub fn assert_printed(record: &Record, what: &str) {
    let ends = record.all("action_ended");
    assert_eq!(ends.len(), HOSTS.len() * STEPS.len(), "{what}: {:?}", record.kinds());
    for end in ends {
        assert_eq!(end["ended"]["stdout"]["bytes"], 2, "{what}: {end}");
    }
}

/// What lies in a run's inbox.
fn inbox(record: &Record) -> Vec<PathBuf> {
    std::fs::read_dir(record.folder.join("inbox")).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path()).collect()
}

/// The runs that the store holds now.
fn runs_of(lab: &Lab) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(lab.path("store/runs")).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| entry.path()).collect()
}

/// Starts the three steps as alice.
pub fn start_three(lab: &Lab) -> (Child, Record) {
    let before = runs_of(lab);
    let runner = lab.start_exec(&["three"]);
    let folder = at_once("a new run", || runs_of(lab).difference(&before).next().cloned());
    (runner, Record { folder })
}

/// Looks until something is there, as often as a machine can bear, with a limit.
pub fn at_once<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(GLANCE);
    }
}

/// Bob, who says yes to every request once.
#[derive(Default)]
pub struct Bob {
    answered: BTreeSet<String>,
    answering: Vec<Child>,
}

impl Bob {
    /// Begins to approve what waits, unless that was done before.
    pub fn look(&mut self, lab: &Lab, record: &Record) {
        let Some(check) = record.asked() else { return };
        if self.answered.insert(check.clone()) {
            let out = std::fs::File::create(lab.path("bob.out")).unwrap();
            let mut approve = lab.runbook_as("bob", &["approve", &record.run(), "--check", &check]);
            self.answering.push(approve.stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap());
        }
    }

    /// Waits until all that he began to say is said.
    pub fn done(&mut self, lab: &Lab) {
        for mut child in self.answering.drain(..) {
            assert!(child.wait().unwrap().success(), "bob's approval: {}", lab.read("bob.out"));
        }
    }

    /// How many different requests he was shown.
    pub fn answers(&self) -> usize {
        self.answered.len()
    }
}

/// Goes along until the journal has so many lines (`None`) or the runner ends.
pub fn go_to_line(lab: &Lab, runner: &mut Child, record: &Record, bob: &mut Bob, line: usize) -> Option<ExitStatus> {
    let known = std::cell::Cell::new((0, 0));
    let there = || {
        let (bytes, (read, mut lines)) = (record.bytes(), known.get());
        if bytes != read {
            lines = record.lines();
            known.set((bytes, lines));
        }
        lines >= line
    };
    go_until(lab, runner, record, bob, there)
}

/// Goes along with a runner, approving what it asks, until something is so (`None`) or the runner ends.
pub fn go_until(lab: &Lab, runner: &mut Child, record: &Record, bob: &mut Bob, so: impl Fn() -> bool) -> Option<ExitStatus> {
    let (mut seen, began) = (None, Instant::now());
    let late = PATIENCE / 2; // before `at_once` gives up, with more words
    at_once("what was waited for, or the end of the runner", || {
        assert!(began.elapsed() < late, "{}\n{}\n{:?}", lab.said(), record.kinds().join("\n"), inbox(record));
        let bytes = record.bytes();
        if so() {
            return Some(None);
        }
        if seen.replace(bytes) != Some(bytes) {
            bob.look(lab, record);
        }
        runner.try_wait().unwrap().map(Some)
    })
}

/// The same until the end of the runner: its exit status, or -1 where a signal ended it.
pub fn go_to_the_end(lab: &Lab, runner: &mut Child, record: &Record, bob: &mut Bob) -> i32 {
    let status = go_until(lab, runner, record, bob, || false);
    bob.done(lab);
    status.and_then(|status| status.code()).unwrap_or(-1)
}

/// Kills a runner in this way. What is slept here is no condition: the moment of the kill is what varies.
pub fn kill(runner: &mut Child, how: Death) {
    let (Death::After(later) | Death::Frozen(later)) = how;
    if !later.is_zero() {
        std::thread::sleep(later);
    }
    if let Death::Frozen(_) = how {
        freeze(runner);
        std::thread::sleep(Duration::from_millis(100));
    }
    runner.kill().unwrap();
    let status = runner.wait().unwrap();
    assert!(status.signal() == Some(9) || status.code() == Some(0), "{status}");
}

/// Stops a process where it stands, without the detour over another process.
pub fn freeze(runner: &Child) {
    let pid = rustix::process::Pid::from_child(runner);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
}

/// Resumes a run until it is closed, and says with what status the last runner ended.
pub fn resume_to_the_end(lab: &Lab, record: &Record, bob: &mut Bob) -> i32 {
    let mut runner = lab.start("alice", &["resume", &record.run()]);
    go_to_the_end(lab, &mut runner, record, bob)
}

/// Both verifiers' exit status for this run, and what they said.
pub fn verify(lab: &Lab, record: &Record) -> (i32, i32, String) {
    let ours = lab.run_as("alice", &["verify", &record.run(), "--level", "anchored"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verify_record.py");
    let theirs = Command::new("python3").arg(script).arg(&record.folder).output().unwrap();
    (ours.status.code().unwrap_or(-1), theirs.status.code().unwrap_or(-1), format!("{}{}", shown(&ours), shown(&theirs)))
}

/// The run is closed as recovered, each step ran once, and both verifiers say so.
pub fn assert_well(lab: &Lab, record: &Record, what: &str) {
    let said = || format!("{what}:\n{}\n{}", lab.said(), record.kinds().join("\n"));
    let closed = record.events().last().cloned().unwrap_or_default();
    assert_eq!((closed["kind"].as_str(), closed["verdict"].as_str()), (Some("run_closed"), Some("recovered")), "{}", said());
    assert_exactly_once(lab, &said());
    let (ours, theirs, words) = verify(lab, record);
    assert_eq!((ours, theirs), (0, 0), "{words}\n{}", said());
}
