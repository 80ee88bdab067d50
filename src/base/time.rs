//! Points in time and lengths of time as values. Never asks a clock: see `effects::clock`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, in UTC, to the microsecond: `2026-11-22T03:14:07.123456Z`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// From microseconds since 1970-01-01T00:00:00Z; what lies outside of the years -9999 to 9999 is cut to them.
    pub fn from_micros(micros: i64) -> Self {
        let nearest = if micros < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        Self(jiff::Timestamp::from_microsecond(micros).unwrap_or(nearest))
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub fn as_micros(self) -> i64 {
        self.0.as_microsecond()
    }

    /// This much later.
    pub fn after(self, period: Period) -> Self {
        let micros = i64::try_from(period.as_millis().saturating_mul(1000)).unwrap_or(i64::MAX);
        Self::from_micros(self.as_micros().saturating_add(micros))
    }

    /// How long it was from `earlier` to this; zero where `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Period {
        let micros = self.as_micros().saturating_sub(earlier.as_micros());
        Period::from_millis(u64::try_from(micros / 1000).unwrap_or(0))
    }

    /// To the second, as documents show it: `2026-11-22T03:14:07Z`.
    pub fn to_seconds(self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// The time of day in UTC: `03:14:07`.
    pub fn time_of_day(self) -> String {
        self.0.strftime("%H:%M:%S").to_string()
    }

    /// Rounded down to whole seconds, so that what a document shows is what is compared.
    pub fn whole_seconds(self) -> Self {
        Self::from_micros(self.as_micros().div_euclid(1_000_000) * 1_000_000)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%S.%6fZ"))
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::from_micros(text.parse::<jiff::Timestamp>()?.as_microsecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A length of time in whole milliseconds, never negative. Written `90s`, `1h 30m`, `250ms`; in JSON a number of milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Period(u64);

/// The text is no length of time with a unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a duration with its unit, such as 90s, 10m or 1h30m, got {got:?}")]
pub struct ParsePeriodError {
    got: String,
}

impl Period {
    /// From milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// From seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1000)
    }

    /// In milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// As the standard library's type.
    pub const fn as_std(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl From<Duration> for Period {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

impl FromStr for Period {
    type Err = ParsePeriodError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParsePeriodError { got: text.chars().take(80).collect() };
        let friendly = text.trim_start().starts_with(|c: char| c.is_ascii_digit());
        let duration: SignedDuration = text.parse().map_err(|_| refused())?;
        let millis = u64::try_from(duration.as_millis()).map_err(|_| refused())?;
        if friendly { Ok(Self(millis)) } else { Err(refused()) }
    }
}

/// As short as it can be said exactly: `2m`, `1h30m`, `1.25s`, `0s`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, minutes, millis) = (self.0 / 3_600_000, self.0 / 60_000 % 60, self.0 % 60_000);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        match (millis, hours + minutes) {
            (0, 1..) => Ok(()),
            (millis, _) if millis % 1000 == 0 => write!(f, "{}s", millis / 1000),
            (millis, 0) if millis < 1000 => write!(f, "{millis}ms"),
            (millis, _) => write!(f, "{}s", format!("{}.{:03}", millis / 1000, millis % 1000).trim_end_matches('0')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_needs_a_unit_and_is_said_shortest() {
        for (text, said) in [("90s", "1m30s"), ("2m", "2m"), ("1h 30m", "1h30m"), ("250ms", "250ms"), ("1.25s", "1.25s"), ("0s", "0s")] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), said);
        }
        for text in ["5", "", "-5s", "PT5S", "soon", "5 parsecs"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_timestamp_keeps_microseconds() {
        let text = "2026-11-22T03:14:07.123456Z";
        assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        assert_eq!(text.parse::<Timestamp>().unwrap().to_seconds(), "2026-11-22T03:14:07Z");
    }
}
