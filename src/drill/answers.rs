//! How the hosts of a scenario answer: the last of its rules that fits says what a command does. Never knows what a step expects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cast::HostRules;
use super::guess::Guess;
use super::scenario::{Afterwards, Fault, HostScript, Otherwise, Rule};
use super::simulated::{Behaviour, Break, Kept, Reply, System};
use crate::base::{Digest, HostName, Period, StepId};
use crate::engine::Task;
use crate::event::{Artifact, ArtifactSource, Part};
use crate::journal::Memory;

/// What a command that stalls takes: longer than any time-out.
const FOR_EVER: Period = Period::from_secs(365 * 24 * 3600);
/// How long a host is gone that starts anew, where nobody says it.
const RESTART: Period = Period::from_secs(30);

/// What a step means for a host that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Special {
    /// It looks at the file that it will write.
    LooksAt(String),
    /// It writes a file, and goes well unless a rule says otherwise.
    Writes,
    SaysStart,
    Restarts,
    SeeksAnother,
}

/// A fault that a sweep adds to one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injected {
    /// The step in its turn, and which part of it.
    pub step: StepId,
    pub part: Part,
    pub fault: Injection,
    /// What a person says who is asked how to go on, where the scenario says nothing.
    pub then: Then,
}

/// What a person says after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Then {
    #[default]
    Stop,
    /// Where that is possible.
    RollBack,
}

/// What goes wrong with an injected step, on each of its hosts, at each attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Injection {
    /// It ends in a way that the step does not expect: with exit status 1, where that is one.
    Fails,
    /// The connection is lost while it runs, and nobody learns how it ended.
    Lost,
}

/// A command that no rule knew.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unanswered {
    pub step: StepId,
    pub host: HostName,
    pub command: String,
}

/// The hosts of a scenario.
pub(super) struct Answers {
    pub hosts: BTreeMap<HostName, HostScript>,
    pub rules: HostRules,
    pub otherwise: Otherwise,
    pub specials: BTreeMap<String, Special>,
    pub injected: Option<Injected>,
    pub guess: Guess,
    pub memory: Memory,
    pub seen: Arc<Mutex<Seen>>,
}

/// What has happened on the hosts so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub facts: BTreeMap<String, String>,
    /// The commands that have been run, each with its host.
    pub run: Vec<(HostName, String)>,
    /// How often each rule was used on each host.
    pub used: BTreeMap<(usize, HostName), u32>,
    /// The rule by which an attempt was answered.
    chosen: BTreeMap<(StepId, HostName, Part, u32), usize>,
    pub unanswered: BTreeSet<Unanswered>,
    /// The runner was killed, and nobody goes on.
    pub is_left: bool,
    /// What was sent to hosts, each once.
    pub sent: BTreeSet<String>,
}

impl Seen {
    /// Whether a command with this piece in it has been run, on this host or on any.
    fn has_run(&self, host: Option<&HostName>, piece: &str) -> bool {
        self.run.iter().any(|(at, command)| host.is_none_or(|host| host == at) && command.contains(piece))
    }

    /// This rule answers this attempt.
    pub fn uses(&mut self, number: usize, task: &Task) {
        *self.used.entry((number, task.host().clone())).or_default() += 1;
        self.chosen.insert(attempt(task), number);
    }
}

/// The last rule that fits a command, and its number.
pub(super) fn fitting<'r>(rules: &'r HostRules, seen: &Seen, host: &HostName, command: &str) -> Option<(usize, &'r Rule)> {
    let fits = |number: usize, hosts: &BTreeSet<HostName>, rule: &Rule| {
        hosts.contains(host)
            && rule.is.as_ref().is_none_or(|whole| whole == command)
            && rule.on.iter().all(|piece| command.contains(piece.as_str()))
            && rule.after.as_ref().is_none_or(|piece| seen.has_run(None, piece))
            && rule.after_here.as_ref().is_none_or(|piece| seen.has_run(Some(host), piece))
            && rule.facts.iter().all(|(name, value)| seen.facts.get(name).map_or("", String::as_str) == value)
            && rule.times.is_none_or(|times| seen.used.get(&(number, host.clone())).copied().unwrap_or(0) < times)
    };
    let found = rules.iter().enumerate().rev().find(|(number, (hosts, rule))| fits(*number, hosts, rule));
    found.map(|(number, (_, rule))| (number, rule))
}

impl Answers {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rule(&self, seen: &Seen, host: &HostName, command: &str) -> Option<(usize, &Rule)> {
        fitting(&self.rules, seen, host, command)
    }

    fn by_rule(&self, seen: &mut Seen, number: usize, task: &Task) -> Reply {
        let rule = &self.rules[number].1;
        seen.uses(number, task);
        let breaks = match rule.fault {
            Some(Fault::Before) => Some(Break::Before),
            Some(Fault::During) => Some(Break::During),
            Some(Fault::After) => Some(Break::Amnesia),
            Some(Fault::Full) => Some(Break::Full),
            Some(Fault::Stalls | Fault::Runner(_) | Fault::Reboots(_)) | None => None,
        };
        let takes = if rule.fault == Some(Fault::Stalls) { FOR_EVER } else { rule.takes };
        let system = match rule.fault {
            Some(Fault::Reboots(down)) => System::Restarts { down },
            Some(_) | None => System::Nothing,
        };
        if let Some(Fault::Runner(afterwards)) = rule.fault {
            // what it was about to learn it never learns, and the work is done all the same
            self.memory.kill();
            seen.is_left |= afterwards == Afterwards::Left;
            seen.facts.extend(rule.sets.clone());
            seen.run.push((task.host().clone(), text_of(task)));
        }
        let (stdout, stderr) = (rule.says.clone().into_bytes(), rule.complains.clone().into_bytes());
        Reply { code: rule.exits, stdout, stderr, takes, breaks, system, kept: None }
    }

