//! Proof by possession: `Ready` comes only from a decision, `Permit` only from a durable record of it, and only a `Permit` runs anything.

use crate::base::{GateNo, HostName, RunId, Secrets, StepId};
use crate::event::{Action, AppendError, AppendLog, Command, Entry, Event, Mode, Part};

/// One attempt of one action, as a transport needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    pub run: RunId,
    /// Rises with each resume and take-over; a target that has seen a newer one refuses.
    pub epoch: u32,
    pub step: StepId,
    pub part: Part,
    /// From 1, over all rounds of the step on this host.
    pub attempt: u32,
    pub action: Action,
    pub gate: Option<GateNo>,
}

/// Whether an attempt is begun or asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Start it.
    Start,
    /// It was begun before: attach to it, and start it only where the target proves that it never did.
    Reattach,
}

/// The engine's decision that an attempt may begin. It runs nothing: it must be recorded first.
#[derive(Debug, Clone, PartialEq)]
pub struct Ready {
    task: Task,
    begin: Begin,
}

/// The right to run one attempt, once: it was decided and it is on record. Made by nothing but [`Permit::obtain`].
#[derive(Debug)]
pub struct Permit {
    task: Task,
    begin: Begin,
    secrets: Secrets,
}

impl Task {
    /// The command of the attempt's part.
    pub fn command(&self) -> &Command {
        self.action.part(self.part).unwrap_or(&self.action.command)
    }

    /// How it is sent: a look changes nothing and goes the direct way.
    pub fn mode(&self) -> Mode {
        match self.part {
            Part::Look => Mode::Direct,
            Part::Main | Part::Undo => self.action.mode,
        }
    }

    /// The host that it is for.
    pub fn host(&self) -> &HostName {
        &self.action.host
    }
}

impl Ready {
    pub(in crate::engine) fn new(task: Task, begin: Begin) -> Self {
        Self { task, begin }
    }

    /// A decision that no engine made, for the transports' own tests.
    #[cfg(test)]
    pub(crate) fn for_conformance_test(task: Task, begin: Begin) -> Self {
        Self::new(task, begin)
    }

    /// What would be run.
    pub fn task(&self) -> &Task {
        &self.task
    }

    fn intent(&self) -> Event {
        let Task { step, part, attempt, action, gate, .. } = &self.task;
        let (step, host) = (step.clone(), action.host.clone());
        match self.begin {
            Begin::Reattach => Event::ActionReattached { step, host, part: *part, attempt: *attempt },
            Begin::Start => Event::ActionStarted {
                step,
                host,
                part: *part,
                attempt: *attempt,
                action: action.digest,
                sends: self.task.command().sends(),
                gate: *gate,
            },
        }
    }
}

impl Permit {
    /// Records the intent of each decision with one sync and gives the right to carry it out, in the same order.
    ///
    /// # Errors
    /// Where the record refuses or fails, nobody gets a permit.
    pub fn obtain(decisions: Vec<Ready>, log: &mut dyn AppendLog) -> Result<Vec<(Permit, Entry)>, AppendError> {
        let entries = log.append_all(decisions.iter().map(Ready::intent).collect())?;
        let permits = decisions.into_iter().map(|Ready { task, begin }| Permit { task, begin, secrets: Secrets::default() });
        Ok(permits.zip(entries).collect())
    }

    /// The same with what the script asks for by name. That is no part of what is decided or recorded: the script names it.
    pub fn bearing(self, secrets: Secrets) -> Self {
        Self { secrets, ..self }
    }

    /// What the script is given.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// What may be run.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Whether it is begun or asked about.
    pub fn begin(&self) -> Begin {
        self.begin
    }
}
