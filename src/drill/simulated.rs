//! Simulated hosts as one more transport: they keep claims as real ones do, and drop, stall, answer 255 and die. Touches nothing real.

#![allow(clippy::disallowed_methods, reason = "the simulated clock follows tokio's, which tests can hold")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::{HostName, Period, RunId, Secret, SecretValue, StepId, Timestamp};
use crate::effects::{BoxFuture, Clock, OutputSink, StopLevel, StopSignal, Transport, Unreached, framed};
use crate::engine::{Begin, Permit, Task};
use crate::event::{Artifact, ArtifactSource, HostKey, Mode, NotStarted, Outcome, Part, Place, Signaller};

/// What a simulated command does.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// Its exit status.
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// How long it takes.
    pub takes: Period,
    /// What goes wrong around it.
    pub breaks: Option<Break>,
    /// What it has to do with the host's system as a whole.
    pub system: System,
    /// What each artifact of a capture is, in their order; where nothing is said, each is what it prints.
    pub kept: Option<Vec<Kept>>,
}

/// One artifact of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The file that it is; `None` for what a command prints.
    pub path: Option<String>,
    pub bytes: Vec<u8>,
    /// The exit status of what reads or prints it.
    pub code: i32,
}

/// What a command has to do with the host's system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum System {
    #[default]
    Nothing,
    /// It says which start of the system this is.
    SaysStart,
    /// It says so, and succeeds only in another start than the last one that was said.
    SeeksAnother,
    /// It has the system restarted: when it is over, the host does not answer for so long, and then from another start.
    Restarts { down: Period },
}

/// A fault around one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// The connection is lost before the command starts: certain where a claim can be asked.
    Before,
    /// The connection is lost while it runs; the command goes on, and no reconnection succeeds in time.
    During,
    /// The host loses its memory after it ran: nobody can say any more.
    Amnesia,
    /// The host has no room for a claim: what needs one is not started.
    Full,
}

/// How simulated hosts behave.
pub trait Behaviour: Send + Sync {
    /// What a command that begins now will do.
    fn reply(&self, task: &Task) -> Reply;

    /// It has run to its end, as this reply says: what it changes is so from now on.
    fn ended(&self, _task: &Task, _reply: &Reply) {}

    /// A file that holds a secret; `None` where there is none.
    fn secret(&self, _host: &HostName, _path: &str) -> Option<Vec<u8>> {
        None
    }
}

impl<F: Fn(&Task) -> Reply + Send + Sync> Behaviour for F {
    fn reply(&self, task: &Task) -> Reply {
        self(task)
    }
}

type ClaimKey = (RunId, StepId, Part, u32);

#[derive(Default)]
struct Host {
    claims: BTreeMap<ClaimKey, Reply>,
    forgotten: BTreeSet<ClaimKey>,
    epoch: u32,
    starts: Vec<(StepId, Part, u32)>,
    /// How often the system was started anew.
    restarts: u32,
    /// Which start was said last.
    said: u32,
    down_until: Option<tokio::time::Instant>,
}

impl Host {
    fn is_down(&self) -> bool {
        self.down_until.is_some_and(|until| tokio::time::Instant::now() < until)
    }
}

/// A set of simulated hosts that outlives any runner.
pub struct SimulatedHosts {
    hosts: Mutex<BTreeMap<HostName, Host>>,
    down: BTreeSet<HostName>,
    behaviour: Box<dyn Behaviour>,
}

impl SimulatedHosts {
    /// Hosts that answer by this behaviour, except those that are down.
    pub fn new(down: impl IntoIterator<Item = HostName>, behaviour: impl Behaviour + 'static) -> Self {
        Self { hosts: Mutex::default(), down: down.into_iter().collect(), behaviour: Box::new(behaviour) }
    }

    /// How often each attempt was really started: step, part and attempt of each start on a host, in order.
    pub fn starts(&self, host: &HostName) -> Vec<(StepId, Part, u32)> {
        self.lock().get(host).map_or_else(Vec::new, |host| host.starts.clone())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<HostName, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims and starts an attempt, or finds what became of it.
    fn begin(&self, task: &Task, begin: Begin) -> Begun {
        let key = (task.run.clone(), task.step.clone(), task.part, task.attempt);
        let mut hosts = self.lock();
        let host = hosts.entry(task.host().clone()).or_default();
        if host.is_down() {
            return if begin == Begin::Start { Begun::Lost } else { Begun::Silent };
        }
        if task.epoch < host.epoch {
            return Begun::Refused;
        }
        host.epoch = task.epoch;
        if host.forgotten.contains(&key) {
            return Begun::Gone;
        }
        if let Some(reply) = host.claims.get(&key) {
            return Begun::Attached(reply.clone());
        }
        let reply = self.behaviour.reply(task);
        if reply.breaks == Some(Break::Before) && begin == Begin::Start {
            return Begun::Lost;
        }
        if reply.breaks == Some(Break::Full) && task.mode() == Mode::Claim {
            return Begun::Full;
        }
        host.starts.push((task.step.clone(), task.part, task.attempt));
        if task.mode() == Mode::Claim {
            host.claims.insert(key, reply.clone());
        }
        Begun::Started(reply)
    }

    /// What the command has to do with the system, once it is over.
    fn of_system(&self, task: &Task, reply: Reply) -> Reply {
        let mut hosts = self.lock();
        let host = hosts.entry(task.host().clone()).or_default();
        let stdout = format!("boot-{}\n", host.restarts).into_bytes();
        match reply.system {
            System::Nothing => reply,
            System::SaysStart => {
                host.said = host.restarts;
                Reply { stdout, ..reply }
            }
            System::SeeksAnother => Reply { code: i32::from(host.restarts == host.said), stdout, ..reply },
            System::Restarts { down } => {
                host.restarts += 1;
                host.down_until = Some(tokio::time::Instant::now() + down.as_std());
                reply
            }
        }
    }

    fn amnesia(&self, task: &Task) {
        let key = (task.run.clone(), task.step.clone(), task.part, task.attempt);
        if let Some(host) = self.lock().get_mut(task.host()) {
            host.claims.remove(&key);
            host.forgotten.insert(key);
        }
    }
}

enum Begun {
    Started(Reply),
    Attached(Reply),
    Lost,
    Gone,
    Silent,
    Refused,
    Full,
}

/// What a capture's script sends of a host on which each artifact is what the reply says.
fn evidence(keeps: &[Artifact], reply: &Reply) -> Vec<u8> {
    if let Some(kept) = &reply.kept {
        let contents = kept.iter().map(|kept| (kept.path.as_deref(), kept.bytes.as_slice(), kept.code));
        return framed(&contents.collect::<Vec<_>>());
    }
    let content = |artifact: &'_ Artifact| match &artifact.source {
        ArtifactSource::Command(_) => None,
        ArtifactSource::File(path) | ArtifactSource::Files(path) => Some(path.to_string()),
    };
    let names: Vec<Option<String>> = keeps.iter().map(content).collect();
    framed(&names.iter().map(|name| (name.as_deref(), reply.stdout.as_slice(), reply.code)).collect::<Vec<_>>())
}

