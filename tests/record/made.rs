//! A small real record, made through the writer, with real keys and signed documents. Owns its temporary folder; touches nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use runbook::approval::{Approval, Kind, Opening, Request, Seal, namespace};
use runbook::base::{Digest, GateNo, HostName, Period, Person, StepId, Timestamp};
use runbook::effects::{SigningKey, fingerprint_of, sign};
use runbook::event::{
    Action, AppendLog, Artifact, ArtifactSource, Attempts, Command, Effect, Ended, Event, EvidenceNeed, GateAsks, Head, HostKey, Inputs,
    Instead, Judgement, KeptArtifact, Mode, OnFailure, Outcome, Part, Place, Rules, RunMode, RunOpened, Stage, StageWork, Verdict,
};
use runbook::journal::{About, Beginning, Clock, EvidenceFiles, JournalWriter, NewRun, OutputFiles, RunFolder, Store};
use runbook::library::{Roster, Signer};
use runbook::plan::action_digest;

pub const RUN: &str = "01J9ABCDEFGHJKMNPQRSTVK7QM";
const START: i64 = 1_764_000_000_000_000;
const SECOND: i64 = 1_000_000;

/// What goes wrong in this run. The default is a run in which nothing does.
#[derive(Debug, Clone, Default)]
pub struct Plot {
    pub nobody_approves: bool,
    pub requester_approves: bool,
    pub approval_after_start: bool,
    pub other_bytes_are_sent: bool,
    pub started_twice: bool,
    pub gate_is_left_out: bool,
    pub another_plan_was_shown: bool,
    pub place_is_unknown: bool,
    pub floor_of_two: bool,
    pub gate_asks_two: bool,
    /// Two more steps: a capture, and one that needs its evidence. Left out where every byte is looked at: each costs as much as all.
    pub captures: bool,
    pub evidence_comes_later: bool,
    pub evidence_is_waived_by_one: bool,
    pub evidence_is_claimed: bool,
    pub other_evidence_is_kept: bool,
    /// Carol is asked, and bob may stand in after so many seconds.
    pub bob_stands_in_after: Option<u64>,
    /// The line does not say that bob stood in.
    pub substitute_is_not_called_one: bool,
}

/// A record in a temporary store.
pub struct Made {
    pub root: tempfile::TempDir,
    pub folder: RunFolder,
    pub roster: Roster,
}

struct Author {
    keys: PathBuf,
    folder: RunFolder,
    writer: JournalWriter,
    opened: RunOpened,
    clock: Arc<AtomicI64>,
    plot: Plot,
}

fn person(name: &str) -> Person {
    format!("{name}@example.com").parse().unwrap()
}

fn make_key(keys: &Path, name: &str) -> Signer {
    let path = keys.join(name);
    let made = Process::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&path).stdin(Stdio::null()).status();
    assert!(made.unwrap().success(), "ssh-keygen made no key");
    Signer {
        person: person(name),
        key: std::fs::read_to_string(path.with_extension("pub")).unwrap().trim().to_owned(),
        fingerprint: fingerprint_of(&path).unwrap(),
        namespaces: vec!["runbook-*@example.com".to_owned()],
        valid_after: None,
        valid_before: None,
        line: 1,
    }
}

fn opened(requester_key: String, floor: u32) -> RunOpened {
    let nothing = Digest::of(b"");
    let floors = BTreeMap::from([("production".to_owned(), BTreeMap::from([(Effect::Read, 0), (Effect::Once, floor)]))]);
    RunOpened {
        run: RUN.parse().unwrap(),
        mode: RunMode::Real,
        runbook: "restart-db".to_owned(),
        title: "Restart the database".to_owned(),
        requester: person("alice"),
        requester_key: Some(requester_key),
        machine: "console".to_owned(),
        parameters: BTreeMap::new(),
        hosts_from: None,
        inputs: Inputs { runbook: nothing, inventory: nothing, policy: nothing, signers: nothing, files: BTreeMap::new() },
        revision: None,
        rules: Rules { domain: "example.com".to_owned(), people: BTreeMap::new(), floors, evidence: BTreeSet::new() },
        version: "0.1.0".to_owned(),
    }
}