    /// What no rule knows.
    fn unknown(&self, seen: &mut Seen, task: &Task, command: &str) -> Reply {
        if self.otherwise == Otherwise::AsExpected {
            return self.guess.reply(&self.memory, task);
        }
        seen.unanswered.insert(Unanswered { step: task.step.clone(), host: task.host().clone(), command: command.to_owned() });
        Reply { code: 127, stderr: b"no rule of the scenario knows this command\n".to_vec(), ..Reply::default() }
    }

    /// One artifact after another: it takes as long as all of them, and what breaks one breaks it.
    fn capture(&self, seen: &mut Seen, task: &Task) -> Reply {
        let (mut all, mut kept) = (Reply::default(), Vec::new());
        for artifact in &task.action.keeps {
            let (path, reply) = self.artifact(seen, task, artifact);
            all.takes = Period::from_millis(all.takes.as_millis().saturating_add(reply.takes.as_millis()));
            all.breaks = all.breaks.or(reply.breaks);
            kept.push(Kept { path, bytes: reply.stdout, code: reply.code });
        }
        Reply { kept: Some(kept), ..all }
    }

    /// The file that an artifact is, if it is one, and what reads or prints it.
    fn artifact(&self, seen: &mut Seen, task: &Task, artifact: &Artifact) -> (Option<String>, Reply) {
        let (text, path) = match &artifact.source {
            ArtifactSource::Command(command) => (String::from_utf8_lossy(command.as_slice()).into_owned(), None),
            ArtifactSource::File(path) | ArtifactSource::Files(path) => (path.to_string(), Some(path.to_string())),
        };
        let file = path.as_ref().and_then(|path| self.hosts.get(task.host())?.files.get(path));
        if let Some(text) = file {
            return (path, Reply { stdout: text.clone().into_bytes(), ..Reply::default() });
        }
        let reply = match self.rule(seen, task.host(), &text).map(|(number, _)| number) {
            Some(number) => self.by_rule(seen, number, task),
            None => self.unknown(seen, task, &text),
        };
        (path, reply)
    }

    fn special(&self, special: &Special, task: &Task) -> Reply {
        let said = |system| Reply { system, ..Reply::default() };
        match special {
            Special::Writes => Reply::default(),
            Special::SaysStart => said(System::SaysStart),
            Special::SeeksAnother => said(System::SeeksAnother),
            Special::Restarts => said(System::Restarts { down: RESTART }),
            Special::LooksAt(path) => {
                let file = self.hosts.get(task.host()).and_then(|host| host.files.get(path));
                let stdout = file.map_or("absent\n".to_owned(), |text| {
                    format!("file -rw-r--r-- 0:0 {} {}\n{text}", text.len(), Digest::of(text.as_bytes()))
                });
                Reply { stdout: stdout.into_bytes(), ..Reply::default() }
            }
        }
    }

    fn of_rules(&self, task: &Task) -> Reply {
        let command = text_of(task);
        let mut seen = self.seen();
        seen.sent.insert(command.clone());
        if task.part == Part::Main && !task.action.keeps.is_empty() {
            return self.capture(&mut seen, task);
        }
        if let Some((number, _)) = self.rule(&seen, task.host(), &command) {
            return self.by_rule(&mut seen, number, task);
        }
        match self.specials.get(task.step.base()).filter(|_| task.part == Part::Main) {
            Some(special) => self.special(special, task),
            None => {
                let is_writing = self.specials.get(task.step.base()) == Some(&Special::Writes);
                if is_writing { Reply::default() } else { self.unknown(&mut seen, task, &command) }
            }
        }
    }
}

impl Behaviour for Answers {
    fn reply(&self, task: &Task) -> Reply {
        let reply = self.of_rules(task);
        match &self.injected {
            Some(Injected { step, part, fault, .. }) if *step == task.step && *part == task.part => match fault {
                Injection::Fails => self.guess.wrong(&self.memory, task),
                Injection::Lost => Reply { breaks: Some(Break::During), ..reply },
            },
            Some(_) | None => reply,
        }
    }

    /// What the scenario says stands in the file, or a stand-in: no drill has a real secret.
    fn secret(&self, host: &HostName, path: &str) -> Option<Vec<u8>> {
        let file = self.hosts.get(host).and_then(|host| host.files.get(path)).map(|text| text.trim_end_matches('\n').as_bytes().to_vec());
        Some(file.unwrap_or_else(|| format!("stand-in-for-{path}").into_bytes()))
    }

    /// What has failed has changed nothing that others see, unless its rule says so; what was made to fail changes nothing at all.
    fn ended(&self, task: &Task, reply: &Reply) {
        let command = text_of(task);
        let mut seen = self.seen();
        let made_to_fail =
            |injected: &Injected| injected.fault == Injection::Fails && injected.step == task.step && injected.part == task.part;
        if self.injected.as_ref().is_some_and(made_to_fail) {
            return;
        }
        if let Some(number) = seen.chosen.get(&attempt(task)).copied() {
            seen.facts.extend(self.rules[number].1.sets.clone());
        }
        if reply.code == 0 {
            seen.run.push((task.host().clone(), command));
        }
    }
}

/// The command as a person would read it.
pub(super) fn text_of(task: &Task) -> String {
    String::from_utf8_lossy(task.command().script.as_slice()).into_owned()
}

fn attempt(task: &Task) -> (StepId, HostName, Part, u32) {
    (task.step.clone(), task.host().clone(), task.part, task.attempt)
}
