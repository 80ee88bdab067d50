//! Runs a command under its claim: sends it until the target says what became of it. Never sends what could start it twice.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::host::Host;
use super::order::{GRACE_TENTHS, Order, killed, seconds};
use super::pipe::NoShell;
use super::station::{Answer, Side, Station, nonce};
use super::transport::{OutputSink, StopLevel, StopSignal};
use super::{ending, feed};
use crate::base::SecretValue;
use crate::engine::Begin;
use crate::event::{NotStarted, Outcome};

/// How long a lost connection is sought again before the outcome is left unknown (the run may be resumed later).
const SEEK: Duration = Duration::from_secs(30);

/// The pause before seeking it again: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// The claim script says four times a second that it is at work; after a silence of this length its shell is given up.
const SILENCE: Duration = Duration::from_secs(60);

/// What is known of an attempt while it is followed.
struct Attempt<'a> {
    host: &'a Host,
    order: &'a Order,
    stop: StopSignal,
    /// Bytes of each stream that were given on.
    got: [u64; 2],
    /// The start of the system that the request was sent to, once any of it was sent.
    sent_to: Option<String>,
    /// How often it was sent: a refusal of a second sending says nothing of the first.
    sendings: u32,
    /// Since when there is no connection.
    lost: Option<Instant>,
}

/// One exchange's end.
enum Turn {
    Said(Outcome),
    Lost,
}

