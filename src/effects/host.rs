//! One host: its road, the shells that stand ready there, and what is asked of them. Never holds more than a few shells.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::order::{GRACE_TENTHS, Order};
use super::pipe::{NoShell, Pipe, Road};
use super::station::{Answer, Station, nonce};
use super::transport::{OutputSink, StopSignal, Target, Unreached};
use super::{claim, direct, ending, feed};
use crate::base::{HostName, RunId, SecretValue};
use crate::event::{Mode, Outcome, Place};

/// Shells of each kind that stand ready on a host: sshd's default is ten sessions a connection, and a host's steps are rarely concurrent.
const IDLE: usize = 2;

/// How long we wait for a session on a connection that is full; others' steps end meanwhile.
const FULL: Duration = Duration::from_secs(10);

/// The pause between two tries to get one.
const FULL_PAUSE: Duration = Duration::from_millis(100);

/// How long ending a session may take: the grace, the search for survivors, and a slow host.
const SLAY: Duration = Duration::from_secs(GRACE_TENTHS as u64 / 10 + 30);

/// Marking is a courtesy to a later resume: a host that is slower than this is left unmarked, and a person is asked then.
const MARK: Duration = Duration::from_secs(15);

/// A host of the inventory.
pub(super) struct Host {
    target: Target,
    road: Box<dyn Road>,
    idle: Mutex<Vec<Station>>,
    /// Shells that have read the script for steps without a claim.
    plain: Mutex<Vec<Pipe>>,
    /// The run that may claim here.
    claims: Option<RunId>,
    /// Whether the host was asked to bear the run's mark, or anything was sent to it: from then on it is not marked.
    touched: AtomicBool,
}

/// Whether a shell has read what it must know before a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prepared {
    Yes,
    No,
}

impl Host {
    pub fn new(target: Target, road: Box<dyn Road>, claims: Option<RunId>) -> Self {
        Self { target, road, idle: Mutex::default(), plain: Mutex::default(), claims, touched: AtomicBool::new(false) }
    }

    pub fn name(&self) -> &HostName {
        &self.target.name
    }

    /// Connects, says where it leads, and marks the host for a run that may claim there.
    pub async fn reach(&self) -> Result<Place, Unreached> {
        let place = self.road.reach().await?;
        if let Some(run) = &self.claims
            && self.spool_is_sayable()
            && !self.touched.load(Ordering::SeqCst)
        {
            // A host that cannot be marked is reached all the same: what starts there is told why it cannot.
            let _ = timeout(MARK, self.mark(run)).await;
        }
        Ok(place)
    }

    async fn mark(&self, run: &RunId) -> Result<(), NoShell> {
        let mut station = self.station().await?;
        let (nonce, request) = (nonce(), format!("mark {run} {}\n{}\n", self.target.name, self.spool()));
        self.touched.store(true, Ordering::SeqCst);
        if station.send(&nonce, request.as_bytes()).await.is_ok() && matches!(station.answer(&nonce).await, Ok(Answer::Marked)) {
            self.give_back(station);
        }
        Ok(())
    }

    pub fn road(&self) -> &dyn Road {
        self.road.as_ref()
    }

    /// The folder for claims as the claim script reads it: empty for its default.
    pub fn spool(&self) -> &str {
        self.target.spool.as_deref().unwrap_or("")
    }

    fn spool_is_sayable(&self) -> bool {
        !self.spool().contains('\n') && (self.spool().is_empty() || self.spool().starts_with('/'))
    }

    /// Carries out an order.
    pub async fn run(&self, order: &Order, out: &mut dyn OutputSink, stop: StopSignal) -> Outcome {
        if !self.spool_is_sayable() {
            return ending::refused(format!("expected a spool that is an absolute path, got {:?}", self.spool()));
        }
        self.touched.store(true, Ordering::SeqCst);
        match order.mode {
            Mode::Claim => claim::run(self, order, out, stop).await,
            Mode::Direct => direct::run(self, order, out, stop).await,
        }
    }

    /// What the order prints, kept in memory alone.
    pub async fn read_secret(&self, order: &Order, stop: StopSignal) -> Result<SecretValue, String> {
        let mut read = feed::Read::default();
        let outcome = direct::run(self, order, &mut read, stop).await;
        read.value(&outcome).map_err(|why| format!("{}: {why}", self.target.name))
    }

    /// A shell of its own; waits a while where the connection is full, and gives up those that stand idle.
    pub async fn shell(&self) -> Result<Pipe, NoShell> {
        let begun = Instant::now();
        loop {
            match self.road.shell().await {
                Err(NoShell::Full { .. }) if begun.elapsed() < FULL => {
                    self.let_go();
                    sleep(FULL_PAUSE).await;
                }
                other => return other,
            }
        }
    }