fn stage(step: &str, number: &str, script: &str, gate: Option<GateNo>, known: bool) -> Stage {
    let place = Place { login: "ops@10.0.0.5:22".to_owned(), key: HostKey("SHA256:abc".to_owned()) };
    let action = Action {
        host: "db".parse().unwrap(),
        environment: "production".to_owned(),
        place: known.then_some(place),
        command: Command { script: script.into(), shell: "sh".to_owned(), r#become: None },
        done_when: None,
        undo: None,
        shows: None,
        keeps: Vec::new(),
        timeout: Period::from_secs(90),
        mode: Mode::Claim,
        digest: Digest::ZERO,
    };
    let effect = if gate.is_some() { Effect::Once } else { Effect::Read };
    let mut stage = Stage {
        step: step.parse().unwrap(),
        number: number.to_owned(),
        name: "Caf\u{e9} <U+202E>".to_owned(),
        why: None,
        effect,
        gate,
        round: 1,
        attempts: if gate.is_some() { Attempts::AtMost(1) } else { Attempts::Free },
        work: StageWork::Wait { period: Period::from_secs(0) },
        register: None,
        evidence: EvidenceNeed::NotAsked,
        releases: None,
        on_failure: OnFailure::Stop,
        in_flight: NonZeroU16::MIN,
        max_failures: 0,
        max_output: 16,
    };
    let action = Action { digest: action_digest(&stage, &action), ..action };
    stage.work = StageWork::Commands { actions: vec![action], parse: None, expect: None, until: None, retry: None };
    stage
}

fn with_digests(mut stage: Stage, keeps: Vec<Artifact>) -> Stage {
    let action = Action { keeps, digest: Digest::ZERO, ..action_of(&stage).clone() };
    let action = Action { digest: action_digest(&stage, &action), ..action };
    stage.work = StageWork::Commands { actions: vec![action], parse: None, expect: None, until: None, retry: None };
    stage
}

fn needing(stage: Stage, evidence: EvidenceNeed) -> Stage {
    with_digests(Stage { evidence, ..stage }, Vec::new())
}

fn saving(stage: Stage) -> Stage {
    let artifact = |name: &str, source| Artifact { name: name.to_owned(), source, last: None, most: 12 };
    let files = ArtifactSource::Files("/var/log/*.log".into());
    with_digests(stage, vec![artifact("logs", files), artifact("who", ArtifactSource::Command("id".into()))])
}

fn action_of(stage: &Stage) -> &Action {
    match &stage.work {
        StageWork::Commands { actions, .. } => &actions[0],
        other => panic!("{other:?}"),
    }
}

/// Makes a record.
pub fn make(plot: &Plot) -> Made {
    let root = tempfile::tempdir().unwrap();
    let keys = root.path().join("keys");
    std::fs::create_dir(&keys).unwrap();
    let roster = Roster { signers: ["alice", "bob"].map(|name| make_key(&keys, name)).into() };
    let signers: String =
        roster.signers.iter().map(|signer| format!("{} namespaces=\"runbook-*@example.com\" {}\n", signer.person, signer.key)).collect();
    let opened = opened(roster.signers[0].fingerprint.clone(), if plot.floor_of_two { 2 } else { 1 });
    let clock = Arc::new(AtomicI64::new(START));
    let ticking: Arc<AtomicI64> = clock.clone();
    let tick: Clock = Box::new(move || Timestamp::from_micros(ticking.fetch_add(SECOND, Ordering::SeqCst)));
    let new = NewRun {
        opened: opened.clone(),
        runbook: b"r".to_vec(),
        inventory: b"i".to_vec(),
        policy: b"p".to_vec(),
        signers: signers.into(),
        files: BTreeMap::new(),
    };
    let (folder, writer, entry) = Store::open(&root.path().join("store")).unwrap().create_run(new, tick).unwrap();
    let Event::RunOpened(opened) = entry.event else { panic!("the first entry opens the run") };
    Author { keys, folder: folder.clone(), writer, opened: *opened, clock, plot: plot.clone() }.write();
    Made { root, folder, roster }
}

impl Author {
    fn append(&mut self, event: Event) -> Head {
        self.writer.append_all(vec![event]).unwrap()[0].head()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.clock.load(Ordering::SeqCst))
    }

    fn signed(&self, name: &str, kind: Kind, who: &str, text: &str) -> Digest {
        let signature = sign(&SigningKey::File(self.keys.join(who)), &namespace(kind, "example.com"), text.as_bytes()).unwrap();
        self.folder.keep_document(name, text.as_bytes(), &signature).unwrap()
    }

    fn key_of(&self, who: &str) -> String {
        fingerprint_of(&self.keys.join(who)).unwrap()
    }

    fn write(mut self) {
        let look = stage("look", "1", "true\n", None, true);
        self.append(Event::StagePrepared { stage: Box::new(look.clone()) });
        self.run(&look, 1, b"a line that is longer than what is stored at head and tail");
        let gate = (!self.plot.gate_is_left_out).then_some(GateNo(1));
        let mut restart = stage("restart", "2", "systemctl restart x\necho '\u{e9}'", Some(GateNo(1)), !self.plot.place_is_unknown);
        restart.gate = gate;
        if self.plot.evidence_comes_later {
            restart = needing(restart, EvidenceNeed::From(vec!["save".parse().unwrap()]));
        }
        if self.plot.evidence_is_waived_by_one {
            restart = needing(restart, EvidenceNeed::Waived { reason: "nothing to keep".to_owned() });
        }
        self.append(Event::StagePrepared { stage: Box::new(restart.clone()) });
        if gate.is_some() {
            self.pass_gate(&restart);
        } else {
            self.run(&restart, 1, b"");
        }
        if self.plot.started_twice {
            self.run(&restart, 2, b"");
        }
        if self.plot.captures {
            self.capture();
        }
        self.close();
    }

    /// A capture, and a step that needs its evidence.
    fn capture(&mut self) {
        let save = saving(stage("save", "3", "rb_say done\n", None, true));
        self.append(Event::StagePrepared { stage: Box::new(save.clone()) });
        let action = action_of(&save).clone();
        let (step, host, part, attempt) = (save.step.clone(), action.host.clone(), Part::Main, 1);
        let (sends, gate) = (action.command.sends(), None);
        self.append(Event::ActionStarted { step: step.clone(), host: host.clone(), part, attempt, action: action.digest, sends, gate });
        let (manifest, mut artifacts) = self.keep(&step, &action);
        if self.plot.other_evidence_is_kept {
            artifacts[0].name = "passwords".to_owned();
        }
        if !self.plot.evidence_is_claimed {
            self.append(Event::EvidenceKept { step: step.clone(), host: host.clone(), attempt, manifest, artifacts });
        }
        self.end(&step, &host, attempt, save.max_output, b"");
        let purge = needing(stage("purge", "4", "true\n", None, true), EvidenceNeed::From(vec![step]));
        self.append(Event::StagePrepared { stage: Box::new(purge.clone()) });
        self.run(&purge, 1, b"");
    }

    fn keep(&self, step: &StepId, action: &Action) -> (Digest, Vec<KeptArtifact>) {
        let about = About {
            run: self.opened.run.clone(),
            step: step.clone(),
            host: action.host.clone(),
            place: action.place.clone(),
            attempt: 1,
            by: person("alice"),
            at: self.now(),
        };
        let mut files = EvidenceFiles::create(&self.folder, about, action.keeps.clone(), 0).unwrap();
        files.begin(0, Beginning { name: Some(b"/var/log/a b.log"), size: Some(12), mtime: Some(7), most: Some(12) });
        files.came(12);
        files.bytes(b"what was los");
        files.end(0, Some(12));
        files.begin(1, Beginning { name: None, size: None, mtime: None, most: None });
        files.bytes(b"uid=0\n");
        files.end(0, None);
        files.finish().unwrap()
    }

    fn pass_gate(&mut self, restart: &Stage) {
        let request = self.open_gate(restart);
        if self.plot.approval_after_start {
            self.run(restart, 1, b"");
            self.approve(&request);
        } else {
            if !self.plot.nobody_approves {
                self.approve(&request);
            }
            self.run(restart, 1, b"");
        }
    }

    fn open_gate(&mut self, restart: &Stage) -> Request {
        let (issued, journal) = (self.now().whole_seconds(), self.writer.head());
        let shown = if self.plot.another_plan_was_shown { stage("restart", "2", "true", Some(GateNo(1)), true) } else { restart.clone() };
        let approver = if self.plot.requester_approves { "alice" } else { "bob" };
        let approver = if self.plot.bob_stands_in_after.is_some() { "carol" } else { approver };
        let mut slots = vec![vec![person(approver)]];
        slots.extend(self.plot.gate_asks_two.then(|| vec![person("carol")]));
        let opening = Opening {
            opened: &self.opened,
            gate: GateNo(1),
            name: "Restart",
            round: 1,
            journal,
            nonce: &"N".repeat(32),
            issued,
            expires: issued.after(Period::from_secs(900)),
            slots,
            instead: self.plot.bob_stands_in_after.map(|seconds| Instead {
                of: "dba".to_owned(),
                slots: vec![1],
                by: vec![person("bob")],
                from: issued.after(Period::from_secs(seconds)),
            }),
            ask: None,
            stages: &[&shown],
        };
        let request = Request::open(opening).unwrap();
        let digest = self.signed("gate-1-request", Kind::Request, "alice", &request.render());
        let asks = GateAsks {
            request: digest,
            nonce: request.body.nonce.clone(),
            check: request.check(),
            journal,
            issued,
            expires: request.body.expires,
            slots: request.body.slots.clone(),
            instead: request.body.instead.clone(),
            covers: vec![restart.step.clone()],
        };
        self.append(Event::GateOpened { gate: GateNo(1), asks: Box::new(asks) });
        request
    }

    fn approve(&mut self, request: &Request) {
        let who = if self.plot.requester_approves { "alice" } else { "bob" };
        let key = self.key_of(who);
        let approval = Approval::for_request(request, person(who), key.clone(), self.writer.head(), self.now());
        let stands_in = self.plot.bob_stands_in_after.is_some() && !self.plot.substitute_is_not_called_one;
        let instead_of = stands_in.then(|| "dba".to_owned());
        let document = self.signed("gate-1-approval", Kind::Approval, who, &approval.render());
        self.append(Event::ApprovalGiven { gate: GateNo(1), person: person(who), key, document, instead_of });
    }

    fn run(&mut self, stage: &Stage, attempt: u32, output: &[u8]) {
        let (action, host) = (action_of(stage), action_of(stage).host.clone());
        let other = self.plot.other_bytes_are_sent && stage.effect == Effect::Once;
        let sends = if other { Digest::of(b"rm -rf /") } else { action.command.sends() };
        let (step, part, gate) = (stage.step.clone(), Part::Main, stage.gate);
        self.append(Event::ActionStarted { step: step.clone(), host: host.clone(), part, attempt, action: action.digest, sends, gate });
        self.end(&step, &host, attempt, stage.max_output, output);
    }

    fn end(&mut self, step: &StepId, host: &HostName, attempt: u32, max_output: u64, output: &[u8]) {
        let (step, host, part) = (step.clone(), host.clone(), Part::Main);
        let mut files = OutputFiles::create(&self.folder, &step, &host, attempt, part, max_output).unwrap();
        files.stdout(output);
        let (stdout, stderr) = files.finish().unwrap();
        let ended = Ended {
            outcome: Outcome::Exited { code: 0 },
            stdout,
            stderr,
            took_ms: Period::from_millis(12),
            judgement: Judgement::Met,
            reading: None,
        };
        self.append(Event::ActionEnded { step, host, part, attempt, ended: Box::new(ended) });
    }

    fn close(mut self) {
        let seal = Seal {
            run: self.opened.run.clone(),
            verdict: Verdict::Recovered,
            journal: self.writer.head(),
            person: person("alice"),
            person_key: self.key_of("alice"),
            issued: self.now().whole_seconds(),
        };
        let seal = self.signed("seal", Kind::Seal, "alice", &seal.render());
        self.append(Event::RunClosed { verdict: Verdict::Recovered, seal: Some(seal) });
    }
}
