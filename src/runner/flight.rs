//! What is under way: connections being made and attempts being run, each a future that ends in a fact. Never records.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc::UnboundedSender;

use super::ports::{Capture, Captured};
use crate::base::{HostName, Period, Timestamp};
use crate::effects::{BoxFuture, Clock, OutputSink, StopSignal, Transport, Unreached};
use crate::engine::{Permit, Task};
use crate::event::{Outcome, Place, Pulse};

/// How much of a growing line a picture is told.
const PULSE_LENGTH: usize = 300;

/// Something that was under way has ended.
#[expect(clippy::large_enum_variant, reason = "one lives at a time, and is taken apart at once")]
pub enum Landed {
    Reached { host: HostName, outcome: Result<Place, Unreached> },
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
}

impl Flight<'_> {
    async fn fly(self) -> Landed {
        let Self { transport, permit, capture, clock, stop, pulses } = self;
        let task = permit.task().clone();
        let began: Timestamp = clock.now();
        let mut sink = Telling { capture, pulses, task: &task, line: Vec::new() };
        let outcome = transport.run(permit, &mut sink, stop).await;
        let took = clock.now().since(began);
        let captured = sink.capture.finish();
        Landed::Ended { task: Box::new(task), outcome, captured, took }
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
        self.tell(bytes);
    }

    fn stderr(&mut self, bytes: &[u8]) {
        self.capture.stderr(bytes);
        self.tell(bytes);
    }
}
