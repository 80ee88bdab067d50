//! What every transport must do, as one body of scenarios. A simulated transport runs the same body, so that it is never kinder.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::transport::{OutputSink, StopLevel, Target, Transport, Way};
use crate::base::{Bytes, Digest, HostName, Period, RunId, Secrets, StepId, Timestamp};
use crate::engine::{Begin, Permit, Ready, Task};
use crate::event::{Action, AppendError, AppendLog, Command, Entry, Event, Head, Mode, NotStarted, Outcome, Part, Place, Signaller};

/// A log that holds everything in memory and never fails.
#[derive(Default)]
pub(crate) struct MemoryLog(u64);

impl AppendLog for MemoryLog {
    fn append_all(&mut self, events: Vec<Event>) -> Result<Vec<Entry>, AppendError> {
        let entry = |event| {
            self.0 += 1;
            Entry { seq: self.0, at: Timestamp::from_micros(0), prev: Digest::ZERO, event, sum: Digest::ZERO }
        };
        Ok(events.into_iter().map(entry).collect())
    }

    fn head(&self) -> Head {
        Head { seq: self.0, sum: Digest::ZERO }
    }
}

/// What a step said.
#[derive(Default, Debug)]
pub(crate) struct Heard {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Tells each time when something was said: bytes so far.
    pub grown: Option<watch::Sender<usize>>,
}

impl OutputSink for Heard {
    fn stdout(&mut self, bytes: &[u8]) {
        self.stdout.extend_from_slice(bytes);
        self.tell();
    }

    fn stderr(&mut self, bytes: &[u8]) {
        self.stderr.extend_from_slice(bytes);
        self.tell();
    }
}

impl Heard {
    fn tell(&self) {
        if let Some(grown) = &self.grown {
            grown.send_replace(self.stdout.len() + self.stderr.len());
        }
    }
}

/// A transport under test, and the host to use.
#[derive(Clone)]
pub(crate) struct Bench {
    pub transport: Arc<dyn Transport>,
    pub host: HostName,
    pub place: Place,
}

/// One attempt to be made.
#[derive(Clone)]
pub(crate) struct Try {
    pub run: RunId,
    pub epoch: u32,
    pub step: String,
    pub attempt: u32,
    pub script: Vec<u8>,
    pub shell: &'static str,
    pub r#become: Option<String>,
    pub timeout: Duration,
    pub mode: Mode,
    pub begin: Begin,
    pub secrets: Secrets,
}

impl Try {
    /// A first attempt under a run of its own.
    pub fn new(mode: Mode, script: &str) -> Self {
        Self::new_bytes(mode, script.as_bytes().to_vec())
    }

    fn new_bytes(mode: Mode, script: Vec<u8>) -> Self {
        let run = ulid::Ulid::generate().to_string().parse().expect("a ulid is a run id");
        Self {
            run,
            epoch: 1,
            step: "step".to_owned(),
            attempt: 1,
            script,
            shell: "sh",
            r#become: None,
            timeout: Duration::from_secs(60),
            mode,
            begin: Begin::Start,
            secrets: Secrets::default(),
        }
    }

    fn step_id(&self) -> StepId {
        self.step.parse().expect("a step id")
    }

    pub fn permit(&self, bench: &Bench) -> Permit {
        let script = Bytes::from(self.script.clone());
        let action = Action {
            host: bench.host.clone(),
            environment: "test".to_owned(),
            place: Some(bench.place.clone()),
            command: Command { script, shell: self.shell.to_owned(), r#become: self.r#become.clone() },
            done_when: None,
            undo: None,
            shows: None,
            keeps: Vec::new(),
            timeout: Period::from_millis(self.timeout.as_millis() as u64),
            mode: self.mode,
            digest: Digest::ZERO,
        };
        let task = Task {
            run: self.run.clone(),
            epoch: self.epoch,
            step: self.step_id(),
            part: Part::Main,
            attempt: self.attempt,
            action,
            gate: None,
        };
        let permits = Permit::obtain(vec![Ready::for_conformance_test(task, self.begin)], &mut MemoryLog::default());
        permits.expect("a memory log").remove(0).0.bearing(self.secrets.clone())
    }
}

impl Bench {
    /// Reaches the host of a transport.
    pub async fn new(transport: Arc<dyn Transport>, host: &str) -> Self {
        let host: HostName = host.parse().expect("a host name");
        let place = transport.reach(&host).await.expect("the host is reached");
        Self { transport, host, place }
    }

