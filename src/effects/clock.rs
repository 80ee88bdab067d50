//! The only clock. Never formats a time.

use std::time::{SystemTime, UNIX_EPOCH};

use super::BoxFuture;
use crate::base::Timestamp;

/// Tells the time and waits for it.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Completes at this time, or soon after; at once where it has passed.
    fn until(&self, at: Timestamp) -> BoxFuture<'static, ()>;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
        };
        Timestamp::from_micros(micros)
    }

    fn until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let left = at.since(self.now());
        Box::pin(tokio::time::sleep(left.as_std()))
    }
}
