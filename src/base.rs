//! Values that everything else is made of: ids, digests, times, bytes that may be no text. Never does I/O.

mod bytes;
mod digest;
mod forms;
mod ids;
mod printable;
mod quorum;
mod redact;
mod secret;
mod time;

pub use bytes::Bytes;
pub use digest::{Digest, Digester, ParseDigestError};
pub use ids::{GateNo, HostName, ParseIdError, Person, RunId, StepId};
pub use printable::{ascii, escaped, from_ascii, is_plain, printable};
pub use quorum::{could_be_filled, filled, filled_slots, with_substitutes};
pub use redact::{Redacting, Redactor, RedactorError, mark};
pub use secret::{Secret, SecretValue, Secrets};
pub use time::{ParsePeriodError, Period, Timestamp};