fn unknown(why: &str) -> Outcome {
    Outcome::Unknown { why: why.to_owned() }
}

impl Transport for SimulatedHosts {
    fn reach<'a>(&'a self, host: &'a HostName) -> BoxFuture<'a, Result<Place, Unreached>> {
        let down = self.down.contains(host) || self.lock().get(host).is_some_and(Host::is_down);
        let place = Place { login: format!("sim@{host}"), key: HostKey(format!("SHA256:simulated-{host}")) };
        Box::pin(async move { if down { Err(Unreached { why: "no route to host".to_owned() }) } else { Ok(place) } })
    }

    fn run<'a>(&'a self, permit: Permit, out: &'a mut dyn OutputSink, mut stop: StopSignal) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let task = permit.task();
            let mut is_first = false;
            let reply = match self.begin(task, permit.begin()) {
                Begun::Started(reply) => {
                    is_first = true;
                    reply
                }
                Begun::Attached(reply) => Reply { breaks: None, ..reply },
                Begun::Lost => return Outcome::NeverStarted { cause: NotStarted::Unreachable, why: "the connection was lost".to_owned() },
                Begun::Silent => return unknown("it was begun, and its host cannot be asked"),
                Begun::Gone => return unknown("the host does not remember it"),
                Begun::Refused => {
                    return Outcome::NeverStarted { cause: NotStarted::Refused, why: "a newer runner has taken this run over".to_owned() };
                }
                Begun::Full => return Outcome::NeverStarted { cause: NotStarted::Refused, why: "the spool has no room".to_owned() },
            };
            let timed_out = reply.takes > task.action.timeout;
            let takes = reply.takes.min(task.action.timeout);
            let killed = async {
                while *stop.borrow_and_update() < StopLevel::Kill {
                    if stop.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
            };
            let stopped = tokio::select! {
                biased; // one seed makes one journal, and what is ended at once is ended
                () = killed => true,
                () = tokio::time::sleep(takes.as_std()) => false,
            };
            let reply = if is_first { self.of_system(task, reply) } else { reply };
            if is_first && !stopped && !timed_out {
                self.behaviour.ended(task, &reply);
            }
            match reply.breaks {
                Some(Break::During) => return unknown("the connection was lost while it ran"),
                Some(Break::Amnesia) => {
                    self.amnesia(task);
                    return unknown("the host was lost after it ran");
                }
                Some(Break::Before | Break::Full) | None => {}
            }
            if stopped || timed_out {
                let by = if stopped { Signaller::Stop } else { Signaller::Timeout };
                return Outcome::Signalled { signal: "TERM".to_owned(), by };
            }
            match task.action.keeps.as_slice() {
                keeps if task.part == Part::Main && !keeps.is_empty() => out.stdout(&evidence(keeps, &reply)),
                _ => out.stdout(&reply.stdout),
            }
            out.stderr(&reply.stderr);
            Outcome::Exited { code: reply.code }
        })
    }

    fn read_secret<'a>(&'a self, permit: &'a Permit, path: &'a str, _: StopSignal) -> BoxFuture<'a, Result<SecretValue, String>> {
        let host = permit.task().host();
        let found = self.behaviour.secret(host, path);
        Box::pin(async move { found.map(Secret::new).ok_or_else(|| format!("{host} has no file {path}")) })
    }

    fn forget<'a>(&'a self, host: &'a HostName, run: &'a RunId, step: &'a StepId, part: Part, attempt: u32) -> BoxFuture<'a, ()> {
        let key = (run.clone(), step.clone(), part, attempt);
        Box::pin(async move {
            if let Some(host) = self.lock().get_mut(host) {
                host.claims.remove(&key);
                host.forgotten.insert(key);
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// A clock that runs with tokio's own: with its time paused, hours pass in no time.
#[derive(Debug, Clone, Copy)]
pub struct SimulatedClock {
    began: tokio::time::Instant,
    at: Timestamp,
}

impl SimulatedClock {
    /// Shows this time now.
    pub fn new(at: Timestamp) -> Self {
        Self { began: tokio::time::Instant::now(), at }
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        self.at.after(Period::from(self.began.elapsed()))
    }

    fn until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let left = at.since(self.now());
        Box::pin(tokio::time::sleep(left.as_std()))
    }
}
