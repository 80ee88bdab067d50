//! Turns what a target's shell says about an end into an `Outcome`. Never guesses: what it cannot read is unknown.

use crate::base::escaped;
use crate::event::{NotStarted, Outcome, Signaller};

/// The names of the signals that end a process, by number, as Linux numbers them on all common machines.
const SIGNALS: [(i32, &str); 20] = [
    (1, "HUP"),
    (2, "INT"),
    (3, "QUIT"),
    (4, "ILL"),
    (5, "TRAP"),
    (6, "ABRT"),
    (7, "BUS"),
    (8, "FPE"),
    (9, "KILL"),
    (10, "USR1"),
    (11, "SEGV"),
    (12, "USR2"),
    (13, "PIPE"),
    (14, "ALRM"),
    (15, "TERM"),
    (16, "STKFLT"),
    (24, "XCPU"),
    (25, "XFSZ"),
    (26, "VTALRM"),
    (31, "SYS"),
];

/// Nothing ran, as the target itself says.
pub(super) fn refused(why: impl Into<String>) -> Outcome {
    Outcome::NeverStarted { cause: NotStarted::Refused, why: why.into() }
}

/// Nobody can say.
pub(super) fn unknown(why: impl Into<String>) -> Outcome {
    Outcome::Unknown { why: why.into() }
}

/// A shell's exit status above 128, as a signal's name.
pub(super) fn signal_name(code: i32) -> String {
    let number = code - 128;
    SIGNALS.iter().find(|(known, _)| *known == number).map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

/// An ending that is `exited CODE` or `signalled CODE`, where nobody of ours sent a signal.
pub(super) fn plain(how: &str, code: i32) -> Outcome {
    if how == "signalled" { Outcome::Signalled { signal: signal_name(code), by: Signaller::Host } } else { Outcome::Exited { code } }
}

/// Reads an end record: `exited CODE WHO SIGNAL …`, `signalled CODE WHO SIGNAL …`, `left WHO PIDS…` or `never WHY…`.
pub(super) fn record(line: &str) -> Outcome {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        [how @ ("exited" | "signalled"), code, who, signal, ..] => match (code.parse(), *who) {
            (Ok(_), "timeout") => Outcome::Signalled { signal: (*signal).to_owned(), by: Signaller::Timeout },
            (Ok(_), "stop") => Outcome::Signalled { signal: (*signal).to_owned(), by: Signaller::Stop },
            (Ok(code), _) => plain(how, code),
            (Err(_), _) => unreadable(line),
        },
        ["left", _, pids @ ..] => survivors(&pids[..pids.len().saturating_sub(2)].join(" ")),
        ["never", why @ ..] => refused(why[..why.len().saturating_sub(2)].join(" ")),
        _ => unreadable(line),
    }
}

/// After TERM and KILL these processes are still there.
pub(super) fn survivors(pids: &str) -> Outcome {
    unknown(format!("it was sent TERM and KILL, and processes of it live on the host: {}", escaped(pids.as_bytes())))
}

fn unreadable(line: &str) -> Outcome {
    unknown(format!("its end record cannot be read: expected an exit status or a signal, got \"{}\"", escaped(line.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_record_says_who_sent_the_signal() {
        let by = |line| match record(line) {
            Outcome::Signalled { signal, by } => (signal, by),
            other => panic!("{other:?}"),
        };
        assert_eq!(by("signalled 137 - - 12.5 boot"), ("KILL".to_owned(), Signaller::Host));
        assert_eq!(by("signalled 137 timeout KILL 12.5 boot"), ("KILL".to_owned(), Signaller::Timeout));
        assert_eq!(by("exited 0 stop TERM 12.5 boot"), ("TERM".to_owned(), Signaller::Stop));
        assert_eq!(record("exited 137 - - 12.5 boot"), Outcome::Exited { code: 137 });
    }

    #[test]
    fn an_end_record_that_cannot_be_read_is_unknown() {
        for line in ["", "exited", "exited x - - 1 b", "left timeout 7 12.5 boot"] {
            assert!(matches!(record(line), Outcome::Unknown { .. }), "{line}");
        }
    }
}