    /// A shell for a step without a claim; whether it has read the script for these.
    pub async fn plain(&self) -> Result<(Pipe, Prepared), NoShell> {
        let ready = self.plain.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match ready {
            Some(pipe) if self.road.lives().await => Ok((pipe, Prepared::Yes)),
            Some(_) | None => Ok((self.shell().await?, Prepared::No)),
        }
    }

    /// Keeps such a shell, of whose last step nothing is left.
    pub fn give_back_plain(&self, pipe: Pipe) {
        let mut plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        if plain.len() < IDLE {
            plain.push(pipe);
        }
    }

    /// A shell that has read the claim script.
    pub async fn station(&self) -> Result<Station, NoShell> {
        let ready = self.idle().pop();
        match ready {
            Some(station) if self.road.lives().await => Ok(station),
            Some(_) | None => self.hello(self.shell().await?).await,
        }
    }

    /// Keeps a shell for the next request. It must have answered the last one.
    pub fn give_back(&self, station: Station) {
        let mut idle = self.idle();
        if idle.len() < IDLE {
            idle.push(station);
        }
    }

    /// Ends the step of an order over a second shell: the processes that live on after KILL, or nothing.
    pub async fn stop(&self, order: &Order) -> Result<String, NoShell> {
        let mut station = self.second().await?;
        self.stop_over(&mut station, order).await
    }

    /// The same over this shell.
    pub async fn stop_over(&self, station: &mut Station, order: &Order) -> Result<String, NoShell> {
        let request = format!("stop {} {} {GRACE_TENTHS}\n{}\n", order.run, order.key, self.spool());
        self.slain(station, &request).await
    }

    /// Ends a session that runs without a claim: the processes that live on after KILL, or nothing.
    pub async fn slay(&self, session: &str, user: &str) -> Result<String, NoShell> {
        let mut station = self.second().await?;
        self.slain(&mut station, &format!("slay {session} {user} {GRACE_TENTHS}\n")).await
    }

    /// A shell besides the one that is at work; over a connection of its own where the host takes no second session (`MaxSessions 1`).
    async fn second(&self) -> Result<Station, NoShell> {
        let pipe = match self.road.shell().await {
            Err(NoShell::Full { .. }) => self.road.shell_apart().await?,
            other => other?,
        };
        self.hello(pipe).await
    }

    /// Tells the host that an attempt's output is durable here. Costs no wait: it is read before the next request, over the same shell.
    pub async fn forget(&self, run: &RunId, key: &str) {
        let Some(mut station) = self.idle().pop() else { return };
        let request = format!("forget {run} {key}\n{}\n", self.spool());
        if station.send(&nonce(), request.as_bytes()).await.is_ok() {
            self.give_back(station);
        }
    }

    /// Gives up all shells and the connection. What a shell was told to forget is forgotten then: output that may show what ours hides.
    pub async fn close(&self) {
        let idle = std::mem::take(&mut *self.idle());
        futures_util::future::join_all(idle.into_iter().map(Station::end)).await;
        self.let_go();
        self.road.close().await;
    }

    /// Why a place is not the one that was approved; `None` where it is.
    pub fn wrong_place(&self, got: &Place, expected: &Place) -> Option<String> {
        (got != expected).then(|| {
            let name = &self.target.name;
            format!(
                "{name} is no longer what was approved: expected {} with key {}, got {} with key {}. Find out why before going on",
                expected.login, expected.key, got.login, got.key
            )
        })
    }

    async fn hello(&self, pipe: Pipe) -> Result<Station, NoShell> {
        Station::open(pipe, self.target.name.as_str()).await
    }

    async fn slain(&self, station: &mut Station, request: &str) -> Result<String, NoShell> {
        let nonce = nonce();
        let asked = async {
            station.send(&nonce, request.as_bytes()).await?;
            station.answer(&nonce).await
        };
        let got = match timeout(SLAY, asked).await {
            Ok(Ok(Answer::Slain(left))) => return Ok(left),
            // No trace of the run: nothing of it lives.
            Ok(Ok(Answer::Lost(_))) => return Ok(String::new()),
            Ok(Ok(answer)) => format!("{answer:?}"),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("nothing within {} s", SLAY.as_secs()),
        };
        Err(NoShell::Closed { host: self.target.name.to_string(), got })
    }

    fn let_go(&self) {
        self.idle().clear();
        self.plain.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Station>> {
        // A thread that panicked between two pushes left the list whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
