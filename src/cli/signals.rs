//! Ctrl-C, SIGTERM and SIGHUP: once finishes what runs and stops, twice ends what runs on the hosts as well. Never ends the process itself.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch::Sender;

use crate::effects::StopLevel;

/// Raises the level with each signal, for as long as somebody listens.
pub async fn listen(stop: Sender<StopLevel>) {
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = signals else { return };
    loop {
        tokio::select! {
            () = next(&mut interrupt) => {}
            () = next(&mut terminate) => {}
            () = next(&mut hangup) => {}
        }
        let level = if *stop.borrow() == StopLevel::GoOn { StopLevel::Finish } else { StopLevel::Kill };
        if stop.send(level).is_err() {
            return;
        }
    }
}

async fn next(signal: &mut Signal) {
    if signal.recv().await.is_none() {
        std::future::pending().await
    }
}