/// Carries out an order under its claim.
pub(super) async fn run(host: &Host, order: &Order, out: &mut dyn OutputSink, stop: StopSignal) -> Outcome {
    let mut attempt = Attempt { host, order, stop, got: [0, 0], sent_to: None, sendings: 0, lost: None };
    let mut pause = PAUSE.0;
    loop {
        let outcome = match host.station().await {
            Ok(station) => match attempt.turn(station, out).await {
                Turn::Said(outcome) => return outcome,
                Turn::Lost => None,
            },
            Err(error) => Some(error),
        };
        if let Some(outcome) = attempt.give_up(outcome) {
            return outcome;
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// What it means that there is no shell, where nothing was sent.
pub(super) fn not_started(error: &NoShell) -> Outcome {
    let cause = match error {
        NoShell::Unreached(_) => NotStarted::Unreachable,
        NoShell::Full { .. } | NoShell::Closed { .. } => NotStarted::Refused,
    };
    Outcome::NeverStarted { cause, why: error.to_string() }
}

impl Attempt<'_> {
    /// The outcome where seeking on makes no sense.
    fn give_up(&mut self, error: Option<NoShell>) -> Option<Outcome> {
        if self.sent_to.is_none() {
            return match (error, self.order.begin) {
                (Some(error), Begin::Start) => Some(not_started(&error)),
                (Some(error), Begin::Reattach) => Some(ending::unknown(format!("it was begun, and its host cannot be asked: {error}"))),
                (None, _) => None,
            };
        }
        let since = *self.lost.get_or_insert_with(Instant::now);
        let cause = error.map_or_else(|| "the connection is lost again and again".to_owned(), |error| error.to_string());
        (since.elapsed() > SEEK).then(|| {
            ending::unknown(format!(
                "the connection was lost, and {} s of reconnecting did not help: {cause}. Resume the run to ask the host again",
                SEEK.as_secs()
            ))
        })
    }

    /// One exchange over one station.
    async fn turn(&mut self, mut station: Station, out: &mut dyn OutputSink) -> Turn {
        if let Some(outcome) = self.wrong_place(&station) {
            return Turn::Said(outcome);
        }
        let stopped = *self.stop.borrow() >= StopLevel::Kill;
        if stopped && self.sent_to.is_none() && self.order.begin == Begin::Start {
            return Turn::Said(ending::refused("the run was stopped before anything was sent"));
        }
        if stopped && self.host.stop_over(&mut station, self.order).await.is_err() {
            return Turn::Lost;
        }
        let nonce = nonce();
        let request = self.request(&station, &nonce);
        self.sent_to.get_or_insert_with(|| station.boot.clone());
        self.sendings += 1;
        if station.send(&nonce, request.expose()).await.is_err() {
            return Turn::Lost;
        }
        let stop = (!stopped).then(|| self.stop.clone());
        self.follow_or_stop(station, &nonce, stop, out).await
    }

    /// Follows the answers; where the run is stopped meanwhile, ends the step over a second station.
    async fn follow_or_stop(&mut self, station: Station, nonce: &str, stop: Option<StopSignal>, out: &mut dyn OutputSink) -> Turn {
        let (host, order) = (self.host, self.order);
        let stopper = async move {
            killed(stop).await;
            host.stop(order).await
        };
        let follower = self.follow(station, nonce, out);
        tokio::pin!(stopper, follower);
        tokio::select! {
            turn = &mut follower => turn,
            slain = &mut stopper => match slain {
                Ok(left) if left.is_empty() => follower.await,
                Ok(left) => Turn::Said(ending::survivors(&left)),
                // Asked again over the next connection.
                Err(_) => Turn::Lost,
            },
        }
    }

    async fn follow(&mut self, mut station: Station, nonce: &str, out: &mut dyn OutputSink) -> Turn {
        loop {
            let Ok(Ok(answer)) = timeout(SILENCE, station.answer(nonce)).await else { return Turn::Lost };
            self.lost = None;
            match answer {
                Answer::Tick => {}
                Answer::Piece(side, length) => {
                    let got = &mut self.got[usize::from(side == Side::Err)];
                    if station.pass(side, length, out, got).await.is_err() {
                        return Turn::Lost;
                    }
                }
                Answer::Over(record) => {
                    let outcome = ending::record(&record);
                    if !matches!(outcome, Outcome::Unknown { .. }) {
                        self.host.give_back(station);
                    }
                    return Turn::Said(outcome);
                }
                Answer::Refused(why) => return Turn::Said(self.refused(why)),
                Answer::Gone(why) | Answer::Lost(why) => return Turn::Said(ending::unknown(why)),
                Answer::Slain(_) | Answer::Marked => return Turn::Lost,
            }
        }
    }

    /// A refusal says that this sending started nothing. What an earlier process sent may still have.
    fn refused(&self, why: String) -> Outcome {
        match self.order.begin {
            Begin::Start if self.sendings == 1 => ending::refused(why),
            Begin::Start | Begin::Reattach => ending::unknown(format!("it may have been begun before, and the host refuses to say: {why}")),
        }
    }

    fn wrong_place(&self, station: &Station) -> Option<Outcome> {
        let why = self.host.wrong_place(&station.place, &self.order.place)?;
        let certain = self.sent_to.is_none() && self.order.begin == Begin::Start;
        Some(if certain { ending::refused(why) } else { ending::unknown(why) })
    }

    /// The request, as claim.sh reads it: `start` where nothing can have been begun, or only by this very start of the system; otherwise
    /// `attach`, which begins only what the host's mark proves never begun.
    fn request(&self, station: &Station, nonce: &str) -> SecretValue {
        let Order { run, epoch, key, sends, shell, user, limit, script, .. } = self.order;
        let same_boot = self.sent_to.as_ref().is_none_or(|boot| *boot == station.boot);
        let mode = if self.order.begin == Begin::Start && same_boot { "start" } else { "attach" };
        let (length, limit, [out, err]) = (script.len(), seconds(*limit), self.got);
        let given = feed::framed(&self.order.secrets, nonce);
        let giving = if given.expose().is_empty() { "nothing" } else { "secrets" };
        let (host, spool) = (self.host.name(), self.host.spool());
        let head = format!(
            "start {run} {host} {epoch} {key} {length} {sends} {shell} {user} {limit} {GRACE_TENTHS} {out} {err} {mode} {giving}\n{spool}\n"
        );
        feed::joined(&[head.as_bytes(), given.expose(), script.as_slice()])
    }
}
