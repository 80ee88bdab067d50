//! What is under way: connections being made and attempts being run, each a future that ends in a fact. Never records.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc::UnboundedSender;

use super::hiding::Hiding;
use super::ports::{Capture, Captured, Fetched, SecretSource, SecretTrouble};
use super::vault::{Key, Needs, Vault};
use crate::base::{HostName, Period, Secrets, Timestamp};
use crate::effects::{BoxFuture, Clock, OutputSink, StopSignal, Transport, Unreached};
use crate::engine::{Begin, Permit, Task};
use crate::event::{NotStarted, Outcome, Place, Pulse};
use crate::plan::{SecretUse, secret_variable};

/// How much of a growing line a picture is told.
const PULSE_LENGTH: usize = 300;

/// Something that was under way has ended.
#[expect(clippy::large_enum_variant, reason = "one lives at a time, and is taken apart at once")]
pub enum Landed {
    Reached { host: HostName, outcome: Result<Place, Unreached> },
    Fetched { key: Key, outcome: Result<Fetched, SecretTrouble> },
    Ended { task: Box<Task>, outcome: Outcome, captured: Captured, took: Period },
}

/// All that is under way.
pub struct Flights<'a> {
    flights: FuturesUnordered<BoxFuture<'a, Landed>>,
    connecting: BTreeSet<HostName>,
    running: usize,
}

impl<'a> Flights<'a> {
    pub fn new() -> Self {
        Self { flights: FuturesUnordered::new(), connecting: BTreeSet::new(), running: 0 }
    }

    /// Attempts under way.
    pub fn running(&self) -> usize {
        self.running
    }

    /// Begins to reach a host, unless that is under way.
    pub fn connect(&mut self, transport: Arc<dyn Transport + 'a>, host: HostName) {
        if self.connecting.insert(host.clone()) {
            self.flights.push(Box::pin(async move {
                let outcome = transport.reach(&host).await;
                Landed::Reached { host, outcome }
            }));
        }
    }

    /// Begins to fetch a secret.
    pub fn fetch(&mut self, source: Arc<dyn SecretSource + 'a>, wanted: SecretUse<'a>) {
        self.flights.push(Box::pin(async move {
            let outcome = source.fetch(wanted).await;
            Landed::Fetched { key: (wanted.frame, wanted.secret.name.value.clone()), outcome }
        }));
    }

    /// Runs what is permitted.
    pub fn run(&mut self, flight: Flight<'a>) {
        self.running += 1;
        self.flights.push(Box::pin(flight.fly()));
    }

    /// The next that ends; never completes while nothing is under way.
    pub async fn next(&mut self) -> Landed {
        match self.flights.next().await {
            Some(landed) => self.noted(landed),
            None => std::future::pending().await,
        }
    }

    /// Another that has ended already.
    pub fn landed_already(&mut self) -> Option<Landed> {
        use futures_util::FutureExt;
        let next = self.flights.next().now_or_never().flatten();
        next.map(|landed| self.noted(landed))
    }

    fn noted(&mut self, landed: Landed) -> Landed {
        match &landed {
            Landed::Reached { host, .. } => {
                self.connecting.remove(host);
            }
            Landed::Fetched { .. } => {}
            Landed::Ended { .. } => self.running -= 1,
        }
        landed
    }
}

/// One attempt on its way.
pub struct Flight<'a> {
    pub transport: Arc<dyn Transport + 'a>,
    pub permit: Permit,
    pub capture: Box<dyn Capture>,
    pub clock: Arc<dyn Clock + 'a>,
    pub stop: StopSignal,
    pub pulses: UnboundedSender<Pulse>,
    pub needs: Needs,
    pub vault: Vault,
}

impl Flight<'_> {
    async fn fly(self) -> Landed {
        let Self { transport, permit, capture, clock, stop, pulses, needs, vault } = self;
        let given = given(transport.as_ref(), &permit, (needs, &vault), &stop).await;
        let task = permit.task().clone();
        let began: Timestamp = clock.now();
        // all output passes here, before it is hashed, stored or told
        let redactor = vault.redactor();
        let mut sink = Telling { capture, pulses, task: &task, line: Vec::new() };
        let hides = sink.capture.hides(&redactor);
        let mut sink = if hides { Hiding::of_errors(sink, &redactor) } else { Hiding::before(sink, &redactor) };
        let outcome = match given {
            Ok(secrets) => transport.run(permit.bearing(secrets), &mut sink, stop).await,
            Err(why) => without_secret(permit.begin(), why),
        };
        let took = clock.now().since(began);
        let captured = sink.end().capture.finish();
        Landed::Ended { task: Box::new(task), outcome, captured, took }
    }
}

/// What the script asks for: what lies on the host is read now, so that it is known when the step prints it.
async fn given(transport: &dyn Transport, permit: &Permit, (needs, vault): (Needs, &Vault), stop: &StopSignal) -> Result<Secrets, String> {
    let mut secrets = needs.at_hand;
    for (name, path) in &needs.on_host {
        let read = transport.read_secret(permit, path, stop.clone()).await;
        let value = read.map_err(|why| format!("the secret `{name}` cannot be read: {why}"))?;
        secrets.give(secret_variable(name), vault.hide(name, value)?);
    }
    Ok(secrets)
}

/// Nothing runs without what it needs; and what runs already is not listened to, since it could not be kept out of the record.
fn without_secret(begin: Begin, why: String) -> Outcome {
    match begin {
        Begin::Start => Outcome::NeverStarted { cause: NotStarted::Refused, why },
        Begin::Reattach => Outcome::Unknown { why: format!("it was begun, and its host was not asked: {why}") },
    }
}

/// Stores what arrives and tells the last line of it.
struct Telling<'a> {
    capture: Box<dyn Capture>,
    pulses: UnboundedSender<Pulse>,
    task: &'a Task,
    line: Vec<u8>,
}

impl Telling<'_> {
    fn tell(&mut self, bytes: &[u8]) {
        let tail = &bytes[bytes.len().saturating_sub(PULSE_LENGTH)..];
        let last = tail.trim_ascii_end().rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
        if last != self.line.as_slice() {
            self.line = last.to_vec();
            let pulse = Pulse::Printed { step: self.task.step.clone(), host: self.task.host().clone(), line: self.line.clone() };
            let _ = self.pulses.send(pulse); // nobody looks any more: progress may be lost
        }
    }
}

impl OutputSink for Telling<'_> {
    fn stdout(&mut self, bytes: &[u8]) {
        self.capture.stdout(bytes);
        match self.capture.progress() {
            Some(phrase) => self.tell(phrase.as_bytes()),
            None => self.tell(bytes),
        }
    }

    fn stderr(&mut self, bytes: &[u8]) {
        self.capture.stderr(bytes);
        self.tell(bytes);
    }
}