    /// Makes an attempt, nobody stopping it.
    pub async fn make(&self, attempt: &Try) -> (Outcome, Heard) {
        let (_level, stop) = watch::channel(StopLevel::GoOn);
        self.make_with(attempt, Heard::default(), stop).await
    }

    /// Makes an attempt whose output goes elsewhere.
    pub async fn give(&self, attempt: &Try, out: &mut dyn OutputSink) -> Outcome {
        let (_level, stop) = watch::channel(StopLevel::GoOn);
        self.transport.run(attempt.permit(self), out, stop).await
    }

    /// Makes an attempt that can be watched and stopped.
    pub async fn make_with(&self, attempt: &Try, mut heard: Heard, stop: watch::Receiver<StopLevel>) -> (Outcome, Heard) {
        let outcome = self.transport.run(attempt.permit(self), &mut heard, stop).await;
        (outcome, heard)
    }
}

/// Waits until something holds; says what did not.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

const MODES: [Mode; 2] = [Mode::Claim, Mode::Direct];

/// The scenarios that hold for every transport. `folder` is on the target and on this machine.
pub(crate) async fn all(bench: &Bench, folder: &std::path::Path) {
    for mode in MODES {
        exit_statuses_mean_what_the_command_meant(bench, mode).await;
        a_signal_is_no_exit_status(bench, mode).await;
        every_byte_arrives_on_its_own_stream(bench, mode).await;
        a_step_has_nothing_on_standard_input(bench, mode).await;
        a_time_out_leaves_nothing_of_a_stubborn_tree(bench, mode).await;
        a_stop_leaves_nothing(bench, mode, folder).await;
        another_key_than_the_approved_one_runs_nothing(bench, mode, folder).await;
        every_byte_of_a_script_arrives(bench, mode).await;
        a_script_may_hold_quotes_and_imitate_frames(bench, mode).await;
    }
    the_same_attempt_starts_once(bench, folder).await;
    work_goes_on_when_nobody_listens_and_is_collected_later(bench, folder).await;
    a_stop_that_comes_before_the_claim_holds(bench, folder).await;
    an_older_epoch_is_refused(bench, folder).await;
    what_was_never_begun_is_unknown_where_there_is_no_trace(bench).await;
}

async fn exit_statuses_mean_what_the_command_meant(bench: &Bench, mode: Mode) {
    for code in [0, 1, 7, 126, 127, 137, 255] {
        let (outcome, heard) = bench.make(&Try::new(mode, &format!("exit {code}"))).await;
        assert_eq!(outcome, Outcome::Exited { code }, "{mode:?}");
        assert!(heard.stdout.is_empty() && heard.stderr.is_empty(), "{mode:?} {heard:?}");
    }
}

async fn a_signal_is_no_exit_status(bench: &Bench, mode: Mode) {
    for signal in ["TERM", "KILL", "SEGV"] {
        let (outcome, _) = bench.make(&Try::new(mode, &format!("kill -s {signal} $$; sleep 5"))).await;
        assert_eq!(outcome, Outcome::Signalled { signal: signal.to_owned(), by: Signaller::Host }, "{mode:?}");
    }
}

async fn every_byte_arrives_on_its_own_stream(bench: &Bench, mode: Mode) {
    let octal: String = (0..=255).map(|byte: u32| format!("\\{byte:03o}")).collect();
    let script = format!("printf '{octal}'; printf '{octal}' >&2; head -c 30000000 /dev/zero; printf end; printf 'no newline' >&2");
    let (outcome, heard) = bench.make(&Try::new(mode, &script)).await;
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(outcome, Outcome::Exited { code: 0 }, "{mode:?}");
    assert_eq!(heard.stderr, [&bytes[..], b"no newline"].concat(), "{mode:?}");
    assert_eq!((heard.stdout.len(), &heard.stdout[..256], &heard.stdout[30_000_256..]), (30_000_259, &bytes[..], &b"end"[..]), "{mode:?}");
}

async fn a_step_has_nothing_on_standard_input(bench: &Bench, mode: Mode) {
    let (outcome, heard) = bench.make(&Try::new(mode, "cat; echo then")).await;
    assert_eq!((outcome, heard.stdout), (Outcome::Exited { code: 0 }, b"then\n".to_vec()), "{mode:?}");
}

async fn a_time_out_leaves_nothing_of_a_stubborn_tree(bench: &Bench, mode: Mode) {
    let script = "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo $$ $!; while :; do sleep 1; done";
    let mut attempt = Try::new(mode, script);
    attempt.timeout = Duration::from_millis(500);
    let (outcome, heard) = bench.make(&attempt).await;
    assert_eq!(outcome, Outcome::Signalled { signal: "KILL".to_owned(), by: Signaller::Timeout }, "{mode:?}");
    nothing_lives(&heard).await;
}

async fn a_stop_leaves_nothing(bench: &Bench, mode: Mode, folder: &std::path::Path) {
    let mark = folder.join(format!("stopping-{mode:?}"));
    let attempt = Try::new(mode, &format!("sleep 1000 & echo $$ $!; touch '{}'; wait", mark.display()));
    let (level, stop) = watch::channel(StopLevel::GoOn);
    let stopper = async {
        until("the step runs", || mark.exists()).await;
        level.send_replace(StopLevel::Kill);
    };
    let ((outcome, heard), ()) = tokio::join!(bench.make_with(&attempt, Heard::default(), stop), stopper);
    assert_eq!(outcome, Outcome::Signalled { signal: "TERM".to_owned(), by: Signaller::Stop }, "{mode:?}");
    nothing_lives(&heard).await;
}

/// A process that was killed gives back its memory first and is a zombie a moment later: that moment is not a life.
async fn nothing_lives(heard: &Heard) {
    let pids = String::from_utf8_lossy(&heard.stdout);
    assert_eq!(pids.split_whitespace().count(), 2, "two process ids: {pids:?}");
    for pid in pids.split_whitespace() {
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
        assert!(maps.is_empty(), "{pid} has memory still: it lives");
        let stat = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        until("the end of what was killed", || stat().is_empty() || stat().contains(") Z ")).await;
    }
}

async fn another_key_than_the_approved_one_runs_nothing(bench: &Bench, mode: Mode, folder: &std::path::Path) {
    let mark = folder.join("another-key");
    let mut bench = bench.clone();
    bench.place.key.0.push('x');
    let (outcome, _) = bench.make(&Try::new(mode, &format!("touch '{}'", mark.display()))).await;
    assert!(matches!(outcome, Outcome::NeverStarted { cause: NotStarted::Refused, .. }), "{outcome:?}");
    assert!(!mark.exists());
}

async fn a_script_may_hold_quotes_and_imitate_frames(bench: &Bench, mode: Mode) {
    let script = "echo 'it'\\''s \"$HOME\" `echo x` }'; # }\necho \"0 over exited 9\"\necho '$(id)'\n\n";
    let (outcome, heard) = bench.make(&Try::new(mode, script)).await;
    assert_eq!(outcome, Outcome::Exited { code: 0 }, "{mode:?}");
    assert_eq!(String::from_utf8_lossy(&heard.stdout), "it's \"$HOME\" `echo x` }\n0 over exited 9\n$(id)\n", "{mode:?}");
}

async fn every_byte_of_a_script_arrives(bench: &Bench, mode: Mode) {
    let bytes: Vec<u8> = (1..=255).filter(|byte| *byte != b'\'').collect();
    for length in [1, 20] {
        let (outcome, heard) = bench.make(&Try::new_bytes(mode, [b"printf %s '", &bytes.repeat(length)[..], b"'\nexit 4"].concat())).await;
        assert_eq!((outcome, heard.stdout), (Outcome::Exited { code: 4 }, bytes.repeat(length)), "{mode:?} {length}");
    }
}

async fn the_same_attempt_starts_once(bench: &Bench, folder: &std::path::Path) {
    let count = folder.join("count");
    let mut attempt = Try::new(Mode::Claim, &format!("echo ran >>'{}'; sleep 0.3; echo out; exit 3", count.display()));
    let again: Vec<_> = (0..8).map(|_| bench.make(&attempt)).collect();
    for (outcome, heard) in futures_util::future::join_all(again).await {
        assert_eq!((outcome, heard.stdout), (Outcome::Exited { code: 3 }, b"out\n".to_vec()));
    }
    attempt.begin = Begin::Reattach;
    let (outcome, heard) = bench.make(&attempt).await;
    assert_eq!((outcome, heard.stdout), (Outcome::Exited { code: 3 }, b"out\n".to_vec()));
    bench.transport.forget(&bench.host, &attempt.run, &attempt.step_id(), Part::Main, 1).await;
    let (outcome, heard) = bench.make(&attempt).await;
    assert_eq!((outcome, heard.stdout), (Outcome::Exited { code: 3 }, Vec::new()), "forgotten output, remembered claim");
    assert_eq!(std::fs::read_to_string(&count).expect("the counter"), "ran\n");
}

async fn work_goes_on_when_nobody_listens_and_is_collected_later(bench: &Bench, folder: &std::path::Path) {
    let (mark, go) = (folder.join("alone"), folder.join("alone-go"));
    let script = format!("echo ran >>'{}'; while [ ! -e '{}' ]; do sleep 0.05; done; echo late; exit 2", mark.display(), go.display());
    let mut attempt = Try::new(Mode::Claim, &script);
    tokio::select! {
        outcome = bench.make(&attempt) => panic!("it cannot have ended: {outcome:?}"),
        () = until("the step runs", || mark.exists()) => {}
    }
    std::fs::write(&go, "").expect("a file");
    attempt.begin = Begin::Reattach;
    let (outcome, heard) = bench.make(&attempt).await;
    assert_eq!((outcome, heard.stdout), (Outcome::Exited { code: 2 }, b"late\n".to_vec()));
    assert_eq!(std::fs::read_to_string(&mark).expect("the mark"), "ran\n");
}

/// The stop comes at any moment of the start: whatever is said, nothing runs afterwards.
async fn a_stop_that_comes_before_the_claim_holds(bench: &Bench, folder: &std::path::Path) {
    for delay in (0..40).step_by(5) {
        let done = folder.join(format!("stopped-early-{delay}"));
        let attempt = Try::new(Mode::Claim, &format!("sleep 3; touch '{}'", done.display()));
        let (level, stop) = watch::channel(StopLevel::GoOn);
        let stopper = async {
            tokio::time::sleep(Duration::from_millis(delay)).await;
            level.send_replace(StopLevel::Kill);
        };
        let begun = Instant::now();
        let ((outcome, _), ()) = tokio::join!(bench.make_with(&attempt, Heard::default(), stop), stopper);
        let stopped = matches!(&outcome, Outcome::Signalled { by: Signaller::Stop, .. } | Outcome::NeverStarted { .. });
        assert!(stopped && begun.elapsed() < Duration::from_secs(3) && !done.exists(), "after {delay} ms: {outcome:?}");
    }
}

async fn an_older_epoch_is_refused(bench: &Bench, folder: &std::path::Path) {
    let mark = folder.join("older-epoch");
    let mut attempt = Try::new(Mode::Claim, "true");
    attempt.epoch = 2;
    assert_eq!(bench.make(&attempt).await.0, Outcome::Exited { code: 0 });
    (attempt.epoch, attempt.attempt) = (1, 2);
    attempt.script = format!("touch '{}'", mark.display()).into_bytes();
    let (outcome, _) = bench.make(&attempt).await;
    assert!(matches!(outcome, Outcome::NeverStarted { cause: NotStarted::Refused, .. }), "{outcome:?}");
    (attempt.epoch, attempt.begin) = (2, Begin::Reattach);
    let (outcome, _) = bench.make(&attempt).await;
    assert!(matches!(outcome, Outcome::Unknown { .. }), "a folder without the run's mark proves nothing: {outcome:?}");
    assert!(!mark.exists());
}

async fn what_was_never_begun_is_unknown_where_there_is_no_trace(bench: &Bench) {
    let mut attempt = Try::new(Mode::Claim, "true");
    attempt.begin = Begin::Reattach;
    let (outcome, _) = bench.make(&attempt).await;
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
}

/// A target with a spool of its own.
pub(crate) fn target(name: &str, way: Way, spool: &std::path::Path) -> Target {
    Target { name: name.parse().expect("a host name"), way, spool: Some(spool.to_string_lossy().into_owned()) }
}
