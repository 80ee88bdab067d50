//! Reads a whole journal with a verdict on its end. Never repairs and never stops at the first doubt without saying which line.

use crate::event::{Entry, Head};

use super::line::{LineFault, MAX_LINE, decode};

/// All that a journal's bytes say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// The lines that are right, from the first on without a gap.
    pub entries: Vec<Entry>,
    /// Bytes that these lines take, newlines included.
    pub good: usize,
    /// An end that was never acknowledged: a line without newline, or a last line whose sum is wrong.
    pub torn: Option<Torn>,
    /// The first thing that a crash cannot explain.
    pub damage: Option<Damage>,
}

/// A torn tail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// Line number from 1.
    pub line: u64,
    /// How many bytes it has.
    pub bytes: usize,
    pub why: String,
}

/// Something that only a hand or a broken disk makes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct Damage {
    /// Line number from 1.
    pub line: u64,
    pub fault: LineFault,
}

impl Reading {
    /// The newest point of the part that is right.
    pub fn head(&self) -> Head {
        self.entries.last().map_or(Head::START, Entry::head)
    }

    /// Whether this point lies on the chain.
    pub fn holds(&self, head: Head) -> bool {
        head == Head::START
            || usize::try_from(head.seq)
                .ok()
                .and_then(|seq| self.entries.get(seq.checked_sub(1)?))
                .is_some_and(|entry| entry.sum == head.sum)
    }
}

/// Reads a journal. `anchored` is the highest line number that a signed document or a memory of this run names, 0 where there is none:
/// a line that was named was once durable, so it cannot be torn.
pub fn read_bytes(bytes: &[u8], anchored: u64) -> Reading {
    let mut reading = Reading::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let number = reading.head().seq + 1;
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
            reading.end_at(number, rest, LineFault::NoSum { bytes: rest.len() }, anchored, "it has no newline");
            return reading;
        };
        let decoded = if end > MAX_LINE { Err(LineFault::NoSum { bytes: end }) } else { decode(&rest[..end], reading.head()) };
        match decoded {
            Ok(entry) => reading.entries.push(entry),
            Err(fault) if end + 1 == rest.len() && is_sum_fault(&fault) => {
                reading.end_at(number, rest, fault, anchored, "its sum is wrong");
                return reading;
            }
            Err(fault) => {
                reading.damage = Some(Damage { line: number, fault });
                return reading;
            }
        }
        reading.good += end + 1;
        rest = &rest[end + 1..];
    }
    reading
}

impl Reading {
    fn end_at(&mut self, line: u64, rest: &[u8], fault: LineFault, anchored: u64, why: &str) {
        if line <= anchored {
            self.damage = Some(Damage { line, fault });
        } else {
            self.torn = Some(Torn { line, bytes: rest.len(), why: why.to_owned() });
        }
    }
}

/// Whether a half-written line may look like this.
fn is_sum_fault(fault: &LineFault) -> bool {
    match fault {
        LineFault::NotAscii { .. } | LineFault::NoSum { .. } | LineFault::WrongSum { .. } => true,
        LineFault::NotUnderstood { .. } | LineFault::NotCanonical | LineFault::WrongSeq { .. } | LineFault::WrongPrev { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::event::Event;
    use crate::journal::encode;

    fn journal(lines: usize) -> Vec<Vec<u8>> {
        let mut head = Head::START;
        (0..lines)
            .map(|n| {
                let event = Event::NoteAdded { person: "alice@example.com".parse().unwrap(), text: format!("note {n}") };
                let (mut line, entry) = encode(head, Timestamp::from_micros(0), event).unwrap();
                head = entry.head();
                line.push(b'\n');
                line
            })
            .collect()
    }

    #[test]
    fn a_line_without_its_newline_is_torn_unless_an_anchor_names_it() {
        let bytes = journal(3).concat();
        let cut = &bytes[..bytes.len() - 1];
        let reading = read_bytes(cut, 2);
        assert_eq!((reading.entries.len(), reading.torn.map(|torn| torn.line), reading.damage), (2, Some(3), None));
        assert_eq!(read_bytes(cut, 3).damage.map(|damage| damage.line), Some(3));
    }

    #[test]
    fn a_wrong_line_with_another_after_it_is_damage() {
        let mut lines = journal(3);
        lines[1][40] ^= 1;
        assert_eq!(read_bytes(&lines.concat(), 0).damage.map(|damage| damage.line), Some(2));
    }

    #[test]
    fn a_last_line_with_a_wrong_sum_is_torn() {
        let mut lines = journal(3);
        lines[2][40] ^= 1;
        let reading = read_bytes(&lines.concat(), 0);
        assert_eq!((reading.damage, reading.torn.map(|torn| torn.line)), (None, Some(3)));
    }

    #[test]
    fn a_last_line_from_elsewhere_is_damage_not_torn() {
        let lines = journal(3);
        let reading = read_bytes(&[lines[0].clone(), lines[2].clone()].concat(), 0);
        assert!(matches!(reading.damage, Some(Damage { line: 2, fault: LineFault::WrongSeq { expected: 2, got: 3 } })));
    }
}
